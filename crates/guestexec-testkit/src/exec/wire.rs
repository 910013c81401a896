//! The server's side of the protocol, over a WebSocket or over SPDY, without the connection.

use guestexec_core::beginning;
use guestexec_remotecommand::{
    Channel, Streams, Subprotocol, TerminalSize, Termination,
    spdy::{self, Server},
    websocket::{
        self, Encoder, FrameDecoder, FrameKind, Message, ServerDecoder, ServerEvent, Side,
        encode_frame,
    },
};

/// The longest message of a client in bytes; Kubernetes closes the connection at a longer one.
const MAX_MESSAGE: usize = 32 * 1024 * 1024;
/// The most output in one frame, in bytes, as servers send it.
pub(super) const MAX_OUTPUT: usize = 32 * 1024;

/// What the client has sent.
pub(super) enum Received<'a> {
    Stdin(&'a [u8]),
    EndOfStdin,
    Resize(TerminalSize),
    /// A ping, with the payload of its answer.
    Ping(Vec<u8>),
    Close,
}

pub(super) enum Wire {
    WebSocket {
        frames: FrameDecoder,
        decoder: Box<ServerDecoder>,
        encoder: Encoder,
        streams: Streams,
    },
    Spdy(Box<Server>),
}

impl Wire {
    pub(super) fn new(protocol: Subprotocol, is_spdy: bool, streams: Streams) -> Self {
        if is_spdy {
            return Self::Spdy(Box::new(Server::new(streams)));
        }
        Self::WebSocket {
            frames: FrameDecoder::new(Side::Server, MAX_MESSAGE),
            decoder: Box::new(ServerDecoder::new(protocol, streams)),
            encoder: Encoder::new(protocol),
            streams,
        }
    }

    /// Appends what a server says first.
    pub(super) fn begin(&self, out: &mut Vec<u8>) {
        if let Self::WebSocket { encoder, streams, .. } = self {
            frame(&encoder.ready(*streams), out);
        }
    }

    /// Whether the command can start: over SPDY, once the client has opened all streams.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::WebSocket { .. } => true,
            Self::Spdy(server) => server.is_open(),
        }
    }

    /// Takes all of `bytes`, and appends answers that cannot wait.
    ///
    /// # Errors
    /// How the client breaks the protocol.
    pub(super) fn receive(
        &mut self,
        mut bytes: &[u8],
        out: &mut Vec<u8>,
        mut on: impl FnMut(Received<'_>),
    ) -> Result<(), String> {
        match self {
            Self::WebSocket { frames, decoder, .. } => loop {
                let incoming = frames.next(&mut bytes).map_err(|error| error.to_string())?;
                let message = match incoming {
                    None => return Ok(()),
                    Some(websocket::Incoming::Message(message)) => message,
                    Some(websocket::Incoming::Ping(payload)) => {
                        on(Received::Ping(payload.to_vec()));
                        continue;
                    }
                    Some(websocket::Incoming::Close(_)) => {
                        on(Received::Close);
                        continue;
                    }
                    Some(_) => continue,
                };
                match decoder.decode(message).map_err(|error| error.to_string())? {
                    ServerEvent::Stdin(data) => on(Received::Stdin(data)),
                    ServerEvent::Closed(Channel::Stdin) => on(Received::EndOfStdin),
                    ServerEvent::Resize(size) => on(Received::Resize(size)),
                    _ => {}
                }
            },
            Self::Spdy(server) => loop {
                let event = server.next(&mut bytes).map_err(|error| error.to_string())?;
                match event {
                    None => return Ok(()),
                    Some(spdy::Event::Opened(channel)) => {
                        server.accept(channel, out).map_err(|error| error.to_string())?;
                    }
                    Some(spdy::Event::Data(Channel::Stdin, data)) => on(Received::Stdin(data)),
                    Some(
                        spdy::Event::Fin(Channel::Stdin) | spdy::Event::Reset(Channel::Stdin, _),
                    ) => on(Received::EndOfStdin),
                    Some(spdy::Event::Resize(size)) => on(Received::Resize(size)),
                    Some(spdy::Event::Ping(id)) => on(Received::Ping(id.to_be_bytes().into())),
                    Some(spdy::Event::GoAway(_)) => on(Received::Close),
                    Some(_) => {}
                }
            },
        }
    }

    pub(super) fn pong(&self, payload: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::WebSocket { .. } => encode_frame(FrameKind::Pong, payload, None, out),
            Self::Spdy(server) => {
                if let Ok(id) = payload.try_into() {
                    server.pong(u32::from_be_bytes(id), out);
                }
            }
        }
    }

    /// Appends output. Output on a stream that the client did not ask for, or has reset, is dropped.
    pub(super) fn output(&self, channel: Channel, data: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::WebSocket { encoder, streams, .. } => {
                if streams.channels().any(|asked| asked == channel) {
                    encoder.data(channel, data).for_each(|message| frame(&message, out));
                }
            }
            Self::Spdy(server) => _ = server.write(channel, data, out),
        }
    }

    /// Appends how the command ended. Output may follow.
    pub(super) fn status(&self, end: &Termination, out: &mut Vec<u8>) {
        match self {
            Self::WebSocket { encoder, .. } => {
                encoder.status(end).iter().for_each(|message| frame(message, out));
            }
            Self::Spdy(server) => {
                let status = end.to_status().unwrap_or_default();
                _ = server.write(Channel::Error, &status, out);
            }
        }
    }

    /// Appends the end of the session, with how the command ended unless that was said before.
    pub(super) fn finish(&mut self, end: &Termination, out: &mut Vec<u8>) {
        match self {
            Self::WebSocket { .. } => {
                self.status(end, out);
                close(1000, "", out);
            }
            Self::Spdy(server) => server.finish(end, out),
        }
    }

    /// Appends the end of a session that has failed for this reason.
    pub(super) fn fail(&mut self, reason: &str, out: &mut Vec<u8>) {
        match self {
            Self::WebSocket { .. } => close(1011, reason, out),
            Self::Spdy(server) => server.finish(&Termination::Unknown, out),
        }
    }
}

fn close(code: u16, reason: &str, out: &mut Vec<u8>) {
    // A control frame holds 125 bytes, of which the code takes two.
    let reason = beginning(reason, 123);
    let payload = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
    encode_frame(FrameKind::Close, &payload, None, out);
}

fn frame(message: &Message, out: &mut Vec<u8>) {
    match message {
        Message::Binary(bytes) => encode_frame(FrameKind::Binary, bytes, None, out),
        Message::Text(text) => encode_frame(FrameKind::Text, text.as_bytes(), None, out),
    }
}
