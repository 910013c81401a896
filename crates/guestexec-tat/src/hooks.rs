//! The one seam: every request is signed, paced, carried and, where that does no harm, repeated
//! here; every answer is first seen here.

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
    Clock, MAX_ANSWER, Marks, Operation, Secrets, Transport, Underway, buffered, identifier,
    mark_as_error, unix_seconds,
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
/// A clock less wrong than this, in seconds, is not why a signature is refused.
const SMALL_SKEW: u64 = 60;

/// That of a client which is not calling anything.
const IDLE: Operation = Operation::undocumented("", "", "");

/// What a client holds besides its address: what its clones share, and the state of one call.
#[derive(Clone)]
pub struct Inner {
    shared: Arc<Shared>,
    /// What is being called; of no meaning between calls.
    operation: &'static Operation,
    call: Call,
}

pub(crate) struct Shared {
    pub(crate) keyring: Keyring,
    /// The endpoint's host, with its port where the URL has one.
    pub(crate) host: HeaderValue,
    pub(crate) region: HeaderValue,
    pub(crate) language: HeaderValue,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) checks: bool,
    pub(crate) limiter: Limiter,
    /// How often a failed call is retried.
    pub(crate) max_retries: u32,
    /// How long throttling answers are waited out.
    pub(crate) patience: Duration,
    pub(crate) counters: Counters,
    /// Seconds to add to the clock.
    pub(crate) skew: AtomicI64,
    /// How many commands were begun, which tells two that are begun at once apart.
    pub(crate) begun: AtomicU64,
}

/// The state of one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    /// Whether its request has left.
    pub(crate) underway: Underway,
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

    /// Whether requests are checked against the spec's limits.
    pub(crate) fn checks(&self) -> bool {
        self.shared.checks
    }

    /// All that is not to be told.
    fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        if let Some(signer) = self.shared.keyring.signer() {
            secrets.add(signer.credentials.secret_key().expose());
            signer.credentials.token().into_iter().for_each(|token| secrets.add(token.expose()));
        }
        secrets
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The time, as the service has it as far as is known.
    pub(crate) fn now(&self) -> SystemTime {
        let now = self.shared.clock.now();
        let skew = self.shared.skew.load(Ordering::Relaxed);
        let seconds = Duration::from_secs(skew.unsigned_abs());
        let moved = if skew < 0 { now.checked_sub(seconds) } else { now.checked_add(seconds) };
        moved.unwrap_or(now)
    }

    /// Adds the common headers and the signature.
    fn sign(&self, request: &mut Request, action: &str, signer: &Signer) -> Result<(), String> {
        let host = &self.shared.host;
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

        let unprintable = |_| "a header value is not printable".to_owned();
        let secret = |mut value: HeaderValue| {
            value.set_sensitive(true);
            value
        };
        let token = signer.credentials.token();
        let token = token.map(|token| HeaderValue::from_str(token.expose()).map(secret));
        let token = token.transpose().map_err(unprintable)?;
        let action = HeaderValue::from_str(action).map_err(unprintable)?;
        let authorization =
            HeaderValue::try_from(authorization).map(secret).map_err(unprintable)?;
        let headers = request.headers_mut();
        headers.reserve(8);
        headers.insert(HOST, host.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        headers.insert(ACTION, action);
        headers.insert(VERSION, HeaderValue::from_static(Client::api_version()));
        headers.insert(TIMESTAMP, timestamp.into());
        headers.insert(REGION, self.shared.region.clone());
        headers.insert(LANGUAGE, self.shared.language.clone());
        match token {
            Some(token) => headers.insert(TOKEN, token),
            None => headers.remove(TOKEN),
        };
        headers.insert(AUTHORIZATION, authorization);
        Ok(())
    }

    /// Signs again what was signed once already, so that nothing can be wrong with it.
    fn sign_again(&self, request: &mut Request, action: &str) -> Option<Arc<Signer>> {
        let signer = self.shared.keyring.signer()?;
        if let Err(problem) = self.sign(request, action, &signer) {
            debug!(problem, "signed once, but not again");
        }
        Some(signer)
    }

    /// Carries a signed request, again where the outcome allows it.
    async fn carry(&self, mut request: Request) -> reqwest::Result<Response> {
        let action = self.operation.id;
        let begin = Instant::now();
        let mut attempt = 0;
        let mut failures = 0;
        let mut throttles = 0;
        let [mut may_correct, mut may_renew] = [true, true];
        let mut signer = self.shared.keyring.signer();
        loop {
            let spare = request.try_clone();
            let asked = Instant::now();
            let permit = self.shared.limiter.permit(self.operation).await;
            if attempt > 0 || asked.elapsed() > Duration::from_secs(1) {
                signer = self.sign_again(&mut request, action);
            }
            let dated =
                request.headers().get(TIMESTAMP).and_then(|at| at.to_str().ok()?.parse().ok());
            attempt += 1;
            count(&self.shared.counters.requests);
            let sent = Instant::now();
            self.call.underway.begin();
            let result = self.attempt(request).await;
            drop(permit);
            let (verdict, envelope) = match &result {
                Err(error) => (Verdict::of_error(error), &Envelope::default()),
                Ok((Answer::Whole(_), envelope)) => {
                    (envelope.code.as_deref().map_or(Verdict::Keep, Verdict::of_code), envelope)
                }
                Ok((Answer::Other(answer), envelope)) => {
                    (Verdict::of_status(answer.status()), envelope)
                }
            };
            if verdict.proves_nothing_started() {
                self.call.underway.refute();
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
            let wait = match verdict {
                Verdict::Keep => None,
                Verdict::Throttled => {
                    count(&self.shared.counters.throttled);
                    throttles += 1;
                    let wait = pause(THROTTLED, throttles);
                    (begin.elapsed() + wait <= self.shared.patience).then_some(wait)
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
                        Some(used) => self.shared.keyring.renew(used).await,
                        None => false,
                    };
                    renewed.then_some(Duration::ZERO)
                }
                Verdict::Unsent | Verdict::Failed
                    if failures < self.shared.max_retries
                        && (verdict == Verdict::Unsent || self.operation.repeatable) =>
                {
                    failures += 1;
                    Some(pause(FAILED, failures))
                }
                _ => None,
            };
            match (wait, spare) {
                (Some(wait), Some(spare)) => {
                    request = spare;
                    count(&self.shared.counters.retried);
                    sleep(wait).await;
                }
                _ => {
                    return result.map(|(answer, envelope)| match answer {
                        // HTTP 200 carries success and refusal alike.
                        Answer::Whole(answer) if envelope.is_error => mark_as_error(answer).into(),
                        Answer::Whole(answer) => answer.into(),
                        Answer::Other(answer) => answer,
                    });
                }
            }
        }
    }

    async fn attempt(&self, request: Request) -> reqwest::Result<(Answer, Envelope)> {
        let response = self.shared.transport.execute(self.operation, request).await?;
        if response.status() != StatusCode::OK {
            return Ok((Answer::Other(response), Envelope::default()));
        }
        let answer = buffered(response, MAX_ANSWER).await?;
        let envelope = Envelope::read(answer.body());
        Ok((Answer::Whole(answer), envelope))
    }

    /// Takes the server's time from the answer to a request dated so; false if the date is not why
    /// it was refused.
    fn correct_clock(&self, headers: &HeaderMap, dated: Option<i64>) -> bool {
        let server =
            headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        let (Some(server), Some(dated)) = (server.map(unix_seconds), dated) else { return false };
        if server.abs_diff(dated) < SMALL_SKEW {
            return false;
        }
        let skew = server.saturating_sub(unix_seconds(self.shared.clock.now()));
        // Calls that were refused together find the same.
        if self.shared.skew.swap(skew, Ordering::Relaxed).abs_diff(skew) >= SMALL_SKEW {
            warn!(
                seconds = skew,
                "this machine's clock differs from the service's by that much; requests are dated by \
                 the service's from now on, but set the clock"
            );
        }
        true
    }
}

