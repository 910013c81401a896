//! Handles to a command that is running, and its results.

use std::{
    fmt,
    future::{Future, IntoFuture, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, future::join_all};
use guestexec_core::{ErrorKind, readable};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::{
    follow::{Follow, LONGEST_WAIT, as_error, unconfirmed},
    result::{Failure, InstanceResult, Outcome},
    unconfirmed::{Unconfirmed, Unfinished},
};
use crate::{
    Client, Error, enums::TaskStatus, operations::CANCEL_INVOCATION, types::CancelInvocationRequest,
};

/// How long a cancelled command may take to end.
const CANCEL_WAIT: Duration = Duration::from_secs(60);
/// Most instances that a call of CancelInvocation names.
const CANCEL_BATCH: usize = *CancelInvocationRequest::INSTANCE_IDS_ITEMS.end();

/// A command that was started; made by [`Run::start`](crate::Run::start) and [`Client::invocation`].
///
/// Await it to wait for all instances, take its [`events`](Self::events) to follow them one by one,
/// or [`cancel`](Self::cancel) it. Dropping it ends the polling, not the command.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.tat().client()?;
/// let running = client.instances(["ins-zj0f57ew"]).run("echo started").start().await?;
/// println!("{}", running.invocations().collect::<Vec<_>>().join(", "));
/// let finished = running.await?;
/// assert_eq!(finished.results()[0].output_lossy(), "started\n");
///
/// let cancelled = client.instances(["ins-zj0f57ew"]).run("sleep 600").start().await?.cancel().await?;
/// assert!(!cancelled.results()[0].success());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "await it, take its events, or cancel it"]
pub struct Running {
    follow: Follow,
}

/// A change on instances of a run.
///
/// Serialized, it has the member `event`: `changed` with `instance_id` and `status`, `finished` with the
/// members of the [result](InstanceResult), or `failed` with those of the [failure](Failure).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// The task of an instance has another status, and is not over.
    Changed {
        /// The instance.
        instance_id: String,
        /// The status.
        status: TaskStatus,
    },
    /// The command is over on an instance.
    Finished(InstanceResult),
    /// Some instances have no result: their call failed, or the waiting ended.
    Failed(Arc<Failure>),
}

/// One line, without output.
impl fmt::Display for Event {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { instance_id, status } => {
                write!(f, "{instance_id} is {}", readable(status.as_str()))
            }
            Self::Finished(result) => result.fmt(f),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

impl Running {
    pub(super) fn new(follow: Follow) -> Self {
        Self { follow }
    }

    /// The ids of the invocations that were started, `inv-…`.
    pub fn invocations(&self) -> impl Iterator<Item = &str> {
        self.follow.roster.invocations().map(|(id, _)| &**id)
    }

    /// The instances of the run, in the caller's order.
    pub fn instances(&self) -> impl Iterator<Item = &str> {
        (0..self.follow.roster.len()).map(|slot| self.follow.roster.id(slot))
    }

