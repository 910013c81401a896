//! The task of one session: it sends, receives and keeps the connection alive.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use guestexec_core::{ExitStatus, Secrets};
use guestexec_remotecommand::Termination;
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep, interval_at, sleep, sleep_until};

use super::{
    buffers::{Buffers, OutputEnd},
    connection::{Connection, Outgoing, Protocol},
    failure::{
        exit_status, input_unreadable, output_cut, output_end, streams_not_opened, timed_out,
        without_program,
    },
    input::{Input, Messages},
    liveness::{Liveness, Verdict},
    terminal::TerminalEof,
};
use crate::Error;

/// The session ends when no output came for this long after the status...
const QUIET: Duration = Duration::from_secs(2);
/// ...and, even if output still comes, after this long.
const LATE: Duration = Duration::from_secs(5);

/// The parts of the request that a session needs.
pub(super) struct SessionOptions {
    /// The operation that started it, for errors.
    pub(super) operation: &'static str,
    /// The secrets that errors must not show, even if the server sends them.
    pub(super) secrets: Secrets,
    /// Standard input, unless it is written to a handle.
    pub(super) input: Option<Input>,
    pub(super) deadline: Option<(Instant, Duration)>,
    pub(super) keepalive: Duration,
    /// How long the server may be silent.
    pub(super) dead_after: Option<Duration>,
    /// The command has a terminal, whose input ends by a byte and not by the protocol.
    pub(super) tty: bool,
    /// How long input is held back while the process id has not come.
    pub(super) hold_input: Option<Duration>,
    /// How long the server may take to accept all streams.
    pub(super) open_timeout: Duration,
}

pub(super) struct Session<P> {
    connection: Connection<P>,
    buffers: Arc<Buffers>,
    queue: SendQueue,
    operation: &'static str,
    secrets: Secrets,
    keepalive: Interval,
    cannot_write: bool,
    deadline: Option<(Pin<Box<Sleep>>, Duration)>,
    hold: Option<Pin<Box<Sleep>>>,
    /// The time that is left to accept all streams.
    opening: Option<(Pin<Box<Sleep>>, Duration)>,
    /// The end of a session after the status has arrived.
    drain: Option<Drain>,
}

/// Receives the output that comes after the status. Nothing that follows changes the status.
struct Drain {
    status: Termination,
    /// When the wait for more output is over.
    quiet: Pin<Box<Sleep>>,
    latest: Instant,
    received: u64,
    /// Output has come after the status.
    is_late: bool,
    /// Output was still coming when the wait was over.
    is_cut: bool,
}

/// The messages to send, apart from the data that the handles have written.
struct SendQueue {
    input: Option<Messages>,
    /// A ping is due.
    ping: bool,
    /// An empty input message is due.
    empty_input: bool,
    terminal: Option<TerminalEof>,
    /// Why the input cannot be read.
    failed: Option<io::Error>,
    headroom: usize,
    liveness: Liveness,
}

