//! Makes `examples.rs`: a document's named examples as data, and one function that sends them.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;
use syn::Type;

use crate::{checks::argument, tidy::OperationCode};

/// The file's items.
pub fn items(operations: &[OperationCode<'_>]) -> TokenStream {
    let all: Vec<TokenStream> = operations.iter().flat_map(entries).collect();
    let arms = operations.iter().map(arm);
    quote! {
        use ::guestexec_core::{Error, ErrorKind, Example};
        #[allow(unused_imports)]
        use super::{Client, types};

        /// Every named example, in the document's order.
        pub const ALL: &[Example] = &[#(#all),*];

        /// Sends an example through the generated client.
        ///
        /// # Errors
        /// What the operation's own `send` reports; or `InvalidRequest`, if the example is none of
        /// this document.
        pub async fn send(client: &Client, example: &Example) -> Result<(), crate::Error> {
            let unusable = |reason| Error::new(ErrorKind::InvalidRequest, reason);
            match example.operation {
                #(#arms)*
                other => Err(unusable(format!("there is no operation `{other}`"))),
            }
        }
    }
}

fn entries(code: &OperationCode<'_>) -> Vec<TokenStream> {
    let operation = &code.operation;
    let id = operation.id();
    let status = operation.successes().first().map_or(200, |(status, _)| *status);
    let answers: Vec<TokenStream> = operation
        .answers()
        .into_iter()
        .map(|(_, name, value)| {
            let text = pretty(value);
            quote!((#name, #text))
        })
        .collect();
    operation
        .examples()
        .into_iter()
        .map(|example| {
            let (name, summary) = (example.name, example.summary.trim());
            let parameters = pretty(&example.parameters);
            let body = match example.body {
                Some(body) => {
                    let text = pretty(body);
                    quote!(Some(#text))
                }
                None => quote!(None),
            };
            quote! {
                Example {
                    operation: #id,
                    name: #name,
                    summary: #summary,
                    parameters: #parameters,
                    body: #body,
                    status: #status,
                    answers: &[#(#answers),*],
                }
            }
        })
        .collect()
}

fn pretty(value: &Value) -> String {
    value.to_string()
}

fn arm(code: &OperationCode<'_>) -> TokenStream {
    let id = code.operation.id();
    let method = &code.method;
    let setters = code.operation.parameters().into_iter().filter_map(|parameter| {
        let wire = parameter["name"].as_str()?;
        let field = code.fields.iter().find(|field| field.wire == wire)?;
        let setter = &field.ident;
        let ty: &Type = argument(&field.ty, "Option").unwrap_or(&field.ty);
        Some(quote! {
            if let Some(value) = example.parameter::<#ty>(#wire).map_err(unusable)? {
                call = call.#setter(value);
            }
        })
    });
    let setters: Vec<TokenStream> = setters.collect();
    let body = code.operation.body_schema().map(|name| {
        let name = format_ident!("{name}");
        quote!(call = call.body(example.body::<types::#name>().map_err(unusable)?);)
    });
    let binding =
        if setters.is_empty() && body.is_none() { quote!(call) } else { quote!(mut call) };
    quote! {
        #id => {
            let #binding = client.#method();
            #(#setters)*
            #body
            call.send().await.map(drop)
        }
    }
}
