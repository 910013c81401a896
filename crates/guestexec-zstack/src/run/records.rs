//! The records of a script's execution: how it ended in each VM.

use std::{
    borrow::Cow,
    error::Error as StdError,
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use guestexec_core::{ErrorKind, ExitStatus, Mark, ensure_runtime, readable};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{
    job::after,
    start::{DEFAULT_TIMEOUT, GRACE},
};
use crate::{
    Client, Error,
    enums::GuestVmScriptStatus,
    error::session_ended,
    hooks::Call,
    operations::EXECUTE_GUEST_VM_SCRIPT,
    types::{GuestVmScriptExecutedRecordDetailInventory, GuestVmScriptExecutedRecordInventory},
};

/// First and longest pause between two polls of the records.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// How long a poll may take at least, also beyond the deadline.
const POLL_TIME: Duration = Duration::from_secs(5);

/// How long to search for the record of an execution that may have begun.
const LATE: Duration = Duration::from_secs(2);

/// The result of a script in one VM: its exit status, and both streams, as the service's records have them.
///
/// Serialized, it has the members `vm`, `record`, `exit_code`, `success`, `stdout`, `stderr` and `cause`:
///
/// ```json
/// {"vm":"fc022ba201c135d8809c5e02bf6bf156","record":"e5dc4c630a7138a692e45ad372c5ba17","exit_code":3,"success":false,"stdout":"","stderr":"oh\n"}
/// ```
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.zstack().client()?;
/// let vm = client.vm("fc022ba201c135d8809c5e02bf6bf156");
/// let ended = vm.script("echo hello; echo oh >&2; exit 3").await?;
/// assert_eq!(ended.exit_status(), Some(3.into()));
/// assert_eq!(ended.exit_code(), Some(3));
/// assert!(!ended.success());
/// assert_eq!((&*ended.stdout_lossy(), &*ended.stderr_lossy()), ("hello\n", "oh\n"));
/// assert_eq!((ended.stdout.len(), ended.stderr.len()), (6, 3));
/// assert_eq!((ended.vm(), ended.cause()), ("fc022ba201c135d8809c5e02bf6bf156", None));
/// assert_eq!(ended.to_string(), "exited with 3");
///
/// // The same again, from the records.
/// let record = format!("recordUuid={}", ended.record());
/// let details = client.query_guest_vm_script_executed_record_detail().q([record]).send().await?;
/// assert_eq!(details.inventories[0].exit_code, Some(3));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ScriptResult {
    pub(super) vm: String,
    pub(super) record: String,
    pub(super) status: Option<ExitStatus>,
    pub(super) cause: Option<String>,
    /// Standard output, as the service decoded it: UTF-8. It keeps about the last 1000 lines or 1 MiB.
    pub stdout: Vec<u8>,
    /// Standard error, likewise.
    pub stderr: Vec<u8>,
}

impl ScriptResult {
    /// The UUID of the VM.
    pub fn vm(&self) -> &str {
        &self.vm
    }

    /// The UUID of the execution's record.
    pub fn record(&self) -> &str {
        &self.record
    }

    /// The exit status; `None` where the record of a script that has ended has none.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.status
    }

    /// The exit code; `None` where the record of a script that has ended has none.
    pub fn exit_code(&self) -> Option<i64> {
        self.status.and_then(|status| status.code())
    }

    /// True if the script exited with 0.
    pub fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// The failure that the service reports beside the exit code, if any.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// Standard output as text.
    pub fn stdout_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Standard error as text.
    pub fn stderr_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }

    /// Reads what a record says of a VM in which the script has ended.
    fn read(detail: GuestVmScriptExecutedRecordDetailInventory) -> Result<Self, Error> {
        let cause = detail.err_cause.filter(|cause| !cause.trim().is_empty());
        let status = detail.exit_code.map(|code| ExitStatus::from_code(code.into()));
        match (status, cause) {
            (None, Some(cause)) => Err(refused(&cause)),
            (status, cause) => Ok(Self {
                vm: detail.vm_instance_uuid.unwrap_or_default(),
                record: detail.record_uuid.unwrap_or_default(),
                status,
                cause,
                stdout: detail.stdout.unwrap_or_default().into_bytes(),
                stderr: detail.stderr.unwrap_or_default().into_bytes(),
            }),
        }
    }
}

