//! TC3-HMAC-SHA256, verified over the headers as they were received.

use guestexec_tat::sign::{self, Canonical, SignError, SigningKey};
use hyper::{HeaderMap, http::request::Parts};

use super::refusal::Refusal;

/// How far a timestamp may be from the clock, in seconds.
const WINDOW: i64 = 300;
/// The service's name in the credential scope.
const SERVICE: &str = "tat";

/// One key of the account.
pub(super) struct Key {
    pub(super) id: String,
    pub(super) secret: String,
    /// The session token a temporary key comes with.
    pub(super) token: Option<String>,
}

/// The text of a header that is there once.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(invalid(format!("The header `{name}` is there more than once.")));
    }
    std::str::from_utf8(value.as_bytes())
        .map(Some)
        .map_err(|_| invalid(format!("The header `{name}` is not UTF-8.")))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("AuthFailure.InvalidAuthorization", message)
}

/// Checks that the request was signed by a holder of one of `keys`, at about `now`.
pub(super) fn verify(keys: &[Key], head: &Parts, body: &[u8], now: i64) -> Result<(), Refusal> {
    let authorization = header(&head.headers, "authorization")?
        .ok_or_else(|| invalid("The header `Authorization` is missing."))?;
    let authorization = sign::parse_authorization(authorization)
        .map_err(|error: SignError| invalid(error.to_string()))?;
    let timestamp = header(&head.headers, "x-tc-timestamp")?
        .ok_or_else(|| Refusal::new("MissingParameter", "The header `X-TC-Timestamp` is missing."))?
        .parse::<i64>()
        .map_err(|_| {
            Refusal::new("InvalidParameter", "`X-TC-Timestamp` is not a number of seconds.")
        })?;
    if !authorization.secret_id.starts_with("AKID") {
        return Err(Refusal::new(
            "AuthFailure.InvalidSecretId",
            "The SecretId is not one for this API.",
        ));
    }
    let key = keys.iter().find(|key| key.id == authorization.secret_id).ok_or_else(|| {
        Refusal::new(
            "AuthFailure.SecretIdNotFound",
            "The SecretId does not exist; check which one was used.",
        )
    })?;
    if now.abs_diff(timestamp) > WINDOW.unsigned_abs() {
        return Err(Refusal::new(
            "AuthFailure.SignatureExpire",
            format!(
                "The timestamp is more than {WINDOW} s from the server's clock; set the client's clock."
            ),
        ));
    }
    let date = sign::utc_date(timestamp).map_err(|error| invalid(error.to_string()))?;
    if authorization.scope.date != date || authorization.scope.service != SERVICE {
        return Err(mismatch("the credential scope is not of this day and service"));
    }
    let mut signed = Vec::new();
    for name in authorization.signed_headers.split(';') {
        let value = header(&head.headers, name)?
            .ok_or_else(|| mismatch(&format!("the header `{name}` is signed but was not sent")))?;
        signed.push((name, value));
    }
    let unsigned_body =
        header(&head.headers, "x-tc-content-sha256")? == Some(sign::UNSIGNED_PAYLOAD);
    let hash =
        sign::payload_hash(if unsigned_body { sign::UNSIGNED_PAYLOAD.as_bytes() } else { body });
    let canonical = sign::canonical_request(&Canonical {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        signed_headers: &signed,
        payload_hash: &hash,
    });
    let scope = authorization.scope;
    let expected = sign::signature(
        &SigningKey::derive(&key.secret, scope),
        &sign::string_to_sign(timestamp, scope, &canonical),
    );
    if !expected.eq_ignore_ascii_case(authorization.signature) {
        return Err(mismatch("check the SecretKey, and that what was signed is what was sent"));
    }
    // The SDKs send the token unsigned, so it is looked at last.
    if header(&head.headers, "x-tc-token")?.filter(|token| !token.is_empty())
        != key.token.as_deref()
    {
        return Err(Refusal::new(
            "AuthFailure.TokenFailure",
            "The session token does not belong to the SecretId, or is missing.",
        ));
    }
    Ok(())
}

fn mismatch(why: &str) -> Refusal {
    Refusal::new("AuthFailure.SignatureFailure", format!("The signature does not match: {why}."))
}
