//! Jobs: the ids under which commands run, and their results.

use std::{
    fmt,
    future::{Future, IntoFuture},
    hash::{Hash, Hasher},
    pin::{Pin, pin},
    str::FromStr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::future::{Either, select};
use guestexec_core::{ErrorKind, Secret, ensure_runtime, sign::hex, telemetry};
use tokio::time::{Instant, sleep};
use tracing::Instrument as _;

use super::{
    follow::{self, PATIENCE},
    start::{DEFAULT_TIMEOUT, GRACE},
};
use crate::{
    Captured, Client, Error, Output, Unfinished, hooks, operations::EXECUTE_GUEST_VM_COMMAND,
};

/// Longest wait, which is as good as for ever.
const NEVER: Duration = Duration::from_secs(10 * 366 * 86_400);

/// The id of a command's job, by which its result is found: 32 hex digits.
///
/// It grants access to the result, so `Debug` does not show it, and it has no serialized form that
/// could end in a log with a result. To keep it, write [`Self::expose`] where only the program can read
/// it, and read it back by [`Self::parse`]:
///
/// ```
/// use guestexec_zstack::JobId;
///
/// # fn main() -> Result<(), guestexec_zstack::Error> {
/// let job = JobId::random()?;
/// let kept: String = job.expose().to_owned();
/// assert_eq!(JobId::parse(&kept)?, job);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct JobId(Secret);

impl Hash for JobId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expose().hash(state);
    }
}

impl FromStr for JobId {
    type Err = Error;

    /// As [`Self::parse`].
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl JobId {
    /// Makes a random id.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if this machine gives no random numbers.
    pub fn random() -> Result<Self, Error> {
        Ok(Self(random_hex()?.into()))
    }

    /// Reads an id that was chosen or kept before.
    ///
    /// ```
    /// use guestexec_zstack::JobId;
    ///
    /// # fn main() -> Result<(), guestexec_zstack::Error> {
    /// let job = JobId::parse("0123456789abcdef0123456789abcdef")?;
    /// assert_eq!(job.expose().len(), 32);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] if it is not 32 hex digits.
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

    /// Reads the id at the end of a `location`. The host in it is the node's own name for itself, which often
    /// cannot be reached.
    pub(crate) fn from_location(location: &Secret) -> Option<Self> {
        let path = location.expose().split(['?', '#']).next().unwrap_or_default();
        let (path, name) = path.trim_end_matches('/').rsplit_once('/')?;
        if path.rsplit('/').next() != Some("api-jobs") {
            return None;
        }
        Self::parse(name).ok()
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JobId")
    }
}

/// Makes 32 random hex digits.
pub(crate) fn random_hex() -> Result<String, Error> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|e| {
        Error::new(ErrorKind::Config, format!("this machine gives no random numbers: {e}"))
    })?;
    Ok(hex(&bytes))
}

/// The time at the end of a wait of any length.
pub(crate) fn after(wait: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(wait.min(NEVER)).unwrap_or(now)
}

impl Client {
    /// Resumes a command started before by [`Vm::run`](crate::Vm::run), by the name given to
    /// [`Run::job`](crate::Run::job) or kept by [`Unfinished`](crate::Unfinished). Await the job to
    /// wait for the command's end. A node keeps results for three hours as installed.
    ///
    /// ```
    /// use guestexec_zstack::JobId;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.zstack().client()?;
    /// let id = JobId::random()?;
    /// let run = client.vm("fc022ba201c135d8809c5e02bf6bf156").run("echo hello").job(id.clone());
    /// drop(run.await);
    ///
    /// let ended = client.job(&id).await?;
    /// assert_eq!(ended.stdout_lossy(), "hello\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn job(&self, id: &JobId) -> Job<'_> {
        Job { client: self, id: id.clone(), wait: DEFAULT_TIMEOUT.saturating_add(GRACE) }
    }
}

/// A command that was started before, as [`Client::job`] makes it.
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_zstack::JobId;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.zstack().client()?;
/// let (id, vm) = (JobId::random()?, client.vm("fc022ba201c135d8809c5e02bf6bf156"));
/// vm.run("echo upgraded").job(id.clone()).await?;
///
/// // Later, or in another program.
/// let ended = client.job(&id).wait_at_most(Duration::from_secs(3600)).await?;
/// assert_eq!(ended.stdout_lossy(), "upgraded\n");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Awaiting it gives the error that the command's own call would have given; [`ErrorKind::NotFound`],
/// if the node does not know the job; [`ErrorKind::Timeout`], if the command has not ended in time.
#[derive(Clone, Debug)]
#[must_use = "nothing is asked until it is awaited"]
pub struct Job<'a> {
    client: &'a Client,
    id: JobId,
    wait: Duration,
}

