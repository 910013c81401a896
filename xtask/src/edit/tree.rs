//! YAML with the place of every part, in bytes.

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};

/// The number of a part.
pub(super) type Id = usize;

/// A part of a text.
#[derive(Debug)]
pub(super) struct Node {
    pub kind: Kind,
    /// Its place in the text, without its anchor.
    pub range: Range<usize>,
    /// Its anchor: name and place, with the `&`.
    pub anchor: Option<(String, Range<usize>)>,
    pub parent: Option<Id>,
}

#[derive(Debug)]
pub(super) enum Kind {
    Scalar {
        text: String,
        style: ScalarStyle,
    },
    List {
        is_flow: bool,
        items: Vec<Id>,
    },
    /// Names and values, each with its place.
    Mapping {
        is_flow: bool,
        entries: Vec<(Id, Id)>,
    },
    /// A repetition of another part.
    Alias(Id),
}

impl Node {
    /// Where it begins, with its anchor.
    pub fn start(&self) -> usize {
        self.anchor.as_ref().map_or(self.range.start, |(_, at)| at.start.min(self.range.start))
    }
}

/// All parts of a text; the first is the whole.
#[derive(Debug)]
pub(super) struct Tree(pub Vec<Node>);

/// A collection that is not yet at its end.
struct Open {
    id: Id,
    /// The name that waits for its value.
    name: Option<Id>,
}

impl Tree {
    pub fn parse(text: &str) -> Result<Self, String> {
        let options = granit_parser::options! { emit_anchor_events: true, emit_comments: false };
        let mut tree = Self(Vec::new());
        let mut open: Vec<Open> = Vec::new();
        // The part of each anchor, by the parser's number for the anchor.
        let mut anchored: Vec<(usize, Id)> = Vec::new();
        let mut last = None;
        for event in Parser::new_from_str_with_options(text, options) {
            let (event, span) = event
                .map_err(|e| format!("line {}: is not YAML: {}", e.marker().line(), e.info()))?;
            let at = bytes(span, text)?;
            match event {
                Event::Scalar(value, style, anchor, _) => {
                    let kind = Kind::Scalar { text: value.into_owned(), style };
                    let end = at.start + text[at.clone()].trim_end().len();
                    let id = tree.add(kind, at.start..end, &mut open);
                    anchored.push((anchor, id));
                    last = Some(id);
                }
                Event::SequenceStart(style, anchor, _) => {
                    let is_flow = style == StructureStyle::Flow;
                    let id = tree.add(Kind::List { is_flow, items: Vec::new() }, at, &mut open);
                    anchored.push((anchor, id));
                    open.push(Open { id, name: None });
                    last = Some(id);
                }
                Event::MappingStart(style, anchor, _) => {
                    let is_flow = style == StructureStyle::Flow;
                    let kind = Kind::Mapping { is_flow, entries: Vec::new() };
                    let id = tree.add(kind, at, &mut open);
                    anchored.push((anchor, id));
                    open.push(Open { id, name: None });
                    last = Some(id);
                }
                Event::Anchor(_, name) => {
                    if let Some(node) = last.and_then(|id: Id| tree.0.get_mut(id)) {
                        node.anchor = Some((name.to_string(), at));
                    }
                }
                Event::Alias(anchor) => {
                    let target = anchored.iter().rev().find(|(number, _)| *number == anchor);
                    let Some((_, target)) = target else {
                        return Err("an alias repeats what is not there".to_owned());
                    };
                    tree.add(Kind::Alias(*target), at, &mut open);
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    if let Some(closed) = open.pop() {
                        tree.close(closed.id, at.end);
                    }
                }
                _ => {}
            }
        }
        if tree.0.is_empty() {
            return Err("is empty".to_owned());
        }
        Ok(tree)
    }

    /// Adds a part to the collection that is open.
    fn add(&mut self, kind: Kind, range: Range<usize>, open: &mut [Open]) -> Id {
        let id = self.0.len();
        let parent = open.last_mut();
        self.0.push(Node { kind, range, anchor: None, parent: parent.as_ref().map(|p| p.id) });
        if let Some(parent) = parent {
            match &mut self.0[parent.id].kind {
                Kind::List { items, .. } => items.push(id),
                Kind::Mapping { entries, .. } => match parent.name.take() {
                    None => parent.name = Some(id),
                    Some(name) => entries.push((name, id)),
                },
                _ => {}
            }
        }
        id
    }

    /// Gives a collection its end: the bracket, or the end of its last part.
    fn close(&mut self, id: Id, bracket: usize) {
        let last = match &self.0[id].kind {
            Kind::List { is_flow: false, items } => items.last().copied(),
            Kind::Mapping { is_flow: false, entries } => entries.last().map(|(_, value)| *value),
            _ => None,
        };
        let name = match &self.0[id].kind {
            Kind::Mapping { is_flow: false, entries } => entries.last().map(|(name, _)| *name),
            _ => None,
        };
        let end = match last {
            None => bracket,
            // A value left out stands nowhere.
            Some(last) if self.0[last].range.is_empty() => {
                name.map_or(self.0[last].range.start, |name| self.0[name].range.end + 1)
            }
            Some(last) => self.0[last].range.end,
        };
        let start = self.0[id].range.start;
        self.0[id].range.end = end.max(start);
    }

    /// The part itself, or what it repeats.
    pub fn resolve(&self, id: Id) -> Id {
        match self.0[id].kind {
            Kind::Alias(target) => target,
            _ => id,
        }
    }

    /// The value called `word` of a mapping, or the item of that number; an alias is followed, and so
    /// is a merge.
    pub fn step(&self, id: Id, word: &str) -> Option<Id> {
        match &self.0[self.resolve(id)].kind {
            Kind::List { items, .. } => items.get(word.parse::<usize>().ok()?).copied(),
            Kind::Mapping { entries, .. } => {
                let value = |word: &str| {
                    let found = entries.iter().find(|(name, _)| self.text(*name) == Some(word));
                    found.map(|(_, value)| *value)
                };
                // A merge may hold only what stands earlier, so this ends.
                value(word).or_else(|| {
                    let merged = value("<<").map(|id| self.resolve(id)).filter(|at| *at < id)?;
                    self.step(merged, word)
                })
            }
            _ => None,
        }
    }

    /// The text of a scalar.
    pub fn text(&self, id: Id) -> Option<&str> {
        match &self.0[self.resolve(id)].kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The way to a part from the whole, as it stands in the text.
    pub fn path(&self, id: Id) -> Vec<String> {
        let mut path = Vec::new();
        let mut at = id;
        while let Some(parent) = self.0[at].parent {
            match &self.0[parent].kind {
                Kind::List { items, .. } => {
                    let index = items.iter().position(|item| *item == at);
                    path.push(index.unwrap_or_default().to_string());
                }
                Kind::Mapping { entries, .. } => {
                    let name = entries.iter().find(|(_, value)| *value == at);
                    let name = name.and_then(|(name, _)| self.text(*name));
                    path.push(name.unwrap_or_default().to_owned());
                }
                _ => {}
            }
            at = parent;
        }
        path.reverse();
        path
    }
}

fn bytes(span: Span, text: &str) -> Result<Range<usize>, String> {
    let range = span.byte_range().ok_or("a part has no place")?;
    let end = range.end.min(text.len());
    let start = range.start.min(end);
    if text.is_char_boundary(start) && text.is_char_boundary(end) {
        return Ok(start..end);
    }
    Err("a part begins within a character".to_owned())
}
