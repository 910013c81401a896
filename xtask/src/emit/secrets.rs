//! Lists what a document marks as secret in the requests of an operation.

use crate::document::{Call, Document, Extra, Location, Schema, TextFormat, TextSchema};

/// How deep a body is searched, since a schema may contain itself.
const DEPTH: usize = 12;

/// The marks of `guestexec_core::Marks`, separated by commas.
pub(super) fn of(operation: &Call<'_>) -> String {
    let (mut marks, document) = (Vec::new(), &operation.document);
    for parameter in operation.parameters().into_iter().filter(|it| it.sensitive) {
        let name = &parameter.name;
        marks.extend(match parameter.location {
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
        members(document, schema, "body", DEPTH, &mut marks);
    }
    marks.join(",")
}

fn members(
    document: &Document,
    schema: &Schema,
    place: &str,
    depth: usize,
    marks: &mut Vec<String>,
) {
    let Some(target) = document.resolve(schema).filter(|_| depth > 0) else { return };
    let password = Some(TextFormat::Password);
    // A mark beside a reference counts, too.
    if schema.is_sensitive()
        || target.is_sensitive()
        || matches!(target, Schema::Text(TextSchema { format, .. }) if *format == password)
    {
        marks.push(place.to_owned());
        return;
    }
    let mut part = |name: &str, schema: &Schema| {
        members(document, schema, &format!("{place}/{name}"), depth - 1, marks);
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
