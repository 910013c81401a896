//! Makes examples of requests and answers from our own schemas.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
};

use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::{Map, Value, json};

use super::{
    prose,
    schema::{HINT, references},
};
use crate::document::Pattern;

/// How deep an example nests.
const MAX_DEPTH: usize = 40;

/// The most characters of a text made to fit a pattern or a length.
const MAX_TEXT: usize = 4_096;

/// The most items or members that an example has because of a limit.
pub(super) const MAX_LEAST: u64 = 64;

/// The most values in one example.
const MAX_VALUES: u32 = 20_000;

/// Values after which a component that was shown already is shown with as little as may be.
const MANY_VALUES: u32 = 2_000;

/// Makes values of schemas.
pub(super) struct Sampler<'a> {
    components: &'a Map<String, Value>,
    /// Every member, and not only those that are required.
    every: bool,
    made: Cell<u32>,
    shown: RefCell<BTreeSet<String>>,
}

impl<'a> Sampler<'a> {
    pub(super) fn new(components: &'a Map<String, Value>, every: bool) -> Self {
        Self { components, every, made: Cell::default(), shown: RefCell::default() }
    }

    /// A value of the component `name`.
    pub(super) fn component(&self, name: &str) -> Option<Value> {
        self.named(name, &mut Vec::new())
    }

    /// A value of a schema; `name` is what it is called. Nothing, if it cannot have an end.
    pub(super) fn value(&self, schema: &Value, name: &str) -> Option<Value> {
        self.made(schema, name, &mut Vec::new())
    }

    fn named(&self, name: &str, within: &mut Vec<String>) -> Option<Value> {
        let schema = self.components.get(name)?;
        if within.len() >= MAX_DEPTH {
            return None;
        }
        let made = |sampler: &Sampler<'_>, within: &mut Vec<String>| {
            within.push(name.to_owned());
            let made = sampler.made(schema, name, within);
            within.pop();
            made
        };
        // What holds its like shows one of them, with as little in it as may be.
        let is_again = !self.shown.borrow_mut().insert(name.to_owned());
        let depth = within.iter().filter(|other| *other == name).count();
        match depth {
            0 if !is_again || self.made.get() < MANY_VALUES => made(self, within),
            0 | 1 if self.every => {
                let least = Sampler::new(self.components, false);
                least.made.set(self.made.get());
                let value = made(&least, within);
                self.made.set(least.made.get());
                value
            }
            0 => made(self, within),
            _ => None,
        }
    }

    fn made(&self, schema: &Value, name: &str, within: &mut Vec<String>) -> Option<Value> {
        self.made.set(self.made.get() + 1);
        if self.made.get() > MAX_VALUES {
            return None;
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            let hint = schema.get(HINT).filter(|hint| values.contains(hint));
            return hint.or(values.first()).cloned();
        }
        if let Some(target) =
            schema.get("$ref").or_else(|| schema.get("allOf")?.get(0)?.get("$ref"))
        {
            return self.named(target.as_str()?.strip_prefix("#/components/schemas/")?, within);
        }
        match schema.get("type")?.as_str()? {
            "string" => text(schema, name).map(Value::from),
            "integer" => Some(integer(schema)),
            "number" => number(schema),
            "boolean" => Some(true.into()),
            "array" => self.list(schema, name, within),
            "object" => self.object(schema, within),
            _ => None,
        }
    }

    fn list(&self, schema: &Value, name: &str, within: &mut Vec<String>) -> Option<Value> {
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or_default();
        let most = schema.get("maxItems").and_then(Value::as_u64).unwrap_or(u64::MAX);
        if most == 0 {
            return Some(json!([]));
        }
        let item_schema = schema.get("items")?;
        let Some(item) = self.made(item_schema, name, within) else {
            return (least == 0).then(|| json!([]));
        };
        let count = usize::try_from(least.clamp(1, MAX_LEAST)).unwrap_or(1);
        let unique = schema.get("uniqueItems") == Some(&json!(true));
        let values = item_schema.get("enum").and_then(Value::as_array).filter(|_| unique);
        let items = (0..count).map(|index| match &item {
            _ if values.is_some_and(|values| index < values.len()) => {
                values.and_then(|values| values.get(index)).cloned().unwrap_or_default()
            }
            Value::String(text) if unique && index > 0 => Value::from(format!("{text}{index}")),
            Value::Number(number) if unique => {
                Value::from(number.as_i64().unwrap_or_default().saturating_add(index as i64))
            }
            other => other.clone(),
        });
        Some(items.collect())
    }

    fn object(&self, schema: &Value, within: &mut Vec<String>) -> Option<Value> {
        let required: Vec<&str> =
            super::foreign::items(schema, "required").filter_map(Value::as_str).collect();
        let mut made = Map::new();
        let least = schema.get("minProperties").and_then(Value::as_u64).unwrap_or_default();
        for (name, member) in super::foreign::members(schema, "properties") {
            let is_required = required.contains(&name.as_str());
            let is_missing = (made.len() as u64) < least;
            if !self.every && !is_required && !is_missing {
                continue;
            }
            match self.made(member, name, within) {
                Some(value) => drop(made.insert(name.clone(), value)),
                None if is_required => return None,
                None => {}
            }
        }
        if schema.get("properties").is_none() && (self.every || least > 0) {
            let extra = schema
                .get("additionalProperties")
                .filter(|extra| extra.get("type").is_some() || !references(extra).is_empty());
            let value = match extra {
                Some(extra) => self.made(extra, "value", within),
                None if schema.get("additionalProperties") == Some(&json!(false)) => None,
                None => Some("value".into()),
            };
            let count = least.clamp(1, MAX_LEAST);
            let name = |index| if index == 0 { "name".to_owned() } else { format!("name{index}") };
            made.extend(
                value
                    .into_iter()
                    .flat_map(|value| (0..count).map(move |index| (name(index), value.clone()))),
            );
        }
        Some(made.into())
    }
}

