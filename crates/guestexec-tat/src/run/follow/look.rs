//! The calls that read: statuses, and tasks with their output.

use std::{sync::Arc, time::Duration};

use guestexec_core::ErrorKind;
use tokio::time::{Instant, sleep};

use super::{
    Call, Closing, Done, Follow, GRACE, LOOK, PAGE, PATIENCE, POLL, State, UNLISTED, result_of,
    retold,
};
use crate::{
    Client, Error,
    enums::{ErrorCode, InvocationStatus, TaskStatus},
    run::{command::LONGEST_TIMEOUT, running::Event},
    types::{
        DescribeInvocationTasksRequest, DescribeInvocationsRequest, Filter, Invocation,
        InvocationTask,
    },
};

/// Most tasks listed of an invocation, which has 200 at most.
const MOST_TASKS: u64 = 10_000;

/// What DescribeInvocations says, without the scripts in it.
pub(in crate::run) type Looked = Vec<Seen>;

/// Tasks with their output.
pub(in crate::run) type Fetched = Vec<InvocationTask>;

/// An invocation, and what is known of its tasks.
pub(in crate::run) struct Seen {
    id: String,
    /// How long its command may take, in seconds.
    timeout: u64,
    /// Whether the service calls it over.
    over: bool,
    /// Instance, task and its status, each as far as they are told.
    tasks: Vec<(String, Option<String>, Option<TaskStatus>)>,
}

impl From<Invocation> for Seen {
    fn from(invocation: Invocation) -> Self {
        use InvocationStatus::{
            Cancelled, Failed, PartialCancelled, PartialFailed, Success, Timeout,
        };
        let tasks = invocation.invocation_task_basic_info_set.into_iter();
        Self {
            id: invocation.invocation_id.unwrap_or_default(),
            timeout: invocation.timeout.unwrap_or(LONGEST_TIMEOUT).min(LONGEST_TIMEOUT),
            over: matches!(
                invocation.invocation_status,
                Some(Success | Failed | Timeout | Cancelled | PartialFailed | PartialCancelled)
            ),
            tasks: tasks
                .filter_map(|task| {
                    Some((task.instance_id?, task.invocation_task_id, task.task_status))
                })
                .collect(),
        }
    }
}

/// A handle on an invocation that was started earlier.
///
/// One that was started just now may be listed without its instances; they are waited for.
pub(in crate::run) async fn attach(client: &Client, id: String) -> Result<Follow, Error> {
    let begin = Instant::now();
    let mut pause = POLL.0;
    let seen = loop {
        let seen = listed(client, &id).await?;
        if !seen.tasks.is_empty() {
            break seen;
        }
        if begin.elapsed() + pause > UNLISTED {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("the service lists no instance of {id}: check the id and the region"),
            )
            .during("DescribeInvocationTasks"));
        }
        sleep(pause).await;
        pause = (pause * 3 / 2).min(POLL.1);
    };
    let ids: Vec<String> = seen.tasks.into_iter().map(|(instance, ..)| instance).collect();
    let call = Call {
        slots: (0..).take(ids.len()).collect(),
        open: ids.len(),
        invocation: Some(id.into()),
        accepted: None,
    };
    let wait = Duration::from_secs(seen.timeout) + GRACE;
    let mut follow = Follow::with(client, None, ids, vec![call], Some(wait));
    follow.next_look = Instant::now();
    Ok(follow)
}

/// An invocation with its instances, as far as either action tells them.
async fn listed(client: &Client, id: &str) -> Result<Seen, Error> {
    match looked(client.clone(), vec![id.to_owned()]).await {
        Ok(mut seen) => {
            seen.retain(|seen| seen.id == id);
            match seen.pop() {
                Some(seen) if !seen.tasks.is_empty() => return Ok(seen),
                Some(_) => {}
                None => {
                    return Err(Error::new(
                        ErrorKind::NotFound,
                        format!(
                            "the service lists no invocation {id}: check the id and the region"
                        ),
                    )
                    .during("DescribeInvocations"));
                }
            }
        }
        // Not everyone who may run commands may also list invocations.
        Err(error) if error.kind() == ErrorKind::Forbidden => {}
        Err(error) => return Err(error),
    }
    paged(client.clone(), id.into(), PAGE).await
}

/// The statuses of all tasks of some invocations.
async fn looked(client: Client, ids: Vec<String>) -> Result<Looked, Error> {
    let request = DescribeInvocationsRequest::builder().limit(ids.len() as u64).invocation_ids(ids);
    let answer = client.describe_invocations().body(request).send().await?.into_inner().response;
    Ok(answer.invocation_set.into_iter().map(Seen::from).collect())
}

/// Some tasks with their output.
async fn fetched(client: Client, ids: Vec<String>) -> Result<Fetched, Error> {
    let request = DescribeInvocationTasksRequest::builder()
        .limit(ids.len() as u64)
        .invocation_task_ids(ids)
        // The service hides the output unless told not to.
        .hide_output(false);
    let answer = client.describe_invocation_tasks().body(request).send().await?.into_inner();
    Ok(answer.response.invocation_task_set)
}

