//! Makes our schemas of foreign ones: named components for objects and enumerations, one for requests
//! and one for answers, and all else written out where it stands.

use std::collections::{BTreeMap, BTreeSet};

use heck::{ToPascalCase as _, ToSnakeCase as _};
use serde_json::{Map, Value, json};

use super::{
    choice::Flat,
    decision::{Decisions, Kind},
    foreign::{Foreign, flag, items, members},
    names::{self, Taken},
    prose,
    sample::MAX_LEAST,
};
use crate::emit::enums::variant;

/// The member of a schema that keeps a foreign example until ours are made.
pub(super) const HINT: &str = "$hint";

/// Steps after which a document is too large or refers to itself too often.
const MAX_STEPS: u32 = 400_000;

/// Whether something is sent or received.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Side {
    /// In a request's body.
    Request,
    /// In an answer.
    Answer,
    /// In the path, the query or a header of a request.
    Parameter,
}

/// Where a schema stands.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub side: Side,
    /// Its name for people: `Widget.size`.
    pub place: String,
    /// The name for a component made of it: `WidgetSize`.
    pub hint: String,
}

impl Spot {
    pub(super) fn new(side: Side, place: &str, hint: &str) -> Self {
        Self { side, place: place.to_owned(), hint: hint.to_owned() }
    }

    /// True for what a list or a map holds.
    fn is_within(&self) -> bool {
        self.place.ends_with(".items") || self.place.ends_with(".additionalProperties")
    }

    /// True for a member of an object.
    fn is_member(&self) -> bool {
        self.side != Side::Parameter && !self.is_within()
    }

    /// What a list or a map holds.
    fn part(&self, word: &str, hint: &str) -> Self {
        let (place, hint) = (format!("{}.{word}", self.place), format!("{}{hint}", self.hint));
        Self { side: self.side, place, hint }
    }

    fn within(&self, name: &str) -> Self {
        Self {
            side: self.side,
            place: format!("{}.{name}", self.place),
            hint: format!("{}{}", self.hint, name.to_pascal_case()),
        }
    }
}

/// What a body turned out to be.
pub(super) enum Root {
    /// A component object of this name.
    Object(String),
    /// A list of an answer.
    List(Value),
    /// Something else: what it is.
    Other(String),
}

/// The component schemas of the document that is made.
pub(super) struct Schemas<'a> {
    pub(super) foreign: &'a Foreign,
    pub(super) decisions: Decisions,
    pub(super) steps: u32,
    pub(super) depth: u32,
    /// The foreign lists and maps that are being made.
    within: Vec<String>,
    /// Foreign components that are in requests and in answers.
    shared: BTreeSet<String>,
    taken: Taken,
    /// Our names, by the foreign name or the place, and by side where that matters.
    names: BTreeMap<(String, Option<Side>), String>,
    components: Vec<(String, Value)>,
}

impl<'a> Schemas<'a> {
    pub(super) fn new(foreign: &'a Foreign, shared: BTreeSet<String>) -> Self {
        Self {
            foreign,
            decisions: Decisions::default(),
            steps: MAX_STEPS,
            depth: 0,
            within: Vec::new(),
            shared,
            taken: Taken::default(),
            names: BTreeMap::new(),
            components: Vec::new(),
        }
    }

    pub(super) fn note(&mut self, spot: &Spot, kind: Kind) {
        self.decisions.add(&spot.place, kind);
    }

    /// True where the document was too much.
    pub(super) fn is_exhausted(&self) -> bool {
        self.steps == 0
    }

    /// The components, recursive ones first, as the linter wants them.
    pub(super) fn into_components(mut self) -> Map<String, Value> {
        self.write_out();
        let all: BTreeMap<&str, Vec<String>> = self
            .components
            .iter()
            .map(|(name, schema)| (name.as_str(), references(schema)))
            .collect();
        let is_recursive = |name: &str| {
            let mut seen = BTreeSet::new();
            let mut pending: Vec<&str> = all[name].iter().map(String::as_str).collect();
            while let Some(next) = pending.pop() {
                if next == name {
                    return true;
                }
                if seen.insert(next) {
                    pending.extend(all.get(next).into_iter().flatten().map(String::as_str));
                }
            }
            false
        };
        let (first, rest): (Vec<_>, Vec<_>) =
            self.components.iter().partition(|(name, _)| is_recursive(name));
        first.into_iter().chain(rest).cloned().collect()
    }

