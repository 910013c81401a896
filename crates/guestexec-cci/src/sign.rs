//! SDK-HMAC-SHA256, the AK/SK request signature of Huawei Cloud, one function a stage.
//!
//! 1. [`canonical_request`]: the signed parts of the request in one text;
//! 2. [`string_to_sign`]: the time and the hash of that text;
//! 3. [`signature`]: that text under the secret key;
//! 4. [`authorization`]: the value of the `Authorization` header.
//!
//! Every function depends on its arguments alone, so a client, a server and a test can each compare
//! stage by stage and name the first one that differs. A server gives the parts as it received them,
//! with the header list that [`parse_authorization`] found and the pairs that [`query_pairs`] reads.
//!
//! The query is signed in sorted order and sent in whatever order the caller needs: the arguments of an
//! exec command stand in repeated `command=` pairs, and sorting those on the wire would run another command.
//!
//! The rules are those of the API Request Signing Guide
//! (<https://support.huaweicloud.com/intl/en-us/devg-apisign/api-sign-algorithm-002.html>) and, where it is
//! silent, of the official SDK.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

pub use guestexec_core::sign::{FaultyPart, signed_header_names};
use guestexec_core::sign::{faulty, hex, in_name_order, push_signed, signed_parts};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode,
};
use sha2::{Digest, Sha256};
use time::{Date, Month, OffsetDateTime, Time};

/// The algorithm's name: first word of the `Authorization` header and first line of the string to sign.
pub const ALGORITHM: &str = "SDK-HMAC-SHA256";

/// Value of `X-Sdk-Content-Sha256` that leaves the body out of the signature; stands in the place of its hash.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Hash of the empty body.
pub const EMPTY_PAYLOAD_HASH: &str =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The characters that are escaped in a query name or value.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The characters that are escaped in a path.
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// The decoded name and value of one query parameter.
pub type QueryPair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The parts of a request that are signed, as they are on the wire.
#[derive(Clone, Copy)]
pub struct Canonical<'a> {
    /// The HTTP method in capitals.
    pub method: &'a str,
    /// The path of the request, escaped or not; no query. An escaped `/` counts as a `/`.
    pub path: &'a str,
    /// The decoded names and values of the query, in any order.
    pub query: &'a [QueryPair<'a>],
    /// Name and value of each signed header, in any order and letter case; `host` and `x-sdk-date` at least.
    /// `host` holds the port where the URL does. Of the headers it is given, the official SDK signs all whose
    /// name has no `_`.
    pub signed_headers: &'a [(&'a str, &'a str)],
    /// [`payload_hash`] of the body.
    pub payload_hash: &'a str,
}

/// The value a client must send, and sign, as `X-Sdk-Content-Sha256` for a body of this content type: the body
/// is part of the signature only for JSON and BSON. `None` where the header is not needed.
pub fn content_sha256(content_type: Option<&str>) -> Option<&'static str> {
    let signed = content_type.unwrap_or_default();
    let unsigned = !(signed.is_empty()
        || signed.starts_with("application/json")
        || signed.starts_with("application/bson"));
    unsigned.then_some(UNSIGNED_PAYLOAD)
}

/// The last line of the canonical request: the lower-case hexadecimal SHA-256 of the body, or
/// [`UNSIGNED_PAYLOAD`] where `content_sha256`, the request's `X-Sdk-Content-Sha256` header, says so. An empty
/// body is always hashed.
pub fn payload_hash(body: &[u8], content_sha256: Option<&str>) -> Cow<'static, str> {
    if body.is_empty() {
        EMPTY_PAYLOAD_HASH.into()
    } else if content_sha256 == Some(UNSIGNED_PAYLOAD) {
        UNSIGNED_PAYLOAD.into()
    } else {
        hex(&Sha256::digest(body)).into()
    }
}

