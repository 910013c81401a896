//! Stage 5: the generated code becomes files to read.
//!
//! Split by role, without what no caller uses, documented throughout, `///` comments; each
//! operation checks its request first and reports one typed error.

mod answers;
mod docs;
mod operations;
mod types;

use heck::{ToPascalCase as _, ToSnakeCase as _};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, Field as StructField, Fields, File, Ident, Item, ItemMod, Type};

pub use docs::doc_lines;

use crate::{
    checks, enums, examples,
    spec::{Operation, Spec},
};

/// A file to be written: its path below `src/generated/`, and its text.
pub type Page = (String, String);

/// A field of a generated struct.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its Rust name.
    pub ident: Ident,
    /// Its name on the wire.
    pub wire: String,
    /// Its type.
    pub ty: Type,
}

/// The generated structs and their fields.
#[derive(Debug, Default)]
pub struct Model {
    structs: Vec<(String, Vec<Field>)>,
}

impl Model {
    /// The fields of the struct `name`.
    pub fn fields(&self, name: &str) -> &[Field] {
        self.structs.iter().find(|(other, _)| other == name).map_or(&[], |(_, fields)| fields)
    }

    fn of(items: &[Item]) -> Self {
        let structs = items
            .iter()
            .filter_map(|item| match item {
                Item::Struct(item) => Some((item.ident.to_string(), fields(&item.fields))),
                _ => None,
            })
            .collect();
        Self { structs }
    }
}

/// An operation with the names its generated code has.
#[derive(Debug)]
pub struct OperationCode<'a> {
    /// The operation.
    pub operation: Operation<'a>,
    /// The client's method.
    pub method: Ident,
    /// The parameters: fields of the operation's builder, by their names on the wire.
    pub fields: Vec<Field>,
}

/// Makes the files of a document from progenitor's code.
///
/// # Errors
/// A sentence, if the code does not have the form this generator knows: another progenitor.
pub fn files(spec: &Spec, code: File) -> Result<Vec<Page>, String> {
    let mut items = code.items;
    let unexpected =
        |what: &str| format!("{}: progenitor's code has no {what}: another version?", spec.file);
    let mut types = take_module(&mut items, "types").ok_or_else(|| unexpected("module `types`"))?;
    let mut operations =
        take_module(&mut items, "builder").ok_or_else(|| unexpected("module `builder`"))?;
    take_module(&mut items, "prelude");
    // A document without objects has none.
    let mut type_builders = take_module(&mut types, "builder").unwrap_or_default();

    let model = Model::of(&types);
    let builders = Model::of(&operations);
    let codes: Vec<OperationCode<'_>> = spec
        .operations()
        .into_iter()
        .map(|operation| operation_code(operation, &builders))
        .collect::<Option<_>>()
        .ok_or_else(|| unexpected("builder for an operation"))?;

    let used_in_requests = spec.request_schemas();
    let answers = answers::text(spec, &model);
    if let Some(member) = unchecked(spec, &model, &codes) {
        return Err(unexpected(&format!("field for `{member}`, so it would go unchecked")));
    }
    types::tidy(spec, &mut types, &mut type_builders, &model, &used_in_requests);
    operations::tidy(spec, &mut operations, &codes)?;
    operations::tidy_client(&mut items);

    let enumerations = enums::text(spec);
    let examples = examples::items(&codes);
    let validate = checks::items(spec, &model, &codes);
    let has_answers = answers.as_ref().map(|_| {
        quote!(
            mod answers;
        )
    });
    let has_enums = enumerations.as_ref().map(|_| {
        quote! {
            /// Enumerations, open to values of tomorrow.
            pub mod enums;
        }
    });
    let title = doc_lines(&format!(
        "{}, as `{}` describes it.",
        spec.document["info"]["title"].as_str().unwrap_or_default(),
        spec.file
    ));
    let modules: File = syn::parse2(quote! {
        #(#![doc = #title])*

        #has_answers
        /// One builder an operation: parameters, body, `send`.
        #[allow(clippy::all)]
        pub mod builder;
        #has_enums
        /// The document's named examples, and a function that sends one.
        #[cfg(feature = "examples")]
        pub mod examples;
        /// What requests and answers are made of.
        #[allow(clippy::all)]
        pub mod types;
        #[allow(clippy::all)]
        mod validate;
    })
    .map_err(|e| unexpected(&e.to_string()))?;
    let mut root = modules;
    root.items.extend(operations::lists(&codes));
    root.items.extend(items);
    types.push(syn::parse_quote! {
        /// Builders for the types that appear in requests.
        pub mod builder;
    });

    let files = [
        ("mod.rs", root),
        ("types.rs", file(types)),
        ("types/builder.rs", file(type_builders)),
        ("builder.rs", file(operations)),
        ("validate.rs", parse(validate)?),
        ("examples.rs", parse(examples)?),
    ];
    let mut pages: Vec<Page> = files.map(|(path, file)| page(spec, path, file)).into();
    for (path, text) in [("answers.rs", answers), ("enums.rs", enumerations)] {
        pages.extend(text.map(|text| (path.to_owned(), format!("{}{text}", first_line(spec)))));
    }
    Ok(pages)
}

