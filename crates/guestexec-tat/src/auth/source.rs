//! Where credentials come from: one place, or several tried in turn.

use std::{
    any::Any,
    fmt::{self, Debug},
    future::{Future, ready},
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::SystemTime,
};

use tracing::warn;

use super::{Absent, CvmRole, TkeOidc, files, is_absent, unusable, variable};
use crate::{Credentials, Error, RootDomain};

/// Credentials and the time at which they expire.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use guestexec_tat::{Credentials, Lease};
///
/// let keys = Credentials::new("AKIDEXAMPLE", "its-key").with_security_token("its-token");
/// let lease = Lease::until(keys, SystemTime::now() + Duration::from_secs(3600));
/// assert!(lease.expires() > Some(SystemTime::now()));
/// assert_eq!(lease.credentials().secret_id(), "AKIDEXAMPLE");
/// ```
#[derive(Clone, Debug)]
pub struct Lease {
    pub(super) credentials: Credentials,
    pub(super) expires: Option<SystemTime>,
}

impl Lease {
    /// Credentials that do not expire.
    pub fn lasting(credentials: Credentials) -> Self {
        Self { credentials, expires: None }
    }

    /// Credentials that are valid until `expires`; the source is asked again before that.
    pub fn until(credentials: Credentials, expires: SystemTime) -> Self {
        Self { credentials, expires: Some(expires) }
    }

    /// The credentials.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// When they expire, if ever.
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires
    }
}

/// What [`ProvideCredentials::provide`] returns.
pub type LeaseFuture<'a> = Pin<Box<dyn Future<Output = Result<Lease, Error>> + Send + 'a>>;

/// A source of credentials of one's own, such as a vault.
///
/// It is asked when the first request is made, then five minutes before its lease expires, but not more
/// often than every ten seconds and never twice at the same time. It has a minute to answer.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use guestexec_tat::{Client, CredentialSource, Credentials, Lease, LeaseFuture, ProvideCredentials};
///
/// /// Keys that a vault gives out for an hour.
/// #[derive(Debug)]
/// struct Vault;
///
/// impl ProvideCredentials for Vault {
///     fn provide(&self) -> LeaseFuture<'_> {
///         Box::pin(async {
///             let keys = Credentials::new("AKIDEXAMPLE", "its-key").with_security_token("its-token");
///             Ok(Lease::until(keys, SystemTime::now() + Duration::from_secs(3600)))
///         })
///     }
/// }
///
/// # fn main() -> Result<(), guestexec_tat::Error> {
/// let source = CredentialSource::new(Vault);
/// let client = Client::builder().region("ap-guangzhou").credentials(source).build()?;
/// # Ok(())
/// # }
/// ```
pub trait ProvideCredentials: Debug + Send + Sync {
    /// Fetches credentials.
    ///
    /// # Errors
    /// An error of [`ErrorKind::Credentials`](crate::ErrorKind) that says what is wrong with which place,
    /// in a sentence without secrets. A chain then asks its next source.
    fn provide(&self) -> LeaseFuture<'_>;
}

/// Where a client's credentials come from.
///
/// ```no_run
/// use guestexec_tat::{Client, CredentialSource};
///
/// # fn main() -> Result<(), guestexec_tat::Error> {
/// let tat = Client::builder()
///     .credentials(CredentialSource::default_chain())
///     .region("ap-guangzhou")
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CredentialSource(Repr);

#[derive(Clone)]
enum Repr {
    Given(Credentials),
    Provider(Arc<dyn ProvideCredentials>),
    /// Separate from other providers, because its address depends on the client's site.
    TkeOidc(TkeOidc),
    Either(Arc<[CredentialSource; 2]>),
}

impl CredentialSource {
    /// A source of one's own.
    pub fn new(provider: impl ProvideCredentials + 'static) -> Self {
        if let Some(role) = (&provider as &dyn Any).downcast_ref::<TkeOidc>() {
            return role.clone().into();
        }
        Self(Repr::Provider(Arc::new(provider)))
    }

    /// The environment variables, see [`Credentials::from_env`].
    pub fn environment() -> Self {
        Self::new(Place::Environment)
    }

    /// The credentials file of the vendor's SDKs: that named by `TENCENTCLOUD_CREDENTIALS_FILE`, else
    /// `~/.tencentcloud/credentials`, else `/etc/tencentcloud/credentials`. It is an ini file, of which
    /// section `[default]` is read: `secret_id`, `secret_key` and, for temporary keys, `token`.
    pub fn default_file() -> Self {
        Self::new(Place::DefaultFile)
    }

    /// A credentials file of the same form, elsewhere.
    pub fn file(path: impl AsRef<Path>) -> Self {
        Self::new(Place::File(path.as_ref().to_owned()))
    }

    /// A profile of the vendor's command line: `~/.tccli/<profile>.credential`, as `tccli configure`
    /// writes it. `None` is the profile that `TCCLI_PROFILE` names, else `default`.
    ///
    /// The keys of a browser login are used until they expire, and not renewed.
    pub fn tccli(profile: Option<&str>) -> Self {
        Self::new(Place::Tccli(profile.map(str::to_owned)))
    }

