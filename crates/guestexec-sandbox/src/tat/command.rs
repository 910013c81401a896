//! Commands, saved or not.

use guestexec_core::Base64;
use guestexec_tat::types::{
    CreateCommandRequest, DefaultParameterConf, DeleteCommandRequest, DeleteCommandsRequest,
    DescribeCommandsRequest, Filter, ModifyCommandRequest, PreviewReplacedCommandContentRequest,
    RunCommandRequest, Tag,
};
use serde_json::{Value, json};

use super::{
    State, Tat,
    error::{ActionResult, ApiError},
    page::{self, page},
    parameters::{self, Values},
    tags,
};
use crate::{clock, random};

/// Commands that an account may save.
pub(super) const QUOTA: usize = 1000;
/// The filters of DescribeCommands.
const FILTERS: [&str; 8] = [
    "command-id", "command-name", "command-type", "created-by", "scene-id", "tag-key", "tag-value",
    "tag:",
];

/// A command of RunCommand or CreateCommand.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) content: Vec<u8>,
    pub(super) kind: String,
    pub(super) directory: String,
    pub(super) timeout: u64,
    pub(super) username: String,
    pub(super) bucket: String,
    pub(super) prefix: String,
    pub(super) enable_parameter: bool,
    pub(super) defaults: Values,
    confs: Vec<DefaultParameterConf>,
    tags: Vec<Tag>,
    created: i64,
    updated: i64,
}

/// The defaults of placeholders, which a request gives in one of two forms.
fn defaults(text: Option<&str>, confs: &[DefaultParameterConf]) -> Result<Values, ApiError> {
    let mut defaults = parameters::read("DefaultParameters", text)?;
    for conf in confs {
        let (name, value) = (conf.parameter_name.clone(), conf.parameter_value.clone());
        if defaults.insert(name, value).is_some() {
            return Err(ApiError::new(
                "InvalidParameter.ParameterNameDuplicated",
                "`DefaultParameterConfs` names a parameter twice.",
            ));
        }
    }
    Ok(defaults)
}

/// Builds a command from either request type: they have nearly the same members, but no common trait.
macro_rules! command {
    ($request:ident, $name:expr) => {{
        let (request, name): (_, String) = ($request, $name);
        let confs = &request.default_parameter_confs;
        let defaults = defaults(request.default_parameters.as_deref(), confs)?;
        let now = clock::now();
        Ok(Command {
            id: random::short_id("cmd-"),
            name,
            description: request.description.unwrap_or_default(),
            content: request.content.into_bytes(),
            kind: request.command_type.map_or("SHELL".to_owned(), |kind| kind.to_string()),
            directory: request.working_directory.unwrap_or_else(|| "/root".to_owned()),
            timeout: request.timeout.unwrap_or(60),
            username: request.username.unwrap_or_else(|| "root".to_owned()),
            bucket: request.output_cos_bucket_url.unwrap_or_default(),
            prefix: request.output_cos_key_prefix.unwrap_or_default(),
            enable_parameter: request.enable_parameter.unwrap_or_default(),
            defaults,
            confs: request.default_parameter_confs,
            tags: request.tags,
            created: now,
            updated: now,
        })
    }};
}

impl Command {
    pub(super) fn of_run(request: RunCommandRequest) -> Result<Self, ApiError> {
        let name = request.command_name.clone().unwrap_or_default();
        command!(request, name)
    }

    fn of_create(request: CreateCommandRequest) -> Result<Self, ApiError> {
        let name = request.command_name.clone();
        command!(request, name)
    }

