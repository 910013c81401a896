//! Compares what a page says in prose of limits with the limits of the document.
//!
//! A document says more of some things than any page: that a required text is not empty, that a number is
//! not negative, what a pattern is. Such limits are compared only where the page has one too. Any other
//! limit that only one side has is found, unless the page has no description there.

use std::collections::BTreeSet;

use regex_lite::Regex;
use serde_json::Value;

use super::{
    Comparer,
    members::{Direction, Known, Side, target},
};
use crate::{
    audit::{finding::Kind, page::Member},
    document::{Document, Lines, ObjectSchema, Schema},
};

/// The document's limits of one member.
#[derive(Default)]
struct Own<'a> {
    min_length: Option<Bound>,
    max_length: Option<Bound>,
    max_bytes: Option<Bound>,
    key_max_length: Option<Bound>,
    minimum: Option<Bound>,
    maximum: Option<Bound>,
    min_items: Option<Bound>,
    max_items: Option<Bound>,
    values: Option<(&'a [String], u64)>,
    pattern: Option<(&'a Regex, u64)>,
    key_pattern: Option<(&'a Regex, u64)>,
    /// True where a character is a byte.
    is_ascii: bool,
    /// True where the text is what a list holds: only the page's limits count.
    is_of_items: bool,
}

/// A limit with the document's word for it.
#[derive(Clone, Copy)]
struct Bound {
    word: &'static str,
    value: i128,
    line: u64,
}

/// A number a page gives and the one of the document.
struct Numbers {
    /// The document's word, where it has no number.
    word: &'static str,
    page: Option<i128>,
    own: Option<Bound>,
    /// True where it is no difference that the page has none.
    is_quiet: bool,
}

impl<'a> Own<'a> {
    fn of(document: &'a Document, schema: &'a Schema) -> Self {
        let Some((_, resolved)) = target(document, schema) else { return Self::default() };
        let mut own = Self::of_type(document, resolved);
        if let Schema::Narrowed(narrowed) = schema
            && let Some(values) = &narrowed.values
        {
            own.values = Some((values, narrowed.lines.of("enum")));
        }
        own
    }

    fn of_type(document: &'a Document, schema: &'a Schema) -> Self {
        let lines = schema.lines();
        let bound = |word, value: Option<u64>| bound(lines, word, value.map(i128::from));
        let signed = |word, value: Option<i64>| self::bound(lines, word, value.map(i128::from));
        match schema {
            Schema::Text(text) => {
                let word = if text.values.is_some() { "enum" } else { "x-extensible-enum" };
                let mut own = Self {
                    min_length: bound("minLength", text.min_length),
                    max_length: bound("maxLength", text.max_length),
                    max_bytes: bound("x-max-bytes", text.max_bytes),
                    values: schema.values().map(|values| (values, lines.of(word))),
                    pattern: text.pattern.as_ref().map(|p| (&**p, lines.of("pattern"))),
                    // Base64 has no other characters.
                    is_ascii: matches!(text.format, Some(crate::document::TextFormat::Byte)),
                    ..Self::default()
                };
                if let Some(json) = &text.json_object {
                    let line = lines.of("x-json-object");
                    let bound =
                        |word, value: u64| Some(Bound { word, value: i128::from(value), line });
                    own.max_items = bound("maxProperties", json.max_properties);
                    own.key_max_length = bound("keyMaxLength", json.key_max_length);
                    own.key_pattern = Some((&json.key_pattern, line));
                }
                own
            }
            Schema::Integer(integer) => Self {
                minimum: signed("minimum", integer.minimum),
                maximum: signed("maximum", integer.maximum),
                ..Self::default()
            },
            Schema::List(list) => Self {
                min_items: bound("minItems", list.min_items),
                max_items: bound("maxItems", list.max_items),
                is_of_items: true,
                ..Self::of_item(document, &list.items)
            },
            Schema::Object(object) => {
                Self { min_items: bound("minProperties", object.min_properties), ..Self::default() }
            }
            _ => Self::default(),
        }
    }

    /// The limits of a list's item, if that is no list itself.
    fn of_item(document: &'a Document, item: &'a Schema) -> Self {
        let is_list =
            |schema| matches!(target(document, schema), Some((_, Schema::List(_))) | None);
        if is_list(item) { Self::default() } else { Self::of(document, item) }
    }
}

fn bound(lines: &Lines, word: &'static str, value: Option<i128>) -> Option<Bound> {
    value.map(|value| Bound { word, value, line: lines.of(word) })
}

impl<'a> Comparer<'a> {
    pub(super) fn limits(
        &mut self,
        place: &str,
        member: &Member,
        known: &Known<'a>,
        direction: Direction,
    ) {
        let own = Own::of(self.document, known.schema);
        let own_line = known.schema.lines().own();
        self.values(place, member, &own, own_line, direction);
        // Answers are read whatever limits they keep.
        if direction == Direction::Answer {
            return;
        }
        self.numbers(place, member, &own, own_line);
        let classes = [
            ("pattern", &member.limits.characters, own.pattern),
            ("keyPattern", &member.limits.key_characters, own.key_pattern),
        ];
        for (limit, class, pattern) in classes {
            if let Some(class) = class
                && !pattern.is_some_and(|(pattern, _)| may_be_same(pattern, class))
            {
                let line = pattern.map_or(own_line, |(_, line)| line);
                let document = pattern.map(|(pattern, _)| pattern.as_str().to_owned());
                let kind = Kind::LimitDiffers { limit, page: Some(class.clone()), document };
                self.found((member.line, line), place, kind);
            }
        }
        self.default(place, member, known);
    }

    fn numbers(&mut self, place: &str, member: &Member, own: &Own<'_>, own_line: u64) {
        let limits = &member.limits;
        let of = |value: Option<u64>| value.map(i128::from);
        let signed = |value: Option<i64>| value.map(i128::from);
        let numbers = |word, page, own: Option<Bound>, least: i128| {
            let is_quiet = own.is_some_and(|own| own.value <= least);
            Numbers { word, page, own, is_quiet }
        };
        let none = i128::MIN;
        let mut all = vec![
            numbers("minLength", of(limits.min_characters), own.min_length, 1),
            numbers("minimum", signed(limits.minimum), own.minimum, 0),
            numbers("maximum", signed(limits.maximum), own.maximum, none),
            numbers("minItems", of(limits.min_items), own.min_items, 1),
            numbers("maxItems", of(limits.max_items), own.max_items, none),
            numbers("keyMaxLength", of(limits.key_max_characters), own.key_max_length, none),
        ];
        let (characters, bytes) = (of(limits.max_characters), of(limits.max_bytes));
        if own.is_ascii {
            let own = own.max_length.or(own.max_bytes);
            all.push(numbers("maxLength", characters.or(bytes), own, none));
        } else {
            all.push(numbers("maxLength", characters, own.max_length, none));
            all.push(numbers("x-max-bytes", bytes, own.max_bytes, none));
        }
        let says_nothing = member.text.trim().is_empty();
        for Numbers { word, page, own: bound, is_quiet } in all {
            let is_item = own.is_of_items && !word.ends_with("Items");
            let is_quiet = is_quiet || says_nothing || is_item;
            let document = bound.map(|bound| bound.value);
            if page == document || page.is_none() && is_quiet {
                continue;
            }
            let (limit, line) = bound.map_or((word, own_line), |bound| (bound.word, bound.line));
            let text = |number: Option<i128>| number.map(|number| number.to_string());
            let kind = Kind::LimitDiffers { limit, page: text(page), document: text(document) };
            self.found((member.line, line), place, kind);
        }
    }

    fn values(
        &mut self,
        place: &str,
        member: &Member,
        own: &Own<'_>,
        own_line: u64,
        direction: Direction,
    ) {
        let page = &member.limits.values;
        let (values, line) = own.values.unwrap_or((&[], own_line));
        if page.is_empty() {
            let is_quiet = direction == Direction::Answer
                || member.text.trim().is_empty()
                || own.is_of_items
                || values.is_empty();
            if !is_quiet {
                let document = Some(values.join(", "));
                let kind = Kind::LimitDiffers { limit: "enum", page: None, document };
                self.found((member.line, line), place, kind);
            }
            return;
        }
        let mut after = None;
        for value in page {
            if values.contains(value) {
                after = Some(value.clone());
            } else {
                let kind = Kind::ValueMissing { value: value.clone(), after: after.clone() };
                self.found((member.line, line), place, kind);
            }
        }
        for value in values.iter().filter(|value| !page.contains(value)) {
            self.found((member.line, line), place, Kind::ValueGone { value: value.clone() });
        }
    }

    /// Compares what stands where nothing is given, which a document says in its descriptions alone.
    fn default(&mut self, place: &str, member: &Member, known: &Known<'_>) {
        let own = known.description.and_then(stated_default);
        let line = known.lines.of("description");
        let (page, document) = match (&member.limits.default, own) {
            (Some(page), Some(Stated::Value(own))) => {
                if plain(page) == plain(own) {
                    return;
                }
                (Some(plain(page)), Some(plain(own)))
            }
            // A default that is described in words is not compared.
            (_, Some(Stated::Words)) | (None, None) => return,
            (Some(page), None) => (Some(plain(page)), None),
            (None, Some(Stated::Value(_))) if member.text.trim().is_empty() => return,
            (None, Some(Stated::Value(own))) => (None, Some(plain(own))),
        };
        let kind = Kind::LimitDiffers { limit: "default", page, document };
        self.found((member.line, line), place, kind);
    }

    /// Compares which members exclude each other, and which need a value of another.
    pub(super) fn groups(&mut self, place: &str, page: &[Member], side: &Side<'a>) {
        let is_known = |name: &str| side.known.iter().any(|known| known.name == name);
        let on_page = |name: &str| page.iter().find(|member| member.name == name);
        // A member that one side lacks is found already.
        let is_shared = |name: &str| is_known(name) && on_page(name).is_some();
        let says = |name: &str| on_page(name).is_some_and(|member| !member.text.trim().is_empty());
        let line = side.objects.first().map_or(0, |object| object.lines.own());

        let owns = groups_of(&side.objects);
        let mut pages = BTreeSet::new();
        for member in page {
            let mut group = member.limits.excludes.clone();
            if group.len() == 1 {
                group.push(member.name.clone());
            }
            for (at, a) in group.iter().enumerate() {
                let others = group.iter().skip(at + 1).filter(|b| *b != a && is_shared(b));
                pages.extend(others.filter(|_| is_shared(a)).map(|b| pair(a, b)));
            }
        }
        let known: BTreeSet<_> = owns.iter().map(|(pair, ..)| pair.clone()).collect();
        for (a, b) in &pages {
            if !known.contains(&(a.clone(), b.clone())) {
                let at = on_page(a).map_or(0, |member| member.line);
                self.group((at, line), &format!("{place}.{a}"), "x-exclusive", Some(b), None);
            }
        }
        for ((a, b), limit, line) in &owns {
            let is_new = !pages.contains(&(a.clone(), b.clone()));
            if is_new && is_shared(a) && is_shared(b) && says(a) && says(b) {
                let at = on_page(a).map_or(0, |member| member.line);
                self.group((at, *line), &format!("{place}.{a}"), limit, None, Some(b));
            }
        }

        let needs = needs_of(&side.objects);
        for member in page {
            let name = member.name.as_str();
            let place = format!("{place}.{name}");
            let ours = |other: &str| needs.iter().find(|need| need.0 == name && need.1 == other);
            for (other, value) in &member.limits.requires {
                let own = ours(other);
                let is_same = own.is_some_and(|need| need.2.eq_ignore_ascii_case(value));
                if is_known(name) && is_known(other) && !is_same {
                    let line = own.map_or(line, |need| need.3);
                    let page = format!("{other}={value}");
                    let own = own.map(|need| format!("{other}={}", need.2));
                    self.group(
                        (member.line, line),
                        &place,
                        "x-requires",
                        Some(&page),
                        own.as_deref(),
                    );
                }
            }
            for (_, other, value, line) in needs.iter().filter(|need| need.0 == name) {
                let is_stated = member.limits.requires.iter().any(|(page, _)| page == other);
                if !is_stated && is_shared(other) && says(name) {
                    let own = format!("{other}={value}");
                    self.group((member.line, *line), &place, "x-requires", None, Some(&own));
                }
            }
        }
    }

    fn group(
        &mut self,
        at: (usize, u64),
        place: &str,
        limit: &'static str,
        page: Option<&str>,
        document: Option<&str>,
    ) {
        let text = |side: Option<&str>| side.map(str::to_owned);
        let kind = Kind::LimitDiffers { limit, page: text(page), document: text(document) };
        self.found(at, place, kind);
    }
}

/// Two names, whichever comes first.
fn pair(a: &str, b: &str) -> (String, String) {
    if a < b { (a.to_owned(), b.to_owned()) } else { (b.to_owned(), a.to_owned()) }
}

/// All pairs of members of which at most one is given, with the document's word and its line.
fn groups_of(objects: &[&ObjectSchema]) -> Vec<((String, String), &'static str, u64)> {
    let mut pairs = Vec::new();
    for object in objects {
        let words =
            [("x-exclusive", &object.exclusive), ("x-exactly-one-of", &object.exactly_one_of)];
        for (word, groups) in words {
            for group in groups {
                for (at, a) in group.iter().enumerate() {
                    let others = group.iter().skip(at + 1);
                    pairs.extend(others.map(|b| (pair(a, b), word, object.lines.of(word))));
                }
            }
        }
    }
    pairs
}

/// A member, another one, the value that it must have then, and the line.
type Need<'a> = (&'a str, &'a str, String, u64);

fn needs_of<'a>(objects: &[&'a ObjectSchema]) -> Vec<Need<'a>> {
    let mut needs = Vec::new();
    for object in objects {
        let line = object.lines.of("x-requires");
        for (name, others) in &object.requires {
            needs.extend(others.iter().map(|(other, value)| {
                let value = match value {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                (name.as_str(), other.as_str(), value, line)
            }));
        }
    }
    needs
}

