//! Scripts that the service itself runs, in one VM or in many.

use std::{
    collections::HashSet,
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use guestexec_core::{Answer, Base64, ErrorKind, Mark, Validate as _, ensure_runtime};
use tokio::time::timeout;

use super::{
    job::random_hex,
    records::{ScriptResult, UnfinishedScript, each},
    start::{Call, Request, deadline, seconds},
};
use crate::{
    Client, Error, Unfinished, Vm,
    builder::{CreateGuestVmScript, ExecuteGuestVmScript},
    enums::{Platform, ScriptEncoding, ScriptType},
    error::session_ended,
    hooks,
    operations::{CREATE_GUEST_VM_SCRIPT, EXECUTE_GUEST_VM_SCRIPT},
    types::{
        CreateGuestVmScriptParams, CreateGuestVmScriptRequest, ExecuteGuestVmCommandResponse,
        ExecuteGuestVmScriptParams, ExecuteGuestVmScriptRequest,
        GuestVmScriptExecutedRecordInventory,
    },
};

/// How long the removal of a saved script may take.
const REMOVAL: Duration = Duration::from_secs(10);

impl Client {
    /// The VMs with these UUIDs of 32 hex digits, in which the service runs one script. Sends nothing.
    ///
    /// For commands that differ by VM, or have their own end each, see [`Client::each_vm`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.zstack().client()?;
    /// let vms = client.vms(["fc022ba201c135d8809c5e02bf6bf156"]);
    /// for (uuid, result) in vms.script("uptime").await {
    ///     println!("{uuid}: {}", result?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn vms<I>(&self, uuids: I) -> Vms<'_>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut known = HashSet::new();
        let uuids = uuids.into_iter().map(|uuid| uuid.as_ref().to_owned());
        let uuids = uuids.filter(|uuid| known.insert(uuid.clone())).collect();
        Vms { client: self, uuids, platform: Platform::Linux }
    }
}

/// VMs in which the service runs scripts, made by [`Client::vms`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::builder().zstack_vms(3).start().await?;
/// # let client = sandbox.zstack().client()?;
/// # let uuids = sandbox.zstack().vm_uuids();
/// for (uuid, result) in client.vms(&uuids).script("uptime").await {
///     println!("{uuid}: {}", result?.stdout_lossy());
/// }
/// # Ok(())
/// # }
/// ```
///
/// Windows guests, which the sandbox does not have:
///
/// ```no_run
/// # async fn example(client: guestexec_zstack::Client, uuids: Vec<String>) {
/// let fixes = client.vms(&uuids).windows().script("ver").await;
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Vms<'a> {
    client: &'a Client,
    uuids: Vec<String>,
    platform: Platform,
}

impl<'a> Vms<'a> {
    /// Sets the guests' system to Windows. Default: Linux.
    #[must_use]
    pub fn windows(mut self) -> Self {
        self.platform = Platform::Windows;
        self
    }

    /// Prepares a script for all of them, text or bytes of at most 48 KiB. Await it to run the script and get
    /// the result of each VM.
    pub fn script(&self, script: impl Into<Base64>) -> ScriptRuns<'a> {
        let run = Script {
            client: self.client,
            vms: self.uuids.clone(),
            platform: self.platform.clone(),
            content: script.into(),
            language: None,
            timeout: None,
        };
        ScriptRuns { run }
    }
}

impl<'a> Vm<'a> {
    /// Prepares a script that the service itself saves, runs and records, text or bytes of at most 48 KiB.
    /// Await it to run the script and get its exit code and both streams.
    ///
    /// [`Vm::run`] is one call and needs nothing of the account but commands. A script is right where the
    /// service is to run it: in Python or Perl, in many VMs at once ([`Client::vms`]), or with a record that
    /// others see. See [`ScriptRun`] for what differs.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.zstack().client()?;
    /// let vm = client.vm("fc022ba201c135d8809c5e02bf6bf156");
    /// assert_eq!(vm.script("exit 3").await?.exit_code(), Some(3));
    /// # Ok(())
    /// # }
    /// ```
    pub fn script(&self, script: impl Into<Base64>) -> ScriptRun<'a> {
        let run = Script {
            client: self.client,
            vms: vec![self.uuid.clone()],
            platform: self.platform.clone(),
            content: script.into(),
            language: None,
            timeout: None,
        };
        ScriptRun { run }
    }
}

