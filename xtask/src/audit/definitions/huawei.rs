//! Huawei's definitions: Swagger 2.0 with one operation a file.

use super::{about, described, json::Entry};
use crate::audit::{
    page::{Code, Limits, Member, Operation, Page, Place, Type, Words},
    prose,
};

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "patch", "head", "options"];

/// How deep objects may lie in each other.
const DEPTH: usize = 16;

/// How many members are read of a file: an object stands wherever it is referred to, so a small file may
/// mean any number.
const MEMBERS: usize = 5_000;

/// Reads the file, if it is of this kind.
pub(super) fn read(root: Entry<'_>) -> Option<Page> {
    let paths = root.get("paths")?.members()?;
    root.get("definitions")?;
    let mut reader = Reader { root, left: MEMBERS, not_understood: Vec::new() };
    let mut operations = Vec::new();
    for (path, item) in paths {
        for (method, entry) in item.members().into_iter().flatten() {
            if METHODS.contains(&method) {
                operations.push(reader.operation(path, item, method, entry));
            }
        }
    }
    Some(Page { operations, not_understood: reader.not_understood, ..Page::default() })
}

struct Reader<'a> {
    root: Entry<'a>,
    /// How many members may still be read.
    left: usize,
    not_understood: Vec<Words>,
}

impl<'a> Reader<'a> {
    fn operation(
        &mut self,
        path: &str,
        item: Entry<'a>,
        method: &str,
        entry: Entry<'a>,
    ) -> Operation {
        let id = entry.get("operationId").or_else(|| self.root.get("name"));
        let id = id.and_then(|id| Some(Words { line: id.line, text: id.text()?.to_owned() }));
        let name = id.as_ref().map_or(path, |id| &id.text).to_owned();
        let mut request = Vec::new();
        for parameter in entry.get("parameters").into_iter().flat_map(Entry::items) {
            let place = match parameter.text_of("in") {
                Some("path") => Place::Path,
                Some("query") => Place::Query,
                Some("header") => Place::Header,
                Some("body") => {
                    let schema = parameter.get("schema");
                    request.extend(schema.map(|s| self.members(s, &name, 0)).unwrap_or_default());
                    continue;
                }
                other => {
                    let other = other.unwrap_or("nowhere");
                    let text = format!("{name}: a parameter in `{other}`");
                    self.not_understood.push(Words { line: parameter.line, text });
                    continue;
                }
            };
            let Some((line, own)) =
                parameter.get("name").and_then(|name| Some((name.line, name.text()?)))
            else {
                let text = format!("{name}: a parameter without a name");
                self.not_understood.push(Words { line: parameter.line, text });
                continue;
            };
            let required = parameter.truth_of("required").unwrap_or_default();
            request.push(Member { line, place, ..member(own, parameter, required) });
        }
        let responses: Vec<_> =
            entry.get("responses").and_then(Entry::members).into_iter().flatten().collect();
        let success = responses.iter().find(|(status, _)| status.starts_with('2'));
        let answer = success.and_then(|(_, response)| response.get("schema"));
        let statuses: Vec<_> = responses
            .iter()
            .map(|(status, response)| Code {
                line: response.line,
                code: (*status).to_owned(),
                text: prose::plain(response.text_of("description").unwrap_or_default()),
                deprecated: false,
            })
            .collect();
        let is_deprecated = entry.truth_of("deprecated") == Some(true);
        let deprecated = entry.get("deprecated").filter(|_| is_deprecated);
        Operation {
            line: entry.line,
            id,
            method: Some(Words { line: entry.line, text: method.to_uppercase() }),
            path: Some(Words { line: item.line, text: path.to_owned() }),
            deprecated: deprecated
                .map(|entry| Words { line: entry.line, text: "deprecated".to_owned() }),
            about: about(entry.get("summary"))
                .or_else(|| about(self.root.get("summary")))
                .or_else(|| about(entry.get("description"))),
            request: Some(request),
            answer: answer.map(|schema| self.members(schema, &name, 0)),
            // An operation without any answer does not say so; it says nothing.
            statuses: (!statuses.is_empty()).then_some(statuses),
            ..Operation::default()
        }
    }