    /// Sets how long to wait from now on, in place of what the run has set. Then the service is polled a last
    /// time, and instances without an end have failed with
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout). With [`Duration::ZERO`] the results are those that
    /// are there now.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.tat().client()?;
    /// let running = client.instances(["ins-zj0f57ew"]).run("sleep 600").start().await?;
    /// let id = running.invocations().next().unwrap_or_default().to_owned();
    /// let now = client.invocation(&id).await?.wait_at_most(Duration::ZERO).await;
    /// assert!(now.is_err_and(|error| error.may_have_run()));
    /// running.cancel().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_at_most(mut self, wait: Duration) -> Self {
        let now = Instant::now();
        self.follow.wait_until(now + wait.min(LONGEST_WAIT));
        self
    }

    /// Returns the changes from now on, instance by instance.
    ///
    /// ```no_run
    /// use guestexec_tat::Event;
    ///
    /// # async fn example(tat: guestexec_tat::Client) -> Result<(), guestexec_tat::Error> {
    /// let mut events = tat.instances(["ins-1", "ins-2"]).run("uptime").start().await?.events();
    /// while let Some(event) = events.next().await {
    ///     match event {
    ///         Event::Finished(result) => println!("{}: {:?}", result.instance_id(), result.outcome()),
    ///         Event::Failed(failure) => eprintln!("{failure}"),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn events(self) -> Events {
        Events { follow: self.follow }
    }

    /// Cancels the command wherever it is not over, and waits for its end, a minute at most.
    ///
    /// # Errors
    /// The error of CancelInvocation, if it was refused for every invocation and no instance is known to have ended;
    /// [`Unfinished::of`](crate::Unfinished::of) then has the ids of the invocations. Otherwise
    /// [`Cancellation::refused`] tells which invocations may run on.
    pub async fn cancel(mut self) -> Result<Cancellation, Error> {
        self.follow.leave_unmade();
        let (accepted, refused) = cancel_all(&self.follow).await;
        let wait = if accepted == 0 { Duration::ZERO } else { CANCEL_WAIT };
        self.follow.wait_until(Instant::now() + wait);
        let finished = self.collect().await;
        let nothing = finished.results.iter().all(|result| result.failure().is_some());
        match refused.first() {
            Some((_, error)) if accepted == 0 && nothing => {
                let running = refused.iter().map(|(invocation, _)| invocation.clone()).collect();
                let error = Unfinished::attach(running, error.clone());
                match unconfirmed(&finished.failures) {
                    calls if calls.is_empty() => Err(error),
                    calls => Err(Unconfirmed::attach(calls, error)),
                }
            }
            _ => Ok(Cancellation { finished, refused }),
        }
    }

    pub(super) async fn finish(self) -> Result<Finished, Error> {
        let finished = self.collect().await;
        let none = finished.results.iter().all(|result| result.failure().is_some());
        let unknown = !finished.failures.is_empty() || !finished.skipped.is_empty();
        if !none || (finished.results.is_empty() && !unknown) {
            return Ok(finished);
        }
        let Finished { mut failures, skipped, .. } = finished;
        failures.extend(skipped);
        Err(as_error(&failures))
    }

    async fn collect(self) -> Finished {
        let mut events = self.events();
        let mut results = Vec::new();
        results.resize_with(events.follow.roster.len(), || None);
        let mut failures = Vec::new();
        while let Some(event) = events.next().await {
            match event {
                Event::Changed { .. } => {}
                Event::Finished(result) => {
                    let position = result.position;
                    results[position] = Some(result);
                }
                Event::Failed(failure) => failures.push(failure),
            }
        }
        let invocations =
            events.follow.roster.invocations().map(|(id, _)| id.to_string()).collect();
        let command_id = events.follow.roster.command_id.clone();
        for failure in &failures {
            for id in &failure.instances {
                if let Some(position) = events.follow.roster.position(id) {
                    let result =
                        InstanceResult::of_failure(position, id.clone(), Arc::clone(failure));
                    results[position] = Some(result);
                }
            }
        }
        Finished {
            results: results.into_iter().flatten().collect(),
            failures,
            skipped: std::mem::take(&mut events.follow.roster.skipped),
            invocations,
            command_id,
        }
    }
}

impl IntoFuture for Running {
    type Output = Result<Finished, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.finish())
    }
}

/// The events of a run, from [`Running::events`]: a stream that ends when every instance has its
/// [`Event::Finished`] or is part of an [`Event::Failed`].
///
/// The service is polled only while the stream is.
///
/// ```
/// use guestexec_tat::Event;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.tat().client()?;
/// let on = client.instances(["ins-zj0f57ew", "ins-zj0f57ex"]);
/// let mut events = on.run("sleep 600").start().await?.events();
/// events.cancel_on(["ins-zj0f57ex"]).await?;
/// while let Some(event) = events.next().await {
///     if let Event::Finished(result) = event {
///         println!("{result}; still running: {}", events.unfinished().count());
///         events.cancel().await?;
///     }
/// }
/// assert_eq!(events.unfinished().count(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "streams do nothing unless they are polled"]
pub struct Events {
    pub(super) follow: Follow,
}

