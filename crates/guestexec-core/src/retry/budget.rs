//! The retries that a client has in store.

use std::sync::atomic::{AtomicU32, Ordering};

/// How many successes pay for one retry.
const PRICE: u32 = 5;

/// Retries in store, counted in successes.
#[derive(Debug)]
pub(super) struct Budget {
    left: AtomicU32,
    full: u32,
}

impl Budget {
    pub(super) fn new(retries: u32) -> Self {
        let full = retries.saturating_mul(PRICE);
        Self { left: AtomicU32::new(full), full }
    }

    /// Takes a retry; false if there is none left.
    pub(super) fn take(&self) -> bool {
        let taken = |left: u32| left.checked_sub(PRICE);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    /// Gives back what a success pays.
    pub(super) fn earn(&self) {
        // Most of the time it is full, and nothing is written.
        let earned = |left: u32| (left < self.full).then(|| left + 1);
        let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, earned);
    }
}
