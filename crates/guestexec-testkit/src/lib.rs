#![doc = include_str!("../README.md")]

#[cfg(feature = "internal")]
#[doc(hidden)]
pub mod peer;
#[cfg(feature = "internal")]
#[doc(hidden)]
pub mod vectors;

use std::{
    collections::VecDeque,
    fmt,
    future::ready,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::stream;
use guestexec_core::{ResponseFuture, Transport};
use reqwest::{Body, Request, Response, header::CONTENT_TYPE};

pub use guestexec_core::{Operation, RequestShape};
pub use reqwest::StatusCode;
pub use serde_json::Value;

/// A transport that records requests and answers them with canned replies. Nothing is sent.
///
/// Clones share one recording: one goes to a client's builder, the other answers the test's questions.
#[derive(Clone, Debug, Default)]
pub struct Tape(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    requests: Vec<RequestShape>,
    /// The operation that a reply is for, if it is for one alone.
    replies: VecDeque<(Option<&'static Operation>, Reply)>,
}

impl Tape {
    /// An empty tape. A request that has no reply is recorded and answered with status 501.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a reply. Each reply answers one request, in the order in which they were added.
    #[must_use]
    pub fn reply(self, reply: impl Into<Reply>) -> Self {
        self.state().replies.push_back((None, reply.into()));
        self
    }

    /// Adds a reply to a request of this operation, from a provider's table `operations`. Such a
    /// reply takes precedence over those for any request.
    #[must_use]
    pub fn reply_to(self, operation: &'static Operation, reply: impl Into<Reply>) -> Self {
        self.state().replies.push_back((Some(operation), reply.into()));
        self
    }

    /// The requests recorded so far, in order.
    pub fn requests(&self) -> Vec<RequestShape> {
        self.state().requests.clone()
    }

    /// The number of replies that are left; 0 once everything that was expected has been sent.
    pub fn unplayed(&self) -> usize {
        self.state().replies.len()
    }

    /// The last request recorded.
    pub fn last_request(&self) -> Option<RequestShape> {
        self.state().requests.last().cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Tape {
    fn execute(&self, operation: &'static Operation, request: Request) -> ResponseFuture<'_> {
        let mut state = self.state();
        state.requests.push(RequestShape::of(&request));
        let to = |wanted| state.replies.iter().position(|(operation, _)| *operation == wanted);
        let reply = to(Some(operation)).or_else(|| to(None));
        let reply = reply.and_then(|at| state.replies.remove(at)).map(|(_, reply)| reply);
        let reply = reply.unwrap_or_else(|| {
            Reply::text(StatusCode::NOT_IMPLEMENTED, "the tape has no reply to this request")
        });
        Box::pin(ready(Ok(reply.into_response())))
    }
}

/// A canned reply. A JSON value converts into one with status 200.
#[derive(Clone)]
pub struct Reply {
    status: StatusCode,
    content_type: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    lost: bool,
}

impl Reply {
    /// A reply of JSON.
    pub fn json(status: StatusCode, body: &Value) -> Self {
        Self::bytes(status, "application/json", body.to_string())
    }

    /// A reply of plain text.
    pub fn text(status: StatusCode, body: impl Into<String>) -> Self {
        Self::bytes(status, "text/plain", body.into())
    }

    /// A reply of any bytes, such as a gateway's page.
    pub fn bytes(status: StatusCode, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type, headers: Vec::new(), body: body.into(), lost: false }
    }

    /// Adds a header.
    ///
    /// # Panics
    /// When played, if name or value cannot stand in a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// A reply that is lost: the connection ends after the headers. The server may have done what it
    /// was asked to, and a client that starts a command has to say so.
    pub fn lost() -> Self {
        Self::json(StatusCode::OK, &Value::Null).lost_after(0)
    }

    /// Ends the connection after the first `bytes` bytes of the body.
    #[must_use]
    pub fn lost_after(mut self, bytes: usize) -> Self {
        self.body.truncate(bytes);
        self.lost = true;
        self
    }

    fn into_response(self) -> Response {
        let mut response =
            http::Response::builder().status(self.status).header(CONTENT_TYPE, self.content_type);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        let body = match self.lost {
            false => Body::from(self.body),
            true => Body::wrap_stream(stream::iter([
                Ok(self.body),
                Err(io::Error::from(io::ErrorKind::ConnectionReset)),
            ])),
        };
        response.body(body).expect("a canned reply has valid headers").into()
    }
}

impl From<Value> for Reply {
    fn from(body: Value) -> Self {
        Self::json(StatusCode::OK, &body)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = if self.lost { ", then lost" } else { "" };
        let bytes = self.body.len();
        write!(f, "Reply({}, {bytes} bytes of {}{lost})", self.status, self.content_type)
    }
}