impl<'a> Job<'a> {
    /// Sets how long to wait for the command's end. Default: 330 s, as for a command without a
    /// timeout; [`Duration::MAX`] waits for ever.
    pub fn wait_at_most(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Takes the result as the service's text, as of a command that was run
    /// [`unchecked`](crate::Run::unchecked).
    ///
    /// ```
    /// use guestexec_zstack::JobId;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.zstack().client()?;
    /// let id = JobId::random()?;
    /// let run = client.vm("fc022ba201c135d8809c5e02bf6bf156").run("echo hello");
    /// run.job(id.clone()).unchecked().await?;
    ///
    /// let output = client.job(&id).unchecked().await?;
    /// assert!(output.stream().contains("hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn unchecked(self) -> UncheckedJob<'a> {
        UncheckedJob { job: self }
    }

    async fn output(self) -> Result<Output, Error> {
        let job = follow::Job::known(self.client, &self.id);
        ensure_runtime().map_err(|error| job.unfinished(error))?;
        let span = telemetry::command_span("zstack");
        telemetry::record_job(&span, self.id.expose());
        job.poll(after(self.wait), PATIENCE).instrument(span).await
    }
}

impl<'a> IntoFuture for Job<'a> {
    type Output = Result<Captured, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { Captured::read(self.output().await?, None) })
    }
}

/// A command that was started before and run as it is, as [`Job::unchecked`] makes it.
///
/// ```
/// use guestexec_zstack::JobId;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.zstack().client()?;
/// let (id, vm) = (JobId::random()?, client.vm("fc022ba201c135d8809c5e02bf6bf156"));
/// vm.run("echo upgraded").job(id.clone()).unchecked().await?;
///
/// // Later, or in another program.
/// let output = client.job(&id).unchecked().await?;
/// assert_eq!(output.stdout_lossy().trim_end(), "upgraded");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is asked until it is awaited"]
pub struct UncheckedJob<'a> {
    job: Job<'a>,
}

impl<'a> IntoFuture for UncheckedJob<'a> {
    type Output = Result<Output, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.job.output())
    }
}

/// Returns an id that no job on the node has: an older one would be taken for the command's.
///
/// # Errors
/// [`ErrorKind::InvalidRequest`] if a job has it.
pub(super) async fn unused(client: &Client, job: JobId) -> Result<JobId, Error> {
    match client.get_api_job(job.expose()).send().await {
        Ok(_) => Err(Error::new(ErrorKind::InvalidRequest, "the job id names a job already")
            .during(EXECUTE_GUEST_VM_COMMAND.id)
            .with_advice("give each command an id of its own, by `JobId::random`")),
        Err(_) => Ok(job),
    }
}

/// Waits until the node knows the job of a command that is being sent, and returns its id. Not every node answers
/// the command's call before the command has ended, so the job itself is polled, under the id by which the node has
/// accepted it.
pub(super) async fn started(
    client: &Client,
    job: JobId,
    accepted: Arc<OnceLock<JobId>>,
    run: impl Future<Output = Result<Captured, Error>> + Send + Unpin,
) -> Result<JobId, Error> {
    let id = || accepted.get().unwrap_or(&job);
    let known = async {
        let mut pause = follow::PAUSE.0;
        loop {
            // By then, a node has refused a command whose session has ended.
            sleep(pause / 2).await;
            let call = hooks::Call { repeated: true, ..hooks::Call::default() };
            if client.get_api_job(id().expose()).send_in(call).await.is_ok() {
                return;
            }
            pause = (pause * 3 / 2).min(follow::PAUSE.1);
        }
    };
    match select(run, pin!(known)).await {
        Either::Left((Err(error), _))
            if !error.may_have_run() || Unfinished::of(&error).is_some() =>
        {
            Err(error)
        }
        // The job has the result, or the failure that ended it.
        Either::Left(_) | Either::Right(_) => Ok(id().clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::JobId;

    #[test]
    fn only_a_jobs_address_names_a_job() {
        let name = "0123456789abcdef0123456789abcdef";
        let named = |location: &str| JobId::from_location(&location.into());
        for location in [
            format!("http://node-7.internal:8080/zstack/v1/api-jobs/{name}"),
            format!("http://localhost:8080/v1/api-jobs/{name}/?x=1#y"),
            format!("/api-jobs/{name}"),
        ] {
            assert_eq!(named(&location).unwrap().expose(), name, "{location}");
        }
        for location in [
            "",
            "/",
            "http://h/zstack/v1/api-jobs/..",
            "http://h/zstack/v1/api-jobs/01234567-89ab-cdef-0123-456789abcdef",
            &format!("http://h/zstack/v1/tasks/{name}"),
            &format!("http://h/zstack/v1/api-jobs/{name}/result"),
            name,
        ] {
            assert!(named(location).is_none(), "{location}");
        }
    }
}
