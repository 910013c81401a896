//! The types in the sources of a crate: their documentation, methods, and the results of those.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{
    Attribute, Expr, ExprLit, FnArg, ImplItem, ImplItemFn, Item, ItemImpl, Lit, Meta, ReceiverKind,
    ReturnType, Type, UseTree, Visibility,
};

use crate::expand;

/// The types of a crate.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// Types, by their names; those of `types` and `builder` have that before it.
    pub types: BTreeMap<String, Struct>,
    /// The names that `lib.rs` exports.
    pub exported: BTreeSet<String>,
}

/// A type, which counts if it is a public struct.
#[derive(Debug, Default)]
pub(super) struct Struct {
    /// False for another type, and for one that is not public.
    pub is_there: bool,
    /// Its own documentation.
    pub docs: String,
    /// Its public methods.
    pub methods: Vec<Method>,
    /// The words of the types of its public fields, and of those that its trait implementations give: the
    /// output of a future, say.
    pub gives: BTreeSet<String>,
}

/// A public method.
#[derive(Debug)]
pub(super) struct Method {
    pub name: String,
    pub docs: String,
    /// True if it begins a call of an operation of the document.
    pub is_operation: bool,
    /// True for `fn name(mut self, value: T) -> Self`.
    pub is_setter: bool,
    /// The names of its arguments.
    pub arguments: Vec<String>,
    /// The words of the type it returns.
    pub returns: BTreeSet<String>,
}

impl Source {
    /// Reads files, by their paths and texts.
    pub fn read(files: &[(PathBuf, String)]) -> Result<Self, String> {
        let mut source = Self::default();
        for (path, text) in files {
            let file = syn::parse_file(text)
                .map_err(|e| format!("{}: is not Rust: {e}", path.display()))?;
            let parts: Vec<_> = path.iter().rev().take(2).filter_map(|it| it.to_str()).collect();
            let is_generated = parts.get(1) == Some(&"generated");
            let prefix = match parts.first() {
                Some(&"types.rs") if is_generated => "types::",
                Some(&"builder.rs") if is_generated => "builder::",
                _ => "",
            };
            if parts.first() == Some(&"lib.rs") {
                for item in &file.items {
                    if let Item::Use(it) = item
                        && matches!(it.vis, Visibility::Public(_))
                    {
                        exported(&it.tree, &mut source.exported);
                    }
                }
            }
            source
                .add(&file.items, prefix, is_generated)
                .map_err(|e| format!("{}: {e}", path.display()))?;
        }
        Ok(source)
    }

    fn add(&mut self, items: &[Item], prefix: &str, is_generated: bool) -> syn::Result<()> {
        for item in items {
            match item {
                Item::Struct(it) if matches!(it.vis, Visibility::Public(_)) => {
                    let entry = self.types.entry(format!("{prefix}{}", it.ident)).or_default();
                    entry.is_there = true;
                    entry.docs = docs(&it.attrs);
                    for field in &it.fields {
                        if matches!(field.vis, Visibility::Public(_)) {
                            words(field.ty.to_token_stream(), &mut entry.gives);
                        }
                    }
                }
                Item::Impl(it) => self.add_impl(it, prefix, is_generated),
                Item::Macro(it) => {
                    for item in expand::methods(&it.mac)? {
                        self.add_impl(&item, prefix, is_generated);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn add_impl(&mut self, item: &ItemImpl, prefix: &str, is_generated: bool) {
        let Type::Path(path) = &*item.self_ty else { return };
        let Some(name) = path.path.segments.last().map(|part| &part.ident) else { return };
        // `types.rs` has setters of builders.
        let is_builder = path.path.segments.first().is_some_and(|it| it.ident == "builder");
        let prefix = if is_builder { "builder::" } else { prefix };
        let entry = self.types.entry(format!("{prefix}{name}")).or_default();
        for part in &item.items {
            match part {
                ImplItem::Type(it) => words(it.ty.to_token_stream(), &mut entry.gives),
                ImplItem::Fn(it)
                    if item.trait_.is_none()
                        && matches!(it.vis, Visibility::Public(_))
                        && !is_hidden(&it.attrs) =>
                {
                    entry.methods.push(method(it, is_generated));
                }
                _ => {}
            }
        }
    }
}

fn method(item: &ImplItemFn, is_generated: bool) -> Method {
    let mut returns = BTreeSet::new();
    if let ReturnType::Type(_, ty) = &item.sig.output {
        words(ty.to_token_stream(), &mut returns);
    }
    let takes_itself =
        |it: &FnArg| matches!(it, FnArg::Receiver(it) if matches!(it.kind, ReceiverKind::Value));
    let inputs = &item.sig.inputs;
    let is_setter =
        inputs.len() == 2 && inputs.first().is_some_and(takes_itself) && returns.contains("Self");
    let argument = |it: &FnArg| match it {
        FnArg::Typed(it) => Some(bare(&it.pat.to_token_stream().to_string())),
        FnArg::Receiver(_) => None,
    };
    Method {
        name: bare(&item.sig.ident.to_string()),
        docs: docs(&item.attrs),
        is_operation: is_generated && returns.contains("builder"),
        is_setter,
        arguments: inputs.iter().filter_map(argument).collect(),
        returns,
    }
}

/// A name as it is read, without the mark of a keyword.
fn bare(name: &str) -> String {
    name.trim_start_matches("r#").to_owned()
}

/// The names that a `pub use` gives.
fn exported(tree: &UseTree, into: &mut BTreeSet<String>) {
    match tree {
        UseTree::Path(it) => exported(&it.tree, into),
        UseTree::Name(it) => _ = into.insert(it.ident.to_string()),
        UseTree::Rename(it) => _ = into.insert(it.rename.to_string()),
        UseTree::Group(it) => it.items.iter().for_each(|tree| exported(tree, into)),
        _ => {}
    }
}

/// The identifiers among tokens.
fn words(tokens: TokenStream, into: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => _ = into.insert(ident.to_string()),
            TokenTree::Group(group) => words(group.stream(), into),
            _ => {}
        }
    }
}

fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|it| {
        let Meta::List(list) = &it.meta else { return false };
        list.path.is_ident("doc") && list.tokens.to_string().contains("hidden")
    })
}

/// The documentation comment, a line a line.
fn docs(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    for attribute in attributes {
        if let Meta::NameValue(pair) = &attribute.meta
            && pair.path.is_ident("doc")
            && let Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) = &pair.value
        {
            let line = line.value();
            text.push_str(line.strip_prefix(' ').unwrap_or(&line));
            text.push('\n');
        }
    }
    text
}
