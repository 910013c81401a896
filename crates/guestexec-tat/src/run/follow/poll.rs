//! The calls that read: polls, and tasks with their output.

use std::{collections::HashSet, sync::Arc, time::Duration};

use guestexec_core::{ErrorKind, telemetry};
use reqwest::StatusCode;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use tracing::Instrument as _;

use super::{Done, Follow, GRACE};
use crate::{
    Client, Error, Operation,
    builder::DescribeInvocationTasks,
    enums::ErrorCode,
    operations::{DESCRIBE_INVOCATION_TASKS, DESCRIBE_INVOCATIONS},
    run::{
        command::LONGEST_TIMEOUT,
        pace::{PAGE, PAUSE, Read},
        report::{InvocationReport, TaskReport, readable_names},
        roster::{Agents, Roster},
    },
    types::{DescribeInvocationTasksRequest, Filter, InvocationTask},
};

/// The member that lists tasks.
const TASKS: &str = "InvocationTaskSet";
/// Most tasks listed of an invocation, which has 200 at most.
const MOST_TASKS: u64 = 10_000;
/// How long the service may refuse to know an invocation that it has just started.
const UNLISTED: Duration = Duration::from_secs(30);

/// The answer of DescribeInvocations.
pub(super) struct Polled {
    reports: Vec<InvocationReport>,
    /// Whether something that is no invocation stands in the place of one.
    unreadable: bool,
}

/// Tasks with their output, and what stands in the place of tasks.
pub(super) struct Fetched {
    tasks: Vec<InvocationTask>,
    unreadable: Vec<Value>,
}

/// Follows an invocation that was started earlier.
///
/// An invocation that was started just now may be listed without its instances, which are waited for.
pub(in crate::run) async fn attach(client: &Client, id: String) -> Result<Follow, Error> {
    let span = telemetry::command_span("tat");
    telemetry::record(&span, telemetry::INVOCATION, &id);
    let begin = Instant::now();
    let mut pause = PAUSE.0;
    let report = loop {
        let report = listed(client, &id).instrument(span.clone()).await?;
        if report.tasks.iter().any(|task| task.instance.is_some()) {
            break report;
        }
        if begin.elapsed() + pause > UNLISTED {
            return Err(not_listed("instance of", &id, &DESCRIBE_INVOCATION_TASKS));
        }
        sleep(pause).await;
        pause = (pause * 3 / 2).min(PAUSE.1);
    };
    let mut known = HashSet::new();
    let ids = report.tasks.into_iter().filter_map(|task| task.instance);
    // An instance may be listed twice.
    let ids: Vec<String> = ids.filter(|id| known.insert(id.clone())).collect();
    let wait = Duration::from_secs(report.timeout) + GRACE;
    telemetry::record_instances(&span, ids.iter().map(String::as_str));
    let mut follow = Follow::with(client, None, Roster::attached(id, ids), wait, span);
    follow.pacer.next_poll = Instant::now();
    Ok(follow)
}

/// An invocation with its instances, as far as either action lists them.
async fn listed(client: &Client, id: &str) -> Result<InvocationReport, Error> {
    match poll(client.clone(), vec![id.to_owned()]).await {
        Ok(Polled { reports, unreadable }) => {
            // One without an id is the one that was asked for.
            let is_it =
                |report: &InvocationReport| report.id.as_deref().is_none_or(|other| other == id);
            match reports.into_iter().find(is_it) {
                Some(report) if report.is_whole() => return Ok(report),
                Some(_) => {}
                None if unreadable => {}
                None => return Err(not_listed("invocation", id, &DESCRIBE_INVOCATIONS)),
            }
        }
        // Not everyone who may run commands may also list invocations.
        Err(error) if error.kind() == ErrorKind::Forbidden => {}
        Err(error) => return Err(error),
    }
    list(client.clone(), id.into(), PAGE).await
}

fn not_listed(what: &str, id: &str, operation: &Operation) -> Error {
    let message = format!("the service lists no {what} {id}: check the id and the region");
    Error::new(ErrorKind::NotFound, message).during(operation.id)
}

/// The statuses of all tasks of some invocations.
async fn poll(client: Client, ids: Vec<String>) -> Result<Polled, Error> {
    let call = client.describe_invocations().limit(ids.len() as u64).invocation_ids(ids);
    let answer = call.send().await?.into_inner();
    Ok(Polled {
        reports: answer.invocation_set.into_iter().map(Into::into).collect(),
        unreadable: !answer.extra.odd_elements("InvocationSet").is_empty(),
    })
}