    /// The command with what a request changes.
    fn modified(mut self, request: ModifyCommandRequest) -> Result<Self, ApiError> {
        let confs = request.default_parameter_confs;
        if request.default_parameters.is_some() || !confs.is_empty() {
            if !self.enable_parameter {
                return Err(ApiError::new(
                    "InvalidParameterValue.SupportParametersOnlyIfEnableParameter",
                    "The command was made without parameters (EnableParameter is false).",
                ));
            }
            self.defaults = defaults(request.default_parameters.as_deref(), &confs)?;
            self.confs = confs;
        }
        self.name = request.command_name.unwrap_or(self.name);
        self.description = request.description.unwrap_or(self.description);
        self.content = request.content.map_or(self.content, Base64::into_bytes);
        self.kind = request.command_type.map_or(self.kind, |kind| kind.to_string());
        self.directory = request.working_directory.unwrap_or(self.directory);
        self.timeout = request.timeout.unwrap_or(self.timeout);
        self.username = request.username.unwrap_or(self.username);
        self.bucket = request.output_cos_bucket_url.unwrap_or(self.bucket);
        self.prefix = request.output_cos_key_prefix.unwrap_or(self.prefix);
        self.updated = clock::now();
        Ok(self)
    }

    fn to_json(&self) -> Value {
        let confs: Vec<Value> = self
            .confs
            .iter()
            .map(|conf| {
                json!({
                    "ParameterName": conf.parameter_name,
                    "ParameterValue": conf.parameter_value,
                    "ParameterDescription": conf.parameter_description.as_deref().unwrap_or_default(),
                })
            })
            .collect();
        let time = |seconds| clock::iso8601(seconds, "+00:00");
        json!({
            "CommandId": self.id,
            "CommandName": self.name,
            "Description": self.description,
            "Content": Base64::from(self.content.as_slice()).to_encoded(),
            "CommandType": self.kind,
            "WorkingDirectory": self.directory,
            "Timeout": self.timeout,
            "CreatedTime": time(self.created),
            "UpdatedTime": time(self.updated),
            "EnableParameter": self.enable_parameter,
            "DefaultParameters": object_text(&self.defaults),
            "DefaultParameterConfs": confs,
            "Scenes": [],
            "FormattedDescription": "",
            "CreatedBy": "USER",
            "Tags": tags::to_json(&self.tags),
            "Username": self.username,
            "OutputCOSBucketUrl": self.bucket,
            "OutputCOSKeyPrefix": self.prefix,
        })
    }

    fn matches(&self, filter: &Filter) -> bool {
        let any = |is: &dyn Fn(&str) -> bool| filter.values.iter().any(|value| is(value));
        match filter.name.as_str() {
            "command-id" => any(&|value| value == self.id),
            "command-name" => any(&|value| value == self.name),
            "command-type" => any(&|value| value == self.kind),
            "created-by" => any(&|value| value == "USER"),
            "scene-id" => false,
            _ => tags::pass(&self.tags, filter),
        }
    }

    /// The values of the placeholders: the command's defaults, overridden by the caller's values.
    pub(super) fn values(&self, given: Option<&str>) -> Result<Values, ApiError> {
        if !self.enable_parameter {
            return match given {
                None => Ok(Values::new()),
                Some(_) => Err(ApiError::new(
                    "InvalidParameterValue.ParameterDisabled",
                    "The command was made without parameters (EnableParameter is false).",
                )),
            };
        }
        let mut values = self.defaults.clone();
        values.extend(parameters::read("Parameters", given)?);
        Ok(values)
    }

    /// The script to run with these values.
    pub(super) fn script(&self, values: &Values) -> Result<Vec<u8>, ApiError> {
        if !self.enable_parameter {
            return Ok(self.content.clone());
        }
        if values.is_empty() && parameters::any(&self.content) {
            return Err(ApiError::new(
                "InvalidParameterValue.LackOfParameterInfo",
                "The script has placeholders, but neither parameters nor defaults were given.",
            ));
        }
        parameters::substitute(&self.content, values)
    }
}

/// Parameters as JSON text, as the service shows them.
pub(super) fn object_text(values: &Values) -> String {
    if values.is_empty() { String::new() } else { json!(values).to_string() }
}

impl State {
    pub(super) fn command(&self, id: &str) -> Result<&Command, ApiError> {
        if !id.starts_with("cmd-") {
            return Err(ApiError::new(
                "InvalidParameterValue.InvalidCommandId",
                "`CommandId` is not of the form `cmd-…`.",
            ));
        }
        self.commands.iter().find(|command| command.id == id).ok_or_else(|| {
            ApiError::new(
                "ResourceNotFound.CommandNotFound",
                "There is no command with this `CommandId`.",
            )
        })
    }