/// The script that both handles run.
#[derive(Clone)]
struct Script<'a> {
    client: &'a Client,
    vms: Vec<String>,
    platform: Platform,
    content: Base64,
    language: Option<ScriptType>,
    timeout: Option<Duration>,
}

/// A prepared script for one VM, made by [`Vm::script`].
///
/// Awaiting it saves the script under a UUID and a name of its own (`guestexec-` and the UUID), runs it once,
/// polls the records of the execution until it has ended, and deletes the script. The records stay.
///
/// The execution is sent once, under a job id of its own, as a [`Run`](crate::Run) is. If its answer is lost,
/// the client polls the job, and searches for records of the script: they say whether it began, and how it ended.
///
/// # What stays behind
///
/// The script is deleted whether it succeeds, fails, or still runs when the client stops waiting for it.
/// Dropping the future stops the waiting, not the script; no request can be sent then, so the saved script
/// stays, as it does where the deletion fails. To find such scripts, list those with this name:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.zstack().client()?;
/// let mut left = client.query_guest_vm_script().q(["name~=guestexec-%"]).items();
/// while let Some(script) = left.next().await {
///     let script = script?;
///     println!("{:?} of {:?}", script.name, script.create_date);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # What differs from a command
///
/// - The exit code and the streams are those of the service. Its guest tools keep about the last 1000 lines or
///   1 MiB of each stream, decode it themselves, and take any text on standard error for a failure; the public
///   code of an older agent reports the exit code of its own helper on some paths. [`Vm::run`] finds the exit
///   code itself and keeps every byte.
/// - A script may have 48 KiB, for it is sent as Base64 of at most 65 536 characters.
/// - It needs an account that may save scripts, and at least four requests instead of one.
///
/// No real node has run this yet: it follows the vendor's guide, SDKs and Terraform provider.
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_zstack::enums::ScriptType;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.zstack().client()?;
/// let vm = client.vm("fc022ba201c135d8809c5e02bf6bf156");
/// let ended = vm
///     .script("echo hello; echo oh >&2; exit 3")
///     .language(ScriptType::Shell)
///     .timeout(Duration::from_secs(60))
///     .await?;
/// assert_eq!(ended.exit_code(), Some(3));
/// assert_eq!((&*ended.stdout_lossy(), &*ended.stderr_lossy()), ("hello\n", "oh\n"));
/// # assert_eq!(sandbox.zstack().scripts(), 0);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Awaiting it gives [`ErrorKind::InvalidRequest`] if a limit is broken, before anything is sent; the service's
/// error, if the script was not saved, not run, or its end was not seen; [`ErrorKind::Timeout`], if it has not
/// ended in time: [`UnfinishedScript::of`] then has what resumes it.
#[derive(Clone)]
#[must_use = "nothing runs until it is awaited"]
pub struct ScriptRun<'a> {
    run: Script<'a>,
}

/// A prepared script for several VMs, made by [`Vms::script`].
///
/// It is one execution of the service, which may run the script in all VMs at once. Awaiting it gives one result
/// for each VM, in the order of the VMs, as [`Client::each_vm`] does; a script that was not started has the same
/// error for each of them. [`ScriptRun`] says what is sent, and what stays behind.
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_zstack::enums::ScriptType;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::builder().zstack_vms(2).start().await?;
/// # let client = sandbox.zstack().client()?;
/// # let vms = sandbox.zstack().vm_uuids();
/// let vms = client.vms(&vms).script("echo $HOSTNAME").language(ScriptType::Shell);
/// for (uuid, result) in vms.timeout(Duration::from_secs(60)).await {
///     assert!(result?.success(), "{uuid}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "nothing runs until it is awaited"]
pub struct ScriptRuns<'a> {
    run: Script<'a>,
}

impl<'a> ScriptRun<'a> {
    /// Sets how long the script may run, from 10 s to 86 400 s, rounded up to seconds. By default the node has
    /// its own limit, which its SDK takes for 60 s, and the client waits for five minutes.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.run.timeout = Some(timeout);
        self
    }

    /// Sets the language of the script. Default: a shell script on Linux, a batch file on Windows.
    pub fn language(mut self, language: ScriptType) -> Self {
        self.run.language = Some(language);
        self
    }
}

