//! The serialized forms of results.

use guestexec_core::serialize_output;
use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::{
    result::{Failure, InstanceResult, OutputUrl},
    running::{Cancellation, Event, Finished},
    unconfirmed::{Unconfirmed, UnconfirmedCall, Unfinished},
};
use crate::{Error, enums::TaskStatus, time::shown};

/// Writes a member that has a value.
fn some<S: SerializeStruct>(
    to: &mut S,
    name: &'static str,
    value: Option<impl Serialize>,
) -> Result<(), S::Error> {
    match value {
        Some(value) => to.serialize_field(name, &value),
        None => to.skip_field(name),
    }
}

impl Serialize for InstanceResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let some_count = [
            self.invocation_id().is_some(),
            self.task_id().is_some(),
            self.exit_code().is_some(),
            self.output_url().is_some(),
            self.upload_error().is_some(),
            self.error_info().is_some(),
            self.started_text().is_some(),
            self.ended_text().is_some(),
            self.failure().is_some(),
        ]
        .into_iter()
        .filter(|is_some| *is_some)
        .count();
        let mut to = serializer.serialize_struct("InstanceResult", 5 + some_count)?;
        to.serialize_field("instance_id", self.instance_id())?;
        some(&mut to, "invocation_id", self.invocation_id())?;
        some(&mut to, "task_id", self.task_id())?;
        to.serialize_field("outcome", self.outcome().as_str())?;
        some(&mut to, "exit_code", self.exit_code())?;
        to.serialize_field("success", &self.success())?;
        serialize_output(&mut to, ["output", "output_base64"], self.output())?;
        to.serialize_field("dropped", &self.dropped())?;
        some(&mut to, "output_url", self.output_url())?;
        some(&mut to, "upload_error", self.upload_error())?;
        some(&mut to, "error_info", self.error_info())?;
        some(&mut to, "started_at", self.started_text())?;
        some(&mut to, "ended_at", self.ended_text())?;
        some(&mut to, "error", self.failure().map(|failure| &failure.error))?;
        to.end()
    }
}

impl Serialize for OutputUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Serialize)]
struct FailureForm<'a> {
    error: &'a Error,
    instances: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    invocation_id: Option<&'a str>,
}

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { error, instances, invocation_id, .. } = self;
        FailureForm { error, instances, invocation_id: invocation_id.as_deref() }
            .serialize(serializer)
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(tag = "event", rename_all = "snake_case")]
        enum Form<'a> {
            Changed { instance_id: &'a str, status: &'a TaskStatus },
            Finished(&'a InstanceResult),
            Failed(&'a Failure),
        }
        match self {
            Self::Changed { instance_id, status } => Form::Changed { instance_id, status },
            Self::Finished(result) => Form::Finished(result),
            Self::Failed(failure) => Form::Failed(failure),
        }
        .serialize(serializer)
    }
}

impl Serialize for Finished {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Form<'a> {
            success: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            command_id: Option<&'a str>,
            invocations: &'a [String],
            results: &'a [InstanceResult],
            failures: Vec<&'a Failure>,
        }
        Form {
            success: self.success(),
            command_id: self.command_id(),
            invocations: self.invocations(),
            results: self.results(),
            failures: self.failures().collect(),
        }
        .serialize(serializer)
    }
}

impl Serialize for Cancellation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Refused<'a> {
            invocation_id: &'a str,
            error: &'a Error,
        }
        #[derive(Serialize)]
        struct Form<'a> {
            results: &'a [InstanceResult],
            refused: Vec<Refused<'a>>,
        }
        let refused = self.refused().map(|(invocation_id, error)| Refused { invocation_id, error });
        Form { results: self.results(), refused: refused.collect() }.serialize(serializer)
    }
}

impl Serialize for UnconfirmedCall {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Form<'a> {
            action: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            command_name: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            command_id: Option<&'a str>,
            instances: &'a [String],
            sent: String,
            given_up: String,
        }
        let (sent, given_up) = self.window();
        Form {
            action: self.action(),
            command_name: self.command_name(),
            command_id: self.command_id(),
            instances: self.instances(),
            sent: shown(sent),
            given_up: shown(given_up),
        }
        .serialize(serializer)
    }
}

impl Serialize for Unconfirmed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Form<'a> {
            calls: &'a [UnconfirmedCall],
        }
        Form { calls: self.calls() }.serialize(serializer)
    }
}

impl Serialize for Unfinished {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Form<'a> {
            invocations: &'a [String],
        }
        Form { invocations: self.invocations() }.serialize(serializer)
    }
}
