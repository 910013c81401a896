//! Jobs: the names commands run under, and asking for their results.

use std::{fmt, fmt::Write as _, time::Duration};

use guestexec_core::{ErrorKind, Secret};
use reqwest::StatusCode;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{Client, Error, Output, error::proves_not_started};

/// First and longest pause between two looks at a job.
const POLL: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// How long a job may be unknown after a lost answer: the request may still be on its way.
const LATE: Duration = Duration::from_secs(2);

/// How long is looked for a lost answer at least, however late it is.
const LOOK: Duration = Duration::from_secs(5);

/// The name a command runs under, by which its result can be asked for: 32 hex digits.
///
/// Whoever knows it reads the result, so it prints as little as a secret.
#[derive(Clone)]
pub struct JobId(Secret);

impl JobId {
    /// A random one.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], if this machine gives no random numbers.
    pub fn random() -> Result<Self, Error> {
        let mut octets = [0u8; 16];
        getrandom::fill(&mut octets).map_err(|e| {
            Error::new(ErrorKind::Config, format!("this machine gives no random numbers: {e}"))
        })?;
        let hex = octets.iter().fold(String::with_capacity(32), |mut hex, octet| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{octet:02x}");
            hex
        });
        Ok(Self(hex.into()))
    }

    /// One chosen or kept before.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`], if it is not made of 32 hex digits.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self(text.into()));
        }
        Err(Error::new(ErrorKind::InvalidRequest, "the job id is not made of 32 hex digits"))
    }

    /// The digits.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The one a `location` ends in. Only the name is used: the host in it is what the node thinks
    /// it is called, which is often not how it is reached.
    pub(crate) fn from_location(location: &Secret) -> Option<Self> {
        let path = location.expose().split(['?', '#']).next().unwrap_or_default();
        Self::parse(path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()).ok()
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JobId")
    }
}

impl Client {
    /// Waits for the end of a command started before, under the name given to
    /// [`Run::job`](crate::Run::job); at most as long as `wait`. A node keeps results for three
    /// hours as installed.
    ///
    /// # Errors
    /// What the command's own call would have reported; [`ErrorKind::NotFound`], if the node does
    /// not know the job; [`ErrorKind::Timeout`], if it has not ended in time.
    pub async fn result_of(&self, job: &JobId, wait: Duration) -> Result<Output, Error> {
        wait_for(self, job, Instant::now() + wait).await
    }
}

/// Asks for the job of a command whose answer was lost; without one, `lost` is all there is.
pub(crate) async fn look_for(
    client: &Client,
    job: &JobId,
    deadline: Instant,
    lost: Error,
) -> Result<Output, Error> {
    let now = Instant::now();
    match look_until(client, job, deadline.max(now + LOOK), now + LATE).await {
        Err(error) if is_unknown(&error) => Err(lost.with_advice(
            "the node has no result for it: look inside the VM before you run it again",
        )),
        Err(error) if error.code().is_none() => Err(lost
            .with_advice("asking for its result failed as well: look before you run it again")
            .with_source(error)),
        found => found,
    }
}

/// Waits for the end of a job the node has named.
pub(crate) async fn wait_for(
    client: &Client,
    job: &JobId,
    deadline: Instant,
) -> Result<Output, Error> {
    look_until(client, job, deadline, Instant::now()).await
}

/// Looks at a job, ever more slowly, until it has ended or `deadline` has come; that the node does
/// not know it counts only after `unknown_until`.
async fn look_until(
    client: &Client,
    job: &JobId,
    deadline: Instant,
    unknown_until: Instant,
) -> Result<Output, Error> {
    let mut pause = POLL.0;
    let mut last_failure = None;
    loop {
        let look = client.get_api_job().uuid(job.expose()).send();
        match timeout_at(deadline, look).await {
            Ok(Ok(answer)) if answer.status() == StatusCode::OK => {
                return Ok(Output::new(answer.into_inner()));
            }
            // Still running, or no time left to hear so.
            Ok(Ok(_)) | Err(_) => {}
            Ok(Err(error)) if is_unknown(&error) => {
                if Instant::now() >= unknown_until {
                    return Err(error.with_may_have_run(true).with_advice(
                        "the node has forgotten the job: results are kept for three hours as \
                         installed",
                    ));
                }
            }
            Ok(Err(error)) if error.is_retryable() && error.code().is_none() => {
                last_failure = Some(error);
            }
            Ok(Err(error)) => {
                // Only the job's own error says what became of the command; a refusal of the
                // question, by whoever stands in between, says nothing.
                let not_started = error.detail().is_some_and(proves_not_started);
                return Err(error.with_may_have_run(!not_started));
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

/// True for the plain-text 404 of a job the node does not know.
fn is_unknown(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound && error.code().is_none()
}
