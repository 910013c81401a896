//! What the server asks of each service, and the parts of which services make their answers.

use std::{convert::Infallible, sync::Arc};

use guestexec_core::Operation;
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
};

use crate::provider::Provider;

/// A service's response.
pub(crate) type Answer = Response<Content>;

/// The body of an answer; only that of a watch is not complete from the start.
pub(crate) type Content = UnsyncBoxBody<Bytes, Infallible>;

/// One of the services.
pub(crate) trait Service: Send + Sync + 'static {
    /// Which one.
    const PROVIDER: Provider;

    /// The operation that the request calls, if there is one.
    fn operation(&self, request: &Request<Incoming>) -> Option<&'static Operation>;

    /// The answer to a caller that exceeds the rate limit.
    fn throttled(&self) -> Answer;

    /// Ends the session or token in the request, so that the service refuses it.
    ///
    /// Returns the error answer where the credential has no end, as with a permanent key.
    fn expire(&self, request: &Request<Incoming>) -> Option<Answer>;

    /// Answers one request.
    fn answer(self: Arc<Self>, request: Request<Incoming>) -> impl Future<Output = Answer> + Send;
}

/// An answer with a body of this type.
pub(crate) fn answer(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Answer {
    let mut answer = Response::new(Full::new(body.into()).boxed_unsync());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, body: &serde_json::Value) -> Answer {
    answer(status, "application/json", body.to_string())
}

/// An answer in plain text.
pub(crate) fn text(status: StatusCode, body: impl Into<String>) -> Answer {
    answer(status, "text/plain;charset=utf-8", body.into())
}
