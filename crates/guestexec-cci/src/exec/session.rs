//! The task that keeps one session going: reads, writes, pings.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{Sink, Stream};
use guestexec_core::ErrorKind;
use guestexec_remotecommand::{
    Channel, ExitStatus, Subprotocol, Termination,
    websocket::{self, ClientDecoder, ClientEvent, Encoder},
};
use reqwest::Upgraded;
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep, interval_at, sleep_until};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        error::ProtocolError,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{
    OPERATION,
    shared::{End, INPUT_ROOM, Out, Outgoing, Shared},
};
use crate::{Error, error::is_no_start};

/// The longest message accepted; Kubernetes servers send at most 32 769 octets at once.
const MAX_MESSAGE: usize = 32 * 1024 * 1024;
/// Octets read at once.
const READ: usize = 64 * 1024;
/// Messages handled before other tasks get their turn.
const BATCH: usize = 32;

/// What a session needs to know of the request.
pub(super) struct Plan {
    pub(super) protocol: Subprotocol,
    /// All of standard input, where it is known beforehand.
    pub(super) input: Option<Vec<u8>>,
    pub(super) deadline: Option<(Instant, Duration)>,
    pub(super) keepalive: Duration,
}

pub(super) struct Session {
    socket: WebSocketStream<Upgraded>,
    shared: Arc<Shared>,
    encoder: Encoder,
    decoder: ClientDecoder,
    input: Option<(Vec<u8>, usize)>,
    keepalive: Interval,
    /// A ping, and perhaps an empty input message, that are due.
    ping: bool,
    empty_input: bool,
    unflushed: bool,
    cannot_write: bool,
    deadline: Option<(Pin<Box<Sleep>>, Duration)>,
}

