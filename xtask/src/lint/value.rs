//! Whether a value is what a schema allows, in the words of the checks that requests get.

use std::{collections::BTreeSet, ops::Bound};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use crate::{
    check::{self, Checked, Encoded, JsonObject, Pattern, Violation},
    document::{
        Document, Extra, IntegerFormat, IntegerSchema, ListSchema, ObjectSchema, Schema,
        TextFormat, TextSchema,
    },
};

/// Which way a value goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    /// It is sent, so limits apply.
    Request,
    /// It is received: limits are the service's own.
    Answer,
}

/// Checks values, and remembers which members it saw.
pub(super) struct Values<'a> {
    document: &'a Document,
    way: Way,
    /// The members seen: the component and the name.
    pub seen: BTreeSet<(&'a str, &'a str)>,
    /// The fault.
    pub faults: Vec<Violation>,
}

impl<'a> Values<'a> {
    pub fn new(document: &'a Document, way: Way) -> Self {
        Self { document, way, seen: BTreeSet::new(), faults: Vec::new() }
    }

    /// Checks `value`, which is called `field`. An optional list that is empty is not sent.
    pub fn check(&mut self, field: &str, schema: &'a Schema, value: &Value, required: bool) {
        let name = schema.reference().and_then(|reference| reference.name_in("schemas"));
        let Some(target) = self.document.resolve(schema) else { return };
        match (target, value) {
            (_, Value::Null) => {
                if !schema.is_nullable() && !target.is_nullable() {
                    self.fault(field, "is null, which is not allowed there");
                }
            }
            (Schema::Text(limits), Value::String(text)) => {
                self.text(field, limits, text);
                let narrowed = match schema {
                    Schema::Narrowed(narrowed) => narrowed.values.as_ref(),
                    _ => None,
                };
                if let Some(values) = narrowed.or(limits.values.as_ref())
                    && self.way == Way::Request
                {
                    let values: Vec<&str> = values.iter().map(String::as_str).collect();
                    self.note(check::one_of(field, text, &values));
                }
            }
            (Schema::Integer(limits), Value::Number(number)) if !number.is_f64() => {
                let value = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
                let (mut least, mut most) = bounds(limits);
                if self.way == Way::Request {
                    least = limits.least().map_or(least, i128::from);
                    most = limits.most().map_or(most, i128::from);
                }
                if let Some(value) = value {
                    self.note(check::range(field, value, least..=most));
                    if let Some(values) = &limits.values
                        && self.way == Way::Request
                    {
                        let values: Vec<i128> = values.iter().copied().map(i128::from).collect();
                        self.note(check::one_of_numbers(field, value, &values));
                    }
                }
            }
            (Schema::Number(limits), Value::Number(number)) => {
                let end = |end: Option<f64>, excluded: bool| match end {
                    Some(end) if excluded => Bound::Excluded(end),
                    Some(end) => Bound::Included(end),
                    None => Bound::Unbounded,
                };
                let least = end(limits.minimum, limits.exclusive_minimum);
                let most = end(limits.maximum, limits.exclusive_maximum);
                if let Some(value) = number.as_f64().filter(|_| self.way == Way::Request) {
                    self.note(check::range(field, value, (least, most)));
                }
            }
            (Schema::Boolean(_), Value::Bool(_)) => {}
            (Schema::List(limits), Value::Array(items)) => {
                self.list(field, limits, items, required);
            }
            (Schema::Object(object), Value::Object(members)) => {
                self.object(field, name, object, members);
            }
            _ => {
                let problem = format!("is {}, but {} is wanted", kind(value), wanted(target));
                self.fault(field, problem);
            }
        }
    }

    /// Checks a whole body, of the component `name`.
    pub fn body(&mut self, name: Option<&'a str>, schema: &'a Schema, value: &Value) {
        match (schema, value) {
            (Schema::Object(object), Value::Object(members)) => {
                self.object("", name, object, members);
            }
            _ => self.check("body", schema, value, true),
        }
    }

    fn fault(&mut self, field: &str, problem: impl Into<String>) {
        self.faults.push(Violation::new(field, problem));
    }

    fn note(&mut self, checked: Checked) {
        self.faults.extend(checked.err());
    }

    fn text(&mut self, field: &str, limits: &TextSchema, text: &str) {
        if limits.format == Some(TextFormat::Byte)
            && let Err(violation) = check::base64(field, &Text(text))
        {
            return self.faults.push(violation);
        }
        if self.way == Way::Answer {
            return;
        }
        let size = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        let (least, most) =
            (limits.min_length.map_or(0, size), limits.max_length.map_or(usize::MAX, size));
        self.note(match limits.format {
            Some(TextFormat::Byte) => check::encoded(field, &Text(text), least..=most),
            _ => check::characters(field, text, least..=most),
        });
        if let Some(most) = limits.max_bytes {
            self.note(check::bytes(field, text, ..=size(most)));
        }
        if let Some(pattern) = &limits.pattern {
            self.note(check::pattern(field, text, &Pattern::new(pattern.as_str())));
        }
        if let Some(rules) = &limits.json_object {
            let (max_properties, key_max_length) =
                (size(rules.max_properties), size(rules.key_max_length));
            let key = Pattern::new(rules.key_pattern.as_str());
            let rules = JsonObject { max_properties, key_max_length };
            self.note(check::json_object(field, text, &rules, &key));
        }
    }

