//! The connection that a client holds: what it writes is read by the peer, and what it reads is made by the
//! script as it reads.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use guestexec_remotecommand::{Channel, Pongs, Termination};
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::time::{Sleep, sleep};

use super::{
    handshake::Granted,
    inbox::{Inbox, Missing},
    session::ExecSession,
    step::{Step, Wait},
    wire::{MAX_OUTPUT, Received, Wire},
};

/// Bytes that are made in advance of what the client reads.
const AHEAD: usize = 64 * 1024;
/// How long the client may take to open its streams, as with Kubernetes.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long no input may come before the rest is taken to be not on its way.
const QUIET: Duration = Duration::from_millis(500);
/// Input after which its end is not waited for, in bytes.
const MAX_AWAITED: u64 = 16 * 1024 * 1024;
/// The end of the head of a request.
const BLANK_LINE: &[u8] = b"\r\n\r\n";

/// How far a session is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The request is arriving, of whose last line so many bytes have.
    Request(usize),
    Open,
    /// Nothing is answered any more, not even a ping.
    Silent,
    Over,
}

/// The connection to a scripted peer. All of the peer's work is done where the client reads and writes, so
/// nothing runs on once the client drops it.
pub(super) struct Peer {
    session: ExecSession,
    steps: Arc<Vec<Step>>,
    /// The step that is being played.
    at: usize,
    patience: Duration,
    phase: Phase,
    /// The answer to the request.
    head: String,
    wire: Wire,
    /// All streams are open, and the script plays.
    is_started: bool,
    has_stdin: bool,
    inbox: Inbox,
    pongs: Pongs<Vec<u8>>,
    /// What the client is to read, of which it has read the first `read` bytes.
    out: Vec<u8>,
    read: usize,
    /// The output of the step, of which the first bytes are sent.
    output: Option<(Channel, Arc<[u8]>, usize)>,
    timer: Option<Pin<Box<Sleep>>>,
    /// How much had been received when the timer was started.
    seen: u64,
    has_status: bool,
    hang_is_said: bool,
    reader: Option<Waker>,
}

impl Peer {
    pub(super) fn new(
        granted: Granted,
        steps: Arc<Vec<Step>>,
        patience: Duration,
        session: ExecSession,
    ) -> Self {
        let Granted { protocol, is_spdy, streams, head } = granted;
        Self {
            inbox: Inbox::new(
                session.clone(),
                streams.tty,
                is_spdy || protocol.can_close_channel(),
            ),
            session,
            steps,
            at: 0,
            patience,
            phase: Phase::Request(0),
            head,
            wire: Wire::new(protocol, is_spdy, streams),
            is_started: false,
            has_stdin: streams.stdin,
            pongs: Pongs::default(),
            out: Vec::new(),
            read: 0,
            output: None,
            timer: None,
            seen: 0,
            has_status: false,
            hang_is_said: false,
            reader: None,
        }
    }

    /// Records the end of the connection, if the session was not over.
    fn closed_by_client(&mut self) {
        if self.phase != Phase::Over {
            self.phase = Phase::Over;
            self.inbox.take_all();
            self.session.closed_by_client();
        }
    }

    /// Takes what the client writes.
    fn receive(&mut self, mut bytes: &[u8]) {
        if let Phase::Request(matched) = &mut self.phase {
            while *matched < BLANK_LINE.len()
                && let Some((byte, rest)) = bytes.split_first()
            {
                bytes = rest;
                *matched = match *byte {
                    byte if byte == BLANK_LINE[*matched] => *matched + 1,
                    b'\r' => 1,
                    _ => 0,
                };
            }
            if *matched < BLANK_LINE.len() {
                return;
            }
            self.phase = Phase::Open;
            self.out.extend(std::mem::take(&mut self.head).into_bytes());
            self.wire.begin(&mut self.out);
        }
        if self.phase == Phase::Over {
            return;
        }
        let mut closed = false;
        let mut flood = None;
        let (inbox, pongs) = (&mut self.inbox, &mut self.pongs);
        let received = self.wire.receive(bytes, &mut self.out, |received| match received {
            Received::Stdin(data) => inbox.stdin(data),
            Received::EndOfStdin => inbox.end(),
            Received::Resize(size) => inbox.resize(size),
            Received::Ping(payload) => flood = flood.or(pongs.push(payload).err()),
            Received::Close => closed = true,
        });
        if let Some(problem) = received.err().or(flood.map(|flood| flood.to_string())) {
            self.inbox.take_all();
            self.session.said(format!("cut, because the client breaks the protocol: {problem}"));
            self.phase = Phase::Over;
        } else if closed {
            self.inbox.take_all();
            self.session.closed_by_client();
            self.end(&Termination::Unknown);
        }
    }

