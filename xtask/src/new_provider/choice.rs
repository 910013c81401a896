//! Makes one plain schema of references, `allOf`, `oneOf` and `anyOf`.

use serde_json::{Map, Value, json};

use super::{
    decision::Kind,
    foreign::{items, members, name_in, text},
    schema::{Schemas, Spot},
};

/// How deep parts of parts are followed.
const MAX_DEPTH: u32 = 40;

/// Words that say what a schema is, not what is said about it.
const STRUCTURE: [&str; 7] =
    ["additionalProperties", "enum", "format", "items", "pattern", "properties", "type"];

/// A schema without references and choices.
#[derive(Clone, Debug, Default)]
pub(super) struct Flat {
    /// The foreign component that it is, if it is just that one.
    pub origin: Option<String>,
    /// Its words.
    pub words: Map<String, Value>,
    /// What is said of it where it is used.
    pub description: Option<String>,
    /// A default given where it is used.
    pub default: Option<Value>,
    /// It may be null.
    pub nullable: bool,
    /// The vendor advises against it.
    pub deprecated: bool,
}

impl Flat {
    /// Its type: the one it says, or the one that its words belong to.
    pub fn kind(&self) -> Option<&str> {
        match self.words.get("type") {
            Some(Value::String(kind)) => Some(kind),
            _ if self.words.contains_key("properties") => Some("object"),
            _ if self.words.contains_key("additionalProperties") => Some("object"),
            _ if self.words.contains_key("items") => Some("array"),
            _ => match self.words.get("enum").and_then(Value::as_array)?.first()? {
                Value::String(_) => Some("string"),
                Value::Number(number) if number.is_f64() => Some("number"),
                Value::Number(_) => Some("integer"),
                Value::Bool(_) => Some("boolean"),
                _ => None,
            },
        }
    }

    /// The texts of an enumeration, closed or open. What YAML takes for a number was meant as text.
    pub fn values(&self) -> Option<Vec<String>> {
        let list = self.words.get("enum").or_else(|| self.words.get("x-extensible-enum"))?;
        let list = list.as_array()?.iter().filter(|value| !value.is_null());
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
            _ => None,
        };
        let values: Option<Vec<String>> = list.map(text).collect();
        values.filter(|values| !values.is_empty() && self.kind() == Some("string"))
    }

    /// True for an object with members of its own, or with none at all.
    pub fn has_members(&self) -> bool {
        let members = self.words.get("properties").and_then(Value::as_object);
        members.is_some_and(|members| !members.is_empty())
            || self.words.get("additionalProperties") == Some(&json!(false))
    }

    fn is_object(&self) -> bool {
        self.kind() == Some("object")
    }
}

impl Schemas<'_> {
    /// Makes a schema plain. Nothing, where it is too deep or leads out of the document.
    pub(super) fn flat(&mut self, schema: &Value, spot: &Spot) -> Option<Flat> {
        self.steps = self.steps.checked_sub(1)?;
        if self.depth >= MAX_DEPTH {
            self.note(spot, Kind::FreeForm { why: "its parts have parts without end" });
            return None;
        }
        self.depth += 1;
        let flat = self.flat_within(schema, spot);
        self.depth -= 1;
        flat
    }

    fn flat_within(&mut self, schema: &Value, spot: &Spot) -> Option<Flat> {
        if schema.get("$ref").is_some() {
            let foreign = self.foreign;
            let found = name_in(schema, "schemas");
            let Some((name, target)) = found.and_then(|name| foreign.component("schemas", &name))
            else {
                self.note(
                    spot,
                    Kind::FreeForm { why: "its `$ref` leads to no schema of the document" },
                );
                return None;
            };
            let flat = self.flat(target, spot)?;
            return Some(Flat { origin: flat.origin.or_else(|| Some(name.to_owned())), ..flat });
        }
        let Some(words) = schema.as_object() else { return Some(Flat::default()) };
        if words.contains_key("not") {
            self.note(spot, Kind::WordLeftOut { word: "not".to_owned() });
        }
        let mut own = words.clone();
        own.retain(|word, _| !matches!(word.as_str(), "allOf" | "oneOf" | "anyOf" | "not"));
        let parts: Vec<&Value> = items(schema, "allOf").collect();
        let choices: Vec<&Value> = items(schema, "oneOf")
            .chain(items(schema, "anyOf"))
            .filter(|it| !is_null(it))
            .collect();
        let has_null = items(schema, "oneOf").chain(items(schema, "anyOf")).any(is_null);
        let flat = match (&parts[..], &choices[..]) {
            ([], []) => return Some(plain(own)),
            ([one], []) | ([], [one]) if !own.keys().any(|word| STRUCTURE.contains(&&**word)) => {
                self.flat(one, spot)
            }
            // Choices of nothing but what is required add no member.
            ([], choices) if !choices.iter().any(|choice| has_structure(choice)) => {
                Some(plain(own.clone()))
            }
            ([], choices) if own.contains_key("properties") => {
                let all: Vec<&Value> = choices.to_vec();
                let chosen = self.chosen(&all, spot)?;
                Some(joined(vec![plain(own.clone()), chosen]))
            }
            ([], choices) => self.chosen(choices, spot),
            (parts, choices) => {
                let mut all = Vec::new();
                for part in parts {
                    all.push(self.flat(part, spot)?);
                }
                all.push(plain(own.clone()));
                if choices.iter().any(|choice| has_structure(choice)) {
                    all.push(self.chosen(choices, spot)?);
                }
                Some(joined(all))
            }
        }?;
        let said = own.get("description").and_then(Value::as_str).map(str::to_owned);
        let nullable = has_null || own.get("nullable") == Some(&json!(true));
        let deprecated = own.get("deprecated") == Some(&json!(true));
        Some(Flat {
            nullable: nullable || flat.nullable,
            deprecated: deprecated || flat.deprecated,
            description: said.or(flat.description),
            default: own.get("default").cloned().or(flat.default),
            ..flat
        })
    }

    /// One schema for several choices.
    fn chosen(&mut self, choices: &[&Value], spot: &Spot) -> Option<Flat> {
        let of = choices.len();
        let mut flats = Vec::new();
        for choice in choices {
            flats.push(self.flat(choice, spot)?);
        }
        let nullable = flats.iter().any(|flat| flat.nullable);
        let all_text = flats.iter().all(|flat| flat.kind() == Some("string"));
        if all_text {
            let words = texts(&flats);
            return Some(Flat { words, nullable, ..Flat::default() });
        }
        if flats.iter().all(Flat::is_object) {
            self.note(spot, Kind::Merged { of });
            let required = flats.iter().map(|flat| required(&flat.words));
            let required = required
                .reduce(|all, these| all.into_iter().filter(|name| these.contains(name)).collect());
            let mut flat = joined(flats);
            flat.words.insert("required".to_owned(), required.unwrap_or_default().into());
            // What one choice refuses, another has.
            flat.words.remove("additionalProperties");
            return Some(Flat { nullable, ..flat });
        }
        self.note(spot, Kind::FirstChoice { of });
        let first = flats.into_iter().find(|flat| flat.kind().is_some())?;
        Some(Flat { nullable, ..first })
    }
}

