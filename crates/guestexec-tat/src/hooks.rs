//! What the client does around each generated exchange: it signs the request, waits for its turn, sends
//! it, and retries where that does no harm.

use std::{
    fmt,
    future::Future,
    mem,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use guestexec_core::{
    Answer, Attempts, CallError, Counts, MAX_ANSWER, Mark, Marks, Operation, PlainHttp, RequestId,
    Secrets, Seen, TransportError, Underway, Verdict, buffered, exchange, header_value, http_date,
    identifier, mark_as_error, retry_after, secret_header, unix_seconds, wire_status, within,
};
use reqwest::{
    Request, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, DATE, HOST, HeaderMap, HeaderName, HeaderValue},
};
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::{
    Client, Error,
    auth::{Signer, Signers},
    error,
    limit::Limiter,
    retry::{Envelope, Meaning},
    sign::{self, Canonical, Scope},
};

/// The service's name inside a signature.
const SERVICE: &str = "tat";
const JSON: &str = "application/json";
const ACTION: HeaderName = HeaderName::from_static("x-tc-action");
const VERSION: HeaderName = HeaderName::from_static("x-tc-version");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-tc-timestamp");
const REGION: HeaderName = HeaderName::from_static("x-tc-region");
const REQUEST_CLIENT: HeaderName = HeaderName::from_static("x-tc-requestclient");
const LANGUAGE: HeaderName = HeaderName::from_static("x-tc-language");
const TOKEN: HeaderName = HeaderName::from_static("x-tc-token");
/// Largest error of a clock, in seconds, at which the service still accepts a signature.
const SMALL_SKEW: u64 = 60;

/// The content of a client besides its address.
pub(crate) type Inner = guestexec_core::Inner<Arc<Shared>, Call>;

pub(crate) struct Shared {
    pub(crate) keyring: Signers,
    /// Where an address may be plain `http`.
    pub(crate) plain_http: PlainHttp,
    /// The endpoint's host, with its port where the URL has one.
    pub(crate) host: HeaderValue,
    pub(crate) region: HeaderValue,
    pub(crate) language: HeaderValue,
    pub(crate) limiter: Limiter,
    /// The names of this library and of the program.
    pub(crate) request_client: HeaderValue,
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
    /// The marks of texts that code made for the call; a shape replaces them.
    pub(crate) marks: Vec<Mark>,
}