fn integer(schema: &Value) -> Value {
    let limit = |word: &str| schema.get(word).and_then(Value::as_i64);
    let (least, most) =
        (limit("minimum").unwrap_or(i64::MIN), limit("maximum").unwrap_or(i64::MAX));
    let is_unsigned =
        schema.get("format").and_then(Value::as_str).is_some_and(|it| it.starts_with('u'));
    let hint = schema.get(HINT).and_then(Value::as_i64).filter(|it| (least..=most).contains(it));
    let hint = hint.filter(|it| !is_unsigned || *it >= 0).filter(|it| i32::try_from(*it).is_ok());
    hint.unwrap_or_else(|| 1.clamp(least, most.max(least))).into()
}

/// A number within the limits of its schema. Nothing, if there is none.
pub(super) fn number(schema: &Value) -> Option<Value> {
    let limit = |word: &str| schema.get(word).and_then(Value::as_f64);
    let excludes = |word: &str| schema.get(word) == Some(&json!(true));
    let (least, most) = (limit("minimum"), limit("maximum"));
    let fits = |value: &f64| {
        let above = least.is_none_or(|least| {
            if excludes("exclusiveMinimum") { *value > least } else { *value >= least }
        });
        let below = most.is_none_or(|most| {
            if excludes("exclusiveMaximum") { *value < most } else { *value <= most }
        });
        above && below
    };
    let hint = schema.get(HINT).filter(|hint| hint.as_f64().is_some_and(|hint| fits(&hint)));
    let middle = least.zip(most).map(|(least, most)| least.midpoint(most));
    let near = [least.map(|least| least + 0.5), most.map(|most| most - 0.5), least, most, middle];
    let made = || [Some(1.5)].into_iter().chain(near).flatten().find(fits).map(|it| json!(it));
    hint.cloned().or_else(made)
}

