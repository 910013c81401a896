//! Starts, describes and cancels invocations.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use guestexec_core::Base64;
use guestexec_tat::{
    enums::TaskStatus,
    types::{
        CancelInvocationRequest, DescribeInvocationTasksRequest, DescribeInvocationsRequest,
        Filter, InvokeCommandRequest, RunCommandRequest,
    },
};
use serde_json::{Value, json};

use super::{
    State, Tat, agent,
    command::{Command, object_text},
    error::{ActionResult, ApiError},
    instance::Instance,
    page::{self, page},
    parameters::{self, Values},
    task::Task,
};
use crate::{clock, random};

/// Tasks that the sandbox keeps, each with its output.
const MAX_TASKS: usize = 50_000;

/// Who started an invocation.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    User,
    Invoker,
}

impl Source {
    /// The value of `InvocationSource`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Invoker => "INVOKER",
        }
    }
}

/// A run of a command on one or more instances.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) id: String,
    pub(super) command: Command,
    pub(super) tasks: Vec<Arc<Task>>,
    pub(super) source: Source,
    /// Scripts that were really started.
    pub(super) executions: AtomicUsize,
    /// The script with its hidden parameters masked.
    shown: Vec<u8>,
    parameters: Values,
    created: i64,
    listed: AtomicBool,
}

impl Invocation {
    /// The `CommandDocument` of its tasks.
    pub(super) fn document(&self) -> Value {
        json!({
            "Content": Base64::from(self.shown.as_slice()).to_encoded(),
            "CommandType": self.command.kind,
            "Timeout": self.command.timeout,
            "WorkingDirectory": self.command.directory,
            "Username": self.command.username,
            "OutputCOSBucketUrl": self.command.bucket,
            "OutputCOSKeyPrefix": self.command.prefix,
        })
    }

    fn is_over(&self) -> bool {
        self.tasks.iter().all(|task| task.is_over())
    }

    pub(super) fn status(&self) -> &'static str {
        use TaskStatus::{
            Cancelled, Cancelling, DeliverDelayed, Delivering, Pending, Success, Terminated,
            Timeout,
        };
        let tasks: Vec<TaskStatus> = self.tasks.iter().map(|task| task.status()).collect();
        let all = |is: &dyn Fn(&TaskStatus) -> bool| tasks.iter().all(is);
        let any = |is: &dyn Fn(&TaskStatus) -> bool| tasks.iter().any(is);
        let cancelled = |status: &TaskStatus| matches!(status, Cancelled | Terminated);
        if all(&|status| matches!(status, Pending | Delivering | DeliverDelayed)) {
            "PENDING"
        } else if any(&|status| *status == Cancelling) {
            "CANCELLING"
        } else if !self.is_over() {
            "RUNNING"
        } else if all(&|status| *status == Success) {
            "SUCCESS"
        } else if all(&cancelled) {
            "CANCELLED"
        } else if any(&cancelled) {
            "PARTIAL_CANCELLED"
        } else if any(&|status| *status == Success) {
            "PARTIAL_FAILED"
        } else if all(&|status| *status == Timeout) {
            "TIMEOUT"
        } else {
            "FAILED"
        }
    }

    fn kind(&self) -> &'static str {
        self.tasks.first().map_or("CVM", |task| task.instance.kind())
    }

    fn matches(&self, filter: &Filter) -> bool {
        let is = match filter.name.as_str() {
            "invocation-id" => &self.id,
            "command-id" => &self.command.id,
            "command-created-by" => "USER",
            "instance-kind" => self.kind(),
            _ => return false,
        };
        filter.values.iter().any(|value| value == is)
    }

    fn to_json(&self) -> Value {
        let time = |seconds| clock::iso8601(seconds, "+00:00");
        let tasks: Vec<Value> = self.tasks.iter().map(|task| task.basic_json()).collect();
        let updated = self.tasks.iter().map(|task| task.updated()).max().unwrap_or(self.created);
        json!({
            "InvocationId": self.id,
            "CommandId": self.command.id,
            "CommandName": self.command.name,
            "InvocationStatus": self.status(),
            "InvocationTaskBasicInfoSet": tasks,
            "Description": self.command.description,
            "StartTime": time(self.created),
            "EndTime": self.is_over().then(|| time(updated)),
            "CreatedTime": time(self.created),
            "UpdatedTime": time(updated),
            "Parameters": object_text(&self.parameters),
            "DefaultParameters": object_text(&parameters::shown(&self.command.content, &self.command.defaults)),
            "InstanceKind": self.kind(),
            "Username": self.command.username,
            "InvocationSource": self.source.name(),
            "CommandContent": Base64::from(self.shown.as_slice()).to_encoded(),
            "CommandType": self.command.kind,
            "Timeout": self.command.timeout,
            "WorkingDirectory": self.command.directory,
            "OutputCOSBucketUrl": self.command.bucket,
            "OutputCOSKeyPrefix": self.command.prefix,
        })
    }
}

