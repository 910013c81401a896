//! Makes `client.rs`: the client, and a method for each operation.

use quote::{ToTokens as _, quote};
use syn::{ImplItem, Item, parse_quote};

use super::{
    Maker, OperationCode, doc,
    inputs::{Input, Inputs},
    sample,
};
use crate::document::Schema;

/// The client's items.
///
/// # Errors
/// A sentence, if the generator made what is not Rust.
pub(super) fn items(maker: &Maker<'_>, codes: &[OperationCode<'_>]) -> Result<Vec<Item>, String> {
    let methods =
        codes.iter().map(|code| method(maker, code)).collect::<Result<Vec<_>, String>>()?;
    let about = doc(&about(maker));
    let uses_types =
        methods.iter().any(|method| method.to_token_stream().to_string().contains("types ::"));
    let types = uses_types.then(|| quote!(, types));
    let version = maker.spec.document.info.version.trim();
    let with_options = doc(&with_options(maker));
    Ok(vec![
        parse_quote!(
            use guestexec_core::{CallOptions, Operation};
        ),
        parse_quote!(
            use super::{builder #types};
        ),
        parse_quote!(
            use crate::hooks;
        ),
        parse_quote! {
            #about
            #[derive(Clone, Debug)]
            pub struct Client {
                pub(crate) baseurl: String,
                pub(crate) client: ::reqwest::Client,
                pub(crate) inner: hooks::Inner,
            }
        },
        parse_quote! {
            impl Client {
                /// The version of the interface that the document describes.
                pub const API_VERSION: &'static str = #version;

                /// This client for one call of `operation` with the state `call` and the options of both.
                pub(crate) fn with_call(
                    &self,
                    operation: &'static Operation,
                    call: hooks::Call,
                    options: &CallOptions,
                ) -> Self {
                    Self { inner: self.inner.with_call(operation, call, options), ..self.clone() }
                }

                #with_options
                #[must_use]
                pub fn with_options(&self, options: CallOptions) -> Self {
                    Self { inner: self.inner.with_options(options), ..self.clone() }
                }
            }
        },
        Item::Impl(parse_quote! {
            /// The operations: each method begins a call, which `send` makes.
            impl Client { #(#methods)* }
        }),
    ])
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

fn method(maker: &Maker<'_>, code: &OperationCode<'_>) -> Result<ImplItem, String> {
    let inputs = Inputs::of(maker, code);
    let text = doc(&description(maker, code, &inputs)?);
    let (method, builder) = (&code.method, &code.builder);
    let deprecated = code.operation.operation.deprecated.then(super::deprecated);
    let many = inputs.too_many();
    let arguments = inputs.arguments.iter().map(Input::argument);
    let names = inputs.arguments.iter().map(|input| &input.ident);
    syn::parse2(quote! {
        #text
        #deprecated
        #many
        pub fn #method(&self, #(#arguments),*) -> builder::#builder<'_> {
            builder::#builder::new(self, #(#names),*)
        }
    })
    .map_err(|e| e.to_string())
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
