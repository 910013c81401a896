//! Stage 2: refuse, in sentences, what the types of a document let through and what would panic, be
//! ignored, or go wrong silently.
//!
//! Progenitor panics on some documents and quietly generates something else from others; each
//! rule here stands for one such trap, or for one of our own: an operation shows an example and
//! names its source, a path parameter cannot leave its segment, nothing goes on the wire unasked,
//! and a limit that is written down is checked.

mod component;
mod decisions;
mod document;
mod example;
mod operation;
mod paging;
mod parameter;
mod rules;
mod schema;
mod source;
mod unwritten;
mod value;

use std::collections::BTreeMap;

use crate::document::{Complaint, Document, Lines};
pub(crate) use document::{is_taken_operation, is_taken_type};
pub(crate) use example::{misfits, place_of_answer};
pub(crate) use parameter::{is_header_name, is_set_by_client, refuses_escapes, template_names};

/// Everything wrong with a document; nothing if it can be generated from.
pub fn lint(document: &Document) -> Vec<Complaint> {
    let mut complaints = Complaints(document::references(document));
    // All complaints about a document without one of its parts would be consequences.
    let whole = complaints.0.is_empty();
    if whole {
        document::check(document, &mut complaints);
        source::check(document, &mut complaints);
        for call in document.calls() {
            operation::check(document, call, &mut complaints);
        }
        component::check(document, &mut complaints);
        decisions::check(document, &mut complaints);
        rules::check(document, &mut complaints);
    }
    // Nor are examples held against schemas that are wrong.
    if complaints.0.is_empty() {
        example::check(document, &mut complaints);
    }
    // A text that is left to a person does not hide other faults.
    if whole {
        unwritten::check(document, &mut complaints);
    }
    complaints.0.sort();
    complaints.0.dedup_by(|a, b| a.line == b.line && a.text == b.text);
    complaints.0
}

/// What is found wrong.
struct Complaints(Vec<Complaint>);

impl Complaints {
    /// Complains at the line of `word`; `place` is an operation or a schema; `text` says what is wrong and what to do.
    fn add(&mut self, (lines, word): (&Lines, &str), place: &str, text: impl Into<String>) {
        self.0.push(Complaint { line: lines.of(word), place: place.to_owned(), text: text.into() });
    }

    /// Complains unless `holds`.
    fn unless<T: Into<String>>(
        &mut self,
        holds: bool,
        at: (&Lines, &str),
        place: &str,
        text: impl FnOnce() -> T,
    ) {
        if !holds {
            self.add(at, place, text());
        }
    }
}

/// Two of `names` that become the same Rust name under `convert`.
fn collision<'a>(
    names: impl IntoIterator<Item = &'a str>,
    convert: impl Fn(&str) -> String,
) -> Option<(&'a str, &'a str)> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for name in names {
        if let Some(earlier) = seen.insert(convert(name), name) {
            return Some((earlier, name));
        }
    }
    None
}

/// True for what Rust takes as a name.
fn is_name(text: &str) -> bool {
    syn::parse_str::<syn::Ident>(text).is_ok()
}
