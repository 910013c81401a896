//! Jobs: where a node answers before the command has ended, or its answer is lost.

use std::time::Duration;

use guestexec_core::ErrorKind;
use reqwest::StatusCode;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{Client, Error, Output, hooks::JobId};

/// First and longest pause between two looks at a job.
const POLL: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// How long a job may be unknown after a lost answer: the request may still be on its way.
const LATE: Duration = Duration::from_secs(2);

/// Asks for the job of a command whose answer was lost; without one, `lost` is all there is.
pub(crate) async fn look_for(
    client: &Client,
    job: &JobId,
    deadline: Instant,
    lost: Error,
) -> Result<Output, Error> {
    let unknown_until = Instant::now() + LATE;
    match look_until(client, job, deadline, unknown_until).await {
        Err(error) if error.code().is_none() => Err(lost.with_advice(
            "the node has no result for it: look inside the VM before you run it again",
        )),
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
                // That the caller may not call at all shows only here, and proves nothing ran.
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

/// True for the plain-text 404 of a job the node does not know.
fn is_unknown(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound && error.code().is_none()
}
