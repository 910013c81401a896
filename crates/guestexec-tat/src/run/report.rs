//! The reports of invocations and tasks in an answer, as far as they can be read.

use std::{error::Error as StdError, fmt};

use guestexec_core::{ErrorKind, Extra};
use serde_json::Value;

use super::command::LONGEST_TIMEOUT;
use crate::{
    Error,
    enums::{InvocationStatus, TaskStatus},
    operations::DESCRIBE_INVOCATION_TASKS,
    types::{Invocation, InvocationTask, InvocationTaskBasicInfo},
};

/// The service's description of a command's end, where that cannot be read: part of an error of the
/// kind [`ErrorKind::Protocol`], where [`Unreadable::of`] finds it. The command is over.
///
/// It has no serialized form of its own, because the JSON may hold a signed URL: write
/// [`Self::raw`] where that may be read.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Unreadable {
    raw: Value,
}

impl Unreadable {
    /// The value that could not be read, if the error is about one.
    pub fn of(error: &Error) -> Option<&Self> {
        error.cause()
    }

    /// The JSON as it came: the task, or what stands in its place. It may hold output.
    pub fn raw(&self) -> &Value {
        &self.raw
    }

    pub(super) fn error(what: &str, raw: Value) -> Error {
        Error::new(ErrorKind::Protocol, format!("the command is over, but {what} cannot be read"))
            .during(DESCRIBE_INVOCATION_TASKS.id)
            .with_may_have_run(true)
            .with_advice("`Unreadable::of` has what the service said of it")
            .with_source(Self { raw })
    }
}

/// Leaves out the JSON, which may hold output.
impl fmt::Debug for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unreadable").finish_non_exhaustive()
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.raw.to_string().len();
        write!(f, "what the service said of it has {length} bytes and not the documented form")
    }
}

impl StdError for Unreadable {}

/// An invocation, without the script in it.
pub(super) struct InvocationReport {
    pub(super) id: Option<String>,
    /// How long its command may take, in seconds.
    pub(super) timeout: u64,
    /// Whether the service calls it over.
    pub(super) over: bool,
    pub(super) tasks: Vec<TaskReport>,
    /// The value in the place of tasks.
    pub(super) unreadable: Vec<Value>,
}

impl From<Invocation> for InvocationReport {
    fn from(invocation: Invocation) -> Self {
        use InvocationStatus::{
            Cancelled, Failed, PartialCancelled, PartialFailed, Success, Timeout,
        };
        let unreadable = invocation.extra.odd_elements("InvocationTaskBasicInfoSet");
        Self {
            unreadable: unreadable.into_iter().cloned().collect(),
            id: invocation.invocation_id,
            timeout: invocation.timeout.unwrap_or(LONGEST_TIMEOUT).min(LONGEST_TIMEOUT),
            over: matches!(
                invocation.invocation_status,
                Some(Success | Failed | Timeout | Cancelled | PartialFailed | PartialCancelled)
            ),
            tasks: invocation.invocation_task_basic_info_set.into_iter().map(Into::into).collect(),
        }
    }
}

impl InvocationReport {
    /// Whether it reports instances, each by name.
    #[inline]
    pub(super) fn is_whole(&self) -> bool {
        let is_named = self.tasks.iter().all(|task| task.instance.is_some());
        !self.tasks.is_empty() && is_named && self.unreadable.is_empty()
    }
}

/// A task, without its output. Each member is there as far as it can be read.
#[derive(Default)]
pub(super) struct TaskReport {
    pub(super) instance: Option<String>,
    pub(super) task_id: Option<String>,
    pub(super) status: Option<TaskStatus>,
    /// Whether the task is over, whatever its status.
    pub(super) over: bool,
}

/// A member, unless it came in another type: a number is no name.
fn typed<T>(value: Option<T>, extra: &Extra, name: &str) -> Option<T> {
    value.filter(|_| !extra.contains_key(name))
}

impl From<InvocationTaskBasicInfo> for TaskReport {
    fn from(task: InvocationTaskBasicInfo) -> Self {
        let extra = &task.extra;
        Self {
            instance: typed(task.instance_id, extra, "InstanceId"),
            task_id: typed(task.invocation_task_id, extra, "InvocationTaskId"),
            status: typed(task.task_status, extra, "TaskStatus"),
            over: false,
        }
    }
}

impl From<InvocationTask> for TaskReport {
    fn from(task: InvocationTask) -> Self {
        let task = readable_names(task);
        Self {
            instance: task.instance_id,
            task_id: task.invocation_task_id,
            status: task.task_status,
            over: task.end_time.is_some_and(|time| !time.is_empty()),
        }
    }
}

/// A task without the names and the status that came in another type.
pub(super) fn readable_names(mut task: InvocationTask) -> InvocationTask {
    let extra = &task.extra;
    task.instance_id = typed(task.instance_id, extra, "InstanceId");
    task.invocation_id = typed(task.invocation_id, extra, "InvocationId");
    task.invocation_task_id = typed(task.invocation_task_id, extra, "InvocationTaskId");
    task.task_status = typed(task.task_status, extra, "TaskStatus");
    task
}

/// Names the decisive member of a finished task that is there and cannot be read.
pub(super) fn unreadable_member(
    status: &TaskStatus,
    task: &InvocationTask,
) -> Option<&'static str> {
    use TaskStatus::{Cancelled, DeliverFailed, Failed, StartFailed};
    if matches!(status, Cancelled | DeliverFailed | StartFailed) {
        // It never ran.
        return None;
    }
    if task.extra.contains_key("TaskResult") {
        return Some("its result");
    }
    let result = task.task_result.as_ref()?;
    let is_odd = |name: &str, is_read: bool| !is_read && result.extra.contains_key(name);
    if is_odd("Output", result.output.is_some()) {
        return Some("its output");
    }
    // The status of a success implies the exit code.
    (*status == Failed && is_odd("ExitCode", result.exit_code.is_some())).then_some("its exit code")
}
