//! Failures as people read them: what happened, and what to do.

pub(crate) mod remedy;

use std::{fmt, io};

use guestexec::{Error, ErrorKind, cci, tat, zstack};
use guestexec_sandbox::StartError;
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::ending::{Ended, WhyNot};

/// Why a subcommand, or the command on one target, failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    what: String,
    advice: Option<String>,
    error: Option<Error>,
    pub(crate) ended: Ended,
    is_closed_pipe: bool,
}

impl Failure {
    /// A failure of this program before anything was sent. `what` is a sentence without its last stop.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        let ended = Ended::NotStarted(WhyNot::Failed);
        Self { what: what.into(), advice: None, error: None, ended, is_closed_pipe: false }
    }

    /// Adds what to do about it, as a sentence.
    #[must_use]
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Says how the command ended, where the error alone does not tell.
    #[must_use]
    pub(crate) fn with_end(mut self, ended: Ended) -> Self {
        self.ended = ended;
        self
    }

    /// A failure to write to this standard stream.
    pub(crate) fn unwritable(stream: &str, error: &io::Error) -> Self {
        let failure = Self::new(format!("{stream} cannot be written: {error}"))
            .advise("See what reads it. What was started may go on.")
            .with_end(Ended::Unknown);
        failure.of_output(error)
    }

    /// Takes note of why output could not be written.
    #[must_use]
    pub(crate) fn of_output(self, error: &io::Error) -> Self {
        Self { is_closed_pipe: error.kind() == io::ErrorKind::BrokenPipe, ..self }
    }

    /// True if nobody reads the output any more, which is no news to a person.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.is_closed_pipe
    }

    /// What happened, on one line.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// What to do about it.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }

    /// The provider's error, if the failure is one of a call.
    pub(crate) fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut advice = remedy::advice(&error);
        if let Some(wait) = error.retry_after() {
            advice = format!("{advice} (the service asks to wait {} s)", wait.as_secs());
        }
        let ended = match error.kind() {
            _ if !error.may_have_run() => Ended::NotStarted(WhyNot::Failed),
            ErrorKind::Timeout => Ended::TimedOut,
            _ => Ended::Unknown,
        };
        Self {
            what: remedy::what(&error),
            advice: Some(sentence(&advice)),
            error: Some(error),
            ended,
            is_closed_pipe: false,
        }
    }
}

impl From<cci::Error> for Failure {
    fn from(error: cci::Error) -> Self {
        let why = match cci::StartFailure::of(&error) {
            Some(cci::StartFailure::NotFound) => Some(WhyNot::NotFound),
            Some(cci::StartFailure::CannotRun) => Some(WhyNot::CannotRun),
            _ => None,
        };
        let failure = Self::from(Error::from(error));
        match why {
            Some(why) => failure.with_end(Ended::NotStarted(why)),
            None => failure,
        }
    }
}

impl From<tat::Error> for Failure {
    fn from(error: tat::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<zstack::Error> for Failure {
    fn from(error: zstack::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let mut text = error.to_string();
        if let Some(cause) = std::error::Error::source(&error).map(ToString::to_string)
            && !text.contains(&cause)
        {
            text = format!("{text}: {cause}");
        }
        Self::new(text)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// Two lines: what happened, and what to do. Between them is a line for each place without credentials.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        for line in self.error.iter().flat_map(remedy::places) {
            write!(f, "\n  {line}")?;
        }
        match &self.advice {
            Some(advice) => write!(f, "\n  {advice}")?,
            None => return Ok(()),
        }
        match self.error.as_ref().and_then(remedy::further) {
            Some(further) => write!(f, " {further}"),
            None => Ok(()),
        }
    }
}

/// As the provider's error; what this program says itself has `kind` "command_line".
impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(error) = &self.error {
            let mut value = serde_json::to_value(error).map_err(serde::ser::Error::custom)?;
            // The library's advice names its functions.
            if let Some(advice) = &self.advice {
                value["advice"] = advice.as_str().into();
            }
            return value.serialize(serializer);
        }
        let mut to = serializer.serialize_map(None)?;
        to.serialize_entry("kind", "command_line")?;
        to.serialize_entry("message", &self.what)?;
        if let Some(advice) = &self.advice {
            to.serialize_entry("advice", advice)?;
        }
        to.end()
    }
}

/// The text with a capital at its beginning, and a stop at its end.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String =
        letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    let stop = if text.ends_with(['.', '!', '?', ')', '`']) { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}
