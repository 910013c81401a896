//! Reads JSON into the types of a request.
//!
//! Unlike serde's own errors, those here name the place, suggest the name that was meant, and quote no value.

use std::{fmt, iter::Enumerate, vec};

use serde::{
    de::{
        self, DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer,
        MapAccess, SeqAccess, Unexpected, Visitor,
    },
    forward_to_deserialize_any,
};
use serde_json::{Value, map};

use super::near::{shown, unknown};
use crate::Violation;

/// Reads a value that the caller calls `name`.
///
/// # Errors
/// The place that does not fit, and the reason.
pub(super) fn read<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, Violation> {
    T::deserialize(Json(value)).map_err(|fault| fault.at(name))
}

/// Reads the members of a value, whose own name is no part of their paths.
///
/// # Errors
/// As [`read`].
pub(super) fn read_body<T: DeserializeOwned>(value: Value) -> Result<T, Violation> {
    T::deserialize(Json(value)).map_err(|fault| match fault.path.as_str() {
        "" => fault.at("body"),
        path => Violation::new(path.to_owned(), fault.problem),
    })
}

/// A value that does not fit, with its place.
#[derive(Debug)]
struct Fault {
    path: String,
    problem: String,
}

impl Fault {
    fn new(problem: String) -> Self {
        Self { path: String::new(), problem }
    }

    /// The same fault, as a fault of the value whose member `name` has it.
    fn within(self, name: &str) -> Self {
        let path = match self.path.as_str() {
            "" => name.to_owned(),
            rest if rest.starts_with('[') => format!("{name}{rest}"),
            rest => format!("{name}.{rest}"),
        };
        Self { path, ..self }
    }

    fn at(self, name: &str) -> Violation {
        let Self { path, problem } = self.within(name);
        Violation::new(path, problem)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.path, self.problem)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(says: T) -> Self {
        Self::new(format!("cannot be read: {says}"))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("is {}, but {} is needed", kind_of(&found), needed(expected)))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("has a value that cannot be sent: {} is needed", needed(expected)))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("has {length} items, but {} is needed", needed(expected)))
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new("has to be given, but was not".to_owned()).within(name)
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self::new(unknown(name, "is no member that the service knows", known)).within(&shown(name))
    }
}

/// The kind of a value, without the value.
fn kind_of(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "`true` or `false`",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a whole number",
        Unexpected::Float(_) => "a fraction",
        Unexpected::Str(_) | Unexpected::Char(_) => "a text",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "a list",
        Unexpected::Map => "an object",
        _ => "of another kind",
    }
}

/// The kind of value that a type reads, in the words of JSON.
fn needed(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "a string" => "a text".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "an object".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of 0 or more".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        _ if text.starts_with("struct ") => "an object".to_owned(),
        _ => text,
    }
}

/// A value, as serde reads it.
struct Json(Value);

impl<'de> Deserializer<'de> for Json {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), ..) => visitor.visit_u64(number),
                (_, Some(number), _) => visitor.visit_i64(number),
                (.., Some(number)) => visitor.visit_f64(number),
                _ => Err(Fault::new("is a number that no reader takes".to_owned())),
            },
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => visitor.visit_seq(Items(items.into_iter().enumerate())),
            Value::Object(members) => {
                visitor.visit_map(Members { members: members.into_iter(), ahead: None })
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0 {
            Value::String(text) => visitor.visit_enum(text.into_deserializer()),
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Items(Enumerate<vec::IntoIter<Value>>);

impl<'de> SeqAccess<'de> for Items {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some((index, item)) = self.0.next() else { return Ok(None) };
        let read = seed.deserialize(Json(item));
        read.map(Some).map_err(|fault| fault.within(&format!("[{index}]")))
    }
}

struct Members {
    members: map::IntoIter,
    ahead: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Members {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some((name, value)) = self.members.next() else { return Ok(None) };
        let key = seed.deserialize(Json(Value::String(name.clone())));
        self.ahead = Some((name, value));
        key.map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((name, value)) = self.ahead.take() else {
            return Err(Fault::new("was read without its name".to_owned()));
        };
        seed.deserialize(Json(value)).map_err(|fault| fault.within(&shown(&name)))
    }
}
