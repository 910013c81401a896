//! Running a command in a container.

mod child;
mod failure;
mod forms;
mod handshake;
mod input;
mod kill;
mod open;
mod outbox;
mod output;
mod pulse;
mod session;
mod shared;
mod spdy;
mod streams;
mod terminal;
mod websocket;

use std::{fmt, sync::Arc, time::Duration};

use guestexec_core::{ErrorKind, Underway};
use guestexec_remotecommand::{Streams, TerminalSize};
use tokio::time::{Instant, timeout_at};

pub use child::Child;
pub(crate) use forms::Speaks;
pub(crate) use handshake::{Fault, Upgrade};
pub use input::Input;
pub use open::ExecTransport;
pub use output::Output;
pub use streams::{ChildStderr, ChildStdin, ChildStdout};

use crate::{Error, Pod};
use child::{Progress, Task};
use kill::{Killer, Report};
use open::{Opened, Opening, check};
use session::{Plan, Session, Wire};
use shared::{Out, Shared};
use spdy::Spdy;
use streams::Reader;
use websocket::WebSocket;

/// The longest wait: a longer one would pass what a clock can tell.
const LONGEST_WAIT: Duration = Duration::from_secs(10 * 365 * 86_400);

/// A command about to run in a container, as [`Pod::exec`] makes it. [`Self::output`] runs it to
/// its end, [`Self::spawn`] gives handles of its streams; it runs once at most.
#[must_use = "nothing runs until `output` or `spawn` is called"]
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

    /// Gives the command this input, and then its end: text, bytes, a file, or a
    /// [reader](Input::reader). Default: no input.
    ///
    /// The end can be told by a server that speaks `v5.channel.k8s.io`, and by SPDY. Which of them to
    /// use is found out once for a client, by at most one request more; [`Self::transport`] chooses.
    /// With a [terminal](Self::tty) any server will do.
    pub fn stdin(mut self, input: impl Into<Input>) -> Self {
        self.stdin = Stdin::Given(input.into());
        self
    }

    /// Keeps the command's input open for [`Child::stdin`].
    ///
    /// If the command is to be told where it ends, and the server may be one without
    /// `v5.channel.k8s.io`, ask for [`ExecTransport::SpdyPost`] as well.
    pub fn stdin_piped(mut self) -> Self {
        self.stdin = Stdin::Piped;
        self
    }

    /// Gives the command a terminal of this size. All output then arrives on standard output, and
    /// standard input is [piped](Self::stdin_piped) unless some was [given](Self::stdin).
    ///
    /// The input of a terminal ends as at a keyboard, by ^D (byte 4), since servers take the end of
    /// its stream for a detach and throw away all output that follows. So [`Self::stdin`] sends ^D
    /// behind what it was given, and [`ChildStdin`] when it is shut down or dropped, as
    /// [`Child::wait`] and [`Self::output`] do. This works over every transport, and it is up to the
    /// program what comes of it:
    ///
    /// - ^D ends the input at the start of a line. If the last byte sent is no line feed, no carriage
    ///   return and no ^D, two are sent: the first only hands over the line that has begun.
    /// - It ends the input of one program. When an interactive shell runs another, the shell goes on
    ///   once that has ended.
    /// - A program that has put the terminal into raw mode, such as an editor, reads ^D as a key. Send
    ///   what ends that program instead.
    /// - A terminal takes 4095 bytes a line at most; what is longer is cut by the system there.
    pub fn tty(mut self, size: TerminalSize) -> Self {
        self.tty = Some(size);
        self
    }

    /// What is to carry the session. Default: [`ExecTransport::Auto`].
    pub fn transport(mut self, transport: ExecTransport) -> Self {
        self.transport = transport;
        self
    }

    /// Makes [`Child::kill`] really end the command: it is started by a line of `sh` that writes its
    /// process id to standard output, where it is taken off again, and then becomes the command.
    ///
    /// The container needs `sh` and `kill`. A program that cannot be started is then no error of
    /// the service's but exit code 126 or 127, as from any shell. With a terminal no input is sent
    /// until the process id has come, for the [handshake's timeout](Self::handshake_timeout) at most.
    pub fn killable(mut self) -> Self {
        self.killable = true;
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
    /// than the client's [`call_timeout`](crate::ClientBuilder::call_timeout). Over SPDY the server has
    /// as long once more to take the streams, as kubectl grants it.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// How often something is sent, so that an idle session is not cut on the way: a ping and, over
    /// a WebSocket, an empty input message, since some gateways count messages and no pings. Default:
    /// 30 s. The service is said to cut sessions that were idle for five minutes. From a millisecond
    /// to a day.
    ///
    /// An empty input message does no harm: servers throw it away, also where the command has no
    /// input, or where its input has ended. Over SPDY the ping does it, as gateways see bytes there
    /// and no messages.
    pub fn keepalive(mut self, every: Duration) -> Self {
        self.keepalive = every.clamp(Duration::from_millis(1), Duration::from_secs(24 * 3600));
        self
    }

    /// Asks for the command's standard input, though nothing is written to it, and never ends it.
    /// Default: a command without input finds its input at the end.
    ///
    /// This is for a gateway or a server that takes [empty input messages](Self::keepalive) only where
    /// input was asked for; those that were tried take them anywhere. A command that reads its input
    /// then waits for ever, so it is no default. Of no effect with a terminal, and where input is
    /// [given](Self::stdin) or [piped](Self::stdin_piped).
    pub fn keep_stdin_open(mut self) -> Self {
        self.keep_stdin_open = true;
        self
    }

    /// How long the server may be silent until the connection is taken for dead, such as one whose
    /// state a gateway has lost. The session then ends with [`ErrorKind::Lost`]; the command may run
    /// on. Default: a minute; `None` waits for ever.
    ///
    /// A command may be silent for as long as it likes: where nothing has come for half that time
    /// the server is asked by a ping, and only if it does not answer either is it dead. A server that
    /// waits for the command to read its input answers no ping. So what counts is a ping that has no
    /// such input before it: 64 KiB in all at most, which any pipe takes; or, over a WebSocket, none
    /// since the last ping that was answered. While more of it may wait, the operating system alone
    /// finds a dead line, on Linux after about a quarter of an hour; [`Self::timeout`] bounds that
    /// too.
    pub fn dead_after(mut self, silence: impl Into<Option<Duration>>) -> Self {
        self.dead_after = silence.into();
        self
    }

    /// How many bytes of each output are kept for a reader that is slower than the command.
    /// Default: 16 MiB. When either buffer is full the session stops reading, and the command comes
    /// to wait; nothing is lost. What is read from the connection at once, 128 KiB, may get in
    /// beyond that; and, once the server has told how the command ended, up to 64 MiB that were still
    /// on their way.
    pub fn buffer(mut self, bytes: usize) -> Self {
        self.buffer = bytes;
        self
    }

    /// How many bytes both outputs may have together in [`Self::output`] and
    /// [`Child::wait_with_output`]. Default: 64 MiB.
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }

    /// Runs the command and collects its output.
    ///
    /// A command that runs and fails is a result with its exit status, not an error.
    /// [`Self::stdin_piped`] has no effect here, as there is no handle to write to: without
    /// [`Self::stdin`] the command finds its input at its end.
    ///
    /// # Errors
    /// As [`Self::spawn`] and [`Child::wait_with_output`].
    pub async fn output(mut self) -> Result<Output, Error> {
        if matches!(self.stdin, Stdin::Piped) {
            // A terminal has one all the same, which is ended at once.
            self.stdin = Stdin::None;
        }
        self.spawn().await?.wait_with_output().await
    }

    /// Starts the command and gives handles of its streams.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] if a name or the command is malformed, with nothing sent;
    /// [`ErrorKind::Timeout`] if the server took too long; [`ErrorKind::Protocol`] if its answer is
    /// no proper handshake; [`ErrorKind::Unsupported`] if it does not have the transport asked for,
    /// or if that cannot carry the end of the input given; and whatever a call may fail with.
    /// [`may_have_run`](guestexec_core::Error::may_have_run) tells whether the command may run all
    /// the same.
    pub async fn spawn(self) -> Result<Child, Error> {
        check(&self.argv, &self.pod)?;
        let tty = self.tty.is_some();
        let (piped, input) = match self.stdin {
            // Without a stream the command sees the end at once, whatever the protocol.
            Stdin::Given(input) if input.is_empty() && !tty => (false, None),
            Stdin::Given(input) => (false, Some(input)),
            Stdin::Piped => (true, None),
            // A terminal without input has no output either.
            Stdin::None => (tty, None),
        };
        let held_open = self.keep_stdin_open && !piped && input.is_none();
        let begun = Instant::now();
        let after = |length: Duration| Some((begun.checked_add(length.min(LONGEST_WAIT))?, length));
        let deadline = self.timeout.and_then(after);
        let earliest = deadline.into_iter().chain(after(self.handshake_timeout)).min();
        let opening = Opening {
            pod: self.pod,
            argv: if self.killable { kill::wrapped(self.argv) } else { self.argv },
            // With a terminal a runtime may refuse standard error, and none would come anyway.
            streams: Streams {
                stdin: piped || held_open || input.is_some(),
                stdout: true,
                stderr: !tty,
                tty,
            },
            ends_input: input.is_some() && !tty,
            transport: self.transport,
            underway: Underway::new(),
            in_doubt: Underway::new(),
        };
        let opened = match earliest {
            None => opening.open().await?,
            Some((at, length)) => timeout_at(at, opening.open()).await.map_err(|_| {
                Error::new(
                    ErrorKind::Timeout,
                    format!("the server did not accept the command within {length:?}"),
                )
                .during(opening.operation())
                .with_may_have_run(opening.may_have_run())
            })??,
        };

        let Opened { connection, protocol, transport, operation } = opened;
        let endless = (transport == ExecTransport::WebSocketV4 && !tty).then_some(protocol);
        let (report, told) = match self.killable {
            true => {
                let (report, told) = Report::new(tty);
                (Some(report), Some(told))
            }
            false => (None, None),
        };
        // The terminal would show it before the report.
        let holds_input = tty && self.killable;
        let front = match transport {
            ExecTransport::SpdyPost | ExecTransport::SpdyGet => Spdy::ROOM,
            _ => WebSocket::ROOM,
        };
        let shared = Arc::new(Shared::new(
            piped || held_open,
            self.buffer.max(1),
            front,
            report,
            holds_input,
        ));
        if let Some(size) = self.tty {
            shared.resize(size);
        }
        let plan = Plan {
            operation,
            secrets: opening.pod.client.inner.shared().secrets(None),
            input,
            deadline,
            keepalive: self.keepalive,
            dead_after: self.dead_after,
            tty,
            hold: holds_input.then_some(self.handshake_timeout),
            opening: self.handshake_timeout,
        };
        let task = match transport {
            ExecTransport::SpdyPost | ExecTransport::SpdyGet => {
                let wire = Spdy::new(connection, opening.streams);
                tokio::spawn(Session::new(wire, shared.clone(), plan).run())
            }
            _ => {
                let wire = WebSocket::new(connection, protocol);
                tokio::spawn(Session::new(wire, shared.clone(), plan).run())
            }
        };
        let reader = |out| Reader::new(shared.clone(), out);
        let pod = opening.pod;
        Ok(Child {
            stdin: piped.then(|| ChildStdin { shared: shared.clone(), endless }),
            stdout: Some(ChildStdout(reader(Out::Stdout))),
            stderr: (!tty).then(|| ChildStderr(reader(Out::Stderr))),
            progress: Progress::Running(Task(task)),
            killer: told.map(|told| Killer {
                client: pod.client.clone(),
                namespace: pod.namespace,
                name: pod.name,
                container: pod.container,
                transport: self.transport,
                patience: self.handshake_timeout,
                told,
            }),
            shared,
            protocol,
            transport,
            tty,
            output_limit: self.output_limit,
        })
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
