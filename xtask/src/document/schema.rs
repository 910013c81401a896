//! Schemas, a type each: what limits a text is no word of a number.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Lines, Named, Pattern, Prose};

/// A schema.
#[derive(Clone, Debug, Deserialize)]
pub enum Schema {
    /// A component.
    #[serde(rename = "$ref")]
    Reference(Reference),
    /// A component, with further words.
    #[serde(rename = "allOf")]
    Narrowed(Narrowed),
    /// Text.
    #[serde(rename = "string")]
    Text(TextSchema),
    /// A whole number.
    #[serde(rename = "integer")]
    Integer(IntegerSchema),
    /// A number.
    #[serde(rename = "number")]
    Number(NumberSchema),
    /// True or false.
    #[serde(rename = "boolean")]
    Boolean(BooleanSchema),
    /// A list.
    #[serde(rename = "array")]
    List(ListSchema),
    /// An object.
    #[serde(rename = "object")]
    Object(ObjectSchema),
}

/// A struct with the words that schemas of all types have.
macro_rules! schema {
    ($(#[$about:meta])* $name:ident { $($fields:tt)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// What it is.
            pub description: Option<Prose>,
            /// Whether it may be null.
            #[serde(default)]
            pub nullable: bool,
            /// Whether the vendor advises against it.
            #[serde(default)]
            pub deprecated: bool,
            /// Whether it may hold a secret.
            #[serde(default, rename = "x-sensitive")]
            pub sensitive: bool,
            /// The lines of its words.
            #[serde(rename = "$lines")]
            pub lines: Lines,
            $($fields)*
        }
    };
}

/// A reference to a component.
#[derive(Clone, Debug, Deserialize)]
pub struct Reference {
    /// The pointer to the component: `#/components/schemas/Widget`.
    #[serde(rename = "$ref")]
    pub pointer: String,
    /// The lines of its words.
    #[serde(rename = "$lines")]
    pub lines: Lines,
}

impl Reference {
    /// The name of the component, if it is one of `section`.
    pub fn name_in(&self, section: &str) -> Option<&str> {
        let path = self.pointer.strip_prefix("#/components/")?;
        path.strip_prefix(section)?.strip_prefix('/')
    }
}

schema! {
    /// A component with further words, or with fewer values.
    Narrowed {
        /// The component.
        #[serde(rename = "allOf")]
        pub parts: Vec<Reference>,
        /// The only values allowed of an open enumeration.
        #[serde(rename = "enum")]
        pub values: Option<Vec<String>>,
    }
}

schema! {
    /// Text.
    TextSchema {
        /// What stands in it.
        pub format: Option<TextFormat>,
        /// The only values.
        #[serde(rename = "enum")]
        pub values: Option<Vec<String>>,
        /// The values known today.
        #[serde(rename = "x-extensible-enum")]
        pub known_values: Option<Vec<String>>,
        /// What values mean.
        #[serde(default, rename = "x-enum-descriptions")]
        pub value_descriptions: Named<Prose>,
        /// The least number of characters.
        pub min_length: Option<u64>,
        /// The greatest number of characters.
        pub max_length: Option<u64>,
        /// The greatest number of bytes.
        #[serde(rename = "x-max-bytes")]
        pub max_bytes: Option<u64>,
        /// What it must match.
        pub pattern: Option<Pattern>,
        /// The JSON object it must hold.
        #[serde(rename = "x-json-object")]
        pub json_object: Option<JsonObject>,
        /// Its content, where no other word describes it.
        #[serde(rename = "x-content")]
        pub content: Option<TextContent>,
    }
}

/// The content of a text.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TextContent {
    /// JSON.
    Json,
    /// The output of a command.
    Output,
}

/// What stands in a text.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TextFormat {
    /// Bytes as Base64.
    Byte,
    /// A secret.
    Password,
}

/// A JSON object in a text.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JsonObject {
    /// The greatest number of members.
    pub max_properties: u64,
    /// What a member's name must match.
    pub key_pattern: Pattern,
    /// The greatest length of a member's name.
    pub key_max_length: u64,
    /// The type of the members.
    pub value_type: JsonValueType,
}