    /// Writes objects out in whose place nothing is left of their members: a name is none of a map.
    fn write_out(&mut self) {
        let maps: BTreeMap<String, Value> =
            self.components.iter().filter(|(_, schema)| is_empty_object(schema)).cloned().collect();
        for (_, schema) in &mut self.components {
            let mut pending: Vec<&mut Value> = vec![schema];
            while let Some(part) = pending.pop() {
                let target = part.get("$ref").or_else(|| part.pointer("/allOf/0/$ref"));
                let name = target.and_then(Value::as_str).and_then(|it| it.rsplit('/').next());
                if let Some(map) = name.and_then(|name| maps.get(name)) {
                    let mut map = map.clone();
                    for word in ["deprecated", "description"] {
                        part.get(word).into_iter().for_each(|said| map[word] = said.clone());
                    }
                    *part = map;
                }
                match part {
                    Value::Object(words) => pending.extend(words.values_mut()),
                    Value::Array(all) => pending.extend(all),
                    _ => {}
                }
            }
        }
    }

    /// The body of a request or of an answer.
    pub(super) fn root(&mut self, schema: &Value, spot: &Spot) -> Root {
        let Some(flat) = self.flat(schema, spot) else {
            return Root::Other("its schema is not in the document".to_owned());
        };
        match flat.kind() {
            Some("object") if spot.side == Side::Request && !flat.has_members() => {
                Root::Other("an object without members of its own".to_owned())
            }
            Some("object") => Root::Object(self.object(&flat, spot)),
            Some("array") if spot.side == Side::Request => Root::Other("a list".to_owned()),
            Some("array") => match self.item(&flat, spot) {
                Some(item) => self.list_of(item),
                None => Root::Other("a list of anything".to_owned()),
            },
            Some(kind) => Root::Other(format!("of type {kind}")),
            None => Root::Other("anything".to_owned()),
        }
    }

    /// The list of an answer: its items are components or plain.
    fn list_of(&self, item: Value) -> Root {
        let item = match item.pointer("/allOf/0") {
            Some(component) => component.clone(),
            None => item,
        };
        let is_empty = references(&item).iter().any(|name| {
            self.components.iter().any(|(other, it)| other == name && is_empty_object(it))
        });
        match item["type"].as_str() {
            Some("array") => Root::Other("a list of lists".to_owned()),
            Some("object") => Root::Other("a list of maps".to_owned()),
            _ if is_empty => Root::Other("a list of objects without members".to_owned()),
            _ => Root::List(json!({ "type": "array", "items": item })),
        }
    }

    /// A schema in its place. Nothing, where any value may stand.
    pub(super) fn in_place(&mut self, schema: &Value, spot: &Spot) -> Option<Value> {
        let flat = self.flat(schema, spot)?;
        self.convert(&flat, spot)
    }

    fn convert(&mut self, flat: &Flat, spot: &Spot) -> Option<Value> {
        if self.depth > 30 {
            self.note(spot, Kind::FreeForm { why: "its parts have parts without end" });
            return None;
        }
        // A list or a map has no name of its own by which it could hold itself.
        let origin = flat.origin.clone().filter(|_| match flat.kind() {
            Some("object") => !flat.has_members(),
            kind => kind == Some("array"),
        });
        if origin.as_ref().is_some_and(|origin| self.within.contains(origin)) {
            self.note(spot, Kind::FreeForm { why: "its parts have parts without end" });
            return None;
        }
        self.depth += 1;
        let outer = self.within.len();
        self.within.extend(origin);
        let made = self.convert_within(flat, spot);
        self.within.truncate(outer);
        self.depth -= 1;
        made
    }

    fn convert_within(&mut self, flat: &Flat, spot: &Spot) -> Option<Value> {
        match flat.kind()? {
            "string" => Some(match self.enumeration(flat, spot) {
                Some(reference) => reference,
                None => self.plain_text(flat, spot),
            }),
            "integer" => Some(self.integer(flat, spot)),
            "number" => Some(self.number(flat, spot)),
            "boolean" => Some(self.boolean(flat, spot)),
            "array" => self.list(flat, spot),
            "object" => {
                if !flat.has_members() {
                    return Some(self.map(flat, spot));
                }
                let name = self.object(flat, spot);
                Some(self.reference(&name, flat, spot, None))
            }
            _ => None,
        }
    }

