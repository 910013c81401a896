//! The task that keeps one session going, whatever carries it: writes, reads, keeps alive.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use guestexec_remotecommand::{ExitStatus, TerminalSize, Termination};
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep, interval_at, sleep_until};

use super::{
    failure::{end, status, timed_out, unreadable},
    input::{Input, Messages},
    shared::{End, Shared},
};
use crate::Error;

/// Octets read at once.
pub(super) const READ: usize = 128 * 1024;
/// Reads handled before other tasks get their turn.
pub(super) const BATCH: usize = 32;

/// What is to be sent next.
pub(super) enum Outgoing {
    Resize(TerminalSize),
    /// Input, behind [`Wire::ROOM`] octets for what goes before it.
    Input(Vec<u8>),
    /// The end of the input.
    EndOfInput,
    /// A message that says nothing, for gateways that count messages.
    EmptyInput,
    Ping,
}

/// One of the forms of the protocol, on its connection.
pub(super) trait Wire {
    /// Octets in front of each piece of input that the wire fills.
    const ROOM: usize;

    /// Whether the server has all streams open, and takes what goes on them.
    fn is_open(&self) -> bool;

    /// Sends what `next` gives, as far as the connection takes it.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        next: impl FnMut(&mut Context<'_>, bool) -> Option<Outgoing>,
    ) -> io::Result<()>;

    /// Receives into `shared` while there is room, up to the command's end.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Shared,
    ) -> Poll<Result<Termination, Error>>;
}

/// What a session needs to know of the request.
pub(super) struct Plan {
    /// The operation that began it, for errors.
    pub(super) operation: &'static str,
    /// Standard input, where it is known beforehand.
    pub(super) input: Option<Input>,
    pub(super) deadline: Option<(Instant, Duration)>,
    pub(super) keepalive: Duration,
}

pub(super) struct Session<W> {
    wire: W,
    shared: Arc<Shared>,
    queue: Queue,
    operation: &'static str,
    keepalive: Interval,
    cannot_write: bool,
    deadline: Option<(Pin<Box<Sleep>>, Duration)>,
}

/// What waits to be sent, beside what the handles have written.
struct Queue {
    input: Option<Messages>,
    /// A ping, and perhaps an empty input message, that are due.
    ping: bool,
    empty_input: bool,
    /// Why the input cannot go on.
    failed: Option<io::Error>,
}

impl<W: Wire> Session<W> {
    pub(super) fn new(wire: W, shared: Arc<Shared>, plan: Plan) -> Self {
        let mut keepalive = interval_at(Instant::now() + plan.keepalive, plan.keepalive);
        keepalive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            wire,
            shared,
            queue: Queue {
                input: plan.input.map(|input| input.messages(W::ROOM)),
                ping: false,
                empty_input: false,
                failed: None,
            },
            operation: plan.operation,
            keepalive,
            cannot_write: false,
            deadline: plan.deadline.map(|(at, length)| (Box::pin(sleep_until(at)), length)),
        }
    }

    /// Runs the session to its end. Dropping the future ends the connection.
    pub(super) async fn run(mut self) -> Result<ExitStatus, Error> {
        let result = poll_fn(|cx| self.poll(cx)).await;
        let result = result.and_then(status).map_err(|error| error.during(self.operation));
        self.shared.finish(end(&result));
        result
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Termination, Error>> {
        self.shared.watch(cx);
        if let Some((sleep, length)) = &mut self.deadline
            && sleep.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(timed_out(*length)));
        }
        while self.keepalive.poll_tick(cx).is_ready() {
            self.queue.ping = true;
            self.queue.empty_input = true;
        }
        if self.shared.input_is_refused() {
            self.queue.input = None;
        }
        let (queue, shared) = (&mut self.queue, &*self.shared);
        if !self.cannot_write
            && self.wire.poll_write(cx, |cx, open| queue.next(cx, shared, open)).is_err()
        {
            // The server may have said how the command ended before it stopped listening.
            self.cannot_write = true;
            shared.refuse_input();
        }
        if let Some(error) = self.queue.failed.take() {
            return Poll::Ready(Err(unreadable(error)));
        }
        self.wire.poll_read(cx, &self.shared)
    }
}

impl Queue {
    /// What comes next; nothing but a ping if the streams are not `open` yet.
    fn next(&mut self, cx: &mut Context<'_>, shared: &Shared, open: bool) -> Option<Outgoing> {
        if open && let Some(outgoing) = shared.next_outgoing() {
            return Some(outgoing);
        }
        if open
            && self.failed.is_none()
            && let Some(messages) = &mut self.input
        {
            match messages.poll_next(cx) {
                Poll::Ready(Ok(Some(message))) => return Some(Outgoing::Input(message)),
                Poll::Ready(Ok(None)) => {
                    self.input = None;
                    return Some(Outgoing::EndOfInput);
                }
                Poll::Ready(Err(error)) => self.failed = Some(error),
                Poll::Pending => {}
            }
        }
        let takes_input = open && (self.input.is_some() || shared.input_is_open());
        if std::mem::take(&mut self.empty_input) && takes_input {
            return Some(Outgoing::EmptyInput);
        }
        std::mem::take(&mut self.ping).then_some(Outgoing::Ping)
    }
}

impl<W> Drop for Session<W> {
    fn drop(&mut self) {
        let why = "the session was ended on this side before the command ended";
        self.shared.finish(End::Broken(io::ErrorKind::ConnectionAborted, why.to_owned()));
    }
}