impl State {
    /// The invocation with this id.
    pub(super) fn invocation(&self, id: &str) -> Option<&Arc<Invocation>> {
        self.index.get(id).and_then(|index| self.invocations.get(*index))
    }

    /// Whether an invocation of this command is running.
    pub(super) fn is_running(&self, command_id: &str) -> bool {
        self.invocations
            .iter()
            .any(|invocation| invocation.command.id == command_id && !invocation.is_over())
    }
}

impl Tat {
    pub(super) fn run_command(
        self: &Arc<Self>,
        region: &str,
        request: RunCommandRequest,
    ) -> ActionResult {
        let save = request.save_command.unwrap_or_default();
        let ids = request.instance_ids.clone();
        let given = request.parameters.clone();
        let command = Command::of_run(request)?;
        let targets = self.targets(region, &ids, &command.kind)?;
        let values = command.values(given.as_deref())?;
        let invocation = self.invocation(command.clone(), values, targets, Source::User)?;
        if save {
            self.state().save(command.clone())?;
        }
        let started = self.start(invocation)?;
        Ok(json!({ "CommandId": command.id, "InvocationId": started.id }))
    }

    pub(super) fn invoke_command(
        self: &Arc<Self>,
        region: &str,
        request: InvokeCommandRequest,
    ) -> ActionResult {
        let mut command = self.state().command(&request.command_id)?.clone();
        let values = command.values(request.parameters.as_deref())?;
        command.username = request.username.unwrap_or(command.username);
        command.directory = request.working_directory.unwrap_or(command.directory);
        command.timeout = request.timeout.unwrap_or(command.timeout);
        command.bucket = request.output_cos_bucket_url.unwrap_or(command.bucket);
        command.prefix = request.output_cos_key_prefix.unwrap_or(command.prefix);
        let targets = self.targets(region, &request.instance_ids, &command.kind)?;
        let started = self.start(self.invocation(command, values, targets, Source::User)?)?;
        Ok(json!({ "InvocationId": started.id }))
    }

    /// Creates an invocation, and the script it runs.
    pub(super) fn invocation(
        &self,
        command: Command,
        values: Values,
        targets: Vec<Instance>,
        source: Source,
    ) -> Result<(Invocation, Vec<u8>), ApiError> {
        let script = command.script(&values)?;
        let shown = if command.enable_parameter {
            parameters::masked(&command.content, &values)?
        } else {
            command.content.clone()
        };
        let parameters = parameters::shown(&command.content, &values);
        let invocation = Invocation {
            id: random::short_id("inv-"),
            tasks: targets.into_iter().map(|instance| Arc::new(Task::new(instance))).collect(),
            source,
            command,
            executions: AtomicUsize::new(0),
            shown,
            parameters,
            created: clock::now(),
            listed: AtomicBool::new(!self.late_tasks),
        };
        Ok((invocation, script))
    }

