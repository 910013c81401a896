//! Makes `examples.rs`: a document's named examples as data, a function that sends one, and one for the
//! schema that their bodies fit.

use std::{collections::BTreeMap, fmt::Write as _};

use heck::ToShoutySnakeCase as _;
use quote::quote;
use serde_json::Value;
use syn::Item;

use super::{
    Maker, OperationCode,
    inputs::{Input, Inputs},
    parse,
};
use crate::document::Example as Answered;

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
    let mut errors = BTreeMap::new();
    for code in codes {
        operation(code, &mut errors, &mut text);
    }
    for (constant, answer) in &errors {
        let _ = write!(text, "const {constant}: ExampleAnswer =\n    {answer};\n\n");
    }
    let (mut core, mut own) =
        (vec!["Answer", "Error", "ErrorKind", "Example"], vec!["Client", "operations"]);
    if text.contains("ExampleAnswer::") {
        core.push("ExampleAnswer");
    }
    if codes.iter().any(|code| code.operation.body_schema().is_some()) {
        own.extend(["builder", "types"]);
    }
    let ident = |name: &str| quote::format_ident!("{name}");
    let (core, own) = (core.into_iter().map(ident), own.into_iter().map(ident));
    let mut rest = parse(quote! {
        use guestexec_core::{#(#core),*};
        use super::{#(#own),*};
    })?
    .items;
    rest.extend(send(maker, codes)?);
    rest.extend(schema(codes)?);
    // The declarations come first, and a blank line after them.
    let rest = maker.text(rest);
    let (uses, functions) = rest.split_once("\n\n").unwrap_or_default();
    Ok(format!("{uses}\n\n{text}{functions}"))
}

/// Writes what the examples of an operation have in common: the success, the answers, the errors. The
/// errors themselves go to `errors`, since many operations share one.
fn operation(code: &OperationCode<'_>, errors: &mut BTreeMap<String, String>, text: &mut String) {
    let constant = &code.constant;
    let status = code.operation.successes().first().map_or(200, |(status, _)| *status);
    let (mut good, mut bad) = (String::new(), String::new());
    for answer in code.operation.answers() {
        for (name, example, is_text) in answer.examples() {
            let of = answer.component.unwrap_or(code.operation.id());
            let example = expression(answer.status, name, example, is_text);
            // Writing to a String cannot fail.
            let _ = match answer.is_success() {
                true => write!(good, "\n        {example},"),
                false => {
                    let kind = if is_text { " text" } else { "" };
                    let name = format!("{of} {} {name}{kind}", answer.status);
                    let name = name.to_shouty_snake_case();
                    errors.insert(name.clone(), example);
                    write!(bad, "\n        {name},")
                }
            };
        }
    }
    let list = |items: String| match items.is_empty() {
        true => "&[]".to_owned(),
        false => format!("&[{items}\n    ]"),
    };
    let (good, bad) = (list(good), list(bad));
    let _ = write!(
        text,
        "const {constant}: Example =\n    Example::of(&operations::{constant}, {status}, {good}, {bad});\n\n"
    );
}

/// An example of an answer, as an expression.
fn expression(status: u16, name: &str, example: &Answered, is_text: bool) -> String {
    let summary = example.summary.as_deref().unwrap_or_default().trim();
    match (is_text, example.value.as_str()) {
        (true, Some(text)) => {
            format!("ExampleAnswer::text({status}, {name:?}, {summary:?}, {text:?})")
        }
        _ => {
            let body = json(&example.value);
            format!("ExampleAnswer::json({status}, {name:?}, {summary:?}, {body})")
        }
    }
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
fn send(maker: &Maker<'_>, codes: &[OperationCode<'_>]) -> Result<Vec<Item>, String> {
    let arms = codes.iter().map(|code| {
        let (id, method, builder) = (code.operation.id(), &code.method, &code.builder);
        let inputs = Inputs::of(maker, code);
        let of = |input: &Input| {
            let (ty, wire) = (&input.ty, &input.wire);
            quote!(example.parameter::<#ty>(#wire).map_err(unusable)?)
        };
        let parameters = inputs.arguments.iter().filter(|input| input.is_any_parameter());
        let needed: Vec<_> = parameters
            .map(|input| {
                let (value, wire) = (of(input), &input.wire);
                quote!(#value.ok_or_else(|| unusable(format!("`{}` is missing", #wire)))?)
            })
            .collect();
        let begin = match code.operation.body_schema() {
            Some(name) => {
                let name = quote::format_ident!("{name}");
                let body = quote!(example.body::<types::#name>().map_err(unusable)?);
                match inputs.body.is_some() {
                    true => quote!(builder::#builder::with_body(client, #(#needed,)* #body)),
                    false => quote!(client.#method(#(#needed,)* #body)),
                }
            }
            None => quote!(client.#method(#(#needed),*)),
        };
        let setters: Vec<_> = inputs
            .setters
            .iter()
            .filter(|input| input.is_any_parameter())
            .map(|input| {
                let (setter, value) = (&input.ident, of(input));
                quote! {
                    if let Some(value) = #value {
                        call = call.#setter(value);
                    }
                }
            })
            .collect();
        match setters.is_empty() {
            true => quote!(#id => #begin.send().await.map(shown),),
            false => quote! {
                #id => {
                    let mut call = #begin;
                    #(#setters)*
                    call.send().await.map(shown)
                }
            },
        }
    });
    let function = quote! {
        /// Sends an example through the generated client. The answer is of its operation's own type, which
        /// `Debug` shows.
        ///
        /// # Errors
        /// As the operation's own `send`; `InvalidRequest`, if the example is not one of this document.
        pub async fn send(
            client: &Client,
            example: &Example,
        ) -> Result<Box<dyn ::std::fmt::Debug + Send>, crate::Error> {
            let unusable = |reason| Error::new(ErrorKind::InvalidRequest, reason);
            match example.operation {
                #(#arms)*
                other => Err(unusable(format!("there is no operation `{other}`"))),
            }
        }

        fn shown<T: ::std::fmt::Debug + Send + 'static>(
            answer: Answer<T>,
        ) -> Box<dyn ::std::fmt::Debug + Send> {
            Box::new(answer.into_inner())
        }
    };
    Ok(parse(function)?.items)
}

/// The function that gives the schema of an operation's body.
fn schema(codes: &[OperationCode<'_>]) -> Result<Vec<Item>, String> {
    let arms = codes.iter().filter_map(|code| {
        let (id, name) = (code.operation.id(), code.operation.body_schema()?);
        let name = quote::format_ident!("{name}");
        Some(quote!(#id => ::schemars::schema_for!(types::#name),))
    });
    let arms: Vec<_> = arms.collect();
    let (argument, found) = match arms.is_empty() {
        true => (quote!(_), quote!(None)),
        false => {
            let found = quote! {
                Some(match operation {
                    #(#arms)*
                    _ => return None,
                })
            };
            (quote!(operation), found)
        }
    };
    let function = quote! {
        /// The JSON Schema of an operation's body, which those of its examples fit; `None` for an operation
        /// that has no body or is not one of this document.
        #[cfg(feature = "schemars")]
        pub fn schema(#argument: &str) -> Option<::schemars::Schema> { #found }
    };
    Ok(parse(function)?.items)
}
