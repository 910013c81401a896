//! Makes `types.rs`: what requests and answers are made of.

use std::collections::BTreeMap;

use syn::{Attribute, Fields, Ident, Item, ItemStruct, LitStr, Meta, parse_quote};

use super::{
    Field, Maker, OperationCode, argument,
    inputs::{Inputs, Shared},
    last_segment,
    members::EXTRA,
    taken,
    writer::{Setter, Writer},
};
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

/// The file: progenitor's structs, each followed by its constructor and its setters.
pub(super) fn text(maker: &Maker<'_>, items: &[Item], codes: &[OperationCode<'_>]) -> String {
    let spec = maker.spec;
    // The builders that have a value of a type, as the macro of setters takes them.
    let mut builders: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for code in codes {
        for Shared { ty, at } in Inputs::of(maker, code).sharing {
            let builder = format!("builder::{}<'_> at {at}", code.builder);
            builders.entry(ty).or_default().push(builder);
        }
    }
    let (requests, answers) = (spec.document.request_schemas(), spec.lenient_schemas());
    let mut to = Writer::new(spec);
    for item in items {
        let Item::Struct(item) = item else { continue };
        let name = item.ident.to_string();
        let Some(Schema::Object(schema)) = spec.document.schema(&name) else { continue };
        let mut fields = fields(&item.fields);
        if answers.contains(&name) {
            let extra = fields.iter_mut().filter(|field| field.ident == EXTRA);
            extra.for_each(|field| field.ty = parse_quote!(::guestexec_core::Extra));
        }
        let of = Struct { maker, name: &name, item, schema, fields };
        let has_default = answers.contains(&name) || of.needed().is_empty();
        of.declare(&mut to, has_default);
        if requests.contains(name.as_str()) {
            of.implement(&mut to, builders.get(&name).map_or(&[], |builders| builders));
        }
    }
    let uses = if builders.is_empty() { None } else { Some("super::builder".to_owned()) };
    to.finish(uses.as_slice())
}

/// A type to be written.
struct Struct<'a> {
    maker: &'a Maker<'a>,
    name: &'a str,
    item: &'a ItemStruct,
    schema: &'a ObjectSchema,
    fields: Vec<Field>,
}

impl Struct<'_> {
    /// The fields that must be given.
    fn needed(&self) -> Vec<&Field> {
        needed(&self.fields, self.schema)
    }

    /// The struct itself.
    fn declare(&self, to: &mut Writer<'_>, has_default: bool) {
        let Self { maker, name, schema, .. } = self;
        to.gap();
        let about = schema.description.as_deref().map(str::trim);
        to.doc(0, about.unwrap_or(&format!("`{name}`.")));
        // `members.rs` has the `Debug` of a type with sensitive members.
        let is_sensitive = self.fields.iter().any(|field| is_sensitive(field, schema));
        let derives: Vec<&str> = [
            ("Clone", true),
            ("Debug", !is_sensitive),
            ("Default", has_default),
            ("PartialEq", true),
        ]
        .into_iter()
        .filter_map(|(name, is)| is.then_some(name))
        .collect();
        to.line(0, &format!("#[derive({})]", derives.join(", ")));
        to.line(0, "#[non_exhaustive]");
        if let Fields::Unnamed(fields) = &self.item.fields {
            let content: Vec<String> =
                fields.unnamed.iter().map(|field| format!("pub {}", to.ty(&field.ty))).collect();
            return to.line(0, &format!("pub struct {name}({});", content.join(", ")));
        }
        to.line(0, &format!("pub struct {name} {{"));
        for field in &self.fields {
            let member = schema.properties.get(&field.wire);
            match described(maker, member) {
                Some(text) => to.doc(4, &text),
                None if field.ident == EXTRA => to.doc(
                    4,
                    "Members that have no field here, or were not of their type, as they came.",
                ),
                None => to.doc(4, &format!("`{}`.", field.wire)),
            }
            to.deprecated(4, member.is_some_and(Schema::is_deprecated));
            let ty = to.ty(&field.ty);
            to.line(4, &format!("pub {}: {ty},", field.ident));
        }
        to.line(0, "}");
    }

    /// The limits; `new`, with the required members; and a setter for each other member: a member that is
    /// added later breaks no code that uses them. `builders` have the same setters.
    fn implement(&self, to: &mut Writer<'_>, builders: &[String]) {
        let Self { maker, name, schema, .. } = self;
        to.gap();
        to.line(0, &format!("impl {name} {{"));
        maker.limits.write(name, to);
        let needed = self.needed();
        let others: Vec<&Field> =
            self.fields.iter().filter(|field| !is_needed(field, schema)).collect();
        to.gap();
        to.doc(
            4,
            match needed.is_empty() {
                true => "Creates a value with no member set.",
                false => "Creates a value with the required members.",
            },
        );
        to.many(4, needed.len());
        let (mut arguments, mut values) = (Vec::new(), Vec::new());
        for field in &needed {
            let (ty, value) = taken(to, &field.ty, &field.ident.to_string());
            arguments.push(format!("{}: {ty}", field.ident));
            values.push(match field.ident == value {
                true => value,
                false => format!("{}: {value}", field.ident),
            });
        }
        values.extend(others.iter().map(|field| {
            let kind = last_segment(&field.ty).map(ToString::to_string);
            let value = match kind.as_deref() {
                Some("Option") => "None",
                Some("Vec") => "Vec::new()",
                _ => "Default::default()",
            };
            format!("{}: {value}", field.ident)
        }));
        to.call(4, "pub fn new", &arguments, " -> Self {");
        match needed.is_empty() {
            // Not `Self::default()`, which may be the setter of a member.
            true => to.line(8, "Default::default()"),
            false => to.fields(8, "Self", &values),
        }
        to.line(4, "}");
        to.line(0, "}");
        let others = others.iter().filter(|field| field.ident != "new");
        let setters = others.map(|field| {
            let member = schema.properties.get(&field.wire);
            let about = described(maker, member);
            Setter {
                name: field.ident.clone(),
                sets: None,
                ty: field.ty.clone(),
                about: about.unwrap_or_else(|| format!("Sets `{}`.", field.wire)),
                is_deprecated: member.is_some_and(Schema::is_deprecated),
            }
        });
        let setters: Vec<Setter> = setters.collect();
        to.setters(name, builders, &setters);
    }
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

/// What the document says of a member, or of the type that it refers to.
pub(super) fn described(maker: &Maker<'_>, property: Option<&Schema>) -> Option<String> {
    let target = || maker.spec.document.resolve(property?)?.description();
    property?.description().or_else(target).map(|text| text.trim().to_owned())
}

/// Whether the document marks the member of a field as sensitive.
pub(super) fn is_sensitive(field: &Field, schema: &ObjectSchema) -> bool {
    schema.properties.get(&field.wire).is_some_and(Schema::is_sensitive)
}

/// Whether a type is a list or a map.
pub(super) fn is_list(ty: &syn::Type) -> bool {
    argument(ty, "Vec").is_some() || last_segment(ty).is_some_and(|name| name == "BTreeMap")
}

/// Whether one of serde's attributes has a word.
pub(super) fn has_serde_word(attribute: &Attribute, word: &str) -> bool {
    let Meta::List(list) = &attribute.meta else { return false };
    let mut tokens = list.tokens.clone().into_iter();
    list.path.is_ident("serde") && tokens.any(|token| token.to_string() == word)
}
