//! Items as text: a signature on one line.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Attribute, File, Generics, Item, ItemFn, ItemType, Meta, Path, Signature, Token, Type,
    parse_quote, punctuated::Punctuated,
};

/// A function without its body.
pub(super) fn function(signature: &Signature) -> String {
    let mut signature = signature.clone();
    for input in &mut signature.inputs {
        match input {
            syn::FnArg::Typed(argument) => {
                argument.attrs.clear();
                // The pattern of a parameter, and its `mut`, concern the body alone.
                if let syn::Pat::Ident(pattern) = &mut *argument.pat {
                    (pattern.by_ref, pattern.mutability) = (None, None);
                }
            }
            // `mut self` is `self` for callers; `&mut self` has its mark elsewhere.
            syn::FnArg::Receiver(receiver) => receiver.mutability = None,
        }
    }
    // Put into an item that is there, since parsing the signature again takes its time.
    let mut function: ItemFn = parse_quote!(
        fn name() {}
    );
    function.sig = signature;
    printed(Item::Fn(function)).trim_end_matches("{}").trim_end().trim_end_matches(',').to_owned()
}

/// A type on one line.
pub(super) fn ty(ty: &Type) -> String {
    let mut alias: ItemType = parse_quote!(
        type X = ();
    );
    *alias.ty = ty.clone();
    printed(Item::Type(alias)).trim_start_matches("type X = ").trim_end_matches(';').to_owned()
}

/// A trait without the modules it is in, as a derive names it.
pub(super) fn trait_of(path: &Path) -> String {
    path.segments.last().map(|last| ty(&parse_quote!(#last))).unwrap_or_default()
}

/// Generic parameters with their bounds, `<'a, T: Copy>`.
pub(super) fn generics(generics: &Generics) -> String {
    if generics.params.is_empty() {
        return String::new();
    }
    let text = item(quote!(type X #generics = ();));
    let text = text.trim_start_matches("type X").trim_end_matches("= ();").trim();
    text.to_owned()
}

/// The item of these tokens as one line; the tokens themselves where they are no item.
fn item(tokens: TokenStream) -> String {
    syn::parse2(tokens.clone()).map_or_else(|_| on_one_line(&tokens.to_string()), printed)
}

fn printed(item: Item) -> String {
    let items = vec![item];
    let file = File { shebang: None, frontmatter: None, attrs: Vec::new(), items };
    on_one_line(&prettyplease::unparse(&file))
}

fn on_one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // Text that stood on lines of its own.
    line.replace("( ", "(").replace(", )", ")").replace("< ", "<").replace(", >", ">")
}

/// The traits that attributes derive, each with the features it needs.
pub(super) fn derived(attributes: &[Attribute]) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for attribute in attributes {
        if attribute.path().is_ident("derive") {
            found.extend(traits(attribute).into_iter().map(|name| (name, Vec::new())));
        }
        if attribute.path().is_ident("cfg_attr") {
            let parsed = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            let parts: Vec<Meta> = parsed.into_iter().flatten().collect();
            let Some((condition, others)) = parts.split_first() else { continue };
            for other in others.iter().filter(|other| other.path().is_ident("derive")) {
                let Meta::List(list) = other else { continue };
                let parsed = list.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated);
                let names = parsed.into_iter().flatten().filter_map(|path| last(&path));
                found.extend(names.map(|name| (name, vec![condition_text(condition)])));
            }
        }
    }
    found
}

fn traits(attribute: &Attribute) -> Vec<String> {
    let parsed = attribute.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated);
    parsed.into_iter().flatten().filter_map(|path| last(&path)).collect()
}

/// The last name of a path.
pub(super) fn last(path: &Path) -> Option<String> {
    path.segments.last().map(|segment| segment.ident.to_string())
}

/// The conditions of `#[cfg(…)]`, as text.
pub(super) fn conditions(attributes: &[Attribute]) -> Vec<String> {
    let conditions = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    conditions
        .filter_map(|attribute| Some(condition_text(&attribute.parse_args::<Meta>().ok()?)))
        .collect()
}

fn condition_text(condition: &Meta) -> String {
    condition.to_token_stream().to_string().replace(" = ", "=").replace(" (", "(")
}

/// True for what no user sees: hidden, or of tests.
pub(super) fn is_hidden(attributes: &[Attribute]) -> bool {
    let of_tests = conditions(attributes).iter().any(|condition| condition == "test");
    let hidden = attributes.iter().any(|attribute| {
        attribute.path().is_ident("doc")
            && attribute.parse_args::<Path>().is_ok_and(|path| path.is_ident("hidden"))
    });
    of_tests || hidden
}

/// Marks of an item that its users see: `#[non_exhaustive]`, `#[must_use]`.
pub(super) fn marks(attributes: &[Attribute]) -> String {
    const SEEN: [&str; 2] = ["must_use", "non_exhaustive"];
    let seen = SEEN.iter().filter(|mark| attributes.iter().any(|it| it.path().is_ident(mark)));
    seen.map(|mark| format!("#[{mark}] ")).collect()
}
