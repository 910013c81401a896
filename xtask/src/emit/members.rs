//! Makes `members.rs`: of each type that is read and written, which field is which member, and which one
//! `Debug` hides.

use std::fmt::Write as _;

use syn::{Attribute, Fields, Item, ItemStruct};

use super::{Field, argument, types, writer::WIDTH};
use crate::{
    document::{ObjectSchema, Schema},
    spec::Spec,
};

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
        let is_member = |field: &&Field| field.ident != EXTRA || field.wire != EXTRA;
        let members: Vec<&Field> = fields.iter().filter(is_member).collect();
        let call = if !matches!(item.fields, Fields::Named(_)) {
            format!("content!({name});\n")
        } else if answers.contains(&name) {
            let required = spec.required_objects(&name).into_iter();
            let requires: String = required.map(|member| format!(" requires {member:?}")).collect();
            let entries = listed(&members, |field| format!("{} = {:?}", field.ident, field.wire));
            format!("answer!({name} {entries} keeps {EXTRA}{requires});\n")
        } else {
            let entries = listed(&members, |field| {
                let optional = if types::is_needed(field, schema) { "" } else { " optional" };
                format!("{} = {:?}{optional}", field.ident, field.wire)
            });
            let others = match others(item, &fields) {
                Others::Refused => " refusing others".to_owned(),
                Others::Kept(field) => format!(" keeping {field}"),
                Others::Skipped => String::new(),
            };
            format!("request!({name} {entries}{others});\n")
        };
        let hidden =
            hidden(&name, &fields, schema).map(|call| format!("\n::guestexec_core::{call}"));
        calls.push((name, call + hidden.as_deref().unwrap_or_default()));
    }
    calls.sort();
    let mut text = "use super::types::*;\n".to_owned();
    for (_, call) in &calls {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n::guestexec_core::{call}");
    }
    (!calls.is_empty()).then_some(text)
}

/// The `Debug` of a type with sensitive members; nothing for another one, which derives it.
fn hidden(name: &str, fields: &[Field], schema: &ObjectSchema) -> Option<String> {
    let is_hidden = |field: &Field| types::is_sensitive(field, schema);
    fields.iter().any(is_hidden).then(|| {
        let all: Vec<&Field> = fields.iter().collect();
        let entries = listed(&all, |field| {
            let mark = match (is_hidden(field), argument(&field.ty, "Option")) {
                (false, _) => "",
                (true, Some(_)) => " hidden optional",
                (true, None) => " hidden",
            };
            format!("{}{mark}", field.ident)
        });
        format!("redacted!({name} {entries});\n")
    })
}

/// The fields and what is said of each, as the macros take them.
fn listed(fields: &[&Field], entry: impl Fn(&Field) -> String) -> String {
    let mut lines = vec!["   ".to_owned()];
    for field in fields {
        let entry = format!(" {},", entry(field));
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
pub(super) enum Others {
    /// A request with one is refused.
    Refused,
    /// They go to this field.
    Kept(syn::Ident),
    /// Nobody asks for them.
    Skipped,
}

pub(super) fn others(item: &ItemStruct, fields: &[Field]) -> Others {
    let has = |attributes: &[Attribute], word: &str| {
        attributes.iter().any(|attribute| types::has_serde_word(attribute, word))
    };
    let flat = item.fields.iter().zip(fields).find(|(field, _)| has(&field.attrs, "flatten"));
    match flat {
        Some((_, field)) => Others::Kept(field.ident.clone()),
        None if has(&item.attrs, "deny_unknown_fields") => Others::Refused,
        None => Others::Skipped,
    }
}
