//! The errors of a session.

use std::{io, time::Duration};

use guestexec_core::{ErrorKind, ExitStatus};
use guestexec_remotecommand::{Subprotocol, Termination};

use super::{buffers::OutputEnd, start_failure::StartFailure};
use crate::{Error, error::NO_CONTAINER, not_started};

const CHECK_COMMAND: &str = "check the command's path and permissions, and the container";

/// The session ended without a status, for this `reason` if one is known.
pub(super) fn lost(reason: Option<String>) -> Error {
    let mut message = "the session ended without saying how the command did".to_owned();
    if let Some(reason) = reason {
        message = format!("{message} ({reason})");
    }
    Error::new(ErrorKind::Lost, message).with_may_have_run(true)
}

/// The server broke the protocol.
pub(super) fn protocol_error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Protocol, message).with_may_have_run(true)
}

pub(super) fn timed_out(length: Duration) -> Error {
    Error::new(ErrorKind::Timeout, format!("the command did not end within {length:?}"))
        .with_may_have_run(true)
        .with_advice(
            "the command may still run: only some container runtimes stop it when the connection ends; `killable` stops it with all of them",
        )
}

/// The server has not accepted all streams, and drops what is sent before it has.
pub(super) fn streams_not_opened(length: Duration) -> Error {
    Error::new(ErrorKind::Timeout, format!("the server did not take all streams within {length:?}"))
        .with_may_have_run(true)
        .with_advice("a gateway on the way may not let SPDY through: try another `transport`")
}

/// The caller's input could not be read.
pub(super) fn input_unreadable(error: io::Error) -> Error {
    Error::new(ErrorKind::Input, format!("the command's input could not be read: {error}"))
        .with_may_have_run(true)
        .with_advice("the command got a part of its input, and no end of input")
        .with_source(error)
}

/// Standard input cannot be ended. Closing the WebSocket instead would lose output and status.
pub(super) fn cannot_end_input(protocol: Subprotocol) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("over a WebSocket with {protocol} a command cannot be told that its input ends"),
    )
    .with_advice(
        "use `.transport(ExecTransport::SpdyPost)`, a server that speaks v5.channel.k8s.io, or a command that knows how much to read, such as `head -c`",
    )
}

/// Reads the server's status. After output (`had_output`) the command has run, whatever the status
/// says.
pub(super) fn exit_status(end: Termination, had_output: bool) -> Result<ExitStatus, Error> {
    let (reason, message) = match end {
        Termination::Exited(status) => {
            return Ok(status.code().map_or(ExitStatus::WITHOUT_CODE, ExitStatus::from));
        }
        Termination::Failed { reason, message } => (reason, message),
        _ => return Err(lost(None)),
    };
    let message =
        if message.is_empty() { "the server gives no reason".to_owned() } else { message };
    let proof = not_started::by_text(&message).filter(|_| !had_output);
    let failure = proof.and_then(|_| not_started::start_failure(&message));
    let mut error = Error::new(ErrorKind::Refused, message)
        .with_code(Some(reason).filter(|reason| !reason.is_empty()))
        .with_may_have_run(proof.is_none());
    if let Some(failure) = failure {
        error = error.with_source(failure);
    }
    Err(match proof.and_then(|row| row.kind) {
        Some(ErrorKind::Refused) => error.with_advice(CHECK_COMMAND),
        Some(ErrorKind::NotFound) => error.with_advice(NO_CONTAINER),
        _ => error,
    })
}

/// The end of a shell that found no program to become. With another exit code than a shell's for that, it found one in
/// the end.
pub(super) fn without_program(status: ExitStatus) -> Result<ExitStatus, Error> {
    let Some(failure) = status.code().and_then(StartFailure::from_shell) else {
        return Ok(status);
    };
    Err(Error::new(
        ErrorKind::Refused,
        format!("the `sh` of the container did not start it: {failure}"),
    )
    .with_advice(CHECK_COMMAND)
    .with_source(failure))
}

/// The end of outputs that the server goes on sending after the command's end.
pub(super) fn output_cut() -> OutputEnd {
    let why = "the server was still sending output after the command's end, and the wait for more is over";
    OutputEnd::Broken(io::ErrorKind::TimedOut, why.to_owned())
}

/// How readers see this result.
pub(super) fn output_end(result: &Result<ExitStatus, Error>) -> OutputEnd {
    let Err(error) = result else { return OutputEnd::Complete };
    let kind = match error.kind() {
        // A status came, and all output comes before it.
        ErrorKind::Refused => return OutputEnd::Complete,
        ErrorKind::Timeout => io::ErrorKind::TimedOut,
        ErrorKind::Protocol => io::ErrorKind::InvalidData,
        ErrorKind::Lost => io::ErrorKind::ConnectionAborted,
        _ => io::ErrorKind::Other,
    };
    OutputEnd::Broken(kind, error.to_string())
}
