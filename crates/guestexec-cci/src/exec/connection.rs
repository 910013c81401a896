//! The bytes of a session, for either protocol.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use guestexec_core::Upgraded;
use guestexec_remotecommand::{Pongs, TerminalSize, Termination};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use super::{buffers::Buffers, failure::protocol_error, liveness::Received};
use crate::Error;

/// Bytes read at once.
const READ: usize = 128 * 1024;
/// Reads after which other tasks get their turn.
const BATCH: usize = 32;

/// The next message to send.
pub(super) enum Outgoing {
    Resize(TerminalSize),
    /// Input, after [`Protocol::HEADROOM`] bytes for its header.
    Input(Vec<u8>),
    EndOfInput,
    /// An empty message, for gateways that count messages.
    EmptyInput,
    /// A ping, by its number: they count from 0.
    Ping(u32),
    /// The answer to a ping, with the ping's payload.
    Pong(Vec<u8>),
}

/// The client's side of the protocol, over a WebSocket or over SPDY, without the connection.
pub(super) trait Protocol {
    /// The room for a header in front of each piece of input, in bytes.
    const HEADROOM: usize;
    /// Whether servers answer a ping only after they have handled all that was sent before it.
    const ORDERED_PINGS: bool;

    /// Whether the server accepts data on all streams.
    fn is_open(&self) -> bool;

    /// How the command ended, once the server has sent its status. Output may still follow.
    fn status(&mut self) -> Option<&Termination>;

    /// Encodes one message into the buffer, which is empty.
    fn encode(&mut self, outgoing: Outgoing, buffer: &mut WriteBuffer) -> io::Result<()>;

    /// Takes all of `bytes`. Returns the result if the session is over.
    fn decode(
        &mut self,
        bytes: &[u8],
        incoming: &mut Incoming<'_>,
    ) -> Result<Option<Termination>, Error>;

    /// The result of a session whose connection has ended.
    fn finish(&mut self) -> Result<Termination, Error>;
}

/// The destination of decoded data.
pub(super) struct Incoming<'a> {
    pub(super) buffers: &'a Buffers,
    pub(super) received: &'a mut Received,
    pongs: &'a mut Pongs<Vec<u8>>,
    /// Something can be sent that could not be sent before.
    pub(super) can_send: bool,
}

impl Incoming<'_> {
    /// Queues the answer to a ping.
    pub(super) fn ping(&mut self, payload: Vec<u8>) -> Result<(), Error> {
        self.can_send = true;
        self.pongs
            .push(payload)
            .map_err(|flood| protocol_error(format!("the server does not want an answer: {flood}")))
    }
}

/// A connection and the protocol that runs on it.
pub(super) struct Connection<P> {
    stream: Upgraded,
    pub(super) protocol: P,
    read_buffer: Box<[u8]>,
    write_buffer: WriteBuffer,
    pongs: Pongs<Vec<u8>>,
    /// The data received since the session last took it.
    pub(super) received: Received,
}

impl<P: Protocol> Connection<P> {
    /// Begins a session by sending `first`, which may be nothing.
    pub(super) fn new(stream: Upgraded, protocol: P, first: Vec<u8>) -> Self {
        Self {
            stream,
            protocol,
            read_buffer: vec![0; READ].into(),
            write_buffer: WriteBuffer { bytes: first, ..WriteBuffer::default() },
            pongs: Pongs::default(),
            received: Received::default(),
        }
    }

    /// Sends what `next` returns, until the connection takes no more. `next` gets whether all
    /// streams are open.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        mut next: impl FnMut(&mut Context<'_>, bool) -> Option<Outgoing>,
    ) -> io::Result<()> {
        while let Poll::Ready(result) = self.write_buffer.poll_drain(cx, &mut self.stream) {
            result?;
            let pong = self.pongs.pop().map(Outgoing::Pong);
            let Some(outgoing) = pong.or_else(|| next(cx, self.protocol.is_open())) else {
                return self.write_buffer.flush(cx, &mut self.stream);
            };
            self.protocol.encode(outgoing, &mut self.write_buffer)?;
        }
        Ok(())
    }

    /// Receives while the buffers have room. Ready at the end of the session: when the connection
    /// ends, or when nothing more can come.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &Buffers,
    ) -> Poll<Result<Termination, Error>> {
        for _ in 0..BATCH {
            if !buffers.has_room() {
                // A reader that makes room wakes the task.
                return Poll::Pending;
            }
            let mut buffer = ReadBuf::new(&mut self.read_buffer);
            let result = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            if let Err(error) = result {
                return Poll::Ready(self.protocol.finish().map_err(|lost| lost.with_source(error)));
            }
            if buffer.filled().is_empty() {
                return Poll::Ready(self.protocol.finish());
            }
            self.received.any = true;
            let mut incoming = Incoming {
                buffers,
                received: &mut self.received,
                pongs: &mut self.pongs,
                can_send: false,
            };
            if let Some(result) = self.protocol.decode(buffer.filled(), &mut incoming).transpose() {
                return Poll::Ready(result);
            }
            if incoming.can_send {
                cx.waker().wake_by_ref();
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// The bytes that are being sent: one frame, or a few small ones.
#[derive(Default)]
pub(super) struct WriteBuffer {
    bytes: Vec<u8>,
    sent: usize,
    needs_flush: bool,
}

impl WriteBuffer {
    /// Sends a frame without copying it, except its first `skip` bytes. The buffer must be empty.
    pub(super) fn set(&mut self, frame: Vec<u8>, skip: usize) {
        self.bytes = frame;
        self.sent = skip;
    }

    /// Small frames are appended here.
    pub(super) fn append(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>, stream: &mut Upgraded) -> Poll<io::Result<()>> {
        while self.sent < self.bytes.len() {
            match ready!(Pin::new(&mut *stream).poll_write(cx, &self.bytes[self.sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.sent += count,
            }
            self.needs_flush = true;
        }
        self.bytes.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    fn flush(&mut self, cx: &mut Context<'_>, stream: &mut Upgraded) -> io::Result<()> {
        if self.needs_flush && Pin::new(stream).poll_flush(cx)?.is_ready() {
            self.needs_flush = false;
        }
        Ok(())
    }
}
