//! The serialized forms of results. They are written by hand, because building the derive macro of serde takes time.

use guestexec_core::{serialize_output, write_optional};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::{Captured, Output, ScriptResult, Uncaptured, Unfinished, UnfinishedScript};

impl Serialize for Captured {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut to = serializer.serialize_map(None)?;
        write_optional(&mut to, "exit_code", &self.exit_code())?;
        to.serialize_entry("success", &self.success())?;
        serialize_output(&mut to, ["stdout", "stdout_base64"], &self.stdout)?;
        serialize_output(&mut to, ["stderr", "stderr_base64"], &self.stderr)?;
        to.serialize_entry("stdout_dropped", &self.stdout_dropped)?;
        to.serialize_entry("stderr_dropped", &self.stderr_dropped)?;
        to.end()
    }
}

impl Serialize for Output {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut to = serializer.serialize_map(None)?;
        to.serialize_entry("stream", self.stream())?;
        to.serialize_entry("stdout", &self.stdout_lossy())?;
        to.serialize_entry("stderr", &self.stderr_lossy())?;
        to.serialize_entry("ambiguous", &self.ambiguous())?;
        to.end()
    }
}

impl Serialize for Unfinished {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut to = serializer.serialize_map(None)?;
        write_optional(&mut to, "vm", &self.vm())?;
        to.end()
    }
}

impl Serialize for Uncaptured {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut to = serializer.serialize_map(None)?;
        to.serialize_entry("output", self.output())?;
        to.end()
    }
}

impl Serialize for ScriptResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut to = serializer.serialize_map(None)?;
        to.serialize_entry("vm", self.vm())?;
        to.serialize_entry("record", self.record())?;
        write_optional(&mut to, "exit_code", &self.exit_code())?;
        to.serialize_entry("success", &self.success())?;
        to.serialize_entry("stdout", &self.stdout_lossy())?;
        to.serialize_entry("stderr", &self.stderr_lossy())?;
        write_optional(&mut to, "cause", &self.cause())?;
        to.end()
    }
}

impl Serialize for UnfinishedScript {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut to = serializer.serialize_map(None)?;
        to.serialize_entry("script", self.script())?;
        to.end()
    }
}
