//! The common parts of Tencent's and Huawei's signatures: the order of headers, hexadecimal digits, and the
//! form of the `Authorization` header, which is an algorithm and then `name=value` pairs.

use std::{borrow::Cow, cmp::Ordering};

/// Headers as they are on the wire: names and values.
pub type Headers<'a> = [(&'a str, &'a str)];

/// Sorts the headers by lower-case name; copies them only if they are not sorted yet.
pub fn in_name_order<'h, 'a>(headers: &'h Headers<'a>) -> Cow<'h, Headers<'a>> {
    if headers.is_sorted_by(|a, b| name_order(a.0, b.0).is_le()) {
        return Cow::Borrowed(headers);
    }
    let mut sorted: Vec<(&str, &str)> = Vec::with_capacity(headers.len());
    // For so few, it is as quick as the library's sort, and far less to compile.
    for header in headers {
        let place = sorted.partition_point(|(name, _)| name_order(name, header.0).is_le());
        sorted.insert(place, *header);
    }
    Cow::Owned(sorted)
}

/// Appends the headers' names in lower case, with `;` between.
fn push_names(text: &mut String, headers: &Headers<'_>) {
    for (i, (name, _)) in headers.iter().enumerate() {
        if i > 0 {
            text.push(';');
        }
        push_lower(text, name);
    }
}

/// Appends the end of a canonical request: the headers, their names, and the hash of the payload. The value
/// of the header `lower` is written in lower case.
pub fn push_signed(text: &mut String, headers: &Headers<'_>, lower: &str, payload_hash: &str) {
    for (name, value) in headers {
        push_lower(text, name);
        text.push(':');
        match name.eq_ignore_ascii_case(lower) {
            true => push_lower(text, value.trim()),
            false => text.push_str(value.trim()),
        }
        text.push('\n');
    }
    text.push('\n');
    push_names(text, headers);
    text.push('\n');
    text.push_str(payload_hash);
}

/// The headers' names as they are listed in the `Authorization` header: in lower case, sorted, with `;` between.
pub fn signed_header_names(headers: &Headers<'_>) -> String {
    let mut names = String::new();
    push_names(&mut names, &in_name_order(headers));
    names
}

/// Appends a text with its ASCII letters in lower case.
fn push_lower(text: &mut String, part: &str) {
    let start = text.len();
    text.push_str(part);
    text[start..].make_ascii_lowercase();
}

/// Formats bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// A fault in a part of an `Authorization` header. It holds nothing of the header itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultyPart {
    /// The part's name.
    pub part: &'static str,
    /// The fault, as the end of a sentence.
    pub problem: &'static str,
}

/// Ends a check with a [`FaultyPart`].
///
/// # Errors
/// Always.
pub fn faulty<T>(part: &'static str, problem: &'static str) -> Result<T, FaultyPart> {
    Err(FaultyPart { part, problem })
}

/// The order in which signatures list headers: by name, as if in lower case.
fn name_order(a: &str, b: &str) -> Ordering {
    let lower = |byte: u8| byte.to_ascii_lowercase();
    a.bytes().map(lower).cmp(b.bytes().map(lower))
}

/// Reads the three values of `WHO=…, SignedHeaders=…, Signature=…`, where `who` is the name of the first.
///
/// The signed headers have to be sorted without duplicates and to include those in `needed` (`lacking` is
/// the problem if they do not); the signature has to be 64 hexadecimal digits.
///
/// # Errors
/// The part at fault, where one is missing, repeated, unknown or of another form.
#[inline]
pub fn signed_parts<'a>(
    list: &'a str,
    who: &'static str,
    needed: [&str; 2],
    lacking: &'static str,
) -> Result<[&'a str; 3], FaultyPart> {
    let names = [who, "SignedHeaders", "Signature"];
    let mut values = [None; 3];
    for part in list.split(',') {
        let known = part
            .trim()
            .split_once('=')
            .and_then(|(name, value)| Some((names.iter().position(|n| *n == name)?, value)));
        let Some((index, value)) = known else {
            return faulty("list of parts", "has one that is not known");
        };
        if values[index].replace(value).is_some() {
            return faulty(names[index], "is there twice");
        }
    }
    let [Some(signer), Some(signed_headers), Some(signature)] = values else {
        let missing = values.iter().position(Option::is_none).unwrap_or_default();
        return faulty(names[missing], "is missing");
    };
    let signs =
        |wanted: &str| signed_headers.split(';').any(|name| name.eq_ignore_ascii_case(wanted));
    if !needed.into_iter().all(signs) {
        return faulty("SignedHeaders", lacking);
    }
    // A name repeated many times would also make the canonical request huge.
    if !signed_headers.split(';').is_sorted_by(|a, b| name_order(a, b).is_lt()) {
        return faulty("SignedHeaders", "is not sorted, or names a header twice");
    }
    if signature.len() != 64 || !signature.bytes().all(|b| b.is_ascii_hexdigit()) {
        return faulty("Signature", "is not 64 hexadecimal digits");
    }
    Ok([signer, signed_headers, signature])
}
