//! The meaning of the service's errors.

use guestexec_core::{Detail, ErrorAnswer, ErrorKind, Refusal, retry_after};

use crate::{
    enums::ErrorCode,
    types::{ErrorEnvelope, ErrorResult},
};

/// A failed call. Its [`detail`](guestexec_core::Error::detail) is the service's typed code.
///
/// ```
/// use guestexec_tat::ErrorKind;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.tat().client()?;
/// let unknown = client.instances(["ins-unknown0"]).run("uptime").skip_unreachable().await;
/// let error = unknown.expect_err("there is no such instance");
/// assert_eq!(error.operation(), Some("RunCommand"));
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// assert!(!error.may_have_run() && !error.is_retryable());
/// println!("{error}; {:?}, {:?}, {:?}", error.code(), error.detail(), error.request_id());
/// # Ok(())
/// # }
/// ```
pub type Error = guestexec_core::Error<ErrorCode>;

impl Detail for ErrorCode {
    const PROVIDER: &'static str = "tat";
}

/// The classes of codes (the part before the first dot) that prove that a call started no command, each
/// with its reason. After any other a command may run: `FailedOperation`, `InternalError` and unknown
/// classes may come after the start. HTTP statuses without a code are in the table of `guestexec-core`.
const NOT_STARTED: [(&str, &str); 24] = [
    ("ActionOffline", "the action is not served any more"),
    ("AuthFailure", "the caller is checked before anything is done"),
    ("DryRunOperation", "a dry run does nothing"),
    ("InvalidAction", "there is no such action"),
    ("InvalidParameter", "the request is checked before anything is done"),
    ("InvalidParameterValue", "the request is checked before anything is done"),
    ("InvalidRequest", "the request is checked before anything is done"),
    ("IpInBlacklist", "the caller's address is checked before anything is done"),
    ("IpNotInWhitelist", "the caller's address is checked before anything is done"),
    ("LimitExceeded", "the request or the number of existing objects is over a limit"),
    ("MissingParameter", "the request is checked before anything is done"),
    ("NoSuchProduct", "there is no such product"),
    ("NoSuchVersion", "there is no such version"),
    ("OperationDenied", "the present state does not allow the operation"),
    ("RequestLimitExceeded", "calls over the rate are rejected unread"),
    ("RequestSizeLimitExceeded", "the request was too large to be read"),
    ("ResourceInsufficient", "a resource that the command needs is short"),
    ("ResourceNotFound", "instances, command, bucket and role are looked up before the start"),
    ("ResourceUnavailable", "instances and agents are checked before the start"),
    ("UnauthorizedOperation", "permissions are checked before anything is done"),
    ("UnknownParameter", "the request is checked before anything is done"),
    ("UnsupportedOperation", "the operation is not offered"),
    ("UnsupportedProtocol", "the request came by a protocol that is not offered"),
    ("UnsupportedRegion", "the region does not offer the service"),
];

/// The class of a code.
fn class_of(code: &ErrorCode) -> &str {
    code.as_str().split('.').next().unwrap_or_default()
}

/// Reads an error: the vendor's envelope, or what a gateway sent in its place.
pub(crate) fn read(answer: &ErrorAnswer) -> Refusal<ErrorCode> {
    let by_status = || Refusal::from_status(answer);
    let envelope = serde_json::from_slice::<ErrorEnvelope>(&answer.body);
    let Some(ErrorResult { error, request_id, extra }) = envelope.ok().map(|it| it.response) else {
        return by_status();
    };
    // An undocumented form of the error may still be a text with the reason.
    let odd = extra.get("Error");
    if odd.is_none() && error.code.is_none() && error.message.is_none() && error.extra.is_empty() {
        let mut refusal = by_status();
        if answer.status.is_success() {
            refusal.kind = ErrorKind::Refused;
            refusal.message = "the service refuses the call and does not say why".to_owned();
        }
        return Refusal { request_id, ..refusal };
    }
    let text = error.message.or_else(|| odd?.as_str().map(str::to_owned));
    let text = text.filter(|text| !text.trim().is_empty());
    let message = text.unwrap_or_else(|| "the service gives no message".to_owned());
    let Some(code) = error.code else {
        return Refusal {
            kind: ErrorKind::Refused,
            code: None,
            message,
            request_id,
            not_started: false,
            ..by_status()
        };
    };
    let class = class_of(&code);
    Refusal {
        kind: kind(&code, class),
        code: Some(code.to_string()),
        message,
        request_id,
        not_started: NOT_STARTED.iter().any(|(proof, _)| *proof == class),
        advice: advice(&code).map(str::to_owned),
        detail: Some(code),
        retry_after: retry_after(&answer.headers),
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

    use guestexec_core::Verdict;
    use reqwest::{StatusCode, header::HeaderMap};
    use serde_json::json;

    use super::*;
    use crate::retry::Meaning;

    /// The meaning of an answer with this status and, if given, the service's own code.
    fn proves_nothing_started(status: u16, code: Option<&str>) -> bool {
        let error = |code| json!({ "Response": { "Error": { "Code": code, "Message": "No." } } });
        read(&ErrorAnswer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: code.map(|code| error(code).to_string().into_bytes()).unwrap_or_default(),
        })
        .not_started
    }

    #[test]
    fn the_table_is_without_repetition_and_gives_reasons() {
        let rows: HashSet<&str> = NOT_STARTED.iter().map(|(class, _)| *class).collect();
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
            // The service's own code counts; a proxy may have changed the status.
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
            if verdict.has_no_effect() {
                assert!(proves_nothing_started(status, None), "{status}");
            }
        }
        let known = ErrorCode::KNOWN.iter().copied();
        let classes = NOT_STARTED.iter().map(|(class, _)| *class);
        let more =
            ["RequestLimitExceeded.New", "AuthFailure.TokenFailure", "InternalError", "Unheard.Of"];
        for code in known.chain(classes).chain(more) {
            if Meaning::of_code(code).has_no_effect() {
                assert!(proves_nothing_started(200, Some(code)), "{code}");
            }
        }
    }
}
