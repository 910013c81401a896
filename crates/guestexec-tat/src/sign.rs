//! TC3-HMAC-SHA256, the request signature of Tencent Cloud's API 3.0, one function a stage.
//!
//! 1. [`canonical_request`]: the signed parts of the request in one text;
//! 2. [`string_to_sign`]: the time, the [`Scope`] and the hash of that text;
//! 3. [`signature`]: that text under a [`SigningKey`], which is good for one service and one UTC day;
//! 4. [`authorization`]: the value of the `Authorization` header.
//!
//! Every function depends on its arguments alone, so a client, a server and a test can each compare
//! stage by stage and name the first one that differs. A server gives the parts as it received them,
//! with the header list that [`parse_authorization`] found.
//!
//! The rules are those of "Signature v3"
//! (<https://www.tencentcloud.com/document/api/1021/34193>) and of the official SDKs.

#[cfg(test)]
mod tests;

use std::fmt;

pub use guestexec_core::sign::{FaultyPart, signed_header_names};
use guestexec_core::sign::{faulty, hex, in_name_order, push_signed, signed_parts};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The algorithm's name: first word of the `Authorization` header and first line of the string to sign.
pub const ALGORITHM: &str = "TC3-HMAC-SHA256";

/// Value of `X-TC-Content-SHA256` that leaves the body out of the signature. The payload hash is then
/// `payload_hash(UNSIGNED_PAYLOAD.as_bytes())`.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Last part of every credential scope and last link of the key derivation.
const TERMINATOR: &str = "tc3_request";

/// The parts of a request that are signed, as they are on the wire.
#[derive(Clone, Copy)]
pub struct Canonical<'a> {
    /// The HTTP method in capitals, `POST` or `GET`.
    pub method: &'a str,
    /// The path; `/` for every action.
    pub path: &'a str,
    /// The exact text after `?`, neither decoded nor sorted; empty for POST.
    pub query: &'a str,
    /// Name and value of each signed header, in any order and letter case; `content-type` and `host` at
    /// least. `host` holds the port where the URL does.
    ///
    /// Values are signed as they are, except for `x-tc-action`, signed in lower case. The vendor's page
    /// wants every value in lower case, its SDKs change none: send the others in lower case, and both agree.
    pub signed_headers: &'a [(&'a str, &'a str)],
    /// [`payload_hash`] of the body; of the empty body for GET.
    pub payload_hash: &'a str,
}

/// The scope of a signature: one UTC day of one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    /// The UTC day, `YYYY-MM-DD`, as [`utc_date`] gives it.
    pub date: &'a str,
    /// The service's name, first label of its host: `tat`.
    pub service: &'a str,
}

impl fmt::Display for Scope<'_> {
    /// Writes the credential scope, `<date>/<service>/tc3_request`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{TERMINATOR}", self.date, self.service)
    }
}

/// The key that signs requests of one [`Scope`], worth keeping for the day. Its `Debug` shows nothing of
/// it, and its memory is wiped on drop.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    /// Derives the key of `scope` from the account's SecretKey.
    pub fn derive(secret_key: &str, scope: Scope<'_>) -> Self {
        let [_, _, signing] = derived_keys(secret_key, scope);
        Self(keyed(&signing))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(redacted)")
    }
}

/// The keys on the way to a [`SigningKey`]: of the date, of the service, and the one that signs.
///
/// They are secrets, of use only to find out which link of a derivation differs from another signer's.
pub fn derived_keys(secret_key: &str, scope: Scope<'_>) -> [[u8; 32]; 3] {
    let date = mac(keyed(format!("TC3{secret_key}").as_bytes()), scope.date);
    let service = mac(keyed(&date), scope.service);
    let signing = mac(keyed(&service), TERMINATOR);
    [date, service, signing]
}

