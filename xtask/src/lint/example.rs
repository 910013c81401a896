//! Rules about examples: each is what its schema allows, and together they show all of a request.

use std::collections::BTreeSet;

use heck::ToKebabCase as _;
use serde_json::Value;

use super::{
    Complaints, collision,
    value::{Values, Way},
};
use crate::document::{Call, Document, Lines, Named, Referable, Response, Schema};

pub(super) fn check(document: &Document, complaints: &mut Complaints) {
    let before = complaints.0.len();
    let mut seen = BTreeSet::new();
    for call in document.calls() {
        requests(document, call, &mut seen, complaints);
        for (status, answer) in &call.operation.responses {
            if let Referable::Inline(answer) = answer {
                answers(document, &format!("{}: response {status}", call.id()), answer, complaints);
            }
        }
    }
    for (name, answer) in &document.components.responses {
        if let Referable::Inline(answer) = answer {
            answers(document, name, answer, complaints);
        }
    }
    // A member that an example misspells is not shown either.
    if complaints.0.len() == before {
        shown(document, &seen, complaints);
    }
}

/// One example of a call: its name, its parameters, its body with its lines.
struct Shown<'a> {
    name: &'a str,
    summary: &'a str,
    parameters: Option<&'a Named<Value>>,
    body: Option<&'a Value>,
    lines: &'a Lines,
}

fn requests<'a>(
    document: &'a Document,
    call: Call<'a>,
    seen: &mut BTreeSet<(&'a str, &'a str)>,
    complaints: &mut Complaints,
) {
    let operation = call.operation;
    let id = call.id();
    let bodies = call.body().map(|body| &body.examples).into_iter().flatten();
    let mut all: Vec<Shown<'a>> = bodies
        .map(|(name, example)| Shown {
            name,
            summary: example.summary.as_deref().unwrap_or_default(),
            parameters: None,
            body: Some(&example.value),
            lines: &example.lines,
        })
        .collect();
    all.extend(operation.examples.iter().map(|(name, example)| Shown {
        name,
        summary: &example.summary,
        parameters: Some(&example.parameters),
        body: example.body.as_ref(),
        lines: &example.lines,
    }));
    if all.is_empty() {
        let text = "there is no named example, so no snapshot; add one (`examples` of the body, or \
                    `x-examples`)";
        return complaints.add((&operation.lines, ""), id, text);
    }
    if let Some((_, name)) = collision(all.iter().map(|example| example.name), str::to_owned) {
        let text = format!("two examples are named `{name}`; rename one");
        complaints.add((&operation.lines, "x-examples"), id, text);
    }
    for example in &all {
        one(document, call, example, seen, complaints);
    }
}

fn one<'a>(
    document: &'a Document,
    call: Call<'a>,
    example: &Shown<'_>,
    seen: &mut BTreeSet<(&'a str, &'a str)>,
    complaints: &mut Complaints,
) {
    let Shown { name, summary, lines, .. } = example;
    let id = call.id();
    let mut unless = |holds: bool, word: &str, text: &str| {
        complaints.unless(holds, (lines, word), id, || format!("the example `{name}` {text}"));
    };
    unless(*name == name.to_kebab_case(), "", "is not named in lower-kebab-case; rename it");
    unless(!summary.is_empty(), "", "has no summary; say what it shows");
    unless(
        example.body.is_some() == call.body().is_some(),
        "body",
        "has a body where the operation has none, or lacks it; give what the operation takes",
    );
    let known = call.parameters();
    let given = |name: &str| example.parameters.and_then(|parameters| parameters.get(name));
    for other in example.parameters.into_iter().flat_map(Named::keys) {
        let is_known = known.iter().any(|one| one.name == *other);
        let text = format!("gives a parameter `{other}` that does not exist; correct it");
        unless(is_known, "parameters", &text);
    }
    let mut values = Values::new(document, Way::Request);
    for parameter in known {
        match given(&parameter.name) {
            Some(value) => {
                seen.insert((id, &parameter.name));
                values.check(&parameter.name, &parameter.schema, value, parameter.required);
            }
            None => {
                let text = format!(
                    "lacks the required parameter `{}`; give it (under `x-examples`)",
                    parameter.name
                );
                unless(!parameter.required, "parameters", &text);
            }
        }
    }
    faults(&mut values, name, (lines, "parameters"), id, complaints);
    if let (Some(body), Some(value)) = (call.body(), example.body) {
        if let Some(schema) = body.schema.name_in("schemas").and_then(|name| document.schema(name))
        {
            values.body(body.schema.name_in("schemas"), schema, value);
        }
        let word = if example.parameters.is_some() { "body" } else { "value" };
        faults(&mut values, name, (lines, word), id, complaints);
    }
    // `append` would build the whole set anew.
    seen.extend(std::mem::take(&mut values.seen));
}

fn answers(document: &Document, place: &str, answer: &Response, complaints: &mut Complaints) {
    if let Some(body) = answer.json() {
        for (name, example) in &body.examples {
            let mut values = Values::new(document, Way::Answer);
            if let Some(schema) = document.resolve(&body.schema) {
                let name = body.schema.reference().and_then(|of| of.name_in("schemas"));
                values.body(name, schema, &example.value);
            }
            faults(&mut values, name, (&example.lines, "value"), place, complaints);
        }
    }
    let texts = answer.content.as_ref().and_then(|content| content.text.as_ref());
    for (name, example) in texts.map(|text| &text.examples).into_iter().flatten() {
        complaints.unless(example.value.is_string(), (&example.lines, "value"), place, || {
            format!("the example `{name}` is not text; put it in quotes")
        });
    }
}

fn faults(
    values: &mut Values<'_>,
    name: &str,
    at: (&Lines, &str),
    place: &str,
    complaints: &mut Complaints,
) {
    for fault in values.faults.drain(..) {
        complaints.add(at, place, format!("correct the example `{name}`: {fault}"));
    }
}

/// Every parameter, and every member of a request, is in some example.
fn shown(document: &Document, seen: &BTreeSet<(&str, &str)>, complaints: &mut Complaints) {
    for call in document.calls() {
        for parameter in call.parameters() {
            let at = (&parameter.lines, "");
            complaints.unless(seen.contains(&(call.id(), &parameter.name)), at, call.id(), || {
                format!(
                    "no example shows the parameter `{}`; give it in one, under `x-examples`",
                    parameter.name
                )
            });
        }
    }
    let calls = document.calls();
    let bodies = calls.iter().filter_map(Call::body_schema);
    for name in document.closure(bodies) {
        let Some(Schema::Object(object)) = document.schema(name) else { continue };
        for (member, schema) in &object.properties {
            let is_seen = seen.contains(&(name, member)) || object.rules_out(member);
            let place = format!("{name}.{member}");
            complaints.unless(
                is_seen,
                (schema.lines(), ""),
                &place,
                || "no example shows it; give it in one of a request",
            );
        }
    }
}
