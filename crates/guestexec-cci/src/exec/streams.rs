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
    buffers::{Buffers, OutputStream},
    failure::cannot_end_input,
};

/// The standard input of a [`Child`](crate::Child).
///
/// `shutdown` and drop end the command's input: that of a [terminal](crate::Exec::tty) by ^D, any
/// other by the protocol. A WebSocket with `v4.channel.k8s.io` cannot do that without a terminal:
/// `shutdown` then fails with [`io::ErrorKind::Unsupported`], drop does nothing, and the command
/// waits for more input.
///
/// ```
/// use tokio::io::AsyncWriteExt as _;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.cci().client()?;
/// let mut child = client.pod("default", "demo").exec(["wc", "-c"]).stdin_piped().spawn().await?;
/// let mut input = child.stdin.take().expect("it is piped");
/// input.write_all(b"hello").await?;
/// input.shutdown().await?;
/// assert_eq!(child.wait_with_output().await?.stdout_lossy().trim(), "5");
/// # Ok(())
/// # }
/// ```
pub struct ChildStdin {
    pub(super) buffers: Arc<Buffers>,
    /// The protocol, if it cannot end input.
    pub(super) endless: Option<Subprotocol>,
}

impl AsyncWrite for ChildStdin {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.buffers.poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.buffers.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(protocol) = self.endless {
            let error = cannot_end_input(protocol).with_may_have_run(true);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::Unsupported, error)));
        }
        self.buffers.close_input();
        Poll::Ready(Ok(()))
    }
}

impl Drop for ChildStdin {
    fn drop(&mut self) {
        if self.endless.is_none() {
            self.buffers.close_input();
        }
    }
}

impl fmt::Debug for ChildStdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildStdin").finish_non_exhaustive()
    }
}

/// The largest buffer that is reused, in bytes.
const MAX_REUSED: usize = 1024 * 1024;

/// Reads one output, a buffer at a time.
pub(super) struct OutputReader {
    buffers: Arc<Buffers>,
    stream: OutputStream,
    buffer: Vec<u8>,
    read: usize,
}

impl OutputReader {
    pub(super) fn new(buffers: Arc<Buffers>, stream: OutputStream) -> Self {
        Self { buffers, stream, buffer: Vec::new(), read: 0 }
    }

    pub(super) fn poll_chunk(&mut self, cx: &Context<'_>) -> Poll<io::Result<&[u8]>> {
        if self.read == self.buffer.len() {
            self.buffer.clear();
            self.read = 0;
            if self.buffer.capacity() > MAX_REUSED {
                // After a burst of output, memory would otherwise hold two large buffers.
                self.buffer = Vec::new();
            }
            ready!(self.buffers.poll_take(cx, self.stream, &mut self.buffer))?;
        }
        Poll::Ready(Ok(&self.buffer[self.read..]))
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.read = (self.read + count).min(self.buffer.len());
    }
}

impl Drop for OutputReader {
    fn drop(&mut self) {
        self.buffers.discard(self.stream);
    }
}

macro_rules! output {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Reads give nothing at the end of the output. If the session broke before, they fail, so that
        /// a part is never taken for the whole.
        pub struct $name(pub(super) OutputReader);

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
    ///
    /// ```
    /// use tokio::io::AsyncReadExt as _;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.cci().client()?;
    /// let mut child = client.pod("default", "demo").exec(["sh", "-c", "echo hello"]).spawn().await?;
    /// let mut text = String::new();
    /// child.stdout.take().expect("it was not taken").read_to_string(&mut text).await?;
    /// assert_eq!(text, "hello\n");
    /// assert!(child.wait().await?.success());
    /// # Ok(())
    /// # }
    /// ```
    ChildStdout
}

output! {
    /// The standard error of a [`Child`](crate::Child).
    ///
    /// ```
    /// use tokio::io::AsyncReadExt as _;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.cci().client()?;
    /// let mut child = client.pod("default", "demo").exec(["sh", "-c", "echo hello >&2"]).spawn().await?;
    /// let mut text = String::new();
    /// child.stderr.take().expect("it was not taken").read_to_string(&mut text).await?;
    /// assert_eq!(text, "hello\n");
    /// assert!(child.wait().await?.success());
    /// # Ok(())
    /// # }
    /// ```
    ChildStderr
}
