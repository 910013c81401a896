//! The schema of a page's member, by the rules of specs/README.md: limits in requests only, objects and
//! enumerations as components of their own, a closed set of a request by `allOf` and `enum`.

use heck::ToUpperCamelCase as _;

use super::{
    Done, Fixer,
    place::{DEPTH, component},
    to_write,
};
use crate::{
    audit::page::{Limits, Member, Type},
    edit::{Put, Yaml},
};

/// The place of a new schema.
#[derive(Clone)]
pub(super) struct Home {
    /// The component it is a part of, or the operation.
    pub owner: String,
    /// Whether a request sends it.
    pub in_request: bool,
    /// How many objects it is in.
    pub depth: usize,
}

/// The words of a schema.
pub(super) type Words = Vec<(String, Yaml)>;

pub(super) fn word(name: &str, value: Yaml) -> (String, Yaml) {
    (name.to_owned(), value)
}

impl Fixer<'_> {
    /// The words of a member's schema; components that it needs are written into the document.
    pub(super) fn schema(&mut self, member: &Member, home: &Home) -> Result<Words, String> {
        let about = to_write("what it is", &member.text);
        let mut words = self.typed(member, home)?;
        if member.deprecated {
            words.push(word("deprecated", Yaml::plain(true)));
        }
        let description = word("description", Yaml::Text(about));
        // Some documents describe a list in front of its items.
        let items = words.iter().position(|(name, _)| name == "items");
        match items.filter(|_| !self.items_come_first()) {
            Some(at) => words.insert(at, description),
            None => words.push(description),
        }
        Ok(words)
    }

    fn typed(&mut self, member: &Member, home: &Home) -> Result<Words, String> {
        let limits = &member.limits;
        let ty = member.ty.clone().unwrap_or(match member.members.is_empty() {
            true => Type::Text,
            false => Type::Object(None),
        });
        // A list of the page may not say of what.
        let ty = match ty {
            Type::Unknown(name) if name.is_empty() => Type::Text,
            other => other,
        };
        let kind = |name: &str| word("type", Yaml::text(name));
        Ok(match ty {
            Type::Text | Type::Unknown(_) if !limits.values.is_empty() => {
                let name = self.enumeration(member, home)?;
                let mut words = vec![referring(&name)];
                if home.in_request {
                    words.push(word("enum", Yaml::flow_list(&limits.values)));
                }
                words
            }
            Type::Text => {
                let mut words = vec![kind("string")];
                words.extend(format(member).map(|name| word("format", Yaml::text(name))));
                if home.in_request {
                    words.extend(of_text(limits, format(member).is_some()));
                }
                words
            }
            Type::Unknown(name) => {
                return Err(format!(
                    "the page's type `{name}` is not known here; write the member by hand"
                ));
            }
            Type::Integer | Type::Number => {
                let mut words = vec![kind(if ty == Type::Integer { "integer" } else { "number" })];
                if home.in_request && ty == Type::Integer {
                    words.extend(limits.minimum.map(|n| word("minimum", Yaml::plain(n))));
                    words.extend(limits.maximum.map(|n| word("maximum", Yaml::plain(n))));
                }
                words
            }
            Type::Boolean => vec![kind("boolean")],
            Type::Map => vec![
                kind("object"),
                word("additionalProperties", Yaml::mapping([("type", Yaml::text("string"))])),
            ],
            Type::List(item) => {
                let mut words = vec![kind("array")];
                if home.in_request {
                    words.extend(limits.min_items.map(|n| word("minItems", Yaml::plain(n))));
                    words.extend(limits.max_items.map(|n| word("maxItems", Yaml::plain(n))));
                } else {
                    words.push(word("nullable", Yaml::plain(true)));
                }
                let mut one = member.clone();
                one.ty = Some(*item);
                let inner = Home { depth: home.depth + 1, ..home.clone() };
                if inner.depth > DEPTH {
                    return Err("the page nests it too deep; write it by hand".to_owned());
                }
                let mut item = self.typed(&one, &inner)?;
                if let [(of, Yaml::List(parts))] = item.as_slice()
                    && of == "allOf"
                    && let [Yaml::Mapping(reference)] = parts.as_slice()
                {
                    item = reference.clone();
                }
                words.push(word("items", Yaml::Mapping(item)));
                words
            }
            Type::Object(name) => {
                let known = name.as_deref().and_then(|name| self.type_of_page(name));
                let members =
                    if member.members.is_empty() { known } else { Some(member.members.clone()) };
                match (name, members) {
                    (name, Some(members)) => {
                        let name = name.unwrap_or_else(|| member.name.to_upper_camel_case());
                        let name = self.object_for(&name, &members, home)?;
                        vec![referring(&name)]
                    }
                    (Some(name), None) if self.suits(&name, home) => vec![referring(&name)],
                    (Some(name), None) => {
                        return Err(format!(
                            "the page does not say what `{name}` holds; give the page of its types too"
                        ));
                    }
                    (None, None) => {
                        vec![kind("object"), word("additionalProperties", Yaml::plain(true))]
                    }
                }
            }
        })
    }

    /// The members of an object that the page describes by name.
    fn type_of_page(&self, name: &str) -> Option<Vec<Member>> {
        let found = self.page.types.iter().find(|ty| ty.name.text == name);
        found.map(|ty| ty.members.clone()).filter(|members| !members.is_empty())
    }

    /// True for a component that may stand there: none is in requests and in answers.
    fn suits(&self, name: &str, home: &Home) -> bool {
        let has_members = self.editor.has(&component(name).to("properties"));
        has_members && !self.used_in(!home.in_request).iter().any(|used| used == name)
    }

    /// The component for an object of the page: one that is there, or a new one behind its owner.
    fn object_for(
        &mut self,
        name: &str,
        members: &[Member],
        home: &Home,
    ) -> Result<String, String> {
        let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        let is_alike = |fixer: &Self, other: &str| {
            let has = fixer.editor.names(&component(other).to("properties"));
            !has.is_empty() && names.iter().all(|name| has.iter().any(|one| one == name))
        };
        if self.suits(name, home) && (home.depth > 0 || is_alike(self, name)) {
            return Ok(name.to_owned());
        }
        let used = self.used_in(home.in_request);
        if let Some(alike) = used
            .iter()
            .find(|other| other.ends_with(name) && is_alike(self, other) && self.suits(other, home))
        {
            return Ok(alike.clone());
        }
        let own = self.free_name(name, home);
        if home.depth >= DEPTH {
            return Err("the page nests it too deep; write it by hand".to_owned());
        }
        self.add_object(&own, members, home, &to_write("what it is", ""))?;
        Ok(own)
    }

    /// A name that no component has.
    fn free_name(&self, name: &str, home: &Home) -> String {
        let side = if home.in_request { "Request" } else { "Answer" };
        let owner = home.owner.trim_end_matches("Request").trim_end_matches("Response");
        let names = [name.to_owned(), format!("{owner}{name}"), format!("{owner}{name}{side}")];
        let free = names.into_iter().find(|name| !self.editor.has(&component(name)));
        free.unwrap_or_else(|| format!("{owner}{name}{side}2"))
    }

    /// Writes an object as a component behind its owner.
    pub(super) fn add_object(
        &mut self,
        name: &str,
        members: &[Member],
        home: &Home,
        about: &str,
    ) -> Done {
        let mut words =
            vec![word("type", Yaml::text("object")), word("description", Yaml::text(about))];
        let closed = component(&home.owner).to("additionalProperties");
        if home.in_request && self.editor.scalar(&closed) == Some("false") {
            words.push(word("additionalProperties", Yaml::plain(false)));
        }
        let required: Vec<&str> = members
            .iter()
            .filter(|member| home.in_request && member.required == Some(true))
            .map(|member| member.name.as_str())
            .collect();
        if !required.is_empty() {
            words.push(word("required", Yaml::flow_list(required)));
        }
        // It stands before its members have types, so that one that is of its own type finds it.
        let mut first = words.clone();
        first.push(word("properties", Yaml::Raw("{}".to_owned())));
        let schemas = component(name).0;
        let schemas = crate::edit::Way(schemas[..2].to_vec());
        self.editor.set(&schemas, name, &Yaml::Mapping(first), Put::After(&home.owner))?;
        let inner =
            Home { owner: name.to_owned(), in_request: home.in_request, depth: home.depth + 1 };
        let mut properties = Vec::new();
        for member in members {
            properties.push(word(&member.name, Yaml::Mapping(self.schema(member, &inner)?)));
        }
        if !properties.is_empty() {
            self.editor
                .replace_value(&component(name).to("properties"), &Yaml::Mapping(properties))?;
        }
        Ok(())
    }

    /// The component for an enumeration of the page: one that has its values, or a new one.
    pub(super) fn enumeration(&mut self, member: &Member, home: &Home) -> Result<String, String> {
        let values = &member.limits.values;
        let name = member.name.to_upper_camel_case();
        for other in self.editor.names(&crate::edit::Way::of(["components", "schemas"])) {
            let way = component(&other);
            let known = self.editor.texts(&way.to("x-extensible-enum"));
            let has_all = values.iter().all(|value| known.contains(value));
            if has_all && (other.ends_with(&name) || known.len() == values.len()) {
                return Ok(other);
            }
        }
        let own = self.free_name(&name, home);
        self.add_enumeration(&own, values, &home.owner, &to_write("what it tells", &member.text))?;
        Ok(own)
    }

    /// Writes an enumeration as a component behind the last of them, or behind its owner.
    pub(super) fn add_enumeration(
        &mut self,
        name: &str,
        values: &[String],
        owner: &str,
        about: &str,
    ) -> Done {
        let words = vec![
            word("type", Yaml::text("string")),
            word("description", Yaml::text(about)),
            word("x-extensible-enum", Yaml::flow_list(values)),
        ];
        let schemas = crate::edit::Way::of(["components", "schemas"]);
        let all = self.editor.names(&schemas);
        let is_enumeration = |name: &&String| {
            **name != "ErrorCode" && self.editor.has(&component(name).to("x-extensible-enum"))
        };
        // If they stand together, the new one joins them.
        let last = all.iter().rposition(|name| is_enumeration(&name));
        let before = last.and_then(|at| at.checked_sub(1)).and_then(|at| all.get(at));
        let together = before.is_some_and(|name| is_enumeration(&name));
        let after = last.filter(|_| together).and_then(|at| all.get(at)).cloned();
        let after = after.unwrap_or_else(|| owner.to_owned());
        self.editor.set(&schemas, name, &Yaml::Mapping(words), Put::After(&after))
    }

    /// True where the document's first described list has its items in front of its description.
    fn items_come_first(&self) -> bool {
        let text = self.editor.text();
        let list = text.match_indices("type: array").find_map(|(at, _)| {
            let rest = text.get(at..)?;
            let end = rest.match_indices("type: array").nth(1).map_or(rest.len(), |(end, _)| end);
            let part = rest.get(..end)?;
            part.find("items:").zip(part.find("description:"))
        });
        list.is_some_and(|(items, description)| items < description)
    }
}

