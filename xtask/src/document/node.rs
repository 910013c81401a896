//! YAML as it was read, with the line of every part.

use std::ptr;

use serde_json::Value;

/// A part of a document.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The line of its name, or of itself where it has none.
    pub line: u64,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
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

    /// The part without its lines.
    pub fn value(&self) -> Value {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::List(items) => items.iter().map(Self::value).collect(),
            Kind::Mapping(members) => {
                members.iter().map(|(name, node)| (name.clone(), node.value())).collect()
            }
        }
    }

    /// The members of a mapping; none of anything else.
    pub fn members(&self) -> &[(String, Node)] {
        match &self.kind {
            Kind::Mapping(members) => members,
            _ => &[],
        }
    }

    /// The items of a list; none of anything else.
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// The name of `part`, which is somewhere in this document: `Widget.size`, `RunCommand.responses.200`.
    pub fn place_of(&self, part: &Node) -> String {
        let mut words = Vec::new();
        self.find(part, &mut words);
        let mut names: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
        let mut label = None;
        match names.as_slice() {
            [] => return "document".to_owned(),
            ["components", "schemas", _, ..] => {
                names.drain(..2);
                // A member may have the name of the word that it stands under.
                let mut is_word = false;
                let mut is_first = true;
                names.retain(|name| {
                    is_word = !is_first && !is_word && *name == "properties";
                    is_first = false;
                    !is_word
                });
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
