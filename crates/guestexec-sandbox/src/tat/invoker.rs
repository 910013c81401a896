//! Invokers: saved commands that run at set times.

mod schedule;

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
    time::Duration,
};

use guestexec_tat::types::{
    CreateInvokerRequest, DeleteInvokerRequest, DescribeInvokerRecordsRequest,
    DescribeInvokersRequest, DisableInvokerRequest, EnableInvokerRequest, Filter,
    ModifyInvokerRequest, Tag,
};
use serde_json::{Value, json};
use tokio::{sync::watch, time::sleep};

use self::schedule::Schedule;
use super::{
    State, Tat,
    error::{ActionResult, ApiError},
    invocation::{Invocation, Source},
    page::{self, page},
    tags,
};
use crate::{clock, random};

/// Invokers that the sandbox keeps; the service's own limit is not documented.
const MAX_INVOKERS: usize = 1000;
/// Records that the sandbox keeps, the newest.
const MAX_RECORDS: usize = 10_000;
/// Most that the schedules' clock is moved at once.
const LONGEST_SKIP: Duration = Duration::from_secs(31 * 86_400);

/// All invokers, and what they have started.
#[derive(Debug, Default)]
pub(super) struct Invokers {
    all: Vec<Invoker>,
    /// The oldest first.
    records: VecDeque<Record>,
}

#[derive(Debug)]
struct Invoker {
    id: String,
    settings: Settings,
    enabled: bool,
    /// When it starts its command next.
    next: Option<i64>,
    created: i64,
    updated: i64,
    /// Tells the task that waits for the next time that there may be another one.
    changed: watch::Sender<()>,
}

/// What a request sets.
#[derive(Clone, Debug)]
struct Settings {
    region: String,
    name: String,
    command: String,
    instances: Vec<String>,
    username: Option<String>,
    parameters: Option<String>,
    schedule: Schedule,
    tags: Vec<Tag>,
}

/// A time at which an invoker was due.
#[derive(Debug)]
struct Record {
    invoker: String,
    time: i64,
    /// What it started, or why it could not.
    started: Result<Arc<Invocation>, String>,
}

impl Invoker {
    fn to_json(&self) -> Value {
        let Settings { name, command, instances, username, parameters, schedule, tags, .. } =
            &self.settings;
        let time = |seconds| clock::iso8601(seconds, "Z");
        json!({
            "InvokerId": self.id,
            "Name": name,
            "Type": "SCHEDULE",
            "CommandId": command,
            "Username": username.as_deref().unwrap_or_default(),
            "Parameters": parameters.as_deref().unwrap_or_default(),
            "InstanceIds": instances,
            "Enable": self.enabled,
            "ScheduleSettings": schedule.to_json(self.next.map(time)),
            "CreatedTime": time(self.created),
            "UpdatedTime": time(self.updated),
            "Tags": tags::to_json(tags),
        })
    }

    fn matches(&self, filter: &Filter) -> bool {
        let is = match filter.name.as_str() {
            "invoker-id" => &self.id,
            "command-id" => &self.settings.command,
            _ => "SCHEDULE",
        };
        filter.values.iter().any(|value| value == is)
    }
}

impl Record {
    fn to_json(&self) -> Value {
        let (reason, id, result) = match &self.started {
            Ok(invocation) => {
                ("start an invocation at scheduled time.", &*invocation.id, invocation.status())
            }
            Err(reason) => (&**reason, "", "FAILED"),
        };
        json!({
            "InvokerId": self.invoker,
            "InvokeTime": clock::iso8601(self.time, "Z"),
            "Reason": reason,
            "InvocationId": id,
            "Result": result,
        })
    }
}

impl Invokers {
    /// Whether an invoker starts this command, be it enabled or not.
    pub(super) fn use_command(&self, id: &str) -> bool {
        self.all.iter().any(|invoker| invoker.settings.command == id)
    }

    fn position(&self, id: &str) -> Result<usize, ApiError> {
        check_id("InvokerId", id)?;
        self.all.iter().position(|invoker| invoker.id == id).ok_or_else(|| {
            ApiError::new("ResourceNotFound", "There is no invoker with this `InvokerId`.")
        })
    }

    fn get(&mut self, id: &str) -> Result<&mut Invoker, ApiError> {
        let position = self.position(id)?;
        Ok(&mut self.all[position])
    }

