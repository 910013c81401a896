//! The request that a transport sends, and the response that it returns. They hide the HTTP library beneath them.

use std::{borrow::Cow, fmt, time::Duration};

use hyper::body::Bytes;
use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
};

use crate::{TransportError, http::limit_answer};

/// A request as it is sent, signature included.
///
/// Its `Debug` shows method and host only: headers, path and query may hold secrets.
pub struct Request(reqwest::Request);

impl Request {
    #[doc(hidden)]
    pub fn from_reqwest(request: reqwest::Request) -> Self {
        Self(request)
    }

    #[doc(hidden)]
    pub fn into_reqwest(self) -> reqwest::Request {
        self.0
    }

    #[doc(hidden)]
    pub fn as_reqwest(&self) -> &reqwest::Request {
        &self.0
    }

    /// The method, in capitals: `GET`, `POST`.
    pub fn method(&self) -> &str {
        self.0.method().as_str()
    }

    /// The address with its query. What follows a `#` is this library's own note about the request, and is
    /// not sent.
    pub fn url(&self) -> &str {
        self.0.url().as_str()
    }

    /// The names and values of the query, decoded.
    pub fn query(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.0.url().query_pairs()
    }

    /// The headers. `Host` and `Content-Length` may be missing: HTTP itself adds them.
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The headers, to be changed. A signature covers some of them.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        self.0.headers_mut()
    }

    /// The body; empty if there is none.
    pub fn body(&self) -> &[u8] {
        self.0.body().and_then(|body| body.as_bytes()).unwrap_or_default()
    }

    /// Replaces the body. A signature covers it, so a service refuses one that was changed after signing.
    pub fn set_body(&mut self, body: impl Into<Vec<u8>>) {
        *self.0.body_mut() = Some(body.into().into());
    }

    /// How long the exchange may take, if the call says so. A client holds every transport to it.
    pub fn timeout(&self) -> Option<Duration> {
        self.0.timeout().copied()
    }
}

impl Clone for Request {
    fn clone(&self) -> Self {
        let mut request = reqwest::Request::new(self.0.method().clone(), self.0.url().clone());
        *request.headers_mut() = self.0.headers().clone();
        *request.timeout_mut() = self.0.timeout().copied();
        *request.version_mut() = self.0.version();
        *request.body_mut() =
            self.0.body().map(|body| body.as_bytes().unwrap_or_default().to_vec().into());
        Self(request)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.url().host_str().unwrap_or_default();
        write!(f, "Request({} {host})", self.0.method())
    }
}

/// An answer as it arrives.
///
/// Its `Debug` shows the status only.
pub struct Response(reqwest::Response);

impl Response {
    /// An answer with this status and a body that is whole, such as one that a test plays.
    pub fn new(status: StatusCode, body: impl Into<Vec<u8>>) -> Self {
        let mut response = http::Response::new(body.into());
        *response.status_mut() = status;
        Self(response.into())
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers_mut().append(name, value);
        self
    }

    #[doc(hidden)]
    pub fn from_reqwest(response: reqwest::Response) -> Self {
        Self(response)
    }

    #[doc(hidden)]
    pub fn into_reqwest(self) -> reqwest::Response {
        self.0
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The whole body, up to `limit` bytes.
    ///
    /// # Errors
    /// If the body ends too early or too late, or is longer.
    pub async fn bytes(self, limit: usize) -> Result<Bytes, TransportError> {
        let answer = limit_answer(self.0, limit);
        answer.bytes().await.map_err(TransportError::from_reqwest)
    }

    /// The next piece of the body; `None` after the last one.
    ///
    /// # Errors
    /// If the body ends too early or too late.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        self.0.chunk().await.map_err(TransportError::from_reqwest)
    }
}

/// An answer made elsewhere, such as by a library of the `tower` family.
impl<B> From<http::Response<B>> for Response
where
    B: hyper::body::Body<Data = Bytes> + Send + Sync + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn from(response: http::Response<B>) -> Self {
        Self(response.map(reqwest::Body::wrap).into())
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({})", self.0.status())
    }
}
