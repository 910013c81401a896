//! Running a command on any number of instances, and following it to its end.

mod command;
mod find;
mod follow;
mod marker;
mod plan;
mod preview;
mod result;
mod running;
mod start;

use std::{
    fmt,
    future::{Future, IntoFuture},
    path::Path,
    pin::Pin,
    time::Duration,
};

use guestexec_core::{Base64, ErrorKind, Secret};

use self::{
    command::{Common, What},
    follow::Follow,
};
use crate::{Client, Error, enums::CommandType, file};

pub use command::{SavedCommand, Script};
pub use find::{Found, Unconfirmed, UnconfirmedCall, Unfinished};
pub use follow::Unreadable;
pub use result::{Failure, InstanceResult, Outcome, OutputUrl};
pub use running::{Cancellation, Event, Events, Finished, Running};

/// Longest script file read: more than any script the service takes.
const LONGEST_FILE: u64 = 1024 * 1024;

impl Client {
    /// The instances a command is meant for, any number of them: ids of CVM (`ins-…`), Lighthouse
    /// (`lhins-…`) or registered (`rins-…`) machines.
    ///
    /// The service takes 200 of one kind in a call, so a command for more is started by several
    /// calls, which are followed as one.
    pub fn instances<I>(&self, ids: I) -> Instances<'_>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Instances { client: self, ids: ids.into_iter().map(Into::into).collect() }
    }
}

/// Instances a command is meant for; made by [`Client::instances`].
#[derive(Clone, Debug)]
pub struct Instances<'a> {
    client: &'a Client,
    ids: Vec<String>,
}

impl<'a> Instances<'a> {
    /// A script to be run on every instance: text or bytes, at most 65 536 characters once it is
    /// Base64, that is 49 152 bytes.
    ///
    /// The script is sent with some blanks at its end, see [`Run::unmarked`].
    pub fn run(&self, script: impl Into<Base64>) -> Run<'a> {
        self.start_with(Script::new(script.into()))
    }

    /// The script in a file, sent as it is.
    ///
    /// # Errors
    /// [`ErrorKind::Input`], if the file cannot be read, is no regular file, such as a pipe, which might
    /// never end, or is far larger than any script.
    pub fn run_file(&self, path: impl AsRef<Path>) -> Result<Run<'a>, Error> {
        let path = path.as_ref();
        let refused = |reason: String| {
            Error::new(
                ErrorKind::Input,
                format!("the script {} cannot be sent: {reason}", path.display()),
            )
            .during("RunCommand")
        };
        let script = file::read(path, LONGEST_FILE).map_err(|error| refused(error.to_string()))?;
        Ok(self.run(script))
    }

    /// A saved or public command to be run on every instance, by its id (`cmd-…`). What is not said
    /// here is as the command has it.
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
/// - 200 instances of one kind are started by one call, and no call is ever repeated that may have
///   started anything;
/// - the calls that follow grow with the number of instances over 100, not with the instances;
/// - an instance that the service refuses, because its agent is offline, say, keeps the command from no
///   other: a refused call has started nothing, so it is made again without the instances that the
///   service names or, where it names none, by halves (see also [`Run::skip_unreachable`]);
/// - what becomes of the command on an instance is a [result](Finished::results), also where it
///   failed, was killed, was refused, or never ran. There is an error only where there is no result at all: where
///   no call was accepted, or the waiting ended before any instance was done:
///   [`Unconfirmed::of`] and [`Unfinished::of`] then tell what may run or does.
///
/// Dropping the future ends the waiting, not the command: calls not made yet are left off, and of one
/// under way nobody knows what it did. To follow it instance by instance or to
/// end it, use [`Run::start`].
#[derive(Clone)]
#[must_use = "nothing runs until it is awaited or started"]
pub struct Run<'a, K = Script> {
    client: &'a Client,
    ids: Vec<String>,
    common: Common,
    what: K,
    wait: Option<Duration>,
    skip: bool,
}

/// What scripts and saved commands have in common.
impl<K> Run<'_, K> {
    /// How long the command may take on an instance, in whole seconds from 1 to 86 400; a part of a
    /// second counts as a whole one. Default: 60 s, or the saved command's own.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        let part = u64::from(timeout.subsec_nanos() > 0);
        self.common.timeout = Some(timeout.as_secs().saturating_add(part));
        self
    }

    /// How long to wait for all instances, from when the first call is made; after that there is one
    /// last look, and no call is made that starts anything. Default: the script's timeout (a day for
    /// a saved command whose timeout is not given), a minute, and what the client's rate makes of the
    /// number of instances.
    pub fn wait_at_most(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    /// Leaves out the instances that the service refuses: unknown ones, and those whose agent is offline
    /// or not installed, or whose system is not that of the script. They have no result and no event, and
    /// do not count in [`Finished::success`]; where the service refuses all, there is an error all the
    /// same. Normally each of them has a [result](Outcome::Refused).
    pub fn skip_unreachable(mut self) -> Self {
        self.skip = true;
        self
    }

    /// The directory the command starts in; it has to exist. Default: `/root`, on Windows the agent's
    /// own, or as the saved command has it.
    pub fn working_directory(mut self, directory: impl Into<String>) -> Self {
        self.common.working_directory = Some(directory.into());
        self
    }

    /// The user the command runs as. Default: `root`, on Windows `System`, or as the saved command
    /// has it.
    pub fn username(mut self, name: impl Into<String>) -> Self {
        self.common.username = Some(name.into());
        self
    }

    /// The value that `{{key}}` in the script is replaced by. At most 20 keys, each of 1 to 64 of
    /// the characters `a-zA-Z0-9-_` and given once.
    ///
    /// The service puts the value into the script as it is: quote in the script what needs quoting.
    pub fn parameter(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.common.parameters.push((key.into(), value.into().into(), false));
        self
    }

    /// The value that `{{tat-hidden:key}}` in the script is replaced by; the service's records show
    /// asterisks in its place. Refused where the script says `{{key}}`, which would show it.
    pub fn hidden_parameter(mut self, key: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.common.parameters.push((key.into(), value.into(), true));
        self
    }

    /// The COS bucket the whole output is uploaded to at the end, as a URL that begins with `https`:
    /// the service itself keeps the first 24 KiB only.
    pub fn output_to_cos(mut self, bucket_url: impl Into<String>) -> Self {
        self.common.output = Some((bucket_url.into(), None));
        self
    }

    /// The same, below a directory of the bucket: at most 60 visible characters, `/` makes
    /// subdirectories, no `/` in front, no `//`, no `..`.
    pub fn output_to_cos_below(
        mut self,
        bucket_url: impl Into<String>,
        directory: impl Into<String>,
    ) -> Self {
        self.common.output = Some((bucket_url.into(), Some(directory.into())));
        self
    }
}

