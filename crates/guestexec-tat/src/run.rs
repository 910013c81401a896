//! Runs a command on any number of instances, and follows it to its end.

mod agents;
mod command;
mod follow;
#[cfg(feature = "test-util")]
mod for_test;
mod full_output;
mod marker;
mod pace;
mod plan;
mod preview;
mod report;
mod result;
mod roster;
mod running;
mod serialized;
mod start;
mod unconfirmed;

use std::{
    future::{Future, IntoFuture},
    path::Path,
    pin::Pin,
    time::Duration,
};

use guestexec_core::{Base64, ErrorKind, Secret, read_file};

use self::{
    command::{Command, Common},
    follow::Follow,
};
use crate::{
    Client, Error,
    enums::CommandType,
    operations::RUN_COMMAND,
    types::{DefaultParameterConf, Tag},
};

pub use agents::{AgentItems, Agents, Ended};
pub use command::{Runnable, SavedCommand, Script};
pub use full_output::FullOutput;
pub use report::Unreadable;
pub use result::{Failure, InstanceResult, Outcome, OutputUrl};
pub use running::{Cancellation, Event, Events, Finished, Running};
pub use unconfirmed::{Found, Unconfirmed, UnconfirmedCall, Unfinished};

/// Longest script file that is read: more than any script the service takes.
const LONGEST_FILE: u64 = 1024 * 1024;

impl Client {
    /// Names the instances to run a command on, any number of them: ids of CVM (`ins-…`), Lighthouse
    /// (`lhins-…`) or registered (`rins-…`) machines.
    ///
    /// The service takes 200 of one kind in a call. A command for more is started by several calls,
    /// which are followed as one.
    pub fn instances<I>(&self, ids: I) -> Instances<'_>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let ids = ids.into_iter().map(|id| id.as_ref().to_owned()).collect();
        Instances { client: self, ids }
    }
}

/// Instances to run a command on; made by [`Client::instances`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.tat().client()?;
/// let on = client.instances(["ins-zj0f57ew", "ins-zj0f57ex"]);
/// let hello = on.run("echo hello").await?;
/// assert_eq!(hello.results()[1].output_lossy(), "hello\n");
///
/// let path = std::env::temp_dir().join("guestexec-count.sh");
/// std::fs::write(&path, "ls /proc | wc -l")?;
/// let counted = on.run_file(&path)?.save().await?;
///
/// let again = on.invoke(counted.command_id().unwrap_or_default()).await?;
/// assert!(again.success());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Instances<'a> {
    client: &'a Client,
    ids: Vec<String>,
}

impl<'a> Instances<'a> {
    /// Runs a script on every instance: text or bytes, at most 65 536 characters of Base64, that is
    /// 49 152 bytes.
    ///
    /// The script is sent with some blanks at its end, see [`Run::unmarked`].
    pub fn run(&self, script: impl Into<Base64>) -> Run<'a> {
        self.start_with(Script::new(script.into()))
    }

    /// Runs the script in a file on every instance.
    ///
    /// # Errors
    /// [`ErrorKind::Input`], if the file cannot be read, is no regular file (a pipe might never end), or
    /// is far larger than any script.
    pub fn run_file(&self, path: impl AsRef<Path>) -> Result<Run<'a>, Error> {
        let path = path.as_ref();
        let refused = |reason: String| {
            Error::new(
                ErrorKind::Input,
                format!("the script {} cannot be sent: {reason}", path.display()),
            )
            .during(RUN_COMMAND.id)
        };
        let script = read_file(path, LONGEST_FILE).map_err(|error| refused(error.to_string()))?;
        Ok(self.run(script))
    }

    /// Runs a saved or public command on every instance, by its id (`cmd-…`). What is not set here is
    /// as the command has it.
    pub fn invoke(&self, command_id: impl Into<String>) -> Run<'a, SavedCommand> {
        self.start_with(SavedCommand::new(command_id.into()))
    }

    fn start_with<K>(&self, what: K) -> Run<'a, K> {
        Run {
            client: self.client,
            ids: self.ids.clone(),
            common: Common::default(),
            what,
            wait: None,
            skip: false,
        }
    }
}

