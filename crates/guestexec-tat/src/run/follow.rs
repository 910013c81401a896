//! Following many instances with few calls.
//!
//! Two actions take turns, each with a rate of its own at the service: DescribeInvocations tells the
//! status of every task of up to [`LOOK`] invocations in one call, so it is what is polled;
//! DescribeInvocationTasks brings the output, and is called for up to a hundred tasks that are over.
//! The longer it all takes, the less often is it looked at, so that instances that end one after
//! another do not take a look each.

mod look;
mod odd;
mod refused;

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use guestexec_core::ErrorKind;
use tokio::time::{Instant, Sleep, sleep_until};

pub(super) use self::look::attach;
pub use self::odd::Unreadable;
use self::{
    look::{Fetched, Looked, Seen},
    refused::{Agents, blames_instances, named},
};
use super::{
    command::Command,
    find::{Unconfirmed, UnconfirmedCall, Unfinished},
    plan,
    result::{Failure, is_final},
    running::Event,
    start::{Started, start, unmade},
};
use crate::{Client, Error, enums::TaskStatus};

/// First and longest pause between two looks at what is unfinished.
const POLL: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How much longer than the script's timeout is waited: delivery, and the agent's report.
const GRACE: Duration = Duration::from_secs(60);
/// How long the last look may take, which is made when the time to wait is over.
const LAST_LOOK: Duration = Duration::from_secs(10);
/// The longest wait: a longer one would pass what a clock can tell.
const LONGEST_WAIT: Duration = Duration::from_secs(10 * 365 * 86_400);
/// Who polls so long after the time set has not polled in between.
const AWAY: Duration = Duration::from_secs(1);
/// What part of the time passed so far is the pause after news.
const PATIENCE: u32 = 20;
/// How long the service may refuse to know an invocation that it has just started.
const UNLISTED: Duration = Duration::from_secs(30);
/// How often a task is asked for by its id before it is asked for by its instance.
const MISSED: u8 = 3;
/// How long answers may come that cannot be read at all.
const STRANGE: Duration = Duration::from_secs(30);
/// Calls of one action under way at once.
const CALLS: usize = 8;
/// Invocations looked at in one call, at most. Each answer repeats the whole script.
const LOOK: usize = 20;
/// Tasks a page holds at most.
const PAGE: usize = 100;

/// All instances of a run, and the calls that are under way for them.
pub(super) struct Follow {
    pub(super) client: Client,
    command: Option<Arc<Command>>,
    slots: Vec<Slot>,
    /// Positions of the slots, by instance id.
    by_id: Vec<u32>,
    calls: Vec<Call>,
    /// Calls not made yet, in the order they are to be made.
    pending: VecDeque<usize>,
    /// Whether a call was made that is to keep the command.
    keeping: bool,
    /// Whether it is known what came of it.
    settled: bool,
    /// Instances that were refused each by a call of its own.
    refused_alone: usize,
    /// Whether instances the service refuses are left out.
    skip: bool,
    /// What was left out.
    pub(super) skipped: Vec<Arc<Failure>>,
    work: FuturesUnordered<BoxFuture<'static, Done>>,
    events: VecDeque<Event>,
    /// Slots whose task is over, and not fetched yet.
    over: Vec<u32>,
    starting: usize,
    looking: usize,
    fetching: usize,
    /// Slots without an end.
    open: usize,
    looks: bool,
    /// How many invocations are looked at in one call.
    batch: usize,
    /// Whether a look of this round was refused.
    refused: bool,
    /// How many tasks are fetched in one call.
    page: usize,
    /// Whether tasks are looked at one by one, DescribeInvocations being of no use.
    by_pages: bool,
    /// Since when looks, and fetches, are answered by what cannot be read at all.
    strange: [Option<Instant>; 2],
    /// Since when the pauses grow.
    since: Instant,
    pause: Duration,
    next_look: Instant,
    deadline: Option<Instant>,
    closing: Closing,
    /// Whether the last poll gave an event.
    told: bool,
    sleep: Pin<Box<Sleep>>,
    last_failure: Option<Error>,
    pub(super) command_id: Option<String>,
}

