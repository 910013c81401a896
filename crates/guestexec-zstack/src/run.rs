//! Running a command in a VM: what to run, where, and how.

mod capture;
mod follow;
#[cfg(feature = "test-util")]
mod for_test;
mod job;
mod output;
mod query;
mod records;
mod script;
mod serialized;
mod start;
#[cfg(feature = "encoding")]
mod text;
mod unfinished;
mod vms;

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

pub use capture::{Captured, Shell};
pub use job::{Job, JobId, UncheckedJob};
pub use output::Output;
pub use query::{Ended, QueryVms};
pub use records::{ScriptRecord, ScriptResult, UnfinishedScript};
pub use script::{ScriptRun, ScriptRuns, Vms};
pub use unfinished::{Uncaptured, Unfinished};

use crate::{Client, Error, enums::Platform};
use job::random_hex;
use start::{Call, Command};

impl Client {
    /// The VM with this UUID of 32 hex digits. Sends nothing.
    pub fn vm(&self, uuid: impl Into<String>) -> Vm<'_> {
        Vm { client: self, uuid: uuid.into(), platform: Platform::Linux }
    }
}

/// A VM in which commands run, made by [`Client::vm`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.zstack().client()?;
/// let vm = client.vm("fc022ba201c135d8809c5e02bf6bf156");
/// assert_eq!(vm.uuid(), "fc022ba201c135d8809c5e02bf6bf156");
/// let ended = vm.run("echo hello; exit 3").await?;
/// assert_eq!(ended.exit_code(), Some(3));
/// assert_eq!(ended.stdout_lossy(), "hello\n");
/// # Ok(())
/// # }
/// ```
///
/// A Windows guest, which the sandbox does not have:
///
/// ```no_run
/// use guestexec_zstack::Shell;
///
/// # async fn example(client: guestexec_zstack::Client) -> Result<(), guestexec_zstack::Error> {
/// let vm = client.vm("fc022ba201c135d8809c5e02bf6bf156").windows();
/// let version = vm.run("ver").await?;
/// let fixes = vm.run("Get-HotFix").shell(Shell::PowerShell).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Vm<'a> {
    client: &'a Client,
    uuid: String,
    platform: Platform,
}

impl<'a> Vm<'a> {
    /// The UUID, as it was given or listed.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.zstack().client()?;
    /// // Each VM runs a command of its own.
    /// let each = client.query_vms().running().each(|vm| vm.run(format!("echo {}", vm.uuid())));
    /// assert!(!each.await.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// Sets the guest's system to Windows. Default: Linux.
    #[must_use]
    pub fn windows(mut self) -> Self {
        self.platform = Platform::Windows;
        self
    }

    /// Prepares a command for the guest's shell. Await it to run the command and get its exit code and both
    /// streams.
    ///
    /// A command is text: the service takes it as a JSON string, which cannot hold other bytes.
    ///
    /// The service's answer has no exit code, so a small script runs the command and writes it down;
    /// [`Run::unchecked`] does without.
    pub fn run(&self, command: impl Into<String>) -> Run<'a> {
        let request = Command {
            vm: self.uuid.clone(),
            platform: self.platform.clone(),
            text: command.into(),
            method: Method::Put,
        };
        let call = Call {
            client: self.client,
            request,
            timeout: None,
            job: None,
            marks: Vec::new(),
            accepted: Arc::default(),
        };
        Run { call, shell: Shell::Guest }
    }
}

/// The method of the call. The vendor's page has PUT, its SDKs send POST; a node takes both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// As on the page.
    #[default]
    Put,
    /// As in the SDKs.
    Post,
}

/// A prepared command, made by [`Vm::run`].
///
/// Awaiting it sends it once, under a job id of its own. If the node answers with a job, or its answer is
/// lost, the job is polled for the result. The command is retried only where it certainly did not start: if
/// nothing was sent, after too many requests, and once under a new login if the session had ended. Dropping
/// the future stops the waiting, not the command.
///
/// # How the exit code is found
///
/// On Linux this is what is sent, on one line, with `NONCE` 32 random hex digits and `COMMAND` the
/// command in single quotes:
///
/// ```sh
#[doc = include_str!("run/capture.sh")]
/// ```
///
/// The streams are files that have no name any more when the command begins, so nothing of them is
/// left in the guest, even where the command and the script are killed. A command that opens
/// `/dev/stdout` or `/dev/stderr` by name to write empties them, as with any file that is output.
///
/// On Windows the command is run by `cmd.exe`, or PowerShell with [`Run::shell`], from this PowerShell
/// script, sent as `powershell.exe -NoProfile -NonInteractive -EncodedCommand BASE64` (`TEXT` is the
/// command in Base64; for PowerShell the first line's second half is
/// `$f='powershell.exe';$a='-NoProfile -NonInteractive -EncodedCommand '+` and `$t` in Base64):
///
/// ```text
#[doc = include_str!("run/capture.ps1")]
/// ```
///
/// This project has run the Linux form only; the Windows form is written after Microsoft's
/// documentation and has met no Windows guest yet. It leaves its two files in the guest's temporary
/// folder if PowerShell itself is killed.
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_zstack::{JobId, Method, Shell};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.zstack().client()?;
/// let id = JobId::random()?;
/// let ended = client
///     .vm("fc022ba201c135d8809c5e02bf6bf156")
///     .run("echo \"$BASH_VERSION\"")
///     .shell(Shell::Bash)
///     .timeout(Duration::from_secs(30))
///     .method(Method::Post)
///     .job(id.clone())
///     .await?;
/// assert!(ended.success());
///
/// // The same result, perhaps in another program.
/// assert_eq!(client.job(&id).await?, ended);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "nothing runs until it is awaited"]
pub struct Run<'a> {
    call: Call<'a>,
    shell: Shell,
}

