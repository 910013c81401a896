//! `guestexec zstack exec`: a command in VMs.

use std::{
    collections::HashMap,
    pin::pin,
    time::{Duration, Instant},
};

use clap::Args;
use guestexec::zstack::{self, Captured, Client, JobId};
use tokio::{
    select,
    sync::mpsc::{Receiver, Sender, channel},
    time::timeout,
};

use super::{
    choose::{Choice, Chosen},
    ends::{is_own_session, log_out, of_error, resume, write},
};
use crate::{
    connect::zstack::Settings,
    ending::{Ended, Exit, WhyNot},
    failure::Failure,
    global::Global,
    interrupt::{Wish, wish},
    report::{Encoding, LAST_WRITE, Outcome, Report},
    say,
    signals::{Signal, Signals},
    time::Time,
};

/// The shortest limit that the service takes.
const SHORTEST: Duration = Duration::from_secs(10);

const EXAMPLES: &str = "\
Examples:
  guestexec zstack exec fc022ba201c135d8809c5e02bf6bf156 -- uname -a
  guestexec zstack exec --name 'web-%' --running -- 'systemctl restart nginx'
  guestexec zstack exec --running --concurrency 20 --timeout 5m -- 'apt-get -y upgrade'
  guestexec zstack exec --detach fc022ba201c135d8809c5e02bf6bf156 -- 'sleep 60'   # then: guestexec zstack result JOB

The id of a job, which --detach prints, grants access to the result: treat it as a password. The service cannot cancel
a command: Ctrl-C ends the wait, and says how to see the result.";

/// What to run, and where.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    how: How,
    /// The command; several words are joined by spaces, for the shell of the VM
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// How to run it.
#[derive(Args, Debug)]
#[command(next_help_heading = "Run")]
struct How {
    /// How long the command may run in a VM, up to 24h; the service ends none before 10s [default: 5m]
    #[arg(long, value_name = "TIME")]
    timeout: Option<Time>,
    /// In how many VMs it runs at once
    #[arg(long, value_name = "COUNT", default_value = "8", value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,
    /// Start the command, print the id of its job, and do not wait
    #[arg(long)]
    detach: bool,
    /// The encoding of the output, such as gbk for a Chinese Windows
    #[arg(long, value_name = "NAME")]
    encoding: Option<Encoding>,
}

/// Runs the command.
pub(crate) async fn run(
    settings: Settings,
    arguments: Arguments,
    global: &Global,
) -> Result<Exit, Failure> {
    let Arguments { choice, how, command } = arguments;
    let settings = settings.resolved()?;
    let secrets = [&settings.secret_from, &settings.token_from];
    if choice.takes_stdin() && secrets.into_iter().flatten().any(|place| place.takes_stdin()) {
        return Err(Failure::new("several options read standard input")
            .advise("Let one of them do so, and give the others a file."));
    }
    let named = choice.named()?;
    let is_own = is_own_session(&settings);
    let client = settings.client().await?;
    let mut report = Report::new("zstack", choice.count(), global).decode(how.encoding);
    named.tell(&mut report).await?;
    let vms = choice.find(&client, named, &mut report).await?;
    let mut each = EachVm {
        client: &client,
        command: command.join(" "),
        how: &how,
        report,
        jobs: HashMap::new(),
        last: String::new(),
    };
    let stopped = each.run(&vms).await;
    if stopped.as_ref().is_err_and(Failure::is_closed_pipe) {
        each.unread(&vms);
    }
    let mut report = each.report;
    log_out(&client, is_own, &mut report).await;
    let stopped = stopped?;
    let exit = report.finish().await?;
    Ok(stopped.unwrap_or(exit))
}

/// A command in each of some VMs.
struct EachVm<'a> {
    client: &'a Client,
    command: String,
    how: &'a How,
    report: Report,
    /// The VMs in which the command has begun, with its jobs.
    jobs: HashMap<String, JobId>,
    /// The VM in which the command has ended last, whose output may not be written yet.
    last: String,
}

/// What came of the command in a VM.
enum Came {
    Ended(Box<Captured>, Duration),
    Started(JobId),
    /// Its time was over before the service's own limit.
    Late,
    Failed(Box<zstack::Error>),
}

