//! Running a command in a VM, and waiting for its end, however the node answers.

use std::{
    borrow::Cow,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use guestexec_core::ErrorKind;
use reqwest::StatusCode;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{
    Client, Error,
    enums::Platform,
    hooks::JobId,
    types::{
        ExecuteGuestVmCommandParams, ExecuteGuestVmCommandRequest, ExecuteGuestVmCommandResponse,
    },
};

/// First and longest pause between two looks at a job.
const POLL: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// How long a command is waited for where no timeout was given.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);
/// How much longer than the command's timeout is waited: the way there, and the node's own work.
const GRACE: Duration = Duration::from_secs(30);

/// What precedes the two streams in an answer's text.
const STDOUT_LABEL: &str = "standardStream: ";
const STDERR_LABEL: &str = ", errorStream: ";

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
            params: ExecuteGuestVmCommandParams {
                vm_instance_uuid: self.uuid.clone(),
                platform: self.platform.clone(),
                command: command.into(),
                command_timeout: None,
            },
            timeout: None,
            method: Method::Put,
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
/// its answer is lost, the job is asked for the result; the command is never sent again. Dropping
/// the future stops the waiting, not the command.
#[derive(Clone, Debug)]
#[must_use = "nothing runs until it is awaited"]
pub struct Run<'a> {
    client: &'a Client,
    params: ExecuteGuestVmCommandParams,
    timeout: Option<Duration>,
    method: Method,
}

impl Run<'_> {
    /// How long the command may take, in whole seconds from 10 to 86 400; a part of a second
    /// counts as a whole one. Default: the node's own.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        let seconds = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
        // What does not fit is out of range as well, and is refused with the number's name.
        self.params.command_timeout = Some(i32::try_from(seconds).unwrap_or(i32::MAX));
        self.timeout = Some(timeout);
        self
    }

    /// The method of the call. Default: PUT.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    async fn finish(self) -> Result<Output, Error> {
        let wait = self.timeout.unwrap_or(DEFAULT_TIMEOUT).saturating_add(GRACE);
        let deadline = Instant::now() + wait;
        let job = JobId::random().map_err(|reason| Error::new(ErrorKind::Config, reason))?;
        let mut client = self.client.clone();
        client.inner.set_job(job.clone(), wait);
        let request = ExecuteGuestVmCommandRequest {
            params: self.params,
            system_tags: Vec::new(),
            user_tags: Vec::new(),
        };
        let sent = match self.method {
            Method::Put => client.execute_guest_vm_command().body(request).send().await,
            Method::Post => client.execute_guest_vm_command_by_post().body(request).send().await,
        };
        let answer = match sent {
            Ok(answer) => answer,
            Err(lost) if lost.may_have_run() && is_lost(&lost) => {
                return look_for(self.client, &job, deadline, lost).await;
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
            Some(granted) if granted > Duration::ZERO => deadline.min(Instant::now() + granted),
            _ => deadline,
        };
        wait_for(self.client, &named, deadline).await
    }
}

/// True where no whole answer came, so that the node may know more than we do.
fn is_lost(error: &Error) -> bool {
    use ErrorKind::{Lost, Protocol, Timeout, Unavailable};
    // A refusal with a code is an answer, not the lack of one.
    error.code().is_none() && matches!(error.kind(), Lost | Protocol | Timeout | Unavailable)
}

/// Asks for the job of a command whose answer was lost; without one, `lost` is all there is.
async fn look_for(
    client: &Client,
    job: &JobId,
    deadline: Instant,
    lost: Error,
) -> Result<Output, Error> {
    match wait_for(client, job, deadline).await {
        Err(error) if error.code().is_none() => Err(lost.with_advice(
            "the node has no result for it: look inside the VM before you run it again",
        )),
        found => found,
    }
}