    /// Plays the script until there is enough for the client to read.
    fn advance(&mut self, cx: &mut Context<'_>) {
        while self.phase == Phase::Open && self.out.len() < AHEAD {
            if let Some(payload) = self.pongs.pop() {
                self.wire.pong(&payload, &mut self.out);
            } else if !self.is_started {
                if self.wire.is_open() {
                    self.is_started = true;
                    self.timer = None;
                } else if self.poll_timer(OPEN_TIMEOUT, cx).is_ready() {
                    self.give_up("the client does not open the streams that its request asks for");
                } else {
                    break;
                }
            } else if self.poll_step(cx).is_pending() {
                break;
            }
        }
    }

    /// Plays a step, or a part of it.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some((channel, bytes, sent)) = &mut self.output {
            let rest = &bytes[*sent..];
            let part = &rest[..rest.len().min(MAX_OUTPUT)];
            self.wire.output(*channel, part, &mut self.out);
            *sent += part.len();
            if *sent == bytes.len() {
                self.output = None;
                self.next();
            }
            return Poll::Ready(());
        }
        let steps = Arc::clone(&self.steps);
        let exit = Step::exit(0);
        let step = match steps.get(self.at) {
            Some(step) => step,
            None if self.has_status => {
                self.end(&Termination::Unknown);
                return Poll::Ready(());
            }
            None => &exit,
        };
        match step {
            Step::Output(channel, bytes) => self.begin_output(*channel, Arc::clone(bytes)),
            Step::Computed(channel, compute) => {
                let stdin = self.session.stdin();
                match catch_unwind(AssertUnwindSafe(|| compute(&stdin))) {
                    Ok(bytes) => self.begin_output(*channel, bytes.into()),
                    Err(_) => self.give_up("the closure that computes the output panicked"),
                }
            }
            Step::Delay(length) => {
                ready!(self.poll_timer(*length, cx));
                self.next();
            }
            Step::Wait(wait) => ready!(self.poll_wait(*wait, cx)),
            Step::Status(end, words) => {
                ready!(self.poll_settled(cx));
                self.session.said(words.clone());
                // Servers end the outputs before the status, unless more output follows.
                if self.at + 1 < steps.len() {
                    self.wire.status(end, &mut self.out);
                    self.has_status = true;
                    self.next();
                } else {
                    self.end(end);
                }
            }
            Step::Raw(bytes) => {
                self.session.output("bytes", Arc::clone(bytes));
                self.out.extend_from_slice(bytes);
                self.next();
            }
            Step::Close => {
                ready!(self.poll_settled(cx));
                if !self.has_status {
                    self.session.said("closed without a status");
                }
                self.end(&Termination::Unknown);
            }
            Step::Cut => {
                ready!(self.poll_settled(cx));
                self.session.said("cut");
                self.phase = Phase::Over;
            }
            Step::Hang => {
                if !std::mem::replace(&mut self.hang_is_said, true) {
                    self.session.said("hangs");
                }
                return Poll::Pending;
            }
            Step::Silence => {
                self.session.said("silent, even to pings");
                self.phase = Phase::Silent;
            }
        }
        Poll::Ready(())
    }

    fn next(&mut self) {
        self.at += 1;
        self.timer = None;
    }

    fn end(&mut self, end: &Termination) {
        self.wire.finish(end, &mut self.out);
        self.phase = Phase::Over;
    }

    fn begin_output(&mut self, channel: Channel, bytes: Arc<[u8]>) {
        self.session.output(channel.stream_type(), Arc::clone(&bytes));
        self.output = Some((channel, bytes, 0));
    }

    /// Ready so long after it was first called in a step.
    fn poll_timer(&mut self, length: Duration, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.get_or_insert_with(|| Box::pin(sleep(length))).as_mut().poll(cx)
    }

    fn poll_wait(&mut self, wait: Wait, cx: &mut Context<'_>) -> Poll<()> {
        match self.inbox.take(wait, self.has_stdin) {
            Ok(()) => self.next(),
            Err(Missing { what, may_come: true }) => {
                let patience = self.patience;
                ready!(self.poll_timer(patience, cx));
                self.give_up(&format!("waited {patience:?} for {what}"));
            }
            Err(Missing { what, .. }) => self.give_up(&format!("{what} cannot come")),
        }
        Poll::Ready(())
    }

    /// Ends a session whose script cannot go on.
    fn give_up(&mut self, why: &str) {
        self.inbox.take_all();
        self.session.said(format!("given up: {why}"));
        self.wire.fail(why, &mut self.out);
        self.phase = Phase::Over;
    }

    /// Takes all input that is on its way. Without it, chance would decide what of it is in the record.
    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let received = self.inbox.received;
        if self.has_stdin && !self.inbox.has_end() && received < MAX_AWAITED {
            if self.seen != received {
                self.timer = None;
                self.seen = received;
            }
            ready!(self.poll_timer(QUIET, cx));
        }
        self.timer = None;
        self.inbox.take_all();
        Poll::Ready(())
    }
}

