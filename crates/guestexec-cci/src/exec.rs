//! Running a command in a container.

mod buffers;
mod child;
mod connection;
mod failure;
#[cfg(unix)]
mod file;
#[cfg(feature = "test-util")]
mod for_test;
mod input;
mod kill;
mod liveness;
mod output;
mod refusal;
mod request;
mod session;
mod spdy;
mod start_failure;
mod streams;
mod terminal;
mod websocket;

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use guestexec_core::{Underway, ensure_runtime, telemetry};
use guestexec_remotecommand::{Streams, TerminalSize};
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument as _, Span};

pub use child::Child;
pub use input::Input;
pub use output::Output;
pub use request::ExecTransport;
pub use start_failure::StartFailure;
pub use streams::{ChildStderr, ChildStdin, ChildStdout};

use crate::{
    Error, Pod,
    hooks::{TurnedAway, Used},
};
use buffers::{Buffers, OutputStream};
use child::{Progress, Task};
use connection::{Connection, Protocol as _};
use kill::{Killer, PidLine};
use request::{ExecConnection, ExecRequest, check};
use session::{Session, SessionOptions};
use spdy::Spdy;
use streams::OutputReader;
use websocket::WebSocket;

/// The longest timeout: a longer one is more than clocks can add.
const MAX_TIMEOUT: Duration = Duration::from_secs(10 * 365 * 86_400);

/// A command to run in a container, made by [`Pod::exec`]. Awaiting it runs it to its end, as
/// [`Self::output`] does; [`Self::spawn`] returns handles of its streams.
///
/// ```
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.cci().client()?;
/// let pod = client.pod("default", "demo");
/// let sorted = pod
///     .exec(["sort", "-n"])
///     .stdin("10\n9\n")
///     .timeout(Duration::from_secs(60))
///     .handshake_timeout(Duration::from_secs(10))
///     .output_limit(1024 * 1024)
///     .output()
///     .await?;
/// assert_eq!(sorted.stdout_lossy(), "9\n10\n");
/// # Ok(())
/// # }
/// ```
///
/// With handles of its streams, a terminal, and what a session can be told:
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_cci::{ExecTransport, TerminalSize};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.cci().client()?;
/// let pod = client.pod("default", "demo");
/// let mut child = pod
///     .exec(["sh", "-c", "echo ready; exec sleep 600"])
///     .killable()
///     .keep_stdin_open()
///     .transport(ExecTransport::WebSocketV5)
///     .keepalive(Duration::from_secs(20))
///     .dead_after(Duration::from_secs(90))
///     .buffer(64 * 1024)
///     .spawn()
///     .await?;
/// child.kill().await?;
/// assert_eq!(child.wait().await?.code(), Some(137));
///
/// let typed = pod.exec(["sh"]).tty(TerminalSize { width: 80, height: 24 }).stdin("exit 3\n").await?;
/// assert_eq!(typed.exit_code(), Some(3));
///
/// let mut piped = pod.exec(["cat"]).stdin_piped().spawn().await?;
/// drop(piped.stdin.take());
/// assert!(piped.wait().await?.success());
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing runs until it is awaited, or `output` or `spawn` is called"]
pub struct Exec<'a> {
    pod: Pod<'a>,
    argv: Vec<String>,
    stdin: Stdin,
    tty: Option<TerminalSize>,
    transport: ExecTransport,
    killable: bool,
    timeout: Option<Duration>,
    handshake_timeout: Duration,
    keepalive: Duration,
    keep_stdin_open: bool,
    dead_after: Option<Duration>,
    buffer: usize,
    output_limit: usize,
}

enum Stdin {
    None,
    Given(Input),
    Piped,
}

impl<'a> Exec<'a> {
    pub(crate) fn new(pod: Pod<'a>, argv: Vec<String>) -> Self {
        Self {
            pod,
            argv,
            stdin: Stdin::None,
            tty: None,
            transport: ExecTransport::Auto,
            killable: false,
            timeout: None,
            handshake_timeout: Duration::from_secs(30),
            keepalive: Duration::from_secs(30),
            keep_stdin_open: false,
            dead_after: Some(Duration::from_secs(60)),
            buffer: 16 * 1024 * 1024,
            output_limit: 64 * 1024 * 1024,
        }
    }

