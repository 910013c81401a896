//! Stage 3: the part of a document that progenitor can carry without loss.
//!
//! Taken away: limits (checked by our own generated code, which names member, size and limit),
//! answers other than success (read by the provider crate, with status and headers kept),
//! enumerations (replaced by open ones), examples and extensions.

use std::collections::{BTreeMap, BTreeSet};

use heck::ToSnakeCase as _;
use serde_json::{Map, Value, json};

use crate::{
    document::{Call, Extra, Location, ObjectSchema, Prose, Schema},
    spec::Spec,
};

/// The document for progenitor.
pub fn lower(spec: &Spec) -> Value {
    let mut paths = Map::new();
    for operation in spec.document.calls() {
        let names = parameter_names(&operation);
        let part = |part: &str| match part.split_once('}') {
            Some((wire, rest)) => format!("{}}}{rest}", names.get(wire).map_or(wire, |name| name)),
            None => part.to_owned(),
        };
        let path: Vec<String> = operation.path.split('{').map(part).collect();
        let item = paths.entry(path.join("{")).or_insert_with(|| json!({}));
        item[operation.method] = lower_operation(&operation);
    }
    let lenient = spec.lenient_schemas();
    let schemas: Map<String, Value> = spec
        .document
        .components
        .schemas
        .iter()
        // A list is written out where it is an answer.
        .filter(|(_, schema)| !matches!(schema, Schema::List(_)))
        .map(|(name, schema)| {
            let mut lowered = lower_schema(schema);
            // A member that refers to it is optional already; here, null would be a type of its own.
            lowered.as_object_mut().and_then(|words| words.remove("nullable"));
            if lenient.contains(name) {
                // An answer keeps unknown members, and any member may be missing, unless it is an
                // object, whose empty value stands in for it.
                lowered["additionalProperties"] = json!({});
                if let Schema::Object(object) = schema {
                    lowered["required"] =
                        names_of(object, spec.required_objects(name).into_iter()).into();
                }
            }
            (name.clone(), lowered)
        })
        .collect();
    let info = &spec.document.info;
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": *info.title,
            "version": info.version,
            "description": text(info.description.as_ref()),
        },
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

fn lower_operation(call: &Call<'_>) -> Value {
    let names = parameter_names(call);
    let parameters: Vec<Value> = call
        .parameters()
        .into_iter()
        .map(|parameter| {
            let schema = call.document.resolve(&parameter.schema);
            json!({
                "name": names.get(parameter.name.as_str()),
                "in": parameter.location,
                "required": parameter.required,
                "description": text(parameter.description.as_ref()),
                "schema": schema.map(lower_schema),
            })
        })
        .collect();
    let mut responses = Map::new();
    for (status, response) in call.successes() {
        let mut lowered = json!({ "description": text(Some(&response.description)) });
        if let Some(body) = response.json() {
            let schema = match body.list(call.document) {
                Some(list) => json!({ "type": "array", "items": lower_schema(&list.items) }),
                None => lower_schema(&body.schema),
            };
            lowered["content"] = json_content(&schema);
        } else if response.text().is_some() {
            lowered["content"] = json!({ "text/plain": { "schema": { "type": "string" } } });
        }
        responses.insert(status.to_string(), lowered);
    }
    let mut lowered = json!({
        "operationId": call.id(),
        "summary": text(Some(&call.operation.summary)),
        "description": text(call.operation.description.as_ref()),
        "parameters": parameters,
        "responses": responses,
    });
    if let Some(body) = call.body() {
        lowered["requestBody"] = json!({ "required": true, "content": json_content(&json!({ "$ref": body.schema.pointer })) });
    }
    lowered
}

fn json_content(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

/// The names by which progenitor knows the members of an object: their own, but where two differ only in
/// what a Rust name does not keep.
pub fn member_names(object: &ObjectSchema) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut name = |wire: &String| {
        let plain = with_plurals(wire);
        if taken.insert(plain.to_snake_case()) {
            return plain;
        }
        let other = (2..).map(|number| format!("{}_{number}", wire.to_snake_case()));
        let mut other = other.filter(|name| !object.properties.contains_key(name));
        let name = other.find(|name| taken.insert(name.to_snake_case()));
        name.unwrap_or_else(|| wire.clone())
    };
    object.properties.keys().map(&mut name).collect()
}

/// The names that the methods of a builder have.
pub const METHODS: [&str; 15] = [
    "call_timeout", "clone", "header", "items", "new", "pages", "prepared", "request", "retries",
    "send", "send_in", "send_raw", "send_streamed", "with_body", "within_limits",
];

/// The names of a builder's fields, and of variables and functions in the code that makes a request.
const VARIABLES: [&str; 8] =
    ["body", "check_body", "client", "encode_path", "header_map", "json_body", "options", "url"];