    fn list(&mut self, field: &str, limits: &'a ListSchema, items: &[Value], required: bool) {
        if self.way == Way::Request && (required || !items.is_empty()) {
            let size = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
            let least = limits.min_items.map_or(0, size);
            self.note(check::items(
                field,
                items,
                least..=limits.max_items.map_or(usize::MAX, size),
            ));
            if limits.unique_items {
                self.note(check::unique(field, items));
            }
        }
        for (index, item) in items.iter().enumerate() {
            self.check(&format!("{field}[{index}]"), &limits.items, item, true);
        }
    }

    fn object(
        &mut self,
        field: &str,
        name: Option<&'a str>,
        object: &'a ObjectSchema,
        members: &Map<String, Value>,
    ) {
        let within = |member: &str| match field {
            "" => member.to_owned(),
            _ => format!("{field}.{member}"),
        };
        let before = self.faults.len();
        for (member, value) in members {
            match (object.properties.get_key_value(member), &object.additional_properties) {
                (Some((member, schema)), _) => {
                    if let Some(name) = name.filter(|_| !value.is_null()) {
                        self.seen.insert((name, member));
                    }
                    let required = object.required.contains(member);
                    self.check(&within(member), schema, value, required);
                }
                (None, Some(Extra::Of(schema))) => {
                    self.check(&within(member), schema, value, true);
                }
                (None, Some(Extra::Kept | Extra::Free)) => {}
                (None, None) if !object.is_struct() => {}
                (None, _) => {
                    let of = name.map_or_else(String::new, |name| format!(" of `{name}`"));
                    let otherwise = match self.way {
                        Way::Request => "",
                        Way::Answer => {
                            "; where the example shows that it is kept, give that schema \
                             `additionalProperties: {}`"
                        }
                    };
                    self.fault(&within(member), format!("is no member{of}{otherwise}"));
                }
            }
        }
        let is_misspelled = self.faults.len() > before;
        for member in object.required.iter().filter(|_| !is_misspelled) {
            if members.get(member).is_none_or(Value::is_null) {
                self.fault(&within(member), "is required, but was not given");
            }
        }
        // A member that is misspelled is missing too, which says nothing more.
        if self.way == Way::Request && self.faults.len() == before {
            self.rules(field, object, members);
        }
    }

    /// The rules between members.
    fn rules(&mut self, field: &str, object: &'a ObjectSchema, members: &Map<String, Value>) {
        let at = |violation: Violation| match field {
            "" => violation,
            _ => violation.within(field),
        };
        let given = |member: &String| members.get(member).is_some_and(is_given);
        let pairs = |group: &'a [String]| -> Vec<(&'a str, bool)> {
            group.iter().map(|member| (member.as_str(), given(member))).collect()
        };
        let mut checks = Vec::new();
        for group in &object.exclusive {
            checks.push(check::exclusive(&pairs(group)));
        }
        for group in &object.exactly_one_of {
            checks.push(check::exactly_one_of(&pairs(group)));
        }
        let least = object.min_properties.map(|least| usize::try_from(least).unwrap_or(usize::MAX));
        if let Some(least) = least.filter(|_| !object.is_struct()) {
            let members = members.iter().map(|(name, value)| (name.clone(), value));
            self.note(check::members(field, &members.collect(), least..));
        } else if let Some(least) = least {
            let names = object.properties.keys();
            let pairs: Vec<_> = names.map(|name| (name.as_str(), given(name))).collect();
            checks.push(check::some_of(least, &pairs));
        }
        for (member, needs) in &object.requires {
            for (other, value) in needs {
                let holds = members.get(other) == Some(value);
                let shown = value.to_string();
                checks.push(check::requires(member, given(member), other, &shown, holds));
            }
        }
        self.faults.extend(checks.into_iter().filter_map(Result::err).map(at));
    }
}

/// The text of bytes in Base64.
struct Text<'a>(&'a str);

impl Encoded for Text<'_> {
    fn encoded_len(&self) -> usize {
        self.0.chars().count()
    }

    fn is_malformed(&self) -> bool {
        STANDARD.decode(self.0).is_err()
    }
}

/// True for a member that is sent: an empty list is not.
fn is_given(value: &Value) -> bool {
    !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty())
}

/// The numbers that the type of a schema holds.
pub(super) fn bounds(schema: &IntegerSchema) -> (i128, i128) {
    match schema.format {
        Some(format) => format.bounds(),
        None if schema.is_unsigned() => IntegerFormat::Uint64.bounds(),
        None => IntegerFormat::Int64.bounds(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn wanted(schema: &Schema) -> &'static str {
    match schema {
        Schema::Text(_) => "text",
        Schema::Integer(_) => "a whole number",
        Schema::Number(_) => "a number",
        Schema::Boolean(_) => "true or false",
        Schema::List(_) => "a list",
        Schema::Object(_) | Schema::Reference(_) | Schema::Narrowed(_) => "an object",
    }
}
