//! Decides which instances go into which call.

use std::collections::HashMap;

use guestexec_core::{ErrorKind, Violation};

use super::command::Command;
use crate::{
    Client, Error,
    types::{InvokeCommandRequest, RunCommandRequest},
};

/// Most instances of a call, be it of a script or of a saved command.
const BATCH: usize = {
    let run = *RunCommandRequest::INSTANCE_IDS_ITEMS.end();
    let invoke = *InvokeCommandRequest::INSTANCE_IDS_ITEMS.end();
    if run < invoke { run } else { invoke }
};

/// The kind of machine: CVM, Lighthouse, or registered with TAT. One call may not mix them.
fn kind(id: &str) -> usize {
    match id {
        _ if id.starts_with("lhins-") => 1,
        _ if id.starts_with("rins-") => 2,
        _ => 0,
    }
}

/// Returns the calls that start a command on all of `ids`, each as positions in that list.
///
/// # Errors
/// [`ErrorKind::InvalidRequest`], before anything is sent, if any of the calls would be refused.
pub(super) fn calls(
    client: &Client,
    command: &Command,
    ids: &[String],
) -> Result<Vec<Vec<usize>>, Error> {
    let refuse = |message: String| {
        Error::new(ErrorKind::InvalidRequest, message).during(command.operation().id)
    };
    command.check()?;
    // Even without checks: the same instance in another call would run the command twice.
    let mut seen = HashMap::with_capacity(ids.len());
    for (position, id) in ids.iter().enumerate() {
        if let Some(earlier) = seen.insert(id.as_str(), position) {
            let problem = format!("repeats item {earlier}, but each instance may be given once");
            let violation = Violation::new(format!("InstanceIds[{position}]"), problem);
            return Err(refuse(violation.to_string()));
        }
    }
    drop(seen);
    let mut kinds: [Vec<usize>; 3] = Default::default();
    for (position, id) in ids.iter().enumerate() {
        kinds[kind(id)].push(position);
    }
    let mut calls: Vec<Vec<usize>> =
        kinds.iter().flat_map(|of_kind| of_kind.chunks(BATCH)).map(<[usize]>::to_vec).collect();
    if calls.is_empty() {
        // It is refused by the check, or without checks by the service.
        calls.push(Vec::new());
    }
    if client.inner.checks {
        for (index, call) in calls.iter().enumerate() {
            let of_call = call.iter().map(|p| ids[*p].clone()).collect();
            let checked = command.request(of_call, index == 0, None).check();
            checked.map_err(|violation| refuse(in_whole_list(&violation, call)))?;
        }
    }
    Ok(calls)
}

/// Tells a violation in a call's list of instances by the position in the caller's list.
fn in_whole_list(violation: &Violation, call: &[usize]) -> String {
    let text = violation.to_string();
    let index = violation.field().strip_prefix("InstanceIds[").and_then(|f| f.strip_suffix(']'));
    let position = index.and_then(|index| call.get(index.parse::<usize>().ok()?));
    match (index, position) {
        (Some(index), Some(position)) => {
            text.replacen(&format!("[{index}]"), &format!("[{position}]"), 1)
        }
        _ => text,
    }
}
