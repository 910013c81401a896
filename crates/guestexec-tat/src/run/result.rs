//! The result of a command on one instance.

use std::{
    borrow::Cow,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
    time::SystemTime,
};

use guestexec_core::{Base64, ExitStatus, readable};

use crate::{Error, enums::TaskStatus, time::iso8601, types::InvocationTask};

/// The result of the command on one instance.
///
/// A command that fails, is killed or never starts has a result, not an error.
///
/// Serialized, it has the members `instance_id`, `invocation_id`, `task_id`, `outcome` (see [`Outcome`]),
/// `exit_code`, `success`, `output`, `dropped`, `output_url` (without the query, see [`OutputUrl`]),
/// `upload_error`, `error_info`, `started_at`, `ended_at` and `error`, which is that of
/// [`Self::failure`]. Output that is not UTF-8 is Base64, under the name `output_base64` instead of
/// `output`. What has no value is left out:
///
/// ```json
/// {"instance_id":"ins-1","invocation_id":"inv-1","task_id":"invt-1","outcome":"exited",
///  "exit_code":0,"success":true,"output":"hello\n","dropped":0,
///  "started_at":"2026-11-05T07:49:58Z","ended_at":"2026-11-05T07:49:59Z"}
/// ```
///
/// ```
/// use guestexec_tat::{Outcome, enums::TaskStatus};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.tat().client()?;
/// let finished = client.instances(["ins-zj0f57ew"]).run("echo no such file; exit 3").await?;
/// let result = &finished.results()[0];
///
/// assert_eq!(result.instance_id(), "ins-zj0f57ew");
/// assert_eq!(result.outcome(), Outcome::Exited(3));
/// assert_eq!(result.status(), Some(&TaskStatus::Failed));
/// assert_eq!(result.exit_status(), Some(3.into()));
/// assert_eq!(result.exit_code(), Some(3));
/// assert_eq!(result.output(), b"no such file\n");
/// assert_eq!(result.dropped(), 0);
/// assert!(result.started_at() <= result.ended_at());
/// assert!(result.started_text().is_some() && result.ended_text().is_some());
/// println!("{:?} of {:?}: {result}", result.task_id(), result.invocation_id());
///
/// // Why it did not start, has no known end, or was not uploaded.
/// assert_eq!((result.error_info(), result.failure()), (None, None));
/// assert_eq!((result.upload_error(), result.output_url()), (None, None));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct InstanceResult {
    pub(super) position: usize,
    pub(super) instance_id: String,
    pub(super) end: End,
}

/// Without its place in the run.
impl PartialEq for InstanceResult {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.instance_id == other.instance_id && self.end == other.end
    }
}

impl Eq for InstanceResult {}

impl Hash for InstanceResult {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.instance_id.hash(state);
        self.end.hash(state);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum End {
    /// The service's task is over.
    Task(Box<Task>),
    /// There is no task, or its end is not known.
    Failure(Arc<Failure>),
}

/// A task without its script.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Task {
    pub(super) invocation_id: Arc<str>,
    pub(super) task_id: Option<String>,
    pub(super) status: TaskStatus,
    pub(super) exit_code: Option<i64>,
    pub(super) output: Base64,
    pub(super) dropped: u64,
    pub(super) output_url: Option<OutputUrl>,
    pub(super) upload_error: Option<String>,
    pub(super) error_info: Option<String>,
    pub(super) started: Option<String>,
    pub(super) ended: Option<String>,
}

/// How a command ended on an instance.
///
/// Serialized, it is `{"outcome":"exited","exit_code":3}`, or `{"outcome":"timed_out"}` and so on with
/// the names of [`Self::as_str`].
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_tat::Outcome;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.tat().client()?;
/// let on = client.instances(["ins-zj0f57ew"]);
/// let finished = on.run("sleep 600").timeout(Duration::from_secs(1)).await?;
/// match finished.results()[0].outcome() {
///     Outcome::Exited(0) => println!("it worked"),
///     Outcome::Exited(code) => println!("it failed with {code}"),
///     // It is as_str in a program's output.
///     other => assert_eq!(other.as_str(), "timed_out"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It ran to its end, with this exit code.
    Exited(i64),
    /// It was killed by a signal that the agent did not send; there is no exit code.
    Killed,
    /// It ran longer than its timeout, and the agent killed it (`TIMEOUT`).
    TimedOut,
    /// The agent stopped reporting, so the command's end is not known (`TASK_TIMEOUT`).
    AgentSilent,
    /// The agent could not start it; [`InstanceResult::error_info`] says why (`START_FAILED`).
    NotStarted,
    /// It never reached the instance (`DELIVER_FAILED`).
    NotDelivered,
    /// It was cancelled before it started (`CANCELLED`).
    Cancelled,
    /// It was cancelled while it ran, and killed (`TERMINATED`).
    Terminated,
    /// The service refused to start it on this instance, which does not exist or has its agent offline,
    /// say; [`InstanceResult::failure`] has the service's code and message.
    Refused,
    /// Its end is not known; [`InstanceResult::failure`] says why.
    Unknown,
}