/// Tasks with their output.
async fn fetch(client: Client, request: DescribeInvocationTasksRequest) -> Result<Fetched, Error> {
    // The service hides the output unless told not to.
    let request = request.hide_output(false);
    let call = DescribeInvocationTasks::with_body(&client, request);
    let answer = call.send().await?.into_inner();
    let unreadable = answer.extra.odd_elements(TASKS).into_iter().cloned().collect();
    let tasks = answer.invocation_task_set.into_iter().map(readable_names).collect();
    Ok(Fetched { tasks, unreadable })
}

/// The statuses of all tasks of an invocation, in pages that shrink where they are too large to send.
async fn list(
    client: Client,
    invocation: Arc<str>,
    mut page: usize,
) -> Result<InvocationReport, Error> {
    let mut tasks = Vec::new();
    let mut timeout = None;
    let mut listed = 0;
    let mut unreadable = Vec::new();
    loop {
        let call = client
            .describe_invocation_tasks()
            .filters([Filter::new("invocation-id", [&*invocation])])
            .limit(page as u64)
            .offset(listed)
            .hide_output(true);
        let answer = match call.send().await {
            Ok(answer) => answer.into_inner(),
            Err(error) if is_too_large(&error) && page > 1 => {
                page /= 2;
                continue;
            }
            Err(error) => return Err(error),
        };
        let is_list = answer.extra.get(TASKS).is_none_or(Value::is_array);
        let odd = answer.extra.odd_elements(TASKS);
        let came = (answer.invocation_task_set.len() + odd.len()) as u64;
        unreadable.extend(odd.into_iter().cloned());
        listed += came;
        for task in answer.invocation_task_set {
            let document = task.command_document.as_ref();
            timeout = timeout.or(document.and_then(|document| document.timeout));
            if readable_names(task.clone()).invocation_id.is_none_or(|id| id == *invocation) {
                tasks.push(TaskReport::from(task));
            }
        }
        // A service may list the same tasks without end.
        let whole = answer.total_count.map_or(came < page as u64, |total| listed >= total);
        if came == 0 || !is_list || whole || listed > MOST_TASKS {
            return Ok(InvocationReport {
                id: Some(invocation.to_string()),
                timeout: timeout.unwrap_or(LONGEST_TIMEOUT).min(LONGEST_TIMEOUT),
                over: false,
                tasks,
                unreadable,
            });
        }
    }
}

/// Whether an answer was too large for the service to send.
fn is_too_large(error: &Error) -> bool {
    error.code() == Some("ResponseSizeLimitExceeded")
}

/// Whether the service refused, so that a retry is of no use.
fn is_refusal(error: &Error) -> bool {
    // An error in an HTTP 200 is the service's, even if its code cannot be read.
    !error.is_retryable() && (error.code().is_some() || error.status() == Some(StatusCode::OK))
}

/// Whether the service knows no such invocation.
fn is_unlisted(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound
        || error.detail() == Some(&ErrorCode::InvalidParameterValueInvalidInvocationId)
}

/// The states of some instances' agents.
pub(super) async fn agents(client: Client, ids: Vec<String>) -> Result<Agents, Error> {
    let mut agents = Agents::with_capacity(ids.len());
    for page in ids.chunks(PAGE) {
        let call = client.describe_automation_agent_status();
        let call = call.instance_ids(page).limit(page.len() as u64);
        let set = call.send().await?.into_inner().automation_agent_set.into_iter();
        agents.extend(set.filter_map(|agent| {
            Some((agent.instance_id?, (agent.agent_status, agent.environment)))
        }));
    }
    Ok(agents)
}

impl Follow {
    /// Makes the calls that read whose time has come.
    pub(super) fn make_reads(&mut self, now: Instant) {
        if self.pacer.begin_round(now) {
            let calls = self.roster.to_poll();
            if self.lists_tasks {
                calls.into_iter().for_each(|call| self.list_tasks(call));
            } else {
                calls.chunks(self.pacer.batch).for_each(|batch| self.poll_batch(batch.to_vec()));
            }
        }
        while let Some(count) = self.pacer.next_page(self.roster.waiting()) {
            let (by_id, by_instance) = self.roster.next_fetch(count);
            for slot in by_instance {
                let invocation = self.roster.invocation_of(slot);
                let filters =
                    invocation.map(|id| Filter::new("invocation-id", [&**id])).into_iter();
                let filters = filters.chain([Filter::new("instance-id", [self.roster.id(slot)])]);
                let request = DescribeInvocationTasksRequest::new();
                self.fetch(vec![slot], request.filters(filters.collect::<Vec<_>>()));
            }
            if !by_id.is_empty() {
                let ids = by_id.iter().filter_map(|slot| self.roster.task_id(*slot).cloned());
                let ids: Vec<String> = ids.collect();
                let request = DescribeInvocationTasksRequest::new().limit(ids.len() as u64);
                self.fetch(by_id, request.invocation_task_ids(ids));
            }
        }
    }