impl Events {
    /// Waits for the next event; none once every instance has its end.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|context| self.follow.poll_event(context)).await
    }

    /// The instances whose end was not returned yet, in the caller's order.
    pub fn unfinished(&self) -> impl Iterator<Item = &str> {
        self.follow.roster.unfinished()
    }

    /// Cancels the command on every instance where it is not over. The events that follow tell how it
    /// ended.
    ///
    /// # Errors
    /// The error of CancelInvocation, if none of its calls succeeded.
    pub async fn cancel(&mut self) -> Result<(), Error> {
        let (accepted, mut refused) = cancel_all(&self.follow).await;
        self.follow.hurry();
        if accepted == 0 && !refused.is_empty() {
            return Err(refused.swap_remove(0).1);
        }
        for (invocation, error) in refused {
            tracing::warn!(parent: &self.follow.span, invocation, %error, "an invocation could not be cancelled");
        }
        Ok(())
    }

    /// Cancels the command on these instances.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] if there is no instance, which the service would take for all, or one
    /// that the run does not have: then nothing is cancelled. The first error of CancelInvocation; the
    /// other calls were made too.
    pub async fn cancel_on<I>(&mut self, instances: I) -> Result<(), Error>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let refuse = |problem: &str| {
            let problem = format!("`InstanceIds` {problem}");
            Error::new(ErrorKind::InvalidRequest, problem).during(CANCEL_INVOCATION.id)
        };
        let mut of_invocation: Vec<(Arc<str>, Vec<String>)> = Vec::new();
        for id in instances {
            let id = id.as_ref();
            let roster = &self.follow.roster;
            let invocation = roster
                .position(id)
                .and_then(|slot| roster.invocation_of(slot))
                .ok_or_else(|| refuse("names an instance on which this run started nothing"))?;
            match of_invocation.iter_mut().find(|(known, _)| known == invocation) {
                Some((_, ids)) => ids.push(id.to_owned()),
                None => of_invocation.push((invocation.clone(), vec![id.to_owned()])),
            }
        }
        if of_invocation.is_empty() {
            return Err(refuse("is empty, which means all instances: use `cancel` for that"));
        }
        let mut all = Ok(());
        for (invocation, ids) in of_invocation {
            for batch in ids.chunks(CANCEL_BATCH) {
                let call = self.follow.client.cancel_invocation(&*invocation);
                let sending = call.instance_ids(batch).send();
                let answer = sending.instrument(self.follow.span.clone()).await;
                all = all.and(answer.map(drop));
            }
        }
        self.follow.hurry();
        all
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.follow.poll_event(context)
    }
}

/// Cancels every invocation that has instances without an end. Returns how many calls were accepted, and
/// the invocations of the others.
///
/// The future does not borrow `follow`, which is not `Sync`, so that it is `Send`.
#[inline]
fn cancel_all(
    follow: &Follow,
) -> impl Future<Output = (usize, Vec<(String, Error)>)> + Send + use<> {
    let (client, span) = (follow.client.clone(), follow.span.clone());
    let unfinished = follow.roster.invocations().filter(|(_, open)| *open > 0);
    let ids: Vec<Arc<str>> = unfinished.map(|(id, _)| id.clone()).collect();
    async move {
        let calls = ids.iter().map(|id| cancel(&client, id));
        let results = join_all(calls).await;
        let all = results.len();
        let refused: Vec<_> = ids
            .iter()
            .zip(results)
            .filter_map(|(id, result)| Some((id.to_string(), result.err()?)))
            .collect();
        (all - refused.len(), refused)
    }
    .instrument(span)
}

/// Cancels a whole invocation, which the service does where no instances are listed.
async fn cancel(client: &Client, invocation: &str) -> Result<(), Error> {
    client.cancel_invocation(invocation).send().await?;
    Ok(())
}

