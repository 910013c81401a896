//! Base64 members of requests and answers.

use std::{borrow::Cow, fmt, io, sync::LazyLock};

use base64::{
    Engine as _,
    display::Base64Display,
    engine::{DecodePaddingMode, GeneralPurposeConfig, general_purpose::PAD},
};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
};

use crate::check::Encoded;

/// The library's engine with vector instructions, where it has one.
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
mod engine {
    pub(super) type Engine = base64::engine::Simd;

    pub(super) fn of(config: base64::engine::GeneralPurposeConfig) -> Engine {
        Engine::standard(config)
    }
}

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
mod engine {
    pub(super) type Engine = base64::engine::GeneralPurpose;

    pub(super) fn of(config: base64::engine::GeneralPurposeConfig) -> Engine {
        Engine::new(&base64::alphabet::STANDARD, config)
    }
}

/// Standard alphabet, padded.
static STANDARD: LazyLock<engine::Engine> = LazyLock::new(|| engine::of(PAD));

/// Standard alphabet, padding optional: some servers leave it out.
static TOLERANT: LazyLock<engine::Engine> = LazyLock::new(|| {
    engine::of(
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    )
});

/// Bytes encoded at once. It is a multiple of three, so only the last piece has padding.
const PIECE: usize = 3 * 1024;

/// Writes the Base64 text of `bytes`.
///
/// # Errors
/// The writer's.
pub(crate) fn encode_to<W: io::Write + ?Sized>(writer: &mut W, bytes: &[u8]) -> io::Result<()> {
    let mut text = [0; PIECE / 3 * 4];
    for piece in bytes.chunks(PIECE) {
        let length = STANDARD.encode_slice(piece, &mut text).map_err(io::Error::other)?;
        writer.write_all(&text[..length])?;
    }
    Ok(())
}

/// The bytes of text that is Base64 as this library writes it, so that no two texts have the same bytes.
#[inline]
pub(crate) fn decoded(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Bytes that travel as standard, padded Base64 text.
///
/// It is made from plain text or bytes (`"uptime".into()`, `vec![0u8].into()`) and encoded when it is
/// serialized. Text that *already* is Base64 goes through [`Base64::from_encoded`]. A serializer that is not
/// human-readable (`is_human_readable`) is given the bytes instead.
///
/// Text of an answer that is not Base64 is kept as it came (see [`Base64::is_malformed`]), so that one
/// broken member does not cost the rest of the answer. The check of a request refuses it.
///
/// ```
/// use guestexec_core::Base64;
///
/// let script = Base64::from("uptime");
/// assert_eq!(script.as_bytes(), b"uptime");
/// assert_eq!(script.to_text_lossy(), "uptime");
/// assert_eq!(serde_json::to_value(&script)?, "dXB0aW1l");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Base64(Repr);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Bytes(Vec<u8>),
    Malformed(String),
}

impl Base64 {
    /// Reads Base64 text. White space is skipped and padding may be missing.
    pub fn from_encoded(text: &str) -> Self {
        let compact: Cow<'_, str> = if text.bytes().any(|b| b.is_ascii_whitespace()) {
            text.split_ascii_whitespace().collect::<String>().into()
        } else {
            text.into()
        };
        match TOLERANT.decode(compact.as_bytes()) {
            Ok(bytes) => Self(Repr::Bytes(bytes)),
            Err(_) => Self(Repr::Malformed(text.to_owned())),
        }
    }

    /// The bytes; for malformed text, the text's own bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Bytes(bytes) => bytes,
            Repr::Malformed(text) => text.as_bytes(),
        }
    }

    /// The bytes, by value.
    pub fn into_bytes(self) -> Vec<u8> {
        match self.0 {
            Repr::Bytes(bytes) => bytes,
            Repr::Malformed(text) => text.into_bytes(),
        }
    }

    /// The bytes as text, with U+FFFD where they are not UTF-8.
    pub fn to_text_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    /// True if the received text was not Base64.
    pub fn is_malformed(&self) -> bool {
        matches!(self.0, Repr::Malformed(_))
    }

    /// Length of the Base64 text in characters, which is what vendors limit.
    pub fn encoded_len(&self) -> usize {
        match &self.0 {
            Repr::Bytes(bytes) => bytes.len().div_ceil(3) * 4,
            Repr::Malformed(text) => text.chars().count(),
        }
    }

    /// The Base64 text.
    pub fn to_encoded(&self) -> String {
        match &self.0 {
            Repr::Bytes(bytes) => STANDARD.encode(bytes),
            Repr::Malformed(text) => text.clone(),
        }
    }
}

impl Encoded for Base64 {
    fn encoded_len(&self) -> usize {
        Self::encoded_len(self)
    }

    fn is_malformed(&self) -> bool {
        Self::is_malformed(self)
    }
}

/// Only the size: content may be a script, an output, a secret.
impl fmt::Debug for Base64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Bytes(bytes) => write!(f, "Base64({} bytes)", bytes.len()),
            Repr::Malformed(text) => write!(f, "Base64(malformed, {} bytes)", text.len()),
        }
    }
}

