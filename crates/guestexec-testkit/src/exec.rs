//! The scripted peer of an exec session.

mod handshake;
mod inbox;
mod peer;
mod session;
mod step;
mod wire;

use std::{sync::Arc, time::Duration};

use futures_util::future::join;
use guestexec_core::{Request, Response};
use guestexec_remotecommand::{Channel, TerminalSize};
use hyper::client::conn::http1;
use reqwest::StatusCode;

use self::{
    handshake::Granted,
    peer::Peer,
    step::{Step, Wait},
};
use crate::Reply;

pub use session::ExecSession;

/// What a peer of an [`ExecScript`] can speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExecProtocol {
    /// `v5.channel.k8s.io` over a WebSocket, as Kubernetes 1.30 and later have it.
    WebSocketV5,
    /// `v4.channel.k8s.io` over a WebSocket, which cannot end the command's input. CCI is reported to
    /// have no other over a WebSocket.
    WebSocketV4,
    /// `v4.channel.k8s.io` over SPDY/3.1, by POST or GET.
    Spdy,
}

/// A script for one exec session: what the command in the container writes, when, and how it ends.
///
/// It is a reply to an exec request of `guestexec-cci`. The client gets a connection on which the peer
/// speaks the protocol that the request asks for, over a WebSocket or over SPDY/3.1, byte for byte as a
/// server does. There is no socket and no task: the peer works where the client reads and writes, and ends
/// when the client drops the connection.
///
/// The methods add steps, which are played in their order. A script without an end exits with code 0.
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_cci::{Client, Credentials, operations::EXEC_IN_POD};
/// use guestexec_testkit::{ExecScript, Tape};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let script =
///     ExecScript::new().stdout("web-1\n").after(Duration::from_millis(5)).stderr("warn\n").exit(3);
/// let tape = Tape::new().reply_to(&EXEC_IN_POD, script);
/// let client = Client::builder()
///     .region("cn-north-4")
///     .credentials(Credentials::token("token"))
///     .transport(tape.clone())
///     .build()?;
///
/// let output = client.pod("default", "web").exec(["hostname"]).await?;
/// assert_eq!(output.stdout, b"web-1\n");
/// assert_eq!(output.exit_code(), Some(3));
/// # Ok(())
/// # }
/// ```
///
/// # Time
///
/// Delays and waits use tokio's clock. Under `#[tokio::test(start_paused = true)]` they take no time.
/// [`Reply::after`] delays the answer to the handshake.
///
/// # Input
///
/// What the client sends waits until a step takes it. [`wait_for_stdin`](Self::wait_for_stdin) and its like
/// take what they wait for. A step that ends the session first takes all input that is on its way: up to the
/// end of it, or until none has come for half a second. So a script that waits for nothing has all input in
/// its [record](ExecSession), whatever the client does first.
#[derive(Clone, Debug)]
pub struct ExecScript {
    steps: Arc<Vec<Step>>,
    granted: Vec<ExecProtocol>,
    refusal: Option<Box<Reply>>,
    patience: Duration,
    hides_stdin: bool,
}

impl Default for ExecScript {
    fn default() -> Self {
        Self::new()
    }
}

impl ExecScript {
    /// A command that writes nothing and exits with code 0, on a server that has every protocol.
    pub fn new() -> Self {
        Self {
            steps: Arc::default(),
            granted: vec![ExecProtocol::WebSocketV5, ExecProtocol::WebSocketV4, ExecProtocol::Spdy],
            refusal: None,
            patience: Duration::from_secs(10),
            hides_stdin: false,
        }
    }

    /// Writes to standard output. With a terminal, all output is there.
    #[must_use]
    pub fn stdout(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.step(Step::Output(Channel::Stdout, bytes.into().into()))
    }

    /// Writes to standard error. A client that has asked for none, as with a terminal, gets none.
    #[must_use]
    pub fn stderr(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.step(Step::Output(Channel::Stderr, bytes.into().into()))
    }

