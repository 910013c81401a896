//! The changes by reports and fetched tasks.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Roster, Slot, State};
use crate::{
    enums::TaskStatus,
    run::{
        report::{InvocationReport, TaskReport, Unreadable, unreadable_member},
        result::{Failure, InstanceResult, Task, is_final},
        running::Event,
    },
    types::InvocationTask,
};

/// What reports of tasks have changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Update {
    /// Whether anything changed.
    news: bool,
    /// Whether something is not told that another answer may tell.
    incomplete: bool,
}

impl Roster {
    /// The call whose invocation a report is about: by its id, or by a task of it.
    pub(in crate::run) fn reported(
        &self,
        calls: &[usize],
        report: &InvocationReport,
    ) -> Option<usize> {
        calls.iter().copied().find(|call| match &report.id {
            Some(id) => self.invocation(*call).is_some_and(|known| **known == **id),
            None => report.tasks.iter().any(|task| self.slot_of(*call, task).is_some()),
        })
    }

    /// Applies what DescribeInvocations reports of an invocation: whether anything is new, and whether its
    /// tasks have to be listed.
    pub(in crate::run) fn polled(&mut self, call: usize, report: InvocationReport) -> (bool, bool) {
        self.calls[call].over |= report.over;
        let Update { news, incomplete } = self.update(call, report.tasks);
        let unreported = report.over && self.unreported(call).next().is_some();
        (news, unreported || incomplete || !report.unreadable.is_empty())
    }

    /// Applies what DescribeInvocationTasks reports of an invocation; true if anything is new.
    pub(in crate::run) fn listed(&mut self, call: usize, report: InvocationReport) -> bool {
        let Update { news, incomplete } = self.update(call, report.tasks);
        // It is over, and neither action tells how in a way that can be read.
        if self.calls[call].over && (incomplete || !report.unreadable.is_empty()) {
            for slot in self.unreported(call).collect::<Vec<_>>() {
                self.unreadable(slot, "its task", Value::Array(report.unreadable.clone()), None);
            }
        }
        news
    }

    /// Slots under way of which nothing was reported so far.
    fn unreported(&self, call: usize) -> impl Iterator<Item = usize> {
        let is_unreported = |slot: &usize| {
            let Slot { state, status, .. } = &self.slots[*slot];
            *state == State::Open && status.is_none()
        };
        self.calls[call].slots.iter().copied().filter(is_unreported)
    }

    fn update(&mut self, call: usize, tasks: Vec<TaskReport>) -> Update {
        let mut update = Update::default();
        let mut unreported = self.calls[call].slots.clone();
        let mut unplaced = Vec::new();
        for task in tasks {
            match self.slot_of(call, &task) {
                Some(slot) => {
                    unreported.retain(|other| *other != slot);
                    self.update_slot(slot, task, &mut update);
                }
                None => unplaced.push(task),
            }
        }
        // One task without a name, and one instance without a task, belong together.
        if let ([slot], 1) = (&unreported[..], unplaced.len()) {
            unplaced.into_iter().for_each(|task| self.update_slot(*slot, task, &mut update));
        } else {
            update.incomplete |= !unplaced.is_empty() && !unreported.is_empty();
        }
        update
    }

    fn update_slot(&mut self, slot: usize, task: TaskReport, update: &mut Update) {
        let entry = &mut self.slots[slot];
        let over = task.over || self.calls[entry.call].over;
        if let Some(status) = task.status
            // An unknown status counts as under way, unless the invocation is over.
            && !(over && matches!(status, TaskStatus::Unlisted(_)))
        {
            update.news |= self.update_status(slot, status, task.task_id);
            return;
        }
        entry.task_id = task.task_id.or(entry.task_id.take());
        if over && entry.state == State::Open {
            // How it ended comes with its output.
            entry.state = State::Over;
            self.over.push(slot);
            update.news = true;
        } else {
            update.incomplete = true;
        }
    }

    /// Takes a task's status; true if it is news.
    fn update_status(&mut self, slot: usize, status: TaskStatus, task_id: Option<String>) -> bool {
        let entry = &mut self.slots[slot];
        if entry.state != State::Open {
            return false;
        }
        let news = entry.status.as_ref() != Some(&status);
        entry.task_id = task_id.or(entry.task_id.take());
        if is_final(&status) {
            entry.state = State::Over;
            self.over.push(slot);
        } else if news {
            let instance_id = entry.id.clone();
            self.events.push_back(Event::Changed { instance_id, status: status.clone() });
        }
        entry.status = Some(status);
        news
    }

