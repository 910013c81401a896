//! What the hooks of all clients have in common.

use std::sync::Arc;

use reqwest::header::HeaderValue;

use crate::{Clock, Operation, Transport};

/// The operation of a client that is not calling anything.
pub(crate) const IDLE: Operation = Operation::undocumented("", "", "");

/// What a client holds besides its address: what its clones share, and the state of one call.
///
/// Generated code makes a client for each call by [`with_call`](Self::with_call), so the hooks find the
/// call's state in the client they are given.
#[derive(Clone, Debug)]
pub struct Inner<S, C> {
    /// What carries the requests.
    pub transport: Arc<dyn Transport>,
    /// The source of the time.
    pub clock: Arc<dyn Clock>,
    /// Whether requests are checked before they are sent.
    pub checks: bool,
    /// What else the clones of the provider's client share.
    pub shared: S,
    /// The operation that is being called; meaningless between calls.
    pub operation: &'static Operation,
    /// The state of one call.
    pub call: C,
}

impl<S: Clone, C: Clone> Inner<S, C> {
    /// The same for one call of `operation`.
    #[must_use]
    pub fn with_call(&self, operation: &'static Operation, call: C) -> Self {
        Self { operation, call, ..self.clone() }
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
