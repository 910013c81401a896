//! `guestexec tat cancel`: ends runs.

use clap::Args;
use guestexec::tat::{InstanceResult, Outcome};
use serde_json::{Value, json};

use super::ends::{check_invocations, of_error};
use crate::{
    connect::tat::Settings, ending::Exit, failure::Failure, global::Global, listing::Listing, say,
};

const EXAMPLES: &str = "\
Example:
  guestexec tat cancel inv-1a2b3c4d

It says of each instance how the run has ended there. The exit code is 1 where it may go on.";

/// Which runs.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The ids of runs: inv-…
    #[arg(value_name = "INVOCATION", required = true)]
    invocations: Vec<String>,
}

/// Cancels them, and says what was cancelled and what had ended already.
pub(crate) async fn run(
    settings: Settings,
    arguments: Arguments,
    global: &Global,
) -> Result<Exit, Failure> {
    check_invocations(&arguments.invocations)?;
    let client = settings.client().await?;
    let mut list = Listing::new(["INVOCATION", "INSTANCE", "RESULT"]);
    let mut goes_on = false;
    for id in &arguments.invocations {
        let running = client.invocation(id).await.map_err(|error| of_error(&error))?;
        let cancelled = running.cancel().await.map_err(|error| of_error(&error))?;
        for (refused, error) in cancelled.refused() {
            goes_on = true;
            say::warn(&format!("{refused} was not cancelled: {}", of_error(error)));
        }
        for result in cancelled.results() {
            let (text, open) = became(result);
            goes_on |= open;
            list.add([json!(id), json!(result.instance_id()), Value::String(text)]);
        }
    }
    let exit = list.write(global).await?;
    Ok(if goes_on { Exit(1) } else { exit })
}

/// What became of the run on an instance, and whether it may go on there.
fn became(result: &InstanceResult) -> (String, bool) {
    match result.outcome() {
        Outcome::Cancelled => ("cancelled before it started".to_owned(), false),
        Outcome::Terminated => ("cancelled while it ran".to_owned(), false),
        Outcome::Unknown => ("may go on: its end was not seen".to_owned(), true),
        outcome => (format!("had ended already: {outcome}"), false),
    }
}
