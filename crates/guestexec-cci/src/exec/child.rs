//! The handles of a running command.

use std::{
    fmt,
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use guestexec_core::ErrorKind;
use guestexec_remotecommand::{ExitStatus, Subprotocol, TerminalSize};
use tokio::{
    io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf},
    task::JoinHandle,
};

use super::{
    Output,
    shared::{Out, Shared},
    unclosable,
};
use crate::Error;

/// A command that runs in a container, made by [`Exec::spawn`](crate::Exec::spawn).
///
/// Dropping it ends the connection at once, also for streams taken out of it. Whether the command
/// then ends too is the server's choice: newer container runtimes kill it, others let it run on.
///
/// An output that is not read holds back the whole session once its buffer is full
/// ([`Exec::buffer`](crate::Exec::buffer)): read both outputs, or drop the handle of one that does
/// not matter, which throws away what it gets.
pub struct Child {
    /// The command's standard input, if it was asked for with [`Exec::stdin_piped`](crate::Exec::stdin_piped).
    pub stdin: Option<ChildStdin>,
    /// The command's standard output; with a terminal, all output.
    pub stdout: Option<ChildStdout>,
    /// The command's standard error; none with a terminal.
    pub stderr: Option<ChildStderr>,
    pub(super) shared: Arc<Shared>,
    pub(super) progress: Progress,
    pub(super) protocol: Subprotocol,
    pub(super) tty: bool,
    pub(super) output_limit: usize,
}

/// The session's task, aborted when dropped, or its result.
pub(super) enum Progress {
    Running(Task),
    Ended(ExitStatus),
    Failed,
}

pub(super) struct Task(pub(super) JoinHandle<Result<ExitStatus, Error>>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Child {
    /// Waits until the command has ended, and tells how.
    ///
    /// Closes [`Self::stdin`] first, if it is still there and the protocol allows it. May be
    /// dropped and called again.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] if the command could not be started, with the runtime's reason;
    /// [`ErrorKind::Lost`] if the connection ended before the command did, [`ErrorKind::Timeout`]
    /// if the [deadline](crate::Exec::timeout) passed, [`ErrorKind::Protocol`] if the server broke
    /// the protocol. The failure is told once; later calls say only that there was one.
    pub async fn wait(&mut self) -> Result<ExitStatus, Error> {
        drop(self.stdin.take());
        let task = match &mut self.progress {
            Progress::Running(task) => task,
            Progress::Ended(status) => return Ok(*status),
            Progress::Failed => {
                return Err(Error::new(
                    ErrorKind::Lost,
                    "the session has failed; an earlier wait has told how",
                )
                .with_may_have_run(true));
            }
        };
        let result = (&mut task.0).await.unwrap_or_else(|error| {
            Err(Error::new(ErrorKind::Lost, "the session's task was ended from outside")
                .with_may_have_run(true)
                .with_source(error))
        });
        self.progress = match &result {
            Ok(status) => Progress::Ended(*status),
            Err(_) => Progress::Failed,
        };
        result
    }

    /// Reads both outputs, as far as they were not taken away, and waits until the command has
    /// ended.
    ///
    /// # Errors
    /// As [`Self::wait`]; and [`ErrorKind::Refused`] if there is more output than
    /// [`Exec::output_limit`](crate::Exec::output_limit) allows.
    pub async fn wait_with_output(mut self) -> Result<Output, Error> {
        drop(self.stdin.take());
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let mut sources = [
            (self.stdout.take().map(|stream| stream.0), &mut stdout),
            (self.stderr.take().map(|stream| stream.0), &mut stderr),
        ];
        let limit = self.output_limit;
        let mut left = limit;
        let within = poll_fn(|cx| {
            for (source, collected) in &mut sources {
                while let Some(reader) = source {
                    match reader.poll_chunk(cx) {
                        Poll::Pending => break,
                        // Why it broke is for `wait` to tell.
                        Poll::Ready(Ok([]) | Err(_)) => *source = None,
                        Poll::Ready(Ok(chunk)) if chunk.len() > left => return Poll::Ready(false),
                        Poll::Ready(Ok(chunk)) => {
                            collected.extend_from_slice(chunk);
                            let read = chunk.len();
                            left -= read;
                            reader.consume(read);
                        }
                    }
                }
            }
            match sources.iter().all(|(source, _)| source.is_none()) {
                true => Poll::Ready(true),
                false => Poll::Pending,
            }
        })
        .await;
        if !within {
            return Err(Error::new(
                ErrorKind::Refused,
                format!("the command's output is longer than the {limit} octets allowed"),
            )
            .with_may_have_run(true)
            .with_advice("raise `output_limit`, or read the output as it comes with `spawn`"));
        }
        let status = self.wait().await?;
        Ok(Output { status, stdout, stderr })
    }

    /// Tells the command's terminal its new size.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] if the command has no terminal.
    pub fn resize(&self, size: TerminalSize) -> Result<(), Error> {
        if !self.tty {
            return Err(Error::new(
                ErrorKind::InvalidRequest,
                "the command has no terminal to resize: ask for one with `tty(…)`",
            ));
        }
        self.shared.resize(size);
        Ok(())
    }

    /// The version of the stream protocol the server chose. Only from `v5.channel.k8s.io` on can
    /// standard input be closed.
    pub fn protocol(&self) -> Subprotocol {
        self.protocol
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("protocol", &self.protocol)
            .field("tty", &self.tty)
            .finish_non_exhaustive()
    }
}

/// The standard input of a [`Child`].
///
/// Shutting it down or dropping it ends the command's input, if the protocol can do that. If it
/// cannot (`v4.channel.k8s.io`), `shutdown` fails with [`io::ErrorKind::Unsupported`], dropping does
/// nothing, and the command goes on.
pub struct ChildStdin {
    pub(super) shared: Arc<Shared>,
    pub(super) protocol: Subprotocol,
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
        if !self.protocol.can_close_channel() {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::Unsupported,
                unclosable(self.protocol),
            )));
        }
        self.shared.close_input();
        Poll::Ready(Ok(()))
    }
}

impl Drop for ChildStdin {
    fn drop(&mut self) {
        if self.protocol.can_close_channel() {
            self.shared.close_input();
        }
    }
}

impl fmt::Debug for ChildStdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildStdin").finish_non_exhaustive()
    }
}

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

    fn poll_chunk(&mut self, cx: &Context<'_>) -> Poll<io::Result<&[u8]>> {
        if self.read == self.buffer.len() {
            self.buffer.clear();
            self.read = 0;
            ready!(self.shared.poll_take(cx, self.out, &mut self.buffer))?;
        }
        Poll::Ready(Ok(&self.buffer[self.read..]))
    }

    fn consume(&mut self, count: usize) {
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
    /// The standard output of a [`Child`]; with a terminal, all its output.
    ChildStdout
}

output! {
    /// The standard error of a [`Child`].
    ChildStderr
}
