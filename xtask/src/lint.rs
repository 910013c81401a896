//! Stage 2: refuse, in sentences, what would panic, be ignored, or go wrong silently.
//!
//! Progenitor panics on some documents and quietly generates something else from others; each
//! rule here stands for one such trap, or for one of our own: an operation shows an example and
//! names its source, a path parameter cannot leave its segment, nothing goes on the wire unasked.

mod document;
mod operation;
mod schema;

use serde_json::Value;

use crate::spec::Spec;

/// The extensions a document may use.
const EXTENSIONS: [&str; 11] = [
    "x-enum-descriptions",
    "x-error-codes",
    "x-exactly-one-of",
    "x-examples",
    "x-exclusive",
    "x-extensible-enum",
    "x-json-object",
    "x-max-bytes",
    "x-rate-limit",
    "x-requires",
    "x-starts-command",
];

/// Everything wrong with a document, one sentence each; nothing if it can be generated from.
pub fn lint(spec: &Spec) -> Vec<String> {
    let mut complaints = Complaints { file: &spec.file, list: Vec::new() };
    document::check(spec, &mut complaints);
    for operation in spec.operations() {
        operation::check(spec, &operation, &mut complaints);
    }
    schema::check(spec, &mut complaints);
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

/// Visits every object of a node with a path of names for complaints; example data is not visited.
fn visit<'a>(node: &'a Value, place: &str, see: &mut impl FnMut(&str, &'a Value)) {
    match node {
        Value::Object(members) => {
            see(place, node);
            for (key, value) in members {
                if !matches!(key.as_str(), "examples" | "example" | "x-examples" | "value") {
                    visit(value, &format!("{place}.{key}"), see);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                visit(item, &format!("{place}[{index}]"), see);
            }
        }
        _ => {}
    }
}
