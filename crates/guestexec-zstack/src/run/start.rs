//! One command's call: sends it once and follows it to its end, however the node answers.

use std::{fmt, time::Duration};

use guestexec_core::{ErrorKind, Mark, ensure_runtime};
use reqwest::StatusCode;
use tokio::time::{Instant, sleep, timeout_at};

use super::{follow::Job, job::after};
use crate::{
    Client, Error, JobId, Method, Output,
    auth::Session,
    enums::Platform,
    error::session_ended,
    hooks,
    not_started::is_of_node,
    types::{ExecuteGuestVmCommandParams, ExecuteGuestVmCommandRequest},
};

/// How long to wait for a command without a timeout.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);
/// How much longer than the command's timeout to wait, for the network and the node's own work.
pub(crate) const GRACE: Duration = Duration::from_secs(30);
/// Longest wait of all: a command's longest timeout, and as much again.
const LONGEST: Duration = Duration::from_secs(2 * 86_400);
/// First and longest pause after a throttled request.
const THROTTLED: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));

/// The settings of a [`Run`](crate::Run) or [`Unchecked`](crate::Unchecked).
#[derive(Clone)]
pub(crate) struct Call<'a> {
    pub(crate) client: &'a Client,
    pub(crate) vm: String,
    pub(crate) platform: Platform,
    pub(crate) command: String,
    pub(crate) timeout: Option<Duration>,
    pub(crate) method: Method,
    pub(crate) job: Option<JobId>,
    /// What a shape is told of the command.
    pub(crate) marks: Vec<Mark>,
}

impl Call<'_> {
    /// Adds all fields but the command, which may hold a secret.
    pub(crate) fn fields<'f, 'a, 'b>(
        &self,
        debug: &'f mut fmt::DebugStruct<'a, 'b>,
    ) -> &'f mut fmt::DebugStruct<'a, 'b> {
        debug
            .field("vm", &self.vm)
            .field("platform", &self.platform)
            .field("timeout", &self.timeout)
            .field("method", &self.method)
            .field("job", &self.job)
    }

    fn request(&self) -> ExecuteGuestVmCommandRequest {
        let mut params =
            ExecuteGuestVmCommandParams::new(&self.vm, self.platform.clone(), &self.command);
        if let Some(timeout) = self.timeout {
            let seconds = timeout.as_nanos().div_ceil(1_000_000_000);
            // A number that does not fit is out of range, too; the check then rejects it.
            params = params.command_timeout(i32::try_from(seconds).unwrap_or(i32::MAX));
        }
        ExecuteGuestVmCommandRequest::new(params)
    }

    /// Sends the command, and retries it if an answer proves that it was not started.
    pub(crate) async fn finish(self) -> Result<Output, Error> {
        ensure_runtime()?;
        let wait = self.timeout.unwrap_or(DEFAULT_TIMEOUT).saturating_add(GRACE);
        let deadline = after(wait.min(LONGEST));
        let session = self.client.session();
        let mut may_renew = true;
        let mut pause = THROTTLED.0;
        if let (Some(session), Some(_)) = (session, &self.job) {
            self.renew_if_ended(session, deadline).await?;
        }
        loop {
            let used = session.and_then(Session::uuid);
            let error = match self.attempt(deadline).await {
                Err(error) if !error.may_have_run() => error,
                ended => return ended,
            };
            let wait = pause.max(error.retry_after().unwrap_or_default());
            if error.kind() == ErrorKind::Throttled && Instant::now() + wait < deadline {
                sleep(wait).await;
                pause = (pause * 2).min(THROTTLED.1);
                continue;
            }
            match (session, used) {
                (Some(session), Some(used)) if may_renew && session_ended(&error) => {
                    may_renew = false;
                    let renewed = timeout_at(deadline, session.renew(self.client, &used)).await;
                    match renewed {
                        // The node may have noted the job's id.
                        _ if self.job.is_some() => {
                            return Err(error.with_advice(
                                "the session has ended, and the job's name may be spent: run the \
                                 command under another name, after logging in if need be",
                            ));
                        }
                        Ok(Ok(true)) => {}
                        Ok(Err(no_login)) => return Err(no_login),
                        Ok(Ok(false)) | Err(_) => return Err(error),
                    }
                }
                _ => return Err(error),
            }
        }
    }

    /// Renews an ended session before the command is sent: a request under one uses up the job's id, too.
    async fn renew_if_ended(&self, session: &Session, deadline: Instant) -> Result<(), Error> {
        let Some(used) = session.uuid().filter(|_| session.can_be_renewed()) else {
            return Ok(());
        };
        let check = self.client.validate_session().uuid(used.expose()).send();
        match timeout_at(deadline, check).await {
            Ok(Ok(answer)) if answer.valid == Some(false) => {
                let renewed = timeout_at(deadline, session.renew(self.client, &used)).await;
                renewed.unwrap_or(Ok(false)).map(drop)
            }
            // Otherwise the command finds it out.
            _ => Ok(()),
        }
    }

    /// Sends the command once and follows it to its end.
    async fn attempt(&self, deadline: Instant) -> Result<Output, Error> {
        let id = match &self.job {
            Some(job) => job.clone(),
            None => JobId::random()?,
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let state = hooks::Call {
            job: Some((id.clone(), left)),
            marks: self.marks.clone(),
            ..Default::default()
        };
        let job = Job::of_command(self.client, id, &self.vm, self.marks.clone());
        let (client, request) = (self.client, self.request());
        let sent = match self.method {
            Method::Put => client.execute_guest_vm_command().body(request).send_in(state).await,
            Method::Post => {
                client.execute_guest_vm_command_by_post().body(request).send_in(state).await
            }
        };
        let answer = match sent {
            Ok(answer) => answer,
            // The caller's id may be that of another command.
            Err(error) if error.status() == Some(StatusCode::BAD_REQUEST) && self.job.is_some() => {
                return Err(match error.may_have_run() {
                    true => job.unfinished(error),
                    false => error,
                });
            }
            Err(lost) if is_lost(&lost) => return job.recover(deadline, lost).await,
            Err(error) => return Err(error),
        };
        if answer.status() != StatusCode::ACCEPTED {
            return Ok(Output::new(answer.into_inner()));
        }
        let answer = answer.into_inner();
        let granted = answer.api_timeout.and_then(|millis| u64::try_from(millis).ok());
        let deadline = match granted.map(Duration::from_millis) {
            Some(granted) if granted > Duration::ZERO => {
                deadline.min(Instant::now() + granted.min(LONGEST))
            }
            _ => deadline,
        };
        let named = answer.location.as_ref().and_then(JobId::from_location);
        job.accepted(named, deadline).await
    }
}

/// True if the command may have run and the node did not answer, so that a poll may find the result.
fn is_lost(error: &Error) -> bool {
    let answered = error.detail().is_some_and(is_of_node);
    error.may_have_run() && !answered && error.kind() != ErrorKind::TooLarge
}