    /// Writes to standard output what `compute` makes of the input that earlier steps have waited for,
    /// up to 1 MiB of it. If `compute` panics, the session ends without a status.
    ///
    /// ```
    /// # use guestexec_testkit::ExecScript;
    /// let cat = ExecScript::new().wait_for_end_of_stdin().stdout_with(<[u8]>::to_vec);
    /// ```
    #[must_use]
    pub fn stdout_with(self, compute: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> Self {
        self.step(Step::Computed(Channel::Stdout, Arc::new(compute)))
    }

    /// Writes to standard output the process id of a command that is
    /// [killable](https://docs.rs/guestexec-cci/latest/guestexec_cci/struct.Exec.html#method.killable), as its
    /// first output. The client takes it off. `pid` is more than 1.
    ///
    /// The client kills by a second exec request, which needs a script of its own:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use guestexec_testkit::{ExecScript, Tape};
    /// let command = ExecScript::new().pid(42).after(Duration::from_secs(1)).killed_by(9);
    /// let kill = ExecScript::new();
    /// let tape = Tape::new().reply(command).reply(kill);
    /// ```
    #[must_use]
    pub fn pid(self, pid: u32) -> Self {
        self.stdout(format!("guestexec-pid:{pid}\n"))
    }

    /// Waits so long before the next step.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        self.step(Step::Delay(delay))
    }

    /// Waits for so many more bytes of standard input.
    ///
    /// If they do not come, the session ends without a status, and its [record](ExecSession) says why. Over a
    /// WebSocket the client's error does, too.
    #[must_use]
    pub fn wait_for_stdin(self, bytes: usize) -> Self {
        self.step(Step::Wait(Wait::Stdin(bytes as u64)))
    }

    /// Waits for the end of standard input. Of a terminal that is ^D, and a request without standard input
    /// has it at once. [`ExecProtocol::WebSocketV4`] has no other end than that of a terminal.
    ///
    /// If it does not come, the session ends as that of [`wait_for_stdin`](Self::wait_for_stdin).
    #[must_use]
    pub fn wait_for_end_of_stdin(self) -> Self {
        self.step(Step::Wait(Wait::EndOfStdin))
    }

    /// Waits until the terminal has this size, in character cells. The size at the start counts.
    ///
    /// If it does not get it, the session ends as that of [`wait_for_stdin`](Self::wait_for_stdin).
    #[must_use]
    pub fn wait_for_size(self, width: u16, height: u16) -> Self {
        self.step(Step::Wait(Wait::Size(TerminalSize { width, height })))
    }

    /// Bounds each wait of the script. Default: 10 s.
    #[must_use]
    pub fn wait_at_most(mut self, limit: Duration) -> Self {
        self.patience = limit;
        self
    }

    /// The command exits with this code. Further steps are output that arrives after the status, as some
    /// servers send it.
    #[must_use]
    pub fn exit(self, code: i32) -> Self {
        self.step(Step::exit(code))
    }

    /// A signal ends the command. Servers report that as exit code 128 and the signal's number: 137 for 9,
    /// SIGKILL.
    #[must_use]
    pub fn killed_by(self, signal: i32) -> Self {
        self.exit(signal.saturating_add(128))
    }

    /// The server cannot start the command, for this `cause` in the words of the container's runtime.
    #[must_use]
    pub fn cannot_start(self, cause: &str) -> Self {
        self.step(Step::cannot_start(cause))
    }