/// A command about to run: a [`Script`] made by [`Instances::run`], or a [`SavedCommand`] made by
/// [`Instances::invoke`].
///
/// Awaiting it starts the command on all instances and waits for all of them:
///
/// - One call starts the command on up to 200 instances of one kind. A call that may have started
///   anything is never retried.
/// - One call reads the results of up to 100 instances, so 10 000 instances take hundreds of calls, not
///   thousands.
/// - An instance that the service refuses, because its agent is offline, say, keeps the command from no
///   other. A refused call has started nothing, so it is made again without the instances whose agents
///   are offline or, where that explains nothing, by halves (see also [`Run::skip_unreachable`]).
/// - What becomes of the command on an instance is a [result](Finished::results), also where it failed,
///   was killed, was refused, or never ran. There is an error only where there is no result at all: no
///   call was accepted, or the waiting ended before any instance was done. [`Unconfirmed::of`] and
///   [`Unfinished::of`] then tell what may run or does.
///
/// Dropping the future ends the waiting, not the command. Calls not made yet are not made, and what a
/// call in flight started stays unknown. To follow the command instance by instance or to end it, use
/// [`Run::start`].
///
/// ```
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.tat().client()?;
/// let finished = client
///     .instances(["ins-zj0f57ew"])
///     .run("echo {{greeting}} in $(pwd); login --token '{{tat-hidden:token}}' || exit 3")
///     .parameter("greeting", "hello")
///     .hidden_parameter("token", "s3cret")
///     .working_directory("/tmp")
///     .username("root")
///     .timeout(Duration::from_secs(10))
///     .wait_at_most(Duration::from_secs(60))
///     .await?;
/// let result = &finished.results()[0];
/// assert!(result.output_lossy().starts_with("hello in /tmp\n"));
/// assert_eq!(result.exit_code(), Some(3));
/// # Ok(())
/// # }
/// ```
///
/// A script can be saved, and run again with other parameters:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.tat().client()?;
/// let on = client.instances(["ins-zj0f57ew"]);
/// let greet = on
///     .run("echo {{greeting}} {{name}}")
///     .enable_parameters()
///     .name("greet")
///     .description("Greets somebody.")
///     .default_parameter("greeting", "hello")
///     .described_parameter("name", "world", "Who is greeted.")
///     .tag("team", "operations")
///     .save();
/// assert_eq!(greet.preview().await?.as_bytes(), b"echo hello world");
///
/// let saved = greet.await?;
/// let greeted = on.invoke(saved.command_id().unwrap_or_default()).parameter("name", "you").await?;
/// assert_eq!(greeted.results()[0].output_lossy(), "hello you\n");
/// # Ok(())
/// # }
/// ```
///
/// On Windows, which the sandbox is not, with the whole output kept in COS:
///
/// ```no_run
/// use guestexec_tat::enums::CommandType;
///
/// # async fn example(client: guestexec_tat::Client) -> Result<(), guestexec_tat::Error> {
/// let on = client.instances(["ins-zj0f57ew"]);
/// let bucket = "https://logs-1250000000.cos.ap-guangzhou.myqcloud.com";
/// on.run("Get-HotFix").powershell().output_to_cos(bucket).await?;
/// on.run("@echo off\r\nver").bat().output_to_cos_below(bucket, "systems/versions").await?;
/// on.run("Get-Date").command_type(CommandType::Powershell).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing runs until it is awaited or started"]
pub struct Run<'a, K = Script> {
    client: &'a Client,
    ids: Vec<String>,
    common: Common,
    what: K,
    wait: Option<Duration>,
    skip: bool,
}

/// The setters that scripts and saved commands share.
impl<K> Run<'_, K> {
    /// Sets how long the command may take on an instance, in whole seconds from 1 to 86 400, rounded up.
    /// Default: 60 s, or the saved command's own.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        let part = u64::from(timeout.subsec_nanos() > 0);
        self.common.timeout = Some(timeout.as_secs().saturating_add(part));
        self
    }

    /// Sets how long to wait for all instances, from the first call on. After that the service is polled
    /// a last time, and no call is made that starts anything. Default: the script's timeout (a day for a
    /// saved command whose timeout is not given) and a minute, and more for many instances at a low
    /// [rate](crate::ClientBuilder::rate).
    pub fn wait_at_most(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    /// Leaves out the instances that the service refuses: unknown ones, those whose agent is offline or
    /// not installed, and those whose system the script is not for. They have no result and no event, and
    /// do not count in [`Finished::success`]. Where the service refuses all, there is an error all the
    /// same. Normally each of them has a [result](Outcome::Refused).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.tat().client()?;
    /// # let offline = sandbox.tat().offline_instance();
    /// let on = client.instances(["ins-zj0f57ew", offline]);
    /// let finished = on.run("uptime").skip_unreachable().await?;
    /// assert_eq!(finished.results().len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn skip_unreachable(mut self) -> Self {
        self.skip = true;
        self
    }

    /// Sets the directory the command starts in, which has to exist. Default: `/root`, on Windows the agent's
    /// own, or as the saved command has it.
    pub fn working_directory(mut self, directory: impl Into<String>) -> Self {
        self.common.working_directory = Some(directory.into());
        self
    }

    /// Sets the user the command runs as. Default: `root`, on Windows `System`, or as the saved command
    /// has it.
    pub fn username(mut self, name: impl Into<String>) -> Self {
        self.common.username = Some(name.into());
        self
    }

    /// Replaces `{{key}}` in the script by a value. At most 20 keys, each of 1 to 64 of the characters
    /// `a-zA-Z0-9-_` and given once.
    ///
    /// The service does not quote the value: write the quotes into the script. Request shapes show it.
    pub fn parameter(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.common.parameters.push((key.into(), value.into().into(), false));
        self
    }

    /// Replaces `{{tat-hidden:key}}` in the script by a value that the service's records show as
    /// asterisks, and request shapes as `<secret>`. A script with `{{key}}`, which would show it, is
    /// refused.
    pub fn hidden_parameter(mut self, key: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.common.parameters.push((key.into(), value.into(), true));
        self
    }

    /// Uploads the whole output at the end to a COS bucket, given as a URL that begins with `https`. The
    /// service itself keeps the first 24 KiB only; [`InstanceResult::full_output`] fetches the rest.
    pub fn output_to_cos(mut self, bucket_url: impl Into<String>) -> Self {
        self.common.output = Some((bucket_url.into(), None));
        self
    }

    /// Uploads the whole output to a directory of the bucket: at most 60 visible characters, with `/`
    /// between subdirectories, no `/` in front, no `//`, no `..`.
    pub fn output_to_cos_below(
        mut self,
        bucket_url: impl Into<String>,
        directory: impl Into<String>,
    ) -> Self {
        self.common.output = Some((bucket_url.into(), Some(directory.into())));
        self
    }
}

