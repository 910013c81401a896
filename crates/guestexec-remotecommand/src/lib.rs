#![doc = include_str!("../README.md")]

mod base64;
mod channel;
mod pongs;
mod resize;
pub mod spdy;
mod status;
mod subprotocol;
pub mod websocket;

pub use channel::{Channel, Streams};
pub use pongs::{PingFlood, Pongs};
pub use resize::{ResizeDecoder, TerminalSize};
pub use status::{ExitStatus, MAX_STATUS, StatusError, Termination};
pub use subprotocol::{
    ACCEPTED_STREAM_PROTOCOLS_HEADER, NegotiationError, SPDY_OFFER, SPDY_UPGRADE,
    STREAM_PROTOCOL_HEADER, Subprotocol, WEBSOCKET_OFFER,
};
