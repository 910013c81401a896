//! Running a command in a container.

mod child;
mod handshake;
mod session;
mod shared;

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use guestexec_core::ErrorKind;
use guestexec_remotecommand::{ExitStatus, Subprotocol, TerminalSize};
use tokio::time::{Instant, timeout_at};

pub use child::{Child, ChildStderr, ChildStdin, ChildStdout};
pub(crate) use handshake::{Fault, Upgrade};

use crate::{Error, Pod, hooks};
use child::{Progress, Reader, Task};
use session::{Plan, Session};
use shared::{Out, Shared};

/// The operation behind [`Exec`].
const OPERATION: &str = "connectCciV2GetNamespacedPodExec";

/// A command about to run in a container, as [`Pod::exec`] makes it. [`Self::output`] runs it to
/// its end, [`Self::spawn`] gives handles of its streams; it runs once at most.
#[derive(Clone)]
#[must_use = "nothing runs until `output` or `spawn` is called"]
pub struct Exec<'a> {
    pod: Pod<'a>,
    argv: Vec<String>,
    stdin: Stdin,
    tty: Option<TerminalSize>,
    timeout: Option<Duration>,
    handshake_timeout: Duration,
    keepalive: Duration,
    buffer: usize,
    output_limit: usize,
}

#[derive(Clone)]
enum Stdin {
    None,
    Whole(Vec<u8>),
    Piped,
}

impl<'a> Exec<'a> {
    pub(crate) fn new(pod: Pod<'a>, argv: Vec<String>) -> Self {
        Self {
            pod,
            argv,
            stdin: Stdin::None,
            tty: None,
            timeout: None,
            handshake_timeout: Duration::from_secs(30),
            keepalive: Duration::from_secs(30),
            buffer: 16 * 1024 * 1024,
            output_limit: 64 * 1024 * 1024,
        }
    }

