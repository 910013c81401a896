//! `{{key}}` in scripts.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::error::ApiError;

/// Parameters by name.
pub(super) type Values = BTreeMap<String, String>;

/// What replaces a hidden value where a script is shown.
const MASK: &str = "********";
/// The prefix of a hidden placeholder.
const HIDDEN: &str = "tat-hidden:";
/// Longest placeholder in bytes, without the opening braces.
const MAX_PLACEHOLDER: usize = HIDDEN.len() + 64 + 2;
/// Longest script after substitution, in bytes. The service's own limit is not documented.
const MAX_SCRIPT: usize = 1024 * 1024;

/// Reads a member that holds a JSON object as text. Validation has checked its form.
pub(super) fn read(member: &str, text: Option<&str>) -> Result<Values, ApiError> {
    let Some(text) = text else { return Ok(Values::new()) };
    let Pairs(pairs) = serde_json::from_str(text).map_err(|_| {
        ApiError::new(
            "InvalidParameterValue.ParameterInvalidJsonFormat",
            format!("`{member}` is not a JSON object of texts."),
        )
    })?;
    let mut values = Values::new();
    for (name, value) in pairs {
        if values.insert(name, value).is_some() {
            return Err(ApiError::new(
                "InvalidParameterValue.ParameterKeyDuplicated",
                format!("`{member}` names a parameter twice."),
            ));
        }
    }
    Ok(values)
}

/// A JSON object's members, including repeated ones.
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A part of a script.
enum Piece<'a> {
    Text(&'a [u8]),
    Placeholder { whole: &'a [u8], name: &'a str, hidden: bool },
}

fn pieces(script: &[u8]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = script;
    let find = |text: &[u8], two: &[u8; 2]| text.windows(2).position(|pair| pair == two);
    while let Some(start) = find(rest, b"{{") {
        let inside = &rest[start + 2..];
        let inside = &inside[..inside.len().min(MAX_PLACEHOLDER)];
        let name = find(inside, b"}}").and_then(|end| std::str::from_utf8(&inside[..end]).ok());
        let parsed = name.map(|text| match text.strip_prefix(HIDDEN) {
            Some(name) => (text, name, true),
            None => (text, text, false),
        });
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        match parsed.filter(|(_, name, _)| is_name(name)) {
            Some((text, name, hidden)) => {
                let end = start + text.len() + 4;
                pieces.push(Piece::Text(&rest[..start]));
                pieces.push(Piece::Placeholder { whole: &rest[start..end], name, hidden });
                rest = &rest[end..];
            }
            // Continues after one brace, since `{{{a}}` contains a placeholder.
            None => {
                pieces.push(Piece::Text(&rest[..=start]));
                rest = &rest[start + 1..];
            }
        }
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// Replaces placeholders by values; those without a value stay.
pub(super) fn substitute(script: &[u8], values: &Values) -> Result<Vec<u8>, ApiError> {
    replace(script, |name, _| values.get(name).map(String::as_str))
}

/// Replaces placeholders by values, with hidden values masked.
pub(super) fn masked(script: &[u8], values: &Values) -> Result<Vec<u8>, ApiError> {
    replace(script, |name, hidden| {
        values.get(name).map(|value| if hidden { MASK } else { value.as_str() })
    })
}

fn replace<'a>(
    script: &[u8],
    value: impl Fn(&str, bool) -> Option<&'a str>,
) -> Result<Vec<u8>, ApiError> {
    let mut text = Vec::with_capacity(script.len());
    for piece in pieces(script) {
        text.extend_from_slice(match piece {
            Piece::Text(piece) => piece,
            Piece::Placeholder { whole, name, hidden } => {
                value(name, hidden).map_or(whole, str::as_bytes)
            }
        });
        if text.len() > MAX_SCRIPT {
            return Err(ApiError::new(
                "InvalidParameterValue.TooLong",
                format!(
                    "The script is longer than {MAX_SCRIPT} bytes with its parameters filled in."
                ),
            ));
        }
    }
    Ok(text)
}

/// Whether the script has placeholders.
pub(super) fn any(script: &[u8]) -> bool {
    pieces(script).iter().any(|piece| matches!(piece, Piece::Placeholder { .. }))
}

/// The values, with those of hidden placeholders masked.
pub(super) fn shown(script: &[u8], values: &Values) -> Values {
    let pieces = pieces(script);
    let hides = |wanted: &str| {
        pieces.iter().any(
            |piece| matches!(piece, Piece::Placeholder { name, hidden: true, .. } if *name == wanted),
        )
    };
    values
        .iter()
        .map(|(name, value)| {
            let value = if hides(name) { MASK.to_owned() } else { value.clone() };
            (name.clone(), value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders() {
        let values = read("Parameters", Some(r#"{"a":"1","b":"{{a}}","c":""}"#)).unwrap();
        for (script, expected) in [
            ("echo {{a}} {{b}}{{c}}.", "echo 1 {{a}}."),
            ("{{d}} {{ a }} {{}} {{a} {{{a}}}", "{{d}} {{ a }} {{}} {{a} {1}"),
            ("{{tat-hidden:a}}", "1"),
            ("{{", "{{"),
            ("{{{", "{{{"),
            ("{{a", "{{a"),
        ] {
            let is = substitute(script.as_bytes(), &values).unwrap();
            assert_eq!(String::from_utf8(is).unwrap(), expected, "{script}");
        }
        assert_eq!(masked(b"{{tat-hidden:a}} {{b}}", &values).unwrap(), b"******** {{a}}");
        assert_eq!(shown(b"{{tat-hidden:a}}", &values)["a"], MASK);
        assert_eq!(substitute(b"\xff{{a}}\xfe", &values).unwrap(), b"\xff1\xfe");
        assert!(any(b"x{{a}}") && !any(b"x{{ a }}"));
    }

    #[test]
    fn hostile_scripts() {
        let values = Values::from([("a".to_owned(), "x".repeat(100_000))]);
        assert!(substitute(&b"{{a}}".repeat(100), &values).is_err());
        assert!(!any(&b"{".repeat(49_152)));
    }

    #[test]
    fn repeated_names() {
        let error = read("Parameters", Some(r#"{"a":"1","a":"2"}"#)).unwrap_err();
        assert_eq!(error.code(), "InvalidParameterValue.ParameterKeyDuplicated");
        assert!(read("Parameters", Some("[]")).is_err());
        assert!(read("Parameters", None).unwrap().is_empty());
    }
}
