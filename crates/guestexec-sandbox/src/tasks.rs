//! The tasks of running commands and of upgraded connections, which belong to no HTTP connection.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::task::JoinSet;

use crate::clock;

/// Tasks that end with the sandbox.
#[derive(Debug, Default)]
pub(crate) struct Tasks(Mutex<Option<JoinSet<()>>>);

impl Tasks {
    /// An empty set.
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
            // A clock fault of a request applies to the tasks it starts.
            set.spawn(clock::with_offset(clock::offset(), task));
        }
    }

    /// Aborts all tasks, and lets none start any more.
    pub(crate) fn abort_all(&self) {
        // Dropped outside the lock, since dropping a task may call `spawn`.
        let set = self.set().take();
        drop(set);
    }
}