    /// Gives the command this input, and then its end. Default: no input.
    ///
    /// The end needs a server that speaks `v5.channel.k8s.io`. With an older one the command would
    /// wait for it for ever, so the call then fails: use [`Self::stdin_piped`] there, with a command
    /// that knows how much to read.
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = match input.into() {
            // Without any stream the command sees the end at once, whatever the protocol.
            empty if empty.is_empty() => Stdin::None,
            input => Stdin::Whole(input),
        };
        self
    }

    /// Keeps the command's input open for [`Child::stdin`].
    pub fn stdin_piped(mut self) -> Self {
        self.stdin = Stdin::Piped;
        self
    }

    /// Gives the command a terminal of this size. All output then arrives on standard output.
    pub fn tty(mut self, size: TerminalSize) -> Self {
        self.tty = Some(size);
        self
    }

    /// How long all of it may take, from the handshake to the command's end. Default: any time.
    ///
    /// When it has passed the connection is ended and every wait and read fails with a timeout;
    /// whether the command ends too is the server's choice.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long it may take until the server has accepted the command. Default: 30 s; never longer
    /// than the client's [`call_timeout`](crate::ClientBuilder::call_timeout).
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// How often something is sent, so that an idle session is not cut on the way: a ping and, while
    /// standard input is open, an empty input message, which some gateways want. Default: 30 s. The
    /// service is said to cut sessions that were idle for five minutes. From a millisecond to a day.
    pub fn keepalive(mut self, every: Duration) -> Self {
        self.keepalive = every.clamp(Duration::from_millis(1), Duration::from_secs(24 * 3600));
        self
    }

    /// How many octets of each output are kept for a reader that is slower than the command.
    /// Default: 16 MiB. When either buffer is full the session stops reading, and the command comes
    /// to wait; nothing is lost. One message more, 32 KiB from usual servers, may get in.
    pub fn buffer(mut self, octets: usize) -> Self {
        self.buffer = octets;
        self
    }

    /// How many octets both outputs may have together in [`Self::output`] and
    /// [`Child::wait_with_output`]. Default: 64 MiB.
    pub fn output_limit(mut self, octets: usize) -> Self {
        self.output_limit = octets;
        self
    }

    /// Runs the command and collects its output.
    ///
    /// A command that runs and fails is a result with its exit status, not an error.
    /// [`Self::stdin_piped`] has no effect here, as there is no handle to write to.
    ///
    /// # Errors
    /// As [`Self::spawn`] and [`Child::wait_with_output`].
    pub async fn output(mut self) -> Result<Output, Error> {
        if matches!(self.stdin, Stdin::Piped) {
            self.stdin = Stdin::None;
        }
        self.spawn().await?.wait_with_output().await
    }

    /// Starts the command and gives handles of its streams.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] if a name or the command is malformed, with nothing sent;
    /// [`ErrorKind::Timeout`] if the server took too long; [`ErrorKind::Protocol`] if its answer is
    /// no proper handshake, or if input was given whose end the server's protocol cannot carry; and
    /// whatever a call may fail with. [`may_have_run`](guestexec_core::Error::may_have_run) tells
    /// whether the command may run all the same.
    pub async fn spawn(self) -> Result<Child, Error> {
        if self.argv.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidRequest,
                "the command is empty: give at least the name of a program",
            )
            .during(OPERATION));
        }
        let begun = Instant::now();
        let after = |length: Duration| Some((begun.checked_add(length)?, length));
        let deadline = self.timeout.and_then(after);
        let earliest = deadline.into_iter().chain(after(self.handshake_timeout)).min();
        let request = self.request().send();
        let answer = match earliest {
            None => request.await?,
            Some((at, length)) => timeout_at(at, request).await.map_err(|_| {
                Error::new(
                    ErrorKind::Timeout,
                    format!("the server did not accept the command within {length:?}"),
                )
                .during(OPERATION)
                .with_may_have_run(hooks::may_have_sent(self.pod.client))
            })??,
        };
        let protocol = Upgrade::WebSocket.agreed(answer.headers()).map_err(|error| {
            Error::new(ErrorKind::Protocol, error.to_string())
                .during(OPERATION)
                .with_may_have_run(true)
        })?;
        if matches!(self.stdin, Stdin::Whole(_)) && !protocol.can_close_channel() {
            return Err(unclosable(protocol));
        }

        let piped = matches!(self.stdin, Stdin::Piped);
        // Half for what comes and half for what its reader has taken over.
        let shared = Arc::new(Shared::new(piped, (self.buffer / 2).max(1)));
        if let Some(size) = self.tty {
            shared.resize(size);
        }
        let plan = Plan {
            protocol,
            input: match self.stdin {
                Stdin::Whole(input) => Some(input),
                Stdin::None | Stdin::Piped => None,
            },
            deadline,
            keepalive: self.keepalive,
        };
        let session = Session::new(answer.into_inner(), shared.clone(), plan).await;
        let reader = |out| Reader::new(shared.clone(), out);
        let tty = self.tty.is_some();
        Ok(Child {
            stdin: piped.then(|| ChildStdin { shared: shared.clone(), protocol }),
            stdout: Some(ChildStdout(reader(Out::Stdout))),
            stderr: (!tty).then(|| ChildStderr(reader(Out::Stderr))),
            progress: Progress::Running(Task(tokio::spawn(session.run()))),
            shared,
            protocol,
            tty,
            output_limit: self.output_limit,
        })
    }

    fn request(&self) -> crate::builder::ConnectCciV2GetNamespacedPodExec<'a> {
        let pod = &self.pod;
        let mut call = pod
            .client
            .connect_cci_v2_get_namespaced_pod_exec()
            .namespace(&*pod.namespace)
            .name(&*pod.name)
            .command(self.argv.clone())
            .stdout(true);
        if let Some(container) = &pod.container {
            call = call.container(&**container);
        }
        if !matches!(self.stdin, Stdin::None) {
            call = call.stdin(true);
        }
        // With a terminal a runtime may refuse standard error, and none would come anyway.
        match self.tty {
            Some(_) => call.tty(true),
            None => call.stderr(true),
        }
    }
}

impl fmt::Debug for Exec<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exec")
            .field("pod", &self.pod)
            // Arguments may hold passwords.
            .field("argv", &format_args!("{} elements", self.argv.len()))
            .field("tty", &self.tty)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Standard input cannot be closed: closing the WebSocket instead would lose output and status.
fn unclosable(protocol: Subprotocol) -> Error {
    Error::new(
        ErrorKind::Protocol,
        format!("the server speaks {protocol}, which cannot tell the command that its input ends"),
    )
    .during(OPERATION)
    .with_may_have_run(true)
    .with_advice(
        "use a server that speaks v5.channel.k8s.io, or `stdin_piped` with a command that knows how much to read, such as `head -c`",
    )
}

/// What a command left behind: its exit status and all its output.
///
/// Debug shows the sizes of the outputs, not their content.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output; with a terminal, all output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Standard output as text, with U+FFFD where it is not UTF-8.
    pub fn stdout_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Standard error as text, with U+FFFD where it is not UTF-8.
    pub fn stderr_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("status", &self.status)
            .field("stdout", &format_args!("{} octets", self.stdout.len()))
            .field("stderr", &format_args!("{} octets", self.stderr.len()))
            .finish()
    }
}
