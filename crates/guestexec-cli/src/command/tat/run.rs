//! `guestexec tat run`: a script on instances.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
    pin::pin,
};

use clap::{Args, ValueEnum};
use guestexec::{
    Secret,
    tat::{self, Client, Event, Run, Running, Unconfirmed, enums::CommandType},
};
use tokio::select;

use super::{
    choose::Choice,
    ends::of_error,
    follow::{Following, tell_skipped},
};
use crate::{
    connect::tat::Settings,
    ending::Exit,
    failure::Failure,
    global::Global,
    report::{Encoding, Report, few},
    secret_from::SecretFrom,
    signals::{Signal, Signals},
    time::Time,
};

/// More than the longest script.
const LONGEST: u64 = 1024 * 1024;

const EXAMPLES: &str = "\
Examples:
  guestexec tat run ins-1a2b3c4d -- uname -a
  guestexec tat run ins-1a2b3c4d ins-5e6f7a8b --file upgrade.sh --timeout 10m
  guestexec tat run --online --skip-offline -- 'df -h /'
  guestexec tat run --targets-from web.txt --param version=1.2 -- 'deploy {{version}}'
  guestexec tat run ins-1a2b3c4d --type powershell --encoding gbk -- Get-HotFix
  guestexec tat run --detach ins-1a2b3c4d -- 'sleep 600'   # then: guestexec tat output inv-…

Standard error is among the output, as the service merges both. Ctrl-C cancels the run.";

/// What to run, and where.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    script: Script,
    #[command(flatten)]
    how: How,
}

/// What to run.
#[derive(Args, Debug)]
#[command(next_help_heading = "Script")]
struct Script {
    /// Run the script in this file; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "script")]
    file: Option<PathBuf>,
    /// The script; several words are joined by spaces
    #[arg(
        last = true,
        required_unless_present = "file",
        value_name = "SCRIPT",
        help_heading = "Script"
    )]
    script: Vec<String>,
    /// What runs the script
    #[arg(long = "type", value_enum, value_name = "TYPE", default_value_t)]
    kind: Kind,
    /// Replace {{KEY}} in the script by a value, without quotes around it
    #[arg(long = "param", value_name = "KEY=VALUE")]
    parameters: Vec<Parameter>,
    /// Replace {{tat-hidden:KEY}} by a secret that no record shows, from prompt, stdin, file:PATH, env:NAME or command:LINE
    #[arg(long = "hidden-param", value_name = "KEY=PLACE")]
    hidden: Vec<Hidden>,
}

/// How to run it.
#[derive(Args, Debug)]
#[command(next_help_heading = "Run")]
struct How {
    /// The user that runs the script [default: root, on Windows System]
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// The directory that the script starts in [default: /root, on Windows the agent's]
    #[arg(long, value_name = "DIR")]
    cwd: Option<String>,
    /// How long the script may run on an instance, from 1s to 24h [default: 60s]
    #[arg(long, value_name = "TIME")]
    timeout: Option<Time>,
    /// Start the script, print the id of the run, and do not wait
    #[arg(long)]
    detach: bool,
    /// Have the whole output put into this bucket of COS, such as `https://logs-1250000000.cos.ap-guangzhou.myqcloud.com`
    #[arg(long, value_name = "URL")]
    output_bucket: Option<String>,
    /// Write the whole output, also beyond the 24 KiB that the service keeps
    #[arg(long, requires = "output_bucket", conflicts_with = "detach")]
    full_output: bool,
    /// The encoding of the output, such as gbk for a Chinese Windows
    #[arg(long, value_name = "NAME")]
    encoding: Option<Encoding>,
}

/// What runs a script.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Kind {
    /// The shell of Linux
    #[default]
    Shell,
    /// PowerShell, on Windows
    Powershell,
    /// The command interpreter of Windows
    Bat,
}

impl From<Kind> for CommandType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Shell => Self::Shell,
            Kind::Powershell => Self::Powershell,
            Kind::Bat => Self::Bat,
        }
    }
}

