//! The caller's credentials.

mod assume;
mod files;
pub(crate) mod iam;
mod keyring;
mod metadata;
mod source;
mod workload;

use std::{env, fmt};

use guestexec_core::{
    Credential, Secret, absent, check_credential, check_header_credential, check_key, unusable,
};

use crate::{Error, types::ErrorBody};

pub use assume::AssumeAgency;
pub(crate) use files::region_of_koocli;
pub(crate) use keyring::{Holder, Holders, keyring};
pub use metadata::EcsAgency;
pub use source::{CredentialSource, Lease, LeaseFuture};
pub use workload::WorkloadIdentity;

/// A token, an access key, or a user's name and password.
///
/// Debug shows names and ids, never a token, key or password.
///
/// ```
/// use guestexec_cci::Credentials;
///
/// let key = Credentials::access_key("its-id", "its-secret").project_id("0123456789abcdef");
/// let temporary = Credentials::access_key("its-id", "its-secret").with_security_token("its-token");
/// let user = Credentials::password("account", "user", "password", "cn-north-4");
/// let token_by_key = Credentials::access_key_token("its-id", "its-secret", "cn-north-4");
/// let token = Credentials::token("MIIE…");
/// assert!(!format!("{key:?}{user:?}").contains("its-secret"));
/// ```
#[derive(Clone)]
pub struct Credentials {
    method: Method,
    security_token: Option<Secret>,
    project_id: Option<String>,
}

#[derive(Clone)]
pub(crate) enum Method {
    Token(Secret),
    AccessKey {
        id: String,
        secret: Secret,
    },
    /// A token from IAM.
    Login(Login),
}

/// The login that IAM needs to issue a token.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) identity: Identity,
    /// Name or id of the project.
    pub(crate) project: String,
}

#[derive(Clone)]
pub(crate) enum Identity {
    Password { domain: String, user: String, password: Secret },
    AccessKey { id: String, secret: Secret },
}

impl Credentials {
    fn of(method: Method) -> Self {
        Self { method, security_token: None, project_id: None }
    }

    /// A token of IAM, good for 24 hours and for one project; it is sent as `X-Auth-Token`.
    pub fn token(token: impl Into<Secret>) -> Self {
        Self::of(Method::Token(token.into()))
    }

    /// An access key (AK) and its secret key (SK), which sign each request by
    /// [SDK-HMAC-SHA256](crate::sign).
    pub fn access_key(id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self::of(Method::AccessKey { id: id.into(), secret: secret.into() })
    }

    /// A user of an account (`domain`): a token is fetched from IAM when the first request is made, and
    /// renewed shortly before it expires.
    ///
    /// `project` is the name of the project, which is that of the region unless it was made by
    /// hand, or its id of 32 hexadecimal digits.
    pub fn password(
        domain: impl Into<String>,
        user: impl Into<String>,
        password: impl Into<Secret>,
        project: impl Into<String>,
    ) -> Self {
        let (domain, user, password) = (domain.into(), user.into(), password.into());
        let identity = Identity::Password { domain, user, password };
        Self::of(Method::Login(Login { identity, project: project.into() }))
    }

    /// An access key (AK) and its secret key (SK), for which a token is fetched from IAM and renewed as for
    /// a [password](Self::password), instead of signing each request.
    ///
    /// A user of the service reports that its exec interface wants a token. The IAM method behind it,
    /// `hw_ak_sk`, is in wide use though the vendor's page does not show it: where it is refused, use
    /// [`Self::password`] or [`Self::access_key`].
    pub fn access_key_token(
        id: impl Into<String>,
        secret: impl Into<Secret>,
        project: impl Into<String>,
    ) -> Self {
        let identity = Identity::AccessKey { id: id.into(), secret: secret.into() };
        Self::of(Method::Login(Login { identity, project: project.into() }))
    }

    /// Adds the token that came with a temporary access key; it is sent as `X-Security-Token`.
    #[must_use]
    pub fn with_security_token(mut self, token: impl Into<Secret>) -> Self {
        self.security_token = Some(token.into());
        self
    }

    /// Adds the id of the project an access key acts in, needed for a sub-project of the region; it
    /// is sent as `X-Project-Id`.
    #[must_use]
    pub fn project_id(mut self, id: impl Into<String>) -> Self {
        self.project_id = Some(id.into());
        self
    }

