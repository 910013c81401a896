//! The connections of one service, and which of them is closed when there are too many.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::Notify,
    task::{AbortHandle, JoinSet},
    time::timeout,
};

use crate::faulty_stream::StreamFaults;

/// Connections one service holds open at once. One more closes the one that has been idle longest.
const MAX_CONNECTIONS: usize = 1024;
/// How long an idle connection is safe from being closed.
const GRACE: Duration = Duration::from_secs(1);

/// The connections of one service.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    entries: Mutex<Entries>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Entries {
    next_id: u64,
    open: HashMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    /// Since when the service waits for the client; `None` while it serves a request.
    idle_since: Option<Instant>,
    stream_faults: Arc<StreamFaults>,
    task: AbortHandle,
}

impl Entry {
    fn idle_since(&self) -> Option<Instant> {
        // The last answer may still be being written.
        self.idle_since.map(|since| since.max(self.stream_faults.last_write()))
    }
}

impl Connections {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one more connection may open, and closes the longest idle one for it if it must.
    pub(crate) async fn make_room(&self) {
        loop {
            let wait = {
                let mut entries = self.entries();
                if entries.open.len() < MAX_CONNECTIONS {
                    return;
                }
                let idle =
                    entries.open.iter().filter_map(|(id, entry)| Some((entry.idle_since()?, *id)));
                let longest =
                    idle.min().map(|(since, id)| (id, GRACE.saturating_sub(since.elapsed())));
                if let Some((id, Duration::ZERO)) = longest {
                    if let Some(entry) = entries.open.remove(&id) {
                        entry.task.abort();
                    }
                    return;
                }
                longest.map_or(GRACE, |(_, wait)| wait)
            };
            _ = timeout(wait, self.changed.notified()).await;
        }
    }

    /// Serves a connection in a task of its own.
    pub(crate) fn open<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        tasks: &mut JoinSet<()>,
        stream_faults: Arc<StreamFaults>,
        serve: impl FnOnce(Connection) -> F,
    ) {
        // Locked until the entry exists, which the task may change at once.
        let mut entries = self.entries();
        let id = entries.next_id;
        entries.next_id += 1;
        let registration = Arc::new(Registration { id, connections: Arc::clone(self) });
        let task = tasks.spawn(serve(Connection(registration)));
        entries.open.insert(id, Entry { idle_since: Some(Instant::now()), stream_faults, task });
    }
}

/// A registered connection. Dropping its last clone makes room for another.
#[derive(Clone, Debug)]
pub(crate) struct Connection(Arc<Registration>);

#[derive(Debug)]
struct Registration {
    id: u64,
    connections: Arc<Connections>,
}

impl Connection {
    /// Marks the connection as busy; false if it was closed to make room.
    pub(crate) fn set_busy(&self) -> bool {
        self.set(None)
    }

    /// Marks the connection as waiting for its client.
    pub(crate) fn set_idle(&self) {
        self.set(Some(Instant::now()));
        self.0.connections.changed.notify_one();
    }

    fn set(&self, idle_since: Option<Instant>) -> bool {
        let mut entries = self.0.connections.entries();
        let entry = entries.open.get_mut(&self.0.id);
        entry.map(|entry| entry.idle_since = idle_since).is_some()
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.connections.entries().open.remove(&self.id);
        self.connections.changed.notify_one();
    }
}
