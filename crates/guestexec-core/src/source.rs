//! Where credentials come from: one place, or several tried in turn.

use std::{
    any::type_name,
    borrow::Cow,
    fmt::{self, Debug},
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    time::SystemTime,
};

use tracing::warn;

use crate::{Endpoint, Error, ErrorKind, Reach};

/// The credentials of a provider.
pub trait Credential: Clone + Debug + Send + Sync + 'static {
    /// The service's account of a failure, in the provider's errors.
    type Detail: Clone + Debug + Send + Sync + 'static;

    /// Rejects what can never be sent.
    ///
    /// # Errors
    /// An error of [`ErrorKind::Credentials`] that names the part.
    fn check(&self) -> Result<(), Error<Self::Detail>>;
}

/// Credentials and the time at which they expire.
#[derive(Clone, Debug)]
pub struct Lease<C> {
    credentials: C,
    expires: Option<SystemTime>,
    origin: Option<String>,
}

impl<C> Lease<C> {
    /// Credentials that do not expire.
    pub fn lasting(credentials: C) -> Self {
        Self { credentials, expires: None, origin: None }
    }

    /// Credentials that are valid until `expires`; the source is asked again before that.
    pub fn until(credentials: C, expires: SystemTime) -> Self {
        Self::expiring(credentials, Some(expires))
    }

    /// Credentials that are valid until `expires`, if it is known.
    #[doc(hidden)]
    pub fn expiring(credentials: C, expires: Option<SystemTime>) -> Self {
        Self { expires, ..Self::lasting(credentials) }
    }

    /// The credentials.
    pub fn credentials(&self) -> &C {
        &self.credentials
    }

    /// When they expire, if ever.
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires
    }

    /// The name of the place that gave them, as the log has it. It is empty until a source has handed
    /// the lease on.
    pub fn origin(&self) -> &str {
        self.origin.as_deref().unwrap_or_default()
    }

    /// Names the place that gave them, in place of its source's own name.
    #[must_use]
    pub fn from_place(self, place: impl Into<String>) -> Self {
        Self { origin: Some(place.into()), ..self }
    }

    /// The credentials alone.
    #[doc(hidden)]
    pub fn into_credentials(self) -> C {
        self.credentials
    }
}

/// The future that [`ProvideCredentials::provide`] returns.
pub type LeaseFuture<'a, C> =
    Pin<Box<dyn Future<Output = Result<Lease<C>, Error<<C as Credential>::Detail>>> + Send + 'a>>;

/// The client that asks a source, as far as the source needs to know it.
#[derive(Clone, Debug)]
pub struct AskedBy {
    /// The time by the client's clock.
    pub now: SystemTime,
    /// The address of the service that issues credentials where the client is, if it has one.
    pub issuer: Option<Endpoint>,
    /// How its requests are carried.
    pub reach: Reach,
}

impl Default for AskedBy {
    /// Without a client: the time of this machine, and its network.
    fn default() -> Self {
        Self { now: SystemTime::now(), issuer: None, reach: Reach::default() }
    }
}

/// A custom source of credentials, such as a vault.
///
/// It is asked when the first request is made, then some minutes before its lease expires, but not more
/// often than every ten seconds and never twice at the same time. It has a minute to answer.
///
/// `C` is the `Credentials` of the provider's crate, whose `CredentialSource` has an example.
pub trait ProvideCredentials<C: Credential>: Debug + Send + Sync {
    /// Fetches credentials.
    ///
    /// # Errors
    /// An error of [`ErrorKind::Credentials`] that says what is wrong with which place, in a sentence
    /// without secrets. A chain logs it and asks its next source.
    fn provide(&self) -> LeaseFuture<'_, C>;

    /// The name of this source in the log; no secret. Default: the name of its type.
    fn name(&self) -> Cow<'_, str> {
        type_name::<Self>().into()
    }

    /// Fetches credentials for this client.
    #[doc(hidden)]
    fn provide_to<'a>(&'a self, by: &'a AskedBy) -> LeaseFuture<'a, C> {
        let _ = by;
        self.provide()
    }
}

