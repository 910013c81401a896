//! Where credentials come from: one place, or several tried in turn.

use std::{
    borrow::Cow,
    fmt::{self, Debug},
    future::ready,
    path::{Path, PathBuf},
};

use guestexec_core::{AskedBy, ProvideCredentials, Source, SourceCheck};

use super::{AssumeAgency, EcsAgency, WorkloadIdentity, files};
use crate::{Credentials, Error};

/// Credentials and the time at which they expire.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use guestexec_cci::{Credentials, Lease};
///
/// let key = Credentials::access_key("its-id", "its-secret").with_security_token("its-token");
/// let lease = Lease::until(key, SystemTime::now() + Duration::from_secs(3600));
/// assert!(lease.expires() > Some(SystemTime::now()));
/// ```
pub type Lease = guestexec_core::Lease<Credentials>;

/// The future that [`ProvideCredentials::provide`] returns.
pub type LeaseFuture<'a> = guestexec_core::LeaseFuture<'a, Credentials>;

/// Where a client's credentials come from.
///
/// What is followed is the credential chain of the vendor's SDKs, as `huaweicloudsdkcore` for Python has
/// it, from version 3.1: the names of variables, files and members, and the requests.
///
/// ```no_run
/// use guestexec_cci::{Client, CredentialSource};
///
/// # fn main() -> Result<(), guestexec_cci::Error> {
/// let cci = Client::builder()
///     .credentials(CredentialSource::default_chain())
///     .region("cn-north-4")
///     .build()?;
/// # Ok(())
/// # }
/// ```
///
/// A custom source, such as a vault, implements [`ProvideCredentials`]:
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use guestexec_cci::{Client, CredentialSource, Credentials, Lease, LeaseFuture, ProvideCredentials};
///
/// /// Keys that a vault gives out for an hour.
/// #[derive(Debug)]
/// struct Vault;
///
/// impl ProvideCredentials<Credentials> for Vault {
///     fn provide(&self) -> LeaseFuture<'_> {
///         Box::pin(async {
///             let key = Credentials::access_key("its-id", "its-secret").with_security_token("its-token");
///             Ok(Lease::until(key, SystemTime::now() + Duration::from_secs(3600)))
///         })
///     }
/// }
///
/// # fn main() -> Result<(), guestexec_cci::Error> {
/// let source = CredentialSource::environment().or(CredentialSource::new(Vault));
/// let client = Client::builder().region("cn-north-4").credentials(source).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CredentialSource(Source<Credentials>);

impl CredentialSource {
    /// A custom source.
    pub fn new(provider: impl ProvideCredentials<Credentials> + 'static) -> Self {
        Self(Source::place(provider))
    }

    /// The environment variables: those of [`WorkloadIdentity`] if they are set, as in the vendor's SDKs,
    /// else those of [`Credentials::from_env`].
    pub fn environment() -> Self {
        Self::new(Place::Environment)
    }

    /// The source for the credentials in the environment; an error if it holds none.
    pub(crate) fn of_environment() -> Result<Self, Error> {
        Ok(match WorkloadIdentity::in_environment()? {
            Found::Credentials(found) => found.into(),
            Found::Identity(identity) => identity.into(),
        })
    }

    /// The profile file of the vendor's SDKs: that named by `HUAWEICLOUD_SDK_CREDENTIALS_FILE`, else
    /// `~/.huaweicloud/credentials`.
    ///
    /// It is an ini file, of which the section `[basic]` is read, or `[global]` if there is no such
    /// section: `ak`, `sk` and, for a temporary key, `security_token`; `project_id`; or in their place
    /// `idp_id` and `id_token_file` for a [`WorkloadIdentity`], with `iam_endpoint`. A `domain_id` is
    /// ignored, because only global services take it.
    pub fn default_file() -> Self {
        Self::new(Place::DefaultFile)
    }

    /// A profile file of the same form, elsewhere.
    pub fn file(path: impl AsRef<Path>) -> Self {
        Self::new(Place::File(path.as_ref().to_owned()))
    }

    /// The agency bound to the ECS instance this program runs on.
    pub fn ecs_agency() -> Self {
        Self::new(EcsAgency::new())
    }

    /// The places the vendor's SDKs look, in their order: environment, profile file, ECS agency.
    ///
    /// The first that has credentials is used, and asked again when they are about to expire. Outside
    /// Huawei's cloud the last one fails within seconds. Two places that the newest SDKs know are not looked
    /// at: the `HUAWEICLOUD_OIDC_…` variables of STS, and the pod identity of `HC_CONTAINER_…`.
    pub fn default_chain() -> Self {
        Self::environment().or(Self::default_file()).or(Self::ecs_agency())
    }

    /// This source, or `other` if it has no credentials. If its credentials are unusable, such as a file
    /// without a key, `other` is used too and the log has a warning with the reason.
    #[must_use]
    pub fn or(self, other: impl Into<Self>) -> Self {
        Self(self.0.or(other.into().0))
    }

    /// Asks the places one after another and tells what each has: a check of a machine's set-up. A client uses the
    /// first place that is usable. Those after it are not asked, so that no request is sent to them. A place in the
    /// network is asked for seconds at most.
    ///
    /// ```
    /// use guestexec_cci::{CredentialSource, SourceState};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let checks = CredentialSource::environment().check().await;
    /// let used = checks.iter().find(|check| check.state() == SourceState::Usable);
    /// println!("{:?}", used.map(|check| check.place()));
    /// # }
    /// ```
    pub async fn check(&self) -> Vec<SourceCheck> {
        self.0.check(&AskedBy::default()).await
    }

    pub(crate) fn source(&self) -> &Source<Credentials> {
        &self.0
    }

    pub(crate) fn into_source(self) -> Source<Credentials> {
        self.0
    }
}

impl Debug for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Credentials> for CredentialSource {
    fn from(credentials: Credentials) -> Self {
        Self(Source::given(credentials))
    }
}

impl From<EcsAgency> for CredentialSource {
    fn from(agency: EcsAgency) -> Self {
        Self::new(agency)
    }
}

impl From<WorkloadIdentity> for CredentialSource {
    fn from(identity: WorkloadIdentity) -> Self {
        Self::new(identity)
    }
}

impl From<AssumeAgency> for CredentialSource {
    fn from(agency: AssumeAgency) -> Self {
        Self::new(agency)
    }
}

/// The places that are read on this machine.
#[derive(Debug)]
enum Place {
    Environment,
    DefaultFile,
    File(PathBuf),
}

/// The content of such a place.
pub(super) enum Found {
    Credentials(Credentials),
    Identity(WorkloadIdentity),
}

impl Place {
    fn read(&self) -> Result<Found, Error> {
        match self {
            Self::Environment => WorkloadIdentity::in_environment(),
            Self::DefaultFile => files::read_default(),
            Self::File(path) => files::read(path),
        }
    }
}

impl ProvideCredentials<Credentials> for Place {
    fn provide(&self) -> LeaseFuture<'_> {
        Box::pin(async { self.provide_to(&AskedBy::default()).await })
    }

    fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Environment => "the environment".into(),
            Self::DefaultFile => "the profile file".into(),
            Self::File(path) => path.display().to_string().into(),
        }
    }

    fn provide_to<'a>(&'a self, by: &'a AskedBy) -> LeaseFuture<'a> {
        match self.read() {
            Ok(Found::Credentials(found)) => Box::pin(ready(Ok(Lease::lasting(found)))),
            Ok(Found::Identity(identity)) => Box::pin(async move {
                let lease = identity.ask(by).await?;
                Ok(lease.from_place(format!("the workload identity of {}", self.name())))
            }),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }
}
