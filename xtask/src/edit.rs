//! Edits of YAML in place: a part is found by its way, and what is not edited stays byte for byte.
//!
//! Every edit is made by the place of the parts in the text, and the text is read again after it. So an
//! edit sees what the one before it did, and an edit whose result is there already changes nothing.

mod anchor;
mod tree;
mod yaml;

use std::ops::Range;

use granit_parser::ScalarStyle;
use serde_json::Value;
use tree::{Id, Kind, Tree};
use yaml::WIDTH;

pub use yaml::Yaml;

/// A part of more parts than this is not copied: aliases of aliases have no end to speak of.
const BUDGET: usize = 20_000;

/// Nor is one that is nested deeper than this.
const DEPTH: usize = 100;

/// The way to a part: names of mappings and numbers of lists.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Way(pub Vec<String>);

impl Way {
    /// The way of these words.
    pub fn of<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> Self {
        Self(words.into_iter().map(|word| word.as_ref().to_owned()).collect())
    }

    /// One word further.
    pub fn to(&self, word: &str) -> Self {
        let mut way = self.clone();
        way.0.push(word.to_owned());
        way
    }

    /// One word less, and that word.
    fn split(&self) -> Result<(Self, &str), String> {
        let (last, first) = self.0.split_last().ok_or("the whole document cannot be edited")?;
        Ok((Self(first.to_vec()), last))
    }

    /// True for a way that leads there, or further.
    pub fn begins_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

/// The place of a new part.
#[derive(Clone, Copy, Debug)]
pub enum Put<'a> {
    /// In front of all others.
    First,
    /// Behind the one of this name, or the item with this text; at the end, where there is none.
    After(&'a str),
    /// Behind the item of this number.
    AfterItem(usize),
    /// Behind all others.
    Last,
}

impl<'a> Put<'a> {
    /// Behind the one of this name; in front of all others without a name.
    pub fn after(name: Option<&'a str>) -> Self {
        name.map_or(Self::First, Self::After)
    }
}

/// A text that is being edited.
pub struct Editor {
    text: String,
    tree: Tree,
    newline: &'static str,
}

impl Editor {
    /// Reads a text.
    ///
    /// # Errors
    /// A sentence, if it is not YAML.
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        let text = text.into();
        let tree = Tree::parse(&text)?;
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        Ok(Self { text, tree, newline })
    }

