//! Polling a node for the end of a job, also through proxies.

use std::{sync::Arc, time::Duration};

use guestexec_core::{Answer, ErrorKind, Mark, Secret};
use reqwest::StatusCode;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{
    Client, Error, JobId, Output, Unfinished,
    error::session_ended,
    hooks::Call,
    not_started::{PollError, is_of_node, poll_error, refuses_poll},
    operations::GET_API_JOB,
    types::ExecuteGuestVmCommandResponse,
};

/// First and longest pause between two polls.
pub(crate) const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// How long to poll a job although every poll is refused: one of several nodes may not know it yet.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The same after a lost answer, whose request may still be on its way.
const LATE: Duration = Duration::from_secs(2);

/// How long to poll after a lost answer at least, also beyond the deadline.
const LEAST: Duration = Duration::from_secs(5);

/// A session that is found ended this soon after a command was sent had ended before the command.
const PROMPT: Duration = Duration::from_secs(10);

/// A command on a node, by its job.
pub(crate) struct Job<'a> {
    client: &'a Client,
    id: JobId,
    vm: Option<&'a str>,
    /// When it was sent, if by this run.
    sent: Option<Instant>,
    /// The session of the command, or of the polls.
    session: Option<Arc<Secret>>,
    /// The marks of the command's generated texts; the answer to a poll repeats its nonce.
    marks: Vec<Mark>,
}

/// The result of a poll.
enum Polled {
    Ended(Box<ExecuteGuestVmCommandResponse>),
    Running,
    /// The job has failed.
    Failed(Error),
    /// The poll was refused.
    Refused(Error),
    /// There was no answer, or none of the node's.
    Lost(Error),
}

/// The meaning of an answer that the session has ended.
enum SessionEnded {
    /// The command was refused.
    NeverStarted,
    /// The client has a new session to poll with.
    PollAgain,
    /// The poll was refused.
    Refused,
}

impl<'a> Job<'a> {
    /// A job of which only the id is known.
    pub(crate) fn known(client: &'a Client, id: &JobId) -> Self {
        let session = client.session().and_then(|session| session.uuid());
        Self { client, id: id.clone(), vm: None, sent: None, session, marks: Vec::new() }
    }

    /// The job of a command that is about to be sent, for `vm` if for a single one.
    pub(crate) fn of_command(
        client: &'a Client,
        id: JobId,
        vm: Option<&'a str>,
        marks: Vec<Mark>,
    ) -> Self {
        Self { vm, sent: Some(Instant::now()), marks, ..Self::known(client, &id) }
    }

    /// Waits for the end of a job that the node has accepted, by the id it gives, if any.
    pub(crate) async fn accepted(
        mut self,
        id: Option<JobId>,
        deadline: Instant,
    ) -> Result<Output, Error> {
        self.id = id.unwrap_or(self.id);
        // By then, a node has refused a command whose session has ended.
        sleep_until(deadline.min(Instant::now() + PAUSE.0 / 2)).await;
        self.poll(deadline, PATIENCE).await
    }

