//! What the client does around each generated exchange: it authenticates and sends the request, and
//! verifies an upgrade.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use guestexec_core::{
    Endpoint, ErrorKind, MAX_ANSWER, Marks, Operation, Secrets, Underway, buffered, failure,
    header_value, limit_answer, observed, secret_header, unix_seconds,
};
use progenitor_client::{ClientHooks, Error as CallError, OperationInfo, ResponseValue};
use reqwest::{
    Request, Response,
    header::{AUTHORIZATION, HOST},
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

/// What a client holds besides its address.
pub(crate) type Inner = guestexec_core::Inner<Arc<Shared>, Call>;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) credentials: Credentials,
    pub(crate) iam: Option<Endpoint>,
    pub(crate) tokens: Tokens,
    pub(crate) server_support: ServerSupport,
}

impl Shared {
    /// What no error may show: the client's own secrets, the current token, and the one that a call
    /// `used`, which another call may have replaced since.
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
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    /// Whether the request was sent.
    underway: Underway,
    /// The upgrade to ask for, if not the operation's usual one.
    upgrade: Option<Upgrade>,
    /// What IAM answered.
    token: Arc<Mutex<Fetched>>,
}

/// A token, or why there is none; `None` if none was needed.
type Fetched = Option<Result<Arc<Token>, Error>>;

impl Call {
    /// The state of a call that asks for `upgrade`.
    pub(crate) fn upgrading(upgrade: Upgrade, underway: Underway) -> Self {
        Self { underway, upgrade: Some(upgrade), token: Arc::default() }
    }

    fn token(&self) -> MutexGuard<'_, Fetched> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    /// The upgrade to ask for, if the operation is one.
    fn upgrade(&self) -> Option<Upgrade> {
        let Inner { operation, call, .. } = &self.inner;
        Upgrade::of_operation(operation).map(|usual| call.upgrade.unwrap_or(usual))
    }

    /// Turns a request into one for IAM, keeping its query and its marks.
    fn send_to_iam(&self, request: &mut Request) -> Result<(), String> {
        let iam = self.inner.shared.iam.as_ref().ok_or(
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
    async fn authenticate(&self, request: &mut Request) -> Result<(), String> {
        let Inner { shared, call, clock, .. } = &self.inner;
        let header = match shared.credentials.method() {
            Method::AccessKey { id, secret } => return self.sign(request, id, secret.expose()),
            Method::Token(token) => secret_header(token.expose())?,
            Method::Login(login) => {
                let now = clock.now();
                let token = shared.tokens.get(now, || token::fetch(self, login, now)).await;
                let header = token.as_ref().ok().map(|token| token.0.clone());
                // A hook can report a sentence only; `call` takes the error itself from here.
                *call.token() = Some(token);
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
        let credentials = &self.inner.shared.credentials;
        // An endpoint has neither user nor password.
        let host = request.url().authority().to_owned();
        let date =
            sign::format_date(unix_seconds(self.inner.clock.now())).map_err(|e| e.to_string())?;
        let mut signed = vec![("host", &*host), ("x-sdk-date", &*date)];
        signed.extend(credentials.extra_headers());
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
        let authorization = secret_header(&sign::authorization(id, &names, &signature))?;

        let headers = request.headers_mut();
        headers.insert(HOST, header_value(&host)?);
        headers.insert("x-sdk-date", header_value(&date)?);
        for (name, text) in credentials.extra_headers() {
            let is_secret = name == "x-security-token";
            headers
                .insert(name, if is_secret { secret_header(text)? } else { header_value(text)? });
        }
        headers.insert(AUTHORIZATION, authorization);
        Ok(())
    }
}

/// Writes the query's spaces as `%20`: a server may read `+` as a plus sign.
fn escape_spaces(request: &mut Request) {
    // The caller's own plus signs are `%2B` here.
    if let Some(query) = request.url().query().filter(|query| query.contains('+')) {
        let query = query.replace('+', "%20");
        request.url_mut().set_query(Some(&query));
    }
}

/// Longest URL that the HTTP client sends, in bytes.
const MAX_ADDRESS: usize = 65_534;

/// Rejects a URL that is too long to be sent, such as one with a script in its query.
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
        Marks { operation, times: &["x-sdk-date"], nonces: &["sec-websocket-key"], made: &[] }
            .put(request);
        if *operation == operations::KEYSTONE_CREATE_USER_TOKEN_BY_PASSWORD {
            return self.send_to_iam(request).map_err(CallError::InvalidRequest);
        }
        escape_spaces(request);
        fits(request, operation).map_err(CallError::InvalidRequest)?;
        if let Some(upgrade) = self.upgrade() {
            upgrade.add_headers(request.headers_mut()).map_err(CallError::InvalidRequest)?;
        }
        self.authenticate(request).await.map_err(CallError::InvalidRequest)
    }

    async fn exec(&self, request: Request, _: &OperationInfo) -> reqwest::Result<Response> {
        let upgrade = self.upgrade();
        let asked = upgrade.map(|_| request.headers().clone());
        self.inner.call.underway.begin();
        let mut response = self.inner.transport.execute(self.inner.operation, request).await?;
        if let (Some(upgrade), Some(asked)) = (upgrade, asked)
            && let Err(error) = upgrade.verify(&asked, &response)
        {
            response.extensions_mut().insert(error);
        }
        if !response.status().is_success() {
            return Ok(limit_answer(response, MAX_ANSWER));
        }
        let mut answer = buffered(response, MAX_ANSWER).await?;
        // The token is in a header; the body, which describes it, may be missing.
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

/// Makes the call `exchange`; its failure becomes the provider's error.
pub(crate) async fn call<T>(
    client: &Client,
    operation: &'static Operation,
    exchange: impl Future<Output = Result<ResponseValue<T>, CallError<()>>>,
) -> Result<ResponseValue<T>, Error> {
    // Boxed, because the call for a token is nested in the call that needs it.
    let call = Box::pin(async {
        let error = match exchange.await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let Inner { shared, call, .. } = &client.inner;
        // If IAM gave no token, its error is the call's.
        let token = call.token().take().transpose()?;
        let secrets = shared.secrets(token.as_deref());
        let read = |answer: &_| error::read(operation, answer);
        let error = failure(operation, &call.underway, secrets, error, read).await;
        match token {
            Some(token) if error.kind() == ErrorKind::Unauthenticated => {
                shared.tokens.forget(&token);
                Err(error.with_advice("the next call gets a new token"))
            }
            _ => Err(error),
        }
    });
    observed("cci", operation, call).await
}