impl Session {
    pub(super) async fn new(connection: Upgraded, shared: Arc<Shared>, plan: Plan) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ)
            .write_buffer_size(INPUT_ROOM)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let socket = WebSocketStream::from_raw_socket(connection, Role::Client, Some(config)).await;
        let mut keepalive = interval_at(Instant::now() + plan.keepalive, plan.keepalive);
        keepalive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            socket,
            shared,
            encoder: Encoder::new(plan.protocol),
            decoder: ClientDecoder::new(plan.protocol),
            input: plan.input.map(|input| (input, 0)),
            keepalive,
            ping: false,
            empty_input: false,
            unflushed: false,
            cannot_write: false,
            deadline: plan.deadline.map(|(at, length)| (Box::pin(sleep_until(at)), length)),
        }
    }

    /// Runs the session to its end. Dropping the future ends the connection.
    pub(super) async fn run(mut self) -> Result<ExitStatus, Error> {
        let result = poll_fn(|cx| self.poll(cx)).await;
        let result = result.and_then(status);
        let broken = |kind, error: &Error| End::Broken(kind, error.to_string());
        self.shared.finish(match &result {
            Ok(_) => End::Complete,
            Err(error) => match error.kind() {
                ErrorKind::Timeout => broken(io::ErrorKind::TimedOut, error),
                ErrorKind::Protocol => broken(io::ErrorKind::InvalidData, error),
                ErrorKind::Lost => broken(io::ErrorKind::ConnectionAborted, error),
                // A status came, and all output comes before it.
                _ => End::Complete,
            },
        });
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
            self.ping = true;
            self.empty_input = self.shared.input_is_open();
        }
        if !self.cannot_write && self.poll_write(cx).is_err() {
            // The server may have said how the command ended before it stopped listening.
            self.cannot_write = true;
            self.shared.refuse_input();
        }
        self.poll_read(cx)
    }

    /// Sends what there is to send, as far as the connection takes it.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<(), tungstenite::Error> {
        loop {
            match Pin::new(&mut self.socket).poll_ready(cx)? {
                Poll::Pending => return Ok(()),
                Poll::Ready(()) => {}
            }
            let Some(message) = self.next_message() else { break };
            Pin::new(&mut self.socket).start_send(message)?;
            self.unflushed = true;
        }
        if self.unflushed && Pin::new(&mut self.socket).poll_flush(cx)?.is_ready() {
            self.unflushed = false;
        }
        Ok(())
    }

    fn next_message(&mut self) -> Option<Message> {
        if let Some(outgoing) = self.shared.next_outgoing() {
            return Some(match outgoing {
                Outgoing::Resize(size) => frame(self.encoder.resize(size)),
                Outgoing::Input(message) => Message::Binary(message.into()),
                Outgoing::EndOfInput => frame(self.encoder.close(Channel::Stdin)?),
            });
        }
        if let Some((input, sent)) = &mut self.input {
            let rest = &input[*sent..];
            let part = &rest[..rest.len().min(INPUT_ROOM)];
            *sent += part.len();
            let message = self.encoder.data(Channel::Stdin, part).next();
            if message.is_some() {
                return message.map(frame);
            }
            self.input = None;
            return self.encoder.close(Channel::Stdin).map(frame);
        }
        if std::mem::take(&mut self.empty_input) {
            return Some(frame(self.encoder.keepalive()));
        }
        std::mem::take(&mut self.ping).then(|| Message::Ping(Vec::new().into()))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Termination, Error>> {
        for _ in 0..BATCH {
            if !self.shared.has_room() {
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
                Ok(ClientEvent::Stdout(bytes)) => self.shared.push(Out::Stdout, bytes),
                Ok(ClientEvent::Stderr(bytes)) => self.shared.push(Out::Stderr, bytes),
                Ok(ClientEvent::Terminated(end)) => return Poll::Ready(Ok(end)),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(protocol(error.to_string()))),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The connection is over: is it known how the command ended?
    fn closed(&mut self, reason: Option<CloseFrame>) -> Result<Termination, Error> {
        let clean = reason.as_ref().is_some_and(|reason| reason.code == CloseCode::Normal);
        match self.decoder.finish(clean) {
            Ok(Termination::Unknown) => Err(lost(reason)),
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
            error => {
                Err(protocol("the server broke the WebSocket protocol".to_owned())
                    .with_source(error))
            }
        }
    }
}

/// What the server's last word means.
fn status(end: Termination) -> Result<ExitStatus, Error> {
    let (reason, message) = match end {
        Termination::Exited(status) => return Ok(status),
        Termination::Failed { reason, message } => (reason, message),
        _ => return Err(lost(None)),
    };
    let message =
        if message.is_empty() { "the server gives no reason".to_owned() } else { message };
    let could_not_start = is_no_start(&message);
    let error = Error::new(ErrorKind::Refused, message)
        .during(OPERATION)
        .with_code(Some(reason).filter(|reason| !reason.is_empty()))
        .with_may_have_run(!could_not_start);
    Err(match could_not_start {
        true => error.with_advice("check the command's path and permissions, and the container"),
        false => error,
    })
}

impl Drop for Session {
    fn drop(&mut self) {
        let why = "the session was ended on this side before the command ended";
        self.shared.finish(End::Broken(io::ErrorKind::ConnectionAborted, why.to_owned()));
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

fn lost(reason: Option<CloseFrame>) -> Error {
    let mut message = "the session ended without saying how the command did".to_owned();
    if let Some(reason) = reason {
        let text: String = reason.reason.chars().filter(|c| !c.is_control()).collect();
        message = format!("{message} (close code {}: {text})", u16::from(reason.code));
    }
    Error::new(ErrorKind::Lost, message).during(OPERATION).with_may_have_run(true)
}

fn protocol(message: String) -> Error {
    Error::new(ErrorKind::Protocol, message).during(OPERATION).with_may_have_run(true)
}

fn timed_out(length: Duration) -> Error {
    Error::new(ErrorKind::Timeout, format!("the command did not end within {length:?}"))
        .during(OPERATION)
        .with_may_have_run(true)
        .with_advice(
            "the command may still run; newer container runtimes kill it when the connection ends",
        )
}
