//! How a session may fail, in sentences.

use std::{io, time::Duration};

use guestexec_core::ErrorKind;
use guestexec_remotecommand::{ExitStatus, Subprotocol, Termination};

use super::shared::End;
use crate::{Error, error::NO_CONTAINER, not_started};

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

/// The server has not taken the streams, without which neither input nor a terminal's size can go.
pub(super) fn unopened(length: Duration) -> Error {
    Error::new(ErrorKind::Timeout, format!("the server did not take all streams within {length:?}"))
        .with_may_have_run(true)
        .with_advice("something on the way may not let SPDY through: try another `transport`")
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

/// What the server's last word means. `had_output` says that the command, or what started it, has
/// sent something: then it ran, whatever the word is.
pub(super) fn status(end: Termination, had_output: bool) -> Result<ExitStatus, Error> {
    let (reason, message) = match end {
        Termination::Exited(status) => return Ok(status),
        Termination::Failed { reason, message } => (reason, message),
        _ => return Err(lost(None)),
    };
    let message =
        if message.is_empty() { "the server gives no reason".to_owned() } else { message };
    let proof = not_started::by_text(&message).filter(|_| !had_output);
    let error = Error::new(ErrorKind::Refused, message)
        .with_code(Some(reason).filter(|reason| !reason.is_empty()))
        .with_may_have_run(proof.is_none());
    Err(match proof.and_then(|row| row.kind) {
        Some(ErrorKind::Refused) => {
            error.with_advice("check the command's path and permissions, and the container")
        }
        Some(ErrorKind::NotFound) => error.with_advice(NO_CONTAINER),
        _ => error,
    })
}

/// How the outputs end of a command that has ended, while the server goes on sending.
pub(super) fn cut() -> End {
    let why = "the server was still sending output behind the command's end when no more of it was waited for";
    End::Broken(io::ErrorKind::TimedOut, why.to_owned())
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
