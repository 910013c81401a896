//! Makes the attributes that put the limits of a request into its JSON Schema.
//!
//! What a type already says is left to its derive. A member that is `null`, and a list without items, counts
//! as not given, as it does in the checks.

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::{Map, Value, json};
use syn::{Attribute, Type, parse_quote};

use super::{Field, argument, last_segment};
use crate::document::{
    Document, Extra, IntegerSchema, JsonValueType, NumberSchema, ObjectSchema, Schema, TextFormat,
    TextSchema,
};

/// Words of a JSON Schema, in the order in which they are written.
type Words = Map<String, Value>;

/// What is said of a member, if it has limits; or if it is a list or map that is read out of `null`, which its
/// type does not tell.
pub(super) fn of_member(
    document: &Document,
    member: &Schema,
    ty: &Type,
    takes_null: bool,
) -> Option<TokenStream> {
    let mut words = limits(document, member);
    if takes_null {
        let kind = if argument(ty, "Vec").is_some() { "array" } else { "object" };
        words.insert("type".to_owned(), json!([kind, "null"]));
    }
    // The words stand beside a type that lets `null` be.
    if argument(ty, "Option").is_some()
        && let Some(Value::Array(values)) = words.get_mut("enum")
    {
        values.push(Value::Null);
    }
    extended(words)
}

/// What is said of a type, if there are rules between its members.
pub(super) fn of_type(schema: &ObjectSchema, fields: &[Field]) -> Option<TokenStream> {
    let given = |wire: &String| given(fields.iter().find(|field| field.wire == *wire), wire);
    let mut rules = Vec::new();
    for group in &schema.exclusive {
        for (index, first) in group.iter().enumerate() {
            for second in &group[index + 1..] {
                rules.push(json!({ "not": { "allOf": [given(first), given(second)] } }));
            }
        }
    }
    for group in &schema.exactly_one_of {
        let members: Vec<Value> = group.iter().map(given).collect();
        rules.push(json!({ "oneOf": members }));
    }
    match schema.min_properties {
        Some(1) => {
            let members: Vec<Value> = fields.iter().map(|field| given(&field.wire)).collect();
            rules.push(json!({ "anyOf": members }));
        }
        Some(least) => rules.push(json!({ "minProperties": least })),
        None => {}
    }
    for (wire, needs) in &schema.requires {
        let needed = needs.iter().map(|(other, value)| (other, json!({ "const": value })));
        let needed: Vec<(&String, Value)> = needed.collect();
        let required: Vec<&String> = needed.iter().map(|(other, _)| *other).collect();
        let properties: Words =
            needed.iter().map(|(other, value)| ((*other).clone(), value.clone())).collect();
        rules.push(json!({
            "if": given(wire),
            "then": { "required": required, "properties": properties },
        }));
    }
    let words = (!rules.is_empty()).then(|| ("allOf".to_owned(), Value::from(rules)));
    extended(words.into_iter().collect())
}

/// The schema of an object in which a member is given.
fn given(field: Option<&Field>, wire: &str) -> Value {
    let kind = field.and_then(|field| last_segment(&field.ty)).map(ToString::to_string);
    match kind.as_deref() {
        Some("Option") => {
            json!({ "required": [wire], "properties": { wire: { "not": { "type": "null" } } } })
        }
        Some("Vec") => {
            let items = json!({ "type": "array", "minItems": 1 });
            json!({ "required": [wire], "properties": { wire: items } })
        }
        Some("Map" | "BTreeMap") => {
            let members = json!({ "type": "object", "minProperties": 1 });
            json!({ "required": [wire], "properties": { wire: members } })
        }
        _ => json!({ "required": [wire] }),
    }
}

/// The limits of a value.
fn limits(document: &Document, schema: &Schema) -> Words {
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

/// The attribute that says it all, if there is anything to say.
pub(super) fn attribute(said: Vec<TokenStream>) -> Option<Attribute> {
    (!said.is_empty())
        .then(|| parse_quote!(#[cfg_attr(feature = "schemars", schemars(#(#said),*))]))
}

/// Adds words to what is derived.
fn extended(words: Words) -> Option<TokenStream> {
    let words: Vec<TokenStream> = words
        .iter()
        .map(|(word, value)| {
            let value = literal(value);
            quote!(#word = #value)
        })
        .collect();
    (!words.is_empty()).then(|| quote!(extend(#(#words),*)))
}

/// A JSON value as the macro `json!` takes it.
fn literal(value: &Value) -> TokenStream {
    match value {
        Value::Null => quote!(null),
        Value::Bool(value) => quote!(#value),
        Value::String(text) => quote!(#text),
        Value::Array(items) => {
            let items = items.iter().map(literal);
            quote!([#(#items),*])
        }
        Value::Object(members) => {
            let members = members.iter().map(|(name, member)| {
                let member = literal(member);
                quote!(#name: #member)
            });
            quote!({ #(#members),* })
        }
        Value::Number(number) => {
            // A literal without a suffix would be an `i32`.
            let suffix = match number.as_i64() {
                Some(number) if i32::try_from(number).is_err() => "i64",
                _ => "",
            };
            format!("{number}{suffix}").parse().unwrap_or_default()
        }
    }
}