    /// Reads credentials from the environment: the first of these that is set.
    ///
    /// 1. `HUAWEICLOUD_SDK_AK` and `HUAWEICLOUD_SDK_SK`, perhaps with `HUAWEICLOUD_SDK_SECURITY_TOKEN`
    ///    and `HUAWEICLOUD_SDK_PROJECT_ID`: an access key, by the names of the vendor's SDKs.
    /// 2. `OS_ACCESS_KEY` and `OS_SECRET_KEY`, perhaps with `OS_SECURITY_TOKEN` and `OS_PROJECT_ID`:
    ///    an access key, by the names the vendor's Terraform provider and OpenStack's tools use, as
    ///    are all that follow.
    /// 3. `OS_AUTH_TOKEN` or `OS_TOKEN`: a token.
    /// 4. `OS_USERNAME` and `OS_PASSWORD` with `OS_USER_DOMAIN_NAME` or `OS_DOMAIN_NAME`, and for the
    ///    project the first there is of `OS_PROJECT_ID`, `OS_TENANT_ID`, `OS_PROJECT_NAME`,
    ///    `OS_TENANT_NAME` and `OS_REGION_NAME`: a user's password.
    ///
    /// # Errors
    /// [`ErrorKind::Credentials`](crate::ErrorKind), naming the variable that is missing or empty.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(|name| env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let read = |name: &str| variable(name).filter(|value| !value.is_empty());
        let first = |names: &[&str]| names.iter().find_map(|name| read(name));
        let needed = |names: &[&str]| {
            first(names).ok_or_else(|| {
                unusable(format!("the environment variable {} is not set", names.join(" or ")))
                    .with_advice("set it, or give the client its credentials with `credentials(…)`")
            })
        };
        for [id, secret, token, project] in [
            [
                "HUAWEICLOUD_SDK_AK",
                "HUAWEICLOUD_SDK_SK",
                "HUAWEICLOUD_SDK_SECURITY_TOKEN",
                "HUAWEICLOUD_SDK_PROJECT_ID",
            ],
            ["OS_ACCESS_KEY", "OS_SECRET_KEY", "OS_SECURITY_TOKEN", "OS_PROJECT_ID"],
        ] {
            if read(id).or_else(|| read(secret)).is_some() {
                let mut found = Self::access_key(needed(&[id])?, needed(&[secret])?);
                found.security_token = read(token).map(Secret::from);
                found.project_id = read(project);
                return Ok(found);
            }
        }
        if let Some(token) = first(&["OS_AUTH_TOKEN", "OS_TOKEN"]) {
            return Ok(Self::token(token));
        }
        if let Some(user) = read("OS_USERNAME") {
            let password = needed(&["OS_PASSWORD"])?;
            let domain = needed(&["OS_USER_DOMAIN_NAME", "OS_DOMAIN_NAME"])?;
            let project = needed(&[
                "OS_PROJECT_ID", "OS_TENANT_ID", "OS_PROJECT_NAME", "OS_TENANT_NAME",
                "OS_REGION_NAME",
            ])?;
            return Ok(Self::password(domain, user, password, project));
        }
        Err(absent("the environment holds no credentials").with_advice(
            "set HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK, or give the client its credentials with `credentials(…)`",
        ))
    }

    /// True if a password is sent to IAM.
    #[doc(hidden)]
    pub fn sends_password(&self) -> bool {
        matches!(&self.method, Method::Login(Login { identity: Identity::Password { .. }, .. }))
    }

    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// All secrets.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let own = match &self.method {
            Method::Token(token) => token,
            Method::AccessKey { secret, .. } => secret,
            Method::Login(Login { identity: Identity::Password { password, .. }, .. }) => password,
            Method::Login(Login { identity: Identity::AccessKey { secret, .. }, .. }) => secret,
        };
        [own].into_iter().chain(&self.security_token)
    }

    /// The headers of a request signed by an access key, besides the signature.
    pub(crate) fn extra_headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let project = self.project_id.as_deref().map(|id| ("x-project-id", id));
        let token = self.security_token.as_ref().map(|token| ("x-security-token", token.expose()));
        project.into_iter().chain(token)
    }

    fn check_parts(&self) -> Result<(), String> {
        match &self.method {
            Method::Token(token) => check_header_credential("token", token.expose(), &[])?,
            Method::AccessKey { id, secret } => {
                // These characters would end the id early inside the Authorization header.
                check_header_credential("access key id", id, &[',', '=', ';'])?;
                check_key("secret access key", secret.expose())?;
            }
            Method::Login(Login { identity, project }) => {
                match identity {
                    Identity::Password { domain, user, password } => {
                        check_credential("domain (account) name", domain)?;
                        check_credential("user name", user)?;
                        check_credential("password", password.expose())?;
                    }
                    Identity::AccessKey { id, secret } => {
                        check_credential("access key id", id)?;
                        check_key("secret access key", secret.expose())?;
                    }
                }
                check_credential("project", project)?;
            }
        }
        if let Some(id) = &self.project_id {
            check_header_credential("project id", id, &[])?;
        }
        match &self.security_token {
            Some(token) => check_header_credential("security token", token.expose(), &[]),
            None => Ok(()),
        }
    }
}

