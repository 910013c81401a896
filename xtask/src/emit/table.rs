//! Makes `operations.rs`: what is known of each operation before it is called.

use super::{OperationCode, secrets::Marked, writer::Writer};
use crate::spec::Spec;

/// A constant an operation, and all of them.
pub(super) fn text(spec: &Spec, codes: &[OperationCode<'_>]) -> String {
    let mut to = Writer::new(spec);
    let operation = to.core("Operation");
    let mut marked = Marked::new(&spec.document);
    for code in codes {
        to.gap();
        entry(&mut to, &operation, code, &mut marked);
    }
    to.gap();
    to.doc(0, "All operations, in the document's order.");
    to.line(0, &format!("pub const ALL: &[&{operation}] = &["));
    codes.iter().for_each(|code| to.line(4, &format!("&{},", code.constant)));
    to.line(0, "];");
    to.finish(&[])
}

/// One operation: of what is seldom there is only what holds.
fn entry(to: &mut Writer<'_>, ty: &str, code: &OperationCode<'_>, marked: &mut Marked<'_>) {
    let operation = &code.operation;
    to.doc(0, &format!("{}.", operation.summary()));
    to.line(0, &format!("pub const {}: {ty} = {ty} {{", code.constant));
    to.line(4, &format!("starts_command: {},", operation.starts_command()));
    to.line(4, &format!("repeatable: {},", operation.is_repeatable()));
    if operation.is_open() {
        to.line(4, "open: true,");
    }
    if let Some(calls) = operation.rate() {
        to.line(4, &format!("rate: Some({calls}),"));
    }
    if operation.operation.deprecated {
        to.line(4, "deprecated: true,");
    }
    to.line(4, &format!("page: {:?},", operation.page()));
    to.line(4, &format!("read_on: {:?},", operation.read_on()));
    let requests = marked.requests(operation);
    let answers = marked.answers(operation);
    let marks = [
        ("secrets", requests.secrets),
        ("texts", requests.texts),
        ("answer_secrets", answers.secrets),
        ("answer_texts", answers.texts),
    ];
    for (field, text) in marks.iter().filter(|(_, text)| !text.is_empty()) {
        to.line(4, &format!("{field}: {text:?},"));
    }
    // What follows `#` tells the keys of the document apart and is never sent.
    let path = operation.path.split('#').next().unwrap_or_default();
    let (id, method) = (operation.id(), operation.method.to_uppercase());
    to.line(4, &format!("..{ty}::undocumented({id:?}, {method:?}, {path:?})"));
    to.line(0, "};");
}
