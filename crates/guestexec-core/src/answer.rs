//! The answer of an operation.

use std::{
    fmt, io,
    ops::{Deref, DerefMut},
    pin::Pin,
    task::{Context, Poll},
};

use hyper::body::Bytes;
use reqwest::{StatusCode, header::HeaderMap};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::TransportError;

/// How the body of an answer is read.
pub type Read<T> = fn(Bytes) -> serde_json::Result<T>;

/// An answer of an operation: its content, status and headers.
///
/// It is used as the content itself: `answer.total_count`. [`into_inner`](Self::into_inner) gives the
/// content away.
///
/// Its `Debug` shows status and content. Headers may hold secrets.
///
/// ```
/// use guestexec_core::{Answer, StatusCode};
///
/// let answer = Answer::new(vec![1, 2], StatusCode::OK, Default::default());
/// assert_eq!(answer.len(), 2);
/// assert_eq!(answer.status(), 200);
/// let content: Vec<i32> = answer.into_inner();
/// ```
#[derive(Clone)]
pub struct Answer<T> {
    content: T,
    status: StatusCode,
    headers: HeaderMap,
    request_id: Option<String>,
}

impl<T> Answer<T> {
    /// An answer of this content, such as one for a test.
    pub fn new(content: T, status: StatusCode, headers: HeaderMap) -> Self {
        Self { content, status, headers, request_id: None }
    }

    /// Adds the vendor's id of the request.
    #[must_use]
    pub fn with_request_id(mut self, id: Option<String>) -> Self {
        self.request_id = id;
        self
    }

    /// The content.
    pub fn into_inner(self) -> T {
        self.content
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers. They may hold secrets, such as a token.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The request's id, by which the vendor's support finds it, if the service gave one.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The same answer with what `change` makes of its content.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Answer<U> {
        let Self { content, status, headers, request_id } = self;
        Answer { content: change(content), status, headers, request_id }
    }
}

impl<T> Deref for Answer<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.content
    }
}

impl<T> DerefMut for Answer<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.content
    }
}

impl<T: fmt::Debug> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status.as_u16())
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

/// The body of an answer as it comes, which may have no end. Dropping it ends the exchange.
#[derive(Debug)]
pub struct Streamed(reqwest::Response);

impl Streamed {
    pub(crate) fn new(response: reqwest::Response) -> Self {
        Self(response)
    }

    /// The next piece of the body; `None` after the last one. It may be awaited again after it was
    /// cancelled: nothing is lost.
    ///
    /// No deadline holds for it: a body may be silent for as long as it likes. Put it within a
    /// `tokio::time::timeout` to bound that.
    ///
    /// # Errors
    /// If the connection ends before the body does.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        self.0.chunk().await.map_err(TransportError::from_reqwest)
    }
}

/// A connection that has left HTTP for another protocol: a stream of bytes both ways.
#[derive(Debug)]
pub struct Upgraded(reqwest::Upgraded);

impl Upgraded {
    pub(crate) fn new(stream: reqwest::Upgraded) -> Self {
        Self(stream)
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
