//! The error type of all providers.

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc, time::Duration};

use reqwest::StatusCode;

use crate::{identifier, readable, reason::causes};

/// The kind of an [`Error`]. Each kind has its own remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The client could not be set up, or there is no Tokio runtime to make the call on: correct the
    /// endpoint, region, TLS setting or runtime that the message names.
    Config,
    /// Credentials are missing or unusable on this side: give them as the message says.
    Credentials,
    /// The request breaks a limit of the vendor's page and was not sent: correct the named member.
    InvalidRequest,
    /// No connection was made, so nothing was sent: check network and endpoint, then retry.
    Connect,
    /// A deadline passed before the answer was complete.
    Timeout,
    /// The connection ended before the answer was complete.
    Lost,
    /// The service did not accept the credentials: check key, token, session and this machine's
    /// clock.
    Unauthenticated,
    /// The service knows the caller and does not allow the call: ask for the permission.
    Forbidden,
    /// The named thing does not exist.
    NotFound,
    /// There were too many requests: wait, then retry.
    Throttled,
    /// A gateway or the service itself failed: retry later.
    Unavailable,
    /// The service understood the request and refused it, for the reason in its message.
    Refused,
    /// The answer is not what the vendor's page describes: a proxy or another version may be the cause.
    Protocol,
    /// The service cannot do what the call needs: use what the message names instead.
    Unsupported,
    /// The answer is larger than the client accepts: raise the limit, or ask for parts.
    TooLarge,
    /// A local file or stream that was to be sent could not be read.
    Input,
}

/// A failed call, with all that the next decision needs.
///
/// `D` is the service's own account of a failure: an error code, a Kubernetes `Status`, a chain of
/// causes. The text holds the service's code and message, and never a secret, a header or a whole
/// body.
#[derive(Clone)]
pub struct Error<D>(Box<Inner<D>>);

#[derive(Clone)]
struct Inner<D> {
    kind: ErrorKind,
    operation: Option<&'static str>,
    code: Option<String>,
    message: String,
    request_id: Option<String>,
    status: Option<StatusCode>,
    may_have_run: bool,
    advice: Option<Cow<'static, str>>,
    retry_after: Option<Duration>,
    detail: Option<D>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl<D> Error<D> {
    /// Makes an error of `kind` with a message of one sentence, in which a service's text is made
    /// [`readable`].
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            operation: None,
            code: None,
            message: readable(&message.into()),
            request_id: None,
            status: None,
            may_have_run: false,
            advice: None,
            retry_after: None,
            detail: None,
            source: None,
        }))
    }

    /// Names the operation that failed.
    #[must_use]
    pub fn during(mut self, operation: &'static str) -> Self {
        self.0.operation = Some(operation);
        self
    }

    /// Replaces the message.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.0.message = readable(&message.into());
        self
    }

    /// Adds the service's own code.
    #[must_use]
    pub fn with_code(mut self, code: Option<String>) -> Self {
        self.0.code = code.as_deref().map(identifier);
        self
    }

    /// Adds the request's id, by which the vendor's support finds it.
    #[must_use]
    pub fn with_request_id(mut self, id: Option<String>) -> Self {
        self.0.request_id = id.as_deref().map(identifier);
        self
    }

    /// Adds the HTTP status of the answer.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = Some(status);
        self
    }

    /// Sets whether the command may have run although the call failed.
    #[must_use]
    pub fn with_may_have_run(mut self, may_have_run: bool) -> Self {
        self.0.may_have_run = may_have_run;
        self
    }

    /// Adds what to do about it, as a sentence.
    #[must_use]
    pub fn with_advice(mut self, advice: impl Into<Cow<'static, str>>) -> Self {
        self.0.advice = Some(readable(&advice.into()).into());
        self
    }

    /// Adds how long the service asks to wait before a retry.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    /// Adds the service's own account.
    #[must_use]
    pub fn with_detail(mut self, detail: Option<D>) -> Self {
        self.0.detail = detail;
        self
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into().into());
        self
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The vendor's name of the operation that failed, if the failure is one of a call.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// The service's own code, if it gave one.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// What went wrong: the service's own message, or this library's sentence.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The request's id, by which the vendor's support finds it.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The HTTP status on the wire, if there was an answer.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// What to do about it, if the kind does not say it all.
    pub fn advice(&self) -> Option<&str> {
        self.0.advice.as_deref()
    }

    /// The service's own account.
    pub fn detail(&self) -> Option<&D> {
        self.0.detail.as_ref()
    }

    /// The first cause of type `T` in the chain of causes.
    pub fn cause<T: StdError + 'static>(&self) -> Option<&T> {
        causes(self.source()).find_map(|cause| cause.downcast_ref())
    }

    /// True if the same call may succeed later and a retry cannot run a command twice. The caller judges
    /// its other effects: a retried login opens a second session.
    ///
    /// Never true together with [`may_have_run`](Self::may_have_run).
    pub fn is_retryable(&self) -> bool {
        use ErrorKind::{Connect, Lost, Throttled, Timeout, Unavailable};
        matches!(self.0.kind, Connect | Lost | Throttled | Timeout | Unavailable)
            && !self.0.may_have_run
    }

    /// How long the service asks to wait before a retry, if it says so and a retry can help: see
    /// [`is_retryable`](Self::is_retryable).
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after.filter(|_| self.is_retryable())
    }

    /// True if a command may have started although this call failed. Check that before you retry.
    pub fn may_have_run(&self) -> bool {
        self.0.may_have_run
    }
}

