//! `guestexec zstack result`: waits for the end of a command that was started before, and writes its output.

use std::{io::BufRead as _, pin::pin, time::Duration};

use clap::Args;
use guestexec::zstack::JobId;
use tokio::select;

use super::ends::{is_own_session, log_out, of_error, resume, write};
use crate::{
    connect::zstack::Settings,
    ending::{Ended, Exit},
    failure::Failure,
    global::Global,
    report::{Encoding, Outcome, Report, Targets},
    signals::Signals,
    time::Time,
};

/// What stands for the VM, which a job does not name. The job's own id grants access to the result.
const TARGET: &str = "job";
/// How long the service may take to answer where nobody wants to wait for the command.
const ANSWER: Duration = Duration::from_secs(3);

const EXAMPLES: &str = "\
Examples:
  guestexec zstack result 0123456789abcdef0123456789abcdef
  guestexec zstack exec --detach VM -- 'sleep 60' > job; guestexec zstack result - < job

Output and exit code are those of `guestexec zstack exec`. A node keeps results for three hours as installed. The id of
a job grants access to its result: others on this machine may see it on the command line, but not where - reads it.";

/// Which command.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The id that `exec --detach` has printed; - reads it from standard input
    #[arg(value_name = "JOB")]
    job: String,
    /// Write the result if it is there, and do not wait
    #[arg(long)]
    no_wait: bool,
    /// Wait no longer than this [default: 330s]
    #[arg(long, value_name = "TIME", conflicts_with = "no_wait")]
    wait: Option<Time>,
    /// The encoding of the output, such as gbk for a Chinese Windows
    #[arg(long, value_name = "NAME")]
    encoding: Option<Encoding>,
}

/// Writes the result.
pub(crate) async fn run(
    settings: Settings,
    arguments: Arguments,
    global: &Global,
) -> Result<Exit, Failure> {
    let text = match &*arguments.job {
        "-" => {
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line)?;
            line.trim().to_owned()
        }
        given => given.to_owned(),
    };
    let job = JobId::parse(&text).map_err(|_| {
        Failure::new("the id of a job has 32 hexadecimal digits, and this one has not")
            .advise("Give what `guestexec zstack exec --detach` has printed.")
    })?;
    let settings = settings.resolved()?;
    let is_own = is_own_session(&settings);
    let client = settings.client().await?;
    let mut report = Report::new("zstack", Targets::One, global).decode(arguments.encoding);
    let mut signals = Signals::listen()?;
    let mut waiting = client.job(&job);
    if let Some(time) = arguments.wait {
        waiting = waiting.wait_at_most(time.0);
    }
    if arguments.no_wait {
        waiting = waiting.wait_at_most(ANSWER);
    }
    let mut waiting = pin!(waiting.into_future());
    let (outcome, stopped) = select! {
        result = &mut waiting => match result {
            Ok(captured) => (write(&mut report, TARGET, &captured).await?, None),
            Err(error) => (Outcome::from(of_error(&error)), None),
        },
        signal = signals.next() => {
            let failure = Failure::new(format!("{} came before its end was seen", signal.as_str()))
                .advise(format!("It goes on in the VM. See its result with `{}`.", resume(&job)))
                .with_end(Ended::Unknown);
            (failure.into(), Some(signal.exit()))
        }
    };
    report.ended(TARGET, outcome).await?;
    log_out(&client, is_own, &mut report).await;
    let exit = report.finish().await?;
    Ok(stopped.unwrap_or(exit))
}
