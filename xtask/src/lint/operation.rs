//! Rules about one operation.

use heck::{ToKebabCase as _, ToSnakeCase as _};
use regex_lite::Regex;
use serde_json::Value;

use super::{Complaints, collision};
use crate::spec::{Operation, Spec, component, enum_values};

/// Names of the generated method's own variables.
const LOCALS: [&str; 9] =
    ["body", "client", "header_map", "info", "query", "request", "response", "result", "url"];

/// Header parameters that are credentials, which hooks set and no caller passes.
const CREDENTIALS: [&str; 3] = ["authorization", "x-auth-token", "x-security-token"];

/// Values that a path parameter's pattern must refuse.
const ESCAPES: [&str; 6] = ["", ".", "..", "a/b", "a\\b", "../x"];

pub(super) fn check(spec: &Spec, operation: &Operation<'_>, complaints: &mut Complaints<'_>) {
    let place = &operation.label();
    identity(operation, place, complaints);
    source(operation, place, complaints);
    examples(operation, place, complaints);
    parameters(spec, operation, place, complaints);
    body(operation, place, complaints);
    responses(operation, place, complaints);
    error_codes(spec, operation, place, complaints);
}

fn identity(operation: &Operation<'_>, place: &str, complaints: &mut Complaints<'_>) {
    let id = operation.id();
    if id.is_empty() {
        complaints.add(place, "there is no operationId, which the generator needs to name the method; add the vendor's name");
    } else if !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        complaints.add(place, "the operationId is not made of ASCII letters, digits and `_`; rename it");
    }
    complaints.unless(operation.node["summary"].is_string(), place, || {
        "there is no summary; say in one line what the operation does".to_owned()
    });
    complaints.unless(!matches!(operation.method, "options" | "trace"), place, || {
        format!("the method `{}` generates code that does not compile; leave it out", operation.method)
    });
}

