//! Canned replies.

use std::{fmt, future::pending, io, time::Duration};

use futures_util::stream;
use guestexec_core::{Operation, Request, Response, TransportError, put_random_texts};
use reqwest::{
    Body, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde::Serialize;
use serde_json::Value;
use tokio::time::sleep;

use crate::{Answer, ExecScript, ResponseShape, exec::Grant};

/// A canned reply. A JSON value converts into one with status 200.
///
/// Where its JSON has `<nonce>` or `<marker>`, also within Base64 that the operation's document knows, the client
/// reads the random text that stands so in the request's shape. `guestexec:<nonce>:0:0:0:aGk=::<nonce>` is the
/// end of a checked command in a ZStack VM, also in a reply to the poll of its job.
#[derive(Clone)]
pub struct Reply {
    kind: Kind,
    after: Option<Duration>,
    pub(crate) times: Option<usize>,
}

#[derive(Clone)]
enum Kind {
    Response(Canned),
    Refused,
    Pending,
    /// The script of a session, before the request is known.
    Exec(ExecScript),
    /// A session that is granted.
    Session(Grant),
}

#[derive(Clone)]
struct Canned {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    lost: bool,
}

impl Reply {
    /// A reply of JSON: a [`Value`], or anything else that serializes.
    ///
    /// # Panics
    /// If `body` has no JSON, such as a map whose keys are no strings.
    #[track_caller]
    pub fn json(status: StatusCode, body: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self::bytes(status, "application/json", body),
            Err(error) => panic!("the reply cannot be written as JSON: {error}"),
        }
    }

    /// A reply of plain text.
    pub fn text(status: StatusCode, body: impl Into<String>) -> Self {
        Self::bytes(status, "text/plain", body.into())
    }

    /// A reply of any bytes, such as a gateway's page.
    ///
    /// # Panics
    /// If `content_type` cannot stand in a header.
    #[track_caller]
    pub fn bytes(status: StatusCode, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let (headers, body) = (HeaderMap::new(), body.into());
        Self::new(Kind::Response(Canned { status, headers, body, lost: false }))
            .header(CONTENT_TYPE, content_type)
    }

    /// A reply that is lost: the connection ends after the headers. The server may have done what it
    /// was asked to, and a client that starts a command has to say so.
    pub fn lost() -> Self {
        Self::json(StatusCode::OK, &Value::Null).lost_after(0)
    }

    /// A connection that is refused before anything is sent, so that nothing can have run: the kind of the
    /// error is `Connect`. A client retries such a call, even one that starts a command.
    pub fn refused() -> Self {
        Self::new(Kind::Refused)
    }

    /// No answer, ever: the call ends by its own timeout, or does not end. Under a paused clock
    /// (`#[tokio::test(start_paused = true)]`) the timeout takes no time.
    pub fn pending() -> Self {
        Self::new(Kind::Pending)
    }

    fn new(kind: Kind) -> Self {
        Self { kind, after: None, times: None }
    }

    /// Adds a header. Any number may have the same name, but the content type is replaced. A
    /// [`HeaderValue`] that is marked as sensitive reads `<secret>` in a conversation.
    ///
    /// # Panics
    /// If name or value cannot stand in a header, or if the reply is no response.
    #[must_use]
    #[track_caller]
    pub fn header(
        mut self,
        name: impl TryInto<HeaderName>,
        value: impl TryInto<HeaderValue>,
    ) -> Self {
        let Ok(name) = name.try_into() else {
            panic!("the name of a header of the reply is not one: give letters, digits and `-`");
        };
        let Ok(value) = value.try_into() else {
            panic!(
                "the value of the reply's header `{name}` has a character that no header can hold"
            );
        };
        let headers = &mut self.response("header").headers;
        if name == CONTENT_TYPE {
            headers.insert(name, value);
        } else {
            headers.append(name, value);
        }
        self
    }

    /// Ends the connection after the first `bytes` bytes of the body.
    ///
    /// # Panics
    /// If the reply is no response.
    #[must_use]
    #[track_caller]
    pub fn lost_after(mut self, bytes: usize) -> Self {
        let response = self.response("body");
        response.body.truncate(bytes);
        response.lost = true;
        self
    }

    #[track_caller]
    fn response(&mut self, part: &str) -> &mut Canned {
        match &mut self.kind {
            Kind::Response(response) => response,
            Kind::Refused => panic!("a refused connection has no {part} to set"),
            Kind::Pending => panic!("a reply that never comes has no {part} to set"),
            Kind::Exec(_) | Kind::Session(_) => panic!("an exec session has no {part} to set"),
        }
    }

    /// Holds the reply back for so long. A paused clock goes over it.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { after: Some(delay), ..self }
    }

    /// Gives the reply to exactly this many requests in a row: see [`Tape::on`](crate::Tape::on). A reply
    /// that a closure of [`Tape::on_with`](crate::Tape::on_with) makes is for one request in any case.
    ///
    /// # Panics
    /// If `times` is 0. [`Tape::expect`](crate::Tape::expect) takes 0: no such request is expected.
    #[must_use]
    #[track_caller]
    pub fn times(self, times: usize) -> Self {
        assert!(times > 0, "a reply that is given 0 times is none: leave it out");
        Self { times: Some(times), ..self }
    }

    /// How long it is held back.
    pub(crate) fn delay(&self) -> Option<Duration> {
        self.after
    }

    /// Whether `request` leaves the reply for a later one: an exec script that this upgrade is refused.
    pub(crate) fn remains_after(&self, request: &Request) -> bool {
        matches!(&self.kind, Kind::Exec(script) if script.awaits_another(request))
    }

    /// The reply to this request: of an exec script, a session or a refusal.
    pub(crate) fn resolved_for(self, request: &Request) -> Self {
        let Kind::Exec(script) = self.kind else { return self };
        match script.grant(request) {
            Ok(grant) => Self { kind: Kind::Session(grant), ..self },
            Err(refusal) => {
                let refusal = refusal.resolved_for(request);
                Self { after: self.after.or(refusal.after), ..refusal }
            }
        }
    }

    /// What the conversation shows of it, as an answer of `operation`.
    pub(crate) fn shown(&self, operation: &Operation) -> Answer {
        match &self.kind {
            Kind::Response(Canned { status, headers, body, lost }) => {
                Answer::Response(ResponseShape::new(operation, *status, headers, body, *lost))
            }
            Kind::Refused => Answer::Refused,
            Kind::Pending => Answer::Never,
            Kind::Exec(_) => Answer::Waiting,
            Kind::Session(grant) => Answer::Session(grant.session.clone()),
        }
    }

    /// The reply with the random texts of the request.
    pub(crate) fn quoting(mut self, operation: &Operation, request: &Request) -> Self {
        if let Kind::Response(response) = &mut self.kind
            && let Ok(mut body) = serde_json::from_slice::<Value>(&response.body)
        {
            let as_given = body.clone();
            put_random_texts(request, operation, &mut body);
            if body != as_given {
                response.body = body.to_string().into_bytes();
            }
        }
        self
    }

    /// Answers `request`, which calls `operation`.
    pub(crate) async fn play(
        self,
        _operation: &'static Operation,
        request: Request,
    ) -> Result<Response, TransportError> {
        if let Some(delay) = self.after {
            sleep(delay).await;
        }
        match self.resolved_for(&request).kind {
            Kind::Response(response) => Ok(response.into()),
            Kind::Refused => Err(refused()),
            Kind::Pending => pending().await,
            Kind::Session(grant) => Ok(grant.answer().await),
            // It is resolved above.
            Kind::Exec(_) => pending().await,
        }
    }
}

/// What a refused connection makes of a request.
fn refused() -> TransportError {
    TransportError::not_sent(io::Error::from(io::ErrorKind::ConnectionRefused))
}

impl From<Canned> for Response {
    fn from(Canned { status, headers, body, lost }: Canned) -> Self {
        let body = match lost {
            false => Body::from(body),
            true => Body::wrap_stream(stream::iter([
                Ok(body),
                Err(io::Error::from(io::ErrorKind::ConnectionReset)),
            ])),
        };
        let mut response = http::Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Self::from(response)
    }
}

impl From<ExecScript> for Reply {
    fn from(script: ExecScript) -> Self {
        Self::new(Kind::Exec(script))
    }
}

impl From<Value> for Reply {
    fn from(body: Value) -> Self {
        Self::json(StatusCode::OK, &body)
    }
}

/// An operation of which nothing is known.
const ANY: Operation = Operation::undocumented("", "", "");

/// One line, without the body.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.kind, self.after) {
            (Kind::Exec(_), None) => f.write_str("an exec session"),
            (Kind::Exec(_), Some(after)) => write!(f, "an exec session after {after:?}"),
            (_, after) => f.write_str(&self.shown(&ANY).headline(after)),
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({self})")
    }
}
