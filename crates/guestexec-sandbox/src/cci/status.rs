//! Answers that refuse: in the forms of Kubernetes, of the gateway before it, and of IAM.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::{
    random,
    server::{self, Answer},
};

/// An answer that refuses; boxed, as it is rare and large.
pub(super) type Refused = Box<Answer>;

/// In plain text, as the container runtime refuses.
pub(super) fn text(code: StatusCode, text: impl Into<String>) -> Refused {
    Box::new(server::text(code, text))
}

/// A Kubernetes Status.
pub(super) fn status(
    code: StatusCode,
    reason: &str,
    message: &str,
    details: Option<Value>,
) -> Refused {
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
    Box::new(server::json(code, &status))
}

pub(super) fn bad_request(message: &str) -> Refused {
    status(StatusCode::BAD_REQUEST, "BadRequest", message, None)
}

pub(super) fn no_such_pod(name: &str) -> Refused {
    let message = format!("pods \"{name}\" not found");
    let details = json!({ "name": name, "kind": "pods" });
    status(StatusCode::NOT_FOUND, "NotFound", &message, Some(details))
}

pub(super) fn not_found() -> Refused {
    status(
        StatusCode::NOT_FOUND,
        "NotFound",
        "the server could not find the requested resource",
        None,
    )
}

pub(super) fn method_not_allowed() -> Refused {
    let message = "the server does not allow this method on the requested resource";
    status(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message, None)
}

pub(super) fn forbidden(message: &str) -> Refused {
    status(StatusCode::FORBIDDEN, "Forbidden", message, None)
}

/// What the gateway says to a caller it does not know.
pub(super) fn unauthorized(why: &str) -> Refused {
    Box::new(server::json(
        StatusCode::UNAUTHORIZED,
        &json!({
            "error_msg": format!("Incorrect IAM authentication information: {why}"),
            "error_code": "APIGW.0301",
            "request_id": random::hex32(),
        }),
    ))
}

/// What IAM says.
pub(super) fn iam(code: StatusCode, message: &str) -> Refused {
    let title = code.canonical_reason().unwrap_or_default();
    Box::new(server::json(
        code,
        &json!({ "error": { "code": code.as_u16(), "message": message, "title": title } }),
    ))
}
