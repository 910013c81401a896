//! Makes `enums.rs`: each enumeration of a document as an open Rust enum.

use std::fmt::Write as _;

use heck::ToPascalCase as _;

use super::docs::comment;
use crate::{document::Schema, spec::Spec};

/// The file's text, or nothing if the document has no enumeration. Made as text, because no
/// formatter lays out the inside of a macro call.
pub(super) fn text(spec: &Spec) -> Option<String> {
    let enums: Vec<String> =
        spec.document.components.schemas.iter().filter_map(|(name, it)| one(name, it)).collect();
    (!enums.is_empty()).then(|| enums.join("\n"))
}

fn one(name: &str, schema: &Schema) -> Option<String> {
    let (values, Schema::Text(about)) = (schema.values()?, schema) else { return None };
    let mut text = "::guestexec_core::open_enum! {\n".to_owned();
    let mut line = |indent: usize, content: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:indent$}{content}", "");
    };
    for doc in comment("///", about.description.as_deref().unwrap_or(name)).lines() {
        line(4, doc);
    }
    line(4, &format!("pub enum {name} {{"));
    for value in values {
        let described = about.value_descriptions.get(value).map(|text| &**text);
        for doc in comment("///", described.unwrap_or(&format!("`{value}`."))).lines() {
            line(8, doc);
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