impl Outcome {
    /// Its name in programs' output, without the exit code: `exited`, `timed_out` and so on. It stays the
    /// same from version to version.
    #[inline]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exited(_) => "exited",
            Self::Killed => "killed",
            Self::TimedOut => "timed_out",
            Self::AgentSilent => "agent_silent",
            Self::NotStarted => "not_started",
            Self::NotDelivered => "not_delivered",
            Self::Cancelled => "cancelled",
            Self::Terminated => "terminated",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

/// Ends a sentence about the command: `exited with 3`.
impl fmt::Display for Outcome {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exited(code) => return write!(f, "exited with {code}"),
            Self::Killed => "was killed by a signal",
            Self::TimedOut => "ran longer than its timeout and was killed",
            Self::AgentSilent => "was not heard of any more: the agent fell silent",
            Self::NotStarted => "could not be started",
            Self::NotDelivered => "could not be delivered",
            Self::Cancelled => "was cancelled before it started",
            Self::Terminated => "was cancelled while it ran, and killed",
            Self::Refused => "was not started, as the service refused it",
            Self::Unknown => "has an end that is not known",
        })
    }
}

/// Why some instances have no result: their call failed, or their end is not known.
///
/// Serialized, it has the members `error`, `instances` and, where it is known, `invocation_id`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.tat().client()?;
/// # let offline = sandbox.tat().offline_instance();
/// let finished = client.instances([offline, "ins-zj0f57ew"]).run("uptime").await?;
/// for failure in finished.failures() {
///     assert_eq!(failure.instances, [offline]);
///     assert!(!failure.error.may_have_run());
///     assert_eq!(failure.error.code(), Some("ResourceUnavailable.AgentStatusNotOnline"));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Failure {
    /// What failed. [`may_have_run`](guestexec_core::Error::may_have_run) is true if the command may
    /// have started on these instances, or is known to have.
    pub error: Error,
    /// The instances, in the caller's order.
    pub instances: Vec<String>,
    /// The invocation, where it is known to have started.
    pub invocation_id: Option<String>,
    /// The readable part of the task, if there is one instance.
    pub(super) task: Option<Box<Task>>,
}

impl Failure {
    #[inline]
    fn outcome(&self) -> Outcome {
        match self.error.code() {
            Some(_) if !self.error.may_have_run() => Outcome::Refused,
            _ => Outcome::Unknown,
        }
    }
}

impl fmt::Display for Failure {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (", self.error)?;
        match &self.instances[..] {
            [only] => write!(f, "{only})"),
            [first, ..] => write!(f, "{} instances, {first} and others)", self.instances.len()),
            [] => f.write_str("no instance)"),
        }
    }
}

/// The URL of a whole output in COS.
///
/// It may be signed, so that whoever has it can read the output. `Display`, `Debug` and the serialized
/// form leave the query out.
///
/// [`InstanceResult::full_output`] fetches it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.tat().client()?;
/// let bucket = "https://logs-1250000000.cos.ap-guangzhou.myqcloud.com";
/// let run = client.instances(["ins-zj0f57ew"]).run("echo hello").output_to_cos(bucket).await?;
/// let url = run.results()[0].output_url().expect("it was uploaded");
/// println!("the output is at {url}"); // Without what grants access.
/// assert!(url.expose().contains("?q-sign"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OutputUrl(pub(super) String);

impl OutputUrl {
    /// The whole URL, with the query that may grant access.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OutputUrl {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.find(['?', '#']).unwrap_or(self.0.len());
        f.write_str(&self.0[..end])?;
        if end < self.0.len() { f.write_str("?…") } else { Ok(()) }
    }
}

impl fmt::Debug for OutputUrl {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutputUrl({self})")
    }
}

/// True if a task with this status is over. A task with an unknown status counts as under way.
pub(super) fn is_final(status: &TaskStatus) -> bool {
    use TaskStatus::{
        Cancelled, DeliverFailed, Failed, StartFailed, Success, TaskTimeout, Terminated, Timeout,
    };
    matches!(
        status,
        Success
            | Failed
            | Timeout
            | TaskTimeout
            | StartFailed
            | DeliverFailed
            | Cancelled
            | Terminated
    )
}

