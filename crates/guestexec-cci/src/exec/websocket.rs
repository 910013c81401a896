//! A session over a WebSocket.

use std::io;

use guestexec_remotecommand::{
    Channel, Subprotocol, Termination,
    websocket::{
        self, ClientDecoder, ClientEvent, CloseReason, Encoder, FrameDecoder, FrameError,
        FrameKind, MAX_HEADER, Message, Side, encode_frame, frame_in_place,
    },
};

use super::{
    buffers::OutputStream,
    connection::{Incoming, Outgoing, Protocol, WriteBuffer},
    failure::{lost, protocol_error},
};
use crate::Error;

/// The longest message accepted; Kubernetes servers send at most 32 769 bytes at once.
const MAX_MESSAGE: usize = 32 * 1024 * 1024;

pub(super) struct WebSocket {
    frames: FrameDecoder,
    encoder: Encoder,
    decoder: ClientDecoder,
}

impl WebSocket {
    pub(super) fn new(protocol: Subprotocol) -> Self {
        Self {
            frames: FrameDecoder::new(Side::Client, MAX_MESSAGE),
            encoder: Encoder::new(protocol),
            decoder: ClientDecoder::new(protocol),
        }
    }

    /// The result of a session that the server closed, with a reason if it gave one.
    fn closed(&mut self, reason: Option<CloseReason>) -> Result<Termination, Error> {
        let clean = reason.as_ref().is_some_and(|reason| reason.code == 1000);
        match self.decoder.finish(clean) {
            Ok(Termination::Unknown) => Err(lost(reason.map(|CloseReason { code, reason }| {
                let text: String = reason.chars().filter(|c| !c.is_control()).collect();
                format!("close code {code}: {text}")
            }))),
            Ok(known) => Ok(known),
            Err(error) => Err(protocol_error(error.to_string())),
        }
    }
}

impl Protocol for WebSocket {
    const HEADROOM: usize = MAX_HEADER + 1;
    const ORDERED_PINGS: bool = true;

    fn is_open(&self) -> bool {
        true
    }

    fn status(&mut self) -> Option<&Termination> {
        self.decoder.status()
    }

    fn encode(&mut self, outgoing: Outgoing, buffer: &mut WriteBuffer) -> io::Result<()> {
        let message = match outgoing {
            Outgoing::Input(mut message) => {
                message[MAX_HEADER] = Channel::Stdin.number();
                let begin = frame_in_place(FrameKind::Binary, &mut message, Some(mask_key()?));
                buffer.set(message, begin);
                return Ok(());
            }
            Outgoing::Ping(number) => {
                return append(FrameKind::Ping, &number.to_be_bytes(), buffer);
            }
            Outgoing::Pong(payload) => return append(FrameKind::Pong, &payload, buffer),
            Outgoing::Resize(size) => Some(self.encoder.resize(size)),
            Outgoing::EndOfInput => self.encoder.close(Channel::Stdin),
            Outgoing::EmptyInput => Some(self.encoder.keepalive()),
        };
        // Servers do not reassemble fragments, so each message is one frame.
        match message {
            Some(Message::Binary(bytes)) => append(FrameKind::Binary, &bytes, buffer),
            Some(Message::Text(text)) => append(FrameKind::Text, text.as_bytes(), buffer),
            None => Ok(()),
        }
    }

    fn decode(
        &mut self,
        mut bytes: &[u8],
        incoming: &mut Incoming<'_>,
    ) -> Result<Option<Termination>, Error> {
        while let Some(frame) = self.frames.next(&mut bytes).map_err(frame_error)? {
            let message = match frame {
                websocket::Incoming::Message(message) => message,
                websocket::Incoming::Ping(payload) => {
                    incoming.ping(payload.to_vec())?;
                    continue;
                }
                websocket::Incoming::Pong(payload) => {
                    if let Ok(number) = payload.try_into() {
                        incoming.received.pong = Some(u32::from_be_bytes(number));
                    }
                    continue;
                }
                websocket::Incoming::Close(reason) => return self.closed(reason).map(Some),
                _ => continue,
            };
            match self.decoder.decode(message) {
                Ok(ClientEvent::Stdout(bytes)) => {
                    incoming.buffers.push(OutputStream::Stdout, bytes);
                }
                Ok(ClientEvent::Stderr(bytes)) => {
                    incoming.buffers.push(OutputStream::Stderr, bytes);
                }
                Ok(_) => {}
                Err(error) => return Err(protocol_error(error.to_string())),
            }
        }
        Ok(None)
    }

    fn finish(&mut self) -> Result<Termination, Error> {
        self.closed(None)
    }
}

fn append(kind: FrameKind, payload: &[u8], buffer: &mut WriteBuffer) -> io::Result<()> {
    encode_frame(kind, payload, Some(mask_key()?), buffer.append());
    Ok(())
}

fn frame_error(error: FrameError) -> Error {
    protocol_error(match error {
        FrameError::TooLong(limit) => {
            format!("the server announced a message of more than {limit} bytes")
        }
        error => format!("the server broke the WebSocket protocol: {error}"),
    })
}

/// A mask for one frame. RFC 6455 asks for one that the sender of the data cannot foresee.
fn mask_key() -> io::Result<[u8; 4]> {
    let mut key = [0; 4];
    getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(key)
}
