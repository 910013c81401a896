//! Which instances a run has, which calls start the command on them, and what is open.

mod split;
#[cfg(test)]
mod tests;
mod update;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use guestexec_core::ErrorKind;
use tokio::time::Instant;

pub(super) use self::split::{Agents, blames_instances, named};
use super::{result::Failure, running::Event, start::Started};
use crate::{Error, enums::TaskStatus, operations::DESCRIBE_INVOCATIONS};

/// How often a task is fetched by its id before it is fetched by its instance.
const MISSED: u8 = 3;

/// All instances of a run, by their place in the caller's list, and the calls that start the command
/// on them. `events` reports their ends.
#[derive(Default)]
pub(super) struct Roster {
    slots: Vec<Slot>,
    /// Places of the slots, sorted by instance id.
    by_id: Vec<usize>,
    calls: Vec<Call>,
    /// Calls not made yet, in the order they are to be made.
    pending: VecDeque<usize>,
    /// Slots whose task is over, and waits to be fetched.
    over: Vec<usize>,
    /// Slots without an end.
    open: usize,
    /// Whether one of the calls saves the command.
    saves: bool,
    saving: Saving,
    pub(super) command_id: Option<String>,
    /// Instances that were refused each by a call of its own.
    refused_alone: usize,
    /// Whether instances the service refuses are left out.
    skip: bool,
    /// The instances that were left out.
    pub(super) skipped: Vec<Arc<Failure>>,
    pub(super) events: VecDeque<Event>,
}

/// One instance.
#[derive(Default)]
struct Slot {
    id: String,
    call: usize,
    status: Option<TaskStatus>,
    task_id: Option<String>,
    state: State,
    /// How often its task was fetched by its id, and did not come as one that is over.
    missed: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Under way, as far as is known.
    #[default]
    Open,
    /// Over; its output waits to be fetched, or is being fetched.
    Over,
    /// Reported to the caller.
    Ended,
}

/// How far the first call has come, which saves the command if it is to be saved.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Saving {
    #[default]
    Unmade,
    InFlight,
    Done,
}

/// One call that starts the command.
#[derive(Default)]
struct Call {
    slots: Vec<usize>,
    /// Whether it is part of a call that was refused because of some of its instances.
    split: bool,
    /// Whether it is the one that saves the command.
    first: bool,
    invocation: Option<Arc<str>>,
    /// When it was accepted; none if that is not known.
    accepted: Option<Instant>,
    /// Slots without an end.
    open: usize,
    /// Whether the service calls it over.
    over: bool,
}

impl Roster {
    /// The instances `ids`, and the calls still to be made for them. Those the service refuses are
    /// left out if `skip`.
    pub(super) fn new(ids: Vec<String>, calls: Vec<Vec<usize>>, saves: bool, skip: bool) -> Self {
        let slots = ids.into_iter().map(|id| Slot { id, ..Slot::default() }).collect::<Vec<_>>();
        let mut by_id: Vec<usize> = (0..slots.len()).collect();
        by_id.sort_by(|a, b| slots[*a].id.cmp(&slots[*b].id));
        let mut roster = Self { open: slots.len(), slots, by_id, saves, skip, ..Self::default() };
        for slots in calls {
            let call = roster.add_call(slots, false);
            roster.pending.push_back(call);
        }
        roster
    }

    /// The instances of an invocation that was started earlier.
    #[inline]
    pub(super) fn attached(invocation: String, ids: Vec<String>) -> Self {
        let all = (0..ids.len()).collect();
        let mut roster = Self::new(ids, vec![all], false, false);
        roster.pending.clear();
        roster.calls[0].invocation = Some(invocation.into());
        roster
    }

    fn add_call(&mut self, slots: Vec<usize>, split: bool) -> usize {
        let index = self.calls.len();
        for slot in &slots {
            self.slots[*slot].call = index;
        }
        self.calls.push(Call { open: slots.len(), slots, split, ..Call::default() });
        index
    }

    /// How many instances there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether every instance has an end.
    pub(super) fn is_over(&self) -> bool {
        self.open == 0
    }

    /// The ids of the instances without an end.
    #[inline]
    pub(super) fn unfinished(&self) -> impl Iterator<Item = &str> {
        let open = self.slots.iter().filter(|slot| slot.state != State::Ended);
        open.map(|slot| slot.id.as_str())
    }

    /// The invocations known to have started, with how many of their instances have no end.
    pub(super) fn invocations(&self) -> impl Iterator<Item = (&Arc<str>, usize)> {
        self.calls.iter().filter_map(|call| Some((call.invocation.as_ref()?, call.open)))
    }

    /// The place of an instance in the caller's list.
    pub(super) fn position(&self, id: &str) -> Option<usize> {
        let by_id = |slot: &usize| self.slots[*slot].id.as_str().cmp(id);
        self.by_id.binary_search_by(by_id).ok().map(|place| self.by_id[place])
    }

    pub(super) fn id(&self, slot: usize) -> &str {
        &self.slots[slot].id
    }

    /// The invocation of an instance.
    pub(super) fn invocation_of(&self, slot: usize) -> Option<&Arc<str>> {
        self.invocation(self.slots[slot].call)
    }

    /// The invocation a call started.
    pub(super) fn invocation(&self, call: usize) -> Option<&Arc<str>> {
        self.calls[call].invocation.as_ref()
    }

    /// The next call to make: its number, its instances, and whether it saves the command. None is
    /// made beside the `starting` ones until one has saved it: that call may be refused because of its
    /// instances, and the next one then saves it.
    pub(super) fn next_call(&mut self, starting: usize) -> Option<(usize, Vec<String>, bool)> {
        if self.saves && self.saving != Saving::Done && starting > 0 {
            return None;
        }
        let index = self.pending.pop_front()?;
        let first = self.saving == Saving::Unmade;
        if first {
            self.saving = Saving::InFlight;
        }
        self.calls[index].first = first;
        Some((index, self.ids(index), first))
    }