/// The error of a VM in which the script was not run, or its end was not seen: the records do not tell which.
fn refused(cause: &str) -> Error {
    let reason = format!("the script has no exit code: {}", readable(cause));
    Error::new(ErrorKind::Refused, reason)
        .during(EXECUTE_GUEST_VM_SCRIPT.id)
        .with_may_have_run(true)
}

/// One line: how the script ended. The output itself is left out.
impl fmt::Display for ScriptResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.status {
            Some(status) => status.fmt(f)?,
            None => f.write_str("ended with an unknown exit code")?,
        }
        match &self.cause {
            Some(cause) => write!(f, "; {}", readable(cause)),
            None => Ok(()),
        }
    }
}

/// Only sizes: output may be a secret.
impl fmt::Debug for ScriptResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptResult")
            .field("vm", &self.vm)
            .field("record", &self.record)
            .field("exit_code", &self.exit_code())
            .field("cause", &self.cause)
            .field("stdout", &format_args!("{} bytes", self.stdout.len()))
            .field("stderr", &format_args!("{} bytes", self.stderr.len()))
            .finish()
    }
}

/// A script that was started, or may have been, and whose end is not known.
///
/// It is part of the error of such a run, where [`UnfinishedScript::of`] finds it. Its records outlive the
/// script: resume it with [`Client::script_record`].
///
/// ```no_run
/// use std::time::Duration;
///
/// use guestexec_zstack::{Client, UnfinishedScript};
///
/// # async fn example(zstack: Client) -> Result<(), guestexec_zstack::Error> {
/// let vm = zstack.vm("fc022ba201c135d8809c5e02bf6bf156");
/// if let Err(error) = vm.script("apt-get -y upgrade").await {
///     let Some(unfinished) = UnfinishedScript::of(&error) else { return Err(error) };
///     let record = zstack.script_record(unfinished.script());
///     for (uuid, result) in record.wait_at_most(Duration::from_secs(3600)).await? {
///         println!("{uuid}: {:?}", result.map(|ended| ended.exit_code()));
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// Serialized, it has the member `script`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnfinishedScript {
    script: String,
    cause: Error,
}

impl UnfinishedScript {
    /// Finds the script in an error.
    pub fn of(error: &Error) -> Option<&Self> {
        error.cause()
    }

    /// The UUID that the script had, by which its records are found.
    pub fn script(&self) -> &str {
        &self.script
    }

    /// Makes the script a part of the error.
    pub(crate) fn attach(script: &str, error: Error) -> Error {
        let resume = "look at its records with `Client::script_record`: `UnfinishedScript::of` has the \
                      script";
        let advice = match error.advice() {
            Some(advice) => format!("{advice}; or {resume}"),
            None => resume.to_owned(),
        };
        let script = script.to_owned();
        let cause = error.clone();
        error.with_may_have_run(true).with_advice(advice).with_source(Self { script, cause })
    }
}

impl fmt::Display for UnfinishedScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the end of the script {} was not seen", self.script)
    }
}

impl StdError for UnfinishedScript {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.cause)
    }
}

impl Client {
    /// Resumes a script that was started before, by the UUID that it had ([`UnfinishedScript::script`], or that
    /// of a saved script of your own). Await it to wait for the end of its newest execution in every VM.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.zstack().client()?;
    /// use guestexec_zstack::enums::{Platform, ScriptType};
    ///
    /// let uuid = "0123456789abcdef0123456789abcdef";
    /// let create = client.create_guest_vm_script("report", "df -P /", Platform::Linux, ScriptType::Shell);
    /// create.resource_uuid(uuid).send().await?;
    /// client.execute_guest_vm_script(uuid, ["fc022ba201c135d8809c5e02bf6bf156"]).send().await?;
    ///
    /// let ended = client.script_record(uuid).await?;
    /// assert!(ended[0].1.as_ref().is_ok_and(|ended| ended.success()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn script_record(&self, script: impl Into<String>) -> ScriptRecord<'_> {
        let wait = DEFAULT_TIMEOUT.saturating_add(GRACE);
        ScriptRecord { client: self, script: script.into(), wait }
    }
}

