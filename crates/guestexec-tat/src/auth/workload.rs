//! The role of a pod on Tencent's Kubernetes: its token is exchanged for temporary keys.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use guestexec_core::{
    AskedBy, HeaderValue, Operation, ProvideCredentials, absent, check_credential,
    check_header_credential, credentials_text, unix_seconds, unusable, variable,
};
use reqwest::header::AUTHORIZATION;
use serde_json::json;

use super::{
    Lease, LeaseFuture,
    sts::{self, Sts},
};
use crate::{Credentials, Error};

const ASSUME_ROLE: Operation = Operation {
    secrets: "body/WebIdentityToken",
    answer_secrets: sts::ANSWER_SECRETS,
    ..Operation::undocumented("AssumeRoleWithWebIdentity", "POST", "/")
};

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
#[derive(Clone, Debug, Default)]
pub struct TkeOidc {
    endpoint: Option<String>,
    given: Option<Identity>,
}

#[derive(Clone, Debug)]
struct Identity {
    region: String,
    provider_id: String,
    role_arn: String,
    token_file: PathBuf,
}

impl TkeOidc {
    /// Takes the role that the environment names.
    pub fn new() -> Self {
        Self::default()
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

    #[inline]
    fn identity_in_use(&self) -> Result<Identity, Error> {
        let read = |name: &str| {
            variable(name).ok_or_else(|| {
                absent(format!(
                    "the environment variable {name} is not set, as in a pod with a role"
                ))
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

    /// Asks the exchange of the client's site, unless another was set.
    async fn ask(&self, by: &AskedBy) -> Result<Lease, Error> {
        let identity = self.identity_in_use()?;
        // The token is as good as a password, so it leaves this machine by HTTPS only.
        let sts = Sts::at(self.endpoint.as_deref(), by)?;
        check_header_credential("region (TKE_REGION)", &identity.region, &[])
            .and_then(|()| check_credential("provider id (TKE_PROVIDER_ID)", &identity.provider_id))
            .and_then(|()| check_credential("role (TKE_ROLE_ARN)", &identity.role_arn))
            .map_err(unusable)?;
        let token = credentials_text(&identity.token_file)?;
        let token = token.trim();
        check_header_credential("pod's token", token, &[]).map_err(unusable)?;
        let now = unix_seconds(by.now);
        let body = json!({
            "ProviderId": identity.provider_id,
            "WebIdentityToken": token,
            "RoleArn": identity.role_arn,
            "RoleSessionName": format!("guestexec-{now}"),
            "DurationSeconds": sts::DURATION,
        });
        let mut request = sts.request(&ASSUME_ROLE, &identity.region, now, &body)?;
        // The token in the body is what proves the caller; there is nothing to sign with yet.
        request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static("SKIP"));
        sts.lease(&ASSUME_ROLE, request, &[token], "the pod's token").await
    }
}

impl ProvideCredentials<Credentials> for TkeOidc {
    #[inline]
    fn provide(&self) -> LeaseFuture<'_> {
        Box::pin(async { self.ask(&AskedBy::default()).await })
    }

    fn name(&self) -> Cow<'_, str> {
        "the role of the TKE pod".into()
    }

    #[inline]
    fn provide_to<'a>(&'a self, by: &'a AskedBy) -> LeaseFuture<'a> {
        Box::pin(self.ask(by))
    }
}
