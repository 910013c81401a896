//! The way a finished request takes to a server.

use std::{fmt::Debug, future::Future, pin::Pin, sync::Arc};

use crate::{Endpoint, HttpOptions, Proxy, http};

/// The future of one exchange.
pub type ResponseFuture<'a> =
    Pin<Box<dyn Future<Output = reqwest::Result<reqwest::Response>> + Send + 'a>>;

/// Carries a finished, signed request and brings its answer.
///
/// A [`reqwest::Client`] does so over the network; the testkit's tape records the request and
/// plays a canned answer. Whatever stands here sees credentials in clear.
pub trait Transport: Debug + Send + Sync {
    /// Carries `request`, once. Dropping the future ends the exchange.
    ///
    /// An error that [`is_connect`](reqwest::Error::is_connect) says that nothing was sent, so a
    /// call that starts a command may be made again: a transport that tries more than once must not
    /// report it after an attempt that may have arrived.
    fn execute(&self, request: reqwest::Request) -> ResponseFuture<'_>;
}

impl Transport for reqwest::Client {
    fn execute(&self, request: reqwest::Request) -> ResponseFuture<'_> {
        Box::pin(reqwest::Client::execute(self, request))
    }
}

/// The client that makes a provider's requests to `endpoints`, and the transport that carries them:
/// the one `given`, or that same client.
///
/// What is meant for this machine alone goes through no proxy; and where no endpoint is HTTPS, this
/// machine needs no certificates.
///
/// # Errors
/// A sentence, if an option cannot be used or TLS could not be set up on this machine.
pub fn carrier(
    options: &HttpOptions,
    endpoints: &[&Endpoint],
    given: Option<Arc<dyn Transport>>,
) -> Result<(reqwest::Client, Arc<dyn Transport>), String> {
    let mut options = options.clone();
    if endpoints.iter().all(|endpoint| endpoint.is_loopback()) {
        options.proxy = Proxy::Direct;
    }
    let needs_tls = endpoints.iter().any(|endpoint| endpoint.url().scheme() == "https");
    let client = match needs_tls && given.is_none() {
        true => http::http_client(&options)?,
        false => http::offline_client(&options)?,
    };
    let transport = given.unwrap_or_else(|| Arc::new(client.clone()));
    Ok((client, transport))
}
