//! Makes the pages of an operation whose answer is one page of a list.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, Item, Type, parse_quote};

use super::{
    Field, Maker, OperationCode, argument,
    inputs::{Inputs, in_types},
    last_segment,
    members::EXTRA,
    writer::Writer,
};

/// The methods that begin the streams.
pub(super) fn methods(to: &mut Writer<'_>) {
    let methods = [
        (
            "pages",
            "Pages",
            "The pages of the list, from this one on, each asked for when the one before was taken.",
        ),
        (
            "items",
            "PageItems",
            "The items of the list, from this page on, each page asked for when it is needed.",
        ),
    ];
    for (method, ty, about) in methods {
        let ty = to.core(ty);
        to.gap();
        to.doc(4, about);
        to.line(4, "#[inline]");
        to.line(4, &format!("pub fn {method}(self) -> {ty}<'a, Self> {{"));
        to.line(8, &format!("{ty}::new(self)"));
        to.line(4, "}");
    }
}

/// How the pages follow each other; nothing for an operation without pages.
pub(super) fn of(
    maker: &Maker<'_>,
    code: &OperationCode<'_>,
    content: &Type,
    inputs: &Inputs,
) -> Option<Item> {
    let paging = code.operation.operation.pages.as_ref()?;
    let (builder, constant) = (&code.builder, &code.constant);
    let page = last_segment(content)?.to_string();
    let items = field(maker, &page, &paging.items)?;
    let item = in_types(maker, argument(&items.ty, "Vec")?);
    let (list, wire) = (&items.ident, &paging.items);
    let extra = Ident::new(EXTRA, list.span());
    let count = quote!(page.#list.len() + page.#extra.odd_elements(#wire).len());
    let input = |wire: &Option<String>| {
        let wire = wire.as_ref()?;
        inputs.setters.iter().find(|input| input.wire == *wire)
    };
    let (part, beginning, begin): (TokenStream, TokenStream, TokenStream) =
        match (input(&paging.offset), input(&paging.token)) {
            (Some(offset), _) => {
                let (place, setter) = (offset.place(), &offset.ident);
                let begin = whole(&quote!(#place), &offset.ty);
                let total = paging.total.as_ref().and_then(|wire| field(maker, &page, wire));
                let total = total.map_or_else(
                    || quote!(None),
                    |field| {
                        let ident = &field.ident;
                        whole(&quote!(page.#ident), super::bare(&field.ty))
                    },
                );
                let given = match is_u64(&offset.ty) {
                    true => quote!(offset),
                    false => {
                        let ty = &offset.ty;
                        quote!(offset.try_into().unwrap_or(#ty::MAX))
                    }
                };
                (
                    quote!(::guestexec_core::Part::by_offset(#begin, #count, #total)),
                    quote!(::guestexec_core::Place::Offset(offset) => self.#setter(#given)),
                    quote!(#begin.map(::guestexec_core::Place::Offset)),
                )
            }
            (None, Some(token)) => {
                let (place, setter) = (token.place(), &token.ident);
                let Next { steps, mark, is_odd } = Next::of(maker, &page, paging.next.as_deref()?)?;
                (
                    quote! {
                        #(#steps)*
                        let is_odd = #is_odd
                            || page.#extra.get(#wire).is_some_and(|items| !items.is_array());
                        ::guestexec_core::Part::by_token(#mark, #count, !is_odd)
                    },
                    quote!(::guestexec_core::Place::Token(token) => self.#setter(token)),
                    quote!(#place.clone().map(::guestexec_core::Place::Token)),
                )
            }
            (None, None) => return None,
        };
    Some(parse_quote! {
        impl ::guestexec_core::Paged for #builder<'_> {
            type Page = #content;
            type Item = #item;
            type Detail = ::guestexec_core::DetailOf<Error>;

            const OPERATION: &'static str = operations::#constant.id;

            async fn fetch(self) -> Result<::guestexec_core::Answer<Self::Page>, Error> {
                self.send().await
            }

            #[inline]
            fn part(&self, page: &Self::Page) -> ::guestexec_core::Part {
                #part
            }

            #[inline]
            fn beginning(self, at: ::guestexec_core::Place) -> Self {
                match at {
                    #beginning,
                    _ => self,
                }
            }

            #[inline]
            fn begin(&self) -> Option<::guestexec_core::Place> {
                #begin
            }

            #[inline]
            fn into_items(page: Self::Page) -> Vec<Self::Item> {
                page.#list
            }
        }
    })
}

fn field<'a>(maker: &'a Maker<'_>, ty: &str, wire: &str) -> Option<&'a Field> {
    maker.model.fields(ty).iter().find(|field| field.wire == wire)
}

fn is_u64(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|name| name == "u64")
}

/// An optional integer as an `Option<u64>`.
fn whole(value: &TokenStream, ty: &Type) -> TokenStream {
    match is_u64(ty) {
        true => quote!(#value),
        false => quote!(#value.and_then(|number| u64::try_from(number).ok())),
    }
}

/// The mark of the next page, whose `path` begins at the type `ty`.
struct Next {
    /// What leads to it.
    steps: Vec<TokenStream>,
    /// It, as an `Option<&str>`.
    mark: TokenStream,
    /// Whether something on the way has a form that cannot be read.
    is_odd: TokenStream,
}

impl Next {
    fn of(maker: &Maker<'_>, ty: &str, path: &str) -> Option<Self> {
        let (mut ty, mut at) = (ty.to_owned(), quote!(page));
        let (mut steps, mut odd) = (Vec::new(), Vec::new());
        let mut is_first = true;
        let (way, last) =
            path.rsplit_once('.').map_or((None, path), |(way, last)| (Some(way), last));
        for wire in way.into_iter().flat_map(|way| way.split('.')).chain([last]) {
            let field = field(maker, &ty, wire)?;
            let (ident, extra) = (&field.ident, Ident::new(EXTRA, field.ident.span()));
            let inner = super::bare(&field.ty);
            let value = match last_segment(inner)? == "String" {
                true => quote!(#ident.as_deref()),
                false => quote!(#ident.as_ref()),
            };
            let (value, is_odd) = match is_first {
                true => (quote!(#at.#value), quote!(#at.#extra.contains_key(#wire))),
                false => (
                    quote!(#at.and_then(|it| it.#value)),
                    quote!(#at.is_some_and(|it| it.#extra.contains_key(#wire))),
                ),
            };
            steps.push(quote!(let #ident = #value;));
            odd.push(is_odd);
            (ty, at, is_first) = (last_segment(inner)?.to_string(), quote!(#ident), false);
        }
        Some(Self { steps, mark: at, is_odd: quote!(#(#odd)||*) })
    }
}