    /// Refuses a name that another saved command has.
    fn check_name(&self, command: &Command) -> Result<(), ApiError> {
        let taken = |saved: &Command| saved.name == command.name && saved.id != command.id;
        if !command.name.is_empty() && self.commands.iter().any(taken) {
            return Err(ApiError::new(
                "InvalidParameterValue.CommandNameDuplicated",
                "There is a command of this `CommandName` already.",
            ));
        }
        Ok(())
    }

    /// Saves a command, whose name must be new.
    pub(super) fn save(&mut self, command: Command) -> Result<(), ApiError> {
        self.check_name(&command)?;
        if self.commands.len() >= QUOTA {
            return Err(ApiError::new(
                "ResourceUnavailable.UserHasNoQuotaCode",
                format!("There are {QUOTA} commands already; delete some."),
            ));
        }
        self.commands.push(command);
        Ok(())
    }

    /// Deletes commands: all of them, or none.
    fn delete(&mut self, ids: &[String]) -> ActionResult {
        for id in ids {
            if self.invokers.use_command(&self.command(id)?.id) {
                return Err(ApiError::new(
                    "ResourceUnavailable.CommandInInvoker",
                    format!("An invoker uses {id}; delete it first."),
                ));
            }
            if self.is_running(id) {
                return Err(ApiError::new(
                    "ResourceUnavailable.CommandInExecuting",
                    format!("{id} is being run; wait for its end."),
                ));
            }
        }
        self.commands.retain(|command| !ids.contains(&command.id));
        Ok(json!({}))
    }
}

impl Tat {
    pub(super) fn create_command(&self, request: CreateCommandRequest) -> ActionResult {
        let command = Command::of_create(request)?;
        let id = command.id.clone();
        self.state().save(command)?;
        Ok(json!({ "CommandId": id }))
    }

    pub(super) fn describe_commands(&self, request: &DescribeCommandsRequest) -> ActionResult {
        page::check(&request.filters, &FILTERS)?;
        let state = self.state();
        let mut found = Vec::new();
        for command in &state.commands {
            let listed =
                request.command_ids.is_empty() || request.command_ids.contains(&command.id);
            if listed && request.filters.iter().all(|filter| command.matches(filter)) {
                found.push(command);
            }
        }
        let (total, page) = page(&found, request.limit, request.offset);
        let set: Vec<Value> = page.iter().map(|command| command.to_json()).collect();
        Ok(json!({ "TotalCount": total, "CommandSet": set }))
    }

    pub(super) fn modify_command(&self, request: ModifyCommandRequest) -> ActionResult {
        let mut state = self.state();
        let modified = state.command(&request.command_id)?.clone().modified(request)?;
        state.check_name(&modified)?;
        for command in &mut state.commands {
            if command.id == modified.id {
                *command = modified;
                break;
            }
        }
        Ok(json!({}))
    }

    pub(super) fn delete_command(&self, request: &DeleteCommandRequest) -> ActionResult {
        self.state().delete(std::slice::from_ref(&request.command_id))
    }

    pub(super) fn delete_commands(&self, request: &DeleteCommandsRequest) -> ActionResult {
        self.state().delete(&request.command_ids)
    }

    pub(super) fn preview(&self, request: PreviewReplacedCommandContentRequest) -> ActionResult {
        let given = request.parameters.as_deref();
        let (content, values) = match (request.command_id, request.content) {
            (Some(id), _) => {
                let state = self.state();
                let command = state.command(&id)?;
                (command.content.clone(), command.values(given)?)
            }
            (None, content) => (
                content.map(Base64::into_bytes).unwrap_or_default(),
                parameters::read("Parameters", given)?,
            ),
        };
        if values.is_empty() && parameters::any(&content) {
            return Err(ApiError::new(
                "InvalidParameterValue.LackOfParameters",
                "The script has placeholders, but neither parameters nor defaults were given.",
            ));
        }
        let replaced = parameters::substitute(&content, &values)?;
        Ok(json!({ "ReplacedContent": Base64::from(replaced).to_encoded() }))
    }
}
