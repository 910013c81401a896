//! Makes `types.rs`: what requests and answers are made of.

use quote::quote;
use syn::{
    Attribute, Fields, Ident, Item, ItemStruct, LitStr, Meta, Token, parse_quote,
    punctuated::Punctuated,
};

use super::{Field, Maker, argument, doc, last_segment, members::EXTRA, taken};
use crate::{
    document::{ObjectSchema, Schema},
    lower::member_names,
    spec::Spec,
};

/// Gives fields whose member has another name with progenitor their name on the wire.
pub(super) fn rename(spec: &Spec, items: &mut [Item]) {
    for item in items {
        let Item::Struct(item) = item else { continue };
        let schema = spec.document.schema(&item.ident.to_string());
        let Some(Schema::Object(object)) = schema else { continue };
        let names = member_names(object);
        let others: Vec<(&String, &String)> =
            object.properties.keys().zip(&names).filter(|(wire, name)| wire != name).collect();
        for field in &mut item.fields {
            let Some(ident) = field.ident.clone() else { continue };
            let known = wire_name(field, &ident);
            if let Some((wire, _)) = others.iter().find(|(_, name)| **name == known) {
                field.attrs.push(parse_quote!(#[serde(rename = #wire)]));
            }
        }
    }
}

/// Progenitor's structs, each followed by its constructor and its setters.
pub(super) fn items(maker: &Maker<'_>, types: Vec<Item>) -> Vec<Item> {
    let spec = maker.spec;
    let (requests, answers) = (spec.document.request_schemas(), spec.lenient_schemas());
    let mut items = Vec::new();
    for item in types {
        let Item::Struct(mut item) = item else { continue };
        let name = item.ident.to_string();
        let Some(Schema::Object(schema)) = spec.document.schema(&name) else { continue };
        let is_request = requests.contains(name.as_str());
        without_debug(&mut item, schema);
        describe(maker, &mut item, schema);
        // Only now, since the names on the wire go with serde's attributes.
        if answers.contains(&name) {
            read_leniently(&mut item);
        }
        open_struct(&mut item, schema);
        let methods = is_request.then(|| methods(maker, &item, schema));
        read_by_macro(&mut item);
        items.push(Item::Struct(item));
        items.extend(methods);
    }
    items
}

/// The fields of a struct.
pub(super) fn fields(fields: &Fields) -> Vec<Field> {
    let field = |field: &syn::Field| {
        let ident = field.ident.clone()?;
        Some(Field { wire: wire_name(field, &ident), ty: field.ty.clone(), ident })
    };
    fields.iter().filter_map(field).collect()
}

/// The name that `#[serde(rename = "…")]` gives, or the field's own.
fn wire_name(field: &syn::Field, ident: &Ident) -> String {
    let mut wire = ident.to_string().trim_start_matches("r#").to_owned();
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        let Meta::List(list) = &attribute.meta else { continue };
        let mut words = list.tokens.clone().into_iter();
        if words.any(|word| word.to_string() == "rename")
            && let Some(name) = words.nth(1)
            && let Ok(name) = syn::parse_str::<LitStr>(&name.to_string())
        {
            wire = name.value();
        }
    }
    wire
}

/// The required fields, in the order in which the document lists them.
pub(super) fn needed<'a>(fields: &'a [Field], schema: &ObjectSchema) -> Vec<&'a Field> {
    let required = schema.required.iter();
    required.filter_map(|wire| fields.iter().find(|field| field.wire == *wire)).collect()
}

pub(super) fn is_needed(field: &Field, schema: &ObjectSchema) -> bool {
    schema.required.contains(&field.wire)
}

