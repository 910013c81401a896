//! Repairs JSON that a strict parser rejects.
//!
//! One wrong byte in a minor member must not cost a whole answer. Text is decoded lossily; a value that
//! no strict parser accepts becomes a string.

use serde::de;
use serde_json::{Number, Value};

use crate::walk::{Rule, follows};

/// Deepest nesting of lists and objects; a deeper one becomes a string.
const DEEPEST: usize = 100;

/// Repairs a body. Valid JSON is left as it is, and so is a body that is no JSON object.
///
/// Bytes that are not UTF-8 and lone surrogates become U+FFFD, and control characters are escaped.
/// Numbers that are too large, unknown words and values that are nested too deeply become strings of
/// their text.
pub(crate) fn repaired(body: Vec<u8>) -> Vec<u8> {
    if is_strict(&body) {
        return body;
    }
    match rewritten(&body) {
        Some(better) if serde_json::from_str::<Value>(&better).is_ok() => better.into_bytes(),
        _ => body,
    }
}

/// True if `serde_json` parses all of it without rounding an integer.
fn is_strict(body: &[u8]) -> bool {
    follows::<NoLargeNumber>(body)
}

/// No number is so large that it may be a rounded integer; [`rewritten`] finds out.
struct NoLargeNumber;

impl Rule for NoLargeNumber {
    fn float<E: de::Error>(number: f64) -> Result<(), E> {
        if number.abs() < 9e18 { Ok(()) } else { Err(E::custom("a large number")) }
    }
}

/// The repaired object; `None` if the body is no object or ends early.
fn rewritten(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body));
    let mut rest = text.trim_start();
    if !rest.starts_with('{') {
        return None;
    }
    let mut out = String::with_capacity(rest.len() + 64);
    let mut depth = 0;
    while let Some(first) = rest.chars().next() {
        match first {
            '"' => {
                rest = string(rest, &mut out)?;
                continue;
            }
            '{' | '[' if depth == DEEPEST => {
                let (inner, after) = rest.split_at_checked(length_of(rest)?)?;
                quote(inner, &mut out)?;
                rest = after;
                continue;
            }
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            ',' | ':' => {}
            blank if blank.is_ascii_whitespace() => {}
            _ => {
                let ends = |c: char| c.is_ascii_whitespace() || "{}[],:\"".contains(c);
                let (word, after) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
                match is_word(word) {
                    true => out.push_str(word),
                    false => quote(word, &mut out)?,
                }
                rest = after;
                continue;
            }
        }
        out.push(first);
        rest = &rest[first.len_utf8()..];
    }
    Some(out)
}

/// True for a word that a parser reads without loss.
fn is_word(word: &str) -> bool {
    if matches!(word, "true" | "false" | "null") {
        return true;
    }
    let is_integer = word.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
    serde_json::from_str::<Number>(word)
        .is_ok_and(|number| !is_integer || number.is_i64() || number.is_u64())
}

/// Writes text as a JSON string.
fn quote(text: &str, out: &mut String) -> Option<()> {
    out.push_str(&serde_json::to_string(text).ok()?);
    Some(())
}

/// Copies and repairs the string that `text` begins with, and returns the rest.
fn string<'a>(text: &'a str, out: &mut String) -> Option<&'a str> {
    let mut rest = text.strip_prefix('"')?;
    out.push('"');
    loop {
        let plain = rest.find(|c: char| c == '"' || c == '\\' || c < ' ')?;
        out.push_str(&rest[..plain]);
        rest = &rest[plain..];
        let first = rest.chars().next()?;
        rest = &rest[1..];
        match first {
            '"' => {
                out.push('"');
                return Some(rest);
            }
            '\\' => rest = escape(rest, out),
            control => out.push_str(&format!("\\u{:04x}", u32::from(control))),
        }
    }
}

