//! The limits of a document, each with values that break it, and one at its edge.
//!
//! The document is read here as it stands, without the generator. A word that no case is made of fails, so
//! that none is forgotten.

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use serde_json::{Map, Value, json};

/// Words of a schema that limit nothing.
const SAY_NO_LIMIT: [&str; 11] = [
    "$ref", "allOf", "deprecated", "description", "format", "type", "x-content",
    "x-enum-descriptions", "x-envelope", "x-extensible-enum", "x-sensitive",
];

/// A body that breaks one limit of its type, or is at the edge of it.
#[derive(Debug)]
pub struct Case {
    /// The member in names of the wire, and what is wrong with it.
    pub says: String,
    /// The body.
    pub body: Value,
    /// Whether it breaks the limit.
    pub broken: bool,
}

/// A document, read as it stands.
pub struct Document(Value);

impl Document {
    /// The document of a provider.
    pub fn of(provider: &str) -> Self {
        let package = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| ".".into(), PathBuf::from);
        let file = package.join(format!("../specs/{provider}.yaml"));
        let text = fs::read_to_string(file).unwrap();
        Self(serde_saphyr::from_str(&text).unwrap())
    }

    /// The cases of a type; `examples` are bodies of it, in which each member stands once at least.
    pub fn cases(&self, name: &str, examples: &[Value]) -> Vec<Case> {
        let schema = &self.0["components"]["schemas"][name];
        let mut cases = Cases { document: self, examples, found: BTreeMap::new() };
        for example in examples {
            let whole = |body: Value| body;
            cases.value(schema, "", example, &whole);
        }
        let found = cases.found.into_iter();
        found.map(|(says, (body, broken))| Case { says, body, broken }).collect()
    }

    /// A schema with what it refers to, and its own words over that.
    fn resolved(&self, schema: &Value) -> Map<String, Value> {
        let reference = schema.get("$ref").or_else(|| schema.pointer("/allOf/0/$ref"));
        let pointer = reference.and_then(Value::as_str).map(|text| text.trim_start_matches('#'));
        let target = pointer.and_then(|pointer| self.0.pointer(pointer)).and_then(Value::as_object);
        let mut words = target.cloned().unwrap_or_default();
        words.extend(schema.as_object().unwrap().clone());
        words
    }
}

/// Puts a value into the body around it.
type Around<'a> = &'a dyn Fn(Value) -> Value;

struct Cases<'a> {
    document: &'a Document,
    examples: &'a [Value],
    /// The first body of each case, and whether it breaks something.
    found: BTreeMap<String, (Value, bool)>,
}

