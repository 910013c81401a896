//! The part that errors of all types share.

use std::{borrow::Cow, fmt, time::Duration};

use reqwest::StatusCode;
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::ErrorKind;
use crate::members::write_optional;

/// All of an error but the service's own account and the causes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Account {
    pub(super) kind: ErrorKind,
    pub(super) operation: Option<&'static str>,
    pub(super) code: Option<String>,
    pub(super) message: String,
    pub(super) request_id: Option<String>,
    pub(super) status: Option<StatusCode>,
    pub(super) may_have_run: bool,
    pub(super) advice: Option<Cow<'static, str>>,
    pub(super) retry_after: Option<Duration>,
}

impl Account {
    pub(super) fn new(kind: ErrorKind, message: String) -> Self {
        Self {
            kind,
            operation: None,
            code: None,
            message,
            request_id: None,
            status: None,
            may_have_run: false,
            advice: None,
            retry_after: None,
        }
    }

    pub(super) fn is_retryable(&self) -> bool {
        use ErrorKind::{Connect, Lost, Throttled, Timeout, Unavailable};
        matches!(self.kind, Connect | Lost | Throttled | Timeout | Unavailable)
            && !self.may_have_run
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.retry_after.filter(|_| self.is_retryable())
    }

    /// The members that are serialized.
    pub(super) fn write<M: SerializeMap>(&self, to: &mut M) -> Result<(), M::Error> {
        to.serialize_entry("kind", &self.kind)?;
        write_optional(to, "operation", &self.operation)?;
        write_optional(to, "code", &self.code)?;
        to.serialize_entry("message", &self.message)?;
        write_optional(to, "request_id", &self.request_id)?;
        write_optional(to, "status", &self.status.map(|status| status.as_u16()))?;
        to.serialize_entry("may_have_run", &self.may_have_run)?;
        to.serialize_entry("retryable", &self.is_retryable())?;
        let seconds = self.retry_after().map(|wait| wait.as_secs());
        write_optional(to, "retry_after_seconds", &seconds)?;
        write_optional(to, "advice", &self.advice)
    }
}

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut to = serializer.serialize_map(None)?;
        self.write(&mut to)?;
        to.end()
    }
}

/// What happened, without what to do about it.
pub(super) struct Summary<'a>(pub(super) &'a Account);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Account { kind, operation, code, message, request_id, status, .. } = self.0;
        if let Some(operation) = operation {
            write!(f, "{operation}: ")?;
        }
        // A code that is the message, or the status, says nothing more.
        let is_said =
            |code: &String| code == message || status.is_some_and(|status| status.as_str() == code);
        if let Some(code) = code.as_ref().filter(|code| !is_said(code)) {
            write!(f, "{code}: ")?;
        }
        f.write_str(message)?;
        // A service that refuses with 200 says nothing by it.
        let says_something =
            |status: &&StatusCode| **status != StatusCode::OK || *kind == ErrorKind::Protocol;
        match (status.as_ref().filter(says_something), request_id) {
            (Some(status), Some(id)) => write!(f, " (HTTP {}, request {id})", status.as_u16())?,
            (Some(status), None) => write!(f, " (HTTP {})", status.as_u16())?,
            (None, Some(id)) => write!(f, " (request {id})")?,
            (None, None) => {}
        }
        if self.0.may_have_run {
            f.write_str("; the command may have run")?;
        }
        Ok(())
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Summary(self).fmt(f)?;
        if let Some(wait) = self.retry_after() {
            write!(f, "; the service asks to wait {} s before a retry", wait.as_secs())?;
        }
        if let Some(advice) = &self.advice {
            write!(f, "; {advice}")?;
        }
        Ok(())
    }
}