impl<'a> ScriptRuns<'a> {
    /// Sets how long the script may run in each VM, from 10 s to 86 400 s, rounded up to seconds. By default the
    /// node has its own limit, which its SDK takes for 60 s, and the client waits for five minutes.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.run.timeout = Some(timeout);
        self
    }

    /// Sets the language of the script. Default: a shell script on Linux, a batch file on Windows.
    pub fn language(mut self, language: ScriptType) -> Self {
        self.run.language = Some(language);
        self
    }
}

impl<'a> IntoFuture for ScriptRun<'a> {
    type Output = Result<ScriptResult, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let vm = self.run.vms.clone();
            let ended = self.run.finish().await?;
            let found = ended.into_iter().find(|(uuid, _)| vm.contains(uuid));
            let lacks = || Error::new(ErrorKind::Protocol, "the records have no result of the VM");
            found.map_or_else(|| Err(lacks()), |(_, result)| result)
        })
    }
}

impl<'a> IntoFuture for ScriptRuns<'a> {
    type Output = Vec<(String, Result<ScriptResult, Error>)>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let vms = self.run.vms.clone();
            match self.run.finish().await {
                Ok(ended) => ended,
                Err(error) => vms.into_iter().map(|vm| (vm, Err(error.clone()))).collect(),
            }
        })
    }
}

impl Script<'_> {
    /// Saves the script, runs it to its end, and deletes it.
    async fn finish(self) -> Result<Vec<(String, Result<ScriptResult, Error>)>, Error> {
        ensure_runtime()?;
        if self.vms.is_empty() {
            return Ok(Vec::new());
        }
        if self.content.as_bytes().trim_ascii().is_empty() {
            let reason = "the script is blank: give it at least 1 character to run";
            return Err(Error::new(ErrorKind::InvalidRequest, reason));
        }
        let uuid = random_hex()?;
        let (save, execute) = (self.save(&uuid), self.execute());
        if self.client.inner.checks {
            let refused = |violation: guestexec_core::Violation| {
                Error::new(ErrorKind::InvalidRequest, violation.to_string())
            };
            save.validate().map_err(|it| refused(it).during(CREATE_GUEST_VM_SCRIPT.id))?;
            execute.validate().map_err(|it| refused(it).during(EXECUTE_GUEST_VM_SCRIPT.id))?;
        }
        let ended = self.run(&uuid, save, execute).await;
        self.remove(&uuid).await;
        ended
    }

    async fn run(
        &self,
        uuid: &str,
        save: CreateGuestVmScriptRequest,
        execute: ExecuteGuestVmScriptRequest,
    ) -> Result<Vec<(String, Result<ScriptResult, Error>)>, Error> {
        let deadline = deadline(self.timeout);
        let marks = marks(uuid);
        let saved = self.call(Save { request: save }, uuid).finish().await;
        saved.map_err(unsaved)?;
        let vm = match &*self.vms {
            [vm] => Some(vm.clone()),
            _ => None,
        };
        let execute = Execute { script: uuid.to_owned(), vm, request: execute };
        let record = match self.call(execute, uuid).finish().await {
            Ok(answer) => answer.answer().extra.get("inventory").and_then(|record| {
                let record: GuestVmScriptExecutedRecordInventory =
                    serde_json::from_value(record.clone()).ok()?;
                record.uuid
            }),
            // The records say whether it began.
            Err(error) if Unfinished::of(&error).is_some() => {
                let lost = Unfinished::into_cause(error).with_may_have_run(true);
                let found = each(self.client, uuid, None, &self.vms, deadline, &marks).await;
                return found.map_err(|error| match UnfinishedScript::of(&error) {
                    Some(_) => error,
                    None => UnfinishedScript::attach(uuid, lost),
                });
            }
            Err(error) => return Err(error),
        };
        each(self.client, uuid, record, &self.vms, deadline, &marks).await
    }

    /// Deletes the script, if it was saved. A failure is logged and does not change the result.
    async fn remove(&self, uuid: &str) {
        match timeout(REMOVAL, self.delete(uuid)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(script = uuid, %error, "a saved script was not deleted")
            }
            Err(_) => tracing::warn!(script = uuid, "a saved script was not deleted in time"),
        }
    }

    /// Deletes the script, under a new session if the session has ended.
    async fn delete(&self, uuid: &str) -> Result<(), Error> {
        let delete = || {
            let state = hooks::Call { marks: marks(uuid), ..hooks::Call::default() };
            self.client.delete_guest_vm_script(uuid).send_in(state)
        };
        let used = self.client.session().and_then(|session| session.uuid());
        let error = match delete().await {
            Err(error) if session_ended(&error) => error,
            ended => return ended.map(drop),
        };
        match (self.client.session(), used) {
            (Some(session), Some(used)) if session.renew(self.client, &used).await? => {
                delete().await.map(drop)
            }
            _ => Err(error),
        }
    }

    fn call<R>(&self, request: R, uuid: &str) -> Call<'_, R> {
        let (client, timeout) = (self.client, self.timeout);
        let (marks, accepted) = (marks(uuid), Arc::default());
        Call { client, request, timeout, job: None, marks, accepted }
    }

    fn save(&self, uuid: &str) -> CreateGuestVmScriptRequest {
        let default = match self.platform {
            Platform::Windows => ScriptType::Bat,
            _ => ScriptType::Shell,
        };
        let language = self.language.clone().unwrap_or(default);
        let name = format!("guestexec-{uuid}");
        let params = CreateGuestVmScriptParams::new(
            name,
            self.content.clone(),
            self.platform.clone(),
            language,
        );
        let params = params.encoding_type(ScriptEncoding::Base64).resource_uuid(uuid);
        CreateGuestVmScriptRequest::new(match self.timeout {
            Some(timeout) => params.script_timeout(seconds(timeout)),
            None => params,
        })
    }

    fn execute(&self) -> ExecuteGuestVmScriptRequest {
        let params = ExecuteGuestVmScriptParams::new(&self.vms);
        ExecuteGuestVmScriptRequest::new(match self.timeout {
            Some(timeout) => params.script_timeout(seconds(timeout)),
            None => params,
        })
    }

    /// Adds all fields but the script, which may hold a secret.
    fn show(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("vms", &self.vms)
            .field("platform", &self.platform)
            .field("language", &self.language)
            .field("timeout", &self.timeout)
            .finish()
    }
}

