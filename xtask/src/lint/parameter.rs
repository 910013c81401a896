//! Rules about parameters.

use heck::ToSnakeCase as _;
use regex_lite::Regex;
use serde_json::Value;

use super::{Complaints, collision, schema};
use crate::spec::{Operation, Spec};

/// The words of a parameter. `content` and `explode` have complaints of their own.
const WORDS: [&str; 9] = [
    "name",
    "in",
    "required",
    "description",
    "schema",
    "style",
    "explode",
    "content",
    "x-sensitive",
];

/// Names of an operation builder's own methods, and of the variables in them.
const LOCALS: [&str; 13] = [
    "body",
    "body_map",
    "call",
    "client",
    "header_map",
    "info",
    "new",
    "query",
    "request",
    "response",
    "result",
    "send",
    "url",
];

/// Header parameters that are credentials, which hooks set and no caller passes.
const CREDENTIALS: [&str; 3] = ["authorization", "x-auth-token", "x-security-token"];

/// Header parameters that the client sets by itself.
const OWN: [&str; 5] = ["accept", "api-version", "content-length", "content-type", "host"];

pub(super) fn check(
    spec: &Spec,
    operation: &Operation<'_>,
    place: &str,
    complaints: &mut Complaints<'_>,
) {
    let parameters = operation.parameters();
    for parameter in &parameters {
        one(spec, operation, parameter, place, complaints);
    }
    let names = || parameters.iter().filter_map(|parameter| parameter["name"].as_str());
    if let Some((first, second)) = collision(names(), |name| name.to_snake_case()) {
        complaints.add(
            place,
            format!("the parameters `{first}` and `{second}` become the same name and one would vanish; leave one out"),
        );
    }
    for name in template_names(operation.path) {
        let declared = parameters.iter().any(|p| p["in"] == "path" && p["name"] == name);
        complaints.unless(declared, place, || {
            format!("the path holds `{{{name}}}`, but no path parameter of that name is declared; declare it")
        });
    }
}

fn one(
    spec: &Spec,
    operation: &Operation<'_>,
    parameter: &Value,
    place: &str,
    complaints: &mut Complaints<'_>,
) {
    let Some(name) = parameter["name"].as_str().filter(|name| !name.is_empty()) else {
        complaints.add(place, "a parameter has no name; give it the one it has on the wire");
        return;
    };
    let schema = spec.resolve(&parameter["schema"]);
    let kind = schema["type"].as_str().unwrap_or_default();
    let location = parameter["in"].as_str().unwrap_or_default();
    let in_parameter = format!("{place}.{name}");
    complaints.only(&WORDS, &in_parameter, parameter);
    schema::visit(schema, &in_parameter, &mut |place, node| {
        schema::limits(spec, place, node, complaints);
    });
    let mut unless = |holds: bool, text: &str| {
        complaints.unless(holds, place, || format!("the parameter `{name}` {text}"));
    };
    unless(
        parameter.get("content").is_none(),
        "has `content`, which is not supported; give it a `schema`",
    );
    unless(
        schema.get("default").is_none(),
        "has a `default`, which is ignored; say it in the description",
    );
    unless(
        !LOCALS.contains(&name.to_snake_case().as_str()),
        "has a name that the generated code uses for something else; leave it out",
    );
    unless(
        !matches!(schema["format"].as_str(), Some("byte" | "password")),
        "has a format that is of bodies only; leave `format` out",
    );
    let usual = if matches!(location, "path" | "header") { "simple" } else { "form" };
    unless(
        parameter["style"].as_str().is_none_or(|style| style == usual),
        &format!("has a `style` that is not supported; leave it out, which means `{usual}`"),
    );
    unless(
        parameter["explode"] != false || location != "query",
        "has `explode: false`, which is ignored: the name is repeated; leave it out",
    );
    let is_plain = |kind: &str| matches!(kind, "string" | "integer" | "number" | "boolean");
    match location {
        "path" => {
            unless(is_plain(kind), "has no plain type; make its schema a string or a number");
            unless(
                parameter["required"] == true,
                "is in the path but not `required: true`; say so",
            );
            unless(
                template_names(operation.path).contains(&name),
                &format!("is in the path but not in its template; write it as `{{{name}}}` there"),
            );
            unless(
                kind == "integer" || refuses_escapes(schema),
                "could leave its path segment (empty, `.`, `..`, `/` or `\\`); add a `pattern` that refuses these",
            );
        }
        "query" => {
            let items = spec.resolve(&schema["items"])["type"].as_str().unwrap_or_default();
            unless(
                is_plain(kind) || (kind == "array" && is_plain(items)),
                "is an object or has no type, and an object in the query panics; use plain parameters",
            );
        }
        "header" => {
            unless(
                is_plain(kind),
                "is a list or object in a header, which does not compile; use a string",
            );
            unless(
                !CREDENTIALS.contains(&name.to_ascii_lowercase().as_str()),
                "is a credential; declare it under securitySchemes, hooks set it",
            );
            unless(
                !OWN.contains(&name.to_ascii_lowercase().as_str()),
                "is a header that the client sets by itself; leave it out",
            );
        }
        "cookie" => unless(false, "is a cookie, which is not supported; leave it out"),
        _ => unless(false, "has no `in`; say path, query or header"),
    }
}

fn template_names(path: &str) -> Vec<&str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

/// True if the pattern of a path parameter refuses what would lead out of its segment.
fn refuses_escapes(schema: &Value) -> bool {
    let text = schema["pattern"].as_str().unwrap_or_default();
    let Ok(pattern) = Regex::new(text) else { return false };
    let named = ["", ".", "..", "/", "\\", "../x", "..\\x", "x/..", "/x", "x/"];
    // A pattern of fixed length takes none of these and may still take a slash.
    let counts = text.split(|c: char| !c.is_ascii_digit()).filter_map(|count| count.parse().ok());
    let lengths = counts.filter(|count| (1..1024).contains(count)).chain(2..4);
    let padded = lengths.flat_map(|length: usize| {
        let (before, after) = (length / 2, length - length / 2 - 1);
        ["a", "0"].into_iter().flat_map(move |fill| {
            ["/", "\\"].map(|bad| [&fill.repeat(before), bad, &fill.repeat(after)].concat())
        })
    });
    !named.iter().any(|escape| pattern.is_match(escape))
        && !padded.into_iter().any(|escape| pattern.is_match(&escape))
}
