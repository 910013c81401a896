//! Stage 5: progenitor's code and the document become files to read.
//!
//! One page a file or a matter: `table`, `builders`, `client`, `by_name`, `types`, `members`, `enums`, `schemas`,
//! `validate` and `examples` make the files; `inputs`, `begin`, `exchange`, `paging`, `sample`, `limits`,
//! `json_schema`, `layout`, `paths`, `docs` and `secrets` serve several of them.

mod begin;
mod builders;
mod by_name;
mod client;
mod docs;
pub(crate) mod enums;
mod examples;
mod exchange;
mod inputs;
mod json_schema;
mod layout;
mod limits;
mod members;
mod paging;
mod paths;
mod printed;
mod sample;
mod schemas;
mod secrets;
mod table;
mod types;
mod validate;
mod writer;

use std::collections::BTreeMap;

use heck::{ToPascalCase as _, ToSnakeCase as _};
use proc_macro2::{Span, TokenStream};
use syn::{File, GenericArgument, Ident, Item, ItemMod, PathArguments, Type, parse_quote};

use paths::Names;
use writer::Writer;

use crate::{
    document::{Call, Schema},
    lower::parameter_names,
    spec::Spec,
};

/// A file to be written: its path below `src/generated/`, and its text.
pub type Page = (String, String);

/// A field of a generated struct.
#[derive(Clone, Debug)]
struct Field {
    /// Its Rust name.
    ident: Ident,
    /// Its name on the wire.
    wire: String,
    /// Its type.
    ty: Type,
}

/// The generated structs and their fields.
#[derive(Debug, Default)]
struct Model {
    structs: BTreeMap<String, Vec<Field>>,
}

impl Model {
    /// The fields of the struct `name`.
    fn fields(&self, name: &str) -> &[Field] {
        self.structs.get(name).map_or(&[], Vec::as_slice)
    }

    fn of(items: &[Item]) -> Self {
        let structs = items.iter().filter_map(|item| match item {
            Item::Struct(item) => Some((item.ident.to_string(), types::fields(&item.fields))),
            _ => None,
        });
        Self { structs: structs.collect() }
    }
}

/// An operation with the names its generated code has.
#[derive(Debug)]
struct OperationCode<'a> {
    operation: Call<'a>,
    /// The client's method.
    method: Ident,
    /// The operation's builder.
    builder: Ident,
    /// Progenitor's builder of it.
    made: Ident,
    /// The operation's constant in the table.
    constant: Ident,
    /// The parameters, in the order of the document.
    parameters: Vec<Field>,
}

impl OperationCode<'_> {
    /// The body, as a field.
    fn body(&self) -> Option<Field> {
        let name = quote::format_ident!("{}", self.operation.body_schema()?);
        Some(Field {
            ident: quote::format_ident!("body"),
            wire: "body".to_owned(),
            ty: parse_quote!(types::#name),
        })
    }
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
    types::rename(spec, &mut types);
    let exchanges =
        take_module(&mut items, "builder").ok_or_else(|| unexpected("module `builder`"))?;
    take_module(&mut items, "prelude");

    let model = Model::of(&types);
    let builders = Model::of(&exchanges);
    let codes: Vec<OperationCode<'_>> = spec
        .document
        .calls()
        .into_iter()
        .map(|operation| operation_code(operation, &builders))
        .collect::<Result<_, _>>()
        .map_err(|what| unexpected(&what))?;
    if let Some(member) = unchecked(spec, &model) {
        return Err(unexpected(&format!("field for `{member}`, so it would go unchecked")));
    }

    let members = members::text(spec, &types);
    let enums = enums::text(spec);
    let (validate, limits) = validate::items(spec, &model, &codes);
    let maker = Maker { spec, model: &model, limits: &limits };
    let validate = parse(validate)?.items;
    let schemas = schemas::text(&maker, &types);
    let mut pages = vec![
        maker.page("mod.rs", root(spec, members.is_some(), enums.is_some(), schemas.is_some())),
        maker.page("validate.rs", validate),
    ];
    let headed = |text: String| format!("{}{text}", first_line(spec));
    let texts = [
        ("builder.rs", Some(builders::text(&maker, &exchanges, &codes)?)),
        ("by_name.rs", Some(headed(by_name::text(&maker, &exchanges, &codes)?))),
        ("client.rs", Some(client::text(&maker, &codes)?)),
        ("enums.rs", enums.map(headed)),
        ("examples.rs", Some(headed(examples::text(&maker, &codes)))),
        ("members.rs", members.map(headed)),
        ("operations.rs", Some(table::text(spec, &codes))),
        ("schemas.rs", schemas.map(headed)),
        ("types.rs", Some(types::text(&maker, &types, &codes))),
    ];
    for (path, text) in texts {
        pages.extend(text.map(|text| (path.to_owned(), text)));
    }
    pages.sort();
    Ok(pages)
}