impl Read for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let peer = &mut *self;
        if peer.read == peer.out.len() {
            peer.out.clear();
            peer.read = 0;
            peer.advance(cx);
        }
        let unread = &peer.out[peer.read..];
        if unread.is_empty() && peer.phase != Phase::Over {
            peer.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let part = unread.len().min(buffer.remaining());
        buffer.put_slice(&unread[..part]);
        peer.read += part;
        Poll::Ready(Ok(()))
    }
}

impl Write for Peer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.receive(bytes);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Servers take it for the end of the session, and send nothing more.
        self.closed_by_client();
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.closed_by_client();
    }
}

#[cfg(test)]
mod tests {
    use guestexec_remotecommand::{Streams, Subprotocol};
    use hyper::rt::ReadBuf;

    use super::*;

    #[test]
    fn buffers_stay_flat_while_much_output_flows() {
        for is_spdy in [false, true] {
            let streams = Streams { stdout: true, ..Streams::default() };
            let head = "HTTP/1.1 101 Switching Protocols\r\n\r\n".to_owned();
            let granted = Granted { protocol: Subprotocol::V4, is_spdy, streams, head };
            let output = Step::Output(Channel::Stdout, vec![b'a'; 5_000_000].into());
            let session = ExecSession::new(String::new(), false);
            let patience = Duration::ZERO;
            let mut peer = Peer::new(granted, vec![output].into(), patience, session);
            peer.receive(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n");
            if is_spdy {
                let mut opening = Vec::new();
                guestexec_remotecommand::spdy::Client::open(streams, &mut opening);
                peer.receive(&opening);
            }
            let mut cx = Context::from_waker(Waker::noop());
            let (mut total, mut bytes) = (0, [0; 1000]);
            loop {
                let mut buffer = ReadBuf::new(&mut bytes);
                let read = Pin::new(&mut peer).poll_read(&mut cx, buffer.unfilled());
                assert!(matches!(read, Poll::Ready(Ok(()))));
                total += buffer.filled().len();
                assert!(peer.out.capacity() < 4 * AHEAD, "{}", peer.out.capacity());
                if buffer.filled().is_empty() {
                    break;
                }
            }
            assert!((5_000_000..5_010_000).contains(&total), "{total}");
        }
    }
}
