//! Rules about one operation: its name, what a second call does, answers.

use heck::ToSnakeCase as _;

use super::{Complaints, is_name, paging, parameter};
use crate::document::{Call, Document, Lines, Response, Schema};

pub(super) fn check(document: &Document, call: Call<'_>, complaints: &mut Complaints) {
    let operation = call.operation;
    let (id, lines) = (operation.id.as_str(), &operation.lines);
    let at = (lines, "operationId");
    let names = [("operationId", Some(id)), ("x-name", operation.name.as_deref())];
    for (word, name) in names.into_iter().filter_map(|(word, name)| Some((word, name?))) {
        let at = (lines, word);
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let text =
                format!("the {word} is not made of ASCII letters, digits and `_`; rename it");
            complaints.add(at, id, text);
        } else if !is_name(&name.to_snake_case()) {
            let method = name.to_snake_case();
            let text = format!(
                "the {word} becomes the method `{method}`, which Rust does not take; rename it"
            );
            complaints.add(at, id, text);
        }
    }
    if let Some(pages) = &operation.pages {
        paging::check(document, call, pages, complaints);
    }
    let summary = operation.summary.trim();
    complaints.unless(
        !summary.contains('\n') && summary.ends_with('.'),
        (lines, "summary"),
        id,
        || "the summary is not one sentence on one line; say \"Runs a script.\", and the rest in the description",
    );
    if let Some(limit) = operation.rate_limit {
        complaints.unless(
            limit.per_seconds > 0 && limit.requests >= limit.per_seconds,
            (lines, "x-rate-limit"),
            id,
            || "`x-rate-limit` is less than one call a second; leave it out and say it in the description",
        );
    }
    if let Some(body) = call.request_body() {
        for name in body.content.lines.words() {
            let is_plain = name.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
            complaints.unless(is_plain, (&body.content.lines, name), id, || {
                format!("`{name}` is no media type; correct it")
            });
        }
        complaints.unless(
            body.required,
            (&body.lines, "required"),
            id,
            || "the request body is not `required: true`, but one is always sent; say so",
        );
    }
    let twice = operation.starts_command && operation.repeatable;
    complaints.unless(
        !twice,
        (lines, "x-repeatable"),
        id,
        || "starts a command, so a second call starts a second one; leave out `x-repeatable`",
    );
    let says = lines.words().any(|word| matches!(word, "x-starts-command" | "x-repeatable"));
    complaints.unless(call.method == "get" || says, at, id, || {
        "does not say what a second call does; write `x-starts-command: true` if it starts a command, \
         `x-repeatable: true` if a second call does no harm, else `x-repeatable: false`"
    });
    let schemas = &document.components.schemas;
    let known = schemas.get("ErrorCode").and_then(|schema| schema.values()).unwrap_or_default();
    for code in &operation.error_codes {
        complaints.unless(known.contains(code), (lines, "x-error-codes"), id, || {
            format!(
                "x-error-codes lists `{code}`, which the schema `ErrorCode` does not; add it there"
            )
        });
    }
    parameter::check(document, call, complaints);
    answers(document, call, complaints);
}

fn answers(document: &Document, call: Call<'_>, complaints: &mut Complaints) {
    let operation = call.operation;
    let (id, at) = (operation.id.as_str(), (&operation.lines, "responses"));
    for (status, answer) in &operation.responses {
        let lines = answer.lines(|answer| &answer.lines);
        let Some(answer) = document.response(answer) else { continue };
        one_answer(
            document,
            (status, answer),
            lines,
            &format!("{id}: response {status}"),
            complaints,
        );
    }
    let successes = call.successes();
    complaints.unless(
        !successes.is_empty(),
        at,
        id,
        || "there is no successful response (1xx or 2xx) by its number; declare one",
    );
    let upgrades = successes.iter().any(|(status, _)| *status == 101);
    complaints.unless(!upgrades || successes.len() == 1, at, id, || {
        "101 stands beside another success, which panics; keep 101 and tell of the other in a comment"
    });
    let mut bodies =
        successes.iter().map(|(_, answer)| (kind_of(document, answer), answer.text().is_some()));
    let first = bodies.next();
    complaints.unless(
        bodies.all(|body| Some(body) == first),
        at,
        id,
        || "the successful responses have different bodies, which panics; use one schema for all",
    );
}

fn one_answer(
    document: &Document,
    (status, answer): (&str, &Response),
    lines: &Lines,
    place: &str,
    complaints: &mut Complaints,
) {
    let is_number = status.len() == 3 && status.parse().is_ok_and(|n: u16| n >= 100);
    if status == "default" {
        let text =
            "`default` hides success and failure alike; give the numbers, or `4XX` and `5XX`";
        complaints.add((lines, ""), place, text);
    } else {
        complaints.unless(
            is_number || matches!(status, "4XX" | "5XX"),
            (lines, ""),
            place,
            || "is neither the number of a status nor `4XX` or `5XX`; write one of these",
        );
    }
    let Some(content) = &answer.content else { return };
    let is_success = status.starts_with(['1', '2']);
    complaints.unless(
        !is_success || content.json.is_some() || content.text.is_some(),
        (lines, "content"),
        place,
        || {
            "has content but neither JSON nor `text/plain`; describe one of these, or leave `content` out"
        },
    );
    if let Some(body) = &content.json {
        let is_known = |schema: &Schema| !matches!(schema, Schema::Object(_) | Schema::Narrowed(_));
        let holds = match &body.schema {
            Schema::Reference(_) => true,
            Schema::List(list) => is_known(&list.items) && !matches!(*list.items, Schema::List(_)),
            _ => false,
        };
        complaints.unless(
            holds,
            (&body.lines, "schema"),
            place,
            || "the schema is inline; refer to a component schema, or to a list of one",
        );
        let target = document.resolve(&body.schema);
        complaints.unless(
            !holds || !matches!(target, Some(Schema::Text(_))),
            (&body.lines, "schema"),
            place,
            || "the schema is an enumeration, and an answer is an object or a list; describe that one",
        );
    }
    for name in content.lines.words() {
        let is_plain = name.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        complaints.unless(is_plain, (&content.lines, name), place, || {
            format!("`{name}` is no media type; correct it")
        });
    }
    complaints.unless(
        status != "101",
        (lines, "content"),
        place,
        || "has content, but after 101 the connection is no longer HTTP; leave it out",
    );
}

/// The body of an answer: the component, and whether it is a list of it.
fn kind_of<'a>(document: &'a Document, answer: &'a Response) -> Option<(Option<&'a str>, bool)> {
    let body = answer.json()?;
    let list = body.list(document);
    let schema = list.map_or(&body.schema, |list| &*list.items);
    Some((schema.reference().map(|reference| reference.pointer.as_str()), list.is_some()))
}
