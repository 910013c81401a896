//! Where credentials come from.

use std::{
    borrow::Cow,
    fmt::{self, Debug},
    future::ready,
};

use guestexec_core::{AskedBy, ProvideCredentials, Source, SourceCheck};

use crate::Credentials;

/// Credentials and the time at which they expire.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use guestexec_zstack::{Credentials, Lease};
///
/// let session = Credentials::session("0123456789abcdef0123456789abcdef");
/// let lease = Lease::until(session, SystemTime::now() + Duration::from_secs(7200));
/// assert!(lease.expires() > Some(SystemTime::now()));
/// ```
pub type Lease = guestexec_core::Lease<Credentials>;

/// The future that [`ProvideCredentials::provide`] returns.
pub type LeaseFuture<'a> = guestexec_core::LeaseFuture<'a, Credentials>;

/// Where a client's credentials come from.
///
/// ```no_run
/// use guestexec_zstack::{Client, CredentialSource};
///
/// # fn main() -> Result<(), guestexec_zstack::Error> {
/// let zstack = Client::builder()
///     .credentials(CredentialSource::default_chain())
///     .endpoint("https://zstack.example")
///     .build()?;
/// # Ok(())
/// # }
/// ```
///
/// A custom source, such as a vault, implements [`ProvideCredentials`]:
///
/// ```
/// use guestexec_zstack::{
///     Client, CredentialSource, Credentials, Lease, LeaseFuture, ProvideCredentials,
/// };
///
/// /// An account in a vault.
/// #[derive(Debug)]
/// struct Vault;
///
/// impl ProvideCredentials<Credentials> for Vault {
///     fn provide(&self) -> LeaseFuture<'_> {
///         Box::pin(async { Ok(Lease::lasting(Credentials::password("admin", "its-password"))) })
///     }
/// }
///
/// # fn main() -> Result<(), guestexec_zstack::Error> {
/// let source = CredentialSource::environment().or(CredentialSource::new(Vault));
/// let client =
///     Client::builder().endpoint("https://zstack.example").credentials(source).build()?;
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

    /// The environment variables, see [`Credentials::from_env`].
    pub fn environment() -> Self {
        Self::new(Environment)
    }

    /// The places the vendor's tools look, which is the environment alone.
    pub fn default_chain() -> Self {
        Self::environment()
    }

    /// This source, or `other` if it has no credentials. If its credentials are unusable, such as an id
    /// without a secret, `other` is used too and the log has a warning with the reason.
    #[must_use]
    pub fn or(self, other: impl Into<Self>) -> Self {
        Self(self.0.or(other.into().0))
    }

    /// Asks the places one after another and tells what each has: a check of a machine's set-up. A client uses the
    /// first place that is usable. Those after it are not asked, so that no request is sent to them. A place in the
    /// network is asked for seconds at most.
    ///
    /// ```
    /// use guestexec_zstack::{CredentialSource, SourceState};
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

#[derive(Debug)]
struct Environment;

impl ProvideCredentials<Credentials> for Environment {
    fn provide(&self) -> LeaseFuture<'_> {
        Box::pin(ready(Credentials::from_env().map(Lease::lasting)))
    }

    fn name(&self) -> Cow<'_, str> {
        "the environment".into()
    }
}
