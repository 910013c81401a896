//! Makes `validate.rs`: every limit of a request schema as one call of `guestexec_core::check`.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::{ToTokens as _, format_ident, quote};
use serde_json::Value;
use syn::{Ident, Type};

use super::{Field, Model, OperationCode, argument, last_segment};
use crate::{
    document::{IntegerSchema, Location, ObjectSchema, Schema, TextFormat},
    spec::Spec,
};

/// The file's items: `Validate` for each request type, one function for each operation's call.
pub(super) fn items(spec: &Spec, model: &Model, operations: &[OperationCode<'_>]) -> TokenStream {
    let mut patterns = BTreeSet::new();
    let requests = spec.document.request_schemas();
    let schemas = spec.document.components.schemas.iter();
    let types: Vec<TokenStream> = schemas
        .filter(|(name, _)| requests.contains(name.as_str()))
        .filter_map(|(name, schema)| Some((name, schema.as_struct()?)))
        .map(|(name, schema)| validate_impl(spec, model, name, schema, &mut patterns))
        .collect();
    let calls: Vec<TokenStream> =
        operations.iter().filter_map(|code| call_check(spec, code, &mut patterns)).collect();
    let statics = patterns.iter().map(|pattern| {
        let name = pattern_name(&patterns, pattern);
        quote!(static #name: check::Pattern = check::Pattern::new(#pattern);)
    });
    let statics: TokenStream = statics.collect();
    // The names need the whole set, which is known only now.
    let body = rename_patterns(quote!(#(#calls)* #(#types)*), &patterns);
    // What a small document does not need would be unused.
    let text = body.to_string();
    let (validate, types) = match text.contains("Validate") {
        true => (
            quote!(Validate,),
            quote!(
                use super::types;
            ),
        ),
        false => (quote!(), quote!()),
    };
    let check = text.contains("check ::").then(|| quote!(check));
    quote! {
        use guestexec_core::{#validate #check};
        #types
        #statics
        #body
    }
}

/// The name of the static of a pattern: by its rank, so that equal patterns share one.
fn pattern_name(all: &BTreeSet<String>, pattern: &str) -> Ident {
    let rank = all.iter().position(|other| other == pattern).unwrap_or_default();
    format_ident!("PATTERN_{}", rank)
}

/// Replaces `PATTERN!("text")` placeholders by the statics' names.
fn rename_patterns(tokens: TokenStream, all: &BTreeSet<String>) -> TokenStream {
    use proc_macro2::{Delimiter, Group, TokenTree};
    let mut out = Vec::new();
    let mut trees = tokens.into_iter().peekable();
    while let Some(tree) = trees.next() {
        match tree {
            TokenTree::Ident(ident) if ident == "PATTERN" => {
                trees.next();
                if let Some(TokenTree::Group(group)) = trees.next() {
                    let literal: Option<syn::LitStr> = syn::parse2(group.stream()).ok();
                    let text = literal.map(|literal| literal.value()).unwrap_or_default();
                    out.push(TokenTree::Ident(pattern_name(all, &text)));
                }
            }
            TokenTree::Group(group) => {
                let inner = rename_patterns(group.stream(), all);
                let delimiter: Delimiter = group.delimiter();
                out.push(TokenTree::Group(Group::new(delimiter, inner)));
            }
            other => out.push(other),
        }
    }
    out.into_iter().collect()
}

fn validate_impl(
    spec: &Spec,
    model: &Model,
    name: &str,
    schema: &ObjectSchema,
    patterns: &mut BTreeSet<String>,
) -> TokenStream {
    let ident = format_ident!("{name}");
    let fields = model.fields(name);
    let mut statements = TokenStream::new();
    for (wire, property) in &schema.properties {
        let Some(field) = fields.iter().find(|field| field.wire == *wire) else { continue };
        let member = &field.ident;
        let must = schema.required.contains(wire);
        statements.extend(check(
            spec,
            wire,
            quote!(&self.#member),
            property,
            &field.ty,
            must,
            patterns,
        ));
    }
    statements.extend(groups(schema, fields));
    if statements.is_empty() {
        return quote!(impl Validate for types::#ident {});
    }
    quote! {
        impl Validate for types::#ident {
            fn validate(&self) -> check::Checked {
                #statements
                Ok(())
            }
        }
    }
}

/// The rules between members of one object.
fn groups(schema: &ObjectSchema, fields: &[Field]) -> TokenStream {
    let field = |wire: &str| fields.iter().find(|field| field.wire == wire);
    let pairs = |group: &[String]| -> Vec<TokenStream> {
        let members = group.iter();
        members
            .filter_map(|wire| {
                let given = given(field(wire)?);
                Some(quote!((#wire, #given)))
            })
            .collect()
    };
    let mut statements = TokenStream::new();
    for group in &schema.exclusive {
        let pairs = pairs(group);
        statements.extend(quote!(check::exclusive(&[#(#pairs),*])?;));
    }
    for group in &schema.exactly_one_of {
        let pairs = pairs(group);
        statements.extend(quote!(check::exactly_one_of(&[#(#pairs),*])?;));
    }
    if let Some(least) = schema.min_properties.map(size) {
        let pairs = fields.iter().map(|field| {
            let (wire, given) = (&field.wire, given(field));
            quote!((#wire, #given))
        });
        statements.extend(quote!(check::some_of(#least, &[#(#pairs),*])?;));
    }
    for (wire, needs) in &schema.requires {
        for (other, value) in needs {
            let (Some(first), Some(second)) = (field(wire), field(other)) else { continue };
            let given = given(first);
            let member = &second.ident;
            let optional = argument(&second.ty, "Option").is_some();
            let holds = match (value, optional) {
                (Value::String(value), true) => {
                    quote!(self.#member.as_ref().is_some_and(|value| value.as_str() == #value))
                }
                (Value::String(value), false) => quote!(self.#member.as_str() == #value),
                (value, optional) => {
                    let literal = match value.as_bool() {
                        Some(value) => quote!(#value),
                        None => size(value.as_i64().unwrap_or_default()).into_token_stream(),
                    };
                    let wanted = if optional { quote!(Some(#literal)) } else { literal };
                    quote!(self.#member == #wanted)
                }
            };
            let shown = value.to_string();
            statements.extend(quote!(check::requires(#wire, #given, #other, #shown, #holds)?;));
        }
    }
    statements
}

/// Whether a member was given.
fn given(field: &Field) -> TokenStream {
    let member = &field.ident;
    match last_segment(&field.ty).map(ToString::to_string).as_deref() {
        Some("Option") => quote!(self.#member.is_some()),
        // An empty list or map is not sent.
        Some("Vec" | "Map" | "BTreeMap") => quote!(!self.#member.is_empty()),
        _ => quote!(true),
    }
}

/// The check of an operation's parameters: those in the path always, others if checks are on.
fn call_check(
    spec: &Spec,
    code: &OperationCode<'_>,
    patterns: &mut BTreeSet<String>,
) -> Option<TokenStream> {
    let operation = &code.operation;
    let mut always = TokenStream::new();
    let mut switchable = TokenStream::new();
    let mut arguments = Vec::new();
    for parameter in checked_parameters(spec, code, patterns) {
        let (member, ty) = (&parameter.field.ident, borrowed(&parameter.field.ty));
        arguments.push(quote!(#member: #ty));
        if parameter.in_path { &mut always } else { &mut switchable }.extend(parameter.check);
    }
    if arguments.is_empty() {
        return None;
    }
    let method = &code.method;
    let doc = format!(
        " The parameters of `{}`: those in the path always, others if `checks` is on.",
        operation.id()
    );
    let switch = (!switchable.is_empty()).then(|| {
        quote! {
            if !checks {
                return Ok(());
            }
            #switchable
        }
    });
    let checks = if switch.is_some() { quote!(checks) } else { quote!(_checks) };
    Some(quote! {
        #[doc = #doc]
        pub(super) fn #method(#checks: bool, #(#arguments),*) -> check::Checked {
            #always
            #switch
            Ok(())
        }
    })
}

/// The statements that check an operation's request where it is about to be sent; `body` and the
/// parameters are in scope there by their names.
pub(super) fn before_send(spec: &Spec, code: &OperationCode<'_>) -> Vec<syn::Stmt> {
    let mut statements = Vec::new();
    let arguments: Vec<TokenStream> = checked_parameters(spec, code, &mut BTreeSet::new())
        .into_iter()
        .map(|parameter| {
            let member = &parameter.field.ident;
            quote!(&#member)
        })
        .collect();
    if !arguments.is_empty() {
        let method = &code.method;
        statements.push(syn::parse_quote! {
            validate::#method(client.inner.checks, #(#arguments),*)?;
        });
    }
    if code.operation.body_schema().is_some() {
        statements.push(syn::parse_quote! {
            if client.inner.checks {
                ::guestexec_core::Validate::validate(&body)?;
            }
        });
    }
    statements
}

/// A parameter that has something to check, and the check.
struct CheckedParameter<'a> {
    field: &'a Field,
    in_path: bool,
    check: TokenStream,
}

fn checked_parameters<'a>(
    spec: &Spec,
    code: &'a OperationCode<'_>,
    patterns: &mut BTreeSet<String>,
) -> Vec<CheckedParameter<'a>> {
    let mut checked = Vec::new();
    for parameter in code.operation.parameters() {
        let wire = parameter.name.as_str();
        let Some(field) = code.parameters.iter().find(|field| field.wire == wire) else { continue };
        let in_path = parameter.location == Location::Path;
        let member = &field.ident;
        let check =
            check(spec, wire, quote!(#member), &parameter.schema, &field.ty, in_path, patterns);
        if !check.is_empty() {
            checked.push(CheckedParameter { field, in_path, check });
        }
    }
    checked
}

/// `&str` for a text, `&T` for all else.
fn borrowed(ty: &Type) -> TokenStream {
    if is_string(ty) { quote!(&str) } else { quote!(&#ty) }
}

fn is_string(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|segment| segment == "String")
}

/// The checks of one value: `value` is an expression of type `&ty`.
fn check(
    spec: &Spec,
    wire: &str,
    value: TokenStream,
    schema: &Schema,
    ty: &Type,
    required: bool,
    patterns: &mut BTreeSet<String>,
) -> TokenStream {
    if let Some(inner) = argument(ty, "Option") {
        let check = check(spec, wire, quote!(value), schema, inner, true, patterns);
        return match check.is_empty() {
            true => check,
            false => quote!(if let Some(value) = #value { #check }),
        };
    }
    if let Some(item) = argument(ty, "Vec") {
        return list(spec, wire, value, schema, item, required, patterns);
    }
    let target = spec.document.resolve(schema).unwrap_or(schema);
    if target.as_struct().is_some() {
        return quote!(Validate::validate(#value).map_err(|violation| violation.within(#wire))?;);
    }
    scalar(wire, &value, schema, target, ty, patterns)
}

/// The checks of a list and its items.
fn list(
    spec: &Spec,
    wire: &str,
    value: TokenStream,
    schema: &Schema,
    item: &Type,
    required: bool,
    patterns: &mut BTreeSet<String>,
) -> TokenStream {
    let mut statements = TokenStream::new();
    let Schema::List(limits) = schema else { return statements };
    let (least, most) = (limits.min_items.unwrap_or(0), limits.max_items);
    // An optional list that is empty is not sent at all, so its least length does not apply.
    let may_be_empty = !required && least > 0;
    let least = if may_be_empty && least == 1 { 0 } else { least };
    if least > 0 || most.is_some() {
        let (shortest, longest) = (size(least), option(most.map(size)));
        let check = quote!(check::items(#wire, #value, #shortest, #longest)?;);
        let bare = unborrowed(&value);
        statements.extend(match may_be_empty && least > 0 {
            true => quote!(if !#bare.is_empty() { #check }),
            false => check,
        });
    }
    if limits.unique_items {
        statements.extend(quote!(check::unique(#wire, #value)?;));
    }
    let items = &*limits.items;
    let target = spec.document.resolve(items).unwrap_or(items);
    if target.as_struct().is_some() {
        statements.extend(quote!(check::each(#wire, #value, Validate::validate)?;));
    } else {
        let inner = check(spec, "", quote!(item), items, item, true, patterns);
        if !inner.is_empty() {
            statements.extend(quote!(check::each(#wire, #value, |item| { #inner Ok(()) })?;));
        }
    }
    statements
}

/// The checks of a text or number; `schema` is the member's, `target` what it refers to.
fn scalar(
    wire: &str,
    value: &TokenStream,
    schema: &Schema,
    target: &Schema,
    ty: &Type,
    patterns: &mut BTreeSet<String>,
) -> TokenStream {
    let bare = unborrowed(value);
    let mut statements = TokenStream::new();
    let limits = match target {
        Schema::Text(limits) => limits,
        Schema::Integer(IntegerSchema { minimum: least, maximum: most, format, .. }) => {
            // Without a format, a least value of zero makes the type unsigned, which checks it already.
            let by_type = *least == Some(0) && format.is_none();
            if (least.is_some() && !by_type) || most.is_some() {
                let (least, most) = (option(least.map(size)), option(most.map(size)));
                let borrowed = bare.to_string() != value.to_string();
                let number = if borrowed { quote!(#bare) } else { quote!(*#value) };
                statements.extend(quote!(check::range(#wire, #number, #least, #most)?;));
            }
            return statements;
        }
        _ => return statements,
    };
    let text = if limits.format == Some(TextFormat::Password) {
        quote!(#bare.expose())
    } else if target.values().is_some() && !is_string(ty) {
        quote!(#bare.as_str())
    } else {
        value.clone()
    };
    let (least, most) = (limits.min_length.unwrap_or(0), limits.max_length);
    if least > 0 || most.is_some() {
        let function = match limits.format {
            Some(TextFormat::Byte) => quote!(check::encoded),
            _ => quote!(check::characters),
        };
        let (least, most) = (size(least), option(most.map(size)));
        statements.extend(quote!(#function(#wire, #text, #least, #most)?;));
    }
    if let Some(most) = limits.max_bytes.map(size) {
        statements.extend(quote!(check::bytes(#wire, #text, #most)?;));
    }
    if let Some(pattern) = limits.pattern.as_ref().map(|pattern| pattern.as_str()) {
        patterns.insert(pattern.to_owned());
        statements.extend(quote!(check::pattern(#wire, #text, &PATTERN!(#pattern))?;));
    }
    let narrowed = match schema {
        Schema::Narrowed(narrowed) => narrowed.values.as_ref(),
        _ => None,
    };
    if let Some(values) = narrowed.or(limits.values.as_ref()) {
        statements.extend(quote!(check::one_of(#wire, #text, &[#(#values),*])?;));
    }
    if let Some(rules) = &limits.json_object {
        let pattern = rules.key_pattern.as_str();
        patterns.insert(pattern.to_owned());
        let (most, key) = (size(rules.max_properties), size(rules.key_max_length));
        statements.extend(quote! {
            check::json_object(
                #wire,
                #text,
                &check::JsonObject { max_properties: #most, key_max_length: #key },
                &PATTERN!(#pattern),
            )?;
        });
    }
    statements
}

/// An expression without the `&` it begins with: a method call borrows by itself.
fn unborrowed(value: &TokenStream) -> TokenStream {
    let mut trees = value.clone().into_iter().peekable();
    trees.next_if(
        |tree| matches!(tree, proc_macro2::TokenTree::Punct(punct) if punct.as_char() == '&'),
    );
    trees.collect()
}

fn size(number: impl Into<i128>) -> proc_macro2::Literal {
    proc_macro2::Literal::i128_unsuffixed(number.into())
}

fn option(value: Option<proc_macro2::Literal>) -> TokenStream {
    match value {
        Some(value) => quote!(Some(#value)),
        None => quote!(None),
    }
}