fn not_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

impl Task {
    pub(super) fn new(invocation_id: Arc<str>, status: TaskStatus, task: InvocationTask) -> Self {
        let result = task.task_result.unwrap_or_default();
        Self {
            invocation_id,
            task_id: task.invocation_task_id,
            status,
            exit_code: result.exit_code,
            output: result.output.unwrap_or_else(|| Vec::new().into()),
            dropped: result.dropped.unwrap_or_default(),
            output_url: not_empty(result.output_url).map(OutputUrl),
            upload_error: not_empty(result.output_upload_cos_error_info),
            error_info: not_empty(task.error_info),
            started: not_empty(result.exec_start_time.or(task.start_time)),
            ended: not_empty(result.exec_end_time.or(task.end_time)),
        }
    }
}

impl InstanceResult {
    pub(super) fn of_task(
        position: usize,
        instance_id: String,
        invocation_id: Arc<str>,
        status: TaskStatus,
        task: InvocationTask,
    ) -> Self {
        let end = Task::new(invocation_id, status, task);
        Self { position, instance_id, end: End::Task(Box::new(end)) }
    }

    pub(super) fn of_failure(position: usize, instance_id: String, failure: Arc<Failure>) -> Self {
        Self { position, instance_id, end: End::Failure(failure) }
    }

    fn task(&self) -> Option<&Task> {
        match &self.end {
            End::Task(task) => Some(task),
            End::Failure(failure) => failure.task.as_deref(),
        }
    }

    /// The instance.
    pub fn instance_id(&self) -> &str {
        &self.instance_id
    }

    /// The invocation it belonged to, `inv-…`.
    pub fn invocation_id(&self) -> Option<&str> {
        match &self.end {
            End::Task(task) => Some(&task.invocation_id),
            End::Failure(failure) => failure.invocation_id.as_deref(),
        }
    }

    /// The task's id, `invt-…`.
    pub fn task_id(&self) -> Option<&str> {
        self.task()?.task_id.as_deref()
    }

    /// How the command ended.
    #[inline]
    pub fn outcome(&self) -> Outcome {
        let Some(task) = self.task() else {
            return self.failure().map_or(Outcome::Unknown, Failure::outcome);
        };
        // The agent reports -1 for a command that a signal killed. Other negative codes come from Windows.
        match (&task.status, task.exit_code.filter(|code| *code != -1)) {
            (TaskStatus::Success | TaskStatus::Failed, Some(code)) => Outcome::Exited(code),
            (TaskStatus::Success, None) => Outcome::Exited(0),
            (TaskStatus::Failed, None) if self.failure().is_some() => Outcome::Unknown,
            (TaskStatus::Failed, None) => Outcome::Killed,
            (TaskStatus::Timeout, _) => Outcome::TimedOut,
            (TaskStatus::TaskTimeout, _) => Outcome::AgentSilent,
            (TaskStatus::StartFailed, _) => Outcome::NotStarted,
            (TaskStatus::DeliverFailed, _) => Outcome::NotDelivered,
            (TaskStatus::Cancelled, _) => Outcome::Cancelled,
            (TaskStatus::Terminated, _) => Outcome::Terminated,
            _ => Outcome::Unknown,
        }
    }

    /// The task's final status, in the service's words; none if its end is not known.
    pub fn status(&self) -> Option<&TaskStatus> {
        self.task().map(|task| &task.status)
    }

    /// Why the command's end is not known, if so. If only a part of the task cannot be read, the other
    /// methods have the rest; see [`Unreadable`](crate::Unreadable).
    pub fn failure(&self) -> Option<&Failure> {
        match &self.end {
            End::Task(_) => None,
            End::Failure(failure) => Some(failure),
        }
    }

    /// True if the command ran to its end and exited with 0.
    pub fn success(&self) -> bool {
        self.failure().is_none() && self.status() == Some(&TaskStatus::Success)
    }