/// An answer, read to its end where it came from the service itself.
enum Answer {
    Whole(http::Response<Vec<u8>>),
    Other(Response),
}

impl Answer {
    fn headers(&self) -> &HeaderMap {
        match self {
            Self::Whole(answer) => answer.headers(),
            Self::Other(answer) => answer.headers(),
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("credentials", &self.shared.keyring)
            .field("region", &self.shared.region)
            .field("checks", &self.shared.checks)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// How many requests were sent, throttled and repeated so far, by this client and its clones.
    pub fn counts(&self) -> retry::Counts {
        self.inner.shared().counters.read()
    }
}

impl ClientHooks<Inner> for Client {
    async fn pre<E>(&self, request: &mut Request, _: &OperationInfo) -> Result<(), CallError<E>> {
        let operation = self.inner.operation;
        Marks { operation, times: &["x-tc-timestamp"], nonces: &[] }.put(request);
        let Some(signer) = self.inner.shared.keyring.signer() else {
            return Err(CallError::InvalidRequest("there are no credentials".to_owned()));
        };
        self.inner.sign(request, operation.id, &signer).map_err(CallError::InvalidRequest)
    }

    async fn exec(&self, request: Request, _: &OperationInfo) -> reqwest::Result<Response> {
        self.inner.carry(request).await
    }
}

/// Makes a generated exchange, and its failure the provider's error.
pub(crate) async fn call<T>(
    client: &Client,
    operation: &'static Operation,
    exchange: impl Future<Output = Result<ResponseValue<T>, CallError<()>>>,
) -> Result<ResponseValue<T>, Error> {
    let inner = &client.inner;
    inner.shared.keyring.ready(inner.now()).await.map_err(|error| error.during(operation.id))?;
    let underway = &inner.call.underway;
    let secrets = || inner.secrets();
    guestexec_core::exchange("tat", operation, underway, secrets, exchange, error::read).await
}
