//! Rules about one operation: its name, source, examples, answers.

use heck::{ToKebabCase as _, ToSnakeCase as _};

use super::{Complaints, collision, is_name, parameter};
use crate::document::{Call, Document, Lines, Named, Response};
use serde_json::Value;

pub(super) fn check(document: &Document, call: Call<'_>, complaints: &mut Complaints) {
    let operation = call.operation;
    let (id, lines) = (operation.id.as_str(), &operation.lines);
    let at = (lines, "operationId");
    if !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        let text = "the operationId is not made of ASCII letters, digits and `_`; rename it";
        complaints.add(at, id, text);
    } else if !is_name(&id.to_snake_case()) {
        let method = id.to_snake_case();
        let text = format!(
            "the operationId becomes the method `{method}`, which Rust does not take; rename it"
        );
        complaints.add(at, id, text);
    }
    complaints.unless(is_date(call.read_on()), (lines, "x-read-on"), id, || {
        "the day on which its page was read is missing or not a day; write \
         `x-read-on: 'YYYY-MM-DD'` here or at the top of the document"
    });
    if let Some(body) = &operation.request_body {
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
    let schemas = &document.components.schemas;
    let known = schemas.get("ErrorCode").and_then(|schema| schema.values()).unwrap_or_default();
    for code in &operation.error_codes {
        complaints.unless(known.contains(code), (lines, "x-error-codes"), id, || {
            format!(
                "x-error-codes lists `{code}`, which the schema `ErrorCode` does not; add it there"
            )
        });
    }
    examples(call, complaints);
    parameter::check(document, call, complaints);
    answers(document, call, complaints);
}

fn is_date(text: &str) -> bool {
    let fits = |(index, byte): (usize, u8)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(fits)
}

fn examples(call: Call<'_>, complaints: &mut Complaints) {
    let operation = call.operation;
    let (id, none) = (operation.id.as_str(), Named::new());
    let bodies = call.body().map(|body| &body.examples).into_iter().flatten();
    let mut all: Vec<(&str, &str, &Named<Value>, bool, &Lines)> = bodies
        .map(|(name, example)| {
            (
                name.as_str(),
                example.summary.as_deref().unwrap_or_default(),
                &none,
                true,
                &example.lines,
            )
        })
        .collect();
    all.extend(operation.examples.iter().map(|(name, example)| {
        let has_body = example.body.is_some();
        (name.as_str(), &*example.summary, &example.parameters, has_body, &example.lines)
    }));
    complaints.unless(!all.is_empty(), (&operation.lines, ""), id, || {
        "there is no named example, so no snapshot; add one (`examples` of the body, or `x-examples`)"
    });
    if let Some((_, name)) = collision(all.iter().map(|(name, ..)| *name), str::to_owned) {
        let text = format!("two examples are named `{name}`; rename one");
        complaints.add((&operation.lines, "x-examples"), id, text);
    }
    let known = call.parameters();
    for (name, summary, given, has_body, lines) in all {
        let mut unless = |holds: bool, text: &str| {
            complaints.unless(holds, (lines, ""), id, || format!("the example `{name}` {text}"));
        };
        unless(name == name.to_kebab_case(), "is not named in lower-kebab-case; rename it");
        unless(!summary.is_empty(), "has no summary; say what it shows");
        unless(
            has_body == call.body().is_some(),
            "has a body where the operation has none, or lacks it; give what the operation takes",
        );
        for other in given.keys().filter(|given| known.iter().all(|one| one.name != **given)) {
            unless(false, &format!("gives a parameter `{other}` that does not exist; correct it"));
        }
        for needed in known.iter().filter(|one| one.required && !given.contains_key(&one.name)) {
            let text = format!(
                "lacks the required parameter `{}`; give it (under `x-examples`)",
                needed.name
            );
            unless(false, &text);
        }
    }
}

fn answers(document: &Document, call: Call<'_>, complaints: &mut Complaints) {
    let operation = call.operation;
    let (id, at) = (operation.id.as_str(), (&operation.lines, "responses"));
    for (status, answer) in &operation.responses {
        let lines = answer.lines(|answer| &answer.lines);
        let Some(answer) = document.response(answer) else { continue };
        one_answer(status, answer, lines, &format!("{id}: response {status}"), complaints);
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
        successes.iter().map(|(_, answer)| answer.json().map(|body| &body.schema.pointer));
    let first = bodies.next();
    complaints.unless(
        bodies.all(|body| Some(body) == first),
        at,
        id,
        || "the successful responses have different bodies, which panics; use one schema for all",
    );
}

fn one_answer(
    status: &str,
    answer: &Response,
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
        !is_success || content.json.is_some(),
        (lines, "content"),
        place,
        || "has content but none of `application/json`; describe that, or leave `content` out",
    );
    complaints.unless(
        status != "101",
        (lines, "content"),
        place,
        || "has content, but after 101 the connection is no longer HTTP; leave it out",
    );
}
