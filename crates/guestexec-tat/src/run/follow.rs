//! Following a run: the calls in flight for its instances.
//!
//! The [`Roster`] knows what to call for, the [`Pacer`] when and how much at once.

mod poll;

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use guestexec_core::{ErrorKind, ensure_runtime, telemetry};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tracing::{Instrument as _, Span, instrument::Instrumented};

pub(super) use self::poll::attach;
use self::poll::{Fetched, Polled, agents};
use super::{
    command::Command,
    pace::{PAGE, Pacer, Step},
    plan,
    report::InvocationReport,
    result::Failure,
    roster::{Agents, Roster, blames_instances, named},
    running::Event,
    start::{Started, start, unmade},
    unconfirmed::{Unconfirmed, UnconfirmedCall, Unfinished},
};
use crate::{Client, Error, Operation, operations::DESCRIBE_INVOCATION_TASKS};

/// How much longer than the script's timeout is waited: delivery, and the agent's report.
const GRACE: Duration = Duration::from_secs(60);
/// The longest wait: a longer one would pass what a clock can tell.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(10 * 365 * 86_400);
/// How long the service may take to tell the agents' states. Without them, halves are tried.
const AGENTS_TIMEOUT: Duration = Duration::from_secs(10);

/// A run, and the calls that are in flight for it.
pub(super) struct Follow {
    pub(super) client: Client,
    /// None where the run was started earlier.
    command: Option<Arc<Command>>,
    pub(super) roster: Roster,
    pacer: Pacer,
    /// Whether tasks are listed in place of polls, as DescribeInvocations is forbidden.
    lists_tasks: bool,
    work: FuturesUnordered<Instrumented<BoxFuture<'static, Done>>>,
    sleep: Pin<Box<Sleep>>,
    last_failure: Option<Error>,
    /// The span of the command.
    pub(super) span: Span,
}

/// The outcome of a call: for which calls or slots it was made, and its answer.
enum Done {
    Started(usize, Result<Started, Error>),
    /// With the refusal because of which the agents were asked for.
    Agents(usize, Error, Option<Agents>),
    Polled(Vec<usize>, Result<Polled, Error>),
    Listed(usize, Result<InvocationReport, Error>),
    Fetched(Vec<usize>, Result<Fetched, Error>),
}

impl Follow {
    /// Runs `command` on `ids`; those the service refuses are left out if `skip`.
    pub(super) fn new(
        client: &Client,
        command: Command,
        ids: Vec<String>,
        wait: Option<Duration>,
        skip: bool,
    ) -> Result<Self, Error> {
        let calls = plan::calls(client, &command, &ids)?;
        ensure_runtime()?;
        let wait = wait.unwrap_or_else(|| {
            let limiter = &client.inner.shared.limiter;
            let seconds = |calls: usize, operation: &Operation| {
                limiter.rate(operation).map_or(0, |rate| calls as u64 / u64::from(rate))
            };
            let starts = seconds(calls.len(), command.operation());
            let fetches = seconds(ids.len().div_ceil(PAGE), &DESCRIBE_INVOCATION_TASKS);
            // Twice, as polls and delays take time too.
            let more = Duration::from_secs(2 * (starts + fetches));
            command.time_limit().saturating_add(GRACE + more)
        });
        let span = command_span(ids.iter().map(String::as_str));
        let roster = Roster::new(ids, calls, command.saves(), skip);
        Ok(Self::with(client, Some(Arc::new(command)), roster, wait, span))
    }

    fn with(
        client: &Client,
        command: Option<Arc<Command>>,
        roster: Roster,
        wait: Duration,
        span: Span,
    ) -> Self {
        let now = Instant::now();
        Self {
            client: client.clone(),
            command,
            roster,
            pacer: Pacer::new(now, now + wait.min(LONGEST_WAIT)),
            lists_tasks: false,
            work: FuturesUnordered::new(),
            sleep: Box::pin(sleep_until(now)),
            last_failure: None,
            span,
        }
    }

    /// Sets when the waiting ends, and polls after the shortest pause.
    pub(super) fn wait_until(&mut self, deadline: Instant) {
        self.pacer.wait_until(deadline);
        self.hurry();
    }

    /// Polls after the shortest pause again.
    pub(super) fn hurry(&mut self) {
        self.pacer.hurry(Instant::now());
    }

    /// Fails the calls not made yet.
    pub(super) fn leave_unmade(&mut self) {
        if let Some(command) = &self.command {
            self.roster.leave_unmade(|| unmade(command));
        }
    }

