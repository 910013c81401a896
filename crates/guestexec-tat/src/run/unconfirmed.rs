//! Finds commands that may have started although the answer was lost.

use std::{
    error::Error as StdError,
    fmt,
    time::{Duration, SystemTime},
};

use guestexec_core::{Base64, readable};

use super::{follow, marker::Marker, running::Running};
use crate::{
    Client, Error, hooks,
    time::{iso8601, shown},
    types::{DescribeInvocationsRequest, Filter, Invocation, InvocationTask},
};

/// How far the service's clock may differ: signatures are accepted within this time.
const CLOCKS: Duration = Duration::from_secs(300);
/// Most tasks or invocations of a page.
const PAGE: u64 = *DescribeInvocationsRequest::LIMIT_RANGE.end();
/// Most pages read from either end of the list: a million tasks of one instance.
const MOST_PAGES: u64 = 10_000;

/// Calls that may have started a command, as no answer came.
///
/// It is part of an error whose [`may_have_run`](guestexec_core::Error::may_have_run) is true:
/// [`Unconfirmed::of`] returns it. [`Client::find_unconfirmed`] tells what was started.
///
/// Serialized, it has the member `calls`.
///
/// ```
/// use guestexec_tat::Unconfirmed;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let fault = "tat.RunCommand:lose-answer=first:1".parse()?;
/// # let sandbox = guestexec_sandbox::Sandbox::builder().fault(fault).start().await?;
/// # let client = sandbox.tat().client()?;
/// // This sandbox loses the first answer to RunCommand.
/// let lost = client.instances(["ins-zj0f57ew"]).run("uptime").name("load").await;
/// let error = lost.expect_err("no answer came");
/// for call in Unconfirmed::of(&error).map_or(&[][..], |unconfirmed| unconfirmed.calls()) {
///     assert_eq!(call.action(), "RunCommand");
///     assert_eq!(call.instances(), ["ins-zj0f57ew"]);
///     assert_eq!((call.command_name(), call.command_id()), (Some("load"), None));
///     let (sent, given_up) = call.window();
///     println!("sent at {sent:?}, given up at {given_up:?}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unconfirmed {
    calls: Vec<UnconfirmedCall>,
    cause: Error,
}

/// A call of [`Unconfirmed`]: what it was to start, where, and when.
///
/// Serialized, it has the members `action`, `command_name`, `command_id`, `instances`, `sent` and
/// `given_up`, but not the script.
///
/// ```
/// use guestexec_tat::Unconfirmed;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let fault = "tat.RunCommand:lose-answer=first:1".parse()?;
/// # let sandbox = guestexec_sandbox::Sandbox::builder().fault(fault).start().await?;
/// # let client = sandbox.tat().client()?;
/// // This sandbox loses the first answer to RunCommand.
/// let lost = client.instances(["ins-zj0f57ew"]).run("uptime").name("load").await;
/// let error = lost.expect_err("no answer came");
/// for call in Unconfirmed::of(&error).map_or(&[][..], |unconfirmed| unconfirmed.calls()) {
///     assert_eq!(call.action(), "RunCommand");
///     assert_eq!(call.instances(), ["ins-zj0f57ew"]);
///     assert_eq!((call.command_name(), call.command_id()), (Some("load"), None));
///     let (sent, given_up) = call.window();
///     println!("sent at {sent:?}, given up at {given_up:?}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnconfirmedCall {
    pub(super) action: &'static str,
    pub(super) command_name: Option<String>,
    pub(super) command_id: Option<String>,
    pub(super) instances: Vec<String>,
    pub(super) sent: SystemTime,
    pub(super) given_up: SystemTime,
    pub(super) marker: Option<Marker>,
    pub(super) content: Option<Base64>,
}

impl UnconfirmedCall {
    /// The action: `RunCommand` or `InvokeCommand`.
    pub fn action(&self) -> &'static str {
        self.action
    }

    /// The command's name, if it was given one.
    pub fn command_name(&self) -> Option<&str> {
        self.command_name.as_deref()
    }

    /// The id of the saved command.
    pub fn command_id(&self) -> Option<&str> {
        self.command_id.as_deref()
    }

    /// The instances.
    pub fn instances(&self) -> &[String] {
        &self.instances
    }

    /// When it was sent and when it was given up, by the service's clock as far as is known. If it reached
    /// the service at all, then in this window or shortly after.
    pub fn window(&self) -> (SystemTime, SystemTime) {
        (self.sent, self.given_up)
    }
}

