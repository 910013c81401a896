//! What is on its way to the server.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use reqwest::Upgraded;
use tokio::io::AsyncWrite as _;

/// The bytes being sent: one frame, or a few small ones.
#[derive(Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
    unflushed: bool,
}

impl Outbox {
    /// Puts in a whole frame of its own, of which the first `begin` bytes are not to be sent. The
    /// box must be empty.
    pub(super) fn put(&mut self, frame: Vec<u8>, begin: usize) {
        self.bytes = frame;
        self.sent = begin;
    }

    /// The place where small frames are appended.
    pub(super) fn append(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Sends what is in the box; ready once it is empty.
    pub(super) fn poll_empty(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Upgraded,
    ) -> Poll<io::Result<()>> {
        while self.sent < self.bytes.len() {
            match Pin::new(&mut *connection).poll_write(cx, &self.bytes[self.sent..])? {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(count) => self.sent += count,
            }
            self.unflushed = true;
        }
        self.bytes.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    /// Has the connection send what it keeps back, as far as it can now.
    pub(super) fn flush(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Upgraded,
    ) -> io::Result<()> {
        if self.unflushed && Pin::new(connection).poll_flush(cx)?.is_ready() {
            self.unflushed = false;
        }
        Ok(())
    }
}