    /// The container has no such program.
    ///
    /// ```
    /// # use guestexec_cci::{Client, Credentials, ErrorKind};
    /// # use guestexec_testkit::{ExecScript, Tape};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tape = Tape::new().reply(ExecScript::new().no_such_program("hostnam"));
    /// # let client = Client::builder()
    /// #     .region("cn-north-4")
    /// #     .credentials(Credentials::token("token"))
    /// #     .transport(tape)
    /// #     .build()?;
    /// let error = client.pod("default", "web").exec(["hostnam"]).await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Refused);
    /// assert!(!error.may_have_run());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn no_such_program(self, name: &str) -> Self {
        self.cannot_start(&format!(
            "unable to start container process: exec: {name:?}: executable file not found in $PATH"
        ))
    }

    /// The session ends in order and without a status, so that nobody knows how the command ended.
    #[must_use]
    pub fn close(self) -> Self {
        self.step(Step::Close)
    }

    /// The connection ends, as if a gateway had lost it. What was written before arrives.
    #[must_use]
    pub fn cut(self) -> Self {
        self.step(Step::Cut)
    }

    /// The command runs on and says nothing. The peer answers pings.
    #[must_use]
    pub fn hang(self) -> Self {
        self.step(Step::Hang)
    }

    /// The connection stays, and nothing answers on it any more, not even a ping.
    #[must_use]
    pub fn silence(self) -> Self {
        self.step(Step::Silence)
    }

    /// Sends these bytes as they are, between two frames: those of a broken server.
    #[must_use]
    pub fn raw(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.step(Step::Raw(bytes.into().into()))
    }

    /// Restricts the peer to these protocols. It refuses a handshake for another as servers do: 403 without
    /// a text where it has another version over a WebSocket, and else 400.
    ///
    /// The client then tries its other transports, if the caller has chosen none. One script answers them all
    /// until it has granted a session.
    #[must_use]
    pub fn grants(mut self, protocols: impl IntoIterator<Item = ExecProtocol>) -> Self {
        self.granted = protocols.into_iter().collect();
        self
    }

    /// Answers a handshake for a protocol that is not [granted](Self::grants) with this reply instead.
    #[must_use]
    pub fn refuse_with(mut self, reply: impl Into<Reply>) -> Self {
        self.refusal = Some(Box::new(reply.into()));
        self
    }

    /// Shows no input in snapshots, where the program sends a password.
    #[must_use]
    pub fn hide_stdin(self) -> Self {
        Self { hides_stdin: true, ..self }
    }

    fn step(mut self, step: Step) -> Self {
        Arc::make_mut(&mut self.steps).push(step);
        self
    }

    /// Whether the client, whose handshake this refuses, may come back with another.
    pub(crate) fn awaits_another(&self, request: &Request) -> bool {
        let refused = Granted::of(request, &self.granted).err();
        !self.granted.is_empty() && refused.is_some_and(|refused| refused.is_about_transport)
    }

    /// Grants a session, or gives the refusal.
    pub(crate) fn grant(self, request: &Request) -> Result<Grant, Box<Reply>> {
        match Granted::of(request, &self.granted) {
            Ok(granted) => {
                let session = ExecSession::new(granted.described(), self.hides_stdin);
                Ok(Grant { granted, steps: self.steps, patience: self.patience, session })
            }
            Err(refused) => {
                let given = self.refusal.filter(|_| refused.is_about_transport);
                Err(given.unwrap_or(refused.reply))
            }
        }
    }
}

/// A session that is granted.
#[derive(Clone)]
pub(crate) struct Grant {
    granted: Granted,
    steps: Arc<Vec<Step>>,
    patience: Duration,
    pub(crate) session: ExecSession,
}

impl Grant {
    /// The answer, which has the connection.
    pub(crate) async fn answer(self) -> Response {
        // The request was read as a value. This one takes its place on the connection, where it only has to
        // be one that can be upgraded.
        let exchange = async {
            let peer = Peer::new(self.granted, self.steps, self.patience, self.session);
            let (mut sender, connection) = http1::handshake(peer).await?;
            let request = http::Request::new(String::new());
            let sent = async move { sender.send_request(request).await };
            join(sent, connection.with_upgrades()).await.0
        };
        match exchange.await {
            Ok(response) => Response::from(response),
            // The peer answers with a head that is valid, so this is not reached.
            Err(error) => {
                let text = format!("the scripted peer's answer cannot be read: {error}");
                Response::new(StatusCode::BAD_GATEWAY, text)
            }
        }
    }
}
