//! A workload's identity: its token is exchanged for temporary keys.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use guestexec_core::{
    AskedBy, HeaderName, Issuer, Operation, ProvideCredentials, Secrets, absent, check_credential,
    check_header_credential, credentials_text, header_value, unusable, variable,
};
use serde_json::json;
use tracing::warn;

use super::{Lease, LeaseFuture, iam::Iam, metadata::in_project, source::Found};
use crate::{Credentials, Error};

/// The requested life of the keys, in seconds, as by the vendor's SDKs.
const DURATION: u64 = 6 * 60 * 60;
const PATH: &str = "/v3.0/OS-AUTH/id-token/tokens";
const IDP_ID: &str = "HUAWEICLOUD_SDK_IDP_ID";
const TOKEN_FILE: &str = "HUAWEICLOUD_SDK_ID_TOKEN_FILE";
const PROJECT_ID: &str = "HUAWEICLOUD_SDK_PROJECT_ID";

const EXCHANGE: Operation = Operation {
    secrets: "body/auth/id_token/id",
    answer_secrets: "header/x-subject-token",
    ..Operation::undocumented("CreateTokenWithIdToken", "POST", PATH)
};

/// The identity of the workload this program is, by an OpenID Connect token in a file.
///
/// The token is exchanged for one of IAM (`POST /v3.0/OS-AUTH/id-token/tokens`), and that for temporary
/// keys (`POST /v3.0/OS-CREDENTIAL/securitytokens`), which live for six hours. The file is read for each
/// exchange, since clusters replace the token in it. IAM is that of the client, see
/// [`ClientBuilder::iam_endpoint`](crate::ClientBuilder::iam_endpoint).
///
/// ```
/// use guestexec_cci::{Client, WorkloadIdentity};
///
/// # fn main() -> Result<(), guestexec_cci::Error> {
/// // The token is exchanged when the first request is made.
/// let identity = WorkloadIdentity::new().identity("my-cluster", "/var/run/secrets/token");
/// let client = Client::builder().region("cn-north-4").credentials(identity).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct WorkloadIdentity {
    given: Option<(String, PathBuf)>,
    project_id: Option<String>,
    endpoint: Option<String>,
}

impl WorkloadIdentity {
    /// Takes the identity that the environment names: `HUAWEICLOUD_SDK_IDP_ID`,
    /// `HUAWEICLOUD_SDK_ID_TOKEN_FILE` and perhaps `HUAWEICLOUD_SDK_PROJECT_ID`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the id of the identity provider, as IAM knows it, and the file with the token, instead of those
    /// that the environment names.
    #[must_use]
    pub fn identity(mut self, idp_id: impl Into<String>, token_file: impl AsRef<Path>) -> Self {
        self.given = Some((idp_id.into(), token_file.as_ref().to_owned()));
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

    /// The credentials in the environment, in the order of the vendor's SDKs: an identity comes before keys.
    pub(super) fn in_environment() -> Result<Found, Error> {
        match (variable(IDP_ID), variable(TOKEN_FILE)) {
            (Some(_), Some(_)) => Ok(Found::Identity(Self::new())),
            (None, None) => Credentials::from_env().map(Found::Credentials),
            (idp_id, _) => {
                let (set, unset) =
                    if idp_id.is_some() { (IDP_ID, TOKEN_FILE) } else { (TOKEN_FILE, IDP_ID) };
                let text = format!("the environment variable {set} is set, and {unset} is not");
                match Credentials::from_env() {
                    Ok(found) => {
                        warn!("{text}: other variables are used, and no workload identity");
                        Ok(Found::Credentials(found))
                    }
                    Err(_) => Err(unusable(format!("{text}: set both"))),
                }
            }
        }
    }

    pub(super) async fn ask(&self, by: &AskedBy) -> Result<Lease, Error> {
        let needed = |name: &str| {
            variable(name).ok_or_else(|| {
                absent(format!(
                    "the environment variable {name} is not set, as in a workload with an identity"
                ))
            })
        };
        let (idp_id, file, project_id) = match &self.given {
            Some((idp_id, file)) => (idp_id.clone(), file.clone(), self.project_id.clone()),
            None => {
                let project_id = self.project_id.clone().or_else(|| variable(PROJECT_ID));
                (needed(IDP_ID)?, needed(TOKEN_FILE)?.into(), project_id)
            }
        };
        check_header_credential("id of the identity provider", &idp_id, &[]).map_err(unusable)?;
        // A missing file that was named is an error: the next source may be another identity.
        let token =
            credentials_text(&file).map_err(|error: Error| unusable(error.message().to_owned()))?;
        let token = token.trim();
        check_credential("token of the workload", token).map_err(unusable)?;
        let iam = Iam::at(self.endpoint.as_deref(), by)?;
        let body = json!({ "auth": { "id_token": { "id": token } } });
        let mut request = Issuer::post(&iam.endpoint, PATH, &body);
        let idp_id = header_value(&idp_id).map_err(unusable)?;
        request.headers_mut().insert(HeaderName::from_static("x-idp-id"), idp_id);
        let mut secrets = Secrets::default();
        secrets.add(token);
        let answer = iam.ask(&EXCHANGE, request, &secrets).await?;
        let issued = answer.headers().get("x-subject-token").and_then(|token| token.to_str().ok());
        let issued = issued.filter(|token| !token.is_empty()).ok_or_else(|| {
            unusable("the answer of IAM has no X-Subject-Token header, where the token should be")
        })?;
        let lease = iam.keys_for(issued, DURATION).await?;
        Ok(in_project(lease, project_id.as_deref()))
    }
}

impl ProvideCredentials<Credentials> for WorkloadIdentity {
    fn provide(&self) -> LeaseFuture<'_> {
        Box::pin(async { self.ask(&AskedBy::default()).await })
    }

    fn name(&self) -> Cow<'_, str> {
        "the workload identity".into()
    }

    fn provide_to<'a>(&'a self, by: &'a AskedBy) -> LeaseFuture<'a> {
        Box::pin(self.ask(by))
    }
}
