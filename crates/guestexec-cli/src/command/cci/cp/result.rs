//! The object of a copy that has ended, for programs.

use serde_json::{Value, json};

use super::{Arguments, Done};
use crate::{
    ending::Ended,
    failure::Failure,
    global::{Format, Global},
    say,
};

/// Writes it, with the members in the order of those of a command's end.
pub(super) async fn write(
    ended: &Result<Done, Failure>,
    arguments: &Arguments,
    global: &Global,
) -> Result<(), Failure> {
    let is_line = global.output == Format::Jsonl;
    let mut object = if is_line { json!({ "event": "ended" }) } else { json!({}) };
    object["provider"] = "cci".into();
    match ended {
        Ok(done) => {
            object["target"] = (&*done.target).into();
            object["source"] = (&*done.source).into();
            end(&mut object, Ended::Exited(0));
            object["files"] = done.copied.files().into();
            object["directories"] = done.copied.directories().into();
            object["links"] = done.copied.links().into();
            object["bytes"] = done.copied.bytes().into();
        }
        Err(failure) => {
            object["target"] = arguments.target.to_string_lossy().into();
            object["source"] = arguments.source.to_string_lossy().into();
            end(&mut object, failure.ended);
            object["error"] = serde_json::to_value(failure).unwrap_or_default();
        }
    }
    say::document(&object, is_line).await
}

fn end(object: &mut Value, ended: Ended) {
    object["ended"] = ended.as_str().into();
    object["exit_code"] = ended.exit_code().into();
}