/// The machinery of a provider's `CredentialSource`: given credentials, a place, or a chain of places.
#[derive(Clone)]
pub struct Source<C: Credential>(Repr<C>);

#[derive(Clone)]
enum Repr<C: Credential> {
    Given(C),
    Place(Arc<dyn ProvideCredentials<C>>),
    Chain(Arc<[Source<C>]>),
}

impl<C: Credential> Source<C> {
    /// Credentials that the program gave.
    pub fn given(credentials: C) -> Self {
        Self(Repr::Given(credentials))
    }

    /// One place.
    pub fn place(provider: impl ProvideCredentials<C> + 'static) -> Self {
        Self(Repr::Place(Arc::new(provider)))
    }

    /// This source, or `other` if it has nothing usable.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let flat = |source: Self| match source.0 {
            Repr::Chain(sources) => sources.to_vec(),
            _ => vec![source],
        };
        let mut sources = flat(self);
        sources.extend(flat(other));
        Self(Repr::Chain(sources.into()))
    }

    /// The credentials, if the program gave them.
    pub fn as_given(&self) -> Option<&C> {
        match &self.0 {
            Repr::Given(credentials) => Some(credentials),
            Repr::Place(_) | Repr::Chain(_) => None,
        }
    }

    /// Asks the places as a client does: those after the first that is usable are named, and not asked.
    pub async fn check(&self, by: &AskedBy) -> Vec<SourceCheck> {
        let sources = match &self.0 {
            Repr::Chain(sources) => &**sources,
            Repr::Given(_) | Repr::Place(_) => std::slice::from_ref(self),
        };
        let mut checks: Vec<SourceCheck> = Vec::new();
        for source in sources {
            let used = checks.iter().find(|check| check.state == SourceState::Usable);
            checks.push(match used {
                Some(used) => SourceCheck::not_asked(source.name(), &used.place),
                None => SourceCheck::of(source.name(), &source.provide(by).await, by.now),
            });
        }
        checks
    }

    fn name(&self) -> String {
        match &self.0 {
            Repr::Given(_) => "the program".to_owned(),
            Repr::Place(place) => place.name().into_owned(),
            Repr::Chain(_) => "several places".to_owned(),
        }
    }

    /// Fetches credentials for a client.
    pub fn provide<'a>(&'a self, by: &'a AskedBy) -> LeaseFuture<'a, C> {
        match &self.0 {
            Repr::Given(credentials) => {
                let lease = Lease::lasting(credentials.clone()).from_place("the program");
                Box::pin(ready(credentials.check().map(|()| lease)))
            }
            Repr::Place(place) => Box::pin(async move {
                let mut lease = place.provide_to(by).await?;
                lease.credentials.check()?;
                lease.origin.get_or_insert_with(|| place.name().into_owned());
                Ok(lease)
            }),
            Repr::Chain(sources) => Box::pin(first_of(sources, by)),
        }
    }
}

impl<C: Credential> Debug for Source<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Given(credentials) => credentials.fmt(f),
            Repr::Place(place) => place.fmt(f),
            Repr::Chain(sources) => f.debug_list().entries(&**sources).finish(),
        }
    }
}