/// The statuses of all tasks of an invocation, by pages of at most so many that the service can send
/// them.
async fn paged(client: Client, invocation: Arc<str>, mut page: usize) -> Result<Seen, Error> {
    let mut tasks = Vec::new();
    let mut timeout = None;
    let mut listed = 0;
    loop {
        let of_invocation =
            Filter { name: "invocation-id".to_owned(), values: vec![invocation.to_string()] };
        let request = DescribeInvocationTasksRequest::builder()
            .filters(vec![of_invocation])
            .limit(page as u64)
            .offset(listed)
            .hide_output(true);
        let answer = match client.describe_invocation_tasks().body(request).send().await {
            Ok(answer) => answer.into_inner().response,
            Err(error) if is_too_large(&error) && page > 1 => {
                page /= 2;
                continue;
            }
            Err(error) => return Err(error),
        };
        let came = answer.invocation_task_set.len() as u64;
        listed += came;
        for task in answer.invocation_task_set {
            timeout = timeout.or(task.command_document.and_then(|document| document.timeout));
            if let Some(instance) = task.instance_id
                && task.invocation_id.as_deref() == Some(&*invocation)
            {
                tasks.push((instance, task.invocation_task_id, task.task_status));
            }
        }
        // A service that lists tasks without end has none of them be new.
        let whole = listed >= answer.total_count.unwrap_or_default();
        if came == 0 || whole || listed > MOST_TASKS {
            return Ok(Seen {
                id: invocation.to_string(),
                timeout: timeout.unwrap_or(LONGEST_TIMEOUT).min(LONGEST_TIMEOUT),
                over: false,
                tasks,
            });
        }
    }
}

/// Whether an answer was too large for the service to send.
fn is_too_large(error: &Error) -> bool {
    error.code() == Some("ResponseSizeLimitExceeded")
}

/// Whether the service refused, so that asking the same again is of no use.
fn is_refusal(error: &Error) -> bool {
    !error.is_retryable() && error.code().is_some()
}

/// Whether the service says that it knows no such invocation.
fn is_unlisted(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound
        || error.detail() == Some(&ErrorCode::InvalidParameterValueInvalidInvocationId)
}

impl Follow {
    /// Looks at every invocation that has instances under way.
    pub(super) fn look(&mut self) {
        let unfinished: Vec<(usize, Arc<str>)> = (0..)
            .zip(&self.calls)
            .filter(|(_, call)| call.slots.iter().any(|slot| self.is_open(*slot)))
            .filter_map(|(index, call)| Some((index, call.invocation.clone()?)))
            .collect();
        if unfinished.is_empty() {
            self.next_look = Instant::now() + self.pause;
            return;
        }
        if self.by_pages {
            for (index, invocation) in unfinished {
                self.turn_pages(index, invocation);
            }
            return;
        }
        for batch in unfinished.chunks(self.batch) {
            let calls: Vec<usize> = batch.iter().map(|(index, _)| *index).collect();
            let ids = batch.iter().map(|(_, invocation)| invocation.to_string()).collect();
            let looking = looked(self.client.clone(), ids);
            self.work.push(Box::pin(async move { Done::Looked(calls, looking.await) }));
            self.looking += 1;
        }
    }

    fn is_open(&self, slot: u32) -> bool {
        self.slots[slot as usize].state == State::Open
    }

    fn turn_pages(&mut self, call: usize, invocation: Arc<str>) {
        let paging = paged(self.client.clone(), invocation, self.page);
        self.work.push(Box::pin(async move { Done::Paged(call, paging.await) }));
        self.looking += 1;
    }

    pub(super) fn fetch(&mut self, slots: Vec<u32>) {
        let ids = slots.iter().filter_map(|slot| self.slots[*slot as usize].task_id.clone());
        let fetching = fetched(self.client.clone(), ids.collect());
        self.work.push(Box::pin(async move { Done::Fetched(slots, fetching.await) }));
        self.fetching += 1;
    }

    /// If this was the last look, another is needed, because it was not made in the right way.
    fn once_more(&mut self) {
        if self.closing == Closing::Begun {
            self.closing = Closing::Due;
        }
    }

    /// After the last look of a round: sets the time of the next.
    fn round_ended(&mut self, news: bool) {
        self.looking -= 1;
        if news {
            self.pause = (self.since.elapsed() / PATIENCE).clamp(POLL.0, POLL.1);
        }
        if self.looking == 0 {
            // Looks that are refused become smaller until they name what is wrong; after that they
            // may grow again.
            if !std::mem::take(&mut self.refused) {
                self.batch = (self.batch * 2).min(LOOK);
            }
            let now = Instant::now();
            // The last look is made at once.
            self.next_look = if self.closing == Closing::Due { now } else { now + self.pause };
            self.pause = (self.pause * 3 / 2).min(POLL.1);
        }
    }