/// A key and its value.
#[derive(Clone, Debug)]
struct Parameter(String, String);

impl std::str::FromStr for Parameter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Self(key.to_owned(), value.to_owned())),
            _ => Err("a parameter is written as in version=1.2"),
        }
    }
}

/// A key and the place of its value.
#[derive(Clone, Debug)]
struct Hidden(String, SecretFrom);

impl std::str::FromStr for Hidden {
    type Err = &'static str;

    // A message of clap's has what was given, which may be a secret: what is wrong is told later.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, place) = text.split_once('=').unwrap_or_default();
        Ok(Self(key.to_owned(), place.into()))
    }
}

/// Runs the script.
pub(crate) async fn run(
    settings: Settings,
    arguments: Arguments,
    global: &Global,
) -> Result<Exit, Failure> {
    let Arguments { choice, script, how } = arguments;
    let settings = settings.resolved()?;
    one_reader_of_stdin(&settings, &choice, &script)?;
    for Hidden(key, place) in &script.hidden {
        let key = if key.is_empty() { "KEY=PLACE" } else { key };
        place.check(&format!("--hidden-param {key}"))?;
    }
    let named = choice.named()?;
    let text = script.text()?;
    let client = settings.client().await?;
    let hidden = script.secrets().await?;
    let mut report = Report::new("tat", choice.count(), global).decode(how.encoding);
    named.tell(&mut report).await?;
    let ids = choice.find(&client, &named).await?;
    let mut run = client.instances(&ids).run(text).command_type(script.kind.into());
    for Parameter(key, value) in script.parameters {
        run = run.parameter(key, value);
    }
    for (key, secret) in hidden {
        run = run.hidden_parameter(key, secret);
    }
    if let Some(user) = how.user {
        run = run.username(user);
    }
    if let Some(directory) = how.cwd {
        run = run.working_directory(directory);
    }
    if let Some(time) = how.timeout {
        run = run.timeout(time.0);
    }
    if let Some(bucket) = how.output_bucket {
        run = run.output_to_cos(bucket);
    }
    if choice.skip_offline {
        run = run.skip_unreachable();
    }
    let mut signals = Signals::listen()?;
    let (running, heard) = match start(&client, &mut report, run, &mut signals).await? {
        Start::Running(running, heard) => (*running, heard),
        Start::Given(exit) => return Ok(exit),
    };
    if how.detach && heard.is_none() {
        return detach(running, report).await;
    }
    let mut following = Following::new(&client, report, how.full_output, true);
    let stopped = following.follow(running, &mut signals, heard).await?;
    let mut report = following.report;
    if choice.skip_offline {
        tell_skipped(&mut report, &ids).await?;
    }
    let exit = report.finish().await?;
    Ok(stopped.unwrap_or(exit))
}

/// Refuses to read several things from standard input.
fn one_reader_of_stdin(
    settings: &Settings,
    choice: &Choice,
    script: &Script,
) -> Result<(), Failure> {
    let secrets = [&settings.secret_from, &settings.token_from].into_iter().flatten();
    let secrets = secrets.chain(script.hidden.iter().map(|Hidden(_, place)| place));
    let readers = secrets.filter(|place| place.takes_stdin()).count()
        + usize::from(choice.takes_stdin())
        + usize::from(script.file.as_deref() == Some(Path::new("-")));
    match readers {
        0 | 1 => Ok(()),
        _ => Err(Failure::new("several options read standard input")
            .advise("Let one of them do so, and give the others a file.")),
    }
}

