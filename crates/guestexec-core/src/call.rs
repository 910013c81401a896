//! The failure of a generated call, as one [`Error`].

use std::{
    fmt,
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};

use hyper::body::Bytes;
use reqwest::{
    Response, StatusCode,
    header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, InvalidHeaderValue, RETRY_AFTER},
};
use serde_json::error::Category;
use tracing::Instrument as _;

use crate::{
    Answer, Error, ErrorKind, MAX_ANSWER, Operation, Secrets, Streamed, TransportError, Underway,
    Upgraded, Violation, http::WireStatus, http_date, not_started::not_acted_upon,
    repair::repaired, runtime::ensure_runtime, telemetry, transport::error::Fault,
};

/// Why an exchange has no answer of success.
#[derive(Debug)]
pub enum CallError {
    /// The request breaks a limit or could not be made, for this reason. It was not sent.
    InvalidRequest(String),
    /// An answer of success does not fit the request: the sentence says how.
    Undocumented(String),
    /// There is no answer.
    Transport(TransportError),
    /// The answer is not one of success.
    Refused(Box<Response>),
}

impl From<Violation> for CallError {
    fn from(violation: Violation) -> Self {
        Self::InvalidRequest(violation.to_string())
    }
}

impl From<TransportError> for CallError {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

/// A request that could not be built.
impl From<reqwest::Error> for CallError {
    fn from(error: reqwest::Error) -> Self {
        Self::Transport(TransportError::from_reqwest(error))
    }
}

/// A parameter that goes into a header.
impl From<InvalidHeaderValue> for CallError {
    fn from(_: InvalidHeaderValue) -> Self {
        Self::InvalidRequest("a header value is not printable".to_owned())
    }
}

/// The answer, if its status is one of `successes`.
///
/// # Errors
/// [`CallError::Refused`] with the answer, if not.
pub fn accepted(response: Response, successes: &[u16]) -> Result<Response, CallError> {
    match successes.contains(&response.status().as_u16()) {
        true => Ok(response),
        false => Err(CallError::Refused(Box::new(response))),
    }
}

/// The most bytes read of an error answer that is not JSON: longer ones are a gateway's page. JSON is read
/// whole, because the service's code may be anywhere in it.
pub const MAX_ERROR_BODY: usize = 64 * 1024;

/// An answer that is not the operation's success.
pub struct ErrorAnswer {
    /// The HTTP status on the wire.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, cut at [`MAX_ERROR_BODY`] unless it is JSON.
    pub body: Vec<u8>,
}

/// Without headers and body, which may hold secrets.
impl fmt::Debug for ErrorAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorAnswer({}, {} bytes)", self.status, self.body.len())
    }
}

/// Where and why an answer could not be read. Unlike the decoder's own text, it quotes nothing.
fn position(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Eof => "it ends early",
        Category::Syntax => "it is not JSON",
        _ => "it has a member of another type, or lacks one",
    };
    format!("{what}, at line {}, column {}", error.line(), error.column())
}

/// The message about an answer of this many bytes that could not be read.
pub(crate) fn undocumented(size: usize, error: &serde_json::Error) -> String {
    let why = position(error);
    format!("the answer ({size} bytes) does not have the documented form: {why}")
}

/// The meaning that a provider gives to an [`ErrorAnswer`].
#[derive(Debug)]
pub struct Refusal<D> {
    /// The kind of failure.
    pub kind: ErrorKind,
    /// The service's own code.
    pub code: Option<String>,
    /// The service's message, or a sentence about the answer's form.
    pub message: String,
    /// The vendor's id of the request.
    pub request_id: Option<String>,
    /// The service's error object.
    pub detail: Option<D>,
    /// True if the answer proves that no command was started.
    pub not_started: bool,
    /// A sentence on what to do.
    pub advice: Option<String>,
    /// How long the service asks to wait before a retry.
    pub retry_after: Option<Duration>,
}

impl<D> Refusal<D> {
    /// The meaning of the HTTP status alone, for answers that no vendor documents.
    ///
    /// Any status may come from a proxy that gave up while the service went on, unless it names a reason
    /// for which the service did nothing.
    pub fn from_status(answer: &ErrorAnswer) -> Self {
        let kind = kind_of(answer.status);
        Self {
            kind,
            code: None,
            message: describe(answer),
            request_id: None,
            detail: None,
            not_started: not_acted_upon(answer.status),
            advice: None,
            retry_after: retry_after(&answer.headers),
        }
    }
}

/// How long an answer asks to wait before a retry, by its header `Retry-After`: in seconds, or up to a
/// date, which is compared with the answer's own.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    http_date(asked)?.duration_since(http_date(text(DATE)?)?).ok()
}

/// The kind of failure an HTTP status stands for.
fn kind_of(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        401 => ErrorKind::Unauthenticated,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        408 => ErrorKind::Timeout,
        425 => ErrorKind::Unavailable,
        429 => ErrorKind::Throttled,
        499 => ErrorKind::Lost,
        400..=499 => ErrorKind::Refused,
        500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Protocol,
    }
}