    pub(super) fn looked(&mut self, calls: Vec<usize>, result: Result<Looked, Error>) {
        let mut news = false;
        match result {
            Ok(all) => {
                for seen in all {
                    let of_id = |call: &&usize| {
                        self.calls[**call].invocation.as_deref() == Some(seen.id.as_str())
                    };
                    if let Some(call) = calls.iter().find(of_id).copied() {
                        news |= self.seen(call, seen);
                    }
                }
            }
            // Not everyone who may run commands may also list invocations.
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                self.by_pages = true;
                self.last_failure = Some(error);
                news = true;
                self.once_more();
            }
            // What is wrong with one invocation of many must not end the others.
            Err(error) if calls.len() > 1 && is_refusal(&error) => {
                self.batch = self.batch.min(calls.len() / 2);
                self.refused = true;
                self.last_failure = Some(error);
                news = true;
                self.once_more();
            }
            Err(error) => self.failed_look(&calls, error),
        }
        self.round_ended(news);
    }

    /// Takes note of what DescribeInvocations says of an invocation; true if there is news.
    fn seen(&mut self, call: usize, seen: Seen) -> bool {
        let over = seen.over;
        let (news, incomplete) = self.statuses(call, seen);
        // Over, and yet there are instances of which nothing is said: ask for their tasks.
        let slots = &self.calls[call].slots;
        let unsaid =
            |slot: &u32| self.is_open(*slot) && self.slots[*slot as usize].status.is_none();
        if ((over && slots.iter().any(unsaid)) || incomplete)
            && let Some(invocation) = self.calls[call].invocation.clone()
        {
            self.turn_pages(call, invocation);
        }
        news
    }

    /// Takes note of the statuses of an invocation's tasks: whether there is news, and whether some
    /// task is not fully told.
    fn statuses(&mut self, call: usize, seen: Seen) -> (bool, bool) {
        let [mut news, mut incomplete] = [false; 2];
        for (instance, task_id, status) in seen.tasks {
            let Some(slot) = self.slot(&instance) else { continue };
            if self.slots[slot as usize].call as usize != call {
                continue;
            }
            match (task_id, status) {
                (Some(task_id), Some(status)) => news |= self.status(slot, status, task_id),
                _ => incomplete = true,
            }
        }
        (news, incomplete)
    }

    /// A look that failed: the next comes later, unless there is no point in it.
    fn failed_look(&mut self, calls: &[usize], error: Error) {
        if !is_refusal(&error) {
            self.last_failure = Some(error);
            return;
        }
        self.refused = true;
        for call in calls {
            let accepted = self.calls[*call].accepted;
            if is_unlisted(&error) && accepted.is_some_and(|at| at.elapsed() < UNLISTED) {
                continue;
            }
            // One answer for all: each call's instances get the same error in words.
            self.fail_call(*call, retold(&error).with_may_have_run(true));
        }
        self.last_failure = Some(error);
    }

    pub(super) fn fetched(&mut self, slots: Vec<u32>, result: Result<Fetched, Error>) {
        self.fetching -= 1;
        let mut later = false;
        match result {
            Ok(tasks) => {
                for task in tasks {
                    self.ended(task);
                }
            }
            Err(error) if is_too_large(&error) && slots.len() > 1 => {
                self.page = self.page.min(slots.len() / 2);
                self.once_more();
            }
            Err(error) => {
                let mut calls: Vec<usize> =
                    slots.iter().map(|slot| self.slots[*slot as usize].call as usize).collect();
                calls.sort_unstable();
                calls.dedup();
                self.failed_look(&calls, error);
                later = true;
            }
        }
        // What did not come is looked at again.
        for slot in slots {
            let entry = &mut self.slots[slot as usize];
            if entry.state == State::Over {
                entry.state = State::Open;
                later = true;
            }
        }
        if self.closing == Closing::Due {
            self.next_look = Instant::now();
        } else if later {
            self.next_look = self.next_look.max(Instant::now() + self.pause);
        }
    }

    pub(super) fn paged(&mut self, call: usize, result: Result<Seen, Error>) {
        let mut news = false;
        match result {
            Ok(seen) => news = self.statuses(call, seen).0,
            Err(error) => self.failed_look(&[call], error),
        }
        self.round_ended(news);
    }

    /// Takes note of a task that is over, with its output.
    fn ended(&mut self, task: InvocationTask) {
        let Some(slot) = task.instance_id.as_deref().and_then(|id| self.slot(id)) else { return };
        let entry = &self.slots[slot as usize];
        let invocation = self.calls[entry.call as usize].invocation.clone();
        let (State::Open | State::Over, Some(invocation)) = (entry.state, invocation) else {
            return;
        };
        if task.invocation_id.as_deref() != Some(&*invocation) {
            return;
        }
        if let Some(result) = result_of(slot, &entry.id, &invocation, task) {
            self.end(slot);
            self.events.push_back(Event::Finished(result));
        }
    }
}