impl EachVm<'_> {
    /// Runs the command in all of them. A signal that ends the wait gives the exit code.
    async fn run(&mut self, vms: &[Chosen]) -> Result<Option<Exit>, Failure> {
        let mut signals = Signals::listen()?;
        let uuids: Vec<String> = vms.iter().map(|vm| vm.uuid.clone()).collect();
        self.report.expect(&uuids);
        let windows: HashMap<&str, bool> = vms.iter().map(|vm| (&*vm.uuid, vm.windows)).collect();
        // One for each VM, so that none has to wait.
        let (begun, mut begins) = channel(uuids.len().max(1));
        let (client, command, how) = (self.client, &*self.command.clone(), self.how);
        let each = client.each_vm(&uuids, |vm| {
            let is_windows = windows.get(vm.uuid()).copied().unwrap_or_default();
            let vm = if is_windows { vm.windows() } else { vm };
            one(vm, command, how, begun.clone())
        });
        let mut results = pin!(each.concurrency(how.concurrency.into()));
        let mut heard: Option<Signal> = None;
        loop {
            if let Some(signal) = heard.take() {
                let open = self.report.without_end(&uuids).len();
                let open = if open == 1 { "1 VM".to_owned() } else { format!("{open} VMs") };
                let question = format!(
                    "Not ended: {open}. The service cannot cancel a command. Stop waiting? y: yes, n: go on"
                );
                match wish(signal, &mut signals, &mut self.report, &question).await {
                    Wish::GoOn => {}
                    Wish::End | Wish::Leave => {
                        self.report.hurry();
                        self.note_begins(&mut begins).await?;
                        self.stopped(signal, &uuids).await?;
                        return Ok(Some(signal.exit()));
                    }
                }
            }
            let (vm, came) = select! {
                biased;
                signal = signals.next() => {
                    heard = Some(signal);
                    continue;
                }
                Some((vm, job)) = begins.recv() => {
                    self.begins(&vm, job).await?;
                    continue;
                }
                result = results.next() => match result {
                    Some(result) => result,
                    None => return Ok(None),
                },
            };
            self.note_begins(&mut begins).await?;
            let mut writing = pin!(self.came(&vm, came));
            select! {
                written = &mut writing => written?,
                // Whoever reads the output may have stopped to.
                signal = signals.next() => {
                    heard = Some(signal);
                    timeout(LAST_WRITE, writing).await.unwrap_or(Ok(()))?;
                }
            }
        }
    }

    /// Takes note of the commands that have begun.
    async fn note_begins(&mut self, begins: &mut Receiver<(String, JobId)>) -> Result<(), Failure> {
        while let Ok((vm, job)) = begins.try_recv() {
            self.begins(&vm, job).await?;
        }
        Ok(())
    }

    async fn begins(&mut self, vm: &str, job: JobId) -> Result<(), Failure> {
        self.jobs.insert(vm.to_owned(), job);
        if !self.how.detach {
            self.report.started(vm, None).await?;
            self.report.state(vm, "RUNNING").await?;
        }
        Ok(())
    }

    /// Writes what came of the command in a VM.
    async fn came(&mut self, vm: &str, came: Came) -> Result<(), Failure> {
        vm.clone_into(&mut self.last);
        let outcome = match came {
            Came::Started(job) => {
                return self.report.detached(Some(vm), job.expose()).await;
            }
            Came::Ended(captured, took) => {
                let outcome = write(&mut self.report, vm, &captured).await?;
                Outcome { took: Some(took), ..outcome }
            }
            Came::Failed(error) => of_error(&error).into(),
            Came::Late => {
                let failure = Failure::new("the command has not ended in its time");
                let advice = match self.jobs.get(vm) {
                    Some(job) => format!(
                        "The service ends it after {} s, its shortest limit: see `{}`.",
                        SHORTEST.as_secs(),
                        resume(job)
                    ),
                    None => "Give it more time with --timeout.".to_owned(),
                };
                failure.advise(advice).with_end(Ended::TimedOut).into()
            }
        };
        self.report.ended(vm, outcome).await
    }

    /// Says what goes on although nobody reads the output any more.
    fn unread(&self, vms: &[Chosen]) {
        self.report.pause();
        let uuids: Vec<String> = vms.iter().map(|vm| vm.uuid.clone()).collect();
        for vm in self.report.without_end(&uuids) {
            if let Some(job) = self.jobs.get(&vm).filter(|_| vm != self.last) {
                say::warn(&format!(
                    "{vm}: nobody reads the output any more, and the command goes on\n  See its result with `{}`.",
                    resume(job)
                ));
            }
        }
    }

    /// Says what goes on, and what was not begun.
    async fn stopped(&mut self, signal: Signal, vms: &[String]) -> Result<(), Failure> {
        let name = signal.as_str();
        let mut unbegun = Vec::new();
        for vm in self.report.without_end(vms) {
            let Some(job) = self.jobs.get(&vm) else {
                unbegun.push(vm);
                continue;
            };
            let failure = Failure::new(format!("{name} came before its end was seen"))
                .advise(format!("It goes on in the VM. See its result with `{}`.", resume(job)))
                .with_end(Ended::Unknown);
            self.report.ended(&vm, failure.into()).await?;
        }
        if !unbegun.is_empty() {
            let failure = Failure::new(format!("{name} came before the command was started"))
                .advise("Run it there again if it is still wanted.")
                .with_end(Ended::NotStarted(WhyNot::Failed));
            self.report.all_ended(&unbegun, failure.into()).await?;
        }
        Ok(())
    }
}

/// Runs the command in a VM, under a job whose id is known before anything is sent.
async fn one(vm: zstack::Vm<'_>, command: &str, how: &How, begun: Sender<(String, JobId)>) -> Came {
    let failed = |error| Came::Failed(Box::new(error));
    let job = match JobId::random() {
        Ok(job) => job,
        Err(error) => return failed(error),
    };
    // There is room, and the other end is there as long as anybody waits for this.
    let _ = begun.try_send((vm.uuid().to_owned(), job.clone()));
    let mut run = vm.run(command).job(job);
    let time = how.timeout.map(|time| time.0);
    if let Some(time) = time {
        run = run.timeout(time.max(SHORTEST));
    }
    if how.detach {
        return match run.start().await {
            Ok(job) => Came::Started(job),
            Err(error) => failed(error),
        };
    }
    let begin = Instant::now();
    let ended = match time {
        Some(time) if time < SHORTEST => match timeout(time, run.into_future()).await {
            Ok(ended) => ended,
            Err(_) => return Came::Late,
        },
        _ => run.await,
    };
    match ended {
        Ok(captured) => Came::Ended(Box::new(captured), begin.elapsed()),
        Err(error) => failed(error),
    }
}
