//! `guestexec tat output`: waits for the end of a run that was started before, and writes its output.

use std::time::Duration;

use clap::Args;

use super::{
    ends::{check_invocations, of_error},
    follow::Following,
};
use crate::{
    connect::tat::Settings,
    ending::Exit,
    failure::Failure,
    global::Global,
    report::{Encoding, Report, Targets},
    signals::Signals,
    time::Time,
};

const EXAMPLES: &str = "\
Examples:
  guestexec tat output inv-1a2b3c4d
  guestexec tat output --no-wait inv-1a2b3c4d     # what is there now
  guestexec tat output --full-output inv-1a2b3c4d # if the run has an --output-bucket

Output and exit code are those of `guestexec tat run`. Ctrl-C ends the wait, and the run goes on.";

/// Which run.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The ids that `run --detach` has printed: inv-…
    #[arg(value_name = "INVOCATION", required = true)]
    invocations: Vec<String>,
    /// Write what is there now, and do not wait for the rest
    #[arg(long)]
    no_wait: bool,
    /// Wait no longer than this [default: the script's timeout, and a minute]
    #[arg(long, value_name = "TIME", conflicts_with = "no_wait")]
    wait: Option<Time>,
    /// Write the whole output, also beyond the 24 KiB that the service keeps
    #[arg(long)]
    full_output: bool,
    /// The encoding of the output, such as gbk for a Chinese Windows
    #[arg(long, value_name = "NAME")]
    encoding: Option<Encoding>,
}

/// Writes the output.
pub(crate) async fn run(
    settings: Settings,
    arguments: Arguments,
    global: &Global,
) -> Result<Exit, Failure> {
    let Arguments { mut invocations, no_wait, wait, full_output, encoding } = arguments;
    check_invocations(&invocations)?;
    let mut known = std::collections::HashSet::new();
    invocations.retain(|id| known.insert(id.clone()));
    let client = settings.client().await?;
    let mut signals = Signals::listen()?;
    let mut runs = Vec::new();
    let mut count = 0;
    for id in &invocations {
        let running = client.invocation(id).await.map_err(|error| of_error(&error))?;
        let running = match (no_wait, wait) {
            (true, _) => running.wait_at_most(Duration::ZERO),
            (false, Some(time)) => running.wait_at_most(time.0),
            (false, None) => running,
        };
        count += running.instances().count();
        runs.push(running);
    }
    let targets = if count == 1 { Targets::One } else { Targets::Many };
    let report = Report::new("tat", targets, global).decode(encoding);
    let mut following = Following::new(&client, report, full_output, false);
    for running in runs {
        if let Some(exit) = following.follow(running, &mut signals, None).await? {
            following.report.finish().await?;
            return Ok(exit);
        }
    }
    following.report.finish().await
}
