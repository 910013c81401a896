//! From what the generated code reports to one [`Error`].

use std::{future::Future, time::Instant};

use progenitor_client::{Error as CallError, ResponseValue};
use reqwest::{Response, StatusCode, header::HeaderMap};
use tracing::{Instrument as _, debug, debug_span};

use crate::{Error, ErrorKind, http::WireStatus};

/// Most octets read of a refusal's body. Longer ones are a gateway's page, cut there.
pub const MAX_ERROR_BODY: usize = 64 * 1024;

/// An operation of a spec.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// Its `operationId`: the vendor's name.
    pub id: &'static str,
    /// True where a call starts a command, so that a lost answer leaves open whether it ran.
    pub starts_command: bool,
}

/// An answer that is not the operation's success.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status on the wire.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, cut at [`MAX_ERROR_BODY`].
    pub body: Vec<u8>,
}

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
    /// A 4xx is a rejected request. A 5xx may come from anything on the way, so it proves nothing.
    pub fn from_status(answer: &Answer) -> Self {
        let kind = kind_of(answer.status);
        Self {
            kind,
            code: None,
            message: describe(answer),
            request_id: None,
            detail: None,
            not_started: answer.status.is_client_error(),
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
        429 => ErrorKind::Throttled,
        400..=499 => ErrorKind::Refused,
        500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Protocol,
    }
}

/// One line about an answer: short plain text is a message, anything else is named by its type.
fn describe(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    let text = text.trim();
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
    operation: Operation,
    exchange: impl Future<Output = Result<ResponseValue<T>, CallError<()>>>,
    decode: impl FnOnce(&Answer) -> Refusal<D>,
) -> Result<ResponseValue<T>, Error<D>> {
    let span = debug_span!("call", provider, operation = operation.id);
    async {
        let start = Instant::now();
        let result = match exchange.await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(failure(operation, error, decode).await),
        };
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
/// `decode` reads an answer that is not the operation's success. Whether the command may have run
/// follows from how far the exchange came and, where an answer came, from what it proves.
pub async fn failure<D>(
    operation: Operation,
    error: CallError<()>,
    decode: impl FnOnce(&Answer) -> Refusal<D>,
) -> Error<D> {
    let lost = |kind, message: String| {
        Error::new(kind, message).with_may_have_run(operation.starts_command)
    };
    let error = match error {
        CallError::InvalidRequest(message) => Error::new(ErrorKind::InvalidRequest, message),
        // Hooks report with it that an answer, though a success, is not what was asked for.
        CallError::Custom(message) => lost(ErrorKind::Protocol, message),
        CallError::CommunicationError(source) => unsent_or_lost(operation, source),
        CallError::InvalidUpgrade(source) | CallError::ResponseBodyError(source) => {
            unsent_or_lost(operation, source)
        }
        CallError::InvalidResponsePayload(body, source) => {
            // The decoder's message may quote the body, so it goes to the source chain only.
            lost(
                ErrorKind::Protocol,
                format!("the answer ({} bytes) does not have the documented form", body.len()),
            )
            .with_source(source)
        }
        CallError::ErrorResponse(answer) => {
            lost(ErrorKind::Protocol, "the answer has an undocumented status".to_owned())
                .with_status(answer.status())
        }
        CallError::UnexpectedResponse(response) => {
            let answer = read(response).await;
            let refusal = decode(&answer);
            let error = Error::new(refusal.kind, refusal.message)
                .with_code(refusal.code)
                .with_request_id(refusal.request_id)
                .with_status(answer.status)
                .with_detail(refusal.detail)
                .with_may_have_run(operation.starts_command && !refusal.not_started);
            match refusal.advice {
                Some(advice) => error.with_advice(advice),
                None => error,
            }
        }
    };
    error.during(operation.id)
}

/// A transport failure: before the request could leave, or after.
fn unsent_or_lost<D>(operation: Operation, source: reqwest::Error) -> Error<D> {
    // The URL may hold what grants access (a job's address), and says nothing new.
    let source = source.without_url();
    let (kind, message) = if source.is_builder() {
        (ErrorKind::InvalidRequest, "the request could not be made")
    } else if source.is_connect() {
        (ErrorKind::Connect, "no connection could be made")
    } else if source.is_timeout() {
        (ErrorKind::Timeout, "the deadline passed before the answer was complete")
    } else {
        (ErrorKind::Lost, "the connection ended before the answer was complete")
    };
    let sent = !matches!(kind, ErrorKind::InvalidRequest | ErrorKind::Connect);
    let mut message = message.to_owned();
    let mut cause = std::error::Error::source(&source);
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    Error::new(kind, message)
        .with_may_have_run(sent && operation.starts_command)
        .with_source(source)
}

/// Reads what there is of a refusal, up to the limit; a broken body keeps what came before.
async fn read(mut response: Response) -> Answer {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = MAX_ERROR_BODY - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == MAX_ERROR_BODY {
            break;
        }
    }
    let wire = response.extensions().get::<WireStatus>().map(|wire| wire.0);
    let status = wire.unwrap_or_else(|| response.status());
    Answer { status, headers: response.headers().clone(), body }
}
