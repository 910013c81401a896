//! The serialized forms of results.

use guestexec_core::serialize_output;
use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use crate::{Captured, Output, Uncaptured, Unfinished};

impl Serialize for Captured {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let has_code = self.exit_code().is_some();
        let mut to = serializer.serialize_struct("Captured", 5 + usize::from(has_code))?;
        match self.exit_code() {
            Some(code) => to.serialize_field("exit_code", &code)?,
            None => to.skip_field("exit_code")?,
        }
        to.serialize_field("success", &self.success())?;
        serialize_output(&mut to, ["stdout", "stdout_base64"], &self.stdout)?;
        serialize_output(&mut to, ["stderr", "stderr_base64"], &self.stderr)?;
        to.serialize_field("stdout_dropped", &self.stdout_dropped)?;
        to.serialize_field("stderr_dropped", &self.stderr_dropped)?;
        to.end()
    }
}

impl Serialize for Output {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut to = serializer.serialize_struct("Output", 4)?;
        to.serialize_field("stream", self.stream())?;
        to.serialize_field("stdout", &self.stdout_lossy())?;
        to.serialize_field("stderr", &self.stderr_lossy())?;
        to.serialize_field("ambiguous", &self.ambiguous())?;
        to.end()
    }
}

impl Serialize for Unfinished {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Form<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            vm: Option<&'a str>,
        }
        Form { vm: self.vm() }.serialize(serializer)
    }
}

impl Serialize for Uncaptured {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Form<'a> {
            output: &'a Output,
        }
        Form { output: self.output() }.serialize(serializer)
    }
}
