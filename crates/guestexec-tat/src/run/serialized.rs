//! The serialized forms of results. They are written by hand, because building the derive macro of serde takes time.

use guestexec_core::{serialize_output, write_optional};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    result::{Failure, InstanceResult, Outcome, OutputUrl},
    running::{Cancellation, Event, Finished},
    unconfirmed::{Found, Unconfirmed, UnconfirmedCall, Unfinished},
};
use crate::{Error, time::shown};

impl Serialize for InstanceResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut to = serializer.serialize_map(None)?;
        self.write(&mut to)?;
        to.end()
    }
}

impl InstanceResult {
    fn write<M: SerializeMap>(&self, to: &mut M) -> Result<(), M::Error> {
        to.serialize_entry("instance_id", self.instance_id())?;
        write_optional(to, "invocation_id", &self.invocation_id())?;
        write_optional(to, "task_id", &self.task_id())?;
        to.serialize_entry("outcome", self.outcome().as_str())?;
        write_optional(to, "exit_code", &self.exit_code())?;
        to.serialize_entry("success", &self.success())?;
        serialize_output(to, ["output", "output_base64"], self.output())?;
        to.serialize_entry("dropped", &self.dropped())?;
        write_optional(to, "output_url", &self.output_url())?;
        write_optional(to, "upload_error", &self.upload_error())?;
        write_optional(to, "error_info", &self.error_info())?;
        write_optional(to, "started_at", &self.started_text())?;
        write_optional(to, "ended_at", &self.ended_text())?;
        write_optional(to, "error", &self.failure().map(|failure| &failure.error))
    }
}

impl Serialize for OutputUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut to = serializer.serialize_map(None)?;
        to.serialize_entry("outcome", self.as_str())?;
        if let Self::Exited(code) = self {
            to.serialize_entry("exit_code", code)?;
        }
        to.end()
    }
}

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut to = serializer.serialize_map(None)?;
        self.write(&mut to)?;
        to.end()
    }
}

impl Failure {
    fn write<M: SerializeMap>(&self, to: &mut M) -> Result<(), M::Error> {
        to.serialize_entry("error", &self.error)?;
        to.serialize_entry("instances", &self.instances)?;
        write_optional(to, "invocation_id", &self.invocation_id)
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut to = serializer.serialize_map(None)?;
        match self {
            Self::Changed { instance_id, status } => {
                to.serialize_entry("event", "changed")?;
                to.serialize_entry("instance_id", instance_id)?;
                to.serialize_entry("status", status)?;
            }
            Self::Finished(result) => {
                to.serialize_entry("event", "finished")?;
                result.write(&mut to)?;
            }
            Self::Failed(failure) => {
                to.serialize_entry("event", "failed")?;
                failure.write(&mut to)?;
            }
        }
        to.end()
    }
}

impl Serialize for Finished {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut to = serializer.serialize_map(None)?;
        to.serialize_entry("success", &self.success())?;
        write_optional(&mut to, "command_id", &self.command_id())?;
        to.serialize_entry("invocations", self.invocations())?;
        to.serialize_entry("results", self.results())?;
        to.serialize_entry("failures", &self.failures().collect::<Vec<_>>())?;
        to.end()
    }
}

/// A call of a cancellation that the service refused.
struct Refused<'a> {
    invocation_id: &'a str,
    error: &'a Error,
}

impl Serialize for Refused<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut to = serializer.serialize_map(None)?;
        to.serialize_entry("invocation_id", self.invocation_id)?;
        to.serialize_entry("error", self.error)?;
        to.end()
    }
}

impl Serialize for Cancellation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let refused = self.refused().map(|(invocation_id, error)| Refused { invocation_id, error });
        let mut to = serializer.serialize_map(None)?;
        to.serialize_entry("results", self.results())?;
        to.serialize_entry("refused", &refused.collect::<Vec<_>>())?;
        to.end()
    }
}

impl Serialize for UnconfirmedCall {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (sent, given_up) = self.window();
        let mut to = serializer.serialize_map(None)?;
        to.serialize_entry("action", self.action())?;
        write_optional(&mut to, "command_name", &self.command_name())?;
        write_optional(&mut to, "command_id", &self.command_id())?;
        to.serialize_entry("instances", self.instances())?;
        to.serialize_entry("sent", &shown(sent))?;
        to.serialize_entry("given_up", &shown(given_up))?;
        to.end()
    }
}

impl Serialize for Unconfirmed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut to = serializer.serialize_map(None)?;
        to.serialize_entry("calls", self.calls())?;
        to.end()
    }
}

impl Serialize for Found {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut to = serializer.serialize_map(None)?;
        to.serialize_entry("invocation_id", &self.invocation_id)?;
        to.serialize_entry("certain", &self.certain)?;
        to.serialize_entry("call", &self.call)?;
        to.end()
    }
}

impl Serialize for Unfinished {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut to = serializer.serialize_map(None)?;
        to.serialize_entry("invocations", self.invocations())?;
        to.end()
    }
}