    /// Makes all calls that start the command for which there is time, and no others.
    ///
    /// # Errors
    /// Where none of them was accepted.
    pub(super) async fn start_all(&mut self) -> Result<(), Error> {
        std::future::poll_fn(|context| {
            loop {
                self.make_starts(Instant::now());
                if self.pacer.starting == 0 {
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
        self.leave_unmade();
        self.hurry();
        if self.roster.invocations().next().is_none() {
            let failures = self.roster.events.drain(..).filter_map(|event| match event {
                Event::Failed(failure) => Some(failure),
                _ => None,
            });
            let failures: Vec<_> = failures.chain(self.roster.skipped.drain(..)).collect();
            return Err(as_error(&failures));
        }
        Ok(())
    }

    /// The next event; none once every instance has an end.
    pub(super) fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.pacer.resume(Instant::now(), self.sleep.deadline());
        // A handle can be taken out of the runtime in which its command was started.
        if self.pacer.starting == 0
            && let Err(error) = ensure_runtime()
        {
            self.leave_unmade();
            self.give_up(Some(error));
        }
        loop {
            if let Some(event) = self.roster.events.pop_front() {
                self.pacer.returned = true;
                return Poll::Ready(Some(event));
            }
            let now = Instant::now();
            self.make_starts(now);
            self.make_reads(now);
            match self.work.poll_next_unpin(context) {
                Poll::Ready(Some(done)) => {
                    self.absorb(done);
                    continue;
                }
                Poll::Ready(None) | Poll::Pending => {}
            }
            if self.roster.is_over() && self.pacer.starting == 0 {
                return Poll::Ready(None);
            }
            let now = Instant::now();
            match self.pacer.next(now, self.roster.waiting()) {
                Step::Close => {
                    self.leave_unmade();
                    self.pacer.close(now);
                }
                Step::GiveUp => {
                    let cause = self.last_failure.take();
                    self.give_up(cause);
                }
                Step::Sleep(until) => {
                    self.sleep.as_mut().reset(until);
                    if self.sleep.as_mut().poll(context).is_pending() {
                        return Poll::Pending;
                    }
                }
                Step::Wait => return Poll::Pending,
            }
        }
    }

    /// Fails the instances whose end is not known.
    fn give_up(&mut self, cause: Option<Error>) {
        // The answers of the calls in flight are of no use any more.
        self.work = FuturesUnordered::new();
        self.pacer.forget_reads();
        self.roster.give_up(cause);
    }

    /// Adds a call in flight, which is made in the command's span.
    fn push(&mut self, call: BoxFuture<'static, Done>) {
        self.work.push(call.instrument(self.span.clone()));
    }

    /// Makes the calls that start the command.
    fn make_starts(&mut self, now: Instant) {
        while let Some(command) = &self.command
            && self.pacer.may_start(now)
            && let Some((index, ids, first)) = self.roster.next_call(self.pacer.starting)
        {
            let (client, command) = (self.client.clone(), command.clone());
            let starting = start(client, command, ids, first, self.pacer.deadline);
            self.push(Box::pin(async move { Done::Started(index, starting.await) }));
            self.pacer.starting += 1;
        }
    }

    fn absorb(&mut self, done: Done) {
        match done {
            Done::Started(index, result) => {
                self.pacer.starting -= 1;
                match result {
                    Ok(started) => {
                        let now = Instant::now();
                        let is_first = self.roster.invocations().next().is_none();
                        let count = self.roster.call_size(index);
                        telemetry::started(&self.span, is_first, &started.invocation_id, count);
                        self.roster.started(index, started, now);
                        self.pacer.hurry(now);
                    }
                    Err(error) if blames_instances(&error) => self.refused(index, error),
                    Err(error) => self.roster.failed(index, error),
                }
            }
            Done::Agents(index, refusal, agents) => {
                self.pacer.starting -= 1;
                match agents {
                    Some(agents) => {
                        let command = self.command.as_ref();
                        let environment = command.and_then(|command| command.environment());
                        self.roster.sort(index, &refusal, &agents, environment.as_ref());
                    }
                    None => self.roster.halve(index),
                }
            }
            Done::Polled(calls, result) => self.polled(calls, result),
            Done::Listed(call, result) => self.listed(call, result),
            Done::Fetched(slots, result) => self.fetched(slots, result),
        }
    }

    /// A call was refused because of some of its instances.
    fn refused(&mut self, index: usize, error: Error) {
        let Some((error, ids)) = self.roster.refused(index, error) else { return };
        let asking = timeout(AGENTS_TIMEOUT, agents(self.client.clone(), ids));
        self.push(Box::pin(async move {
            Done::Agents(index, error, asking.await.ok().and_then(Result::ok))
        }));
        self.pacer.starting += 1;
    }
}

impl fmt::Debug for Follow {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unfinished = self.roster.unfinished().count();
        write!(f, "{} instances, {unfinished} of them unfinished", self.roster.len())
    }
}

/// The span of a command on these instances.
fn command_span<'a>(ids: impl ExactSizeIterator<Item = &'a str>) -> Span {
    let span = telemetry::command_span("tat");
    telemetry::record_instances(&span, ids);
    span
}

/// The calls among failures that may have started an invocation whose id is not known.
pub(super) fn unconfirmed(failures: &[Arc<Failure>]) -> Vec<UnconfirmedCall> {
    let all = failures.iter().filter_map(|failure| Unconfirmed::of(&failure.error));
    all.flat_map(|unconfirmed| unconfirmed.calls().to_vec()).collect()
}

/// One error for failures that left no result.
pub(super) fn as_error(failures: &[Arc<Failure>]) -> Error {
    let calls = unconfirmed(failures);
    let mut invocations: Vec<String> =
        failures.iter().filter_map(|failure| failure.invocation_id.clone()).collect();
    invocations.dedup();
    let may_have_run = failures.iter().any(|failure| failure.error.may_have_run());
    let all_refused = failures.iter().all(|failure| blames_instances(&failure.error));
    let refused: Vec<String> = match all_refused {
        true => failures.iter().flat_map(|failure| failure.instances.clone()).collect(),
        false => Vec::new(),
    };
    // The first is reported, unless it is certain and another is not.
    let mut error = match failures.first() {
        Some(failure) => failure.error.clone(),
        None => Error::new(ErrorKind::Protocol, "there were no instances, and no answer either"),
    };
    error = named(&error, &refused).unwrap_or(error);
    let more = failures.len() > 1;
    if !invocations.is_empty() {
        error = Unfinished::attach(invocations, error);
    }
    if !calls.is_empty() && (more || Unconfirmed::of(&error).is_none()) {
        error = Unconfirmed::attach(calls, error);
    }
    let may_have_run = may_have_run || error.may_have_run();
    error.with_may_have_run(may_have_run)
}
