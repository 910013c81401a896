//! What is done again after a failure, and when.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use guestexec_core::unsent;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

/// First and longest pause after a throttling answer.
pub(crate) const THROTTLED: (Duration, Duration) =
    (Duration::from_millis(300), Duration::from_secs(5));
/// First and longest pause after a lost or failed read.
pub(crate) const FAILED: (Duration, Duration) =
    (Duration::from_millis(200), Duration::from_secs(5));

/// What a client has done so far, as [`Client::counts`](crate::Client::counts) tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Requests sent, repeated ones included.
    pub requests: u64,
    /// Answers that said there were too many calls.
    pub throttled: u64,
    /// Requests that were sent again, for whatever reason.
    pub repeated: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) throttled: AtomicU64,
    pub(crate) repeated: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            requests: read(&self.requests),
            throttled: read(&self.throttled),
            repeated: read(&self.repeated),
        }
    }
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The pause before the next attempt: doubled each time, and then half or one and a half of it or
/// anything between, so that callers throttled together do not come back together.
pub(crate) fn pause((first, longest): (Duration, Duration), attempt: u32) -> Duration {
    let doubled = first.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(longest);
    doubled.mul_f64(0.5 + random())
}

/// A number from 0 to 1, different in every call.
fn random() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 11;
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let part = bits as f64 / (1u64 << 53) as f64;
    part
}

/// What an HTTP 200 says besides its content.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// True where it is a refusal.
    pub(crate) refused: bool,
    /// The refusal's code.
    pub(crate) code: Option<String>,
    pub(crate) request_id: Option<String>,
}

impl Said {
    /// Reads the vendor's envelope, whatever stands beside what is asked for; of another text,
    /// nothing. Any `Error` but null is a refusal.
    pub(crate) fn read(body: &[u8]) -> Self {
        // A page of results is long, and none of it is needed here.
        #[derive(Default, Deserialize)]
        struct Envelope {
            #[serde(rename = "Response")]
            response: Content,
        }
        #[derive(Default, Deserialize)]
        struct Content {
            #[serde(default, rename = "Error")]
            error: Value,
            #[serde(default, rename = "RequestId")]
            request_id: Value,
        }
        let Content { error, request_id } =
            serde_json::from_slice::<Envelope>(body).unwrap_or_default().response;
        let text = |raw: &Value| match raw {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        Self {
            refused: !error.is_null(),
            code: text(&error["Code"]),
            request_id: text(&request_id),
        }
    }
}

/// What to do after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the answer.
    Keep,
    /// Too many calls, so that nothing was done: wait, then again.
    Throttled,
    /// The signature's time was refused: again, if the clock can be corrected.
    Clock,
    /// The credentials were refused: again, if there are others.
    Credentials,
    /// No answer, or a gateway's: again, if that does no harm.
    Failed,
    /// Nothing was sent: again.
    Unsent,
}

impl Verdict {
    /// Whether the attempt surely started no command: it was not sent, or the answer has its row in the
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
            Said::read(refusal),
            Said { refused: true, code: Some("A.B".to_owned()), request_id: Some("r".to_owned()) }
        );
        assert_eq!(Said::read(br#"{"Response":{}}"#), Said::default());
        let odd = br#"{"Response":{"Error":{"Code":7,"Message":[]},"RequestId":{},"More":[1]}}"#;
        let said = Said { refused: true, code: Some("7".to_owned()), request_id: None };
        assert_eq!(Said::read(odd), said);
        for error in ["false", "\"no\"", "[]", "{}"] {
            let body = format!(r#"{{"Response":{{"Error":{error}}}}}"#);
            assert_eq!(Said::read(body.as_bytes()), Said { refused: true, ..Said::default() });
        }
        assert_eq!(Said::read(b"<html>"), Said::default());
    }
}
