//! JSON Schemas of request types: what the types of their fields say, and what the document says besides.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// The schema of an object, member by member.
#[derive(Debug)]
pub struct Members {
    words: Map<String, Value>,
    properties: Map<String, Value>,
    required: Vec<Value>,
}

impl Members {
    /// An object without members. `others` says what members that are not named may be; `None` leaves that
    /// open.
    pub fn new(about: &str, others: Option<Value>, rules: &[Value]) -> Self {
        let mut words = with_description(Map::new(), about, Value::Null);
        if let Some(others) = others {
            words.insert("additionalProperties".to_owned(), others);
        }
        if !rules.is_empty() {
            words.insert("allOf".to_owned(), rules.into());
        }
        Self { words, properties: Map::new(), required: Vec::new() }
    }

    /// Adds the member `name`: what the type of its field says, `about`, and `words`.
    pub fn add(&mut self, name: &str, is_optional: bool, of: Schema, about: &str, words: Value) {
        let mut member = match of.to_value() {
            Value::Object(member) => member,
            // A type that says nothing at all.
            _ => Map::new(),
        };
        member = with_description(member, about, words);
        self.properties.insert(name.to_owned(), member.into());
        if !is_optional {
            self.required.push(name.into());
        }
    }

    /// The schema of the object.
    pub fn schema(self) -> Schema {
        let mut schema = Map::from_iter([("type".to_owned(), Value::from("object"))]);
        if !self.properties.is_empty() {
            schema.insert("properties".to_owned(), self.properties.into());
        }
        if !self.required.is_empty() {
            schema.insert("required".to_owned(), self.required.into());
        }
        schema.extend(self.words);
        schema.into()
    }
}

/// The schema of the type of a field, which the function borrows.
pub fn of_field<T, F: JsonSchema>(generator: &mut SchemaGenerator, _: fn(&T) -> &F) -> Schema {
    generator.subschema_for::<F>()
}

/// What members without a name may be, by the type of the map that keeps them, and `limits`.
pub fn of_others(map: &Schema, limits: Value) -> Value {
    match (map.get("additionalProperties"), limits) {
        (Some(Value::Object(values)), Value::Object(limits)) => {
            let mut values = values.clone();
            values.extend(limits);
            values.into()
        }
        (Some(values), _) => values.clone(),
        (None, _) => true.into(),
    }
}

/// The schema of a type that is its content.
pub fn of_content<T: JsonSchema>(generator: &mut SchemaGenerator, about: &str) -> Schema {
    let content = T::json_schema(generator).to_value();
    let content = content.as_object().cloned().unwrap_or_default();
    with_description(content, about, Value::Null).into()
}

fn with_description(mut to: Map<String, Value>, about: &str, words: Value) -> Map<String, Value> {
    to.insert("description".to_owned(), about.into());
    if let Value::Object(words) = words {
        to.extend(words);
    }
    to
}

/// An object with this member, which may be any value but `null`.
pub fn value(name: &str) -> Value {
    json!({ "required": [name], "properties": { name: { "not": { "type": "null" } } } })
}

/// An object with this member, whatever it is.
pub fn member(name: &str) -> Value {
    json!({ "required": [name] })
}

/// An object with this member, a list with items.
pub fn list(name: &str) -> Value {
    json!({ "required": [name], "properties": { name: { "type": "array", "minItems": 1 } } })
}

/// An object with this member, a map with entries.
pub fn map(name: &str) -> Value {
    json!({ "required": [name], "properties": { name: { "type": "object", "minProperties": 1 } } })
}

/// Not both.
pub fn not_both(first: Value, second: Value) -> Value {
    json!({ "not": { "allOf": [first, second] } })
}

/// Exactly one.
pub fn one_of(members: &[Value]) -> Value {
    json!({ "oneOf": members })
}

/// One at least.
pub fn any_of(members: &[Value]) -> Value {
    json!({ "anyOf": members })
}

/// So many members at least.
pub fn at_least(members: u64) -> Value {
    json!({ "minProperties": members })
}

/// With one member, others have these values.
pub fn needs(member: Value, others: &[(&str, Value)]) -> Value {
    let required: Vec<&str> = others.iter().map(|(name, _)| *name).collect();
    let constant = |(name, value): &(&str, Value)| ((*name).to_owned(), json!({ "const": value }));
    let properties: Map<String, Value> = others.iter().map(constant).collect();
    json!({ "if": member, "then": { "required": required, "properties": properties } })
}

/// Implements `JsonSchema` for the type of a request: what the document says of it; of each field its name on
/// the wire, whether it is `optional`, what the document says of it, and the limits that its type does not
/// tell; whether other members are refused, or the field that keeps them and the limits of their values; and the
/// rules between members.
#[doc(hidden)]
#[macro_export]
macro_rules! schema {
    ($name:ident is $content:ty, $about:literal) => {
        $crate::schema!(@implement $name, generator,
            $crate::__private::json_schema::of_content::<$content>(generator, $about));
    };
    ($name:ident, $about:literal {
        $($field:ident = $wire:literal $($optional:ident)?: $text:literal $limits:tt),* $(,)?
    } others $others:tt [$($rule:expr),* $(,)?]) => {
        $crate::schema!(@implement $name, generator, {
            use $crate::__private::{json, json_schema};

            let others = $crate::schema!(@others generator $name $others);
            #[allow(unused_mut, reason = "a type may have no field")]
            let mut members = json_schema::Members::new($about, others, &[$($rule),*]);
            $(
                let is_optional = $crate::schema!(@is $($optional)?);
                let of = json_schema::of_field::<$name, _>(generator, |it| &it.$field);
                members.add($wire, is_optional, of, $text, json!($limits));
            )*
            members.schema()
        });
    };
    (@is) => { false };
    (@is optional) => { true };
    (@others $generator:ident $name:ident (skipped)) => { None };
    (@others $generator:ident $name:ident (refused)) => { Some(false.into()) };
    (@others $generator:ident $name:ident (kept in $field:ident $values:tt)) => {{
        let map = json_schema::of_field::<$name, _>($generator, |it| &it.$field);
        Some(json_schema::of_others(&map, json!($values)))
    }};
    (@implement $name:ident, $generator:ident, $schema:expr) => {
        impl $crate::__private::JsonSchema for $name {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                ::std::borrow::Cow::Borrowed(::std::stringify!($name))
            }

            fn schema_id() -> ::std::borrow::Cow<'static, str> {
                let id = ::std::concat!(::std::module_path!(), "::", ::std::stringify!($name));
                ::std::borrow::Cow::Borrowed(id)
            }

            fn json_schema(
                $generator: &mut $crate::__private::SchemaGenerator,
            ) -> $crate::__private::Schema {
                $schema
            }
        }
    };
}
