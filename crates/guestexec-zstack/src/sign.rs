//! The AccessKey signature of ZStack Cloud, one function a stage.
//!
//! 1. [`string_to_sign`]: method, date and path, a line each;
//! 2. [`signature`]: the HMAC-SHA1 of that text under the secret, in base64;
//! 3. [`authorization`]: the value of the `Authorization` header.
//!
//! There is no canonical request: neither the query nor the body is signed. [`signed_path`] and
//! [`format_date`] make the two lines that have rules of their own.
//!
//! Every function depends on its arguments alone, so a client, a server and a test can each compare
//! stage by stage and name the first one that differs.
//!
//! The rules are those of the AccessKey chapter of the ZStack developer guide and of the server's
//! public source (`org.zstack.rest.RestServer`).

#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    fmt,
    time::{Duration, UNIX_EPOCH},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use guestexec_core::unix_seconds;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::percent_decode_str;
use sha1::Sha1;

/// The first word of the `Authorization` header; a session has `OAuth` in its place.
pub const SCHEME: &str = "ZStack";

/// Length of a date without its zone: `Sun, 22 Nov 2026 14:04:19`.
const FACE: usize = 25;
/// The first second that has no date of four-digit year.
const YEAR_10000: u64 = 253_402_300_800;

/// The time zone a client writes its `Date` header in.
///
/// As installed, the server ignores the zone's name and compares the clock face with its own
/// (`rest.checkTimeZone` is false), so this has to be the zone the *server* runs in; it refuses a clock
/// face more than 15 minutes from its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateZone {
    /// The name to write: `UTC`, `CST`, `PRC`, `Etc/UTC`, and on newer servers also `+0800`. Printable ASCII.
    pub name: Cow<'static, str>,
    /// Seconds east of UTC, less than 26 hours either way: 28800 for China.
    pub utc_offset: i32,
}

impl DateZone {
    /// UTC, under that name.
    pub const UTC: Self = Self { name: Cow::Borrowed("UTC"), utc_offset: 0 };
}

/// The value of the `Date` header for `timestamp` (seconds since 1970) in `zone`:
/// `Sun, 22 Nov 2026 14:04:19 CST`.
///
/// # Errors
/// [`SignError::Zone`] where the zone's name or offset is not allowed; [`SignError::Time`] outside the
/// years 1970 to 9999.
pub fn format_date(timestamp: i64, zone: &DateZone) -> Result<String, SignError> {
    let is_offset = zone.utc_offset.unsigned_abs() < 26 * 3600;
    if !is_offset || zone.name.is_empty() || !zone.name.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(SignError::Zone);
    }
    // All but the zone is an HTTP date.
    let face = timestamp
        .checked_add(zone.utc_offset.into())
        .and_then(|face| u64::try_from(face).ok())
        .filter(|face| *face < YEAR_10000)
        .ok_or(SignError::Time { timestamp })?;
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(face));
    Ok(format!("{} {}", &date[..FACE], zone.name))
}

/// Reads a `Date` header of [`format_date`]'s form, for a server: the clock face, as seconds from the clock
/// face of 1970 midnight (seconds since 1970 if the zone is UTC), and the zone's name. The weekday may be any.
///
/// # Errors
/// [`SignError::Date`] where the text is not of that form or names no real time.
pub fn parse_date(date: &str) -> Result<(i64, &str), SignError> {
    let parse = || {
        let (face, zone) = date.split_at_checked(FACE)?;
        let zone = zone.strip_prefix(' ').filter(|zone| !zone.is_empty())?;
        let time = httpdate::parse_http_date(&format!("{face} GMT")).ok()?;
        // Otherwise February could have 30 days.
        let is_same = httpdate::fmt_http_date(time)[3..FACE] == face[3..];
        is_same.then(|| (unix_seconds(time), zone))
    };
    parse().ok_or(SignError::Date)
}

/// The path to sign, from a request's path or target as it is on the wire: what begins at the first `/v1/`,
/// so without the context path (`/zstack`), without the query, and decoded.
///
/// # Errors
/// [`SignError::Path`] where there is no `/v1/`, or the decoded path is not UTF-8.
pub fn signed_path(target: &str) -> Result<Cow<'_, str>, SignError> {
    let path = target.split(['?', '#']).next().unwrap_or(target);
    let start = path.find("/v1/").ok_or(SignError::Path)?;
    percent_decode_str(&path[start..]).decode_utf8().map_err(|_| SignError::Path)
}

