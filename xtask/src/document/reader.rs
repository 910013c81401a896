//! Reads a typed document from [`Node`]s through `serde`, and finds all that is wrong with it.
//!
//! `serde` stops at the first fault. A part that cannot be read is therefore noted and left out, and
//! the document is read again without it, until nothing new is found.

use std::{cell::RefCell, fmt, ptr};

use serde::{
    Deserialize,
    de::{
        self, DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
        value::{MapDeserializer, StrDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::Value;

use super::{
    find::media_type,
    node::{Kind, Node},
};

/// The field of a struct that takes the lines of its words: see [`super::Lines`].
const LINES: &str = "$lines";

/// The variant of an enumeration that takes what no other one does.
const INLINE: &str = "$inline";

/// Words that are refused for a reason.
const REFUSED: [(&str, &str); 7] = [
    ("anyOf", "generates a type that cannot be read; describe the members plainly"),
    ("content", "is not supported here; give a `schema`"),
    ("default", "would go on the wire with every request; say it in the description"),
    (
        "example",
        "has no name; write `examples: {page: {summary: ..., value: ...}}` at the body or the parameter",
    ),
    ("not", "is not carried over; describe what is allowed"),
    ("oneOf", "generates an untagged enum that guesses; describe the members plainly"),
    ("trace", "generates code that does not compile; leave it out"),
];

/// Words that are missing, and what to write.
const MISSING: [(&str, &str); 5] = [
    ("$ref", "the schema is inline; refer to a component schema"),
    ("externalDocs", "there is no `externalDocs`; name the vendor's page it follows"),
    ("operationId", "there is no `operationId`, which names the method; add the vendor's name"),
    ("schema", "the schema is missing; refer to a component schema"),
    ("url", "there is no `url`; name the vendor's page it follows"),
];

/// Reads a document.
///
/// # Errors
/// A part that cannot be read: its line, the part, and the reason.
pub(super) fn read<'de, T: Deserialize<'de>>(root: &'de Node) -> Result<T, Vec<Note<'de>>> {
    let notes = Notes::default();
    loop {
        let before = notes.left_out.borrow().len();
        let reader = Reader { node: root, notes: &notes, tag: None };
        let result = T::deserialize(reader).map_err(|fault| reader.note(fault));
        let is_new = notes.left_out.borrow().len() > before;
        match result {
            Err(_) if is_new && !notes.leaves_out(root) => {}
            Ok(document) if notes.complaints.borrow().is_empty() => return Ok(document),
            _ => return Err(notes.complaints.into_inner()),
        }
    }
}

/// A complaint: the line, the part it is about, a sentence.
pub(super) type Note<'de> = (u64, &'de Node, String);

/// The faults found so far.
#[derive(Default)]
struct Notes<'de> {
    complaints: RefCell<Vec<Note<'de>>>,
    left_out: RefCell<Vec<&'de Node>>,
    /// Parts with a word that is not known.
    odd: RefCell<Vec<&'de Node>>,
}

impl<'de> Notes<'de> {
    fn leaves_out(&self, node: &Node) -> bool {
        self.left_out.borrow().iter().any(|other| ptr::eq(*other, node))
    }

    /// True for a part with a word that is not known: it may be one that is missing, misspelled.
    fn has_odd_word(&self, node: &Node) -> bool {
        self.odd.borrow().iter().any(|other| ptr::eq(*other, node))
    }

    fn add(&self, line: u64, part: &'de Node, text: String) {
        let mut complaints = self.complaints.borrow_mut();
        if !complaints
            .iter()
            .any(|(at, other, said)| *at == line && ptr::eq(*other, part) && *said == text)
        {
            complaints.push((line, part, text));
        }
    }
}

/// Why a part cannot be read.
#[derive(Debug)]
pub(super) enum Fault {
    Text(String),
    Missing(&'static str),
    /// The reason is noted, with a part of it.
    LeftOut,
    /// The part is left out already.
    Noted,
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::Text(text.to_string())
    }

    fn missing_field(word: &'static str) -> Self {
        Self::Missing(word)
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        Self::Text(format!("is `{variant}`; write one of {}", shown(known)))
    }
}

/// The words to choose from, without those that are ours or go without saying.
fn shown(known: &[&str]) -> String {
    let is_shown = |word: &&&str| !word.starts_with('$') && **word != "allOf";
    known.iter().filter(is_shown).copied().collect::<Vec<_>>().join(", ")
}

#[derive(Clone, Copy)]
struct Reader<'a, 'de> {
    node: &'de Node,
    notes: &'a Notes<'de>,
    /// The word that chose a variant, which is none of the variant's own.
    tag: Option<&'static str>,
}

impl<'de> Reader<'_, 'de> {
    fn at(self, node: &'de Node) -> Self {
        Self { node, tag: None, ..self }
    }

    fn fault(self, text: impl fmt::Display) -> Fault {
        self.note(Fault::Text(text.to_string()))
    }

    /// Notes a fault of this part, which is left out from now on.
    fn note(self, fault: Fault) -> Fault {
        match fault {
            Fault::Noted => return fault,
            Fault::LeftOut => {}
            Fault::Text(text) => self.notes.add(self.node.line, self.node, text),
            // If the word is there, it was left out for its own fault or is misspelled, and that is noted already.
            Fault::Missing(word)
                if self.node.get(word).is_some() || self.notes.has_odd_word(self.node) => {}
            Fault::Missing(word) => {
                let known = MISSING.iter().find(|(missing, _)| *missing == word);
                let plain = || format!("there is no `{word}`; write one");
                self.notes.add(
                    self.node.line,
                    self.node,
                    known.map_or_else(plain, |(_, text)| (*text).to_owned()),
                );
            }
        }
        if !self.notes.leaves_out(self.node) {
            self.notes.left_out.borrow_mut().push(self.node);
        }
        Fault::Noted
    }

    fn mapping(self) -> Result<&'de [(String, Node)], Fault> {
        match &self.node.kind {
            Kind::Mapping(members) => Ok(members),
            _ => Err(self.fault("is not a mapping; write it as `{name: value}`")),
        }
    }

    fn number(self) -> Result<&'de Value, Fault> {
        match &self.node.kind {
            Kind::Scalar(value) if value.is_u64() || value.is_i64() => Ok(value),
            _ => {
                Err(self
                    .fault(format!("is {}, which is not a whole number; correct it", self.shown())))
            }
        }
    }

    /// The part in short.
    fn shown(self) -> String {
        match &self.node.kind {
            Kind::Scalar(value) => value.to_string(),
            Kind::List(_) => "a list".to_owned(),
            Kind::Mapping(_) => "a mapping".to_owned(),
        }
    }

    /// The variant this part is of: by a word in it, by what it is, or by its `type`.
    fn variant(
        self,
        variants: &'static [&'static str],
    ) -> Result<(&'de str, Option<&'static str>), Fault> {
        let by_word = variants.contains(&"$ref");
        let named = |name: &str| variants.iter().copied().find(|variant| *variant == name);
        match &self.node.kind {
            Kind::Scalar(Value::Bool(value)) => {
                let name = if *value { "true" } else { "false" };
                if let Some(variant) = named(name) {
                    return Ok((variant, None));
                }
            }
            Kind::Scalar(Value::String(text)) if !by_word => return Ok((text, None)),
            Kind::Mapping(members) if by_word || named(INLINE).is_some() => {
                if let Some(variant) = named("{}").filter(|_| members.is_empty()) {
                    return Ok((variant, None));
                }
                let is_here = |variant: &&&str| self.node.get(variant).is_some();
                if let Some(variant) = variants.iter().find(is_here).copied().or(named(INLINE)) {
                    return Ok((variant, None));
                }
                let Some(node) = self.node.get("type") else {
                    let refused = members.iter().find_map(|(word, node)| {
                        let (_, why) = REFUSED.iter().find(|(refused, _)| refused == word)?;
                        Some((node.line, format!("`{word}` {why}")))
                    });
                    let (line, text) = refused.unwrap_or_else(|| {
                        let kinds = shown(variants);
                        (self.node.line, format!("there is no `type`; write one of {kinds}"))
                    });
                    self.notes.add(line, self.node, text);
                    return Err(self.note(Fault::LeftOut));
                };
                return match node.text().and_then(named) {
                    Some(variant) => Ok((variant, Some("type"))),
                    None => {
                        let kinds = shown(variants);
                        let text =
                            format!("the type is {}; write one of {kinds}", self.at(node).shown());
                        // Without its type, all of the schema is left out.
                        self.notes.add(node.line, self.node, text);
                        Err(self.note(Fault::LeftOut))
                    }
                };
            }
            _ => {}
        }
        if variants.contains(&INLINE) || by_word {
            return self.mapping().map(|_| (INLINE, None));
        }
        Err(self.fault(format!("is {}; write one of {}", self.shown(), shown(variants))))
    }
}

