//! Short paths: `Option<String>` in place of `::std::option::Option<::std::string::String>`, and the
//! `use` declarations these need.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use quote::ToTokens as _;
use syn::{
    Attribute, GenericArgument, Ident, Item, Path, PathArguments, PathSegment, Type,
    visit_mut::{self, VisitMut},
};

use super::writer::WIDTH;
use crate::spec::Spec;

/// Modules whose names are in every Rust file.
const PRELUDE: [&str; 6] =
    ["std::option", "std::vec", "std::string", "std::boxed", "std::result", "std::default"];

/// Modules whose names are imported.
const IMPORTED: [&str; 9] = [
    "guestexec_core::check", "guestexec_core", "std::collections", "std::ops", "serde",
    "serde_json", "crate::generated::enums", "crate::generated::types", "reqwest::header",
];

/// Modules that are imported themselves, since their own names are too plain.
const WHOLE: [&str; 2] = ["std::fmt", "crate::hooks"];

/// What the paths of all these modules begin with.
const ROOTS: [&str; 6] = ["crate", "guestexec_core", "reqwest", "serde", "serde_json", "std"];

/// The names that a file imports, by module; none for the module itself.
pub(super) struct Names<'a> {
    spec: &'a Spec,
    uses: BTreeMap<&'static str, BTreeSet<String>>,
}

impl<'a> Names<'a> {
    pub(super) fn new(spec: &'a Spec) -> Self {
        Self { spec, uses: BTreeMap::new() }
    }

    /// Shortens the paths in an item.
    pub(super) fn shorten(&mut self, item: &mut Item) {
        self.visit_item_mut(item);
    }

    /// A type as the file writes it.
    pub(super) fn ty(&mut self, ty: &Type) -> String {
        match ty {
            Type::Path(path) if path.qself.is_none() => {
                let kept = self.kept(&path.path);
                let colons = match kept.len() == path.path.segments.len() {
                    true if path.path.leading_colon.is_some() => "::",
                    _ => "",
                };
                let segments: Vec<String> = kept.into_iter().map(|it| self.segment(it)).collect();
                format!("{colons}{}", segments.join("::"))
            }
            Type::Tuple(tuple) => {
                let parts: Vec<String> = tuple.elems.iter().map(|part| self.ty(part)).collect();
                format!("({})", parts.join(", "))
            }
            other => other.to_token_stream().to_string(),
        }
    }

    fn segment(&mut self, segment: &PathSegment) -> String {
        let name = segment.ident.to_string();
        let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return name };
        let arguments = arguments.args.iter().map(|argument| match argument {
            GenericArgument::Type(ty) => self.ty(ty),
            other => other.to_token_stream().to_string(),
        });
        format!("{name}<{}>", arguments.collect::<Vec<_>>().join(", "))
    }

    /// A name of a module that is imported: `guestexec_core`, `Answer`.
    pub(super) fn name(&mut self, module: &'static str, name: &str) -> String {
        if self.is_taken(name) {
            return format!("::{module}::{name}");
        }
        self.uses.entry(module).or_default().insert(name.to_owned());
        name.to_owned()
    }

    /// Whether a name is a schema's too, and so may be a type of the file. Such a name keeps its long path.
    fn is_taken(&self, name: &str) -> bool {
        self.spec.document.components.schemas.contains_key(name)
    }

    /// The `use` declarations, with `others` among them: the standard library's, those of other crates, of this
    /// one.
    pub(super) fn declarations(&self, others: &[String]) -> String {
        let own = self.uses.iter().map(|(module, names)| {
            let module = module.replace("crate::generated", "super");
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            match &names[..] {
                [] => format!("use {module};\n"),
                [name] => format!("use {module}::{name};\n"),
                names => listed(&module, names),
            }
        });
        let others = others.iter().map(|path| format!("use {path};\n"));
        let mut uses: Vec<String> = own.chain(others).collect();
        uses.sort_by_cached_key(|text| {
            let own = ["use std", "use crate", "use super"];
            let rank = match own.iter().position(|prefix| text.starts_with(prefix)) {
                Some(0) => 0,
                Some(place) => place + 1,
                None => 1,
            };
            (rank, text.clone())
        });
        uses.concat()
    }

    /// The segments of a path without those that may go, after what is needed for that is noted.
    fn kept<'p>(&mut self, path: &'p Path) -> Vec<&'p PathSegment> {
        let superfluous = match path.segments.len() {
            0 | 1 => 0,
            _ => self.superfluous(path),
        };
        path.segments.iter().skip(superfluous).collect()
    }

    fn superfluous(&mut self, path: &Path) -> usize {
        let segments: Vec<&Ident> = path.segments.iter().map(|segment| &segment.ident).collect();
        let is = |module: &str| {
            let length = module.matches("::").count() + 1;
            let same = module.split("::").zip(&segments).all(|(a, b)| *b == a);
            (same && segments.len() > length).then_some(length)
        };
        let find = |modules: &[&'static str]| {
            modules.iter().find_map(|module| is(module).map(|length| (*module, length)))
        };
        // Most paths begin with none of the modules.
        let Some(first) = segments.first() else { return 0 };
        if !ROOTS.iter().any(|root| *first == root) {
            return 0;
        }
        if let Some((module, length)) = find(&WHOLE) {
            self.uses.entry(module).or_default();
            return length - 1;
        }
        let known = find(&PRELUDE).map(|found| (found, false));
        let known = known.or_else(|| find(&IMPORTED).map(|found| (found, true)));
        let Some(((module, length), imported)) = known else { return 0 };
        let name = segments[length].to_string();
        let own = module.starts_with("crate::generated");
        if !own && self.is_taken(&name) {
            return 0;
        }
        if imported {
            self.uses.entry(module).or_default().insert(name);
        }
        length
    }
}

/// The declaration of several names, on lines of their own where one does not hold them.
fn listed(module: &str, names: &[&str]) -> String {
    let line = format!("use {module}::{{{}}};\n", names.join(", "));
    if line.len() <= WIDTH {
        return line;
    }
    let mut lines = vec!["   ".to_owned()];
    for name in names {
        if lines.last().is_some_and(|line| line.len() + name.len() + 2 > WIDTH) {
            lines.push("   ".to_owned());
        }
        if let Some(line) = lines.last_mut() {
            let _ = write!(line, " {name},");
        }
    }
    format!("use {module}::{{\n{}\n}};\n", lines.join("\n"))
}

impl VisitMut for Names<'_> {
    fn visit_path_mut(&mut self, path: &mut Path) {
        visit_mut::visit_path_mut(self, path);
        let kept = self.kept(path);
        if kept.len() < path.segments.len() {
            let segments = kept.into_iter().cloned().collect();
            *path = Path { leading_colon: None, segments };
        }
    }

    fn visit_item_use_mut(&mut self, _: &mut syn::ItemUse) {}

    // What attributes name is imported nowhere.
    fn visit_attribute_mut(&mut self, _: &mut Attribute) {}
}
