//! The standard input of a command.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

use super::buffers::MAX_INPUT;

/// The standard input of a command, given before it starts by
/// [`Exec::stdin`](crate::Exec::stdin): text, bytes, a file, or any reader.
///
/// ```
/// use guestexec_cci::Input;
/// use tokio::io::AsyncReadExt as _;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.cci().client()?;
/// let pod = client.pod("default", "demo");
/// let counted = pod.exec(["wc", "-c"]).stdin(Input::reader(tokio::io::repeat(b'x').take(5))).await?;
/// assert_eq!(counted.stdout_lossy().trim(), "5");
/// # Ok(())
/// # }
/// ```
pub struct Input(Source);

enum Source {
    Bytes(Vec<u8>),
    Reader(Pin<Box<dyn AsyncRead + Send>>),
}

impl Input {
    /// Reads the input from `reader` while the command runs, and ends it where the reader ends.
    ///
    /// A reader that fails ends the session with [`ErrorKind::Input`](crate::ErrorKind::Input), so
    /// that the command never takes a part of the input for all of it.
    ///
    /// The reader is dropped when the session ends. A reader that blocks a thread, such as
    /// `tokio::io::Stdin`, may go on to block it until its next byte comes, and the runtime cannot
    /// shut down before. A [file](std::fs::File) does not: on Unix, a FIFO or a terminal is read only
    /// when it has something to read, so give `File::open("/dev/stdin")` rather than tokio's reader.
    pub fn reader(reader: impl AsyncRead + Send + 'static) -> Self {
        Self(Source::Reader(Box::pin(reader)))
    }

    /// Whether the input is known to have no byte.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.0, Source::Bytes(bytes) if bytes.is_empty())
    }

    /// The input in messages that begin with `headroom` free bytes.
    pub(super) fn messages(self, headroom: usize) -> Messages {
        Messages { source: Some(self.0), sent: 0, headroom, buffer: Vec::new() }
    }
}

guestexec_core::from_bytes!(Input by |bytes| Self(Source::Bytes(bytes)));

impl<const N: usize> From<&[u8; N]> for Input {
    fn from(bytes: &[u8; N]) -> Self {
        Self(Source::Bytes(bytes.to_vec()))
    }
}

impl<const N: usize> From<[u8; N]> for Input {
    fn from(bytes: [u8; N]) -> Self {
        Self(Source::Bytes(bytes.into()))
    }
}

impl From<tokio::fs::File> for Input {
    fn from(file: tokio::fs::File) -> Self {
        #[cfg(unix)]
        let file = super::file::FileReader::new(file);
        Self::reader(file)
    }
}

impl From<std::fs::File> for Input {
    fn from(file: std::fs::File) -> Self {
        tokio::fs::File::from_std(file).into()
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Bytes(bytes) => write!(f, "Input({} bytes)", bytes.len()),
            Source::Reader(_) => f.write_str("Input(reader)"),
        }
    }
}

/// An [`Input`] that is being sent.
pub(super) struct Messages {
    source: Option<Source>,
    sent: usize,
    headroom: usize,
    /// The bytes read last; the buffer is reused for every read.
    buffer: Vec<u8>,
}

impl Messages {
    /// The next message, or none at the end.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Vec<u8>>>> {
        let message = match &mut self.source {
            None => return Poll::Ready(Ok(None)),
            Some(Source::Bytes(bytes)) => {
                let rest = &bytes[self.sent..];
                let part = &rest[..rest.len().min(MAX_INPUT)];
                self.sent += part.len();
                message(self.headroom, part)
            }
            Some(Source::Reader(reader)) => {
                self.buffer.resize(MAX_INPUT, 0);
                let mut buffer = ReadBuf::new(&mut self.buffer);
                ready!(reader.as_mut().poll_read(cx, &mut buffer))?;
                message(self.headroom, buffer.filled())
            }
        };
        if message.len() == self.headroom {
            self.source = None;
            self.buffer = Vec::new();
            return Poll::Ready(Ok(None));
        }
        Poll::Ready(Ok(Some(message)))
    }
}

fn message(headroom: usize, part: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(headroom + part.len());
    message.resize(headroom, 0);
    message.extend_from_slice(part);
    message
}
