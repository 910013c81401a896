//! The meaning of the service's errors.

use guestexec_core::{Detail, ErrorAnswer, ErrorKind, Refusal, retry_after};
use reqwest::StatusCode;
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::{not_started, types::ErrorCode};

/// A failed call. Its [`detail`](guestexec_core::Error::detail) is the service's own account, with
/// the chain of causes.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.zstack().client()?;
/// # let stopped = sandbox.zstack().stopped_vm_uuid();
/// let error = client.vm(stopped).run("true").await.expect_err("the VM is stopped");
/// assert_eq!(error.operation(), Some("ExecuteGuestVmCommand"));
/// assert!(!error.may_have_run() && !error.is_retryable());
/// println!("{error}; {:?}, {:?}, {:?}", error.kind(), error.code(), error.detail());
/// # Ok(())
/// # }
/// ```
pub type Error = guestexec_core::Error<ErrorCode>;

impl Detail for ErrorCode {
    const PROVIDER: &'static str = "zstack";
}

/// The most causes that are read.
const MAX_CAUSES: usize = 32;

/// Reads an error: JSON with an error code, or the plain text of the REST layer; `signed` if the request was
/// signed with an AccessKey.
pub(crate) fn read(answer: &ErrorAnswer, signed: bool) -> Refusal<ErrorCode> {
    if let Some(error) = error_in(&answer.body, !answer.status.is_success()) {
        return from_code(error, answer);
    }
    let mut refusal = Refusal::from_status(answer);
    if refusal.message.contains("requestTimeTooSkewed") {
        refusal.kind = ErrorKind::Unauthenticated;
        refusal.advice = Some(
            "the node compares local times without their zones: write dates in its zone with \
             `Credentials::date_zone`, and set both clocks"
                .to_owned(),
        );
    } else if answer.status == StatusCode::BAD_REQUEST && refusal.message.contains("Authorization")
    {
        refusal.kind = ErrorKind::Unauthenticated;
    } else if answer.status == StatusCode::FORBIDDEN {
        let advice = match signed {
            true => {
                "check that the AccessKey's secret is whole and that of its id, and that it is enabled"
            }
            false => {
                "a node answers so to AccessKeys only, and none was sent: check the endpoint, and ask \
                 whoever runs a proxy or gateway before it"
            }
        };
        refusal.advice = Some(advice.to_owned());
    } else if not_started::is_duplicate(answer) {
        refusal.not_started = false;
        refusal.advice =
            Some("a command was sent under this job's name before; a name is used once".to_owned());
    }
    refusal
}

/// Finds the service's error in an answer, in any of its forms; `failed` if the status is one of failure.
pub(crate) fn error_in(body: &[u8], failed: bool) -> Option<ErrorCode> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let members = answer.as_object()?;
    let raw = &answer["error"];
    // Beside a result, an empty value of any type is no error.
    let nothing = [json!(""), json!(false), json!(0), json!([])].contains(raw);
    let has_result = members
        .iter()
        .any(|(name, value)| !matches!(name.as_str(), "error" | "success") && !value.is_null());
    let success = &answer["success"];
    let is_failure = *success == false
        || success.as_str().is_some_and(|text| text.trim().eq_ignore_ascii_case("false"));
    let is_error = !raw.is_null() && (failed || !nothing || !has_result);
    if !is_error && !is_failure {
        return None;
    }
    let mut error = ErrorCode::deserialize(raw).unwrap_or_default();
    if !raw.is_null() && !raw.is_object() {
        error.details = raw.as_str().map(str::to_owned);
        error.extra.insert("error".to_owned(), raw.clone());
    }
    Some(error)
}

/// True if the service did nothing because the session has ended.
pub(crate) fn session_ended(error: &Error) -> bool {
    error.detail().is_some_and(is_session_end)
}

pub(crate) fn is_session_end(error: &ErrorCode) -> bool {
    error.code.as_deref() == Some("ID.1001")
        || error.global_error_code.as_deref() == Some("ORG_ZSTACK_IDENTITY_10020")
}

/// An error of the service and all its causes, outermost first and each before its own causes.
pub fn causes(error: &ErrorCode) -> impl Iterator<Item = &ErrorCode> {
    let mut open = vec![error];
    let next = move || {
        let error = open.pop()?;
        open.extend(inside(error).rev());
        Some(error)
    };
    std::iter::from_fn(next).take(MAX_CAUSES)
}

/// The causes of an error without theirs.
fn inside(error: &ErrorCode) -> impl DoubleEndedIterator<Item = &ErrorCode> {
    error.cause.as_deref().into_iter().chain(&error.causes)
}

fn from_code(error: ErrorCode, answer: &ErrorAnswer) -> Refusal<ErrorCode> {
    let code = error.code.clone().unwrap_or_default();
    let session_ended = is_session_end(&error);
    let kind = match (code.as_str(), error.retryable) {
        _ if session_ended => ErrorKind::Unauthenticated,
        ("ID.1000" | "ID.1005", _) => ErrorKind::Unauthenticated,
        (code, _) if code.starts_with("ID.200") => ErrorKind::Unauthenticated,
        ("ID.1002", _) => ErrorKind::Forbidden,
        ("SYS.1003", _) => ErrorKind::NotFound,
        // A command that may have run is retryable by no kind.
        ("SYS.1001", None | Some(true)) => ErrorKind::Timeout,
        (_, Some(true)) => ErrorKind::Unavailable,
        _ => ErrorKind::Refused,
    };
    let advice = match code.as_str() {
        _ if session_ended => Some("the session has ended: log in again"),
        "ID.1000" => Some("check the account's name and password"),
        "ID.1006" => Some("too many sessions are open: log out those no longer used"),
        _ => None,
    };
    let mut left = MAX_CAUSES;
    let message = innermost_first(&error, &mut left);
    Refusal {
        kind,
        message: message.unwrap_or_else(|| "the service gives no reason".to_owned()),
        not_started: not_started::not_started(&error),
        code: (!code.is_empty()).then_some(code),
        request_id: None,
        advice: advice.map(str::to_owned),
        detail: Some(error),
        retry_after: retry_after(&answer.headers),
    }
}

/// The text between a cause and its effect.
const THEREFORE: &str = "; therefore: ";

/// An error and its causes as one line, innermost first; at most `left` of them.
fn innermost_first(error: &ErrorCode, left: &mut usize) -> Option<String> {
    *left = left.checked_sub(1)?;
    let mut reasons: Vec<String> = Vec::new();
    for cause in inside(error) {
        if let Some(reason) = innermost_first(cause, left)
            && !reasons.contains(&reason)
        {
            reasons.push(reason);
        }
    }
    let reasons = reasons.join("; and: ");
    match text(error) {
        Some(text) if reasons.is_empty() => Some(text),
        Some(text) if reasons.rsplit(THEREFORE).next() != Some(&text) => {
            Some(format!("{reasons}{THEREFORE}{text}"))
        }
        _ => (!reasons.is_empty()).then_some(reasons),
    }
}

/// The text of an error, with the service's explanation beside it.
fn text(error: &ErrorCode) -> Option<String> {
    let elaboration = &error.elaboration;
    let texts = [&error.details, &error.description, elaboration, &error.message];
    let text = texts.into_iter().flatten().find(|text| !text.trim().is_empty())?;
    match elaboration.as_deref().map(str::trim) {
        Some(more) if !text.contains(more) => Some(format!("{text} ({more})")),
        _ => Some(text.clone()),
    }
}
