//! The recorder: it passes each exchange on, and keeps both sides.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use guestexec_core::{
    MAX_ANSWER, Operation, Private, Request, Response, Secret, Transport, TransportError,
};
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use reqwest::{Body, StatusCode, header::HeaderMap};

use super::file::Ended;
use crate::tape::Entry;

/// A recorded exchange, in clear. It is cleaned when it is saved.
pub(super) struct Take {
    pub(super) operation: &'static Operation,
    /// The text of the request's shape.
    pub(super) shape: String,
    pub(super) private: Private,
    /// Host and port of a service on this machine.
    pub(super) loopback: Option<String>,
    pub(super) outcome: Outcome,
}

/// What became of a request.
#[derive(Default)]
pub(super) enum Outcome {
    #[default]
    Waiting,
    /// There was no answer.
    None(Ended),
    Answer(Heard),
}

/// An answer as far as it was received.
pub(super) struct Heard {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Why it is not whole.
    pub(super) ended: Option<Ended>,
    /// True while the client reads it.
    pub(super) reading: bool,
    pub(super) too_large: bool,
}

/// The takes of a tape, and the transport that carries its requests.
pub(crate) struct Recorder {
    transport: Box<dyn Transport>,
    takes: Mutex<Vec<Take>>,
    /// What may not be saved either.
    secrets: Mutex<Vec<Secret>>,
}

impl Recorder {
    pub(crate) fn new(transport: impl Transport + 'static) -> Self {
        Self { transport: Box::new(transport), takes: Mutex::default(), secrets: Mutex::default() }
    }

    pub(super) fn never_save(&self, secret: Secret) {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).push(secret);
    }

    /// What may not be saved either, and where it was seen.
    pub(super) fn kept_out(&self) -> Vec<(String, String)> {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let named = |secret: &Secret| {
            ("a text given to `never_save`".to_owned(), secret.expose().to_owned())
        };
        secrets.iter().map(named).collect()
    }

    pub(super) fn takes(&self) -> MutexGuard<'_, Vec<Take>> {
        self.takes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the take of a request.
    pub(crate) fn begin(
        self: Arc<Self>,
        operation: &'static Operation,
        request: &Request,
        shape: String,
    ) -> Taking {
        let private = Private::of(request);
        let loopback = super::loopback(request.as_reqwest().url());
        let mut takes = self.takes();
        let at = takes.len();
        takes.push(Take { operation, shape, private, loopback, outcome: Outcome::Waiting });
        drop(takes);
        Taking { recorder: self, at }
    }
}

/// A take that is under way. Dropped before its answer, it says that the caller gave up.
pub(crate) struct Taking {
    recorder: Arc<Recorder>,
    at: usize,
}

impl Taking {
    fn edit(&self, edit: impl FnOnce(&mut Take)) {
        if let Some(take) = self.recorder.takes().get_mut(self.at) {
            edit(take);
        }
    }

    /// Passes the request on, and the answer back.
    pub(crate) async fn pass(
        self,
        operation: &'static Operation,
        request: Request,
        entry: Entry,
    ) -> Result<Response, TransportError> {
        let sent = self.recorder.transport.execute(operation, request).await;
        let response = match sent {
            Ok(response) => response,
            Err(error) => {
                let ended = why(&error);
                self.edit(|take| take.outcome = Outcome::None(ended));
                entry.answered(super::shown_end(ended));
                return Err(error);
            }
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.edit(|take| take.outcome = Outcome::None(Ended::Session));
            entry.answered(super::shown_end(Ended::Session));
            return Ok(response);
        }
        let (parts, body) = http::Response::<Body>::from(response.into_reqwest()).into_parts();
        let heard = Heard {
            status: parts.status,
            headers: parts.headers.clone(),
            body: Vec::new(),
            ended: None,
            reading: true,
            too_large: false,
        };
        self.edit(|take| take.outcome = Outcome::Answer(heard));
        let mut body = Heeded { body, taking: self, entry: Some(entry) };
        if body.body.is_end_stream() {
            body.end(None);
        }
        Ok(Response::from(http::Response::from_parts(parts, body)))
    }
}

/// What became of a request whose transport failed.
fn why(error: &TransportError) -> Ended {
    match () {
        () if error.is_not_sent() => Ended::Refused,
        () if error.is_timeout() => Ended::TimedOut,
        () => Ended::Lost,
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        self.edit(|take| match &mut take.outcome {
            outcome @ Outcome::Waiting => *outcome = Outcome::None(Ended::GivenUp),
            Outcome::Answer(heard) if heard.reading => {
                heard.reading = false;
                heard.ended = Some(Ended::GivenUp);
            }
            _ => {}
        });
    }
}

/// The body of an answer, which is recorded while the client reads it.
struct Heeded {
    body: Body,
    taking: Taking,
    /// The place in the tape's conversation, until the answer has ended.
    entry: Option<Entry>,
}

impl Heeded {
    fn hear(&self, data: &Bytes) {
        self.taking.edit(|take| {
            let Outcome::Answer(heard) = &mut take.outcome else { return };
            match heard.body.len() + data.len() > MAX_ANSWER {
                true => heard.too_large = true,
                false => heard.body.extend_from_slice(data),
            }
        });
    }

    fn end(&mut self, ended: Option<Ended>) {
        let Some(entry) = self.entry.take() else { return };
        let mut shown = None;
        self.taking.edit(|take| {
            let operation = take.operation;
            let Outcome::Answer(heard) = &mut take.outcome else { return };
            heard.reading = false;
            heard.ended = ended;
            shown = Some(super::shown(operation, heard));
        });
        if let Some(shown) = shown {
            entry.answered(shown);
        }
    }
}

impl HttpBody for Heeded {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => self.end(None),
            Poll::Ready(Some(Err(error))) => {
                let ended = if error.is_timeout() { Ended::TimedOut } else { Ended::Lost };
                self.end(Some(ended));
            }
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    self.hear(data);
                }
                // Nobody asks for the end of a body that is known to have ended.
                if self.body.is_end_stream() {
                    self.end(None);
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Heeded {
    fn drop(&mut self) {
        self.end(Some(Ended::GivenUp));
    }
}
