//! What a request was answered with, as a reviewer wants to read it.

use std::{fmt, time::Duration};

use guestexec_core::{Operation, Readable};
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderMap},
};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::ExecSession;

/// What a request was answered with.
///
/// As JSON or YAML, a response and a session are objects, and anything else the sentence that `Display` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// A response, whole or lost on the way.
    Response(ResponseShape),
    /// The connection was refused, so nothing was sent.
    Refused,
    /// An exec session of an [`ExecScript`](crate::ExecScript).
    Session(ExecSession),
    /// None, and there never will be one.
    Never,
    /// None so far.
    Waiting,
    /// None: the connection ended.
    Lost,
    /// None before the time limit of the transport.
    TimedOut,
    /// An exec session, which a tape that records passes on without recording it.
    Unrecorded,
    /// None before the caller gave up, such as by its timeout.
    GivenUp,
    /// None: the tape had no reply to the request, and status 501 stood for it.
    NoReply,
    /// None: the closure that computes the reply panicked.
    Panicked,
}

/// What a response looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ResponseShape {
    /// The HTTP status.
    pub status: u16,
    /// The headers, names in lower case, sorted. A value that is marked as sensitive reads `<secret>`, and so
    /// does one that the document of the operation calls secret.
    pub headers: Vec<(String, String)>,
    /// The body: JSON as a value, other text as a string, anything else by its size. `None` if it is empty.
    ///
    /// What the document of the operation calls secret reads `<secret>`, and Base64 and JSON within texts are
    /// what they stand for, as in [`RequestShape::body`](crate::RequestShape::body). Where a secret may be in
    /// a body that is no JSON, such as one that was cut, there is its size alone.
    pub body: Option<Value>,
    /// The number of bytes of the body after which the connection ended; `None` if the response was whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_after: Option<usize>,
}

impl ResponseShape {
    pub(crate) fn new(
        operation: &Operation,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        lost: bool,
    ) -> Self {
        let is_secret = |name: &str| operation.is_secret_answer_header(name);
        let mut shown: Vec<_> = headers
            .iter()
            .map(|(name, value)| match value.is_sensitive() || is_secret(name.as_str()) {
                true => (name.to_string(), "<secret>".to_owned()),
                false => (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()),
            })
            .collect();
        shown.sort();
        Self {
            status: status.as_u16(),
            headers: shown,
            body: (!body.is_empty()).then(|| body_value(operation, body)),
            lost_after: lost.then_some(body.len()),
        }
    }

    /// The header of this name in lower case.
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(is, _)| is == name).map(|(_, value)| &**value)
    }
}

fn body_value(operation: &Operation, body: &[u8]) -> Value {
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        return operation.readable_answer(value);
    }
    let may_be_secret = operation.answer_secrets.split(',').any(|mark| mark.starts_with("body/"));
    match std::str::from_utf8(body) {
        Ok(text) if !may_be_secret => text.into(),
        _ => format!("<{} bytes>", body.len()).into(),
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline(None))
    }
}

impl Answer {
    /// One line, for an answer that was held back for so long.
    pub(crate) fn headline(&self, after: Option<Duration>) -> String {
        let due = after.map(|after| format!(" after {after:?}")).unwrap_or_default();
        match self {
            Self::Response(response) => {
                let form = response.header(CONTENT_TYPE.as_str());
                let form = form.map(|form| format!(" {form}")).unwrap_or_default();
                let lost = match response.lost_after {
                    None => String::new(),
                    Some(1) => ", lost after 1 byte".to_owned(),
                    Some(bytes) => format!(", lost after {bytes} bytes"),
                };
                format!("{}{form}{due}{lost}", response.status)
            }
            Self::Session(session) => format!("101 {}{due}", session.protocol()),
            Self::Refused => format!("connection refused{due}"),
            Self::Never => "no answer".to_owned(),
            Self::Waiting if after.is_some() => format!("still waiting for the answer{due}"),
            Self::Waiting => "still waiting for an answer".to_owned(),
            Self::Lost => "connection lost".to_owned(),
            Self::TimedOut => "timed out".to_owned(),
            Self::Unrecorded => "an exec session, which is not recorded".to_owned(),
            Self::GivenUp if after.is_some() => format!("given up before the answer{due}"),
            Self::GivenUp => "given up before there was an answer".to_owned(),
            Self::NoReply => "501, as the tape has no reply to it".to_owned(),
            Self::Panicked => "no answer, as the closure that computes it panicked".to_owned(),
        }
    }

    /// What stands below the headline: the other headers, and the body.
    pub(crate) fn details(&self) -> String {
        let response = match self {
            Self::Response(response) => response,
            Self::Session(session) => return session.lines(),
            _ => return String::new(),
        };
        let others = response.headers.iter().filter(|(name, _)| name != CONTENT_TYPE.as_str());
        let mut details: String =
            others.map(|(name, value)| format!("{name}: {value}\n")).collect();
        if let Some(body) = &response.body {
            details += &format!("\n{}", Readable(body));
        }
        details
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Response(response) => response.serialize(serializer),
            Self::Session(session) => session.serialize(serializer),
            other => serializer.collect_str(other),
        }
    }
}
