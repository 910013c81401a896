//! The HTTP statuses that prove that a request had no effect.

use reqwest::StatusCode;

/// The statuses, each with its reason. Any other may have come after a command started: every 5xx, which
/// a gateway sends when it stops waiting, and of the others above all
///
/// - every 3xx, by which a server may point to the result of what it has just done,
/// - 406, 410, 412, 416 and 422, which may be about the answer or the outcome,
/// - 408 and 499: a proxy gave up, and may have forwarded the request before,
/// - 409: what the request creates exists, perhaps because a proxy forwarded it twice,
/// - 425: the request was sent early, and perhaps again since.
const NOT_ACTED_UPON: [(u16, &str); 17] = [
    (400, "the request was not understood"),
    (401, "the caller is unknown"),
    (403, "the caller lacks the permission"),
    (404, "there is no such path"),
    (405, "the path does not take this method"),
    (407, "the proxy forwards nothing before it knows the caller"),
    (411, "the length must be known before the body is read"),
    (413, "the body is too large to be read"),
    (414, "the address is too long to be read"),
    (415, "the body is of an unknown type"),
    (417, "the request expects what the server does not support"),
    (421, "the server is not responsible for this host"),
    (426, "the server takes another protocol only"),
    (428, "the request lacks a condition"),
    (429, "there are too many requests"),
    (431, "the headers are too long to be read"),
    (451, "the law forbids the request"),
];

/// True for a status that proves that a request had no effect.
pub(crate) fn not_acted_upon(status: StatusCode) -> bool {
    NOT_ACTED_UPON.iter().any(|(proof, _)| *proof == status.as_u16())
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;
    use crate::{ErrorAnswer, ErrorKind, Refusal};

    fn refusal(status: StatusCode) -> Refusal<()> {
        let headers = HeaderMap::new();
        Refusal::from_status(&ErrorAnswer { status, headers, body: Vec::new() })
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
