//! Parameters in the query of a GET or in a form, flattened: `InstanceIds.0=ins-a&Filters.0.Values.1=b`.

use std::{collections::BTreeMap, fmt};

use percent_encoding::percent_decode_str;
use serde::{
    Deserializer,
    de::{
        DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor,
        value::{BorrowedStrDeserializer, StrDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::Error;

use super::error::ApiError;

/// Longest query, in bytes.
pub(super) const MAX_QUERY: usize = 32 * 1024;
/// How many parts a name may have; the document's longest is `Filters.0.Values.0`.
const MAX_DEPTH: usize = 8;

/// Parameters by the parts of their names. All values are texts, which the deserialized type interprets.
#[derive(Debug)]
pub(super) enum Tree {
    Text(String),
    Node(BTreeMap<Key, Tree>),
}

/// A part of a name. Indices sort by number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Index(u32),
    Name(String),
}

impl Key {
    fn new(part: &str) -> Self {
        // Not `00`, which would be a second name of index 0.
        match part.parse::<u32>() {
            Ok(index) if index.to_string() == part => Self::Index(index),
            _ => Self::Name(part.to_owned()),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "{index}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

fn invalid(why: &str) -> ApiError {
    ApiError::new("InvalidParameter", format!("The parameters are wrong: {why}."))
}

/// Reads the names and values of a query, or of a form.
pub(super) fn pairs(query: &str) -> Result<Vec<(String, String)>, ApiError> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        let decoded = percent_decode_str(&text).decode_utf8().map(|text| text.into_owned());
        decoded.map_err(|_| invalid("they are not UTF-8"))
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

/// Nests parameters by the parts of their names.
pub(super) fn tree(pairs: Vec<(String, String)>) -> Result<Tree, ApiError> {
    let mut root = BTreeMap::new();
    for (name, value) in pairs {
        let mut parts: Vec<&str> = name.split('.').collect();
        let last = parts.pop().unwrap_or_default();
        if parts.len() >= MAX_DEPTH {
            return Err(invalid("a name has too many parts"));
        }
        let mut node = &mut root;
        for part in parts {
            let next = node.entry(Key::new(part)).or_insert_with(|| Tree::Node(BTreeMap::new()));
            let Tree::Node(next) = next else {
                return Err(invalid("a parameter has both a value and members"));
            };
            node = next;
        }
        if node.insert(Key::new(last), Tree::Text(value)).is_some() {
            return Err(invalid("a parameter appears twice"));
        }
    }
    Ok(Tree::Node(root))
}

impl Tree {
    fn parsed<T: std::str::FromStr>(&self) -> Result<T, Error> {
        let Self::Text(text) = self else { return Err(Error::custom("expected a value")) };
        text.parse().map_err(|_| Error::custom("expected a number"))
    }
}

impl<'de> Deserializer<'de> for &'de Tree {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Tree::Text(text) => visitor.visit_borrowed_str(text),
            Tree::Node(node) => visitor.visit_map(Members { rest: node.iter(), value: None }),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            // Python's SDK writes `True` and `False`.
            Tree::Text(text) if text.eq_ignore_ascii_case("true") => visitor.visit_bool(true),
            Tree::Text(text) if text.eq_ignore_ascii_case("false") => visitor.visit_bool(false),
            _ => Err(Error::custom("expected true or false")),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u64(self.parsed()?)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_i64(self.parsed()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Tree::Text(text) = self else { return Err(Error::custom("expected a value")) };
        visitor.visit_enum(BorrowedStrDeserializer::new(text))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Tree::Node(node) = self else { return Err(Error::custom("expected a list")) };
        let numbered = (0..).zip(node.keys()).all(|(index, key)| *key == Key::Index(index));
        if !numbered {
            return Err(Error::custom("expected a list, numbered from 0 without gaps"));
        }
        visitor.visit_seq(Items(node.values()))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        tuple tuple_struct map struct identifier ignored_any
    }
}

struct Members<'de> {
    rest: std::collections::btree_map::Iter<'de, Key, Tree>,
    value: Option<&'de Tree>,
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(StrDeserializer::new(&key.to_string())).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let value = self.value.take().ok_or_else(|| Error::custom("a value without a name"))?;
        seed.deserialize(value)
    }
}

struct Items<'de>(std::collections::btree_map::Values<'de, Key, Tree>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        self.0.next().map(|item| seed.deserialize(item)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use guestexec_tat::types::{DescribeInvocationTasksRequest, RunCommandRequest};

    use super::{
        super::request::{Input, parse},
        *,
    };

    fn read(query: &str) -> Result<Tree, ApiError> {
        tree(pairs(query)?)
    }

    fn run(query: &str) -> Result<RunCommandRequest, ApiError> {
        parse(&Input::Query(read(query)?))
    }

    #[test]
    fn a_query_is_a_request() {
        let query = "Content=ZWNobyBow6k%3D&InstanceIds.0=ins-a&InstanceIds.1=ins-b&Timeout=60&SaveCommand=True\
                     &EnableParameter=true&Parameters=%7B%22a+b%22%3A%221%22%7D&CommandType=SHELL\
                     &Tags.0.Key=k&Tags.0.Value=v";
        let query = query.replace("a+b", "a-b");
        let request = run(&query).unwrap();
        assert_eq!(request.content.to_text_lossy(), "echo hé");
        assert_eq!(request.instance_ids, ["ins-a", "ins-b"]);
        assert_eq!((request.timeout, request.save_command), (Some(60), Some(true)));
        assert_eq!(request.parameters.as_deref(), Some(r#"{"a-b":"1"}"#));
        assert_eq!((&*request.tags[0].key, &*request.tags[0].value), ("k", "v"));

        let eleven: String = (0..11).map(|i| format!("Filters.0.Values.{i}=v{i}&")).collect();
        let tree = read(&format!("{eleven}Filters.0.Name=invocation-id&HideOutput=False")).unwrap();
        let error = parse::<DescribeInvocationTasksRequest>(&Input::Query(tree));
        // More values than a filter takes; but in the order of their numbers.
        assert!(error.is_err());
    }

    #[test]
    fn what_is_no_request() {
        let base = "Content=ZQ==&InstanceIds.0=ins-a";
        for (more, code) in [
            ("&Contents=1", "UnknownParameter"),
            ("&Tags.0.Key=k&Tags.0.Value=v&Tags.0.More=m", "UnknownParameter"),
            ("&Timeout=soon", "InvalidParameterValue"),
            ("&Timeout=-1", "InvalidParameterValue"),
            ("&SaveCommand=1", "InvalidParameterValue"),
            ("&InstanceIds.2=ins-c", "InvalidParameterValue"),
            ("&InstanceIds.00=ins-c", "InvalidParameterValue"),
            ("&Timeout.0=1", "InvalidParameterValue"),
            ("&Content=ZQ==", "InvalidParameter"),
            ("&Content.0=ZQ==", "InvalidParameter"),
            ("&a.a.a.a.a.a.a.a.a.a=1", "InvalidParameter"),
            ("&CommandName=%ff", "InvalidParameter"),
            ("&Timeout=0", "InvalidParameterValue.Range"),
        ] {
            let error = run(&format!("{base}{more}")).err().unwrap();
            assert_eq!(error.code(), code, "{more}");
        }
        assert_eq!(run("").err().unwrap().code(), "MissingParameter");
        assert_eq!(
            run("InstanceIds=ins-a&Content=ZQ==").err().unwrap().code(),
            "InvalidParameterValue"
        );
    }
}