impl<'de> de::Deserializer<'de> for Reader<'_, 'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.kind {
            Kind::List(_) => self.deserialize_seq(visitor),
            Kind::Mapping(_) => self.deserialize_map(visitor),
            Kind::Scalar(value) => value.deserialize_any(visitor).map_err(de::Error::custom),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.kind {
            Kind::Scalar(Value::Bool(value)) => visitor.visit_bool(value),
            _ => Err(self.fault("is not true or false; write one of them, without quotes")),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number()?
            .deserialize_any(visitor)
            .map_err(|_| self.fault("is too large a number; correct it"))
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number()?
            .deserialize_any(visitor)
            .map_err(|_| self.fault("is less than 0; correct it"))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.text() {
            Some(text) => visitor.visit_borrowed_str(text),
            None => Err(self.fault("is not text; put it in quotes")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    /// A word that is there has a value: null is none.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.kind {
            Kind::List(items) => visitor.visit_seq(Items { reader: self, items: items.iter() }),
            _ => Err(self.fault("is not a list; write it as `[A, B]`")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let members = self.mapping()?.iter();
        let reader = self;
        visitor.visit_map(Members { reader, members, value: None, lines: false, content: false })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let is_inline = name == "Reference" && self.node.get("$ref").is_none();
        let content = matches!(name, "Content" | "AnswerContent");
        let is_foreign = |word: &str| {
            let word = if content { media_type(word) } else { word };
            !words.contains(&word) && self.tag != Some(word) && !is_inline
        };
        for (word, node) in self.mapping()?.iter().filter(|(word, _)| is_foreign(word)) {
            let refused = REFUSED.iter().find(|(refused, _)| refused == word);
            let text = match refused {
                _ if name == "Reference" => {
                    format!(
                        "`{word}` is ignored beside `$ref`; write `allOf: [{{$ref: ...}}]` to keep it"
                    )
                }
                Some((_, why)) => format!("`{word}` {why}"),
                None => format!(
                    "`{word}` is ignored here; correct it or leave it out (known: {})",
                    shown(words)
                ),
            };
            self.notes.add(node.line, self.node, text);
            if refused.is_none() && !word.starts_with("x-") {
                self.notes.odd.borrow_mut().push(self.node);
            }
        }
        let members = self.mapping()?.iter();
        let lines = words.contains(&LINES);
        visitor.visit_map(Members { reader: self, members, value: None, lines, content })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let (variant, tag) = self.variant(variants)?;
        visitor.visit_enum(Variant { variant, reader: Self { tag, ..self } })
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 u8 u16 u32 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct
    }
}

struct Items<'a, 'de> {
    reader: Reader<'a, 'de>,
    items: std::slice::Iter<'de, Node>,
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let notes = self.reader.notes;
        let Some(node) = self.items.find(|node| !notes.leaves_out(node)) else { return Ok(None) };
        let reader = self.reader.at(node);
        seed.deserialize(reader).map(Some).map_err(|fault| reader.note(fault))
    }
}

struct Members<'a, 'de> {
    reader: Reader<'a, 'de>,
    members: std::slice::Iter<'de, (String, Node)>,
    value: Option<&'de Node>,
    /// The lines are still to be given.
    lines: bool,
    /// The names are those of media types.
    content: bool,
}

impl<'de> MapAccess<'de> for Members<'_, 'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let name = if self.lines {
            LINES
        } else {
            let Reader { notes, tag, .. } = self.reader;
            let is_read =
                |(name, node): &&(String, Node)| tag != Some(name) && !notes.leaves_out(node);
            let Some((name, node)) = self.members.find(is_read) else { return Ok(None) };
            self.value = Some(node);
            if self.content { media_type(name) } else { name }
        };
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        if std::mem::take(&mut self.lines) {
            let own = std::iter::once(("", self.reader.node.line));
            let words =
                self.reader.mapping()?.iter().map(|(word, node)| (word.as_str(), node.line));
            return seed.deserialize(MapDeserializer::new(own.chain(words)));
        }
        let reader = self.reader.at(self.value.unwrap_or(self.reader.node));
        seed.deserialize(reader).map_err(|fault| reader.note(fault))
    }
}

struct Variant<'a, 'de> {
    variant: &'de str,
    reader: Reader<'a, 'de>,
}

impl<'a, 'de> EnumAccess<'de> for Variant<'a, 'de> {
    type Error = Fault;
    type Variant = Reader<'a, 'de>;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Reader<'a, 'de>), Fault> {
        let variant = seed.deserialize(StrDeserializer::new(self.variant));
        Ok((variant.map_err(|fault| self.reader.note(fault))?, self.reader))
    }
}

impl<'de> VariantAccess<'de> for Reader<'_, 'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        de::Deserializer::deserialize_seq(self, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        de::Deserializer::deserialize_struct(self, "", words, visitor)
    }
}