/// The setters of a script alone.
impl Run<'_> {
    /// Sets the script's interpreter. Default: `SHELL`.
    pub fn command_type(mut self, command_type: CommandType) -> Self {
        self.what.command_type = Some(command_type);
        self
    }

    /// Runs the script with PowerShell, on Windows.
    pub fn powershell(self) -> Self {
        self.command_type(CommandType::Powershell)
    }

    /// Runs the script as a batch file, on Windows.
    pub fn bat(self) -> Self {
        self.command_type(CommandType::Bat)
    }

    /// Sets the name in the console's list, at most 60 bytes.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.what.name = Some(name.into());
        self
    }

    /// Sets the description in the console's list, at most 120 characters.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.what.description = Some(description.into());
        self
    }

    /// Saves the script as a command of the account, to be run again with [`Instances::invoke`].
    /// [`Finished::command_id`] is then its id. The service refuses the [name](Run::name) of another saved
    /// command.
    pub fn save(mut self) -> Self {
        self.what.save = true;
        self
    }

    /// Saves the script, as [`Run::save`] does, with a tag. At most 10.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.what.save = true;
        self.what.tags.push(Tag::new(key, value));
        self
    }

    /// Sets the value of `{{key}}` where no parameter gives one, which is saved with the script. At most
    /// 20.
    pub fn default_parameter(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.what.defaults.push(DefaultParameterConf::new(key, value));
        self
    }

    /// Sets the value of `{{key}}` where no parameter gives one, and describes it to those who run the
    /// saved command.
    pub fn described_parameter(
        mut self,
        key: impl Into<String>,
        value: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        let default = DefaultParameterConf::new(key, value).parameter_description(description);
        self.what.defaults.push(default);
        self
    }

    /// Lets placeholders be replaced although no parameter is given here, as for a script that is saved to
    /// be run with some. A parameter or a default does so as well.
    pub fn enable_parameters(mut self) -> Self {
        self.what.enable_parameters = true;
        self
    }

    /// Sends the script without a marker.
    ///
    /// Normally 64 blanks are added to the end of its last line, spaces and tabs that differ from run to
    /// run. Commands ignore them, and line numbers stay the same. Where an answer is lost,
    /// [`Client::find_unconfirmed`] tells by them whether *this* run was started, or another of the same script. A
    /// shell that quotes the last line in a message of its own, as Bash does for a syntax error in that
    /// line, quotes the blanks too.
    ///
    /// They are left out anyway where they might matter: in batch files, and in scripts that are saved,
    /// are not plain text, are too long, print the lines they read (`set -v`), or may read themselves or a
    /// here-document at their end (that hold `$0`, `BASH_SOURCE`, `MyInvocation`, `PSCommandPath` or
    /// `<<`, say).
    pub fn unmarked(mut self) -> Self {
        self.what.marked = false;
        self
    }
}

impl<'a, K: Runnable> Run<'a, K> {
    fn follow(self) -> Result<Follow, Error> {
        let command = Command { common: self.common, kind: self.what.into_kind() };
        Follow::new(self.client, command, self.ids, self.wait, self.skip)
    }

    /// Starts the command on all instances, and returns a handle to follow or end it. To run it and wait
    /// for all, await the `Run` itself.
    ///
    /// Calls not made yet are not made if the future is dropped.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.tat().client()?;
    /// let running = client.instances(["ins-zj0f57ew"]).run("uptime").unmarked().start().await?;
    /// let id = running.invocations().next().unwrap_or_default().to_owned();
    /// drop(running);
    ///
    /// // Later, or in another program.
    /// let finished = client.invocation(id).await?.await?;
    /// assert!(finished.success());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If no call was accepted: the first call's failure. [`may_have_run`] is true if any of them may have
    /// started the command; [`Client::find_unconfirmed`] then tells what did. If some calls were accepted, the others'
    /// failures are events and results.
    ///
    /// [`may_have_run`]: guestexec_core::Error::may_have_run
    pub async fn start(self) -> Result<Running, Error> {
        let mut follow = self.follow()?;
        follow.start_all().await?;
        Ok(Running::new(follow))
    }
}

impl<'a, K: Runnable> IntoFuture for Run<'a, K> {
    type Output = Result<Finished, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { Running::new(self.follow()?).finish().await })
    }
}