impl Unconfirmed {
    /// The calls that an error leaves open, if any.
    pub fn of(error: &Error) -> Option<&Self> {
        error.cause()
    }

    /// The calls.
    pub fn calls(&self) -> &[UnconfirmedCall] {
        &self.calls
    }

    /// Adds `calls` to an error.
    pub(super) fn attach(calls: Vec<UnconfirmedCall>, error: Error) -> Error {
        error
            .clone()
            .with_may_have_run(true)
            .with_advice(
                "see with `Client::find_unconfirmed` what it started, before you run it again",
            )
            .with_source(Self { calls, cause: error })
    }
}

impl fmt::Display for Unconfirmed {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, call) in self.calls.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{}", call.action)?;
            if let Some(name) = call.command_name.as_deref().or(call.command_id.as_deref()) {
                write!(f, " of {name}")?;
            }
            let (sent, given_up) = (shown(call.sent), shown(call.given_up));
            let count = call.instances.len();
            write!(f, " for {count} instances, between {sent} and {given_up}, without an answer")?;
        }
        Ok(())
    }
}

impl StdError for Unconfirmed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.cause)
    }
}

/// Invocations that were started, and of which no instance is known to have ended.
///
/// It is part of the error of a run without results: [`Unfinished::of`] returns it. Follow them with
/// [`Client::invocation`].
///
/// Serialized, it has the member `invocations`.
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_tat::Unfinished;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.tat().client()?;
/// let on = client.instances(["ins-zj0f57ew"]);
/// let run = on.run("sleep 600").wait_at_most(Duration::from_millis(1)).await;
/// if let Some(unfinished) = run.as_ref().err().and_then(Unfinished::of) {
///     for id in unfinished.invocations() {
///         client.invocation(id).await?.cancel().await?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unfinished {
    invocations: Vec<String>,
    cause: Error,
}

impl Unfinished {
    /// The invocations that an error leaves running, if any.
    pub fn of(error: &Error) -> Option<&Self> {
        error.cause()
    }

    /// The invocations' ids, `inv-…`.
    pub fn invocations(&self) -> &[String] {
        &self.invocations
    }

    /// Adds `invocations` to an error.
    pub(super) fn attach(invocations: Vec<String>, error: Error) -> Error {
        error
            .clone()
            .with_may_have_run(true)
            .with_advice(
                "take the invocations up with `Client::invocation`: `Unfinished::of` has their ids",
            )
            .with_source(Self { invocations, cause: error })
    }
}

impl fmt::Display for Unfinished {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.invocations[..] {
            [] => f.write_str("nothing was started"),
            [only] => write!(f, "{only} was started"),
            [first, rest @ ..] => write!(f, "{first} and {} more were started", rest.len()),
        }
    }
}

impl StdError for Unfinished {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.cause)
    }
}

/// An invocation that an unconfirmed call may have started.
///
/// ```
/// use guestexec_tat::Unconfirmed;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let fault = "tat.RunCommand:lose-answer=first:1".parse()?;
/// # let sandbox = guestexec_sandbox::Sandbox::builder().fault(fault).start().await?;
/// # let client = sandbox.tat().client()?;
/// // This sandbox loses the first answer to RunCommand.
/// let lost = client.instances(["ins-zj0f57ew"]).run("echo upgraded").await;
/// let error = lost.expect_err("no answer came");
/// assert!(error.may_have_run());
/// if let Some(unconfirmed) = Unconfirmed::of(&error) {
///     for found in client.find_unconfirmed(unconfirmed).await? {
///         assert!(found.certain);
///         assert_eq!(found.call, 0);
///         println!("{found}");
///         client.invocation(found.invocation_id).await?.await?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Found {
    /// The invocation's id, `inv-…`; see [`Client::invocation`].
    pub invocation_id: String,
    /// True if the script ends with this call's blanks. Otherwise the script or command, the instances and
    /// the time are the same, but another call may have started it.
    pub certain: bool,
    /// The call's place in [`Unconfirmed::calls`].
    pub call: usize,
}