/// The results of a run.
///
/// Serialized, it has the members `success`, `command_id`, `invocations`, `results` and `failures`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.tat().client()?;
/// # let offline = sandbox.tat().offline_instance();
/// let finished = client.instances(["ins-zj0f57ew", offline]).run("hostname").await?;
/// assert!(!finished.success());
/// assert_eq!(finished.results().len(), 2);
/// for failure in finished.failures() {
///     // RunCommand: … AgentStatusNotOnline … (ins-…)
///     println!("{failure}");
/// }
/// println!("{finished}");
/// println!("{:?} by {}", finished.command_id(), finished.invocations().join(", "));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finished {
    pub(super) results: Vec<InstanceResult>,
    pub(super) failures: Vec<Arc<Failure>>,
    /// The instances that [`Run::skip_unreachable`](crate::Run::skip_unreachable) left out.
    pub(super) skipped: Vec<Arc<Failure>>,
    pub(super) invocations: Vec<String>,
    pub(super) command_id: Option<String>,
}

impl Finished {
    /// One result for each instance, in the caller's order, without those that
    /// [`Run::skip_unreachable`](crate::Run::skip_unreachable) left out.
    pub fn results(&self) -> &[InstanceResult] {
        &self.results
    }

    /// True if there are results, and in every one the command exited with 0.
    pub fn success(&self) -> bool {
        !self.results.is_empty() && self.results.iter().all(InstanceResult::success)
    }

    /// Why some instances have no result: one failure for the instances of a call.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.failures.iter().map(|failure| &**failure)
    }

    /// The ids of the invocations, `inv-…`: one for each 200 instances of a kind.
    pub fn invocations(&self) -> &[String] {
        &self.invocations
    }

    /// The id of the command, `cmd-…`; of the saved one, if it was to be saved.
    pub fn command_id(&self) -> Option<&str> {
        self.command_id.as_deref()
    }
}

/// One line for each result.
impl fmt::Display for Finished {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        lines(f, &self.results)
    }
}

#[inline]
fn lines(f: &mut fmt::Formatter<'_>, results: &[InstanceResult]) -> fmt::Result {
    for (index, result) in results.iter().enumerate() {
        let end = if index > 0 { "\n" } else { "" };
        write!(f, "{end}{result}")?;
    }
    Ok(())
}

/// The results of a run that was cancelled.
///
/// Serialized, it has the members `results` and `refused`, a list of objects with `invocation_id` and
/// `error`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.tat().client()?;
/// let on = client.instances(["ins-zj0f57ew", "ins-zj0f57ex"]);
/// let cancelled = on.run("sleep 600").start().await?.cancel().await?;
/// assert_eq!(cancelled.before_start().count() + cancelled.killed().count(), 2);
/// assert_eq!(cancelled.results().len(), 2);
/// for (invocation, error) in cancelled.refused() {
///     eprintln!("{invocation} runs on: {error}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cancellation {
    pub(super) finished: Finished,
    pub(super) refused: Vec<(String, Error)>,
}

/// One line for each result, and for each invocation that may run on.
impl fmt::Display for Cancellation {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        lines(f, self.results())?;
        for (index, (invocation, error)) in self.refused.iter().enumerate() {
            let end = if index > 0 || !self.results().is_empty() { "\n" } else { "" };
            write!(f, "{end}{invocation} was not cancelled: {error}")?;
        }
        Ok(())
    }
}

impl Cancellation {
    fn of(&self, outcome: Outcome) -> impl Iterator<Item = &InstanceResult> {
        self.finished.results.iter().filter(move |result| result.outcome() == outcome)
    }

    /// The instances where the command was cancelled before it started.
    pub fn before_start(&self) -> impl Iterator<Item = &InstanceResult> {
        self.of(Outcome::Cancelled)
    }

    /// The instances where the command was running and was killed.
    pub fn killed(&self) -> impl Iterator<Item = &InstanceResult> {
        self.of(Outcome::Terminated)
    }

    /// The invocations that the service refused to cancel, with its errors.
    pub fn refused(&self) -> impl Iterator<Item = (&str, &Error)> {
        self.refused.iter().map(|(invocation, error)| (invocation.as_str(), error))
    }

    /// One result for each instance, in the caller's order, also where the command was over before it
    /// could be cancelled, or was not seen to end.
    pub fn results(&self) -> &[InstanceResult] {
        &self.finished.results
    }
}
