//! The answers that prove that a command was not started, with the reasons.
//!
//! `guestexec-core` has the table of bare HTTP statuses. After an answer in neither table, the command may
//! have run.

use guestexec_core::ErrorAnswer;
use reqwest::StatusCode;

use crate::{
    error::{causes, is_session_end},
    types::ErrorCode,
};

/// The code of a state in which a VM does not take a message.
const WRONG_STATE: &str = "VM.1010";
/// How a node names the message that carries a command.
const COMMAND: &str = "APIExecuteGuestVmCommandMsg]";

/// The prefix of a code, and whether such an error in the answer to a poll is the command's own end. If
/// not, the poll may have been refused.
type Row = (&'static str, fn(&ErrorCode) -> bool);

/// The codes that prove that the command they end was not started.
const NOT_STARTED: [Row; 4] = [
    // A node checks identity and permission before it runs a command. A gateway may check those of a poll
    // and answer the same, so they never end a command in a poll.
    ("ID.", |_| false),
    // A node looks up the VM, and the script, before it runs a command. It may not know the job of a poll
    // either.
    ("SYS.1003", |error| {
        ["vminstance", "script"].iter().any(|word| mentions(error, word)) && !mentions(error, "job")
    }),
    // A node checks the parameters before it runs a command. The job's id of a poll is one, too.
    ("SYS.1007", |error| !mentions(error, "job")),
    // A node checks the VM's state before it handles a message. The same code may tell that it no longer took a
    // later one, by which a started command is followed.
    (WRONG_STATE, |_| true),
];

fn row(error: &ErrorCode) -> Option<&'static Row> {
    let code = match error.code.as_deref().unwrap_or_default() {
        _ if is_session_end(error) => "ID.1001",
        // A node wraps it in the code of what was asked for.
        _ if causes(error).any(refuses_command_by_state) => WRONG_STATE,
        WRONG_STATE => return None,
        code => code,
    };
    NOT_STARTED.iter().find(|(first, _)| code.starts_with(first))
}

fn mentions(error: &ErrorCode, word: &str) -> bool {
    causes(error).flat_map(texts).any(|text| text.to_ascii_lowercase().contains(word))
}

/// True if a VM in this state does not take the message that carries a command.
fn refuses_command_by_state(error: &ErrorCode) -> bool {
    error.code.as_deref() == Some(WRONG_STATE) && texts(error).any(|text| text.contains(COMMAND))
}

fn texts(error: &ErrorCode) -> impl Iterator<Item = &String> {
    [&error.details, &error.description, &error.message].into_iter().flatten()
}

/// True if an error in the answer to the command itself proves that the command was not started.
pub(crate) fn not_started(error: &ErrorCode) -> bool {
    row(error).is_some()
}

/// The meaning of an error in the answer to a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PollError {
    /// The command ended with it.
    End { not_started: bool },
    /// The poll may have been refused.
    Refusal,
}

/// Reads an error in the answer to a poll.
pub(crate) fn poll_error(error: &ErrorCode) -> PollError {
    match row(error) {
        None => PollError::End { not_started: false },
        Some((_, is_end)) if is_end(error) => PollError::End { not_started: true },
        Some(_) => PollError::Refusal,
    }
}

/// True for an error object, which only a node writes. Gateways write `"error": "Bad Gateway"`.
pub(crate) fn is_of_node(error: &ErrorCode) -> bool {
    !error.extra.contains_key("error")
}

/// True for a status that refuses a poll. After any other, which may come from a proxy that gave up, the
/// next poll may succeed.
pub(crate) fn refuses_poll(status: StatusCode) -> bool {
    let gave_up = matches!(status.as_u16(), 408 | 425 | 429 | 499);
    (status.is_client_error() || status.is_redirection()) && !gave_up
}

