//! A query as it is sent.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::Url;

/// The characters that this library encodes in names and values.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// The names and values, in their order; `secret` stands for the value of a name that is secret.
pub(super) fn pairs(
    url: &Url,
    is_secret: impl Fn(&str) -> bool,
    secret: &str,
) -> Vec<(String, String)> {
    let parts = url.query().unwrap_or_default().split('&').filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let Some((name, value)) = part.split_once('=') else {
            return (format!("<raw> {part}"), String::new());
        };
        // However its name is encoded.
        let read = name.replace('+', " ");
        let is_secret = is_secret(&percent_decode_str(&read).decode_utf8_lossy());
        (shown(name), if is_secret { secret.to_owned() } else { shown(value) })
    };
    parts.map(pair).collect()
}

/// A name or value, decoded if that loses nothing.
#[inline]
fn shown(part: &str) -> String {
    match percent_decode_str(part).decode_utf8() {
        Ok(text) if utf8_percent_encode(&text, ENCODED).to_string() == part => text.into_owned(),
        _ => format!("<raw> {part}"),
    }
}
