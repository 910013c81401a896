//! A session's messages over a WebSocket.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::{Sink, Stream};
use guestexec_remotecommand::{
    Channel, Subprotocol, Termination,
    websocket::{self, ClientDecoder, ClientEvent, Encoder},
};
use reqwest::Upgraded;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        error::ProtocolError,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{
    failure::{lost, protocol},
    session::{BATCH, Outgoing, READ, Wire},
    shared::{INPUT_ROOM, Out, Shared},
};
use crate::Error;

/// The longest message accepted; Kubernetes servers send at most 32 769 octets at once.
const MAX_MESSAGE: usize = 32 * 1024 * 1024;

pub(super) struct WebSocket {
    socket: WebSocketStream<Upgraded>,
    encoder: Encoder,
    decoder: ClientDecoder,
    unflushed: bool,
}

impl WebSocket {
    pub(super) async fn new(connection: Upgraded, protocol: Subprotocol) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ)
            .write_buffer_size(INPUT_ROOM)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        Self {
            socket: WebSocketStream::from_raw_socket(connection, Role::Client, Some(config)).await,
            encoder: Encoder::new(protocol),
            decoder: ClientDecoder::new(protocol),
            unflushed: false,
        }
    }

    /// The connection is over: is it known how the command ended?
    fn closed(&mut self, reason: Option<CloseFrame>) -> Result<Termination, Error> {
        let clean = reason.as_ref().is_some_and(|reason| reason.code == CloseCode::Normal);
        match self.decoder.finish(clean) {
            Ok(Termination::Unknown) => Err(lost(reason.map(|reason| {
                let text: String = reason.reason.chars().filter(|c| !c.is_control()).collect();
                format!("close code {}: {text}", u16::from(reason.code))
            }))),
            Ok(known) => Ok(known),
            Err(error) => Err(protocol(error.to_string())),
        }
    }

    fn broken(&mut self, error: tungstenite::Error) -> Result<Termination, Error> {
        use tungstenite::Error::{Capacity, Io, Protocol};
        match error {
            Io(_) | Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                self.closed(None).map_err(|lost| lost.with_source(error))
            }
            Capacity(_) => Err(protocol(format!(
                "the server announced a message of more than {MAX_MESSAGE} octets"
            ))),
            error => Err(protocol("the server broke the WebSocket protocol").with_source(error)),
        }
    }
}

impl Wire for WebSocket {
    const ROOM: usize = 1;

    fn is_open(&self) -> bool {
        true
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
            match Pin::new(&mut self.socket).poll_ready(cx).map_err(io::Error::other)? {
                Poll::Pending => return Ok(()),
                Poll::Ready(()) => {}
            }
            let message = match next(cx, true) {
                None => break,
                Some(Outgoing::Resize(size)) => frame(self.encoder.resize(size)),
                Some(Outgoing::Input(mut message)) => {
                    message[0] = Channel::Stdin.number();
                    Message::Binary(message.into())
                }
                Some(Outgoing::EndOfInput) => match self.encoder.close(Channel::Stdin) {
                    Some(close) => frame(close),
                    None => continue,
                },
                Some(Outgoing::EmptyInput) => frame(self.encoder.keepalive()),
                Some(Outgoing::Ping) => Message::Ping(Vec::new().into()),
            };
            Pin::new(&mut self.socket).start_send(message).map_err(io::Error::other)?;
            self.unflushed = true;
        }
        if self.unflushed
            && Pin::new(&mut self.socket).poll_flush(cx).map_err(io::Error::other)?.is_ready()
        {
            self.unflushed = false;
        }
        Ok(())
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
            let message = match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(Ok(message)) => message,
                Some(Err(error)) => return Poll::Ready(self.broken(error)),
                None => return Poll::Ready(self.closed(None)),
            };
            let payload = match message {
                Message::Binary(payload) => payload,
                Message::Text(text) => text.into(),
                Message::Close(reason) => return Poll::Ready(self.closed(reason)),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            };
            match self.decoder.decode(&payload) {
                Ok(ClientEvent::Stdout(bytes)) => shared.push(Out::Stdout, bytes),
                Ok(ClientEvent::Stderr(bytes)) => shared.push(Out::Stderr, bytes),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(protocol(error.to_string()))),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// One message, which the WebSocket library sends as one frame: servers do not put fragments
/// together.
fn frame(message: websocket::Message) -> Message {
    match message {
        websocket::Message::Binary(bytes) => Message::Binary(bytes.into()),
        websocket::Message::Text(text) => Message::Text(text.into()),
    }
}
