//! The agency of an ECS instance, from its metadata service.

use std::borrow::Cow;

use guestexec_core::{
    AskedBy, Endpoint, HeaderName, HeaderValue, Issuer, Operation, PlainHttp, ProvideCredentials,
    absent, secret_header, unusable,
};
use reqwest::{Method, StatusCode};

use super::{Lease, LeaseFuture, iam::lease};
use crate::{Credentials, Error};

/// The metadata service.
const ENDPOINT: &str = "http://169.254.169.254";
const TOKEN_PATH: &str = "/meta-data/latest/api/token";
const KEYS_PATH: &str = "/openstack/latest/securitykey";
const TOKEN: HeaderName = HeaderName::from_static("x-metadata-token");
const TOKEN_TTL: HeaderName = HeaderName::from_static("x-metadata-token-ttl-seconds");
/// The requested life of the token, in seconds: it serves one request.
const TTL: HeaderValue = HeaderValue::from_static("60");
/// The answer of the service on an instance without an agency.
const NO_AGENCY: &[u8] = b"Please configure Cloud Service Agency first";

const METADATA: Issuer = Issuer { name: "the metadata service of ECS", is_near: true };
const GET_TOKEN: Operation = Operation::undocumented("EcsMetadataToken", "PUT", TOKEN_PATH);
const GET_KEYS: Operation = Operation {
    answer_secrets: "body/credential/secret,body/credential/securitytoken",
    ..Operation::undocumented("EcsSecurityKey", "GET", KEYS_PATH)
};

/// The agency bound to the ECS instance this program runs on; see
/// [`CredentialSource::ecs_agency`](crate::CredentialSource::ecs_agency).
///
/// Asks `http://169.254.169.254/openstack/latest/securitykey`, which can be reached from within an
/// instance only. A token of the service (`PUT /meta-data/latest/api/token`) is got first and sent along;
/// where the service knows no tokens, it is asked without one.
///
/// ```
/// use guestexec_cci::{Client, EcsAgency};
///
/// # fn main() -> Result<(), guestexec_cci::Error> {
/// // The instance is asked when the first request is made.
/// let agency = EcsAgency::new().project_id("0123456789abcdef0123456789abcdef");
/// let client = Client::builder().region("cn-north-4").credentials(agency).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct EcsAgency {
    endpoint: String,
    project_id: Option<String>,
}

impl EcsAgency {
    /// Takes the agency that the instance has.
    pub fn new() -> Self {
        Self { endpoint: ENDPOINT.to_owned(), project_id: None }
    }

    /// Sets the address of another metadata service, scheme included, such as one of a test.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = endpoint.into();
        self
    }

    /// Adds the id of the project that the keys act in, see [`Credentials::project_id`].
    #[must_use]
    pub fn project_id(mut self, id: impl Into<String>) -> Self {
        self.project_id = Some(id.into());
        self
    }

    async fn ask(&self, by: &AskedBy) -> Result<Lease, Error> {
        // The service is on the instance and has no HTTPS.
        let endpoint = Endpoint::parse(&self.endpoint, PlainHttp::Allowed).map_err(unusable)?;
        let mut request = Issuer::request(Method::PUT, &endpoint, TOKEN_PATH);
        request.headers_mut().insert(TOKEN_TTL, TTL);
        let answer = by.reach.ask(METADATA, &GET_TOKEN, &endpoint, request).await?;
        let Issuer { name, .. } = METADATA;
        let mut request = Issuer::request(Method::GET, &endpoint, KEYS_PATH);
        match answer.status() {
            StatusCode::OK => {
                let token = String::from_utf8_lossy(answer.body());
                let token = secret_header(token.trim()).map_err(|_| {
                    unusable(format!("{name} gives a token that no header can hold"))
                })?;
                request.headers_mut().insert(TOKEN, token);
            }
            // It knows no tokens.
            StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::SERVICE_UNAVAILABLE => {}
            status => return Err(unusable(format!("{name} answers {status}"))),
        }
        let answer = by.reach.ask(METADATA, &GET_KEYS, &endpoint, request).await?;
        let no_agency = answer.body().windows(NO_AGENCY.len()).any(|text| text == NO_AGENCY);
        if answer.status() == StatusCode::NOT_FOUND || !answer.status().is_success() && no_agency {
            return Err(absent(format!("{name} has no agency: bind one to the instance")));
        }
        let lease = lease(&METADATA.read(&answer)?, by);
        let lease = lease.ok_or_else(|| unusable(format!("{name} gives no keys")))?;
        Ok(in_project(lease, self.project_id.as_deref()))
    }
}

/// The same keys, acting in a project.
pub(super) fn in_project(lease: Lease, project_id: Option<&str>) -> Lease {
    let (Some(id), expires) = (project_id, lease.expires()) else { return lease };
    Lease::expiring(lease.into_credentials().project_id(id), expires)
}

impl Default for EcsAgency {
    fn default() -> Self {
        Self::new()
    }
}

impl ProvideCredentials<Credentials> for EcsAgency {
    fn provide(&self) -> LeaseFuture<'_> {
        Box::pin(async { self.ask(&AskedBy::default()).await })
    }

    fn name(&self) -> Cow<'_, str> {
        "the agency of the ECS instance".into()
    }

    fn provide_to<'a>(&'a self, by: &'a AskedBy) -> LeaseFuture<'a> {
        Box::pin(self.ask(by))
    }
}
