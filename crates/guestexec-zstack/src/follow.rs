//! Asking a node for the end of a job, whatever stands in between.

use std::{sync::Arc, time::Duration};

use guestexec_core::{ErrorKind, Secret};
use progenitor_client::ResponseValue;
use reqwest::StatusCode;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{
    Client, Error, JobId, Output, Unfinished,
    auth::Session,
    error::session_ended,
    hooks::Call,
    proof::{Told, is_own_word, refuses_question, told},
    types::ExecuteGuestVmCommandResponse,
};

/// First and longest pause between two questions.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// How long a job the node has named is asked for although every question is refused, or the job is
/// said to be unknown: one of several nodes may not have heard of it yet.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The same after a lost answer: the request may still be on its way.
const LATE: Duration = Duration::from_secs(2);

/// How long is looked for a lost answer at least, however late it is.
const LOOK: Duration = Duration::from_secs(5);

/// Within this time after a command was sent, that its session has ended means that it had ended
/// before.
const PROMPT: Duration = Duration::from_secs(10);

/// A command on a node, by its job.
pub(crate) struct Job<'a> {
    client: &'a Client,
    id: JobId,
    vm: Option<&'a str>,
    /// When it was sent, if it was just now.
    sent: Option<Instant>,
    /// The session it was sent under, or that questions are asked under.
    session: Option<Arc<Secret>>,
}

/// What an answer to a question about a job says.
enum Heard {
    Ended(Box<ExecuteGuestVmCommandResponse>),
    Running,
    /// The job's own failure.
    Failed(Error),
    /// A refusal of the question.
    Refused(Error),
    /// Nothing: there was no answer, or none of the node's.
    Nothing(Error),
}

/// What to make of an answer that the session has ended.
enum SessionEnded {
    /// The command was refused for it.
    NeverStarted,
    /// There is a new one to ask under.
    AskAgain,
    /// The question was refused for it.
    Refused,
}

impl<'a> Job<'a> {
    /// A job of which only the name is known.
    pub(crate) fn known(client: &'a Client, id: &JobId) -> Self {
        let session = client.inner.session().and_then(Session::uuid);
        Self { client, id: id.clone(), vm: None, sent: None, session }
    }

    /// The job of a command for `vm` that is about to be sent.
    pub(crate) fn of_command(client: &'a Client, id: JobId, vm: &'a str) -> Self {
        Self { vm: Some(vm), sent: Some(Instant::now()), ..Self::known(client, &id) }
    }

    /// Waits for the end of a job that the node has accepted, under the name it gives, if any.
    pub(crate) async fn accepted(
        mut self,
        named: Option<JobId>,
        deadline: Instant,
    ) -> Result<Output, Error> {
        if let Some(named) = named {
            self.id = named;
        }
        // What is refused for its session is refused by then.
        sleep_until(deadline.min(Instant::now() + PAUSE.0 / 2)).await;
        self.watch(deadline, PATIENCE).await
    }

    /// Asks for the job of a command whose answer was lost; without one, `lost` is all there is.
    pub(crate) async fn look_for(self, deadline: Instant, lost: Error) -> Result<Output, Error> {
        match self.watch(deadline.max(Instant::now() + LOOK), LATE).await {
            Err(error) if Unfinished::of(&error).is_some() => {
                let lost = match error.kind() {
                    ErrorKind::NotFound => lost.with_advice(
                        "the node has no result for it: look inside the VM before you run it again",
                    ),
                    _ => lost
                        .with_advice(
                            "asking for its result failed as well: look before you run it again",
                        )
                        .with_source(error),
                };
                Err(self.unfinished(lost))
            }
            found => found,
        }
    }

    pub(crate) fn unfinished(&self, error: Error) -> Error {
        Unfinished::attach(self.id.clone(), self.vm.map(str::to_owned), error)
    }