    /// The members of an object, with those of the objects within, as the pages list them.
    fn members(&mut self, schema: Entry<'a>, place: &str, depth: usize) -> Vec<Member> {
        let schema = match reference(schema) {
            None => schema,
            Some(name) => {
                match self.root.get("definitions").and_then(|definitions| definitions.get(name)) {
                    Some(schema) => schema,
                    None => {
                        let text = format!("{place}: there is no definition `{name}`");
                        self.not_understood.push(Words { line: schema.line, text });
                        return Vec::new();
                    }
                }
            }
        };
        let required: Vec<_> = schema
            .get("required")
            .into_iter()
            .flat_map(Entry::items)
            .filter_map(Entry::text)
            .collect();
        let mut members = Vec::new();
        for (name, property) in
            schema.get("properties").and_then(Entry::members).into_iter().flatten()
        {
            if self.left == 0 {
                return members;
            }
            self.left -= 1;
            let mut read = member(name, property, required.contains(&name));
            let place = format!("{place}.{name}");
            if let Some(Type::Unknown(words)) = &read.ty {
                let text = format!("{place}: type `{words}`");
                self.not_understood.push(Words { line: read.line, text });
            }
            // An object that holds itself is read to some depth.
            if depth < DEPTH {
                let item = property.get("items").unwrap_or(property);
                read.members = self.members(item, &place, depth + 1);
            }
            members.push(read);
        }
        members
    }
}

fn reference(schema: Entry<'_>) -> Option<&str> {
    schema.text_of("$ref")?.strip_prefix("#/definitions/")
}

fn member(name: &str, schema: Entry<'_>, required: bool) -> Member {
    let read = Member {
        line: schema.line,
        name: name.to_owned(),
        required: Some(required),
        ty: Some(type_of(schema)),
        ..Member::default()
    };
    let mut read = described(read, schema.text_of("description").unwrap_or_default());
    read.deprecated |= schema.truth_of("deprecated") == Some(true);
    state(&mut read.limits, schema);
    read
}

/// Puts what the schema states in the place of what its description says.
fn state(limits: &mut Limits, schema: Entry<'_>) {
    let size = |word| schema.number_of(word).and_then(|number| u64::try_from(number).ok());
    limits.min_characters = size("minLength").or(limits.min_characters);
    limits.max_characters = size("maxLength").or(limits.max_characters);
    limits.min_items = size("minItems").or(limits.min_items);
    limits.max_items = size("maxItems").or(limits.max_items);
    limits.minimum = schema.number_of("minimum").or(limits.minimum);
    limits.maximum = schema.number_of("maximum").or(limits.maximum);
    let item = schema.get("items").unwrap_or(schema);
    if let Some(values) = item.get("enum") {
        limits.values = values.items().filter_map(Entry::scalar).collect();
    }
    if let Some(default) = schema.get("default").and_then(Entry::scalar) {
        limits.default = Some(default);
    }
}

fn type_of(schema: Entry<'_>) -> Type {
    // Lists may hold lists, but not without end.
    let (mut schema, mut lists) = (schema, 0_u32);
    while schema.text_of("type") == Some("array") {
        lists += 1;
        match schema.get("items") {
            Some(items) => schema = items,
            None => return list(Type::Unknown(String::new()), lists),
        }
    }
    let ty = match (reference(schema), schema.text_of("type")) {
        (Some(name), _) => Type::Object(Some(name.to_owned())),
        (None, Some("string")) => Type::Text,
        (None, Some("integer")) => Type::Integer,
        (None, Some("number")) => Type::Number,
        (None, Some("boolean")) => Type::Boolean,
        (None, Some("object") | None) => match schema.get("properties") {
            None if schema.get("additionalProperties").is_some() => Type::Map,
            _ => Type::Object(None),
        },
        (None, Some(other)) => Type::Unknown(other.to_owned()),
    };
    list(ty, lists)
}

fn list(item: Type, times: u32) -> Type {
    (0..times).fold(item, |item, _| Type::List(Box::new(item)))
}
