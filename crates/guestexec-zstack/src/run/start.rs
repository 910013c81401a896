//! One command's call: sends it once and follows it to its end, however the node answers.

use std::{
    fmt,
    future::Future,
    sync::{Arc, OnceLock},
    time::Duration,
};

use guestexec_core::{Answer, ErrorKind, Mark, Secret, ensure_runtime, telemetry};
use reqwest::StatusCode;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument as _, Span};

use super::{follow::Job, job::after};
use crate::{
    Client, Error, JobId, Method, Output,
    auth::Session,
    builder::{ExecuteGuestVmCommand, ExecuteGuestVmCommandByPost},
    enums::Platform,
    error::session_ended,
    hooks,
    not_started::is_of_node,
    types::{
        ExecuteGuestVmCommandParams, ExecuteGuestVmCommandRequest, ExecuteGuestVmCommandResponse,
    },
};

/// How long to wait for a command without a timeout.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);
/// How much longer than the command's timeout to wait, for the network and the node's own work.
pub(crate) const GRACE: Duration = Duration::from_secs(30);
/// Longest wait of all: a command's longest timeout, and as much again.
const LONGEST: Duration = Duration::from_secs(2 * 86_400);

/// A call under a job of its own: one that runs a command, or what stands around one.
pub(crate) trait Request: Sync {
    /// The VM that the errors of the call name.
    fn vm(&self) -> Option<&str>;

    /// Sends it once. The result is in the form of a command's, with what it does not have as `extra`.
    fn send(
        &self,
        client: &Client,
        seconds: Option<i32>,
        state: hooks::Call,
    ) -> impl Future<Output = Result<Answer<ExecuteGuestVmCommandResponse>, Error>> + Send;
}

/// One command in one VM.
#[derive(Clone)]
pub(crate) struct Command {
    pub(crate) vm: String,
    pub(crate) platform: Platform,
    pub(crate) text: String,
    pub(crate) method: Method,
}

impl Request for Command {
    fn vm(&self) -> Option<&str> {
        Some(&self.vm)
    }

    async fn send(
        &self,
        client: &Client,
        seconds: Option<i32>,
        state: hooks::Call,
    ) -> Result<Answer<ExecuteGuestVmCommandResponse>, Error> {
        let mut params =
            ExecuteGuestVmCommandParams::new(&self.vm, self.platform.clone(), &self.text);
        params.command_timeout = seconds;
        let request = ExecuteGuestVmCommandRequest::new(params);
        match self.method {
            Method::Put => ExecuteGuestVmCommand::with_body(client, request).send_in(state).await,
            Method::Post => {
                ExecuteGuestVmCommandByPost::with_body(client, request).send_in(state).await
            }
        }
    }
}

/// A [`Request`], and how it is to be made.
#[derive(Clone)]
pub(crate) struct Call<'a, R = Command> {
    pub(crate) client: &'a Client,
    pub(crate) request: R,
    pub(crate) timeout: Option<Duration>,
    pub(crate) job: Option<JobId>,
    /// The marks of the command's generated texts.
    pub(crate) marks: Vec<Mark>,
    /// The id under which the node has accepted it, for a caller that does not wait for its end.
    pub(crate) accepted: Arc<OnceLock<JobId>>,
}

impl Call<'_> {
    /// Adds all fields but the command, which may hold a secret.
    pub(crate) fn fields<'f, 'a, 'b>(
        &self,
        debug: &'f mut fmt::DebugStruct<'a, 'b>,
    ) -> &'f mut fmt::DebugStruct<'a, 'b> {
        debug
            .field("vm", &self.request.vm)
            .field("platform", &self.request.platform)
            .field("timeout", &self.timeout)
            .field("method", &self.request.method)
            .field("job", &self.job)
    }
}

/// A time limit as the service takes it. A number that does not fit is out of range, too; the check then
/// rejects it.
pub(crate) fn seconds(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_nanos().div_ceil(1_000_000_000)).unwrap_or(i32::MAX)
}

/// When to stop waiting for a command that may run that long.
pub(crate) fn deadline(timeout: Option<Duration>) -> Instant {
    after(timeout.unwrap_or(DEFAULT_TIMEOUT).saturating_add(GRACE).min(LONGEST))
}

impl<R: Request> Call<'_, R> {
    /// Sends the command, and once more under a new session if the session had ended.
    pub(crate) async fn finish(self) -> Result<Output, Error> {
        ensure_runtime()?;
        let span = telemetry::command_span("zstack");
        if let Some(vm) = self.request.vm() {
            telemetry::record(&span, telemetry::VM, vm);
        }
        self.finish_in(&span).instrument(span.clone()).await
    }

    async fn finish_in(&self, span: &Span) -> Result<Output, Error> {
        let deadline = deadline(self.timeout);
        // Where they cannot be fetched, the call says so.
        let _ = timeout_at(deadline, self.client.ready()).await;
        let session = self.client.session();
        let session = session.as_deref();
        let mut may_renew = true;
        if let (Some(session), Some(_)) = (session, &self.job) {
            self.renew_if_ended(session, deadline).await?;
        }
        loop {
            let mut used = None;
            let error = match self.attempt(deadline, &mut used, span).await {
                Err(error) if !error.may_have_run() => error,
                ended => return ended,
            };
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
        let check = self.client.validate_session(used.expose()).send();
        match timeout_at(deadline, check).await {
            Ok(Ok(answer)) if answer.valid == Some(false) => {
                let renewed = timeout_at(deadline, session.renew(self.client, &used)).await;
                renewed.unwrap_or(Ok(false)).map(drop)
            }
            // Otherwise the command finds it out.
            _ => Ok(()),
        }
    }

    /// Sends the command once and follows it to its end. `used` becomes the session that it was sent under.
    async fn attempt(
        &self,
        deadline: Instant,
        used: &mut Option<Arc<Secret>>,
        span: &Span,
    ) -> Result<Output, Error> {
        if let Some(session) = self.client.session() {
            // Opened by the call itself, the session of the first command would not be known here.
            if self.client.inner.shared.is_ok() {
                timeout_at(deadline, session.open(self.client)).await.unwrap_or(Ok(()))?;
            }
            *used = session.uuid();
        }
        let id = match &self.job {
            Some(job) => job.clone(),
            None => JobId::random()?,
        };
        telemetry::record_job(span, id.expose());
        let state = hooks::Call {
            job: Some((id.clone(), deadline)),
            marks: self.marks.clone(),
            ..Default::default()
        };
        let job = Job::of_command(self.client, id, self.request.vm(), self.marks.clone());
        let answer = match self.request.send(self.client, self.timeout.map(seconds), state).await {
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
        if let Some(named) = &named {
            self.accepted.get_or_init(|| named.clone());
        }
        job.accepted(named, deadline).await
    }
}

/// True if the command may have run and the node did not answer, so that a poll may find the result.
fn is_lost(error: &Error) -> bool {
    let answered = error.detail().is_some_and(is_of_node);
    error.may_have_run() && !answered && error.kind() != ErrorKind::TooLarge
}
