//! Rules about one operation.

use heck::{ToKebabCase as _, ToSnakeCase as _};

use super::{Complaints, Kind, collision, is_name, list, names, parameter, response, text};
use crate::spec::{NamedExample, Operation, Spec, enum_values};

/// The words of an operation.
const WORDS: [&str; 16] = [
    "operationId",
    "tags",
    "summary",
    "description",
    "externalDocs",
    "parameters",
    "requestBody",
    "responses",
    "security",
    "servers",
    "x-error-codes",
    "x-examples",
    "x-rate-limit",
    "x-read-on",
    "x-repeatable",
    "x-starts-command",
];

pub(super) fn check(spec: &Spec, operation: &Operation<'_>, complaints: &mut Complaints<'_>) {
    let place = &operation.label();
    complaints.only(&WORDS, place, operation.node);
    identity(operation, place, complaints);
    source(operation, place, complaints);
    examples(operation, place, complaints);
    parameter::check(spec, operation, place, complaints);
    body(operation, place, complaints);
    response::check(spec, operation, place, complaints);
    extensions(spec, operation, place, complaints);
}

fn identity(operation: &Operation<'_>, place: &str, complaints: &mut Complaints<'_>) {
    let id = operation.id();
    if id.is_empty() {
        complaints.add(
            place,
            "there is no operationId, which the generator needs to name the method; add the vendor's name",
        );
    } else if !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        complaints
            .add(place, "the operationId is not made of ASCII letters, digits and `_`; rename it");
    } else if !is_name(&id.to_snake_case()) {
        complaints.add(
            place,
            format!(
                "the operationId becomes the method `{}`, which Rust does not take; rename it",
                id.to_snake_case()
            ),
        );
    }
    text::required(place, "summary", &operation.node["summary"], complaints);
    complaints.unless(!matches!(operation.method, "options" | "trace"), place, || {
        format!(
            "the method `{}` generates code that does not compile; leave it out",
            operation.method
        )
    });
}

fn source(operation: &Operation<'_>, place: &str, complaints: &mut Complaints<'_>) {
    complaints.unless(operation.node["externalDocs"]["url"].is_string(), place, || {
        "there is no externalDocs.url; name the vendor's page it follows".to_owned()
    });
    let is_date = |text: &str| {
        text.len() == 10
            && text.bytes().enumerate().all(|(index, byte)| match index {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            })
    };
    complaints.unless(is_date(operation.read_on()), place, || {
        "the day on which its page was read is missing or not a day; write \
         `x-read-on: 'YYYY-MM-DD'` here or at the top of the document"
            .to_owned()
    });
}

fn examples(operation: &Operation<'_>, place: &str, complaints: &mut Complaints<'_>) {
    let examples = operation.examples();
    complaints.unless(!examples.is_empty(), place, || {
        "there is no named example, so no snapshot; add one (`examples` of the body, or `x-examples`)"
            .to_owned()
    });
    for example in &examples {
        one_example(operation, example, place, complaints);
    }
    if let Some((_, name)) = collision(examples.iter().map(|e| e.name), str::to_owned) {
        complaints.add(place, format!("two examples are named `{name}`; rename one"));
    }
}

fn one_example(
    operation: &Operation<'_>,
    example: &NamedExample<'_>,
    place: &str,
    complaints: &mut Complaints<'_>,
) {
    let name = example.name;
    let mut unless = |holds: bool, text: &str| {
        complaints.unless(holds, place, || format!("the example `{name}` {text}"));
    };
    unless(name == name.to_kebab_case(), "is not named in lower-kebab-case; rename it");
    unless(!example.summary.is_empty(), "has no summary; say what it shows");
    let has_body = example.body.is_some_and(|body| !body.is_null());
    unless(
        has_body == operation.json_body().is_some(),
        "has a body where the operation has none, or lacks it; give what the operation takes",
    );
    let known = operation.parameters();
    for given in names(&example.parameters) {
        unless(
            known.iter().any(|parameter| parameter["name"] == given),
            &format!("gives a parameter `{given}` that does not exist; correct it"),
        );
    }
    for parameter in known.iter().filter(|parameter| parameter["required"] == true) {
        let needed = parameter["name"].as_str().unwrap_or_default();
        unless(
            example.parameters.get(needed).is_some(),
            &format!("lacks the required parameter `{needed}`; give it (under `x-examples`)"),
        );
    }
}

fn body(operation: &Operation<'_>, place: &str, complaints: &mut Complaints<'_>) {
    let Some(body) = operation.node.get("requestBody") else { return };
    let Some(content) = body["content"].as_object() else {
        complaints.add(place, "the request body has no `content`; write it out, without `$ref`");
        return;
    };
    let types: Vec<&str> = content.keys().map(String::as_str).collect();
    complaints.unless(types == ["application/json"], place, || {
        format!(
            "the request body's media types are {types:?}; write exactly one, `application/json`"
        )
    });
    complaints.unless(body["required"] == true, place, || {
        "the request body is not `required: true`, but one is always sent; say so".to_owned()
    });
    complaints.unless(operation.body_schema().is_some(), place, || {
        "the request body's schema is missing or inline; refer to a component schema".to_owned()
    });
    complaints.only(
        &["schema", "examples"],
        &format!("{place}: request body"),
        &body["content"]["application/json"],
    );
}

fn extensions(
    spec: &Spec,
    operation: &Operation<'_>,
    place: &str,
    complaints: &mut Complaints<'_>,
) {
    let node = operation.node;
    // Taken for `false`, the first would let a command be repeated.
    let kinds = [
        ("x-starts-command", Kind::Boolean),
        ("x-repeatable", Kind::Boolean),
        ("x-error-codes", Kind::List),
        ("x-examples", Kind::Mapping),
        ("parameters", Kind::List),
    ];
    complaints.kinds(&kinds, place, node);
    complaints.unless(!(operation.starts_command() && node["x-repeatable"] == true), place, || {
        "starts a command, so a second call starts a second one; leave out `x-repeatable`"
            .to_owned()
    });
    let rate = &node["x-rate-limit"];
    let is_rate = rate["requests"].is_u64() && rate["per-seconds"].is_u64();
    complaints.unless(rate.is_null() || is_rate, place, || {
        "`x-rate-limit` is not of the form `{requests: 20, per-seconds: 1}`; correct it".to_owned()
    });
    let known = spec.schema("ErrorCode").and_then(enum_values).unwrap_or_default();
    for code in list(&node["x-error-codes"]) {
        complaints.unless(code.as_str().is_some_and(|code| known.contains(&code)), place, || {
            format!(
                "x-error-codes lists {code}, which the schema `ErrorCode` does not; add it there"
            )
        });
    }
}
