//! The part that the hooks of all clients share.

use std::{sync::Arc, time::Duration};

use reqwest::header::{HeaderValue, USER_AGENT};
use tokio::time::{Instant, timeout};

use crate::{
    Attempts, CallError, CallOptions, Clock, Counts, Operation, Request, Response, TraceHeaders,
    Transport, TransportError, retry::Retrying,
};

/// The operation of a client that is not calling anything.
pub(crate) const IDLE: Operation = Operation::undocumented("", "", "");

/// The content of a client besides its address: what its clones share, and the state of one call.
///
/// Generated code makes a client for each call by [`with_call`](Self::with_call), so the hooks find the
/// call's state in the client they are given.
#[derive(Clone, Debug)]
pub struct Inner<S, C> {
    /// The transport of the requests.
    pub transport: Arc<dyn Transport>,
    /// The source of the time.
    pub clock: Arc<dyn Clock>,
    /// Whether requests are checked before they are sent.
    pub checks: bool,
    /// The provider's own part that the clones of a client share.
    pub shared: S,
    /// The operation that is being called; meaningless between calls.
    pub operation: &'static Operation,
    /// The state of one call.
    pub call: C,
    /// The options of one call.
    pub options: CallOptions,
    /// The `User-Agent` of a program that has named itself; else the transport has its own.
    pub(crate) user_agent: Option<HeaderValue>,
    /// The function that yields the headers of a trace, if the program has set one.
    pub(crate) trace_headers: Option<TraceHeaders>,
    pub(crate) retrying: Arc<Retrying>,
    /// How long an attempt may take, if its call does not say so.
    pub(crate) call_timeout: Duration,
}

impl<S: Clone, C: Clone> Inner<S, C> {
    /// The same for one call of `operation`, whose own `options` come before those held.
    #[must_use]
    pub fn with_call(&self, operation: &'static Operation, call: C, options: &CallOptions) -> Self {
        Self { operation, call, options: options.or(&self.options), ..self.clone() }
    }

    /// The same for calls with these options, which come before those held.
    #[must_use]
    pub fn with_options(&self, options: CallOptions) -> Self {
        Self { options: options.or(&self.options), ..self.clone() }
    }

    /// Applies the call's options to a request that is finished but for them.
    ///
    /// # Errors
    /// [`CallError::InvalidRequest`], if an option cannot be applied.
    pub fn prepare(&self, request: &mut reqwest::Request) -> Result<(), CallError> {
        self.options.apply(request)?;
        if let Some(agent) = &self.user_agent {
            request.headers_mut().entry(USER_AGENT).or_insert_with(|| agent.clone());
        }
        self.trace_headers.iter().for_each(|headers| headers.add_to(request));
        Ok(())
    }

    /// Begins the attempts of a call. No pause goes beyond `deadline`, at which the caller gives up.
    pub fn attempts(&self, deadline: Option<Instant>) -> Attempts<'_> {
        Attempts::new(&self.retrying, self.operation, self.options.max_retries(), deadline)
    }

    /// The one attempt of a call that its caller repeats.
    pub fn single_attempt(&self) -> Attempts<'_> {
        Attempts::new(&self.retrying, self.operation, Some(0), None)
    }

    /// How many requests were sent, throttled and retried so far, by the client and its clones.
    pub fn counts(&self) -> Counts {
        self.retrying.counts()
    }

    /// Gives a finished request to the transport.
    ///
    /// # Errors
    /// The transport's.
    pub async fn send(
        &self,
        request: reqwest::Request,
    ) -> Result<reqwest::Response, TransportError> {
        let request = Request::from_reqwest(request);
        let answer = self.transport.execute(self.operation, request);
        let answer = match self.options.is_streaming() {
            // The request itself has no deadline, since its answer may be endless.
            true => {
                let limit = self.options.timeout().unwrap_or(self.call_timeout);
                timeout(limit, answer).await.map_err(|_| TransportError::timed_out())?
            }
            false => answer.await,
        };
        answer.map(Response::into_reqwest)
    }
}

/// Makes `text` a header's value.
///
/// # Errors
/// A sentence, if a header cannot hold it.
pub fn header_value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text).map_err(|_| "a header value is not printable".to_owned())
}

/// Makes `text` a header's value that no `Debug` shows.
///
/// # Errors
/// As [`header_value`].
pub fn secret_header(text: &str) -> Result<HeaderValue, String> {
    let mut value = header_value(text)?;
    value.set_sensitive(true);
    Ok(value)
}
