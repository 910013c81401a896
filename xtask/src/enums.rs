//! Makes `enums.rs`: each enumeration of a document as an open Rust enum.

use std::fmt::Write as _;

use heck::ToPascalCase as _;
use serde_json::Value;

use crate::{
    spec::{Spec, enum_values},
    tidy::doc_lines,
};

/// The file's text, or nothing if the document has no enumeration. Made as text, because no
/// formatter lays out the inside of a macro call.
pub fn text(spec: &Spec) -> Option<String> {
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
    for doc in doc_lines(schema["description"].as_str().unwrap_or(name)) {
        line(4, &format!("///{doc}"));
    }
    line(4, &format!("pub enum {name} {{"));
    for value in values {
        let described = schema["x-enum-descriptions"][value].as_str();
        for doc in doc_lines(&described.map_or_else(|| format!("`{value}`."), str::to_owned)) {
            line(8, &format!("///{doc}"));
        }
        line(8, &format!("{} = {value:?},", variant(value)));
    }
    line(4, "}");
    line(0, "}");
    Some(text)
}

/// The variant of a value: its words in PascalCase, `Value` before a leading digit.
pub(crate) fn variant(value: &str) -> String {
    let name = value.to_pascal_case();
    match name.chars().next() {
        Some(first) if first.is_ascii_alphabetic() => name,
        _ => format!("Value{name}"),
    }
}
