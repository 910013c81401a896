//! Rules about parameters.

use super::{Complaints, collision, schema};
use crate::document::{Call, Document, Location, Parameter, Pattern, Schema, TextSchema};

/// Header parameters that are credentials, which hooks set and no caller passes.
const CREDENTIALS: [&str; 3] = ["authorization", "x-auth-token", "x-security-token"];

/// Header parameters that the client sets by itself.
const OWN: [&str; 5] = ["accept", "api-version", "content-length", "content-type", "host"];

pub(super) fn check(document: &Document, call: Call<'_>, complaints: &mut Complaints) {
    let (id, parameters) = (call.operation.id.as_str(), call.parameters());
    for parameter in &parameters {
        one(document, call, parameter, complaints);
    }
    let at = (&call.operation.lines, "parameters");
    let names = parameters.iter().map(|parameter| parameter.name.as_str());
    if let Some((name, _)) = collision(names, ToOwned::to_owned) {
        let text = format!(
            "there are two parameters `{name}`, which examples cannot tell apart; leave one out"
        );
        complaints.add(at, id, text);
    }
    let headers = parameters.iter().filter(|parameter| parameter.location == Location::Header);
    let headers = headers.map(|parameter| parameter.name.as_str());
    if let Some((first, second)) = collision(headers, str::to_lowercase)
        && first != second
    {
        let text = format!("the headers `{first}` and `{second}` are one; leave one out");
        complaints.add(at, id, text);
    }
    for name in template_names(call.path) {
        // A path parameter of another name is reported with that name.
        let is_other = |one: &&Parameter| {
            one.location == Location::Path
                && !template_names(call.path).contains(&one.name.as_str())
        };
        if parameters.iter().any(is_other) {
            continue;
        }
        let declares = |one: &&Parameter| one.location == Location::Path && one.name == name;
        complaints.unless(parameters.iter().any(declares), at, id, || {
            format!("the path holds `{{{name}}}`, but no path parameter of that name is declared; declare it")
        });
    }
}

fn one(document: &Document, call: Call<'_>, parameter: &Parameter, complaints: &mut Complaints) {
    let Parameter { name, location, lines, .. } = parameter;
    let id = call.operation.id.as_str();
    let Some(schema) = document.resolve(&parameter.schema) else { return };
    let used = schema::Use { in_requests: true, in_answers: false };
    parameter.schema.visit(&format!("{id}.{name}"), &mut |place, part| {
        schema::check(document, place, part, false, used, complaints);
        let beside = ["description", "nullable", "x-content", "x-sensitive"];
        for word in part.lines().words().filter(|word| beside.contains(word)) {
            let text = match word {
                "nullable" => "`nullable` has no meaning in a parameter, which is given or left out; leave it out",
                "description" => "a `description` here is not read; write it beside `schema`",
                "x-content" => "`x-content` is of a member of a body; leave it out",
                _ => "`x-sensitive` here hides nothing; write it beside `schema`",
            };
            complaints.add((part.lines(), word), place, text);
        }
    });
    let mut unless = |holds: bool, word: &str, text: &str| {
        complaints.unless(holds, (lines, word), id, || format!("the parameter `{name}` {text}"));
    };
    unless(
        parameter.description.is_some(),
        "",
        "has no description; say in your own words what it is",
    );
    unless(!name.is_empty(), "name", "has no name; give it the one it has on the wire");
    unless(
        !matches!(schema, Schema::Text(TextSchema { format: Some(_), .. })),
        "schema",
        "has a format that is of bodies only; leave `format` out",
    );
    let usual = if *location == Location::Query { "form" } else { "simple" };
    unless(
        parameter.style.as_ref().is_none_or(|style| style == usual),
        "style",
        &format!("has a `style` that is not supported; leave it out, which means `{usual}`"),
    );
    unless(
        parameter.explode != Some(false) || *location != Location::Query,
        "explode",
        "has `explode: false`, which is ignored: the name is repeated; leave it out",
    );
    let is_plain = |schema: &Schema| !matches!(schema, Schema::List(_) | Schema::Object(_));
    match location {
        Location::Path => {
            unless(
                is_plain(schema),
                "schema",
                "has no plain type; make its schema a string or a number",
            );
            unless(
                parameter.required,
                "required",
                "is in the path but not `required: true`; say so",
            );
            unless(
                template_names(call.path).contains(&name.as_str()),
                "name",
                &format!("is in the path but not in its template; write it as `{{{name}}}` there"),
            );
            unless(
                stays_in_segment(schema),
                "schema",
                "could leave its path segment (empty, `.`, `..`, `/` or `\\`); add a `pattern` that refuses these",
            );
        }
        Location::Query => {
            let is_list = match schema {
                Schema::List(list) => document.resolve(&list.items).is_some_and(is_plain),
                _ => false,
            };
            unless(
                is_plain(schema) || is_list,
                "schema",
                "is an object, and an object in the query panics; use plain parameters",
            );
        }
        Location::Header => {
            let lower = name.to_ascii_lowercase();
            unless(
                is_header_name(name),
                "name",
                "is a header whose name HTTP does not allow; correct it",
            );
            unless(
                is_plain(schema),
                "schema",
                "is a list or object in a header, which does not compile; use a string",
            );
            unless(
                !CREDENTIALS.contains(&lower.as_str()),
                "name",
                "is a credential; declare it under securitySchemes, hooks set it",
            );
            unless(
                !OWN.contains(&lower.as_str()),
                "name",
                "is a header that the client sets by itself; leave it out",
            );
        }
    }
}

/// True for what HTTP takes as the name of a header.
pub(crate) fn is_header_name(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(is_allowed)
}

/// True for a header that the client or its hooks set.
pub(crate) fn is_set_by_client(header: &str) -> bool {
    let header = header.to_ascii_lowercase();
    CREDENTIALS.contains(&header.as_str()) || OWN.contains(&header.as_str())
}

/// The names of the parameters that a path has.
pub(crate) fn template_names(path: &str) -> Vec<&str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

/// True if no value of a path parameter leads out of its segment.
fn stays_in_segment(schema: &Schema) -> bool {
    match schema {
        Schema::Integer(_) | Schema::Number(_) | Schema::Boolean(_) => true,
        Schema::Text(TextSchema { pattern: Some(pattern), .. }) => refuses_escapes(pattern),
        _ => false,
    }
}

/// True if a pattern refuses what would lead out of a segment.
pub(crate) fn refuses_escapes(pattern: &Pattern) -> bool {
    let named = ["", ".", "..", "/", "\\", "../x", "..\\x", "x/..", "/x", "x/"];
    // A pattern of fixed length takes none of these and may still take a slash.
    let digits = pattern.as_str().split(|c: char| !c.is_ascii_digit());
    let counts = digits.filter_map(|count| count.parse().ok());
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