    /// A `.credential` file of tccli's form, elsewhere.
    pub fn tccli_file(path: impl AsRef<Path>) -> Self {
        Self::new(Place::TccliFile(path.as_ref().to_owned()))
    }

    /// The role bound to the CVM instance this program runs on.
    pub fn cvm_role() -> Self {
        Self::new(CvmRole::new())
    }

    /// The role of the pod this program runs in, on Tencent's Kubernetes. Its token is exchanged at the
    /// site of the client, see [`ClientBuilder::root_domain`](crate::ClientBuilder::root_domain).
    pub fn tke_oidc() -> Self {
        TkeOidc::new().into()
    }

    /// The places the vendor's SDKs look, in their order, with tccli's among the files: environment,
    /// credentials file, tccli profile, CVM role, TKE OIDC.
    ///
    /// The first that has credentials is used, and asked again when they are about to expire. Outside
    /// Tencent's cloud the last two fail within seconds.
    pub fn default_chain() -> Self {
        Self::environment()
            .or(Self::default_file())
            .or(Self::tccli(None))
            .or(Self::cvm_role())
            .or(Self::tke_oidc())
    }

    /// This source, or `other` if it has no credentials. If its credentials are unusable, such as a file
    /// without a key, `other` is used too and the log has a warning with the reason.
    #[must_use]
    pub fn or(self, other: impl Into<Self>) -> Self {
        Self(Repr::Either(Arc::new([self, other.into()])))
    }

    pub(crate) fn provide(&self, site: RootDomain) -> LeaseFuture<'_> {
        match &self.0 {
            Repr::Given(pair) => Box::pin(ready(Ok(Lease::lasting(pair.clone())))),
            Repr::Provider(provider) => provider.provide(),
            Repr::TkeOidc(role) => Box::pin(role.ask(site)),
            Repr::Either(sources) => Box::pin(either(sources, site)),
        }
    }

    /// The pair, if the program gave one.
    pub(crate) fn given(&self) -> Option<&Credentials> {
        match &self.0 {
            Repr::Given(pair) => Some(pair),
            Repr::Provider(_) | Repr::TkeOidc(_) | Repr::Either(_) => None,
        }
    }
}

impl Debug for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Given(pair) => pair.fmt(f),
            Repr::Provider(provider) => provider.fmt(f),
            Repr::TkeOidc(role) => role.fmt(f),
            Repr::Either(sources) => {
                f.debug_tuple("Either").field(&sources[0]).field(&sources[1]).finish()
            }
        }
    }
}

impl From<Credentials> for CredentialSource {
    fn from(pair: Credentials) -> Self {
        Self(Repr::Given(pair))
    }
}

impl From<CvmRole> for CredentialSource {
    fn from(role: CvmRole) -> Self {
        Self::new(role)
    }
}

impl From<TkeOidc> for CredentialSource {
    fn from(role: TkeOidc) -> Self {
        Self(Repr::TkeOidc(role))
    }
}

/// The places that are read without waiting.
#[derive(Debug)]
enum Place {
    Environment,
    DefaultFile,
    File(PathBuf),
    Tccli(Option<String>),
    TccliFile(PathBuf),
}

impl ProvideCredentials for Place {
    fn provide(&self) -> LeaseFuture<'_> {
        let lease = match self {
            Self::Environment => Credentials::from_env().map(Lease::lasting),
            Self::DefaultFile => files::default_file(),
            Self::File(path) => files::read_ini(path),
            Self::Tccli(profile) => {
                let profile = profile.clone().or_else(|| variable("TCCLI_PROFILE"));
                files::tccli_profile(profile.as_deref().unwrap_or("default"))
            }
            Self::TccliFile(path) => files::read_tccli(path),
        };
        Box::pin(ready(lease))
    }
}

/// Asks the first source, and the second if the first has nothing usable.
async fn either([first, second]: &[CredentialSource; 2], site: RootDomain) -> Result<Lease, Error> {
    let error = match first.provide(site).await {
        // An expired lease, such as an old login in a file, is used only if there is no other: the clock
        // may be wrong, and the service decides.
        Ok(lease) if lease.expires.is_some_and(|at| at <= SystemTime::now()) => {
            return Ok(second.provide(site).await.unwrap_or(lease));
        }
        Ok(lease) => return Ok(lease),
        Err(error) => error,
    };
    if !is_absent(&error) {
        // The next source may be another identity than the intended one.
        warn!(%error, "a source of credentials cannot be used; the next one is asked");
    }
    second.provide(site).await.map_err(|last| {
        let neither = is_absent(&error) && is_absent(&last);
        let both = format!("{}; nor elsewhere: {}", error.message(), last.message());
        if neither { unusable(both).with_source(Absent) } else { unusable(both) }
    })
}
