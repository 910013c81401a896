//! The keys that sign requests.

mod files;
mod lease;
mod oidc;
mod role;
mod source;

use std::{env, fmt};

use guestexec_core::{ErrorKind, Secret};

use crate::Error;

pub(crate) use lease::{Keyring, Signer};
pub use oidc::TkeOidc;
pub use role::CvmRole;
pub use source::{CredentialSource, Lease, LeaseFuture, ProvideCredentials};

/// A failure to come by credentials.
fn unusable(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Credentials, message)
}

/// An environment variable that is set and not empty.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// A key pair of Tencent Cloud's access management, with a token where it is temporary.
///
/// Debug shows the id and never the key or the token.
#[derive(Clone)]
pub struct Credentials {
    secret_id: String,
    secret_key: Secret,
    token: Option<Secret>,
}

impl Credentials {
    /// A lasting key pair: SecretId and SecretKey as the console shows them.
    pub fn new(secret_id: impl Into<String>, secret_key: impl Into<Secret>) -> Self {
        Self { secret_id: secret_id.into(), secret_key: secret_key.into(), token: None }
    }

    /// Adds the token that came with a temporary key pair; it is sent as `X-TC-Token`.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<Secret>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Reads `TENCENTCLOUD_SECRET_ID`, `TENCENTCLOUD_SECRET_KEY` and, if it is there,
    /// `TENCENTCLOUD_TOKEN`: the names the vendor's tools use.
    ///
    /// # Errors
    /// [`ErrorKind::Credentials`], naming the variable that is missing or empty.
    pub fn from_env() -> Result<Self, Error> {
        let needed = |name: &str| {
            variable(name).ok_or_else(|| {
                unusable(format!(
                    "the environment variable {name} is not set: set it, or give the client `Credentials::new`"
                ))
            })
        };
        let found =
            Self::new(needed("TENCENTCLOUD_SECRET_ID")?, needed("TENCENTCLOUD_SECRET_KEY")?);
        Ok(found.with_optional_token(variable("TENCENTCLOUD_TOKEN")))
    }

    fn with_optional_token(self, token: Option<String>) -> Self {
        match token {
            Some(token) if !token.is_empty() => self.with_token(token),
            _ => self,
        }
    }

    /// The id of the pair, which is no secret.
    pub fn secret_id(&self) -> &str {
        &self.secret_id
    }

    pub(crate) fn secret_key(&self) -> &Secret {
        &self.secret_key
    }

    pub(crate) fn token(&self) -> Option<&Secret> {
        self.token.as_ref()
    }

    /// Refuses what could never sign a request or stand in a header.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let printable = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        let wrong = |what: &str| {
            Err(unusable(format!(
                "the {what} is empty or holds characters that no header can carry: copy it again from the console"
            )))
        };
        // A comma would end the id early inside the Authorization header.
        if !printable(&self.secret_id) || self.secret_id.contains(',') {
            return wrong("SecretId");
        }
        if self.secret_key.is_empty() {
            return wrong("SecretKey");
        }
        match &self.token {
            Some(token) if !printable(token.expose()) => wrong("session token"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("secret_id", &self.secret_id).finish_non_exhaustive()
    }
}
