//! Rules about what a document decided: a fingerprint that can never be met decides nothing.

use std::collections::BTreeSet;

use super::Complaints;
use crate::{
    audit::decisions::Fingerprint,
    document::{Decision, Document},
};

/// The parts of an operation that a place may name.
const PARTS: [&str; 4] = ["request", "answer", "statuses", "errors"];

pub(super) fn check(document: &Document, complaints: &mut Complaints) {
    let calls = document.calls();
    let operations: BTreeSet<&str> = calls.iter().map(|call| call.id()).collect();
    let mut seen = BTreeSet::new();
    let lists = [("x-differs", &document.differs), ("x-left-out", &document.left_out)];
    for (list, decision) in
        lists.into_iter().flat_map(|(word, list)| list.iter().map(move |entry| (word, entry)))
    {
        let Decision { findings, definitions, lines, .. } = decision;
        let findings = findings.iter().map(|text| (text, "findings"));
        for (text, word) in findings.chain(definitions.iter().map(|text| (text, "definitions"))) {
            let at = (lines, word);
            let mut complain = |fault: String| {
                complaints.add(at, list, format!("the finding `{text}` {fault}"));
            };
            match Fingerprint::read(text) {
                Err(fault) => complain(fault),
                Ok(fingerprint) => {
                    if let Some(fault) = unmet(document, &operations, fingerprint) {
                        complain(fault);
                    }
                }
            }
            if !seen.insert(text) {
                complain("is decided twice; leave one of the two out".to_owned());
            }
        }
    }
}

/// Why no finding can have a fingerprint, if none can.
fn unmet(
    document: &Document,
    operations: &BTreeSet<&str>,
    fingerprint: Fingerprint<'_>,
) -> Option<String> {
    let (owner, rest) = fingerprint.owner();
    let part = rest.and_then(|rest| rest.split('.').next());
    if fingerprint.is_of_missing_operation() {
        return operations.contains(owner).then(|| {
            "is about an operation that the document has; leave it out, or the operation".to_owned()
        });
    }
    let is_part = part.is_none_or(|part| PARTS.contains(&part));
    if owner == "*" || operations.contains(owner) {
        return (!is_part).then(|| {
            format!("names no part of an operation; after `{owner}.` comes {}", PARTS.join(", "))
        });
    }
    document.schema(owner).is_none().then(|| {
        format!("is about `{owner}`, which is neither an operation nor a schema; correct the name")
    })
}
