//! The methods that macros of `guestexec-core` write.
//!
//! The listing of public items and the count of documentation read sources, in which a macro's methods do not stand.

use quote::quote;
use syn::{
    Attribute, Ident, ItemImpl, Macro, Path, Token, Type, braced, parenthesized,
    parse::{Parse, ParseStream, Parser as _},
    parse_quote,
    punctuated::Punctuated,
};

/// The implementations that a call of `setters!` or `sending!` makes, with methods whose bodies are empty;
/// nothing for another macro.
pub fn methods(call: &Macro) -> syn::Result<Vec<ItemImpl>> {
    let name = call.path.segments.last().map(|segment| segment.ident.to_string());
    match name.as_deref() {
        Some("setters") => Ok(call.parse_body::<Setters>()?.implementations()),
        Some("sending") => Ok(vec![sending.parse2(call.tokens.clone())?]),
        _ => Ok(Vec::new()),
    }
}

/// The arguments of `setters!`.
struct Setters {
    types: Vec<Path>,
    setters: Vec<Setter>,
}

/// One setter.
struct Setter {
    attributes: Vec<Attribute>,
    name: Ident,
    argument: Type,
}

impl Parse for Setters {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut types = vec![input.parse()?];
        while input.parse::<Option<Token![,]>>()?.is_some() {
            types.push(input.parse()?);
            // `at body.params`
            input.parse::<Ident>()?;
            Punctuated::<Ident, Token![.]>::parse_separated_nonempty(input)?;
        }
        let inner;
        braced!(inner in input);
        let mut setters = Vec::new();
        while !inner.is_empty() {
            setters.push(inner.parse()?);
        }
        Ok(Self { types, setters })
    }
}

impl Parse for Setter {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let (attributes, name) = (input.call(Attribute::parse_outer)?, input.parse()?);
        let inner;
        parenthesized!(inner in input);
        let argument = inner.parse()?;
        if input.parse::<Option<Ident>>()?.is_some() {
            // `sets body.header`
            Punctuated::<Ident, Token![.]>::parse_separated_nonempty(input)?;
        }
        input.parse::<Token![;]>()?;
        Ok(Self { attributes, name, argument })
    }
}

impl Setters {
    fn implementations(&self) -> Vec<ItemImpl> {
        let setters = self.setters.iter().map(|Setter { attributes, name, argument }| {
            quote!(#(#attributes)* pub fn #name(mut self, value: #argument) -> Self {})
        });
        let setters: Vec<_> = setters.collect();
        self.types.iter().map(|ty| parse_quote!(impl #ty { #(#setters)* })).collect()
    }
}

/// What `sending!` makes of its arguments.
fn sending(input: ParseStream<'_>) -> syn::Result<ItemImpl> {
    let builder: Ident = input.parse()?;
    // `sends RUN_COMMAND starting a command, [200] =>`
    while input.parse::<Option<Ident>>()?.is_some() {}
    input.parse::<Token![,]>()?;
    input.parse::<syn::ExprArray>()?;
    input.parse::<Token![=>]>()?;
    let content: Type = input.parse()?;
    input.parse::<Token![,]>()?;
    let read: Ident = input.parse()?;
    // An envelope's type and member.
    input.parse::<proc_macro2::TokenStream>()?;
    let raw = (read != "upgrade").then(|| {
        quote!(
            pub async fn send_raw(self) -> Result<Answer<Bytes>, Error> {}
        )
    });
    let streamed = (read == "text").then(|| {
        quote!(
            pub async fn send_streamed(self) -> Result<Answer<Streamed>, Error> {}
        )
    });
    Ok(parse_quote! {
        impl #builder<'_> {
            pub fn call_timeout(mut self, timeout: Duration) -> Self {}
            pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {}
            pub fn retries(mut self, retries: u32) -> Self {}
            pub async fn send(self) -> Result<Answer<#content>, Error> {}
            #raw
            #streamed
        }
    })
}