/// True if the job's id was used before. This does not prove that nothing was started: a proxy may have sent
/// the request twice.
pub(crate) fn is_duplicate(answer: &ErrorAnswer) -> bool {
    let text = String::from_utf8_lossy(&answer.body).to_ascii_lowercase();
    answer.status == StatusCode::BAD_REQUEST
        && text.contains("duplicate")
        && (text.contains("job") || text.contains("uuid"))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn error(code: &str, details: &str) -> ErrorCode {
        serde_json::from_value(serde_json::json!({ "code": code, "details": details })).unwrap()
    }

    #[test]
    fn what_is_in_the_table_proves_and_nothing_else_does() {
        let end = |not_started| PollError::End { not_started };
        for (code, details, proves, as_answer) in [
            // As a command's own answer, and as one to a question about its job.
            ("ID.1000", "", true, PollError::Refusal),
            ("ID.1001", "session expired", true, PollError::Refusal),
            ("ID.1002", "denied", true, PollError::Refusal),
            ("ID.1006", "too many sessions", true, PollError::Refusal),
            ("ID.2003", "second factor", true, PollError::Refusal),
            ("SYS.1003", "invalid field[vmInstanceUuid], resource not found", true, end(true)),
            ("SYS.1003", "job[uuid:x] not found", true, PollError::Refusal),
            ("SYS.1003", "job[uuid:x] of a VmInstance not found", true, PollError::Refusal),
            ("SYS.1003", "", true, PollError::Refusal),
            ("SYS.1007", "commandTimeout has to be at least 10", true, end(true)),
            ("SYS.1007", "invalid job uuid", true, PollError::Refusal),
            // The rest.
            ("SYS.1000", "internal error", false, end(false)),
            ("SYS.1001", "timed out", false, end(false)),
            ("SYS.1006", "failed", false, end(false)),
            ("SYS.1010", "not ready", false, end(false)),
            ("SYS.1017", "cancelled", false, end(false)),
            ("HOST.1001", "", false, end(false)),
            (
                "VM.1010",
                "state[Stopped] … message[a.APIExecuteGuestVmCommandMsg], …",
                true,
                end(true),
            ),
            (
                "VM.1010",
                "state[Stopped] … message[a.AttachIsoToVmInstanceMsg], …",
                false,
                end(false),
            ),
            ("VM.1010", "", false, end(false)),
            ("VM.1011", "message[a.APIExecuteGuestVmCommandMsg]", false, end(false)),
            ("", "", false, end(false)),
        ] {
            let error = error(code, details);
            assert_eq!(not_started(&error), proves, "{code} {details}");
            assert_eq!(poll_error(&error), as_answer, "{code} {details}");
        }
        let global = serde_json::json!({ "globalErrorCode": "ORG_ZSTACK_IDENTITY_10020" });
        let global = serde_json::from_value(global).unwrap();
        assert!(not_started(&global));
        assert_eq!(poll_error(&global), PollError::Refusal);
    }

    #[test]
    fn the_state_of_a_vm_proves_inside_of_other_errors() {
        let wrapped = |code: &str, details: &str| -> ErrorCode {
            let cause = serde_json::json!({ "code": "VM.1010", "details": details });
            let error = serde_json::json!({ "code": code, "details": details, "cause": cause });
            serde_json::from_value(error).unwrap()
        };
        let command =
            "state[Paused] … message[a.b.APIExecuteGuestVmCommandMsg], allowed states are …";
        for code in ["SYS.1006", "VM.1011", ""] {
            let error = wrapped(code, command);
            assert!(not_started(&error), "{code}");
            assert_eq!(poll_error(&error), PollError::End { not_started: true }, "{code}");
            assert!(!not_started(&wrapped(code, "state[Paused] … message[a.b.AnotherMsg], …")));
        }
    }

    #[test]
    fn a_name_used_before_proves_nothing() {
        for (status, body, proves) in [
            (400, "duplicate job uuid", false),
            (400, "Duplicate X-Job-UUID[0123]", false),
            (400, "duplicate header", true),
            (400, "the header Authorization is missing", true),
            (409, "", false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let answer = ErrorAnswer { status, headers: HeaderMap::new(), body: body.into() };
            assert_eq!(crate::error::read(&answer, true).not_started, proves, "{status} {body}");
        }
    }

    #[test]
    fn who_gave_up_refused_nothing() {
        let refuses = |status| refuses_poll(StatusCode::from_u16(status).unwrap());
        assert!([301, 302, 400, 401, 403, 404, 405, 407, 410, 451].into_iter().all(refuses));
        assert!(![200, 202, 204, 408, 425, 429, 499, 500, 502, 503, 504].into_iter().any(refuses));
    }
}
