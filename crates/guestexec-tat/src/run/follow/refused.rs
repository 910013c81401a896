//! A call refused because of some of its instances: the others are tried without them.
//!
//! Such a refusal names one instance at most, and proves that nothing was started on any. So the service
//! is asked which agents can take the command, and what that does not explain is tried by halves.

use std::{collections::HashMap, time::Duration};

use guestexec_core::ErrorKind;
use tokio::time::timeout;

use super::{Call, Done, Follow, PAGE};
use crate::{
    Client, Error,
    enums::{AgentEnvironment, AgentStatus, ErrorCode},
    error::advice,
    run::running::Event,
    types::DescribeAutomationAgentStatusRequest,
};

/// How long the service may take to tell the agents' states. Without them, halves are tried.
const PATIENCE: Duration = Duration::from_secs(10);
/// Calls for so few instances are halved without asking for their agents.
const FEW: usize = 2;
/// After so many instances refused one by one, and none accepted, the rest is not tried: the region is
/// another, say.
const HOPELESS: usize = 16;

/// What an agent can take, by instance.
pub(super) type Agents = HashMap<String, (Option<AgentStatus>, Option<AgentEnvironment>)>;

/// Whether a call was refused because of some of its instances, which proves that it started nothing.
pub(super) fn blames_instances(error: &Error) -> bool {
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

/// What the service tells of the agents of some instances.
async fn agents(client: Client, ids: Vec<String>) -> Result<Agents, Error> {
    let mut agents = Agents::with_capacity(ids.len());
    for page in ids.chunks(PAGE) {
        let request = DescribeAutomationAgentStatusRequest::builder()
            .instance_ids(page.to_vec())
            .limit(page.len() as u64);
        let answer = client.describe_automation_agent_status().body(request).send().await?;
        agents.extend(answer.into_inner().response.automation_agent_set.into_iter().filter_map(
            |agent| Some((agent.instance_id?, (agent.agent_status, agent.environment))),
        ));
    }
    Ok(agents)
}

impl Follow {
    /// A call was refused because of some of its instances.
    pub(super) fn blamed(&mut self, index: usize, error: Error) {
        let call = &self.calls[index];
        match call.slots.len() {
            0 | 1 => self.refuse_alone(index, error),
            few if few <= FEW || call.sorted => self.halve(index),
            _ => {
                let ids = call.slots.iter().map(|slot| self.slots[*slot as usize].id.clone());
                let asking = timeout(PATIENCE, agents(self.client.clone(), ids.collect()));
                self.work.push(Box::pin(async move {
                    Done::Sorted(index, error, asking.await.ok().and_then(Result::ok))
                }));
                self.starting += 1;
            }
        }
    }

    /// Sorts a refused call's instances by what is known of their agents.
    pub(super) fn sorted(&mut self, index: usize, refusal: &Error, agents: &Agents) {
        let environment = self.command.as_ref().and_then(|command| command.environment());
        let of = |slot: &u32| agents.get(&self.slots[*slot as usize].id);
        let [mut able, mut unlisted, mut offline, mut unfit] = [const { Vec::new() }; 4];
        for slot in &self.calls[index].slots {
            match of(slot) {
                None => unlisted.push(*slot),
                Some((Some(AgentStatus::Offline), _)) => offline.push(*slot),
                Some((_, Some(is)))
                    if environment.as_ref().is_some_and(|wanted| opposed(wanted, is)) =>
                {
                    unfit.push(*slot);
                }
                Some(_) => able.push(*slot),
            }
        }
        let all = self.calls[index].slots.len();
        if able.len() == all || unlisted.len() == all {
            self.halve(index);
            return;
        }
        let stated = |code: ErrorCode, message: &str| {
            let error = Error::new(ErrorKind::Refused, message)
                .with_code(Some(code.to_string()))
                .with_request_id(refusal.request_id().map(str::to_owned));
            let error = match refusal.operation() {
                Some(operation) => error.during(operation),
                None => error,
            };
            match advice(&code) {
                Some(advice) => error.with_advice(advice),
                None => error,
            }
            .with_detail(Some(code))
        };
        let refused = [
            (
                offline,
                stated(
                    ErrorCode::ResourceUnavailableAgentStatusNotOnline,
                    "the service tells that the agent is offline",
                ),
            ),
            (
                unfit,
                stated(
                    ErrorCode::InvalidParameterValueAgentUnsupportedCommandType,
                    "the service tells that the instance runs a system for which the script is not",
                ),
            ),
        ];
        self.calls[index].slots.clear();
        self.calls[index].open = 0;
        for slots in [unlisted, able] {
            if !slots.is_empty() {
                let call = self.add_call(slots);
                self.pending.push_front(call);
            }
        }
        for (slots, error) in refused {
            if !slots.is_empty() {
                let call = self.add_call(slots);
                self.refuse(call, error);
            }
        }
    }

    /// Tries both halves of a refused call's instances.
    pub(super) fn halve(&mut self, index: usize) {
        let mut first = std::mem::take(&mut self.calls[index].slots);
        self.calls[index].open = 0;
        let second = first.split_off(first.len().div_ceil(2));
        for slots in [second, first] {
            let call = self.add_call(slots);
            self.pending.push_front(call);
        }
    }

    fn add_call(&mut self, slots: Vec<u32>) -> usize {
        let index = self.calls.len();
        for slot in &slots {
            self.slots[*slot as usize].call = u32::try_from(index).unwrap_or(u32::MAX);
        }
        self.calls.push(Call { sorted: true, ..Call::of(slots) });
        index
    }

    /// One instance is refused by itself.
    fn refuse_alone(&mut self, index: usize, error: Error) {
        let position = self.calls[index].slots.first().copied().unwrap_or_default();
        let many = self.slots.len() > 1;
        // The service counts within its call, the caller in the whole list.
        let error = if many && error.message().contains("InstanceIds[0]") {
            let here = format!("InstanceIds[{position}]");
            with_message(&error, error.message().replace("InstanceIds[0]", &here))
        } else {
            error
        };
        let again = with_message(&error, error.message().to_owned());
        self.refuse(index, error);
        self.refused_alone += 1;
        let accepted = self.calls.iter().any(|call| call.invocation.is_some());
        if self.refused_alone >= HOPELESS && !accepted {
            for index in std::mem::take(&mut self.pending) {
                self.refuse(index, with_message(&again, again.message().to_owned()));
            }
        }
    }

    /// Ends a call's instances as refused.
    fn refuse(&mut self, index: usize, error: Error) {
        let Some(failure) = self.fail(index, error) else { return };
        match self.skip {
            true => self.skipped.push(failure),
            false => self.events.push_back(Event::Failed(failure)),
        }
    }
}

/// Whether an agent's system is surely another than the one wanted.
fn opposed(wanted: &AgentEnvironment, is: &AgentEnvironment) -> bool {
    use AgentEnvironment::{Linux, Windows};
    matches!((wanted, is), (Linux, Windows) | (Windows, Linux))
}

/// The same error in other words.
fn with_message(error: &Error, message: String) -> Error {
    let same = error.retold().with_message(message);
    match error.advice() {
        Some(advice) => same.with_advice(advice.to_owned()),
        None => same,
    }
}

/// What is told of several instances that were all refused: it names them, as far as there is room.
pub(super) fn named(error: &Error, ids: &[String]) -> Option<Error> {
    const MOST: usize = 5;
    if ids.len() < 2 || !blames_instances(error) {
        return None;
    }
    let shown = ids[..ids.len().min(MOST)].join(", ");
    let more = match ids.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(with_message(error, format!("{} (refused: {shown}{more})", error.message())))
}