/// Looks at a job, ever more slowly, until it has ended.
async fn wait_for(client: &Client, job: &JobId, deadline: Instant) -> Result<Output, Error> {
    let mut pause = POLL.0;
    let mut last_failure = None;
    loop {
        let look = client.get_api_job().uuid(job.expose()).send();
        match timeout_at(deadline, look).await {
            Ok(Ok(answer)) if answer.status() == StatusCode::OK => {
                return Ok(Output::new(answer.into_inner()));
            }
            Ok(Ok(_)) | Err(_) => {}
            Ok(Err(error)) if error.kind() == ErrorKind::NotFound && error.code().is_none() => {
                return Err(error.with_may_have_run(true).with_advice(
                    "the node has forgotten the job: results are kept for three hours as installed",
                ));
            }
            Ok(Err(error)) if error.is_retryable() && error.code().is_none() => {
                last_failure = Some(error);
            }
            // A failed job proves that the command was not started only where its code does.
            Ok(Err(error)) => {
                let refused =
                    matches!(error.kind(), ErrorKind::Unauthenticated | ErrorKind::Forbidden);
                return Err(error.with_may_have_run(!refused));
            }
        }
        let next = Instant::now() + pause;
        if next >= deadline {
            let error = Error::new(
                ErrorKind::Timeout,
                "the command was started, but its end was not seen in time",
            )
            .during("GetApiJob")
            .with_may_have_run(true);
            return Err(match last_failure {
                Some(failure) => error.with_source(failure),
                None => error,
            });
        }
        sleep_until(next).await;
        pause = (pause * 3 / 2).min(POLL.1);
    }
}

impl<'a> IntoFuture for Run<'a> {
    type Output = Result<Output, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.finish())
    }
}

/// What a command wrote. The service tells no exit code.
#[derive(Clone, Debug)]
pub struct Output {
    answer: ExecuteGuestVmCommandResponse,
}

impl Output {
    fn new(answer: ExecuteGuestVmCommandResponse) -> Self {
        Self { answer }
    }

    /// The answer's text as it came: both streams with their labels, on one line.
    pub fn stream(&self) -> &str {
        self.answer.stream.as_deref().unwrap_or_default()
    }

    /// Standard output, as far as the text lets it be told from standard error; the whole text
    /// where it has no labels.
    pub fn stdout_lossy(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.split().0)
    }

    /// Standard error, as far as the text lets it be told.
    pub fn stderr_lossy(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.split().1)
    }

    /// True where the text between the streams occurs more than once, so that their border is a
    /// guess (the first one is taken).
    pub fn ambiguous(&self) -> bool {
        self.stream().matches(STDERR_LABEL).count() > 1
    }

    /// The whole answer, with what it says of the VM.
    pub fn answer(&self) -> &ExecuteGuestVmCommandResponse {
        &self.answer
    }

    fn split(&self) -> (&str, &str) {
        match self.stream().strip_prefix(STDOUT_LABEL) {
            None => (self.stream(), ""),
            Some(rest) => rest.split_once(STDERR_LABEL).unwrap_or((rest, "")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Output;
    use crate::types::ExecuteGuestVmCommandResponse;

    fn output(stream: &str) -> Output {
        Output::new(ExecuteGuestVmCommandResponse {
            stream: Some(stream.to_owned()),
            ..Default::default()
        })
    }

    #[test]
    fn the_documented_text_is_taken_apart() {
        let page = output("standardStream: hello world, errorStream: 1/0 is not a goodScript");
        assert_eq!(page.stdout_lossy(), "hello world");
        assert_eq!(page.stderr_lossy(), "1/0 is not a goodScript");
        assert!(!page.ambiguous());
    }

    #[test]
    fn other_texts_are_kept_whole() {
        assert_eq!(output("just text").stdout_lossy(), "just text");
        assert_eq!(output("standardStream: a").stdout_lossy(), "a");
        assert_eq!(output("").stdout_lossy(), "");
        let odd = output("standardStream: a, errorStream: b, errorStream: c");
        assert_eq!((&*odd.stdout_lossy(), &*odd.stderr_lossy()), ("a", "b, errorStream: c"));
        assert!(odd.ambiguous());
        assert_eq!(odd.stream(), "standardStream: a, errorStream: b, errorStream: c");
    }
}