/// The names by which progenitor knows the parameters of an operation, by their names on the wire.
///
/// The two are the same, with three exceptions. A name that the generated code uses itself gets `_parameter`, one
/// that another parameter has in Rust gets a number, and what Rust does not take as a name is left out of it.
pub fn parameter_names<'a>(call: &Call<'a>) -> BTreeMap<&'a str, String> {
    let mut parameters = call.parameters();
    // Those of the path come first, so that a parameter of one operation does not rename them for another.
    parameters.sort_by_key(|parameter| parameter.location != Location::Path);
    let mut taken = BTreeSet::new();
    let mut names = BTreeMap::new();
    for parameter in parameters {
        let wire = parameter.name.as_str();
        let is_usual = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let mut name = wire.replace(|c| !is_usual(c), "_");
        if !name.trim_start_matches(['_', '-']).starts_with(|c: char| c.is_ascii_alphabetic()) {
            name.insert_str(0, "parameter_");
        }
        let snake = name.to_snake_case();
        if METHODS.contains(&&*snake) || VARIABLES.contains(&&*snake) {
            name = format!("{snake}_parameter");
        }
        let snake = name.to_snake_case();
        let numbered = (2_u32..).map(|number| format!("{snake}_{number}"));
        let mut free = [name].into_iter().chain(numbered);
        let name = free.find(|name| taken.insert(name.to_snake_case()));
        names.extend(name.map(|name| (wire, name)));
    }
    names
}

/// The field that is generated for a member.
pub fn field_name(wire: &str) -> String {
    with_plurals(wire).to_snake_case()
}

/// A name in which the plural of an acronym is one word: `podIps` for `podIPs`, which would be `pod_i_ps`.
fn with_plurals(wire: &str) -> String {
    let mut made = String::new();
    let mut rest = wire;
    while let Some(first) = rest.chars().next() {
        let capitals = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_uppercase()).len();
        let (word, after) = rest.split_at(capitals.max(first.len_utf8()));
        let ends = |end: &str| !end.starts_with(char::is_lowercase);
        match capitals > 1 && after.strip_prefix('s').is_some_and(ends) {
            true => made.extend([&word[..1], &word[1..].to_lowercase()]),
            false => made.push_str(word),
        }
        rest = after;
    }
    made
}

/// Progenitor's names for some of an object's members.
fn names_of<'a>(object: &ObjectSchema, wires: impl Iterator<Item = &'a str>) -> Vec<String> {
    let names = member_names(object);
    let place = |wire: &str| object.properties.get_index_of(wire);
    let name = |wire: &'a str| match place(wire).and_then(|place| names.get(place)) {
        Some(name) => name.clone(),
        None => wire.to_owned(),
    };
    wires.map(name).collect()
}

/// A schema without limits.
fn lower_schema(schema: &Schema) -> Value {
    let mut lowered = match schema {
        Schema::Reference(reference) => json!({ "$ref": reference.pointer }),
        Schema::Narrowed(narrowed) => {
            let parts = narrowed.parts.iter().map(|part| json!({ "$ref": part.pointer }));
            json!({ "allOf": parts.collect::<Vec<_>>() })
        }
        Schema::Text(text) => json!({ "type": "string", "format": text.format }),
        Schema::Integer(integer) => {
            // An unsigned number is a type, not a limit; 1 would make it `NonZero`.
            let least = integer.is_unsigned().then_some(0);
            json!({ "type": "integer", "format": integer.format, "minimum": least })
        }
        Schema::Number(number) => json!({ "type": "number", "format": number.format }),
        Schema::Boolean(_) => json!({ "type": "boolean" }),
        Schema::List(list) => json!({ "type": "array", "items": lower_schema(&list.items) }),
        Schema::Object(object) => {
            let members = object.properties.iter().zip(member_names(object));
            let members = members.map(|((_, member), name)| (name, lower_schema(member)));
            // `false` refuses unknown members; `{}` keeps them; a bare `true` makes a free map.
            let extra = object.additional_properties.as_ref().map(|extra| match extra {
                Extra::Refused => json!(false),
                Extra::Free => json!(true),
                Extra::Kept => json!({}),
                Extra::Of(schema) => lower_schema(schema),
            });
            json!({
                "type": "object",
                "properties": members.collect::<Map<_, _>>(),
                "required": names_of(object, object.required.iter().map(String::as_str)),
                "additionalProperties": extra,
            })
        }
    };
    if let Some(words) = lowered.as_object_mut() {
        let described = schema.description().map(|_| text(schema.description()));
        words.extend(described.map(|text| ("description".to_owned(), text)));
        // Null and absent are one for a list: both are the empty one.
        if schema.is_nullable() && !matches!(schema, Schema::List(_)) {
            words.insert("nullable".to_owned(), json!(true));
        }
        words.retain(|_, value| !value.is_null());
    }
    lowered
}

/// A description as one trimmed text; none is an empty one.
fn text(prose: Option<&Prose>) -> Value {
    prose.map_or("", |text| text.trim()).into()
}
