//! The role of a pod on Tencent's Kubernetes: its token is exchanged for temporary keys.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use guestexec_core::{
    Endpoint, PlainHttp, check_credential, check_header_credential, identifier, unix_seconds,
};
use reqwest::header::AUTHORIZATION;
use serde_json::json;

use super::{
    Absent, Lease, LeaseFuture, ProvideCredentials, files,
    role::{fetch, lease, quick, read},
    unusable, variable,
};
use crate::{Error, RootDomain};

/// The requested life of the keys, in seconds.
const DURATION: u64 = 7200;

/// The role of the pod this program runs in; see
/// [`CredentialSource::tke_oidc`](crate::CredentialSource::tke_oidc).
///
/// Sends the token in the file that `TKE_WEB_IDENTITY_TOKEN_FILE` names to
/// AssumeRoleWithWebIdentity of the service STS, with `TKE_REGION`, `TKE_PROVIDER_ID` and
/// `TKE_ROLE_ARN`, which the cluster sets in pods whose service account has a role. The exchange is
/// that of the client's site, see [`ClientBuilder::root_domain`](crate::ClientBuilder::root_domain).
///
/// ```
/// use guestexec_tat::{Client, TkeOidc};
///
/// # fn main() -> Result<(), guestexec_tat::Error> {
/// // The token is exchanged when the first request is made.
/// let client = Client::builder().region("ap-guangzhou").credentials(TkeOidc::new()).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TkeOidc {
    endpoint: Option<String>,
    given: Option<Identity>,
}

#[derive(Clone)]
struct Identity {
    region: String,
    provider_id: String,
    role_arn: String,
    token_file: PathBuf,
}

impl TkeOidc {
    /// Takes the role that the environment names.
    pub fn new() -> Self {
        Self { endpoint: None, given: None }
    }

    /// Sets the address of another exchange, scheme included, such as one of a test. Default: that of the client's site,
    /// `https://sts.tencentcloudapi.com` or `https://sts.intl.tencentcloudapi.com`.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// Sets the role, instead of the one that the environment names.
    #[must_use]
    pub fn identity(
        mut self,
        region: impl Into<String>,
        provider_id: impl Into<String>,
        role_arn: impl Into<String>,
        token_file: impl AsRef<Path>,
    ) -> Self {
        self.given = Some(Identity {
            region: region.into(),
            provider_id: provider_id.into(),
            role_arn: role_arn.into(),
            token_file: token_file.as_ref().to_owned(),
        });
        self
    }

    fn identity_in_use(&self) -> Result<Identity, Error> {
        let read = |name: &str| {
            variable(name).ok_or_else(|| {
                unusable(format!(
                    "the environment variable {name} is not set, as in a pod with a role"
                ))
                .with_source(Absent)
            })
        };
        match &self.given {
            Some(given) => Ok(given.clone()),
            None => Ok(Identity {
                region: read("TKE_REGION")?,
                provider_id: read("TKE_PROVIDER_ID")?,
                role_arn: read("TKE_ROLE_ARN")?,
                token_file: read("TKE_WEB_IDENTITY_TOKEN_FILE")?.into(),
            }),
        }
    }

    /// Asks the exchange of `site`, unless another was set.
    pub(super) async fn ask(&self, site: RootDomain) -> Result<Lease, Error> {
        const WHOM: &str = "the token exchange (STS)";
        let identity = self.identity_in_use()?;
        // The token is as good as a password, so it leaves this machine by HTTPS only.
        let endpoint =
            Endpoint::parse(self.endpoint.as_deref().unwrap_or(site.sts()), PlainHttp::Loopback)
                .map_err(unusable)?;
        check_header_credential("region (TKE_REGION)", &identity.region, &[])
            .and_then(|()| check_credential("provider id (TKE_PROVIDER_ID)", &identity.provider_id))
            .and_then(|()| check_credential("role (TKE_ROLE_ARN)", &identity.role_arn))
            .map_err(unusable)?;
        let token = files::text(&identity.token_file)?;
        let token = token.trim();
        check_header_credential("pod's token", token, &[]).map_err(unusable)?;
        let now = std::time::SystemTime::now();
        let body = json!({
            "ProviderId": identity.provider_id,
            "WebIdentityToken": token,
            "RoleArn": identity.role_arn,
            "RoleSessionName": format!("guestexec-{}", unix_seconds(now)),
            "DurationSeconds": DURATION,
        });
        let body = fetch(&quick(), &endpoint, WHOM, |client| {
            client
                .post(format!("{}/", endpoint.base()))
                // The token in the body is what proves the caller; there is nothing to sign with yet.
                .header(AUTHORIZATION, "SKIP")
                .header("x-tc-action", "AssumeRoleWithWebIdentity")
                .header("x-tc-version", "2018-08-13")
                .header("x-tc-region", identity.region)
                .header("x-tc-timestamp", unix_seconds(now))
                .json(&body)
                .build()
        })
        .await?;
        let answer = &read(WHOM, &body)?["Response"];
        let error = &answer["Error"];
        if !error.is_null() {
            // The answer may quote the token.
            let code = error["Code"].as_str().filter(|code| !code.contains(token));
            let code = identifier(code.unwrap_or("a code that cannot be read"));
            return Err(unusable(format!("{WHOM} refuses the pod's token with {code}")));
        }
        lease(&answer["Credentials"], answer)
            .ok_or_else(|| unusable(format!("the answer of {WHOM} has no keys in it")))
    }
}

impl Default for TkeOidc {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TkeOidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TkeOidc").finish_non_exhaustive()
    }
}

impl ProvideCredentials for TkeOidc {
    fn provide(&self) -> LeaseFuture<'_> {
        Box::pin(self.ask(RootDomain::default()))
    }
}
