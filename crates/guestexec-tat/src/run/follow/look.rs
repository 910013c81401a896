//! The calls that read: statuses, and tasks with their output.

use std::{collections::HashSet, sync::Arc, time::Duration};

use guestexec_core::ErrorKind;
use reqwest::StatusCode;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{
    Call, Closing, Done, Follow, GRACE, LOOK, MISSED, PAGE, PATIENCE, POLL, STRANGE, State,
    UNLISTED,
    odd::{Told, plain},
};
use crate::{
    Client, Error,
    enums::{ErrorCode, InvocationStatus, TaskStatus},
    run::command::LONGEST_TIMEOUT,
    types::{
        DescribeInvocationTasksRequest, DescribeInvocationsRequest, Filter, Invocation,
        InvocationTask, builder::DescribeInvocationTasksRequest as TasksBuilder,
    },
};

/// The member that lists tasks.
const TASKS: &str = "InvocationTaskSet";

/// Most tasks listed of an invocation, which has 200 at most.
const MOST_TASKS: u64 = 10_000;

/// What DescribeInvocations says, without the scripts in it.
pub(in crate::run) struct Looked {
    all: Vec<Seen>,
    /// Whether it lists something that is no invocation.
    odd: bool,
}

/// Tasks with their output, and what stands in the place of tasks.
pub(in crate::run) struct Fetched {
    tasks: Vec<InvocationTask>,
    odd: Vec<Value>,
}

/// An invocation, and what is known of its tasks.
pub(in crate::run) struct Seen {
    id: Option<String>,
    /// How long its command may take, in seconds.
    timeout: u64,
    /// Whether the service calls it over.
    over: bool,
    tasks: Vec<Told>,
    /// What it lists that is no task.
    odd: Vec<Value>,
}

impl From<Invocation> for Seen {
    fn from(invocation: Invocation) -> Self {
        use InvocationStatus::{
            Cancelled, Failed, PartialCancelled, PartialFailed, Success, Timeout,
        };
        let odd = invocation.extra.odd_elements("InvocationTaskBasicInfoSet");
        Self {
            odd: odd.into_iter().cloned().collect(),
            id: invocation.invocation_id,
            timeout: invocation.timeout.unwrap_or(LONGEST_TIMEOUT).min(LONGEST_TIMEOUT),
            over: matches!(
                invocation.invocation_status,
                Some(Success | Failed | Timeout | Cancelled | PartialFailed | PartialCancelled)
            ),
            tasks: invocation.invocation_task_basic_info_set.into_iter().map(Told::from).collect(),
        }
    }
}

