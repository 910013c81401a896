//! What Tencent's and Huawei's signatures share: the order of headers, hexadecimal digits, and the form
//! of the `Authorization` header, which is an algorithm and then `name=value` pairs.

use std::{borrow::Cow, cmp::Ordering};

/// Headers as they are on the wire: names and values.
pub type Headers<'a> = [(&'a str, &'a str)];

/// The headers sorted by lower-case name; copied only where they are not in order already.
pub fn in_name_order<'h, 'a>(headers: &'h Headers<'a>) -> Cow<'h, Headers<'a>> {
    let by_name = |a: &(&str, &str), b: &(&str, &str)| name_order(a.0, b.0);
    if headers.is_sorted_by(|a, b| by_name(a, b).is_le()) {
        return Cow::Borrowed(headers);
    }
    let mut sorted = headers.to_vec();
    sorted.sort_by(by_name);
    Cow::Owned(sorted)
}

/// Appends the headers' names in lower case, with `;` between.
pub fn push_names(text: &mut String, headers: &Headers<'_>) {
    for (i, (name, _)) in headers.iter().enumerate() {
        if i > 0 {
            text.push(';');
        }
        push_lower(text, name);
    }
}

/// Appends a text with its ASCII letters in lower case.
pub fn push_lower(text: &mut String, part: &str) {
    let start = text.len();
    text.push_str(part);
    text[start..].make_ascii_lowercase();
}

/// Octets as lower-case hexadecimal digits.
pub fn hex(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * octets.len());
    for octet in octets {
        text.push(char::from(DIGITS[usize::from(octet >> 4)]));
        text.push(char::from(DIGITS[usize::from(octet & 15)]));
    }
    text
}

/// What is wrong with a part of an `Authorization` header. Holds nothing of the header itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultyPart {
    /// The part's name.
    pub part: &'static str,
    /// What is wrong with it, as the end of a sentence.
    pub problem: &'static str,
}

/// A part of that name with that problem.
///
/// # Errors
/// Always; so that it can end a check.
pub fn faulty<T>(part: &'static str, problem: &'static str) -> Result<T, FaultyPart> {
    Err(FaultyPart { part, problem })
}

/// The order in which signatures list headers: by name, as if in lower case.
fn name_order(a: &str, b: &str) -> Ordering {
    let lower = |byte: u8| byte.to_ascii_lowercase();
    a.bytes().map(lower).cmp(b.bytes().map(lower))
}

/// The three values of `WHO=…, SignedHeaders=…, Signature=…`, where `who` is the name of the first.
///
/// The signed headers are sorted, none is named twice, and those in `needed` are among them (`lacking`
/// tells of one that is not); the signature is 64 hexadecimal digits.
///
/// # Errors
/// The part at fault, where one is missing, repeated, unknown or of another form.
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
    // Also keeps a repeated name from blowing up the canonical request.
    if !signed_headers.split(';').is_sorted_by(|a, b| name_order(a, b).is_lt()) {
        return faulty("SignedHeaders", "is not sorted, or names a header twice");
    }
    if signature.len() != 64 || !signature.bytes().all(|b| b.is_ascii_hexdigit()) {
        return faulty("Signature", "is not 64 hexadecimal digits");
    }
    Ok([signer, signed_headers, signature])
}
