//! Short paths: `Option<String>` in place of `::std::option::Option<::std::string::String>`, and the
//! `use` declarations these need.

use std::collections::{BTreeMap, BTreeSet};

use quote::{ToTokens as _, format_ident};
use syn::{
    Attribute, Item, Meta, Path, PathSegment, parse_quote,
    punctuated::Punctuated,
    visit_mut::{self, VisitMut},
};

use crate::spec::Spec;

/// Modules whose names are in every Rust file.
const PRELUDE: [&str; 6] =
    ["std::option", "std::vec", "std::string", "std::boxed", "std::result", "std::default"];

/// Modules whose names are imported.
const IMPORTED: [&str; 9] = [
    "guestexec_core::check",
    "guestexec_core",
    "std::collections",
    "std::ops",
    "serde",
    "serde_json",
    "crate::generated::enums",
    "crate::generated::types",
    "reqwest::header",
];

/// Modules that are imported themselves, since their own names are too plain.
const WHOLE: [&str; 2] = ["std::fmt", "crate::hooks"];

/// Shortens the paths of `items`, and puts before them the declarations that make these hold.
///
/// A name that is a schema's too, and so may be a type of the file, keeps its long path.
pub(super) fn shorten(spec: &Spec, mut items: Vec<Item>) -> Vec<Item> {
    let mut short = Short {
        taken: spec.document.components.schemas.keys().cloned().collect(),
        uses: BTreeMap::new(),
    };
    items.iter_mut().for_each(|item| short.visit_item_mut(item));
    let declared = |(module, names): (String, BTreeSet<String>)| -> Item {
        let path: Path = syn::parse_str(&module).unwrap_or_else(|_| parse_quote!(self));
        let names = names.iter().map(|name| format_ident!("{name}"));
        let names: Vec<_> = names.collect();
        match &names[..] {
            [] => parse_quote!(
                use #path;
            ),
            [name] => parse_quote!(
                use #path::#name;
            ),
            names => parse_quote!(
                use #path::{#(#names),*};
            ),
        }
    };
    let (mut uses, others): (Vec<Item>, Vec<Item>) =
        items.into_iter().partition(|item| matches!(item, Item::Use(_)));
    uses.extend(short.uses.into_iter().map(declared));
    uses.sort_by_cached_key(|item| {
        let text = item.to_token_stream().to_string();
        let own = ["use std", "use crate", "use super"];
        // The standard library, other crates, this one.
        let rank = match own.iter().position(|prefix| text.starts_with(prefix)) {
            Some(0) => 0,
            Some(place) => place + 1,
            None => 1,
        };
        (rank, text)
    });
    uses.extend(others);
    uses
}

struct Short {
    taken: BTreeSet<String>,
    /// The names to import, by module; none for the module itself.
    uses: BTreeMap<String, BTreeSet<String>>,
}

impl Short {
    /// How many segments of a path may go, after what is needed for that is noted.
    fn superfluous(&mut self, segments: &[String]) -> usize {
        let is = |module: &str| {
            let length = module.split("::").count();
            let same = module.split("::").zip(segments).all(|(a, b)| a == b);
            (same && segments.len() > length).then_some(length)
        };
        let find = |modules: &[&'static str]| {
            modules.iter().find_map(|module| is(module).map(|length| (*module, length)))
        };
        if let Some((module, length)) = find(&WHOLE) {
            self.uses.entry(module.to_owned()).or_default();
            return length - 1;
        }
        let known = find(&PRELUDE).map(|found| (found, false));
        let known = known.or_else(|| find(&IMPORTED).map(|found| (found, true)));
        let Some(((module, length), imported)) = known else { return 0 };
        let name = &segments[length];
        let own = module.starts_with("crate::generated");
        if !own && self.taken.contains(name) {
            return 0;
        }
        if imported {
            let names = self.uses.entry(module.replace("crate::generated", "super")).or_default();
            names.insert(name.clone());
        }
        length
    }
}

impl VisitMut for Short {
    fn visit_path_mut(&mut self, path: &mut Path) {
        visit_mut::visit_path_mut(self, path);
        if path.segments.len() < 2 {
            return;
        }
        let names: Vec<String> =
            path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let superfluous = self.superfluous(&names);
        if superfluous > 0 {
            let kept: Punctuated<PathSegment, _> =
                path.segments.iter().skip(superfluous).cloned().collect();
            *path = Path { leading_colon: None, segments: kept };
        }
    }

    fn visit_item_use_mut(&mut self, _: &mut syn::ItemUse) {}

    fn visit_attribute_mut(&mut self, attribute: &mut Attribute) {
        if attribute.path().is_ident("doc") {
            return;
        }
        if attribute.path().is_ident("derive") {
            let parsed =
                attribute.parse_args_with(Punctuated::<Path, syn::Token![,]>::parse_terminated);
            let mut paths: Vec<Path> = parsed.into_iter().flatten().collect();
            paths.iter_mut().for_each(|path| self.visit_path_mut(path));
            // As people write it: the standard ones first.
            paths.sort_by_key(|path| path.is_ident("Deserialize") || path.is_ident("Serialize"));
            *attribute = parse_quote!(#[derive(#(#paths),*)]);
        } else if let Meta::List(list) = &mut attribute.meta {
            // Paths within serde's strings.
            let text = list.tokens.to_string();
            let shorter = text
                .replace("\"::std::vec::Vec::", "\"Vec::")
                .replace("\"::std::option::Option::", "\"Option::")
                .replace("\"::", "\"")
                .replace("(:: schemars", "(schemars");
            if shorter != text
                && let Ok(tokens) = shorter.parse()
            {
                list.tokens = tokens;
            }
        }
    }
}
