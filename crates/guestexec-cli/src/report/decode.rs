//! Output of machines whose text is not UTF-8.

use std::{fmt, str::FromStr};

/// An encoding, by its label in the Encoding Standard.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encoding(&'static encoding_rs::Encoding);

impl FromStr for Encoding {
    type Err = String;

    fn from_str(label: &str) -> Result<Self, String> {
        encoding_rs::Encoding::for_label_no_replacement(label.as_bytes()).map(Self).ok_or_else(
            || {
                "no encoding has this name: give one such as gbk, big5, shift_jis or windows-1252"
                    .into()
            },
        )
    }
}

impl fmt::Debug for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

/// Makes UTF-8 of one output. A character may come in pieces; what is none becomes U+FFFD.
pub(super) struct Decoder(encoding_rs::Decoder);

impl Decoder {
    pub(super) fn new(Encoding(encoding): Encoding) -> Self {
        Self(encoding.new_decoder())
    }

    /// Takes bytes, the last ones if `is_end`, and returns the text that they end.
    pub(super) fn push(&mut self, bytes: &[u8], is_end: bool) -> Vec<u8> {
        // A length that overflows is one of bytes that no memory holds.
        let most = self.0.max_utf8_buffer_length(bytes.len()).unwrap_or(usize::MAX);
        let mut text = String::with_capacity(most);
        // With that much room all of it is read.
        let _ = self.0.decode_to_string(bytes, &mut text, is_end);
        text.into_bytes()
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Decoder").field(&self.0.encoding().name()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_may_come_in_pieces() {
        let mut decoder = Decoder::new("GBK".parse().unwrap());
        assert_eq!(decoder.push(b"\xc4\xe3\xba", false), "你".as_bytes());
        assert_eq!(decoder.push(b"\xc3!", false), "好!".as_bytes());
        assert_eq!(decoder.push(b"\xc4", false), b"");
        assert_eq!(decoder.push(b"", true), "\u{fffd}".as_bytes());
        assert!("gkb".parse::<Encoding>().is_err());
    }
}
