//! Makes `validate.rs`: every limit of a request schema as one call of `guestexec_core::check`.

use std::collections::BTreeSet;

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens as _, format_ident, quote};
use serde_json::Value;
use syn::{Ident, Type};

use super::{
    Field, Model, OperationCode, argument,
    inputs::too_many,
    last_segment,
    limits::{End, Limits, Measure, Place},
    members::EXTRA,
};
use crate::{
    document::{
        Extra, IntegerSchema, ListSchema, Location, NumberSchema, ObjectSchema, Schema, TextFormat,
        TextSchema,
    },
    spec::Spec,
};

/// What is collected while the checks are made.
struct Rules<'a> {
    spec: &'a Spec,
    patterns: BTreeSet<String>,
    limits: Limits,
}

impl<'a> Rules<'a> {
    fn new(spec: &'a Spec) -> Self {
        Self { spec, patterns: BTreeSet::new(), limits: Limits::default() }
    }
}

/// The file's items: `Validate` for each request type, one function for each operation's call; and the
/// limits that they check.
pub(super) fn items(
    spec: &Spec,
    model: &Model,
    operations: &[OperationCode<'_>],
) -> (TokenStream, Limits) {
    let mut rules = Rules::new(spec);
    let requests = spec.document.request_schemas();
    let schemas = spec.document.components.schemas.iter();
    let types: Vec<TokenStream> = schemas
        .filter(|(name, _)| requests.contains(name.as_str()))
        .filter_map(|(name, schema)| Some((name, schema.as_struct()?)))
        .map(|(name, schema)| validate_impl(&mut rules, model, name, schema))
        .collect();
    let calls: Vec<TokenStream> =
        operations.iter().filter_map(|code| call_check(&mut rules, code)).collect();
    let patterns = &rules.patterns;
    let statics = patterns.iter().map(|pattern| {
        let name = pattern_name(patterns, pattern);
        quote!(static #name: check::Pattern = check::Pattern::new(#pattern);)
    });
    let statics: TokenStream = statics.collect();
    // The names need the whole set, which is known only now.
    let body = rename_patterns(quote!(#(#calls)* #(#types)*), patterns);
    // What a small document does not need would be unused.
    let occurs = Occurring::of(&body);
    let core = occurs.among(&["Validate", "check"]);
    let core = (!core.is_empty()).then(|| quote!(use guestexec_core::{#(#core),*};));
    let modules = occurs.among(&["builder", "types"]);
    let modules = (!modules.is_empty()).then(|| quote!(use super::{#(#modules),*};));
    (quote!(#core #modules #statics #body), rules.limits)
}

/// The names that occur in code.
struct Occurring(BTreeSet<String>);

impl Occurring {
    fn of(code: &TokenStream) -> Self {
        fn see(code: TokenStream, names: &mut BTreeSet<String>) {
            for tree in code {
                match tree {
                    proc_macro2::TokenTree::Ident(name) => drop(names.insert(name.to_string())),
                    proc_macro2::TokenTree::Group(group) => see(group.stream(), names),
                    _ => {}
                }
            }
        }
        let mut names = BTreeSet::new();
        see(code.clone(), &mut names);
        Self(names)
    }

    fn among(&self, names: &[&str]) -> Vec<Ident> {
        let occurring = names.iter().filter(|name| self.0.contains(**name));
        occurring.map(|name| format_ident!("{name}")).collect()
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
    rules: &mut Rules<'_>,
    model: &Model,
    name: &str,
    schema: &ObjectSchema,
) -> TokenStream {
    let ident = format_ident!("{name}");
    let fields = model.fields(name);
    let own = quote!(Self);
    let mut statements = TokenStream::new();
    for (wire, property) in &schema.properties {
        let Some(field) = fields.iter().find(|field| field.wire == *wire) else { continue };
        let member = &field.ident;
        let must = schema.required.contains(wire);
        let place = Place::new(name, &own, member, wire);
        statements.extend(check(rules, &place, quote!(&self.#member), property, &field.ty, must));
    }
    let extra = fields.iter().find(|field| field.ident == EXTRA && field.wire == EXTRA);
    if let (Some(Extra::Of(values)), Some(field)) = (&schema.additional_properties, extra)
        && let Some(of) = map_value(&field.ty)
    {
        // They stand beside the members.
        let place = Place { wire: "", ..Place::new(name, &own, &field.ident, EXTRA) };
        let value = quote!(&self.extra);
        statements.extend(parts(rules, &place, ("each_value", "value"), &value, values, of));
    }
    statements.extend(groups(schema, fields));
    if statements.is_empty() {
        return quote!(impl Validate for types::#ident {});
    }
    let statements = checked(statements);
    quote! {
        impl Validate for types::#ident {
            #[inline]
            fn validate(&self) -> check::Checked { #statements }
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
fn call_check(rules: &mut Rules<'_>, code: &OperationCode<'_>) -> Option<TokenStream> {
    let mut always = TokenStream::new();
    let mut switchable = TokenStream::new();
    let mut arguments = Vec::new();
    for parameter in checked_parameters(rules, code) {
        let (member, ty) = (&parameter.field.ident, borrowed(&parameter.field.ty));
        arguments.push(quote!(#member: #ty));
        if parameter.in_path { &mut always } else { &mut switchable }.extend(parameter.check);
    }
    if arguments.is_empty() {
        return None;
    }
    let builder = &code.builder;
    let doc = " Checks the parameters: those in the path always, others if `checks` is on.";
    // No parameter's own name ends like this.
    let is_taken = code.parameters.iter().any(|field| field.ident == "checks");
    let name = format_ident!("{}", if is_taken { "checks_" } else { "checks" });
    let (name, body) = match switchable.is_empty() {
        true => (format_ident!("_{name}"), checked(always)),
        false => {
            let switchable = checked(switchable);
            let body = quote!(#always if !#name { return Ok(()); } #switchable);
            (name, body)
        }
    };
    // One more is `checks`.
    let many = too_many(arguments.len() + 1);
    Some(quote! {
        impl builder::#builder<'_> {
            #[doc = #doc]
            #many
            #[inline]
            pub(super) fn within_limits(#name: bool, #(#arguments),*) -> check::Checked { #body }
        }
    })
}

/// Statements as the body of a function: the last check is its result.
fn checked(statements: TokenStream) -> TokenStream {
    let mut trees: Vec<_> = statements.into_iter().collect();
    let ends = |tree: Option<&proc_macro2::TokenTree>, mark: char| matches!(tree, Some(proc_macro2::TokenTree::Punct(punct)) if punct.as_char() == mark);
    if ends(trees.last(), ';') && ends(trees.iter().rev().nth(1), '?') {
        trees.truncate(trees.len() - 2);
        return trees.into_iter().collect();
    }
    let statements = trees.into_iter().collect::<TokenStream>();
    quote!(#statements Ok(()))
}

/// The statements that check an operation's request where it is about to be sent; `body` and the
/// parameters are in scope there by their names.
pub(super) fn before_send(spec: &Spec, code: &OperationCode<'_>) -> Vec<syn::Stmt> {
    let mut statements = Vec::new();
    let arguments: Vec<TokenStream> = checked_parameters(&mut Rules::new(spec), code)
        .into_iter()
        .map(|parameter| {
            let member = &parameter.field.ident;
            quote!(&#member)
        })
        .collect();
    if !arguments.is_empty() {
        statements.push(syn::parse_quote! {
            Self::within_limits(client.inner.checks, #(#arguments),*)?;
        });
    }
    if code.operation.body_schema().is_some() {
        statements.push(syn::parse_quote! {
            ::guestexec_core::check::check_body(client.inner.checks, &body)?;
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
    rules: &mut Rules<'_>,
    code: &'a OperationCode<'_>,
) -> Vec<CheckedParameter<'a>> {
    let mut checked = Vec::new();
    let builder = &code.builder;
    let (owner, path) = (builder.to_string(), quote!(Self));
    for parameter in code.operation.parameters() {
        let wire = parameter.name.as_str();
        let Some(field) = code.parameters.iter().find(|field| field.wire == wire) else { continue };
        let in_path = parameter.location == Location::Path;
        let member = &field.ident;
        let place = Place::new(&owner, &path, member, wire);
        let check = check(rules, &place, quote!(#member), &parameter.schema, &field.ty, in_path);
        if !check.is_empty() {
            checked.push(CheckedParameter { field, in_path, check });
        }
    }
    checked
}

/// `&str` for a text, `&T` for all else.
fn borrowed(ty: &Type) -> TokenStream {
    match argument(ty, "Vec") {
        Some(item) => quote!(&[#item]),
        None if is_string(ty) => quote!(&str),
        None => quote!(&#ty),
    }
}

fn is_string(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|segment| segment == "String")
}

/// The checks of one value: `value` is an expression of type `&ty`.
fn check(
    rules: &mut Rules<'_>,
    place: &Place<'_>,
    value: TokenStream,
    schema: &Schema,
    ty: &Type,
    required: bool,
) -> TokenStream {
    if let Some(inner) = argument(ty, "Option") {
        let check = check(rules, place, quote!(value), schema, inner, true);
        return match check.is_empty() {
            true => check,
            false => quote!(if let Some(value) = #value { #check }),
        };
    }
    let wire = place.wire;
    let target = rules.spec.document.resolve(schema).unwrap_or(schema);
    match target {
        Schema::List(limits) => match argument(ty, "Vec") {
            Some(item) => list(rules, place, value, limits, item, required),
            None => TokenStream::new(),
        },
        Schema::Object(_) if target.as_struct().is_some() => match wire {
            "" => quote!(Validate::validate(#value)?;),
            _ => quote!(Validate::validate(#value).map_err(|violation| violation.within(#wire))?;),
        },
        Schema::Object(object) => map(rules, place, value, object, ty, required),
        Schema::Integer(limits) => integer(rules, place, &value, limits, ty),
        Schema::Number(limits) => number(rules, place, &value, limits, ty),
        Schema::Text(limits) => text(rules, place, &value, (schema, target, limits), ty),
        _ => TokenStream::new(),
    }
}

/// The checks of each part of a list or map: by the function for that one, if there is one.
fn parts(
    rules: &mut Rules<'_>,
    place: &Place<'_>,
    (function, name): (&str, &str),
    value: &TokenStream,
    schema: &Schema,
    ty: &Type,
) -> TokenStream {
    let wire = place.wire;
    let (function, part) = (format_ident!("{function}"), format_ident!("{name}"));
    let target = rules.spec.document.resolve(schema).unwrap_or(schema);
    if target.as_struct().is_some() {
        return quote!(check::#function(#wire, #value, Validate::validate)?;);
    }
    let inner = check(rules, &place.part(name), quote!(#part), schema, ty, true);
    if inner.is_empty() {
        return inner;
    }
    let count = inner.clone().into_iter().filter(is_end).count();
    let inner = checked(inner);
    match count {
        1 => quote!(check::#function(#wire, #value, |#part| #inner)?;),
        _ => quote!(check::#function(#wire, #value, |#part| { #inner })?;),
    }
}

fn is_end(tree: &proc_macro2::TokenTree) -> bool {
    matches!(tree, proc_macro2::TokenTree::Punct(punct) if punct.as_char() == ';')
}

/// The check of how many items or members there are; one that is optional and empty is not sent at all,
/// so its least number does not apply.
fn amount(
    rules: &mut Rules<'_>,
    place: &Place<'_>,
    (measure, function): (Measure, &str),
    value: &TokenStream,
    (least, most): (u64, Option<u64>),
    required: bool,
) -> TokenStream {
    if least == 0 && most.is_none() {
        return TokenStream::new();
    }
    let (wire, function) = (place.wire, format_ident!("{function}"));
    let limits = rules.limits.count(place, measure, least, most);
    if !required && least == 1 && most.is_none() {
        return TokenStream::new();
    }
    let check = quote!(check::#function(#wire, #value, #limits)?;);
    let bare = unborrowed(value);
    match !required && least > 0 {
        true => quote!(if !#bare.is_empty() { #check }),
        false => check,
    }
}

/// The checks of a list and its items.
fn list(
    rules: &mut Rules<'_>,
    place: &Place<'_>,
    value: TokenStream,
    limits: &ListSchema,
    item: &Type,
    required: bool,
) -> TokenStream {
    let counts = (limits.min_items.unwrap_or(0), limits.max_items);
    let kind = (Measure::Items, "items");
    let mut statements = amount(rules, place, kind, &value, counts, required);
    if limits.unique_items {
        let wire = place.wire;
        statements.extend(quote!(check::unique(#wire, #value)?;));
    }
    statements.extend(parts(rules, place, ("each", "item"), &value, &limits.items, item));
    statements
}

/// The checks of a map and its values.
fn map(
    rules: &mut Rules<'_>,
    place: &Place<'_>,
    value: TokenStream,
    limits: &ObjectSchema,
    ty: &Type,
    required: bool,
) -> TokenStream {
    let Some(of) = map_value(ty) else { return TokenStream::new() };
    let kind = (Measure::Members, "members");
    let counts = (limits.min_properties.unwrap_or(0), None);
    let mut statements = amount(rules, place, kind, &value, counts, required);
    if let Some(Extra::Of(values)) = &limits.additional_properties {
        statements.extend(parts(rules, place, ("each_value", "value"), &value, values, of));
    }
    statements
}

/// `T` of a `BTreeMap<String, T>`.
fn map_value(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last().filter(|segment| segment.ident == "BTreeMap")?;
    let syn::PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.last()? {
        syn::GenericArgument::Type(value) => Some(value),
        _ => None,
    }
}

/// A number itself, of an expression that borrows it.
fn copied(value: &TokenStream) -> TokenStream {
    let bare = unborrowed(value);
    match bare.to_string() == value.to_string() {
        true => quote!(*#value),
        false => bare,
    }
}

/// The checks of a whole number.
fn integer(
    rules: &mut Rules<'_>,
    place: &Place<'_>,
    value: &TokenStream,
    limits: &IntegerSchema,
    ty: &Type,
) -> TokenStream {
    let (wire, number) = (place.wire, copied(value));
    let mut statements = TokenStream::new();
    let end = |end: i64| Some((Literal::i64_unsuffixed(end), true));
    // An unsigned number checks by its type that it is not negative.
    let least = limits.least().filter(|least| *least != 0 || !limits.is_unsigned());
    if least.is_some() || limits.most().is_some() {
        let both = least.or_else(|| limits.is_unsigned().then_some(0));
        let most = limits.most().and_then(end);
        let range = rules.limits.number(place, both.and_then(end), most, ty);
        statements.extend(quote!(check::range(#wire, #number, #range)?;));
    }
    if let Some(values) = &limits.values {
        let values = values.iter().map(|value| Literal::i64_unsuffixed(*value));
        statements.extend(quote!(check::one_of_numbers(#wire, #number, &[#(#values),*])?;));
    }
    statements
}

/// The checks of a number.
fn number(
    rules: &mut Rules<'_>,
    place: &Place<'_>,
    value: &TokenStream,
    limits: &NumberSchema,
    ty: &Type,
) -> TokenStream {
    let (wire, number) = (place.wire, copied(value));
    let end = |end: Option<f64>, excluded: bool| -> End {
        let literal = end.filter(|end| end.is_finite()).map(Literal::f64_unsuffixed)?;
        Some((literal, !excluded))
    };
    let least = end(limits.minimum, limits.exclusive_minimum);
    let most = end(limits.maximum, limits.exclusive_maximum);
    if least.is_none() && most.is_none() {
        return TokenStream::new();
    }
    let range = rules.limits.number(place, least, most, ty);
    quote!(check::range(#wire, #number, #range)?;)
}

/// The checks of a text; of the schemas the first is the member's, the second what it refers to.
fn text(
    rules: &mut Rules<'_>,
    place: &Place<'_>,
    value: &TokenStream,
    (schema, target, limits): (&Schema, &Schema, &TextSchema),
    ty: &Type,
) -> TokenStream {
    let (wire, bare) = (place.wire, unborrowed(value));
    let mut statements = TokenStream::new();
    let text = if limits.format == Some(TextFormat::Password) {
        quote!(#bare.expose())
    } else if target.values().is_some() && !is_string(ty) {
        quote!(#bare.as_str())
    } else {
        value.clone()
    };
    if limits.format == Some(TextFormat::Byte) {
        statements.extend(quote!(check::base64(#wire, #text)?;));
    }
    let (least, most) = (limits.min_length.unwrap_or(0), limits.max_length);
    if least > 0 || most.is_some() {
        let (function, measure) = match limits.format {
            Some(TextFormat::Byte) => (quote!(check::encoded), Measure::Encoded),
            _ => (quote!(check::characters), Measure::Length),
        };
        let limits = rules.limits.count(place, measure, least, most);
        statements.extend(quote!(#function(#wire, #text, #limits)?;));
    }
    if limits.max_bytes.is_some() {
        let limits = rules.limits.count(place, Measure::Bytes, 0, limits.max_bytes);
        statements.extend(quote!(check::bytes(#wire, #text, #limits)?;));
    }
    if let Some(pattern) = limits.pattern.as_ref().map(|pattern| pattern.as_str()) {
        rules.patterns.insert(pattern.to_owned());
        statements.extend(quote!(check::pattern(#wire, #text, &PATTERN!(#pattern))?;));
    }
    let narrowed = match schema {
        Schema::Narrowed(narrowed) => narrowed.values.as_ref(),
        _ => None,
    };
    if let Some(values) = narrowed.or(limits.values.as_ref()) {
        statements.extend(quote!(check::one_of(#wire, #text, &[#(#values),*])?;));
    }
    if let Some(form) = &limits.json_object {
        let pattern = form.key_pattern.as_str();
        rules.patterns.insert(pattern.to_owned());
        let object = rules.limits.object(place, form.max_properties, form.key_max_length);
        statements
            .extend(quote!(check::json_object(#wire, #text, &#object, &PATTERN!(#pattern))?;));
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
