//! An agency of another account, or of another user: its temporary keys.

use std::{borrow::Cow, fmt, time::Duration};

use guestexec_core::{
    AskedBy, Issuer, ProvideCredentials, Secrets, check_credential, secret_header, unix_seconds,
    unusable,
};
use serde_json::json;

use super::{
    CredentialSource, Lease, LeaseFuture, Method,
    iam::{Iam, KEYS_PATH},
    metadata::in_project,
};
use crate::{Credentials, Error, hooks::sign_request, sign};

/// The shortest and the longest life that IAM gives to keys of an agency.
const SHORTEST: Duration = Duration::from_secs(15 * 60);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// An agency that other credentials may assume.
///
/// Gets temporary keys from IAM by `POST /v3.0/OS-CREDENTIAL/securitytokens` with the method
/// `assume_role`, in the name of `base`: an access key or a token, from any source. IAM is that of the
/// client, see [`ClientBuilder::iam_endpoint`](crate::ClientBuilder::iam_endpoint). What is followed is the
/// vendor's page "Obtaining Temporary Access Keys and Security Tokens of an Agency".
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_cci::{AssumeAgency, Client, CredentialSource};
///
/// # fn main() -> Result<(), guestexec_cci::Error> {
/// let base = CredentialSource::default_chain();
/// // The agency is assumed when the first request is made.
/// let agency = AssumeAgency::new(base, "its-account", "deployer").life(Duration::from_secs(3600));
/// let client = Client::builder().region("cn-north-4").credentials(agency).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AssumeAgency {
    base: CredentialSource,
    domain: String,
    agency: String,
    life: Duration,
    session_user: Option<String>,
    project_id: Option<String>,
    endpoint: Option<String>,
}

impl AssumeAgency {
    /// Takes an agency by its name and that of the account (`domain`) which has made it, or the account's
    /// id of 32 hexadecimal digits. `base` assumes it.
    pub fn new(
        base: impl Into<CredentialSource>,
        domain: impl Into<String>,
        agency: impl Into<String>,
    ) -> Self {
        Self {
            base: base.into(),
            domain: domain.into(),
            agency: agency.into(),
            life: Duration::from_secs(3600),
            session_user: None,
            project_id: None,
            endpoint: None,
        }
    }

    /// Sets how long the keys live, from 15 minutes to 24 hours. Default: one hour. Keys are replaced before
    /// they expire.
    #[must_use]
    pub fn life(mut self, life: Duration) -> Self {
        self.life = life;
        self
    }

    /// Sets the name under which the account's audit log shows the calls, of 5 to 64 characters. Default:
    /// that of the agency.
    #[must_use]
    pub fn session_user(mut self, name: impl Into<String>) -> Self {
        self.session_user = Some(name.into());
        self
    }

    /// Adds the id of the project that the keys act in, see [`Credentials::project_id`].
    #[must_use]
    pub fn project_id(mut self, id: impl Into<String>) -> Self {
        self.project_id = Some(id.into());
        self
    }

    /// Sets the address of another IAM, scheme included, such as one of a test.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    async fn ask(&self, by: &AskedBy) -> Result<Lease, Error> {
        check_credential("domain (account) of the agency", &self.domain)
            .and_then(|()| check_credential("name of the agency", &self.agency))
            .map_err(unusable)?;
        if !(SHORTEST..=LONGEST).contains(&self.life) {
            return Err(unusable(
                "the keys of an agency live from 15 minutes to 24 hours: give such a `life`",
            ));
        }
        let base = self.base.source().provide(by).await?;
        let is_id = self.domain.len() == 32 && self.domain.bytes().all(|b| b.is_ascii_hexdigit());
        let mut role = json!({
            "agency_name": self.agency,
            "duration_seconds": self.life.as_secs(),
        });
        role[if is_id { "domain_id" } else { "domain_name" }] = self.domain.as_str().into();
        if let Some(name) = &self.session_user {
            role["session_user"] = json!({ "name": name });
        }
        let identity = json!({ "methods": ["assume_role"], "assume_role": role });
        let body = json!({ "auth": { "identity": identity } });
        let iam = Iam::at(self.endpoint.as_deref(), by)?;
        let mut request = Issuer::post(&iam.endpoint, KEYS_PATH, &body);
        let who = base.credentials();
        match who.method() {
            Method::Token(token) => {
                let token = secret_header(token.expose()).map_err(unusable)?;
                request.headers_mut().insert("x-auth-token", token);
            }
            Method::AccessKey { .. } => {
                let hash = sign::payload_hash(body.to_string().as_bytes(), None).into_owned();
                // The agency decides in which project its keys act.
                let who = Credentials { project_id: None, ..who.clone() };
                sign_request(&mut request, &who, unix_seconds(by.now), &hash).map_err(unusable)?;
            }
            Method::Login(_) => {
                return Err(unusable(
                    "an agency is assumed by an access key or a token, and these credentials get a token \
                     first: give `AssumeAgency` `Credentials::access_key` or `Credentials::token`",
                ));
            }
        }
        let mut secrets = Secrets::default();
        who.secrets().for_each(|secret| secrets.add(secret.expose()));
        let lease = iam.keys(request, &secrets).await?;
        let place = format!("{}, assumed with {}", self.name(), base.origin());
        Ok(in_project(lease, self.project_id.as_deref()).from_place(place))
    }
}

impl fmt::Debug for AssumeAgency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssumeAgency")
            .field("domain", &self.domain)
            .field("agency", &self.agency)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl ProvideCredentials<Credentials> for AssumeAgency {
    fn provide(&self) -> LeaseFuture<'_> {
        Box::pin(async { self.ask(&AskedBy::default()).await })
    }

    fn name(&self) -> Cow<'_, str> {
        format!("the agency {}", self.agency).into()
    }

    fn provide_to<'a>(&'a self, by: &'a AskedBy) -> LeaseFuture<'a> {
        Box::pin(self.ask(by))
    }
}
