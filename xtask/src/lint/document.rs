//! Rules about the document as a whole.

use std::collections::BTreeSet;

use heck::{ToPascalCase as _, ToSnakeCase as _};
use serde_json::Value;

use super::{Complaints, EXTENSIONS, Kind, collision, names, text};
use crate::spec::{METHODS, Spec, references};

/// The words of a document's top level.
const TOP: [&str; 9] = [
    "openapi",
    "info",
    "externalDocs",
    "servers",
    "tags",
    "security",
    "paths",
    "components",
    "x-read-on",
];

/// Names that generated code uses for something else.
const TAKEN: [&str; 12] = [
    "Box",
    "Client",
    "Err",
    "Error",
    "None",
    "Ok",
    "Option",
    "ResponseValue",
    "Result",
    "Some",
    "String",
    "Vec",
];

/// Methods the client has of its own.
const METHODS_TAKEN: [&str; 6] =
    ["api_version", "baseurl", "client", "inner", "new", "new_with_client"];

pub(super) fn check(spec: &Spec, complaints: &mut Complaints<'_>) {
    head(spec, complaints);
    paths(spec, complaints);
    identities(spec, complaints);
    schemas(spec, complaints);
    other_components(spec, complaints);
    every_object(spec, "", &spec.document, complaints);
}

fn head(spec: &Spec, complaints: &mut Complaints<'_>) {
    complaints.only(&TOP, "document", &spec.document);
    let version = &spec.document["openapi"];
    complaints.unless(version.as_str().is_some_and(|v| v.starts_with("3.0.")), "openapi", || {
        format!("the version is {version}; the generator reads 3.0 only, write `3.0.3`")
    });
    let info = &spec.document["info"];
    let version = info["version"].as_str().unwrap_or_default();
    let printable = version.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    complaints.unless(!version.is_empty() && printable, "info.version", || {
        "the version is missing, not text, or not ASCII, which panics at the first call; write the \
         API's version in quotes"
            .to_owned()
    });
    text::required("info", "title", &info["title"], complaints);
}

fn paths(spec: &Spec, complaints: &mut Complaints<'_>) {
    for (path, item) in spec.document["paths"].as_object().into_iter().flatten() {
        complaints.unless(path.starts_with('/'), path, || {
            "the path does not begin with `/`, so it would be dropped silently; add the slash"
                .to_owned()
        });
        if item.get("$ref").is_some() {
            complaints.add(
                path,
                "the path item is a `$ref`, which the generator cannot follow; write it out",
            );
            continue;
        }
        let words = ["parameters", "summary", "description"];
        complaints.only(&[&words[..], &METHODS].concat(), path, item);
    }
    complaints.unless(!spec.operations().is_empty(), "paths", || {
        "there is no operation; write at least one, under its path and method".to_owned()
    });
}

fn identities(spec: &Spec, complaints: &mut Complaints<'_>) {
    let operations = spec.operations();
    let ids = || operations.iter().map(|operation| operation.id()).filter(|id| !id.is_empty());
    if let Some((first, second)) = collision(ids(), |id| id.to_snake_case()) {
        complaints.add(
            second,
            format!("its operationId becomes the same method as `{first}`; rename one of the two"),
        );
    }
    let is_taken = |id: &&str| {
        TAKEN.contains(&id.to_pascal_case().as_str())
            || METHODS_TAKEN.contains(&id.to_snake_case().as_str())
    };
    for id in ids().filter(is_taken) {
        complaints
            .add(id, "its operationId hides a name that generated code uses; choose a longer one");
    }
}

fn schemas(spec: &Spec, complaints: &mut Complaints<'_>) {
    let all = || spec.schemas().map(|(name, _)| name.as_str());
    if let Some((first, second)) = collision(all(), |name| name.to_pascal_case()) {
        complaints.add(
            second,
            format!("the schema becomes the same Rust type as `{first}`; rename one of the two"),
        );
    }
    let (requests, answers) = (spec.request_schemas(), spec.answer_schemas());
    let mut plain = None;
    for (name, schema) in spec.schemas() {
        let usable = super::is_name(name) && !TAKEN.contains(&name.as_str());
        complaints.unless(usable, name, || {
            "the schema's name is not one for a type, or hides a name that generated code uses; \
             choose another"
                .to_owned()
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

/// Components that are not schemas: each is used, and none is only another name.
fn other_components(spec: &Spec, complaints: &mut Complaints<'_>) {
    let mut used = BTreeSet::new();
    pointers(&spec.document, &mut used);
    for (section, components) in spec.document["components"].as_object().into_iter().flatten() {
        for (name, component) in components.as_object().into_iter().flatten() {
            complaints.unless(component.get("$ref").is_none(), name, || {
                "is only another name for a component; refer to that one instead".to_owned()
            });
            let pointer = format!("#/components/{section}/{name}");
            let counted = !matches!(section.as_str(), "schemas" | "securitySchemes");
            complaints.unless(!counted || used.contains(pointer.as_str()), name, || {
                format!("nothing refers to it under components.{section}; use it or delete it")
            });
        }
    }
}

/// Every `$ref` of a node.
fn pointers<'a>(node: &'a Value, used: &mut BTreeSet<&'a str>) {
    match node {
        Value::Object(members) => {
            used.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| pointers(value, used));
        }
        Value::Array(items) => items.iter().for_each(|item| pointers(item, used)),
        _ => {}
    }
}

/// Rules for any object of the document; the data of examples is not looked at, and the names in
/// `properties` are a vendor's, not words.
fn every_object(spec: &Spec, place: &str, node: &Value, complaints: &mut Complaints<'_>) {
    for (key, value) in node.as_object().into_iter().flatten() {
        let under = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
        match key.as_str() {
            "$ref" => {
                complaints.unless(value.is_string() && !spec.resolve(node).is_null(), place, || {
                    format!("`$ref: {value}` leads nowhere in this document; correct it")
                })
            }
            "description" | "summary" => {
                complaints.kinds(&[(key, Kind::Text)], place, node);
                text::check(place, key, value, complaints);
            }
            "x-enum-descriptions" => {
                for name in names(value) {
                    text::check(&under, &format!("text of `{name}`"), &value[name], complaints);
                }
            }
            "example" | "examples" | "x-examples" | "x-requires" => {}
            "properties" => {
                for name in names(value) {
                    every_object(spec, &format!("{place}.{name}"), &value[name], complaints);
                }
            }
            extension if extension.starts_with("x-") && !EXTENSIONS.contains(&extension) => {
                complaints.add(
                    if place.is_empty() { "document" } else { place },
                    format!(
                        "`{key}` is not an extension the generator knows; correct it or leave it \
                         out (known: {})",
                        EXTENSIONS.join(", ")
                    ),
                );
            }
            _ => every_object(spec, &under, value, complaints),
        }
    }
    for (index, item) in super::list(node).enumerate() {
        every_object(spec, &format!("{place}[{index}]"), item, complaints);
    }
}
