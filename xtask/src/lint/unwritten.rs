//! A document is not generated from while it has texts that `audit --fix` left to a person.

use super::Complaints;
use crate::{
    audit::fix::MARKER,
    document::{Document, Lines, Referable, Response, Schema},
};

pub(super) fn check(document: &Document, complaints: &mut Complaints) {
    let mut see = |text: Option<&str>, at: (&Lines, &str), place: &str| {
        if let Some(rest) = text.and_then(|text| text.trim_start().strip_prefix(MARKER)) {
            let end = rest.find(['.', ',']).unwrap_or(rest.len());
            let what = rest.get(..end).unwrap_or_default().trim();
            complaints.add(at, place, format!("`{}` is not written yet; write {what}", at.1));
        }
    };
    for call in document.calls() {
        let (id, operation) = (call.id(), call.operation);
        see(Some(&operation.summary), (&operation.lines, "summary"), id);
        see(operation.description.as_deref(), (&operation.lines, "description"), id);
        let docs = &operation.external_docs;
        see(docs.description.as_deref(), (&docs.lines, "description"), id);
        for parameter in call.parameters() {
            let place = format!("{id}.{}", parameter.name);
            see(parameter.description.as_deref(), (&parameter.lines, "description"), &place);
        }
        for (status, answer) in &operation.responses {
            if let Referable::Inline(answer) = answer {
                response(answer, &format!("{id}: response {status}"), &mut see);
            }
        }
    }
    for (name, answer) in &document.components.responses {
        if let Referable::Inline(answer) = answer {
            response(answer, name, &mut see);
        }
    }
    for (name, schema) in &document.components.schemas {
        schema.visit(name, &mut |place, part| {
            see(part.description().map(|text| &**text), (part.lines(), "description"), place);
            if let Schema::Text(text) = part {
                for (value, meaning) in &text.value_descriptions {
                    let place = format!("{place}.{value}");
                    see(Some(meaning), (&text.lines, "x-enum-descriptions"), &place);
                }
            }
        });
    }
}

fn response(
    answer: &Response,
    place: &str,
    see: &mut impl FnMut(Option<&str>, (&Lines, &str), &str),
) {
    see(Some(&answer.description), (&answer.lines, "description"), place);
}
