//! A plausible value of a schema, for an example.

use serde_json::{Map, Value, json};

use super::place::DEPTH;
use crate::document::{Document, Extra, Schema, TextFormat, TextSchema};

/// Texts of which one fits most patterns.
const TEXTS: [&str; 8] = [
    "example",
    "Example",
    "EXAMPLE",
    "1",
    "https://host.example/example",
    "/example",
    "2026-01-01",
    "a1-example",
];

/// A value of the schema; with `all`, with the members that need not be there, as far as they may stand
/// together.
pub(super) fn of(document: &Document, schema: &Schema, all: bool, depth: usize) -> Value {
    if depth > DEPTH {
        return Value::Null;
    }
    let inner = |schema: &Schema| of(document, schema, all, depth + 1);
    match schema {
        Schema::Narrowed(narrowed) if narrowed.values.is_some() => {
            let first = narrowed.values.as_ref().and_then(|values| values.first());
            first.map_or(Value::Null, |value| json!(value))
        }
        Schema::Reference(_) | Schema::Narrowed(_) => {
            document.resolve(schema).map_or(Value::Null, inner)
        }
        Schema::Text(schema) => json!(text(schema)),
        Schema::Integer(schema) => {
            let least = schema.minimum.unwrap_or(i64::MIN);
            json!(1.max(least).min(schema.maximum.unwrap_or(i64::MAX)))
        }
        Schema::Number(_) => json!(1.5),
        Schema::Boolean(_) => json!(true),
        Schema::List(list) => {
            let count = list.min_items.unwrap_or(1).clamp(1, 8);
            let count = count.min(list.max_items.unwrap_or(count));
            let one = inner(&list.items);
            Value::Array((0..count).map(|_| one.clone()).collect())
        }
        Schema::Object(object) => {
            let mut members = Map::new();
            for (name, schema) in &object.properties {
                // One of its own type may be left out, or there would be no end.
                let is_own = schema.references().iter().any(|of| {
                    let name = of.name_in("schemas").unwrap_or_default();
                    document.schema(name).is_some_and(|of| std::ptr::eq(of.lines(), &object.lines))
                });
                let mut groups = object.exclusive.iter().chain(&object.exactly_one_of);
                let excluded = groups.any(|group| {
                    group.contains(name) && group.iter().any(|other| members.contains_key(other))
                });
                let chosen = object.exactly_one_of.iter().any(|group| {
                    group.first() == Some(name)
                        && !group.iter().any(|one| object.required.contains(one))
                });
                let is_required = object.required.contains(name) || chosen;
                if is_required || all && !excluded && !is_own && depth < 4 {
                    members.insert(name.clone(), inner(schema));
                }
            }
            for (name, needs) in &object.requires {
                if members.contains_key(name) {
                    members.extend(needs.iter().map(|(name, value)| (name.clone(), value.clone())));
                }
            }
            if members.is_empty()
                && let Some(Extra::Of(values)) = &object.additional_properties
            {
                members.insert("example".to_owned(), inner(values));
            }
            Value::Object(members)
        }
    }
}

fn text(schema: &TextSchema) -> String {
    let values = schema.values.as_deref().or(schema.known_values.as_deref());
    if let Some(first) = values.and_then(<[String]>::first) {
        return first.clone();
    }
    if schema.json_object.is_some() {
        return "{}".to_owned();
    }
    let least =
        usize::try_from(schema.min_length.unwrap_or_default()).unwrap_or_default().min(4096);
    let most = schema.max_length.unwrap_or(u64::MAX).min(schema.max_bytes.unwrap_or(u64::MAX));
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if schema.format == Some(TextFormat::Byte) {
        // "example", and as much again as is asked for.
        let text = "ZXhhbXBsZWV4YW1wbGVl".repeat(least / 20 + 1);
        return if least <= 12 { "ZXhhbXBsZQ==".to_owned() } else { text };
    }
    let fitted = |text: &str| {
        let count = text.chars().count().max(1);
        let mut fitted = text.repeat(least.div_ceil(count).max(1));
        if fitted.chars().count() > most.max(least) {
            fitted = fitted.chars().take(most).collect();
        }
        fitted
    };
    let fits = |text: &String| schema.pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
    let hex: String = "0123456789abcdef".chars().cycle().take(least).collect();
    let mut candidates = TEXTS.iter().map(|text| fitted(text)).chain([hex]);
    candidates.find(fits).unwrap_or_else(|| fitted(TEXTS[0]))
}
