//! The one seam: every request is authenticated and carried here, every answer first seen here.

use std::{
    fmt,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use guestexec_core::{
    Clock, Endpoint, ErrorKind, MAX_ANSWER, Marks, Operation, Secrets, Transport, Underway,
    buffered, failure, limit_answer, observed, unix_seconds,
};
use progenitor_client::{ClientHooks, Error as CallError, OperationInfo, ResponseValue};
use reqwest::{
    Request, Response,
    header::{AUTHORIZATION, HOST, HeaderValue},
};
use serde_json::{Map, Value};

use crate::{
    Client, Credentials, Error,
    auth::Method,
    error, operations,
    sign::{self, Canonical},
    token::{self, Token, Tokens},
    upgrade::{ServerSupport, Upgrade, UpgradeError},
};

/// That of a client which is not calling anything.
const IDLE: Operation = Operation::undocumented("", "", "");

/// What a client holds besides its address: what its clones share, and the state of one call.
#[derive(Clone, Debug)]
pub struct Inner {
    shared: Arc<Shared>,
    /// What is being called; of no meaning between calls.
    operation: &'static Operation,
    call: Call,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) credentials: Credentials,
    pub(crate) iam: Option<Endpoint>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) checks: bool,
    pub(crate) tokens: Tokens,
    pub(crate) server_support: ServerSupport,
}

impl Shared {
    /// What no text of a server's may tell again: what the client was given, the token at hand, and
    /// the one that a call `used`, which another call may have replaced since.
    pub(crate) fn secrets(&self, used: Option<&Token>) -> Secrets {
        let mut secrets = Secrets::default();
        self.credentials.secrets().for_each(|secret| secrets.add(secret.expose()));
        let current = self.tokens.current();
        for token in current.as_deref().into_iter().chain(used) {
            if let Ok(token) = token.0.to_str() {
                secrets.add(token);
            }
        }
        secrets
    }
}

/// The state of one call.
#[derive(Clone, Default)]
pub(crate) struct Call {
    /// Whether its request has left.
    underway: Underway,
    /// What its connection is to become, where that is not what the operation stands for.
    upgrade: Option<Upgrade>,
    /// What it got from IAM.
    token: Arc<Mutex<Fetched>>,
}

/// A token or why there is none, where one was asked for.
type Fetched = Option<Result<Arc<Token>, Error>>;

impl Call {
    /// That of a call whose connection is to become this.
    pub(crate) fn upgrading(upgrade: Upgrade, underway: Underway) -> Self {
        Self { underway, upgrade: Some(upgrade), token: Arc::default() }
    }

    fn token(&self) -> MutexGuard<'_, Fetched> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("underway", &self.underway).finish_non_exhaustive()
    }
}

impl Client {
    /// This client for one call of `operation`, which `call` is the state of.
    pub(crate) fn with_call(&self, operation: &'static Operation, call: Call) -> Self {
        let mut client = self.clone();
        client.inner.operation = operation;
        client.inner.call = call;
        client
    }
}