/// The value of `X-Sdk-Date` for `timestamp` (seconds since 1970): `20261122T140419Z`, in UTC.
///
/// # Errors
/// [`SignError::Time`] outside the years 0 to 9999.
pub fn format_date(timestamp: i64) -> Result<String, SignError> {
    let time = OffsetDateTime::from_unix_timestamp(timestamp)
        .ok()
        .filter(|time| time.year() >= 0)
        .ok_or(SignError::Time { timestamp })?;
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second) = time.to_hms();
    let month = u8::from(month);
    Ok(format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z"))
}

/// The seconds since 1970 of an `X-Sdk-Date`, for a server: the service refuses a time more than 15 minutes
/// from its own clock.
///
/// # Errors
/// [`SignError::Date`] where the text is not of that form or names no real time.
pub fn parse_date(date: &str) -> Result<i64, SignError> {
    let digits = |from: usize, to: usize| -> Option<u16> {
        let digits = &date[from..to];
        let plain = digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse().ok())?
    };
    let pair = |from: usize| u8::try_from(digits(from, from + 2)?).ok();
    let seconds = || {
        if !date.is_ascii() || date.len() != 16 || &date[8..9] != "T" || !date.ends_with('Z') {
            return None;
        }
        let month = Month::try_from(pair(4)?).ok()?;
        let day = Date::from_calendar_date(digits(0, 4)?.into(), month, pair(6)?).ok()?;
        let time = Time::from_hms(pair(9)?, pair(11)?, pair(13)?).ok()?;
        Some(day.with_time(time).assume_utc().unix_timestamp())
    };
    seconds().ok_or(SignError::Date)
}

/// The decoded pairs of a query, the text after `?` as received; `+` counts as a space.
///
/// # Errors
/// [`SignError::Query`] where a name or value is not UTF-8.
pub fn query_pairs(query: &str) -> Result<Vec<QueryPair<'_>>, SignError> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((query_text(name)?, query_text(value)?))
        })
        .collect()
}

/// Stage 1: the canonical request.
pub fn canonical_request(parts: &Canonical<'_>) -> String {
    let headers = in_name_order(parts.signed_headers);
    let query: usize = parts.query.iter().map(|(k, v)| k.len() + v.len() + 2).sum();
    let header_text: usize =
        headers.iter().map(|(name, value)| 2 * name.len() + value.len() + 3).sum();
    // Short by what escaping adds, which is little in an ordinary request.
    let mut text = String::with_capacity(
        parts.method.len() + parts.path.len() + query + header_text + parts.payload_hash.len() + 8,
    );
    text.push_str(parts.method);
    text.push('\n');
    push_path(&mut text, parts.path);
    text.push('\n');
    push_query(&mut text, parts.query);
    text.push('\n');
    push_signed(&mut text, &headers, "", parts.payload_hash);
    text
}

/// Stage 2: the string to sign. `date` is the value of `X-Sdk-Date`, as [`format_date`] gives it.
pub fn string_to_sign(date: &str, canonical_request: &str) -> String {
    let hash = hex(&Sha256::digest(canonical_request.as_bytes()));
    format!("{ALGORITHM}\n{date}\n{hash}")
}

/// Stage 3: the signature of the string to sign, lower-case hexadecimal.
pub fn signature(secret_key: &str, string_to_sign: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret_key.as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(string_to_sign.as_bytes());
    hex(&mac.finalize().into_bytes())
}

/// Stage 4: the value of the `Authorization` header.
///
/// `signed_header_names` comes from [`signed_header_names`], `signature` from [`signature`].
pub fn authorization(access_key: &str, signed_header_names: &str, signature: &str) -> String {
    format!(
        "{ALGORITHM} Access={access_key}, SignedHeaders={signed_header_names}, Signature={signature}"
    )
}

/// The parts of an `Authorization` header, for a server. `Debug` leaves the signature out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Authorization<'a> {
    /// The access key (AK) of the caller.
    pub access_key: &'a str,
    /// The names of the signed headers as sent, with `;` between: sorted, none twice, `host` and `x-sdk-date`
    /// among them.
    pub signed_headers: &'a str,
    /// The signature, 64 hexadecimal digits.
    pub signature: &'a str,
}

