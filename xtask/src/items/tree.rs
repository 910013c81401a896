//! The modules of a crate, and the way from its root to what is public.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{Attribute, Fields, File, ImplItem, Item, ItemImpl, ItemUse, Type, UseTree, Visibility};

use super::signature::{self, conditions, is_hidden, marks};
use crate::expand;

/// How deep modules and re-exports are followed; a crate that needs more has a circle.
const DEPTH: usize = 16;

/// The name of a module: its path from the crate's root.
type Name = Vec<String>;

/// A crate.
#[derive(Default)]
pub(super) struct Tree {
    modules: BTreeMap<Name, Module>,
}

#[derive(Default)]
struct Module {
    items: Vec<Item>,
    /// Its items, with the conditions of the modules around it.
    conditions: Vec<String>,
    /// The names of what it defines, also by a macro.
    defined: BTreeSet<String>,
    /// Names that it brings into scope: the name here, and the path.
    uses: Vec<(String, Vec<String>, bool)>,
    /// Paths of which it brings all names into scope.
    globs: Vec<(Vec<String>, bool)>,
}

impl Tree {
    /// Reads all modules.
    pub fn read(read: &dyn Fn(&str) -> Result<Option<String>, String>) -> Result<Self, String> {
        let mut tree = Self::default();
        let text = read("lib.rs")?.ok_or("lib.rs: there is none")?;
        let items = parse("lib.rs", &text)?;
        tree.add(read, Vec::new(), "", items, Vec::new())?;
        Ok(tree)
    }

    /// Adds a module whose children's files are in `folder`, which is empty or ends with `/`.
    fn add(
        &mut self,
        read: &dyn Fn(&str) -> Result<Option<String>, String>,
        name: Name,
        folder: &str,
        items: Vec<Item>,
        under: Vec<String>,
    ) -> Result<(), String> {
        if name.len() > DEPTH {
            return Err(format!("{folder}: the modules are too deep"));
        }
        let mut module = Module::default();
        for item in items {
            match item {
                Item::Mod(mut child) if !is_hidden(&child.attrs) => {
                    let ident = child.ident.to_string();
                    let inner = format!("{folder}{ident}/");
                    let items = match child.content.take() {
                        Some((_, items)) => items,
                        None => {
                            let files = [format!("{folder}{ident}.rs"), format!("{inner}mod.rs")];
                            let mut found = None;
                            for file in &files {
                                if let Some(text) = read(file)? {
                                    found = Some(parse(file, &text)?);
                                    break;
                                }
                            }
                            found.ok_or_else(|| format!("{}: there is no such file", files[0]))?
                        }
                    };
                    let mut path = name.clone();
                    path.push(ident);
                    let under = under.iter().cloned().chain(conditions(&child.attrs)).collect();
                    self.add(read, path, &inner, items, under)?;
                    module.items.push(Item::Mod(child));
                }
                Item::Use(item) => {
                    let public = is_public(&item.vis);
                    names(&item.tree, Vec::new(), public, &mut module);
                    module.items.push(Item::Use(item));
                }
                Item::Macro(item) => {
                    let methods = expand::methods(&item.mac);
                    let methods = methods.map_err(|e| format!("{folder}: a macro: {e}"))?;
                    module.items.extend(methods.into_iter().map(Item::Impl));
                    module.items.push(Item::Macro(item));
                }
                other => module.items.push(other),
            }
        }
        module.defined = module.items.iter().filter_map(defined).collect();
        module.conditions = under;
        self.modules.insert(name, module);
        Ok(())
    }

    /// The lines of all public items.
    pub fn public_items(&self) -> BTreeSet<String> {
        let mut walk = Walk { tree: self, lines: BTreeSet::new(), shown: BTreeMap::new() };
        walk.module(&Vec::new(), "", &[], DEPTH);
        walk.implementations();
        walk.lines
    }

