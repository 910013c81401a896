//! The headers that continue a trace at the service.

use std::{fmt, sync::Arc};

use reqwest::{
    Request,
    header::{
        CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
        UPGRADE,
    },
};
use tracing::debug;

/// The function that yields the headers of a trace, such as `traceparent`, for the current call.
///
/// ```
/// use guestexec_core::TraceHeaders;
///
/// let headers = TraceHeaders::new(|| {
///     [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
/// });
/// ```
#[derive(Clone)]
pub struct TraceHeaders(Arc<Yield>);

type Yield = dyn Fn() -> Vec<(String, String)> + Send + Sync;

impl TraceHeaders {
    /// Takes a function that returns names and values. It is called in the span of the call.
    pub fn new<I, N, V>(headers: impl Fn() -> I + Send + Sync + 'static) -> Self
    where
        I: IntoIterator<Item = (N, V)>,
        N: Into<String>,
        V: Into<String>,
    {
        let owned = |(name, value): (N, V)| (name.into(), value.into());
        Self(Arc::new(move || headers().into_iter().map(owned).collect()))
    }

    /// Adds the headers to a request that has all its own. None of them is signed, since what is signed has
    /// been signed by then. A call does not fail because of its trace: what cannot be a header, or is there
    /// already, is left out.
    pub(crate) fn add_to(&self, request: &mut Request) {
        let mut added = HeaderMap::new();
        for (name, value) in (self.0)() {
            let of_http = [CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE];
            let known = HeaderName::from_bytes(name.as_bytes()).ok();
            let known = known
                .filter(|name| !of_http.contains(name) && !request.headers().contains_key(name));
            match known.zip(HeaderValue::from_str(&value).ok()) {
                Some((name, mut value)) => {
                    value.set_sensitive(true);
                    added.append(name, value);
                }
                None => debug!(header = name.escape_debug().to_string(), "trace header left out"),
            }
        }
        request.headers_mut().extend(added);
    }
}

/// Without what the function holds.
impl fmt::Debug for TraceHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TraceHeaders")
    }
}