impl fmt::Debug for Authorization<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("access_key", &self.access_key)
            .field("signed_headers", &self.signed_headers)
            .finish_non_exhaustive()
    }
}

/// Takes an `Authorization` header apart.
///
/// # Errors
/// [`SignError::Scheme`] for another algorithm; [`SignError::Authorization`] with the part at fault where
/// one is missing, repeated, unknown or of the wrong form.
pub fn parse_authorization(value: &str) -> Result<Authorization<'_>, SignError> {
    let (scheme, list) = value.trim().split_once(' ').ok_or(SignError::Scheme)?;
    if scheme != ALGORITHM {
        return Err(SignError::Scheme);
    }
    let [access_key, signed_headers, signature] =
        signed_parts(list, "Access", ["host", "x-sdk-date"], "lacks `host` or `x-sdk-date`")?;
    if access_key.is_empty() {
        return Ok(faulty("Access", "is empty")?);
    }
    Ok(Authorization { access_key, signed_headers, signature })
}

/// Why a request cannot be signed, or a signed one cannot be read. Holds no part of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// The `Authorization` header is of another algorithm.
    Scheme,
    /// The `Authorization` header has a faulty part.
    Authorization {
        /// The part's name.
        part: &'static str,
        /// The fault, as the end of a sentence.
        problem: &'static str,
    },
    /// The `X-Sdk-Date` header cannot be read.
    Date,
    /// The query is not UTF-8.
    Query,
    /// The time has no date of four-digit year.
    Time {
        /// The time, in seconds since 1970.
        timestamp: i64,
    },
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => write!(
                f,
                "the Authorization header does not begin with `{ALGORITHM} `; sign the request with that algorithm"
            ),
            Self::Authorization { part, problem } => write!(
                f,
                "the {part} of the Authorization header {problem}; the header has to read `{ALGORITHM} \
                 Access=<access key>, SignedHeaders=<names>, Signature=<hex>`"
            ),
            Self::Date => f.write_str(
                "the X-Sdk-Date header is not a time in UTC of the form YYYYMMDDThhmmssZ; send one",
            ),
            Self::Query => f.write_str(
                "the query holds escaped bytes that are not UTF-8; escape the UTF-8 form of the text",
            ),
            Self::Time { timestamp } => write!(
                f,
                "{timestamp} seconds since 1970 is outside the years 0 to 9999; set the clock, and give \
                 seconds rather than milliseconds"
            ),
        }
    }
}

impl std::error::Error for SignError {}

impl From<FaultyPart> for SignError {
    fn from(FaultyPart { part, problem }: FaultyPart) -> Self {
        Self::Authorization { part, problem }
    }
}

fn query_text(escaped: &str) -> Result<Cow<'_, str>, SignError> {
    if escaped.contains('+') {
        let text = escaped.replace('+', " ");
        let decoded = percent_decode_str(&text).decode_utf8();
        return Ok(Cow::Owned(decoded.map_err(|_| SignError::Query)?.into_owned()));
    }
    percent_decode_str(escaped).decode_utf8().map_err(|_| SignError::Query)
}

fn push_path(text: &mut String, path: &str) {
    let decoded: Cow<'_, [u8]> = percent_decode_str(path).into();
    text.extend(percent_encode(&decoded, PATH));
    if !decoded.ends_with(b"/") {
        text.push('/');
    }
}

fn push_query(text: &mut String, pairs: &[QueryPair<'_>]) {
    // Sorted before they are escaped: `-c` comes before `/bin/sh`, but `%2Fbin%2Fsh` before `-c`.
    let mut sorted: Vec<_> = pairs.iter().collect();
    sorted.sort_unstable();
    for (i, (name, value)) in sorted.into_iter().enumerate() {
        if i > 0 {
            text.push('&');
        }
        text.extend(utf8_percent_encode(name, QUERY));
        text.push('=');
        text.extend(utf8_percent_encode(value, QUERY));
    }
}
