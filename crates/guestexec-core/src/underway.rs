//! Whether the request of a call was sent.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// The mark of a call whose request was given to the transport, unless an answer has proved since that
/// nothing was started.
///
/// Clones share it. A caller that gives up waiting for the call learns from its clone whether the command
/// may run all the same.
#[derive(Clone, Debug, Default)]
pub struct Underway(Arc<AtomicBool>);

impl Underway {
    /// Notes that the request is given to the transport.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Notes that an answer, or the lack of a connection, proves that nothing was started.
    pub fn refute(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Whether the command may have been started.
    pub fn may_have_run(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