    /// The module and name that a path leads to from a module; none where it leads out of the crate.
    fn resolve(&self, from: &Name, path: &[String], depth: usize) -> Option<(Name, String)> {
        let depth = depth.checked_sub(1)?;
        let (last, way) = path.split_last()?;
        let Some((first, rest)) = way.split_first() else {
            if ["crate", "self", "super"].contains(&last.as_str()) {
                return None;
            }
            let module = self.modules.get(from)?;
            if module.defined.contains(last) {
                return Some((from.clone(), last.clone()));
            }
            let used =
                module.uses.iter().find(|(name, path, _)| name == last && !is_itself(path, name));
            if let Some((_, path, _)) = used {
                return self.resolve(from, path, depth);
            }
            return module.globs.iter().find_map(|(path, _)| {
                let inner = self.walk(from, path, depth)?;
                self.resolve(&inner, std::slice::from_ref(last), depth)
            });
        };
        let mut at = self.walk(from, std::slice::from_ref(first), depth)?;
        for part in rest {
            at = self.walk(&at, std::slice::from_ref(part), depth)?;
        }
        self.resolve(&at, std::slice::from_ref(last), depth)
    }

    /// The module that a path of modules leads to.
    fn walk(&self, from: &Name, path: &[String], depth: usize) -> Option<Name> {
        let depth = depth.checked_sub(1)?;
        let mut at = from.clone();
        for part in path {
            match part.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => {
                    at.pop()?;
                }
                child => {
                    let mut inner = at.clone();
                    inner.push(child.to_owned());
                    if self.modules.contains_key(&inner) {
                        at = inner;
                    } else {
                        // A module may be in scope by a `use`.
                        let module = self.modules.get(&at)?;
                        let (_, path, _) = module
                            .uses
                            .iter()
                            .find(|(name, path, _)| name == child && !is_itself(path, name))?;
                        at = self.walk(&at, path, depth)?;
                    }
                }
            }
        }
        self.modules.contains_key(&at).then_some(at)
    }
}

/// True for a path that is the name alone, which leads nowhere new.
fn is_itself(path: &[String], name: &str) -> bool {
    matches!(path, [only] if only == name)
}

/// A path by which users reach an item, and the conditions for it.
type Way = (String, Vec<String>);

/// One's way from the root.
struct Walk<'a> {
    tree: &'a Tree,
    lines: BTreeSet<String>,
    /// The public paths of what was seen, by module and name.
    shown: BTreeMap<(Name, String), Vec<Way>>,
}

