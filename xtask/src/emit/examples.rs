//! Makes `examples.rs`: a document's named examples as data, and one function that sends them.

use std::fmt::Write as _;

use quote::quote;
use serde_json::Value;
use syn::Item;

use super::{Maker, OperationCode, bare, parse};

/// Longest line of JSON that is not one value.
const WIDTH: usize = 96;

/// The file's text. The data is laid out here, because no formatter breaks JSON in a string.
///
/// # Errors
/// A sentence, if the generator made what is not Rust.
pub(super) fn text(maker: &Maker<'_>, codes: &[OperationCode<'_>]) -> Result<String, String> {
    let mut text = "/// Every named example, in the document's order.\n\
                    pub const ALL: &[Example] = &[\n"
        .to_owned();
    for code in codes {
        for example in code.operation.examples() {
            let (name, summary) = (example.name, example.summary.trim());
            // Writing to a String cannot fail.
            let _ = write!(text, "    {}\n        .named({name:?}, {summary:?})", code.constant);
            if !example.parameters.is_empty() {
                let _ = write!(
                    text,
                    "\n        .with_parameters({})",
                    json(&example.parameters.into())
                );
            }
            if let Some(body) = example.body {
                let _ = write!(text, "\n        .with_body({})", json(body));
            }
            text.push_str(",\n");
        }
    }
    text.push_str("];\n\n");
    for code in codes {
        operation(code, &mut text);
    }
    let types = codes.iter().any(|code| code.operation.body_schema().is_some());
    let uses = match types {
        true => quote!(
            use super::{Client, operations, types};
        ),
        false => quote!(
            use super::{Client, operations};
        ),
    };
    let mut rest = parse(quote! {
        use guestexec_core::{Error, ErrorKind, Example};
        #uses
    })?
    .items;
    rest.extend(send(codes)?);
    // The declarations come first, and a blank line after them.
    let rest = maker.text(rest);
    let (uses, send) = rest.split_once("\n\n").unwrap_or_default();
    Ok(format!("{uses}\n\n{text}{send}"))
}

/// Writes what the examples of an operation have in common: the success and the answers.
fn operation(code: &OperationCode<'_>, text: &mut String) {
    let constant = &code.constant;
    let status = code.operation.successes().first().map_or(200, |(status, _)| *status);
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "const {constant}: Example =\n    Example::of(&operations::{constant}, {status}, &["
    );
    for (_, name, value) in code.operation.answers() {
        let _ = write!(text, "\n        ({name:?}, {}),", json(value));
    }
    text.push_str(match code.operation.answers().is_empty() {
        true => "]);\n\n",
        false => "\n    ]);\n\n",
    });
}

/// A JSON value as a raw string.
fn json(value: &Value) -> String {
    let mut text = String::new();
    lay_out(value, 0, 0, &mut text);
    let mut marks = "#".to_owned();
    while text.contains(&format!("\"{marks}")) {
        marks.push('#');
    }
    format!("r{marks}\"{text}\"{marks}")
}

/// Writes a value: on one line where that is short enough, else one member a line.
fn lay_out(value: &Value, indent: usize, column: usize, text: &mut String) {
    let line = on_one_line(value);
    let is_short = column + line.chars().count() <= WIDTH;
    match value {
        Value::Object(members) if !is_short => {
            text.push_str("{\n");
            for (index, (name, member)) in members.iter().enumerate() {
                let name = Value::from(name.as_str()).to_string();
                let _ = write!(text, "{:1$}{name}: ", "", indent + 2);
                lay_out(member, indent + 2, indent + 5 + name.chars().count(), text);
                text.push_str(if index + 1 < members.len() { ",\n" } else { "\n" });
            }
            let _ = write!(text, "{:indent$}}}", "");
        }
        Value::Array(items) if !is_short => {
            text.push_str("[\n");
            for (index, item) in items.iter().enumerate() {
                let _ = write!(text, "{:1$}", "", indent + 2);
                lay_out(item, indent + 2, indent + 3, text);
                text.push_str(if index + 1 < items.len() { ",\n" } else { "\n" });
            }
            let _ = write!(text, "{:indent$}]", "");
        }
        _ => text.push_str(&line),
    }
}

fn on_one_line(value: &Value) -> String {
    match value {
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                format!("{}: {}", Value::from(name.as_str()), on_one_line(value))
            };
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(on_one_line).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

/// The function that sends an example.
fn send(codes: &[OperationCode<'_>]) -> Result<Vec<Item>, String> {
    let arms = codes.iter().map(|code| {
        let (id, method) = (code.operation.id(), &code.method);
        let setters = code.parameters.iter().map(|field| {
            let (setter, wire) = (&field.ident, &field.wire);
            let ty = bare(&field.ty);
            quote! {
                if let Some(value) = example.parameter::<#ty>(#wire).map_err(unusable)? {
                    call = call.#setter(value);
                }
            }
        });
        let setters: Vec<_> = setters.collect();
        let body = code.operation.body_schema().map(|name| {
            let name = quote::format_ident!("{name}");
            quote!(.body(example.body::<types::#name>().map_err(unusable)?))
        });
        match setters.is_empty() {
            true => quote!(#id => client.#method() #body .send().await.map(drop),),
            false => quote! {
                #id => {
                    let mut call = client.#method() #body;
                    #(#setters)*
                    call.send().await.map(drop)
                }
            },
        }
    });
    let function = quote! {
        /// Sends an example through the generated client.
        ///
        /// # Errors
        /// As the operation's own `send`; `InvalidRequest`, if the example is not one of this document.
        pub async fn send(client: &Client, example: &Example) -> Result<(), crate::Error> {
            let unusable = |reason| Error::new(ErrorKind::InvalidRequest, reason);
            match example.operation {
                #(#arms)*
                other => Err(unusable(format!("there is no operation `{other}`"))),
            }
        }
    };
    Ok(parse(function)?.items)
}
