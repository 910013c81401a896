//! The one seam: every request is authenticated and carried here, every answer first seen here.

use std::{cell::RefCell, future::Future, sync::Arc};

use guestexec_core::{
    Clock, Endpoint, ErrorKind, MAX_ANSWER, Operation, Transport, failure, limit_answer, observed,
    prepare, unix_seconds,
};
use progenitor_client::{ClientHooks, Error as CallError, OperationInfo, ResponseValue};
use reqwest::{
    Request, Response,
    header::{AUTHORIZATION, HOST, HeaderValue},
};

use crate::{
    Client, Credentials, Error,
    auth::Method,
    error,
    exec::{Fault, Speaks, Upgrade},
    sign::{self, Canonical},
    token::{Token, Tokens},
};

/// What a client holds besides its address.
#[derive(Clone, Debug)]
pub struct Inner {
    credentials: Credentials,
    iam: Option<Endpoint>,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    checks: bool,
    tokens: Arc<Tokens>,
    pub(crate) speaks: Arc<Speaks>,
}

impl Inner {
    pub(crate) fn new(
        credentials: Credentials,
        iam: Option<Endpoint>,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        checks: bool,
    ) -> Self {
        Self {
            credentials,
            iam,
            transport,
            clock,
            checks,
            tokens: Arc::default(),
            speaks: Arc::default(),
        }
    }

    /// Whether requests are checked against the spec's limits.
    pub(crate) fn checks(&self) -> bool {
        self.checks
    }

    /// Turns a request into one for IAM, keeping its query.
    fn send_to_iam(&self, request: &mut Request) -> Result<(), String> {
        let iam = self.iam.as_ref().ok_or(
            "there is no IAM endpoint: give the client's builder a region, or `iam_endpoint(…)`",
        )?;
        let mut url = iam.url().clone();
        url.set_path(&format!("{}/v3/auth/tokens", iam.url().path().trim_end_matches('/')));
        url.set_query(request.url().query());
        *request.url_mut() = url;
        Ok(())
    }

    /// Adds the token or the signature.
    async fn authenticate(&self, client: &Client, request: &mut Request) -> Result<(), String> {
        let header = match self.credentials.method() {
            Method::AccessKey { id, secret } => return self.sign(request, id, secret.expose()),
            Method::Token(token) => secret(token.expose())?,
            Method::Login(login) => {
                let token = self.tokens.get(client, login, self.clock.now()).await;
                let header = token.as_ref().ok().map(|token| token.header.clone());
                // Hooks can report sentences only; `call` wants the error itself.
                let _ = TOKEN.try_with(|slot| slot.replace(Some(token)));
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
        let date = sign::format_date(unix_seconds(self.clock.now())).map_err(|e| e.to_string())?;
        let mut signed = vec![("host", &*host), ("x-sdk-date", &*date)];
        signed.extend(self.credentials.extra_headers());
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
        for (name, text) in self.credentials.extra_headers() {
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

impl ClientHooks<Inner> for Client {
    async fn pre<E>(
        &self,
        request: &mut Request,
        info: &OperationInfo,
    ) -> Result<(), CallError<E>> {
        prepare(request);
        if info.operation_id == "keystone_create_user_token_by_password" {
            return self.inner.send_to_iam(request).map_err(CallError::InvalidRequest);
        }
        escape_spaces(request);
        if let Some(upgrade) = Upgrade::of(info.operation_id) {
            upgrade.ask(request.headers_mut());
        }
        self.inner.authenticate(self, request).await.map_err(CallError::InvalidRequest)
    }

    async fn exec(&self, request: Request, info: &OperationInfo) -> reqwest::Result<Response> {
        let upgrade = Upgrade::of(info.operation_id);
        let asked = upgrade.map(|_| request.headers().clone());
        let mut response = self.inner.transport.execute(request).await?;
        if let (Some(upgrade), Some(asked)) = (upgrade, asked)
            && let Err(fault) = upgrade.check(&asked, &response)
        {
            response.extensions_mut().insert(fault);
        }
        Ok(limit_answer(response, MAX_ANSWER))
    }

    async fn post<E>(
        &self,
        result: &reqwest::Result<Response>,
        _: &OperationInfo,
    ) -> Result<(), CallError<E>> {
        match result.as_ref().ok().and_then(|answer| answer.extensions().get::<Fault>()) {
            Some(fault) => Err(CallError::Custom(fault.to_string())),
            None => Ok(()),
        }
    }
}

tokio::task_local! {
    /// What the call under way got from IAM.
    static TOKEN: RefCell<Option<Result<Arc<Token>, Error>>>;
}

/// False where a request cannot have left yet, since what proves who calls is still missing.
pub(crate) fn may_have_sent(client: &Client) -> bool {
    let inner = &client.inner;
    match inner.credentials.method() {
        Method::Login(_) => inner.tokens.good(inner.clock.now()).is_some(),
        Method::Token(_) | Method::AccessKey { .. } => true,
    }
}

/// Makes a generated exchange, and its failure the provider's error.
pub(crate) async fn call<T>(
    client: &Client,
    operation: Operation,
    exchange: impl Future<Output = Result<ResponseValue<T>, CallError<()>>>,
) -> Result<ResponseValue<T>, Error> {
    // On the heap: the call for a token is nested in the call that needs it, and both grow large.
    observed("cci", operation, Box::pin(authenticated(client, operation, exchange))).await
}

/// The exchange, with IAM's own error where no token could be had for it.
async fn authenticated<T>(
    client: &Client,
    operation: Operation,
    exchange: impl Future<Output = Result<ResponseValue<T>, CallError<()>>>,
) -> Result<ResponseValue<T>, Error> {
    let (result, token) = TOKEN
        .scope(RefCell::new(None), async { (exchange.await, TOKEN.with(RefCell::take)) })
        .await;
    let error = match (result, token) {
        (Ok(answer), _) => return Ok(answer),
        (Err(_), Some(Err(no_token))) => return Err(no_token),
        (Err(error), Some(Ok(token))) => {
            let error = decoded(operation, error).await;
            if error.kind() == ErrorKind::Unauthenticated {
                client.inner.tokens.forget(&token);
                return Err(error.with_advice("the next call gets a new token"));
            }
            error
        }
        (Err(error), None) => decoded(operation, error).await,
    };
    Err(error)
}

async fn decoded(operation: Operation, error: CallError<()>) -> Error {
    failure(operation, error, |answer| error::read(operation, answer)).await
}