/// Makes a type of whatever holds text or bytes, by a function of a `Vec<u8>`.
#[doc(hidden)]
#[macro_export]
macro_rules! from_bytes {
    ($name:ident by $make:expr) => {
        $crate::from_bytes! {
            $name by $make;
            ::std::vec::Vec<u8>: |bytes| bytes;
            &::std::vec::Vec<u8>: ::std::vec::Vec::clone;
            &[u8]: <[u8]>::to_vec;
            ::std::borrow::Cow<'_, [u8]>: |bytes| bytes.into_owned();
            ::std::string::String: ::std::string::String::into_bytes;
            &::std::string::String: |text| text.as_bytes().to_vec();
            &str: |text| text.as_bytes().to_vec();
            ::std::borrow::Cow<'_, str>: |text| text.into_owned().into_bytes();
        }
    };
    ($name:ident by $make:expr; $($from:ty: $bytes:expr;)*) => {$(
        impl From<$from> for $name {
            fn from(given: $from) -> Self {
                let bytes: fn($from) -> ::std::vec::Vec<u8> = $bytes;
                $make(bytes(given))
            }
        }
    )*};
}
from_bytes!(Base64 by |bytes| Self(Repr::Bytes(bytes)));

impl<const N: usize> From<&[u8; N]> for Base64 {
    fn from(bytes: &[u8; N]) -> Self {
        bytes.to_vec().into()
    }
}

impl<const N: usize> From<[u8; N]> for Base64 {
    fn from(bytes: [u8; N]) -> Self {
        Vec::from(bytes).into()
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Repr::Bytes(bytes) if !serializer.is_human_readable() => {
                serializer.serialize_bytes(bytes)
            }
            // Piece by piece, without a copy of the whole text.
            Repr::Bytes(bytes) => serializer.collect_str(&Base64Display::new(bytes, &*STANDARD)),
            Repr::Malformed(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Either)
        } else {
            deserializer.deserialize_byte_buf(Either)
        }
    }
}

/// Reads text as Base64, and bytes as they are.
struct Either;

impl Visitor<'_> for Either {
    type Value = Base64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Base64 text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Base64, E> {
        Ok(Base64::from_encoded(text))
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Base64, E> {
        Ok(bytes.into())
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Base64, E> {
        Ok(bytes.into())
    }
}

#[cfg(feature = "schemars")]
impl schemars::JsonSchema for Base64 {
    fn schema_name() -> Cow<'static, str> {
        "Base64".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "byte" })
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::Base64;
    use crate::check::{base64, encoded};

    #[test]
    fn a_limit_is_one_of_the_text() {
        let content: Base64 = vec![b'x'; 49_153].into();
        assert_eq!(
            encoded("Content", &content, 0..=65_536).unwrap_err().to_string(),
            "`Content` has 65540 characters of Base64, but at most 65536 are allowed"
        );
    }

    #[test]
    fn what_is_not_base64_is_refused_by_its_length() {
        for text in ["!!", "AAAAA", "ab-_", "=", "aGk=aGk="] {
            let said = base64("Content", &Base64::from_encoded(text)).unwrap_err().to_string();
            assert_eq!(said.matches("is not Base64").count(), 1, "{text}: {said}");
        }
        let one = Base64::from_encoded("é");
        assert_eq!(
            base64("Content", &one).unwrap_err().to_string(),
            "`Content` (1 character) is not Base64"
        );
        for text in ["", "aGk=", "aGk", "aG\nk="] {
            assert_eq!(base64("Content", &Base64::from_encoded(text)), Ok(()), "{text}");
        }
        assert_eq!(base64("Content", &Base64::from("!!")), Ok(()), "plain text is encoded");
    }

    #[test]
    fn text_and_bytes_are_encoded_on_the_way_out() {
        let from_text: Base64 = "whoami".into();
        assert_eq!(serde_json::to_string(&from_text).unwrap(), r#""d2hvYW1p""#);
        assert_eq!(from_text.encoded_len(), 8);
        assert_eq!(format!("{from_text:?}"), "Base64(6 bytes)");
        assert_eq!(Base64::from(b"\xff\x00"), vec![0xff, 0].into());
    }

    #[test]
    fn whatever_is_at_hand_is_taken() {
        let (text, bytes) = ("whoami".to_owned(), b"whoami".to_vec());
        let borrowed: Cow<'_, [u8]> = Cow::Borrowed(&bytes);
        let all: [Base64; 10] = [
            text.as_str().into(),
            (&text).into(),
            text.clone().into(),
            Cow::Borrowed(&*text).into(),
            bytes.as_slice().into(),
            (&bytes).into(),
            bytes.clone().into(),
            borrowed.into(),
            b"whoami".into(),
            (*b"whoami").into(),
        ];
        assert!(all.iter().all(|it| it.as_bytes() == bytes));
    }

    #[test]
    fn what_a_server_sends_is_read_tolerantly() {
        for text in ["aGk=", "aGk", "aG k=\n"] {
            assert_eq!(Base64::from_encoded(text).as_bytes(), b"hi", "{text:?}");
        }
        let odd: Base64 = serde_json::from_str(r#""!!""#).unwrap();
        assert!(odd.is_malformed());
        assert_eq!(odd.as_bytes(), b"!!");
        assert_eq!(serde_json::to_string(&odd).unwrap(), r#""!!""#);
        assert_eq!(Base64::from_encoded("").as_bytes(), b"");
    }
}