/// `allOf: [{$ref: …}]`.
pub(super) fn referring(name: &str) -> (String, Yaml) {
    let pointer = Yaml::text(format!("#/components/schemas/{name}"));
    word("allOf", Yaml::List(vec![Yaml::mapping([("$ref", pointer)])]))
}

/// The format of a text, by what the page says of it.
fn format(member: &Member) -> Option<&'static str> {
    let (name, text) = (member.name.to_ascii_lowercase(), member.text.to_ascii_lowercase());
    if name.contains("password") || name.contains("secret") {
        return Some("password");
    }
    text.contains("base64").then_some("byte")
}

/// The limits of a text.
fn of_text(limits: &Limits, is_formatted: bool) -> Words {
    let number = |name: &str, n: Option<u64>| n.map(|n| word(name, Yaml::plain(n)));
    let mut words: Words = Vec::new();
    words.extend(number("minLength", limits.min_characters));
    words.extend(number("maxLength", limits.max_characters));
    if is_formatted {
        // The characters of Base64 are bytes.
        if limits.max_characters.is_none() {
            words.extend(number("maxLength", limits.max_bytes));
        }
        return words;
    }
    words.extend(number("x-max-bytes", limits.max_bytes));
    let pattern = limits.characters.as_deref().map(|class| pattern(class, '*'));
    words.extend(pattern.map(|pattern| word("pattern", Yaml::Raw(quoted(&pattern)))));
    let keys = limits.key_characters.as_ref().zip(limits.key_max_characters).zip(limits.max_items);
    words.extend(keys.map(|((class, length), count)| {
        let form = Yaml::mapping([
            ("maxProperties", Yaml::plain(count)),
            ("keyPattern", Yaml::Raw(quoted(&self::pattern(class, '+')))),
            ("keyMaxLength", Yaml::plain(length)),
            ("valueType", Yaml::text("string")),
        ]);
        word("x-json-object", form)
    }));
    words
}

/// A class of characters as the pattern of a text: `[a-z_-.]` becomes `^[a-z_.-]*$`, with `*` for `count`.
pub(super) fn pattern(class: &str, count: char) -> String {
    if class.starts_with('^') {
        return class.to_owned();
    }
    let inner = class.trim_start_matches('[').trim_end_matches(']');
    // A hyphen that is no range goes to the end, where every engine takes it for itself.
    let chars: Vec<char> = inner.chars().collect();
    let (mut kept, mut hyphen, mut at) = (String::new(), false, 0);
    while let Some(&c) = chars.get(at) {
        let range = (chars.get(at + 1), chars.get(at + 2));
        match (c, range) {
            (a, (Some('-'), Some(&z))) if a.is_alphanumeric() && z.is_alphanumeric() && a < z => {
                kept.extend([a, '-', z]);
                at += 3;
                continue;
            }
            ('-', _) => hyphen = true,
            (c @ ('[' | ']' | '^' | '\\'), _) => kept.extend(['\\', c]),
            (c, _) => kept.push(c),
        }
        at += 1;
    }
    format!("^[{kept}{}]{count}$", if hyphen { "-" } else { "" })
}

/// A pattern in single quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
