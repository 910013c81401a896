//! Looking for a command that may have started although its answer was lost.

use std::{
    error::Error as StdError,
    fmt,
    time::{Duration, SystemTime},
};

use guestexec_core::Base64;

use super::{follow, marker::Marker, running::Running};
use crate::{
    Client, Error,
    time::{iso8601, shown},
    types::{
        DescribeInvocationTasksRequest, DescribeInvocationsRequest, Filter, Invocation,
        InvocationTask,
    },
};

/// How far the service's clock may be from ours: as far as it takes signatures.
const CLOCKS: Duration = Duration::from_secs(300);
/// Tasks, or invocations, a page holds at most.
const PAGE: u64 = 100;
/// Pages looked at from either end of the list, which is a million tasks on one instance.
const MOST_PAGES: u64 = 10_000;

/// Calls of which it is not known whether they started a command, because no answer came.
///
/// It is part of an error whose [`may_have_run`](guestexec_core::Error::may_have_run) is true, where
/// [`Unconfirmed::of`] finds it, and what [`Client::find`] looks for.
#[derive(Debug)]
pub struct Unconfirmed {
    calls: Vec<UnconfirmedCall>,
    cause: Error,
}

/// One of them: what it was to start, where, and when.
#[derive(Clone, Debug)]
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
    /// The action called: `RunCommand` or `InvokeCommand`.
    pub fn action(&self) -> &'static str {
        self.action
    }

    /// The name the command was given.
    pub fn command_name(&self) -> Option<&str> {
        self.command_name.as_deref()
    }

    /// The saved command's id.
    pub fn command_id(&self) -> Option<&str> {
        self.command_id.as_deref()
    }

    /// The instances it was meant for.
    pub fn instances(&self) -> &[String] {
        &self.instances
    }

    /// When it was sent and when it was given up, by the service's clock as far as is known. If it
    /// reached the service at all, then within this time or shortly after.
    pub fn window(&self) -> (SystemTime, SystemTime) {
        (self.sent, self.given_up)
    }
}

impl Unconfirmed {
    /// What an error leaves open, if anything.
    pub fn of(error: &Error) -> Option<&Self> {
        error.cause()
    }

    /// The calls.
    pub fn calls(&self) -> &[UnconfirmedCall] {
        &self.calls
    }

    /// The same error, with `calls` as part of it.
    pub(super) fn attach(calls: Vec<UnconfirmedCall>, error: Error) -> Error {
        error
            .clone()
            .with_may_have_run(true)
            .with_advice("look with `Client::find` before you run it again")
            .with_source(Self { calls, cause: error })
    }
}

impl fmt::Display for Unconfirmed {
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

/// Invocations that were started, and of which no instance was seen to end.
///
/// It is part of the error of a run that left no result, where [`Unfinished::of`] finds it. Take them
/// up again with [`Client::invocation`].
#[derive(Debug)]
pub struct Unfinished {
    invocations: Vec<String>,
    cause: Error,
}

impl Unfinished {
    /// What an error leaves running, if anything.
    pub fn of(error: &Error) -> Option<&Self> {
        error.cause()
    }

    /// The invocations' ids, `inv-…`.
    pub fn invocations(&self) -> &[String] {
        &self.invocations
    }