/// Copies what follows a backslash. A backslash that escapes nothing is kept as a character.
fn escape<'a>(rest: &'a str, out: &mut String) -> &'a str {
    let unit = |text: &str| {
        let digits = text.strip_prefix('u')?.get(..4)?;
        let hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u16::from_str_radix(digits, 16).ok().filter(|_| hex)
    };
    match (rest.bytes().next(), unit(rest)) {
        (Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'), _) => {
            out.push('\\');
            out.push_str(&rest[..1]);
            &rest[1..]
        }
        (_, Some(high)) => {
            let low = rest[5..].strip_prefix('\\').and_then(unit);
            let units = [Some(high), low].into_iter().flatten();
            let length = match char::decode_utf16(units).next() {
                Some(Ok(character)) => 5 + 6 * (character.len_utf16() - 1),
                _ => {
                    out.push_str("\\ufffd");
                    return &rest[5..];
                }
            };
            out.push('\\');
            out.push_str(&rest[..length]);
            &rest[length..]
        }
        _ => {
            out.push_str("\\\\");
            rest
        }
    }
}

/// The length of the list or object that `text` begins with.
fn length_of(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => loop {
                match bytes.next()?.1 {
                    b'"' => break,
                    b'\\' => drop(bytes.next()),
                    _ => {}
                }
            },
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &[u8]) -> Value {
        let body = repaired(body.to_vec());
        serde_json::from_slice(&body).unwrap_or_else(|e| panic!("{e}: {}", body.escape_ascii()))
    }

    #[test]
    fn what_can_be_read_is_left_as_it_is() {
        for body in [
            r#"{"a": [1, -2.5e3, true, null, "é\n\ud83d\ude80"], "a": {}}"#,
            "<html>\u{1}</html>",
            "",
            r#"{"cut": "of"#,
            r#"{"a": 1} trailing"#,
            r#""\ud800""#,
        ] {
            assert_eq!(repaired(body.as_bytes().to_vec()), body.as_bytes(), "{body}");
        }
    }

    #[test]
    fn text_is_read_lossily() {
        assert_eq!(
            read(b"\xef\xbb\xbf {\"a\": \"\xff\xe4\", \"\xc3\": \"\xf0\x9f\x9a\x80\"}"),
            json!({ "a": "\u{fffd}\u{fffd}", "\u{fffd}": "🚀" })
        );
        assert_eq!(
            read(br#"{"a": "\ud800", "b": "\uDC00x\ud83d\ude80", "c": "\ud83d\ud83d\ude80", "d": "\ud800\n\"}"}"#),
            json!({ "a": "\u{fffd}", "b": "\u{fffd}x🚀", "c": "\u{fffd}🚀", "d": "\u{fffd}\n\"}" })
        );
        assert_eq!(
            read(b"{\"a\": \"C:\\dir \\u12 \\x1b[1m \x1b\n\", \"b\": \"\\ud800\xff\"}"),
            json!({ "a": "C:\\dir \\u12 \\x1b[1m \u{1b}\n", "b": "\u{fffd}\u{fffd}" })
        );
    }

    #[test]
    fn what_no_reader_takes_is_kept_as_text() {
        assert_eq!(
            read(
                b"{\"a\": 1e999, \"b\": NaN, \"c\": [-Infinity, 007, 0x1], \"d\": 1, \"e\": 1e300}"
            ),
            json!({ "a": "1e999", "b": "NaN", "c": ["-Infinity", "007", "0x1"], "d": 1, "e": 1e300 })
        );
        // As a number it would be rounded.
        assert_eq!(
            read(b"{\"a\": 123456789012345678901, \"b\": 18446744073709551615, \"c\": -9223372036854775809}"),
            json!({ "a": "123456789012345678901", "b": u64::MAX, "c": "-9223372036854775809" })
        );
    }

    #[test]
    fn what_lies_too_deep_is_kept_as_text() {
        let deep = format!("{}\"]}}\\\"\"{}", "[".repeat(100_000), "]".repeat(100_000));
        let whole = read(format!(r#"{{"deep": {deep}, "code": "SYS.1006"}}"#).as_bytes());
        assert_eq!(whole["code"], "SYS.1006");
        let inner = (1..DEEPEST).fold(&whole["deep"], |value, _| &value[0]);
        let text = inner.as_str().unwrap();
        assert_eq!(text.len(), deep.len() - 2 * (DEEPEST - 1));
        assert!(text.starts_with("[[") && text.contains(r#""]}\"""#));
    }
}
