//! `api.json` of Tencent's command line: actions, and the objects they send and answer.

use std::collections::{BTreeMap, BTreeSet};

use super::{Wanted, about, described, json::Entry};
use crate::audit::page::{Member, ObjectType, Operation, Page, Type, Words};

/// The objects by name.
type Objects<'a> = BTreeMap<&'a str, Entry<'a>>;

/// Reads the file, if it is of this kind.
pub(super) fn read(root: Entry<'_>, wanted: Wanted<'_>) -> Option<Page> {
    let (actions, objects) = (root.get("actions")?.members()?, root.get("objects")?.members()?);
    let in_order: Vec<_> = objects.collect();
    let objects: Objects<'_> = in_order.iter().copied().collect();
    let version = root.get("metadata").and_then(|metadata| metadata.get("apiVersion"));
    let version = version.and_then(|entry| words(entry, entry.text()?));
    let mut page = Page::default();
    let mut bodies = BTreeSet::new();
    let mut used_by: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, action) in actions {
        let is_wanted = wanted(name);
        let mut used = BTreeSet::new();
        let mut body = |word: &str, page: &mut Page| {
            let object = action.text_of(word)?;
            bodies.insert(object);
            if !is_wanted {
                return None;
            }
            closure(&objects, object, &mut used);
            let Some(entry) = objects.get(object) else {
                let line = action.get(word).map_or(action.line, |entry| entry.line);
                let text = format!("{name}: {word}: there is no object `{object}`");
                page.not_understood.push(Words { line, text });
                return None;
            };
            let is_answer = word == "output";
            Some(members(*entry, object, is_answer, &mut page.not_understood))
        };
        let request = body("input", &mut page);
        let answer = body("output", &mut page);
        for object in used {
            used_by.entry(object).or_default().push(name.to_owned());
        }
        let status = action.get("status");
        let is_deprecated =
            |entry: &Entry<'_>| matches!(entry.text(), Some("deprecated" | "offline"));
        page.operations.push(Operation {
            line: action.line,
            id: words(action, name),
            version: version.clone(),
            deprecated: status.filter(is_deprecated).and_then(|entry| words(entry, entry.text()?)),
            about: about(action.get("document")).or_else(|| about(action.get("name"))),
            request,
            answer,
            ..Operation::default()
        });
    }
    for (name, object) in in_order {
        let used_by = used_by.remove(name).unwrap_or_default();
        if bodies.contains(name) || used_by.is_empty() {
            continue;
        }
        // An object that is sent says what must be given; one that is only answered, what always comes.
        let is_answer = object.text_of("usage") == Some("out");
        let members = members(object, name, is_answer, &mut page.not_understood);
        let name = Words { line: object.line, text: name.to_owned() };
        page.types.push(ObjectType { name, members, used_by });
    }
    Some(page)
}

fn words(entry: Entry<'_>, text: &str) -> Option<Words> {
    Some(Words { line: entry.line, text: text.to_owned() })
}

/// The objects within an object, at any depth.
fn closure<'a>(objects: &Objects<'a>, root: &'a str, used: &mut BTreeSet<&'a str>) {
    let mut pending = vec![root];
    while let Some(name) = pending.pop() {
        let items = objects.get(name).and_then(|object| object.get("members"));
        for member in items.into_iter().flat_map(Entry::items) {
            if let Some(inner) = member.text_of("member")
                && objects.contains_key(inner)
                && used.insert(inner)
            {
                pending.push(inner);
            }
        }
    }
}

fn members(
    object: Entry<'_>,
    name: &str,
    is_answer: bool,
    not_understood: &mut Vec<Words>,
) -> Vec<Member> {
    let mut members = Vec::new();
    let items = object.get("members");
    for item in items.into_iter().flat_map(Entry::items) {
        let member = item.get("name").and_then(|entry| Some((entry.line, entry.text()?)));
        let Some((line, member)) = member else {
            let text = format!("{name}: a member without a name");
            not_understood.push(Words { line: item.line, text });
            continue;
        };
        let text = item.text_of("document").unwrap_or_default();
        let ty = item.text_of("type").map(|ty| type_of(ty, item.text_of("member")));
        if let Some(Type::Unknown(words)) = &ty {
            let text = format!("{name}.{member}: type `{words}`");
            not_understood.push(Words { line, text });
        }
        let (own, other) = if is_answer {
            ("output_required", "required")
        } else {
            ("required", "output_required")
        };
        let read = Member {
            line,
            name: member.to_owned(),
            required: item.truth_of(own).or_else(|| item.truth_of(other)),
            ty,
            ..Member::default()
        };
        members.push(described(read, text));
    }
    members
}

fn type_of(ty: &str, member: Option<&str>) -> Type {
    match (ty, member) {
        ("list", Some(item)) => Type::List(Box::new(type_of(item, None))),
        ("list", None) => Type::List(Box::new(Type::Unknown(String::new()))),
        ("object", name) => Type::Object(name.map(str::to_owned)),
        ("string" | "datetime" | "datetime_iso" | "date" | "binary", _) => Type::Text,
        ("int" | "integer" | "int64" | "uint64", _) => Type::Integer,
        ("float" | "double", _) => Type::Number,
        ("bool" | "boolean", _) => Type::Boolean,
        (name, None) if name.starts_with(|c: char| c.is_ascii_uppercase()) => {
            Type::Object(Some(name.to_owned()))
        }
        (words, _) => Type::Unknown(words.to_owned()),
    }
}
