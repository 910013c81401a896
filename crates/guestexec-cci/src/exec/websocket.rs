//! A session's messages over a WebSocket.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use guestexec_remotecommand::{
    Channel, Pongs, Subprotocol, Termination,
    websocket::{
        ClientDecoder, ClientEvent, CloseReason, Encoder, FrameDecoder, FrameError, FrameKind,
        Incoming, MAX_HEADER, Message, Side, frame, seal,
    },
};
use reqwest::Upgraded;
use tokio::io::{AsyncRead as _, ReadBuf};

use super::{
    failure::{lost, protocol},
    outbox::Outbox,
    pulse::Heard,
    session::{BATCH, Outgoing, READ, Wire},
    shared::{Out, Shared},
};
use crate::Error;

/// The longest message accepted; Kubernetes servers send at most 32 769 bytes at once.
const MAX_MESSAGE: usize = 32 * 1024 * 1024;

pub(super) struct WebSocket {
    connection: Upgraded,
    frames: FrameDecoder,
    buffer: Box<[u8]>,
    outbox: Outbox,
    pongs: Pongs<Vec<u8>>,
    encoder: Encoder,
    decoder: ClientDecoder,
    heard: Heard,
}

impl WebSocket {
    pub(super) fn new(connection: Upgraded, protocol: Subprotocol) -> Self {
        Self {
            connection,
            frames: FrameDecoder::new(Side::Client, MAX_MESSAGE),
            buffer: vec![0; READ].into(),
            outbox: Outbox::default(),
            pongs: Pongs::default(),
            encoder: Encoder::new(protocol),
            decoder: ClientDecoder::new(protocol),
            heard: Heard::default(),
        }
    }

    /// The connection is over: is it known how the command ended?
    fn closed(&mut self, reason: Option<CloseReason>) -> Result<Termination, Error> {
        let clean = reason.as_ref().is_some_and(|reason| reason.code == 1000);
        match self.decoder.finish(clean) {
            Ok(Termination::Unknown) => Err(lost(reason.map(|CloseReason { code, reason }| {
                let text: String = reason.chars().filter(|c| !c.is_control()).collect();
                format!("close code {code}: {text}")
            }))),
            Ok(known) => Ok(known),
            Err(error) => Err(protocol(error.to_string())),
        }
    }

    /// Puts the frames of one thing into the outbox.
    fn encode(&mut self, outgoing: Outgoing) -> io::Result<()> {
        match outgoing {
            Outgoing::Input(mut message) => {
                message[MAX_HEADER] = Channel::Stdin.number();
                let begin = seal(FrameKind::Binary, &mut message, Some(key()?));
                self.outbox.put(message, begin);
                Ok(())
            }
            Outgoing::Resize(size) => self.message(&self.encoder.resize(size)),
            Outgoing::EndOfInput => match self.encoder.close(Channel::Stdin) {
                Some(close) => self.message(&close),
                None => Ok(()),
            },
            Outgoing::EmptyInput => self.message(&self.encoder.keepalive()),
            Outgoing::Ping(number) => self.append(FrameKind::Ping, &number.to_be_bytes()),
        }
    }

    /// One message, as one frame: servers do not put fragments together.
    fn message(&mut self, message: &Message) -> io::Result<()> {
        match message {
            Message::Binary(bytes) => self.append(FrameKind::Binary, bytes),
            Message::Text(text) => self.append(FrameKind::Text, text.as_bytes()),
        }
    }

    fn append(&mut self, kind: FrameKind, payload: &[u8]) -> io::Result<()> {
        frame(kind, payload, Some(key()?), self.outbox.append());
        Ok(())
    }
}

impl Wire for WebSocket {
    const ROOM: usize = MAX_HEADER + 1;
    const IN_ORDER: bool = true;

    fn is_open(&self) -> bool {
        true
    }

    fn heard(&mut self) -> Heard {
        std::mem::take(&mut self.heard)
    }

    fn status(&mut self) -> Option<&Termination> {
        self.decoder.status()
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        mut next: impl FnMut(&mut Context<'_>, bool) -> Option<Outgoing>,
    ) -> io::Result<()> {
        loop {
            match self.outbox.poll_empty(cx, &mut self.connection) {
                Poll::Pending => return Ok(()),
                Poll::Ready(result) => result?,
            }
            if let Some(payload) = self.pongs.pop() {
                self.append(FrameKind::Pong, &payload)?;
                continue;
            }
            let Some(outgoing) = next(cx, true) else { break };
            self.encode(outgoing)?;
        }
        self.outbox.flush(cx, &mut self.connection)
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Shared,
    ) -> Poll<Result<Termination, Error>> {
        for _ in 0..BATCH {
            if !shared.has_room() {
                // A reader that makes room wakes the task.
                return Poll::Pending;
            }
            let mut buffer = ReadBuf::new(&mut self.buffer);
            match ready!(Pin::new(&mut self.connection).poll_read(cx, &mut buffer)) {
                Err(error) => {
                    return Poll::Ready(self.closed(None).map_err(|lost| lost.with_source(error)));
                }
                Ok(()) if buffer.filled().is_empty() => return Poll::Ready(self.closed(None)),
                Ok(()) => self.heard.anything = true,
            }
            let mut input = buffer.filled();
            loop {
                let message = match self.frames.next(&mut input) {
                    Ok(None) => break,
                    Ok(Some(Incoming::Message(message))) => message,
                    Ok(Some(Incoming::Ping(payload))) => {
                        if let Err(flood) = self.pongs.push(payload.to_vec()) {
                            return Poll::Ready(Err(protocol(format!(
                                "the server does not want an answer: {flood}"
                            ))));
                        }
                        // The answer may go now.
                        cx.waker().wake_by_ref();
                        continue;
                    }
                    Ok(Some(Incoming::Pong(payload))) => {
                        if let Ok(number) = payload.try_into() {
                            self.heard.pong = Some(u32::from_be_bytes(number));
                        }
                        continue;
                    }
                    Ok(Some(Incoming::Close(reason))) => return Poll::Ready(self.closed(reason)),
                    Ok(Some(_)) => continue,
                    Err(error) => return Poll::Ready(Err(broken(error))),
                };
                match self.decoder.decode(message) {
                    Ok(ClientEvent::Stdout(bytes)) => shared.push(Out::Stdout, bytes),
                    Ok(ClientEvent::Stderr(bytes)) => shared.push(Out::Stderr, bytes),
                    Ok(_) => {}
                    Err(error) => return Poll::Ready(Err(protocol(error.to_string()))),
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

fn broken(error: FrameError) -> Error {
    protocol(match error {
        FrameError::TooLong(limit) => {
            format!("the server announced a message of more than {limit} bytes")
        }
        error => format!("the server broke the WebSocket protocol: {error}"),
    })
}

/// What masks a frame: as RFC 6455 asks, nothing that the sender of the data could foresee.
fn key() -> io::Result<[u8; 4]> {
    let mut key = [0; 4];
    getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(key)
}
