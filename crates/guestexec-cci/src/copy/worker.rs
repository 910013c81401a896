//! The thread that reads or writes the local files of a copy.

use std::{
    io,
    thread::{Builder, JoinHandle},
};

use guestexec_core::ErrorKind;
use tokio::sync::oneshot;

use crate::Error;

/// How many pieces wait between the thread and the session.
pub(super) const QUEUE: usize = 8;
/// The largest piece, in bytes.
pub(super) const PIECE: usize = 64 * 1024;

/// A thread whose result is awaited. Drop waits for its end: whoever holds it drops the thread's channels
/// first, at which the thread ends, so that nothing of a copy goes on without the copy.
pub(super) struct Worker<T> {
    result: oneshot::Receiver<T>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Worker<T> {
    pub(super) fn start(work: impl FnOnce() -> T + Send + 'static) -> Result<Self, Error> {
        let (sender, result) = oneshot::channel();
        let thread = Builder::new().name("guestexec-copy".to_owned()).spawn(move || {
            // A copy that was dropped needs no result.
            let _ = sender.send(work());
        });
        let thread = thread.map_err(|error| {
            Error::new(ErrorKind::Config, format!("no thread could be started: {error}"))
                .with_source(error)
        })?;
        Ok(Self { result, thread: Some(thread) })
    }

    /// Waits for the result.
    pub(super) async fn result(&mut self) -> Result<T, Error> {
        (&mut self.result).await.map_err(|_| {
            Error::new(ErrorKind::Input, "the thread of the copy has ended without a result")
        })
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic there is one of this library, and was reported as a missing result.
            let _ = thread.join();
        }
    }
}

/// The error that ends the thread of a dropped copy. It is never shown.
pub(super) fn dropped() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the copy was dropped")
}