/// What the makers of files share.
struct Maker<'a> {
    spec: &'a Spec,
    model: &'a Model,
    limits: &'a limits::Limits,
}

impl Maker<'_> {
    fn page(&self, path: &str, items: Vec<Item>) -> Page {
        let text = self.text(items);
        (path.to_owned(), format!("{}{text}", first_line(self.spec)))
    }

    /// Items as text, with short paths and the `use` declarations these need.
    fn text(&self, mut items: Vec<Item>) -> String {
        let mut names = Names::new(self.spec);
        items.iter_mut().for_each(|item| names.shorten(item));
        let uses = names.declarations(&[]);
        let mut file = file(items);
        docs::break_lines(&mut file);
        let inner = file.items.iter().any(|item| matches!(item, Item::Mod(_)));
        let text = printed::laid_out(prettyplease::unparse(&file).trim());
        match inner {
            true => format!("{}\n\n{text}\n", docs::comment("//!", &self.title())),
            false if uses.is_empty() => format!("{text}\n"),
            false => format!("{uses}{text}\n"),
        }
    }

    fn title(&self) -> String {
        format!("{}, as `{}` describes it.", &*self.spec.document.info.title, self.spec.file)
    }
}

/// Whether something in the document is marked as deprecated.
fn has_deprecated(spec: &Spec) -> bool {
    let calls = spec.document.calls();
    let mut any = calls.iter().any(|call| {
        call.operation.deprecated || call.parameters().iter().any(|one| one.deprecated)
    });
    for (name, schema) in &spec.document.components.schemas {
        schema.visit(name, &mut |_, part| any |= part.is_deprecated());
    }
    any
}

/// The modules.
fn root(spec: &Spec, has_members: bool, has_enums: bool, has_schemas: bool) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    items.push(parse_quote!(
        /// One builder an operation: its parameters, its body, `send`.
        pub mod builder;
    ));
    items.push(parse_quote!(
        /// The operations by their names, with what each is given.
        #[cfg(feature = "by-name")]
        pub mod by_name;
    ));
    items.push(parse_quote!(
        mod client;
    ));
    if has_enums {
        items.push(parse_quote!(
            /// Enumerations, open to values of tomorrow.
            pub mod enums;
        ));
    }
    let examples =
        format!(" The named examples of `{}`, and functions that make use of them.", spec.file);
    items.push(parse_quote!(
        #[doc = #examples]
        #[cfg(feature = "examples")]
        pub mod examples;
    ));
    if has_members {
        items.push(parse_quote!(
            mod members;
        ));
    }
    items.push(parse_quote!(
        /// The operations, each with what is known of it before it is called.
        pub mod operations;
    ));
    if has_schemas {
        items.push(parse_quote!(
            #[cfg(feature = "schemars")]
            mod schemas;
        ));
    }
    items.extend::<[Item; 3]>([
        parse_quote!(
            /// What requests and answers are made of.
            pub mod types;
        ),
        parse_quote!(
            mod validate;
        ),
        parse_quote!(
            pub use client::Client;
        ),
    ]);
    if has_deprecated(spec) {
        for item in &mut items {
            if let Item::Mod(module) = item {
                module.attrs.push(parse_quote!(
                    #[allow(deprecated, reason = "what is marked is generated and read here")]
                ));
            }
        }
    }
    items
}

/// A member of a request that has no field, and so could not be checked.
fn unchecked(spec: &Spec, model: &Model) -> Option<String> {
    spec.document.request_schemas().into_iter().find_map(|name| {
        let Some(Schema::Object(object)) = spec.document.schema(name) else { return None };
        let has_field = |wire: &String| model.fields(name).iter().any(|it| it.wire == *wire);
        let wire = object.properties.keys().find(|wire| !has_field(wire))?;
        Some(format!("{name}.{wire}"))
    })
}

