//! The options of one call.

use std::time::Duration;

use reqwest::{
    Request,
    header::{
        CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
    },
};

use crate::CallError;

/// The time of a request whose answer is read as it comes: beyond the clock's range, so none.
const ENDLESS: Duration = Duration::MAX;

/// The settings of one call that differ from its client's. A builder has the same setters for its own call, and a
/// client's `with_options` takes them for many.
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_core::CallOptions;
///
/// let options = CallOptions::new().call_timeout(Duration::from_secs(5)).header("traceparent", "00-1-2-01");
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct CallOptions {
    timeout: Option<Duration>,
    headers: Vec<(String, HeaderText)>,
    retries: Option<u32>,
    /// Whether the answer is read as it comes, for as long as it comes.
    streams: bool,
}

/// The text of a header, which `Debug` does not show: it may be a credential.
#[derive(Clone)]
struct HeaderText(String);

impl std::fmt::Debug for HeaderText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl CallOptions {
    /// No option: a call is made as its client makes all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long each attempt of the call may take, in place of the client's `call_timeout`.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Adds a header. The call fails before anything is sent if the text cannot be one, or if the client or
    /// HTTP itself sets a header of that name: for a signed call that is also `Authorization` and the date.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), HeaderText(value.into())));
        self
    }

    /// Sets how often the call is retried after a failure, in place of the client's
    /// [`Retries::count`](crate::Retries::count); zero makes a throttled call an error, too. What may have
    /// started a command is never retried.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
        self
    }

    /// These options for an answer that is read as it comes: the time of an attempt bounds the wait for its
    /// beginning, and its reader bounds the rest.
    #[doc(hidden)]
    pub fn streaming(mut self) -> Self {
        self.streams = true;
        self
    }

    /// True if the answer is read as it comes.
    #[doc(hidden)]
    pub fn is_streaming(&self) -> bool {
        self.streams
    }

    /// How long each attempt may take, if the call says so.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// How often a failure is retried, if the call says so.
    #[doc(hidden)]
    pub fn max_retries(&self) -> Option<u32> {
        self.retries
    }

    /// These options, and those of `others` that are not set here.
    pub(crate) fn or(&self, others: &Self) -> Self {
        let is_own = |name: &str| self.headers.iter().any(|own| own.0.eq_ignore_ascii_case(name));
        let more = others.headers.iter().filter(|(name, _)| !is_own(name));
        let headers = more.chain(&self.headers).cloned().collect();
        Self {
            timeout: self.timeout.or(others.timeout),
            headers,
            retries: self.retries.or(others.retries),
            streams: self.streams || others.streams,
        }
    }

    /// Applies them to a request that has all its own headers.
    ///
    /// # Errors
    /// [`CallError::InvalidRequest`], if a header cannot be added.
    pub(crate) fn apply(&self, request: &mut Request) -> Result<(), CallError> {
        if self.streams {
            *request.timeout_mut() = Some(ENDLESS);
        } else if let Some(timeout) = self.timeout {
            *request.timeout_mut() = Some(timeout);
        }
        let mut added: Vec<HeaderName> = Vec::new();
        for (name, HeaderText(value)) in &self.headers {
            let refused = |why: &str| {
                Err(CallError::InvalidRequest(format!(
                    "the header `{}` {why}",
                    name.escape_debug()
                )))
            };
            let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
                return refused("has no valid name: use letters, digits and `-`");
            };
            let of_http = [CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE];
            let is_set = request.headers().contains_key(&parsed) && !added.contains(&parsed);
            if is_set || of_http.contains(&parsed) {
                return refused("is set by the client itself: leave it out");
            }
            let Ok(mut value) = HeaderValue::from_str(value) else {
                return refused("has a value that is not printable: leave out line breaks");
            };
            value.set_sensitive(true);
            request.headers_mut().append(parsed.clone(), value);
            added.push(parsed);
        }
        Ok(())
    }
}

/// Writes the setters of the [`CallOptions`] that a builder has in its field `options`.
#[macro_export]
macro_rules! call_options {
    () => {
        /// Sets how long each attempt of this call may take, in place of the client's `call_timeout`.
        #[inline]
        pub fn call_timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.options = self.options.call_timeout(timeout);
            self
        }

        /// Adds a header to this call. The call fails before anything is sent if the text cannot be one, or
        /// if the client sets a header of that name.
        pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
            self.options = self.options.header(name, value);
            self
        }

        /// Sets how often this call is retried after a failure, in place of the client's retries; zero makes
        /// a throttled call an error, too. What may have started a command is never retried.
        #[inline]
        pub fn retries(mut self, retries: u32) -> Self {
            self.options = self.options.retries(retries);
            self
        }
    };
}
