//! YAML as it was read, with the line of every part.

use std::{fmt, ptr};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Number, Value};
use serde_saphyr::Spanned;

/// A part of a document.
#[derive(Debug)]
pub(super) struct Node {
    /// The line of its name, or of itself where it has none.
    pub line: u64,
    pub kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// Null, a boolean, a number or text.
    Scalar(Value),
    List(Vec<Node>),
    Mapping(Vec<(String, Node)>),
}

impl Node {
    /// The member called `word`.
    pub fn get(&self, word: &str) -> Option<&Node> {
        let Kind::Mapping(members) = &self.kind else { return None };
        members.iter().find(|(name, _)| name == word).map(|(_, node)| node)
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        let Kind::Scalar(value) = &self.kind else { return None };
        value.as_str()
    }

    /// What to call `part`, which is somewhere in this document: `Widget.size`, `RunCommand.responses.200`.
    pub fn place_of(&self, part: &Node) -> String {
        let mut words = Vec::new();
        self.find(part, &mut words);
        let mut names: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
        let mut label = None;
        match names.as_slice() {
            [] => return "document".to_owned(),
            ["components", "schemas", _, ..] => {
                names.drain(..2);
                names.retain(|name| *name != "properties");
            }
            ["paths", path, method, ..] => {
                let id = words[2].1.get("operationId").and_then(Node::text);
                label = Some(match id {
                    Some(id) => id.to_owned(),
                    None => format!("{} {path}", method.to_uppercase()),
                });
                names.drain(..3);
            }
            ["paths", _, ..] => drop(names.drain(..1)),
            _ => {}
        }
        let label = label.as_deref().into_iter();
        label.chain(names).collect::<Vec<_>>().join(".")
    }

    /// Fills `words` with the way to `part`; false if it is not in here.
    fn find<'a>(&'a self, part: &Node, words: &mut Vec<(String, &'a Node)>) -> bool {
        if ptr::eq(self, part) {
            return true;
        }
        let mut is_in = |word: String, node: &'a Node| {
            words.push((word, node));
            let found = node.find(part, words);
            if !found {
                words.pop();
            }
            found
        };
        match &self.kind {
            Kind::Scalar(_) => false,
            Kind::List(items) => {
                // A parameter is known by its name.
                let name = |node: &Node| node.get("name").and_then(Node::text).map(str::to_owned);
                let word = |index: usize, node| name(node).unwrap_or_else(|| index.to_string());
                items.iter().enumerate().any(|(index, node)| is_in(word(index, node), node))
            }
            Kind::Mapping(members) => members.iter().any(|(name, node)| is_in(name.clone(), node)),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let part: Spanned<Kind> = Spanned::deserialize(deserializer)?;
        Ok(Self { line: part.defined.line(), kind: part.value })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E: Error>(self) -> Result<Kind, E> {
        Ok(Kind::Scalar(Value::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Scalar(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::Scalar(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Kind, E> {
        Ok(Kind::Scalar(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Kind, E> {
        Ok(Kind::Scalar(Number::from_f64(value).map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Kind, E> {
        Ok(Kind::Scalar(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Kind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Kind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<Kind, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = mapping.next_key::<Spanned<String>>()? {
            let node: Node = mapping.next_value()?;
            members.push((name.value, Node { line: name.defined.line(), ..node }));
        }
        Ok(Kind::Mapping(members))
    }
}
