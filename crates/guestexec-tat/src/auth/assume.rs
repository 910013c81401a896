//! A role that other keys may assume.

use std::{borrow::Cow, fmt, time::Duration};

use guestexec_core::{
    AskedBy, Operation, ProvideCredentials, check_credential, unix_seconds, unusable, variable,
};
use serde_json::json;

use super::{
    CredentialSource, Lease, LeaseFuture,
    sts::{self, Sts},
};
use crate::{Credentials, Error};

const ASSUME_ROLE: Operation = Operation {
    answer_secrets: sts::ANSWER_SECRETS,
    ..Operation::undocumented("AssumeRole", "POST", "/")
};
/// The region whose exchange is asked, as by the vendor's SDKs.
const REGION: &str = "ap-guangzhou";
/// The longest life that the exchange gives to keys.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);

/// A role, and how it is assumed.
#[derive(Clone, Debug)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) session_name: Option<String>,
    life: Duration,
    external_id: Option<String>,
    endpoint: Option<String>,
}

impl Role {
    pub(super) fn new(arn: impl Into<String>, session_name: Option<String>) -> Self {
        let life = Duration::from_secs(sts::DURATION);
        Self { arn: arn.into(), session_name, life, external_id: None, endpoint: None }
    }

    /// The role that `TENCENTCLOUD_ROLE_ARN` and `TENCENTCLOUD_ROLE_SESSION_NAME` name, as for tccli.
    pub(super) fn of_environment() -> Option<Self> {
        let arn = variable("TENCENTCLOUD_ROLE_ARN")?;
        Some(Self::new(arn, variable("TENCENTCLOUD_ROLE_SESSION_NAME")))
    }

    pub(super) fn name(&self) -> String {
        format!("the role {}", self.arn)
    }

    /// Gets keys for the role in the name of `base`.
    pub(super) async fn assume(&self, base: &Lease, by: &AskedBy) -> Result<Lease, Error> {
        check_credential("role (its ARN)", &self.arn).map_err(unusable)?;
        if self.life.as_secs() == 0 || self.life > LONGEST {
            return Err(unusable(
                "the keys of a role live from 1 second to 12 hours: give such a `life`",
            ));
        }
        let sts = Sts::at(self.endpoint.as_deref(), by)?;
        let now = unix_seconds(by.now);
        let session_name = self.session_name.clone().unwrap_or_else(|| format!("guestexec-{now}"));
        let mut body = json!({
            "RoleArn": self.arn,
            "RoleSessionName": session_name,
            "DurationSeconds": self.life.as_secs(),
        });
        if let Some(id) = &self.external_id {
            body["ExternalId"] = id.as_str().into();
        }
        let pair = base.credentials();
        let mut request = sts.request(&ASSUME_ROLE, REGION, now, &body)?;
        sts::sign(&mut request, pair, ASSUME_ROLE.id, now).map_err(unusable)?;
        let secrets = pair.token().into_iter().chain([pair.secret_key()]);
        let secrets: Vec<&str> = secrets.map(|secret| secret.expose()).collect();
        let lease = sts.lease(&ASSUME_ROLE, request, &secrets, "these keys the role").await?;
        Ok(lease.from_place(format!("{}, assumed with {}", self.name(), base.origin())))
    }
}

/// A role that the keys of another source may assume.
///
/// Gets temporary keys by AssumeRole of the service STS
/// (<https://www.tencentcloud.com/document/product/1150/49452>), signed by the keys of `base`. The exchange
/// is that of the client's site, see [`ClientBuilder::root_domain`](crate::ClientBuilder::root_domain).
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_tat::{AssumeRole, Client, CredentialSource};
///
/// # fn main() -> Result<(), guestexec_tat::Error> {
/// let base = CredentialSource::default_file();
/// // The role is assumed when the first request is made.
/// let role = AssumeRole::new(base, "qcs::cam::uin/100000000001:roleName/deployer")
///     .session_name("nightly")
///     .life(Duration::from_secs(3600));
/// let client = Client::builder().region("ap-guangzhou").credentials(role).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AssumeRole {
    base: CredentialSource,
    role: Role,
}

impl AssumeRole {
    /// Takes a role by its resource name (ARN). `base` assumes it.
    pub fn new(base: impl Into<CredentialSource>, role_arn: impl Into<String>) -> Self {
        Self { base: base.into(), role: Role::new(role_arn, None) }
    }

    /// Sets the name under which the account's audit log shows the calls. Default: `guestexec-` and the
    /// seconds since 1970.
    #[must_use]
    pub fn session_name(mut self, name: impl Into<String>) -> Self {
        self.role.session_name = Some(name.into());
        self
    }

    /// Sets how long the keys live, up to 12 hours. Default: two hours. Keys are replaced before they expire.
    #[must_use]
    pub fn life(mut self, life: Duration) -> Self {
        self.role.life = life;
        self
    }

    /// Adds the external id that the role's owner asks for.
    #[must_use]
    pub fn external_id(mut self, id: impl Into<String>) -> Self {
        self.role.external_id = Some(id.into());
        self
    }

    /// Sets the address of another exchange, scheme included, such as one of a test.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.role.endpoint = Some(endpoint.into());
        self
    }

    async fn ask(&self, by: &AskedBy) -> Result<Lease, Error> {
        let base = self.base.source().provide(by).await?;
        self.role.assume(&base, by).await
    }
}

impl fmt::Debug for AssumeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssumeRole")
            .field("role_arn", &self.role.arn)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl ProvideCredentials<Credentials> for AssumeRole {
    #[inline]
    fn provide(&self) -> LeaseFuture<'_> {
        Box::pin(async { self.ask(&AskedBy::default()).await })
    }

    fn name(&self) -> Cow<'_, str> {
        self.role.name().into()
    }

    #[inline]
    fn provide_to<'a>(&'a self, by: &'a AskedBy) -> LeaseFuture<'a> {
        Box::pin(self.ask(by))
    }
}
