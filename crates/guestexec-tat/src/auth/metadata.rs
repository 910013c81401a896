//! The role of a CVM instance, from its metadata service.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use guestexec_core::{
    AskedBy, Endpoint, Issuer, Operation, PlainHttp, ProvideCredentials, unusable,
};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{Lease, LeaseFuture, since_1970};
use crate::{Credentials, Error, time::iso8601};

/// The metadata service.
const ENDPOINT: &str = "http://metadata.tencentyun.com";
/// The path of the roles' keys.
const PATH: &str = "/latest/meta-data/cam/security-credentials/";
const METADATA: Issuer = Issuer { name: "the metadata service of CVM", is_near: true };

const NAME_ROLE: Operation = Operation::undocumented("CvmRoleName", "GET", PATH);
const GET_KEYS: Operation = Operation {
    answer_secrets: "body/TmpSecretKey,body/Token",
    ..Operation::undocumented(
        "CvmRoleCredentials",
        "GET",
        "/latest/meta-data/cam/security-credentials/{role}",
    )
};

/// The assumed life of keys whose end is unknown: short, because they are temporary.
const UNTOLD: Duration = Duration::from_secs(600);

/// The keys in `pair`, by the names that both services use, with the end that `answer` names; `None` if
/// there are no keys. Other members are ignored.
pub(super) fn lease(pair: &Value, answer: &Value) -> Option<Lease> {
    let [id, key, token] = ["TmpSecretId", "TmpSecretKey", "Token"].map(|name| pair[name].as_str());
    let pair = Credentials::new(id?, key?).with_security_token(token?);
    let expires = since_1970(&answer["ExpiredTime"])
        .or_else(|| iso8601(answer["Expiration"].as_str()?))
        .or_else(|| SystemTime::now().checked_add(UNTOLD));
    Some(Lease::expiring(pair, expires))
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
#[derive(Clone, Debug)]
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

    async fn ask(&self, by: &AskedBy) -> Result<Lease, Error> {
        // The service is on the instance and has no HTTPS.
        let endpoint = Endpoint::parse(&self.endpoint, PlainHttp::Allowed).map_err(unusable)?;
        let role = match &self.role {
            Some(role) => role.clone(),
            None => {
                let body = get(by, &NAME_ROLE, &endpoint, PATH).await?.into_body();
                String::from_utf8_lossy(&body).trim().to_owned()
            }
        };
        let Issuer { name, .. } = METADATA;
        let named = |b: u8| b.is_ascii_alphanumeric() || b"_-.+=,@".contains(&b);
        if role.is_empty() || !role.bytes().all(named) {
            return Err(unusable(format!("{name} names no role: bind one to the instance")));
        }
        let answer = get(by, &GET_KEYS, &endpoint, &format!("{PATH}{role}")).await?;
        let answer = METADATA.read(&answer)?;
        let refused = answer["Code"].as_str().is_some_and(|code| code != "Success");
        lease(&answer, &answer)
            .filter(|_| !refused)
            .ok_or_else(|| unusable(format!("{name} has no keys for the instance's role")))
    }
}

/// Asks the metadata service for `path`.
async fn get(
    by: &AskedBy,
    operation: &'static Operation,
    endpoint: &Endpoint,
    path: &str,
) -> Result<http::Response<Vec<u8>>, Error> {
    let request = Issuer::request(Method::GET, endpoint, path);
    let answer = by.reach.ask(METADATA, operation, endpoint, request).await?;
    match answer.status() {
        StatusCode::OK => Ok(answer),
        status => Err(unusable(format!("{} answers {status}", METADATA.name))),
    }
}

impl Default for CvmRole {
    fn default() -> Self {
        Self::new()
    }
}

impl ProvideCredentials<Credentials> for CvmRole {
    #[inline]
    fn provide(&self) -> LeaseFuture<'_> {
        Box::pin(async { self.ask(&AskedBy::default()).await })
    }

    fn name(&self) -> Cow<'_, str> {
        "the role of the CVM instance".into()
    }

    #[inline]
    fn provide_to<'a>(&'a self, by: &'a AskedBy) -> LeaseFuture<'a> {
        Box::pin(self.ask(by))
    }
}