/// The type of the members of a JSON object in a text.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JsonValueType {
    /// Text.
    String,
}

schema! {
    /// A whole number.
    IntegerSchema {
        /// Its size.
        pub format: Option<IntegerFormat>,
        /// The least value.
        pub minimum: Option<i64>,
        /// Whether even that one is too small.
        #[serde(default)]
        pub exclusive_minimum: bool,
        /// The greatest value.
        pub maximum: Option<i64>,
        /// Whether even that one is too large.
        #[serde(default)]
        pub exclusive_maximum: bool,
        /// The only values.
        #[serde(rename = "enum")]
        pub values: Option<Vec<i64>>,
    }
}

impl IntegerSchema {
    /// The least value that is allowed.
    pub fn least(&self) -> Option<i64> {
        self.minimum.map(|least| least.saturating_add(self.exclusive_minimum.into()))
    }

    /// The greatest value that is allowed.
    pub fn most(&self) -> Option<i64> {
        self.maximum.map(|most| most.saturating_sub(self.exclusive_maximum.into()))
    }

    /// Whether it becomes an unsigned number: without a format, if it cannot be negative.
    pub fn is_unsigned(&self) -> bool {
        self.minimum >= Some(0) && self.format.is_none()
    }
}

/// The size of a whole number.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "each name says all")]
pub enum IntegerFormat {
    Int32,
    Int64,
    Uint32,
    Uint64,
}

schema! {
    /// A number.
    NumberSchema {
        /// Its size.
        pub format: Option<NumberFormat>,
        /// The least value.
        pub minimum: Option<f64>,
        /// Whether even that one is too small.
        #[serde(default)]
        pub exclusive_minimum: bool,
        /// The greatest value.
        pub maximum: Option<f64>,
        /// Whether even that one is too large.
        #[serde(default)]
        pub exclusive_maximum: bool,
    }
}

/// The size of a number.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "each name says all")]
pub enum NumberFormat {
    Float,
    Double,
}

schema! {
    /// True or false.
    BooleanSchema {}
}

schema! {
    /// A list.
    ListSchema {
        /// The type of its items.
        pub items: Box<Schema>,
        /// The least number of items.
        pub min_items: Option<u64>,
        /// The greatest number of items.
        pub max_items: Option<u64>,
        /// Whether no two items are the same.
        #[serde(default)]
        pub unique_items: bool,
    }
}

schema! {
    /// An object.
    ObjectSchema {
        /// Its members.
        #[serde(default)]
        pub properties: Named<Schema>,
        /// The members it always has.
        #[serde(default)]
        pub required: Vec<String>,
        /// Whether it has members that are not named.
        pub additional_properties: Option<Extra>,
        /// The least number of members.
        pub min_properties: Option<u64>,
        /// Groups of which at most one member is given.
        #[serde(default, rename = "x-exclusive")]
        pub exclusive: Vec<Vec<String>>,
        /// Groups of which exactly one member is given.
        #[serde(default, rename = "x-exactly-one-of")]
        pub exactly_one_of: Vec<Vec<String>>,
        /// The member that holds the content: callers see the members of that one as those of the whole.
        #[serde(rename = "x-envelope")]
        pub envelope: Option<String>,
        /// The values that members need of others.
        #[serde(default, rename = "x-requires")]
        pub requires: Named<Named<Value>>,
    }
}

impl IntegerFormat {
    /// The least and the greatest number of this size.
    pub fn bounds(self) -> (i128, i128) {
        match self {
            Self::Int32 => (i32::MIN.into(), i32::MAX.into()),
            Self::Int64 => (i64::MIN.into(), i64::MAX.into()),
            Self::Uint32 => (0, u32::MAX.into()),
            Self::Uint64 => (0, u64::MAX.into()),
        }
    }
}

impl ObjectSchema {
    /// True for an object with members of its own, and for one that has none at all.
    pub fn is_struct(&self) -> bool {
        self.lines.words().any(|word| word == "properties")
            || matches!(self.additional_properties, Some(Extra::Refused))
    }

