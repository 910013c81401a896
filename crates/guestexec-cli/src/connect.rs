//! From flags, environment and profiles to a client of each service.

pub(crate) mod cci;
pub(crate) mod tat;
pub(crate) mod zstack;

use std::{fs, path::Path};

use guestexec::{Absent, Error, ErrorKind, HttpOptions, Proxy};

use crate::{
    failure::Failure,
    profiles::{Profile, Profiles},
    secret_from::SecretFrom,
};

/// The name by which the services see this program.
pub(crate) const APP_ID: &str = concat!("guestexec-cli/", env!("CARGO_PKG_VERSION"));

/// Writes the settings of one provider: those that all have, and its own. They are flags of the command line and
/// members of a profile alike, so each is optional.
///
/// `keys` say who calls. They belong together: where any is given, none is taken from elsewhere, and neither are
/// the `roles`, which these keys take on.
macro_rules! settings {
    (
        $(#[$attribute:meta])* $name:ident;
        places { $($(#[$place_attribute:meta])* $place:ident: $place_type:ty,)* }
        keys { $($(#[$key_attribute:meta])* $key:ident: $key_type:ty,)* }
        roles { $($(#[$role_attribute:meta])* $role:ident: $role_type:ty,)* }
    ) => {
        $(#[$attribute])*
        #[derive(::clap::Args, Clone, Debug, Default, ::serde::Deserialize, ::serde::Serialize)]
        #[command(next_help_heading = "Connection")]
        #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
        pub(crate) struct $name {
            /// Use the settings of this profile: see `guestexec profile`
            #[arg(long, global = true, value_name = "NAME", env = "GUESTEXEC_PROFILE")]
            #[serde(skip)]
            pub(crate) profile: Option<String>,
            $($(#[$place_attribute])*
            #[serde(skip_serializing_if = "Option::is_none")]
            pub(crate) $place: Option<$place_type>,)*
            $($(#[$key_attribute])*
            #[serde(skip_serializing_if = "Option::is_none")]
            pub(crate) $key: Option<$key_type>,)*
            $($(#[$role_attribute])*
            #[serde(skip_serializing_if = "Option::is_none")]
            pub(crate) $role: Option<$role_type>,)*
            /// The service's address, if it is not the usual one
            #[arg(long, global = true, value_name = "URL")]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub(crate) endpoint: Option<String>,
            /// Let others on the network read what is sent: accept http:// beyond this machine
            #[arg(long, global = true, num_args = 0, default_missing_value = "true")]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub(crate) allow_plain_http: Option<bool>,
            /// The proxy to the service [default: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY]
            #[arg(long, global = true, value_name = "URL|none")]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub(crate) proxy: Option<String>,
            /// A PEM file of certificates to trust besides the system's
            #[arg(long, global = true, value_name = "FILE")]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub(crate) ca_file: Option<::std::path::PathBuf>,
            /// How long a call to the service may take. The command has a limit of its own
            #[arg(long, global = true, value_name = "TIME")]
            #[serde(skip_serializing_if = "Option::is_none", with = "crate::time::optional")]
            pub(crate) call_timeout: Option<crate::time::Time>,
            /// How often a call is retried. A command that may have run never is [default: 4]
            #[arg(long, global = true, value_name = "COUNT")]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub(crate) retries: Option<u32>,
        }

        impl $name {
            /// Takes from `other` what is not given.
            #[must_use]
            pub(crate) fn or(self, other: &Self) -> Self {
                let has_keys = self.has_keys();
                Self {
                    profile: self.profile,
                    $($place: self.$place.or_else(|| other.$place.clone()),)*
                    $($key: self.$key.or_else(|| other.$key.clone().filter(|_| !has_keys)),)*
                    $($role: self.$role.or_else(|| other.$role.clone().filter(|_| !has_keys)),)*
                    endpoint: self.endpoint.or_else(|| other.endpoint.clone()),
                    allow_plain_http: self.allow_plain_http.or(other.allow_plain_http),
                    proxy: self.proxy.or_else(|| other.proxy.clone()),
                    ca_file: self.ca_file.or_else(|| other.ca_file.clone()),
                    call_timeout: self.call_timeout.or(other.call_timeout),
                    retries: self.retries.or(other.retries),
                }
            }

            /// The places of secrets, each with what it holds and the flag that gives it.
            pub(crate) fn secrets_mut(
                &mut self,
            ) -> [(&'static str, &'static str, &mut Option<$crate::secret_from::SecretFrom>); 2] {
                [
                    ("secret", "--secret-from", &mut self.secret_from),
                    ("token", "--token-from", &mut self.token_from),
                ]
            }

            /// True if it says who calls.
            pub(crate) fn has_keys(&self) -> bool {
                $(self.$key.is_some())||*
            }
        }
    };
}
pub(crate) use settings;

/// Sets on a client's builder what all providers have.
macro_rules! common {
    ($builder:expr, $settings:expr) => {{
        let settings = $settings;
        let mut builder = $builder.app_id($crate::connect::APP_ID);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.endpoint(endpoint);
        }
        if settings.allow_plain_http == Some(true) {
            builder = builder.allow_plain_http();
        }
        if let Some(time) = settings.call_timeout {
            builder = builder.call_timeout(time.0);
        }
        if let Some(retries) = settings.retries {
            builder = builder.retries(retries);
        }
        let (proxy, ca_file) = (settings.proxy.as_deref(), settings.ca_file.as_deref());
        builder.http_options($crate::connect::http_options(proxy, ca_file)?)
    }};
}
pub(crate) use common;

/// The HTTP settings.
///
/// # Errors
/// If the file of certificates cannot be read, or a password is in the proxy's address.
pub(crate) fn http_options(
    proxy: Option<&str>,
    ca_file: Option<&Path>,
) -> Result<HttpOptions, Failure> {
    let mut options = HttpOptions::new();
    match proxy {
        Some("none") => options = options.proxy(Proxy::Direct),
        Some(url) if url.contains('@') => {
            return Err(Failure::new(
                "--proxy does not take a password: other processes can see it",
            )
            .advise("Put the address with its password into the variable HTTPS_PROXY."));
        }
        Some(url) => options = options.proxy(Proxy::Url(url.into())),
        None => {}
    }
    if let Some(path) = ca_file {
        let pem = fs::read_to_string(path).map_err(|error| {
            Failure::new(format!("the certificates of {} cannot be read: {error}", path.display()))
                .advise("Give --ca-file a PEM file.")
        })?;
        options = options.root_certificates(pem);
    }
    Ok(options)
}

/// Where settings that were not given as flags come from.
#[derive(Clone, Debug)]
pub(crate) enum Base {
    /// A profile that was named.
    Named(String, Box<Profile>),
    /// The environment, which holds credentials and comes before a profile in use.
    Environment,
    /// A profile in use.
    InUse(String, Box<Profile>),
    /// Nothing but the vendor's own places.
    Nothing,
}

impl Base {
    /// The base as the end of a sentence.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Named(name, _) => format!("the profile `{name}`"),
            Self::Environment => "the environment".to_owned(),
            Self::InUse(name, _) => format!("the profile `{name}`, which is in use"),
            Self::Nothing => "the vendor's own files and roles".to_owned(),
        }
    }
}

/// Chooses the base of the settings: a profile that is named comes first, then the environment, then the profile in
/// use.
///
/// # Errors
/// If the file of profiles cannot be used, or the named profile does not exist.
pub(crate) fn base(
    named: Option<&str>,
    provider: &str,
    in_environment: bool,
) -> Result<Base, Failure> {
    if let Some(name) = named {
        let profile = Profiles::load()?.named(name, provider)?.clone();
        return Ok(Base::Named(name.to_owned(), Box::new(profile)));
    }
    if in_environment {
        return Ok(Base::Environment);
    }
    Ok(match Profiles::load()?.used(provider)? {
        Some((name, profile)) => Base::InUse(name.to_owned(), Box::new(profile.clone())),
        None => Base::Nothing,
    })
}

/// True if reading credentials from the environment found any, usable or not: half a pair must not give way to
/// another identity.
pub(crate) fn is_there<T, E: Into<Error>>(found: Result<T, E>) -> bool {
    found.map_or_else(|error| error.into().cause::<Absent>().is_none(), |_| true)
}

/// Says why no client could be made. `by_plain_http` tells whether one could, if plain HTTP were allowed.
pub(crate) fn unbuildable(
    error: impl Into<Error>,
    by_plain_http: impl FnOnce() -> bool,
) -> Failure {
    let error = error.into();
    if error.kind() == ErrorKind::Config && by_plain_http() {
        return Failure::new("the endpoint is plain http, and not on this machine").advise(
            "Use https://, or give --allow-plain-http where nobody else is on the network.",
        );
    }
    error.into()
}

/// Says that a part of a pair is missing.
pub(crate) fn lacks(given: &str, missing: &str) -> Failure {
    Failure::new(format!("{given} is given without {missing}"))
        .advise(format!("Give {missing}, on the command line or in the profile."))
}

/// Refuses a secret from standard input, which something else takes.
///
/// # Errors
/// If a secret is read from there.
pub(crate) fn refuse_stdin<'a>(
    secrets: impl IntoIterator<Item = &'a Option<SecretFrom>>,
    taker: &str,
) -> Result<(), Failure> {
    if !secrets.into_iter().flatten().any(SecretFrom::takes_stdin) {
        return Ok(());
    }
    Err(Failure::new(format!("a secret is to come from standard input, which {taker} takes"))
        .advise("Read the secret from another place: prompt, file:PATH, env:NAME or command:LINE."))
}
