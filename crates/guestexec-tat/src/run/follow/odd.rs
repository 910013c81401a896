//! Answers in which something cannot be read: what belongs to whom, and what is told of it.

use std::{error::Error as StdError, fmt, sync::Arc};

use guestexec_core::{ErrorKind, Extra};
use serde_json::Value;

use super::{Follow, Slot, State, is_final};
use crate::{
    Error,
    enums::TaskStatus,
    run::{
        result::{Failure, InstanceResult, Task},
        running::Event,
    },
    types::{InvocationTask, InvocationTaskBasicInfo},
};

/// What the service said of a command's end, where that cannot be read: part of an error of the kind
/// [`ErrorKind::Protocol`], where [`Unreadable::of`] finds it. The command is over.
pub struct Unreadable {
    raw: Value,
}

impl Unreadable {
    /// What an error could not read, if that is what it is about.
    pub fn of(error: &Error) -> Option<&Self> {
        error.cause()
    }

    /// What the service said, as it came: the task, or what stands in its place. It may hold output.
    pub fn raw(&self) -> &Value {
        &self.raw
    }

    fn attach(what: &str, raw: Value) -> Error {
        Error::new(ErrorKind::Protocol, format!("the command is over, but {what} cannot be read"))
            .during("DescribeInvocationTasks")
            .with_may_have_run(true)
            .with_advice("`Unreadable::of` has what the service said of it")
            .with_source(Self { raw })
    }
}

/// Without what it holds, which may be output.
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

/// What an answer tells of a task: each member as far as it is told.
#[derive(Default)]
pub(in crate::run) struct Told {
    pub(in crate::run) instance: Option<String>,
    pub(super) task_id: Option<String>,
    pub(super) status: Option<TaskStatus>,
    /// Whether the task is over, whatever its status.
    pub(super) over: bool,
}

/// A member, unless it was not of its type: a number is no name.
fn told<T>(value: Option<T>, extra: &Extra, name: &str) -> Option<T> {
    value.filter(|_| !extra.contains_key(name))
}

impl From<InvocationTaskBasicInfo> for Told {
    fn from(task: InvocationTaskBasicInfo) -> Self {
        let extra = &task.extra;
        Self {
            instance: told(task.instance_id, extra, "InstanceId"),
            task_id: told(task.invocation_task_id, extra, "InvocationTaskId"),
            status: told(task.task_status, extra, "TaskStatus"),
            over: false,
        }
    }
}

impl From<InvocationTask> for Told {
    fn from(task: InvocationTask) -> Self {
        let task = plain(task);
        Self {
            instance: task.instance_id,
            task_id: task.invocation_task_id,
            status: task.task_status,
            over: task.end_time.is_some_and(|time| !time.is_empty()),
        }
    }
}

/// A task without names that are none.
pub(super) fn plain(mut task: InvocationTask) -> InvocationTask {
    let extra = &task.extra;
    task.instance_id = told(task.instance_id, extra, "InstanceId");
    task.invocation_id = told(task.invocation_id, extra, "InvocationId");
    task.invocation_task_id = told(task.invocation_task_id, extra, "InvocationTaskId");
    task.task_status = told(task.task_status, extra, "TaskStatus");
    task
}

/// The decisive member of a task that is there and cannot be read.
fn unreadable_member(status: &TaskStatus, task: &InvocationTask) -> Option<&'static str> {
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
    // Of a success the status says the code.
    (*status == Failed && is_odd("ExitCode", result.exit_code.is_some())).then_some("its exit code")
}

impl Follow {
    /// The slot of a call that something is told of.
    pub(super) fn slot_of(&self, call: usize, told: &Told) -> Option<u32> {
        match (&told.instance, &told.task_id) {
            (Some(instance), _) => {
                self.slot(instance).filter(|slot| self.slots[*slot as usize].call as usize == call)
            }
            (None, Some(id)) => self.by_task(&self.calls[call].slots, id),
            (None, None) => None,
        }
    }

    fn by_task(&self, slots: &[u32], id: &str) -> Option<u32> {
        let has_id = |slot: &u32| self.slots[*slot as usize].task_id.as_deref() == Some(id);
        slots.iter().copied().find(has_id)
    }

