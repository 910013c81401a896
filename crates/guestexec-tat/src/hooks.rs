//! What the client does around each generated exchange: it signs the request, waits for its turn, sends
//! it, and retries where that does no harm.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use guestexec_core::{
    MAX_ANSWER, Mark, Marks, Operation, Secrets, Underway, buffered, exchange, header_value,
    identifier, mark_as_error, retry_after, secret_header, unix_seconds,
};
use progenitor_client::{
    ClientHooks, ClientInfo, Error as CallError, OperationInfo, ResponseValue,
};
use reqwest::{
    Request, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, DATE, HOST, HeaderMap, HeaderName, HeaderValue},
};
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

use crate::{
    Client, Error,
    auth::{Keyring, Signer},
    error,
    limit::Limiter,
    retry::{self, Counters, Envelope, FAILED, THROTTLED, Verdict, count, pause},
    sign::{self, Canonical, Scope},
};

/// The service's name inside a signature.
const SERVICE: &str = "tat";
const JSON: &str = "application/json";
const ACTION: HeaderName = HeaderName::from_static("x-tc-action");
const VERSION: HeaderName = HeaderName::from_static("x-tc-version");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-tc-timestamp");
const REGION: HeaderName = HeaderName::from_static("x-tc-region");
const LANGUAGE: HeaderName = HeaderName::from_static("x-tc-language");
const TOKEN: HeaderName = HeaderName::from_static("x-tc-token");
/// Largest error of a clock, in seconds, at which the service still accepts a signature.
const SMALL_SKEW: u64 = 60;

/// What a client holds besides its address.
pub(crate) type Inner = guestexec_core::Inner<Arc<Shared>, Call>;

pub(crate) struct Shared {
    pub(crate) keyring: Keyring,
    /// The endpoint's host, with its port where the URL has one.
    pub(crate) host: HeaderValue,
    pub(crate) region: HeaderValue,
    pub(crate) language: HeaderValue,
    pub(crate) limiter: Limiter,
    /// How often a failed call is retried.
    pub(crate) max_retries: u32,
    /// How long throttling answers are waited out.
    pub(crate) patience: Duration,
    pub(crate) counters: Counters,
    /// Seconds to add to the clock.
    pub(crate) skew: AtomicI64,
    /// How many commands were begun; a number for each tells apart those begun at the same time.
    pub(crate) begun: AtomicU64,
}

/// The state of one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    /// Whether the request was sent.
    pub(crate) underway: Underway,
    /// What a shape is told of the texts that were made for the call.
    pub(crate) marks: Vec<Mark>,
}

impl Client {
    /// How many requests were sent, throttled and retried so far, by this client and its clones.
    pub fn counts(&self) -> retry::Counts {
        self.inner.shared.counters.read()
    }

