//! The one error type, of which each provider has its own instance.

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc};

use reqwest::StatusCode;

use crate::{identifier, readable};

/// What kind of failure an [`Error`] is, told apart by what the reader should do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The client could not be set up: correct the endpoint, region or TLS setting it names.
    Config,
    /// Credentials are missing or unusable on this side: give them as the message says.
    Credentials,
    /// The request breaks a limit of the service's own page and was not sent: correct the member
    /// named.
    InvalidRequest,
    /// No connection could be made, so nothing was sent: check network and endpoint, try again.
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
    /// The thing named does not exist.
    NotFound,
    /// Too many requests: wait, then try again.
    Throttled,
    /// A gateway or the service itself failed: try again later.
    Unavailable,
    /// The service understood the request and refused it, for the reason in its message.
    Refused,
    /// The answer is not what the service's page describes: a proxy in between, another version.
    Protocol,
    /// The other side cannot do what the call needs: use what the message names instead.
    Unsupported,
    /// There is more of something than this side was told to take: raise the limit, or take it in
    /// parts.
    TooLarge,
    /// Something on this machine that was to be sent could not be read.
    Input,
}

/// A failed call, with what is needed to decide what to do next.
///
/// `D` is what the provider's service says about a failure in its own terms: an error code, a
/// Kubernetes `Status`, a chain of causes. The text shown holds the service's own code and
/// message, and never a secret, a header or a whole body.
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
    detail: Option<D>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl<D> Error<D> {
    /// A failure of `kind`, told in one sentence. What a service wrote into it is made
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

    /// Tells it in another sentence.
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

    /// Adds the id by which the vendor's support finds the request.
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

    /// Says whether the command may have run although the call failed.
    #[must_use]
    pub fn with_may_have_run(mut self, may_have_run: bool) -> Self {
        self.0.may_have_run = may_have_run;
        self
    }

    /// Adds a sentence on what to do.
    #[must_use]
    pub fn with_advice(mut self, advice: impl Into<Cow<'static, str>>) -> Self {
        self.0.advice = Some(readable(&advice.into()).into());
        self
    }

    /// Adds what the service says in its own terms.
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

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The operation that failed, by its vendor's name; none where no request was being made.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// The service's own code, where it gave one.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// What went wrong: the service's own message, or this library's sentence.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The id by which the vendor's support finds the request.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The HTTP status on the wire, where an answer came.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// What to do about it, where more can be said than the kind says.
    pub fn advice(&self) -> Option<&str> {
        self.0.advice.as_deref()
    }

    /// What the service said, in its own terms.
    pub fn detail(&self) -> Option<&D> {
        self.0.detail.as_ref()
    }

    /// A cause of this type, however deep.
    pub fn cause<T: StdError + 'static>(&self) -> Option<&T> {
        let mut cause: Option<&(dyn StdError + 'static)> = match &self.0.source {
            Some(source) => Some(&**source),
            None => None,
        };
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            cause = error.source();
        }
        None
    }

    /// True where the same call may well succeed later, and repeating it cannot run a command twice.
    /// What else a call changes is the caller's to judge: a repeated login opens a second session.
    ///
    /// Never true together with [`may_have_run`](Self::may_have_run).
    pub fn is_retryable(&self) -> bool {
        use ErrorKind::{Connect, Lost, Throttled, Timeout, Unavailable};
        matches!(self.0.kind, Connect | Lost | Throttled | Timeout | Unavailable)
            && !self.0.may_have_run
    }

    /// True where a command may have started although this call failed. Look before you repeat it.
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
        if let Some(code) = code {
            write!(f, "{code}: ")?;
        }
        f.write_str(message)?;
        match (status, request_id) {
            (Some(status), Some(id)) => write!(f, " (HTTP {}, request {id})", status.as_u16())?,
            (Some(status), None) => write!(f, " (HTTP {})", status.as_u16())?,
            (None, Some(id)) => write!(f, " (request {id})")?,
            (None, None) => {}
        }
        if self.0.may_have_run {
            f.write_str("; the command may have run")?;
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
