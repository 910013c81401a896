//! The keys that sign requests.

mod assume;
mod files;
mod keyring;
mod metadata;
mod source;
mod sts;
mod workload;

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use guestexec_core::{
    Credential, Secret, absent, check_header_credential, check_key, unusable, variable,
};
use serde_json::Value;

use crate::{Error, enums::ErrorCode};

pub use assume::AssumeRole;
pub(crate) use files::region_of_tccli;
pub(crate) use keyring::{Signer, Signers, keyring};
pub use metadata::CvmRole;
pub use source::{CredentialSource, Lease, LeaseFuture};
pub use workload::TkeOidc;

/// The console's names of the parts of a pair.
const PARTS: [&str; 3] = ["SecretId", "SecretKey", "session token"];

/// Reads a time in seconds since 1970, as a number or as a text.
fn since_1970(raw: &Value) -> Option<SystemTime> {
    let seconds = match raw {
        Value::String(text) => text.trim().parse().ok(),
        // Some writers give every number a fraction.
        raw => raw
            .as_u64()
            .map(Duration::from_secs)
            .or_else(|| raw.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()))
            .map(|since| since.as_secs()),
    };
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds?))
}

/// A key pair of Tencent Cloud's access management, with a token if it is temporary.
///
/// Debug shows the id and never the key or the token.
///
/// ```
/// use guestexec_tat::Credentials;
///
/// let permanent = Credentials::new("AKIDEXAMPLE", "its-secret-key");
/// let temporary = Credentials::new("AKIDEXAMPLE", "its-key").with_security_token("its-token");
/// assert_eq!(temporary.secret_id(), "AKIDEXAMPLE");
/// assert!(!format!("{permanent:?}").contains("its-secret-key"));
/// ```
#[derive(Clone)]
pub struct Credentials {
    secret_id: String,
    secret_key: Secret,
    token: Option<Secret>,
}

impl Credentials {
    /// Takes a permanent key pair: SecretId and SecretKey as the console shows them.
    pub fn new(secret_id: impl Into<String>, secret_key: impl Into<Secret>) -> Self {
        Self { secret_id: secret_id.into(), secret_key: secret_key.into(), token: None }
    }

    /// Adds the token that came with a temporary key pair; it is sent as `X-TC-Token`.
    #[must_use]
    pub fn with_security_token(mut self, token: impl Into<Secret>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Reads `TENCENTCLOUD_SECRET_ID`, `TENCENTCLOUD_SECRET_KEY` and, if it is set,
    /// `TENCENTCLOUD_TOKEN`: the names that the vendor's tools use. These are the keys themselves, whether
    /// or not `TENCENTCLOUD_ROLE_ARN` names a role: [`CredentialSource::environment`] assumes that.
    ///
    /// # Errors
    /// [`ErrorKind::Credentials`](crate::ErrorKind), naming the variable that is missing, empty or unusable.
    pub fn from_env() -> Result<Self, Error> {
        const NAMES: [&str; 3] =
            ["TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN"];
        let [id, key, token] = NAMES.map(variable);
        let none = id.is_none() && key.is_none();
        let needed = |value: Option<String>, name: &str| {
            value.ok_or_else(|| {
                let text = format!("the environment variable {name} is not set");
                let error = if none { absent(text) } else { unusable(text) };
                error.with_advice("set it, or give the client `Credentials::new`")
            })
        };
        let found = Self::new(needed(id, NAMES[0])?, needed(key, NAMES[1])?);
        let found = found.with_optional_token(token);
        found.check_in(|part| format!("in the environment variable {}", NAMES[part]))?;
        Ok(found)
    }

    fn with_optional_token(self, token: Option<String>) -> Self {
        match token {
            Some(token) if !token.is_empty() => self.with_security_token(token),
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

    /// Checks the pair and adds to each name where the part was found, by its index.
    fn check_in(&self, place: impl Fn(usize) -> String) -> Result<(), Error> {
        let names = [0, 1, 2].map(|part| format!("{} {}", PARTS[part], place(part)));
        self.check_as(names.each_ref().map(String::as_str)).map_err(unusable)
    }

    /// Checks the pair, whose parts have these names in messages.
    fn check_as(&self, [id, key, token]: [&str; 3]) -> Result<(), String> {
        // A comma or slash would end the id early inside the Authorization header.
        check_header_credential(id, &self.secret_id, &[',', '/'])?;
        check_key(key, self.secret_key.expose())?;
        match &self.token {
            Some(is) => check_header_credential(token, is.expose(), &[]),
            None => Ok(()),
        }
    }
}

impl Credential for Credentials {
    type Detail = ErrorCode;

    fn check(&self) -> Result<(), Error> {
        self.check_as(PARTS).map_err(unusable)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("secret_id", &self.secret_id).finish_non_exhaustive()
    }
}
