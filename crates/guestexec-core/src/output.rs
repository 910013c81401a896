//! The serialized form of a command's output.

use std::str;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::ser::SerializeStruct;

/// Writes output bytes as one member of a result: as text under the name `plain` if they are UTF-8, or
/// else as standard, padded Base64 under the name `encoded`. So exactly one of the two members is there,
/// and no byte is lost.
///
/// A struct that has both counts one field for them.
///
/// # Errors
/// The serializer's.
pub fn serialize_output<S: SerializeStruct>(
    result: &mut S,
    [plain, encoded]: [&'static str; 2],
    bytes: &[u8],
) -> Result<(), S::Error> {
    match str::from_utf8(bytes) {
        Ok(text) => {
            result.serialize_field(plain, text)?;
            result.skip_field(encoded)
        }
        Err(_) => {
            result.skip_field(plain)?;
            result.serialize_field(encoded, &STANDARD.encode(bytes))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::{Serialize, Serializer};

    use super::*;

    struct Result(Vec<u8>);

    impl Serialize for Result {
        fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
            let mut result = serializer.serialize_struct("Result", 1)?;
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