/// A default that a description states.
enum Stated<'a> {
    Value(&'a str),
    /// It depends on something.
    Words,
}

/// The text behind `Default:` in a description of the document.
fn stated_default(description: &str) -> Option<Stated<'_>> {
    let (_, rest) = description.split_once("Default:")?;
    let rest = rest.trim_start();
    if let Some(quoted) = rest.strip_prefix('`') {
        let (value, rest) = quoted.split_once('`')?;
        // `root` on Linux.
        let depends = rest.trim_start().starts_with(char::is_alphanumeric);
        return Some(if depends { Stated::Words } else { Stated::Value(value) });
    }
    let word = rest.split([' ', '\n', ',', ';']).next().unwrap_or_default();
    let word = word.trim_end_matches('.');
    let is_value = word.parse::<f64>().is_ok() || matches!(word, "true" | "false");
    Some(if is_value { Stated::Value(word) } else { Stated::Words })
}

/// A default without quotes, without the unit of a number, and with truth in lower case.
fn plain(value: &str) -> String {
    let value = value.trim().trim_matches(['`', '"', '\'']);
    let first = value.split_whitespace().next().unwrap_or_default();
    if first.parse::<f64>().is_ok() {
        return first.to_owned();
    }
    match value.to_ascii_lowercase().as_str() {
        word @ ("true" | "false") => word.to_owned(),
        _ => value.to_owned(),
    }
}

