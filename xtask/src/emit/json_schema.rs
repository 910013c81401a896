//! Says the limits of requests in words of JSON Schema.
//!
//! What a type already says is left out. A member that is `null`, and a list without items, counts
//! as not given, as it does in the checks.

use serde_json::{Map, Value, json};

use crate::document::{
    Document, Extra, IntegerSchema, JsonValueType, NumberSchema, Schema, TextFormat, TextSchema,
};

/// Words of a JSON Schema, in the order in which they are written.
pub(super) type Words = Map<String, Value>;

/// The limits of a value.
pub(super) fn limits(document: &Document, schema: &Schema) -> Words {
    let mut words = match document.resolve(schema).unwrap_or(schema) {
        Schema::Text(text) => of_text(text),
        Schema::Integer(integer) => of_integer(integer),
        Schema::Number(number) => of_number(number),
        Schema::List(list) => given_words([
            ("maxItems", json!(list.max_items)),
            ("minItems", json!(list.min_items)),
            ("uniqueItems", json!(list.unique_items.then_some(true))),
            ("items", json!(part(document, &list.items))),
        ]),
        Schema::Object(object) if !object.is_struct() => {
            let values = match &object.additional_properties {
                Some(Extra::Of(values)) => part(document, values),
                _ => None,
            };
            given_words([
                ("minProperties", json!(object.min_properties)),
                ("additionalProperties", json!(values)),
            ])
        }
        _ => Words::new(),
    };
    if let Schema::Narrowed(narrowed) = schema
        && let Some(values) = &narrowed.values
    {
        words.insert("enum".to_owned(), json!(values));
    }
    words
}

/// The whole schema of what is in a list or map; `None` where its type already says all.
fn part(document: &Document, schema: &Schema) -> Option<Words> {
    let limits = limits(document, schema);
    let (name, format) = match document.resolve(schema).unwrap_or(schema) {
        Schema::Text(text) => ("string", json!(text.format)),
        Schema::Integer(integer) => ("integer", json!(integer.format)),
        Schema::Number(number) => ("number", json!(number.format)),
        Schema::List(_) => ("array", Value::Null),
        Schema::Object(_) => ("object", Value::Null),
        _ => return None,
    };
    if limits.is_empty() {
        return None;
    }
    let mut words = given_words([("type", json!(name)), ("format", format)]);
    words.extend(limits);
    Some(words)
}

/// The form of Base64 of the standard alphabet, with padding or without.
const BASE64: &str = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}(==)?|[A-Za-z0-9+/]{3}=?)?$";

fn of_text(text: &TextSchema) -> Words {
    // A character has at least one byte.
    let length = match text.format {
        Some(TextFormat::Byte) => text.max_length,
        _ => text.max_length.into_iter().chain(text.max_bytes).min(),
    };
    let pattern = text.pattern.as_ref().map(|pattern| pattern.as_str());
    let object = text.json_object.as_ref();
    let object = object.map(|object| {
        let JsonValueType::String = object.value_type;
        json!({
            "type": "object",
            "maxProperties": object.max_properties,
            "propertyNames": {
                "maxLength": object.key_max_length,
                "minLength": 1,
                "pattern": object.key_pattern.as_str(),
            },
            "additionalProperties": { "type": "string" },
        })
    });
    given_words([
        ("enum", json!(text.values)),
        ("maxLength", json!(length)),
        ("minLength", json!(text.min_length)),
        ("pattern", json!(pattern.or((text.format == Some(TextFormat::Byte)).then_some(BASE64)))),
        ("contentMediaType", json!(object.as_ref().map(|_| "application/json"))),
        ("contentSchema", json!(object)),
    ])
}

fn of_integer(integer: &IntegerSchema) -> Words {
    given_words([
        ("enum", json!(integer.values)),
        ("maximum", json!(integer.most())),
        ("minimum", json!(integer.least())),
    ])
}

fn of_number(number: &NumberSchema) -> Words {
    let (least, most) = (number.minimum, number.maximum);
    let is = |exclusive: bool, end: Option<f64>| json!(end.filter(|_| exclusive));
    given_words([
        ("exclusiveMaximum", is(number.exclusive_maximum, most)),
        ("exclusiveMinimum", is(number.exclusive_minimum, least)),
        ("maximum", is(!number.exclusive_maximum, most)),
        ("minimum", is(!number.exclusive_minimum, least)),
    ])
}

fn given_words<'a>(words: impl IntoIterator<Item = (&'a str, Value)>) -> Words {
    let given = words.into_iter().filter(|(_, value)| !value.is_null());
    given.map(|(word, value)| (word.to_owned(), value)).collect()
}
