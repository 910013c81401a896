//! How a session may fail, in sentences.

use std::{io, time::Duration};

use guestexec_core::ErrorKind;
use guestexec_remotecommand::{ExitStatus, Subprotocol, Termination};

use super::shared::End;
use crate::{Error, error::is_no_start};

/// The session broke before the command's end was told; `how` may say more.
pub(super) fn lost(how: Option<String>) -> Error {
    let mut message = "the session ended without saying how the command did".to_owned();
    if let Some(how) = how {
        message = format!("{message} ({how})");
    }
    Error::new(ErrorKind::Lost, message).with_may_have_run(true)
}

/// The server broke the protocol.
pub(super) fn protocol(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Protocol, message).with_may_have_run(true)
}

pub(super) fn timed_out(length: Duration) -> Error {
    Error::new(ErrorKind::Timeout, format!("the command did not end within {length:?}"))
        .with_may_have_run(true)
        .with_advice(
            "the command may still run: the end of a connection stops it with some container runtimes only, `killable` with all",
        )
}

/// The caller's own input could not be read.
pub(super) fn unreadable(error: io::Error) -> Error {
    Error::new(ErrorKind::Input, format!("the command's input could not be read: {error}"))
        .with_may_have_run(true)
        .with_advice("the command had a part of its input and not its end")
        .with_source(error)
}

/// Standard input cannot be closed: closing the WebSocket instead would lose output and status.
pub(super) fn unclosable(protocol: Subprotocol) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("over a WebSocket with {protocol} a command cannot be told that its input ends"),
    )
    .with_advice(
        "use `.transport(ExecTransport::SpdyPost)`, a server that speaks v5.channel.k8s.io, or a command that knows how much to read, such as `head -c`",
    )
}

/// What the server's last word means.
pub(super) fn status(end: Termination) -> Result<ExitStatus, Error> {
    let (reason, message) = match end {
        Termination::Exited(status) => return Ok(status),
        Termination::Failed { reason, message } => (reason, message),
        _ => return Err(lost(None)),
    };
    let message =
        if message.is_empty() { "the server gives no reason".to_owned() } else { message };
    let could_not_start = is_no_start(&message);
    let error = Error::new(ErrorKind::Refused, message)
        .with_code(Some(reason).filter(|reason| !reason.is_empty()))
        .with_may_have_run(!could_not_start);
    Err(match could_not_start {
        true => error.with_advice("check the command's path and permissions, and the container"),
        false => error,
    })
}

/// How the outputs of a session end that came to this.
pub(super) fn end(result: &Result<ExitStatus, Error>) -> End {
    let Err(error) = result else { return End::Complete };
    let kind = match error.kind() {
        // A status came, and all output comes before it.
        ErrorKind::Refused => return End::Complete,
        ErrorKind::Timeout => io::ErrorKind::TimedOut,
        ErrorKind::Protocol => io::ErrorKind::InvalidData,
        ErrorKind::Lost => io::ErrorKind::ConnectionAborted,
        _ => io::ErrorKind::Other,
    };
    End::Broken(kind, error.to_string())
}
