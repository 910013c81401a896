//! The failure of a generated call, as one [`Error`].

use std::{
    fmt,
    future::Future,
    time::{Duration, Instant},
};

use progenitor_client::{Error as CallError, ResponseValue};
use reqwest::{
    Response, StatusCode,
    header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER},
};
use serde_json::error::Category;
use tracing::{Instrument as _, debug, debug_span};

use crate::{
    Error, ErrorKind, MAX_ANSWER, Operation, Secrets, Underway, Violation,
    http::WireStatus,
    not_started::not_acted_upon,
    reason::{is_no_http, is_too_large, with_reason},
    repair::repaired,
    runtime::ensure_runtime,
};

impl<E> From<Violation> for CallError<E> {
    fn from(violation: Violation) -> Self {
        Self::InvalidRequest(violation.to_string())
    }
}

/// The most bytes read of an error answer that is not JSON: longer ones are a gateway's page. JSON is read
/// whole, because the service's code may be anywhere in it.
pub const MAX_ERROR_BODY: usize = 64 * 1024;

/// An answer that is not the operation's success.
pub struct Answer {
    /// The HTTP status on the wire.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, cut at [`MAX_ERROR_BODY`] unless it is JSON.
    pub body: Vec<u8>,
}

/// Without headers and body, which may hold secrets.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
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

/// The meaning that a provider gives to an [`Answer`].
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
    pub fn from_status(answer: &Answer) -> Self {
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
    let [until, now] = [asked, text(DATE)?].map(httpdate::parse_http_date);
    until.ok()?.duration_since(now.ok()?).ok()
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
fn describe(answer: &Answer) -> String {
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
/// The span `call` has the provider and the operation; its one event has the duration and, of a
/// failure, kind, code and request id. Nothing of request or answer is recorded.
///
/// # Errors
/// As [`failure`].
pub async fn exchange<T, D>(
    provider: &'static str,
    operation: &Operation,
    underway: &Underway,
    secrets: impl FnOnce() -> Secrets,
    exchange: impl Future<Output = Result<ResponseValue<T>, CallError<()>>>,
    decode: impl FnOnce(&Answer) -> Refusal<D>,
) -> Result<ResponseValue<T>, Error<D>> {
    observed(provider, operation, async {
        match exchange.await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(failure(operation, underway, secrets(), error, decode).await),
        }
    })
    .await
}

/// Makes a call within its tracing span, see [`exchange`].
///
/// # Errors
/// As [`ensure_runtime`], and those of the call.
pub async fn observed<T, D>(
    provider: &'static str,
    operation: &Operation,
    call: impl Future<Output = Result<ResponseValue<T>, Error<D>>>,
) -> Result<ResponseValue<T>, Error<D>> {
    ensure_runtime().map_err(|error| error.during(operation.id))?;
    let span = debug_span!("call", provider, operation = operation.id);
    async {
        let start = Instant::now();
        let result = call.await;
        let elapsed_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &result {
            Ok(answer) => debug!(elapsed_ms, status = answer.status().as_u16(), "answered"),
            Err(error) => debug!(
                elapsed_ms,
                kind = ?error.kind(),
                code = error.code(),
                request_id = error.request_id(),
                may_have_run = error.may_have_run(),
                "failed"
            ),
        }
        result
    }
    .instrument(span)
    .await
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
    error: CallError<()>,
    decode: impl FnOnce(&Answer) -> Refusal<D>,
) -> Error<D> {
    let error = match error {
        CallError::InvalidRequest(message) => Error::new(ErrorKind::InvalidRequest, message),
        // Hooks report with it a successful answer that does not fit the request.
        CallError::Custom(message) => Error::new(ErrorKind::Protocol, secrets.hidden_in(message)),
        CallError::CommunicationError(source) => {
            let unsent = unsent(&source);
            if unsent {
                underway.refute();
            }
            broken(source, unsent)
        }
        CallError::InvalidUpgrade(source) | CallError::ResponseBodyError(source) => {
            broken(source, false)
        }
        CallError::InvalidResponsePayload(body, source) => {
            let (bytes, why) = (body.len(), position(&source));
            Error::new(
                ErrorKind::Protocol,
                format!("the answer ({bytes} bytes) does not have the documented form: {why}"),
            )
        }
        CallError::ErrorResponse(answer) => {
            Error::new(ErrorKind::Protocol, "the answer has an undocumented status")
                .with_status(answer.status())
        }
        CallError::UnexpectedResponse(response) => {
            let mut answer = read(response).await;
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

/// True if the failure proves that no byte of the request was sent: the request could not be built, or no
/// connection made (to a proxy, through it, or with TLS). A pooled connection that fails may have carried it.
pub fn unsent(error: &reqwest::Error) -> bool {
    // Only answers have a body to read, whatever cause the transport names.
    let answered = error.is_body() || error.is_decode();
    !answered && (error.is_builder() || error.is_connect())
}

/// A transport's failure.
fn broken<D>(source: reqwest::Error, unsent: bool) -> Error<D> {
    // The URL may grant access, such as the address of a job.
    let source = source.without_url();
    let (kind, message) = if is_too_large(&source) {
        (ErrorKind::TooLarge, "the answer is larger than is read into memory")
    } else if unsent && source.is_builder() {
        (ErrorKind::InvalidRequest, "the request could not be made")
    } else if unsent {
        (ErrorKind::Connect, "no connection could be made")
    } else if source.is_timeout() {
        (ErrorKind::Timeout, "the deadline passed before the answer was complete")
    } else if is_no_http(&source) {
        (ErrorKind::Protocol, "what answers does not speak HTTP/1.1")
    } else {
        (ErrorKind::Lost, "the connection ended before the answer was complete")
    };
    let message = match kind {
        // The reason would add nothing.
        ErrorKind::TooLarge | ErrorKind::Timeout => message.to_owned(),
        _ => with_reason(message, &source),
    };
    Error::new(kind, message).with_source(source)
}

/// Reads an error answer up to the limit; of a body that breaks off, what came before.
async fn read(mut response: Response) -> Answer {
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
    let wire = response.extensions().get::<WireStatus>().map(|wire| wire.0);
    let status = wire.unwrap_or_else(|| response.status());
    Answer { status, headers: response.headers().clone(), body: repaired(body) }
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