    /// The text as it is now.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn find(&self, way: &Way) -> Option<Id> {
        way.0.iter().try_fold(0, |id, word| self.tree.step(id, word))
    }

    fn at(&self, way: &Way) -> Result<Id, String> {
        let id = self.find(way).ok_or_else(|| format!("there is no {}", way.0.join(".")))?;
        Ok(self.tree.resolve(id))
    }

    /// True where the way leads somewhere.
    pub fn has(&self, way: &Way) -> bool {
        self.find(way).is_some()
    }

    /// The text of the scalar there.
    pub fn scalar(&self, way: &Way) -> Option<&str> {
        self.tree.text(self.find(way)?)
    }

    /// The names of the mapping there, or the numbers of the list's items.
    pub fn names(&self, way: &Way) -> Vec<String> {
        let Some(id) = self.find(way) else { return Vec::new() };
        match &self.tree.0[self.tree.resolve(id)].kind {
            Kind::List { items, .. } => (0..items.len()).map(|index| index.to_string()).collect(),
            Kind::Mapping { entries, .. } => {
                let names = entries.iter().filter_map(|(name, _)| self.tree.text(*name));
                names.map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The texts of the list's items there.
    pub fn texts(&self, way: &Way) -> Vec<String> {
        let scalar = |name: &String| self.scalar(&way.to(name)).unwrap_or_default().to_owned();
        self.names(way).iter().map(scalar).collect()
    }

    /// True where the list there has an item with this text.
    pub fn lists(&self, way: &Way, text: &str) -> bool {
        self.names(way).iter().any(|index| self.scalar(&way.to(index)) == Some(text))
    }

    /// The source of the part there, in the lines it has.
    pub fn source(&self, way: &Way) -> Option<&str> {
        let id = self.tree.resolve(self.find(way)?);
        self.text.get(self.tree.0[id].range.clone())
    }

    /// The part there as JSON, with what its aliases repeat.
    ///
    /// # Errors
    /// A sentence, if there is none, or it is too large.
    pub fn plain_value(&self, way: &Way) -> Result<Value, String> {
        let mut budget = BUDGET;
        self.plain(self.at(way)?, &mut budget, 0)
    }

    fn plain(&self, id: Id, budget: &mut usize, depth: usize) -> Result<Value, String> {
        let rest = budget.checked_sub(1).filter(|_| depth < DEPTH);
        *budget = rest.ok_or("a part is too large to be copied")?;
        let id = self.tree.resolve(id);
        Ok(match &self.tree.0[id].kind {
            Kind::Scalar { text, style: ScalarStyle::Plain } => serde_json::from_str(text)
                .ok()
                .filter(|value: &Value| !value.is_string())
                .unwrap_or_else(|| match text.as_str() {
                    "" | "~" => Value::Null,
                    text => Value::from(text),
                }),
            Kind::Scalar { text, .. } => Value::from(text.as_str()),
            Kind::List { items, .. } => {
                let items = items.iter().map(|item| self.plain(*item, budget, depth + 1));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            Kind::Mapping { entries, .. } => {
                let entry = |(name, value): &(Id, Id)| {
                    let name = self.tree.text(*name).unwrap_or_default().to_owned();
                    Ok((name, self.plain(*value, budget, depth + 1)?))
                };
                Value::Object(entries.iter().map(entry).collect::<Result<_, String>>()?)
            }
            Kind::Alias(_) => Value::Null,
        })
    }

    /// True where the list there has a comment between its items, and `index` stands before the last one.
    pub fn is_in_first_section(&self, list: &Way, index: usize) -> bool {
        let Some(id) = self.find(list) else { return false };
        let Kind::List { items, .. } = &self.tree.0[self.tree.resolve(id)].kind else {
            return false;
        };
        let place = |at: usize| items.get(at).map(|id| self.tree.0[*id].range.start);
        let (Some(from), Some(last)) = (place(index), items.last()) else { return false };
        let rest = self.text.get(from..self.tree.0[*last].range.start).unwrap_or_default();
        rest.lines().any(|line| line.trim_start().starts_with('#'))
    }

    /// Replaces parts of the text, and reads it again.
    fn replace(&mut self, mut edits: Vec<(Range<usize>, String)>) -> Result<(), String> {
        edits.sort_by_key(|(range, _)| range.start);
        let mut text = self.text.clone();
        for (range, put) in edits.into_iter().rev() {
            let put = if self.newline == "\n" { put } else { put.replace('\n', self.newline) };
            text.replace_range(range, &put);
        }
        let tree = Tree::parse(&text).map_err(|e| format!("an edit goes wrong: {e}"))?;
        (self.text, self.tree) = (text, tree);
        Ok(())
    }

    // ---- Lines.

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// The end of the line, before its newline.
    fn line_end(&self, at: usize) -> usize {
        let end = self.text[at..].find('\n').map_or(self.text.len(), |newline| at + newline);
        if self.text[at..end].ends_with('\r') { end - 1 } else { end }
    }

    /// The beginning of the next line.
    fn next_line(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |newline| at + newline + 1)
    }

    fn column(&self, at: usize) -> usize {
        self.text[self.line_start(at)..at].chars().count()
    }

    /// The beginning of the comments right above the line of `at`, at its column.
    fn with_comments(&self, at: usize) -> usize {
        let column = self.column(at);
        let mut start = self.line_start(at);
        while start > 0 {
            let above = self.line_start(start - 1);
            let line = &self.text[above..start];
            let indent = line.chars().take_while(|c| *c == ' ').count();
            if indent != column || !line.trim_start().starts_with('#') {
                break;
            }
            start = above;
        }
        start
    }

    /// The end of the last line of a part at the column `indent`: comments below it that are indented
    /// deeper belong to it.
    fn tail(&self, end: usize, indent: usize) -> usize {
        let mut end = self.line_end(end);
        loop {
            let next = self.next_line(end);
            let line = &self.text[next..self.line_end(next)];
            let column = line.chars().take_while(|c| *c == ' ').count();
            if column <= indent || !line.trim_start().starts_with('#') {
                return end;
            }
            end = self.line_end(next);
        }
    }

    /// Where a part of a collection begins: its name, or its dash.
    fn begin(&self, part: Part) -> usize {
        match part.name {
            Some(name) => self.tree.0[name].start(),
            None => {
                let start = self.tree.0[part.value].start();
                if part.is_flow {
                    return start;
                }
                self.text[..start].rfind('-').unwrap_or(start)
            }
        }
    }

    fn end(&self, part: Part) -> usize {
        let value = &self.tree.0[part.value];
        if value.range.is_empty() && value.anchor.is_none() {
            // A value left out: the colon ends it.
            return part.name.map_or(value.range.end, |name| {
                let end = self.tree.0[name].range.end;
                self.text[end..].find(':').map_or(end, |colon| end + colon + 1)
            });
        }
        let anchor = value.anchor.as_ref().map_or(0, |(_, at)| at.end);
        value.range.end.max(anchor)
    }

    fn parts(&self, id: Id) -> Option<(bool, Vec<Part>)> {
        match &self.tree.0[id].kind {
            Kind::List { is_flow, items } => {
                let part = |item: &Id| Part { name: None, value: *item, is_flow: *is_flow };
                Some((*is_flow, items.iter().map(part).collect()))
            }
            Kind::Mapping { is_flow, entries } => {
                let part = |(name, value): &(Id, Id)| Part {
                    name: Some(*name),
                    value: *value,
                    is_flow: *is_flow,
                };
                Some((*is_flow, entries.iter().map(part).collect()))
            }
            _ => None,
        }
    }

    /// The number of the part behind which a new one goes.
    fn position(&self, parts: &[Part], put: Put<'_>) -> Option<usize> {
        let last = parts.len().checked_sub(1);
        match put {
            Put::First => None,
            Put::Last => last,
            Put::AfterItem(index) => last.map(|last| last.min(index)),
            Put::After(word) => {
                let is_it =
                    |part: &Part| self.tree.text(part.name.unwrap_or(part.value)) == Some(word);
                parts.iter().position(is_it).or(last)
            }
        }
    }

    // ---- Edits.

    /// Gives the mapping at `way` the name and the value; where it has the name, only the value.
    ///
    /// # Errors
    /// A sentence, if there is no mapping.
    pub fn set(&mut self, way: &Way, name: &str, value: &Yaml, put: Put<'_>) -> Result<(), String> {
        if self.has(&way.to(name)) {
            return self.replace_value(&way.to(name), value);
        }
        self.insert(way, Some(name), value, put)
    }

    /// Puts an item into the list at `way`.
    ///
    /// # Errors
    /// A sentence, if there is no list.
    pub fn push(&mut self, way: &Way, value: &Yaml, put: Put<'_>) -> Result<(), String> {
        self.insert(way, None, value, put)
    }

    fn insert(
        &mut self,
        way: &Way,
        name: Option<&str>,
        value: &Yaml,
        put: Put<'_>,
    ) -> Result<(), String> {
        let id = self.at(way)?;
        let is_list = matches!(self.tree.0[id].kind, Kind::List { .. });
        let Some((is_flow, parts)) = self.parts(id).filter(|_| is_list == name.is_none()) else {
            let what = if name.is_some() { "mapping" } else { "list" };
            return Err(format!("{} is no {what}", way.0.join(".")));
        };
        let after = self.position(&parts, put);
        if is_flow {
            let written = match name {
                Some(name) => format!("{}: {}", yaml::scalar(name, true), value.inline()),
                None => value.inline(),
            };
            return self.insert_in_flow(id, &parts, after, &written);
        }
        let Some(first) = parts.first() else {
            return Err(format!("{} is empty", way.0.join(".")));
        };
        let indent = self.column(self.begin(*first));
        let written = match name {
            Some(name) => value.entry(name, indent),
            None => value.item(indent),
        };
        let margin = " ".repeat(indent);
        let Some(after) = after else {
            let begin = self.begin(*first);
            let is_large =
                !matches!(self.tree.0[first.value].kind, Kind::Scalar { .. } | Kind::Alias(_));
            // The first may follow a dash on its line.
            if !self.text[self.line_start(begin)..begin].trim().is_empty() {
                return self.replace(vec![(begin..begin, format!("{written}\n{margin}"))]);
            }
            let at = if is_large { self.with_comments(begin) } else { self.line_start(begin) };
            return self.replace(vec![(at..at, format!("{margin}{written}\n"))]);
        };
        let at = self.tail(self.end(parts[after]), indent);
        let blank = if self.has_blank_between(&parts, after) { "\n" } else { "" };
        self.replace(vec![(at..at, format!("\n{blank}{margin}{written}"))])
    }

    /// True where the neighbours of the part `after` have an empty line between them.
    fn has_blank_between(&self, parts: &[Part], after: usize) -> bool {
        let from = if after > 0 { after - 1 } else { after };
        let (Some(one), Some(other)) = (parts.get(from), parts.get(from + 1)) else { return false };
        let (from, to) = (self.end(*one), self.begin(*other));
        let gap = self.text.get(from..to).unwrap_or_default();
        gap.lines().skip(1).any(|line| line.trim().is_empty() && !line.starts_with(' '))
            && gap.matches('\n').count() > 1
    }

    fn insert_in_flow(
        &mut self,
        id: Id,
        parts: &[Part],
        after: Option<usize>,
        written: &str,
    ) -> Result<(), String> {
        let node = &self.tree.0[id];
        let (at, before, behind) = match after {
            Some(after) => (self.end(parts[after]), ", ", ""),
            None if parts.is_empty() => (node.range.start + 1, "", ""),
            None => (self.begin(parts[0]), "", ", "),
        };
        let (start, end) = (self.line_start(at), self.line_end(at));
        let length = self.text[start..end].chars().count();
        let fits = length + before.len() + written.chars().count() + behind.len() <= WIDTH;
        if fits || after.is_none() {
            return self.replace(vec![(at..at, format!("{before}{written}{behind}"))]);
        }
        // A line of its own, at the column of the lines before it; the first of them begins with the bracket.
        let own = self.line_start(node.range.start);
        let indent = self.text[start..].chars().take_while(|c| *c == ' ').count();
        let indent = if start == own { indent + 2 } else { indent };
        let margin = " ".repeat(indent);
        // The rest of the line follows behind it.
        let mut edits = vec![(at..at, format!(",\n{margin}{written}"))];
        let rest = &self.text[at..end];
        if rest.chars().count() + indent + written.chars().count() > WIDTH && rest.starts_with(", ")
        {
            edits.push((at..at + 2, format!(",\n{margin}")));
        }
        self.replace(edits)
    }

    /// Replaces the value at `way`; quotes stay as they are.
    ///
    /// # Errors
    /// A sentence, if there is none.
    pub fn replace_value(&mut self, way: &Way, value: &Yaml) -> Result<(), String> {
        let id = self.at(way)?;
        let node = &self.tree.0[id];
        let parent = node.parent.and_then(|parent| self.parts(parent));
        let part = parent.and_then(|(_, parts)| parts.into_iter().find(|part| part.value == id));
        let Some(part) = part else { return Err(format!("{} stands nowhere", way.0.join("."))) };
        if let (Kind::Scalar { text, style }, Yaml::Text(new)) = (&node.kind, value) {
            // Without quotes, `true` is no text.
            let is_text = *style != ScalarStyle::Plain || yaml::scalar(new, part.is_flow) == *new;
            if text == new && is_text {
                return Ok(());
            }
            let is_short = !new.contains(['\n', '\r'])
                && self.column(node.range.start) + new.chars().count() + 2 <= WIDTH;
            if *style == ScalarStyle::SingleQuoted && is_short {
                return self.replace(vec![(node.range.clone(), yaml::single(new))]);
            }
        }
        let inline = part.is_flow || matches!(value, Yaml::Raw(_));
        if inline {
            let new = value.inline();
            if self.text.get(node.range.clone()) == Some(&new) {
                return Ok(());
            }
            return self.replace(vec![(node.range.clone(), new)]);
        }
        let begin = self.begin(part);
        let indent = self.column(begin);
        let (from, new) = match part.name.and_then(|name| self.tree.text(name).map(|t| (name, t))) {
            Some((name, text)) => {
                let entry = value.entry(text, indent);
                // The name stays as it is written.
                let colon = yaml::scalar(text, false).len();
                (self.tree.0[name].range.end, entry.get(colon..).unwrap_or_default().to_owned())
            }
            None => (begin, value.item(indent)),
        };
        let to = self.end(part);
        self.replace(vec![(from..to, new)])
    }

    /// Replaces text within the value at `way`, as it stands in the source.
    ///
    /// # Errors
    /// A sentence, if there is none.
    pub fn replace_within(
        &mut self,
        way: &Way,
        range: Range<usize>,
        new: &str,
    ) -> Result<(), String> {
        let start = self.tree.0[self.at(way)?].range.start;
        self.replace(vec![(start + range.start..start + range.end, new.to_owned())])
    }

    /// Gives the entry at `way` another name.
    ///
    /// # Errors
    /// A sentence, if there is none.
    pub fn rename(&mut self, way: &Way, name: &str) -> Result<(), String> {
        let (parent, old) = way.split()?;
        let id = self.at(&parent)?;
        let found = self.parts(id).and_then(|(_, parts)| {
            parts.into_iter().find_map(|part| part.name.filter(|n| self.tree.text(*n) == Some(old)))
        });
        let found = found.ok_or_else(|| format!("there is no {}", way.0.join(".")))?;
        self.replace(vec![(self.tree.0[found].range.clone(), yaml::scalar(name, false))])
    }

    /// Takes the entry or the item at `way` out, with the comments above it where it is an object. Where
    /// it is the only one, an empty collection stays. Where there is none, nothing changes.
    ///
    /// # Errors
    /// A sentence, if it cannot be taken out.
    pub fn remove(&mut self, way: &Way) -> Result<(), String> {
        if !self.has(way) {
            return Ok(());
        }
        let (parent, word) = way.split()?;
        let id = self.at(&parent)?;
        let Some((is_flow, parts)) = self.parts(id) else {
            return Err(format!("there is no {}", way.0.join(".")));
        };
        let index = match parts.first().and_then(|part| part.name) {
            Some(_) => parts
                .iter()
                .position(|part| part.name.and_then(|n| self.tree.text(n)) == Some(word)),
            None => word.parse().ok().filter(|index| *index < parts.len()),
        };
        let index = index.ok_or_else(|| format!("there is no {}", way.0.join(".")))?;
        let part = parts[index];
        let (begin, end) = (self.begin(part), self.end(part));
        if is_flow {
            let range = match (parts.get(index + 1), index.checked_sub(1).map(|i| parts[i])) {
                (Some(next), previous) => self.flow_range(begin, self.begin(*next), previous),
                (None, Some(previous)) => self.end(previous)..end,
                (None, None) => begin..end,
            };
            return self.replace(vec![(range, String::new())]);
        }
        if parts.len() == 1 {
            let empty = if part.name.is_some() { "{}" } else { "[]" };
            // It stands on lines of its own below a name, or behind a dash.
            let from = self.text[..begin].trim_end().len();
            let is_below = self.text[from..begin].contains('\n');
            let comments =
                self.text[..begin].lines().next_back().is_some_and(|l| l.trim().starts_with('#'));
            if is_below && !comments && self.text[..from].ends_with(':') {
                return self.replace(vec![(from..end, format!(" {empty}"))]);
            }
            return self.replace(vec![(begin..end, empty.to_owned())]);
        }
        let is_large =
            !matches!(self.tree.0[part.value].kind, Kind::Scalar { .. } | Kind::Alias(_));
        let own_line = self.text[self.line_start(begin)..begin].trim().is_empty();
        if !own_line {
            // The first of a mapping behind a dash: the next one takes its place.
            let next = parts.get(index + 1).map(|next| self.begin(*next));
            let next = next.ok_or_else(|| format!("{} cannot be taken out", way.0.join(".")))?;
            return self.replace(vec![(begin..next, String::new())]);
        }
        let from = if is_large { self.with_comments(begin) } else { self.line_start(begin) };
        let mut to = self.next_line(self.tail(end, self.column(begin)));
        // An empty line stays once.
        let above = self.text[..from].ends_with("\n\n") || self.text[..from].ends_with("\r\n\r\n");
        let blank = self.text[to..].strip_prefix(self.newline);
        if above && blank.is_some() {
            to += self.newline.len();
        }
        let mut from = from;
        if to == self.text.len() && !self.text.ends_with('\n') {
            // The text had no newline at its end, and gets none.
            from = self.text[..from].trim_end().len();
        }
        self.replace(vec![(from..to, String::new())])
    }

    /// The range to take out of a flow collection for a part that is not the last.
    fn flow_range(&self, begin: usize, next: usize, previous: Option<Part>) -> Range<usize> {
        let is_last_of_line = self.text[begin..next].contains('\n');
        let begins_line = self.text[self.line_start(begin)..begin].trim().is_empty();
        match previous {
            Some(previous) if is_last_of_line && !begins_line => {
                let end = self.line_end(begin);
                // The comma of the one before stays.
                let from = self.end(previous);
                let comma = self.text[from..].find(',').map_or(from, |comma| from + comma + 1);
                comma..end
            }
            _ if is_last_of_line && begins_line => self.line_start(begin)..self.line_start(next),
            _ => begin..next,
        }
    }

    /// Takes the part at `way` out, and every collection that is empty without it. Where there is none,
    /// nothing changes.
    ///
    /// # Errors
    /// As [`Self::remove`].
    pub fn prune(&mut self, way: &Way) -> Result<(), String> {
        let (parent, _) = way.split()?;
        if self.has(way) && self.names(&parent).len() == 1 && !parent.0.is_empty() {
            return self.prune(&parent);
        }
        self.remove(way)
    }
}

/// An entry or an item of a collection.
#[derive(Clone, Copy)]
struct Part {
    name: Option<Id>,
    value: Id,
    is_flow: bool,
}