    /// The slot of a call that a report is about.
    fn slot_of(&self, call: usize, task: &TaskReport) -> Option<usize> {
        match (&task.instance, &task.task_id) {
            (Some(id), _) => self.position(id).filter(|slot| self.slots[*slot].call == call),
            (None, Some(id)) => self.by_task(&self.calls[call].slots, id),
            (None, None) => None,
        }
    }

    fn by_task(&self, slots: &[usize], id: &str) -> Option<usize> {
        slots.iter().copied().find(|slot| self.slots[*slot].task_id.as_deref() == Some(id))
    }

    /// Takes the tasks that were fetched, and ends those that are over. False if smaller pages are
    /// needed, because it is not known which of the tasks came.
    pub(in crate::run) fn fetched(
        &mut self,
        asked: &[usize],
        tasks: Vec<InvocationTask>,
        mut unreadable: Vec<Value>,
    ) -> bool {
        let mut missing: Vec<usize> = asked.to_vec();
        let mut unplaced = Vec::new();
        for task in tasks {
            match self.place(asked, &task) {
                Some(slot) => {
                    missing.retain(|other| *other != slot);
                    self.finish(slot, task);
                }
                // A task with all its names that is none of these was not asked for.
                None if task.instance_id.is_some()
                    && task.invocation_id.is_some()
                    && task.invocation_task_id.is_some() => {}
                None => unplaced.push(task),
            }
        }
        missing.retain(|slot| self.slots[*slot].state == State::Over);
        if let ([slot], 1, true) = (&missing[..], unplaced.len(), unreadable.is_empty()) {
            unplaced.into_iter().for_each(|task| self.finish(*slot, task));
            return true;
        }
        unreadable.extend(unplaced.iter().map(|task| json!(task)));
        if unreadable.is_empty() {
            return true;
        }
        if missing.len() > unreadable.len() {
            return false;
        }
        let raw = Value::Array(unreadable);
        for slot in missing {
            self.unreadable(slot, "its task", raw.clone(), None);
        }
        true
    }

    /// The slot of a fetched task: by the task's id, or by its instance.
    fn place(&self, asked: &[usize], task: &InvocationTask) -> Option<usize> {
        let id = task.invocation_task_id.as_deref();
        if let Some(slot) = id.and_then(|id| self.by_task(asked, id)) {
            return Some(slot);
        }
        let slot = self.position(task.instance_id.as_deref()?)?;
        let is_it = match &task.invocation_id {
            Some(id) => self.invocation_of(slot).is_some_and(|known| **known == **id),
            None => asked.contains(&slot),
        };
        is_it.then_some(slot)
    }

    /// Ends a slot whose task was fetched, if that is over.
    fn finish(&mut self, slot: usize, task: InvocationTask) {
        let Slot { id, status: seen, state, .. } = &self.slots[slot];
        let invocation = self.invocation_of(slot).cloned();
        let (State::Open | State::Over, Some(invocation)) = (*state, invocation) else { return };
        let seen = seen.clone().filter(is_final);
        let status = match (task.task_status.clone(), seen) {
            (Some(status), _) if is_final(&status) => status,
            (None | Some(TaskStatus::Unlisted(_)), Some(seen)) => seen,
            // Its invocation is over.
            (None | Some(TaskStatus::Unlisted(_)), None) if *state == State::Over => {
                return self.unreadable(slot, "how it ended", json!(task), None);
            }
            _ => return,
        };
        if let Some(what) = unreadable_member(&status, &task) {
            return self.unreadable(slot, what, json!(task), Some((status, task)));
        }
        let result = InstanceResult::of_task(slot, id.clone(), invocation, status, task);
        self.end(slot);
        self.events.push_back(Event::Finished(result));
    }

    /// Ends a slot whose end the service told in a way that cannot be read.
    fn unreadable(
        &mut self,
        slot: usize,
        what: &str,
        raw: Value,
        task: Option<(TaskStatus, InvocationTask)>,
    ) {
        let Slot { id, status, .. } = &self.slots[slot];
        let invocation = self.invocation_of(slot).cloned();
        let seen = status.clone().filter(is_final);
        let task = task.or_else(|| Some((seen?, InvocationTask::default())));
        let task = task.zip(invocation.clone());
        let task = task.map(|((status, task), id)| Box::new(Task::new(id, status, task)));
        let failure = Failure {
            error: Unreadable::error(what, raw),
            instances: vec![id.clone()],
            invocation_id: invocation.map(|id| id.to_string()),
            task,
        };
        self.end(slot);
        self.events.push_back(Event::Failed(Arc::new(failure)));
    }
}