/// The lower-case hexadecimal SHA-256 of a body.
pub fn payload_hash(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

/// The UTC day of `timestamp` (seconds since 1970), `YYYY-MM-DD`.
///
/// # Errors
/// [`SignError::Time`] outside the years 0 to 9999.
pub fn utc_date(timestamp: i64) -> Result<String, SignError> {
    // Years are counted from March, so that the leap day is a year's last and a year's months have
    // a regular length; eras are the 400 years (146 097 days) after which the calendar repeats.
    let days = timestamp.div_euclid(86_400) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    if (0..=9999).contains(&year) {
        Ok(format!("{year:04}-{month:02}-{day:02}"))
    } else {
        Err(SignError::Time { timestamp })
    }
}

/// Stage 1: the canonical request.
pub fn canonical_request(parts: &Canonical<'_>) -> String {
    let headers = in_name_order(parts.signed_headers);
    let header_text: usize =
        headers.iter().map(|(name, value)| 2 * name.len() + value.len() + 3).sum();
    let mut text = String::with_capacity(
        parts.method.len()
            + parts.path.len()
            + parts.query.len()
            + header_text
            + parts.payload_hash.len()
            + 5,
    );
    for line in [parts.method, parts.path, parts.query] {
        text.push_str(line);
        text.push('\n');
    }
    push_signed(&mut text, &headers, "x-tc-action", parts.payload_hash);
    text
}

/// Stage 2: the string to sign.
///
/// `timestamp` is the value of `X-TC-Timestamp`, seconds since 1970; the service refuses one that is more
/// than five minutes from its own clock. `scope.date` must be [`utc_date`] of it.
pub fn string_to_sign(timestamp: i64, scope: Scope<'_>, canonical_request: &str) -> String {
    let hash = payload_hash(canonical_request.as_bytes());
    let timestamp = timestamp.to_string();
    let Scope { date, service } = scope;
    [ALGORITHM, "\n", &timestamp, "\n", date, "/", service, "/", TERMINATOR, "\n", &hash].concat()
}

/// Stage 3: the signature of the string to sign, lower-case hexadecimal.
pub fn signature(key: &SigningKey, string_to_sign: &str) -> String {
    hex(&mac(key.0.clone(), string_to_sign))
}

/// Stage 4: the value of the `Authorization` header.
///
/// `signed_header_names` comes from [`signed_header_names`], `signature` from [`signature`].
pub fn authorization(
    secret_id: &str,
    scope: Scope<'_>,
    signed_header_names: &str,
    signature: &str,
) -> String {
    let Scope { date, service } = scope;
    [
        ALGORITHM, " Credential=", secret_id, "/", date, "/", service, "/", TERMINATOR,
        ", SignedHeaders=", signed_header_names, ", Signature=", signature,
    ]
    .concat()
}

/// The parts of an `Authorization` header, for a server. `Debug` leaves the signature out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Authorization<'a> {
    /// The SecretId of the caller.
    pub secret_id: &'a str,
    /// The scope the caller signed for; its form is checked, not its truth.
    pub scope: Scope<'a>,
    /// The names of the signed headers as sent, with `;` between: sorted, none twice, `content-type` and
    /// `host` among them.
    pub signed_headers: &'a str,
    /// The signature, 64 hexadecimal digits.
    pub signature: &'a str,
}

impl fmt::Debug for Authorization<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("secret_id", &self.secret_id)
            .field("scope", &self.scope)
            .field("signed_headers", &self.signed_headers)
            .finish_non_exhaustive()
    }
}

/// Takes an `Authorization` header apart.
///
/// # Errors
/// [`SignError::Scheme`] for another algorithm; [`SignError::Authorization`] with the part at fault where
/// one is missing, repeated, unknown or of the wrong form.
#[inline]
pub fn parse_authorization(value: &str) -> Result<Authorization<'_>, SignError> {
    let (scheme, list) = value.trim().split_once(' ').ok_or(SignError::Scheme)?;
    if scheme != ALGORITHM {
        return Err(SignError::Scheme);
    }
    let [credential, signed_headers, signature] = signed_parts(
        list,
        "Credential",
        ["content-type", "host"],
        "lacks `content-type` or `host`",
    )?;
    // From the right, as nothing forbids a `/` in a SecretId.
    let mut scope = credential.rsplitn(4, '/');
    let (Some(TERMINATOR), Some(service), Some(date), Some(secret_id)) =
        (scope.next(), scope.next(), scope.next(), scope.next())
    else {
        return Ok(faulty("Credential", "is not `<SecretId>/<date>/<service>/tc3_request`")?);
    };
    if secret_id.is_empty() || service.is_empty() {
        return Ok(faulty("Credential", "has an empty SecretId or service")?);
    }
    if !is_date(date) {
        return Ok(faulty("Credential", "has a date that is not `YYYY-MM-DD`")?);
    }
    Ok(Authorization { secret_id, scope: Scope { date, service }, signed_headers, signature })
}

/// Why a request cannot be signed, or an `Authorization` header cannot be read. Holds no part of either.
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
                 Credential=<SecretId>/<date>/<service>/{TERMINATOR}, SignedHeaders=<names>, Signature=<hex>`"
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

#[inline]
fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| match i {
            4 | 7 => b == b'-',
            _ => b.is_ascii_digit(),
        })
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

fn mac(mut keyed: Hmac<Sha256>, text: &str) -> [u8; 32] {
    keyed.update(text.as_bytes());
    keyed.finalize().into_bytes().into()
}