impl Cases<'_> {
    fn broken(&mut self, says: String, body: Value) {
        self.found.entry(says).or_insert((body, true));
    }

    fn edge(&mut self, says: String, body: Value) {
        self.found.entry(says).or_insert((body, false));
    }

    /// The cases of a value and of all in it.
    fn value(&mut self, schema: &Value, place: &str, value: &Value, around: Around<'_>) {
        let words = self.document.resolved(schema);
        let shown = if place.is_empty() { "the body" } else { place };
        if !place.is_empty() {
            let other = if value.is_object() { json!([]) } else { json!({}) };
            self.broken(format!("{shown}: of another type"), around(other));
        }
        match value {
            Value::Object(_) => self.object(&words, place, value, around),
            Value::Array(items) => self.list(&words, place, items, around),
            Value::String(text) => self.text(&words, place, text, around),
            Value::Number(_) => self.number(&words, place, around),
            _ => known(&words, place, &[]),
        }
    }

    fn object(
        &mut self,
        words: &Map<String, Value>,
        place: &str,
        value: &Value,
        around: Around<'_>,
    ) {
        known(
            words,
            place,
            &[
                "additionalProperties", "minProperties", "properties", "required",
                "x-exactly-one-of", "x-exclusive", "x-requires",
            ],
        );
        let at =
            |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
        let shown = if place.is_empty() { "the body" } else { place };
        let with = |name: &str, member: Option<Value>| {
            let mut object = value.clone();
            let members = object.as_object_mut().unwrap();
            match member {
                Some(member) => drop(members.insert(name.to_owned(), member)),
                None => drop(members.remove(name)),
            }
            object
        };
        let properties = words.get("properties").and_then(Value::as_object);
        let required = texts(words.get("required"));
        for name in &required {
            self.broken(format!("{}: left out", at(name)), around(with(name, None)));
            self.broken(format!("{}: null", at(name)), around(with(name, Some(Value::Null))));
        }
        if words.get("additionalProperties") == Some(&json!(false)) {
            self.broken(
                format!("{shown}: a member that is not listed"),
                around(with("Unlisted", Some(json!(1)))),
            );
        }
        if words.contains_key("minProperties") {
            assert_eq!(words["minProperties"], 1, "{place}: say here how another least is broken");
            self.broken(format!("{shown}: no member"), around(json!({})));
            let nulls = value.as_object().unwrap().keys().map(|name| (name.clone(), Value::Null));
            self.broken(format!("{shown}: only null"), around(Value::Object(nulls.collect())));
        }
        for group in ["x-exclusive", "x-exactly-one-of"] {
            for members in words.get(group).and_then(Value::as_array).into_iter().flatten() {
                let members = texts(Some(members));
                let mut all = value.clone();
                for name in &members {
                    all[name] = self.sample(&at(name));
                }
                let names = members.join(" and ");
                self.broken(format!("{shown}: {names}"), around(all));
                if group == "x-exclusive" {
                    continue;
                }
                let mut none = value.clone();
                for name in &members {
                    none.as_object_mut().unwrap().remove(name);
                }
                self.broken(
                    format!("{shown}: neither {}", members.join(" nor ")),
                    around(none.clone()),
                );
                members.iter().for_each(|name| none[name] = Value::Null);
                self.broken(format!("{shown}: both null, {names}"), around(none));
            }
        }
        for (name, needs) in
            words.get("x-requires").and_then(Value::as_object).into_iter().flatten()
        {
            for (other, needed) in needs.as_object().unwrap() {
                assert_eq!(*needed, json!(true), "{place}: say here what breaks another value");
                // Without what excludes it.
                let mut body = value.clone();
                for group in
                    words.get("x-exclusive").and_then(Value::as_array).into_iter().flatten()
                {
                    for excluded in texts(Some(group)).iter().filter(|other| *other != name) {
                        if group.as_array().unwrap().contains(&json!(name)) {
                            body.as_object_mut().unwrap().remove(excluded);
                        }
                    }
                }
                body[name] = self.sample(&at(name));
                body[other] = json!(false);
                self.broken(format!("{}: with {other} false", at(name)), around(body.clone()));
                body.as_object_mut().unwrap().remove(other);
                self.broken(format!("{}: without {other}", at(name)), around(body));
            }
        }
        for (name, member) in value.as_object().unwrap() {
            let listed = properties.and_then(|properties| properties.get(name));
            // Any other is one of a map.
            let of_map = words.get("additionalProperties").filter(|schema| schema.is_object());
            let schema = listed.or(of_map);
            let schema = schema.unwrap_or_else(|| panic!("{place}: there is no {name}"));
            let inner = |member: Value| around(with(name, Some(member)));
            if !required.contains(name) {
                self.edge(format!("{}: null", at(name)), inner(Value::Null));
            }
            self.value(schema, &at(name), member, &inner);
        }
    }

    fn list(
        &mut self,
        words: &Map<String, Value>,
        place: &str,
        items: &[Value],
        around: Around<'_>,
    ) {
        known(words, place, &["items", "maxItems", "minItems", "uniqueItems"]);
        let many = |count: u64| {
            let numbered = (0..count).map(|index| match &items[0] {
                // Items that differ, should they have to.
                Value::String(text) if words.contains_key("uniqueItems") => {
                    json!(format!("{text}{index}"))
                }
                item => item.clone(),
            });
            around(Value::Array(numbered.collect()))
        };
        if let Some(least) = words.get("minItems").and_then(Value::as_u64) {
            self.broken(format!("{place}: {} items", least - 1), many(least - 1));
            self.edge(format!("{place}: {least} items"), many(least));
        }
        if let Some(most) = words.get("maxItems").and_then(Value::as_u64) {
            self.broken(format!("{place}: {} items", most + 1), many(most + 1));
            self.edge(format!("{place}: {most} items"), many(most));
        }
        if words.contains_key("uniqueItems") {
            self.broken(format!("{place}: an item twice"), around(json!([items[0], items[0]])));
        }
        let inner = |item: Value| {
            let mut items = items.to_vec();
            items[0] = item;
            around(Value::Array(items))
        };
        if let Some(item) = items.first() {
            self.value(&words["items"], &format!("{place}[]"), item, &inner);
        }
    }

    fn text(&mut self, words: &Map<String, Value>, place: &str, text: &str, around: Around<'_>) {
        known(
            words,
            place,
            &["enum", "maxLength", "minLength", "pattern", "x-json-object", "x-max-bytes"],
        );
        let is_encoded = words.get("format") == Some(&json!("byte"));
        // The text with its end cut or repeated, so that it keeps its form as far as it can.
        let long = |count: u64| -> Value {
            let count = usize::try_from(count).unwrap();
            let last = if is_encoded { 'A' } else { text.chars().last().unwrap_or('a') };
            let begin = if is_encoded { "" } else { text };
            begin.chars().chain(std::iter::repeat(last)).take(count).collect::<String>().into()
        };
        // Base64 has four characters for each three bytes.
        let step = if is_encoded { 4 } else { 1 };
        if is_encoded {
            for (says, text) in [
                ("no Base64", "!!"),
                ("one character of Base64 too many", "AAAAA"),
                ("Base64 for addresses", "ab-_"),
            ] {
                self.broken(format!("{place}: {says}"), around(text.into()));
            }
            self.edge(format!("{place}: Base64 without padding"), around("aGk".into()));
            self.edge(format!("{place}: Base64 in lines"), around("aGkh\naGkh".into()));
        }
        if let Some(least) = words.get("minLength").and_then(Value::as_u64) {
            self.broken(
                format!("{place}: {} characters", least - step),
                around(long(least - step)),
            );
            self.edge(format!("{place}: {least} characters"), around(long(least)));
        }
        if let Some(most) = words.get("maxLength").and_then(Value::as_u64) {
            self.broken(format!("{place}: {} characters", most + step), around(long(most + step)));
            self.edge(format!("{place}: {most} characters"), around(long(most)));
            if !is_encoded && !words.contains_key("pattern") {
                let count = usize::try_from(most).unwrap();
                self.edge(
                    format!("{place}: {most} characters of four bytes"),
                    around("🙂".repeat(count).into()),
                );
            }
        }
        if let Some(most) = words.get("x-max-bytes").and_then(Value::as_u64) {
            let count = usize::try_from(most).unwrap();
            self.broken(
                format!("{place}: {} bytes, one a character", most + 1),
                around("a".repeat(count + 1).into()),
            );
            self.broken(
                format!("{place}: more than {most} bytes, two a character"),
                around("é".repeat(count / 2 + 1).into()),
            );
            self.edge(
                format!("{place}: {most} bytes, two a character"),
                around("é".repeat(count / 2).into()),
            );
        }
        if let Some(pattern) = words.get("pattern") {
            // Whether one breaks the pattern is for both to say; one of them does.
            let form = json!({ "pattern": pattern });
            let odd = [
                "",
                " ",
                "a b",
                "a\nb",
                "\u{1}",
                "../a",
                "/a",
                "a//b",
                "http://a",
                "é",
                "gggggggggggggggggggggggggggggggg",
            ];
            let mut breaks = odd.map(|text| (text, !jsonschema::is_valid(&form, &json!(text))));
            breaks.sort();
            assert!(breaks.iter().any(|(_, breaks)| *breaks), "{place}: nothing breaks {pattern}");
            for (text, breaks) in breaks {
                let says = format!("{place}: {text:?}");
                if breaks {
                    self.broken(says, around(text.into()))
                } else {
                    self.edge(says, around(text.into()))
                }
            }
        }
        if words.contains_key("enum") {
            self.broken(format!("{place}: none of the values"), around("NoneOfThem".into()));
            for value in texts(words.get("enum")) {
                self.edge(format!("{place}: {value}"), around(value.into()));
            }
        }
        if let Some(form) = words.get("x-json-object") {
            let (members, length) = (&form["maxProperties"], &form["keyMaxLength"]);
            let number = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
            let many = |count: usize| -> Map<String, Value> {
                (0..count).map(|index| (format!("k{index}"), json!(""))).collect()
            };
            let name = |count: usize| json!({ "n".repeat(count): "" }).to_string();
            for (says, text) in [
                ("no JSON", "{".to_owned()),
                ("a list in text", "[]".to_owned()),
                ("a member that is no text", json!({ "name": 1 }).to_string()),
                ("a name without characters", json!({ "": "" }).to_string()),
                ("a name of another form", json!({ "a b": "" }).to_string()),
                ("one member too many", Value::Object(many(number(members) + 1)).to_string()),
                ("a name that is too long", name(number(length) + 1)),
            ] {
                self.broken(format!("{place}: {says}"), around(text.into()));
            }
            self.edge(
                format!("{place}: {members} members"),
                around(Value::Object(many(number(members))).to_string().into()),
            );
            self.edge(
                format!("{place}: a name of {length} characters"),
                around(name(number(length)).into()),
            );
        }
    }

    fn number(&mut self, words: &Map<String, Value>, place: &str, around: Around<'_>) {
        // Numbers with a fraction have limits in none of the documents.
        assert_eq!(words["type"], "integer", "{place}: say here what breaks another number");
        known(words, place, &["enum", "maximum", "minimum"]);
        self.broken(format!("{place}: 1.5"), around(json!(1.5)));
        for (word, step) in [("minimum", -1), ("maximum", 1)] {
            if let Some(end) = words.get(word).and_then(Value::as_i64) {
                self.broken(format!("{place}: {}", end + step), around(json!(end + step)));
                self.edge(format!("{place}: {end}"), around(json!(end)));
            }
        }
    }

    /// A value of a member of the body, out of whichever example has it.
    fn sample(&self, place: &str) -> Value {
        let pointer = format!("/{}", place.replace('.', "/"));
        let sample = self.examples.iter().find_map(|example| example.pointer(&pointer));
        sample.unwrap_or_else(|| panic!("no example has {place}")).clone()
    }
}

/// The texts of a list.
fn texts(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.map(|item| item.as_str().unwrap().to_owned()).collect()
}

/// Fails at a word that is neither known to limit nothing, nor one that cases are made of.
fn known(words: &Map<String, Value>, place: &str, made: &[&str]) {
    for word in words.keys() {
        let is_known = SAY_NO_LIMIT.contains(&&**word) || made.contains(&&**word);
        assert!(is_known, "{place}: make cases of `{word}`");
    }
}
