//! From what the generated code reports to one [`Error`].

use std::{fmt, future::Future, time::Instant};

use http_body_util::LengthLimitError;
use progenitor_client::{Error as CallError, ResponseValue};
use reqwest::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap},
};
use tracing::{Instrument as _, debug, debug_span};

use crate::{
    Error, ErrorKind, MAX_ANSWER, Operation, Secrets, Underway,
    http::WireStatus,
    proof::not_acted_upon,
    reason::{is_no_http, with_reason},
    repair::repaired,
};

/// Most bytes read of a refusal that is not JSON. Longer ones are a gateway's page, cut there; what
/// a service says in JSON is read whole, for its code stands anywhere in it.
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

/// Why an answer could not be read: where, but not what, since a decoder's own text quotes it.
#[derive(Debug)]
struct Undocumented {
    category: serde_json::error::Category,
    line: usize,
    column: usize,
}

impl fmt::Display for Undocumented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.category {
            serde_json::error::Category::Eof => "it ends early",
            serde_json::error::Category::Syntax => "it is not JSON",
            _ => "it has a member of another type, or lacks one",
        };
        write!(f, "{what}, at line {}, column {}", self.line, self.column)
    }
}

impl std::error::Error for Undocumented {}

/// What a provider reads from an [`Answer`].
#[derive(Debug)]
pub struct Refusal<D> {
    /// The kind of failure.
    pub kind: ErrorKind,
    /// The service's own code.
    pub code: Option<String>,
    /// The service's own message, or a sentence about the answer's form.
    pub message: String,
    /// The vendor's id of the request.
    pub request_id: Option<String>,
    /// The answer in the service's own terms.
    pub detail: Option<D>,
    /// True where the answer proves that no command was started.
    pub not_started: bool,
    /// A sentence on what to do.
    pub advice: Option<String>,
}

impl<D> Refusal<D> {
    /// A reading that goes by the HTTP status alone, for answers no vendor documents.
    ///
    /// Only a status that says why the request was not acted upon proves that nothing was started;
    /// any other may come from something on the way that gave up while the service went on.
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
        }
    }
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

/// One line about an answer: short plain text is a message, anything else is named by its type.
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
        return format!("the answer is {} with an empty body", answer.status);
    }
    if is_markup || text.len() > 500 || text.contains(|c: char| c.is_control() && c != '\n') {
        let form = answer
            .headers
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .unwrap_or("unnamed type");
        return format!(
            "the answer is {} with {} bytes of {form}, which the service does not document",
            answer.status,
            answer.body.len()
        );
    }
    text.replace('\n', " ")
}

/// Makes a generated exchange within a tracing span, and its failure the provider's error.
///
/// The span `call` names provider and operation; its one event tells the duration and, of a
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
/// Those of the call.
pub async fn observed<T, D>(
    provider: &'static str,
    operation: &Operation,
    call: impl Future<Output = Result<ResponseValue<T>, Error<D>>>,
) -> Result<ResponseValue<T>, Error<D>> {
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
/// `decode` reads an answer that is not the operation's success. The command may have run if the
/// request was given to the transport (`underway`, which hooks set), unless the failure proves that
/// it started nothing; the flag then says so, too. What the answer repeats of the client's `secrets`
/// is hidden before anybody reads it.
pub async fn failure<D>(
    operation: &Operation,
    underway: &Underway,
    secrets: Secrets,
    error: CallError<()>,
    decode: impl FnOnce(&Answer) -> Refusal<D>,
) -> Error<D> {
    let error = match error {
        CallError::InvalidRequest(message) => Error::new(ErrorKind::InvalidRequest, message),
        // Hooks report with it that an answer, though a success, is not what was asked for.
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
            let why = Undocumented {
                category: source.classify(),
                line: source.line(),
                column: source.column(),
            };
            let bytes = body.len();
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
            // A reader may have put together what the body had in pieces.
            let hidden = |text| secrets.hidden_in(text);
            let error = Error::new(refusal.kind, hidden(refusal.message))
                .with_code(refusal.code.map(hidden))
                .with_request_id(refusal.request_id.map(hidden))
                .with_status(answer.status)
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

/// True where a transport's failure means that no byte of the request was sent: it could not be
/// made, or no connection could (to a proxy, through it, or with TLS). A connection that was open
/// already and then fails, as a pooled one may, has perhaps carried it.
pub fn unsent(error: &reqwest::Error) -> bool {
    // A body is read of an answer only, whatever a transport says went wrong below it.
    let answered = error.is_body() || error.is_decode();
    !answered && (error.is_builder() || error.is_connect())
}

/// A transport's failure.
fn broken<D>(source: reqwest::Error, unsent: bool) -> Error<D> {
    // The URL may hold what grants access (a job's address), and says nothing new.
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
        // They say all there is to say.
        ErrorKind::TooLarge | ErrorKind::Timeout => message.to_owned(),
        _ => with_reason(message, &source),
    };
    Error::new(kind, message).with_source(source)
}

/// True where an answer was cut by [`limit_answer`](crate::limit_answer).
fn is_too_large(error: &reqwest::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Reads what there is of a refusal, up to the limit; a broken body keeps what came before.
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
