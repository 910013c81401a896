//! JSON that names each member of an object once. Of two, a reader would have to guess which one counts.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value, error::Category};

use crate::{failure::Failure, say::shown};

/// Why JSON is not read: the end of a sentence that begins with what holds it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    NoJson(String),
    Twice(String),
}

impl Fault {
    /// The failure of what is `from` this place, with advice for JSON that is none.
    pub(super) fn of(self, from: &str, advice: String) -> Failure {
        match self {
            Self::NoJson(why) => Failure::new(format!("{from} {why}")).advise(advice),
            Self::Twice(why) => Failure::new(format!("{from} {why}"))
                .advise("Give each member once: only the last one would be sent."),
        }
    }
}

/// Reads JSON.
///
/// # Errors
/// If it is none, or names a member twice.
pub(super) fn read(json: &[u8]) -> Result<Value, Fault> {
    match serde_json::from_slice::<Unique>(json) {
        Ok(Unique(value)) => Ok(value),
        Err(error) if error.classify() == Category::Data => Err(Fault::Twice(error.to_string())),
        Err(error) => Err(Fault::NoJson(format!("is no JSON: {error}"))),
    }
}

struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any).map(Self)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Unique(item)) = from.next_element()? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = from.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format!("gives `{}` twice,", shown(&name))));
            }
            let Unique(value) = from.next_value()?;
            members.insert(name, value);
        }
        Ok(members.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_as_by_others() {
        for json in [
            r#"{"b":[1,-2,0.5,true,null,"é\n\u0062"],"a":{"c":{}},"n":18446744073709551615}"#,
            r#"[{"a":1},{"a":1},{"b":{"a":1}}]"#,
            "7",
        ] {
            assert_eq!(read(json.as_bytes()), Ok(serde_json::from_str(json).unwrap()));
        }
        for broken in ["", "{", "{} {}", r#"{"a":}"#, "[1e999]", &"[".repeat(1000)] {
            assert!(matches!(read(broken.as_bytes()), Err(Fault::NoJson(_))), "{broken}");
        }
    }

    #[test]
    fn a_member_that_is_there_twice_is_named_with_its_place() {
        for (json, why) in [
            (r#"{"a":1,"a":1}"#, "gives `a` twice, at line 1 column 10"),
            ("[{\"x\":{\"b\":1,\n\"\\u0062\":2}}]", "gives `b` twice, at line 2 column 8"),
            (
                r#"{"\u001b[31m":1,"\u001b[31m":2}"#,
                "gives `\\u{1b}[31m` twice, at line 1 column 28",
            ),
        ] {
            assert_eq!(read(json.as_bytes()), Err(Fault::Twice(why.to_owned())));
        }
    }
}