/// A script that was started before, as [`Client::script_record`] makes it. Awaiting it gives one result for each
/// VM of its newest execution.
///
/// ```
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.zstack().client()?;
/// let record = client.script_record("0123456789abcdef0123456789abcdef");
/// let error = record.wait_at_most(Duration::ZERO).await.expect_err("no script had this UUID");
/// assert!(error.to_string().contains("no record"), "{error}");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Awaiting it gives [`ErrorKind::NotFound`], if the service has no record of the script;
/// [`ErrorKind::Timeout`], if it has not ended in time; and the errors of the queries.
#[derive(Clone, Debug)]
#[must_use = "nothing is asked until it is awaited"]
pub struct ScriptRecord<'a> {
    client: &'a Client,
    script: String,
    wait: Duration,
}

impl ScriptRecord<'_> {
    /// Sets how long to wait for the script's end. Default: 330 s, as for a script without a timeout;
    /// [`Duration::MAX`] waits for ever. The records are looked at once at least.
    pub fn wait_at_most(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }
}

impl<'a> IntoFuture for ScriptRecord<'a> {
    type Output = Result<Vec<(String, Result<ScriptResult, Error>)>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            ensure_runtime()?;
            each(self.client, &self.script, None, &[], after(self.wait), &[]).await
        })
    }
}

/// The state of the records at one time.
enum Seen {
    Ended(Vec<GuestVmScriptExecutedRecordDetailInventory>),
    Running,
    /// There is no record of the script.
    Nothing,
}

/// Waits until a script has ended in every VM: in those of `vms`, in their order, or in all that its record has.
/// `record` is the execution's, if it is known; `marks` are those of `script`.
pub(super) async fn each(
    client: &Client,
    script: &str,
    mut record: Option<String>,
    vms: &[String],
    deadline: Instant,
    marks: &[Mark],
) -> Result<Vec<(String, Result<ScriptResult, Error>)>, Error> {
    let late = deadline.min(Instant::now() + LATE);
    let mut pause = PAUSE.0;
    let mut renewed = false;
    let mut last = None;
    loop {
        let used = client.session().and_then(|session| session.uuid());
        // Once at least, however soon the deadline is.
        let until = deadline.max(Instant::now() + POLL_TIME);
        let seen = timeout_at(until, poll(client, script, &mut record, vms, marks)).await;
        match seen {
            Ok(Ok(Seen::Ended(details))) => return Ok(results(details, vms)),
            Ok(Ok(Seen::Running)) => last = None,
            Ok(Ok(Seen::Nothing)) => {
                if Instant::now() >= late {
                    let reason = "the service has no record of the script";
                    let error = Error::new(ErrorKind::NotFound, reason);
                    return Err(error.during(EXECUTE_GUEST_VM_SCRIPT.id));
                }
            }
            Ok(Err(error)) if session_ended(&error) && !renewed => {
                renewed = true;
                if let (Some(session), Some(used)) = (client.session(), used)
                    && let Ok(Ok(true)) = timeout_at(until, session.renew(client, &used)).await
                {
                    continue;
                }
                return Err(UnfinishedScript::attach(script, error));
            }
            Ok(Err(error)) if error.is_retryable() => last = Some(error),
            Ok(Err(error)) => return Err(UnfinishedScript::attach(script, error)),
            Err(_) => {}
        }
        let next = Instant::now() + pause;
        if next >= deadline {
            let error = Error::new(
                ErrorKind::Timeout,
                "the script was started, but its end was not seen in time",
            );
            let error = error.during(EXECUTE_GUEST_VM_SCRIPT.id);
            return Err(UnfinishedScript::attach(
                script,
                match last {
                    Some(last) => error.with_source(last),
                    None => error,
                },
            ));
        }
        sleep_until(next).await;
        pause = (pause * 3 / 2).min(PAUSE.1);
    }
}