/// Stage 1: the string to sign. `method` is in capitals, `date` is the value of the `Date` header, and `path`
/// comes from [`signed_path`].
pub fn string_to_sign(method: &str, date: &str, path: &str) -> String {
    format!("{method}\n{date}\n{path}")
}

/// Stage 2: the signature of the string to sign, in base64.
pub fn signature(access_key_secret: &str, string_to_sign: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(access_key_secret.as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(string_to_sign.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// Stage 3: the value of the `Authorization` header. `signature` comes from [`signature`].
pub fn authorization(access_key_id: &str, signature: &str) -> String {
    format!("{SCHEME} {access_key_id}:{signature}")
}

/// The parts of an `Authorization` header, for a server. `Debug` leaves the signature out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Authorization<'a> {
    /// The id of the caller's AccessKey; holds no colon.
    pub access_key_id: &'a str,
    /// The signature: the base64 form of 20 bytes.
    pub signature: &'a str,
}

impl fmt::Debug for Authorization<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// Takes an `Authorization` header apart.
///
/// # Errors
/// [`SignError::Scheme`] for another scheme, such as a session's `OAuth`; [`SignError::Authorization`] with the
/// part at fault where one is missing or of the wrong form.
pub fn parse_authorization(value: &str) -> Result<Authorization<'_>, SignError> {
    let (scheme, rest) = value.trim().split_once(' ').ok_or(SignError::Scheme)?;
    if scheme != SCHEME {
        return Err(SignError::Scheme);
    }
    let Some((access_key_id, signature)) = rest.trim().split_once(':') else {
        return malformed("signature", "is missing");
    };
    if access_key_id.is_empty() {
        return malformed("AccessKey id", "is empty");
    }
    if !BASE64_STANDARD.decode(signature).is_ok_and(|mac| mac.len() == 20) {
        return malformed("signature", "is not the base64 form of 20 bytes");
    }
    Ok(Authorization { access_key_id, signature })
}

/// Why a request cannot be signed, or a signed one cannot be read. Holds no part of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// The `Authorization` header is of another scheme.
    Scheme,
    /// The `Authorization` header has a faulty part.
    Authorization {
        /// The part's name.
        part: &'static str,
        /// The fault, as the end of a sentence.
        problem: &'static str,
    },
    /// The `Date` header cannot be read.
    Date,
    /// The path has no `/v1/`, or is not UTF-8.
    Path,
    /// The time has no date of four-digit year.
    Time {
        /// The time, in seconds since 1970.
        timestamp: i64,
    },
    /// The [`DateZone`] cannot be written.
    Zone,
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => write!(
                f,
                "the Authorization header does not begin with `{SCHEME} `; sign the request with an AccessKey"
            ),
            Self::Authorization { part, problem } => write!(
                f,
                "the {part} of the Authorization header {problem}; the header has to read \
                 `{SCHEME} <AccessKey id>:<signature>`"
            ),
            Self::Date => f.write_str(
                "the Date header is not of the form `Sun, 22 Nov 2026 14:04:19 CST`; send one in the \
                 server's local time",
            ),
            Self::Path => f.write_str(
                "the path of the request has no `/v1/`, or holds escaped bytes that are not UTF-8; use a path \
                 below the API's `/v1/`",
            ),
            Self::Time { timestamp } => write!(
                f,
                "{timestamp} seconds since 1970 is outside the years 1970 to 9999; set the clock, and give \
                 seconds rather than milliseconds"
            ),
            Self::Zone => f.write_str(
                "the time zone of the Date header has a name that is empty or not printable ASCII, or an offset \
                 of 26 hours or more; give the server's zone, such as `CST` and 28800 seconds",
            ),
        }
    }
}

impl std::error::Error for SignError {}

fn malformed<T>(part: &'static str, problem: &'static str) -> Result<T, SignError> {
    Err(SignError::Authorization { part, problem })
}
