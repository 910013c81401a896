//! `api_docs.json` of ZStack's server for assistants: requests only, and without the object (`params`) that
//! their members are sent in.

use super::{Wanted, about, described, json::Entry};
use crate::audit::page::{Member, Operation, Page, Type, Words};

/// Reads the file, if it is of this kind.
pub(super) fn read(root: Entry<'_>, wanted: Wanted<'_>) -> Option<Page> {
    let is_operation =
        |entry: Entry<'_>| entry.get("apiName").is_some() && entry.get("parameters").is_some();
    if !root.members()?.any(|(_, entry)| is_operation(entry)) {
        return None;
    }
    let mut page = Page::default();
    for (name, entry) in root.members()? {
        if !is_operation(entry) {
            let text = format!("{name}: neither `apiName` nor `parameters`");
            page.not_understood.push(Words { line: entry.line, text });
            continue;
        }
        let mut request = Vec::new();
        let parameters = entry.get("parameters").filter(|_| wanted(name));
        for parameter in parameters.into_iter().flat_map(Entry::items) {
            let named = parameter.get("name").and_then(|entry| Some((entry.line, entry.text()?)));
            let Some((line, member)) = named else {
                let text = format!("{name}: a parameter without a name");
                page.not_understood.push(Words { line: parameter.line, text });
                continue;
            };
            let ty = parameter.text_of("type").map(type_of);
            if let Some(Type::Unknown(words)) = &ty {
                let text = format!("{name}.{member}: type `{words}`");
                page.not_understood.push(Words { line, text });
            }
            let text = parameter.text_of("description").unwrap_or_default();
            let read = Member {
                line,
                name: member.to_owned(),
                ty,
                required: parameter.truth_of("required"),
                ..Member::default()
            };
            // A description that repeats the name is none.
            request.push(described(read, if text == member { "" } else { text }));
        }
        page.operations.push(Operation {
            line: entry.line,
            id: Some(Words { line: entry.line, text: name.to_owned() }),
            about: about(entry.get("description")).filter(|about| about.text != name),
            request: wanted(name).then_some(request),
            ..Operation::default()
        });
    }
    Some(page)
}

fn type_of(words: &str) -> Type {
    match words {
        "string" => Type::Text,
        "integer" => Type::Integer,
        "number" => Type::Number,
        "boolean" => Type::Boolean,
        "array" => Type::List(Box::new(Type::Unknown(String::new()))),
        "object" => Type::Object(None),
        other => Type::Unknown(other.to_owned()),
    }
}