    fn record(&mut self, record: Record) {
        if self.records.len() == MAX_RECORDS {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }
}

fn check_id(member: &str, id: &str) -> Result<(), ApiError> {
    if id.starts_with("ivk-") {
        return Ok(());
    }
    Err(ApiError::new(
        "InvalidParameterValue.InvalidInvokerId",
        format!("`{member}` is not of the form `ivk-…`."),
    ))
}

impl Tat {
    /// The time of the schedules, in seconds since 1970.
    fn scheduled_now(&self) -> i64 {
        clock::now().saturating_add(*self.skipped.borrow())
    }

    /// Moves the clock of the schedules forward, and wakes what waits for it.
    pub(super) fn skip(&self, time: Duration) {
        let seconds = i64::try_from(time.min(LONGEST_SKIP).as_secs()).unwrap_or(i64::MAX);
        self.skipped.send_modify(|skipped| *skipped = skipped.saturating_add(seconds));
    }

    pub(super) fn create_invoker(
        self: &Arc<Self>,
        region: &str,
        request: CreateInvokerRequest,
    ) -> ActionResult {
        let now = self.scheduled_now();
        let schedule = request.schedule_settings.ok_or_else(|| {
            ApiError::new(
                "InvalidParameter",
                "`ScheduleSettings` has to be given for the type SCHEDULE.",
            )
        })?;
        let settings = Settings {
            region: region.to_owned(),
            name: request.name,
            command: request.command_id,
            instances: request.instance_ids,
            username: request.username,
            parameters: request.parameters,
            schedule: Schedule::read(schedule, now)?,
            tags: request.tags,
        };
        self.check_command(&settings)?;
        self.check_targets(&settings)?;
        let id = random::short_id("ivk-");
        let (changed, changes) = watch::channel(());
        let mut state = self.state();
        if state.invokers.all.len() >= MAX_INVOKERS {
            return Err(ApiError::new(
                "LimitExceeded",
                format!("The sandbox keeps {MAX_INVOKERS} invokers at most; delete some."),
            ));
        }
        state.invokers.all.push(Invoker {
            id: id.clone(),
            next: settings.schedule.next(now),
            settings,
            enabled: true,
            created: now,
            updated: now,
            changed,
        });
        drop(state);
        let skips = self.skipped.subscribe();
        self.tasks.spawn(keep(Arc::downgrade(self), id.clone(), changes, skips));
        Ok(json!({ "InvokerId": id }))
    }

    /// Refuses a command that there is not, and parameters that it does not take.
    fn check_command(&self, settings: &Settings) -> Result<(), ApiError> {
        let state = self.state();
        let command = state.command(&settings.command)?;
        command.values(settings.parameters.as_deref()).map(drop)
    }

    /// Refuses instances that cannot run the command.
    fn check_targets(&self, settings: &Settings) -> Result<(), ApiError> {
        let kind = self.state().command(&settings.command)?.kind.clone();
        self.targets(&settings.region, &settings.instances, &kind).map(drop)
    }

    pub(super) fn modify_invoker(&self, request: ModifyInvokerRequest) -> ActionResult {
        let id = request.invoker_id;
        let old = self.state().invokers.get(&id)?.settings.clone();
        let runs_elsewhere = request.command_id.is_some() || !request.instance_ids.is_empty();
        let now = self.scheduled_now();
        let rescheduled = request.schedule_settings.is_some();
        let schedule = match request.schedule_settings {
            Some(settings) => Schedule::read(settings, now)?,
            None => old.schedule,
        };
        let given = request.instance_ids;
        let settings = Settings {
            name: request.name.unwrap_or(old.name),
            command: request.command_id.unwrap_or(old.command),
            instances: if given.is_empty() { old.instances } else { given },
            username: request.username.or(old.username),
            parameters: request.parameters.or(old.parameters),
            schedule,
            ..old
        };
        self.check_command(&settings)?;
        if runs_elsewhere {
            self.check_targets(&settings)?;
        }
        let mut state = self.state();
        let invoker = state.invokers.get(&id)?;
        if rescheduled && invoker.enabled {
            invoker.next = settings.schedule.next(now);
        }
        invoker.settings = settings;
        invoker.updated = now;
        invoker.changed.send_replace(());
        Ok(json!({}))
    }

    pub(super) fn enable_invoker(&self, request: &EnableInvokerRequest) -> ActionResult {
        self.set_enabled(&request.invoker_id, true)
    }

    pub(super) fn disable_invoker(&self, request: &DisableInvokerRequest) -> ActionResult {
        self.set_enabled(&request.invoker_id, false)
    }

