//! Lists what a document says of texts: what is secret, and what holds Base64 or JSON.

use std::{collections::HashMap, rc::Rc};

use indexmap::IndexSet;

use crate::document::{
    Call, Document, Extra, Location, Schema, TextContent, TextFormat, TextSchema,
};

/// How deep a body is searched, since a schema may contain itself.
const DEPTH: usize = 12;

/// The marks of `guestexec_core::Marks`, separated by commas.
pub(super) struct Marks {
    pub(super) secrets: String,
    pub(super) texts: String,
}

/// Finds what is marked. A component is searched once, since many bodies share one.
pub(super) struct Marked<'a> {
    document: &'a Document,
    /// The marks within a schema at a depth, by where they are within it.
    known: HashMap<(*const Schema, usize), Rc<Vec<Mark>>>,
}

/// What is said of a place: its kind, and the place with a slash before each part.
#[derive(Clone)]
struct Mark {
    kind: &'static str,
    place: String,
}

impl<'a> Marked<'a> {
    pub(super) fn new(document: &'a Document) -> Self {
        Self { document, known: HashMap::new() }
    }

    /// The marks of an operation's requests.
    pub(super) fn requests(&mut self, operation: &Call<'_>) -> Marks {
        let mut found = Found::default();
        for parameter in operation.parameters().into_iter().filter(|it| it.sensitive) {
            let name = &parameter.name;
            found.secrets.extend(match parameter.location {
                Location::Path => {
                    // Counted from the end, since an endpoint may have a path of its own.
                    let part = format!("{{{name}}}");
                    let place = operation.path.rsplit('/').position(|other| other == part);
                    place.map(|place| format!("path/{}", place + 1))
                }
                // Names of headers are compared in lower case.
                Location::Header => Some(format!("header/{}", name.to_ascii_lowercase())),
                Location::Query => Some(format!("query/{name}")),
            });
        }
        if let Some(schema) = operation.body_schema().and_then(|name| self.document.schema(name)) {
            found.add(&self.within(schema, DEPTH));
        }
        found.into()
    }

    /// Those of all answers to an operation.
    pub(super) fn answers(&mut self, operation: &Call<'_>) -> Marks {
        let mut found = Found::default();
        let answers = operation.operation.responses.values();
        for answer in answers.filter_map(|answer| operation.document.response(answer)) {
            for (name, header) in &answer.headers {
                if is_secret(&header.schema) {
                    found.secrets.push(format!("header/{}", name.to_ascii_lowercase()));
                }
            }
            if let Some(body) = answer.json() {
                found.add(&self.within(&body.schema, DEPTH));
            }
        }
        found.into()
    }

    /// The marks within a schema.
    fn within(&mut self, schema: &Schema, depth: usize) -> Rc<Vec<Mark>> {
        let target = self.document.resolve(schema).filter(|_| depth > 0);
        let Some(target) = target else { return Rc::default() };
        let here = |kind| vec![Mark { kind, place: String::new() }];
        // A mark beside a reference counts, too, and belongs to this place alone.
        if schema.is_sensitive() && !is_output(target) {
            let mut marks = here("body");
            marks.extend(text_kind(target).map(|kind| Mark { kind, place: String::new() }));
            return Rc::new(marks);
        }
        let key = (std::ptr::from_ref(target), depth);
        if let Some(known) = self.known.get(&key) {
            return Rc::clone(known);
        }
        let mut marks: Vec<Mark> = text_kind(target).into_iter().flat_map(here).collect();
        if is_output(target) {
            marks.clear();
        } else if is_secret(target) {
            marks.extend(here("body"));
        } else {
            for (name, part) in parts(target) {
                marks.extend(
                    self.within(part, depth - 1).iter().map(|mark| Mark {
                        kind: mark.kind,
                        place: format!("/{name}{}", mark.place),
                    }),
                );
            }
        }
        let marks = Rc::new(marks);
        self.known.insert(key, Rc::clone(&marks));
        marks
    }
}

/// What is in a list or an object, by its part of a place.
fn parts(schema: &Schema) -> Vec<(&str, &Schema)> {
    match schema {
        Schema::List(list) => vec![("*", &list.items)],
        Schema::Object(object) => {
            let members = object.properties.iter().map(|(name, member)| (name.as_str(), member));
            let others = match &object.additional_properties {
                Some(Extra::Of(values)) => Some(("*", &**values)),
                _ => None,
            };
            members.chain(others).collect()
        }
        _ => Vec::new(),
    }
}

/// What a text holds: Base64 or JSON.
fn text_kind(schema: &Schema) -> Option<&'static str> {
    let Schema::Text(text) = schema else { return None };
    let is_json = text.json_object.is_some() || text.content == Some(TextContent::Json);
    match text.format {
        Some(TextFormat::Byte) => Some("base64"),
        _ => is_json.then_some("json"),
    }
}

/// What a command wrote. A recording without it would be of no use.
fn is_output(schema: &Schema) -> bool {
    let Schema::Text(text) = schema else { return false };
    text_kind(schema).is_none() && text.content == Some(TextContent::Output)
}

#[derive(Default)]
struct Found {
    secrets: Vec<String>,
    texts: Vec<String>,
}

impl Found {
    fn add(&mut self, marks: &[Mark]) {
        for Mark { kind, place } in marks {
            let list = if *kind == "body" { &mut self.secrets } else { &mut self.texts };
            list.push(format!("{kind}{place}"));
        }
    }
}

impl From<Found> for Marks {
    fn from(found: Found) -> Self {
        let listed = |marks: Vec<String>| {
            let marks: IndexSet<String> = marks.into_iter().collect();
            marks.into_iter().collect::<Vec<_>>().join(",")
        };
        Self { secrets: listed(found.secrets), texts: listed(found.texts) }
    }
}

fn is_secret(schema: &Schema) -> bool {
    let password = Some(TextFormat::Password);
    schema.is_sensitive()
        || matches!(schema, Schema::Text(TextSchema { format, .. }) if *format == password)
}
