//! Makes `answers.rs`: of each answer type, which field is which member.

use std::fmt::Write as _;

use super::Model;
use crate::spec::Spec;

/// Longest line.
const WIDTH: usize = 100;

/// The field that keeps what has no other.
pub(super) const EXTRA: &str = "extra";

/// The file's text, or nothing if the document has no answers. Made as text, because no formatter
/// lays out the inside of a macro call.
pub(super) fn text(spec: &Spec, model: &Model) -> Option<String> {
    let names = spec.lenient_schemas();
    let mut text = "use super::types::*;\n".to_owned();
    for name in &names {
        let mut lines = vec!["   ".to_owned()];
        for field in model.fields(name).iter().filter(|field| field.ident != EXTRA) {
            let entry = format!(" {} = {:?},", field.ident, field.wire);
            if lines.last().is_some_and(|line| line.len() + entry.len() > WIDTH) {
                lines.push("   ".to_owned());
            }
            if let Some(line) = lines.last_mut() {
                line.push_str(&entry);
            }
        }
        let required = spec.required_objects(name).into_iter();
        let requires: String = required.map(|member| format!(" requires {member:?}")).collect();
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n::guestexec_core::answer!({name} {{\n{}\n}} keeps {EXTRA}{requires});\n",
            lines.join("\n")
        );
    }
    (!names.is_empty()).then_some(text)
}
