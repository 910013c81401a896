//! The one seam: every request is signed and carried here, every answer first seen here.

use std::{
    fmt,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use guestexec_core::{
    Clock, MAX_ANSWER, Operation, Transport, buffered, prepare, refused, unix_seconds,
};
use progenitor_client::{
    ClientHooks, ClientInfo, Error as CallError, OperationInfo, ResponseValue,
};
use reqwest::{
    Request, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue},
};
use serde::{Deserialize, de::IgnoredAny};

use crate::{
    Client, Credentials, Error, error,
    sign::{self, Canonical, Scope, SigningKey},
};

/// The service's name inside a signature.
const SERVICE: &str = "tat";

/// What a client holds besides its address.
#[derive(Clone)]
pub struct Inner {
    credentials: Credentials,
    region: HeaderValue,
    language: HeaderValue,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    checks: bool,
    key: Arc<Mutex<Option<DayKey>>>,
}

/// The key derived last: one derivation serves a whole day and all clones of the client.
struct DayKey {
    date: String,
    key: Arc<SigningKey>,
}

impl Inner {
    pub(crate) fn new(
        credentials: Credentials,
        region: HeaderValue,
        language: HeaderValue,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        checks: bool,
    ) -> Self {
        let key = Arc::default();
        Self { credentials, region, language, transport, clock, checks, key }
    }

    /// Whether requests are checked against the spec's limits.
    pub(crate) fn checks(&self) -> bool {
        self.checks
    }

    fn signing_key(&self, date: &str) -> Arc<SigningKey> {
        let mut cached = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        match &*cached {
            Some(last) if last.date == date => last.key.clone(),
            _ => {
                let scope = Scope { date, service: SERVICE };
                let key =
                    Arc::new(SigningKey::derive(self.credentials.secret_key().expose(), scope));
                *cached = Some(DayKey { date: date.to_owned(), key: key.clone() });
                key
            }
        }
    }

    /// Adds the common headers and the signature.
    fn sign(&self, request: &mut Request) -> Result<(), String> {
        // The action travels as the URL's fragment from the spec's path to here, and no further.
        let action = request.url().fragment().unwrap_or_default().to_owned();
        request.url_mut().set_fragment(None);
        let host = match (request.url().host_str(), request.url().port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => return Err("the endpoint has no host".to_owned()),
        };
        let timestamp = unix_seconds(self.clock.now());
        let date = sign::utc_date(timestamp).map_err(|e| e.to_string())?;
        let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default();
        let payload_hash = sign::payload_hash(body);
        let content_type = "application/json";
        let signed_headers =
            [("content-type", content_type), ("host", &*host), ("x-tc-action", &*action)];
        let canonical = sign::canonical_request(&Canonical {
            method: request.method().as_str(),
            path: "/",
            query: "",
            signed_headers: &signed_headers,
            payload_hash: &payload_hash,
        });
        let scope = Scope { date: &date, service: SERVICE };
        let signature = sign::signature(
            &self.signing_key(&date),
            &sign::string_to_sign(timestamp, scope, &canonical),
        );
        let authorization = sign::authorization(
            self.credentials.secret_id(),
            scope,
            &sign::signed_header_names(&signed_headers),
            &signature,
        );

        let value = |text: &str| {
            HeaderValue::from_str(text).map_err(|_| "a header value is not printable".to_owned())
        };
        let secret = |text: &str| {
            value(text).map(|mut value| {
                value.set_sensitive(true);
                value
            })
        };
        let headers = request.headers_mut();
        headers.insert(HOST, value(&host)?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert("x-tc-action", value(&action)?);
        headers.insert("x-tc-version", HeaderValue::from_static(Client::api_version()));
        headers.insert("x-tc-timestamp", timestamp.into());
        headers.insert("x-tc-region", self.region.clone());
        headers.insert("x-tc-language", self.language.clone());
        if let Some(token) = self.credentials.token() {
            headers.insert("x-tc-token", secret(token.expose())?);
        }
        headers.insert(AUTHORIZATION, secret(&authorization)?);
        Ok(())
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("credentials", &self.credentials)
            .field("region", &self.region)
            .field("checks", &self.checks)
            .finish_non_exhaustive()
    }
}

impl ClientHooks<Inner> for Client {
    async fn pre<E>(&self, request: &mut Request, _: &OperationInfo) -> Result<(), CallError<E>> {
        prepare(request);
        self.inner.sign(request).map_err(CallError::InvalidRequest)
    }

    async fn exec(&self, request: Request, _: &OperationInfo) -> reqwest::Result<Response> {
        let response = self.inner.transport.execute(request).await?;
        if response.status() != StatusCode::OK {
            return Ok(response);
        }
        let answer = buffered(response, MAX_ANSWER).await?;
        // HTTP 200 carries success and refusal alike.
        let answer = if is_refusal(answer.body()) { refused(answer) } else { answer };
        Ok(answer.into())
    }
}

/// True for an envelope with `Response.Error` in it.
fn is_refusal(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Envelope {
        #[serde(rename = "Response")]
        response: Content,
    }
    #[derive(Deserialize)]
    struct Content {
        #[serde(rename = "Error")]
        error: Option<IgnoredAny>,
    }
    serde_json::from_slice::<Envelope>(body).is_ok_and(|envelope| envelope.response.error.is_some())
}

/// Makes a generated exchange, and its failure the provider's error.
pub(crate) async fn call<T>(
    _: &Client,
    operation: Operation,
    exchange: impl Future<Output = Result<ResponseValue<T>, CallError<()>>>,
) -> Result<ResponseValue<T>, Error> {
    guestexec_core::exchange("tat", operation, exchange, error::read).await
}