    fn read(&mut self, kind: Read, call: impl Future<Output = Done> + Send + 'static) {
        self.push(Box::pin(call));
        self.pacer.sent(kind);
    }

    fn fetch(&mut self, slots: Vec<usize>, request: DescribeInvocationTasksRequest) {
        let fetching = fetch(self.client.clone(), request);
        self.read(Read::Fetch, async move { Done::Fetched(slots, fetching.await) });
    }

    fn poll_batch(&mut self, calls: Vec<usize>) {
        let ids = calls.iter().filter_map(|call| self.roster.invocation(*call));
        let polling = poll(self.client.clone(), ids.map(ToString::to_string).collect());
        self.read(Read::Poll, async move { Done::Polled(calls, polling.await) });
    }

    fn list_tasks(&mut self, call: usize) {
        let Some(invocation) = self.roster.invocation(call).cloned() else { return };
        let listing = list(self.client.clone(), invocation, self.pacer.page);
        self.read(Read::Poll, async move { Done::Listed(call, listing.await) });
    }

    pub(super) fn polled(&mut self, calls: Vec<usize>, result: Result<Polled, Error>) {
        let mut news = false;
        match result {
            Ok(Polled { reports, mut unreadable }) => {
                self.pacer.readable(Read::Poll);
                let mut unreported = calls.clone();
                for report in reports {
                    let Some(call) = self.roster.reported(&calls, &report) else {
                        unreadable = true;
                        continue;
                    };
                    unreported.retain(|other| *other != call);
                    let (is_news, incomplete) = self.roster.polled(call, report);
                    news |= is_news;
                    if incomplete {
                        self.list_tasks(call);
                    }
                }
                // The other action may tell in a readable way what this one does not.
                if unreadable {
                    unreported.into_iter().for_each(|call| self.list_tasks(call));
                }
            }
            // Not everyone who may run commands may also list invocations.
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                self.lists_tasks = true;
                self.last_failure = Some(error);
                news = true;
                self.pacer.poll_again();
            }
            // A failure of one invocation must not end the others.
            Err(error) if calls.len() > 1 && is_refusal(&error) => {
                self.pacer.shrink_batch(calls.len());
                self.last_failure = Some(error);
                news = true;
            }
            Err(error) => self.read_failed(&calls, Read::Poll, error),
        }
        self.pacer.polled(Instant::now(), news);
    }

    pub(super) fn listed(&mut self, call: usize, result: Result<InvocationReport, Error>) {
        let mut news = false;
        match result {
            Ok(report) => {
                self.pacer.readable(Read::Poll);
                news = self.roster.listed(call, report);
            }
            Err(error) => self.read_failed(&[call], Read::Poll, error),
        }
        self.pacer.polled(Instant::now(), news);
    }

    pub(super) fn fetched(&mut self, slots: Vec<usize>, result: Result<Fetched, Error>) {
        let mut again = false;
        match result {
            Ok(Fetched { tasks, unreadable }) => {
                self.pacer.readable(Read::Fetch);
                if !self.roster.fetched(&slots, tasks, unreadable) {
                    self.pacer.shrink_page(slots.len());
                }
            }
            Err(error) if is_too_large(&error) && slots.len() > 1 => {
                self.pacer.shrink_page(slots.len());
            }
            Err(error) => {
                self.read_failed(&self.roster.calls_of(&slots), Read::Fetch, error);
                again = true;
            }
        }
        again |= self.roster.reopen(&slots);
        self.pacer.fetched(Instant::now(), again);
    }

    /// A call that reads failed: it is made again later, unless that is of no use.
    fn read_failed(&mut self, calls: &[usize], kind: Read, error: Error) {
        let now = Instant::now();
        // An unreadable answer comes from something in between, which may go away.
        let is_final = match error.kind() {
            ErrorKind::Protocol => self.pacer.is_unreadable(kind, now),
            _ => is_refusal(&error),
        };
        if let Some(wait) = error.retry_after() {
            self.pacer.hold(now + wait);
        }
        if is_final {
            self.pacer.refused = true;
            for call in calls {
                if !(is_unlisted(&error) && self.roster.is_new(*call, UNLISTED, now)) {
                    self.roster.fail(*call, error.clone().with_may_have_run(true));
                }
            }
        }
        self.last_failure = Some(error);
    }
}
