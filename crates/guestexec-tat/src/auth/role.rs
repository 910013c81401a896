//! The role of a CVM instance, from its metadata service.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use guestexec_core::{
    Endpoint, HttpOptions, MAX_ERROR_BODY, PlainHttp, Proxy, buffered, ensure_runtime, http_client,
};
use reqwest::{Client, Request, StatusCode};
use serde_json::Value;

use super::{Absent, Lease, LeaseFuture, ProvideCredentials, since_1970, unusable};
use crate::{Credentials, Error, time::iso8601};

/// The metadata service.
const ENDPOINT: &str = "http://metadata.tencentyun.com";
/// The path of the roles' keys.
const PATH: &str = "/latest/meta-data/cam/security-credentials/";

/// The assumed life of keys whose end is unknown: short, because they are temporary.
const UNTOLD: Duration = Duration::from_secs(600);

/// Options with short timeouts: both services are near, or not there at all.
pub(super) fn quick() -> HttpOptions {
    HttpOptions::new().connect_timeout(Duration::from_secs(2)).timeout(Duration::from_secs(5))
}

/// Such options for the metadata service, which is on the instance and behind no proxy.
fn direct() -> HttpOptions {
    quick().proxy(Proxy::Direct)
}

/// Sends a small request to `whom` and returns the body of an answer with status 200.
pub(super) async fn fetch(
    options: &HttpOptions,
    endpoint: &Endpoint,
    whom: &str,
    request: impl FnOnce(&Client) -> reqwest::Result<Request>,
) -> Result<Vec<u8>, Error> {
    let client = http_client(options, &[endpoint]).map_err(unusable)?;
    let failed = |error: reqwest::Error| match error.is_connect() {
        true => unusable(format!("{whom} cannot be reached")).with_source(Absent),
        false => unusable(format!("{whom} did not answer")),
    };
    ensure_runtime()?;
    let answer = client.execute(request(&client).map_err(failed)?).await.map_err(failed)?;
    if answer.status() != StatusCode::OK {
        return Err(unusable(format!("{whom} answers {}", answer.status())));
    }
    let answer = buffered(answer, MAX_ERROR_BODY).await;
    Ok(answer.map_err(|_| unusable(format!("{whom} did not answer")))?.into_body())
}

/// Parses an answer. The error does not quote it, because it holds keys.
pub(super) fn read(whom: &str, body: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(body)
        .map_err(|_| unusable(format!("the answer of {whom} does not have the documented form")))
}

/// The keys in `pair`, by the names that both services use, with the end that `answer` names; `None` if
/// there are no keys. Other members are ignored.
pub(super) fn lease(pair: &Value, answer: &Value) -> Option<Lease> {
    let [id, key, token] = ["TmpSecretId", "TmpSecretKey", "Token"].map(|name| pair[name].as_str());
    let pair = Credentials::new(id?, key?).with_security_token(token?);
    let expires = since_1970(&answer["ExpiredTime"])
        .or_else(|| iso8601(answer["Expiration"].as_str()?))
        .or_else(|| SystemTime::now().checked_add(UNTOLD));
    Some(match expires {
        Some(expires) => Lease::until(pair, expires),
        None => Lease::lasting(pair),
    })
}

/// The role bound to the CVM instance this program runs on; see
/// [`CredentialSource::cvm_role`](crate::CredentialSource::cvm_role).
///
/// Asks `http://metadata.tencentyun.com/latest/meta-data/cam/security-credentials/`, which can be
/// reached from within an instance only.
///
/// ```
/// use guestexec_tat::{Client, CvmRole};
///
/// # fn main() -> Result<(), guestexec_tat::Error> {
/// // The instance is asked when the first request is made.
/// let role = CvmRole::new().role("deployer");
/// let client = Client::builder().region("ap-guangzhou").credentials(role).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CvmRole {
    endpoint: String,
    role: Option<String>,
}

impl CvmRole {
    /// Takes the role that the instance has.
    pub fn new() -> Self {
        Self { endpoint: ENDPOINT.to_owned(), role: None }
    }

    /// Sets the name of the role, instead of asking which one the instance has.
    #[must_use]
    pub fn role(mut self, name: impl Into<String>) -> Self {
        self.role = Some(name.into());
        self
    }

    /// Sets the address of another metadata service, scheme included, such as one of a test.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = endpoint.into();
        self
    }

    async fn ask(&self) -> Result<Lease, Error> {
        const WHOM: &str = "the metadata service of CVM";
        // The service is on the instance and has no HTTPS.
        let endpoint = Endpoint::parse(&self.endpoint, PlainHttp::Allowed).map_err(unusable)?;
        let base = format!("{}{PATH}", endpoint.base());
        let role = match &self.role {
            Some(role) => role.clone(),
            None => {
                let body =
                    fetch(&direct(), &endpoint, WHOM, |client| client.get(&base).build()).await?;
                String::from_utf8_lossy(&body).trim().to_owned()
            }
        };
        let named = |b: u8| b.is_ascii_alphanumeric() || b"_-.+=,@".contains(&b);
        if role.is_empty() || !role.bytes().all(named) {
            return Err(unusable(format!("{WHOM} names no role: bind one to the instance")));
        }
        let keys = format!("{base}{role}");
        let body = fetch(&direct(), &endpoint, WHOM, |client| client.get(&keys).build()).await?;
        let answer = read(WHOM, &body)?;
        let refused = answer["Code"].as_str().is_some_and(|code| code != "Success");
        lease(&answer, &answer)
            .filter(|_| !refused)
            .ok_or_else(|| unusable(format!("{WHOM} has no keys for the instance's role")))
    }
}

impl Default for CvmRole {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CvmRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CvmRole").field("role", &self.role).finish_non_exhaustive()
    }
}

impl ProvideCredentials for CvmRole {
    fn provide(&self) -> LeaseFuture<'_> {
        Box::pin(self.ask())
    }
}
