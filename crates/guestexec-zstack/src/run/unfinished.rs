//! The part of an error that identifies a command without a known end or result.

use std::{error::Error as StdError, fmt};

use crate::{Error, JobId, Output};

/// A command that was started, or may have been, and whose end is not known.
///
/// It is part of the error of such a run, where [`Unfinished::of`] finds it. Resume the command with
/// [`Client::job`](crate::Client::job):
///
/// ```no_run
/// use std::time::Duration;
///
/// use guestexec_zstack::{Client, Unfinished};
///
/// # async fn example(zstack: Client) -> Result<(), guestexec_zstack::Error> {
/// let ended = match zstack.vm("fc022ba201c135d8809c5e02bf6bf156").run("apt-get -y upgrade").await {
///     Err(error) => match Unfinished::of(&error) {
///         Some(unfinished) => {
///             zstack.job(unfinished.job()).wait_at_most(Duration::from_secs(3600)).await?
///         }
///         None => return Err(error),
///     },
///     Ok(ended) => ended,
/// };
/// # Ok(())
/// # }
/// ```
///
/// Serialized, it has the member `vm` where that is known. The job is left out, because its id grants
/// access to the output: see [`JobId`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unfinished {
    job: JobId,
    vm: Option<String>,
    cause: Error,
}

impl Unfinished {
    /// Finds the command in an error.
    pub fn of(error: &Error) -> Option<&Self> {
        error.cause()
    }

    /// The job the command runs under.
    pub fn job(&self) -> &JobId {
        &self.job
    }

    /// The UUID of its VM; `None` if only the job was known.
    pub fn vm(&self) -> Option<&str> {
        self.vm.as_deref()
    }

    /// The failure, without the job.
    pub(crate) fn into_cause(error: Error) -> Error {
        Self::of(&error).map_or_else(|| error.clone(), |unfinished| unfinished.cause.clone())
    }

    /// Makes the job a part of the error.
    pub(crate) fn attach(job: JobId, vm: Option<String>, error: Error) -> Error {
        let take_up = "take the command up with `Client::job`: `Unfinished::of` has its job";
        let advice = match error.advice() {
            Some(advice) => format!("{advice}; or {take_up}"),
            None => take_up.to_owned(),
        };
        error.clone().with_may_have_run(true).with_advice(advice).with_source(Self {
            job,
            vm,
            cause: error,
        })
    }
}

/// Without the job's id, which grants access to the output.
impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.vm {
            Some(vm) => write!(f, "the end of the command for VM {vm} was not seen"),
            None => f.write_str("the end of the command was not seen"),
        }
    }
}

impl StdError for Unfinished {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.cause)
    }
}

/// The service's text of a command that ran, in which its exit code and streams were not found.
///
/// It is part of the error of such a run, where [`Uncaptured::of`] finds it.
///
/// Serialized, it has the member `output`.
///
/// ```
/// use guestexec_zstack::{JobId, Uncaptured};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.zstack().client()?;
/// let (id, vm) = (JobId::random()?, client.vm("fc022ba201c135d8809c5e02bf6bf156"));
/// vm.run("echo hello").job(id.clone()).unchecked().await?;
///
/// // Its result has no exit code to find.
/// let error = client.job(&id).await.expect_err("it was run unchecked");
/// let text = Uncaptured::of(&error).map(|uncaptured| uncaptured.output().stdout_lossy());
/// assert_eq!(text.as_deref().map(str::trim_end), Some("hello"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Uncaptured {
    output: Output,
}

impl Uncaptured {
    /// Finds the text in an error.
    pub fn of(error: &Error) -> Option<&Self> {
        error.cause()
    }

    /// The service's text.
    pub fn output(&self) -> &Output {
        &self.output
    }

    pub(crate) fn new(output: Output) -> Self {
        Self { output }
    }
}

impl fmt::Display for Uncaptured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the service's text has {} bytes", self.output.stream().len())
    }
}

impl StdError for Uncaptured {}