    /// What no error may show.
    fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        if let Some(signer) = self.inner.shared.keyring.signer() {
            secrets.add(signer.credentials.secret_key().expose());
            signer.credentials.token().into_iter().for_each(|token| secrets.add(token.expose()));
        }
        secrets
    }

    /// The service's time, as far as it is known.
    pub(crate) fn now(&self) -> SystemTime {
        let now = self.inner.clock.now();
        let skew = self.inner.shared.skew.load(Ordering::Relaxed);
        let seconds = Duration::from_secs(skew.unsigned_abs());
        let moved = if skew < 0 { now.checked_sub(seconds) } else { now.checked_add(seconds) };
        moved.unwrap_or(now)
    }

    /// Adds the common headers and the signature.
    fn sign(&self, request: &mut Request, action: &str, signer: &Signer) -> Result<(), String> {
        let host = &self.inner.shared.host;
        let timestamp = unix_seconds(self.now());
        let day = signer.day(timestamp, SERVICE).map_err(|e| e.to_string())?;
        let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default();
        let payload_hash = sign::payload_hash(body);
        let host_text = host.to_str().map_err(|e| e.to_string())?;
        let signed_headers = [("content-type", JSON), ("host", host_text), ("x-tc-action", action)];
        let canonical = sign::canonical_request(&Canonical {
            method: request.method().as_str(),
            path: "/",
            query: "",
            signed_headers: &signed_headers,
            payload_hash: &payload_hash,
        });
        let scope = Scope { date: &day.date, service: SERVICE };
        let signature =
            sign::signature(&day.key, &sign::string_to_sign(timestamp, scope, &canonical));
        let authorization = sign::authorization(
            signer.credentials.secret_id(),
            scope,
            "content-type;host;x-tc-action",
            &signature,
        );

        let token = signer.credentials.token();
        let token = token.map(|token| secret_header(token.expose())).transpose()?;
        let action = header_value(action)?;
        let authorization = secret_header(&authorization)?;
        let headers = request.headers_mut();
        headers.reserve(8);
        headers.insert(HOST, host.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        headers.insert(ACTION, action);
        headers.insert(VERSION, HeaderValue::from_static(Client::api_version()));
        headers.insert(TIMESTAMP, timestamp.into());
        headers.insert(REGION, self.inner.shared.region.clone());
        headers.insert(LANGUAGE, self.inner.shared.language.clone());
        match token {
            Some(token) => headers.insert(TOKEN, token),
            None => headers.remove(TOKEN),
        };
        headers.insert(AUTHORIZATION, authorization);
        Ok(())
    }

    /// Signs a request again. It was signed before, so this cannot fail.
    fn sign_again(&self, request: &mut Request, action: &str) -> Option<Arc<Signer>> {
        let signer = self.inner.shared.keyring.signer()?;
        if let Err(problem) = self.sign(request, action, &signer) {
            debug!(problem, "signed once, but not again");
        }
        Some(signer)
    }

    /// Sends a signed request, and retries it where the outcome allows that.
    async fn send(&self, mut request: Request) -> reqwest::Result<Response> {
        let action = self.inner.operation.id;
        let begin = Instant::now();
        let mut attempt = 0;
        let mut failures = 0;
        let mut throttles = 0;
        let [mut may_correct, mut may_renew] = [true, true];
        let mut signer = self.inner.shared.keyring.signer();
        loop {
            let spare = request.try_clone();
            let asked = Instant::now();
            let permit = self.inner.shared.limiter.permit(self.inner.operation).await;
            if attempt > 0 || asked.elapsed() > Duration::from_secs(1) {
                signer = self.sign_again(&mut request, action);
            }
            let dated =
                request.headers().get(TIMESTAMP).and_then(|at| at.to_str().ok()?.parse().ok());
            attempt += 1;
            count(&self.inner.shared.counters.requests);
            let sent = Instant::now();
            self.inner.call.underway.begin();
            let result = self.attempt(request).await;
            drop(permit);
            let (verdict, envelope) = match &result {
                Err(error) => (Verdict::of_error(error), &Envelope::default()),
                Ok((_, Some(envelope))) => {
                    (envelope.code.as_deref().map_or(Verdict::Keep, Verdict::of_code), envelope)
                }
                Ok((answer, None)) => (Verdict::of_status(answer.status()), &Envelope::default()),
            };
            if verdict.proves_nothing_started() {
                self.inner.call.underway.refute();
            }
            debug!(
                action,
                attempt,
                request_id = envelope.request_id.as_deref().map(identifier),
                code = envelope.code.as_deref().map(identifier),
                ?verdict,
                elapsed_ms = u64::try_from(sent.elapsed().as_millis()).unwrap_or(u64::MAX),
                "attempt"
            );
            let asked = result.as_ref().ok().and_then(|(answer, _)| retry_after(answer.headers()));
            let asked = asked.unwrap_or_default();
            let patience = self.inner.shared.patience;
            let wait = match verdict {
                Verdict::Keep => None,
                Verdict::Throttled => {
                    count(&self.inner.shared.counters.throttled);
                    throttles += 1;
                    let wait = pause(THROTTLED, throttles).max(asked);
                    (begin.elapsed() + wait <= patience).then_some(wait)
                }
                Verdict::Clock if may_correct => {
                    may_correct = false;
                    let corrected = match &result {
                        Ok((answer, _)) => self.correct_clock(answer.headers(), dated),
                        Err(_) => false,
                    };
                    corrected.then_some(Duration::ZERO)
                }
                Verdict::Credentials if may_renew => {
                    may_renew = false;
                    let renewed = match &signer {
                        Some(used) => self.inner.shared.keyring.renew(used).await,
                        None => false,
                    };
                    renewed.then_some(Duration::ZERO)
                }
                Verdict::Unsent | Verdict::Failed
                    if failures < self.inner.shared.max_retries
                        && asked <= patience.max(FAILED.1)
                        && (verdict == Verdict::Unsent || self.inner.operation.repeatable) =>
                {
                    failures += 1;
                    Some(pause(FAILED, failures).max(asked))
                }
                _ => None,
            };
            match (wait, spare) {
                (Some(wait), Some(spare)) => {
                    request = spare;
                    count(&self.inner.shared.counters.retried);
                    sleep(wait).await;
                }
                _ => return result.map(|(answer, _)| answer),
            }
        }
    }

    /// Sends a request once, and reads the envelope of an answer with status 200.
    async fn attempt(&self, request: Request) -> reqwest::Result<(Response, Option<Envelope>)> {
        let response = self.inner.transport.execute(self.inner.operation, request).await?;
        if response.status() != StatusCode::OK {
            return Ok((response, None));
        }
        let answer = buffered(response, MAX_ANSWER).await?;
        let envelope = Envelope::read(answer.body());
        // A refusal has the status 200, too.
        let answer = if envelope.is_error { mark_as_error(answer) } else { answer };
        Ok((answer.into(), Some(envelope)))
    }

    /// Takes the server's time from the answer to a request with the time `dated`. False if the two agree,
    /// so that another reason made the service reject the signature.
    fn correct_clock(&self, headers: &HeaderMap, dated: Option<i64>) -> bool {
        let server =
            headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        let (Some(server), Some(dated)) = (server.map(unix_seconds), dated) else { return false };
        if server.abs_diff(dated) < SMALL_SKEW {
            return false;
        }
        let skew = server.saturating_sub(unix_seconds(self.inner.clock.now()));
        // Concurrent calls find the same; one warning is enough.
        if self.inner.shared.skew.swap(skew, Ordering::Relaxed).abs_diff(skew) >= SMALL_SKEW {
            warn!(
                seconds = skew,
                "this machine's clock differs from the service's by that much; requests are dated by \
                 the service's from now on, but set the clock"
            );
        }
        true
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("credentials", &self.keyring)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl ClientHooks<Inner> for Client {
    async fn pre<E>(&self, request: &mut Request, _: &OperationInfo) -> Result<(), CallError<E>> {
        let operation = self.inner.operation;
        let made = &self.inner.call.marks;
        Marks { operation, times: &["x-tc-timestamp"], nonces: &[], made }.put(request);
        let Some(signer) = self.inner.shared.keyring.signer() else {
            return Err(CallError::InvalidRequest("there are no credentials".to_owned()));
        };
        self.sign(request, operation.id, &signer).map_err(CallError::InvalidRequest)
    }

    async fn exec(&self, request: Request, _: &OperationInfo) -> reqwest::Result<Response> {
        self.send(request).await
    }
}

/// Makes the call `request`; its failure becomes the provider's error.
pub(crate) async fn call<T>(
    client: &Client,
    operation: &'static Operation,
    request: impl Future<Output = Result<ResponseValue<T>, CallError<()>>>,
) -> Result<ResponseValue<T>, Error> {
    let Inner { shared, call, .. } = &client.inner;
    shared.keyring.ready(client.now()).await.map_err(|error| error.during(operation.id))?;
    exchange("tat", operation, &call.underway, || client.secrets(), request, error::read).await
}