impl Script {
    /// The script itself.
    fn text(&self) -> Result<Vec<u8>, Failure> {
        let Some(path) = &self.file else { return Ok(self.script.join(" ").into_bytes()) };
        let mut text = Vec::new();
        let (name, read) = if path == Path::new("-") {
            ("standard input".to_owned(), io::stdin().lock().take(LONGEST).read_to_end(&mut text))
        } else {
            let file = std::fs::File::open(path);
            let read = file.and_then(|file| file.take(LONGEST).read_to_end(&mut text));
            (path.display().to_string(), read)
        };
        read.map_err(|error| {
            Failure::new(format!("the script in {name} cannot be read: {error}"))
                .advise("Give --file a file that you may read, or - for standard input.")
        })?;
        if text.iter().all(u8::is_ascii_whitespace) {
            return Err(Failure::new(format!("the script in {name} is empty"))
                .advise("Give --file the script."));
        }
        Ok(text)
    }

    async fn secrets(&self) -> Result<Vec<(String, Secret)>, Failure> {
        let mut secrets = Vec::new();
        for Hidden(key, place) in &self.hidden {
            secrets.push((key.clone(), place.read(&format!("--hidden-param {key}")).await?));
        }
        Ok(secrets)
    }
}

/// What came of the start.
enum Start {
    /// It runs. A signal may have come meanwhile.
    Running(Box<Running>, Option<Signal>),
    /// A second signal did not let the answer come.
    Given(Exit),
}

/// Starts the script. A start without an answer is searched for, and followed if it is found.
async fn start(
    client: &Client,
    report: &mut Report,
    run: Run<'_>,
    signals: &mut Signals,
) -> Result<Start, Failure> {
    let mut starting = pin!(run.start());
    let (started, heard) = select! {
        started = &mut starting => (started, None),
        // What is under way has to be known before it can be cancelled.
        signal = signals.next() => select! {
            started = starting => (started, Some(signal)),
            _ = signals.next() => {
                report.warn(
                    "the script may have been started\n  See with `guestexec tat status`, and end it with `guestexec tat cancel`.",
                )
                .await?;
                return Ok(Start::Given(signal.exit()));
            }
        },
    };
    let error = match started {
        Ok(running) => return Ok(Start::Running(Box::new(running), heard)),
        Err(error) => error,
    };
    match Unconfirmed::of(&error) {
        Some(unconfirmed) => {
            let running = find(client, report, unconfirmed, &error).await?;
            Ok(Start::Running(Box::new(running), heard))
        }
        None => Err(of_error(&error)),
    }
}

/// Looks for what was started by calls without an answer. It only reads.
async fn find(
    client: &Client,
    report: &mut Report,
    unconfirmed: &Unconfirmed,
    error: &tat::Error,
) -> Result<Running, Failure> {
    let found = client.find_unconfirmed(unconfirmed).await.unwrap_or_default();
    let certain: Vec<_> = found.iter().filter(|found| found.certain).collect();
    match certain[..] {
        [only] if unconfirmed.calls().len() == 1 => {
            let id = &only.invocation_id;
            report.note(&format!("the answer to the start was lost; it runs as {id}")).await?;
            client.invocation(id).await.map_err(|error| of_error(&error))
        }
        _ if found.is_empty() => Err(of_error(error)),
        _ => {
            let ids = few(found
                .iter()
                .map(|found| found.invocation_id.clone())
                .collect::<Vec<_>>()
                .into_iter());
            Err(of_error(error).advise(format!(
                "It may have been started as {ids}: see with `guestexec tat status`, before you run it again."
            )))
        }
    }
}

/// Prints the ids of the run, and says where it was not started.
async fn detach(running: Running, mut report: Report) -> Result<Exit, Failure> {
    let ids: Vec<String> = running.invocations().map(str::to_owned).collect();
    for id in &ids {
        report.detached(None, id).await?;
    }
    let targets: Vec<String> = running.instances().map(str::to_owned).collect();
    report.expect(&targets);
    let mut events = running.events();
    loop {
        // Only the refusals of the start are there at once.
        select! {
            biased;
            event = events.next() => match event {
                Some(Event::Failed(failure)) => {
                    report.all_ended(&failure.instances, of_error(&failure.error).into()).await?;
                }
                Some(_) => {}
                None => break,
            },
            () = std::future::ready(()) => break,
        }
    }
    report.finish().await
}