    pub(super) fn start(
        self: &Arc<Self>,
        (invocation, script): (Invocation, Vec<u8>),
    ) -> Result<Arc<Invocation>, ApiError> {
        let invocation = Arc::new(invocation);
        {
            let mut state = self.state();
            if state.tasks + invocation.tasks.len() > MAX_TASKS {
                return Err(ApiError::new(
                    "LimitExceeded",
                    format!("The sandbox keeps {MAX_TASKS} tasks at most; start a new sandbox."),
                ));
            }
            state.tasks += invocation.tasks.len();
            let index = state.invocations.len();
            state.index.insert(invocation.id.clone(), index);
            state.invocations.push(Arc::clone(&invocation));
        }
        let script: Arc<[u8]> = script.into();
        for task in &invocation.tasks {
            let work = agent::run(
                Arc::clone(&self.processes),
                self.delivery,
                Arc::clone(&invocation),
                Arc::clone(task),
                Arc::clone(&script),
                Arc::clone(&self.cos),
            );
            self.tasks.spawn(work);
        }
        Ok(invocation)
    }

    pub(super) fn describe_invocations(
        &self,
        request: &DescribeInvocationsRequest,
    ) -> ActionResult {
        let names = ["invocation-id", "command-id", "command-created-by", "instance-kind"];
        page::check(&request.filters, &names)?;
        let state = self.state();
        let mut found = Vec::new();
        for invocation in &state.invocations {
            let listed = request.invocation_ids.is_empty()
                || request.invocation_ids.contains(&invocation.id);
            if listed && request.filters.iter().all(|filter| invocation.matches(filter)) {
                found.push(invocation);
            }
        }
        let (total, page) = page(&found, request.limit, request.offset);
        let set: Vec<Value> = page.iter().map(|invocation| invocation.to_json()).collect();
        Ok(json!({ "TotalCount": total, "InvocationSet": set }))
    }

    pub(super) fn describe_tasks(&self, request: &DescribeInvocationTasksRequest) -> ActionResult {
        let names = ["invocation-task-id", "invocation-id", "instance-id", "command-id"];
        page::check(&request.filters, &names)?;
        let state = self.state();
        let by_id = request.filters.iter().find(|filter| filter.name == "invocation-id");
        // Most callers ask for one invocation among perhaps thousands.
        let candidates: Vec<&Arc<Invocation>> = match by_id {
            // A repeated id counts once.
            Some(filter) => filter
                .values
                .iter()
                .enumerate()
                .filter(|(index, id)| !filter.values[..*index].contains(id))
                .filter_map(|(_, id)| state.invocation(id))
                .collect(),
            None => state.invocations.iter().collect(),
        };
        let mut found = Vec::new();
        for invocation in candidates {
            if !invocation.listed.swap(true, Ordering::Relaxed) {
                continue;
            }
            for task in &invocation.tasks {
                let ids = &request.invocation_task_ids;
                let listed = ids.is_empty() || ids.contains(&task.id);
                let passes = |filter: &Filter| task.matches(invocation, filter);
                if listed && request.filters.iter().all(passes) {
                    found.push((invocation, task));
                }
            }
        }
        let hide = request.hide_output.unwrap_or(true);
        let (total, page) = page(&found, request.limit, request.offset);
        let set: Vec<Value> = page
            .iter()
            .map(|(invocation, task)| task.to_json(invocation, hide, &self.cos))
            .collect();
        Ok(json!({ "TotalCount": total, "InvocationTaskSet": set }))
    }

    pub(super) fn cancel_invocation(&self, request: &CancelInvocationRequest) -> ActionResult {
        if !request.invocation_id.starts_with("inv-") {
            return Err(ApiError::new(
                "InvalidParameterValue.InvalidInvocationId",
                "`InvocationId` is not of the form `inv-…`.",
            ));
        }
        let invocation =
            self.state().invocation(&request.invocation_id).cloned().ok_or_else(|| {
                ApiError::new(
                    "ResourceNotFound.InvocationNotFound",
                    "There is no invocation with this `InvocationId`.",
                )
            })?;
        let related = |id: &String| invocation.tasks.iter().any(|task| task.instance.id == *id);
        if !request.instance_ids.iter().all(related) {
            return Err(ApiError::new(
                "InvalidParameterValue.InstanceIsNotRelatedToInvocation",
                "`InstanceIds` names an instance the invocation has no task for.",
            ));
        }
        for task in &invocation.tasks {
            if request.instance_ids.is_empty() || request.instance_ids.contains(&task.instance.id) {
                task.cancel();
            }
        }
        Ok(json!({}))
    }
}
