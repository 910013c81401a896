//! Why a program was not started.

use std::{error::Error as StdError, fmt};

use guestexec_core::ErrorKind;
use serde::{Serialize, Serializer};

use crate::{Error, not_started};

/// Why the container's runtime, or the shell of a [killable](crate::Exec::killable) command, could not start the
/// program. Nothing ran.
///
/// It is part of the error of such a command: [`StartFailure::of`] returns it. Serialized, it is its
/// [name](Self::as_str).
///
/// ```
/// use guestexec_cci::StartFailure;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.cci().client()?;
/// let error = client.pod("default", "demo").exec(["nope"]).await.expect_err("there is none");
/// assert_eq!(StartFailure::of(&error), Some(StartFailure::NotFound));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StartFailure {
    /// The container has no such program.
    NotFound,
    /// The file is there and cannot be run: it is a folder, or its permissions or its format do not allow it.
    CannotRun,
}

impl StartFailure {
    /// Finds the reason in the error of a command. None if the command was started, or not started for another
    /// reason.
    pub fn of(error: &Error) -> Option<Self> {
        // A refusal in place of the upgrade is read with all others, and has its message alone.
        let by_message = || {
            let is_proof = error.kind() == ErrorKind::Refused && !error.may_have_run();
            not_started::start_failure(error.message()).filter(|_| is_proof)
        };
        error.cause().copied().or_else(by_message)
    }

    /// Its name in programs' output: `not_found` or `cannot_run`. It stays the same from version to version.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::CannotRun => "cannot_run",
        }
    }

    /// The failure that the exit code of a shell tells.
    pub(super) fn from_shell(code: i64) -> Option<Self> {
        match code {
            126 => Some(Self::CannotRun),
            127 => Some(Self::NotFound),
            _ => None,
        }
    }
}

/// A sentence without its end.
impl fmt::Display for StartFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotFound => "there is no such program",
            Self::CannotRun => "the file cannot be run",
        })
    }
}

impl StdError for StartFailure {}

/// The [name](Self::as_str).
impl Serialize for StartFailure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
