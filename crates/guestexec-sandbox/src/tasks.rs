//! The tasks that belong to no connection: running commands, and upgraded connections.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::task::JoinSet;

use crate::clock;

/// Tasks that end with the sandbox.
#[derive(Debug, Default)]
pub(crate) struct Tasks(Mutex<Option<JoinSet<()>>>);

impl Tasks {
    /// A set that takes tasks.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Some(JoinSet::new())))
    }

    fn set(&self) -> MutexGuard<'_, Option<JoinSet<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a task, unless the sandbox has ended.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(set) = self.set().as_mut() {
            while set.try_join_next().is_some() {}
            // A clock that is wrong for a request is wrong for what it starts.
            set.spawn(clock::off_by(clock::offset(), task));
        }
    }

    /// Ends all tasks and takes no more.
    pub(crate) fn end(&self) {
        // Dropped outside the lock: a task's own drop may come back here.
        let set = self.set().take();
        drop(set);
    }
}
