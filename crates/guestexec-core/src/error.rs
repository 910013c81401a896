//! The error type of all providers.

mod account;
mod any;

use std::{
    borrow::Cow,
    error::Error as StdError,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use reqwest::StatusCode;
use serde::{Serialize, Serializer};

pub use any::{AnyError, Detail};

use crate::{identifier, readable, reason::causes};
use account::{Account, Summary};

/// The kind of an [`Error`]. Each kind has its own remedy.
///
/// ```
/// use guestexec_core::ErrorKind;
///
/// /// Whether a person has to correct something before another attempt.
/// fn needs_a_person(kind: ErrorKind) -> bool {
///     use ErrorKind::{Connect, Lost, Throttled, Timeout, Unavailable};
///     !matches!(kind, Connect | Lost | Throttled | Timeout | Unavailable)
/// }
///
/// assert!(needs_a_person(ErrorKind::Forbidden));
/// assert_eq!(ErrorKind::InvalidRequest.as_str(), "invalid_request");
/// ```
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
    /// What the request names does not exist.
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
    /// What was received could not be written to a local file or stream.
    Output,
}

impl ErrorKind {
    /// The kind's name in programs' output: `invalid_request`, `timeout` and so on. It stays the same
    /// from version to version.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Credentials => "credentials",
            Self::InvalidRequest => "invalid_request",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Lost => "lost",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Refused => "refused",
            Self::Protocol => "protocol",
            Self::Unsupported => "unsupported",
            Self::TooLarge => "too_large",
            Self::Input => "input",
            Self::Output => "output",
        }
    }
}

impl ErrorKind {
    /// What to do about an error of this kind that has no [advice](Error::advice) of its own, as a sentence.
    ///
    /// ```
    /// use guestexec_core::ErrorKind;
    ///
    /// assert_eq!(ErrorKind::Connect.remedy(), "Check network, proxy and endpoint, then try again.");
    /// ```
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Config => "Correct the setting that the message names.",
            Self::Credentials => "Give credentials as the message says.",
            Self::InvalidRequest => "Correct what the message names. Nothing was sent.",
            Self::Connect => "Check network, proxy and endpoint, then try again.",
            Self::Timeout => "Allow more time, or look at what the service is doing.",
            Self::Lost => "The connection broke. See what was done before you try again.",
            Self::Unauthenticated => "Check key, token, session and this machine's clock.",
            Self::Forbidden => "Ask for the permission that the message names.",
            Self::NotFound => "Check the name, and the region or namespace that it is in.",
            Self::Throttled => "Wait, then try again.",
            Self::Unavailable => "Try again later.",
            Self::Refused => "Change what the message names.",
            Self::Protocol => {
                "Check that the endpoint is the service itself, not a proxy or another version."
            }
            Self::Unsupported => "Use what the message names instead.",
            Self::TooLarge => "Raise the limit, or ask for parts.",
            Self::Input => "Check that what is to be sent can be read.",
            Self::Output => "Check that there is room and permission to write what is received.",
        }
    }
}

/// The [name](Self::as_str).
impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The [name](Self::as_str).
impl Serialize for ErrorKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A failed call, with all that the next decision needs.
///
/// `D` is the service's own account of a failure: an error code, a Kubernetes `Status`, a chain of
/// causes. The text holds the service's code and message, and never a secret, a header or a whole
/// body.
///
/// Serialized, it has the members `kind`, `operation`, `code`, `message`, `request_id`, `status`,
/// `may_have_run`, `retryable`, `retry_after_seconds` and `advice`; those without a value are left out.
/// The [detail](Self::detail) and the causes are not among them. Two errors are equal if these members
/// are.
#[derive(Clone)]
pub struct Error<D>(Box<Inner<D>>);

#[derive(Clone)]
struct Inner<D> {
    account: Account,
    detail: Option<D>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl<D> Error<D> {
    /// Makes an error of `kind` with a message of one sentence, in which a service's text is made
    /// [`readable`].
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let account = Account::new(kind, readable(&message.into()));
        Self(Box::new(Inner { account, detail: None, source: None }))
    }

    /// Names the operation that failed.
    #[must_use]
    pub fn during(mut self, operation: &'static str) -> Self {
        self.0.account.operation = Some(operation);
        self
    }

