//! What proves to the service who is calling.

use std::{env, fmt};

use guestexec_core::{ErrorKind, Secret};

use crate::Error;

/// A token, an access key, or a user's name and password.
///
/// Debug shows names and ids, never a token, key or password.
#[derive(Clone)]
pub struct Credentials {
    method: Method,
    security_token: Option<Secret>,
    project_id: Option<String>,
}

#[derive(Clone)]
pub(crate) enum Method {
    Token(Secret),
    AccessKey { id: String, secret: Secret },
    Password(Login),
}

/// What IAM wants for a token.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) domain: String,
    pub(crate) user: String,
    pub(crate) password: Secret,
    pub(crate) project: String,
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

    /// A user of an account (`domain`), for whom a token is fetched from IAM, kept until shortly
    /// before it expires, and then fetched anew.
    ///
    /// `project` is the name of the project, which is that of the region unless it was made by
    /// hand, or its id of 32 hexadecimal digits.
    pub fn password(
        domain: impl Into<String>,
        user: impl Into<String>,
        password: impl Into<Secret>,
        project: impl Into<String>,
    ) -> Self {
        Self::of(Method::Password(Login {
            domain: domain.into(),
            user: user.into(),
            password: password.into(),
            project: project.into(),
        }))
    }

    /// Adds the token that came with a temporary access key; it is sent as `X-Security-Token`.
    #[must_use]
    pub fn security_token(mut self, token: impl Into<Secret>) -> Self {
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

    /// Reads an access key from `HUAWEICLOUD_SDK_AK` and `HUAWEICLOUD_SDK_SK` and, where they are
    /// there, `HUAWEICLOUD_SDK_SECURITY_TOKEN` and `HUAWEICLOUD_SDK_PROJECT_ID`: the names the
    /// vendor's SDKs use.
    ///
    /// # Errors
    /// [`ErrorKind::Credentials`], naming the variable that is missing or empty.
    pub fn from_env() -> Result<Self, Error> {
        let read = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let needed = |name: &str| {
            read(name).ok_or_else(|| {
                Error::new(
                    ErrorKind::Credentials,
                    format!("the environment variable {name} is not set: set it, or give the client `Credentials::access_key`"),
                )
            })
        };
        let mut found =
            Self::access_key(needed("HUAWEICLOUD_SDK_AK")?, needed("HUAWEICLOUD_SDK_SK")?);
        found.security_token = read("HUAWEICLOUD_SDK_SECURITY_TOKEN").map(Secret::from);
        found.project_id = read("HUAWEICLOUD_SDK_PROJECT_ID");
        Ok(found)
    }

    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// The headers besides the signature that a request signed by an access key carries.
    pub(crate) fn extra_headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let project = self.project_id.as_deref().map(|id| ("x-project-id", id));
        let token = self.security_token.as_ref().map(|token| ("x-security-token", token.expose()));
        project.into_iter().chain(token)
    }

    /// Refuses what could never sign a request, stand in a header or get a token.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |reason: String| Err(Error::new(ErrorKind::Credentials, reason));
        let printable = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        let unprintable = |what: &str| {
            refuse(format!(
                "the {what} is empty or holds characters that no header can carry: copy it again from where it was shown"
            ))
        };
        match &self.method {
            Method::Token(token) if !printable(token.expose()) => return unprintable("token"),
            // A comma or equals sign would end the id early inside the Authorization header.
            Method::AccessKey { id, .. } if !printable(id) || id.contains([',', '=', ';']) => {
                return unprintable("access key id");
            }
            Method::AccessKey { secret, .. } if secret.is_empty() => {
                return unprintable("secret access key");
            }
            Method::Password(login) => {
                let empty = [
                    ("domain (account) name", login.domain.is_empty()),
                    ("user name", login.user.is_empty()),
                    ("password", login.password.is_empty()),
                    ("project", login.project.is_empty()),
                ];
                if let Some((what, _)) = empty.into_iter().find(|(_, empty)| *empty) {
                    return refuse(format!("the {what} is empty: IAM gives no token without one"));
                }
            }
            Method::Token(_) | Method::AccessKey { .. } => {}
        }
        if !matches!(self.method, Method::AccessKey { .. }) && self.extra_headers().next().is_some()
        {
            return refuse(
                "a security token or project id goes with an access key only: leave it out, or give `Credentials::access_key`"
                    .to_owned(),
            );
        }
        match self.extra_headers().find(|(_, value)| !printable(value)) {
            Some(("x-project-id", _)) => unprintable("project id"),
            Some(_) => unprintable("security token"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Credentials");
        match &self.method {
            Method::Token(_) => shown.field("method", &"token"),
            Method::AccessKey { id, .. } => shown.field("access_key", id),
            Method::Password(login) => shown
                .field("domain", &login.domain)
                .field("user", &login.user)
                .field("project", &login.project),
        };
        if let Some(id) = &self.project_id {
            shown.field("project_id", id);
        }
        shown.finish_non_exhaustive()
    }
}
