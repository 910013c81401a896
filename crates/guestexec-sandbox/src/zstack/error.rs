//! Error answers: text below 500, JSON in a 503.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::service::{self, Answer};

/// An error of the service.
#[derive(Clone, Debug)]
pub(super) enum ApiError {
    /// The REST layer's, in plain text.
    Text(StatusCode, String),
    /// The operation's, an ErrorCode.
    Failed(Value),
}

impl ApiError {
    pub(super) fn bad_request(text: impl Into<String>) -> Self {
        Self::Text(StatusCode::BAD_REQUEST, text.into())
    }

    pub(super) fn forbidden(text: impl Into<String>) -> Self {
        Self::Text(StatusCode::FORBIDDEN, text.into())
    }

    /// An operation's error with one of the service's codes, and what went wrong this time.
    pub(super) fn failed(code: &str, details: impl Into<String>) -> Self {
        let description = match code {
            "ID.1000" => "wrong account or password",
            "ID.1001" => "Session is invalid",
            "ID.1006" => "too many sessions",
            "SYS.1001" => "A message or a operation timeout",
            "SYS.1003" => "Resource cannot be found",
            "SYS.1006" => "An operation failed",
            "SYS.1007" => "One or more API argument is invalid",
            "VM.1010" => "the vm is in the wrong state",
            _ => "An internal error happened in system",
        };
        Self::Failed(json!({
            "code": code,
            "description": description,
            "details": details.into(),
        }))
    }

    /// Adds the error that caused this one.
    pub(super) fn because(mut self, cause: Self) -> Self {
        if let (Self::Failed(error), Self::Failed(cause)) = (&mut self, cause) {
            error["cause"] = cause;
        }
        self
    }

    /// The ErrorCode, also where REST would answer in text.
    pub(super) fn error_code(self) -> Value {
        match self {
            Self::Failed(error) => error,
            Self::Text(_, text) => Self::failed("SYS.1007", text).error_code(),
        }
    }

    /// Adds the members that newer nodes report.
    pub(super) fn newer(mut self, global_code: &str) -> Self {
        if let Self::Failed(error) = &mut self {
            let details = error["details"].clone();
            error["location"] = "guest-tools".into();
            error["cost"] = "12ms".into();
            error["elaboration"] = Value::Null;
            error["opaque"] = json!({ "attempts": 3 });
            error["globalErrorCode"] = global_code.into();
            error["message"] = details.clone();
            error["localizedMessage"] = details.clone();
            error["category"] = "guest-tools".into();
            error["retryable"] = false.into();
            error["httpStatus"] = 503.into();
            error["formatArgs"] = json!(["3"]);
            error["messages"] = json!({
                "category": "guest-tools",
                "code": "1003",
                "message_en": details,
                "source": "sandbox",
                "distance": 0.25,
                "method": "regex",
            });
        }
        self
    }

    pub(super) fn answer(self) -> Answer {
        match self {
            Self::Text(status, text) => service::text(status, text),
            Self::Failed(error) => {
                answer(StatusCode::SERVICE_UNAVAILABLE, &json!({ "error": error }))
            }
        }
    }
}

/// A JSON answer, with the HTML-safe escapes of the server's JSON writer.
pub(super) fn answer(status: StatusCode, body: &Value) -> Answer {
    // In JSON these appear inside strings only.
    let mut text = body.to_string();
    for (plain, escaped) in
        [('=', "\\u003d"), ('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026"), ('\'', "\\u0027")]
    {
        if text.contains(plain) {
            text = text.replace(plain, escaped);
        }
    }
    service::answer(status, "application/json;charset=UTF-8", text)
}
