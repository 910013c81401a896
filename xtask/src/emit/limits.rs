//! Names the limits of a document: each becomes a constant of the type whose member it limits, which the
//! checks read, and hand-written code does.

use std::collections::BTreeMap;

use heck::ToShoutySnakeCase as _;
use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use syn::{Ident, ImplItem, Type, parse_quote};

use super::doc;

/// The constants of each type and builder.
#[derive(Debug, Default)]
pub(super) struct Limits(BTreeMap<String, Vec<(Ident, ImplItem)>>);

/// What is limited of a member.
#[derive(Clone, Copy)]
pub(super) enum Measure {
    /// The characters of a text.
    Length,
    /// The characters of bytes as Base64.
    Encoded,
    /// The bytes of a text.
    Bytes,
    /// The items of a list.
    Items,
    /// The members of a map.
    Members,
}

impl Measure {
    /// The end of the constant's name, and what it counts.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Length => ("LENGTH", "How many characters"),
            Self::Encoded => ("LENGTH", "How many characters of Base64"),
            Self::Bytes => ("BYTES", "How many bytes of UTF-8"),
            Self::Items => ("ITEMS", "How many items"),
            Self::Members => ("MEMBERS", "How many members"),
        }
    }
}

/// A value that is checked, by what it is called.
pub(super) struct Place<'a> {
    /// The member's name on the wire; empty for an item of a list.
    pub wire: &'a str,
    /// The type or builder it belongs to.
    pub owner: &'a str,
    /// How the check names that one.
    pub path: &'a TokenStream,
    /// What its constants begin with.
    pub prefix: String,
    /// How the documentation calls it.
    pub called: String,
}

impl<'a> Place<'a> {
    pub fn new(owner: &'a str, path: &'a TokenStream, ident: &Ident, wire: &'a str) -> Self {
        let prefix = ident.to_string().trim_start_matches("r#").to_shouty_snake_case();
        Self { wire, owner, path, prefix, called: format!("`{wire}`") }
    }

    /// An item or value within this one.
    pub fn part(&self, name: &str) -> Self {
        Self {
            wire: "",
            prefix: format!("{}_{}", self.prefix, name.to_shouty_snake_case()),
            called: format!("each {name} of {}", self.called),
            ..*self
        }
    }
}

/// An end of a range: its value, and whether it belongs to it.
pub(super) type End = Option<(Literal, bool)>;

impl Limits {
    /// The constants of `owner`, in the order of its members.
    pub fn of(&self, owner: &str) -> impl Iterator<Item = &ImplItem> + use<'_> {
        self.0.get(owner).into_iter().flatten().map(|(_, item)| item)
    }

    /// A limit on a count; the constant's path.
    pub fn count(
        &mut self,
        place: &Place<'_>,
        measure: Measure,
        least: u64,
        most: Option<u64>,
    ) -> TokenStream {
        let (end, counted) = measure.words();
        let number = |number: u64| Some((Literal::u64_unsuffixed(number), true));
        let range = range(number(least), most.and_then(number), &parse_quote!(usize));
        self.add(place, end, counted, range)
    }

    /// A limit on a number; the constant's path.
    pub fn number(&mut self, place: &Place<'_>, least: End, most: End, ty: &Type) -> TokenStream {
        self.add(place, "RANGE", "Which values", range(least, most, ty))
    }

    /// The rules of a JSON object in a text; the constant's path.
    pub fn object(&mut self, place: &Place<'_>, members: u64, name: u64) -> TokenStream {
        let (members, name) = (Literal::u64_unsuffixed(members), Literal::u64_unsuffixed(name));
        let rules = (
            quote!(::guestexec_core::check::JsonObject),
            quote!(::guestexec_core::check::JsonObject::new(#members, #name)),
        );
        self.add(place, "OBJECT", "What the JSON object in", rules)
    }

    fn add(
        &mut self,
        place: &Place<'_>,
        end: &str,
        counted: &str,
        (ty, value): (TokenStream, TokenStream),
    ) -> TokenStream {
        let constants = self.0.entry(place.owner.to_owned()).or_default();
        let mut name = format_ident!("{}_{end}", place.prefix);
        let about = doc(&format!("{counted} {} may have.", place.called));
        // The item of one member may have the name of another member.
        while constants.iter().any(|(other, _)| *other == name) {
            name = format_ident!("{name}_2");
        }
        let constant = parse_quote!(#about pub const #name: #ty = #value;);
        constants.push((name.clone(), constant));
        let path = place.path;
        quote!(#path::#name)
    }
}

/// The type and the value of a range.
fn range(least: End, most: End, ty: &Type) -> (TokenStream, TokenStream) {
    let bound = |end: End| match end {
        Some((value, true)) => quote!(::std::ops::Bound::Included(#value)),
        Some((value, false)) => quote!(::std::ops::Bound::Excluded(#value)),
        None => quote!(::std::ops::Bound::Unbounded),
    };
    match (least, most) {
        (Some((least, true)), Some((most, true))) => {
            (quote!(::std::ops::RangeInclusive<#ty>), quote!(#least..=#most))
        }
        (Some((least, true)), None) => (quote!(::std::ops::RangeFrom<#ty>), quote!(#least..)),
        (None, Some((most, true))) => (quote!(::std::ops::RangeToInclusive<#ty>), quote!(..=#most)),
        (least, most) => {
            let (least, most) = (bound(least), bound(most));
            let bound = quote!(::std::ops::Bound<#ty>);
            (quote!((#bound, #bound)), quote!((#least, #most)))
        }
    }
}
