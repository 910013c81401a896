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
    /// A list.
    List,
    /// Something else: what it is.
    Other(String),
}

/// The component schemas of the document that is made.
pub(super) struct Schemas<'a> {
    pub(super) foreign: &'a Foreign,
    pub(super) decisions: Decisions,
    pub(super) steps: u32,
    pub(super) depth: u32,
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
    pub(super) fn into_components(self) -> Map<String, Value> {
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

    /// The body of a request or of an answer.
    pub(super) fn root(&mut self, schema: &Value, spot: &Spot) -> Root {
        let Some(flat) = self.flat(schema, spot) else {
            return Root::Other("its schema is not in the document".to_owned());
        };
        let has_members = flat.words.get("properties").is_some_and(|members| members != &json!({}));
        match flat.kind() {
            Some("object") if spot.side == Side::Request && !has_members => {
                Root::Other("an object without members of its own".to_owned())
            }
            Some("object") => Root::Object(self.object(&flat, spot)),
            Some("array") => match self.convert(&flat, spot) {
                Some(_) => Root::List,
                None => Root::Other("a list of anything".to_owned()),
            },
            Some(kind) => Root::Other(format!("of type {kind}")),
            None => Root::Other("anything".to_owned()),
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
        self.depth += 1;
        let made = self.convert_within(flat, spot);
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
            "boolean" => Some(self.finished(json!({ "type": "boolean" }), flat, spot, Vec::new())),
            "array" => self.list(flat, spot),
            "object" => {
                let has_members = flat
                    .words
                    .get("properties")
                    .and_then(Value::as_object)
                    .is_some_and(|it| !it.is_empty());
                if !has_members && flat.words.get("additionalProperties") != Some(&json!(false)) {
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
        if said.is_none() && closed.is_none() {
            return target;
        }
        let mut words = json!({ "allOf": [target] });
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
        if flat.words.get("deprecated") == Some(&json!(true)) {
            more.push("Deprecated by the vendor.".to_owned());
            self.note(spot, Kind::SaidInText { word: "deprecated".to_owned() });
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
        let is_within =
            spot.place.ends_with(".items") || spot.place.ends_with(".additionalProperties");
        let is_said = flat.description.is_some() || flat.words.contains_key("description");
        if !is_within || is_said || !more.is_empty() {
            schema["description"] = self.described(flat, spot, more).into();
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
            is_name && name != "Unlisted" && seen.insert(name)
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
        let closes = is_whole && spot.side == Side::Request && flat.words.contains_key("enum");
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

    fn list(&mut self, flat: &Flat, spot: &Spot) -> Option<Value> {
        let anything = json!({});
        let items = flat.words.get("items").unwrap_or(&anything);
        let within = Spot {
            place: format!("{}.items", spot.place),
            hint: format!("{}Item", spot.hint),
            ..*spot
        };
        let item = match self.in_place(items, &within) {
            Some(item) => item,
            None if spot.side == Side::Answer => return None,
            None => self.free_form(&within),
        };
        let mut schema = json!({ "type": "array" });
        if spot.side == Side::Answer {
            schema["nullable"] = true.into();
        } else {
            let count = |word: &str| flat.words.get(word).and_then(Value::as_u64);
            let (least, most) = (count("minItems").filter(|least| *least > 0), count("maxItems"));
            let is_unique = flat.words.get("uniqueItems") == Some(&json!(true));
            // Examples have few items, and different ones only where any text or number will do.
            let is_simple = item.as_object().is_some_and(|words| words.len() <= 2);
            let fits =
                least.is_none_or(|least| least <= 64 && (least == 1 || !is_unique || is_simple));
            if !fits || most.is_some_and(|most| least > Some(most)) {
                let why = "no example that keeps it could be made; write it, with an example";
                let word = format!("minItems: {}", least.unwrap_or_default());
                self.note(spot, Kind::LimitLeftOut { word, why });
            } else {
                least.into_iter().for_each(|it| schema["minItems"] = it.into());
            }
            most.into_iter().for_each(|it| schema["maxItems"] = it.into());
            if flat.words.get("uniqueItems") == Some(&json!(true)) {
                let comparable = item.get("$ref").is_none()
                    && !matches!(item["type"].as_str(), Some("object"))
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
        let within = Spot {
            place: format!("{}.additionalProperties", spot.place),
            hint: format!("{}Value", spot.hint),
            ..*spot
        };
        let value = values.and_then(|values| self.in_place(&values, &within));
        schema["additionalProperties"] = match value {
            Some(value) if spot.side == Side::Answer => value,
            Some(value) => self.unlimited(value, &within),
            None => json!({}),
        };
        self.finished(schema, flat, spot, Vec::new())
    }

    /// The values of a map in a request, which are not checked.
    fn unlimited(&mut self, value: Value, spot: &Spot) -> Value {
        if !references(&value).is_empty() {
            if self.is_enumeration(&value) {
                return json!({ "type": "string" });
            }
            let why = "the values of a map are of a plain type";
            self.note(spot, Kind::FreeForm { why });
            return json!({});
        }
        let mut kept = value;
        let limits = [
            "enum",
            "maxItems",
            "maxLength",
            "maximum",
            "minItems",
            "minLength",
            "minimum",
            "pattern",
            "uniqueItems",
        ];
        if let Some(words) = kept.as_object_mut() {
            for word in limits {
                if words.remove(word).is_some() {
                    let why = "the values of a map are not checked";
                    self.decisions
                        .add(&spot.place, Kind::LimitLeftOut { word: word.to_owned(), why });
                }
            }
            words.remove(HINT);
        }
        kept
    }

    /// The component of an object, by its name.
    fn object(&mut self, flat: &Flat, spot: &Spot) -> String {
        let side = if spot.side == Side::Answer { Side::Answer } else { Side::Request };
        let key = flat.origin.clone().unwrap_or_else(|| format!("at {}", spot.hint));
        if let Some(name) = self.names.get(&(key.clone(), Some(side))) {
            return name.clone();
        }
        let name = self.named(&key, Some(side), flat, spot);
        let own = Flat { description: None, default: None, nullable: false, ..flat.clone() };
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
        let mut seen = BTreeSet::new();
        let mut properties = Map::new();
        for (wire, schema) in members(&whole, "properties") {
            if flag(schema, "readOnly") && !is_answer || flag(schema, "writeOnly") && is_answer {
                continue;
            }
            let left_out = |why| Kind::MemberLeftOut { name: wire.clone(), why };
            let snake = wire.to_snake_case();
            let within = spot.within(wire);
            if snake.is_empty() || !snake.is_ascii() {
                self.note(spot, left_out("its name becomes none in Rust"));
                continue;
            }
            if !seen.insert(snake.clone()) {
                self.note(spot, left_out("another member becomes the same field"));
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
        schema["description"] = self.described(flat, spot, Vec::new()).into();
        if is_answer {
            if !required.is_empty() {
                self.note(spot, Kind::AnswerLoosened);
            }
        } else {
            let there: Vec<&str> =
                required.into_iter().filter(|name| properties.contains_key(*name)).collect();
            if !there.is_empty() {
                schema["required"] = there.into();
            }
            match flat.words.get("additionalProperties") {
                Some(Value::Bool(false)) => schema["additionalProperties"] = false.into(),
                Some(Value::Object(_)) if !properties.contains_key("extra") => {
                    schema["additionalProperties"] = json!({});
                }
                _ => {}
            }
            let least = flat.words.get("minProperties").and_then(Value::as_u64);
            if let Some(least) = least.filter(|least| (1..=properties.len() as u64).contains(least))
            {
                schema["minProperties"] = least.into();
            }
        }
        if !properties.is_empty() {
            schema["properties"] = properties.into();
        }
        schema
    }
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
