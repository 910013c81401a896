//! Names the limits of a document: each becomes a constant of the type whose member it limits, which the
//! checks read, and hand-written code does.

use std::collections::BTreeMap;

use heck::ToShoutySnakeCase as _;
use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use syn::{Ident, Type};

use super::{last_segment, writer::Writer};

/// The constants of each type and builder.
#[derive(Debug, Default)]
pub(super) struct Limits(BTreeMap<String, Vec<Constant>>);

/// A limit's constant.
#[derive(Debug)]
struct Constant {
    name: Ident,
    about: String,
    form: Form,
    value: String,
}

/// What a constant is: `T` of a range is written as text.
#[derive(Debug)]
enum Form {
    Inclusive(String),
    From(String),
    ToInclusive(String),
    Bounds(String),
    JsonObject,
}

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
    /// Writes the constants of `owner`, in the order of its members.
    pub fn write(&self, owner: &str, to: &mut Writer<'_>) {
        for Constant { name, about, form, value } in self.0.get(owner).into_iter().flatten() {
            let mut of = |range: &str, of: &str| format!("{}<{of}>", to.name("std::ops", range));
            let (ty, value) = match form {
                Form::Inclusive(ty) => (of("RangeInclusive", ty), value.clone()),
                Form::From(ty) => (of("RangeFrom", ty), value.clone()),
                Form::ToInclusive(ty) => (of("RangeToInclusive", ty), value.clone()),
                Form::Bounds(ty) => {
                    let bound = of("Bound", ty);
                    (format!("({bound}, {bound})"), value.clone())
                }
                Form::JsonObject => {
                    let ty = to.name("guestexec_core::check", "JsonObject");
                    let value = format!("{ty}::new({value})");
                    (ty, value)
                }
            };
            to.doc(4, about);
            to.line(4, &format!("pub const {name}: {ty} = {value};"));
        }
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
        let range = range(number(least), most.and_then(number), "usize");
        self.add(place, end, counted, range)
    }

    /// A limit on a number; the constant's path.
    pub fn number(&mut self, place: &Place<'_>, least: End, most: End, ty: &Type) -> TokenStream {
        let ty = last_segment(ty).map(ToString::to_string).unwrap_or_default();
        self.add(place, "RANGE", "Which values", range(least, most, &ty))
    }

    /// The rules of a JSON object in a text; the constant's path.
    pub fn object(&mut self, place: &Place<'_>, members: u64, name: u64) -> TokenStream {
        let rules = (Form::JsonObject, format!("{members}, {name}"));
        self.add(place, "OBJECT", "What the JSON object in", rules)
    }

    fn add(
        &mut self,
        place: &Place<'_>,
        end: &str,
        counted: &str,
        (form, value): (Form, String),
    ) -> TokenStream {
        let constants = self.0.entry(place.owner.to_owned()).or_default();
        let mut name = format_ident!("{}_{end}", place.prefix);
        let about = format!("{counted} {} may have.", place.called);
        // The item of one member may have the name of another member.
        while constants.iter().any(|other| other.name == name) {
            name = format_ident!("{name}_2");
        }
        let path = place.path;
        let constant = quote!(#path::#name);
        constants.push(Constant { name, about, form, value });
        constant
    }
}

/// The form and the value of a range.
fn range(least: End, most: End, ty: &str) -> (Form, String) {
    let bound = |end: End| match end {
        Some((value, true)) => format!("::std::ops::Bound::Included({value})"),
        Some((value, false)) => format!("::std::ops::Bound::Excluded({value})"),
        None => "::std::ops::Bound::Unbounded".to_owned(),
    };
    let ty = ty.to_owned();
    match (least, most) {
        (Some((least, true)), Some((most, true))) => {
            (Form::Inclusive(ty), format!("{least}..={most}"))
        }
        (Some((least, true)), None) => (Form::From(ty), format!("{least}..")),
        (None, Some((most, true))) => (Form::ToInclusive(ty), format!("..={most}")),
        (least, most) => (Form::Bounds(ty), format!("({}, {})", bound(least), bound(most))),
    }
}
