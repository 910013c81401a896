//! What the service's refusals mean.

use guestexec_core::{Answer, ErrorKind, Refusal};

use crate::{
    enums::ErrorCode,
    types::{ErrorEnvelope, ErrorResult},
};

/// A failed call. Its [`detail`](guestexec_core::Error::detail) is the service's code, typed.
pub type Error = guestexec_core::Error<ErrorCode>;

/// An answer that is no success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// A refusal by the service itself, of this class of codes: what stands before the first dot.
    Class(&'static str),
    /// This HTTP status and no word of the service's, so that something on the way has answered.
    Status(u16),
}
use Says::{Class, Status};

/// What proves that a call started no command, and why it does. After any other answer a command may
/// run: `FailedOperation`, `InternalError` and classes nobody knows yet may come after the start; 408,
/// 409, 499 and all from 500 on may come from a gateway that had passed the request on.
const NOT_STARTED: [(Says, &str); 39] = [
    (Class("ActionOffline"), "the action is not served any more"),
    (Class("AuthFailure"), "the caller is checked before anything is done"),
    (Class("DryRunOperation"), "a dry run does nothing"),
    (Class("InvalidAction"), "there is no such action"),
    (Class("InvalidParameter"), "the request is checked before anything is done"),
    (Class("InvalidParameterValue"), "the request is checked before anything is done"),
    (Class("InvalidRequest"), "the request is checked before anything is done"),
    (Class("IpInBlacklist"), "the caller's address is checked before anything is done"),
    (Class("IpNotInWhitelist"), "the caller's address is checked before anything is done"),
    (Class("LimitExceeded"), "the request, or what there is already, is over a limit"),
    (Class("MissingParameter"), "the request is checked before anything is done"),
    (Class("NoSuchProduct"), "there is no such product"),
    (Class("NoSuchVersion"), "there is no such version"),
    (Class("OperationDenied"), "the operation is not allowed in the state things are in"),
    (Class("RequestLimitExceeded"), "calls over the rate are turned down unread"),
    (Class("RequestSizeLimitExceeded"), "the request was too large to be read"),
    (Class("ResourceInsufficient"), "there is too little of what a command needs"),
    (
        Class("ResourceNotFound"),
        "instances, command, bucket and role are looked up before the start",
    ),
    (Class("ResourceUnavailable"), "instances and agents are looked at before the start"),
    (Class("UnauthorizedOperation"), "permissions are checked before anything is done"),
    (Class("UnknownParameter"), "the request is checked before anything is done"),
    (Class("UnsupportedOperation"), "the operation is not offered"),
    (Class("UnsupportedProtocol"), "the request came by a protocol that is not offered"),
    (Class("UnsupportedRegion"), "the region does not offer the service"),
    (Status(400), "the request could not be read"),
    (Status(401), "the caller was not let through"),
    (Status(403), "the caller was not let through"),
    (Status(404), "there is nobody at this address to start anything"),
    (Status(405), "there is nobody here who takes such requests"),
    (Status(407), "the proxy did not let the caller through"),
    (Status(411), "the request was not read without its length"),
    (Status(413), "the request was too large to be read"),
    (Status(414), "the request was too large to be read"),
    (Status(415), "the request could not be read"),
    (Status(417), "the request was not read"),
    (Status(421), "the request came to the wrong server"),
    (Status(426), "the request came by a protocol that is not offered"),
    (Status(429), "calls over the rate are turned down unread"),
    (Status(431), "the request was too large to be read"),
];

/// Whether [a row](NOT_STARTED) says that a refusal of this code, or without one, proves that nothing
/// was started.
pub(crate) fn proves_nothing_started(status: u16, code: Option<&str>) -> bool {
    let is = |says: Says| match (says, code) {
        (Class(class), Some(code)) => code.split('.').next() == Some(class),
        (Status(number), None) => status == number,
        _ => false,
    };
    NOT_STARTED.iter().any(|(says, _)| is(*says))
}

/// Reads a refusal: the vendor's envelope, or whatever a gateway sent in its place.
pub(crate) fn read(answer: &Answer) -> Refusal<ErrorCode> {
    let status = answer.status.as_u16();
    let by_status = || Refusal {
        not_started: proves_nothing_started(status, None),
        ..Refusal::from_status(answer)
    };
    let envelope = serde_json::from_slice::<ErrorEnvelope>(&answer.body);
    let Some(ErrorResult { error, request_id, extra }) = envelope.ok().map(|it| it.response) else {
        return by_status();
    };
    // What is no documented error may still be a text that says why.
    let odd = extra.get("Error");
    if odd.is_none() && error.code.is_none() && error.message.is_none() && error.extra.is_empty() {
        let mut refusal = by_status();
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
        not_started: proves_nothing_started(status, Some(code.as_str())),
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

pub(crate) fn advice(code: &ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::AuthFailureSignatureExpire => {
            "the service takes signatures within five minutes of its own clock: set this machine's"
        }
        ErrorCode::AuthFailureSignatureFailure => {
            "check that the SecretKey is whole, and that of this SecretId; a proxy that changes host, \
             content type or body on the way spoils a signature too"
        }
        ErrorCode::AuthFailureInvalidSecretId => {
            "a SecretId begins with `AKID` or, where it is temporary, with `IKID`: copy it again from \
             the console"
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use reqwest::StatusCode;

    use super::*;
    use crate::retry::Verdict;

    #[test]
    fn the_table_is_without_repetition_and_gives_reasons() {
        let rows: HashSet<String> =
            NOT_STARTED.iter().map(|(says, _)| format!("{says:?}")).collect();
        assert_eq!(rows.len(), NOT_STARTED.len());
        assert!(NOT_STARTED.iter().all(|(_, reason)| reason.split(' ').count() > 2));
    }

    #[test]
    fn only_what_is_in_the_table_proves_that_nothing_started() {
        for status in [200, 301, 402, 408, 409, 410, 423, 425, 499, 500, 502, 503, 504, 520, 524] {
            assert!(!proves_nothing_started(status, None), "{status}");
        }
        for code in
            ["FailedOperation.CVMError", "InternalError", "ServiceUnavailable", "New.Code", ""]
        {
            for status in [200, 400, 403, 429] {
                assert!(!proves_nothing_started(status, Some(code)), "{code}");
            }
        }
        for code in
            ["ResourceUnavailable.AgentStatusNotOnline", "InvalidParameterValue", "AuthFailure.New"]
        {
            // The service's own word counts, whatever status something on the way made of it.
            for status in [200, 500, 502] {
                assert!(proves_nothing_started(status, Some(code)), "{code}");
            }
        }
        assert!(!proves_nothing_started(200, Some("InvalidParameterValues")));
    }

    /// A call that starts a command is sent again after a verdict that says nothing started, so each such
    /// verdict needs a row.
    #[test]
    fn every_answer_after_which_a_command_is_sent_again_is_in_the_table() {
        for status in 100..600 {
            let verdict = Verdict::of_status(StatusCode::from_u16(status).unwrap());
            if verdict.proves_nothing_started() {
                assert!(proves_nothing_started(status, None), "{status}");
            }
        }
        let known = ErrorCode::KNOWN.iter().copied();
        let classes = NOT_STARTED.iter().filter_map(|(says, _)| match says {
            Class(class) => Some(*class),
            Status(_) => None,
        });
        let more =
            ["RequestLimitExceeded.New", "AuthFailure.TokenFailure", "InternalError", "Unheard.Of"];
        for code in known.chain(classes).chain(more) {
            if Verdict::of_code(code).proves_nothing_started() {
                assert!(proves_nothing_started(200, Some(code)), "{code}");
            }
        }
    }
}