    /// How many instances a call has.
    pub(super) fn call_size(&self, call: usize) -> usize {
        self.calls[call].slots.len()
    }

    fn ids(&self, call: usize) -> Vec<String> {
        self.calls[call].slots.iter().map(|slot| self.slots[*slot].id.clone()).collect()
    }

    /// A call started its command.
    pub(super) fn started(&mut self, index: usize, started: Started, now: Instant) {
        self.saved(index, Saving::Done);
        let call = &mut self.calls[index];
        call.invocation = Some(started.invocation_id.into());
        call.accepted = Some(now);
        // Where the command is saved, the ids of the other calls' commands are temporary ones.
        if call.first || !self.saves {
            self.command_id = self.command_id.take().or(started.command_id);
        }
    }

    /// A call failed for other reasons than its instances.
    pub(super) fn failed(&mut self, index: usize, error: Error) {
        self.saved(index, Saving::Done);
        self.fail(index, error);
    }

    fn saved(&mut self, index: usize, saving: Saving) {
        if self.calls[index].first {
            self.saving = saving;
        }
    }

    /// Whether a call was accepted so recently.
    pub(super) fn is_new(&self, call: usize, age: Duration, now: Instant) -> bool {
        self.calls[call].accepted.is_some_and(|at| now.duration_since(at) < age)
    }

    /// Fails the calls not made yet.
    pub(super) fn leave_unmade(&mut self, error: impl Fn() -> Error) {
        for index in std::mem::take(&mut self.pending) {
            self.fail(index, error());
        }
    }

    /// The calls whose invocations have instances under way.
    pub(super) fn to_poll(&self) -> Vec<usize> {
        let is_open = |slot: &usize| self.slots[*slot].state == State::Open;
        (0..self.calls.len())
            .filter(|call| self.calls[*call].invocation.is_some())
            .filter(|call| self.calls[*call].slots.iter().any(is_open))
            .collect()
    }

    /// How many tasks wait to be fetched.
    pub(super) fn waiting(&self) -> usize {
        self.over.len()
    }

    /// The next `count` tasks to fetch, in two parts: those to fetch by their ids, and the others.
    pub(super) fn next_fetch(&mut self, count: usize) -> (Vec<usize>, Vec<usize>) {
        let rest = self.over.split_off(count);
        let has_id = |slot: &usize| {
            let Slot { task_id, missed, .. } = &self.slots[*slot];
            task_id.is_some() && *missed < MISSED
        };
        std::mem::replace(&mut self.over, rest).into_iter().partition(has_id)
    }

    pub(super) fn task_id(&self, slot: usize) -> Option<&String> {
        self.slots[slot].task_id.as_ref()
    }

    /// Polls fetched tasks again that did not come; true if there are any.
    pub(super) fn reopen(&mut self, fetched: &[usize]) -> bool {
        let mut any = false;
        for slot in fetched {
            let slot = &mut self.slots[*slot];
            if slot.state == State::Over {
                slot.state = State::Open;
                slot.missed = slot.missed.saturating_add(1);
                any = true;
            }
        }
        any
    }

    /// The calls of some slots, in order.
    pub(super) fn calls_of(&self, slots: &[usize]) -> Vec<usize> {
        let mut calls = Vec::new();
        for slot in slots {
            let call = self.slots[*slot].call;
            if let Err(place) = calls.binary_search(&call) {
                calls.insert(place, call);
            }
        }
        calls
    }

    fn end(&mut self, slot: usize) {
        let Slot { state, call, .. } = &mut self.slots[slot];
        if *state != State::Ended {
            *state = State::Ended;
            self.open -= 1;
            self.calls[*call].open -= 1;
        }
    }

    /// Ends what is still open of a call with a failure, and reports it.
    pub(super) fn fail(&mut self, index: usize, error: Error) {
        if let Some(failure) = self.failure(index, error) {
            self.events.push_back(Event::Failed(failure));
        }
    }

    /// Ends what is still open of a call with a failure; none if there is nothing.
    fn failure(&mut self, index: usize, error: Error) -> Option<Arc<Failure>> {
        let Call { slots, invocation, .. } = &self.calls[index];
        let is_open = |slot: &&usize| self.slots[**slot].state != State::Ended;
        let open: Vec<usize> = slots.iter().filter(is_open).copied().collect();
        if open.is_empty() && !slots.is_empty() {
            return None;
        }
        let invocation_id = invocation.as_ref().map(ToString::to_string);
        let instances = open.iter().map(|slot| self.slots[*slot].id.clone()).collect();
        for slot in open {
            self.end(slot);
        }
        self.over.retain(|slot| self.slots[*slot].state != State::Ended);
        Some(Arc::new(Failure { error, instances, invocation_id, task: None }))
    }

    /// Ends everything that is open as a failure; `cause` may be the reason.
    pub(super) fn give_up(&mut self, mut cause: Option<Error>) {
        for index in 0..self.calls.len() {
            let Call { invocation, open, slots, .. } = &self.calls[index];
            let Some(id) = invocation.as_ref().filter(|_| *open > 0) else { continue };
            let all = slots.len();
            let error = Error::new(
                ErrorKind::Timeout,
                format!(
                    "{id} was started, but {open} of its {all} instances were not seen to end in time"
                ),
            )
            .during(DESCRIBE_INVOCATIONS.id)
            .with_may_have_run(true)
            .with_advice("follow it with `Client::invocation`, or end it with its `cancel`");
            let error = match cause.take() {
                Some(cause) => error.with_source(cause),
                None => error,
            };
            self.fail(index, error);
        }
    }
}
