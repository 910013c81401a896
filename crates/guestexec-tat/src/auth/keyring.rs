//! The credentials that sign a client's requests.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use guestexec_core::{Issued, Renewing};
use tracing::debug;

use super::{CredentialSource, Lease};
use crate::{
    Credentials, Error, RootDomain,
    enums::ErrorCode,
    sign::{Scope, SignError, SigningKey, utc_date},
};

/// How long before the end of a lease the next one is fetched, as by the vendor's SDKs.
const EARLY: Duration = Duration::from_secs(300);
/// How long after a fetch the next one may begin: a fetch may fail, and a source may give the same
/// short lease again.
const PAUSE: Duration = Duration::from_secs(10);
/// How long a source may take.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// A client's credentials, shared by its clones.
pub(crate) struct Keyring {
    source: CredentialSource,
    site: RootDomain,
    signer: Renewing<Signer, ErrorCode>,
}

impl Keyring {
    /// Checks a given pair at once, so that a bad one is reported where it is given.
    pub(crate) fn new(source: CredentialSource, site: RootDomain) -> Result<Self, Error> {
        let mut signer = Renewing::default().pause(PAUSE).time_limit(TIME_LIMIT);
        if let Some(pair) = source.given() {
            pair.check()?;
            signer = signer.holding(Issued::lasting(Signer::new(pair.clone())));
        }
        Ok(Self { source, site, signer })
    }

    /// What is held now, if anything.
    pub(crate) fn signer(&self) -> Option<Arc<Signer>> {
        self.signer.current()
    }

    /// What signs a request made at `now`, fetched if need be.
    pub(crate) async fn ready(&self, now: SystemTime) -> Result<Arc<Signer>, Error> {
        self.signer.get(now, || self.fetch()).await
    }

    /// Fetches anew after the service refused `refused`; false if the source gives the same again.
    pub(crate) async fn renew(&self, refused: &Signer) -> bool {
        let identity = |signer: &Signer| {
            let Credentials { secret_id, token, .. } = &signer.credentials;
            (secret_id.clone(), token.as_ref().map(|token| token.expose().to_owned()))
        };
        let is_refused = |signer: &Signer| identity(signer) == identity(refused);
        self.signer.renew(is_refused, || self.fetch()).await.is_ok_and(|signer| signer.is_some())
    }

    async fn fetch(&self) -> Result<Issued<Signer>, Error> {
        let lease = self.source.provide(self.site).await?;
        lease.credentials().check()?;
        let Lease { credentials, expires } = lease;
        debug!(secret_id = credentials.secret_id(), "credentials fetched");
        let renew_at = expires.and_then(|expires| expires.checked_sub(EARLY));
        Ok(Issued { value: Signer::new(credentials), renew_at, expires })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

/// A pair, and the key derived from it for a day.
pub(crate) struct Signer {
    pub(crate) credentials: Credentials,
    day: Mutex<Option<Arc<Day>>>,
}

/// The common part of all signatures of a UTC day.
pub(crate) struct Day {
    number: i64,
    pub(crate) date: String,
    pub(crate) key: SigningKey,
}

impl Signer {
    fn new(credentials: Credentials) -> Self {
        Self { credentials, day: Mutex::default() }
    }

    /// The key for the day of `timestamp`, derived once for all clones of the client.
    pub(crate) fn day(&self, timestamp: i64, service: &str) -> Result<Arc<Day>, SignError> {
        let number = timestamp.div_euclid(86_400);
        let mut day = self.day.lock().unwrap_or_else(PoisonError::into_inner);
        match &*day {
            Some(day) if day.number == number => Ok(day.clone()),
            _ => {
                let date = utc_date(timestamp)?;
                let scope = Scope { date: &date, service };
                let key = SigningKey::derive(self.credentials.secret_key().expose(), scope);
                let new = Arc::new(Day { number, date, key });
                *day = Some(new.clone());
                Ok(new)
            }
        }
    }
}
