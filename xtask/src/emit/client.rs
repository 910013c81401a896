//! Makes `client.rs`: the client, and a method for each operation.

use super::{
    Maker, OperationCode,
    inputs::{Input, Inputs},
    sample,
    writer::Writer,
};
use crate::document::Schema;

/// The file: the client, and a method for each operation.
///
/// # Errors
/// A sentence, if the generator made what is not Rust.
pub(super) fn text(maker: &Maker<'_>, codes: &[OperationCode<'_>]) -> Result<String, String> {
    let mut to = Writer::new(maker.spec);
    let (operation, options) = (to.core("Operation"), to.core("CallOptions"));
    to.doc(0, &about(maker));
    to.lines(&[
        "#[derive(Clone, Debug)]",
        "pub struct Client {",
        "    pub(crate) baseurl: String,",
        "    pub(crate) client: ::reqwest::Client,",
        "    pub(crate) inner: hooks::Inner,",
        "}",
        "",
        "impl Client {",
        "    /// The version of the interface that the document describes.",
    ]);
    let version = maker.spec.document.info.version.trim();
    to.line(4, &format!("pub const API_VERSION: &'static str = {version:?};"));
    to.gap();
    to.doc(
        4,
        "This client for one call of `operation` with the state `call` and the options of both.",
    );
    let arguments = [
        "&self".to_owned(),
        format!("operation: &'static {operation}"),
        "call: hooks::Call".to_owned(),
        format!("options: &{options}"),
    ];
    to.call(4, "pub(crate) fn with_call", &arguments, " -> Self {");
    to.line(8, "Self { inner: self.inner.with_call(operation, call, options), ..self.clone() }");
    to.line(4, "}");
    to.gap();
    to.doc(4, &with_options(maker));
    to.line(4, "#[must_use]");
    to.line(4, &format!("pub fn with_options(&self, options: {options}) -> Self {{"));
    to.line(8, "Self { inner: self.inner.with_options(options), ..self.clone() }");
    to.lines(&[
        "    }",
        "}",
        "",
        "/// The operations: each method begins a call, which `send` makes.",
        "impl Client {",
    ]);
    let mut takes_types = false;
    for code in codes {
        takes_types |= method(&mut to, maker, code)?;
    }
    to.line(0, "}");
    let types = if takes_types { ", types" } else { "" };
    Ok(to.finish(&["crate::hooks".to_owned(), format!("super::{{builder{types}}}")]))
}

/// What `with_options` does, with an example.
fn with_options(maker: &Maker<'_>) -> String {
    let provider = &maker.spec.provider;
    format!(
        "Returns a clone of this client for calls with these options: of its operations, and of what its \
         handles do. Options that a call sets itself come before these.\n\n# Example\n```\n\
         use std::time::Duration;\n\nuse guestexec_{provider}::{{CallOptions, Client}};\n\n\
         /// Makes a client whose calls take 5 s at most and carry the id of a trace.\n\
         fn traced(client: &Client, trace: &str) -> Client {{\n\
         \x20   let options = CallOptions::new().call_timeout(Duration::from_secs(5));\n\
         \x20   client.with_options(options.header(\"traceparent\", trace))\n}}\n```"
    )
}

fn about(maker: &Maker<'_>) -> String {
    let info = &maker.spec.document.info;
    format!(
        "A client of {}.\n\n{}\n\nVersion of the interface: {}.",
        info.title.trim(),
        info.description.as_deref().unwrap_or_default().trim(),
        info.version.trim()
    )
}

/// Writes an operation's method; true if that takes a type of `types.rs`.
fn method(
    to: &mut Writer<'_>,
    maker: &Maker<'_>,
    code: &OperationCode<'_>,
) -> Result<bool, String> {
    let inputs = Inputs::of(maker, code);
    to.gap();
    to.doc(4, &description(maker, code, &inputs)?);
    to.deprecated(4, code.operation.operation.deprecated);
    // One more is the client.
    to.many(4, inputs.arguments.len() + 1);
    let arguments: Vec<String> = inputs.arguments.iter().map(|input| input.argument(to)).collect();
    let arguments: Vec<String> = ["&self".to_owned()].into_iter().chain(arguments).collect();
    let builder = format!("builder::{}", code.builder);
    to.call(4, &format!("pub fn {}", code.method), &arguments, &format!(" -> {builder}<'_> {{"));
    let given = inputs.arguments.iter().filter(|it| inputs.body.is_none() || it.is_any_parameter());
    let given = given.map(|input| input.ident.to_string());
    let given = ["self".to_owned()].into_iter().chain(given).chain(inputs.body.clone());
    let begin = if inputs.body.is_some() { "with_body" } else { "new" };
    to.call(8, &format!("{builder}::{begin}"), &given.collect::<Vec<_>>(), "");
    to.line(4, "}");
    let takes_type = arguments.iter().any(|argument| argument.contains("types::"));
    Ok(takes_type || inputs.body.is_some())
}

/// What an operation does, its limits, what its refusals mean, an example and the vendor's page.
fn description(
    maker: &Maker<'_>,
    code: &OperationCode<'_>,
    inputs: &Inputs,
) -> Result<String, String> {
    let operation = &code.operation;
    let mut parts = vec![format!("{}.", operation.summary())];
    parts.extend(operation.operation.description.as_ref().map(|text| text.trim().to_owned()));
    if operation.operation.deprecated {
        parts.push("The vendor advises against it.".to_owned());
    }
    if let Some(calls) = operation.rate() {
        parts.push(format!("The service takes {calls} of these calls in a second."));
    }
    if !inputs.arguments.is_empty() {
        let list = inputs.arguments.iter().map(Input::listed).collect::<Vec<_>>().join("\n");
        parts.push(format!("# Arguments\n{list}"));
    }
    parts.extend(refusals(maker, code));
    if let Some(example) = sample::of(maker, code, inputs)? {
        parts.push(format!("# Example\n```no_run\n{example}\n```"));
    }
    let (id, page, read_on) = (operation.id(), operation.page(), operation.read_on());
    parts.push(format!("The vendor's page: [`{id}`]({page}), read on {read_on}."));
    Ok(parts.join("\n\n"))
}

/// The codes or statuses by which the service refuses the operation.
fn refusals(maker: &Maker<'_>, code: &OperationCode<'_>) -> Option<String> {
    let (document, operation) = (&maker.spec.document, code.operation.operation);
    let codes = &operation.error_codes;
    if !codes.is_empty() {
        let known = document.schema("ErrorCode").and_then(Schema::values).is_some();
        let meaning = if known {
            "; [`ErrorCode`](super::enums::ErrorCode) says what each means"
        } else {
            ""
        };
        let codes: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
        return Some(format!("# Errors\nThe service refuses with {}{meaning}.", codes.join(", ")));
    }
    let refusals: Vec<String> = operation
        .responses
        .iter()
        .filter(|(status, _)| status.parse::<u16>().is_ok_and(|status| status >= 300))
        .filter_map(|(status, response)| {
            let meaning = document.response(response)?.description.trim();
            Some(format!("- `{status}`: {meaning}"))
        })
        .collect();
    let list = refusals.join("\n");
    (!refusals.is_empty())
        .then(|| format!("# Errors\nThe service refuses with these statuses:\n\n{list}"))
}
