//! The command of a run, as one value that all its calls share.

use std::time::Duration;

use guestexec_core::{Base64, ErrorKind, Mark, Secret, Validate as _, Violation, check};
use serde_json::{Map, Value};

use super::marker::Marker;
use crate::{
    Error, Operation,
    enums::{AgentEnvironment, CommandType},
    operations::{INVOKE_COMMAND, RUN_COMMAND},
    types::{DefaultParameterConf, InvokeCommandRequest, RunCommandRequest, Tag},
};

/// The service's default timeout of a script, in seconds.
const DEFAULT_TIMEOUT: u64 = 60;
/// The longest timeout the service takes, in seconds.
pub(super) const LONGEST_TIMEOUT: u64 = *RunCommandRequest::TIMEOUT_RANGE.end();

/// The settings that scripts and saved commands share.
#[derive(Clone, Debug, Default)]
pub struct Common {
    pub(super) timeout: Option<u64>,
    pub(super) working_directory: Option<String>,
    pub(super) username: Option<String>,
    /// Name, value, and whether it is hidden.
    pub(super) parameters: Vec<(String, Secret, bool)>,
    /// The bucket, and the directory in it.
    pub(super) output: Option<(String, Option<String>)>,
}

/// A script to run; see [`Run`](crate::Run).
#[derive(Clone, Debug)]
pub struct Script {
    pub(super) content: Base64,
    pub(super) command_type: Option<CommandType>,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) save: bool,
    pub(super) tags: Vec<Tag>,
    pub(super) defaults: Vec<DefaultParameterConf>,
    pub(super) enable_parameters: bool,
    pub(super) marked: bool,
}

impl Script {
    pub(super) fn new(content: Base64) -> Self {
        Self {
            content,
            command_type: None,
            name: None,
            description: None,
            save: false,
            tags: Vec::new(),
            defaults: Vec::new(),
            enable_parameters: false,
            marked: true,
        }
    }
}

/// A saved or public command to run; see [`Run`](crate::Run).
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_tat::{Error, Finished, Run, SavedCommand};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.tat().client()?;
/// /// Runs a saved command for at most a minute.
/// async fn briefly(run: Run<'_, SavedCommand>) -> Result<Finished, Error> {
///     run.timeout(Duration::from_secs(60)).await
/// }
///
/// let on = client.instances(["ins-zj0f57ew"]);
/// let saved = on.run("echo kept").save().await?;
/// let again = briefly(on.invoke(saved.command_id().unwrap_or_default())).await?;
/// assert_eq!(again.results()[0].output_lossy(), "kept\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SavedCommand {
    pub(super) id: String,
}

impl SavedCommand {
    pub(super) fn new(id: String) -> Self {
        Self { id }
    }
}

/// The command of a [`Run`](crate::Run): a [`Script`] or a [`SavedCommand`], and nothing else.
///
/// It is the bound of functions that take a run of either:
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_tat::{Error, Finished, Run, Runnable};
///
/// /// Runs it as the user `deploy`, and stops waiting after ten minutes.
/// async fn deploy<K: Runnable>(run: Run<'_, K>) -> Result<Finished, Error> {
///     run.username("deploy").wait_at_most(Duration::from_secs(600)).await
/// }
///
/// # async fn example(tat: guestexec_tat::Client) -> Result<(), Error> {
/// let on = tat.instances(["ins-zj0f57ew"]);
/// deploy(on.run("systemctl restart app")).await?;
/// deploy(on.invoke("cmd-1")).await?;
/// # Ok(())
/// # }
/// ```
pub trait Runnable: sealed::IntoKind + Clone + Send + 'static {}

impl Runnable for Script {}

impl Runnable for SavedCommand {}

mod sealed {
    use super::{Kind, SavedCommand, Script};

    /// It is private, so other crates cannot implement [`Runnable`](super::Runnable).
    pub trait IntoKind {
        fn into_kind(self) -> Kind;
    }

    impl IntoKind for Script {
        fn into_kind(self) -> Kind {
            Kind::Script(self)
        }
    }

    impl IntoKind for SavedCommand {
        fn into_kind(self) -> Kind {
            Kind::Saved(self)
        }
    }
}

/// A command with all its settings.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) common: Common,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Script(Script),
    Saved(SavedCommand),
}

/// A request that starts a command.
pub(super) enum StartRequest {
    Run(RunCommandRequest),
    Invoke(InvokeCommandRequest),
}