impl Seen {
    /// Whether it tells of instances, and of each by name.
    fn is_whole(&self) -> bool {
        let is_named = self.tasks.iter().all(|told| told.instance.is_some());
        !self.tasks.is_empty() && is_named && self.odd.is_empty()
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
        if seen.tasks.iter().any(|told| told.instance.is_some()) {
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
    let mut known = HashSet::new();
    let ids = seen.tasks.into_iter().filter_map(|told| told.instance);
    // One that is listed twice has one end.
    let ids: Vec<String> = ids.filter(|id| known.insert(id.clone())).collect();
    let slots = (0..).take(ids.len()).collect();
    let call = Call { invocation: Some(id.into()), ..Call::of(slots) };
    let wait = Duration::from_secs(seen.timeout) + GRACE;
    let mut follow = Follow::with(client, None, ids, vec![call], Some(wait));
    follow.next_look = Instant::now();
    Ok(follow)
}

/// An invocation with its instances, as far as either action tells them.
async fn listed(client: &Client, id: &str) -> Result<Seen, Error> {
    match looked(client.clone(), vec![id.to_owned()]).await {
        Ok(Looked { all, odd }) => {
            // Only one was asked for.
            let is_it = |seen: &Seen| seen.id.as_deref().is_none_or(|other| other == id);
            match all.into_iter().find(is_it) {
                Some(seen) if seen.is_whole() => return Ok(seen),
                Some(_) => {}
                None if odd => {}
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
    Ok(Looked {
        all: answer.invocation_set.into_iter().map(Seen::from).collect(),
        odd: !answer.extra.odd_elements("InvocationSet").is_empty(),
    })
}

/// Some tasks with their output.
async fn fetched(client: Client, ids: Vec<String>) -> Result<Fetched, Error> {
    let request =
        DescribeInvocationTasksRequest::builder().limit(ids.len() as u64).invocation_task_ids(ids);
    with_output(client, request).await
}

/// The task of an instance with its output, where its id is not known.
async fn fetched_on(
    client: Client,
    invocation: Option<Arc<str>>,
    instance: String,
) -> Result<Fetched, Error> {
    let invocation = invocation.iter().map(|id| by("invocation-id", id));
    let filters = invocation.chain([by("instance-id", &instance)]).collect::<Vec<_>>();
    with_output(client, DescribeInvocationTasksRequest::builder().filters(filters)).await
}

async fn with_output(client: Client, request: TasksBuilder) -> Result<Fetched, Error> {
    // The service hides the output unless told not to.
    let request = request.hide_output(false);
    let answer = client.describe_invocation_tasks().body(request).send().await?.into_inner();
    let odd = answer.response.extra.odd_elements(TASKS).into_iter().cloned().collect();
    let tasks = answer.response.invocation_task_set.into_iter().map(plain).collect();
    Ok(Fetched { tasks, odd })
}

fn by(name: &str, value: &str) -> Filter {
    Filter { name: name.to_owned(), values: vec![value.to_owned()] }
}

/// The statuses of all tasks of an invocation, by pages of at most so many that the service can send
/// them.
async fn paged(client: Client, invocation: Arc<str>, mut page: usize) -> Result<Seen, Error> {
    let mut tasks = Vec::new();
    let mut timeout = None;
    let mut listed = 0;
    let mut odd = Vec::new();
    loop {
        let request = DescribeInvocationTasksRequest::builder()
            .filters(vec![by("invocation-id", &invocation)])
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
        let is_list = answer.extra.get(TASKS).is_none_or(Value::is_array);
        let strange = answer.extra.odd_elements(TASKS);
        let came = (answer.invocation_task_set.len() + strange.len()) as u64;
        odd.extend(strange.into_iter().cloned());
        listed += came;
        for task in answer.invocation_task_set {
            let document = task.command_document.as_ref();
            timeout = timeout.or(document.and_then(|document| document.timeout));
            if plain(task.clone()).invocation_id.is_none_or(|id| id == *invocation) {
                tasks.push(Told::from(task));
            }
        }
        // A service that lists tasks without end has none of them be new.
        let whole = answer.total_count.map_or(came < page as u64, |total| listed >= total);
        if came == 0 || !is_list || whole || listed > MOST_TASKS {
            return Ok(Seen {
                id: Some(invocation.to_string()),
                timeout: timeout.unwrap_or(LONGEST_TIMEOUT).min(LONGEST_TIMEOUT),
                over: false,
                tasks,
                odd,
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
    // Within HTTP 200 it is the service's own, even if its code cannot be read.
    !error.is_retryable() && (error.code().is_some() || error.status() == Some(StatusCode::OK))
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
        let has_id = |slot: &u32| {
            let entry = &self.slots[*slot as usize];
            entry.task_id.is_some() && entry.missed < MISSED
        };
        let (named, unnamed): (Vec<u32>, Vec<u32>) = slots.into_iter().partition(has_id);
        for slot in unnamed {
            let entry = &self.slots[slot as usize];
            let invocation = self.calls[entry.call as usize].invocation.clone();
            let fetching = fetched_on(self.client.clone(), invocation, entry.id.clone());
            self.work.push(Box::pin(async move { Done::Fetched(vec![slot], fetching.await) }));
            self.fetching += 1;
        }
        if named.is_empty() {
            return;
        }
        let ids = named.iter().filter_map(|slot| self.slots[*slot as usize].task_id.clone());
        let fetching = fetched(self.client.clone(), ids.collect());
        self.work.push(Box::pin(async move { Done::Fetched(named, fetching.await) }));
        self.fetching += 1;
    }

    /// If this was the last look, another is needed, because it was not made in the right way.
    pub(super) fn once_more(&mut self) {
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
            Ok(Looked { all, mut odd }) => {
                self.strange[0] = None;
                let mut untold = calls.clone();
                for seen in all {
                    match self.call_of(&calls, &seen) {
                        Some(call) => {
                            untold.retain(|other| *other != call);
                            news |= self.seen(call, seen);
                        }
                        None => odd = true,
                    }
                }
                // What this action does not tell in a way to be read, the other may.
                for call in untold.into_iter().filter(|_| odd) {
                    if let Some(invocation) = self.calls[call].invocation.clone() {
                        self.turn_pages(call, invocation);
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
            Err(error) => self.failed_look(&calls, 0, error),
        }
        self.round_ended(news);
    }

    /// The call whose invocation is told of: by its id, or by a task of it.
    fn call_of(&self, calls: &[usize], seen: &Seen) -> Option<usize> {
        let mut calls = calls.iter().copied();
        match &seen.id {
            Some(id) => calls.find(|call| self.calls[*call].invocation.as_deref() == Some(&**id)),
            None => {
                calls.find(|call| seen.tasks.iter().any(|told| self.slot_of(*call, told).is_some()))
            }
        }
    }

    /// Takes note of what DescribeInvocations says of an invocation; true if there is news.
    fn seen(&mut self, call: usize, seen: Seen) -> bool {
        self.calls[call].over |= seen.over;
        let (over, odd) = (seen.over, !seen.odd.is_empty());
        let (news, incomplete) = self.statuses(call, seen);
        // Over, and yet there are instances of which nothing is said: ask for their tasks.
        let unsaid =
            |slot: &u32| self.is_open(*slot) && self.slots[*slot as usize].status.is_none();
        if ((over && self.calls[call].slots.iter().any(unsaid)) || incomplete || odd)
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
        let mut unsaid = self.calls[call].slots.clone();
        let mut unplaced = Vec::new();
        for told in seen.tasks {
            match self.slot_of(call, &told) {
                Some(slot) => {
                    unsaid.retain(|other| *other != slot);
                    self.tell(slot, told, &mut news, &mut incomplete);
                }
                None => unplaced.push(told),
            }
        }
        // What is left for the only one that is left.
        match (&unsaid[..], unplaced.len()) {
            ([slot], 1) => {
                for told in unplaced {
                    self.tell(*slot, told, &mut news, &mut incomplete);
                }
            }
            (unsaid, unplaced) => incomplete |= unplaced > 0 && !unsaid.is_empty(),
        }
        (news, incomplete)
    }

    /// Takes note of what is told of one instance.
    fn tell(&mut self, slot: u32, told: Told, news: &mut bool, incomplete: &mut bool) {
        let entry = &mut self.slots[slot as usize];
        let over = told.over || self.calls[entry.call as usize].over;
        match told.status {
            // A status of tomorrow, but for an invocation that is over, counts as under way.
            Some(status) if !(over && matches!(status, TaskStatus::Unlisted(_))) => {
                *news |= self.status(slot, status, told.task_id);
            }
            _ => {
                entry.task_id = told.task_id.or(entry.task_id.take());
                if over && entry.state == State::Open {
                    // How it ended is to be seen with its output.
                    entry.state = State::Over;
                    self.over.push(slot);
                    *news = true;
                } else {
                    *incomplete = true;
                }
            }
        }
    }

    /// A look that failed: the next comes later, unless there is no point in it.
    fn failed_look(&mut self, calls: &[usize], action: usize, error: Error) {
        // What is no answer of the service comes from something in between, which may go away.
        let is_strange = error.kind() == ErrorKind::Protocol;
        let since = is_strange.then(|| *self.strange[action].get_or_insert_with(Instant::now));
        let is_refused = is_refusal(&error) && !is_strange;
        if !is_refused && since.is_none_or(|since| since.elapsed() < STRANGE) {
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
            self.fail_call(*call, error.retold().with_may_have_run(true));
        }
        self.last_failure = Some(error);
    }

    pub(super) fn fetched(&mut self, slots: Vec<u32>, result: Result<Fetched, Error>) {
        self.fetching -= 1;
        let mut later = false;
        match result {
            Ok(Fetched { tasks, odd }) => {
                self.strange[1] = None;
                self.take(&slots, tasks, odd);
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
                self.failed_look(&calls, 1, error);
                later = true;
            }
        }
        // What did not come is looked at again.
        for slot in slots {
            let entry = &mut self.slots[slot as usize];
            if entry.state == State::Over {
                entry.state = State::Open;
                entry.missed = entry.missed.saturating_add(1);
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
            Ok(seen) => {
                self.strange[0] = None;
                let odd = seen.odd.clone();
                let (some, incomplete) = self.statuses(call, seen);
                news = some;
                // Over, and neither action tells of it in a way to be read.
                if self.calls[call].over && (incomplete || !odd.is_empty()) {
                    let unsaid = |slot: &u32| {
                        self.is_open(*slot) && self.slots[*slot as usize].status.is_none()
                    };
                    let slots = self.calls[call].slots.iter().copied();
                    for slot in slots.filter(unsaid).collect::<Vec<_>>() {
                        self.unreadable(slot, "its task", Value::Array(odd.clone()), None);
                    }
                }
            }
            Err(error) => self.failed_look(&[call], 0, error),
        }
        self.round_ended(news);
    }
}