    /// Polls the job of a command whose answer was lost; without a result, the error is `lost`.
    pub(crate) async fn recover(self, deadline: Instant, lost: Error) -> Result<Output, Error> {
        match self.poll(deadline.max(Instant::now() + LEAST), LATE).await {
            Err(error) if Unfinished::of(&error).is_some() => {
                let lost = match error.kind() {
                    ErrorKind::NotFound => lost.with_advice(
                        "the node has no result for it: look inside the VM before you run it again",
                    ),
                    _ => lost
                        .with_advice(
                            "polling its result failed as well: look inside the VM before you run it again",
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

    /// Polls with growing pauses until the job has ended or `deadline` has passed. Refusals end it after
    /// `patience` without another answer, or [`PATIENCE`] once the node has shown that it knows the job.
    pub(crate) async fn poll(
        &self,
        deadline: Instant,
        mut patience: Duration,
    ) -> Result<Output, Error> {
        let mut identified = false;
        let mut pause = PAUSE.0;
        // Since when polls are refused.
        let mut refused: Option<Instant> = None;
        let mut running = self.sent.is_none();
        let mut renewed = false;
        let mut last = None;
        loop {
            let poll = self.client.get_api_job(self.id.expose());
            let marks = self.marks.clone();
            let poll = poll.send_in(Call { identified, marks, repeated: true, ..Call::default() });
            let Ok(answer) = timeout_at(deadline, poll).await else { break };
            match polled(answer) {
                Polled::Ended(answer) => return Ok(Output::new(*answer)),
                Polled::Failed(error) => return Err(error),
                Polled::Running => {
                    (running, refused, last) = (true, None, None);
                    patience = PATIENCE;
                }
                Polled::Lost(error) => last = Some(error),
                Polled::Refused(error) => {
                    if session_ended(&error) {
                        match self.on_session_ended(running, &mut renewed, deadline).await {
                            SessionEnded::NeverStarted => {
                                return Err(error.with_may_have_run(false));
                            }
                            SessionEnded::PollAgain => {
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
                    // A node needs no credentials for a poll, but a proxy may.
                    identified = true;
                    pause = pause.min(until - now);
                }
            }
            let now = Instant::now();
            let asked = last.as_ref().and_then(Error::retry_after).unwrap_or_default();
            // There is another poll before the deadline, even if the service asks for a longer wait.
            let asked = asked.min(deadline.saturating_duration_since(now) / 2);
            let next = now + pause.max(asked);
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
        .during(GET_API_JOB.id);
        Err(self.unfinished(match last {
            Some(last) => error.with_source(last),
            None => error,
        }))
    }

    /// Finds out whether the command or the poll was refused because the session has ended.
    ///
    /// A node checks the session of a command, and not of a poll; a proxy may check both. So the command was
    /// refused only if nothing shows that it began, the session has indeed ended, and a poll under a new
    /// session has the same answer. If there is no new session, the command was refused if the session was
    /// found ended soon after it was sent.
    async fn on_session_ended(
        &self,
        running: bool,
        renewed: &mut bool,
        deadline: Instant,
    ) -> SessionEnded {
        let (Some(session), Some(used)) = (self.client.session(), &self.session) else {
            return SessionEnded::Refused;
        };
        if *renewed {
            return if running { SessionEnded::Refused } else { SessionEnded::NeverStarted };
        }
        let check = self.client.validate_session(used.expose()).send();
        match timeout_at(deadline, check).await {
            Ok(Ok(answer)) if answer.valid == Some(false) => {}
            _ => return SessionEnded::Refused,
        }
        if let Ok(Ok(true)) = timeout_at(deadline, session.renew(self.client, used)).await {
            *renewed = true;
            return SessionEnded::PollAgain;
        }
        match self.sent {
            Some(sent) if !running && sent.elapsed() < PROMPT => SessionEnded::NeverStarted,
            _ => SessionEnded::Refused,
        }
    }
}

fn polled(answer: Result<Answer<ExecuteGuestVmCommandResponse>, Error>) -> Polled {
    match answer {
        Ok(answer) if answer.status() == StatusCode::OK => {
            Polled::Ended(Box::new(answer.into_inner()))
        }
        Ok(_) => Polled::Running,
        Err(error) => match (error.detail().map(poll_error), error.kind()) {
            (Some(_), _) if !error.detail().is_some_and(is_of_node) => Polled::Refused(error),
            (Some(PollError::End { not_started }), _) => {
                Polled::Failed(error.with_may_have_run(!not_started))
            }
            (Some(PollError::Refusal), _) => Polled::Refused(error),
            // Another poll would not help.
            (None, ErrorKind::TooLarge | ErrorKind::InvalidRequest) => {
                Polled::Failed(error.with_may_have_run(true))
            }
            (None, _) if error.status().is_some_and(refuses_poll) => Polled::Refused(error),
            (None, _) => Polled::Lost(error),
        },
    }
}

/// Adds to a lasting refusal what it may mean.
fn explained(error: Error) -> Error {
    match (error.kind(), error.detail()) {
        (ErrorKind::NotFound, None) => error.with_advice(
            "the node has forgotten the job: results are kept for three hours as installed",
        ),
        _ => error,
    }
}
