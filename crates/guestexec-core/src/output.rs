//! The serialized form of a command's output.

use std::str;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::ser::SerializeMap;

/// Writes output bytes as one member of a result: as text under the name `plain` if they are UTF-8, or
/// else as standard, padded Base64 under the name `encoded`. So exactly one of the two members is there,
/// and no byte is lost.
///
/// # Errors
/// The serializer's.
pub fn serialize_output<M: SerializeMap>(
    to: &mut M,
    [plain, encoded]: [&'static str; 2],
    bytes: &[u8],
) -> Result<(), M::Error> {
    match str::from_utf8(bytes) {
        Ok(text) => to.serialize_entry(plain, text),
        Err(_) => to.serialize_entry(encoded, &STANDARD.encode(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use serde::{Serialize, Serializer};

    use super::*;

    struct Result(Vec<u8>);

    impl Serialize for Result {
        fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
            let mut result = serializer.serialize_map(None)?;
            serialize_output(&mut result, ["output", "output_base64"], &self.0)?;
            result.end()
        }
    }

    #[test]
    fn output_is_text_or_else_base64() {
        for (bytes, json) in [
            (&b""[..], r#"{"output":""}"#),
            ("é\n\0".as_bytes(), r#"{"output":"é\n\u0000"}"#),
            (b"a\xff", r#"{"output_base64":"Yf8="}"#),
            // A character that is cut.
            (&"é".as_bytes()[..1], r#"{"output_base64":"ww=="}"#),
        ] {
            assert_eq!(serde_json::to_string(&Result(bytes.to_vec())).unwrap(), json);
        }
    }
}