/// Polls the records once.
async fn poll(
    client: &Client,
    script: &str,
    record: &mut Option<String>,
    vms: &[String],
    marks: &[Mark],
) -> Result<Seen, Error> {
    let mut status = None;
    if record.is_none() {
        let Some(found) = newest(client, format!("scriptUuid={script}"), marks).await? else {
            return Ok(Seen::Nothing);
        };
        (*record, status) = (found.uuid, found.status);
    }
    let Some(uuid) = record else { return Ok(Seen::Nothing) };
    let details = details(client, uuid).await?;
    let all_ended = !details.is_empty() && details.iter().all(has_ended);
    let complete = match vms {
        [] => false,
        vms => {
            vms.iter().all(|vm| details.iter().any(|it| it.vm_instance_uuid.as_ref() == Some(vm)))
        }
    };
    if all_ended && complete {
        return Ok(Seen::Ended(details));
    }
    if status.is_none() {
        status =
            newest(client, format!("uuid={uuid}"), &[]).await?.and_then(|record| record.status);
    }
    match status {
        Some(status) if is_end(&status) => {
            // The last of them may have ended since.
            Ok(Seen::Ended(self::details(client, uuid).await?))
        }
        // Only a status that is not known can be missing from an execution that has ended everywhere.
        None if all_ended => Ok(Seen::Ended(details)),
        _ => Ok(Seen::Running),
    }
}

async fn newest(
    client: &Client,
    condition: String,
    marks: &[Mark],
) -> Result<Option<GuestVmScriptExecutedRecordInventory>, Error> {
    let query = client.query_guest_vm_script_executed_record().q([condition]);
    let answer = query
        .sort("-startTime")
        .limit(1)
        .send_in(Call { marks: marks.to_vec(), ..Call::default() });
    let answer = answer.await?.into_inner();
    Ok(answer.inventories.into_iter().next())
}

async fn details(
    client: &Client,
    record: &str,
) -> Result<Vec<GuestVmScriptExecutedRecordDetailInventory>, Error> {
    let query = client.query_guest_vm_script_executed_record_detail();
    let query = query.q([format!("recordUuid={record}")]).reply_with_count(true);
    let mut items = query.items();
    let mut details = Vec::new();
    while let Some(detail) = items.next().await {
        details.push(detail?);
    }
    Ok(details)
}

/// True if a record says that the script has ended in the VM: by its exit code, or by its status.
fn has_ended(detail: &GuestVmScriptExecutedRecordDetailInventory) -> bool {
    detail.exit_code.is_some() || detail.status.as_ref().is_some_and(is_end)
}

/// True for a status of an execution that has ended. One that is not known may be that of one that has not begun.
fn is_end(status: &GuestVmScriptStatus) -> bool {
    use GuestVmScriptStatus::{Completed, Exception, Failed, Succeed, Succeeded};
    matches!(status, Completed | Succeed | Succeeded | Failed | Exception)
}

fn results(
    mut details: Vec<GuestVmScriptExecutedRecordDetailInventory>,
    vms: &[String],
) -> Vec<(String, Result<ScriptResult, Error>)> {
    if vms.is_empty() {
        let named = |detail: GuestVmScriptExecutedRecordDetailInventory| {
            (detail.vm_instance_uuid.clone().unwrap_or_default(), ScriptResult::read(detail))
        };
        return details.into_iter().map(named).collect();
    }
    let result = |vm: &String| {
        let at = details.iter().position(|it| it.vm_instance_uuid.as_ref() == Some(vm));
        match at.map(|at| details.swap_remove(at)) {
            Some(detail) => ScriptResult::read(detail),
            None => Err(refused("the records have no result of the VM")),
        }
    };
    let results: Vec<_> = vms.iter().map(result).collect();
    vms.iter().cloned().zip(results).collect()
}
