//! What is retried after a failure, and when.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use guestexec_core::unsent;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

/// First and longest pause after a throttled call.
pub(crate) const THROTTLED: (Duration, Duration) =
    (Duration::from_millis(300), Duration::from_secs(5));
/// First and longest pause after a call that failed or whose answer was lost.
pub(crate) const FAILED: (Duration, Duration) =
    (Duration::from_millis(200), Duration::from_secs(5));

/// What a client has done so far, from [`Client::counts`](crate::Client::counts).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Requests sent, retries included.
    pub requests: u64,
    /// Answers that said there were too many calls.
    pub throttled: u64,
    /// Requests that were sent again, for whatever reason.
    pub retried: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) throttled: AtomicU64,
    pub(crate) retried: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            requests: read(&self.requests),
            throttled: read(&self.throttled),
            retried: read(&self.retried),
        }
    }
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The pause before the next attempt: doubled each time, with a jitter of half of it, so that callers
/// throttled together do not come back together.
pub(crate) fn pause((first, longest): (Duration, Duration), attempt: u32) -> Duration {
    let doubled = first.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(longest);
    doubled.mul_f64(0.5 + fastrand::f64())
}

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
        #[derive(Default, Deserialize)]
        struct Body {
            #[serde(rename = "Response")]
            response: Response,
        }
        #[derive(Default, Deserialize)]
        struct Response {
            #[serde(default, rename = "Error")]
            error: Value,
            #[serde(default, rename = "RequestId")]
            request_id: Value,
        }
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

/// What to do after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Return the answer.
    Keep,
    /// Nothing was done, as there were too many calls: wait, then retry.
    Throttled,
    /// The signature's time was refused: correct the clock, then retry.
    Clock,
    /// The credentials were refused: renew them, then retry.
    Credentials,
    /// There was no answer, or a gateway's: retry what does no harm twice.
    Failed,
    /// Nothing was sent: retry.
    Unsent,
}

impl Verdict {
    /// Whether the attempt certainly started no command: it was not sent, or its answer has a row in the
    /// table of [`error`](crate::error).
    pub(crate) fn proves_nothing_started(self) -> bool {
        matches!(self, Self::Throttled | Self::Clock | Self::Credentials | Self::Unsent)
    }

    pub(crate) fn of_error(error: &reqwest::Error) -> Self {
        if error.is_builder() {
            Self::Keep
        } else if unsent(error) {
            Self::Unsent
        } else {
            Self::Failed
        }
    }

    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            429 => Self::Throttled,
            500 | 502..=504 => Self::Failed,
            _ => Self::Keep,
        }
    }

    pub(crate) fn of_code(code: &str) -> Self {
        match code.split('.').next().unwrap_or_default() {
            "RequestLimitExceeded" => Self::Throttled,
            "InternalError" | "ServiceUnavailable" => Self::Failed,
            _ => match code {
                "AuthFailure.SignatureExpire" => Self::Clock,
                "AuthFailure.TokenFailure"
                | "AuthFailure.SecretIdNotFound"
                | "UnauthorizedOperation.InvalidToken" => Self::Credentials,
                _ => Self::Keep,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_differ() {
        for attempt in 1..40 {
            let pause = pause(THROTTLED, attempt);
            assert!(pause >= THROTTLED.0 / 2 && pause <= THROTTLED.1.mul_f64(1.5), "{pause:?}");
        }
        assert_ne!(pause(FAILED, 1), pause(FAILED, 1));
    }

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