/// A status by its number and, if it has one, its name.
fn named(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(name) => format!("{} {name}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// One line about an answer: its text if that is short and plain, else its type.
fn describe(answer: &ErrorAnswer) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    let text = text.trim();
    if answer.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return "the proxy on the way asks for a user and a password (407): give them with its \
                address in `HttpOptions::proxy`"
            .to_owned();
    }
    let is_markup = text.starts_with('<') || text.starts_with('{');
    if text.is_empty() {
        return format!("the answer is {} with an empty body", named(answer.status));
    }
    if is_markup || text.len() > 500 || text.contains(|c: char| c.is_control() && c != '\n') {
        let form = answer
            .headers
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .unwrap_or("unnamed type");
        return format!(
            "the answer is {} with {} bytes of {form}, which the service does not document",
            named(answer.status),
            answer.body.len()
        );
    }
    text.replace('\n', " ")
}

/// Makes a call within a tracing span; its failure becomes the provider's error.
///
/// The fields of the span and of its events are those of [`telemetry`](crate::telemetry). Nothing of what
/// request or answer hold is recorded.
///
/// # Errors
/// As [`failure`].
pub async fn exchange<T, D>(
    provider: &'static str,
    operation: &Operation,
    underway: &Underway,
    secrets: impl FnOnce() -> Secrets,
    answer: impl Future<Output = Result<Answer<T>, CallError>>,
    decode: impl FnOnce(&ErrorAnswer) -> Refusal<D>,
) -> Result<Answer<T>, Error<D>> {
    observed(provider, operation, async {
        match answer.await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(failure(operation, underway, secrets(), error, decode).await),
        }
    })
    .await
}

/// An exchange of generated code. Boxed and without its type, so that what is around it is compiled once.
pub type Exchanging<'a> = Pin<Box<dyn Future<Output = Result<Response, CallError>> + Send + 'a>>;

/// Reads a body, and keeps what it holds. Without its type, for the same reason.
pub type Reader<'a> = &'a mut (dyn FnMut(Bytes) -> serde_json::Result<()> + Send);

/// Has the answer of an exchange read.
///
/// # Errors
/// The exchange's; [`CallError::Undocumented`], if the body cannot be read.
pub async fn answer(exchange: Exchanging<'_>, read: Reader<'_>) -> Result<Answer<()>, CallError> {
    let response = exchange.await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let request_id = response.extensions().get::<RequestId>().cloned();
    let body = response.bytes().await?;
    let size = body.len();
    read(body).map_err(|error| CallError::Undocumented(undocumented(size, &error)))?;
    Ok(Answer::new((), status, headers).with_request_id(request_id.map(|id| id.0)))
}

/// Takes the connection of an exchange that was upgraded.
///
/// # Errors
/// The exchange's, or the connection's.
pub async fn upgraded(exchange: Exchanging<'_>) -> Result<Answer<Upgraded>, CallError> {
    let response = exchange.await?;
    let (status, headers) = (response.status(), response.headers().clone());
    Ok(Answer::new(Upgraded::new(response.upgrade().await?), status, headers))
}

/// Takes the body of an exchange's answer as it comes.
///
/// # Errors
/// The exchange's.
pub async fn streamed(exchange: Exchanging<'_>) -> Result<Answer<Streamed>, CallError> {
    let response = exchange.await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let request_id = response.extensions().get::<RequestId>().cloned();
    let answer = Answer::new(Streamed::new(response), status, headers);
    Ok(answer.with_request_id(request_id.map(|id| id.0)))
}

/// The vendor's id of a request, which hooks find in its answer: an extension of the response.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Reads the body of an answer.
pub mod read {
    use hyper::body::Bytes;
    use serde::de::DeserializeOwned;

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// If it does not have the documented form.
    pub fn json<T: DeserializeOwned>(body: Bytes) -> serde_json::Result<T> {
        serde_json::from_slice(&body)
    }

