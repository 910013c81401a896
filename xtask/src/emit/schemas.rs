//! Makes `schemas.rs`: the JSON Schema of each request type, a member a line.

use std::{collections::BTreeSet, fmt::Write as _};

use quote::ToTokens as _;
use serde_json::{Map, Value, json};
use syn::{Fields, Item, ItemStruct};

use super::{
    Field, Maker, argument, docs, json_schema, last_segment, layout, members, types, writer::WIDTH,
};
use crate::document::{Extra, ObjectSchema, Schema};

/// The file's text, or nothing if there are no requests with a body. Made as text, because no formatter lays
/// out the inside of a macro call.
pub(super) fn text(maker: &Maker<'_>, items: &[Item]) -> Option<String> {
    let requests = maker.spec.document.request_schemas();
    let (mut calls, mut used) = (Vec::new(), BTreeSet::new());
    for item in items {
        let Item::Struct(item) = item else { continue };
        let name = item.ident.to_string();
        let Some(Schema::Object(schema)) = maker.spec.document.schema(&name) else { continue };
        if requests.contains(name.as_str()) {
            calls.push((name, call(maker, item, schema, &mut used)));
        }
    }
    calls.sort();
    let calls: Vec<String> = calls.into_iter().map(|(_, call)| call).collect();
    let mut text = String::new();
    let core: Vec<&str> = used.into_iter().collect();
    if !core.is_empty() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "use guestexec_core::json_schema::{{{}}};", core.join(", "));
    }
    text.push_str("use super::types::*;\n");
    (!calls.is_empty()).then(|| format!("{text}\n{}", calls.join("\n")))
}

fn call(
    maker: &Maker<'_>,
    item: &ItemStruct,
    schema: &ObjectSchema,
    used: &mut BTreeSet<&'static str>,
) -> String {
    let name = &item.ident;
    let about = docs::unbroken(schema.description.as_deref().unwrap_or(&format!("`{name}`.")));
    if let Fields::Unnamed(fields) = &item.fields {
        let content = fields.unnamed.iter().map(|field| field.ty.to_token_stream().to_string());
        let content: String = content.collect();
        return format!("::guestexec_core::schema!({name} is {content}, {about:?});\n");
    }
    let fields = types::fields(&item.fields);
    let mut text = format!("::guestexec_core::schema!({name}, {about:?} {{\n");
    for (field, known) in item.fields.iter().zip(&fields) {
        let Some(member) = schema.properties.get(&known.wire) else { continue };
        let takes_null = types::is_list(&field.ty)
            && field.attrs.iter().any(|it| types::has_serde_word(it, "default"));
        let limits = of_member(maker, member, known, takes_null);
        let limits = layout::rust(&Value::Object(limits), 8, 8);
        let about = types::described(maker, Some(member));
        let about = about.unwrap_or_else(|| format!("`{}`.", known.wire));
        let about = docs::unbroken(&about);
        let optional = if types::is_needed(known, schema) { "" } else { " optional" };
        let line = format!("    {} = {:?}{optional}: {about:?}", known.ident, known.wire);
        let is_short = !limits.contains('\n') && line.chars().count() + limits.len() < WIDTH;
        let gap = if is_short { " " } else { "\n        " };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}{gap}{limits},");
    }
    let others = match members::others(item, &fields) {
        members::Others::Refused => "refused".to_owned(),
        members::Others::Kept(field) => {
            let limits = match &schema.additional_properties {
                Some(Extra::Of(values)) => json_schema::limits(&maker.spec.document, values),
                _ => Map::new(),
            };
            format!("kept in {field} {}", layout::rust(&Value::Object(limits), 0, 8))
        }
        members::Others::Skipped => "skipped".to_owned(),
    };
    let rules = rules(schema, &fields, used);
    let rules: String = rules.iter().map(|rule| format!("    {rule},\n")).collect();
    let rules = if rules.is_empty() { rules } else { format!("\n{rules}") };
    let _ = writeln!(text, "}} others ({others}) [{rules}]);");
    text
}

/// The rules between the members of a type, as calls of functions of the core, which are `used`.
fn rules(
    schema: &ObjectSchema,
    fields: &[Field],
    used: &mut BTreeSet<&'static str>,
) -> Vec<String> {
    let mut call = |function: &'static str, arguments: &[String]| {
        used.insert(function);
        format!("{function}({})", arguments.join(", "))
    };
    let given = |wire: &String| {
        let field = fields.iter().find(|field| field.wire == *wire);
        let kind = field.and_then(|field| last_segment(&field.ty)).map(ToString::to_string);
        let function = match kind.as_deref() {
            Some("Option") => "value",
            Some("Vec") => "list",
            Some("Map" | "BTreeMap") => "map",
            _ => "member",
        };
        (function, [format!("{wire:?}")])
    };
    let mut rules = Vec::new();
    let mut both = |first: &String, second: &String| {
        let [first, second] = [first, second].map(given).map(|(name, of)| call(name, &of));
        call("not_both", &[first, second])
    };
    for group in &schema.exclusive {
        for (index, first) in group.iter().enumerate() {
            rules.extend(group[index + 1..].iter().map(|second| both(first, second)));
        }
    }
    let mut among = |function: &'static str, members: &mut dyn Iterator<Item = &String>| {
        let members: Vec<String> = members.map(given).map(|(name, of)| call(name, &of)).collect();
        call(function, &[format!("&[{}]", members.join(", "))])
    };
    rules.extend(schema.exactly_one_of.iter().map(|group| among("one_of", &mut group.iter())));
    match schema.min_properties {
        Some(1) => rules.push(among("any_of", &mut fields.iter().map(|field| &field.wire))),
        Some(least) => rules.push(call("at_least", &[least.to_string()])),
        None => {}
    }
    for (wire, needs) in &schema.requires {
        let needed = needs.iter().map(|(other, value)| {
            format!("({other:?}, json!({}))", layout::rust(&json!(value), 0, 0))
        });
        let needed: Vec<String> = needed.collect();
        let (name, of) = given(wire);
        let member = call(name, &of);
        rules.push(call("needs", &[member, format!("&[{}]", needed.join(", "))]));
    }
    rules
}

/// What is said of a member: its limits; that it may be null, if it is a list or map read out of that; that the
/// vendor advises against it.
fn of_member(
    maker: &Maker<'_>,
    member: &Schema,
    field: &Field,
    takes_null: bool,
) -> Map<String, Value> {
    let mut words = json_schema::limits(&maker.spec.document, member);
    if takes_null {
        let kind = if argument(&field.ty, "Vec").is_some() { "array" } else { "object" };
        words.insert("type".to_owned(), Value::from(vec![kind, "null"]));
    }
    // The words stand beside a type that lets `null` be.
    if argument(&field.ty, "Option").is_some()
        && let Some(Value::Array(values)) = words.get_mut("enum")
    {
        values.push(Value::Null);
    }
    if member.is_deprecated() {
        words.insert("deprecated".to_owned(), true.into());
    }
    words
}
