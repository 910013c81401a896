//! The task that keeps one session going, whatever carries it: writes, reads, keeps alive.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use guestexec_core::Secrets;
use guestexec_remotecommand::{ExitStatus, TerminalSize, Termination};
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep, interval_at, sleep, sleep_until};

use super::{
    failure::{cut, end, status, timed_out, unopened, unreadable},
    input::{Input, Messages},
    pulse::{Heard, Pulse, Silence},
    shared::{End, Shared},
    terminal::EndOfLine,
};
use crate::Error;

/// Bytes read at once.
pub(super) const READ: usize = 128 * 1024;
/// Reads handled before other tasks get their turn.
pub(super) const BATCH: usize = 32;

/// Once the status is here, no more is waited for when no output came for so long...
const QUIET: Duration = Duration::from_secs(2);
/// ...and, even if it still comes, when so long has passed.
const LATE: Duration = Duration::from_secs(5);

/// What is to be sent next.
pub(super) enum Outgoing {
    Resize(TerminalSize),
    /// Input, behind [`Wire::ROOM`] bytes for what goes before it.
    Input(Vec<u8>),
    /// The end of the input.
    EndOfInput,
    /// A message that says nothing, for gateways that count messages.
    EmptyInput,
    /// A ping, by its number: they count from 0.
    Ping(u32),
}

/// One of the forms of the protocol, on its connection.
pub(super) trait Wire {
    /// Bytes in front of each piece of input that the wire fills.
    const ROOM: usize;
    /// Whether servers handle a ping after all that was sent before it.
    const IN_ORDER: bool;

    /// Whether the server has all streams open, and takes what goes on them.
    fn is_open(&self) -> bool;

    /// What has come since the last call.
    fn heard(&mut self) -> Heard;

    /// Sends what `next` gives, as far as the connection takes it.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        next: impl FnMut(&mut Context<'_>, bool) -> Option<Outgoing>,
    ) -> io::Result<()>;

    /// How the command ended, as soon as the server has said so. Output may still follow.
    fn status(&mut self) -> Option<&Termination>;

    /// Receives into `shared` while there is room, up to the end of the session: that of the
    /// connection, or of all that can still come.
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
    /// What errors must not tell, though the server says it.
    pub(super) secrets: Secrets,
    /// Standard input, where it is known beforehand.
    pub(super) input: Option<Input>,
    pub(super) deadline: Option<(Instant, Duration)>,
    pub(super) keepalive: Duration,
    /// The silence after which the connection is taken for dead.
    pub(super) dead_after: Option<Duration>,
    /// The command has a terminal: its input ends with a byte, and never on the wire.
    pub(super) tty: bool,
    /// How long input may be held back until the command has told its process id.
    pub(super) hold: Option<Duration>,
    /// How long the server may take to open all streams.
    pub(super) opening: Duration,
}

pub(super) struct Session<W> {
    wire: W,
    shared: Arc<Shared>,
    queue: Queue,
    operation: &'static str,
    secrets: Secrets,
    keepalive: Interval,
    cannot_write: bool,
    deadline: Option<(Pin<Box<Sleep>>, Duration)>,
    hold: Option<Pin<Box<Sleep>>>,
    /// The time that is left to open all streams.
    opening: Option<(Pin<Box<Sleep>>, Duration)>,
    tail: Option<Tail>,
}

/// The status is here and stands, whatever comes after it: only output is still taken.
struct Tail {
    end: Termination,
    /// When nothing more is waited for.
    quiet: Pin<Box<Sleep>>,
    latest: Instant,
    received: u64,
    /// Output has come behind the status.
    is_late: bool,
    /// Output was still coming when no more of it was waited for.
    cut: bool,
}

