#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

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

/// Moves bytes from the front of `input` to `buffer` until it holds `len`. False if too few came.
fn fill(buffer: &mut Vec<u8>, input: &mut &[u8], len: usize) -> bool {
    let (taken, rest) = input.split_at(len.saturating_sub(buffer.len()).min(input.len()));
    buffer.extend_from_slice(taken);
    *input = rest;
    buffer.len() >= len
}
