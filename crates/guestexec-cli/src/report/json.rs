//! Output in JSON.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

/// Adds output to an object: text as it is, and other bytes as Base64 under a name that ends in `_base64`.
pub(crate) fn text(object: &mut Value, name: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => object[name] = text.into(),
        Err(_) => object[format!("{name}_base64")] = STANDARD.encode(bytes).into(),
    }
}

/// How many bytes at the end begin a character of UTF-8 that has not ended.
pub(super) fn begun_character(bytes: &[u8]) -> usize {
    let from = bytes.len().saturating_sub(3);
    let begins = |byte: &u8| *byte >= 0xc0;
    let Some(at) = bytes[from..].iter().rposition(begins).map(|at| from + at) else { return 0 };
    let is_begun =
        std::str::from_utf8(&bytes[at..]).is_err_and(|error| error.error_len().is_none());
    if is_begun { bytes.len() - at } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_beginning_of_a_character_is_held_back() {
        for (bytes, held) in [
            (&b""[..], 0),
            (b"abc", 0),
            ("é".as_bytes(), 0),
            (b"a\xc3", 1),
            (b"\xe4\xbd", 2),
            (b"\xf0\x9f\x98", 3),
            // No character at all, so nothing is to come.
            (b"\xff", 0),
            (b"\xc3a", 0),
            (b"\xbd", 0),
            // What comes before it does not matter.
            (b"\xff\xe4\xbd", 2),
        ] {
            assert_eq!(begun_character(bytes), held, "{bytes:x?}");
        }
    }
}
