//! Rules about the document as a whole.

use std::collections::BTreeSet;

use heck::{ToPascalCase as _, ToSnakeCase as _};

use super::{Complaints, collision, is_name};
use crate::document::{Call, Complaint, Document, Lines, Referable, Reference, Schema};

/// Names that are in every Rust file, and those of the generated files that have no other way.
const TAKEN: [&str; 72] = [
    "Answer", "AsMut", "AsRef", "Box", "Bytes", "Call", "CallError", "CallOptions", "Client",
    "Clone", "Copy", "Debug", "Default", "Deserialize", "DetailOf", "DoubleEndedIterator", "Drop",
    "Eq", "Err", "Error", "ErrorKind", "ExactSizeIterator", "Example", "Exchanging", "Extend",
    "Fn", "FnMut", "FnOnce", "From", "FromIterator", "Future", "Hash", "Into", "IntoIterator",
    "Iterator", "JsonSchema", "None", "Ok", "Operation", "Option", "Ord", "PageItems", "Paged",
    "Pages", "Part", "PartialEq", "PartialOrd", "Place", "Prepared", "Read", "Requested", "Result",
    "Self", "Send", "Serialize", "Sized", "Some", "Streamed", "String", "Sync", "ToOwned",
    "ToString", "TryFrom", "TryInto", "Unpin", "Upgraded", "Validate", "Vec", "ByteStream",
    "QueryParam", "RequestBuilderExt", "FnPtr",
];

/// Methods that the client has of its own or by a trait, and constants beside those of operations.
const METHODS_TAKEN: [&str; 20] = [
    "all", "baseurl", "borrow", "borrow_mut", "builder", "call_by_name", "client", "clone",
    "clone_from", "clone_into", "fmt", "from", "inner", "into", "new", "to_owned", "try_from",
    "try_into", "with_call", "with_options",
];

/// True for a name that hides one that generated code uses, as that of a type.
pub(crate) fn is_taken_type(name: &str) -> bool {
    TAKEN.contains(&name)
}

/// True for a name that hides one that generated code uses, as that of an operation.
pub(crate) fn is_taken_operation(name: &str) -> bool {
    is_taken_type(&name.to_pascal_case()) || METHODS_TAKEN.contains(&name.to_snake_case().as_str())
}

/// References that lead nowhere, or to a reference.
pub(super) fn references(document: &Document) -> Vec<Complaint> {
    let components = &document.components;
    let mut complaints = Complaints(Vec::new());
    let mut check = |section: &str, place: &str, reference: &Reference| {
        let is_there = |name| match section {
            "schemas" => components.schemas.contains_key(name),
            "responses" => matches!(components.responses.get(name), Some(Referable::Inline(_))),
            "requestBodies" => {
                matches!(components.request_bodies.get(name), Some(Referable::Inline(_)))
            }
            _ => matches!(components.parameters.get(name), Some(Referable::Inline(_))),
        };
        let leads = reference.name_in(section).is_some_and(is_there);
        if let Some((component, _)) =
            reference.name_in(section).and_then(|name| name.split_once('/'))
            && is_there(component)
        {
            let text = format!(
                "`$ref: {}` names a part of a component; make the part a component of its own, and \
                 refer to that",
                reference.pointer
            );
            return complaints.add((&reference.lines, "$ref"), place, text);
        }
        complaints.unless(leads, (&reference.lines, "$ref"), place, || {
            format!(
                "`$ref: {}` leads nowhere: components.{section} has no such component written out; \
                 correct it",
                reference.pointer
            )
        });
    };
    for (name, schema) in &components.schemas {
        schema.visit(name, &mut |place, part| {
            let _ = part.reference().map(|reference| check("schemas", place, reference));
        });
    }
    let inline = components.responses.iter().map(|(name, response)| (name.as_str(), response));
    let calls = document.calls();
    let used = calls.iter().flat_map(|call| {
        call.operation.responses.values().map(|response| (call.operation.id.as_str(), response))
    });
    for (place, response) in inline.chain(used) {
        match response {
            Referable::Reference(reference) => check("responses", place, reference),
            Referable::Inline(response) => {
                for reference in response.json().into_iter().flat_map(|it| it.schema.references()) {
                    check("schemas", place, reference);
                }
            }
        }
    }
    for call in &calls {
        let place = call.operation.id.as_str();
        let body = call.operation.request_body.as_ref().and_then(Referable::reference);
        let _ = body.map(|reference| check("requestBodies", place, reference));
        let _ = call.body().map(|body| check("schemas", place, &body.schema));
        for parameter in &call.operation.parameters {
            if let Referable::Reference(reference) = parameter {
                check("parameters", place, reference);
            }
        }
        for parameter in call.parameters() {
            for reference in parameter.schema.references() {
                check("schemas", &format!("{place}.{}", parameter.name), reference);
            }
        }
    }
    complaints.0
}