    /// The same error, with `invocations` as part of it.
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
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// The invocation's id, `inv-…`; see [`Client::invocation`].
    pub invocation_id: String,
    /// True where the script ends in this very call's blanks. Otherwise it is as like as can be told:
    /// the same script or command, on the same instances, in that time; another call may have
    /// started it.
    pub certain: bool,
    /// The call, by its place in [`Unconfirmed::calls`].
    pub call: usize,
}

impl Client {
    /// Looks for what unconfirmed calls started. Only reads.
    ///
    /// Each call is looked for among the tasks of its first instance, by the blanks at the end of
    /// the script (see [`Run::unmarked`](crate::Run::unmarked)), or else by everything that is known
    /// of it. Nothing found soon after the call proves little, as the request may still be on its
    /// way: look again after a minute. A call that is found can be followed:
    ///
    /// ```no_run
    /// use guestexec_tat::Unconfirmed;
    ///
    /// # async fn example(tat: guestexec_tat::Client) -> Result<(), guestexec_tat::Error> {
    /// let finished = match tat.instances(["ins-zj0f57ew"]).run("apt-get -y upgrade").await {
    ///     Err(error) => match Unconfirmed::of(&error) {
    ///         Some(unconfirmed) => match tat.find(unconfirmed).await?.first() {
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
    pub async fn find(&self, unconfirmed: &Unconfirmed) -> Result<Vec<Found>, Error> {
        let mut found = Vec::new();
        for (index, call) in unconfirmed.calls.iter().enumerate() {
            let mut of_call = self.find_call(call).await?;
            of_call.sort_by_key(|(_, certain)| !certain);
            // One call starts one invocation, so what is certain leaves nothing to what is likely.
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

    /// An invocation that was started earlier, by whomever, to be followed or ended.
    ///
    /// # Errors
    /// Those of DescribeInvocations; [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) where the
    /// service lists no such invocation.
    pub async fn invocation(&self, invocation_id: impl Into<String>) -> Result<Running, Error> {
        follow::attach(self, invocation_id.into()).await.map(Running::new)
    }

    async fn find_call(&self, call: &UnconfirmedCall) -> Result<Vec<(String, bool)>, Error> {
        let Some(instance) = call.instances.first() else { return Ok(Vec::new()) };
        let from = call.sent.checked_sub(CLOCKS).unwrap_or(call.sent);
        let mut tasks = Vec::new();
        let Page { tasks: first, total, count } = self.page_of_tasks(call, instance, 0).await?;
        let mut last = total.map_or(0, |total| total.saturating_sub(1) / PAGE);
        // The order of the list is not documented: begin at the end where the newer tasks are.
        let newest = |page: &[InvocationTask]| page.iter().filter_map(created).max();
        let mut pages: Box<dyn Iterator<Item = u64> + Send> = Box::new(1..=last);
        let mut begun = newest(&first) >= Some(from);
        let mut is_counted = total.is_some();
        if last > 0 {
            let Page { tasks: page, count, .. } = self.page_of_tasks(call, instance, last).await?;
            is_counted = count > 0;
            if newest(&page) > newest(&first) {
                pages = Box::new((1..last).rev());
                begun = newest(&page) >= Some(from);
            }
            tasks.extend(page);
        }
        if !is_counted {
            // The list ends with a page that is not full.
            last = MOST_PAGES;
            pages = Box::new(1..last);
            begun = count >= PAGE as usize;
        }
        let mut before = newest(&first);
        tasks.extend(first);
        for page in pages.take_while(|page| *page < MOST_PAGES || last - page < MOST_PAGES) {
            if !begun {
                break;
            }
            let Page { tasks: page, count, .. } = self.page_of_tasks(call, instance, page).await?;
            let newest = newest(&page);
            begun = match is_counted {
                true => newest.is_none_or(|newest| newest >= from),
                // In a list that begins with old ones, newer ones follow.
                false => {
                    count >= PAGE as usize
                        && newest.is_none_or(|time| time >= from || newest >= before)
                }
            };
            before = newest;
            tasks.extend(page.into_iter().filter(|task| created(task).is_none_or(|t| t >= from)));
        }
        let to = call.given_up.checked_add(CLOCKS).unwrap_or(call.given_up);
        tasks.retain(|task| created(task).is_none_or(|time| from <= time && time <= to));

        let mut found: Vec<(String, bool)> = Vec::new();
        let mut likely = Vec::new();
        let mut keeps_blanks = false;
        for task in tasks {
            let Some(id) = task.invocation_id else { continue };
            let content = task.command_document.and_then(|document| document.content);
            let content = content.as_ref().map_or(&[][..], Base64::as_bytes);
            if call.marker.as_ref().is_some_and(|marker| marker.ends(content)) {
                found.push((id, true));
            } else if call.marker.is_some() && Marker::any(content) {
                // Another run's.
                keeps_blanks = true;
            } else if call.content.as_ref().is_none_or(|sent| same(sent.as_bytes(), content)) {
                likely.push(id);
            }
        }
        if call.marker.is_some() && keeps_blanks {
            // This one's would be seen too, so what has none is not this one.
            likely.clear();
        }
        likely.dedup();
        for ids in likely.chunks(PAGE as usize) {
            let request = DescribeInvocationsRequest::new().invocation_ids(ids).limit(PAGE);
            let answer = self.describe_invocations().body(request).send().await?.into_inner();
            let alike = |invocation: &Invocation| call.is_like(invocation);
            let set = answer.response.invocation_set.into_iter().filter(alike);
            found.extend(set.filter_map(|it| Some((it.invocation_id?, false))));
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// A page of the tasks of an instance, without output.
    async fn page_of_tasks(
        &self,
        call: &UnconfirmedCall,
        instance: &str,
        page: u64,
    ) -> Result<Page, Error> {
        let filter = |name: &str, value: &str| Filter {
            name: name.to_owned(),
            values: vec![value.to_owned()],
        };
        let mut filters = vec![filter("instance-id", instance)];
        if let Some(id) = &call.command_id {
            filters.push(filter("command-id", id));
        }
        let request = DescribeInvocationTasksRequest::new()
            .filters(filters)
            .limit(PAGE)
            .offset(page * PAGE)
            .hide_output(true);
        let answer =
            self.describe_invocation_tasks().body(request).send().await?.into_inner().response;
        let tasks = answer.invocation_task_set;
        let odd = answer.extra.odd_elements("InvocationTaskSet").len();
        Ok(Page { count: tasks.len() + odd, total: answer.total_count, tasks })
    }
}

/// A page of tasks.
struct Page {
    tasks: Vec<InvocationTask>,
    /// How many there are on all pages, as far as that is told.
    total: Option<u64>,
    /// How many are on this page, readable or not.
    count: usize,
}

fn created(task: &InvocationTask) -> Option<SystemTime> {
    iso8601(task.created_time.as_deref()?)
}

/// The same script, blanks at its end apart.
fn same(sent: &[u8], shown: &[u8]) -> bool {
    sent.trim_ascii_end() == shown.trim_ascii_end()
}

impl UnconfirmedCall {
    /// Whether an invocation is on the same instances, of the same name.
    fn is_like(&self, invocation: &Invocation) -> bool {
        let tasks = &invocation.invocation_task_basic_info_set;
        let named = self.command_name.is_none() || self.command_name == invocation.command_name;
        let here = |id: Option<&String>| id.is_some_and(|id| self.instances.contains(id));
        named
            && tasks.len() == self.instances.len()
            && tasks.iter().all(|task| here(task.instance_id.as_ref()))
    }
}