    /// A reference to a component, with what is said where it stands.
    fn reference(
        &mut self,
        name: &str,
        flat: &Flat,
        spot: &Spot,
        closed: Option<Vec<String>>,
    ) -> Value {
        let target = json!({ "$ref": format!("#/components/schemas/{name}") });
        let said = flat.description.as_deref().filter(|_| spot.side != Side::Parameter);
        let said = said.map(|said| self.cleaned(said, spot)).filter(|said| !said.is_empty());
        let is_deprecated = flat.deprecated && spot.is_member();
        if said.is_none() && closed.is_none() && !is_deprecated {
            return target;
        }
        let mut words = json!({ "allOf": [target] });
        if is_deprecated {
            words["deprecated"] = true.into();
        }
        if let Some(values) = closed {
            words["enum"] = values.into();
        }
        if let Some(said) = said {
            words["description"] = said.into();
        }
        words
    }

    /// A text that may stand in the document.
    pub(super) fn cleaned(&mut self, text: &str, spot: &Spot) -> String {
        let cleaned = prose::clean(text);
        if cleaned.cut {
            self.note(spot, Kind::TextShortened);
        } else if cleaned.changed {
            self.note(spot, Kind::TextRewritten);
        }
        cleaned.text
    }

    /// What a schema is: its own text, and `more` sentences.
    fn described(&mut self, flat: &Flat, spot: &Spot, more: Vec<String>) -> String {
        let own = flat.description.clone();
        let own = own.or_else(|| Some(flat.words.get("description")?.as_str()?.to_owned()));
        let own = own.or_else(|| Some(flat.words.get("title")?.as_str()?.to_owned()));
        let mut text = own.map(|own| self.cleaned(&own, spot)).unwrap_or_default();
        if text.is_empty() {
            self.note(spot, Kind::TextMissing);
            let name =
                spot.place.rsplit('.').next().unwrap_or_default().replace(['`', '[', ']'], "");
            text = format!("Not described: `{}`.", if name.is_empty() { "value" } else { &name });
        }
        for sentence in more {
            if !text.ends_with(['.', '!', '?', ':']) {
                text.push('.');
            }
            text = format!("{text} {sentence}");
        }
        text
    }

    /// Adds to a schema what all types have.
    pub(super) fn finished(
        &mut self,
        mut schema: Value,
        flat: &Flat,
        spot: &Spot,
        mut more: Vec<String>,
    ) -> Value {
        let default = flat.default.as_ref().or_else(|| flat.words.get("default"));
        if let Some(default) = default.filter(|default| !default.is_null()) {
            let shown: String =
                default.to_string().chars().filter(|c| *c != '`').take(80).collect();
            more.push(format!("Default: `{shown}`."));
            self.note(spot, Kind::SaidInText { word: "default".to_owned() });
        }
        if flat.deprecated && spot.is_member() {
            schema["deprecated"] = true.into();
        }
        if let Some(hint) = flat.words.get("example") {
            schema[HINT] = hint.clone();
        }
        if spot.side == Side::Parameter {
            return schema;
        }
        if flat.nullable && spot.side == Side::Request {
            more.push("The vendor takes null too.".to_owned());
            self.note(spot, Kind::SaidInText { word: "nullable".to_owned() });
        }
        // What a list or a map holds is described with it.
        let is_within = spot.is_within();
        let is_said = flat.description.is_some() || flat.words.contains_key("description");
        if !is_within || is_said {
            schema["description"] = self.described(flat, spot, more).into();
        } else if !more.is_empty() {
            schema["description"] = more.join(" ").into();
        }
        schema
    }