impl Command {
    /// The operation that starts it.
    pub(super) fn operation(&self) -> &'static Operation {
        match self.kind {
            Kind::Script(_) => &RUN_COMMAND,
            Kind::Saved(_) => &INVOKE_COMMAND,
        }
    }

    /// The system it is for, as far as is known here.
    pub(super) fn environment(&self) -> Option<AgentEnvironment> {
        let Kind::Script(script) = &self.kind else { return None };
        match script.command_type {
            None | Some(CommandType::Shell) => Some(AgentEnvironment::Linux),
            Some(CommandType::Powershell | CommandType::Bat) => Some(AgentEnvironment::Windows),
            Some(_) => None,
        }
    }

    /// How long it may take.
    pub(super) fn time_limit(&self) -> Duration {
        let default = match self.kind {
            Kind::Script(_) => DEFAULT_TIMEOUT,
            // The saved command's own timeout is not known here.
            Kind::Saved(_) => LONGEST_TIMEOUT,
        };
        Duration::from_secs(self.common.timeout.unwrap_or(default))
    }

    /// Whether the first of its calls saves the command.
    pub(super) fn saves(&self) -> bool {
        matches!(&self.kind, Kind::Script(script) if script.save)
    }

    pub(super) fn has_parameters(&self) -> bool {
        !self.common.parameters.is_empty()
            || matches!(&self.kind, Kind::Script(script) if script.replaces())
    }

    /// The member `Parameters`, with the defaults of what is not given if `with_defaults`.
    pub(super) fn parameters(&self, with_defaults: bool) -> Option<String> {
        let mut members = Map::new();
        if let (Kind::Script(script), true) = (&self.kind, with_defaults) {
            for DefaultParameterConf { parameter_name, parameter_value, .. } in &script.defaults {
                members.insert(parameter_name.clone(), Value::String(parameter_value.clone()));
            }
        }
        for (name, value, _) in &self.common.parameters {
            members.insert(name.clone(), Value::String(value.expose().to_owned()));
        }
        (!members.is_empty()).then(|| Value::Object(members).to_string())
    }

    /// The marks of a call's generated texts: its marker, and the parameters that are not hidden.
    pub(super) fn marks(&self, marker: Option<&Marker>) -> Vec<Mark> {
        let shown = self.common.parameters.iter().filter(|(.., hidden)| !hidden);
        // A name that is a path of its own is refused by the service, and its value stays hidden.
        let named = shown.map(|(name, ..)| name).filter(|name| !name.contains('/'));
        let plain = named.map(|name| Mark::Plain(format!("Parameters/{name}")));
        marker.map(Marker::mark).into_iter().chain(plain).collect()
    }

    /// The request for some instances. Only the `first` one saves the command.
    pub(super) fn request(
        &self,
        instance_ids: Vec<String>,
        first: bool,
        marker: Option<&Marker>,
    ) -> StartRequest {
        let common = self.common.clone();
        let parameters = self.parameters(false);
        let (bucket, prefix) = match common.output {
            Some((bucket, prefix)) => (Some(bucket), prefix),
            None => (None, None),
        };
        match &self.kind {
            Kind::Saved(saved) => StartRequest::Invoke(InvokeCommandRequest {
                output_cos_bucket_url: bucket,
                output_cos_key_prefix: prefix,
                parameters,
                timeout: common.timeout,
                username: common.username,
                working_directory: common.working_directory,
                ..InvokeCommandRequest::new(saved.id.clone(), instance_ids)
            }),
            Kind::Script(script) => StartRequest::Run(RunCommandRequest {
                command_name: script.name.clone(),
                command_type: script.command_type.clone(),
                default_parameter_confs: script.defaults.clone(),
                description: script.description.clone(),
                enable_parameter: (parameters.is_some() || script.replaces()).then_some(true),
                output_cos_bucket_url: bucket,
                output_cos_key_prefix: prefix,
                parameters,
                // A second call with the same name would be refused.
                save_command: (script.save && first).then_some(true),
                tags: if first { script.tags.clone() } else { Vec::new() },
                timeout: common.timeout,
                username: common.username,
                working_directory: common.working_directory,
                ..RunCommandRequest::new(
                    match marker {
                        Some(marker) => marker.added_to(&script.content),
                        None => script.content.clone(),
                    },
                    instance_ids,
                )
            }),
        }
    }

    /// Refuses what the request types allow and the service does not.
    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse = |violation: Violation| {
            Error::new(ErrorKind::InvalidRequest, violation.to_string()).during(self.operation().id)
        };
        // If a name is given twice, one value would be lost without notice.
        let once = |member: &str, names: Vec<&str>, what: &str| {
            let twice =
                |(i, name): (usize, &&str)| names[..i].contains(name).then(|| (*name).to_owned());
            let Some(name) = names.iter().enumerate().find_map(twice) else { return Ok(()) };
            let problem = format!("is given twice: each parameter has one {what}");
            Err(refuse(Violation::new(format!("{member}.{name}"), problem)))
        };
        let given = self.common.parameters.iter().map(|(name, ..)| name.as_str());
        once("Parameters", given.collect(), "value")?;
        let Kind::Script(script) = &self.kind else { return Ok(()) };
        let defaults = script.defaults.iter().map(|default| default.parameter_name.as_str());
        once("DefaultParameterConfs", defaults.collect(), "default")?;
        let text = script.content.to_text_lossy();
        for (name, ..) in self.common.parameters.iter().filter(|(.., hidden)| *hidden) {
            if text.contains(&format!("{{{{{name}}}}}")) {
                return Err(refuse(Violation::new(
                    format!("Parameters.{name}"),
                    format!(
                        "is to be hidden, but the script has `{{{{{name}}}}}`, which shows it: \
                         write `{{{{tat-hidden:{name}}}}}`"
                    ),
                )));
            }
        }
        Ok(())
    }
}

impl Script {
    /// Whether placeholders are replaced although no parameter is given.
    fn replaces(&self) -> bool {
        self.enable_parameters || !self.defaults.is_empty()
    }
}

impl StartRequest {
    /// Checks the limits of the vendor's page.
    pub(super) fn check(&self) -> check::Checked {
        match self {
            Self::Run(request) => request.validate(),
            Self::Invoke(request) => request.validate(),
        }
    }
}
