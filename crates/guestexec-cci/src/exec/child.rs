//! The handle of a running command.

use std::{fmt, future::poll_fn, sync::Arc, task::Poll, time::Duration};

use guestexec_core::{ErrorKind, ExitStatus, ensure_runtime};
use guestexec_remotecommand::{Subprotocol, TerminalSize};
use tokio::{task::JoinHandle, time::timeout};

use super::{
    ExecTransport, Output,
    buffers::Buffers,
    kill::{Killed, Killer},
    streams::{ChildStderr, ChildStdin, ChildStdout},
};
use crate::Error;

/// A command that runs in a container, made by [`Exec::spawn`](crate::Exec::spawn).
///
/// Drop ends the connection at once, also for streams that were taken out. Whether the command then
/// ends too is up to the server: see [`Self::kill`].
///
/// An output that is not read stops the whole session once its buffer is full
/// ([`Exec::buffer`](crate::Exec::buffer)). So read both outputs, or drop the handle of one that does
/// not matter, which throws that output away.
///
/// ```
/// use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.cci().client()?;
/// let pod = client.pod("default", "demo");
/// let mut child = pod.exec(["sh", "-c", "read n; echo $((n * 2))"]).stdin_piped().spawn().await?;
/// let mut input = child.stdin.take().expect("it is piped");
/// let mut lines = BufReader::new(child.stdout.take().expect("it was not taken")).lines();
/// input.write_all(b"21\n").await?;
/// assert_eq!(lines.next_line().await?.as_deref(), Some("42"));
/// input.shutdown().await?;
/// assert!(child.wait().await?.success());
///
/// let child = pod.exec(["echo", "hello"]).spawn().await?;
/// println!("{:?} over {:?}", child.protocol(), child.transport());
/// assert_eq!(child.wait_with_output().await?.stdout_lossy(), "hello\n");
/// # Ok(())
/// # }
/// ```
pub struct Child {
    // Dropped first, so that dropping `stdin` sends no end of input to an abandoned command.
    pub(super) progress: Progress,
    /// The command's standard input, if it is [piped](crate::Exec::stdin_piped) or a
    /// [terminal](crate::Exec::tty).
    pub stdin: Option<ChildStdin>,
    /// The command's standard output; with a terminal, all output.
    pub stdout: Option<ChildStdout>,
    /// The command's standard error; none with a terminal.
    pub stderr: Option<ChildStderr>,
    pub(super) buffers: Arc<Buffers>,
    pub(super) protocol: Subprotocol,
    pub(super) transport: ExecTransport,
    pub(super) killer: Option<Killer>,
    pub(super) tty: bool,
    pub(super) output_limit: usize,
}

/// The session's task, or its result.
pub(super) enum Progress {
    Running(Task),
    Ended(ExitStatus),
    Failed,
    /// The connection was ended by [`Child::kill`].
    Dropped,
    /// The command had ended before [`Child::kill`], and the server has not said how.
    Untold,
}

/// How long the server may take to tell how a command ended that was to be killed and had ended before.
const UNTOLD_AFTER: Duration = Duration::from_secs(2);