impl Inner {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared), operation: &IDLE, call: Call::default() }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Whether requests are checked against the spec's limits.
    pub(crate) fn checks(&self) -> bool {
        self.shared.checks
    }

    /// What the connection is to become, where the operation stands for an upgrade.
    fn upgrade(&self) -> Option<Upgrade> {
        Upgrade::of_operation(self.operation).map(|usual| self.call.upgrade.unwrap_or(usual))
    }

    /// Turns a request into one for IAM, keeping its query and its marks.
    fn send_to_iam(&self, request: &mut Request) -> Result<(), String> {
        let iam = self.shared.iam.as_ref().ok_or(
            "there is no IAM endpoint: give the client's builder a region, or `iam_endpoint(…)`",
        )?;
        let mut url = iam.url().clone();
        url.set_path(&format!("{}/v3/auth/tokens", iam.url().path().trim_end_matches('/')));
        url.set_query(request.url().query());
        url.set_fragment(request.url().fragment());
        *request.url_mut() = url;
        Ok(())
    }

    /// Adds the token or the signature.
    async fn authenticate(&self, client: &Client, request: &mut Request) -> Result<(), String> {
        let header = match self.shared.credentials.method() {
            Method::AccessKey { id, secret } => return self.sign(request, id, secret.expose()),
            Method::Token(token) => secret(token.expose())?,
            Method::Login(login) => {
                let now = self.shared.clock.now();
                let fetch = || token::fetch(client, login, now);
                let token = self.shared.tokens.get(now, fetch).await;
                let header = token.as_ref().ok().map(|token| token.0.clone());
                // Hooks can report sentences only; `call` wants the error itself.
                *self.call.token() = Some(token);
                header.ok_or("IAM gave no token")?
            }
        };
        request.headers_mut().insert("x-auth-token", header);
        Ok(())
    }

    /// Signs the request with an access key. No request signed here has a body.
    ///
    /// The fewest headers possible are signed: what a proxy adds to an upgrade must not spoil it.
    fn sign(&self, request: &mut Request, id: &str, secret_key: &str) -> Result<(), String> {
        let host = match (request.url().host_str(), request.url().port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => return Err("the endpoint has no host".to_owned()),
        };
        let date =
            sign::format_date(unix_seconds(self.shared.clock.now())).map_err(|e| e.to_string())?;
        let mut signed = vec![("host", &*host), ("x-sdk-date", &*date)];
        signed.extend(self.shared.credentials.extra_headers());
        let query = sign::query_pairs(request.url().query().unwrap_or_default())
            .map_err(|e| e.to_string())?;
        let canonical = sign::canonical_request(&Canonical {
            method: request.method().as_str(),
            path: request.url().path(),
            query: &query,
            signed_headers: &signed,
            payload_hash: sign::EMPTY_PAYLOAD_HASH,
        });
        let signature = sign::signature(secret_key, &sign::string_to_sign(&date, &canonical));
        let names = sign::signed_header_names(&signed);
        let authorization = secret(&sign::authorization(id, &names, &signature))?;

        let headers = request.headers_mut();
        headers.insert(HOST, value(&host)?);
        headers.insert("x-sdk-date", value(&date)?);
        for (name, text) in self.shared.credentials.extra_headers() {
            headers.insert(name, secret(text)?);
        }
        headers.insert(AUTHORIZATION, authorization);
        Ok(())
    }
}

fn value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text).map_err(|_| "a header value is not printable".to_owned())
}

fn secret(text: &str) -> Result<HeaderValue, String> {
    value(text).map(|mut value| {
        value.set_sensitive(true);
        value
    })
}

/// Writes spaces of the query as `%20`. Only servers of forms read `+` as a space, and a command
/// must arrive as it is.
fn escape_spaces(request: &mut Request) {
    // A plus sign of the caller's is `%2B` by now.
    if let Some(query) = request.url().query().filter(|query| query.contains('+')) {
        let query = query.replace('+', "%20");
        request.url_mut().set_query(Some(&query));
    }
}

/// The longest address that the HTTP client carries, in bytes.
const MAX_ADDRESS: usize = 65_534;

/// Refuses an address that could not be sent, as one with a long script in its query.
fn fits(request: &Request, operation: &Operation) -> Result<(), String> {
    let length = request.url().as_str().len();
    if length <= MAX_ADDRESS {
        return Ok(());
    }
    let advice = match Upgrade::of_operation(operation) {
        Some(_) => {
            ": the command and its arguments are too long for it; send the script by stdin, as in `exec([\"sh\"]).stdin(script)`"
        }
        None => "",
    };
    Err(format!(
        "the request's address takes {length} bytes, and it can have at most {MAX_ADDRESS}{advice}"
    ))
}