impl<'a> Run<'a> {
    /// Sets how long the command may take, from 10 s to 86 400 s, rounded up to seconds. By default the node
    /// has its own limit, and the client waits for five minutes.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.call.timeout = Some(timeout);
        self
    }

    /// Sets the method of the call. Default: PUT.
    pub fn method(mut self, method: Method) -> Self {
        self.call.request.method = method;
        self
    }

    /// Sets the job's id, so that [`Client::job`] finds the result, even in another program. Default: a
    /// random id. An id can be used only once, so a client that logged in itself first renews an ended session.
    pub fn job(mut self, job: JobId) -> Self {
        self.call.job = Some(job);
        self
    }

    /// Sets the interpreter of the command. Default: [`Shell::Guest`].
    pub fn shell(mut self, shell: Shell) -> Self {
        self.shell = shell;
        self
    }

    /// Runs the command as it is, in the shell of the guest tools. The result is the service's text without an
    /// exit code, so a command that fails looks like one that succeeds.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.zstack().client()?;
    /// let vm = client.vm("fc022ba201c135d8809c5e02bf6bf156");
    /// let output = vm.run("echo hello; exit 3").unchecked().await?;
    /// assert!(output.stream().starts_with("standardStream: hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn unchecked(self) -> Unchecked<'a> {
        Unchecked { call: self.call }
    }

    /// Starts the command, and returns its job as soon as the node knows it. [`Client::job`] then has the
    /// result, even in another program. To run the command and wait for its end, await the `Run` itself.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.zstack().client()?;
    /// let vm = client.vm("fc022ba201c135d8809c5e02bf6bf156");
    /// let job = vm.run("sleep 1; echo slept").start().await?;
    /// assert_eq!(client.job(&job).await?.stdout_lossy(), "slept\n");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of a command that was not started, or of which that is not known: then
    /// [`Unfinished::of`] has its job.
    pub async fn start(mut self) -> Result<JobId, Error> {
        let client = self.call.client;
        let job = match self.call.job.take() {
            Some(job) => job::unused(client, job).await?,
            None => JobId::random()?,
        };
        // A clone may have been started before.
        self.call.accepted = Arc::default();
        let accepted = Arc::clone(&self.call.accepted);
        job::started(client, job.clone(), accepted, Box::pin(self.job(job).finish())).await
    }

    async fn finish(self) -> Result<Captured, Error> {
        let nonce = random_hex()?;
        let mut call = self.call;
        let checks = call.client.inner.checks;
        let Command { platform, text, .. } = &mut call.request;
        *text = self.shell.script(platform, text, &nonce, checks)?;
        call.marks = capture::marks(&nonce);
        Captured::read(call.finish().await?, Some(&nonce))
    }
}

impl<'a> IntoFuture for Run<'a> {
    type Output = Result<Captured, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.finish())
    }
}

/// Without the command, which may hold a secret.
impl fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fields(&mut f.debug_struct("Run")).field("shell", &self.shell).finish()
    }
}

/// A prepared command that runs as it is, made by [`Run::unchecked`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.zstack().client()?;
/// let vm = client.vm("fc022ba201c135d8809c5e02bf6bf156");
/// let output = vm.run("echo hello; exit 3").unchecked().await?;
/// assert_eq!(output.stdout_lossy().trim_end(), "hello");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "nothing runs until it is awaited"]
pub struct Unchecked<'a> {
    call: Call<'a>,
}

impl<'a> IntoFuture for Unchecked<'a> {
    type Output = Result<Output, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let command = &self.call.request.text;
            if command.trim() != command {
                tracing::warn!("the node removes the white space at the ends of the command");
            }
            self.call.finish().await
        })
    }
}

/// Without the command, which may hold a secret.
impl fmt::Debug for Unchecked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fields(&mut f.debug_struct("Unchecked")).finish()
    }
}