/// What every generated file begins with.
fn first_line(spec: &Spec) -> String {
    format!(
        "// @generated by `cargo xtask generate {}` from {}; do not edit\n\n",
        spec.provider, spec.file
    )
}

fn parse(tokens: TokenStream) -> Result<File, String> {
    syn::parse2(tokens).map_err(|e| format!("the generator made what is not Rust: {e}"))
}

fn file(items: Vec<Item>) -> File {
    File { shebang: None, frontmatter: None, attrs: Vec::new(), items }
}

/// The names of an operation's code; what progenitor's code lacks, if it lacks something.
fn operation_code<'a>(operation: Call<'a>, builders: &Model) -> Result<OperationCode<'a>, String> {
    let made = operation.id().to_pascal_case();
    let fields = builders.fields(&made);
    let bare = |name: &str| name.trim_end_matches('_').to_snake_case();
    let mut parameters = Vec::new();
    let names = parameter_names(&operation);
    for parameter in operation.parameters() {
        let wire = parameter.name.as_str();
        let name = names.get(wire).map_or(wire, |name| name);
        // A builder holds `Result<T, String>` for each parameter, under the snake form of progenitor's name for it.
        let field = fields
            .iter()
            .find(|field| bare(&field.ident.to_string().replace("r#", "")) == bare(name));
        let (field, ty) = field
            .and_then(|field| Some((field, argument(&field.ty, "Result")?)))
            .ok_or_else(|| format!("field for `{}.{wire}`", operation.id()))?;
        let (ident, ty) = (field.ident.clone(), ty.clone());
        parameters.push(Field { ident, wire: wire.to_owned(), ty });
    }
    let name = operation.name();
    let method = name.to_snake_case();
    let ident = |name: &str| Ident::new(name, Span::call_site());
    Ok(OperationCode {
        operation,
        constant: ident(&method.to_uppercase()),
        method: ident(&method),
        builder: ident(&name.to_pascal_case()),
        made: ident(&made),
        parameters,
    })
}

/// Takes the items of the module `name` out of `items`.
fn take_module(items: &mut Vec<Item>, name: &str) -> Option<Vec<Item>> {
    let index = items.iter().position(|item| matches!(item, Item::Mod(m) if m.ident == name))?;
    match items.remove(index) {
        Item::Mod(ItemMod { content: Some((_, inner)), .. }) => Some(inner),
        _ => None,
    }
}

/// How a function takes a value for a field, and how it becomes the field's: the argument's type, and
/// the expression made of its name.
fn taken(to: &mut Writer<'_>, ty: &Type, name: &str) -> (String, String) {
    let is_text = |ty: &Type| match ty {
        Type::Path(path) => {
            path.path.segments.iter().any(|segment| segment.ident == "enums")
                || ["String", "Base64", "Secret"]
                    .iter()
                    .any(|known| last_segment(ty).is_some_and(|last| last == known))
        }
        _ => false,
    };
    if is_text(ty) {
        return (format!("impl Into<{}>", to.ty(ty)), format!("{name}.into()"));
    }
    if let Some(item) = argument(ty, "Vec") {
        let of = to.ty(item);
        return match is_text(item) {
            true => (
                format!("impl IntoIterator<Item = impl Into<{of}>>"),
                format!("{name}.into_iter().map(Into::into).collect()"),
            ),
            false => {
                (format!("impl IntoIterator<Item = {of}>"), format!("{name}.into_iter().collect()"))
            }
        };
    }
    if let Some(inner) = argument(ty, "Box") {
        return (to.ty(inner), format!("Box::new({name})"));
    }
    (to.ty(ty), name.to_owned())
}

/// The last name of a type's path.
fn last_segment(ty: &Type) -> Option<&Ident> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| &segment.ident),
        _ => None,
    }
}

/// `T` of an `Option<T>`, any other type itself.
fn bare(ty: &Type) -> &Type {
    argument(ty, "Option").unwrap_or(ty)
}

/// `T` of `outer<T>`.
fn argument<'a>(ty: &'a Type, outer: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last().filter(|segment| segment.ident == outer)?;
    match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first()? {
            GenericArgument::Type(inner) => Some(inner),
            _ => None,
        },
        _ => None,
    }
}