    /// True for a member that can never be given, since a required one excludes it.
    pub fn rules_out(&self, member: &str) -> bool {
        let is_required = |other: &String| other != member && self.required.contains(other);
        let mut groups = self.exclusive.iter().chain(&self.exactly_one_of);
        groups
            .any(|group| group.iter().any(|other| other == member) && group.iter().any(is_required))
    }
}

/// Members of an object that are not named.
#[derive(Clone, Debug, Deserialize)]
pub enum Extra {
    /// There are none.
    #[serde(rename = "false")]
    Refused,
    /// There may be any, and an object with named members drops them.
    #[serde(rename = "true")]
    Free,
    /// There may be any, and they are kept.
    #[serde(rename = "{}")]
    Kept,
    /// They are of this type.
    #[serde(rename = "$inline")]
    Of(Box<Schema>),
}

/// Evaluates `$body` with `$schema` bound to the struct of whatever type the schema has.
macro_rules! each {
    ($value:expr, $schema:ident => $body:expr, $reference:ident => $other:expr) => {
        match $value {
            Schema::Reference($reference) => $other,
            Schema::Narrowed($schema) => $body,
            Schema::Text($schema) => $body,
            Schema::Integer($schema) => $body,
            Schema::Number($schema) => $body,
            Schema::Boolean($schema) => $body,
            Schema::List($schema) => $body,
            Schema::Object($schema) => $body,
        }
    };
}

impl Schema {
    /// The object, if the schema becomes a struct; a free-form map does not.
    pub fn as_struct(&self) -> Option<&ObjectSchema> {
        match self {
            Self::Object(object) if object.is_struct() => Some(object),
            _ => None,
        }
    }

    /// The lines of its words.
    pub fn lines(&self) -> &Lines {
        each!(self, schema => &schema.lines, reference => &reference.lines)
    }

    /// What it is.
    pub fn description(&self) -> Option<&Prose> {
        each!(self, schema => schema.description.as_ref(), _reference => None)
    }

    /// Whether it may be null.
    pub fn is_nullable(&self) -> bool {
        each!(self, schema => schema.nullable, _reference => false)
    }

    /// Whether the vendor advises against it.
    pub fn is_deprecated(&self) -> bool {
        each!(self, schema => schema.deprecated, _reference => false)
    }

    /// Whether it may hold a secret.
    pub fn is_sensitive(&self) -> bool {
        each!(self, schema => schema.sensitive, _reference => false)
    }

    /// The reference, if it is one, alone or with further words.
    pub fn reference(&self) -> Option<&Reference> {
        match self {
            Self::Reference(reference) => Some(reference),
            Self::Narrowed(narrowed) => narrowed.parts.first(),
            _ => None,
        }
    }

    /// The values of an enumeration, closed or open.
    pub fn values(&self) -> Option<&[String]> {
        match self {
            Self::Text(text) => text.values.as_deref().or(text.known_values.as_deref()),
            _ => None,
        }
    }

    /// The schemas right within this one, with their names: members, items, values of a map.
    pub fn parts(&self) -> Vec<(&str, &Schema)> {
        match self {
            Self::List(list) => vec![("items", &list.items)],
            Self::Object(object) => {
                let members =
                    object.properties.iter().map(|(name, schema)| (name.as_str(), schema));
                let extra = match &object.additional_properties {
                    Some(Extra::Of(schema)) => Some(("additionalProperties", &**schema)),
                    _ => None,
                };
                members.chain(extra).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Calls `see` with this schema and all within it, each with its place.
    pub fn visit<'a>(&'a self, place: &str, see: &mut impl FnMut(&str, &'a Schema)) {
        see(place, self);
        for (name, part) in self.parts() {
            part.visit(&format!("{place}.{name}"), see);
        }
    }

    /// All references within it.
    pub fn references(&self) -> Vec<&Reference> {
        let mut found = Vec::new();
        self.visit("", &mut |_, schema| match schema {
            Schema::Reference(reference) => found.push(reference),
            Schema::Narrowed(narrowed) => found.extend(&narrowed.parts),
            _ => {}
        });
        found
    }
}
