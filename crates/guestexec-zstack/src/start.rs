//! One command's call: sent once, and seen to its end, however the node answers.

use std::{fmt, time::Duration};

use guestexec_core::ErrorKind;
use reqwest::StatusCode;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    Client, Error, JobId, Method, Output,
    auth::Session,
    enums::Platform,
    error::session_ended,
    follow::Job,
    hooks,
    job::after,
    proof::is_own_word,
    types::{ExecuteGuestVmCommandParams, ExecuteGuestVmCommandRequest},
};

/// How long a command is waited for where no timeout was given.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);
/// How much longer than the command's timeout is waited: the way there, and the node's own work.
const GRACE: Duration = Duration::from_secs(30);
/// Longest wait of all: a command's longest timeout, and as much again.
const LONGEST: Duration = Duration::from_secs(2 * 86_400);
/// First and longest pause after an answer of "too many requests".
const THROTTLED: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));

/// What is to be sent, as [`Run`](crate::Run) and [`Unchecked`](crate::Unchecked) gather it.
#[derive(Clone)]
pub(crate) struct Call<'a> {
    pub(crate) client: &'a Client,
    pub(crate) vm: String,
    pub(crate) platform: Platform,
    pub(crate) command: String,
    pub(crate) timeout: Option<Duration>,
    pub(crate) method: Method,
    pub(crate) job: Option<JobId>,
}

impl Call<'_> {
    /// All but the command, which may hold a secret.
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
            let part = u64::from(timeout.subsec_nanos() > 0);
            let seconds = timeout.as_secs().saturating_add(part);
            // What does not fit is out of range as well, and is refused with the number's name.
            params = params.command_timeout(i32::try_from(seconds).unwrap_or(i32::MAX));
        }
        ExecuteGuestVmCommandRequest::new(params)
    }

    /// Sends the command, and again where an answer proves that it was not started and may be.
    pub(crate) async fn finish(self) -> Result<Output, Error> {
        let wait = self.timeout.unwrap_or(DEFAULT_TIMEOUT).saturating_add(GRACE);
        let deadline = after(wait.min(LONGEST));
        let session = self.client.inner.session();
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
            if error.kind() == ErrorKind::Throttled && Instant::now() + pause < deadline {
                sleep(pause).await;
                pause = (pause * 2).min(THROTTLED.1);
                continue;
            }
            match (session, used) {
                (Some(session), Some(used)) if may_renew && session_ended(&error) => {
                    may_renew = false;
                    let renewed = timeout_at(deadline, session.renew(self.client, &used)).await;
                    match renewed {
                        // The node may have noted the name.
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

    /// A name is spent even where the session has ended, so that is found out before.
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
            // What is not known is found out by the command.
            _ => Ok(()),
        }
    }

    /// Sends the command once and sees it to its end.
    async fn attempt(&self, deadline: Instant) -> Result<Output, Error> {
        let id = match &self.job {
            Some(job) => job.clone(),
            None => JobId::random()?,
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let state = hooks::Call::under(id.clone(), left);
        let job = Job::of_command(self.client, id, &self.vm);
        let (client, request) = (self.client, self.request());
        let sent = match self.method {
            Method::Put => client.execute_guest_vm_command().body(request).send_in(state).await,
            Method::Post => {
                client.execute_guest_vm_command_by_post().body(request).send_in(state).await
            }
        };
        let answer = match sent {
            Ok(answer) => answer,
            // Under a name of the caller's choice there may be another command.
            Err(error) if error.status() == Some(StatusCode::BAD_REQUEST) && self.job.is_some() => {
                return Err(match error.may_have_run() {
                    true => job.unfinished(error),
                    false => error,
                });
            }
            Err(lost) if is_lost(&lost) => return job.look_for(deadline, lost).await,
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

/// True where the node's own word on a command that may have run was not heard, so that it may know
/// more than we do.
fn is_lost(error: &Error) -> bool {
    let heard = error.detail().is_some_and(is_own_word);
    error.may_have_run() && !heard && error.kind() != ErrorKind::TooLarge
}