    /// Asks, ever more slowly, until the job has ended or `deadline` has come. Refusals count only
    /// once nothing else was heard for as long as `patience`, at first, and [`PATIENCE`] after the
    /// node has shown that it knows the job.
    pub(crate) async fn watch(
        &self,
        deadline: Instant,
        mut patience: Duration,
    ) -> Result<Output, Error> {
        let mut identified = false;
        let mut pause = PAUSE.0;
        // Since when the questions are refused.
        let mut refused: Option<Instant> = None;
        let mut running = self.sent.is_none();
        let mut renewed = false;
        let mut last = None;
        loop {
            let question = self.client.get_api_job().uuid(self.id.expose());
            let question = question.send_in(Call::identified(identified));
            let Ok(answer) = timeout_at(deadline, question).await else { break };
            match hear(answer) {
                Heard::Ended(answer) => return Ok(Output::new(*answer)),
                Heard::Failed(error) => return Err(error),
                Heard::Running => {
                    (running, refused, last) = (true, None, None);
                    patience = PATIENCE;
                }
                Heard::Nothing(error) => last = Some(error),
                Heard::Refused(error) => {
                    if session_ended(&error) {
                        match self.on_session_ended(running, &mut renewed, deadline).await {
                            SessionEnded::NeverStarted => {
                                return Err(error.with_may_have_run(false));
                            }
                            SessionEnded::AskAgain => {
                                identified = true;
                                continue;
                            }
                            SessionEnded::Refused => {}
                        }
                    }
                    let now = Instant::now();
                    let until = *refused.get_or_insert(now) + patience;
                    if now >= until {
                        return Err(self.unfinished(explained(error)));
                    }
                    last = Some(error);
                    // A node needs no credentials for it, but something in between may.
                    identified = true;
                    pause = pause.min(until - now);
                }
            }
            let next = Instant::now() + pause;
            if next >= deadline {
                break;
            }
            sleep_until(next).await;
            pause = (pause * 3 / 2).clamp(PAUSE.0, PAUSE.1);
        }
        let error = Error::new(
            ErrorKind::Timeout,
            "the command was started, but its end was not seen in time",
        )
        .during("GetApiJob");
        Err(self.unfinished(match last {
            Some(last) => error.with_source(last),
            None => error,
        }))
    }

    /// Finds out what it means that the session has ended: the command was refused for it, or the
    /// question was.
    ///
    /// A node looks at the session when a command begins, and never for a question; something in
    /// between may look at it for both. So a command was refused only if nothing shows that it began,
    /// the session has indeed ended, and the answer to a question under a new one stays the same.
    /// Where no new one can be had, it counts that the session had ended so soon.
    async fn on_session_ended(
        &self,
        running: bool,
        renewed: &mut bool,
        deadline: Instant,
    ) -> SessionEnded {
        let (Some(session), Some(used)) = (self.client.inner.session(), &self.session) else {
            return SessionEnded::Refused;
        };
        if *renewed {
            return if running { SessionEnded::Refused } else { SessionEnded::NeverStarted };
        }
        let check = self.client.validate_session().uuid(used.expose()).send();
        match timeout_at(deadline, check).await {
            Ok(Ok(answer)) if answer.valid == Some(false) => {}
            _ => return SessionEnded::Refused,
        }
        if let Ok(Ok(true)) = timeout_at(deadline, session.renew(self.client, used)).await {
            *renewed = true;
            return SessionEnded::AskAgain;
        }
        match self.sent {
            Some(sent) if !running && sent.elapsed() < PROMPT => SessionEnded::NeverStarted,
            _ => SessionEnded::Refused,
        }
    }
}

fn hear(answer: Result<ResponseValue<ExecuteGuestVmCommandResponse>, Error>) -> Heard {
    match answer {
        Ok(answer) if answer.status() == StatusCode::OK => {
            Heard::Ended(Box::new(answer.into_inner()))
        }
        Ok(_) => Heard::Running,
        Err(error) => match (error.detail().map(told), error.kind()) {
            (Some(_), _) if !error.detail().is_some_and(is_own_word) => Heard::Refused(error),
            (Some(Told::End { not_started }), _) => {
                Heard::Failed(error.with_may_have_run(!not_started))
            }
            (Some(Told::Nothing), _) => Heard::Refused(error),
            // To ask again would not help.
            (None, ErrorKind::TooLarge | ErrorKind::InvalidRequest) => {
                Heard::Failed(error.with_may_have_run(true))
            }
            (None, _) if error.status().is_some_and(refuses_question) => Heard::Refused(error),
            (None, _) => Heard::Nothing(error),
        },
    }
}

/// A refusal that stayed, with what it may mean.
fn explained(error: Error) -> Error {
    match (error.kind(), error.detail()) {
        (ErrorKind::NotFound, None) => error.with_advice(
            "the node has forgotten the job: results are kept for three hours as installed",
        ),
        _ => error,
    }
}