fn plain(words: Map<String, Value>) -> Flat {
    let is = |word: &str| words.get(word) == Some(&json!(true));
    let (nullable, deprecated) = (is("nullable"), is("deprecated"));
    Flat { words, nullable, deprecated, ..Flat::default() }
}

/// True for a schema of null alone.
fn is_null(schema: &Value) -> bool {
    let only_null =
        |values: &Value| values.as_array().is_some_and(|all| all.iter().all(Value::is_null));
    text(schema, "type") == Some("null")
        || schema.get("enum").is_some_and(only_null)
        || (schema.as_object().is_some_and(|words| words.len() == 1)
            && schema.get("nullable") == Some(&json!(true)))
}

/// True for a schema that says what a value is.
fn has_structure(schema: &Value) -> bool {
    let words = schema.as_object().into_iter().flat_map(Map::keys);
    words.into_iter().any(|word| {
        STRUCTURE.contains(&word.as_str())
            || matches!(word.as_str(), "$ref" | "allOf" | "oneOf" | "anyOf")
    })
}

fn required(words: &Map<String, Value>) -> Vec<String> {
    let names = words.get("required").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(|name| Some(name.as_str()?.to_owned())).collect()
}

/// Several texts as one: an enumeration of all values, open where one of them is any text.
fn texts(flats: &[Flat]) -> Map<String, Value> {
    let mut values: Vec<String> = Vec::new();
    let mut meanings = Map::new();
    let mut is_closed = true;
    for flat in flats {
        let Some(these) = flat.values() else {
            is_closed = false;
            continue;
        };
        is_closed &= flat.words.contains_key("enum");
        if let ([value], Some(Value::String(about))) = (&these[..], flat.words.get("description")) {
            meanings.insert(value.clone(), about.as_str().into());
        }
        let told = flat.words.get("x-enum-descriptions").and_then(Value::as_object);
        meanings
            .extend(told.into_iter().flatten().map(|(name, text)| (name.clone(), text.clone())));
        values
            .extend(these.into_iter().filter(|value| !values.contains(value)).collect::<Vec<_>>());
    }
    let mut words = Map::new();
    words.insert("type".to_owned(), "string".into());
    if !values.is_empty() {
        let word = if is_closed { "enum" } else { "x-extensible-enum" };
        words.insert(word.to_owned(), values.into());
        words.insert("x-enum-descriptions".to_owned(), meanings.into());
    }
    words
}

/// Several objects as one, with the members of all.
fn joined(flats: Vec<Flat>) -> Flat {
    let mut result = Flat::default();
    let mut properties = Map::new();
    let mut names: Vec<String> = Vec::new();
    for flat in flats {
        let whole = Value::Object(flat.words);
        for (name, schema) in members(&whole, "properties") {
            match properties.get_mut(name) {
                None => drop(properties.insert(name.clone(), schema.clone())),
                Some(there) => widen(there, schema),
            }
        }
        let Value::Object(words) = whole else { continue };
        names.extend(required(&words));
        for (word, value) in words {
            if !matches!(word.as_str(), "properties" | "required") {
                result.words.entry(word).or_insert(value);
            }
        }
        result.description = result.description.or(flat.description);
        result.nullable |= flat.nullable;
    }
    names.sort();
    names.dedup();
    if !properties.is_empty() {
        result.words.insert("properties".to_owned(), properties.into());
    }
    if !names.is_empty() {
        result.words.insert("required".to_owned(), names.into());
    }
    result
}

/// Adds the values of an enumeration to one that has the same name in another choice.
fn widen(there: &mut Value, other: &Value) {
    let (Some(mine), Some(more)) = (
        there.get_mut("enum").and_then(Value::as_array_mut),
        other.get("enum").and_then(Value::as_array),
    ) else {
        return;
    };
    let new: Vec<Value> = more.iter().filter(|value| !mine.contains(value)).cloned().collect();
    mine.extend(new);
    // What one value means is not what all mean.
    if let Some(words) = there.as_object_mut() {
        words.remove("description");
    }
}