    /// A component for an enumeration, and the reference to it.
    fn enumeration(&mut self, flat: &Flat, spot: &Spot) -> Option<Value> {
        let all = flat.values()?;
        let key = flat.origin.clone().unwrap_or_else(|| format!("at {}", spot.hint));
        let mut seen = BTreeSet::new();
        let (values, lost): (Vec<String>, Vec<String>) = all.into_iter().partition(|value| {
            let name = variant(value);
            let is_name = syn::parse_str::<syn::Ident>(&name).is_ok() && name.is_ascii();
            is_name && name != "Unlisted" && prose::is_plain(value) && seen.insert(name)
        });
        if values.is_empty() {
            return None;
        }
        let is_whole = lost.is_empty();
        if !is_whole {
            self.note(spot, Kind::ValuesLeftOut { values: lost });
        }
        let name = match self.names.get(&(key.clone(), None)) {
            Some(name) => name.clone(),
            None => {
                let name = self.named(&key, None, flat, spot);
                let about = Spot::new(spot.side, &name, &name);
                let told = flat.words.get("x-enum-descriptions");
                let mut meanings = Map::new();
                for (value, text) in told.and_then(Value::as_object).into_iter().flatten() {
                    let text = self.cleaned(text.as_str().unwrap_or_default(), &about);
                    if values.contains(value) && !text.is_empty() {
                        meanings.insert(value.clone(), text.into());
                    }
                }
                let own = Flat { description: None, ..flat.clone() };
                let own = if flat.origin.is_some() { &own } else { flat };
                let mut schema = json!({
                    "type": "string",
                    "description": self.described(own, &about, Vec::new()),
                    "x-extensible-enum": values,
                });
                if !meanings.is_empty() {
                    schema["x-enum-descriptions"] = meanings.into();
                }
                self.components.push((name.clone(), schema));
                name
            }
        };
        let closes = is_whole && spot.side != Side::Answer && flat.words.contains_key("enum");
        Some(self.reference(&name, flat, spot, closes.then_some(values)))
    }

    /// Gives a component its name.
    fn named(&mut self, key: &str, side: Option<Side>, flat: &Flat, spot: &Spot) -> String {
        let wanted = match &flat.origin {
            Some(origin) => {
                let last = names::last(origin).to_owned();
                let is_input = side == Some(Side::Request) && self.shared.contains(origin);
                if is_input { format!("{last}Input") } else { last }
            }
            None => spot.hint.clone(),
        };
        let name = self.taken.schema(&wanted);
        self.names.insert((key.to_owned(), side), name.clone());
        if let Some(origin) = &flat.origin {
            if side == Some(Side::Request) && self.shared.contains(origin) {
                self.decisions.add(names::last(origin), Kind::Split { into: name.clone() });
            } else if *origin != name {
                self.decisions.add(&name, Kind::Renamed { from: origin.clone() });
            }
        }
        name
    }

    /// What a list holds.
    fn item(&mut self, flat: &Flat, spot: &Spot) -> Option<Value> {
        let anything = json!({});
        let items = flat.words.get("items").unwrap_or(&anything);
        let within = spot.part("items", "Item");
        match self.in_place(items, &within) {
            Some(item) => Some(item),
            None if spot.side == Side::Answer => None,
            None => Some(self.free_form(&within)),
        }
    }

    fn list(&mut self, flat: &Flat, spot: &Spot) -> Option<Value> {
        let item = self.item(flat, spot)?;
        let mut schema = json!({ "type": "array" });
        if spot.side == Side::Answer {
            schema["nullable"] = true.into();
        } else {
            let count = |word: &str| flat.words.get(word).and_then(Value::as_u64);
            let (least, most) = (count("minItems").filter(|least| *least > 0), count("maxItems"));
            let is_unique = flat.words.get("uniqueItems") == Some(&json!(true));
            // Examples have few items, and different ones only where any text or number will do, or
            // there are values enough.
            let values =
                item.get("enum").and_then(Value::as_array).map(|values| values.len() as u64);
            let is_simple = is_simple(&item);
            let differ = |least: u64| values.map_or(is_simple, |values| least <= values);
            let fits = least.is_none_or(|least| {
                least <= MAX_LEAST && (least == 1 || !is_unique || differ(least))
            });
            if !fits || most.is_some_and(|most| least > Some(most)) {
                let why = "no example that keeps it could be made; write it, with an example";
                let word = format!("minItems: {}", least.unwrap_or_default());
                self.note(spot, Kind::LimitLeftOut { word, why });
            } else {
                least.into_iter().for_each(|it| schema["minItems"] = it.into());
            }
            most.into_iter().for_each(|it| schema["maxItems"] = it.into());
            if is_unique {
                let comparable = references(&item).is_empty()
                    && item["type"] != "object"
                    && item["format"] != "password";
                if comparable || self.is_enumeration(&item) {
                    schema["uniqueItems"] = true.into();
                } else {
                    let why = "it is not checked on objects";
                    self.note(spot, Kind::LimitLeftOut { word: "uniqueItems".to_owned(), why });
                }
            }
        }
        let mut schema = self.finished(schema, flat, spot, Vec::new());
        schema["items"] = item;
        Some(schema)
    }