    /// The command's exit status; none if it never started, or its end is not known. A command that was
    /// killed, by its timeout too, has a status without a code. [`Self::outcome`] tells more.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        match self.outcome() {
            Outcome::Exited(code) => Some(ExitStatus::from_code(code)),
            Outcome::Killed | Outcome::TimedOut | Outcome::Terminated => {
                Some(ExitStatus::WITHOUT_CODE)
            }
            _ => None,
        }
    }

    /// The command's exit code; none if it was killed, timed out or never started.
    pub fn exit_code(&self) -> Option<i64> {
        self.exit_status()?.code()
    }

    /// The first 24 KiB of standard output and standard error, merged in the order they were written.
    pub fn output(&self) -> &[u8] {
        self.task().map_or(&[], |task| task.output.as_bytes())
    }

    /// The [output](Self::output) as text, with U+FFFD where it is not UTF-8. Batch files on Windows write
    /// in the system's code page: see `output_in`.
    pub fn output_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.output())
    }

    /// The [output](Self::output) as text in another encoding, by its label in the Encoding Standard: `gbk`
    /// for the Chinese code page 936, `big5`, `shift_jis`, `windows-1252` and so on. Bytes that do not fit
    /// it, and a character cut at the end of the first 24 KiB, become U+FFFD.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.tat().client()?;
    /// let finished = client.instances(["ins-zj0f57ew"]).run(r"printf '\304\343\272\303'").await?;
    /// assert_eq!(finished.results()[0].output_in("gbk")?, "你好");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`](crate::ErrorKind::InvalidRequest) if there is no such encoding.
    #[cfg(feature = "encoding")]
    pub fn output_in(&self, encoding: &str) -> Result<Cow<'_, str>, Error> {
        guestexec_core::text_in(self.output(), encoding)
    }

    /// How many bytes of output were cut off after the first 24 KiB. They are lost, unless a COS bucket was
    /// given: [`Self::full_output`] fetches all of it, and [`Self::output_url`] says where it is.
    pub fn dropped(&self) -> u64 {
        self.task().map_or(0, |task| task.dropped)
    }

    /// The URL of the whole output, if it was uploaded to COS.
    pub fn output_url(&self) -> Option<&OutputUrl> {
        self.task()?.output_url.as_ref()
    }

    /// Why the upload of the output failed, if it did.
    pub fn upload_error(&self) -> Option<&str> {
        self.task()?.upload_error.as_deref()
    }

    /// Why the command never started, in the agent's words.
    pub fn error_info(&self) -> Option<&str> {
        self.task()?.error_info.as_deref()
    }

    /// When the command started on the instance, to the second.
    pub fn started_at(&self) -> Option<SystemTime> {
        iso8601(self.started_text()?)
    }

    /// When the command started, as the service writes it.
    pub fn started_text(&self) -> Option<&str> {
        self.task()?.started.as_deref()
    }

    /// When the command ended on the instance, to the second.
    pub fn ended_at(&self) -> Option<SystemTime> {
        iso8601(self.ended_text()?)
    }

    /// When the command ended, as the service writes it.
    pub fn ended_text(&self) -> Option<&str> {
        self.task()?.ended.as_deref()
    }
}

/// One line: the instance, how the command ended, why it did not start, how much of its output was cut off,
/// and where all of it is. The output itself is left out.
impl fmt::Display for InstanceResult {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.instance_id, self.outcome())?;
        if let Some(failure) = self.failure() {
            write!(f, ": {}", failure.error)?;
        }
        if let Some(reason) = self.error_info() {
            write!(f, ": {}", readable(reason))?;
        }
        match self.dropped() {
            0 => return Ok(()),
            bytes => write!(f, "; {bytes} bytes of its output were cut off")?,
        }
        match (self.output_url(), self.upload_error()) {
            (Some(url), _) => write!(f, "; all of it is at {url}"),
            (None, Some(reason)) => write!(f, "; its upload failed: {}", readable(reason)),
            (None, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, OutputUrl};

    #[test]
    fn an_outcome_has_one_name() {
        use Outcome::*;
        for outcome in [
            Exited(3),
            Killed,
            TimedOut,
            AgentSilent,
            NotStarted,
            NotDelivered,
            Cancelled,
            Terminated,
            Refused,
            Unknown,
        ] {
            let mut json = serde_json::json!({ "outcome": outcome.as_str() });
            if let Exited(code) = outcome {
                json["exit_code"] = code.into();
            }
            assert_eq!(serde_json::to_value(outcome).unwrap(), json);
        }
    }

    #[test]
    fn the_query_of_an_output_url_is_not_shown() {
        let url =
            OutputUrl("https://b.cos.example/p/inv-1/invt-1.log?q-signature=secret".to_owned());
        assert_eq!(url.to_string(), "https://b.cos.example/p/inv-1/invt-1.log?…");
        assert!(!format!("{url:?}").contains("secret"));
        assert!(url.expose().ends_with("=secret"));
        assert_eq!(OutputUrl("https://b/é".to_owned()).to_string(), "https://b/é");
    }
}
