//! The exchange of a request for an answer.

pub(crate) mod error;
mod message;

use std::{
    error::Error,
    fmt::Debug,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use hyper::body::{Bytes, Frame, SizeHint};
use reqwest::{Body, StatusCode};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use crate::{
    Endpoint, HttpOptions, Operation,
    http::{HAS_TLS, any_client, http_client, https_client, needs_tls, offline_client},
};

pub use error::TransportError;
pub use message::{Request, Response};

/// The future of one exchange.
pub type ResponseFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Response, TransportError>> + Send + 'a>>;

/// Sends a finished, signed request and returns the answer.
///
/// [`HttpTransport`] does so over the network, and is what a client has by default. A transport of your own
/// can stand in its place, or around it: then it sees each attempt of a call, repetitions included. It sees
/// credentials in clear text.
///
/// ```
/// use guestexec_core::{
///     HttpOptions, HttpTransport, Operation, Request, ResponseFuture, Transport,
/// };
///
/// /// Prints the status of each attempt.
/// #[derive(Debug)]
/// struct Printed(HttpTransport);
///
/// impl Transport for Printed {
///     fn execute(&self, operation: &'static Operation, request: Request) -> ResponseFuture<'_> {
///         Box::pin(async move {
///             let response = self.0.execute(operation, request).await?;
///             eprintln!("{}: {}", operation.id, response.status());
///             Ok(response)
///         })
///     }
/// }
///
/// # fn main() -> Result<(), guestexec_core::TransportError> {
/// let transport = Printed(HttpTransport::new(&HttpOptions::default())?);
/// // client.transport(transport)
/// # Ok(())
/// # }
/// ```
pub trait Transport: Debug + Send + Sync {
    /// Sends `request`, which calls `operation`, once. Dropping the future ends the exchange.
    ///
    /// # Errors
    /// [`TransportError::not_sent`] says that nothing was sent, so that even a call that starts a command is
    /// retried. A transport that makes several attempts must not return it after an attempt that may have
    /// arrived.
    fn execute(&self, operation: &'static Operation, request: Request) -> ResponseFuture<'_>;
}

impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn execute(&self, operation: &'static Operation, request: Request) -> ResponseFuture<'_> {
        (**self).execute(operation, request)
    }
}

/// The transport over the network: HTTP/1.1, TLS verified, redirects not followed.
///
/// Clones share their connections.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    http: reqwest::Client,
    /// For `https`, if `http` was made without TLS.
    https: Option<Arc<Https>>,
}

/// A client with TLS that is set up when it is first needed. Few need it, and it reads this machine's certificates.
#[derive(Debug)]
struct Https {
    options: HttpOptions,
    client: OnceLock<Result<reqwest::Client, String>>,
}

impl HttpTransport {
    /// Sets up an HTTP client by `options`. It reads the certificates of this machine.
    ///
    /// Requests to an endpoint on this machine (`localhost`, `127.0.0.0/8`, `::1`) are sent directly, whatever
    /// proxy the options or the environment name.
    ///
    /// # Errors
    /// [`TransportError`] with a sentence, if an option cannot be used or TLS could not be set up.
    pub fn new(options: &HttpOptions) -> Result<Self, TransportError> {
        let http = any_client(options).map_err(TransportError::setup)?;
        Ok(Self::of(http, options, HAS_TLS))
    }

    /// The same for these endpoints: if none of them needs TLS, it is set up at the first request for an `https`
    /// address, such as that of an object a service points to.
    ///
    /// # Errors
    /// As [`new`](Self::new), and if an endpoint needs TLS and the program was built without it.
    pub fn for_endpoints(
        options: &HttpOptions,
        endpoints: &[&Endpoint],
    ) -> Result<Self, TransportError> {
        let http = http_client(options, endpoints).map_err(TransportError::setup)?;
        Ok(Self::of(http, options, needs_tls(endpoints)))
    }

    fn of(http: reqwest::Client, options: &HttpOptions, has_tls: bool) -> Self {
        let later = || Https { options: options.clone(), client: OnceLock::new() };
        Self { http, https: (!has_tls).then(|| Arc::new(later())) }
    }

    /// The client for requests of this scheme.
    fn client(&self, scheme: &str) -> Result<&reqwest::Client, TransportError> {
        let Some(https) = self.https.as_ref().filter(|_| scheme == "https") else {
            return Ok(&self.http);
        };
        let client = https.client.get_or_init(|| https_client(&https.options));
        client.as_ref().map_err(|problem| TransportError::setup(problem.clone()))
    }
}

impl Transport for HttpTransport {
    fn execute(&self, _: &'static Operation, request: Request) -> ResponseFuture<'_> {
        Box::pin(async move {
            let request = request.into_reqwest();
            let response = self.client(request.url().scheme())?.execute(request).await;
            response.map(Response::from_reqwest).map_err(TransportError::from_reqwest)
        })
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
            let http = http_client(options, endpoints)?;
            (http.clone(), Arc::new(HttpTransport::of(http, options, needs_tls(endpoints))))
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
        let length = request.timeout().unwrap_or(self.timeout);
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
                    let response = response.into_reqwest();
                    let (parts, body) = http::Response::<Body>::from(response).into_parts();
                    let body = Body::wrap(Timed { body, late });
                    Ok(Response::from_reqwest(http::Response::from_parts(parts, body).into()))
                }
                Ok(Err(error)) => Err(error),
                Err(_) => Err(TransportError::timed_out()),
            }
        })
    }
}

/// A body that fails when it is late.
struct Timed {
    body: Body,
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
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => Poll::Ready(frame.map(|frame| frame.map_err(Into::into))),
            Poll::Pending => self
                .late
                .as_mut()
                .poll(context)
                .map(|()| Some(Err(io::Error::from(io::ErrorKind::TimedOut).into()))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
