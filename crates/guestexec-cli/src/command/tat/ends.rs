//! How scripts end on instances, in this program's words, and what to do about failures.

use guestexec::{
    ErrorKind, Operation,
    tat::{
        self, InstanceResult, Outcome as TatOutcome, Unconfirmed, Unfinished,
        enums::ErrorCode,
        operations::{DESCRIBE_INVOCATION_TASKS, DESCRIBE_INVOCATIONS, RUN_COMMAND},
    },
};

use crate::{
    ending::{Ended, WhyNot},
    failure::Failure,
    report::{Outcome, few},
};

/// What became of the script on an instance.
pub(super) fn outcome(result: &InstanceResult) -> Outcome {
    let ended = match result.outcome() {
        TatOutcome::Exited(_) => result.exit_status().map_or(Ended::Unknown, Ended::from),
        TatOutcome::Killed | TatOutcome::Terminated => Ended::Signaled(None),
        TatOutcome::TimedOut => Ended::TimedOut,
        TatOutcome::NotStarted
        | TatOutcome::NotDelivered
        | TatOutcome::Cancelled
        | TatOutcome::Refused => Ended::NotStarted(WhyNot::Failed),
        _ => Ended::Unknown,
    };
    let took = match (result.started_at(), result.ended_at()) {
        (Some(start), Some(end)) => end.duration_since(start).ok(),
        _ => None,
    };
    let failure = explained(result).map(|failure| failure.with_end(ended));
    Outcome { failure, missing: result.dropped(), rest: rest(result), took, ..ended.into() }
}

/// Why the script has no end of its own, if so.
fn explained(result: &InstanceResult) -> Option<Failure> {
    if let Some(failure) = result.failure() {
        return Some(of_error(&failure.error));
    }
    let advice = match result.outcome() {
        TatOutcome::Exited(_) | TatOutcome::Killed => return None,
        TatOutcome::TimedOut => "Give it more time with --timeout.",
        TatOutcome::AgentSilent => "See on the instance what became of it, and of the agent.",
        TatOutcome::NotDelivered => "See with `guestexec tat agents` whether the agent is online.",
        TatOutcome::NotStarted => "Check --user, --cwd and --type.",
        _ => "Run it again if it is still wanted.",
    };
    let reason = result.error_info().map(|reason| format!(": {reason}")).unwrap_or_default();
    let what = format!("the script {}{}", result.outcome(), reason.replace(char::is_control, " "));
    Some(Failure::new(what).advise(advice))
}

/// Where all of an output is.
fn rest(result: &InstanceResult) -> Option<String> {
    if result.dropped() == 0 {
        return None;
    }
    Some(match (result.output_url(), result.upload_error(), result.invocation_id()) {
        (Some(url), _, Some(id)) => {
            format!("All of it is at {url}: `guestexec tat output --full-output {id}` fetches it.")
        }
        (Some(url), ..) => format!("All of it is at {url}."),
        (None, Some(reason), _) => {
            format!("Its upload failed: {}", reason.replace(char::is_control, " "))
        }
        (None, None, _) => {
            "The service keeps no more. Give the run --output-bucket and --full-output next time."
                .to_owned()
        }
    })
}

/// The failure of a call, with what to do on a command line.
pub(super) fn of_error(error: &tat::Error) -> Failure {
    let failure = Failure::from(error.clone());
    if let Some(unfinished) = Unfinished::of(error) {
        // The wait is over, not the time of the script.
        return failure.advise(resume(unfinished.invocations())).with_end(Ended::Unknown);
    }
    if let Some(unconfirmed) = Unconfirmed::of(error) {
        let instances = unconfirmed.calls().iter().flat_map(|call| call.instances());
        let instances = few(instances.cloned().collect::<Vec<_>>().into_iter());
        return failure.advise(format!(
            "See with `guestexec tat status` whether it was started on {instances}, before you run it again."
        ));
    }
    let is_of = |operation: &Operation| error.operation() == Some(operation.id);
    let is_offline = error.detail() == Some(&ErrorCode::ResourceUnavailableAgentStatusNotOnline);
    if is_of(&RUN_COMMAND) && error.kind() == ErrorKind::NotFound {
        return failure
            .advise("Check the ids and --region: `guestexec tat agents` lists the instances.");
    }
    if is_of(&RUN_COMMAND) && is_offline {
        return failure
            .advise("Start the agent there, or leave such instances out with --skip-offline.");
    }
    let asks = is_of(&DESCRIBE_INVOCATIONS) || is_of(&DESCRIBE_INVOCATION_TASKS);
    if asks && error.kind() == ErrorKind::NotFound {
        return failure
            .advise("Check the id and --region: `guestexec tat status` lists the newest.");
    }
    failure
}

/// How to come back to invocations.
pub(super) fn resume(invocations: &[String]) -> String {
    format!("Resume it with `guestexec tat output {}`.", invocations.join(" "))
}

/// Checks the ids of invocations before anything is sent.
pub(super) fn check_invocations(ids: &[String]) -> Result<(), Failure> {
    match ids.iter().find(|id| !is_id(id, &["inv-"])) {
        None => Ok(()),
        Some(id) => Err(Failure::new(format!("{id:?} is no id of a run: those begin with inv-"))
            .advise("`guestexec tat status` lists the newest runs.")),
    }
}

/// Checks the ids of instances before anything is sent.
pub(super) fn check_instances(ids: &[String]) -> Result<(), Failure> {
    match ids.iter().find(|id| !is_id(id, &["ins-", "lhins-", "rins-"])) {
        None => Ok(()),
        Some(id) => Err(Failure::new(format!(
            "{id:?} is no id of an instance: those begin with ins-, lhins- or rins-"
        ))
        .advise("`guestexec tat agents` lists the instances.")),
    }
}

fn is_id(id: &str, beginnings: &[&str]) -> bool {
    let rest = beginnings.iter().find_map(|beginning| id.strip_prefix(beginning));
    let is_plain = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    rest.is_some_and(|rest| !rest.is_empty() && is_plain(rest))
}
