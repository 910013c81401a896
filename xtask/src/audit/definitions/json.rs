//! JSON with the lines of its names.

use jsonc_parser::{
    CollectOptions, CommentCollectionStrategy, ParseOptions,
    ast::{ObjectProp, Value},
    common::Ranged,
    parse_to_ast,
};

/// A file of JSON.
pub(super) struct File<'a> {
    root: Value<'a>,
    /// The ends of the lines.
    ends: Vec<usize>,
}

/// A value with its line: that of its name, if it has one.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    value: &'a Value<'a>,
    ends: &'a [usize],
    /// The line, from 1 on.
    pub line: usize,
}

impl<'a> File<'a> {
    pub fn read(text: &'a str) -> Result<Self, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let collect = CollectOptions { comments: CommentCollectionStrategy::Off, tokens: false };
        let strict = ParseOptions {
            allow_comments: false,
            allow_loose_object_property_names: false,
            allow_trailing_commas: false,
            allow_missing_commas: false,
            allow_single_quoted_strings: false,
            allow_hexadecimal_numbers: false,
            allow_unary_plus_numbers: false,
            allow_bare_decimal_point_numbers: false,
            allow_non_finite_numbers: false,
            allow_extended_string_escapes: false,
        };
        let root = parse_to_ast(text, &collect, &strict)
            .map_err(|error| {
                format!("line {}: this is no JSON: {}", error.line_display(), error.kind())
            })?
            .value
            .ok_or_else(|| "the file is empty".to_owned())?;
        Ok(Self { root, ends: text.match_indices('\n').map(|(at, _)| at).collect() })
    }

    pub fn root(&self) -> Entry<'_> {
        Entry { value: &self.root, ends: &self.ends, line: 1 }
    }
}

impl<'a> Entry<'a> {
    fn at(self, value: &'a Value<'a>, position: usize) -> Self {
        Self { value, line: self.ends.partition_point(|end| *end < position) + 1, ..self }
    }

    fn named(self, member: &'a ObjectProp<'a>) -> Self {
        self.at(&member.value, member.name.start())
    }

    /// The member called `name`, if this is an object that has it.
    pub fn get(self, name: &str) -> Option<Self> {
        let object = self.value.as_object()?;
        let member = object.properties.iter().find(|member| member.name.as_str() == name)?;
        Some(self.named(member))
    }

    /// The members of an object, with their names.
    pub fn members(self) -> Option<impl Iterator<Item = (&'a str, Self)>> {
        let object = self.value.as_object()?;
        Some(object.properties.iter().map(move |member| (member.name.as_str(), self.named(member))))
    }

    /// The items of a list; none of anything else.
    pub fn items(self) -> impl Iterator<Item = Self> {
        let items = self.value.as_array().map_or(&[][..], |list| list.elements.as_slice());
        items.iter().map(move |item| self.at(item, item.start()))
    }

    /// The text.
    pub fn text(self) -> Option<&'a str> {
        self.value.as_string_lit().map(|text| text.value.as_ref())
    }

    /// The text of the member called `name`.
    pub fn text_of(self, name: &str) -> Option<&'a str> {
        self.get(name)?.text()
    }

    /// True or false.
    pub fn truth_of(self, name: &str) -> Option<bool> {
        self.get(name)?.value.as_boolean_lit().map(|truth| truth.value)
    }

    /// The whole number of the member called `name`.
    pub fn number_of(self, name: &str) -> Option<i64> {
        self.get(name)?.value.as_number_lit()?.value.parse().ok()
    }

    /// A text, a number or a truth, as text.
    pub fn scalar(self) -> Option<String> {
        Some(match self.value {
            Value::StringLit(text) => text.value.to_string(),
            Value::NumberLit(number) => number.value.to_owned(),
            Value::BooleanLit(truth) => truth.value.to_string(),
            _ => return None,
        })
    }
}
