//! How a command ended, and the exit code that says so.

use std::{fmt, process::ExitCode};

use guestexec::ExitStatus;

/// The exit code of a failure that is not the command's own.
pub(crate) const FAILURE: u8 = 125;
/// The exit code of a file in the machine that is there, and cannot be run.
const CANNOT_RUN: u8 = 126;
/// The exit code of a command that the machine does not have.
const NOT_FOUND: u8 = 127;
/// The exit code of a command whose time ran out.
const TIMED_OUT: u8 = 124;
/// The exit code of a command that failed without one: what shells add a signal's number to.
const WITHOUT_CODE: u8 = 128;
/// The exit code where a command's own does not fit: Windows has 32 bits.
const TOO_LARGE: u8 = 255;
/// The exit code if one of many targets failed.
const SOME_FAILED: u8 = 1;

/// How the command ended on one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It exited, with this code.
    Exited(i64),
    /// A signal ended it. The code is 128 and the signal's number, as shells and container runtimes report it; none
    /// if the service names no signal.
    Signaled(Option<i64>),
    /// It was certainly not started.
    NotStarted(WhyNot),
    /// Its time ran out.
    TimedOut,
    /// It may have run, and nobody saw how it ended.
    Unknown,
}

/// Why a command was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhyNot {
    /// The machine has no such command.
    NotFound,
    /// The file cannot be run.
    CannotRun,
    /// The call failed before that.
    Failed,
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Self {
        match status.code() {
            Some(code) if status.signal().is_none() => Self::Exited(code),
            code => Self::Signaled(code),
        }
    }
}

impl Ended {
    /// The word for it in JSON. It stays the same from version to version.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Exited(_) => "exited",
            Self::Signaled(_) => "signaled",
            Self::NotStarted(_) => "not-started",
            Self::TimedOut => "timed-out",
            Self::Unknown => "unknown",
        }
    }

    /// The command's own exit code, if it has one.
    pub(crate) const fn exit_code(self) -> Option<i64> {
        match self {
            Self::Exited(code) => Some(code),
            Self::Signaled(code) => code,
            _ => None,
        }
    }

    pub(crate) const fn success(self) -> bool {
        matches!(self, Self::Exited(0))
    }

    /// True if the exit code of this program cannot hold that of the command.
    pub(crate) fn exceeds_exit_code(self) -> bool {
        self.exit_code().is_some_and(|code| u8::try_from(code).is_err())
    }
}

/// Continues a sentence about a target.
impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Exited(code) => write!(f, "exited with {code}"),
            Self::Signaled(Some(code)) => {
                write!(f, "was ended by signal {} (exit code {code})", code - 128)
            }
            Self::Signaled(None) => f.write_str("was ended by a signal"),
            Self::NotStarted(_) => f.write_str("was not started"),
            Self::TimedOut => f.write_str("ran out of time"),
            Self::Unknown => f.write_str("has an end that nobody saw"),
        }
    }
}

/// Which exit codes this program ends with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ExitCodes {
    /// The code in place of all that are not the command's own.
    pub(crate) failure: Option<u8>,
}

impl ExitCodes {
    /// The code of a failure of this program itself.
    pub(crate) fn failed(self) -> u8 {
        self.failure.unwrap_or(FAILURE)
    }

    /// The code of one target.
    pub(crate) fn of_one(self, ended: Ended) -> u8 {
        let own = |code| self.failure.unwrap_or(code);
        match ended {
            Ended::Exited(code) | Ended::Signaled(Some(code)) => {
                u8::try_from(code).unwrap_or(TOO_LARGE)
            }
            Ended::Signaled(None) => WITHOUT_CODE,
            Ended::NotStarted(WhyNot::NotFound) => own(NOT_FOUND),
            Ended::NotStarted(WhyNot::CannotRun) => own(CANNOT_RUN),
            Ended::TimedOut => own(TIMED_OUT),
            Ended::NotStarted(WhyNot::Failed) | Ended::Unknown => self.failed(),
        }
    }

    /// The code of many targets.
    pub(crate) fn of_many(self, all_succeeded: bool) -> u8 {
        if all_succeeded { 0 } else { SOME_FAILED }
    }
}

/// What a subcommand ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exit(pub(crate) u8);

impl Exit {
    pub(crate) const SUCCESS: Self = Self(0);
    /// How a program ends that SIGPIPE has ended, since nobody reads its output any more.
    pub(crate) const CLOSED_PIPE: Self = Self(141);
}

impl From<Exit> for ExitCode {
    fn from(Exit(code): Exit) -> Self {
        Self::from(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_commands_own_where_it_has_one() {
        let plain = ExitCodes::default();
        let set = ExitCodes { failure: Some(99) };
        let ended = |code| Ended::from(ExitStatus::from_code(code));
        for (end, code, code_if_set) in [
            (ended(0), 0, 0),
            (ended(1), 1, 1),
            (ended(125), 125, 125),
            (ended(137), 137, 137),
            (ended(255), 255, 255),
            (ended(256), 255, 255),
            (ended(-1_073_741_819), 255, 255),
            (Ended::from(ExitStatus::WITHOUT_CODE), 128, 128),
            (Ended::NotStarted(WhyNot::NotFound), 127, 99),
            (Ended::NotStarted(WhyNot::CannotRun), 126, 99),
            (Ended::NotStarted(WhyNot::Failed), 125, 99),
            (Ended::TimedOut, 124, 99),
            (Ended::Unknown, 125, 99),
        ] {
            assert_eq!((plain.of_one(end), set.of_one(end)), (code, code_if_set), "{end:?}");
        }
    }
}
