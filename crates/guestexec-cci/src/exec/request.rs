//! The exec request: which upgrades to ask for, and what to do about a server that refuses one.

use std::{fmt, time::Duration};

use guestexec_core::{Answer, ErrorKind, Underway, Upgraded};
use guestexec_remotecommand::{Streams, Subprotocol};
use reqwest::StatusCode;
use serde::{Serialize, Serializer};
use tokio::time::Instant;

use super::{
    failure::cannot_end_input,
    refusal::{Fallback, combined, fallback},
};
use crate::{
    Error, Pod,
    hooks::{Call, TurnedAway},
    upgrade::Upgrade,
};

/// The transport of a session.
///
/// ```
/// use guestexec_cci::ExecTransport;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.cci().client()?;
/// let exec = client.pod("default", "demo").exec(["cat"]).transport(ExecTransport::SpdyPost);
/// let child = exec.stdin("hello").spawn().await?;
/// assert_eq!(child.transport(), ExecTransport::SpdyPost);
/// assert_eq!(child.wait_with_output().await?.stdout_lossy(), "hello");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExecTransport {
    /// The first that works of: a WebSocket with `v5.channel.k8s.io`; one with `v4.channel.k8s.io`,
    /// unless input is [given](crate::Exec::stdin), whose end version 4 cannot send; SPDY by POST;
    /// SPDY by GET. The client and its clones remember what worked.
    ///
    /// The next is tried only after a refusal that is about the transport, not about the pod, the
    /// caller or the command. The crate's README has the table, and names the answers of gateways
    /// after which the command may start twice. If all fail, the error has each reason.
    #[default]
    Auto,
    /// A WebSocket with `v5.channel.k8s.io` (Kubernetes 1.30 and later).
    WebSocketV5,
    /// A WebSocket with `v4.channel.k8s.io`, which can end no input except that of a
    /// [terminal](crate::Exec::tty).
    WebSocketV4,
    /// SPDY/3.1, by POST. All servers support it, unless a gateway on the way forbids it. It needs
    /// the permission to `create` exec sessions; a WebSocket needs the permission to `get` them.
    SpdyPost,
    /// SPDY/3.1, by GET.
    SpdyGet,
}

impl ExecTransport {
    /// Its name in programs' output: `auto`, `websocket_v5`, `websocket_v4`, `spdy_post` or `spdy_get`. It
    /// stays the same from version to version.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::WebSocketV5 => "websocket_v5",
            Self::WebSocketV4 => "websocket_v4",
            Self::SpdyPost => "spdy_post",
            Self::SpdyGet => "spdy_get",
        }
    }

    pub(super) fn is_spdy(self) -> bool {
        matches!(self, Self::SpdyPost | Self::SpdyGet)
    }
}

/// The [name](Self::as_str).
impl fmt::Display for ExecTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The [name](Self::as_str).
impl Serialize for ExecTransport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The longest command that every known server and gateway accepts, in bytes of a URL.
const ALWAYS_ACCEPTED: usize = 4096;

/// A request to run a command.
pub(super) struct ExecRequest<'a> {
    pub(super) pod: Pod<'a>,
    pub(super) argv: Vec<String>,
    pub(super) streams: Streams,
    /// The command must be told where its input ends.
    pub(super) ends_input: bool,
    pub(super) transport: ExecTransport,
    /// When the caller gives up.
    pub(super) deadline: Option<Instant>,
    /// Whether a request was sent.
    pub(super) underway: Underway,
    /// Whether an earlier upgrade was refused by an answer that does not prove that nothing ran.
    pub(super) in_doubt: Underway,
    /// The last answer of a server that was busy.
    pub(super) turned_away: TurnedAway,
}

/// The upgraded connection of a request that was accepted.
pub(super) struct ExecConnection {
    pub(super) stream: Upgraded,
    pub(super) protocol: Subprotocol,
    pub(super) transport: ExecTransport,
    pub(super) operation: &'static str,
}

