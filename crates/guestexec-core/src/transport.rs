//! The exchange of a request for an answer.

use std::{
    error::Error,
    fmt::Debug,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::body::{Bytes, Frame, SizeHint};
use reqwest::{Body, Request, Response, StatusCode};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use crate::{Endpoint, HttpOptions, Operation, http::offline_client, http_client};

/// The future of one exchange.
pub type ResponseFuture<'a> = Pin<Box<dyn Future<Output = reqwest::Result<Response>> + Send + 'a>>;

/// Sends a finished, signed request and returns the answer.
///
/// A [`reqwest::Client`] does so over the network; the testkit's tape records the request and
/// plays a canned answer. A transport sees credentials in clear text.
pub trait Transport: Debug + Send + Sync {
    /// Sends `request`, which calls `operation`, once. Dropping the future ends the exchange.
    ///
    /// An error that [`is_connect`](reqwest::Error::is_connect) means that nothing was sent, so that even a
    /// call that starts a command is retried. A transport that makes several attempts must not return one
    /// after an attempt that may have arrived.
    fn execute(&self, operation: &'static Operation, request: Request) -> ResponseFuture<'_>;
}

impl Transport for reqwest::Client {
    fn execute(&self, _: &'static Operation, request: Request) -> ResponseFuture<'_> {
        Box::pin(reqwest::Client::execute(self, request))
    }
}

/// Builds the client that makes the requests to `endpoints`, and the transport that carries them: that
/// same client, see [`http_client`], or the one `given`, held to the timeout of `options`.
///
/// # Errors
/// As [`http_client`]; a given transport needs no TLS.
pub(crate) fn build_transport(
    options: &HttpOptions,
    endpoints: &[&Endpoint],
    given: Option<Arc<dyn Transport>>,
) -> Result<(reqwest::Client, Arc<dyn Transport>), String> {
    Ok(match given {
        None => {
            let client = http_client(options, endpoints)?;
            (client.clone(), Arc::new(client))
        }
        Some(transport) => {
            let timeout = options.timeout;
            (offline_client(options)?, Arc::new(Bounded { transport, timeout }))
        }
    })
}

/// Another transport, with the deadline of the request or else of the client.
#[derive(Debug)]
struct Bounded {
    transport: Arc<dyn Transport>,
    timeout: Duration,
}

impl Transport for Bounded {
    fn execute(&self, operation: &'static Operation, request: Request) -> ResponseFuture<'_> {
        let length = request.timeout().copied().unwrap_or(self.timeout);
        Box::pin(async move {
            // A deadline beyond the clock's range is none.
            let Some(deadline) = Instant::now().checked_add(length) else {
                return self.transport.execute(operation, request).await;
            };
            let late = Box::pin(sleep_until(deadline));
            match timeout_at(deadline, self.transport.execute(operation, request)).await {
                // An upgraded connection has no body and no deadline.
                Ok(Ok(response)) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                    Ok(response)
                }
                Ok(Ok(response)) => {
                    let (parts, body) = http::Response::<Body>::from(response).into_parts();
                    let body = Body::wrap(Timed { body: Some(body), late });
                    Ok(http::Response::from_parts(parts, body).into())
                }
                Ok(Err(error)) => Err(error),
                Err(_) => Err(timed_out(late).await),
            }
        })
    }
}

/// Makes reqwest's error of a timeout, which only a failing body can make it return.
async fn timed_out(late: Pin<Box<Sleep>>) -> reqwest::Error {
    let body = Body::wrap(Timed { body: None, late });
    let mut response = Response::from(http::Response::new(body));
    loop {
        if let Err(error) = response.chunk().await {
            return error;
        }
    }
}

/// A body that fails when it is late; without a body, one that does nothing else.
struct Timed {
    body: Option<Body>,
    late: Pin<Box<Sleep>>,
}

impl hyper::body::Body for Timed {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        // Data that has arrived is returned even if late: the caller may have polled late.
        let body = self.body.as_mut();
        match body.map_or(Poll::Pending, |body| Pin::new(body).poll_frame(context)) {
            Poll::Ready(frame) => Poll::Ready(frame.map(|frame| frame.map_err(Into::into))),
            Poll::Pending => self
                .late
                .as_mut()
                .poll(context)
                .map(|()| Some(Err(io::Error::from(io::ErrorKind::TimedOut).into()))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::new, Body::size_hint)
    }
}