    /// Sends the command this input and then its end: text, bytes, a file, or a
    /// [reader](Input::reader). Default: no input.
    ///
    /// The end of input needs `v5.channel.k8s.io` or SPDY. A client finds out once which of them the
    /// server supports, by at most one additional request; [`Self::transport`] chooses. With a
    /// [terminal](Self::tty), any transport can end the input.
    pub fn stdin(mut self, input: impl Into<Input>) -> Self {
        self.stdin = Stdin::Given(input.into());
        self
    }

    /// Keeps the command's input open for [`Child::stdin`].
    ///
    /// To end that input on a server without `v5.channel.k8s.io`, choose
    /// [`ExecTransport::SpdyPost`] too.
    pub fn stdin_piped(mut self) -> Self {
        self.stdin = Stdin::Piped;
        self
    }

    /// Gives the command a terminal of this size. All output then arrives on standard output, and
    /// standard input is [piped](Self::stdin_piped) unless it is [given](Self::stdin).
    ///
    /// The input of a terminal ends by ^D (byte 4), as at a keyboard, because servers take the end of
    /// the stream for a detach and throw all later output away. [`Self::stdin`] sends ^D after its
    /// input. [`ChildStdin`] sends it on `shutdown` and drop, and so do [`Child::wait`] and
    /// [`Self::output`]. This works over every transport. The program decides what ^D does:
    ///
    /// - ^D ends the input at the start of a line. If the last byte sent is no line feed, no carriage
    ///   return and no ^D, two are sent: the first only submits the line.
    /// - It ends the input of one program. An interactive shell that runs another program continues
    ///   after that program has ended.
    /// - A program in raw mode, such as an editor, reads ^D as a key. Send what ends that program
    ///   instead.
    /// - A terminal takes at most 4095 bytes a line, and the remote system cuts a longer line.
    pub fn tty(mut self, size: TerminalSize) -> Self {
        self.tty = Some(size);
        self
    }

    /// Chooses the transport of the session. Default: [`ExecTransport::Auto`].
    pub fn transport(mut self, transport: ExecTransport) -> Self {
        self.transport = transport;
        self
    }

    /// Makes [`Child::kill`] kill the command. `sh` prints its process id, which is removed from
    /// standard output, and then becomes the command.
    ///
    /// The container needs `sh` and `kill`. For a program that cannot be started the shell says why on standard
    /// error, and the error is as without it: see [`StartFailure`]. A shell sets the variable `PWD`. With a terminal,
    /// no input is sent until the process id has come, for at most the
    /// [handshake's timeout](Self::handshake_timeout). [`Child::process_id`] waits for it.
    pub fn killable(mut self) -> Self {
        self.killable = true;
        self
    }

    /// Bounds the time from the handshake to the command's end. Default: no limit.
    ///
    /// After it the connection ends, and every wait and read fails with a timeout. Whether the command
    /// ends too is up to the server.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Bounds the time until the server accepts the command, retries included. Default: 30 s. Each attempt
    /// has the client's [`call_timeout`](crate::ClientBuilder::call_timeout) at most. Over SPDY the server has the same
    /// time again to accept the streams, as with kubectl.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// How often an idle session sends something, so that gateways do not cut it: a ping and, over a
    /// WebSocket, an empty input message, since some gateways ignore pings. Default: 30 s; from a
    /// millisecond to a day. The service is reported to cut sessions that are idle for five minutes.
    ///
    /// An empty input message does no harm: servers ignore it, also if the command has no input or its
    /// input has ended. Over SPDY the ping is enough, since gateways see only bytes there.
    pub fn keepalive(mut self, every: Duration) -> Self {
        self.keepalive = every.clamp(Duration::from_millis(1), Duration::from_secs(24 * 3600));
        self
    }