/// A task that drop aborts.
pub(super) struct Task(pub(super) JoinHandle<Result<ExitStatus, Error>>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn session_over(message: &str) -> Error {
    Error::new(ErrorKind::Lost, message).with_may_have_run(true)
}

impl Child {
    /// Waits until the command has ended, and returns its exit status.
    ///
    /// Drops [`Self::stdin`] first, which ends the command's input where [`ChildStdin`] can. The
    /// future may be dropped, and `wait` called again.
    ///
    /// The server's first status counts; later ones are ignored. Output after the status is still
    /// delivered: the session reads until the server closes, no output came for 2 s, or 5 s have
    /// passed.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] if the command could not be started, with the runtime's reason;
    /// [`ErrorKind::Lost`] if the connection ended before the command did, [`ErrorKind::Timeout`]
    /// if the [deadline](crate::Exec::timeout) passed, [`ErrorKind::Protocol`] if the server broke
    /// the protocol, [`ErrorKind::Input`] if the [input](crate::Exec::stdin) could not be read. The
    /// error is given once; later calls only say that there was one.
    pub async fn wait(&mut self) -> Result<ExitStatus, Error> {
        drop(self.stdin.take());
        let task = match &mut self.progress {
            Progress::Running(task) => task,
            Progress::Ended(status) => return Ok(*status),
            Progress::Failed => {
                return Err(session_over(
                    "the session has failed; an earlier `wait` gave the error",
                ));
            }
            Progress::Untold => {
                return Err(session_over(
                    "the command had ended before it was killed, and the server has not told its exit status",
                ));
            }
            Progress::Dropped => {
                return Err(session_over(
                    "the connection was ended by `kill` before the command ended",
                ));
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

    /// Reads the outputs that were not taken out, and waits until the command has ended.
    /// [`Output::is_complete`] is false if output was still coming when the wait for more was over.
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
                        // `wait` returns the error.
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
            .with_advice("raise `output_limit`, or use `spawn` and read the output as it comes"));
        }
        let status = self.wait().await?;
        Ok(Output { status, stdout, stderr, complete })
    }

    /// Waits until a [killable](crate::Exec::killable) command has printed its process id, which proves that it was
    /// started. None if it ended before, cannot be killed, or its output begins with something else.
    ///
    /// The number is that of the container, and 1 is the container's own process. The future may be dropped.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.cci().client()?;
    /// let mut child = client.pod("default", "demo").exec(["sleep", "600"]).killable().spawn().await?;
    /// println!("process {:?} runs", child.process_id().await);
    /// child.kill().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn process_id(&mut self) -> Option<u32> {
        match &mut self.killer {
            Some(killer) => killer.process_id().await,
            None => None,
        }
    }

    /// Resizes the command's terminal, in character cells.
    ///
    /// ```
    /// use guestexec_cci::TerminalSize;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.cci().client()?;
    /// let sh = client.pod("default", "demo").exec(["sh"]).tty(TerminalSize { width: 80, height: 24 });
    /// let child = sh.spawn().await?;
    /// child.resize(120, 40).await?;
    /// assert!(child.wait_with_output().await?.success());
    /// # Ok(())
    /// # }
    /// ```
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
        self.buffers.resize(TerminalSize { width, height });
        Ok(())
    }

    /// Kills the command, or at least ends the connection to it.
    ///
    /// A second command in the same container kills a [killable](crate::Exec::killable) command and
    /// its process group by SIGKILL. `kill` waits until that has worked, and [`Self::wait`] then returns
    /// the exit status, usually 137. Nothing happens to a command that has ended. containerd does not tell
    /// how a command ended that left much of its input unread: `kill` then ends the session, and
    /// [`Self::wait`] returns an error of the kind [`ErrorKind::Lost`].
    ///
    /// The protocol cannot end any other command, so `kill` only ends the connection, as drop does.
    /// The server decides what happens to the process. Of the servers that were tried, containerd 2.1
    /// kills it; containerd 1.6 lets it run on, and so does a Kubernetes API server with
    /// `v5.channel.k8s.io` in front of any runtime.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.cci().client()?;
    /// let mut child = client.pod("default", "demo").exec(["sleep", "600"]).killable().spawn().await?;
    /// child.kill().await?;
    /// assert_eq!(child.wait().await?.signal(), Some(9));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] if the process id did not come, or the process did not end, within the
    /// [handshake's timeout](crate::Exec::handshake_timeout); [`ErrorKind::Refused`] if it cannot be
    /// killed, with the reason; and any error of [`Exec::output`](crate::Exec::output). The command
    /// and the session then continue.
    pub async fn kill(&mut self) -> Result<(), Error> {
        if !matches!(self.progress, Progress::Running(_)) {
            return Ok(());
        }
        let Some(killer) = &mut self.killer else {
            self.progress = Progress::Dropped;
            return Ok(());
        };
        ensure_runtime().map_err(|error: Error| error.with_may_have_run(true))?;
        let killed = killer.kill().await?;
        let limit = match killed {
            Killed::Now => killer.timeout,
            // A status that is on its way has this long to arrive.
            Killed::TooLate => killer.timeout.min(UNTOLD_AFTER),
        };
        self.buffers.raise_capacity();
        match timeout(limit, self.wait()).await {
            // The process has ended, however the session did.
            Ok(_) => Ok(()),
            Err(_) if killed == Killed::TooLate => {
                self.progress = Progress::Untold;
                Ok(())
            }
            Err(_) => Err(Error::new(
                ErrorKind::Timeout,
                format!("the session did not end within {limit:?} of the kill"),
            )
            .with_may_have_run(true)),
        }
    }

    /// The stream protocol that the server chose.
    pub fn protocol(&self) -> Subprotocol {
        self.protocol
    }

    /// The transport of the session; never [`ExecTransport::Auto`].
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
