//! The handles of a running command's streams.

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use guestexec_remotecommand::Subprotocol;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use super::{
    failure::unclosable,
    shared::{Out, Shared},
};

/// The standard input of a [`Child`](crate::Child).
///
/// Shutting it down or dropping it ends the command's input: that of a [terminal](crate::Exec::tty)
/// by ^D, any other if what carries the session can do that. If it cannot (a WebSocket with
/// `v4.channel.k8s.io`), `shutdown` fails with [`io::ErrorKind::Unsupported`], dropping does nothing,
/// and the command goes on and waits for more.
pub struct ChildStdin {
    pub(super) shared: Arc<Shared>,
    /// The protocol, if it is one that cannot carry the end.
    pub(super) endless: Option<Subprotocol>,
}

impl AsyncWrite for ChildStdin {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.shared.poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(protocol) = self.endless {
            let error = unclosable(protocol).with_may_have_run(true);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::Unsupported, error)));
        }
        self.shared.close_input();
        Poll::Ready(Ok(()))
    }
}

impl Drop for ChildStdin {
    fn drop(&mut self) {
        if self.endless.is_none() {
            self.shared.close_input();
        }
    }
}

impl fmt::Debug for ChildStdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildStdin").finish_non_exhaustive()
    }
}

/// The largest buffer that is used again, in bytes.
const KEPT: usize = 1024 * 1024;

/// Reads one output, a buffer at a time.
pub(super) struct Reader {
    shared: Arc<Shared>,
    out: Out,
    buffer: Vec<u8>,
    read: usize,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, out: Out) -> Self {
        Self { shared, out, buffer: Vec::new(), read: 0 }
    }

    pub(super) fn poll_chunk(&mut self, cx: &Context<'_>) -> Poll<io::Result<&[u8]>> {
        if self.read == self.buffer.len() {
            self.buffer.clear();
            self.read = 0;
            if self.buffer.capacity() > KEPT {
                // A burst's buffer would stay beside the one that is filling up.
                self.buffer = Vec::new();
            }
            ready!(self.shared.poll_take(cx, self.out, &mut self.buffer))?;
        }
        Poll::Ready(Ok(&self.buffer[self.read..]))
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.read = (self.read + count).min(self.buffer.len());
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.discard(self.out);
    }
}

macro_rules! output {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// At its end reads give nothing; if the session broke before, an error, so that a part is
        /// never taken for the whole.
        pub struct $name(pub(super) Reader);

        impl AsyncRead for $name {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let chunk = ready!(self.0.poll_chunk(cx))?;
                let count = chunk.len().min(buffer.remaining());
                buffer.put_slice(&chunk[..count]);
                self.0.consume(count);
                Poll::Ready(Ok(()))
            }
        }

        impl AsyncBufRead for $name {
            fn poll_fill_buf(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<&[u8]>> {
                self.get_mut().0.poll_chunk(cx)
            }

            fn consume(mut self: Pin<&mut Self>, count: usize) {
                self.0.consume(count);
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

output! {
    /// The standard output of a [`Child`](crate::Child); with a terminal, all its output.
    ChildStdout
}

output! {
    /// The standard error of a [`Child`](crate::Child).
    ChildStderr
}