/// One instance.
struct Slot {
    id: String,
    call: u32,
    status: Option<TaskStatus>,
    task_id: Option<String>,
    state: State,
    /// How often its task was asked for by its id, and did not come as one that is over.
    missed: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Under way, as far as is known.
    Open,
    /// Over; its output is on the way, or waits to be fetched.
    Over,
    /// Told of.
    Ended,
}

/// How far the end of the waiting has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// There is time.
    No,
    /// The time is over; a last look is to be made.
    Due,
    /// It was made, or is being made.
    Begun,
}

/// One call that starts the command.
#[derive(Default)]
struct Call {
    slots: Vec<u32>,
    /// Whether it is part of a call that was refused because of some of its instances.
    sorted: bool,
    /// Whether it is the one that keeps the command.
    first: bool,
    invocation: Option<Arc<str>>,
    /// When it was accepted; none if that was not seen.
    accepted: Option<Instant>,
    /// Slots without an end.
    open: usize,
    /// Whether the service calls it over.
    over: bool,
}

/// What came of a call.
enum Done {
    /// What is known of the agents of a call's instances, because of which it was refused.
    Sorted(usize, Error, Option<Agents>),
    Started(usize, Result<Started, Error>),
    Looked(Vec<usize>, Result<Looked, Error>),
    Fetched(Vec<u32>, Result<Fetched, Error>),
    Paged(usize, Result<Seen, Error>),
}

impl Call {
    fn of(slots: Vec<u32>) -> Self {
        Self { open: slots.len(), slots, ..Self::default() }
    }
}

impl Follow {
    /// What is to be done on `ids`; those the service refuses are left out if `skip`.
    pub(super) fn new(
        client: &Client,
        command: Command,
        ids: Vec<String>,
        wait: Option<Duration>,
        skip: bool,
    ) -> Result<Self, Error> {
        let calls = plan::calls(client, &command, &ids)?;
        let wait = wait.unwrap_or_else(|| {
            let limiter = &client.inner.shared().limiter;
            let seconds = |calls: usize, action| {
                limiter.rate(action).map_or(0, |rate| calls as u64 / u64::from(rate))
            };
            let starts = seconds(calls.len(), command.action());
            let fetches = seconds(ids.len().div_ceil(PAGE), "DescribeInvocationTasks");
            // Twice, as looks and delays take time too.
            let more = Duration::from_secs(2 * (starts + fetches));
            command.time_limit().saturating_add(GRACE + more)
        });
        let calls: Vec<Call> = calls.into_iter().map(Call::of).collect();
        let mut follow = Self::with(client, Some(Arc::new(command)), ids, calls, Some(wait));
        follow.pending = (0..follow.calls.len()).collect();
        follow.skip = skip;
        Ok(follow)
    }

    fn with(
        client: &Client,
        command: Option<Arc<Command>>,
        ids: Vec<String>,
        calls: Vec<Call>,
        wait: Option<Duration>,
    ) -> Self {
        let now = Instant::now();
        let mut slots: Vec<Slot> = ids
            .into_iter()
            .map(|id| Slot {
                id,
                call: 0,
                status: None,
                task_id: None,
                state: State::Open,
                missed: 0,
            })
            .collect();
        for (index, call) in (0..).zip(&calls) {
            for slot in &call.slots {
                slots[*slot as usize].call = index;
            }
        }
        let mut by_id: Vec<u32> = (0..).take(slots.len()).collect();
        by_id.sort_by(|a, b| slots[*a as usize].id.cmp(&slots[*b as usize].id));
        Self {
            client: client.clone(),
            command,
            open: slots.len(),
            slots,
            by_id,
            calls,
            pending: VecDeque::new(),
            keeping: false,
            settled: false,
            refused_alone: 0,
            skip: false,
            skipped: Vec::new(),
            work: FuturesUnordered::new(),
            events: VecDeque::new(),
            over: Vec::new(),
            starting: 0,
            looking: 0,
            fetching: 0,
            looks: true,
            batch: LOOK,
            refused: false,
            page: PAGE,
            by_pages: false,
            strange: [None; 2],
            since: now,
            pause: POLL.0,
            next_look: now + POLL.0,
            deadline: wait.map(|wait| now + wait.min(LONGEST_WAIT)),
            closing: Closing::No,
            told: false,
            sleep: Box::pin(sleep_until(now)),
            last_failure: None,
            command_id: None,
        }
    }