    fn is_enumeration(&self, schema: &Value) -> bool {
        let names = references(schema);
        let is_one = |name: &String| {
            self.components.iter().any(|(other, it)| other == name && it["type"] == "string")
        };
        names.iter().any(is_one)
    }

    /// True for a reference to an object.
    pub(super) fn is_object(&self, schema: &Value) -> bool {
        let names = references(schema);
        let is_one = |name: &String| {
            self.components.iter().any(|(other, it)| other == name && it["type"] == "object")
        };
        // A component that is being made is an object, too.
        names
            .iter()
            .any(|name| is_one(name) || !self.components.iter().any(|(other, _)| other == name))
    }

    /// An object that may hold anything.
    fn free_form(&mut self, spot: &Spot) -> Value {
        self.note(spot, Kind::FreeForm { why: "the document says nothing of it" });
        json!({ "type": "object", "description": "Anything that the vendor takes.", "additionalProperties": {} })
    }

    /// An object without members of its own.
    fn map(&mut self, flat: &Flat, spot: &Spot) -> Value {
        let mut schema = json!({ "type": "object" });
        let values = flat.words.get("additionalProperties").filter(|it| it.is_object()).cloned();
        let within = spot.part("additionalProperties", "Value");
        let value = values.and_then(|values| self.in_place(&values, &within));
        schema["additionalProperties"] = value.unwrap_or(json!({}));
        let (least, more) = self.counts(flat, spot, MAX_LEAST);
        least.into_iter().for_each(|it| schema["minProperties"] = it.into());
        self.finished(schema, flat, spot, more)
    }

    /// The least number of members, if it is at most `attainable`, and in sentences what else limits it.
    fn counts(&mut self, flat: &Flat, spot: &Spot, attainable: u64) -> (Option<u64>, Vec<String>) {
        let limit = |word: &str| flat.words.get(word).and_then(Value::as_u64);
        let mut more = Vec::new();
        if spot.side == Side::Answer {
            return (None, more);
        }
        let least = limit("minProperties").filter(|least| *least > 0);
        let kept = least.filter(|least| *least <= attainable);
        let said = [("minProperties", "At least", least.filter(|_| kept.is_none()))];
        for (word, begin, limit) in
            said.into_iter().chain([("maxProperties", "At most", limit("maxProperties"))])
        {
            if let Some(limit) = limit {
                more.push(format!("{begin} {limit} members."));
                self.note(spot, Kind::SaidInText { word: word.to_owned() });
            }
        }
        (kept, more)
    }

    /// The component of an object, by its name.
    fn object(&mut self, flat: &Flat, spot: &Spot) -> String {
        let side = if spot.side == Side::Answer { Side::Answer } else { Side::Request };
        let key = flat.origin.clone().unwrap_or_else(|| format!("at {}", spot.hint));
        if let Some(name) = self.names.get(&(key.clone(), Some(side))) {
            return name.clone();
        }
        let name = self.named(&key, Some(side), flat, spot);
        let own = Flat { description: None, default: None, ..flat.clone() };
        let own = if flat.origin.is_some() {
            own
        } else {
            Flat { description: flat.description.clone(), ..own }
        };
        // What is written out in a member gets the same name in requests and in answers.
        let hint = flat.origin.as_deref().map_or(name.as_str(), names::last);
        let about = Spot::new(side, &name, hint);
        // Members of members nest through names, and a name is made once.
        let depth = std::mem::take(&mut self.depth);
        let schema = self.members_of(&own, &about);
        self.depth = depth;
        self.components.push((name.clone(), schema));
        name
    }

