//! What the client does around each generated exchange: it authenticates and sends the request, and
//! verifies an upgrade.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use guestexec_core::{
    Answer, Attempts, CallError, Counts, Endpoint, ErrorKind, MAX_ANSWER, Marks, Operation,
    Refusal, RequestId, Secrets, Underway, buffered, failure, header_value, observed, read_ahead,
    secret_header, unix_seconds, within,
};
use reqwest::{
    Request, Response, StatusCode,
    header::{AUTHORIZATION, HOST},
};
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::{
    Client, Credentials, Error,
    auth::Method,
    error, operations,
    sign::{self, Canonical},
    token::{self, Token, Tokens},
    types::ErrorBody,
    upgrade::{ServerSupport, Upgrade},
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
    /// When the caller gives up.
    deadline: Option<Instant>,
    /// What IAM answered.
    token: Arc<Mutex<Fetched>>,
}

/// A token, or why there is none; `None` if none was needed.
type Fetched = Option<Result<Arc<Token>, Error>>;

impl Call {
    /// The state of a call that asks for `upgrade`, whose caller gives up at `deadline`.
    pub(crate) fn upgrading(
        upgrade: Upgrade,
        underway: Underway,
        deadline: Option<Instant>,
    ) -> Self {
        Self { underway, upgrade: Some(upgrade), deadline, token: Arc::default() }
    }

    fn token(&self) -> MutexGuard<'_, Fetched> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    /// How many requests were sent, throttled and retried so far, by this client and its clones.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.cci().client()?;
    /// client.pod("default", "demo").get().await?;
    /// let counts = client.counts();
    /// assert_eq!((counts.requests, counts.throttled, counts.retried), (1, 0, 0));
    /// println!("{counts}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn counts(&self) -> Counts {
        self.inner.counts()
    }

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

/// Authenticates and sends the request of a call, and retries it where that does no harm.
pub(crate) async fn send(client: &Client, mut request: Request) -> Result<Response, CallError> {
    let Inner { operation, call, .. } = &client.inner;
    Marks { operation, times: &["x-sdk-date"], nonces: &["sec-websocket-key"], made: &[] }
        .put(&mut request);
    if **operation == operations::CREATE_USER_TOKEN {
        client.send_to_iam(&mut request).map_err(CallError::InvalidRequest)?;
    } else {
        escape_spaces(&mut request);
        fits(&request, operation).map_err(CallError::InvalidRequest)?;
    }
    let mut attempts = client.inner.attempts(call.deadline);
    loop {
        let spare = request.try_clone();
        let limit = attempts.limit();
        let result = within(limit, client.attempt(request, &mut attempts)).await;
        match spare {
            Some(spare) if attempts.follow(&result, &call.underway).await => request = spare,
            _ => return result.map(|(response, _)| response),
        }
    }
}

impl Client {
    /// Authenticates and sends a request once. With an answer that may be followed by another attempt comes
    /// its meaning.
    async fn attempt(
        &self,
        mut request: Request,
        attempts: &mut Attempts<'_>,
    ) -> Result<(Response, Option<Refusal<ErrorBody>>), CallError> {
        let Inner { operation, call, .. } = &self.inner;
        let upgrade = self.upgrade();
        if let Some(upgrade) = upgrade {
            upgrade.add_headers(request.headers_mut()).map_err(CallError::InvalidRequest)?;
        }
        if **operation != operations::CREATE_USER_TOKEN {
            self.authenticate(&mut request).await.map_err(CallError::InvalidRequest)?;
        }
        let asked = upgrade.map(|upgrade| (upgrade, request.headers().clone()));
        self.inner.prepare(&mut request)?;
        attempts.begin();
        call.underway.begin();
        let response = self.inner.send(request).await?;
        if let Some((upgrade, asked)) = asked {
            let verified = upgrade.verify(&asked, &response);
            verified.map_err(|error| CallError::Undocumented(error.to_string()))?;
        }
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Ok((response, None));
        }
        if !response.status().is_success() {
            let (response, answer) = read_ahead(response).await;
            return Ok((response, Some(error::read(operation, &answer))));
        }
        let mut answer = buffered(response, MAX_ANSWER).await?;
        // The token is in a header; the body, which describes it, may be missing.
        let is_token = answer.headers().contains_key("x-subject-token");
        if is_token && serde_json::from_slice::<Map<String, Value>>(answer.body()).is_err() {
            *answer.body_mut() = b"{}".to_vec();
        }
        if let Some(id) = error::request_id(answer.headers()) {
            answer.extensions_mut().insert(RequestId(id));
        }
        Ok((answer.into(), None))
    }
}

/// Makes the call whose `answer` is awaited; its failure becomes the provider's error.
pub(crate) async fn call<T>(
    client: &Client,
    operation: &'static Operation,
    answer: impl Future<Output = Result<Answer<T>, CallError>>,
) -> Result<Answer<T>, Error> {
    // Boxed, because the call for a token is nested in the call that needs it.
    let call = Box::pin(async {
        let error = match answer.await {
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