/// A member or parameter that has no field, and so could not be checked.
fn unchecked(spec: &Spec, model: &Model, codes: &[OperationCode<'_>]) -> Option<String> {
    let has = |fields: &[Field], wire: &str| fields.iter().any(|field| field.wire == wire);
    for name in spec.request_schemas() {
        let properties = spec.schema(&name).and_then(|schema| schema["properties"].as_object());
        for (wire, _) in properties.into_iter().flatten() {
            if !has(model.fields(&name), wire) {
                return Some(format!("{name}.{wire}"));
            }
        }
    }
    for code in codes {
        for parameter in code.operation.parameters() {
            let wire = parameter["name"].as_str().unwrap_or_default();
            if !has(&code.fields, wire) {
                return Some(format!("{}.{wire}", code.operation.id()));
            }
        }
    }
    None
}

/// What every generated file begins with.
fn first_line(spec: &Spec) -> String {
    format!(
        "// @generated by `cargo xtask generate {}` from {}; do not edit\n\n",
        spec.provider, spec.file
    )
}

fn page(spec: &Spec, path: &str, mut file: File) -> Page {
    docs::as_lines(&mut file);
    let first = first_line(spec);
    let text = prettyplease::unparse(&file);
    (path.to_owned(), format!("{first}{}\n", spaced(text.trim())))
}

/// Sets a blank line after a block, after inner comments, and before each commented item at the
/// margin.
fn spaced(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        let before = lines.last().copied().unwrap_or_default();
        let begins = |prefix: &str| line.starts_with(prefix) && !before.starts_with(prefix);
        let bare = line.trim_start();
        // Deeper than this are statements and arms, which stand together.
        let shallow = line.len() - bare.len() <= 8;
        let after_block = before.trim_start() == "}" && shallow && !bare.starts_with('}');
        let after_inner = before.starts_with("//!") && !line.starts_with("//!");
        // An attribute may already stand before the comment's item.
        let apart = !before.is_empty() && !before.starts_with("#[");
        if after_block || (apart && (after_inner || begins("///"))) {
            lines.push("");
        }
        lines.push(line);
    }
    lines.join("\n")
}

fn parse(tokens: TokenStream) -> Result<File, String> {
    syn::parse2(tokens).map_err(|e| format!("the generator made what is not Rust: {e}"))
}

fn file(items: Vec<Item>) -> File {
    File { shebang: None, frontmatter: None, attrs: Vec::new(), items }
}

fn operation_code<'a>(operation: Operation<'a>, builders: &Model) -> Option<OperationCode<'a>> {
    let name = operation.id().to_pascal_case();
    let mut fields = builders.structs.iter().find(|(other, _)| *other == name)?.1.clone();
    // A builder holds `Result<T, String>` for each parameter, under the parameter's snake name.
    for field in &mut fields {
        if let Some(inner) = checks::argument(&field.ty, "Result") {
            field.ty = inner.clone();
        }
        let bare = |name: &str| name.trim_end_matches('_').to_snake_case();
        let ident = bare(&field.ident.to_string().replace("r#", ""));
        let parameters = operation.parameters();
        let named = parameters.iter().filter_map(|parameter| parameter["name"].as_str());
        if let Some(wire) = named.into_iter().find(|wire| bare(wire) == ident) {
            field.wire = wire.to_owned();
        }
    }
    let method = format_ident!("{}", operation.id().to_snake_case());
    Some(OperationCode { operation, method, fields })
}

/// Takes the items of the module `name` out of `items`.
fn take_module(items: &mut Vec<Item>, name: &str) -> Option<Vec<Item>> {
    let index = items.iter().position(|item| matches!(item, Item::Mod(m) if m.ident == name))?;
    match items.remove(index) {
        Item::Mod(ItemMod { content: Some((_, inner)), .. }) => Some(inner),
        _ => None,
    }
}

fn fields(fields: &Fields) -> Vec<Field> {
    fields
        .iter()
        .filter_map(|field| {
            let ident = field.ident.clone()?;
            Some(Field { wire: wire_name(field, &ident), ty: field.ty.clone(), ident })
        })
        .collect()
}

/// The name that `#[serde(rename = "…")]` gives, or the field's own.
fn wire_name(field: &StructField, ident: &Ident) -> String {
    let mut wire = ident.to_string().trim_start_matches("r#").to_owned();
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        // The other words of the attribute make this stop early or late; only the name matters.
        let _ = attribute.parse_nested_meta(|meta| {
            let value = meta.value().and_then(|value| value.parse::<syn::LitStr>());
            if let (true, Ok(name)) = (meta.path.is_ident("rename"), value) {
                wire = name.value();
            }
            Ok(())
        });
    }
    wire
}

/// True where an attribute documents.
fn is_doc(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc")
}
