//! Rules about examples: each is what its schema allows, and together they show all of a request.

use std::collections::BTreeSet;

use heck::ToKebabCase as _;

use super::{
    Complaints, collision,
    value::{Values, Way},
};
use crate::document::{
    AnswerBody, Call, Document, Example, Lines, NamedExample, Referable, Response, Schema,
};

pub(super) fn check(document: &Document, complaints: &mut Complaints) {
    let before = complaints.0.len();
    let mut seen = BTreeSet::new();
    for call in document.calls() {
        requests(document, call, &mut seen, complaints);
        for (status, answer) in &call.operation.responses {
            if let Referable::Inline(answer) = answer {
                answers(document, &place_of_answer(call.id(), status), answer, complaints);
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

/// What complaints call an answer that an operation has of its own.
pub(crate) fn place_of_answer(id: &str, status: &str) -> String {
    format!("{id}: response {status}")
}

/// The examples that do not keep to their schemas: the place and the name of each.
pub(crate) fn misfits(document: &Document) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let complains = |see: &mut dyn FnMut(&mut Complaints)| {
        let mut complaints = Complaints(Vec::new());
        see(&mut complaints);
        !complaints.0.is_empty()
    };
    let mut of_answer = |place: String, answer: &Response| {
        let Some(body) = answer.json() else { return };
        for (name, example) in &body.examples {
            let is_odd = complains(&mut |complaints| {
                answer_one(document, &place, body, (name, example), complaints);
            });
            found.extend(is_odd.then(|| (place.clone(), name.clone())));
        }
    };
    for (name, answer) in &document.components.responses {
        if let Referable::Inline(answer) = answer {
            of_answer(name.clone(), answer);
        }
    }
    for call in document.calls() {
        for (status, answer) in &call.operation.responses {
            if let Referable::Inline(answer) = answer {
                of_answer(place_of_answer(call.id(), status), answer);
            }
        }
    }
    for call in document.calls() {
        for example in call.examples() {
            let is_odd = complains(&mut |complaints| {
                one(document, call, &example, &mut BTreeSet::new(), complaints);
            });
            found.extend(is_odd.then(|| (call.id().to_owned(), example.name.to_owned())));
        }
    }
    found
}

fn requests<'a>(
    document: &'a Document,
    call: Call<'a>,
    seen: &mut BTreeSet<(&'a str, &'a str)>,
    complaints: &mut Complaints,
) {
    let (id, lines) = (call.id(), &call.operation.lines);
    let all = call.examples();
    if all.is_empty() {
        let holder = if call.body().is_some() { "the body" } else { "a parameter" };
        let text = format!(
            "there is no named example, so no snapshot; add one (`examples` of {holder}, or `x-examples`)"
        );
        return complaints.add((lines, ""), id, text);
    }
    if let Some((_, name)) = collision(all.iter().map(|example| example.name), str::to_owned) {
        let text = format!("two examples are named `{name}`; rename one");
        complaints.add((lines, "x-examples"), id, text);
    }
    alone(call, complaints);
    for example in &all {
        one(document, call, example, seen, complaints);
    }
}

/// An example of a parameter goes with one of the body.
fn alone(call: Call<'_>, complaints: &mut Complaints) {
    let Some(body) = call.body() else { return };
    let names: Vec<&str> = body.examples.keys().map(String::as_str).collect();
    for parameter in call.parameters() {
        for (name, example) in &parameter.examples {
            let holds =
                names.contains(&name.as_str()) || parameter.is_everywhere() && !names.is_empty();
            complaints.unless(holds, (&example.lines, ""), call.id(), || {
                let remedy = match names.is_empty() {
                    true => "give the body one of this name".to_owned(),
                    false => format!("give it the name of one: {}", names.join(", ")),
                };
                format!(
                    "the example `{name}` of the parameter `{}` goes with no example of the body; {remedy}",
                    parameter.name
                )
            });
        }
    }
}

fn one<'a>(
    document: &'a Document,
    call: Call<'a>,
    example: &NamedExample<'_>,
    seen: &mut BTreeSet<(&'a str, &'a str)>,
    complaints: &mut Complaints,
) {
    let NamedExample { name, summary, lines, .. } = example;
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
    for other in example.parameters.keys() {
        let is_known = known.iter().any(|one| one.name == *other);
        let text = format!("gives a parameter `{other}` that does not exist; correct it");
        unless(is_known, "parameters", &text);
    }
    let is_whole = call.operation.examples.contains_key(*name);
    let mut values = Values::new(document, Way::Request);
    for parameter in known {
        let Some(value) = example.parameters.get(&parameter.name) else {
            let text = format!(
                "lacks the required parameter `{}`; give it under `examples` of the parameter, by this \
                 name or as the only one, or write the call under `x-examples`",
                parameter.name
            );
            complaints.unless(!parameter.required, (lines, "parameters"), id, || {
                format!("the example `{name}` {text}")
            });
            continue;
        };
        seen.insert((id, &parameter.name));
        values.check(&parameter.name, &parameter.schema, value, parameter.required);
        let at = match parameter.example(name).filter(|_| !is_whole) {
            Some(example) => (&example.lines, "value"),
            None => (*lines, "parameters"),
        };
        faults(&mut values, name, at, id, complaints);
    }
    if let (Some(body), Some(value)) = (call.body(), example.body) {
        if let Some(schema) = body.schema.name_in("schemas").and_then(|name| document.schema(name))
        {
            values.body(body.schema.name_in("schemas"), schema, value);
        }
        let word = if is_whole { "body" } else { "value" };
        faults(&mut values, name, (lines, word), id, complaints);
    }
    // `append` would rebuild the whole set.
    seen.extend(std::mem::take(&mut values.seen));
}

fn answers(document: &Document, place: &str, answer: &Response, complaints: &mut Complaints) {
    if let Some(body) = answer.json() {
        for (name, example) in &body.examples {
            answer_one(document, place, body, (name, example), complaints);
        }
    }
    let texts = answer.content.as_ref().and_then(|content| content.text.as_ref());
    for (name, example) in texts.map(|text| &text.examples).into_iter().flatten() {
        complaints.unless(example.value.is_string(), (&example.lines, "value"), place, || {
            format!("the example `{name}` is not text; put it in quotes")
        });
    }
}

fn answer_one(
    document: &Document,
    place: &str,
    body: &AnswerBody,
    (name, example): (&str, &Example),
    complaints: &mut Complaints,
) {
    let mut values = Values::new(document, Way::Answer);
    if let Some(schema) = document.resolve(&body.schema) {
        let name = body.schema.reference().and_then(|of| of.name_in("schemas"));
        values.body(name, schema, &example.value);
    }
    faults(&mut values, name, (&example.lines, "value"), place, complaints);
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
                    "no example shows the parameter `{}`; give it in one, under its `examples` or under \
                     `x-examples`",
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
