//! A transport that notes what the service answers.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use guestexec::{
    HttpOptions, HttpTransport, Operation, Proxy, Request, Response, ResponseFuture, StatusCode,
    Transport, TransportError,
};

use crate::failure::Failure;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// What was seen of the first request of the call.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) url: String,
    pub(super) answer: Result<Answered, String>,
    pub(super) took: Duration,
}

/// What the service answered.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    /// The service's time, and this machine's.
    pub(super) times: Option<(SystemTime, SystemTime)>,
}

/// The network, watched.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    /// The operations whose requests are noted: the call, and the login before it.
    of: &'static [&'static str],
    usual: HttpTransport,
    direct: HttpTransport,
    seen: Arc<Mutex<Option<Seen>>>,
}

impl Watch {
    /// Watches requests of these operations.
    ///
    /// # Errors
    /// If the HTTP options cannot be used.
    pub(super) fn new(of: &'static [&'static str], options: HttpOptions) -> Result<Self, Failure> {
        let make = |options: HttpOptions| {
            HttpTransport::new(&options.connect_timeout(CONNECT))
                .map_err(|error| Failure::new(error.to_string()))
        };
        let direct = make(options.clone().proxy(Proxy::Direct))?;
        Ok(Self { of, usual: make(options)?, direct, seen: Arc::default() })
    }

    /// Notes what is seen first; true if it is this.
    fn note(&self, seen: Seen) -> bool {
        let mut first = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = first.is_none();
        first.get_or_insert(seen);
        is_first
    }

    /// What was seen, if a request was sent.
    pub(super) fn seen(&self) -> Option<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Transport for Watch {
    fn execute(&self, operation: &'static Operation, request: Request) -> ResponseFuture<'_> {
        Box::pin(async move {
            if !self.of.contains(&operation.id) {
                // Of the services that issue credentials, only the machine's own speaks plain HTTP, and no proxy
                // leads there.
                let is_near = request.url().starts_with("http://");
                let through = if is_near { &self.direct } else { &self.usual };
                return through.execute(operation, request).await;
            }
            let (url, begin) = (request.url().to_owned(), Instant::now());
            // A request whose time runs out is dropped.
            let late = Err("no answer came in time".to_owned());
            let is_first = self.note(Seen { url: url.clone(), answer: late, took: Duration::ZERO });
            let answer = self.usual.execute(operation, request).await;
            if is_first {
                let seen = Seen { url, answer: answered(&answer), took: begin.elapsed() };
                *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
            }
            answer
        })
    }
}

/// What an answer tells.
fn answered(answer: &Result<Response, TransportError>) -> Result<Answered, String> {
    let answer = answer.as_ref().map_err(ToString::to_string)?;
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
    let date = date.and_then(|text| httpdate::parse_http_date(text).ok());
    let times = date.map(|date| (date, SystemTime::now()));
    Ok(Answered { status: answer.status(), times })
}
