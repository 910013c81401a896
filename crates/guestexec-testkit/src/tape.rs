//! The transport that records requests and plays replies.

use std::{
    borrow::Borrow,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use guestexec_core::{
    Operation, Request, RequestShape, Response, ResponseFuture, Transport, TransportError,
};
use reqwest::StatusCode;

use crate::{
    Answer, Conversation, Exchange, ExecSession, Reply, Times, Unmet,
    cassette::{Play, Player, Recorder, Taking, shape_text},
    cues::{Cues, Source},
};

/// A transport that records requests and answers them with canned replies. Nothing is sent, unless the
/// tape [records](Self::record) a conversation with a real service.
///
/// Clones share one recording: one goes to a client's builder, the other answers the test's questions.
/// `Display` is the whole conversation, for `insta::assert_snapshot!(tape)`.
///
/// # Which reply a request gets
///
/// The first of these that is left:
///
/// 1. replies to its operation that are given once ([`reply_to`](Self::reply_to)), in the order added;
/// 2. the rules of its operation ([`on`](Self::on), [`on_with`](Self::on_with)): each answers one request,
///    the last any number;
/// 3. replies to any operation ([`reply`](Self::reply)), in the order added;
/// 4. the cassette that the tape [replays](Self::replay), or the service that it records.
///
/// [`Reply::times`] says how many requests a reply or a rule answers. An operation is compared as a whole,
/// so operations of two services never mix, even if their names are the same.
///
/// A request that has no reply is recorded and answered at once with status 501, which is an error of the
/// call, and [`verify`](Self::verify) tells of it.
#[derive(Clone, Default)]
pub struct Tape(Arc<Mutex<State>>);

#[derive(Default)]
pub(crate) struct State {
    exchanges: Vec<Exchange>,
    cues: Cues,
    lenient: bool,
    /// What records requests that no cue answers.
    pub(crate) recorder: Option<Arc<Recorder>>,
    /// What answers requests that no cue answers.
    pub(crate) player: Option<Player>,
}

/// What becomes of a request that no cue answers.
enum Beyond {
    Passed(Taking),
    Played(Box<Play>),
    /// No answer, and why.
    Nothing(String),
}

impl Tape {
    /// An empty tape.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a reply to one request of any operation. It is given only to operations without a reply of
    /// their own.
    #[must_use]
    pub fn reply(self, reply: impl Into<Reply>) -> Self {
        self.add(None, true, Source::Canned(reply.into()))
    }

    /// Adds a reply to one request of this operation, from a provider's table `operations`. It precedes the
    /// rules of the operation.
    #[must_use]
    pub fn reply_to(self, operation: impl Borrow<Operation>, reply: impl Into<Reply>) -> Self {
        self.add(Some(*operation.borrow()), true, Source::Canned(reply.into()))
    }

    /// Adds a rule: requests of this operation are answered so, any number of them, in any order with those
    /// of other operations.
    ///
    /// Several rules of one operation answer in turn: each answers one request, and the last all that
    /// follow. [`Reply::times`] makes it another number; a last rule with a number answers no more.
    ///
    /// ```
    /// use guestexec_testkit::{Operation, Reply, Tape};
    /// use serde_json::json;
    ///
    /// # const POLL: Operation = Operation::undocumented("Poll", "GET", "/jobs/{id}");
    /// // Two polls find the job running, and all others find it done.
    /// let tape = Tape::new()
    ///     .on(POLL, Reply::from(json!({ "state": "Running" })).times(2))
    ///     .on(POLL, json!({ "state": "Done" }));
    /// ```
    #[must_use]
    pub fn on(self, operation: impl Borrow<Operation>, reply: impl Into<Reply>) -> Self {
        self.add(Some(*operation.borrow()), false, Source::Canned(reply.into()))
    }

    /// Adds a rule whose replies are computed from the request: `reply` sees its shape, in which the body is
    /// a [`Value`](crate::Value) without its secrets.
    ///
    /// It is the rule for concurrent calls: what a request is answered with does not depend on which one
    /// came first. `reply` is called while the tape is free, so it may ask the tape, and by several requests
    /// at once. If it panics, the call does; the tape stays usable.
    ///
    /// ```
    /// use guestexec_testkit::{Operation, Tape};
    /// use serde_json::json;
    ///
    /// # const POLL: Operation = Operation::undocumented("Poll", "POST", "/");
    /// let tape = Tape::new().on_with(POLL, |request| {
    ///     let ids = request.body.as_ref().map(|body| &body["Ids"]);
    ///     json!({ "Done": ids })
    /// });
    /// ```
    #[must_use]
    pub fn on_with<F, R>(self, operation: impl Borrow<Operation>, reply: F) -> Self
    where
        F: Fn(&RequestShape) -> R + Send + Sync + 'static,
        R: Into<Reply>,
    {
        let compute = Arc::new(move |request: &RequestShape| reply(request).into());
        self.add(Some(*operation.borrow()), false, Source::Computed(compute))
    }

    /// Says how many requests of this operation there should be: `3`, `1..`, `2..=5`, `..10`, or `0`.
    /// [`verify`](Self::verify) checks it. A rule of the operation that answers any number may then be
    /// unused. Of several counts of one operation, each has to hold.
    ///
    /// # Panics
    /// If no number is in the range, such as `5..5`.
    #[must_use]
    #[track_caller]
    pub fn expect(self, operation: impl Borrow<Operation>, times: impl Into<Times>) -> Self {
        let times = times.into();
        assert!(!times.is_empty(), "no number of requests is in the range that is expected");
        self.state().cues.counts.push((*operation.borrow(), times));
        self
    }

    /// Makes requests without a reply, and replies without a request, no complaint of
    /// [`verify`](Self::verify), which then checks the counts of [`expect`](Self::expect) alone. Requests
    /// without a reply are answered with status 501 all the same.
    #[must_use]
    pub fn lenient(self) -> Self {
        self.state().lenient = true;
        self
    }

    /// The requests and their answers so far, in the order in which the requests were made.
    pub fn conversation(&self) -> Conversation {
        let mut exchanges = self.state().exchanges.clone();
        for exchange in &mut exchanges {
            if let Answer::Session(session) = &mut exchange.answer {
                *session = session.so_far();
            }
        }
        Conversation(exchanges)
    }

    /// The exec sessions that were granted so far, in the order in which they were asked for.
    pub fn sessions(&self) -> Vec<ExecSession> {
        let session = |exchange: &Exchange| match &exchange.answer {
            Answer::Session(session) => Some(session.clone()),
            _ => None,
        };
        self.state().exchanges.iter().filter_map(session).collect()
    }

    /// The same, sorted by operation and then by the text of the request; equal requests stay in order.
    ///
    /// It is for calls made at the same time, whose order differs from run to run: the snapshot is the same
    /// if each call makes the same requests. Give them answers that do not depend on the order either, by
    /// [`on`](Self::on) and [`on_with`](Self::on_with). For calls made one after the other,
    /// [`conversation`](Self::conversation) shows more: what followed what.
    pub fn sorted(&self) -> Conversation {
        self.conversation().sorted()
    }

    /// The requests recorded so far, in order.
    pub fn requests(&self) -> Vec<RequestShape> {
        self.state().exchanges.iter().map(|exchange| exchange.request.clone()).collect()
    }

    /// The last request recorded.
    pub fn last_request(&self) -> Option<RequestShape> {
        self.state().exchanges.last().map(|exchange| exchange.request.clone())
    }

    /// The number of replies that are left; 0 once everything that was expected has been sent. A rule that
    /// answers any number of requests counts as one until it is used.
    pub fn unplayed(&self) -> usize {
        let state = self.state();
        let cues: usize = state.cues.unplayed().map(|(_, left)| left).sum();
        cues + state.player.as_ref().map_or(0, Player::unplayed)
    }

    /// Checks that the requests were those expected.
    ///
    /// # Errors
    /// One message with all that is wrong: requests without a reply, replies and rules without a request,
    /// counts that do not hold. See [`lenient`](Self::lenient).
    pub fn verify(&self) -> Result<(), Unmet> {
        let state = self.state();
        Unmet::of(&state.exchanges, &state.cues, state.player.as_ref(), state.lenient)
    }

    /// Checks the same in one line.
    ///
    /// # Panics
    /// With the message of [`verify`](Self::verify), if that is an error.
    #[track_caller]
    pub fn assert_complete(&self) {
        if let Err(unmet) = self.verify() {
            panic!("{unmet}");
        }
    }

    fn add(self, operation: Option<Operation>, once: bool, source: Source) -> Self {
        self.state().cues.add(operation, once, source);
        self
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn recorder(&self) -> Option<Arc<Recorder>> {
        self.state().recorder.clone()
    }

    /// Finds what becomes of a request that no cue answers.
    fn beyond(
        &self,
        operation: &'static Operation,
        request: &Request,
        shape: &RequestShape,
    ) -> Beyond {
        let mut state = self.state();
        if let Some(recorder) = state.recorder.clone() {
            return Beyond::Passed(recorder.begin(operation, request, shape_text(shape)));
        }
        let played = match &mut state.player {
            Some(player) => player.next(operation, request, &shape_text(shape)),
            None => Err(format!("the tape has no reply to this request of {}", operation.id)),
        };
        match played {
            Ok(play) => Beyond::Played(Box::new(play)),
            Err(why) => Beyond::Nothing(why),
        }
    }

    /// Records a request, and finds its reply.
    fn record_request(
        &self,
        operation: &'static Operation,
        sent: &Request,
        request: RequestShape,
    ) -> (Entry, Option<Source>) {
        let mut state = self.state();
        let at = state.exchanges.len();
        state.exchanges.push(Exchange {
            operation,
            order: at + 1,
            request,
            after: None,
            answer: Answer::Waiting,
        });
        (Entry { tape: self.clone(), at }, state.cues.next(operation, sent))
    }
}

/// The place in the record of a request that waits for its answer. Dropped without one, it says so.
pub(crate) struct Entry {
    tape: Tape,
    at: usize,
}

impl Entry {
    fn edit(&self, edit: impl FnOnce(&mut Exchange)) {
        if let Some(exchange) = self.tape.state().exchanges.get_mut(self.at) {
            edit(exchange);
        }
    }

    pub(crate) fn answered(&self, answer: Answer) {
        self.edit(|exchange| exchange.answer = answer);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.edit(|exchange| {
            if exchange.answer == Answer::Waiting {
                exchange.answer = Answer::GivenUp;
            }
        });
    }
}

impl Transport for Tape {
    fn execute(&self, operation: &'static Operation, request: Request) -> ResponseFuture<'_> {
        let shape = RequestShape::of(&request);
        let (entry, source) = self.record_request(operation, &request, shape.clone());
        let source = source.ok_or_else(|| self.beyond(operation, &request, &shape));
        Box::pin(async move {
            let reply = match source {
                Ok(Source::Canned(reply)) => reply,
                Ok(Source::Computed(compute)) => {
                    match catch_unwind(AssertUnwindSafe(|| compute(&shape))) {
                        Ok(reply) => reply,
                        Err(panic) => {
                            entry.answered(Answer::Panicked);
                            resume_unwind(panic)
                        }
                    }
                }
                Err(beyond) => return answered_beyond(beyond, entry, operation, request).await,
            };
            let reply = reply.resolved_for(&request);
            let shown = reply.shown(operation);
            entry.edit(|exchange| {
                exchange.after = reply.delay();
                if shown == Answer::Never {
                    exchange.answer = Answer::Never;
                }
            });
            let reply = reply.quoting(operation, &request);
            let result = reply.play(operation, request).await;
            entry.answered(shown);
            result
        })
    }
}

/// Answers a request that no cue answers.
async fn answered_beyond(
    beyond: Beyond,
    entry: Entry,
    operation: &'static Operation,
    request: Request,
) -> Result<Response, TransportError> {
    match beyond {
        Beyond::Passed(taking) => taking.pass(operation, request, entry).await,
        Beyond::Played(play) => {
            let shown = play.shown();
            let result = play.play(operation, request).await;
            entry.answered(shown);
            result
        }
        Beyond::Nothing(why) => {
            entry.answered(Answer::NoReply);
            Reply::text(StatusCode::NOT_IMPLEMENTED, why).play(operation, request).await
        }
    }
}

impl fmt::Display for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.conversation().fmt(f)
    }
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requests = self.state().exchanges.len();
        let unplayed = self.unplayed();
        write!(f, "Tape({requests} requests, {unplayed} replies left)")
    }
}