    /// Gives the command a standard input that stays empty and never ends. Default: a command without
    /// input finds its input at the end.
    ///
    /// This is for a server that accepts [empty input messages](Self::keepalive) only if input was
    /// requested; those that were tried accept them anyway. A command that reads its input then waits
    /// for ever, so this is not the default. It has no effect with a terminal, or if input is
    /// [given](Self::stdin) or [piped](Self::stdin_piped).
    pub fn keep_stdin_open(mut self) -> Self {
        self.keep_stdin_open = true;
        self
    }

    /// How long the server may be silent before the connection counts as dead, for example because a
    /// gateway has lost its state. The session then ends with [`ErrorKind::Lost`], and the command may
    /// run on. Default: a minute; `None` waits for ever.
    ///
    /// A command may be silent for any time. After half the limit the session pings the server, and
    /// only a server that does not answer is dead. A server that waits for the command to read its
    /// input answers no ping. So a ping counts only if little input was sent before it: at most 64 KiB
    /// in all, which any pipe takes, or, over a WebSocket, none since the last ping that was answered.
    /// While more input may wait, only the operating system finds a dead connection, on Linux after
    /// about 15 minutes; [`Self::timeout`] bounds that too.
    ///
    /// [`ErrorKind::Lost`]: crate::ErrorKind::Lost
    pub fn dead_after(mut self, silence: impl Into<Option<Duration>>) -> Self {
        self.dead_after = silence.into();
        self
    }

    /// How many bytes of each output are kept for a reader that is slower than the command. Default:
    /// 16 MiB.
    ///
    /// When either buffer is full, the session stops reading, and the command soon waits; nothing is
    /// lost. A buffer may hold 128 KiB more, which is one read, and after the exit status up to 64 MiB
    /// more, which may still be on their way.
    pub fn buffer(mut self, bytes: usize) -> Self {
        self.buffer = bytes;
        self
    }

