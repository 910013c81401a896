//! TC3-HMAC-SHA256 signatures, verified over the headers as they were received, and the older signatures.

pub(super) mod v1;

use guestexec_tat::sign::{self, Canonical, SignError, SigningKey};
use hyper::{HeaderMap, http::request::Parts};

use super::error::ApiError;
use crate::secret::constant_time_eq;

/// How far a timestamp may be from the clock, in seconds.
const WINDOW: i64 = 300;
/// The service's name in the credential scope.
const SERVICE: &str = "tat";

/// One key of the account.
pub(super) struct Key {
    pub(super) id: String,
    pub(super) secret: String,
    /// The session token of a temporary key.
    pub(super) token: Option<String>,
}

/// The text of a header that may appear once.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(invalid(format!("The header `{name}` appears more than once.")));
    }
    std::str::from_utf8(value.as_bytes())
        .map(Some)
        .map_err(|_| invalid(format!("The header `{name}` is not UTF-8.")))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("AuthFailure.InvalidAuthorization", message)
}

/// The common parameters, whether from headers or from the query.
#[derive(Debug, Default)]
pub(super) struct CommonParams {
    pub(super) action: String,
    pub(super) version: String,
    pub(super) region: String,
}

/// A signature whose head is valid, but whose body is not read yet.
pub(super) struct UnverifiedSignature<'a> {
    authorization: sign::Authorization<'a>,
    key: &'a Key,
    timestamp: i64,
    /// The names and values of the signed headers.
    signed: Vec<(&'a str, &'a str)>,
}

/// The key with this id.
fn find<'a>(keys: &'a [Key], id: &str) -> Result<&'a Key, ApiError> {
    if !id.starts_with("AKID") {
        return Err(ApiError::new(
            "AuthFailure.InvalidSecretId",
            "The SecretId is not one for this API.",
        ));
    }
    keys.iter().find(|key| key.id == id).ok_or_else(|| {
        ApiError::new(
            "AuthFailure.SecretIdNotFound",
            "The SecretId does not exist; check which one was used.",
        )
    })
}

fn check_time(timestamp: i64, now: i64) -> Result<(), ApiError> {
    if now.abs_diff(timestamp) <= WINDOW.unsigned_abs() {
        return Ok(());
    }
    Err(ApiError::new(
        "AuthFailure.SignatureExpire",
        format!(
            "The timestamp is more than {WINDOW} s from the server's clock; set the client's clock."
        ),
    ))
}

fn token_fits(key: &Key, token: Option<&str>) -> Result<(), ApiError> {
    // An empty token is none, as with a permanent key.
    if constant_time_eq(token.unwrap_or_default(), key.token.as_deref().unwrap_or_default()) {
        return Ok(());
    }
    Err(ApiError::new(
        "AuthFailure.TokenFailure",
        "The session token does not belong to the SecretId, or is missing.",
    ))
}

/// The forms in which the host may be signed: Node's SDK sends the port, but does not sign it.
fn hosts(host: &str) -> Vec<&str> {
    let mut hosts = vec![host];
    if let Some((name, port)) = host.rsplit_once(':')
        && !port.is_empty()
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        hosts.push(name);
    }
    hosts
}

/// Whether the scope's service name is that of this service.
///
/// The SDKs for Java and Node take the endpoint's first label, which is right for Tencent's endpoints only.
fn is_service(name: &str, host: &str) -> bool {
    let is_vendors = hosts(host).iter().any(|host| host.ends_with(".tencentcloudapi.com"));
    let mut labels = hosts(host).into_iter().filter_map(|host| host.split('.').next());
    name == SERVICE || (!is_vendors && labels.any(|label| label == name))
}

/// Reads the signature of a request, and checks what the head alone tells, with the time `now`.
pub(super) fn read_signature<'a>(
    keys: &'a [Key],
    head: &'a Parts,
    now: i64,
) -> Result<UnverifiedSignature<'a>, ApiError> {
    let authorization = header(&head.headers, "authorization")?
        .ok_or_else(|| invalid("The header `Authorization` is missing."))?;
    let authorization = sign::parse_authorization(authorization)
        .map_err(|error: SignError| invalid(error.to_string()))?;
    let timestamp = header(&head.headers, "x-tc-timestamp")?
        .ok_or_else(|| {
            ApiError::new("MissingParameter", "The header `X-TC-Timestamp` is missing.")
        })?
        .parse::<i64>()
        .map_err(|_| {
            ApiError::new("InvalidParameter", "`X-TC-Timestamp` is not a number of seconds.")
        })?;
    let key = find(keys, authorization.secret_id)?;
    check_time(timestamp, now)?;
    let date = sign::utc_date(timestamp).map_err(|error| invalid(error.to_string()))?;
    let host = header(&head.headers, "host")?.unwrap_or_default();
    if authorization.scope.date != date || !is_service(authorization.scope.service, host) {
        return Err(mismatch("the credential scope is not of this day and service"));
    }
    let mut signed = Vec::new();
    for name in authorization.signed_headers.split(';') {
        let value = header(&head.headers, name)?
            .ok_or_else(|| mismatch(&format!("the header `{name}` is signed but was not sent")))?;
        signed.push((name, value));
    }
    Ok(UnverifiedSignature { authorization, key, timestamp, signed })
}

impl UnverifiedSignature<'_> {
    /// Verifies the signature over the head and this body.
    pub(super) fn verify(&self, head: &Parts, body: &[u8]) -> Result<(), ApiError> {
        let unsigned_body =
            header(&head.headers, "x-tc-content-sha256")? == Some(sign::UNSIGNED_PAYLOAD);
        let hash = sign::payload_hash(if unsigned_body {
            sign::UNSIGNED_PAYLOAD.as_bytes()
        } else {
            body
        });
        let scope = self.authorization.scope;
        let signing_key = SigningKey::derive(&self.key.secret, scope);
        let given = self.authorization.signature.to_ascii_lowercase();
        let fits = |host: &str| {
            let headers = self
                .signed
                .iter()
                .map(|(name, value)| (*name, if *name == "host" { host } else { *value }));
            let canonical = sign::canonical_request(&Canonical {
                method: head.method.as_str(),
                path: head.uri.path(),
                query: head.uri.query().unwrap_or_default(),
                signed_headers: &headers.collect::<Vec<_>>(),
                payload_hash: &hash,
            });
            let text = sign::string_to_sign(self.timestamp, scope, &canonical);
            constant_time_eq(sign::signature(&signing_key, &text), &given)
        };
        let host = header(&head.headers, "host")?.unwrap_or_default();
        if !hosts(host).into_iter().any(fits) {
            return Err(mismatch("check the SecretKey, and that what was signed is what was sent"));
        }
        // The SDKs do not sign the token, so it is checked last.
        token_fits(self.key, header(&head.headers, "x-tc-token")?)
    }
}

fn mismatch(why: &str) -> ApiError {
    ApiError::new("AuthFailure.SignatureFailure", format!("The signature does not match: {why}."))
}
