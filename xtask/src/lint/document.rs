//! Rules about the document as a whole.

use heck::{ToPascalCase as _, ToSnakeCase as _};
use serde_json::Value;

use super::{Complaints, EXTENSIONS, collision, visit};
use crate::spec::{Spec, references};

/// Names that generated code uses for something else.
const TAKEN: [&str; 12] = [
    "Box", "Client", "Error", "Option", "Result", "String", "Vec", "Some", "None", "Ok", "Err",
    "ResponseValue",
];

pub(super) fn check(spec: &Spec, complaints: &mut Complaints<'_>) {
    head(spec, complaints);
    paths(spec, complaints);
    components(spec, complaints);
    visit(&spec.document, "document", &mut |place, node| {
        every_object(spec, place.trim_start_matches("document."), node, complaints);
    });
}

fn head(spec: &Spec, complaints: &mut Complaints<'_>) {
    let version = spec.document["openapi"].as_str().unwrap_or_default();
    complaints.unless(version.starts_with("3.0."), "openapi", || {
        format!("the version is `{version}`; the generator reads 3.0 only, write `3.0.3`")
    });
    let version = spec.document["info"]["version"].as_str().unwrap_or_default();
    complaints.unless(!version.is_empty() && version.is_ascii(), "info.version", || {
        "the version is missing, not text, or not ASCII, which panics at the first call; write the \
         API's version in quotes"
            .to_owned()
    });
    complaints.unless(spec.document["info"]["title"].is_string(), "info.title", || {
        "there is no title; say which service this is".to_owned()
    });
}

fn paths(spec: &Spec, complaints: &mut Complaints<'_>) {
    for (path, item) in spec.document["paths"].as_object().into_iter().flatten() {
        complaints.unless(path.starts_with('/'), path, || {
            "the path does not begin with `/`, so it would be dropped silently; add the slash"
                .to_owned()
        });
        complaints.unless(item.get("$ref").is_none(), path, || {
            "the path item is a `$ref`, which the generator cannot follow; write it out".to_owned()
        });
    }
    let operations = spec.operations();
    complaints.unless(!operations.is_empty(), "paths", || "there is no operation".to_owned());
    let ids = operations.iter().map(|operation| operation.id()).filter(|id| !id.is_empty());
    if let Some((first, second)) = collision(ids, |id| id.to_snake_case()) {
        complaints.add(
            second,
            format!("its operationId becomes the same method as `{first}`; rename one of the two"),
        );
    }
}

fn components(spec: &Spec, complaints: &mut Complaints<'_>) {
    let names = || spec.schemas().map(|(name, _)| name.as_str());
    if let Some((first, second)) = collision(names(), |name| name.to_pascal_case()) {
        complaints.add(
            second,
            format!("the schema becomes the same Rust type as `{first}`; rename one of the two"),
        );
    }
    let (requests, answers) = (spec.request_schemas(), spec.answer_schemas());
    let mut plain = None;
    for (name, schema) in spec.schemas() {
        complaints.unless(!TAKEN.contains(&name.as_str()), name, || {
            "the schema's name hides a name that generated code uses; choose a longer one".to_owned()
        });
        complaints.unless(*name == name.to_pascal_case(), name, || {
            format!("the schema's name is not in PascalCase; call it `{}`", name.to_pascal_case())
        });
        complaints.unless(requests.contains(name) || answers.contains(name), name, || {
            "no operation uses the schema; use it or delete it".to_owned()
        });
        let recursive = spec.closure(references(schema)).contains(name);
        match (recursive, plain) {
            (true, Some(earlier)) => complaints.add(
                name,
                format!(
                    "the schema is recursive but comes after `{earlier}`, which makes its boxes \
                     fall in the wrong place; list recursive schemas first"
                ),
            ),
            (false, _) => plain = Some(name),
            (true, None) => {}
        }
    }
}

fn every_object(spec: &Spec, place: &str, node: &Value, complaints: &mut Complaints<'_>) {
    for (key, value) in node.as_object().into_iter().flatten() {
        if key.starts_with("x-") && !EXTENSIONS.contains(&key.as_str()) {
            complaints.add(
                place,
                format!("`{key}` is not an extension the generator knows; known are {}", EXTENSIONS.join(", ")),
            );
        }
        if key == "description"
            && let Some(text) = value.as_str()
            && let Some(problem) = hurts_rustdoc(text)
        {
            complaints.add(place, format!("the description {problem}"));
        }
    }
    if let Some(reference) = node.get("$ref").and_then(Value::as_str) {
        complaints.unless(!spec.resolve(node).is_null(), place, || {
            format!("`$ref: {reference}` leads nowhere in this document; correct it")
        });
    }
}

/// What in a description would become a failing doctest or a broken link.
fn hurts_rustdoc(text: &str) -> Option<&'static str> {
    if text.contains("```") {
        return Some("holds a code fence, which becomes a doctest; use `backticks`");
    }
    if text.lines().any(|line| line.starts_with("    ") || line.starts_with('\t')) {
        return Some("has a line indented by four spaces, which becomes a doctest; indent it less");
    }
    // Even parts lie outside backticks.
    let plain = || text.split('`').step_by(2);
    if plain().any(|part| part.contains('[') && part.contains(']')) {
        return Some("holds [brackets], which become a link that leads nowhere; use `backticks`");
    }
    if plain().any(|part| part.contains('<') && part.contains('>') && !part.contains("<http")) {
        return Some("holds <angle brackets>, which become HTML; use `backticks`");
    }
    let bare = |part: &str| {
        part.match_indices("http").any(|(at, _)| {
            part[at..].contains("://") && part[at..].find("://") <= Some(5) && !part[..at].ends_with('<')
        })
    };
    if plain().any(bare) {
        return Some("holds a bare URL; put it in angle brackets or backticks");
    }
    None
}