/// Builds the request of one operation: both generated builders have these setters, but no trait in
/// common.
macro_rules! request {
    ($self:ident, $upgrade:ident, $method:ident) => {{
        let ExecRequest { pod, argv, streams, deadline, underway, turned_away, .. } = $self;
        let call = pod.client.$method(&*pod.namespace, &*pod.name);
        let mut call = call.command(argv.clone()).stdout(streams.stdout);
        if let Some(container) = &pod.container {
            call = call.container(&**container);
        }
        if streams.stdin {
            call = call.stdin(true);
        }
        if streams.stderr {
            call = call.stderr(true);
        }
        if streams.tty {
            call = call.tty(true);
        }
        let call_state =
            Call::upgrading($upgrade, underway.clone(), *deadline, turned_away.clone());
        call.send_in(call_state)
    }};
}

impl ExecRequest<'_> {
    /// Whether the command may run although there is no session.
    pub(super) fn may_have_run(&self) -> bool {
        self.underway.may_have_run() || self.in_doubt.may_have_run()
    }

    /// The error of a caller that gave up after `length`.
    ///
    /// A server that was busy to the end is that error. One that may have taken the command since is not.
    pub(super) fn late(&self, length: Duration) -> Error {
        let may_have_run = self.may_have_run();
        let message = format!("the server did not accept the command within {length:?}");
        let message = match self.turned_away.take() {
            Some(busy) if !may_have_run => return busy,
            Some(busy) => format!("{message}; before, it answered: {}", busy.message()),
            None => message,
        };
        Error::new(ErrorKind::Timeout, message)
            .during(self.operation())
            .with_may_have_run(may_have_run)
    }

    /// The operation that is sent first, for errors that come before any answer.
    pub(super) fn operation(&self) -> &'static str {
        self.upgrade().unwrap_or(Upgrade::WebSocket).operation()
    }

    /// The upgrade of the transport, if one was chosen.
    fn upgrade(&self) -> Option<Upgrade> {
        match self.transport {
            ExecTransport::Auto => None,
            ExecTransport::WebSocketV5 => Some(Upgrade::WebSocketV5),
            ExecTransport::WebSocketV4 => Some(Upgrade::WebSocketV4),
            ExecTransport::SpdyPost => Some(Upgrade::SpdyPost),
            ExecTransport::SpdyGet => Some(Upgrade::SpdyGet),
        }
    }

    /// Connects by the transport that was chosen, or by the first that works.
    pub(super) async fn connect(&self) -> Result<ExecConnection, Error> {
        let result = match self.upgrade() {
            None => self.connect_by_any().await,
            Some(Upgrade::WebSocketV4) if self.ends_input => {
                Err(cannot_end_input(Subprotocol::V4).during(self.operation()))
            }
            Some(upgrade) => self.send(upgrade).await,
        };
        result.map_err(|error| self.with_length(error))
    }

    /// Tries one upgrade after the other, as long as each refusal shows that the command does not
    /// run and that another upgrade may work.
    async fn connect_by_any(&self) -> Result<ExecConnection, Error> {
        let support = &self.pod.client.inner.shared.server_support;
        let mut refusals: Vec<(Upgrade, Error)> = Vec::new();
        let mut forbidden: Vec<&str> = Vec::new();
        for upgrade in support.candidates(self.ends_input) {
            if forbidden.contains(&upgrade.operation()) {
                continue;
            }
            let error = match self.send(upgrade).await {
                Ok(connection) => {
                    support.remember(upgrade, self.ends_input, connection.protocol);
                    return Ok(connection);
                }
                Err(error) => error,
            };
            if error.may_have_run() {
                self.in_doubt.begin();
            }
            // An upgrade that has worked is not the cause, so the gateway may have lost a session.
            let may_be_lost = error.status() == Some(StatusCode::BAD_GATEWAY)
                && support.has_worked(upgrade, self.ends_input);
            match fallback(&error) {
                Fallback::Any if !may_be_lost => {}
                Fallback::OtherOperation => forbidden.push(upgrade.operation()),
                Fallback::Any | Fallback::None => {
                    return Err(combined(refusals, (upgrade, error)));
                }
            }
            refusals.push((upgrade, error));
        }
        support.forget();
        let Some(last) = refusals.pop() else {
            // Unreachable: there is always an upgrade to try.
            return Err(cannot_end_input(Subprotocol::V4).during(self.operation()));
        };
        let error = combined(refusals, last);
        Err(match self.ends_input && !error.may_have_run() {
            true => error.with_advice(
                "the server supports neither v5.channel.k8s.io nor SPDY, and only these can tell a command where its input ends; use `stdin_piped` and a command that knows how much to read, such as `head -c`; SPDY by POST also needs the permission to create exec sessions",
            ),
            false => error,
        })
    }

    /// Adds the length of the command to a refusal that may be about it.
    fn with_length(&self, error: Error) -> Error {
        let length = self.argv.iter().map(|argument| encoded_length(argument)).sum::<usize>();
        let status = error.status().map(|status| status.as_u16());
        let is_about_length = matches!(status, Some(414 | 431));
        // Some gateways refuse a long URL with an error page of their own, or hang up.
        let gives_no_reason = match status {
            Some(400 | 403 | 404 | 413 | 500..=599) => {
                error.code().is_none() && error.detail().is_none()
            }
            Some(_) => false,
            None => error.kind() == ErrorKind::Lost,
        };
        if !(is_about_length || gives_no_reason && length > ALWAYS_ACCEPTED) {
            return error;
        }
        error.with_advice(format!(
            "the command and its arguments take {length} bytes of the request's address, of which gateways are known to take 8 kB or less: send the script by stdin, as in `exec([\"sh\"]).stdin(script)`"
        ))
    }

    async fn send(&self, upgrade: Upgrade) -> Result<ExecConnection, Error> {
        let response: Result<Answer<Upgraded>, Error> = match upgrade {
            Upgrade::SpdyPost => request!(self, upgrade, exec_in_pod_by_post).await,
            _ => request!(self, upgrade, exec_in_pod).await,
        };
        let (response, operation) = (response?, upgrade.operation());
        let protocol = upgrade.protocol(response.headers()).map_err(|error| {
            Error::new(ErrorKind::Protocol, error.to_string())
                .during(operation)
                .with_may_have_run(true)
        })?;
        let transport = match (upgrade, protocol) {
            (Upgrade::SpdyPost, _) => ExecTransport::SpdyPost,
            (Upgrade::SpdyGet, _) => ExecTransport::SpdyGet,
            (_, Subprotocol::V5) => ExecTransport::WebSocketV5,
            _ => ExecTransport::WebSocketV4,
        };
        Ok(ExecConnection { stream: response.into_inner(), protocol, transport, operation })
    }
}

/// The length of an argument in the query of a URL, in bytes, with its name.
fn encoded_length(argument: &str) -> usize {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"*-._".contains(byte);
    let plain = argument.as_bytes().iter().filter(|byte| is_plain(byte)).count();
    "&command=".len() + plain + 3 * (argument.len() - plain)
}

/// Refuses a command that no process can be given, and a container that has no valid name.
pub(super) fn check(argv: &[String], pod: &Pod<'_>) -> Result<(), Error> {
    let invalid = |message: String| Err(Error::new(ErrorKind::InvalidRequest, message));
    if argv.is_empty() {
        return invalid("the command is empty: give at least the name of a program".to_owned());
    }
    if let Some(index) = argv.iter().position(|argument| argument.contains('\0')) {
        let what = match index {
            0 => "the program's name".to_owned(),
            index => format!("argument {index} of the command"),
        };
        return invalid(format!(
            "{what} holds a NUL character, which no program can be given in an argument: send the data by stdin"
        ));
    }
    if pod.container.as_ref().is_some_and(|name| name.contains(char::is_control)) {
        return invalid("the container's name holds a control character".to_owned());
    }
    Ok(())
}
