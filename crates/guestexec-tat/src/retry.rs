//! The meaning of the service's answers for another attempt.

use guestexec_core::{ErrorKind, Verdict, read_members};
use serde_json::Value;

/// The vendor's envelope around the content of an HTTP 200.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// Whether it holds an error.
    pub(crate) is_error: bool,
    /// The error's code.
    pub(crate) code: Option<String>,
    pub(crate) request_id: Option<String>,
}

impl Envelope {
    /// Reads the envelope, and skips the content; the default where the body is no envelope. Any
    /// `Error` but null is an error.
    pub(crate) fn read(body: &[u8]) -> Self {
        #[derive(Default)]
        struct Body {
            response: Response,
        }
        read_members!(Body { response = "Response" });
        #[derive(Default)]
        struct Response {
            error: Value,
            request_id: Value,
        }
        read_members!(Response { error = "Error" optional, request_id = "RequestId" optional });
        let Response { error, request_id } =
            serde_json::from_slice::<Body>(body).unwrap_or_default().response;
        let text = |raw: &Value| match raw {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        Self {
            is_error: !error.is_null(),
            code: text(&error["Code"]),
            request_id: text(&request_id),
        }
    }
}

/// The meaning of an answer for the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A meaning that all services share.
    Common(Verdict),
    /// The signature's time was refused: correct the clock first.
    Clock,
    /// The credentials were refused: renew them first.
    Credentials,
}

impl Meaning {
    pub(crate) fn of_code(code: &str) -> Self {
        let failed = |kind, no_effect| Self::Common(Verdict::Failed { kind, no_effect });
        match code.split('.').next().unwrap_or_default() {
            "RequestLimitExceeded" => failed(ErrorKind::Throttled, true),
            "InternalError" | "ServiceUnavailable" => failed(ErrorKind::Unavailable, false),
            _ => match code {
                "AuthFailure.SignatureExpire" => Self::Clock,
                "AuthFailure.TokenFailure"
                | "AuthFailure.SecretIdNotFound"
                | "UnauthorizedOperation.InvalidToken" => Self::Credentials,
                _ => Self::Common(Verdict::Final),
            },
        }
    }

    /// Whether the attempt certainly started no command: its answer has a row in the table of
    /// [`error`](crate::error), or it was not sent.
    pub(crate) fn has_no_effect(self) -> bool {
        match self {
            Self::Common(verdict) => verdict.has_no_effect(),
            Self::Clock | Self::Credentials => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes() {
        let refusal = br#"{"Response":{"Error":{"Code":"A.B","Message":""},"RequestId":"r"}}"#;
        assert_eq!(
            Envelope::read(refusal),
            Envelope {
                is_error: true,
                code: Some("A.B".to_owned()),
                request_id: Some("r".to_owned())
            }
        );
        assert_eq!(Envelope::read(br#"{"Response":{}}"#), Envelope::default());
        let odd = br#"{"Response":{"Error":{"Code":7,"Message":[]},"RequestId":{},"More":[1]}}"#;
        let read = Envelope { is_error: true, code: Some("7".to_owned()), request_id: None };
        assert_eq!(Envelope::read(odd), read);
        for error in ["false", "\"no\"", "[]", "{}"] {
            let body = format!(r#"{{"Response":{{"Error":{error}}}}}"#);
            assert_eq!(
                Envelope::read(body.as_bytes()),
                Envelope { is_error: true, ..Envelope::default() }
            );
        }
        assert_eq!(Envelope::read(b"<html>"), Envelope::default());
    }
}
