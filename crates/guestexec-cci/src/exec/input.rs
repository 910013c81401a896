//! What a command reads.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

use super::shared::INPUT_ROOM;

/// The standard input of a command that is known before it starts, for
/// [`Exec::stdin`](crate::Exec::stdin): text, bytes, a file, or anything that can be read to an
/// end.
pub struct Input(Source);

/// Where the bytes come from.
pub(super) enum Source {
    Whole(Vec<u8>),
    Reader(Pin<Box<dyn AsyncRead + Send>>),
}

impl Input {
    /// Reads the input from `reader` while the command runs, and ends it where the reader ends.
    ///
    /// A reader that fails ends the session with [`ErrorKind::Input`](crate::ErrorKind::Input),
    /// since the command must not take half an input for the whole.
    pub fn reader(reader: impl AsyncRead + Send + 'static) -> Self {
        Self(Source::Reader(Box::pin(reader)))
    }

    /// No byte at all.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.0, Source::Whole(bytes) if bytes.is_empty())
    }

    /// Hands it out in messages that begin with `room` bytes for the sender to fill.
    pub(super) fn messages(self, room: usize) -> Messages {
        Messages { source: Some(self.0), sent: 0, room, buffer: Vec::new() }
    }
}

macro_rules! whole {
    ($($from:ty),*) => {$(
        impl From<$from> for Input {
            fn from(bytes: $from) -> Self {
                Self(Source::Whole(bytes.into()))
            }
        }
    )*};
}

whole!(Vec<u8>, &[u8], String, &str);

impl<const N: usize> From<[u8; N]> for Input {
    fn from(bytes: [u8; N]) -> Self {
        Self(Source::Whole(bytes.into()))
    }
}

impl From<tokio::fs::File> for Input {
    fn from(file: tokio::fs::File) -> Self {
        Self::reader(file)
    }
}

impl From<std::fs::File> for Input {
    fn from(file: std::fs::File) -> Self {
        Self::reader(tokio::fs::File::from_std(file))
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Whole(bytes) => write!(f, "Input({} bytes)", bytes.len()),
            Source::Reader(_) => f.write_str("Input(reader)"),
        }
    }
}

/// An [`Input`] on its way.
pub(super) struct Messages {
    source: Option<Source>,
    sent: usize,
    room: usize,
    /// What was read from a reader; reused for every read.
    buffer: Vec<u8>,
}

impl Messages {
    /// The next message; none at the end.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Vec<u8>>>> {
        let message = match &mut self.source {
            None => return Poll::Ready(Ok(None)),
            Some(Source::Whole(bytes)) => {
                let rest = &bytes[self.sent..];
                let part = &rest[..rest.len().min(INPUT_ROOM)];
                self.sent += part.len();
                message(self.room, part)
            }
            Some(Source::Reader(reader)) => {
                self.buffer.resize(INPUT_ROOM, 0);
                let mut buffer = ReadBuf::new(&mut self.buffer);
                ready!(reader.as_mut().poll_read(cx, &mut buffer))?;
                message(self.room, buffer.filled())
            }
        };
        if message.len() == self.room {
            self.source = None;
            self.buffer = Vec::new();
            return Poll::Ready(Ok(None));
        }
        Poll::Ready(Ok(Some(message)))
    }
}

fn message(room: usize, part: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(room + part.len());
    message.resize(room, 0);
    message.extend_from_slice(part);
    message
}
