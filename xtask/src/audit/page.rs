//! The content of a vendor's page in any layout: the neutral model that every reader fills and the
//! comparer reads.

use std::fmt;

use serde_json::Value;

/// A page, or a file of definitions.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Page {
    /// The operations it describes; a vendor's page describes one.
    pub operations: Vec<Operation>,
    /// Objects it describes by name, such as those of Tencent's Data Types page.
    pub types: Vec<ObjectType>,
    /// When the vendor last changed it, `2026-02-25`, where it says so.
    pub edition: Option<Words>,
    /// The parts that no reader understood.
    pub not_understood: Vec<Words>,
}

/// Some words of a page, with their line, from 1 on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Words {
    /// The line.
    pub line: usize,
    /// The words.
    pub text: String,
}

/// An operation. A part that is `None` is not in this copy of the page, which says nothing of it; an
/// empty part is there, and has nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Operation {
    /// The line it begins at.
    pub line: usize,
    /// Its name as the page writes it: `RunCommand`; Huawei's text pages have none.
    pub id: Option<Words>,
    /// `GET`.
    pub method: Option<Words>,
    /// The path, with `{placeholders}`.
    pub path: Option<Words>,
    /// The version of the interface, `2020-10-28`.
    pub version: Option<Words>,
    /// The words by which the page calls it deprecated.
    pub deprecated: Option<Words>,
    /// What it does, in a sentence; definitions say it, pages go on for long.
    pub about: Option<Words>,
    /// The greatest number of calls in a second.
    pub rate: Option<(usize, u64)>,
    /// The request: parameters of the path, the query and the headers, and members of the body.
    pub request: Option<Vec<Member>>,
    /// The answer: members of the body.
    pub answer: Option<Vec<Member>>,
    /// The statuses of its answers.
    pub statuses: Option<Vec<Code>>,
    /// The codes of its errors.
    pub errors: Option<Vec<Code>>,
    /// The page's own examples.
    pub examples: Vec<Example>,
}

/// A page's own example of a body.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Example {
    /// The line it begins at.
    pub line: usize,
    /// Whether it is an answer's.
    pub is_answer: bool,
    /// The body.
    pub body: Value,
}

/// An object with a name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ObjectType {
    /// Its name.
    pub name: Words,
    /// Its members.
    pub members: Vec<Member>,
    /// The operations that use it, where the page says so.
    pub used_by: Vec<String>,
}

/// A status or an error code.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Code {
    /// The line.
    pub line: usize,
    /// `404`, `InvalidParameterValue.TooLong`.
    pub code: String,
    /// What it means.
    pub text: String,
    /// True where the page says that it is deprecated.
    pub deprecated: bool,
}

/// Where a member goes.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Place {
    /// Into the path.
    Path,
    /// Into the query.
    Query,
    /// Into the headers.
    Header,
    /// Into the body, of the request or of the answer.
    #[default]
    Body,
}

/// A parameter or a member.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Member {
    /// The line of its name.
    pub line: usize,
    /// Its name on the wire: a list's `.N` and a path in front of it are taken off.
    pub name: String,
    /// Where it goes.
    pub place: Place,
    /// Its type, where the page gives one.
    pub ty: Option<Type>,
    /// Whether it must be given (request) or always comes (answer), where the page says so.
    pub required: Option<bool>,
    /// Its description, as the page has it.
    pub text: String,
    /// The limits that the description states in prose.
    pub limits: Limits,
    /// True where the page says that it is deprecated.
    pub deprecated: bool,
    /// The one edition of the product that has it, where the page says so.
    pub only_in: Option<String>,
    /// The members of the object, or of the objects in the list.
    pub members: Vec<Member>,
}

/// A type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Type {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A list; of [`Type::Unknown`] without words, where the page does not say of what.
    List(Box<Type>),
    /// An object, with its name where it has one.
    Object(Option<String>),
    /// An object whose members are not named.
    Map,
    /// Words that name no type known here.
    Unknown(String),
}

/// The limits of a member that prose states. A limit that is not stated is `None`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Limits {
    /// The least length in characters.
    pub min_characters: Option<u64>,
    /// The greatest length in characters.
    pub max_characters: Option<u64>,
    /// The greatest length in bytes.
    pub max_bytes: Option<u64>,
    /// The least value.
    pub minimum: Option<i64>,
    /// The greatest value.
    pub maximum: Option<i64>,
    /// The least number of items, or of members of a map or of a JSON object that is sent as a text.
    pub min_items: Option<u64>,
    /// The greatest number of items, or of members of a map or of a JSON object that is sent as a text.
    pub max_items: Option<u64>,
    /// The values it may have, in the page's order.
    pub values: Vec<String>,
    /// The value that stands where none is given.
    pub default: Option<String>,
    /// The characters allowed, as a class of a regular expression: `[a-zA-Z0-9-_]`; or what it must start with, as
    /// a pattern: `^https.*$`.
    pub characters: Option<String>,
    /// The greatest length in characters of the names in a JSON object that is sent as a text.
    pub key_max_characters: Option<u64>,
    /// The characters allowed in those names, as `characters`.
    pub key_characters: Option<String>,
    /// The members that must not stand beside each other; this one may be among them.
    pub excludes: Vec<String>,
    /// The members that must have a value where this one is given; not all need be of the same object.
    pub requires: Vec<(String, String)>,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("String"),
            Self::Integer => f.write_str("Integer"),
            Self::Number => f.write_str("Number"),
            Self::Boolean => f.write_str("Boolean"),
            Self::List(item) if **item == Self::Unknown(String::new()) => f.write_str("List"),
            Self::List(item) => write!(f, "Array of {item}"),
            Self::Object(Some(name)) | Self::Unknown(name) => f.write_str(name),
            Self::Object(None) => f.write_str("Object"),
            Self::Map => f.write_str("Map"),
        }
    }
}
