//! Error answers in the forms of Kubernetes, of the gateway before it, and of IAM.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::{
    random,
    service::{self, Answer},
};

/// An error answer; boxed, since it is rare and large.
pub(super) type ErrorAnswer = Box<Answer>;

/// The container runtime's, in plain text.
pub(super) fn text(code: StatusCode, text: impl Into<String>) -> ErrorAnswer {
    Box::new(service::text(code, text))
}

/// A Kubernetes Status.
pub(super) fn status(
    code: StatusCode,
    reason: &str,
    message: &str,
    details: Option<Value>,
) -> ErrorAnswer {
    let mut status = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code.as_u16(),
    });
    if let Some(details) = details {
        status["details"] = details;
    }
    Box::new(service::json(code, &status))
}

pub(super) fn bad_request(message: &str) -> ErrorAnswer {
    status(StatusCode::BAD_REQUEST, "BadRequest", message, None)
}

/// There is no object of this kind, such as `pods`, and name.
pub(super) fn no_such(kind: &str, name: &str) -> ErrorAnswer {
    let message = format!("{kind} \"{name}\" not found");
    let details = json!({ "name": name, "kind": kind });
    status(StatusCode::NOT_FOUND, "NotFound", &message, Some(details))
}

/// There is one already.
pub(super) fn already_exists(kind: &str, name: &str) -> ErrorAnswer {
    let message = format!("{kind} \"{name}\" already exists");
    let details = json!({ "name": name, "kind": kind });
    status(StatusCode::CONFLICT, "AlreadyExists", &message, Some(details))
}

pub(super) fn not_found() -> ErrorAnswer {
    status(
        StatusCode::NOT_FOUND,
        "NotFound",
        "the server could not find the requested resource",
        None,
    )
}

pub(super) fn method_not_allowed() -> ErrorAnswer {
    let message = "the server does not allow this method on the requested resource";
    status(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message, None)
}

pub(super) fn forbidden(message: &str) -> ErrorAnswer {
    status(StatusCode::FORBIDDEN, "Forbidden", message, None)
}

/// The gateway's error for a caller that is not authenticated.
pub(super) fn unauthorized(why: &str) -> ErrorAnswer {
    Box::new(service::json(
        StatusCode::UNAUTHORIZED,
        &json!({
            "error_msg": format!("Incorrect IAM authentication information: {why}"),
            "error_code": "APIGW.0301",
            "request_id": random::hex32(),
        }),
    ))
}

/// IAM's error.
pub(super) fn iam(code: StatusCode, message: &str) -> ErrorAnswer {
    let title = code.canonical_reason().unwrap_or_default();
    Box::new(service::json(
        code,
        &json!({ "error": { "code": code.as_u16(), "message": message, "title": title } }),
    ))
}