impl fmt::Debug for ScriptRun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.run.show("ScriptRun", f)
    }
}

impl fmt::Debug for ScriptRuns<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.run.show("ScriptRuns", f)
    }
}

/// The error of a script that was not saved, so that nothing was run.
fn unsaved(error: Error) -> Error {
    if Unfinished::of(&error).is_none() {
        return error.with_may_have_run(false);
    }
    let cause = Unfinished::into_cause(error);
    Error::new(cause.kind(), "the script was not seen to be saved, so it was not run")
        .during(CREATE_GUEST_VM_SCRIPT.id)
        .with_may_have_run(false)
        .with_source(cause)
}

/// The mark of the UUID that was made for a script.
fn marks(uuid: &str) -> Vec<Mark> {
    vec![Mark::Nonce(uuid.to_owned())]
}

/// The saving of a script.
struct Save {
    request: CreateGuestVmScriptRequest,
}

impl Request for Save {
    fn vm(&self) -> Option<&str> {
        None
    }

    async fn send(
        &self,
        client: &Client,
        _seconds: Option<i32>,
        state: hooks::Call,
    ) -> Result<Answer<ExecuteGuestVmCommandResponse>, Error> {
        let call = CreateGuestVmScript::with_body(client, self.request.clone());
        Ok(call.send_in(state).await?.map(|answer| ExecuteGuestVmCommandResponse {
            location: answer.location,
            api_timeout: answer.api_timeout,
            ..ExecuteGuestVmCommandResponse::default()
        }))
    }
}

/// The execution of a saved script.
struct Execute {
    script: String,
    vm: Option<String>,
    request: ExecuteGuestVmScriptRequest,
}

impl Request for Execute {
    fn vm(&self) -> Option<&str> {
        self.vm.as_deref()
    }

    async fn send(
        &self,
        client: &Client,
        _seconds: Option<i32>,
        state: hooks::Call,
    ) -> Result<Answer<ExecuteGuestVmCommandResponse>, Error> {
        let call = ExecuteGuestVmScript::with_body(client, &self.script, self.request.clone());
        Ok(call.send_in(state).await?.map(|answer| {
            let mut result = ExecuteGuestVmCommandResponse {
                location: answer.location,
                api_timeout: answer.api_timeout,
                ..ExecuteGuestVmCommandResponse::default()
            };
            let record = answer.inventory.and_then(|record| serde_json::to_value(record).ok());
            if let Some(record) = record {
                result.extra.insert("inventory".to_owned(), record);
            }
            result
        }))
    }
}
