//! Makes `members.rs`: of each type that is read and written, which field is which member.

use std::fmt::Write as _;

use syn::{Attribute, Fields, Item, ItemStruct};

use super::{Field, types};
use crate::{document::Schema, spec::Spec};

/// Longest line.
const WIDTH: usize = 100;

/// The field that keeps what has no other.
pub(super) const EXTRA: &str = "extra";

/// The file's text, or nothing if there are no types. Made as text, because no formatter lays out the inside
/// of a macro call.
pub(super) fn text(spec: &Spec, items: &[Item]) -> Option<String> {
    let answers = spec.lenient_schemas();
    let mut calls: Vec<(String, String)> = Vec::new();
    for item in items {
        let Item::Struct(item) = item else { continue };
        let name = item.ident.to_string();
        let Some(Schema::Object(schema)) = spec.document.schema(&name) else { continue };
        let fields = types::fields(&item.fields);
        let call = if !matches!(item.fields, Fields::Named(_)) {
            format!("content!({name});\n")
        } else if answers.contains(&name) {
            let required = spec.required_objects(&name).into_iter();
            let requires: String = required.map(|member| format!(" requires {member:?}")).collect();
            let entries = listed(&fields, |_| "");
            format!("answer!({name} {entries} keeps {EXTRA}{requires});\n")
        } else {
            let entries = listed(&fields, |field| match types::is_needed(field, schema) {
                true => "",
                false => " optional",
            });
            format!("request!({name} {entries}{});\n", others(item, &fields))
        };
        calls.push((name, call));
    }
    calls.sort();
    let mut text = "use super::types::*;\n".to_owned();
    for (_, call) in &calls {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n::guestexec_core::{call}");
    }
    (!calls.is_empty()).then_some(text)
}

/// The fields and their members, as the macros take them.
fn listed(fields: &[Field], mark: impl Fn(&Field) -> &'static str) -> String {
    let mut lines = vec!["   ".to_owned()];
    for field in fields.iter().filter(|field| field.ident != EXTRA || field.wire != EXTRA) {
        let entry = format!(" {} = {:?}{},", field.ident, field.wire, mark(field));
        if lines.last().is_some_and(|line| line.len() + entry.len() > WIDTH) {
            lines.push("   ".to_owned());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(&entry);
        }
    }
    match &lines[..] {
        [only] if only.trim().is_empty() => "{}".to_owned(),
        lines => format!("{{\n{}\n}}", lines.join("\n")),
    }
}

/// What becomes of members that have no field.
fn others(item: &ItemStruct, fields: &[Field]) -> String {
    let has = |attributes: &[Attribute], word: &str| {
        attributes.iter().any(|attribute| types::has_serde_word(attribute, word))
    };
    let flat = item.fields.iter().zip(fields).find(|(field, _)| has(&field.attrs, "flatten"));
    match flat {
        Some((_, field)) => format!(" keeping {}", field.ident),
        None if has(&item.attrs, "deny_unknown_fields") => " refusing others".to_owned(),
        None => String::new(),
    }
}