/// Asks each source until one has usable credentials.
async fn first_of<C: Credential>(
    sources: &[Source<C>],
    by: &AskedBy,
) -> Result<Lease<C>, Error<C::Detail>> {
    let mut failures = Vec::new();
    let mut checks = Vec::new();
    let mut expired = None;
    for source in sources {
        let asked = source.provide(by).await;
        checks.push(SourceCheck::of(source.name(), &asked, by.now));
        let error = match asked {
            Ok(lease) if lease.expires.is_some_and(|at| at <= by.now) => {
                // Used only if there is no other: the clock may be wrong, and the service decides.
                warn!(
                    source = lease.origin(),
                    "these credentials have expired; the next source is asked"
                );
                expired.get_or_insert(lease);
                continue;
            }
            Ok(lease) => return Ok(lease),
            Err(error) => error,
        };
        if !is_absent(&error) {
            // The next source may be another identity than the intended one.
            let reason = error.summary();
            warn!(reason, "a source of credentials cannot be used; the next one is asked");
        }
        failures.push(error);
    }
    if let Some(lease) = expired {
        return Ok(lease);
    }
    let all_absent = failures.iter().all(is_absent);
    let reasons: Vec<String> = failures
        .iter()
        .enumerate()
        .map(|(index, error)| format!("({}) {error}", index + 1))
        .collect();
    let text =
        format!("none of {} sources has usable credentials: {}", reasons.len(), reasons.join("; "));
    Err(Error::new(ErrorKind::Credentials, text).with_source(NoCredentials { checks, all_absent }))
}

/// What a place has that was asked for credentials, as the `CredentialSource::check` of a provider's crate and
/// [`NoCredentials`] tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceCheck {
    place: String,
    state: SourceState,
    reason: Option<String>,
    expires: Option<SystemTime>,
}

/// Whether a place has credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceState {
    /// It has some.
    Usable,
    /// It has some, whose time is over by the client's clock.
    Expired,
    /// It has none.
    Absent,
    /// It has some that cannot be used, such as an id without its key.
    Unusable,
    /// Nobody knows: a place before it is usable.
    NotAsked,
}

impl SourceCheck {
    fn of<C: Credential>(
        place: String,
        asked: &Result<Lease<C>, Error<C::Detail>>,
        now: SystemTime,
    ) -> Self {
        match asked {
            Ok(lease) => {
                let expires = lease.expires;
                let is_over = expires.is_some_and(|at| at <= now);
                let state = if is_over { SourceState::Expired } else { SourceState::Usable };
                let place = lease.origin.clone().unwrap_or(place);
                Self { place, state, reason: None, expires }
            }
            Err(error) => {
                let is_absent = is_absent(error);
                let state = if is_absent { SourceState::Absent } else { SourceState::Unusable };
                let reason = Some(error.summary());
                Self { place, state, reason, expires: None }
            }
        }
    }

    fn not_asked(place: String, used: &str) -> Self {
        let reason = Some(format!("{used} has credentials"));
        Self { place, state: SourceState::NotAsked, reason, expires: None }
    }

    /// The name of the place, as the log has it.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether it has credentials.
    pub fn state(&self) -> SourceState {
        self.state
    }

    /// Why it has none that can be used, or was not asked, in a sentence without secrets.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// When its credentials expire, if ever.
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires
    }
}

/// The cause of an error of a chain of which no place has usable credentials: what each has.
#[derive(Clone, Debug)]
pub struct NoCredentials {
    checks: Vec<SourceCheck>,
    all_absent: bool,
}

impl NoCredentials {
    /// The places, in the order in which they were asked.
    pub fn checks(&self) -> &[SourceCheck] {
        &self.checks
    }
}

impl fmt::Display for NoCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "none of {} places has usable credentials", self.checks.len())
    }
}

impl std::error::Error for NoCredentials {}

/// The cause of an error about a place that has no credentials, rather than unusable ones.
#[derive(Clone, Copy, Debug)]
pub struct Absent;

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there are no credentials in this place")
    }
}

impl std::error::Error for Absent {}

/// Makes an error about credentials that are unusable.
pub fn unusable<D>(message: impl Into<String>) -> Error<D> {
    Error::new(ErrorKind::Credentials, message)
}

/// Makes an error about a place that has no credentials. A chain passes over it without a warning.
pub fn absent<D>(message: impl Into<String>) -> Error<D> {
    unusable(message).with_source(Absent)
}

/// True if the error is about a place that has no credentials.
pub fn is_absent<D>(error: &Error<D>) -> bool {
    std::error::Error::source(error).is_some_and(|source| {
        let none = source.downcast_ref::<NoCredentials>();
        source.is::<Absent>() || none.is_some_and(|none| none.all_absent)
    })
}