    /// How many instances there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The ids of the instances without an end.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = &str> {
        let open = self.slots.iter().filter(|slot| slot.state != State::Ended);
        open.map(|slot| slot.id.as_str())
    }

    /// The invocations known to have started, with how many of their instances have no end.
    pub(super) fn invocations(&self) -> impl Iterator<Item = (&Arc<str>, usize)> {
        self.calls.iter().filter_map(|call| Some((call.invocation.as_ref()?, call.open)))
    }

    /// The place of an instance in the order asked.
    pub(super) fn position(&self, id: &str) -> Option<u32> {
        self.slot(id)
    }

    /// The invocation of an instance.
    pub(super) fn invocation_of(&self, id: &str) -> Option<&Arc<str>> {
        let slot = self.slot(id)?;
        self.calls[self.slots[slot as usize].call as usize].invocation.as_ref()
    }

    /// Sets the time the waiting ends.
    pub(super) fn wait_until(&mut self, deadline: Option<Instant>) {
        self.closing = Closing::No;
        self.deadline = deadline;
    }

    /// Makes looks come quickly again.
    pub(super) fn hurry(&mut self) {
        self.since = Instant::now();
        self.pause = POLL.0;
        self.next_look = self.next_look.min(Instant::now() + self.pause);
    }

    /// Leaves off the calls not made yet.
    pub(super) fn leave_unmade(&mut self) {
        let Some(command) = self.command.clone() else { return };
        for index in std::mem::take(&mut self.pending) {
            self.fail_call(index, unmade(&command));
        }
    }

    /// Makes all calls that start the command for which there is time, and nothing else.
    ///
    /// # Errors
    /// Where none of them was accepted.
    pub(super) async fn start_all(&mut self) -> Result<(), Error> {
        self.looks = false;
        std::future::poll_fn(|context| {
            loop {
                self.schedule();
                if self.starting == 0 {
                    return Poll::Ready(());
                }
                match self.work.poll_next_unpin(context) {
                    Poll::Ready(Some(done)) => self.absorb(done),
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
        self.looks = true;
        self.leave_unmade();
        self.hurry();
        if self.calls.iter().all(|call| call.invocation.is_none()) {
            let failures = self.events.drain(..).filter_map(|event| match event {
                Event::Failed(failure) => Some(failure),
                _ => None,
            });
            return Err(as_error(failures.chain(self.skipped.drain(..)).collect()));
        }
        Ok(())
    }

    /// The next event; none once every instance has an end.
    pub(super) fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        // The time in which a caller does not poll is not the service's.
        let now = Instant::now();
        let away = std::mem::take(&mut self.told) || now > self.sleep.deadline() + AWAY;
        if away && self.closing != Closing::No {
            self.deadline = Some(now + LAST_LOOK);
        }
        loop {
            if let Some(event) = self.events.pop_front() {
                self.told = true;
                return Poll::Ready(Some(event));
            }
            self.schedule();
            match self.work.poll_next_unpin(context) {
                Poll::Ready(Some(done)) => {
                    self.absorb(done);
                    continue;
                }
                Poll::Ready(None) | Poll::Pending => {}
            }
            if self.open == 0 && self.starting == 0 {
                return Poll::Ready(None);
            }
            let now = Instant::now();
            // A call under way is waited for, because it may start the command.
            let deadline = self.deadline.filter(|_| self.starting == 0);
            if deadline.is_some_and(|deadline| now >= deadline) {
                match self.closing {
                    Closing::No => self.close(now),
                    Closing::Due | Closing::Begun => self.give_up(),
                }
                continue;
            }
            let idle = self.looking == 0 && self.fetching == 0 && self.over.is_empty();
            if self.closing == Closing::Begun && idle {
                self.give_up();
                continue;
            }
            let looks = self.looking == 0 && self.closing != Closing::Begun;
            let next_look = looks.then_some(self.next_look);
            let Some(wake) = [next_look, deadline].into_iter().flatten().min() else {
                return Poll::Pending;
            };
            self.sleep.as_mut().reset(wake);
            match self.sleep.as_mut().poll(context) {
                Poll::Ready(()) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The time to wait is over: what ended while nobody polled is still to be told, and nothing
    /// more to be started.
    fn close(&mut self, now: Instant) {
        self.leave_unmade();
        self.closing = Closing::Due;
        self.next_look = now;
        self.deadline = Some(now + LAST_LOOK);
    }

    /// Makes the calls whose time has come.
    fn schedule(&mut self) {
        let now = Instant::now();
        let late = self.closing != Closing::No || self.deadline.is_some_and(|at| now >= at);
        // While one call is to keep the command, none is made beside it: it may be refused because of
        // its instances, and the next one is then to keep it.
        let keeps = self.command.as_ref().is_some_and(|command| command.keeps());
        let most = if keeps && !self.settled { 1 } else { CALLS };
        while let Some(command) = &self.command
            && !late
            && self.starting < most
            && let Some(index) = self.pending.pop_front()
        {
            let slots = self.calls[index].slots.iter();
            let ids = slots.map(|slot| self.slots[*slot as usize].id.clone()).collect();
            let (client, command) = (self.client.clone(), command.clone());
            let first = !std::mem::replace(&mut self.keeping, true);
            self.calls[index].first = first;
            let starting = start(client, command, ids, first, self.deadline);
            self.work.push(Box::pin(async move { Done::Started(index, starting.await) }));
            self.starting += 1;
        }
        if !self.looks {
            return;
        }
        if self.looking == 0 && now >= self.next_look && self.closing != Closing::Begun {
            if self.closing == Closing::Due {
                self.closing = Closing::Begun;
            }
            self.look();
        }
        // A page that is not full goes out alone, when there is nothing before it.
        while !self.over.is_empty()
            && (self.fetching == 0 || (self.over.len() >= self.page && self.fetching < CALLS))
        {
            let rest = self.over.split_off(self.page.min(self.over.len()));
            let slots = std::mem::replace(&mut self.over, rest);
            self.fetch(slots);
        }
    }

    fn absorb(&mut self, done: Done) {
        match done {
            Done::Started(index, result) => {
                self.starting -= 1;
                let blamed = result.as_ref().is_err_and(blames_instances);
                if self.calls[index].first {
                    (self.keeping, self.settled) = (!blamed, !blamed);
                }
                match result {
                    Ok(started) => {
                        self.calls[index].invocation = Some(started.invocation_id.into());
                        self.calls[index].accepted = Some(Instant::now());
                        // Of a command that is kept, the other calls have passing ones.
                        let keeps = self.command.as_ref().is_some_and(|command| command.keeps());
                        if self.calls[index].first || !keeps {
                            self.command_id = self.command_id.take().or(started.command_id);
                        }
                        self.hurry();
                    }
                    Err(error) if blamed => self.blamed(index, error),
                    Err(error) => self.fail_call(index, error),
                }
            }
            Done::Sorted(index, refusal, agents) => {
                self.starting -= 1;
                match agents {
                    Some(agents) => self.sorted(index, &refusal, &agents),
                    None => self.halve(index),
                }
            }
            Done::Looked(calls, result) => self.looked(calls, result),
            Done::Fetched(slots, result) => self.fetched(slots, result),
            Done::Paged(call, result) => self.paged(call, result),
        }
    }

    /// The slot of an instance.
    fn slot(&self, id: &str) -> Option<u32> {
        let by_id = |slot: &u32| self.slots[*slot as usize].id.as_str().cmp(id);
        self.by_id.binary_search_by(by_id).ok().map(|place| self.by_id[place])
    }

    /// Takes note of a task's status; true if it is news.
    fn status(&mut self, slot: u32, status: TaskStatus, task_id: Option<String>) -> bool {
        let entry = &mut self.slots[slot as usize];
        if entry.state != State::Open {
            return false;
        }
        let news = entry.status.as_ref() != Some(&status);
        entry.task_id = task_id.or(entry.task_id.take());
        if is_final(&status) {
            entry.state = State::Over;
            self.over.push(slot);
        } else if news {
            let instance_id = entry.id.clone();
            self.events.push_back(Event::Changed { instance_id, status: status.clone() });
        }
        self.slots[slot as usize].status = Some(status);
        news
    }

    fn end(&mut self, slot: u32) {
        let entry = &mut self.slots[slot as usize];
        if entry.state != State::Ended {
            entry.state = State::Ended;
            self.open -= 1;
            self.calls[entry.call as usize].open -= 1;
        }
    }

    /// Ends what is still open of a call with a failure, and tells so.
    fn fail_call(&mut self, index: usize, error: Error) {
        if let Some(failure) = self.fail(index, error) {
            self.events.push_back(Event::Failed(failure));
        }
    }

    /// Ends what is still open of a call with a failure; none if there is nothing.
    fn fail(&mut self, index: usize, error: Error) -> Option<Arc<Failure>> {
        let call = &self.calls[index];
        let open = |slot: &&u32| self.slots[**slot as usize].state != State::Ended;
        let slots: Vec<u32> = call.slots.iter().filter(open).copied().collect();
        if slots.is_empty() && !call.slots.is_empty() {
            return None;
        }
        let invocation_id = call.invocation.as_ref().map(ToString::to_string);
        let instances = slots.iter().map(|slot| self.slots[*slot as usize].id.clone()).collect();
        for slot in &slots {
            self.end(*slot);
        }
        let slots = &self.slots;
        self.over.retain(|slot| slots[*slot as usize].state != State::Ended);
        Some(Arc::new(Failure { error, instances, invocation_id, task: None }))
    }

    /// Whatever is open ends as a failure.
    fn give_up(&mut self) {
        // What is under way now concerns nobody any more.
        self.work = FuturesUnordered::new();
        (self.looking, self.fetching) = (0, 0);
        let mut cause = self.last_failure.take();
        for index in 0..self.calls.len() {
            let call = &self.calls[index];
            let Some(id) = call.invocation.as_ref().filter(|_| call.open > 0) else { continue };
            let (open, all) = (call.open, call.slots.len());
            let error = Error::new(
                ErrorKind::Timeout,
                format!("{id} was started, but {open} of its {all} instances were not seen to end in time"),
            )
            .during("DescribeInvocations")
            .with_may_have_run(true)
            .with_advice("follow it with `Client::invocation`, or end it with its `cancel`");
            let error = match cause.take() {
                Some(cause) => error.with_source(cause),
                None => error,
            };
            self.fail_call(index, error);
        }
    }
}

/// The calls among failures that may have started something nobody knows of.
pub(super) fn unconfirmed(failures: &[Arc<Failure>]) -> Vec<UnconfirmedCall> {
    let all = failures.iter().filter_map(|failure| Unconfirmed::of(&failure.error));
    all.flat_map(|unconfirmed| unconfirmed.calls().to_vec()).collect()
}

/// One error for failures that left no result.
pub(super) fn as_error(failures: Vec<Arc<Failure>>) -> Error {
    let calls = unconfirmed(&failures);
    let mut invocations: Vec<String> =
        failures.iter().filter_map(|failure| failure.invocation_id.clone()).collect();
    invocations.dedup();
    let may_have_run = failures.iter().any(|failure| failure.error.may_have_run());
    let all_refused = failures.iter().all(|failure| blames_instances(&failure.error));
    let refused: Vec<String> = match all_refused {
        true => failures.iter().flat_map(|failure| failure.instances.clone()).collect(),
        false => Vec::new(),
    };
    let mut failures = failures.into_iter();
    // The first is told, unless another leaves open what it does not.
    let mut error = match failures.next().map(Arc::try_unwrap) {
        Some(Ok(failure)) => failure.error,
        Some(Err(shared)) => shared.error.retold(),
        None => Error::new(ErrorKind::Protocol, "there were no instances, and no answer either"),
    };
    error = named(&error, &refused).unwrap_or(error);
    let more = failures.len() > 0;
    if !invocations.is_empty() {
        error = Unfinished::attach(invocations, error);
    }
    if !calls.is_empty() && (more || Unconfirmed::of(&error).is_none()) {
        error = Unconfirmed::attach(calls, error);
    }
    let may_have_run = may_have_run || error.may_have_run();
    error.with_may_have_run(may_have_run)
}