/// What waits to be sent, beside what the handles have written.
struct Queue {
    input: Option<Messages>,
    /// A ping, and perhaps an empty input message, that are due.
    ping: bool,
    empty_input: bool,
    /// Where the input of a terminal stands.
    terminal: Option<EndOfLine>,
    /// Why the input cannot go on.
    failed: Option<io::Error>,
    /// Bytes in front of each piece of input.
    room: usize,
    /// Keeps account of what is sent and heard.
    pulse: Pulse,
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
                terminal: plan.tty.then(|| EndOfLine::new(W::ROOM)),
                failed: None,
                room: W::ROOM,
                pulse: Pulse::new(plan.dead_after, W::IN_ORDER),
            },
            operation: plan.operation,
            secrets: plan.secrets,
            keepalive,
            cannot_write: false,
            deadline: plan.deadline.map(|(at, length)| (Box::pin(sleep_until(at)), length)),
            hold: plan.hold.map(|length| Box::pin(sleep(length))),
            opening: Some((Box::pin(sleep(plan.opening)), plan.opening)),
            tail: None,
        }
    }

    /// Runs the session to its end. Dropping the future ends the connection.
    pub(super) async fn run(mut self) -> Result<ExitStatus, Error> {
        let result = poll_fn(|cx| self.poll(cx)).await;
        let had_output = self.shared.received() > 0;
        let result = result
            .and_then(|end| status(end, had_output))
            .map_err(|error| self.hidden(error).during(self.operation));
        let is_cut = self.tail.as_ref().is_some_and(|tail| tail.cut);
        self.shared.finish(if is_cut { cut() } else { end(&result) });
        result
    }

    /// The error without what it must not tell.
    fn hidden(&self, error: Error) -> Error {
        let hidden = |text: &str| self.secrets.hidden_in(text.to_owned());
        let (message, code) = (hidden(error.message()), error.code().map(hidden));
        error.with_message(message).with_code(code)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Termination, Error>> {
        let over = self.poll_session(cx);
        if self.tail.is_none()
            && let Some(end) = self.wire.status()
        {
            self.tail = Some(Tail::new(end.clone(), self.shared.received()));
            self.shared.refuse_input();
            // So that the end comes through although nobody reads what came before it.
            self.shared.widen();
            if over.is_pending() {
                cx.waker().wake_by_ref();
            }
        }
        let Some(tail) = &mut self.tail else { return over };
        if let Poll::Ready(how) = over {
            // All output came if the server has closed; if not, none was missed where none was coming.
            tail.cut = how.is_err() && (tail.is_late || self.shared.received() != tail.received);
        } else if tail.poll_quiet(cx, &self.shared).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(Ok(tail.end.clone()))
    }

    fn poll_session(&mut self, cx: &mut Context<'_>) -> Poll<Result<Termination, Error>> {
        self.shared.watch(cx);
        if let Some(hold) = &mut self.hold
            && hold.as_mut().poll(cx).is_ready()
        {
            self.hold = None;
            self.shared.release_input();
        }
        if let Some((sleep, length)) = &mut self.deadline
            && sleep.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(timed_out(*length)));
        }
        if self.wire.is_open() {
            self.opening = None;
        }
        if let Some((sleep, length)) = &mut self.opening
            && sleep.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(unopened(*length)));
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
        if let Poll::Ready(over) = self.wire.poll_read(cx, &self.shared) {
            return Poll::Ready(over);
        }
        let pulse = &mut self.queue.pulse;
        pulse.hear(self.wire.heard(), self.shared.has_room());
        match pulse.poll(cx) {
            Poll::Ready(Silence::Dead) => Poll::Ready(Err(pulse.dead())),
            Poll::Ready(Silence::Ask) => {
                self.queue.ping = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Tail {
    fn new(end: Termination, received: u64) -> Self {
        let now = Instant::now();
        let quiet = Box::pin(sleep_until(now + QUIET));
        Self { end, quiet, latest: now + LATE, received, is_late: false, cut: false }
    }

    /// Ready when nothing more is to be waited for.
    fn poll_quiet(&mut self, cx: &mut Context<'_>, shared: &Shared) -> Poll<()> {
        let received = std::mem::replace(&mut self.received, shared.received());
        let more = received != self.received;
        self.is_late |= more;
        // That nothing comes is not the server's doing while there is no room for it.
        if more || !shared.has_room() {
            let until = Instant::now() + QUIET;
            self.cut = until > self.latest;
            self.quiet.as_mut().reset(until.min(self.latest));
        }
        self.quiet.as_mut().poll(cx)
    }
}

impl Queue {
    /// What comes next; nothing but a ping if the streams are not `open` yet.
    fn next(&mut self, cx: &mut Context<'_>, shared: &Shared, open: bool) -> Option<Outgoing> {
        let outgoing = self.pick(cx, shared, open);
        let outgoing = match (&mut self.terminal, outgoing) {
            (Some(line), Some(Outgoing::Input(message))) => {
                line.see(&message);
                Some(Outgoing::Input(message))
            }
            (Some(line), Some(Outgoing::EndOfInput)) => Some(Outgoing::Input(line.end())),
            (_, outgoing) => outgoing,
        };
        if let Some(Outgoing::Input(message)) = &outgoing {
            self.pulse.send_input(message.len() - self.room);
        }
        outgoing
    }

    fn pick(&mut self, cx: &mut Context<'_>, shared: &Shared, open: bool) -> Option<Outgoing> {
        if open && let Some(outgoing) = shared.next_outgoing() {
            return Some(outgoing);
        }
        if open
            && !shared.holds_input()
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
        // Servers throw it away where there is no input, or no more.
        if open && std::mem::take(&mut self.empty_input) {
            return Some(Outgoing::EmptyInput);
        }
        std::mem::take(&mut self.ping).then(|| Outgoing::Ping(self.pulse.send_ping()))
    }
}

impl<W> Drop for Session<W> {
    fn drop(&mut self) {
        let why = "the session was ended on this side before the command ended";
        self.shared.finish(End::Broken(io::ErrorKind::ConnectionAborted, why.to_owned()));
    }
}
