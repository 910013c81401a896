//! What the service's refusals mean.

use guestexec_core::{Answer, ErrorKind, Refusal};

use crate::{
    enums::ErrorCode,
    types::{ErrorEnvelope, ErrorResult},
};

/// A failed call. Its [`detail`](guestexec_core::Error::detail) is the service's code, typed.
pub type Error = guestexec_core::Error<ErrorCode>;

/// Classes of codes that say the request itself was turned down, so that nothing started.
const REJECTED: [&str; 24] = [
    "ActionOffline",
    "AuthFailure",
    "DryRunOperation",
    "InvalidAction",
    "InvalidParameter",
    "InvalidParameterValue",
    "InvalidRequest",
    "IpInBlacklist",
    "IpNotInWhitelist",
    "LimitExceeded",
    "MissingParameter",
    "NoSuchProduct",
    "NoSuchVersion",
    "OperationDenied",
    "RequestLimitExceeded",
    "RequestSizeLimitExceeded",
    "ResourceInsufficient",
    "ResourceNotFound",
    "ResourceUnavailable",
    "UnauthorizedOperation",
    "UnknownParameter",
    "UnsupportedOperation",
    "UnsupportedProtocol",
    "UnsupportedRegion",
];

/// Reads a refusal: the vendor's envelope, or whatever a gateway sent in its place.
pub(crate) fn read(answer: &Answer) -> Refusal<ErrorCode> {
    let envelope = serde_json::from_slice::<ErrorEnvelope>(&answer.body);
    let Some(ErrorResult { error, request_id, extra }) = envelope.ok().map(|it| it.response) else {
        return Refusal::from_status(answer);
    };
    // What is no documented error may still be a text that says why.
    let odd = extra.get("Error");
    if odd.is_none() && error.code.is_none() && error.message.is_none() && error.extra.is_empty() {
        let mut refusal = Refusal::from_status(answer);
        if answer.status.is_success() {
            refusal.kind = ErrorKind::Refused;
            refusal.message = "the service refuses the call and does not say why".to_owned();
        }
        return Refusal { request_id, ..refusal };
    }
    let said = error.message.or_else(|| odd?.as_str().map(str::to_owned));
    let message = said.unwrap_or_else(|| "the service gives no message".to_owned());
    let Some(code) = error.code else {
        return Refusal {
            kind: ErrorKind::Refused,
            code: None,
            message,
            request_id,
            detail: None,
            not_started: false,
            advice: None,
        };
    };
    let class = code.as_str().split('.').next().unwrap_or_default();
    Refusal {
        kind: kind(&code, class),
        code: Some(code.to_string()),
        message,
        request_id,
        // A fault on the service's side, or one of a class nobody knows yet, may have come after
        // the start.
        not_started: REJECTED.contains(&class),
        advice: advice(&code).map(str::to_owned),
        detail: Some(code),
    }
}

fn kind(code: &ErrorCode, class: &str) -> ErrorKind {
    match (code.as_str(), class) {
        ("AuthFailure.UnauthorizedOperation", _) => ErrorKind::Forbidden,
        ("UnauthorizedOperation.InvalidToken", _) => ErrorKind::Unauthenticated,
        (_, "AuthFailure") => ErrorKind::Unauthenticated,
        (_, "UnauthorizedOperation" | "OperationDenied" | "IpInBlacklist" | "IpNotInWhitelist") => {
            ErrorKind::Forbidden
        }
        (_, "ResourceNotFound") => ErrorKind::NotFound,
        (_, "RequestLimitExceeded") => ErrorKind::Throttled,
        (_, "InternalError" | "ServiceUnavailable") => ErrorKind::Unavailable,
        _ => ErrorKind::Refused,
    }
}

fn advice(code: &ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::AuthFailureSignatureExpire => {
            "the service takes signatures within five minutes of its own clock: set this machine's"
        }
        ErrorCode::AuthFailureTokenFailure => {
            "temporary keys and their token may have expired: get new ones where they come from"
        }
        ErrorCode::AuthFailureSecretIdNotFound => {
            "check that the key exists and belongs to the site (mainland or international) called"
        }
        ErrorCode::ResourceUnavailableAgentNotInstalled => "install the TAT agent on the instance",
        ErrorCode::ResourceUnavailableAgentStatusNotOnline => {
            "start the TAT agent on the instance, or wait until it is online"
        }
        ErrorCode::InvalidParameterValueInconsistentInstance => {
            "CVM and Lighthouse instances cannot be mixed in one call: make one call for each kind"
        }
        _ => return None,
    })
}
