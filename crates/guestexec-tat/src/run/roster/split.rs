//! A call refused because of some of its instances: the others are tried without them.
//!
//! Such a refusal names one instance at most, and proves that the command started on none. So the
//! service is asked which agents can take the command, and what that does not explain is tried by
//! halves.

use std::collections::HashMap;

use guestexec_core::ErrorKind;

use super::{Roster, Saving};
use crate::{
    Error,
    enums::{AgentEnvironment, AgentStatus, ErrorCode},
    error::advice,
    run::running::Event,
};

/// Calls for so few instances are halved without asking for their agents.
const FEW: usize = 2;
/// After so many instances refused one by one, and none accepted, the rest is not tried: the region is
/// another, say.
const HOPELESS: usize = 16;

/// The limits of an agent, by instance.
pub(in crate::run) type Agents = HashMap<String, (Option<AgentStatus>, Option<AgentEnvironment>)>;

/// Whether a call was refused because of some of its instances, which proves that it started nothing.
pub(in crate::run) fn blames_instances(error: &Error) -> bool {
    let code = error.code().unwrap_or_default();
    let blames =
        ["ResourceUnavailable.Agent", "ResourceUnavailable.Instance", "ResourceNotFound.Instance"];
    !error.may_have_run()
        && (blames.iter().any(|beginning| code.starts_with(beginning))
            || matches!(
                error.detail(),
                Some(
                    ErrorCode::InvalidParameterValueInvalidInstanceId
                        | ErrorCode::InvalidParameterValueAgentUnsupportedCommandType
                )
            ))
}

impl Roster {
    /// A call was refused because of some of its instances. Where their agents may tell which, returns
    /// the refusal and the instances to ask for; [`Self::sort`] or [`Self::halve`] comes next.
    pub(in crate::run) fn refused(
        &mut self,
        index: usize,
        error: Error,
    ) -> Option<(Error, Vec<String>)> {
        self.saved(index, Saving::Unmade);
        let call = &self.calls[index];
        match call.slots.len() {
            0 | 1 => self.refuse_alone(index, error),
            few if few <= FEW || call.split => self.halve(index),
            _ => return Some((error, self.ids(index))),
        }
        None
    }

    /// Sorts a refused call's instances by their agents' states. The command is for `environment`.
    pub(in crate::run) fn sort(
        &mut self,
        index: usize,
        refusal: &Error,
        agents: &Agents,
        environment: Option<&AgentEnvironment>,
    ) {
        let [mut able, mut unlisted, mut offline, mut unfit] = [const { Vec::new() }; 4];
        for slot in &self.calls[index].slots {
            let group = match agents.get(&self.slots[*slot].id) {
                None => &mut unlisted,
                Some((Some(AgentStatus::Offline), _)) => &mut offline,
                Some((_, Some(is))) if environment.is_some_and(|for_| differ(for_, is)) => {
                    &mut unfit
                }
                Some(_) => &mut able,
            };
            group.push(*slot);
        }
        let all = self.calls[index].slots.len();
        if able.len() == all || unlisted.len() == all {
            return self.halve(index);
        }
        self.try_without(index, [unlisted, able]);
        let refused = [
            (
                offline,
                ErrorCode::ResourceUnavailableAgentStatusNotOnline,
                "the service tells that the agent is offline",
            ),
            (
                unfit,
                ErrorCode::InvalidParameterValueAgentUnsupportedCommandType,
                "the service tells that the instance runs a system for which the script is not",
            ),
        ];
        for (slots, code, message) in refused {
            if !slots.is_empty() {
                let call = self.add_call(slots, true);
                self.refuse(call, as_refused(refusal, code, message));
            }
        }
    }

    /// Tries both halves of a refused call's instances.
    pub(in crate::run) fn halve(&mut self, index: usize) {
        let mut first = self.calls[index].slots.clone();
        let second = first.split_off(first.len().div_ceil(2));
        self.try_without(index, [second, first]);
    }

    /// Puts `parts` of a refused call in its place; the last is made first.
    fn try_without(&mut self, index: usize, parts: [Vec<usize>; 2]) {
        self.calls[index].slots.clear();
        self.calls[index].open = 0;
        for slots in parts {
            if !slots.is_empty() {
                let call = self.add_call(slots, true);
                self.pending.push_front(call);
            }
        }
    }

    /// One instance is refused by itself.
    fn refuse_alone(&mut self, index: usize, error: Error) {
        let position = self.calls[index].slots.first().copied().unwrap_or_default();
        let many = self.slots.len() > 1;
        // The service counts within its call, the caller in the whole list.
        let error = if many && error.message().contains("InstanceIds[0]") {
            let here = format!("InstanceIds[{position}]");
            error.clone().with_message(error.message().replace("InstanceIds[0]", &here))
        } else {
            error
        };
        self.refuse(index, error.clone());
        self.refused_alone += 1;
        let accepted = self.calls.iter().any(|call| call.invocation.is_some());
        if self.refused_alone >= HOPELESS && !accepted {
            for index in std::mem::take(&mut self.pending) {
                self.refuse(index, error.clone());
            }
        }
    }

    /// Ends a call's instances as refused.
    fn refuse(&mut self, index: usize, error: Error) {
        let Some(failure) = self.failure(index, error) else { return };
        if self.skip {
            self.skipped.push(failure);
        } else {
            self.events.push_back(Event::Failed(failure));
        }
    }
}

/// The refusal that an agent's state alone would have caused.
fn as_refused(refusal: &Error, code: ErrorCode, message: &str) -> Error {
    let mut error = Error::new(ErrorKind::Refused, message)
        .with_code(Some(code.to_string()))
        .with_request_id(refusal.request_id().map(str::to_owned));
    if let Some(operation) = refusal.operation() {
        error = error.during(operation);
    }
    if let Some(advice) = advice(&code) {
        error = error.with_advice(advice);
    }
    error.with_detail(Some(code))
}

/// Whether an agent's system is surely another than the one wanted.
fn differ(wanted: &AgentEnvironment, is: &AgentEnvironment) -> bool {
    use AgentEnvironment::{Linux, Windows};
    matches!((wanted, is), (Linux, Windows) | (Windows, Linux))
}

/// The error for several instances that were all refused: it names the first few.
pub(in crate::run) fn named(error: &Error, ids: &[String]) -> Option<Error> {
    const MOST: usize = 5;
    if ids.len() < 2 || !blames_instances(error) {
        return None;
    }
    let shown = ids[..ids.len().min(MOST)].join(", ");
    let more = match ids.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(error.clone().with_message(format!("{} (refused: {shown}{more})", error.message())))
}
