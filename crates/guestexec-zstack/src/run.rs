//! Running a command in a VM, and waiting for its end, however the node answers.

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use guestexec_core::ErrorKind;
use reqwest::StatusCode;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    Client, Error, Output,
    enums::Platform,
    error::session_ended,
    hooks::Call,
    job::{self, JobId},
    types::{ExecuteGuestVmCommandParams, builder::ExecuteGuestVmCommandParams as ParamsBuilder},
};

/// How long a command is waited for where no timeout was given.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);
/// How much longer than the command's timeout is waited: the way there, and the node's own work.
const GRACE: Duration = Duration::from_secs(30);
/// Longest wait of all: a command's longest timeout, and as much again.
const LONGEST: Duration = Duration::from_secs(2 * 86_400);
/// First and longest pause after an answer of "too many requests".
const THROTTLED: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));

impl Client {
    /// The VM a command is meant for, by its UUID: 32 hex digits.
    pub fn vm(&self, uuid: impl Into<String>) -> Vm<'_> {
        Vm { client: self, uuid: uuid.into(), platform: Platform::Linux }
    }
}

/// A VM a command is meant for; made by [`Client::vm`].
#[derive(Clone, Debug)]
pub struct Vm<'a> {
    client: &'a Client,
    uuid: String,
    platform: Platform,
}

impl<'a> Vm<'a> {
    /// Says that the guest is Windows. Default: Linux.
    #[must_use]
    pub fn windows(mut self) -> Self {
        self.platform = Platform::Windows;
        self
    }

    /// A command for the guest's shell, of 1 to 65 536 characters; the node removes white space at
    /// its ends. Await the result to run it and wait for its end.
    pub fn run(&self, command: impl Into<String>) -> Run<'a> {
        Run {
            client: self.client,
            vm: self.uuid.clone(),
            platform: self.platform.clone(),
            command: command.into(),
            timeout: None,
            method: Method::Put,
            job: None,
        }
    }
}

/// The method of the call. The vendor's page says PUT, its SDKs send POST; a node takes both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// As the page says.
    #[default]
    Put,
    /// As the SDKs do.
    Post,
}

/// A command about to run, as [`Vm::run`] makes it.
///
/// Awaiting it sends it once, under a job name of its own. Where the node answers with a job, or
/// its answer is lost, the job is asked for the result; the command is sent again only after an
/// answer that proves it did not start: an ended session (logged in anew, once), or too many
/// requests (waited out). Dropping the future stops the waiting, not the command.
#[derive(Clone)]
#[must_use = "nothing runs until it is awaited"]
pub struct Run<'a> {
    client: &'a Client,
    vm: String,
    platform: Platform,
    command: String,
    timeout: Option<Duration>,
    method: Method,
    job: Option<JobId>,
}

impl Run<'_> {
    /// How long the command may take, in whole seconds from 10 to 86 400; a part of a second
    /// counts as a whole one. Default: the node's own; it is then waited for five minutes.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The method of the call. Default: PUT.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// The name to run under, so that the result can be asked for by [`Client::result_of`], even by
    /// another program. Default: a random one, for this run alone. A name is used once.
    pub fn job(mut self, job: JobId) -> Self {
        self.job = Some(job);
        self
    }

    pub(crate) fn platform(&self) -> &Platform {
        &self.platform
    }

    pub(crate) fn command_mut(&mut self) -> &mut String {
        &mut self.command
    }

    fn params(&self) -> ParamsBuilder {
        let params = ExecuteGuestVmCommandParams::builder()
            .vm_instance_uuid(self.vm.clone())
            .platform(self.platform.clone())
            .command(self.command.clone());
        match self.timeout {
            None => params,
            Some(timeout) => {
                let part = u64::from(timeout.subsec_nanos() > 0);
                let seconds = timeout.as_secs().saturating_add(part);
                // What does not fit is out of range as well, and is refused with the number's name.
                params.command_timeout(i32::try_from(seconds).unwrap_or(i32::MAX))
            }
        }
    }

    async fn finish(self) -> Result<Output, Error> {
        let command = &self.command;
        if command.trim() != command {
            tracing::warn!("the node removes the white space at the ends of the command");
        }
        let wait = self.timeout.unwrap_or(DEFAULT_TIMEOUT).saturating_add(GRACE);
        let deadline = Instant::now() + wait.min(LONGEST);
        let mut may_renew = true;
        let mut pause = THROTTLED.0;
        loop {
            let session = self.client.inner.session();
            let used = session.map(|session| session.uuid());
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
                    match timeout_at(deadline, session.renew(self.client, &used)).await {
                        Ok(Ok(true)) => {}
                        Ok(Err(no_login)) => return Err(no_login),
                        Ok(Ok(false)) | Err(_) => return Err(error),
                    }
                }
                _ => return Err(error),
            }
        }
    }

    /// Sends the command once and sees it to its end.
    async fn attempt(&self, deadline: Instant) -> Result<Output, Error> {
        let job = match &self.job {
            Some(job) => job.clone(),
            None => JobId::random()?,
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let state = Call::under(job.clone(), left);
        let client = self.client;
        let params = self.params();
        let sent = match self.method {
            Method::Put => {
                let call = client.execute_guest_vm_command();
                call.body_map(|body| body.params(params)).send_in(state).await
            }
            Method::Post => {
                let call = client.execute_guest_vm_command_by_post();
                call.body_map(|body| body.params(params)).send_in(state).await
            }
        };
        let answer = match sent {
            Ok(answer) => answer,
            Err(lost) if lost.may_have_run() && is_lost(&lost) => {
                return job::look_for(self.client, &job, deadline, lost).await;
            }
            Err(error) => return Err(error),
        };
        if answer.status() != StatusCode::ACCEPTED {
            return Ok(Output::new(answer.into_inner()));
        }
        let answer = answer.into_inner();
        let named = answer.location.as_ref().and_then(JobId::from_location).ok_or_else(|| {
            Error::new(ErrorKind::Protocol, "the node accepted the command, but names no job of it")
                .during("ExecuteGuestVmCommand")
                .with_may_have_run(true)
        })?;
        let granted = answer.api_timeout.and_then(|millis| u64::try_from(millis).ok());
        let deadline = match granted.map(Duration::from_millis) {
            Some(granted) if granted > Duration::ZERO => {
                deadline.min(Instant::now() + granted.min(LONGEST))
            }
            _ => deadline,
        };
        job::wait_for(self.client, &named, deadline).await
    }
}

/// True where no whole answer came, so that the node may know more than we do.
fn is_lost(error: &Error) -> bool {
    use ErrorKind::{Lost, Protocol, Timeout, Unavailable};
    // A refusal with a code is an answer, not the lack of one.
    error.code().is_none() && matches!(error.kind(), Lost | Protocol | Timeout | Unavailable)
}

impl<'a> IntoFuture for Run<'a> {
    type Output = Result<Output, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.finish())
    }
}

/// Without the command, which may hold a secret.
impl fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("vm", &self.vm)
            .field("platform", &self.platform)
            .field("timeout", &self.timeout)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}
