//! Which bare HTTP statuses prove that a request was not acted upon.

use reqwest::StatusCode;

/// The statuses, each with its reason. Whatever is not here may have come after a command started:
/// every 5xx, which a gateway sends when it gave up waiting, and of the others above all
///
/// - every 3xx, with which a server may show the result of what it has just done,
/// - 406, 410, 412, 416 and 422, which may be about the answer or the outcome,
/// - 408 and 499: something on the way gave up, and the request may have gone on,
/// - 409: what the request was to make is there, perhaps because it was sent on twice,
/// - 425: the request was sent early, and perhaps once more since.
const NOT_ACTED_UPON: [(u16, &str); 17] = [
    (400, "it was not understood"),
    (401, "the caller is not known"),
    (403, "the caller may not"),
    (404, "nothing here takes it"),
    (405, "nothing here takes it by this method"),
    (407, "the proxy does not pass it on before it knows the caller"),
    (411, "its length has to be known before it is read"),
    (413, "it is too large to be read"),
    (414, "its address is too long to be read"),
    (415, "its body is of a type that is not read"),
    (417, "it asks for what is not given before it is read"),
    (421, "this server does not answer for the name asked for"),
    (426, "it has to be sent by another protocol"),
    (428, "it lacks a condition"),
    (429, "there are too many"),
    (431, "its headers are too long to be read"),
    (451, "the law forbids it"),
];

/// True for a status that proves that a request was not acted upon.
pub(crate) fn not_acted_upon(status: StatusCode) -> bool {
    NOT_ACTED_UPON.iter().any(|(proof, _)| *proof == status.as_u16())
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;
    use crate::{Answer, ErrorKind, Refusal};

    fn refusal(status: StatusCode) -> Refusal<()> {
        Refusal::from_status(&Answer { status, headers: HeaderMap::new(), body: Vec::new() })
    }

    #[test]
    fn what_is_in_the_table_proves_and_nothing_else_does() {
        for status in (200..=999).filter_map(|status| StatusCode::from_u16(status).ok()) {
            let reason = NOT_ACTED_UPON.iter().find(|(proof, _)| *proof == status.as_u16());
            assert_eq!(refusal(status).not_started, reason.is_some(), "{status}");
            assert!(reason.is_none_or(|(_, reason)| !reason.is_empty()), "{status}");
        }
        for giving_up in
            [301, 302, 303, 307, 406, 408, 409, 410, 412, 422, 425, 499, 500, 502, 503, 504, 520]
        {
            let status = StatusCode::from_u16(giving_up).unwrap();
            assert!(!refusal(status).not_started, "{status}");
        }
    }

    #[test]
    fn a_status_of_giving_up_is_no_refusal() {
        for (status, kind) in [
            (408, ErrorKind::Timeout),
            (425, ErrorKind::Unavailable),
            (499, ErrorKind::Lost),
            (409, ErrorKind::Refused),
        ] {
            assert_eq!(refusal(StatusCode::from_u16(status).unwrap()).kind, kind, "{status}");
        }
    }
}
