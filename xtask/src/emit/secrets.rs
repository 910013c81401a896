//! What a document says is secret in the requests of an operation.

use serde_json::Value;

use crate::spec::{Operation, Spec};

/// How deep a body is looked into. A schema may hold itself.
const DEPTH: usize = 12;

/// The marks of `guestexec_core::Marks`, separated by commas.
pub(super) fn of(operation: &Operation<'_>) -> String {
    let mut marks = Vec::new();
    for parameter in operation.parameters() {
        let Some(name) = parameter["name"].as_str().filter(|_| parameter["x-sensitive"] == true)
        else {
            continue;
        };
        if parameter["in"] == "path" {
            // Counted from the end, since an endpoint may have a path of its own.
            let place = operation.path.rsplit('/').position(|part| part == format!("{{{name}}}"));
            marks.extend(place.map(|place| format!("path/{}", place + 1)));
        } else {
            // Names of headers are told apart in lower case.
            marks.push(match parameter["in"] == "header" {
                true => format!("header/{}", name.to_ascii_lowercase()),
                false => format!("query/{name}"),
            });
        }
    }
    if let Some(body) = operation.json_body() {
        members(operation.spec, &body["schema"], "body", DEPTH, &mut marks);
    }
    marks.join(",")
}

fn members(spec: &Spec, schema: &Value, place: &str, depth: usize, marks: &mut Vec<String>) {
    let schema = spec.resolve(schema);
    if depth == 0 {
        return;
    }
    if schema["format"] == "password" || schema["x-sensitive"] == true {
        marks.push(place.to_owned());
        return;
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        // What is said beside a reference counts, too.
        let place = format!("{place}/{name}");
        match member["x-sensitive"] == true {
            true => marks.push(place),
            false => members(spec, member, &place, depth - 1, marks),
        }
    }
    for part in ["items", "additionalProperties"] {
        if let Some(item) = schema.get(part).filter(|item| item.is_object()) {
            members(spec, item, &format!("{place}/*"), depth - 1, marks);
        }
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        members(spec, part, place, depth - 1, marks);
    }
}
