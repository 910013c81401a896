//! Makes `client.rs`: the client, and a method for each operation.

use quote::quote;
use syn::{ImplItem, Item, ItemImpl, parse_quote};

use super::{Maker, OperationCode, doc, last_segment, sample};
use crate::document::Schema;

/// The client's items.
///
/// # Errors
/// A sentence, if progenitor's client does not have the form known.
pub(super) fn items(
    maker: &Maker<'_>,
    mut items: Vec<Item>,
    codes: &[OperationCode<'_>],
) -> Result<Vec<Item>, String> {
    // Progenitor proves with this that there are hooks, which every call does as well.
    items.retain(|item| !matches!(item, Item::Use(_) | Item::Const(_)));
    items.retain(|item| !is_methods(item));
    for item in &mut items {
        match item {
            Item::Struct(item) if item.ident == "Client" => {
                item.attrs.retain(|attribute| !attribute.path().is_ident("doc"));
                item.attrs.insert(0, doc(&about(maker)));
            }
            Item::Impl(item) if item.trait_.is_none() => {
                item.items.retain(is_constructor);
                for member in &mut item.items {
                    let ImplItem::Fn(function) = member else { continue };
                    function.vis = parse_quote!(pub(crate));
                    function.attrs =
                        vec![doc("A client that reaches `baseurl` by what `inner` says.")];
                }
                item.items.push(parse_quote! {
                    /// This client for one call of `operation` with the state `call`.
                    pub(crate) fn with_call(
                        &self,
                        operation: &'static Operation,
                        call: hooks::Call,
                    ) -> Self {
                        Self { inner: self.inner.with_call(operation, call), ..self.clone() }
                    }
                });
            }
            _ => {}
        }
    }
    let methods =
        codes.iter().map(|code| method(maker, code)).collect::<Result<Vec<_>, String>>()?;
    let mut file: Vec<Item> = vec![
        parse_quote!(
            use guestexec_core::Operation;
        ),
        parse_quote!(
            use progenitor_client::ClientInfo;
        ),
        parse_quote!(
            use super::builder;
        ),
    ];
    file.extend(items);
    file.push(Item::Impl(parse_quote! {
        /// The operations: each method begins a call, which `send` makes.
        impl Client { #(#methods)* }
    }));
    Ok(file)
}

fn is_constructor(member: &ImplItem) -> bool {
    matches!(member, ImplItem::Fn(function) if function.sig.ident == "new_with_client")
}

/// Progenitor's own methods of the operations, and its empty implementation of the hooks.
fn is_methods(item: &Item) -> bool {
    let Item::Impl(ItemImpl { trait_: None, items, self_ty, .. }) = item else { return false };
    let of_client = last_segment(self_ty).is_some_and(|name| name == "Client");
    of_client && !items.iter().any(is_constructor)
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
    let text = doc(&description(maker, code)?);
    let (method, builder) = (&code.method, &code.builder);
    let deprecated = code.operation.operation.deprecated.then(super::deprecated);
    syn::parse2(quote! {
        #text
        #deprecated
        pub fn #method(&self) -> builder::#builder<'_> {
            builder::#builder::new(self)
        }
    })
    .map_err(|e| e.to_string())
}

/// What an operation does, its limits, what its refusals mean, an example and the vendor's page.
fn description(maker: &Maker<'_>, code: &OperationCode<'_>) -> Result<String, String> {
    let operation = &code.operation;
    let mut parts = vec![format!("{}.", operation.summary())];
    parts.extend(operation.operation.description.as_ref().map(|text| text.trim().to_owned()));
    if operation.operation.deprecated {
        parts.push("The vendor advises against it.".to_owned());
    }
    if let Some(calls) = operation.rate() {
        parts.push(format!("The service takes {calls} of these calls in a second."));
    }
    parts.extend(refusals(maker, code));
    if let Some(example) = sample::of(maker, code)? {
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