    fn set_enabled(&self, id: &str, enabled: bool) -> ActionResult {
        let now = self.scheduled_now();
        let mut state = self.state();
        let invoker = state.invokers.get(id)?;
        if invoker.enabled != enabled {
            invoker.enabled = enabled;
            invoker.next = if enabled { invoker.settings.schedule.next(now) } else { None };
            invoker.updated = now;
            invoker.changed.send_replace(());
        }
        Ok(json!({}))
    }

    pub(super) fn delete_invoker(&self, request: &DeleteInvokerRequest) -> ActionResult {
        let mut state = self.state();
        let position = state.invokers.position(&request.invoker_id)?;
        // With it goes the sender that its task waits for.
        state.invokers.all.remove(position);
        Ok(json!({}))
    }

    pub(super) fn describe_invokers(&self, request: &DescribeInvokersRequest) -> ActionResult {
        page::check(&request.filters, &["invoker-id", "command-id", "invoker-type"])?;
        request.invoker_ids.iter().try_for_each(|id| check_id("InvokerIds", id))?;
        let state = self.state();
        let mut found = Vec::new();
        for invoker in &state.invokers.all {
            let ids = &request.invoker_ids;
            let listed = ids.is_empty() || ids.contains(&invoker.id);
            if listed && request.filters.iter().all(|filter| invoker.matches(filter)) {
                found.push(invoker);
            }
        }
        let (total, page) = page(&found, request.limit, request.offset);
        let set: Vec<Value> = page.iter().map(|invoker| invoker.to_json()).collect();
        Ok(json!({ "TotalCount": total, "InvokerSet": set }))
    }

    pub(super) fn describe_invoker_records(
        &self,
        request: &DescribeInvokerRecordsRequest,
    ) -> ActionResult {
        request.invoker_ids.iter().try_for_each(|id| check_id("InvokerIds", id))?;
        let state = self.state();
        let ids = &request.invoker_ids;
        let asked = |record: &&Record| ids.is_empty() || ids.contains(&record.invoker);
        let found: Vec<&Record> = state.invokers.records.iter().rev().filter(asked).collect();
        let (total, page) = page(&found, request.limit, request.offset);
        let set: Vec<Value> = page.iter().map(|record| record.to_json()).collect();
        Ok(json!({ "TotalCount": total, "InvokerRecordSet": set }))
    }

    /// Starts the command of an invoker that is due at this time, unless it was changed meanwhile.
    fn fire(self: &Arc<Self>, id: &str, time: i64) {
        let settings = {
            let mut state = self.state();
            let Ok(invoker) = state.invokers.get(id) else { return };
            if invoker.next != Some(time) {
                return;
            }
            invoker.next = invoker.settings.schedule.next(time);
            invoker.settings.clone()
        };
        let started = self.start_scheduled(settings).map_err(|error| error.message().to_owned());
        self.state().invokers.record(Record { invoker: id.to_owned(), time, started });
    }

    fn start_scheduled(self: &Arc<Self>, settings: Settings) -> Result<Arc<Invocation>, ApiError> {
        let mut command = self.state().command(&settings.command)?.clone();
        let values = command.values(settings.parameters.as_deref())?;
        command.username = settings.username.unwrap_or(command.username);
        let targets = self.targets(&settings.region, &settings.instances, &command.kind)?;
        self.start(self.invocation(command, values, targets, Source::Invoker)?)
    }
}

impl State {
    /// When an invoker starts its command next.
    fn next_time_of(&mut self, id: &str) -> Option<i64> {
        self.invokers.get(id).ok()?.next
    }
}

/// Starts an invoker's command at its times, until the invoker is deleted or the sandbox ends.
async fn keep(
    tat: Weak<Tat>,
    id: String,
    mut changes: watch::Receiver<()>,
    mut skips: watch::Receiver<i64>,
) {
    loop {
        let Some(next) = tat.upgrade().map(|tat| tat.state().next_time_of(&id)) else { return };
        let skipped = *skips.borrow_and_update();
        let wait = next.map_or(Duration::ZERO, |time| clock::until(time.saturating_sub(skipped)));
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            skip = skips.changed() => if skip.is_err() { return },
            () = sleep(wait), if next.is_some() => {
                let Some(tat) = tat.upgrade() else { return };
                tat.fire(&id, next.unwrap_or_default());
            }
        }
    }
}
