//! The handle of a running command.

use std::{fmt, future::poll_fn, sync::Arc, task::Poll};

use guestexec_core::ErrorKind;
use guestexec_remotecommand::{ExitStatus, Subprotocol, TerminalSize};
use tokio::{task::JoinHandle, time::timeout};

use super::{
    ExecTransport, Output,
    kill::Killer,
    shared::Shared,
    streams::{ChildStderr, ChildStdin, ChildStdout},
};
use crate::Error;

/// A command that runs in a container, made by [`Exec::spawn`](crate::Exec::spawn).
///
/// Dropping it ends the connection at once, also for streams taken out of it. Whether the command
/// then ends too is the server's choice, as [`Self::kill`] tells.
///
/// An output that is not read holds back the whole session once its buffer is full
/// ([`Exec::buffer`](crate::Exec::buffer)): read both outputs, or drop the handle of one that does
/// not matter, which throws away what it gets.
pub struct Child {
    // Dropped first: a command that is left to itself is not told that its input has ended.
    pub(super) progress: Progress,
    /// The command's standard input, if it was asked for with
    /// [`Exec::stdin_piped`](crate::Exec::stdin_piped) or comes with a [terminal](crate::Exec::tty).
    pub stdin: Option<ChildStdin>,
    /// The command's standard output; with a terminal, all output.
    pub stdout: Option<ChildStdout>,
    /// The command's standard error; none with a terminal.
    pub stderr: Option<ChildStderr>,
    pub(super) shared: Arc<Shared>,
    pub(super) protocol: Subprotocol,
    pub(super) transport: ExecTransport,
    pub(super) killer: Option<Killer>,
    pub(super) tty: bool,
    pub(super) output_limit: usize,
}

/// The session's task, aborted when dropped, or its result.
pub(super) enum Progress {
    Running(Task),
    Ended(ExitStatus),
    Failed,
    /// The connection was ended by [`Child::kill`].
    Dropped,
}

pub(super) struct Task(pub(super) JoinHandle<Result<ExitStatus, Error>>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn over(message: &str) -> Error {
    Error::new(ErrorKind::Lost, message).with_may_have_run(true)
}

impl Child {
    /// Waits until the command has ended, and tells how.
    ///
    /// Ends [`Self::stdin`] first, if it is still there, as by dropping it: that of a terminal by ^D
    /// ([`Exec::tty`](crate::Exec::tty)), any other if what carries the session allows it. May be
    /// dropped and called again.
    ///
    /// The first word of the server's on how the command ended stands, whatever comes after it. Output
    /// that comes after it is still delivered: it is read until the server closes, until none came
    /// for 2 s, or until 5 s have passed.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] if the command could not be started, with the runtime's reason;
    /// [`ErrorKind::Lost`] if the connection ended before the command did, [`ErrorKind::Timeout`]
    /// if the [deadline](crate::Exec::timeout) passed, [`ErrorKind::Protocol`] if the server broke
    /// the protocol, [`ErrorKind::Input`] if the [input](crate::Exec::stdin) could not be read. The
    /// failure is told once; later calls say only that there was one.
    pub async fn wait(&mut self) -> Result<ExitStatus, Error> {
        drop(self.stdin.take());
        let task = match &mut self.progress {
            Progress::Running(task) => task,
            Progress::Ended(status) => return Ok(*status),
            Progress::Failed => {
                return Err(over("the session has failed; an earlier wait has told how"));
            }
            Progress::Dropped => {
                return Err(over("the connection was ended by `kill` before the command ended"));
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
    /// ended. [`Output::is_complete`] is false if output still came when no more was waited for.
    ///
    /// # Errors
    /// As [`Self::wait`]; and [`ErrorKind::TooLarge`] if there is more output than
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
        let mut complete = true;
        let within = poll_fn(|cx| {
            for (source, collected) in &mut sources {
                while let Some(reader) = source {
                    match reader.poll_chunk(cx) {
                        Poll::Pending => break,
                        Poll::Ready(Ok([])) => *source = None,
                        // Why it broke is for `wait` to tell.
                        Poll::Ready(Err(_)) => {
                            complete = false;
                            *source = None;
                        }
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
                ErrorKind::TooLarge,
                format!("the command's output is longer than the {limit} bytes allowed"),
            )
            .with_may_have_run(true)
            .with_advice("raise `output_limit`, or read the output as it comes with `spawn`"));
        }
        let status = self.wait().await?;
        Ok(Output { status, stdout, stderr, complete })
    }

    /// Tells the command's terminal its new size, in character cells.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] if the command has no terminal.
    pub async fn resize(&self, width: u16, height: u16) -> Result<(), Error> {
        if !self.tty {
            return Err(Error::new(
                ErrorKind::InvalidRequest,
                "the command has no terminal to resize: ask for one with `tty(…)`",
            ));
        }
        self.shared.resize(TerminalSize { width, height });
        Ok(())
    }

    /// Ends the command, or at least the connection to it.
    ///
    /// A command begun with [`Exec::killable`](crate::Exec::killable) is killed (SIGKILL, with its
    /// process group) by a second command in the same container; this waits until that has worked,
    /// and [`Self::wait`] then tells the exit status, 137 as a rule. Nothing happens to a command
    /// that has ended.
    ///
    /// For any other command the protocol has no means to end it, so only the connection is ended,
    /// as by dropping the child. What becomes of the process is then for the server to say: of those
    /// that were tried, containerd 2.1 kills it; containerd 1.6, and a Kubernetes API server with
    /// `v5.channel.k8s.io` in front of any runtime, let it run on.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] if the process has not told its id or not ended within the
    /// [handshake's timeout](crate::Exec::handshake_timeout); [`ErrorKind::Refused`] if it cannot be
    /// killed, with the reason; and whatever [`Exec::output`](crate::Exec::output) may fail with.
    /// The command then goes on, and so does the session.
    pub async fn kill(&mut self) -> Result<(), Error> {
        if !matches!(self.progress, Progress::Running(_)) {
            return Ok(());
        }
        let Some(killer) = &mut self.killer else {
            self.progress = Progress::Dropped;
            return Ok(());
        };
        killer.kill().await?;
        let patience = killer.patience;
        self.shared.widen();
        match timeout(patience, self.wait()).await {
            // However the session ended, the process has.
            Ok(_) => Ok(()),
            Err(_) => Err(Error::new(
                ErrorKind::Timeout,
                format!("the session did not end within {patience:?} of the kill"),
            )
            .with_may_have_run(true)),
        }
    }

    /// The version of the stream protocol the server chose.
    pub fn protocol(&self) -> Subprotocol {
        self.protocol
    }

    /// What carries the session; never [`ExecTransport::Auto`].
    pub fn transport(&self) -> ExecTransport {
        self.transport
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("transport", &self.transport)
            .field("tty", &self.tty)
            .finish_non_exhaustive()
    }
}