/// `new`, with the required members, and a setter for each other member: a member that is
/// added later breaks no code that uses them.
fn methods(maker: &Maker<'_>, item: &ItemStruct, schema: &ObjectSchema) -> Item {
    let name = &item.ident;
    let fields = fields(&item.fields);
    let needed = needed(&fields, schema);
    let (mut arguments, mut values) = (Vec::new(), Vec::new());
    for field in &needed {
        let ident = &field.ident;
        let (ty, value) = taken(&field.ty, ident);
        arguments.push(quote!(#ident: #ty));
        values.push(match *ident == value.to_string() {
            true => quote!(#ident),
            false => quote!(#ident: #value),
        });
    }
    let others: Vec<&Field> = fields.iter().filter(|field| !is_needed(field, schema)).collect();
    let rest = others.iter().map(|field| {
        let ident = &field.ident;
        match last_segment(&field.ty).map(ToString::to_string).as_deref() {
            Some("Option") => quote!(#ident: None),
            Some("Vec") => quote!(#ident: Vec::new()),
            _ => quote!(#ident: Default::default()),
        }
    });
    let new = match (&needed[..], &others[..]) {
        // Not `Self::default()`, which may be the setter of a member.
        ([], _) => quote!(Default::default()),
        _ => quote!(Self { #(#values,)* #(#rest,)* }),
    };
    let about = doc(match needed.is_empty() {
        true => "Creates a value with no member set.",
        false => "Creates a value with the required members.",
    });
    let setters = others.iter().filter(|field| field.ident != "new").map(|field| {
        let ident = &field.ident;
        let optional = argument(&field.ty, "Option");
        let argument = quote::format_ident!("value");
        let (ty, value) = taken(optional.unwrap_or(&field.ty), &argument);
        let value = optional.map_or_else(|| value.clone(), |_| quote!(Some(#value)));
        let text = doc(&described(maker, schema.properties.get(&field.wire))
            .unwrap_or_else(|| format!("Sets `{}`.", field.wire)));
        let deprecated = schema.properties.get(&field.wire).and_then(deprecated);
        quote! {
            #text
            #deprecated
            pub fn #ident(mut self, value: #ty) -> Self {
                self.#ident = #value;
                self
            }
        }
    });
    let many = (needed.len() > 7).then(
        || quote!(#[expect(clippy::too_many_arguments, reason = "the service needs all of them")]),
    );
    let limits = maker.limits.of(&name.to_string());
    parse_quote! {
        impl #name {
            #(#limits)*

            #about
            #many
            pub fn new(#(#arguments),*) -> Self { #new }

            #(#setters)*
        }
    }
}

/// What the document says of a member, or of the type that it refers to.
pub(super) fn described(maker: &Maker<'_>, property: Option<&Schema>) -> Option<String> {
    let target = || maker.spec.document.resolve(property?)?.description();
    property?.description().or_else(target).map(|text| text.trim().to_owned())
}

/// Puts the document's own words before the struct and its fields.
fn describe(maker: &Maker<'_>, item: &mut ItemStruct, schema: &ObjectSchema) {
    let is_doc = |attribute: &Attribute| attribute.path().is_ident("doc");
    item.attrs.retain(|attribute| !is_doc(attribute));
    let text = schema.description.as_deref().map(str::trim);
    item.attrs.insert(0, doc(text.unwrap_or(&format!("`{}`.", item.ident))));
    for field in &mut item.fields {
        let Some(ident) = &field.ident else { continue };
        let text = match described(maker, schema.properties.get(&wire_name(field, ident))) {
            Some(text) => text,
            None if *ident == EXTRA => {
                "Members that have no field here, or were not of their type, as they came."
                    .to_owned()
            }
            None => format!("`{}`.", wire_name(field, ident)),
        };
        field.attrs.retain(|attribute| !is_doc(attribute));
        let member = schema.properties.get(&wire_name(field, ident));
        field.attrs.extend(member.and_then(deprecated));
        field.attrs.insert(0, doc(&text));
    }
}

/// What marks a member that the vendor advises against.
fn deprecated(member: &Schema) -> Option<Attribute> {
    member.is_deprecated().then(super::deprecated)
}

/// Leaves `Debug` to `members.rs` where the document marks a member as sensitive.
fn without_debug(item: &mut ItemStruct, schema: &ObjectSchema) {
    if !fields(&item.fields).iter().any(|field| is_sensitive(field, schema)) {
        return;
    }
    for attribute in item.attrs.iter_mut().filter(|attribute| attribute.path().is_ident("derive")) {
        let derived = derives(attribute).filter(|path| !path.is_ident("Debug"));
        *attribute = parse_quote!(#[derive(#(#derived),*)]);
    }
}

/// Whether the document marks the member of a field as sensitive.
pub(super) fn is_sensitive(field: &Field, schema: &ObjectSchema) -> bool {
    schema.properties.get(&field.wire).is_some_and(Schema::is_sensitive)
}

/// What an attribute derives.
fn derives(attribute: &Attribute) -> impl Iterator<Item = syn::Path> + use<> {
    let paths = attribute.parse_args_with(Punctuated::<syn::Path, Token![,]>::parse_terminated);
    let is_derive = attribute.path().is_ident("derive");
    paths.into_iter().flatten().filter(move |_| is_derive)
}

/// Leaves reading and writing to `members.rs`.
fn read_by_macro(item: &mut ItemStruct) {
    for derive in item.attrs.iter_mut().filter(|it| it.path().is_ident("derive")) {
        let is_serde = |path: &syn::Path| {
            path.segments
                .last()
                .is_some_and(|last| last.ident == "Serialize" || last.ident == "Deserialize")
        };
        let others = derives(derive).filter(|path| !is_serde(path));
        *derive = parse_quote!(#[derive(#(#others),*)]);
    }
    item.attrs.retain(|attribute| !attribute.path().is_ident("serde"));
    for field in &mut item.fields {
        field.attrs.retain(|attribute| !attribute.path().is_ident("serde"));
    }
}

/// Reads as far as possible, and keeps the rest.
fn read_leniently(item: &mut ItemStruct) {
    let has_debug =
        item.attrs.iter().any(|attribute| derives(attribute).any(|it| it.is_ident("Debug")));
    item.attrs.retain(|attribute| !attribute.path().is_ident("derive"));
    item.attrs.push(match has_debug {
        true => parse_quote!(#[derive(Clone, Debug, Default, PartialEq)]),
        false => parse_quote!(#[derive(Clone, Default, PartialEq)]),
    });
    for field in &mut item.fields {
        field.attrs.retain(|attribute| !attribute.path().is_ident("serde"));
        if field.ident.as_ref().is_some_and(|ident| ident == EXTRA) {
            field.ty = parse_quote!(::guestexec_core::Extra);
        }
    }
}

/// Lets a vendor add members; gives a type a `Default` where it can do without any member.
fn open_struct(item: &mut ItemStruct, schema: &ObjectSchema) {
    let all = fields(&item.fields);
    item.attrs.push(parse_quote!(#[non_exhaustive]));
    let derived = item.attrs.iter().flat_map(derives).any(|path| path.is_ident("Default"));
    if needed(&all, schema).is_empty() && !derived {
        let derive = item.attrs.iter_mut().find(|it| it.path().is_ident("derive"));
        if let Some(derive) = derive {
            let others = derives(derive);
            *derive = parse_quote!(#[derive(#(#others,)* Default)]);
        }
    }
}

pub(super) fn is_list(ty: &syn::Type) -> bool {
    argument(ty, "Vec").is_some() || last_segment(ty).is_some_and(|name| name == "BTreeMap")
}

/// Whether one of serde's attributes has a word.
pub(super) fn has_serde_word(attribute: &Attribute, word: &str) -> bool {
    let Meta::List(list) = &attribute.meta else { return false };
    let mut tokens = list.tokens.clone().into_iter();
    list.path.is_ident("serde") && tokens.any(|token| token.to_string() == word)
}