/// True unless the pattern takes a printable ASCII character that the class lacks, or the reverse.
///
/// A text of one such character, or of some, is tried; where the pattern takes none at all, because it
/// wants a certain length or form, nothing can be said.
fn may_be_same(pattern: &Regex, class: &str) -> bool {
    // A page says how a text starts, and a document may say more.
    if let Some(start) = class.strip_prefix('^').and_then(|rest| rest.strip_suffix(".*$")) {
        return pattern.as_str().strip_prefix('^').is_some_and(|rest| rest.starts_with(start));
    }
    let allowed = characters(class);
    let takes = |c: char| {
        [1, 2, 32].iter().any(|count| pattern.is_match(&c.to_string().repeat(*count)))
            || pattern.is_match(&format!("a{c}a"))
    };
    let printable = (' '..='~').collect::<Vec<_>>();
    if allowed.is_empty() || !printable.iter().any(|c| takes(*c)) {
        return true;
    }
    printable.into_iter().all(|c| takes(c) == allowed.contains(&c))
}

/// The ASCII characters of a class such as `[a-zA-Z0-9-_]`. What is no range, such as `_-.`, stands for itself.
fn characters(class: &str) -> BTreeSet<char> {
    let class: Vec<char> = class.chars().filter(|c| !matches!(c, '[' | ']' | '\\')).collect();
    let mut found = BTreeSet::new();
    let mut at = 0;
    while let Some(first) = class.get(at).copied() {
        match (class.get(at + 1), class.get(at + 2).copied()) {
            (Some('-'), Some(last))
                if first.is_ascii_alphanumeric()
                    && last.is_ascii_alphanumeric()
                    && first <= last =>
            {
                found.extend(first..=last);
                at += 3;
            }
            _ => {
                found.insert(first);
                at += 1;
            }
        }
    }
    found.retain(char::is_ascii);
    found
}
