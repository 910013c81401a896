//! Who asks: TC3-HMAC-SHA256 verified over the headers as they were received, and the signature before it.

pub(super) mod v1;

use guestexec_tat::sign::{self, Canonical, SignError, SigningKey};
use hyper::{HeaderMap, http::request::Parts};

use super::refusal::Refusal;
use crate::secret::same;

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

/// What every request names, wherever it does.
#[derive(Debug, Default)]
pub(super) struct Common {
    pub(super) action: String,
    pub(super) version: String,
    pub(super) region: String,
}

/// A signature that may be good, as far as the head can tell.
pub(super) struct Claim<'a> {
    authorization: sign::Authorization<'a>,
    key: &'a Key,
    timestamp: i64,
    /// The values of the signed headers, by their names.
    signed: Vec<(&'a str, &'a str)>,
}

/// The key of this id.
fn find<'a>(keys: &'a [Key], id: &str) -> Result<&'a Key, Refusal> {
    if !id.starts_with("AKID") {
        return Err(Refusal::new(
            "AuthFailure.InvalidSecretId",
            "The SecretId is not one for this API.",
        ));
    }
    keys.iter().find(|key| key.id == id).ok_or_else(|| {
        Refusal::new(
            "AuthFailure.SecretIdNotFound",
            "The SecretId does not exist; check which one was used.",
        )
    })
}

fn check_time(timestamp: i64, now: i64) -> Result<(), Refusal> {
    if now.abs_diff(timestamp) <= WINDOW.unsigned_abs() {
        return Ok(());
    }
    Err(Refusal::new(
        "AuthFailure.SignatureExpire",
        format!(
            "The timestamp is more than {WINDOW} s from the server's clock; set the client's clock."
        ),
    ))
}

fn token_fits(key: &Key, token: Option<&str>) -> Result<(), Refusal> {
    // Empty is none, for which a permanent key is made.
    if same(token.unwrap_or_default(), key.token.as_deref().unwrap_or_default()) {
        return Ok(());
    }
    Err(Refusal::new(
        "AuthFailure.TokenFailure",
        "The session token does not belong to the SecretId, or is missing.",
    ))
}

/// The forms in which a host may have been signed: Node's SDK leaves the port out that it sends.
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

/// Whether a service's name in the scope is that of this service. The Java and the Node SDK take it from the
/// endpoint's first label, which is right where the endpoint is Tencent's.
fn is_service(name: &str, host: &str) -> bool {
    let is_vendors = hosts(host).iter().any(|host| host.ends_with(".tencentcloudapi.com"));
    let mut labels = hosts(host).into_iter().filter_map(|host| host.split('.').next());
    name == SERVICE || (!is_vendors && labels.any(|label| label == name))
}

/// Reads the signature of a request, and checks what its head says of it at about `now`.
pub(super) fn claim<'a>(keys: &'a [Key], head: &'a Parts, now: i64) -> Result<Claim<'a>, Refusal> {
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
    Ok(Claim { authorization, key, timestamp, signed })
}

impl Claim<'_> {
    /// Checks that a holder of the key signed the request with this body.
    pub(super) fn verify(&self, head: &Parts, body: &[u8]) -> Result<(), Refusal> {
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
            same(sign::signature(&signing_key, &text), &given)
        };
        let host = header(&head.headers, "host")?.unwrap_or_default();
        if !hosts(host).into_iter().any(fits) {
            return Err(mismatch("check the SecretKey, and that what was signed is what was sent"));
        }
        // The SDKs send the token unsigned, so it is looked at last.
        token_fits(self.key, header(&head.headers, "x-tc-token")?)
    }
}

fn mismatch(why: &str) -> Refusal {
    Refusal::new("AuthFailure.SignatureFailure", format!("The signature does not match: {why}."))
}
