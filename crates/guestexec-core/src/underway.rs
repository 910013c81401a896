//! Whether the request of a call has left.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// The flag of a call: its request was given to the transport, and no answer has proved since that
/// nothing was started.
///
/// Clones share it. Who waits for a call with a deadline of its own keeps one, and then knows
/// whether what the call starts may run all the same.
#[derive(Clone, Debug, Default)]
pub struct Underway(Arc<AtomicBool>);

impl Underway {
    /// The flag of a call whose request has not left.
    pub fn new() -> Self {
        Self::default()
    }

    /// The request is given to the transport.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// An answer, or the lack of a connection, proves that nothing was started.
    pub fn refute(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Whether what the request starts may have been started.
    pub fn may_have_run(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