impl ClientHooks<Inner> for Client {
    async fn pre<E>(&self, request: &mut Request, _: &OperationInfo) -> Result<(), CallError<E>> {
        let operation = self.inner.operation;
        Marks { operation, times: &["x-sdk-date"], nonces: &["sec-websocket-key"] }.put(request);
        if *operation == operations::KEYSTONE_CREATE_USER_TOKEN_BY_PASSWORD {
            return self.inner.send_to_iam(request).map_err(CallError::InvalidRequest);
        }
        escape_spaces(request);
        fits(request, operation).map_err(CallError::InvalidRequest)?;
        if let Some(upgrade) = self.inner.upgrade() {
            upgrade.add_headers(request.headers_mut()).map_err(CallError::InvalidRequest)?;
        }
        self.inner.authenticate(self, request).await.map_err(CallError::InvalidRequest)
    }

    async fn exec(&self, request: Request, _: &OperationInfo) -> reqwest::Result<Response> {
        let upgrade = self.inner.upgrade();
        let asked = upgrade.map(|_| request.headers().clone());
        self.inner.call.underway.begin();
        let mut response =
            self.inner.shared.transport.execute(self.inner.operation, request).await?;
        if let (Some(upgrade), Some(asked)) = (upgrade, asked)
            && let Err(error) = upgrade.verify(&asked, &response)
        {
            response.extensions_mut().insert(error);
        }
        if !response.status().is_success() {
            return Ok(limit_answer(response, MAX_ANSWER));
        }
        let mut answer = buffered(response, MAX_ANSWER).await?;
        // The token is in a header; what the body says of it may be missing.
        let is_token = answer.headers().contains_key("x-subject-token");
        if is_token && serde_json::from_slice::<Map<String, Value>>(answer.body()).is_err() {
            *answer.body_mut() = b"{}".to_vec();
        }
        Ok(answer.into())
    }

    async fn post<E>(
        &self,
        result: &reqwest::Result<Response>,
        _: &OperationInfo,
    ) -> Result<(), CallError<E>> {
        match result.as_ref().ok().and_then(|answer| answer.extensions().get::<UpgradeError>()) {
            Some(error) => Err(CallError::Custom(error.to_string())),
            None => Ok(()),
        }
    }
}

/// Makes a generated exchange, and its failure the provider's error.
pub(crate) async fn call<T>(
    client: &Client,
    operation: &'static Operation,
    exchange: impl Future<Output = Result<ResponseValue<T>, CallError<()>>>,
) -> Result<ResponseValue<T>, Error> {
    // On the heap: the call for a token is nested in the call that needs it, and both grow large.
    observed("cci", operation, Box::pin(authenticated(client, operation, exchange))).await
}

/// The exchange, with IAM's own error where no token could be had for it.
async fn authenticated<T>(
    client: &Client,
    operation: &'static Operation,
    exchange: impl Future<Output = Result<ResponseValue<T>, CallError<()>>>,
) -> Result<ResponseValue<T>, Error> {
    let result = exchange.await;
    let call = &client.inner.call;
    let token = call.token().take();
    let error = match (result, token) {
        (Ok(answer), _) => return Ok(answer),
        (Err(_), Some(Err(no_token))) => return Err(no_token),
        (Err(error), Some(Ok(token))) => {
            let error = decoded(operation, client, Some(&token), error).await;
            if error.kind() == ErrorKind::Unauthenticated {
                client.inner.shared.tokens.forget(&token);
                return Err(error.with_advice("the next call gets a new token"));
            }
            error
        }
        (Err(error), None) => decoded(operation, client, None, error).await,
    };
    Err(error)
}

async fn decoded(
    operation: &'static Operation,
    client: &Client,
    token: Option<&Token>,
    error: CallError<()>,
) -> Error {
    let Inner { shared, call, .. } = &client.inner;
    let secrets = shared.secrets(token);
    failure(operation, &call.underway, secrets, error, |answer| error::read(operation, answer))
        .await
}
