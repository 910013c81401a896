//! What the client does around each generated exchange: it authenticates and sends the request, and
//! verifies an upgrade.

use std::{
    future::Future,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use guestexec_core::{
    Answer, Attempts, CallError, Counts, Endpoint, ErrorAnswer, ErrorKind, MAX_ANSWER, Marks,
    Operation, Refusal, RequestId, Secrets, Seen, Underway, Verdict, buffered, failure,
    header_value, observed, read_ahead, secret_header, unix_seconds, within,
};
use reqwest::{
    Request, Response, StatusCode,
    header::{AUTHORIZATION, HOST},
};
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::{
    Client, Credentials, Error,
    auth::{Holder, Holders, Method},
    error, operations,
    sign::{self, Canonical},
    token::{self, Token},
    types::ErrorBody,
    upgrade::{ServerSupport, Upgrade},
};

/// The content of a client besides its address.
pub(crate) type Inner = guestexec_core::Inner<Arc<Shared>, Call>;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) keyring: Holders,
    pub(crate) iam: Option<Endpoint>,
    pub(crate) server_support: ServerSupport,
}

impl Shared {
    /// The secrets that no error may show: the client's own, the current token, and those that a call
    /// `used`, which another call may have replaced since.
    pub(crate) fn secrets(&self, used: &Used) -> Secrets {
        let mut secrets = Secrets::default();
        let mut tokens = vec![used.token.as_ref().and_then(|token| token.as_ref().ok()).cloned()];
        for holder in [self.keyring.current(), used.holder.clone()].into_iter().flatten() {
            holder.credentials.secrets().for_each(|secret| secrets.add(secret.expose()));
            tokens.push(holder.tokens.current());
        }
        for token in tokens.into_iter().flatten() {
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
    turned_away: TurnedAway,
    used: Arc<Mutex<Used>>,
}

/// The last answer by which a service that is busy turned a call away, for a caller that gives up. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct TurnedAway(Arc<Mutex<Option<Error>>>);

impl TurnedAway {
    /// Notes the answer, if it is of that kind.
    fn note(
        &self,
        operation: &Operation,
        status: StatusCode,
        refusal: &Refusal<ErrorBody>,
        secrets: &Secrets,
    ) {
        if refusal.kind != ErrorKind::Throttled || !refusal.not_started {
            return;
        }
        let hidden = |text: &String| secrets.hidden_in(text.clone());
        let error = Error::new(refusal.kind, hidden(&refusal.message))
            .with_code(refusal.code.as_ref().map(hidden))
            .with_request_id(refusal.request_id.as_ref().map(hidden))
            .with_status(status)
            .with_retry_after(refusal.retry_after)
            .with_detail(refusal.detail.clone())
            .during(operation.id);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// The error of that answer, if there was one.
    pub(crate) fn take(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The credentials and the token of a call.
#[derive(Debug, Default)]
pub(crate) struct Used {
    holder: Option<Arc<Holder>>,
    /// The token of IAM, or why there is none; `None` if none was needed.
    token: Option<Result<Arc<Token>, Error>>,
}

impl Call {
    /// The state of a call that asks for `upgrade`, whose caller gives up at `deadline`.
    pub(crate) fn upgrading(
        upgrade: Upgrade,
        underway: Underway,
        deadline: Option<Instant>,
        turned_away: TurnedAway,
    ) -> Self {
        Self { underway, upgrade: Some(upgrade), deadline, turned_away, used: Arc::default() }
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
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
        let holder = shared.keyring.current().ok_or("there are no credentials")?;
        call.used().holder = Some(holder.clone());
        let now = clock.now();
        // An earlier attempt may have had others.
        for name in ["x-auth-token", "x-security-token", "x-project-id"] {
            request.headers_mut().remove(name);
        }
        let header = match holder.credentials.method() {
            Method::AccessKey { .. } => {
                // Every body here is JSON, whose hash the service expects.
                let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default();
                let hash = sign::payload_hash(body, None).into_owned();
                return sign_request(request, &holder.credentials, unix_seconds(now), &hash);
            }
            Method::Token(token) => secret_header(token.expose())?,
            Method::Login(login) => {
                let token = holder.tokens.get(now, || token::fetch(self, login, now)).await;
                let header = token.as_ref().ok().map(|token| token.0.clone());
                // A hook can report a sentence only; `call` takes the error itself from here.
                call.used().token = Some(token);
                header.ok_or("IAM gave no token")?
            }
        };
        request.headers_mut().insert("x-auth-token", header);
        Ok(())
    }

    /// Fetches the credentials again after a refusal of those used, if they came from a source.
    async fn renew(&self) -> bool {
        let Inner { shared, call, clock, .. } = &self.inner;
        let Some(used) = call.used().holder.clone() else { return false };
        // A token that IAM gave for them has its own life.
        if matches!(used.credentials.method(), Method::Login(_)) {
            return false;
        }
        shared.keyring.renew(clock.now(), |holder| holder.is_same(&used)).await
    }
}

/// Signs a request at `now`, in seconds since 1970, with an access key.
///
/// The fewest headers possible are signed: what a proxy adds to an upgrade must not spoil it.
pub(crate) fn sign_request(
    request: &mut Request,
    credentials: &Credentials,
    now: i64,
    payload_hash: &str,
) -> Result<(), String> {
    let Method::AccessKey { id, secret } = credentials.method() else {
        return Err("there is no access key to sign with".to_owned());
    };
    // An endpoint has neither user nor password.
    let host = request.url().authority().to_owned();
    let date = sign::format_date(now).map_err(|e| e.to_string())?;
    let mut signed = vec![("host", &*host), ("x-sdk-date", &*date)];
    signed.extend(credentials.extra_headers());
    let query =
        sign::query_pairs(request.url().query().unwrap_or_default()).map_err(|e| e.to_string())?;
    let canonical = sign::canonical_request(&Canonical {
        method: request.method().as_str(),
        path: request.url().path(),
        query: &query,
        signed_headers: &signed,
        payload_hash,
    });
    let signature = sign::signature(secret.expose(), &sign::string_to_sign(&date, &canonical));
    let names = sign::signed_header_names(&signed);
    let authorization = secret_header(&sign::authorization(id, &names, &signature))?;

    let headers = request.headers_mut();
    headers.insert(HOST, header_value(&host)?);
    headers.insert("x-sdk-date", header_value(&date)?);
    for (name, text) in credentials.extra_headers() {
        let is_secret = name == "x-security-token";
        headers.insert(name, if is_secret { secret_header(text)? } else { header_value(text)? });
    }
    headers.insert(AUTHORIZATION, authorization);
    Ok(())
}

/// Writes the query's spaces as `%20`: a server may read `+` as a plus sign.
fn escape_spaces(request: &mut Request) {
    // The caller's own plus signs are `%2B` here.
    if let Some(query) = request.url().query().filter(|query| query.contains('+')) {
        let query = query.replace('+', "%20");
        request.url_mut().set_query(Some(&query));
    }
}

/// What is said of too many requests while the service's own text has not come.
const TOO_MANY: &str = "the service takes no more requests now";

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
    let secrets = || client.inner.shared.secrets(&call.used());
    let mut attempts = client.inner.attempts(call.deadline);
    let mut may_renew = **operation != operations::CREATE_USER_TOKEN;
    loop {
        let spare = request.try_clone();
        let limit = attempts.limit();
        let result = within(limit, client.attempt(request, &mut attempts)).await;
        let is_unauthenticated = matches!(
            &result,
            Ok((_, Some(refusal))) if refusal.kind == ErrorKind::Unauthenticated
                && (refusal.not_started || !operation.starts_command)
        );
        let is_renewed = is_unauthenticated && mem::take(&mut may_renew) && client.renew().await;
        if is_renewed {
            call.underway.refute();
        }
        let Some(spare) = spare else { return result.map(|(response, _)| response) };
        let goes_on = if is_renewed {
            let status = Some(StatusCode::UNAUTHORIZED);
            attempts.again(Verdict::Corrected, Seen { status, ..Seen::default() }, &secrets).await
        } else {
            attempts.follow(&result, &call.underway, &secrets).await
        };
        if !goes_on {
            return result.map(|(response, _)| response);
        }
        request = spare;
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
        attempts.begin(&request);
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
            let status = response.status();
            let note = |refusal: &_| {
                let secrets = self.inner.shared.secrets(&call.used());
                call.turned_away.note(operation, status, refusal, &secrets);
            };
            // The status says it already, and the caller may give up before the body has come.
            if status == StatusCode::TOO_MANY_REQUESTS {
                let headers = response.headers().clone();
                let begun =
                    error::read(operation, &ErrorAnswer { status, headers, body: Vec::new() });
                note(&Refusal { message: TOO_MANY.to_owned(), ..begun });
                call.underway.refute();
            }
            let (response, answer) = read_ahead(response).await;
            let refusal = error::read(operation, &answer);
            note(&refusal);
            return Ok((response, Some(refusal)));
        }
        if self.inner.options.is_streaming() {
            return Ok((response, None));
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
        let Inner { shared, call, clock, .. } = &client.inner;
        if *operation != operations::CREATE_USER_TOKEN {
            let ready = shared.keyring.ready(clock.now()).await;
            ready.map_err(|error| error.during(operation.id))?;
        }
        let error = match answer.await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let used = mem::take(&mut *call.used());
        let secrets = shared.secrets(&used);
        // If IAM gave no token, its error is the call's.
        let token = used.token.transpose()?;
        let read = |answer: &_| error::read(operation, answer);
        let error = failure(operation, &call.underway, secrets, error, read).await;
        match used.holder.zip(token) {
            Some((holder, token)) if error.kind() == ErrorKind::Unauthenticated => {
                holder.tokens.forget(&token);
                Err(error.with_advice("the next call gets a new token"))
            }
            _ => Err(error),
        }
    });
    observed("cci", operation, call).await
}