impl<P: Protocol> Session<P> {
    pub(super) fn new(
        connection: Connection<P>,
        buffers: Arc<Buffers>,
        options: SessionOptions,
    ) -> Self {
        let mut keepalive = interval_at(Instant::now() + options.keepalive, options.keepalive);
        keepalive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            connection,
            buffers,
            queue: SendQueue {
                input: options.input.map(|input| input.messages(P::HEADROOM)),
                ping: false,
                empty_input: false,
                terminal: options.tty.then(|| TerminalEof::new(P::HEADROOM)),
                failed: None,
                headroom: P::HEADROOM,
                liveness: Liveness::new(options.dead_after, P::ORDERED_PINGS),
            },
            operation: options.operation,
            secrets: options.secrets,
            keepalive,
            cannot_write: false,
            deadline: options.deadline.map(|(at, length)| (Box::pin(sleep_until(at)), length)),
            hold: options.hold_input.map(|length| Box::pin(sleep(length))),
            opening: Some((Box::pin(sleep(options.open_timeout)), options.open_timeout)),
            drain: None,
        }
    }

    /// Runs the session to its end. Dropping the future ends the connection.
    pub(super) async fn run(mut self) -> Result<ExitStatus, Error> {
        let result = poll_fn(|cx| self.poll(cx)).await;
        let had_output = self.buffers.received() > 0;
        let result = result
            .and_then(|status| exit_status(status, had_output))
            .and_then(|status| match self.buffers.has_no_program() {
                true => without_program(status),
                false => Ok(status),
            })
            .map_err(|error| self.redacted(error).during(self.operation));
        let is_cut = self.drain.as_ref().is_some_and(|drain| drain.is_cut);
        self.buffers.finish(if is_cut { output_cut() } else { output_end(&result) });
        result
    }

    /// Removes secrets from an error.
    fn redacted(&self, error: Error) -> Error {
        let hidden = |text: &str| self.secrets.hidden_in(text.to_owned());
        let (message, code) = (hidden(error.message()), error.code().map(hidden));
        error.with_message(message).with_code(code)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Termination, Error>> {
        let result = self.poll_session(cx);
        if self.drain.is_none()
            && let Some(status) = self.connection.protocol.status()
        {
            self.drain = Some(Drain::new(status.clone(), self.buffers.received()));
            self.buffers.refuse_input();
            // The end must be reached although nobody reads the output before it.
            self.buffers.raise_capacity();
            if result.is_pending() {
                cx.waker().wake_by_ref();
            }
        }
        let Some(drain) = &mut self.drain else { return result };
        if let Poll::Ready(result) = result {
            // A server that closes has sent all output. An error cuts output only if some was coming.
            let is_late = drain.is_late || self.buffers.received() != drain.received;
            drain.is_cut = result.is_err() && is_late;
        } else if drain.poll(cx, &self.buffers).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(Ok(drain.status.clone()))
    }

    fn poll_session(&mut self, cx: &mut Context<'_>) -> Poll<Result<Termination, Error>> {
        self.buffers.watch(cx);
        if let Some(hold) = &mut self.hold
            && hold.as_mut().poll(cx).is_ready()
        {
            self.hold = None;
            self.buffers.release_input();
        }
        if let Some((sleep, length)) = &mut self.deadline
            && sleep.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(timed_out(*length)));
        }
        if self.connection.protocol.is_open() {
            self.opening = None;
        }
        if let Some((sleep, length)) = &mut self.opening
            && sleep.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(streams_not_opened(*length)));
        }
        while self.keepalive.poll_tick(cx).is_ready() {
            self.queue.ping = true;
            self.queue.empty_input = true;
        }
        if self.buffers.input_is_refused() {
            self.queue.input = None;
        }
        let (queue, buffers) = (&mut self.queue, &*self.buffers);
        if !self.cannot_write
            && self.connection.poll_write(cx, |cx, open| queue.next(cx, buffers, open)).is_err()
        {
            // The server may have sent the status before it stopped reading.
            self.cannot_write = true;
            buffers.refuse_input();
        }
        if let Some(error) = self.queue.failed.take() {
            return Poll::Ready(Err(input_unreadable(error)));
        }
        if let Poll::Ready(result) = self.connection.poll_read(cx, &self.buffers) {
            return Poll::Ready(result);
        }
        let liveness = &mut self.queue.liveness;
        let received = std::mem::take(&mut self.connection.received);
        liveness.record(received, self.buffers.has_room());
        match liveness.poll(cx) {
            Poll::Ready(Verdict::Dead) => Poll::Ready(Err(liveness.dead())),
            Poll::Ready(Verdict::SendPing) => {
                self.queue.ping = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drain {
    fn new(status: Termination, received: u64) -> Self {
        let now = Instant::now();
        let quiet = Box::pin(sleep_until(now + QUIET));
        Self { status, quiet, latest: now + LATE, received, is_late: false, is_cut: false }
    }

    /// Ready when the wait for more output is over.
    fn poll(&mut self, cx: &mut Context<'_>, buffers: &Buffers) -> Poll<()> {
        let received = std::mem::replace(&mut self.received, buffers.received());
        let more = received != self.received;
        self.is_late |= more;
        // A server is not quiet while the buffers have no room for what it sends.
        if more || !buffers.has_room() {
            let until = Instant::now() + QUIET;
            self.is_cut = until > self.latest;
            self.quiet.as_mut().reset(until.min(self.latest));
        }
        self.quiet.as_mut().poll(cx)
    }
}

impl SendQueue {
    /// The next message to send: only a ping while the streams are not `open`.
    fn next(&mut self, cx: &mut Context<'_>, buffers: &Buffers, open: bool) -> Option<Outgoing> {
        let outgoing = self.pick(cx, buffers, open);
        let outgoing = match (&mut self.terminal, outgoing) {
            (Some(eof), Some(Outgoing::Input(message))) => {
                eof.record(&message);
                Some(Outgoing::Input(message))
            }
            (Some(eof), Some(Outgoing::EndOfInput)) => Some(Outgoing::Input(eof.message())),
            (_, outgoing) => outgoing,
        };
        if let Some(Outgoing::Input(message)) = &outgoing {
            self.liveness.add_input(message.len() - self.headroom);
        }
        outgoing
    }

    fn pick(&mut self, cx: &mut Context<'_>, buffers: &Buffers, open: bool) -> Option<Outgoing> {
        if open && let Some(outgoing) = buffers.next_outgoing() {
            return Some(outgoing);
        }
        if open
            && !buffers.holds_input()
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
        // Servers ignore it if the command has no input, or no more.
        if open && std::mem::take(&mut self.empty_input) {
            return Some(Outgoing::EmptyInput);
        }
        std::mem::take(&mut self.ping).then(|| Outgoing::Ping(self.liveness.add_ping()))
    }
}

impl<P> Drop for Session<P> {
    fn drop(&mut self) {
        let why = "the session was ended on this side before the command ended";
        self.buffers.finish(OutputEnd::Broken(io::ErrorKind::ConnectionAborted, why.to_owned()));
    }
}