fn source(operation: &Operation<'_>, place: &str, complaints: &mut Complaints<'_>) {
    let documentation = &operation.node["externalDocs"];
    complaints.unless(documentation["url"].is_string(), place, || {
        "there is no externalDocs.url; name the vendor's page it follows".to_owned()
    });
    let dated = documentation["description"].as_str().unwrap_or_default();
    let is_date = |text: &str| {
        text.len() == 10
            && text.bytes().enumerate().all(|(index, byte)| match index {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            })
    };
    let dated = dated.rsplit_once(", read ").is_some_and(|(_, date)| is_date(date));
    complaints.unless(dated, place, || {
        "externalDocs.description does not end in `, read YYYY-MM-DD`; say when the page was read"
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
        complaints.unless(example.name == example.name.to_kebab_case(), place, || {
            format!("the example `{}` is not named in lower-kebab-case; rename it", example.name)
        });
        complaints.unless(!example.summary.is_empty(), place, || {
            format!("the example `{}` has no summary; say what it shows", example.name)
        });
        complaints.unless(example.body.is_some() == operation.json_body().is_some(), place, || {
            format!("the example `{}` has a body where the operation has none, or lacks it", example.name)
        });
        let known = operation.parameters();
        for name in example.parameters.as_object().into_iter().flatten().map(|(name, _)| name) {
            complaints.unless(known.iter().any(|p| p["name"] == name.as_str()), place, || {
                format!("the example `{}` gives a parameter `{name}` that does not exist", example.name)
            });
        }
    }
    if let Some((_, name)) = collision(examples.iter().map(|e| e.name), str::to_owned) {
        complaints.add(place, format!("two examples are named `{name}`; rename one"));
    }
}

fn parameters(spec: &Spec, operation: &Operation<'_>, place: &str, complaints: &mut Complaints<'_>) {
    let parameters = operation.parameters();
    for parameter in &parameters {
        one_parameter(spec, operation, parameter, place, complaints);
    }
    let names = || parameters.iter().filter_map(|parameter| parameter["name"].as_str());
    if let Some((first, second)) = collision(names(), |name| name.to_snake_case()) {
        complaints.add(
            place,
            format!("the parameters `{first}` and `{second}` become the same name; one would vanish"),
        );
    }
    for name in template_names(operation.path) {
        let declared = parameters.iter().any(|p| p["in"] == "path" && p["name"] == name);
        complaints.unless(declared, place, || {
            format!("the path holds `{{{name}}}`, but no path parameter of that name is declared; declare it")
        });
    }
}

fn one_parameter(
    spec: &Spec,
    operation: &Operation<'_>,
    parameter: &Value,
    place: &str,
    complaints: &mut Complaints<'_>,
) {
    let name = parameter["name"].as_str().unwrap_or_default();
    let schema = spec.resolve(&parameter["schema"]);
    let kind = schema["type"].as_str().unwrap_or_default();
    let location = parameter["in"].as_str().unwrap_or_default();
    let mut unless = |holds: bool, text: &str| {
        complaints.unless(holds, place, || format!("the parameter `{name}` {text}"));
    };
    unless(parameter.get("content").is_none(), "has `content`, which is not supported; give it a `schema`");
    unless(!kind.is_empty(), "has no type; give its schema one");
    unless(schema.get("default").is_none(), "has a `default`, which is ignored; say it in the description");
    unless(
        !LOCALS.contains(&name.to_snake_case().as_str()),
        "has the name of a variable of the generated method; it cannot be generated under that name",
    );
    match location {
        "path" => {
            unless(parameter["required"] == true, "is in the path but not `required: true`; say so");
            unless(
                template_names(operation.path).contains(&name),
                "is in the path but not in its template; write it as {name} there",
            );
            unless(
                refuses_escapes(schema),
                "could leave its path segment (empty, `.`, `..`, `/` or `\\`); add a `pattern` that refuses these",
            );
        }
        "query" => {
            unless(kind != "object", "is an object in the query, which panics; use plain parameters");
            unless(
                matches!(parameter["style"].as_str(), None | Some("form")),
                "has a `style` that is not supported; only `form` is",
            );
            unless(
                parameter["explode"] != false,
                "has `explode: false`, which is ignored: the name is repeated; leave it out",
            );
        }
        "header" => {
            unless(kind != "array", "is a list in a header, which does not compile; use text");
            unless(
                !CREDENTIALS.contains(&name.to_ascii_lowercase().as_str()),
                "is a credential; declare it under securitySchemes, hooks set it",
            );
        }
        "cookie" => unless(false, "is a cookie, which is not supported; leave it out"),
        _ => unless(false, "has no `in`; say path, query or header"),
    }
}

fn template_names(path: &str) -> Vec<&str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

fn refuses_escapes(schema: &Value) -> bool {
    let Some(Ok(pattern)) = schema["pattern"].as_str().map(Regex::new) else { return false };
    ESCAPES.iter().all(|escape| !pattern.is_match(escape))
}

fn body(operation: &Operation<'_>, place: &str, complaints: &mut Complaints<'_>) {
    let Some(body) = operation.node.get("requestBody") else { return };
    let Some(content) = body["content"].as_object() else {
        complaints.add(place, "the request body has no `content`; write it out, without `$ref`");
        return;
    };
    let types: Vec<&str> = content.keys().map(String::as_str).collect();
    complaints.unless(types == ["application/json"], place, || {
        format!("the request body's media types are {types:?}; exactly `application/json` can be generated")
    });
    complaints.unless(body["required"] == true, place, || {
        "the request body is not `required: true`, but one is always sent; say so".to_owned()
    });
    complaints.unless(operation.body_schema().is_some(), place, || {
        "the request body's schema is missing or inline; refer to a component schema".to_owned()
    });
}

fn responses(operation: &Operation<'_>, place: &str, complaints: &mut Complaints<'_>) {
    let successes = operation.successes();
    complaints.unless(!successes.is_empty(), place, || {
        "there is no successful response (1xx or 2xx) by its number; declare one".to_owned()
    });
    complaints.unless(operation.node["responses"].get("default").is_none(), place, || {
        "there is a `default` response, which hides success and failure alike; give the numbers".to_owned()
    });
    let upgrades = successes.iter().any(|(status, _)| *status == 101);
    complaints.unless(!upgrades || successes.len() == 1, place, || {
        "101 stands beside another success, which panics; keep 101 and tell of the other in a comment"
            .to_owned()
    });
    let mut schemas: Vec<Option<&str>> = Vec::new();
    for (status, response) in &successes {
        let content = &response["content"];
        let json = &content["application/json"];
        let types = content.as_object().map_or(0, |types| types.len());
        complaints.unless(types == 0 || json.is_object(), place, || {
            format!("the {status} response has content but none of `application/json`; describe that")
        });
        complaints.unless(json.is_null() || component(&json["schema"]).is_some(), place, || {
            format!("the {status} response's schema is missing or inline; refer to a component schema")
        });
        schemas.push(component(&json["schema"]));
    }
    complaints.unless(schemas.windows(2).all(|pair| pair[0] == pair[1]), place, || {
        "its successful responses have different bodies, which panics; use one schema for all".to_owned()
    });
}

fn error_codes(spec: &Spec, operation: &Operation<'_>, place: &str, complaints: &mut Complaints<'_>) {
    let Some(codes) = operation.node.get("x-error-codes") else { return };
    let known = spec.schema("ErrorCode").and_then(enum_values).unwrap_or_default();
    for code in codes.as_array().into_iter().flatten() {
        complaints.unless(code.as_str().is_some_and(|code| known.contains(&code)), place, || {
            format!("x-error-codes lists {code}, which the schema `ErrorCode` does not; add it there")
        });
    }
}
