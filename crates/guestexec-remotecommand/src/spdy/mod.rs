//! The protocol over SPDY/3.1, as version 4 of it runs inside an upgraded HTTP/1.1 connection.
//!
//! After the 101, feed what the connection yields to [`Client::next`] or `Server::next` and send what the other
//! methods append to `out`. Data is handed out as it arrives, borrowed from what was fed: the session keeps no more
//! than one control frame (16 KiB) and, in the client, the status (64 KiB). After an error the session is over.
//!
//! Kubernetes knows no flow control here: WINDOW_UPDATE is neither sent nor obeyed, so back-pressure is that of the
//! connection. `Server` needs the crate's feature `spdy-server`, which adds zlib; the client reads no headers.
//!
//! Frames follow the [SPDY/3.1 draft](https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/).

mod client;
mod frame;
mod header;
#[cfg(feature = "spdy-server")]
mod inflate;
#[cfg(test)]
mod recorded;
#[cfg(feature = "spdy-server")]
mod server;
mod session;
#[cfg(test)]
mod tests;

pub use client::Client;
#[cfg(feature = "spdy-server")]
pub use server::Server;

use crate::{Channel, StatusError, TerminalSize, Termination};

/// RST_STREAM's CANCEL: how a server lets go of the client's streams at the end.
pub const CANCEL: u32 = 5;

/// The length of a frame's header, in bytes.
pub const HEADER: usize = 8;

/// What the other side did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// In the client: the server took this stream. In the server: the client opened it, and waits for
    /// `Server::accept`.
    Opened(Channel),
    /// Bytes on stdin, stdout or stderr, borrowed from what was fed.
    Data(Channel, &'a [u8]),
    /// The other side's half of this stream is at its end.
    Fin(Channel),
    /// This stream is gone, both halves, with this code ([`CANCEL`] at the end of every session).
    Reset(Channel, u32),
    /// In the server: the terminal's new size.
    Resize(TerminalSize),
    /// In the client: the error stream ended, and this is how the command did. Output may still follow, until its
    /// streams end too.
    Terminated(Termination),
    /// The other side's ping; answer it with `pong`.
    Ping(u32),
    /// The answer to a ping.
    Pong(u32),
    /// The other side is about to close, with this status (0 when all went well).
    GoAway(u32),
}

/// What went wrong in a session. It is over then; nothing of the other side's bytes is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not SPDY/3.
    #[error("a control frame of version {0} instead of 3: the other side does not speak SPDY/3.1")]
    Version(u16),
    /// A control frame is longer than any this protocol needs, or a DATA frame to be sent than 1 MiB.
    #[error("a frame of {0} bytes is over the limit (16384 for a control frame)")]
    TooLong(usize),
    /// A frame does not have the form of its kind.
    #[error("a malformed {0} frame")]
    Malformed(&'static str),
    /// A header block is not zlib with the SPDY/3 dictionary, or inflates to more than 16 KiB.
    #[error("a header block cannot be inflated to at most 16384 bytes")]
    Headers,
    /// A stream that its sender may not open.
    #[error("a stream was opened against the protocol: {0}")]
    Unexpected(&'static str),
    /// The caller wrote to a stream that is not open (any more).
    #[error("the {} stream is not open for writing", .0.stream_type())]
    NotOpen(Channel),
    /// The status on the error stream cannot be read.
    #[error(transparent)]
    Status(#[from] StatusError),
}
