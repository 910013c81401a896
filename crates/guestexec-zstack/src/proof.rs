//! Which answers prove that a command was not started: the one place that says so, with the reasons.
//!
//! Bare HTTP statuses are in the table of `guestexec-core`. Whatever is in neither table may have
//! run.

use guestexec_core::Answer;
use reqwest::StatusCode;

use crate::{
    error::{causes, says_session_ended},
    types::ErrorCode,
};

/// Codes of the service, by their first letters, and when one of them that answers a question about
/// a job is the end of the job's command, not a refusal of the question.
type Row = (&'static str, fn(&ErrorCode) -> bool);

/// The codes that prove, as the end of a command, that it was not started.
const NOT_STARTED: [Row; 3] = [
    // Identity and permission are looked at before a message is handed on. What stands before a node
    // and asks the same of a question answers alike, so a question it never ends.
    ("ID.", |_| false),
    // What a message names is looked up before it is handed on. A job may be unknown as well.
    ("SYS.1003", |error| speaks_of(error, "vminstance")),
    // Parameters are checked before a message is handed on. A job's name is one as well.
    ("SYS.1007", |error| !speaks_of(error, "job")),
];

fn row(error: &ErrorCode) -> Option<&'static Row> {
    let code = match says_session_ended(error) {
        true => "ID.1001",
        false => error.code.as_deref().unwrap_or_default(),
    };
    NOT_STARTED.iter().find(|(first, _)| code.starts_with(first))
}

fn speaks_of(error: &ErrorCode, word: &str) -> bool {
    causes(error)
        .flat_map(|error| [&error.details, &error.description, &error.message])
        .flatten()
        .any(|text| text.to_ascii_lowercase().contains(word))
}

/// True where an error that answers the command itself proves that it was not started. Any other may
/// be that of a command that ran.
pub(crate) fn not_started(error: &ErrorCode) -> bool {
    row(error).is_some()
}

/// What an error that answers a question about a job says of the job's command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// How it ended; true where it was not started.
    End { not_started: bool },
    /// Nothing: it may be the question that was refused.
    Nothing,
}

/// Reads an error that answers a question about a job.
pub(crate) fn told(error: &ErrorCode) -> Told {
    match row(error) {
        None => Told::End { not_started: false },
        Some((_, is_end)) if is_end(error) => Told::End { not_started: true },
        Some(_) => Told::Nothing,
    }
}

/// True for an error of the node's own form: an object. Web servers and gateways write
/// `"error": "Bad Gateway"` themselves.
pub(crate) fn is_own_word(error: &ErrorCode) -> bool {
    !error.extra.contains_key("error")
}

/// True for a status that refuses a question about a job; others may come from something on the way
/// that gave up, and asking again may do.
pub(crate) fn refuses_question(status: StatusCode) -> bool {
    let gave_up = matches!(status.as_u16(), 408 | 425 | 429 | 499);
    (status.is_client_error() || status.is_redirection()) && !gave_up
}

/// True where the node says that the job's name was used before. A name is used once, so this is no
/// proof that nothing was started: something on the way may have sent the request twice.
pub(crate) fn is_duplicate(answer: &Answer) -> bool {
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
        let end = |not_started| Told::End { not_started };
        for (code, details, proves, as_answer) in [
            // As a command's own answer, and as one to a question about its job.
            ("ID.1000", "", true, Told::Nothing),
            ("ID.1001", "session expired", true, Told::Nothing),
            ("ID.1002", "denied", true, Told::Nothing),
            ("ID.1006", "too many sessions", true, Told::Nothing),
            ("ID.2003", "second factor", true, Told::Nothing),
            ("SYS.1003", "invalid field[vmInstanceUuid], resource not found", true, end(true)),
            ("SYS.1003", "job[uuid:x] not found", true, Told::Nothing),
            ("SYS.1003", "", true, Told::Nothing),
            ("SYS.1007", "commandTimeout has to be at least 10", true, end(true)),
            ("SYS.1007", "invalid job uuid", true, Told::Nothing),
            // The rest.
            ("SYS.1000", "internal error", false, end(false)),
            ("SYS.1001", "timed out", false, end(false)),
            ("SYS.1006", "failed", false, end(false)),
            ("SYS.1010", "not ready", false, end(false)),
            ("SYS.1017", "cancelled", false, end(false)),
            ("HOST.1001", "", false, end(false)),
            ("", "", false, end(false)),
        ] {
            let error = error(code, details);
            assert_eq!(not_started(&error), proves, "{code} {details}");
            assert_eq!(told(&error), as_answer, "{code} {details}");
        }
        let global = serde_json::json!({ "globalErrorCode": "ORG_ZSTACK_IDENTITY_10020" });
        let global = serde_json::from_value(global).unwrap();
        assert!(not_started(&global));
        assert_eq!(told(&global), Told::Nothing);
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
            let answer = Answer { status, headers: HeaderMap::new(), body: body.into() };
            assert_eq!(crate::error::read(&answer).not_started, proves, "{status} {body}");
        }
    }

    #[test]
    fn who_gave_up_refused_nothing() {
        let refuses = |status| refuses_question(StatusCode::from_u16(status).unwrap());
        assert!([301, 302, 400, 401, 403, 404, 405, 407, 410, 451].into_iter().all(refuses));
        assert!(![200, 202, 204, 408, 425, 429, 499, 500, 502, 503, 504].into_iter().any(refuses));
    }
}