    /// Replaces the message.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.0.account.message = readable(&message.into());
        self
    }

    /// Adds the service's own code.
    #[must_use]
    pub fn with_code(mut self, code: Option<String>) -> Self {
        self.0.account.code = code.as_deref().map(identifier);
        self
    }

    /// Adds the request's id, by which the vendor's support finds it.
    #[must_use]
    pub fn with_request_id(mut self, id: Option<String>) -> Self {
        self.0.account.request_id = id.as_deref().map(identifier);
        self
    }

    /// Adds the HTTP status of the answer.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.0.account.status = Some(status);
        self
    }

    /// Sets whether the command may have run although the call failed.
    #[must_use]
    pub fn with_may_have_run(mut self, may_have_run: bool) -> Self {
        self.0.account.may_have_run = may_have_run;
        self
    }

    /// Adds what to do about it, as a sentence.
    #[must_use]
    pub fn with_advice(mut self, advice: impl Into<Cow<'static, str>>) -> Self {
        self.0.account.advice = Some(readable(&advice.into()).into());
        self
    }

    /// Adds how long the service asks to wait before a retry.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.account.retry_after = wait;
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

    /// Adds the error that caused this one, which others share.
    pub(crate) fn caused_by(mut self, source: Arc<dyn StdError + Send + Sync>) -> Self {
        self.0.source = Some(source);
        self
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.account.kind
    }

    /// The vendor's name of the operation that failed, if the failure is one of a call.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.account.operation
    }

    /// The service's own code, if it gave one.
    pub fn code(&self) -> Option<&str> {
        self.0.account.code.as_deref()
    }

    /// The service's own message, or this library's sentence.
    pub fn message(&self) -> &str {
        &self.0.account.message
    }

    /// The request's id, by which the vendor's support finds it.
    pub fn request_id(&self) -> Option<&str> {
        self.0.account.request_id.as_deref()
    }

    /// The HTTP status on the wire, if there was an answer.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.account.status
    }

    /// What to do about it, if the kind does not say it all.
    pub fn advice(&self) -> Option<&str> {
        self.0.account.advice.as_deref()
    }

    /// What happened, without what to do about it: the text up to a wait that the service asks for and the
    /// [advice](Self::advice), for programs that show those apart.
    pub fn summary(&self) -> String {
        Summary(&self.0.account).to_string()
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
        self.0.account.is_retryable()
    }

    /// How long the service asks to wait before a retry, if it says so and a retry can help: see
    /// [`is_retryable`](Self::is_retryable).
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.account.retry_after()
    }

    /// True if a command may have started although this call failed. Check that before you retry.
    pub fn may_have_run(&self) -> bool {
        self.0.account.may_have_run
    }
}

/// An error whose account of the service has a type.
#[doc(hidden)]
pub trait Detailed {
    /// The type.
    type Detail;
}

/// The type of an error's account of the service.
#[doc(hidden)]
pub type DetailOf<E> = <E as Detailed>::Detail;

impl<D> Detailed for Error<D> {
    type Detail = D;
}

impl<D> fmt::Display for Error<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.account.fmt(f)
    }
}

impl<D> fmt::Debug for Error<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind())
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

impl<D> PartialEq for Error<D> {
    fn eq(&self, other: &Self) -> bool {
        self.0.account == other.0.account
    }
}

impl<D> Eq for Error<D> {}

impl<D> Hash for Error<D> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.account.hash(state);
    }
}

impl<D> Serialize for Error<D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.account.serialize(serializer)
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

    #[test]
    fn errors_go_on_as_json_without_detail_and_cause() {
        let cause = Error::<&str>::new(ErrorKind::Config, "s3cret");
        let error = Error::new(ErrorKind::Throttled, "too many")
            .during("RunCommand")
            .with_code(Some("RequestLimitExceeded".to_owned()))
            .with_request_id(Some("r-1".to_owned()))
            .with_status(StatusCode::TOO_MANY_REQUESTS)
            .with_retry_after(Some(Duration::from_secs(7)))
            .with_advice("wait")
            .with_detail(Some("s3cret"));
        let caused = error.clone().with_source(cause);
        assert_eq!(
            serde_json::to_string(&caused).unwrap(),
            r#"{"kind":"throttled","operation":"RunCommand","code":"RequestLimitExceeded","message":"too many","request_id":"r-1","status":429,"may_have_run":false,"retryable":true,"retry_after_seconds":7,"advice":"wait"}"#
        );
        assert_eq!(caused, error);
        assert_ne!(caused, error.with_may_have_run(true));
        let short = Error::<()>::new(ErrorKind::InvalidRequest, "no").with_may_have_run(true);
        assert_eq!(
            serde_json::to_string(&short).unwrap(),
            r#"{"kind":"invalid_request","message":"no","may_have_run":true,"retryable":false}"#
        );
    }
}
