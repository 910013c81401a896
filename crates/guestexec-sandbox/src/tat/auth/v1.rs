//! The older signatures, HmacSHA1 and HmacSHA256: one parameter, which signs all others in sorted order.
//!
//! Tencent's SDKs can still make it. All parameters, also the common ones, are in the query or in a form.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _};
use hyper::http::request::Parts;
use sha1::Sha1;
use sha2::Sha256;

use super::{CommonParams, Key, check_time, find, hosts, mismatch, token_fits};
use crate::{secret::constant_time_eq, tat::error::ApiError};

/// Longest body, in bytes.
pub(in super::super) const MAX_BODY: usize = 1024 * 1024;

/// Whether the request has such a signature.
pub(in super::super) fn is_used(head: &Parts) -> bool {
    if head.headers.contains_key("authorization") {
        return false;
    }
    let is_form = head.headers.get("content-type").is_some_and(|content_type| {
        content_type.as_bytes().starts_with(b"application/x-www-form-urlencoded")
    });
    let query = head.uri.query().unwrap_or_default();
    let in_query = query.split('&').any(|pair| pair.starts_with("Signature="));
    in_query || (head.method == hyper::Method::POST && is_form)
}

/// Verifies the signature with one of `keys` and the time `now`, and removes the common parameters.
pub(in super::super) fn verify(
    keys: &[Key],
    head: &Parts,
    pairs: &mut Vec<(String, String)>,
    now: i64,
) -> Result<CommonParams, ApiError> {
    let given = |name: &str| {
        let found = pairs.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let needed = |name: &'static str| {
        given(name).ok_or_else(|| {
            ApiError::new("MissingParameter", format!("The parameter `{name}` is missing."))
        })
    };
    let number = |name: &'static str| {
        needed(name)?.parse::<i64>().map_err(|_| {
            ApiError::new("InvalidParameter", format!("The parameter `{name}` is not a number."))
        })
    };
    let signature = BASE64_STANDARD.decode(needed("Signature")?).unwrap_or_default();
    number("Nonce")?;
    let timestamp = number("Timestamp")?;
    let key = find(keys, needed("SecretId")?)?;
    check_time(timestamp, now)?;
    let mut sorted: Vec<&(String, String)> =
        pairs.iter().filter(|(name, _)| name != "Signature").collect();
    sorted.sort();
    let list: Vec<String> = sorted.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let list = list.join("&");
    let sign: fn(&[u8], &[u8]) -> Vec<u8> = match given("SignatureMethod") {
        Some("HmacSHA256") => |key, text| mac(Hmac::<Sha256>::new_from_slice(key).ok(), text),
        Some("HmacSHA1") | None => |key, text| mac(Hmac::<Sha1>::new_from_slice(key).ok(), text),
        Some(_) => {
            return Err(ApiError::new(
                "InvalidParameter",
                "`SignatureMethod` is neither HmacSHA1 nor HmacSHA256.",
            ));
        }
    };
    let host = super::header(&head.headers, "host")?.unwrap_or_default();
    let fits = hosts(host).into_iter().any(|host| {
        let text = format!("{}{host}{}?{list}", head.method, head.uri.path());
        constant_time_eq(sign(key.secret.as_bytes(), text.as_bytes()), &signature)
    });
    if !fits {
        return Err(mismatch("check the SecretKey, and that what was signed is what was sent"));
    }
    token_fits(key, given("Token"))?;
    let mut take = |name: &str| {
        let at = pairs.iter().position(|(given, _)| given == name);
        at.map(|at| pairs.swap_remove(at).1).unwrap_or_default()
    };
    let common =
        CommonParams { action: take("Action"), version: take("Version"), region: take("Region") };
    for name in [
        "Language", "Nonce", "RequestClient", "SecretId", "Signature", "SignatureMethod",
        "Timestamp", "Token",
    ] {
        take(name);
    }
    Ok(common)
}

fn mac(keyed: Option<impl hmac::Mac>, text: &[u8]) -> Vec<u8> {
    let Some(mut keyed) = keyed else { return Vec::new() };
    keyed.update(text);
    keyed.finalize().into_bytes().to_vec()
}