impl Credential for Credentials {
    type Detail = ErrorBody;

    fn check(&self) -> Result<(), Error> {
        self.check_parts().map_err(unusable)?;
        if !matches!(self.method, Method::AccessKey { .. }) && self.extra_headers().next().is_some()
        {
            return Err(unusable("a security token or project id goes with an access key only")
                .with_advice("leave it out, or give `Credentials::access_key`"));
        }
        Ok(())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Credentials");
        match &self.method {
            Method::Token(_) => shown.field("method", &"token"),
            Method::AccessKey { id, .. } => shown.field("access_key", id),
            Method::Login(Login { identity, project }) => match identity {
                Identity::Password { domain, user, .. } => {
                    shown.field("domain", domain).field("user", user)
                }
                Identity::AccessKey { id, .. } => {
                    shown.field("method", &"token").field("access_key", id)
                }
            }
            .field("project", project),
        };
        if let Some(id) = &self.project_id {
            shown.field("project_id", id);
        }
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use guestexec_core::{Credential as _, ErrorKind};

    use super::Credentials;

    fn shown(variables: &[(&str, &str)]) -> String {
        let found = Credentials::from_variables(|name| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
        });
        match found {
            Ok(credentials) => {
                credentials.check().unwrap();
                format!("{credentials:?}")
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Credentials);
                error.to_string()
            }
        }
    }

    #[test]
    fn the_environment_is_read_as_the_vendors_tools_read_it() {
        let user = [("OS_USERNAME", "u"), ("OS_PASSWORD", "p"), ("OS_DOMAIN_NAME", "d")];
        let with = |more: &[(&'static str, &'static str)]| shown(&[&user[..], more].concat());
        for (text, says) in [
            (shown(&[]), "HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK"),
            (shown(&[("HUAWEICLOUD_SDK_AK", "ak")]), "HUAWEICLOUD_SDK_SK is not set"),
            (shown(&[("OS_ACCESS_KEY", "ak"), ("OS_SECRET_KEY", "")]), "OS_SECRET_KEY is not set"),
            (
                shown(&[("OS_ACCESS_KEY", "ak"), ("OS_SECRET_KEY", "s"), ("OS_PROJECT_ID", "7")]),
                r#"access_key: "ak", project_id: "7""#,
            ),
            (shown(&[("OS_AUTH_TOKEN", "t"), user[0], user[1]]), "token"),
            (shown(&user[..2]), "OS_USER_DOMAIN_NAME or OS_DOMAIN_NAME is not set"),
            (with(&[]), "OS_PROJECT_ID or"),
            (with(&[("OS_REGION_NAME", "r")]), r#"domain: "d", user: "u", project: "r""#),
            (with(&[("OS_REGION_NAME", "r"), ("OS_TENANT_NAME", "t")]), r#"project: "t""#),
            (
                with(&[("HUAWEICLOUD_SDK_AK", "a"), ("HUAWEICLOUD_SDK_SK", "s")]),
                r#"access_key: "a""#,
            ),
        ] {
            assert!(text.contains(says), "{says}: {text}");
        }
    }
}
