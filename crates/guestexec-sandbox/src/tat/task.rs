//! One task: a script on one instance.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use guestexec_core::Base64;
use guestexec_tat::{enums::TaskStatus, types::Filter};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{cos::Cos, instance::Instance, invocation::Invocation};
use crate::{
    clock,
    process::{Keep, Output, SharedOutput},
    random,
};

/// How many bytes of output the agent keeps; the rest is counted.
const OUTPUT: usize = 24 * 1024;

/// A task of an invocation.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) instance: Instance,
    pub(super) output: SharedOutput,
    created: i64,
    progress: Mutex<Progress>,
    cancel: watch::Sender<bool>,
}

#[derive(Clone, Debug)]
struct Progress {
    status: TaskStatus,
    exit_code: i64,
    error: String,
    started: Option<i64>,
    ended: Option<i64>,
    updated: i64,
}

impl Task {
    pub(super) fn new(instance: Instance) -> Self {
        let created = clock::now();
        Self {
            id: random::short_id("invt-"),
            instance,
            output: Arc::new(Mutex::new(Output::new(Keep::Head(OUTPUT)))),
            created,
            progress: Mutex::new(Progress {
                status: TaskStatus::Pending,
                exit_code: 0,
                error: String::new(),
                started: None,
                ended: None,
                updated: created,
            }),
            cancel: watch::Sender::new(false),
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn status(&self) -> TaskStatus {
        self.progress().status.clone()
    }

    /// True once the status is final.
    pub(super) fn is_over(&self) -> bool {
        self.progress().ended.is_some()
    }

    pub(super) fn cancel(&self) {
        let mut progress = self.progress();
        match progress.status {
            _ if progress.is_being_delivered() => progress.end(TaskStatus::Cancelled, 0, ""),
            TaskStatus::Running => progress.status = TaskStatus::Cancelling,
            _ => return,
        }
        self.cancel.send_replace(true);
    }

    /// Completes when the task is cancelled.
    pub(super) async fn cancelled(&self) {
        // The sender lives as long as the task, so waiting cannot fail.
        _ = self.cancel.subscribe().wait_for(|cancelled| *cancelled).await;
    }

    /// Sets a status of the delivery; false if the delivery is over.
    pub(super) fn deliver(&self, status: TaskStatus) -> bool {
        let mut progress = self.progress();
        if !progress.is_being_delivered() {
            return false;
        }
        progress.status = status;
        progress.updated = clock::now();
        true
    }

    /// Records that the script is about to start; false if the task was cancelled before.
    pub(super) fn begin(&self) -> bool {
        let mut progress = self.progress();
        if !progress.is_being_delivered() {
            return false;
        }
        let now = clock::now();
        progress.status = TaskStatus::Running;
        progress.started = Some(now);
        progress.updated = now;
        true
    }

    pub(super) fn end(&self, status: TaskStatus, exit_code: i64, error: &str) {
        self.progress().end(status, exit_code, error);
    }

    pub(super) fn matches(&self, invocation: &Invocation, filter: &Filter) -> bool {
        let is = match filter.name.as_str() {
            "invocation-task-id" => &self.id,
            "invocation-id" => &invocation.id,
            "instance-id" => &self.instance.id,
            "command-id" => &invocation.command.id,
            _ => return false,
        };
        filter.values.contains(is)
    }

    pub(super) fn basic_json(&self) -> Value {
        json!({
            "InvocationTaskId": self.id,
            "TaskStatus": self.status(),
            "InstanceId": self.instance.id,
        })
    }

    pub(super) fn to_json(&self, invocation: &Invocation, hide_output: bool, cos: &Cos) -> Value {
        let progress = self.progress().clone();
        let time = |seconds| clock::iso8601(seconds, "+00:00");
        let (output, dropped, whole) = {
            let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
            let shown = if hide_output { &[] } else { output.bytes() };
            let whole = output.whole().map(|whole| whole.map_err(str::to_owned));
            (Base64::from(shown).to_encoded(), output.dropped(), whole)
        };
        let command = &invocation.command;
        // The upload comes at the end, of commands that have started.
        let (url, upload) = match whole.filter(|_| progress.ended.is_some()) {
            None => (String::new(), String::new()),
            Some(Ok(())) => (cos.url(command, &invocation.id, &self.id), String::new()),
            Some(Err(problem)) => (String::new(), problem),
        };
        json!({
            "InvocationId": invocation.id,
            "InvocationTaskId": self.id,
            "CommandId": command.id,
            "CommandName": command.name,
            "TaskStatus": progress.status,
            "InstanceId": self.instance.id,
            "TaskResult": {
                "ExitCode": progress.exit_code,
                "Output": output,
                "ExecStartTime": progress.started.map(time),
                "ExecEndTime": progress.ended.map(time),
                "Dropped": dropped,
                "OutputUrl": url,
                "OutputUploadCOSErrorInfo": upload,
            },
            "StartTime": progress.started.map(time),
            "EndTime": progress.ended.map(time),
            "CreatedTime": time(self.created),
            "UpdatedTime": time(progress.updated),
            "CommandDocument": invocation.document(),
            "ErrorInfo": progress.error,
            "InvocationSource": invocation.source.name(),
        })
    }

    pub(super) fn updated(&self) -> i64 {
        self.progress().updated
    }
}

impl Progress {
    /// Whether it has not reached the agent yet.
    fn is_being_delivered(&self) -> bool {
        use TaskStatus::{DeliverDelayed, Delivering, Pending};
        matches!(self.status, Pending | Delivering | DeliverDelayed)
    }

    fn end(&mut self, status: TaskStatus, exit_code: i64, error: &str) {
        let now = clock::now();
        self.status = status;
        self.exit_code = exit_code;
        error.clone_into(&mut self.error);
        self.ended = Some(now);
        self.updated = now;
    }
}
