//! Error answers.

use guestexec_core::Violation;
use serde_json::{Value, json};

/// An error of the service: one of the documented codes, and a message.
#[derive(Debug)]
pub(super) struct ApiError {
    code: &'static str,
    message: String,
}

/// The result of an action: the members of `Response`.
pub(super) type ActionResult = Result<Value, ApiError>;

impl ApiError {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The `Response` member of an error answer.
    pub(super) fn to_json(&self) -> Value {
        json!({ "Error": { "Code": self.code, "Message": self.message } })
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    #[cfg(test)]
    pub(super) fn code(&self) -> &'static str {
        self.code
    }
}

impl From<Violation> for ApiError {
    fn from(violation: Violation) -> Self {
        let message = violation.to_string();
        Self::new(code(violation.field(), &message), format!("{message}."))
    }
}

/// The documented code closest to a violated limit.
fn code(field: &str, message: &str) -> &'static str {
    let says = |text: &str| message.contains(text);
    let member = field.split(['[', '.', ' ']).next().unwrap_or(field);
    if says("exclude each other") || says("has to be given") {
        return "InvalidParameter.ConflictParameter";
    }
    match member {
        "Content" if says("is not Base64") => "InvalidParameterValue.CommandContentInvalid",
        "Content" => "InvalidParameterValue.TooLong",
        "InstanceIds" if field == member => "InvalidParameterValue.LimitExceeded",
        "InstanceIds" => "InvalidParameterValue.InvalidInstanceId",
        "CommandName" => "InvalidParameterValue.InvalidCommandName",
        "Description" => "InvalidParameterValue.TooLong",
        "Timeout" => "InvalidParameterValue.Range",
        "Parameters" | "DefaultParameters" | "DefaultParameterConfs" => {
            if says("needs `EnableParameter`") {
                "InvalidParameterValue.SupportParametersOnlyIfEnableParameter"
            } else if says("is not a JSON object") {
                "InvalidParameterValue.ParameterInvalidJsonFormat"
            } else if says("is not a text") {
                "InvalidParameterValue.ParameterValueNotString"
            } else if says(" members,") || says(" items,") {
                "InvalidParameterValue.ParameterNumberExceeded"
            } else if says(" characters,") {
                "InvalidParameterValue.ParameterKeyLenExceeded"
            } else {
                "InvalidParameterValue.ParameterKeyContainsInvalidChar"
            }
        }
        "OutputCOSBucketUrl" => "InvalidParameterValue.InvalidOutputCOSBucketUrl",
        "OutputCOSKeyPrefix" => "InvalidParameterValue.InvalidOutputCOSKeyPrefix",
        "Filters" => "InvalidParameterValue.InvalidFilter",
        "CommandId" | "CommandIds" => "InvalidParameterValue.InvalidCommandId",
        "InvokerId" | "InvokerIds" => "InvalidParameterValue.InvalidInvokerId",
        "ScheduleSettings" if field.ends_with("InvokeTime") => {
            "InvalidParameterValue.InvalidTimeFormat"
        }
        "ScheduleSettings" if field.ends_with("Recurrence") => {
            "InvalidParameterValue.InvalidCronExpression"
        }
        "Name" | "Username" => "InvalidParameterValue.TooLong",
        "ResourceNames" => "MissingParameter",
        "InvocationId" | "InvocationIds" => "InvalidParameterValue.InvalidInvocationId",
        "InvocationTaskIds" => "InvalidParameterValue.InvalidInvocationTaskId",
        _ => "InvalidParameterValue",
    }
}