impl Walk<'_> {
    fn line(&mut self, conditions: &[String], text: String) {
        let condition: String =
            conditions.iter().map(|condition| format!(" [{condition}]")).collect();
        self.lines.insert(text + &condition);
    }

    /// The public items of a module, which users reach as `path`.
    fn module(&mut self, name: &Name, path: &str, under: &[String], depth: usize) {
        let tree = self.tree;
        let (Some(module), Some(depth)) = (tree.modules.get(name), depth.checked_sub(1)) else {
            return;
        };
        for item in &module.items {
            let attributes = attributes(item);
            if is_hidden(attributes) {
                continue;
            }
            let under: Vec<String> = under.iter().cloned().chain(conditions(attributes)).collect();
            match item {
                Item::Use(item) if is_public(&item.vis) => {
                    self.reexports(name, item, path, &under, depth)
                }
                Item::Use(_) => {}
                Item::Macro(item) => {
                    if let Some(made) = Made::of(&item.mac) {
                        self.made(name, &made, path, &under);
                    }
                }
                item => {
                    if let Some(ident) = public_name(item) {
                        self.item(name, item, &format!("{path}{ident}"), &under, depth);
                    }
                }
            }
        }
    }

    fn reexports(
        &mut self,
        name: &Name,
        item: &ItemUse,
        path: &str,
        under: &[String],
        depth: usize,
    ) {
        let mut shown = Module::default();
        names(&item.tree, Vec::new(), true, &mut shown);
        for (alias, target, _) in &shown.uses {
            let public = format!("{path}{alias}");
            if let Some(module) = self.tree.walk(name, target, DEPTH) {
                self.line(under, format!("{public}: mod"));
                self.module(&module, &format!("{public}::"), under, depth);
                continue;
            }
            match self.tree.resolve(name, target, DEPTH) {
                Some((module, ident)) => self.named(&module, &ident, &public, under, depth),
                None => self.line(under, format!("{public}: use {}", target.join("::"))),
            }
        }
        for (target, _) in &shown.globs {
            match self.tree.walk(name, target, DEPTH) {
                Some(module) => self.module(&module, path, under, depth),
                None => self.line(under, format!("{path}*: use {}::*", target.join("::"))),
            }
        }
    }

    /// The item `ident` of a module, which users reach as `path`.
    fn named(&mut self, module: &Name, ident: &str, path: &str, under: &[String], depth: usize) {
        let tree = self.tree;
        let Some(found) = tree.modules.get(module) else { return };
        for item in found.items.iter().filter(|item| defined(item).as_deref() == Some(ident)) {
            let under: Vec<String> =
                under.iter().cloned().chain(conditions(attributes(item))).collect();
            match item {
                Item::Macro(item) => {
                    if let Some(made) = Made::of(&item.mac) {
                        self.shown(module, ident, path, &under);
                        made.lines(path).into_iter().for_each(|line| self.line(&under, line));
                    }
                }
                item => self.item(module, item, path, &under, depth),
            }
        }
    }

    fn shown(&mut self, module: &Name, ident: &str, path: &str, under: &[String]) {
        let paths = self.shown.entry((module.clone(), ident.to_owned())).or_default();
        if !paths.iter().any(|(other, _)| other == path) {
            paths.push((path.to_owned(), under.to_vec()));
        }
    }

    fn made(&mut self, module: &Name, made: &Made, path: &str, under: &[String]) {
        if let Made::Enumeration { name, .. } = made {
            let path = format!("{path}{name}");
            self.shown(module, name, &path, under);
            made.lines(&path).into_iter().for_each(|line| self.line(under, line));
        }
    }

    fn item(&mut self, module: &Name, item: &Item, path: &str, under: &[String], depth: usize) {
        let ident = path.rsplit("::").next().unwrap_or(path).to_owned();
        let own = own_name(item).unwrap_or(ident);
        match item {
            Item::Mod(_) => {
                let mut inner = module.clone();
                inner.push(own);
                self.line(under, format!("{path}: mod"));
                self.module(&inner, &format!("{path}::"), under, depth);
            }
            Item::Const(item) => {
                self.line(under, format!("{path}: const {}", signature::ty(&item.ty)));
            }
            Item::Static(item) => {
                self.line(under, format!("{path}: static {}", signature::ty(&item.ty)));
            }
            Item::Fn(item) => {
                let text = signature::function(&item.sig);
                self.line(under, format!("{path}: {}{text}", marks(&item.attrs)));
            }
            Item::Type(item) => {
                let ty = signature::ty(&item.ty);
                self.line(
                    under,
                    format!("{path}: type{} = {ty}", signature::generics(&item.generics)),
                );
            }
            Item::Struct(item) => {
                let generics = signature::generics(&item.generics);
                let hidden = has_hidden_fields(&item.fields);
                let rest = if hidden { " with private fields" } else { "" };
                self.line(under, format!("{path}: {}struct{generics}{rest}", marks(&item.attrs)));
                self.fields(&item.fields, path, under, true);
                self.derived(&item.attrs, path, under);
                self.shown(module, &own, path, under);
            }
            Item::Enum(item) => {
                let generics = signature::generics(&item.generics);
                self.line(under, format!("{path}: {}enum{generics}", marks(&item.attrs)));
                for variant in item.variants.iter().filter(|it| !is_hidden(&it.attrs)) {
                    let name = format!("{path}::{}", variant.ident);
                    self.line(under, format!("{name}: {}variant", marks(&variant.attrs)));
                    self.fields(&variant.fields, &name, under, false);
                }
                self.derived(&item.attrs, path, under);
                self.shown(module, &own, path, under);
            }
            Item::Trait(item) => {
                let generics = signature::generics(&item.generics);
                let bounds = item.supertraits.to_token_stream().to_string();
                let bounds = if bounds.is_empty() { bounds } else { format!(": {bounds}") };
                self.line(under, format!("{path}: trait{generics}{bounds}"));
                for member in &item.items {
                    let line = match member {
                        syn::TraitItem::Fn(it) => {
                            let provided = if it.default.is_some() { " { … }" } else { "" };
                            format!("{path}: {}{provided}", signature::function(&it.sig))
                        }
                        syn::TraitItem::Const(it) => {
                            format!("{path}::{}: const {}", it.ident, signature::ty(&it.ty))
                        }
                        syn::TraitItem::Type(it) => format!("{path}::{}: type", it.ident),
                        _ => continue,
                    };
                    self.line(under, line);
                }
                self.shown(module, &own, path, under);
            }
            _ => {}
        }
    }

    fn fields(&mut self, fields: &Fields, path: &str, under: &[String], only_public: bool) {
        for (index, field) in fields.iter().enumerate() {
            if (only_public && !is_public(&field.vis)) || is_hidden(&field.attrs) {
                continue;
            }
            let name = field.ident.as_ref().map_or_else(|| index.to_string(), ToString::to_string);
            let (marks, ty) = (marks(&field.attrs), signature::ty(&field.ty));
            self.line(under, format!("{path}.{name}: {marks}{ty}"));
        }
    }

    fn derived(&mut self, attributes: &[Attribute], path: &str, under: &[String]) {
        for (name, needs) in signature::derived(attributes) {
            let under: Vec<String> = under.iter().cloned().chain(needs).collect();
            self.line(&under, format!("{path}: impl {name}"));
        }
    }

    /// The implementations for the listed types.
    fn implementations(&mut self) {
        let tree = self.tree;
        for (name, module) in &tree.modules {
            for item in &module.items {
                match item {
                    Item::Impl(item) if !is_hidden(&item.attrs) => {
                        self.implementation(name, item, &module.conditions);
                    }
                    Item::Macro(item) => {
                        if let Some(Made::Of { name: ty, lines }) = Made::of(&item.mac) {
                            self.of_type(name, &[ty], &module.conditions, |path| {
                                lines.iter().map(|line| format!("{path}: {line}")).collect()
                            });
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// Lists lines for each public path of a type.
    fn of_type(
        &mut self,
        module: &Name,
        ty: &[String],
        under: &[String],
        lines: impl Fn(&str) -> Vec<String>,
    ) {
        let Some(found) = self.tree.resolve(module, ty, DEPTH) else { return };
        for (path, conditions) in self.shown.get(&found).cloned().unwrap_or_default() {
            let more = under.iter().filter(|condition| !conditions.contains(condition));
            let under: Vec<String> = conditions.iter().chain(more).cloned().collect();
            lines(&path).into_iter().for_each(|line| self.line(&under, line));
        }
    }

    fn implementation(&mut self, module: &Name, item: &ItemImpl, around: &[String]) {
        let Some(ty) = path_of(&item.self_ty) else { return };
        let under: Vec<String> = around.iter().cloned().chain(conditions(&item.attrs)).collect();
        if let Some((of, _)) = &item.trait_ {
            let of = signature::trait_of(of);
            let generics = signature::generics(&item.generics);
            let arguments = signature::ty(&item.self_ty);
            let arguments = arguments.find('<').map_or("", |at| &arguments[at..]);
            let arguments = match arguments {
                // A derive does not tell them either.
                "" | "<'_>" | "<'a>" => String::new(),
                arguments => format!(" for {arguments}"),
            };
            return self.of_type(module, &ty, &under, |path| {
                vec![format!("{path}: impl{generics} {of}{arguments}")]
            });
        }
        for member in &item.items {
            let (attributes, line): (&[Attribute], String) = match member {
                ImplItem::Fn(it) if is_public(&it.vis) => {
                    (&it.attrs, format!(": {}{}", marks(&it.attrs), signature::function(&it.sig)))
                }
                ImplItem::Const(it) if is_public(&it.vis) => {
                    (&it.attrs, format!("::{}: const {}", it.ident, signature::ty(&it.ty)))
                }
                // The items that it makes are not followed.
                ImplItem::Macro(it) => (
                    &it.attrs,
                    it.mac
                        .path
                        .segments
                        .last()
                        .map_or_else(String::new, |name| format!(": {}!", name.ident)),
                ),
                _ => continue,
            };
            if is_hidden(attributes) {
                continue;
            }
            let under: Vec<String> = under.iter().cloned().chain(conditions(attributes)).collect();
            self.of_type(module, &ty, &under, |path| vec![format!("{path}{line}")]);
        }
    }
}

/// The items that a macro of `guestexec-core` makes.
enum Made {
    /// An open enumeration, with its variants.
    Enumeration { name: String, variants: Vec<String> },
    /// What a type of this name has besides.
    Of { name: String, lines: &'static [&'static str] },
}

impl Made {
    fn of(call: &syn::Macro) -> Option<Self> {
        let ident = |tree: &TokenTree| match tree {
            TokenTree::Ident(ident) => Some(ident.to_string()),
            _ => None,
        };
        let of = |name: TokenTree, lines: &'static [&'static str]| {
            Some(Self::Of { name: ident(&name)?, lines })
        };
        let mut trees = call.tokens.clone().into_iter();
        match signature::last(&call.path)?.as_str() {
            "answer" | "content" | "request" => {
                of(trees.next()?, &["impl Deserialize", "impl Serialize"])
            }
            "redacted" => of(trees.next()?, &["impl Debug"]),
            "schema" => of(trees.next()?, &["impl JsonSchema"]),
            "open_enum" => {
                trees.find(|tree| ident(tree).as_deref() == Some("enum"))?;
                let name = ident(&trees.next()?)?;
                let TokenTree::Group(body) = trees.next()? else { return None };
                Some(Self::Enumeration { name, variants: variants(body.stream()) })
            }
            _ => None,
        }
    }

    fn lines(&self, path: &str) -> Vec<String> {
        const IMPLEMENTED: [&str; 10] = [
            "Clone", "Debug", "Deserialize", "Display", "Eq", "From<&str>", "From<String>",
            "FromStr", "Hash", "Serialize",
        ];
        let Self::Enumeration { variants, .. } = self else { return Vec::new() };
        let mut lines = vec![
            format!("{path}: #[non_exhaustive] enum"),
            format!("{path}::KNOWN: const &'static [&'static str]"),
            format!("{path}: fn as_str(&self) -> &str"),
            format!("{path}::Unlisted: variant"),
            format!("{path}::Unlisted.0: String"),
            format!("{path}: impl JsonSchema [feature=\"schemars\"]"),
            format!("{path}: impl PartialEq"),
        ];
        lines.extend(IMPLEMENTED.iter().map(|name| format!("{path}: impl {name}")));
        lines.extend(variants.iter().map(|variant| format!("{path}::{variant}: variant")));
        lines
    }
}

/// The names before `=`.
fn variants(body: TokenStream) -> Vec<String> {
    let trees: Vec<TokenTree> = body.into_iter().collect();
    let is_equals = |tree: &TokenTree| matches!(tree, TokenTree::Punct(it) if it.as_char() == '=');
    let pairs = trees.windows(2).filter(|pair| is_equals(&pair[1]));
    let idents = pairs.filter_map(|pair| match &pair[0] {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        _ => None,
    });
    idents.collect()
}

/// The items of a file, without what a listing does not look at: comments, and what functions do. Parsing that
/// takes most of the time that parsing takes.
fn parse(file: &str, text: &str) -> Result<Vec<Item>, String> {
    let is_comment = |line: &str| line.starts_with("///") || line.starts_with("//!");
    let lines = text.lines().filter(|line| !is_comment(line.trim_start()));
    let tokens = lines.flat_map(|line| [line, "\n"]).collect::<String>().parse::<TokenStream>();
    let items = tokens
        .map_err(|e| e.to_string())
        .and_then(|tokens| syn::parse2::<File>(without_bodies(tokens)).map_err(|e| e.to_string()));
    items.map(|file| file.items).map_err(|e| format!("{file}: is not Rust: {e}"))
}

/// Empties the bodies of named functions.
fn without_bodies(tokens: TokenStream) -> TokenStream {
    let mut is_function = false;
    let mut after_fn = false;
    let one = |tree: TokenTree| {
        let is_fn = matches!(&tree, TokenTree::Ident(ident) if ident == "fn");
        match &tree {
            // `fn(T) -> U` is a type.
            TokenTree::Ident(_) if after_fn => is_function = true,
            TokenTree::Punct(punct) if punct.as_char() == ';' => is_function = false,
            _ => {}
        }
        after_fn = is_fn;
        match tree {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                let body = match std::mem::take(&mut is_function) {
                    true => TokenStream::new(),
                    false => without_bodies(group.stream()),
                };
                TokenTree::Group(Group::new(Delimiter::Brace, body))
            }
            tree => tree,
        }
    };
    tokens.into_iter().map(one).collect()
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// The names that a `use` brings into scope.
fn names(tree: &UseTree, mut path: Vec<String>, public: bool, module: &mut Module) {
    match tree {
        UseTree::Path(part) => {
            path.push(part.ident.to_string());
            names(&part.tree, path, public, module);
        }
        UseTree::Name(name) if name.ident == "self" => {
            let last = path.last().cloned().unwrap_or_default();
            module.uses.push((last, path, public));
        }
        UseTree::Name(name) => {
            path.push(name.ident.to_string());
            module.uses.push((name.ident.to_string(), path, public));
        }
        UseTree::Rename(name) => {
            path.push(name.ident.to_string());
            module.uses.push((name.rename.to_string(), path, public));
        }
        UseTree::Glob(_) => module.globs.push((path, public)),
        UseTree::Group(group) => {
            group.items.iter().for_each(|tree| names(tree, path.clone(), public, module));
        }
    }
}

/// The name of an item, and its visibility.
fn declared(item: &Item) -> Option<(String, &Visibility)> {
    Some(match item {
        Item::Const(it) => (it.ident.to_string(), &it.vis),
        Item::Enum(it) => (it.ident.to_string(), &it.vis),
        Item::Fn(it) => (it.sig.ident.to_string(), &it.vis),
        Item::Mod(it) => (it.ident.to_string(), &it.vis),
        Item::Static(it) => (it.ident.to_string(), &it.vis),
        Item::Struct(it) => (it.ident.to_string(), &it.vis),
        Item::Trait(it) => (it.ident.to_string(), &it.vis),
        Item::Type(it) => (it.ident.to_string(), &it.vis),
        _ => return None,
    })
}

fn own_name(item: &Item) -> Option<String> {
    declared(item).map(|(name, _)| name)
}

fn public_name(item: &Item) -> Option<String> {
    declared(item).filter(|(_, visibility)| is_public(visibility)).map(|(name, _)| name)
}

/// The name of an item that is no module, or of the type that a macro makes.
fn defined(item: &Item) -> Option<String> {
    match item {
        Item::Macro(item) => match Made::of(&item.mac) {
            Some(Made::Enumeration { name, .. }) => Some(name),
            _ => None,
        },
        Item::Mod(_) => None,
        item => own_name(item),
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

fn has_hidden_fields(fields: &Fields) -> bool {
    fields.iter().any(|field| !is_public(&field.vis) || is_hidden(&field.attrs))
}

/// The path of a type's name, without generic arguments.
fn path_of(ty: &Type) -> Option<Vec<String>> {
    match ty {
        Type::Path(path) if path.qself.is_none() => {
            Some(path.path.segments.iter().map(|segment| segment.ident.to_string()).collect())
        }
        _ => None,
    }
}