impl Client {
    /// How many requests were sent, throttled and retried so far, by this client and its clones.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.tat().client()?;
    /// client.describe_regions().send().await?;
    /// let counts = client.counts();
    /// assert_eq!((counts.requests, counts.throttled, counts.retried), (1, 0, 0));
    /// println!("{counts}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn counts(&self) -> Counts {
        self.inner.counts()
    }

    /// The secrets that no error may show.
    fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        if let Some(signer) = self.inner.shared.keyring.current() {
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
        headers.reserve(9);
        headers.insert(HOST, host.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        headers.insert(ACTION, action);
        headers.insert(VERSION, HeaderValue::from_static(Client::API_VERSION));
        headers.insert(TIMESTAMP, timestamp.into());
        headers.insert(REGION, self.inner.shared.region.clone());
        headers.insert(LANGUAGE, self.inner.shared.language.clone());
        headers.insert(REQUEST_CLIENT, self.inner.shared.request_client.clone());
        match token {
            Some(token) => headers.insert(TOKEN, token),
            None => headers.remove(TOKEN),
        };
        headers.insert(AUTHORIZATION, authorization);
        Ok(())
    }

    /// Signs a request again. It was signed before, so this cannot fail.
    fn sign_again(&self, request: &mut Request, action: &str) -> Option<Arc<Signer>> {
        let signer = self.inner.shared.keyring.current()?;
        if let Err(problem) = self.sign(request, action, &signer) {
            debug!(problem, "signed once, but not again");
        }
        Some(signer)
    }

    /// Sends a signed request, and retries it where the outcome allows that.
    async fn send(&self, mut request: Request) -> Result<Response, TransportError> {
        let mut attempts = self.inner.attempts(None);
        let mut corrections = Corrections { clock: true, credentials: true };
        let mut signer = self.inner.shared.keyring.current();
        loop {
            let spare = request.try_clone();
            let mut dated = None;
            let limit = attempts.limit();
            let attempt = self.attempt(request, &mut attempts, &mut signer, &mut dated);
            let result = within(limit, attempt).await;
            let (meaning, envelope) = match &result {
                Err(error) => (Meaning::Common(Verdict::of_error(error)), &Envelope::default()),
                Ok((_, Some(envelope))) => {
                    (Meaning::of_code(envelope.code.as_deref().unwrap_or_default()), envelope)
                }
                Ok((answer, None)) => {
                    (Meaning::Common(Verdict::of_status(answer.status())), &Envelope::default())
                }
            };
            if meaning.has_no_effect() {
                self.inner.call.underway.refute();
            }
            let answer = result.as_ref().ok().map(|(answer, _)| answer);
            let verdict = match meaning {
                Meaning::Common(verdict) => verdict,
                meaning => self.correct(meaning, &mut corrections, answer, dated, &signer).await,
            };
            let seen = Seen {
                status: answer.map(wire_status),
                retry_after: answer.and_then(|answer| retry_after(answer.headers())),
                code: envelope.code.as_deref(),
                request_id: envelope.request_id.as_deref(),
            };
            match spare {
                Some(spare) if attempts.again(verdict, seen, &|| self.secrets()).await => {
                    request = spare
                }
                _ => return result.map(|(answer, _)| answer),
            }
        }
    }

    /// Sends a request once, when it is its turn, and reads the envelope of an answer with status 200.
    async fn attempt(
        &self,
        mut request: Request,
        attempts: &mut Attempts<'_>,
        signer: &mut Option<Arc<Signer>>,
        dated: &mut Option<i64>,
    ) -> Result<(Response, Option<Envelope>), TransportError> {
        let asked = Instant::now();
        let _permit = self.inner.shared.limiter.permit(self.inner.operation).await;
        if attempts.made() > 0 || asked.elapsed() > Duration::from_secs(1) {
            *signer = self.sign_again(&mut request, self.inner.operation.id);
        }
        *dated = request.headers().get(TIMESTAMP).and_then(|at| at.to_str().ok()?.parse().ok());
        attempts.begin(&request);
        self.inner.call.underway.begin();
        let response = self.inner.send(request).await?;
        if response.status() != StatusCode::OK {
            return Ok((response, None));
        }
        let mut answer = buffered(response, MAX_ANSWER).await?;
        let envelope = Envelope::read(answer.body());
        if let Some(id) = envelope.request_id.as_deref() {
            answer.extensions_mut().insert(RequestId(identifier(id)));
        }
        // A refusal has the status 200, too.
        let answer = if envelope.is_error { mark_as_error(answer) } else { answer };
        Ok((answer.into(), Some(envelope)))
    }

    /// Removes the reason for which the service refused a signature, once for each call.
    async fn correct(
        &self,
        meaning: Meaning,
        corrections: &mut Corrections,
        answer: Option<&Response>,
        dated: Option<i64>,
        signer: &Option<Arc<Signer>>,
    ) -> Verdict {
        let corrected = match (meaning, signer) {
            (Meaning::Clock, _) if mem::take(&mut corrections.clock) => {
                answer.is_some_and(|answer| self.correct_clock(answer.headers(), dated))
            }
            (Meaning::Credentials, Some(used)) if mem::take(&mut corrections.credentials) => {
                self.inner.shared.keyring.renew(self.now(), |signer| signer.is_same(used)).await
            }
            _ => false,
        };
        if corrected { Verdict::Corrected } else { Verdict::Final }
    }

    /// Takes the server's time from the answer to a request with the time `dated`. False if the two agree,
    /// so that another reason made the service reject the signature.
    fn correct_clock(&self, headers: &HeaderMap, dated: Option<i64>) -> bool {
        let server = headers.get(DATE).and_then(|date| http_date(date.to_str().ok()?));
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

/// The corrections that are left to a call.
struct Corrections {
    clock: bool,
    credentials: bool,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("credentials", &self.keyring)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// Signs and sends the request of a call.
pub(crate) async fn send(client: &Client, mut request: Request) -> Result<Response, CallError> {
    let Inner { operation, call, shared, .. } = &client.inner;
    Marks { operation, times: &["x-tc-timestamp"], nonces: &[], made: &call.marks }
        .put(&mut request);
    let Some(signer) = shared.keyring.current() else {
        return Err(CallError::InvalidRequest("there are no credentials".to_owned()));
    };
    client.sign(&mut request, operation.id, &signer).map_err(CallError::InvalidRequest)?;
    client.inner.prepare(&mut request)?;
    Ok(client.send(request).await?)
}

/// Makes the call whose `answer` is awaited; its failure becomes the provider's error.
pub(crate) async fn call<T>(
    client: &Client,
    operation: &'static Operation,
    answer: impl Future<Output = Result<Answer<T>, CallError>>,
) -> Result<Answer<T>, Error> {
    let Inner { shared, call, .. } = &client.inner;
    shared.keyring.ready(client.now()).await.map_err(|error| error.during(operation.id))?;
    exchange("tat", operation, &call.underway, || client.secrets(), answer, error::read).await
}