impl fmt::Display for Found {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sure = if self.certain { "was" } else { "may have been" };
        write!(f, "{} {sure} started by the call", readable(&self.invocation_id))
    }
}

impl Client {
    /// Finds what unconfirmed calls started. It only reads.
    ///
    /// The tasks of each call's first instance are searched for the blanks at the end of the script (see
    /// [`Run::unmarked`](crate::Run::unmarked)), or else for everything that is known of the call. If
    /// nothing is found soon after the call, the request may still be on its way: try again after a
    /// minute. What is found can be followed:
    ///
    /// ```no_run
    /// use guestexec_tat::Unconfirmed;
    ///
    /// # async fn example(tat: guestexec_tat::Client) -> Result<(), guestexec_tat::Error> {
    /// let finished = match tat.instances(["ins-zj0f57ew"]).run("apt-get -y upgrade").await {
    ///     Err(error) => match Unconfirmed::of(&error) {
    ///         Some(unconfirmed) => match tat.find_unconfirmed(unconfirmed).await?.first() {
    ///             Some(found) => tat.invocation(&found.invocation_id).await?.await?,
    ///             None => return Err(error),
    ///         },
    ///         None => return Err(error),
    ///     },
    ///     Ok(finished) => finished,
    /// };
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of DescribeInvocationTasks and DescribeInvocations.
    pub async fn find_unconfirmed(&self, unconfirmed: &Unconfirmed) -> Result<Vec<Found>, Error> {
        let mut found = Vec::new();
        for (index, call) in unconfirmed.calls.iter().enumerate() {
            let mut of_call = self.find_call(call).await?;
            of_call.sort_by_key(|(_, certain)| !certain);
            // A call starts one invocation, so beside a certain one the others are not it.
            let sure = of_call.iter().any(|(_, certain)| *certain);
            of_call.retain(|(_, certain)| *certain || !sure);
            found.extend(of_call.into_iter().map(|(invocation_id, certain)| Found {
                invocation_id,
                certain,
                call: index,
            }));
        }
        Ok(found)
    }

    /// Returns a handle to follow or cancel an invocation that was started earlier, by any program.
    ///
    /// # Errors
    /// Those of DescribeInvocations; [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if the service
    /// lists no such invocation.
    pub async fn invocation(&self, invocation_id: impl Into<String>) -> Result<Running, Error> {
        follow::attach(self, invocation_id.into()).await.map(Running::new)
    }

