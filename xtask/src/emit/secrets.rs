//! Lists what a document says of texts: what is secret, and what holds Base64 or JSON.

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

impl Marks {
    /// Those of an operation's requests.
    pub(super) fn of_requests(operation: &Call<'_>) -> Self {
        let (mut found, document) = (Found::default(), &operation.document);
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
        if let Some(schema) = operation.body_schema().and_then(|name| document.schema(name)) {
            found.members(document, schema, "", DEPTH);
        }
        found.into()
    }

    /// Those of all answers to an operation.
    pub(super) fn of_answers(operation: &Call<'_>) -> Self {
        let (mut found, document) = (Found::default(), &operation.document);
        let answers = operation.operation.responses.values();
        for answer in answers.filter_map(|answer| document.response(answer)) {
            for (name, header) in &answer.headers {
                if is_secret(&header.schema) {
                    found.secrets.push(format!("header/{}", name.to_ascii_lowercase()));
                }
            }
            if let Some(body) = answer.json() {
                found.members(document, &body.schema, "", DEPTH);
            }
        }
        found.into()
    }
}

#[derive(Default)]
struct Found {
    secrets: Vec<String>,
    texts: Vec<String>,
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

impl Found {
    /// Adds the marks of `schema`, whose place is written with a slash before each part.
    fn members(&mut self, document: &Document, schema: &Schema, place: &str, depth: usize) {
        let Some(target) = document.resolve(schema).filter(|_| depth > 0) else { return };
        match target {
            Schema::Text(TextSchema { format: Some(TextFormat::Byte), .. }) => {
                self.texts.push(format!("base64{place}"));
            }
            Schema::Text(text)
                if text.json_object.is_some() || text.content == Some(TextContent::Json) =>
            {
                self.texts.push(format!("json{place}"));
            }
            // A recording without the output would be of no use.
            Schema::Text(TextSchema { content: Some(TextContent::Output), .. }) => return,
            _ => {}
        }
        // A mark beside a reference counts, too.
        if schema.is_sensitive() || is_secret(target) {
            self.secrets.push(format!("body{place}"));
            return;
        }
        let mut part = |name: &str, schema: &Schema| {
            self.members(document, schema, &format!("{place}/{name}"), depth - 1);
        };
        match target {
            Schema::List(list) => part("*", &list.items),
            Schema::Object(object) => {
                object.properties.iter().for_each(|(name, member)| part(name, member));
                if let Some(Extra::Of(values)) = &object.additional_properties {
                    part("*", values);
                }
            }
            _ => {}
        }
    }
}

fn is_secret(schema: &Schema) -> bool {
    let password = Some(TextFormat::Password);
    schema.is_sensitive()
        || matches!(schema, Schema::Text(TextSchema { format, .. }) if *format == password)
}
