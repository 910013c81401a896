//! Stage 3: the part of a document that progenitor can carry without loss.
//!
//! Taken away: limits (checked by our own generated code, which names member, size and limit),
//! answers other than success (read by the provider crate, with status and headers kept),
//! enumerations (replaced by open ones), examples and extensions.

use serde_json::{Map, Value, json};

use crate::spec::{self, Spec};

/// The document for progenitor.
pub fn lower(spec: &Spec) -> Value {
    let mut paths = Map::new();
    for operation in spec.operations() {
        let item = paths.entry(operation.path).or_insert_with(|| json!({}));
        item[operation.method] = lower_operation(spec, &operation);
    }
    let lenient = spec.lenient_schemas();
    let schemas: Map<String, Value> = spec
        .schemas()
        .map(|(name, schema)| {
            let lowered = lower_schema(schema);
            let is_lenient = lenient.contains(name);
            (name.clone(), if is_lenient { open_answer(spec, name, lowered) } else { lowered })
        })
        .collect();
    let info = &spec.document["info"];
    json!({
        "openapi": "3.0.3",
        "info": { "title": info["title"], "version": info["version"], "description": text(&info["description"]) },
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

fn lower_operation(spec: &Spec, operation: &spec::Operation<'_>) -> Value {
    let parameters: Vec<Value> = operation
        .parameters()
        .into_iter()
        .map(|parameter| {
            json!({
                "name": parameter["name"],
                "in": parameter["in"],
                "required": parameter["required"].as_bool().unwrap_or(false),
                "description": text(&parameter["description"]),
                "schema": lower_schema(spec.resolve(&parameter["schema"])),
            })
        })
        .collect();
    let mut responses = Map::new();
    for (status, response) in operation.successes() {
        let mut lowered = json!({ "description": text(&response["description"]) });
        if let Some(schema) = response["content"]["application/json"].get("schema") {
            lowered["content"] = json!({ "application/json": { "schema": lower_schema(schema) } });
        }
        responses.insert(status.to_string(), lowered);
    }
    let mut lowered = json!({
        "operationId": operation.id(),
        "summary": text(&operation.node["summary"]),
        "description": text(&operation.node["description"]),
        "parameters": parameters,
        "responses": responses,
    });
    if let Some(body) = operation.json_body() {
        lowered["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": lower_schema(&body["schema"]) } },
        });
    }
    lowered
}

/// An answer keeps what it does not know, and any member of it may be missing; only an object stands
/// for itself where it is empty.
fn open_answer(spec: &Spec, name: &str, mut lowered: Value) -> Value {
    lowered["additionalProperties"] = json!({});
    lowered["required"] = spec.required_objects(name).into();
    lowered
}

/// A schema without limits.
fn lower_schema(schema: &Value) -> Value {
    let Some(members) = schema.as_object() else { return schema.clone() };
    let mut lowered = Map::new();
    let kind = members.get("type").and_then(Value::as_str).unwrap_or_default();
    for (key, value) in members {
        let kept = match key.as_str() {
            "$ref" | "type" | "required" => Some(value.clone()),
            // `false` refuses unknown members; `{}` keeps them; a bare `true` makes a free map.
            "additionalProperties" => Some(match value {
                Value::Bool(_) => value.clone(),
                schema => lower_schema(schema),
            }),
            "description" => Some(text(value)),
            "properties" => Some(
                value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, property)| (name.clone(), lower_schema(property)))
                    .collect(),
            ),
            "items" => Some(lower_schema(value)),
            "allOf" => Some(value.as_array().into_iter().flatten().map(lower_schema).collect()),
            "format" if carries(kind, value) => Some(value.clone()),
            // Null and absent are one for a list: both are the empty one.
            "nullable" if kind != "array" => Some(value.clone()),
            // An unsigned number is a type, not a limit; 1 would make it `NonZero`.
            "minimum" if value.as_i64() >= Some(0) && !members.contains_key("format") => {
                Some(json!(0))
            }
            _ => None,
        };
        if let Some(kept) = kept {
            lowered.insert(key.clone(), kept);
        }
    }
    Value::Object(lowered)
}

/// True for a format that makes a difference to the Rust type.
pub fn carries(kind: &str, format: &Value) -> bool {
    let Some(format) = format.as_str() else { return false };
    match kind {
        "string" => matches!(format, "byte" | "password"),
        "integer" => matches!(format, "int32" | "int64" | "uint32" | "uint64"),
        "number" => matches!(format, "float" | "double"),
        _ => false,
    }
}

/// A description as one trimmed text.
fn text(value: &Value) -> Value {
    Value::String(value.as_str().unwrap_or_default().trim().to_owned())
}