    /// Takes the tasks that were asked for, and ends what they say is over.
    pub(super) fn take(&mut self, asked: &[u32], tasks: Vec<InvocationTask>, mut odd: Vec<Value>) {
        let mut missing: Vec<u32> = asked.to_vec();
        let mut unplaced = Vec::new();
        for task in tasks {
            match self.place(asked, &task) {
                Some(slot) => {
                    missing.retain(|other| *other != slot);
                    self.ended(slot, task);
                }
                // One that has all its names is another's.
                None if task.instance_id.is_some()
                    && task.invocation_id.is_some()
                    && task.invocation_task_id.is_some() => {}
                None => unplaced.push(task),
            }
        }
        missing.retain(|slot| self.slots[*slot as usize].state == State::Over);
        match (&missing[..], unplaced.len(), odd.is_empty()) {
            ([slot], 1, true) => {
                for task in unplaced {
                    self.ended(*slot, task);
                }
                return;
            }
            _ => odd.extend(unplaced.iter().map(|task| serde_json::json!(task))),
        }
        if odd.is_empty() {
            return;
        }
        if missing.len() > odd.len() {
            // Some are late, and it is not known which: the next pages tell them apart.
            self.page = self.page.min(asked.len() / 2).max(1);
            self.once_more();
            return;
        }
        let raw = Value::Array(odd);
        for slot in missing {
            self.unreadable(slot, "its task", raw.clone(), None);
        }
    }

    /// The slot that a task belongs to: by its own id, which was asked for, or by its instance.
    fn place(&self, asked: &[u32], task: &InvocationTask) -> Option<u32> {
        if let Some(slot) =
            task.invocation_task_id.as_deref().and_then(|id| self.by_task(asked, id))
        {
            return Some(slot);
        }
        let slot = self.slot(task.instance_id.as_deref()?)?;
        let invocation = &self.calls[self.slots[slot as usize].call as usize].invocation;
        match &task.invocation_id {
            Some(id) => (Some(id.as_str()) == invocation.as_deref()).then_some(slot),
            None => asked.contains(&slot).then_some(slot),
        }
    }

    /// Takes note of a task that is over, with its output.
    fn ended(&mut self, slot: u32, task: InvocationTask) {
        let entry = &self.slots[slot as usize];
        let invocation = self.calls[entry.call as usize].invocation.clone();
        let (State::Open | State::Over, Some(invocation)) = (entry.state, invocation) else {
            return;
        };
        let Slot { id, status: seen, state, .. } = entry;
        let seen = seen.clone().filter(is_final);
        let status = match (task.task_status.clone(), seen) {
            (Some(status), _) if is_final(&status) => status,
            // What an earlier look could read.
            (None | Some(TaskStatus::Unlisted(_)), Some(seen)) => seen,
            // Its invocation is over.
            (None | Some(TaskStatus::Unlisted(_)), None) if *state == State::Over => {
                let raw = serde_json::json!(task);
                return self.unreadable(slot, "how it ended", raw, None);
            }
            _ => return,
        };
        if let Some(what) = unreadable_member(&status, &task) {
            let raw = serde_json::json!(task);
            return self.unreadable(slot, what, raw, Some((status, task)));
        }
        let result = InstanceResult::of_task(slot, id.clone(), invocation, status, task);
        self.end(slot);
        self.events.push_back(Event::Finished(result));
    }

    /// Ends what the service told of in a way that cannot be read.
    pub(super) fn unreadable(
        &mut self,
        slot: u32,
        what: &str,
        raw: Value,
        task: Option<(TaskStatus, InvocationTask)>,
    ) {
        let entry = &self.slots[slot as usize];
        let invocation = self.calls[entry.call as usize].invocation.clone();
        let seen = entry.status.clone().filter(is_final);
        let task = task.or_else(|| Some((seen?, InvocationTask::default())));
        let task = task.zip(invocation.clone());
        let task = task.map(|((status, task), id)| Box::new(Task::new(id, status, task)));
        let failure = Failure {
            error: Unreadable::attach(what, raw),
            instances: vec![entry.id.clone()],
            invocation_id: invocation.map(|id| id.to_string()),
            task,
        };
        self.end(slot);
        self.events.push_back(Event::Failed(Arc::new(failure)));
    }
}