    fn members_of(&mut self, flat: &Flat, spot: &Spot) -> Value {
        let whole = Value::Object(flat.words.clone());
        let required: Vec<&str> = items(&whole, "required").filter_map(Value::as_str).collect();
        let is_answer = spot.side == Side::Answer;
        let mut properties = Map::new();
        for (wire, schema) in members(&whole, "properties") {
            if flag(schema, "readOnly") && !is_answer || flag(schema, "writeOnly") && is_answer {
                continue;
            }
            let left_out = |why| Kind::MemberLeftOut { name: wire.clone(), why };
            let snake = wire.to_snake_case();
            let within = spot.within(wire);
            if snake.is_empty() || !snake.is_ascii() || !prose::is_plain(wire) {
                self.note(spot, left_out("its name becomes none in Rust"));
                continue;
            }
            if snake == "extra" && is_answer {
                self.note(spot, left_out("a member of this name is found in `extra` anyway"));
                continue;
            }
            match self.in_place(schema, &within) {
                Some(made) => drop(properties.insert(wire.clone(), made)),
                None if is_answer => {
                    self.note(spot, left_out("it may be anything, and is found in `extra`"));
                }
                None => drop(properties.insert(wire.clone(), self.free_form(&within))),
            }
        }
        let mut schema = json!({ "type": "object" });
        let (least, more) = self.counts(flat, spot, properties.len() as u64);
        schema["description"] = self.described(flat, spot, more).into();
        if is_answer {
            if !required.is_empty() {
                self.note(spot, Kind::AnswerLoosened);
            }
            // Beside members, an answer keeps what it does not know anyway.
            let extra = flat.words.get("additionalProperties").filter(|_| !flat.has_members());
            if let Some(extra) = extra.filter(|extra| extra.is_object()) {
                let made = self.in_place(extra, &spot.part("additionalProperties", "Value"));
                schema["additionalProperties"] = made.unwrap_or(json!({}));
            }
        } else {
            let there: Vec<&str> =
                required.into_iter().filter(|name| properties.contains_key(*name)).collect();
            if !there.is_empty() {
                schema["required"] = there.into();
            }
            let has_extra = properties.keys().any(|name| name.to_snake_case() == "extra");
            match flat.words.get("additionalProperties") {
                // What only answers have is sent by nobody.
                _ if properties.is_empty() => schema["additionalProperties"] = false.into(),
                Some(Value::Bool(false)) => schema["additionalProperties"] = false.into(),
                Some(extra @ Value::Object(_)) if !has_extra => {
                    let within = spot.part("additionalProperties", "Value");
                    let made = self.in_place(extra, &within);
                    schema["additionalProperties"] = made.unwrap_or(json!({}));
                }
                _ => {}
            }
            least.into_iter().for_each(|it| schema["minProperties"] = it.into());
        }
        if !properties.is_empty() {
            schema["properties"] = properties.into();
        }
        schema
    }
}

/// An object without members, which is a map.
fn is_empty_object(schema: &Value) -> bool {
    schema["type"] == "object"
        && schema.get("properties").is_none()
        && schema.get("additionalProperties") != Some(&json!(false))
}

/// Whether texts or numbers that differ from one that fits fit, too.
fn is_simple(schema: &Value) -> bool {
    let is_free = |word: &String| matches!(word.as_str(), "$ref" | "description" | "type" | HINT);
    let is_free = |word: &String| is_free(word) || word == "format" && schema["format"] != "byte";
    !matches!(schema["type"].as_str(), Some("array" | "boolean" | "object"))
        && schema.as_object().is_some_and(|words| words.keys().all(is_free))
}

/// The component that a place is in.
pub(super) fn root_of(place: &str) -> &str {
    place.split('.').next().unwrap_or(place)
}

/// The names of all components that a schema refers to.
pub(super) fn references(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut pending = vec![schema];
    while let Some(part) = pending.pop() {
        match part {
            Value::Object(words) => {
                let target = words.get("$ref").and_then(Value::as_str);
                let name = target.and_then(|target| target.strip_prefix("#/components/schemas/"));
                found.extend(name.map(str::to_owned));
                pending.extend(words.values());
            }
            Value::Array(all) => pending.extend(all),
            _ => {}
        }
    }
    found
}
