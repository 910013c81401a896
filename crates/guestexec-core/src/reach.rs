//! Requests to services that issue credentials.

use std::{sync::Arc, time::Duration};

use reqwest::{Method, Url, header::CONTENT_TYPE};
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    Endpoint, Error, HttpOptions, HttpTransport, MAX_ERROR_BODY, Marks, Operation, Proxy, Request,
    Response, Transport, absent, buffered, ensure_runtime, unusable,
};

/// The time in which a connection has to be made. Such services are near, or not there at all.
const CONNECT: Duration = Duration::from_secs(2);
/// The time in which an answer has to be complete.
const COMPLETE: Duration = Duration::from_secs(5);

/// How the requests of a source of credentials are carried: by the client's own transport, if it was
/// given one, or else over the network by its HTTP options, with short timeouts.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// The client's transport, if it was given one.
    pub transport: Option<Arc<dyn Transport>>,
    /// The client's HTTP options.
    pub http: HttpOptions,
}

/// A service that issues credentials.
#[derive(Clone, Copy, Debug)]
pub struct Issuer {
    /// Its name in messages.
    pub name: &'static str,
    /// True if it is on this machine or beside it, so that no proxy leads there.
    pub is_near: bool,
}

impl Reach {
    /// Sends a small request to `endpoint`, which is `whom`, and returns its answer, whatever the status.
    ///
    /// # Errors
    /// An error of [`ErrorKind::Credentials`](crate::ErrorKind): [`absent`] if no connection could be made.
    pub async fn ask<D>(
        &self,
        whom: Issuer,
        operation: &'static Operation,
        endpoint: &Endpoint,
        request: reqwest::Request,
    ) -> Result<http::Response<Vec<u8>>, Error<D>> {
        ensure_runtime()?;
        self.answer(whom, operation, endpoint, request).await.map_err(|failure| match failure {
            Failure::NotThere => absent(format!("{} cannot be reached", whom.name)),
            Failure::Other(text) => unusable(text),
        })
    }

    async fn answer(
        &self,
        whom: Issuer,
        operation: &'static Operation,
        endpoint: &Endpoint,
        mut request: reqwest::Request,
    ) -> Result<http::Response<Vec<u8>>, Failure> {
        let transport = match &self.transport {
            Some(transport) => transport.clone(),
            None => {
                let quick = self.http.clone().connect_timeout(CONNECT).timeout(COMPLETE);
                let options = if whom.is_near { quick.proxy(Proxy::Direct) } else { quick };
                let transport = HttpTransport::for_endpoints(&options, &[endpoint]);
                Arc::new(transport.map_err(|error| Failure::Other(error.to_string()))?)
            }
        };
        let silent = || Failure::Other(format!("{} did not answer", whom.name));
        Marks { operation, times: &[], nonces: &[], made: &[] }.put(&mut request);
        let exchange = async {
            let response = transport.execute(operation, Request::from_reqwest(request)).await;
            let response = response.map_err(|error| match error.is_not_sent() {
                true => Failure::NotThere,
                false => silent(),
            })?;
            buffered(Response::into_reqwest(response), MAX_ERROR_BODY).await.map_err(|_| silent())
        };
        timeout(COMPLETE, exchange).await.unwrap_or_else(|_| Err(silent()))
    }
}

enum Failure {
    NotThere,
    Other(String),
}

impl Issuer {
    /// A request to `path` below `endpoint`.
    pub fn request(method: Method, endpoint: &Endpoint, path: &str) -> reqwest::Request {
        let mut url: Url = endpoint.url().clone();
        url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
        reqwest::Request::new(method, url)
    }

    /// A POST request to `path` below `endpoint`, with a body of JSON.
    pub fn post(endpoint: &Endpoint, path: &str, body: &Value) -> reqwest::Request {
        let mut request = Self::request(Method::POST, endpoint, path);
        let json = crate::HeaderValue::from_static("application/json; charset=utf-8");
        request.headers_mut().insert(CONTENT_TYPE, json);
        *request.body_mut() = Some(body.to_string().into());
        request
    }

    /// Parses an answer of success. The error does not quote it, because it may hold keys.
    ///
    /// # Errors
    /// If its status is another one, or it is not JSON.
    pub fn read<D>(self, answer: &http::Response<Vec<u8>>) -> Result<Value, Error<D>> {
        let status = answer.status();
        if !status.is_success() {
            return Err(unusable(format!("{} answers {status}", self.name)));
        }
        serde_json::from_slice(answer.body()).map_err(|_| {
            unusable(format!("the answer of {} does not have the documented form", self.name))
        })
    }
}