/// A text that keeps the limits of its schema. Nothing, if no one is found.
pub(super) fn text(schema: &Value, name: &str) -> Option<String> {
    let values = schema.get("x-extensible-enum").and_then(|values| values.get(0));
    if let Some(value) = values.and_then(Value::as_str) {
        return Some(value.to_owned());
    }
    let limit = |word: &str| {
        schema.get(word).and_then(Value::as_u64).map(|it| usize::try_from(it).unwrap_or(usize::MAX))
    };
    let (least, most) =
        (limit("minLength").unwrap_or_default(), limit("maxLength").unwrap_or(MAX_TEXT));
    if least > MAX_TEXT {
        return None;
    }
    let source = schema.get("pattern").and_then(Value::as_str);
    let pattern = source.and_then(|source| Pattern::try_from(source.to_owned()).ok());
    let fits = |text: &str| {
        let length = text.chars().count();
        (least..=most).contains(&length) && pattern.as_ref().is_none_or(|it| it.is_match(text))
    };
    if schema.get("format").and_then(Value::as_str) == Some("byte") {
        let groups = least.div_ceil(4).max(1);
        return Some(if groups <= 2 && most >= 8 {
            "dXB0aW1l".to_owned()
        } else {
            "YWJj".repeat(groups)
        });
    }
    let hint = schema
        .get(HINT)
        .and_then(Value::as_str)
        .filter(|hint| hint.len() < 200 && !hint.is_empty() && prose::is_plain(hint));
    let plain: String = name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect::<String>()
        .to_lowercase();
    let plain = if plain.is_empty() { "text".to_owned() } else { plain };
    let padded = |text: &str| {
        let text: String = text.chars().cycle().take(text.chars().count().max(least)).collect();
        text.chars().take(most).collect::<String>()
    };
    let is_json = schema.get("x-content").is_some();
    let hint = hint.filter(|hint| !is_json || serde_json::from_str::<Value>(hint).is_ok());
    let json = is_json.then(|| "{}".to_owned());
    let candidates =
        [hint.map(str::to_owned), json, Some(padded(&plain)), Some(padded("a")), Some(padded("1"))];
    if let Some(text) = candidates.into_iter().flatten().find(|text| fits(text)) {
        return Some(text);
    }
    let tree = regex_syntax::parse(source?).ok()?;
    // Few repetitions first, then as many as the least length may need.
    [0, 1, 2, least, least.saturating_sub(2), least.div_ceil(2)].into_iter().find_map(|more| {
        let mut made = String::new();
        matching(&tree, more, &mut made).then_some(made).filter(|made| fits(made))
    })
}

/// Writes a text that matches; each repetition is made `more` times where it may be. False if it
/// grows too long, or nothing matches.
fn matching(tree: &Hir, more: usize, text: &mut String) -> bool {
    if text.len() > MAX_TEXT {
        return false;
    }
    match tree.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(literal) => {
                text.push_str(literal);
                true
            }
            Err(_) => false,
        },
        HirKind::Class(class) => match one_of(class) {
            Some(c) => {
                text.push(c);
                true
            }
            None => false,
        },
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(u32::MAX).min(2_048);
            let count =
                u32::try_from(more).unwrap_or(u32::MAX).clamp(repetition.min.min(most), most);
            (0..count).all(|_| matching(&repetition.sub, more, text))
        }
        HirKind::Capture(capture) => matching(&capture.sub, more, text),
        HirKind::Concat(parts) => parts.iter().all(|part| matching(part, more, text)),
        HirKind::Alternation(parts) => parts.first().is_some_and(|part| matching(part, more, text)),
    }
}

/// A character of a class: a letter or digit where there is one.
fn one_of(class: &Class) -> Option<char> {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => {
            class.ranges().iter().map(|range| (range.start().into(), range.end().into())).collect()
        }
        Class::Bytes(class) => {
            class.ranges().iter().map(|range| (range.start().into(), range.end().into())).collect()
        }
    };
    let is_in = |c: &char| ranges.iter().any(|(from, to)| (*from..=*to).contains(&u32::from(*c)));
    let usual = ('a'..='z').chain('0'..='9').chain('A'..='Z').chain(' '..='~');
    usual.into_iter().find(is_in).or_else(|| char::from_u32(ranges.first()?.0))
}
