//! The protocol over SPDY/3.1, as version 4 runs inside an upgraded HTTP/1.1 connection.
//!
//! After the 101, pass the bytes of the connection to [`Client::next`] or `Server::next`, and send what the other methods
//! append to `out`. Data is returned as it arrives, borrowed from the input. A session buffers at most one control frame
//! (16 KiB) and, in the client, the status (64 KiB). After an error the session is over.
//!
//! Kubernetes uses no flow control: it neither sends nor obeys WINDOW_UPDATE, so back-pressure is that of the connection.
//! `Server` needs the crate's feature `spdy-server`, which adds zlib; the client reads no headers.
//!
//! Frames follow the [SPDY/3.1 draft](https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/). They are
//! hand-written, since Rust has no maintained SPDY library.

mod client;
mod frame;
mod header;
#[cfg(feature = "spdy-server")]
mod inflate;
#[cfg(test)]
mod recorded;
#[cfg(feature = "spdy-server")]
mod server;
mod streams;
#[cfg(test)]
mod tests;

pub use client::Client;
#[cfg(feature = "spdy-server")]
pub use server::Server;

use std::fmt;

use crate::{Channel, StatusError, TerminalSize, Termination};

/// The code CANCEL of RST_STREAM, by which a server closes the client's streams at the end.
pub const CANCEL: u32 = 5;

/// The length of a frame's header, in bytes.
pub const HEADER: usize = 8;

/// What the other side has done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// In the client: the server accepted this stream. In the server: the client opened it, and waits for
    /// `Server::accept`.
    Opened(Channel),
    /// Bytes on stdin, stdout or stderr, borrowed from the input.
    Data(Channel, &'a [u8]),
    /// The other side has ended its half of this stream.
    Fin(Channel),
    /// Both halves of this stream are closed, with this code ([`CANCEL`] at the end of every session).
    Reset(Channel, u32),
    /// In the server: the terminal's new size.
    Resize(TerminalSize),
    /// In the client: the error stream ended, and this is how the command ended. Output may still follow until its streams
    /// end.
    Terminated(Termination),
    /// A ping of the other side; answer it with `pong`.
    Ping(u32),
    /// The answer to a ping.
    Pong(u32),
    /// The other side is about to close, with this status (0 when all went well).
    GoAway(u32),
}

/// Why a session has failed. The error quotes none of the other side's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not SPDY/3.
    Version(u16),
    /// A control frame is over its limit, or a DATA frame to be sent is longer than 1 MiB.
    TooLong(usize),
    /// A frame does not have the format of its kind.
    Malformed(&'static str),
    /// A header block is not zlib with the SPDY/3 dictionary, or inflates to more than 16 KiB.
    Headers,
    /// The other side opened a stream that it must not open.
    Unexpected(&'static str),
    /// The caller wrote to a stream that is not open.
    NotOpen(Channel),
    /// The status on the error stream cannot be read.
    Status(StatusError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(
                f,
                "a control frame of version {version} instead of 3: the other side does not speak SPDY/3.1"
            ),
            Self::TooLong(length) => {
                write!(f, "a frame of {length} bytes is over the limit (16384 for a control frame)")
            }
            Self::Malformed(kind) => write!(f, "a malformed {kind} frame"),
            Self::Headers => {
                f.write_str("a header block cannot be inflated to at most 16384 bytes")
            }
            Self::Unexpected(stream) => {
                write!(f, "a stream was opened against the protocol: {stream}")
            }
            Self::NotOpen(channel) => {
                write!(f, "the {} stream is not open for writing", channel.stream_type())
            }
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
