//! The protocol over WebSocket: messages, the frames that carry them, and the keys of the handshake.
//!
//! Frames are made here and not by a WebSocket library because those log what they carry, and a session's input may
//! be a password. Two rules of such a session: Kubernetes servers do not reassemble fragments, so every message is sent
//! as **one frame**; and a session that still runs is not closed, because the server then drops all later output and
//! the status.

mod client;
mod encode;
mod frame;
#[cfg(test)]
mod frames;
mod key;
mod mask;
mod server;

pub use client::{ClientDecoder, ClientEvent};
pub use encode::{Encoder, MAX_MESSAGE, Message};
pub use frame::{
    CloseReason, FrameDecoder, FrameError, FrameKind, Incoming, MAX_HEADER, Side, frame, seal,
};
pub use key::{accept_key, request_key};
pub use mask::mask;
pub use server::{ServerDecoder, ServerEvent};

use crate::{Channel, StatusError, Subprotocol, base64};

/// The first byte of version 5's close message.
const CLOSE: u8 = 255;

/// Why a message could not be decoded. The session cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A message of a base64 protocol holds something else.
    #[error("a WebSocket message on channel {0} is not base64; end the session")]
    NotBase64(u8),
    /// A close message is not exactly `[255, channel]` with a channel from 0 to 4.
    #[error("a channel close message is malformed; end the session")]
    BadClose,
    /// The error channel carries too much.
    #[error(transparent)]
    Status(#[from] StatusError),
}

/// Splits messages into channel number and payload.
#[derive(Debug)]
struct Splitter {
    protocol: Subprotocol,
    scratch: Vec<u8>,
}

impl Splitter {
    fn new(protocol: Subprotocol) -> Self {
        Self { protocol, scratch: Vec::new() }
    }

    fn split<'a>(&'a mut self, message: &'a [u8]) -> Result<Option<(u8, &'a [u8])>, Error> {
        let Some((&first, payload)) = message.split_first() else {
            return Ok(None);
        };
        if !self.protocol.is_base64() {
            return Ok(Some((first, payload)));
        }
        let number = first.wrapping_sub(b'0');
        if Channel::from_number(number).is_none() {
            return Ok(Some((first, &[])));
        }
        self.scratch.clear();
        base64::decode(payload, &mut self.scratch).ok_or(Error::NotBase64(number))?;
        Ok(Some((number, &self.scratch)))
    }

    /// The channel of a close message, or `None` where 255 is a channel like any unknown one.
    fn closed(protocol: Subprotocol, number: u8, payload: &[u8]) -> Result<Option<Channel>, Error> {
        if number != CLOSE || !protocol.can_close_channel() {
            return Ok(None);
        }
        match payload {
            [channel] => Channel::from_number(*channel).map(Some).ok_or(Error::BadClose),
            _ => Err(Error::BadClose),
        }
    }
}
