//! The types of requests and answers.

use std::collections::BTreeSet;

use heck::ToSnakeCase as _;
use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;
use syn::{
    Attribute, Expr, ExprLit, Field, Fields, FnArg, Ident, ImplItem, Item, ItemImpl, ItemStruct,
    Lit, Meta, Token, Type, parse_quote,
    punctuated::Punctuated,
    visit_mut::{self, VisitMut},
};

use super::{Model, answers::EXTRA, is_doc, wire_name};
use crate::{
    checks::{argument, last_segment},
    spec::Spec,
};

/// Limits that a JSON Schema says in the document's own words.
const SCHEMA_LIMITS: [&str; 8] =
    ["enum", "maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum", "pattern"];

/// Documents, opens and prunes the types and their builders.
pub(super) fn tidy(
    spec: &Spec,
    types: &mut Vec<Item>,
    builders: &mut Vec<Item>,
    model: &Model,
    used_in_requests: &BTreeSet<String>,
) {
    let in_requests = |name: &str| used_in_requests.contains(name);
    let answers = spec.lenient_schemas();
    types.retain(|item| match item {
        // Only what a caller sends needs a builder; what a service answers is read.
        Item::Impl(item) if has_method(item, "builder") => {
            self_name(item).is_some_and(|n| in_requests(&n))
        }
        _ => true,
    });
    builders.retain(|item| match item {
        Item::Struct(item) => in_requests(&item.ident.to_string()),
        Item::Impl(item) => self_name(item).is_some_and(|name| in_requests(&name)),
        _ => true,
    });
    let mut debugs = Vec::new();
    for item in types.iter_mut() {
        match item {
            Item::Struct(item) => {
                let name = item.ident.to_string();
                let schema = spec.schema(&name);
                debugs.extend(schema.and_then(|schema| redacting_debug(item, schema)));
                if answers.contains(&name) {
                    read_leniently(item);
                }
                open_struct(item, schema.filter(|_| in_requests(&name)));
            }
            Item::Impl(item) => {
                document(item, |_| "A builder of this type, with nothing given yet.".to_owned())
            }
            _ => {}
        }
    }
    let makers: Vec<Item> = types
        .iter()
        .filter_map(|item| match item {
            Item::Struct(item) if in_requests(&item.ident.to_string()) => maker(item),
            _ => None,
        })
        .collect();
    types.extend(makers);
    types.extend(debugs);
    let mut debugs = Vec::new();
    for item in builders.iter_mut() {
        match item {
            Item::Struct(item) => {
                let schema = spec.schema(&item.ident.to_string());
                debugs.extend(schema.and_then(|schema| redacting_debug(item, schema)));
                let text = format!(" Builder of [`{0}`](super::{0}).", item.ident);
                item.attrs.insert(0, parse_quote!(#[doc = #text]));
            }
            Item::Impl(item) => {
                let name = self_name(item).unwrap_or_default();
                let wire = |field: &str| {
                    let known = model.fields(&name).iter().find(|f| f.ident == field);
                    known.map_or_else(|| field.to_owned(), |f| f.wire.clone())
                };
                document(item, |setter| format!("Sets `{}`.", wire(setter)));
                NameMissing(&wire).visit_item_impl_mut(item);
            }
            _ => {}
        }
    }
    builders.extend(debugs);
}

/// In place of a derived `Debug`, one that does not tell what the document calls sensitive; nothing
/// where there is no such member.
fn redacting_debug(item: &mut ItemStruct, schema: &Value) -> Option<Item> {
    let Fields::Named(fields) = &item.fields else { return None };
    let is_sensitive = |field: &Field, ident: &Ident| {
        let members = schema["properties"].as_object();
        // A builder's fields have no name on the wire.
        let named = |wire: &str| wire_name(field, ident) == wire || *ident == wire.to_snake_case();
        members.is_some_and(|all| all.iter().any(|(n, m)| named(n) && m["x-sensitive"] == true))
    };
    let mut any = false;
    let mut shown = Vec::new();
    for field in &fields.named {
        let ident = field.ident.as_ref()?;
        let text = ident.to_string();
        let sensitive = is_sensitive(field, ident);
        any |= sensitive;
        let value: Expr = match (sensitive, argument(&field.ty, "Option")) {
            (false, _) => parse_quote!(&self.#ident),
            (true, Some(_)) => {
                parse_quote!(&self.#ident.as_ref().map(|_| ::guestexec_core::Redacted))
            }
            (true, None) => parse_quote!(&::guestexec_core::Redacted),
        };
        shown.push(quote!(.field(#text, #value)));
    }
    if !any {
        return None;
    }
    for attribute in item.attrs.iter_mut().filter(|attribute| attribute.path().is_ident("derive")) {
        let derived = derives(attribute).filter(|path| !path.is_ident("Debug"));
        *attribute = parse_quote!(#[derive(#(#derived),*)]);
    }
    let ident = &item.ident;
    let name = ident.to_string();
    Some(parse_quote! {
        impl ::std::fmt::Debug for #ident {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct(#name) #(#shown)* .finish()
            }
        }
    })
}

/// What an attribute derives.
fn derives(attribute: &Attribute) -> impl Iterator<Item = syn::Path> + use<> {
    let paths = attribute.parse_args_with(Punctuated::<syn::Path, Token![,]>::parse_terminated);
    let is_derive = attribute.path().is_ident("derive");
    paths.into_iter().flatten().filter(move |_| is_derive)
}

/// Leaves reading and writing to `answers.rs`, and names what is kept.
fn read_leniently(item: &mut ItemStruct) {
    let told = item.attrs.iter().any(|attribute| derives(attribute).any(|it| it.is_ident("Debug")));
    item.attrs.retain(|attribute| !attribute.path().is_ident("derive"));
    item.attrs.push(match told {
        true => parse_quote!(#[derive(Clone, Debug, Default)]),
        false => parse_quote!(#[derive(Clone, Default)]),
    });
    for field in &mut item.fields {
        field.attrs.retain(|attribute| !attribute.path().is_ident("serde"));
        if field.ident.as_ref().is_some_and(|ident| ident == EXTRA) {
            field.attrs = vec![parse_quote!(#[doc = " What it says beyond this, as it came."])];
            field.ty = parse_quote!(::guestexec_core::Extra);
        }
    }
}

/// The type an impl is for; for conversions to or from a builder, the type built.
fn self_name(item: &ItemImpl) -> Option<String> {
    last_segment(&item.self_ty).map(ToString::to_string)
}

fn has_method(item: &ItemImpl, name: &str) -> bool {
    item.items.iter().any(|member| matches!(member, ImplItem::Fn(f) if f.sig.ident == name))
}

/// Documents the undocumented public methods of an impl.
pub(super) fn document(item: &mut ItemImpl, text: impl Fn(&str) -> String) {
    for member in &mut item.items {
        if let ImplItem::Fn(function) = member
            && matches!(function.vis, syn::Visibility::Public(_))
            && !function.attrs.iter().any(is_doc)
        {
            let text = format!(" {}", text(&function.sig.ident.to_string()));
            function.attrs.insert(0, parse_quote!(#[doc = #text]));
        }
    }
}

/// Lets a vendor add members, takes null for an empty list; gives a request type, whose `schema` is
/// passed, a JSON Schema with the document's limits.
fn open_struct(item: &mut ItemStruct, schema: Option<&Value>) {
    if let Fields::Named(fields) = &mut item.fields {
        for field in &mut fields.named {
            if !field.attrs.iter().any(is_doc) {
                let text = format!(
                    " `{}`, which the source describes no further.",
                    field.ident.as_ref().map_or_else(String::new, ToString::to_string)
                );
                field.attrs.insert(0, parse_quote!(#[doc = #text]));
            }
            if is_list(&field.ty) && field.attrs.iter().any(has_default) {
                field.attrs.push(parse_quote!(
                    #[serde(deserialize_with = "::guestexec_core::null_as_default")]
                ));
            }
            let wire = field.ident.as_ref().map(|ident| wire_name(field, ident));
            let property = schema.zip(wire).map(|(schema, wire)| &schema["properties"][wire]);
            field.attrs.extend(property.and_then(schema_limits));
        }
    }
    item.attrs.push(parse_quote!(#[non_exhaustive]));
    if schema.is_some() {
        item.attrs.push(parse_quote!(
            #[cfg_attr(feature = "schemars", derive(::schemars::JsonSchema))]
        ));
    }
}

/// `new` with what a request type must have, so that a later member breaks no code that uses it;
/// types that need nothing have a `Default` for that.
fn maker(item: &ItemStruct) -> Option<Item> {
    let Fields::Named(fields) = &item.fields else { return None };
    let may_be_left_out = |field: &Field| field.attrs.iter().any(is_optional);
    let needed: Vec<(&Ident, &Type)> = fields
        .named
        .iter()
        .filter(|field| !may_be_left_out(field))
        .filter_map(|field| Some((field.ident.as_ref()?, &field.ty)))
        .collect();
    if needed.is_empty() {
        return None;
    }
    let others =
        fields.named.iter().filter(|field| may_be_left_out(field)).map(|field| &field.ident);
    let (names, tys): (Vec<&Ident>, Vec<&Type>) = needed.into_iter().unzip();
    let name = &item.ident;
    Some(parse_quote! {
        impl #name {
            /// What it must have, and nothing else.
            pub fn new(#(#names: #tys),*) -> Self {
                Self { #(#names,)* #(#others: ::std::default::Default::default(),)* }
            }
        }
    })
}

/// True for the attributes of members that may be absent, and for a map of unknown ones.
fn is_optional(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else { return false };
    list.path.is_ident("serde")
        && list.tokens.clone().into_iter().any(|token| {
            matches!(token.to_string().as_str(), "default" | "skip_serializing_if" | "flatten")
        })
}

/// The attribute that puts a member's limits into its JSON Schema.
fn schema_limits(property: &Value) -> Option<Attribute> {
    let limits: Vec<TokenStream> = SCHEMA_LIMITS
        .iter()
        .filter_map(|limit| {
            let value: TokenStream = property.get(*limit)?.to_string().parse().ok()?;
            Some(quote!(#limit = #value))
        })
        .collect();
    (!limits.is_empty())
        .then(|| parse_quote!(#[cfg_attr(feature = "schemars", schemars(extend(#(#limits),*)))]))
}

fn is_list(ty: &Type) -> bool {
    argument(ty, "Vec").is_some() || last_segment(ty).is_some_and(|name| name == "BTreeMap")
}

fn has_default(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::List(list) => {
            list.path.is_ident("serde")
                && list.tokens.clone().into_iter().any(|token| token.to_string() == "default")
        }
        _ => false,
    }
}

/// Makes "no value supplied for instance_ids" a sentence with the member's name on the wire.
struct NameMissing<'a>(&'a dyn Fn(&str) -> String);

impl VisitMut for NameMissing<'_> {
    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        if let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = expression
            && let Some(field) = text.value().strip_prefix("no value supplied for ")
        {
            let sentence = format!("`{}` is required, but was not given", (self.0)(field));
            *text = syn::LitStr::new(&sentence, text.span());
        }
        visit_mut::visit_expr_mut(self, expression);
    }

    fn visit_fn_arg_mut(&mut self, _: &mut FnArg) {}
}
