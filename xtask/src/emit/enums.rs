//! Makes `enums.rs`: each enumeration of a document as an open Rust enum.

use std::fmt::Write as _;

use heck::ToPascalCase as _;
use serde_json::Value;

use super::docs::comment;
use crate::spec::{Spec, enum_values};

/// The file's text, or nothing if the document has no enumeration. Made as text, because no
/// formatter lays out the inside of a macro call.
pub(super) fn text(spec: &Spec) -> Option<String> {
    let enums: Vec<String> =
        spec.schemas().filter_map(|(name, schema)| one(name, schema)).collect();
    (!enums.is_empty()).then(|| enums.join("\n"))
}

fn one(name: &str, schema: &Value) -> Option<String> {
    let values = enum_values(schema)?;
    let mut text = "::guestexec_core::open_enum! {\n".to_owned();
    let mut line = |indent: usize, content: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:indent$}{content}", "");
    };
    for doc in comment("///", schema["description"].as_str().unwrap_or(name)).lines() {
        line(4, doc);
    }
    line(4, &format!("pub enum {name} {{"));
    for value in values {
        let described = schema["x-enum-descriptions"][value].as_str();
        for doc in comment("///", described.unwrap_or(&format!("`{value}`."))).lines() {
            line(8, doc);
        }
        line(8, &format!("{} = {value:?},", variant(value)));
    }
    line(4, "}");
    line(0, "}");
    Some(text)
}

/// True for a schema that becomes an enum.
pub(super) fn is_enum(schema: &Value) -> bool {
    enum_values(schema).is_some()
}

/// The variant of a value: its words in PascalCase, `Value` before a leading digit.
pub(crate) fn variant(value: &str) -> String {
    let name = value.to_pascal_case();
    match name.chars().next() {
        Some(first) if first.is_ascii_alphabetic() => name,
        _ => format!("Value{name}"),
    }
}
