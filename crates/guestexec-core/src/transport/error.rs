//! Why a transport has no answer.

use std::{error::Error as StdError, fmt, io, sync::Arc};

use crate::reason::{is_no_http, is_too_large, with_reason};

/// Why there is no answer, or only a part of one.
///
/// A transport of your own makes one by [`not_sent`](Self::not_sent), [`timed_out`](Self::timed_out) or
/// [`lost`](Self::lost). Which one matters: only what was certainly not sent is sent again if it starts a
/// command.
#[derive(Clone)]
pub struct TransportError {
    fault: Fault,
    message: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The request itself could not be made, or the transport not be set up.
    Unusable,
    NotSent,
    TimedOut,
    TooLarge,
    NotHttp,
    Lost,
}

type Cause = Box<dyn StdError + Send + Sync>;

impl TransportError {
    /// Nothing was sent, because of `cause`: no connection could be made, or none was tried.
    pub fn not_sent(cause: impl Into<Cause>) -> Self {
        Self::caused(Fault::NotSent, cause.into())
    }

    /// A deadline passed before the answer was complete. The request may have arrived.
    pub fn timed_out() -> Self {
        let late = io::Error::from(io::ErrorKind::TimedOut);
        Self::caused(Fault::TimedOut, late.into())
    }

    /// The connection ended before the answer was complete, because of `cause`. The request may have
    /// arrived.
    pub fn lost(cause: impl Into<Cause>) -> Self {
        Self::caused(Fault::Lost, cause.into())
    }

    pub(crate) fn setup(problem: String) -> Self {
        Self { fault: Fault::Unusable, message: problem, source: None }
    }

    fn caused(fault: Fault, cause: Cause) -> Self {
        let cause: Arc<dyn StdError + Send + Sync> = cause.into();
        let said = Self::said(fault);
        let message = match fault {
            // The reason would add nothing.
            Fault::TooLarge | Fault::TimedOut => said.to_owned(),
            _ => with_reason(said, Some(&*cause)),
        };
        Self { fault, message, source: Some(cause) }
    }

    #[doc(hidden)]
    pub fn from_reqwest(error: reqwest::Error) -> Self {
        // The URL may grant access, such as the address of a job.
        let error = error.without_url();
        // Only answers have a body to read, so the cause that the transport names does not matter.
        let answered = error.is_body() || error.is_decode();
        let unsent = !answered && (error.is_builder() || error.is_connect());
        let fault = match () {
            () if is_too_large(&error) => Fault::TooLarge,
            () if unsent && error.is_builder() => Fault::Unusable,
            // A pooled connection that fails may have carried the request.
            () if unsent => Fault::NotSent,
            () if error.is_timeout() => Fault::TimedOut,
            () if is_no_http(&error) => Fault::NotHttp,
            () => Fault::Lost,
        };
        let said = Self::said(fault);
        let message = match fault {
            Fault::TooLarge | Fault::TimedOut => said.to_owned(),
            // Its own text adds nothing to the message; its causes do.
            _ => with_reason(said, error.source()),
        };
        Self { fault, message, source: Some(Arc::new(error)) }
    }

    fn said(fault: Fault) -> &'static str {
        match fault {
            Fault::Unusable => "the request could not be made",
            Fault::NotSent => "no connection could be made",
            Fault::TimedOut => "the deadline passed before the answer was complete",
            Fault::TooLarge => "the answer is larger than is read into memory",
            Fault::NotHttp => "what answers does not speak HTTP/1.1",
            Fault::Lost => "the connection ended before the answer was complete",
        }
    }

    /// True if certainly nothing was sent.
    pub fn is_not_sent(&self) -> bool {
        matches!(self.fault, Fault::NotSent | Fault::Unusable)
    }

    /// True if a deadline passed.
    pub fn is_timeout(&self) -> bool {
        self.fault == Fault::TimedOut
    }

    /// True if a second attempt would fail in the same way: the request cannot be made at all.
    #[doc(hidden)]
    pub fn is_unusable(&self) -> bool {
        self.fault == Fault::Unusable
    }

    pub(crate) fn fault(&self) -> Fault {
        self.fault
    }

    pub(crate) fn into_parts(self) -> (String, Option<Arc<dyn StdError + Send + Sync>>) {
        (self.message, self.source)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportError")
            .field("fault", &self.fault)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
