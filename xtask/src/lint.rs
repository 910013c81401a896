//! Stage 2: refuse, in sentences, what would panic, be ignored, or go wrong silently.
//!
//! Progenitor panics on some documents and quietly generates something else from others; each
//! rule here stands for one such trap, or for one of our own: an operation shows an example and
//! names its source, a path parameter cannot leave its segment, nothing goes on the wire unasked,
//! and a limit that is written down is checked.

mod component;
mod document;
mod operation;
mod parameter;
mod response;
mod schema;
mod text;

use serde_json::Value;

use crate::spec::Spec;

/// The extensions a document may use.
const EXTENSIONS: [&str; 14] = [
    "x-enum-descriptions",
    "x-error-codes",
    "x-exactly-one-of",
    "x-examples",
    "x-exclusive",
    "x-extensible-enum",
    "x-json-object",
    "x-max-bytes",
    "x-rate-limit",
    "x-read-on",
    "x-repeatable",
    "x-requires",
    "x-sensitive",
    "x-starts-command",
];

/// Everything wrong with a document, one sentence each; nothing if it can be generated from.
pub fn lint(spec: &Spec) -> Vec<String> {
    let mut complaints = Complaints { file: &spec.file, list: Vec::new() };
    if !spec.document.is_object() {
        complaints.add("document", "is not a mapping; begin it with `openapi: 3.0.3`");
        return complaints.list;
    }
    document::check(spec, &mut complaints);
    for operation in spec.operations() {
        operation::check(spec, &operation, &mut complaints);
    }
    component::check(spec, &mut complaints);
    complaints.list
}

/// Collects sentences, each beginning with the file and the place.
struct Complaints<'a> {
    file: &'a str,
    list: Vec<String>,
}

impl Complaints<'_> {
    /// `place` is an operation or a schema; `text` says what is wrong and what to do.
    fn add(&mut self, place: &str, text: impl AsRef<str>) {
        self.list.push(format!("{}: {place}: {}", self.file, text.as_ref()));
    }

    /// Complains unless `holds`.
    fn unless(&mut self, holds: bool, place: &str, text: impl FnOnce() -> String) {
        if !holds {
            self.add(place, text());
        }
    }

    /// Complains of the words of `node` that are not `known`: what is not carried over is not
    /// written down either. Extensions known nowhere are told of elsewhere.
    fn only(&mut self, known: &[&str], place: &str, node: &Value) {
        for key in node.as_object().into_iter().flatten().map(|(key, _)| key.as_str()) {
            let foreign = key.starts_with("x-") && !EXTENSIONS.contains(&key);
            self.unless(known.contains(&key) || foreign, place, || {
                format!(
                    "`{key}` is ignored here; correct it or leave it out (known: {})",
                    known.join(", ")
                )
            });
        }
    }
}

/// The kinds of value a word may have.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Boolean,
    List,
    Mapping,
}

impl Complaints<'_> {
    /// Complains of words of `node` whose value is of another kind, and so would be ignored.
    fn kinds(&mut self, words: &[(&str, Kind)], place: &str, node: &Value) {
        for (word, kind) in words {
            let Some(value) = node.get(word) else { continue };
            let (holds, name) = match kind {
                Kind::Text => (value.is_string(), "text; put it in quotes"),
                Kind::Boolean => {
                    (value.is_boolean(), "true or false; write one of them, without quotes")
                }
                Kind::List => (value.is_array(), "a list; write it as `[A, B]`"),
                Kind::Mapping => (value.is_object(), "a mapping; write it as `{name: value}`"),
            };
            self.unless(holds, place, || format!("`{word}` is not {name}"));
        }
    }
}

/// Two of `names` that become the same Rust name under `convert`.
fn collision<'a>(
    names: impl IntoIterator<Item = &'a str>,
    convert: impl Fn(&str) -> String,
) -> Option<(&'a str, &'a str)> {
    let mut seen: Vec<(String, &str)> = Vec::new();
    for name in names {
        let converted = convert(name);
        if let Some((_, earlier)) = seen.iter().find(|(other, _)| *other == converted) {
            return Some((earlier, name));
        }
        seen.push((converted, name));
    }
    None
}

/// True for what Rust takes as a name.
fn is_name(text: &str) -> bool {
    syn::parse_str::<syn::Ident>(text).is_ok()
}

/// The names of a mapping.
fn names(node: &Value) -> impl Iterator<Item = &str> {
    node.as_object().into_iter().flatten().map(|(name, _)| name.as_str())
}

/// The items of a list.
fn list(node: &Value) -> impl Iterator<Item = &Value> {
    node.as_array().into_iter().flatten()
}