    /// Bounds the length of both outputs together in [`Self::output`] and
    /// [`Child::wait_with_output`]. Default: 64 MiB.
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }

    /// Runs the command and collects its output.
    ///
    /// A command that runs and fails returns its exit status, not an error. [`Self::stdin_piped`] has no
    /// effect here, since there is no handle to write to: without [`Self::stdin`] the command finds
    /// its input at the end.
    ///
    /// # Errors
    /// As [`Self::spawn`] and [`Child::wait_with_output`].
    pub async fn output(mut self) -> Result<Output, Error> {
        if matches!(self.stdin, Stdin::Piped) {
            // A terminal has a pipe anyway, which is closed at once.
            self.stdin = Stdin::None;
        }
        self.spawn().await?.wait_with_output().await
    }

    /// Starts the command and returns handles of its streams.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] if a name or the command is malformed (nothing is sent);
    /// [`ErrorKind::Timeout`] if the server took too long; [`ErrorKind::Protocol`] if its answer is
    /// no valid handshake; [`ErrorKind::Unsupported`] if it does not support the transport, or if the
    /// transport cannot end the given input; and any error of a call.
    /// [`may_have_run`](guestexec_core::Error::may_have_run) says whether the command may run anyway.
    ///
    /// [`ErrorKind::InvalidRequest`]: crate::ErrorKind::InvalidRequest
    /// [`ErrorKind::Timeout`]: crate::ErrorKind::Timeout
    /// [`ErrorKind::Protocol`]: crate::ErrorKind::Protocol
    /// [`ErrorKind::Unsupported`]: crate::ErrorKind::Unsupported
    pub async fn spawn(self) -> Result<Child, Error> {
        check(&self.argv, &self.pod)?;
        ensure_runtime()?;
        let span = telemetry::command_span("cci");
        telemetry::record(&span, telemetry::NAMESPACE, &self.pod.namespace);
        telemetry::record(&span, telemetry::POD, &self.pod.name);
        if let Some(container) = &self.pod.container {
            telemetry::record(&span, telemetry::CONTAINER, container);
        }
        self.spawn_in(&span).instrument(span.clone()).await
    }

    async fn spawn_in(self, span: &Span) -> Result<Child, Error> {
        let tty = self.tty.is_some();
        let (piped, input) = match self.stdin {
            // Without a stream the command finds its input at the end, over any transport.
            Stdin::Given(input) if input.is_empty() && !tty => (false, None),
            Stdin::Given(input) => (false, Some(input)),
            Stdin::Piped => (true, None),
            // Without an input stream, servers throw a terminal's output away.
            Stdin::None => (tty, None),
        };
        let held_open = self.keep_stdin_open && !piped && input.is_none();
        let begun = Instant::now();
        let after = |length: Duration| Some((begun.checked_add(length.min(MAX_TIMEOUT))?, length));
        let deadline = self.timeout.and_then(after);
        let earliest = deadline.into_iter().chain(after(self.handshake_timeout)).min();
        let request = ExecRequest {
            pod: self.pod,
            argv: if self.killable { kill::wrapped(self.argv) } else { self.argv },
            // A runtime may refuse standard error with a terminal, and none would come anyway.
            streams: Streams {
                stdin: piped || held_open || input.is_some(),
                stdout: true,
                stderr: !tty,
                tty,
            },
            ends_input: input.is_some() && !tty,
            transport: self.transport,
            deadline: earliest.map(|(at, _)| at),
            underway: Underway::default(),
            in_doubt: Underway::default(),
            turned_away: TurnedAway::default(),
        };
        let connected = match earliest {
            None => request.connect().await?,
            Some((at, length)) => timeout_at(at, request.connect())
                .await
                .unwrap_or_else(|_| Err(request.late(length)))?,
        };

        let ExecConnection { stream, protocol, transport, operation } = connected;
        telemetry::record(span, telemetry::SUBPROTOCOL, protocol.as_str());
        let endless = (transport == ExecTransport::WebSocketV4 && !tty).then_some(protocol);
        let (pid_line, pid) = self.killable.then(|| PidLine::new(tty)).unzip();
        // The terminal would echo input before it shows the process id.
        let holds_input = tty && self.killable;
        let is_spdy = transport.is_spdy();
        let buffers = Arc::new(Buffers::new(
            piped || held_open,
            self.buffer.max(1),
            if is_spdy { Spdy::HEADROOM } else { WebSocket::HEADROOM },
            pid_line,
            holds_input,
        ));
        if let Some(size) = self.tty {
            buffers.resize(size);
        }
        let options = SessionOptions {
            operation,
            secrets: request.pod.client.inner.shared.secrets(&Used::default()),
            input,
            deadline,
            keepalive: self.keepalive,
            dead_after: self.dead_after,
            tty,
            hold_input: holds_input.then_some(self.handshake_timeout),
            open_timeout: self.handshake_timeout,
        };
        let task = if is_spdy {
            let mut first = Vec::new();
            let spdy = Spdy::new(request.streams, &mut first);
            let connection = Connection::new(stream, spdy, first);
            let session = Session::new(connection, buffers.clone(), options);
            tokio::spawn(session.run().instrument(span.clone()))
        } else {
            let connection = Connection::new(stream, WebSocket::new(protocol), Vec::new());
            let session = Session::new(connection, buffers.clone(), options);
            tokio::spawn(session.run().instrument(span.clone()))
        };
        let reader = |stream| OutputReader::new(buffers.clone(), stream);
        let pod = request.pod;
        Ok(Child {
            stdin: piped.then(|| ChildStdin { buffers: buffers.clone(), endless }),
            stdout: Some(ChildStdout(reader(OutputStream::Stdout))),
            stderr: (!tty).then(|| ChildStderr(reader(OutputStream::Stderr))),
            progress: Progress::Running(Task(task)),
            killer: pid.map(|pid| Killer {
                client: pod.client.clone(),
                namespace: pod.namespace,
                name: pod.name,
                container: pod.container,
                transport: self.transport,
                timeout: self.handshake_timeout,
                pid,
                span: span.clone(),
            }),
            buffers,
            protocol,
            transport,
            tty,
            output_limit: self.output_limit,
        })
    }
}

impl<'a> IntoFuture for Exec<'a> {
    type Output = Result<Output, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.output())
    }
}

impl fmt::Debug for Exec<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exec")
            .field("pod", &self.pod)
            // Arguments may hold passwords.
            .field("argv", &format_args!("{} elements", self.argv.len()))
            .field("tty", &self.tty)
            .field("transport", &self.transport)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
