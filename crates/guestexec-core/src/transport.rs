//! The way a finished request takes to a server.

use std::{fmt::Debug, future::Future, pin::Pin, sync::Arc};

use crate::{Endpoint, HttpOptions, http};

/// The future of one exchange.
pub type ResponseFuture<'a> =
    Pin<Box<dyn Future<Output = reqwest::Result<reqwest::Response>> + Send + 'a>>;

/// Carries a finished, signed request and brings its answer.
///
/// A [`reqwest::Client`] does so over the network; the testkit's tape records the request and
/// plays a canned answer. Whatever stands here sees credentials in clear.
pub trait Transport: Debug + Send + Sync {
    /// Carries `request`. Dropping the future ends the exchange.
    fn execute(&self, request: reqwest::Request) -> ResponseFuture<'_>;
}

impl Transport for reqwest::Client {
    fn execute(&self, request: reqwest::Request) -> ResponseFuture<'_> {
        Box::pin(reqwest::Client::execute(self, request))
    }
}

/// The client that makes a provider's requests to `endpoint`, and the transport that carries them:
/// the one `given`, or that same client. What is meant for this machine goes through no proxy.
///
/// # Errors
/// A sentence, if TLS could not be set up on this machine.
pub fn carrier(
    options: &HttpOptions,
    endpoint: &Endpoint,
    given: Option<Arc<dyn Transport>>,
) -> Result<(reqwest::Client, Arc<dyn Transport>), String> {
    let mut options = options.clone();
    options.proxy &= !endpoint.is_loopback();
    Ok(match given {
        Some(transport) => (http::offline_client(&options)?, transport),
        None => {
            let client = http::http_client(&options)?;
            (client.clone(), Arc::new(client))
        }
    })
}
