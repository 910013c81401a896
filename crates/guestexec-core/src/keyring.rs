//! The credentials of a client: from their source, held while they are valid.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tracing::info;

use crate::{AskedBy, Credential, Endpoint, Error, Issued, Reach, Renewing, Source};

/// How long after a fetch the next one may begin: a fetch may fail, and a source may give the same
/// short lease again.
const PAUSE: Duration = Duration::from_secs(10);
/// How long a source may take.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// A client's credentials, shared by its clones, each with what is made of it once: a `T`.
pub struct Keyring<C: Credential, T> {
    source: Source<C>,
    issuer: Option<Endpoint>,
    reach: Reach,
    early: Duration,
    make: fn(C) -> T,
    held: Renewing<T, C::Detail>,
}

impl<C: Credential, T> Keyring<C, T> {
    /// Takes a source. Given credentials are checked at once, so that bad ones are reported where they
    /// are given. Others are renewed the time `early` before they expire, or when a quarter of their life
    /// is left, if that is later.
    ///
    /// # Errors
    /// As [`Credential::check`].
    pub fn new(
        source: Source<C>,
        early: Duration,
        make: fn(C) -> T,
    ) -> Result<Self, Error<C::Detail>> {
        let mut held = Renewing::default().pause(PAUSE).time_limit(TIME_LIMIT);
        if let Some(given) = source.as_given() {
            given.check()?;
            held = held.holding(Issued::lasting(make(given.clone())));
        }
        Ok(Self { source, issuer: None, reach: Reach::default(), early, make, held })
    }

    /// Tells the source where credentials are issued for this client, and how to get there.
    #[must_use]
    pub fn reaching(mut self, issuer: Option<Endpoint>, reach: Reach) -> Self {
        (self.issuer, self.reach) = (issuer, reach);
        self
    }

    /// The credentials held now, if any.
    pub fn current(&self) -> Option<Arc<T>> {
        self.held.current()
    }

    /// The credentials for a request made at `now`, fetched if need be.
    ///
    /// # Errors
    /// The source's.
    pub async fn ready(&self, now: SystemTime) -> Result<Arc<T>, Error<C::Detail>> {
        self.held.get(now, || self.fetch(now)).await
    }

    /// Fetches again after the service refused what `is_refused` recognizes; false if the source gives the same
    /// again, or cannot be asked.
    pub async fn renew(&self, now: SystemTime, is_refused: impl Fn(&T) -> bool) -> bool {
        if self.source.as_given().is_some() {
            return false;
        }
        self.held.renew(is_refused, || self.fetch(now)).await.is_ok_and(|renewed| renewed.is_some())
    }

    async fn fetch(&self, now: SystemTime) -> Result<Issued<T>, Error<C::Detail>> {
        let (issuer, reach) = (self.issuer.clone(), self.reach.clone());
        let by = AskedBy { now, issuer, reach };
        let lease = self.source.provide(&by).await?;
        let expires = lease.expires();
        let life = expires.map(|expires| expires.duration_since(now).unwrap_or_default());
        info!(
            source = lease.origin(),
            credentials = ?lease.credentials(),
            seconds = life.map(|life| life.as_secs()),
            "credentials taken"
        );
        let renew_at = expires
            .zip(life)
            .and_then(|(expires, life)| expires.checked_sub(self.early.min(life / 4)));
        Ok(Issued { value: (self.make)(lease.into_credentials()), renew_at, expires })
    }
}

impl<C: Credential, T> fmt::Debug for Keyring<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}
