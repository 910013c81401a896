//! The calls that read: statuses, and tasks with their output.

use std::{sync::Arc, time::Duration};

use guestexec_core::ErrorKind;
use tokio::time::Instant;

use super::{Call, Done, Follow, GRACE, LOOK, PAGE, POLL, State, UNLISTED, result_of};
use crate::{
    Client, Error,
    enums::{ErrorCode, InvocationStatus, TaskStatus},
    run::{command::LONGEST_TIMEOUT, running::Event},
    types::{
        DescribeInvocationTasksRequest, DescribeInvocationsRequest, Filter, Invocation,
        InvocationTask,
    },
};

/// What DescribeInvocations says, without the scripts in it.
pub(in crate::run) type Looked = Vec<Seen>;

/// Tasks with their output.
pub(in crate::run) type Fetched = Vec<InvocationTask>;

/// One invocation.
pub(in crate::run) struct Seen {
    id: String,
    /// How long its command may take, in seconds.
    timeout: u64,
    /// Whether the service calls it over.
    over: bool,
    /// Instance, task and its status.
    tasks: Vec<(String, Option<String>, TaskStatus)>,
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
                    Some((task.instance_id?, task.invocation_task_id, task.task_status?))
                })
                .collect(),
        }
    }
}

/// A handle on an invocation that was started earlier.
pub(in crate::run) async fn attach(client: &Client, id: String) -> Result<Follow, Error> {
    let mut seen = looked(client.clone(), vec![id.clone()]).await?;
    seen.retain(|seen| seen.id == id);
    let Some(seen) = seen.pop() else {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("the service lists no invocation {id}: check the id and the region"),
        )
        .during("DescribeInvocations"));
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

/// All tasks of an invocation with their output, page by page.
async fn paged(client: Client, invocation: Arc<str>, page: usize) -> Result<Fetched, Error> {
    let mut tasks: Fetched = Vec::new();
    loop {
        let of_invocation =
            Filter { name: "invocation-id".to_owned(), values: vec![invocation.to_string()] };
        let request = DescribeInvocationTasksRequest::builder()
            .filters(vec![of_invocation])
            .limit(page as u64)
            .offset(tasks.len() as u64)
            .hide_output(false);
        let answer = client.describe_invocation_tasks().body(request).send().await?.into_inner();
        let answer = answer.response;
        let came = answer.invocation_task_set.len();
        tasks.extend(answer.invocation_task_set.into_iter().map(without_script));
        // A service that lists tasks without end has none of them be new.
        let whole = tasks.len() as u64 >= answer.total_count.unwrap_or_default();
        if came == 0 || whole || tasks.len() > 100 * PAGE {
            return Ok(tasks);
        }
    }
}

/// Whether asking again is of no use.
fn is_final(error: &Error) -> bool {
    !error.is_retryable() && error.code().is_some()
}

/// Whether the service says that it knows no such invocation.
fn is_unlisted(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound
        || error.detail() == Some(&ErrorCode::InvalidParameterValueInvalidInvocationId)
}

fn without_script(mut task: InvocationTask) -> InvocationTask {
    task.command_document = None;
    task
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
        for batch in unfinished.chunks(LOOK) {
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

    /// After the last look of a round: sets the time of the next.
    fn round_ended(&mut self, news: bool) {
        self.looking -= 1;
        if news {
            self.pause = POLL.0;
        }
        if self.looking == 0 {
            self.next_look = Instant::now() + self.pause;
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
            // Not everyone who may run commands may also list invocations. And what is wrong with
            // one invocation of many must not end the others: their tasks are asked for apart.
            Err(error)
                if error.kind() == ErrorKind::Forbidden
                    || (calls.len() > 1 && is_final(&error)) =>
            {
                self.by_pages = true;
                self.last_failure = Some(error);
                news = true;
            }
            Err(error) => self.failed_look(&calls, error),
        }
        self.round_ended(news);
    }

    /// Takes note of an invocation's statuses; true if there is news.
    fn seen(&mut self, call: usize, seen: Seen) -> bool {
        let mut news = false;
        let mut incomplete = false;
        for (instance, task_id, status) in seen.tasks {
            let Some(slot) = self.slot(&instance) else { continue };
            if self.slots[slot as usize].call as usize == call {
                incomplete |= task_id.is_none();
                if task_id.is_some() {
                    news |= self.status(slot, status, task_id);
                }
            }
        }
        // Over, and yet there are instances of which nothing is said: ask for their tasks.
        let slots = &self.calls[call].slots;
        let unsaid =
            |slot: &u32| self.is_open(*slot) && self.slots[*slot as usize].status.is_none();
        if ((seen.over && slots.iter().any(unsaid)) || incomplete)
            && let Some(invocation) = self.calls[call].invocation.clone()
        {
            self.turn_pages(call, invocation);
        }
        news
    }

    /// A look that failed: the next comes later, unless there is no point in it.
    fn failed_look(&mut self, calls: &[usize], error: Error) {
        if !is_final(&error) {
            self.last_failure = Some(error);
            return;
        }
        // One answer for all: each call's instances get the same error in words.
        for call in calls {
            let accepted = self.calls[*call].accepted;
            if is_unlisted(&error) && accepted.is_some_and(|at| at.elapsed() < UNLISTED) {
                continue;
            }
            let told = Error::new(error.kind(), error.message())
                .with_code(error.code().map(str::to_owned))
                .with_detail(error.detail().cloned())
                .with_request_id(error.request_id().map(str::to_owned))
                .with_may_have_run(true);
            let told = match error.operation() {
                Some(operation) => told.during(operation),
                None => told,
            };
            self.fail_call(*call, told);
        }
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
            Err(error) if error.code() == Some("ResponseSizeLimitExceeded") && self.page > 1 => {
                self.page = (self.page / 2).max(1);
            }
            Err(error) => {
                let mut calls: Vec<usize> =
                    slots.iter().map(|slot| self.slots[*slot as usize].call as usize).collect();
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
        if later {
            self.next_look = self.next_look.max(Instant::now() + self.pause);
        }
    }

    pub(super) fn paged(&mut self, call: usize, result: Result<Fetched, Error>) {
        let mut news = false;
        match result {
            Ok(tasks) => {
                for task in tasks {
                    news |= self.ended(task);
                }
            }
            Err(error) if error.code() == Some("ResponseSizeLimitExceeded") && self.page > 1 => {
                self.page = (self.page / 2).max(1);
            }
            Err(error) => self.failed_look(&[call], error),
        }
        self.round_ended(news);
    }

    /// Takes note of a task with its output; true if that is news.
    fn ended(&mut self, task: InvocationTask) -> bool {
        let Some(slot) = task.instance_id.as_deref().and_then(|id| self.slot(id)) else {
            return false;
        };
        let entry = &self.slots[slot as usize];
        let invocation = self.calls[entry.call as usize].invocation.clone();
        let (State::Open | State::Over, Some(invocation)) = (entry.state, invocation) else {
            return false;
        };
        if task.invocation_id.as_deref() != Some(&*invocation) {
            return false;
        }
        let (task_id, status) = (task.invocation_task_id.clone(), task.task_status.clone());
        match (result_of(slot, &entry.id, &invocation, task), status) {
            (Some(result), _) => {
                self.end(slot);
                self.events.push_back(Event::Finished(result));
                true
            }
            (None, Some(status)) => self.status(slot, status, task_id),
            (None, None) => false,
        }
    }
}
