//! The protocol over WebSocket: messages, the frames that carry them, and the keys of the handshake.
//!
//! Frames are encoded here because the usual WebSocket libraries log what they carry, and a session's input may be a
//! password; they also copy each message, which this code does not. Kubernetes servers do not reassemble fragments, so
//! every message is sent as **one frame**. A client must not close a running session, because the server then drops all
//! later output and the status.

mod client;
mod encode;
mod frame;
mod key;
mod mask;
mod server;
#[cfg(test)]
mod tests;

pub use client::{ClientDecoder, ClientEvent};
pub use encode::{Encoder, MAX_MESSAGE, Message};
pub use frame::{
    CloseReason, FrameDecoder, FrameError, FrameKind, Incoming, MAX_HEADER, Side, encode_frame,
    frame_in_place,
};
pub use key::{accept_key, request_key};
pub use mask::mask;
pub use server::{ServerDecoder, ServerEvent};

use std::fmt;

use base64::{
    Engine as _, alphabet,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};

use crate::{Channel, StatusError, Subprotocol};

/// The first byte of version 5's close message.
const CLOSE: u8 = 255;

/// Standard base64 with padding, read as leniently as Go's decoder does: unused bits may be set.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Why a message could not be decoded. The session cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A message of a base64 protocol is not base64.
    NotBase64(u8),
    /// A close message is not `[255, channel]` with a channel from 0 to 4.
    BadClose,
    /// The status on the error channel is too long.
    Status(StatusError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBase64(channel) => {
                write!(f, "a WebSocket message on channel {channel} is not base64; end the session")
            }
            Self::BadClose => f.write_str("a channel close message is malformed; end the session"),
            Self::Status(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<StatusError> for Error {
    fn from(error: StatusError) -> Self {
        Self::Status(error)
    }
}

/// Splits messages into channel number and payload.
#[derive(Debug)]
struct Splitter {
    protocol: Subprotocol,
    /// The payload of a base64 message; reused for every message.
    decoded: Vec<u8>,
}

impl Splitter {
    fn new(protocol: Subprotocol) -> Self {
        Self { protocol, decoded: Vec::new() }
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
        self.decoded.clear();
        let decoded = BASE64.decode_vec(payload, &mut self.decoded);
        decoded.map_err(|_| Error::NotBase64(number))?;
        Ok(Some((number, &self.decoded)))
    }

    /// The channel of a close message. `None` for any other message; before version 5 none is a close message.
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
