//! The connections of one service, and which of them has to go when there are too many.

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

use crate::line::Control;

/// Connections one service holds open at once. One more takes the place of the one that has waited longest.
const MAX_CONNECTIONS: usize = 1024;
/// How long a connection waits undisturbed, for its first request or the next.
const GRACE: Duration = Duration::from_secs(1);

/// The connections of one service.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    slots: Mutex<Slots>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Slots {
    next: u64,
    open: HashMap<u64, Slot>,
}

#[derive(Debug)]
struct Slot {
    /// Since when it waits for what its client has to say; nothing while a request is being served.
    waits_since: Option<Instant>,
    control: Arc<Control>,
    task: AbortHandle,
}

impl Slot {
    /// Since when nothing happens on it that is the service's to do.
    fn idle_since(&self) -> Option<Instant> {
        // The last answer may still be on its way.
        self.waits_since.map(|since| since.max(self.control.last_write()))
    }
}

impl Connections {
    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room for one more, for which the longest idle one may have to go.
    pub(crate) async fn room(&self) {
        loop {
            let left = {
                let mut slots = self.slots();
                if slots.open.len() < MAX_CONNECTIONS {
                    return;
                }
                let idle =
                    slots.open.iter().filter_map(|(id, slot)| Some((slot.idle_since()?, *id)));
                let left =
                    idle.min().map(|(since, id)| (id, GRACE.saturating_sub(since.elapsed())));
                if let Some((id, Duration::ZERO)) = left {
                    if let Some(slot) = slots.open.remove(&id) {
                        slot.task.abort();
                    }
                    return;
                }
                left.map_or(GRACE, |(_, left)| left)
            };
            _ = timeout(left, self.changed.notified()).await;
        }
    }

    /// Serves a connection in a task of its own.
    pub(crate) fn open<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        tasks: &mut JoinSet<()>,
        control: Arc<Control>,
        serve: impl FnOnce(Place) -> F,
    ) {
        // Held until the slot is there, which the task may want to change at once.
        let mut slots = self.slots();
        let id = slots.next;
        slots.next += 1;
        let hold = Arc::new(Hold { id, connections: Arc::clone(self) });
        let task = tasks.spawn(serve(Place(hold)));
        slots.open.insert(id, Slot { waits_since: Some(Instant::now()), control, task });
    }
}

/// A connection's place among the others, given up when dropped.
#[derive(Clone, Debug)]
pub(crate) struct Place(Arc<Hold>);

#[derive(Debug)]
struct Hold {
    id: u64,
    connections: Arc<Connections>,
}

impl Place {
    /// Takes note that the connection is busy; false if it has lost its place.
    pub(crate) fn busy(&self) -> bool {
        self.set(None)
    }

    /// Takes note that the connection waits for its client.
    pub(crate) fn waits(&self) {
        self.set(Some(Instant::now()));
        self.0.connections.changed.notify_one();
    }

    fn set(&self, waits_since: Option<Instant>) -> bool {
        let mut slots = self.0.connections.slots();
        let slot = slots.open.get_mut(&self.0.id);
        slot.map(|slot| slot.waits_since = waits_since).is_some()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.connections.slots().open.remove(&self.id);
        self.connections.changed.notify_one();
    }
}
