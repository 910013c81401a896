//! Where credentials come from: one place, or several tried in turn.

use std::{
    borrow::Cow,
    fmt::{self, Debug},
    path::{Path, PathBuf},
};

use guestexec_core::{AskedBy, ProvideCredentials, Source, SourceCheck};

use super::{
    AssumeRole, CvmRole, TkeOidc,
    assume::Role,
    files::{self, Profiled},
};
use crate::{Credentials, Error};

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
pub type Lease = guestexec_core::Lease<Credentials>;

/// The future that [`ProvideCredentials::provide`] returns.
pub type LeaseFuture<'a> = guestexec_core::LeaseFuture<'a, Credentials>;

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
///
/// A custom source, such as a vault, implements [`ProvideCredentials`]:
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
/// impl ProvideCredentials<Credentials> for Vault {
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
#[derive(Clone)]
pub struct CredentialSource(Source<Credentials>);

impl CredentialSource {
    /// A custom source.
    pub fn new(provider: impl ProvideCredentials<Credentials> + 'static) -> Self {
        Self(Source::place(provider))
    }

    /// The environment variables, see [`Credentials::from_env`]. If `TENCENTCLOUD_ROLE_ARN` names a role, the
    /// keys assume it, see [`AssumeRole`], under the name in `TENCENTCLOUD_ROLE_SESSION_NAME`.
    pub fn environment() -> Self {
        Self::new(Environment)
    }

    /// The source for the credentials in the environment; an error if it holds none.
    pub(crate) fn of_environment() -> Result<Self, Error> {
        let pair = Credentials::from_env()?;
        Ok(match Role::of_environment() {
            Some(_) => Self::environment(),
            None => pair.into(),
        })
    }

    /// The credentials file of the vendor's SDKs: that named by `TENCENTCLOUD_CREDENTIALS_FILE`, else
    /// `~/.tencentcloud/credentials`, else `/etc/tencentcloud/credentials`. It is an ini file, of which
    /// section `[default]` is read: `secret_id`, `secret_key` and, for temporary keys, `token`. Its keys too
    /// assume a role that `TENCENTCLOUD_ROLE_ARN` names.
    #[inline]
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
    /// The role that the profile names (`role-arn`, `role-session-name`) is assumed by its keys, unless
    /// `TENCENTCLOUD_ROLE_ARN` names another and `profile` is `None`. A profile of the type `cvm-role` is
    /// the role of the instance. The keys of a browser login are used until they expire, and not renewed.
    #[inline]
    pub fn tccli(profile: Option<&str>) -> Self {
        Self::new(Place::Tccli(profile.map(str::to_owned)))
    }

    /// A `.credential` file of tccli's form, elsewhere.
    pub fn tccli_file(path: impl AsRef<Path>) -> Self {
        Self::new(Place::TccliFile(path.as_ref().to_owned()))
    }

    /// The role bound to the CVM instance this program runs on.
    #[inline]
    pub fn cvm_role() -> Self {
        Self::new(CvmRole::new())
    }

    /// The role of the pod this program runs in, on Tencent's Kubernetes. Its token is exchanged at the
    /// site of the client, see [`ClientBuilder::root_domain`](crate::ClientBuilder::root_domain).
    #[inline]
    pub fn tke_oidc() -> Self {
        TkeOidc::new().into()
    }

    /// The places the vendor's SDKs look, in their order, with tccli's among the files: environment,
    /// credentials file, tccli profile, CVM role, TKE OIDC.
    ///
    /// The first that has credentials is used, and asked again when they are about to expire. Outside
    /// Tencent's cloud the last two fail within seconds.
    #[inline]
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
        Self(self.0.or(other.into().0))
    }

    /// Asks the places one after another and tells what each has: a check of a machine's set-up. A client uses the
    /// first place that is usable. Those after it are not asked, so that no request is sent to them. A place in the
    /// network is asked for seconds at most.
    ///
    /// ```
    /// use guestexec_tat::{CredentialSource, SourceState};
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
    fn from(pair: Credentials) -> Self {
        Self(Source::given(pair))
    }
}

impl From<AssumeRole> for CredentialSource {
    #[inline]
    fn from(role: AssumeRole) -> Self {
        Self::new(role)
    }
}

impl From<CvmRole> for CredentialSource {
    #[inline]
    fn from(role: CvmRole) -> Self {
        Self::new(role)
    }
}

impl From<TkeOidc> for CredentialSource {
    #[inline]
    fn from(role: TkeOidc) -> Self {
        Self::new(role)
    }
}

/// The environment variables. They are apart from the [`Place`]s, whose code a program with keys in its
/// environment does without.
#[derive(Debug)]
struct Environment;

impl Environment {
    const NAME: &str = "the environment";

    async fn ask(&self, by: &AskedBy) -> Result<Lease, Error> {
        let lease = Lease::lasting(Credentials::from_env()?);
        match Role::of_environment() {
            Some(role) => role.assume(&lease.from_place(Self::NAME), by).await,
            None => Ok(lease),
        }
    }
}

impl ProvideCredentials<Credentials> for Environment {
    fn provide(&self) -> LeaseFuture<'_> {
        Box::pin(async { self.ask(&AskedBy::default()).await })
    }

    fn provide_to<'a>(&'a self, by: &'a AskedBy) -> LeaseFuture<'a> {
        Box::pin(self.ask(by))
    }

    fn name(&self) -> Cow<'_, str> {
        Self::NAME.into()
    }
}

/// The files that hold credentials.
#[derive(Debug)]
enum Place {
    DefaultFile,
    File(PathBuf),
    Tccli(Option<String>),
    TccliFile(PathBuf),
}

impl Place {
    /// The content of the place.
    #[inline]
    fn read(&self) -> Result<Profiled, Error> {
        match self {
            Self::DefaultFile => files::default_file()
                .map(|lease| Profiled::Keys(lease.into(), Role::of_environment())),
            Self::File(path) => {
                files::read_ini(path).map(|lease| Profiled::Keys(lease.into(), None))
            }
            Self::Tccli(Some(profile)) => files::tccli_profile(profile),
            Self::Tccli(None) => {
                let found = files::tccli_profile(&files::usual_profile())?;
                Ok(match (found, Role::of_environment()) {
                    (Profiled::Keys(lease, _), Some(role)) => Profiled::Keys(lease, Some(role)),
                    (found, _) => found,
                })
            }
            Self::TccliFile(path) => files::read_tccli(path),
        }
    }

    async fn ask(&self, by: &AskedBy) -> Result<Lease, Error> {
        match self.read()? {
            Profiled::Keys(lease, None) => Ok(*lease),
            Profiled::Keys(lease, Some(role)) => {
                role.assume(&lease.from_place(self.name()), by).await
            }
            Profiled::CvmRole => CvmRole::new().provide_to(by).await,
        }
    }
}

impl ProvideCredentials<Credentials> for Place {
    #[inline]
    fn provide(&self) -> LeaseFuture<'_> {
        Box::pin(async { self.ask(&AskedBy::default()).await })
    }

    #[inline]
    fn provide_to<'a>(&'a self, by: &'a AskedBy) -> LeaseFuture<'a> {
        Box::pin(self.ask(by))
    }

    fn name(&self) -> Cow<'_, str> {
        match self {
            Self::DefaultFile => "the credentials file".into(),
            Self::File(path) | Self::TccliFile(path) => path.display().to_string().into(),
            Self::Tccli(Some(profile)) => format!("the tccli profile {profile}").into(),
            Self::Tccli(None) => "the tccli profile".into(),
        }
    }
}