    /// Text, with U+FFFD for what is not UTF-8.
    ///
    /// # Errors
    /// None.
    pub fn text(body: Bytes) -> serde_json::Result<String> {
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// The bytes as they came.
    ///
    /// # Errors
    /// None.
    pub fn bytes(body: Bytes) -> serde_json::Result<Bytes> {
        Ok(body)
    }

    /// Ignores the body.
    ///
    /// # Errors
    /// None.
    pub fn nothing(_: Bytes) -> serde_json::Result<()> {
        Ok(())
    }
}

/// Makes a call within its tracing span, see [`exchange`].
///
/// # Errors
/// As [`ensure_runtime`], and those of the call.
pub async fn observed<T, D>(
    provider: &'static str,
    operation: &Operation,
    call: impl Future<Output = Result<Answer<T>, Error<D>>>,
) -> Result<Answer<T>, Error<D>> {
    ensure_runtime().map_err(|error| error.during(operation.id))?;
    let span = telemetry::call_span(provider, operation);
    let start = Instant::now();
    let result = call.instrument(span.clone()).await;
    match &result {
        Ok(answer) => telemetry::answered(&span, answer.status(), start.elapsed()),
        Err(error) => telemetry::failed(&span, error, start.elapsed()),
    }
    result
}

/// Turns the failure of a generated call into the provider's error.
///
/// `decode` reads an answer that is not a success. The command may have run if hooks marked the request as
/// sent (`underway`), unless the failure proves that nothing was started; the mark is then taken back.
/// `secrets` are hidden in the answer before `decode` reads it.
pub async fn failure<D>(
    operation: &Operation,
    underway: &Underway,
    secrets: Secrets,
    error: CallError,
    decode: impl FnOnce(&ErrorAnswer) -> Refusal<D>,
) -> Error<D> {
    let error = match error {
        CallError::InvalidRequest(message) => Error::new(ErrorKind::InvalidRequest, message),
        CallError::Undocumented(message) => {
            Error::new(ErrorKind::Protocol, secrets.hidden_in(message))
        }
        CallError::Transport(error) => {
            if error.is_not_sent() {
                underway.refute();
            }
            broken(error)
        }
        CallError::Refused(response) => {
            let mut answer = read_error(*response).await;
            secrets.hide_in(&mut answer.body);
            let refusal = decode(&answer);
            if refusal.not_started {
                underway.refute();
            }
            // `decode` may have joined the parts of a secret.
            let hidden = |text| secrets.hidden_in(text);
            let error = Error::new(refusal.kind, hidden(refusal.message))
                .with_code(refusal.code.map(hidden))
                .with_request_id(refusal.request_id.map(hidden))
                .with_status(answer.status)
                .with_retry_after(refusal.retry_after)
                .with_detail(refusal.detail);
            match refusal.advice {
                Some(advice) => error.with_advice(hidden(advice)),
                None => error,
            }
        }
    };
    error
        .during(operation.id)
        .with_may_have_run(operation.starts_command && underway.may_have_run())
}

/// A transport's failure.
fn broken<D>(error: TransportError) -> Error<D> {
    let kind = match error.fault() {
        Fault::Unusable => ErrorKind::InvalidRequest,
        Fault::NotSent => ErrorKind::Connect,
        Fault::TimedOut => ErrorKind::Timeout,
        Fault::TooLarge => ErrorKind::TooLarge,
        Fault::NotHttp => ErrorKind::Protocol,
        Fault::Lost => ErrorKind::Lost,
    };
    let (message, source) = error.into_parts();
    let error = Error::new(kind, message);
    match source {
        Some(source) => error.caused_by(source),
        None => error,
    }
}

/// The status of an answer on the wire, which [`mark_as_error`](crate::mark_as_error) may have changed.
pub fn wire_status(response: &Response) -> StatusCode {
    let wire = response.extensions().get::<WireStatus>().map(|wire| wire.0);
    wire.unwrap_or_else(|| response.status())
}

/// Reads an error answer ahead of the provider, and returns it unchanged, with its body in memory.
pub async fn read_ahead(response: Response) -> (Response, ErrorAnswer) {
    let (status, extensions) = (response.status(), response.extensions().clone());
    let answer = read_error(response).await;
    let mut read = http::Response::new(answer.body.clone());
    *read.status_mut() = status;
    *read.headers_mut() = answer.headers.clone();
    *read.extensions_mut() = extensions;
    (read.into(), answer)
}

/// Reads an error answer up to the limit; of a body that breaks off, what came before.
async fn read_error(mut response: Response) -> ErrorAnswer {
    let content_type = response.headers().get(CONTENT_TYPE);
    let is_json =
        content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let begins = |body: &[u8]| body.trim_ascii_start().first() == Some(&b'{');
        let most = match is_json || begins(&body) || (body.is_empty() && begins(&chunk)) {
            true => MAX_ANSWER,
            false => MAX_ERROR_BODY,
        };
        let room = most - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == most {
            break;
        }
    }
    let status = wire_status(&response);
    ErrorAnswer { status, headers: response.headers().clone(), body: repaired(body) }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn the_wait_asked_for_is_in_seconds_or_up_to_a_date() {
        const DAY: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (asked, date, seconds) in [
            ("120", None, Some(120)),
            (" 0 ", None, Some(0)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(DAY), Some(30)),
            // Without the service's own date, or from a date that has passed, it says nothing.
            ("Sun, 06 Nov 1994 08:50:07 GMT", None, None),
            ("Sun, 06 Nov 1994 08:49:07 GMT", Some(DAY), None),
            ("-1", None, None),
            ("1.5", None, None),
            ("soon", Some(DAY), None),
            ("99999999999999999999", None, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(asked));
            if let Some(date) = date {
                headers.insert(DATE, HeaderValue::from_static(date));
            }
            assert_eq!(retry_after(&headers), seconds.map(Duration::from_secs), "{asked}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
