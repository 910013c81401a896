//! Makes `enums.rs`: each enumeration of a document as an open Rust enum.

use heck::ToPascalCase as _;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::{
    spec::{Spec, enum_values},
    tidy::doc_lines,
};

/// The file's items, or nothing if the document has no enumeration.
pub fn items(spec: &Spec) -> Option<TokenStream> {
    let enums: Vec<TokenStream> = spec
        .schemas()
        .filter_map(|(name, schema)| {
            let docs = doc_lines(schema["description"].as_str().unwrap_or(name));
            let name = format_ident!("{name}");
            let variants = enum_values(schema)?.into_iter().map(|value| {
                let described = schema["x-enum-descriptions"][value].as_str();
                let docs = doc_lines(&described.map_or_else(|| format!("`{value}`."), str::to_owned));
                let variant = variant(value);
                quote!(#(#[doc = #docs])* #variant = #value)
            });
            Some(quote! {
                ::guestexec_core::open_enum! {
                    #(#[doc = #docs])*
                    pub enum #name { #(#variants,)* }
                }
            })
        })
        .collect();
    (!enums.is_empty()).then(|| quote!(#(#enums)*))
}

/// The variant of a value: its words in PascalCase, `Value` before a leading digit.
fn variant(value: &str) -> syn::Ident {
    let name = value.to_pascal_case();
    match name.chars().next() {
        Some(first) if first.is_ascii_alphabetic() => format_ident!("{name}"),
        _ => format_ident!("Value{name}"),
    }
}