impl<D> fmt::Display for Error<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { operation, code, message, request_id, status, advice, .. } = &*self.0;
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
            |status: &&StatusCode| **status != StatusCode::OK || self.0.kind == ErrorKind::Protocol;
        match (status.as_ref().filter(says_something), request_id) {
            (Some(status), Some(id)) => write!(f, " (HTTP {}, request {id})", status.as_u16())?,
            (Some(status), None) => write!(f, " (HTTP {})", status.as_u16())?,
            (None, Some(id)) => write!(f, " (request {id})")?,
            (None, None) => {}
        }
        if self.0.may_have_run {
            f.write_str("; the command may have run")?;
        }
        if let Some(wait) = self.retry_after() {
            write!(f, "; the service asks to wait {} s before a retry", wait.as_secs())?;
        }
        if let Some(advice) = advice {
            write!(f, "; {advice}")?;
        }
        Ok(())
    }
}

impl<D> fmt::Debug for Error<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &format_args!("{self}"))
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl<D> StdError for Error<D> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_says_nothing_is_left_out() {
        let shown = |kind, status| {
            let status = StatusCode::from_u16(status).unwrap();
            Error::<()>::new(kind, "no").with_status(status).to_string()
        };
        assert_eq!(shown(ErrorKind::Refused, 200), "no");
        assert_eq!(shown(ErrorKind::Refused, 503), "no (HTTP 503)");
        assert_eq!(shown(ErrorKind::Protocol, 200), "no (HTTP 200)");
        assert_eq!(shown(ErrorKind::Protocol, 204), "no (HTTP 204)");
        let error = Error::<()>::new(ErrorKind::Refused, "no").with_status(StatusCode::OK);
        assert_eq!(error.status(), Some(StatusCode::OK));
        assert_eq!(error.with_request_id(Some("r-1".to_owned())).to_string(), "no (request r-1)");
    }

    #[test]
    fn a_wait_is_told_only_where_a_retry_can_help() {
        let wait = Some(Duration::from_secs(7));
        let error = |kind| Error::<()>::new(kind, "no").with_retry_after(wait);
        let throttled = error(ErrorKind::Throttled);
        assert_eq!(throttled.retry_after(), wait);
        assert_eq!(throttled.to_string(), "no; the service asks to wait 7 s before a retry");
        for error in [throttled.with_may_have_run(true), error(ErrorKind::Refused)] {
            assert_eq!(error.retry_after(), None);
            assert!(!error.to_string().contains("wait"), "{error}");
        }
    }
}