pub(super) fn check(document: &Document, complaints: &mut Complaints) {
    let Document { info, lines, .. } = document;
    let printable = info.version.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let usable = !info.version.is_empty() && printable;
    complaints.unless(usable, (&info.lines, "version"), "info.version", || {
        "the version is empty or not ASCII, which panics at the first call; write the API's version \
         in quotes"
    });
    for (path, item) in &document.paths {
        complaints.unless(
            path.starts_with('/'),
            (&item.lines, ""),
            path,
            || "the path does not begin with `/`, so it would be dropped silently; add the slash",
        );
    }
    complaints.unless(
        !document.calls().is_empty(),
        (lines, "paths"),
        "paths",
        || "there is no operation; write at least one, under its path and method",
    );
    identities(document, complaints);
    schemas(document, complaints);
    unused(document, complaints);
}

fn identities(document: &Document, complaints: &mut Complaints) {
    let calls = document.calls();
    // Progenitor names its code by the id, and ours is named by the name: neither may occur twice.
    let ids = || calls.iter().map(|call| call.operation.id.as_str());
    let names = || calls.iter().map(Call::name);
    let twice = collision(ids(), |id| id.to_snake_case());
    if let Some((first, second)) = twice.or_else(|| collision(names(), |id| id.to_snake_case())) {
        let last = calls.iter().rfind(|call| call.name() == second || call.id() == second);
        let lines = last.map_or(&document.lines, |call| &call.operation.lines);
        let word = last.map_or("operationId", |call| called(*call));
        complaints.add(
            (lines, word),
            second,
            format!("its {word} becomes the same method as `{first}`; rename one of the two"),
        );
    }
    for call in &calls {
        let name = call.name();
        let word = called(*call);
        complaints.unless(!is_taken_operation(name), (&call.operation.lines, word), name, || {
            format!("its {word} hides a name that generated code uses; choose a longer one")
        });
    }
}

/// The word that names an operation's code.
pub(super) fn called(call: Call<'_>) -> &'static str {
    match call.operation.name {
        Some(_) => "x-name",
        None => "operationId",
    }
}

fn schemas(document: &Document, complaints: &mut Complaints) {
    let schemas = &document.components.schemas;
    let all = schemas.keys().map(String::as_str);
    if let Some((first, second)) = collision(all, |name| name.to_pascal_case()) {
        complaints.add(
            (schemas[second].lines(), ""),
            second,
            format!("the schema becomes the same Rust type as `{first}`; rename one of the two"),
        );
    }
    let (requests, answers) = (document.request_schemas(), document.answer_schemas());
    let mut plain: Option<&str> = None;
    for (name, schema) in schemas {
        let at = (schema.lines(), "");
        complaints.unless(is_name(name) && !is_taken_type(name), at, name, || {
            "the schema's name is not one for a type, or hides a name that generated code uses; \
             choose another"
        });
        complaints.unless(*name == name.to_pascal_case(), at, name, || {
            format!("the schema's name is not in PascalCase; call it `{}`", name.to_pascal_case())
        });
        let is_used = requests.contains(name.as_str()) || answers.contains(name.as_str());
        complaints.unless(
            is_used,
            at,
            name,
            || "no operation uses the schema; use it or delete it",
        );
        // Another name for a component is reported below.
        if matches!(schema, Schema::Reference(_)) {
            continue;
        }
        let parts = schema.references();
        let inner = document.closure(parts.iter().filter_map(|part| part.name_in("schemas")));
        match (inner.contains(name.as_str()), plain) {
            (true, Some(earlier)) => complaints.add(
                at,
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
fn unused(document: &Document, complaints: &mut Complaints) {
    let components = &document.components;
    let mut used = Vec::new();
    for item in document.paths.values() {
        used.extend(item.parameters.iter().filter_map(Referable::reference));
        for (_, operation) in item.operations() {
            used.extend(operation.parameters.iter().filter_map(Referable::reference));
            used.extend(operation.responses.values().filter_map(Referable::reference));
            used.extend(operation.request_body.as_ref().and_then(Referable::reference));
        }
    }
    let used: BTreeSet<&str> = used.iter().map(|reference| reference.pointer.as_str()).collect();
    let mut check = |section: &str, name: &str, is_alias: bool, lines: &Lines| {
        complaints.unless(
            !is_alias,
            (lines, ""),
            name,
            || "is only another name for a component; refer to that one instead",
        );
        let is_used = used.contains(format!("#/components/{section}/{name}").as_str());
        complaints.unless(is_used || is_alias || section == "schemas", (lines, ""), name, || {
            format!("nothing refers to it under components.{section}; use it or delete it")
        });
    };
    for (name, response) in &components.responses {
        let is_alias = response.reference().is_some();
        check("responses", name, is_alias, response.lines(|response| &response.lines));
    }
    for (name, parameter) in &components.parameters {
        let is_alias = parameter.reference().is_some();
        check("parameters", name, is_alias, parameter.lines(|parameter| &parameter.lines));
    }
    for (name, body) in &components.request_bodies {
        let is_alias = body.reference().is_some();
        check("requestBodies", name, is_alias, body.lines(|body| &body.lines));
    }
    for (name, schema) in &components.schemas {
        check("schemas", name, schema.reference().is_some(), schema.lines());
    }
}