    /// The invocations that a call may have started, and whether it certainly did.
    async fn find_call(&self, call: &UnconfirmedCall) -> Result<Vec<(String, bool)>, Error> {
        let Some(instance) = call.instances.first() else { return Ok(Vec::new()) };
        let mut found: Vec<(String, bool)> = Vec::new();
        let mut likely = Vec::new();
        let mut shows_markers = false;
        for task in self.tasks_of(call, instance).await? {
            let Some(id) = task.invocation_id else { continue };
            let content = task.command_document.and_then(|document| document.content);
            let content = content.as_ref().map_or(&[][..], Base64::as_bytes);
            if call.marker.as_ref().is_some_and(|marker| marker.ends(content)) {
                found.push((id, true));
            } else if call.marker.is_some() && Marker::any(content) {
                shows_markers = true;
            } else if call.content.as_ref().is_none_or(|sent| same(sent.as_bytes(), content)) {
                likely.push(id);
            }
        }
        if shows_markers {
            // The service keeps the blanks, so a script without them is not this call's.
            likely.clear();
        }
        likely.dedup();
        for ids in likely.chunks(PAGE as usize) {
            let listed = self.describe_invocations().invocation_ids(ids).limit(PAGE);
            let answer = listed.send().await?.into_inner();
            let alike = |invocation: &Invocation| call.is_like(invocation);
            let set = answer.invocation_set.into_iter().filter(alike);
            found.extend(set.filter_map(|it| Some((it.invocation_id?, false))));
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// The tasks of an instance that were created about when a call was made, or have no time.
    async fn tasks_of(
        &self,
        call: &UnconfirmedCall,
        instance: &str,
    ) -> Result<Vec<InvocationTask>, Error> {
        let from = call.sent.checked_sub(CLOCKS).unwrap_or(call.sent);
        let to = call.given_up.checked_add(CLOCKS).unwrap_or(call.given_up);
        let is_in = |task: &InvocationTask| created(task).is_none_or(|at| from <= at && at <= to);
        let newest = |page: &[InvocationTask]| page.iter().filter_map(created).max();
        let Page { mut tasks, total, count } = self.page_of_tasks(call, instance, 0).await?;
        let mut before = newest(&tasks);
        let mut is_recent = before >= Some(from);
        let mut is_counted = total.is_some();
        let mut last = total.map_or(0, |total| total.saturating_sub(1) / PAGE);
        let mut pages: Box<dyn Iterator<Item = u64> + Send> = Box::new(1..=last);
        if last > 0 {
            let Page { tasks: page, count, .. } = self.page_of_tasks(call, instance, last).await?;
            is_counted = count > 0;
            // The order of the list is not documented: begin at the end with the newer tasks.
            if newest(&page) > before {
                pages = Box::new((1..last).rev());
                is_recent = newest(&page) >= Some(from);
            }
            tasks.extend(page);
        }
        if !is_counted {
            // The list ends with a page that is not full.
            last = MOST_PAGES;
            pages = Box::new(1..last);
            is_recent = count >= PAGE as usize;
        }
        for page in pages.take_while(|page| *page < MOST_PAGES || last - page < MOST_PAGES) {
            if !is_recent {
                break;
            }
            let Page { tasks: page, count, .. } = self.page_of_tasks(call, instance, page).await?;
            let newest = newest(&page);
            is_recent = newest.is_none_or(|newest| newest >= from);
            if !is_counted {
                // In a list that begins with old tasks, newer ones follow.
                is_recent = count >= PAGE as usize && (is_recent || newest >= before);
            }
            before = newest;
            tasks.extend(page.into_iter().filter(is_in));
        }
        tasks.retain(is_in);
        Ok(tasks)
    }

    /// Lists a page of the tasks of an instance, without output.
    async fn page_of_tasks(
        &self,
        call: &UnconfirmedCall,
        instance: &str,
        page: u64,
    ) -> Result<Page, Error> {
        let mut filters = vec![Filter::new("instance-id", [instance])];
        filters.extend(call.command_id.as_ref().map(|id| Filter::new("command-id", [id])));
        let listed = self
            .describe_invocation_tasks()
            .filters(filters)
            .limit(PAGE)
            .offset(page * PAGE)
            .hide_output(true);
        // The answer may repeat the marker.
        let marks = call.marker.iter().map(Marker::mark).collect();
        let state = hooks::Call { marks, ..hooks::Call::default() };
        let answer = listed.send_in(state).await?;
        let answer = answer.into_inner();
        let tasks = answer.invocation_task_set;
        let odd = answer.extra.odd_elements("InvocationTaskSet").len();
        Ok(Page { count: tasks.len() + odd, total: answer.total_count, tasks })
    }
}

/// A page of tasks.
struct Page {
    tasks: Vec<InvocationTask>,
    /// How many there are on all pages, if the service tells.
    total: Option<u64>,
    /// How many are on this page, readable or not.
    count: usize,
}

#[inline]
fn created(task: &InvocationTask) -> Option<SystemTime> {
    iso8601(task.created_time.as_deref()?)
}

/// Whether two scripts are the same but for blanks at the end.
#[inline]
fn same(sent: &[u8], shown: &[u8]) -> bool {
    sent.trim_ascii_end() == shown.trim_ascii_end()
}

impl UnconfirmedCall {
    /// Whether an invocation has the same instances and the same name.
    #[inline]
    fn is_like(&self, invocation: &Invocation) -> bool {
        let tasks = &invocation.invocation_task_basic_info_set;
        let named = self.command_name.is_none() || self.command_name == invocation.command_name;
        let here = |id: Option<&String>| id.is_some_and(|id| self.instances.contains(id));
        named
            && tasks.len() == self.instances.len()
            && tasks.iter().all(|task| here(task.instance_id.as_ref()))
    }
}