/// What only a script has.
impl Run<'_> {
    /// The shell of the script. Default: `SHELL`.
    pub fn command_type(mut self, command_type: CommandType) -> Self {
        self.what.command_type = Some(command_type);
        self
    }

    /// Says that the script is PowerShell, for Windows.
    pub fn powershell(self) -> Self {
        self.command_type(CommandType::Powershell)
    }

    /// Says that the script is a batch file, for Windows.
    pub fn bat(self) -> Self {
        self.command_type(CommandType::Bat)
    }

    /// A name for the console's list, at most 60 bytes.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.what.name = Some(name.into());
        self
    }

    /// A description for the console's list, at most 120 characters.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.what.description = Some(description.into());
        self
    }

    /// Keeps the script as a command of the account, to be run again with [`Instances::invoke`].
    /// [`Finished::command_id`] is then its id. The service refuses a
    /// [name](Run::name) that another kept command has.
    pub fn save(mut self) -> Self {
        self.what.save = true;
        self
    }

    /// A tag of the kept command, at most 10; it makes the script be kept, as [`Run::save`] does.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.what.save = true;
        self.what.tags.push((key.into(), value.into()));
        self
    }

    /// The value of `{{key}}` where no parameter gives one; kept with the script. At most 20.
    pub fn default_parameter(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.default(key.into(), value.into(), None)
    }

    /// The same, with a description for whoever runs the kept command.
    pub fn described_parameter(
        self,
        key: impl Into<String>,
        value: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        self.default(key.into(), value.into(), Some(description.into()))
    }

    fn default(mut self, key: String, value: String, description: Option<String>) -> Self {
        self.what.defaults.push((key, value, description));
        self
    }

    /// Lets placeholders be replaced although no parameter is given here, as for a script kept to be
    /// run with some. A parameter or a default does so as well.
    pub fn enable_parameters(mut self) -> Self {
        self.what.enable_parameters = true;
        self
    }

    /// Sends the script exactly as it is.
    ///
    /// Normally 64 blanks are added to the end of its last line, spaces and tabs that differ from run to
    /// run. No command takes notice of them and no line gets another number, but where an answer is
    /// lost, [`Client::find`] tells by them whether *this* run was started, or another of the same
    /// script. A shell that quotes the last line in a message of its own, as Bash does for a syntax
    /// error in that line, quotes the blanks too.
    ///
    /// They are left out anyway where they might matter: in batch files, in scripts that are kept, are
    /// not plain text, are too long, print the lines they read (`set -v`), or may read themselves or an
    /// open document at their end (that hold `$0`, `BASH_SOURCE`, `MyInvocation`, `PSCommandPath` or
    /// `<<`, say).
    pub fn unmarked(mut self) -> Self {
        self.what.marked = false;
        self
    }
}

impl<'a, K: What> Run<'a, K> {
    fn follow(self) -> Result<Follow, Error> {
        let command = self.what.with(self.common);
        Follow::new(self.client, command, self.ids, self.wait, self.skip)
    }

    /// Starts the command on all instances, and returns once every call was made, with a handle to
    /// follow or end it. To run it and wait for all, await the `Run` itself.
    ///
    /// Dropping the future leaves off the calls not made yet.
    ///
    /// # Errors
    /// Where no call was accepted: the first call's failure. [`may_have_run`] is true if any of them
    /// may have started the command; [`Unconfirmed::of`] then has what is needed to look. Where some
    /// calls were accepted, the others' failures are events and results.
    ///
    /// [`may_have_run`]: guestexec_core::Error::may_have_run
    pub async fn start(self) -> Result<Running, Error> {
        let mut follow = self.follow()?;
        follow.start_all().await?;
        Ok(Running::new(follow))
    }
}

impl<'a, K: What> IntoFuture for Run<'a, K> {
    type Output = Result<Finished, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { Running::new(self.follow()?).finish().await })
    }
}

/// Without the script and the values of parameters, which may be secret.
impl<K: fmt::Debug> fmt::Debug for Run<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("instances", &self.ids)
            .field("what", &self.what)
            .field("common", &self.common)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}
