//! What is to run, as one value that all calls of a run share.

use std::{fmt, time::Duration};

use guestexec_core::{Base64, ErrorKind, Secret, Validate as _, Violation, check};
use serde_json::{Map, Value};

use super::marker::Marker;
use crate::{
    Error,
    enums::{AgentEnvironment, CommandType},
    types::{DefaultParameterConf, InvokeCommandRequest, RunCommandRequest, Tag},
};

/// The service's own timeout of a script, where none is given.
const DEFAULT_TIMEOUT: u64 = 60;
/// The longest timeout there is.
pub(super) const LONGEST_TIMEOUT: u64 = 86_400;

/// What every command can be told.
#[derive(Clone, Default)]
pub struct Common {
    pub(super) timeout: Option<u64>,
    pub(super) working_directory: Option<String>,
    pub(super) username: Option<String>,
    /// Name, value, and whether it is to be hidden.
    pub(super) parameters: Vec<(String, Secret, bool)>,
    /// Bucket, and directory in it.
    pub(super) output: Option<(String, Option<String>)>,
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.parameters.iter().map(|(name, ..)| name.as_str()).collect();
        f.debug_struct("Common")
            .field("timeout", &self.timeout)
            .field("working_directory", &self.working_directory)
            .field("username", &self.username)
            .field("parameters", &names)
            .finish_non_exhaustive()
    }
}

/// A script to run; see [`Run`](crate::Run).
#[derive(Clone)]
pub struct Script {
    pub(super) content: Base64,
    pub(super) command_type: Option<CommandType>,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) save: bool,
    pub(super) tags: Vec<(String, String)>,
    pub(super) defaults: Vec<(String, String, Option<String>)>,
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

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("content", &self.content)
            .field("command_type", &self.command_type)
            .field("name", &self.name)
            .field("save", &self.save)
            .finish_non_exhaustive()
    }
}

/// A command the account has; see [`Run`](crate::Run).
#[derive(Clone, Debug)]
pub struct SavedCommand {
    pub(super) id: String,
}

impl SavedCommand {
    pub(super) fn new(id: String) -> Self {
        Self { id }
    }
}

mod sealed {
    use super::{Command, Common};

    /// What can be run.
    pub trait Sealed {
        fn with(self, common: Common) -> Command;
    }
}

/// What a [`Run`](crate::Run) can be of: a [`Script`] or a [`SavedCommand`].
pub trait What: sealed::Sealed + Clone + Send + 'static {}

impl What for Script {}

impl What for SavedCommand {}

impl sealed::Sealed for Script {
    fn with(self, common: Common) -> Command {
        Command { common, kind: Kind::Script(self) }
    }
}

impl sealed::Sealed for SavedCommand {
    fn with(self, common: Common) -> Command {
        Command { common, kind: Kind::Saved(self) }
    }
}

/// A command with everything that was said of it.
#[derive(Clone, Debug)]
pub struct Command {
    common: Common,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Script(Script),
    Saved(SavedCommand),
}

/// A request that starts a command.
pub(super) enum StartRequest {
    Run(RunCommandRequest),
    Invoke(InvokeCommandRequest),
}

impl Command {
    /// The action that starts it.
    pub(super) fn action(&self) -> &'static str {
        match self.kind {
            Kind::Script(_) => "RunCommand",
            Kind::Saved(_) => "InvokeCommand",
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
            // The command has its own, which is not known here.
            Kind::Saved(_) => LONGEST_TIMEOUT,
        };
        Duration::from_secs(self.common.timeout.unwrap_or(default))
    }

    /// Whether the command is to be kept, which the first of its calls does.
    pub(super) fn keeps(&self) -> bool {
        matches!(&self.kind, Kind::Script(script) if script.save)
    }

    pub(super) fn has_parameters(&self) -> bool {
        !self.common.parameters.is_empty()
            || matches!(&self.kind, Kind::Script(script) if script.replaces())
    }

    /// The member `Parameters`: defaults under what is given, if `with_defaults`.
    pub(super) fn parameters(&self, with_defaults: bool) -> Option<String> {
        let mut members = Map::new();
        if let (Kind::Script(script), true) = (&self.kind, with_defaults) {
            for (name, value, _) in &script.defaults {
                members.insert(name.clone(), Value::String(value.clone()));
            }
        }
        for (name, value, _) in &self.common.parameters {
            members.insert(name.clone(), Value::String(value.expose().to_owned()));
        }
        (!members.is_empty()).then(|| Value::Object(members).to_string())
    }

    /// The request for some instances; `first` of all the requests there are.
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
                default_parameter_confs: script.default_confs(),
                description: script.description.clone(),
                enable_parameter: (parameters.is_some() || script.replaces()).then_some(true),
                output_cos_bucket_url: bucket,
                output_cos_key_prefix: prefix,
                parameters,
                // Kept once, however many calls there are: the name may be there once only.
                save_command: (script.save && first).then_some(true),
                tags: if first { script.tag_list() } else { Vec::new() },
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

    /// Refuses what the types allow and the service does not.
    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse = |violation: Violation| {
            Error::new(ErrorKind::InvalidRequest, violation.to_string()).during(self.action())
        };
        let names = |list: &[&String]| -> Option<String> {
            list.iter()
                .enumerate()
                .find(|(i, name)| list[..*i].contains(name))
                .map(|(_, n)| (*n).clone())
        };
        // A repeated name would silently lose one of its values.
        let given: Vec<&String> = self.common.parameters.iter().map(|(name, ..)| name).collect();
        if let Some(name) = names(&given) {
            let twice = "is given twice: each parameter has one value";
            return Err(refuse(Violation::new(format!("Parameters.{name}"), twice)));
        }
        let Kind::Script(script) = &self.kind else { return Ok(()) };
        let defaults: Vec<&String> = script.defaults.iter().map(|(name, ..)| name).collect();
        if let Some(name) = names(&defaults) {
            let twice = "is given twice: each parameter has one default";
            return Err(refuse(Violation::new(format!("DefaultParameterConfs.{name}"), twice)));
        }
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

    fn default_confs(&self) -> Vec<DefaultParameterConf> {
        let conf =
            |(name, value, description): &(String, String, Option<String>)| DefaultParameterConf {
                parameter_description: description.clone(),
                parameter_name: name.clone(),
                parameter_value: value.clone(),
            };
        self.defaults.iter().map(conf).collect()
    }

    fn tag_list(&self) -> Vec<Tag> {
        let tag = |(key, value): &(String, String)| Tag { key: key.clone(), value: value.clone() };
        self.tags.iter().map(tag).collect()
    }
}

impl StartRequest {
    /// Checks the limits of the spec.
    pub(super) fn check(&self) -> check::Checked {
        match self {
            Self::Run(request) => request.validate(),
            Self::Invoke(request) => request.validate(),
        }
    }
}
