//! The credentials in use: fetched when first needed, renewed before they expire.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::{
    sync::Mutex as AsyncMutex,
    time::{Instant, timeout},
};
use tracing::{debug, warn};

use super::{CredentialSource, unusable};
use crate::{
    Credentials, Error, RootDomain,
    sign::{Scope, SignError, SigningKey, utc_date},
};

/// How long before the end of a lease a new one is fetched: what the vendor's SDKs do.
const EARLY: Duration = Duration::from_secs(300);
/// How long after a fetch the next is tried, where the lease is still good: a fetch may fail, and a
/// source may give the same short lease again.
const PAUSE: Duration = Duration::from_secs(10);
/// How long a source may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client's credentials, shared by its clones.
pub(crate) struct Keyring {
    source: CredentialSource,
    site: RootDomain,
    state: Mutex<State>,
    /// Held by whoever is fetching.
    fetching: AsyncMutex<()>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// When a fetch ended last.
    tried: Option<Instant>,
    /// When one ended last that was made because the service had refused what is held.
    renewed: Option<Instant>,
    /// Why it failed, if it did.
    failure: Option<String>,
}

struct Held {
    signer: Arc<Signer>,
    expires: Option<SystemTime>,
}

impl Keyring {
    /// Takes a given pair at once, so that a bad one is refused where it is given.
    pub(crate) fn new(source: CredentialSource, site: RootDomain) -> Result<Self, Error> {
        let mut state = State::default();
        if let Some(pair) = source.given() {
            pair.check()?;
            let signer = Arc::new(Signer::new(pair.clone()));
            state.held = Some(Held { signer, expires: None });
        }
        Ok(Self { source, site, state: Mutex::new(state), fetching: AsyncMutex::new(()) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is held now, if anything.
    pub(crate) fn signer(&self) -> Option<Arc<Signer>> {
        self.state().held.as_ref().map(|held| held.signer.clone())
    }

    /// What is to sign a request made `now`, fetched if it has to be.
    pub(crate) async fn ready(&self, now: SystemTime) -> Result<Arc<Signer>, Error> {
        let (signer, good) = match self.look(now) {
            Look::Good(signer) => return Ok(signer),
            Look::Ageing(signer) => (Some(signer), true),
            Look::Nothing => (None, false),
        };
        let begin = Instant::now();
        // Who still has a good lease does not wait for another's fetching.
        let _fetching = match (self.fetching.try_lock(), signer) {
            (Ok(guard), _) => guard,
            (Err(_), Some(signer)) => return Ok(signer),
            (Err(_), None) => self.fetching.lock().await,
        };
        // Somebody may have fetched while this call waited.
        match self.look(now) {
            Look::Good(signer) => return Ok(signer),
            Look::Ageing(signer) if !good => return Ok(signer),
            _ => {}
        }
        if let Some(failure) = self.failed_since(begin).or_else(|| self.failed_lately()) {
            return Err(unusable(failure));
        }
        match self.fetch().await {
            Ok(signer) => Ok(signer),
            Err(error) => match self.look(now) {
                Look::Good(signer) | Look::Ageing(signer) => {
                    warn!(%error, "the credentials could not be renewed, and will expire soon");
                    Ok(signer)
                }
                Look::Nothing => Err(error),
            },
        }
    }

    /// Fetches anew, because the service refused what is held; false if the source gives the same.
    pub(crate) async fn renew(&self, refused: &Signer) -> bool {
        let begin = Instant::now();
        let _fetching = self.fetching.lock().await;
        let same = |held: &Signer| {
            let token = |pair: &Credentials| pair.token().map(|token| token.expose().to_owned());
            held.credentials.secret_id() == refused.credentials.secret_id()
                && token(&held.credentials) == token(&refused.credentials)
        };
        if self.signer().is_some_and(|held| !same(&held)) {
            return true;
        }
        if self.failed_since(begin).is_some() || recent(self.state().renewed) {
            return false;
        }
        let fetched = self.fetch().await;
        self.state().renewed = Some(Instant::now());
        fetched.is_ok_and(|fetched| !same(&fetched))
    }

    fn look(&self, now: SystemTime) -> Look {
        let state = self.state();
        let Some(held) = &state.held else { return Look::Nothing };
        let signer = held.signer.clone();
        let left = held.expires.map(|expires| expires.duration_since(now).unwrap_or_default());
        match left {
            // Just fetched: the source has no better, or a clock is wrong. The service is to say so.
            Some(_) if recent(state.tried) && state.failure.is_none() => Look::Good(signer),
            Some(left) if left.is_zero() => Look::Nothing,
            Some(left) if left < EARLY && !recent(state.tried) => Look::Ageing(signer),
            _ => Look::Good(signer),
        }
    }

    /// Why the last fetch failed, where there was an earlier one that did not, and it is too early to
    /// try again.
    fn failed_lately(&self) -> Option<String> {
        let state = self.state();
        state.failure.clone().filter(|_| state.held.is_some() && recent(state.tried))
    }

    /// Why a fetch failed that ended after `begin`: who waited for it need not try again.
    fn failed_since(&self, begin: Instant) -> Option<String> {
        let state = self.state();
        state.failure.clone().filter(|_| state.tried.is_some_and(|tried| tried > begin))
    }

    async fn fetch(&self) -> Result<Arc<Signer>, Error> {
        let lease = timeout(PATIENCE, self.source.provide(self.site)).await.unwrap_or_else(|_| {
            let waited = PATIENCE.as_secs();
            Err(unusable(format!("the source of the credentials gave none in {waited} seconds")))
        });
        let lease = lease.and_then(|lease| lease.credentials().check().map(|()| lease));
        let mut state = self.state();
        state.tried = Some(Instant::now());
        state.failure = lease.as_ref().err().map(|error| error.message().to_owned());
        let lease = lease?;
        let signer = Arc::new(Signer::new(lease.credentials().clone()));
        debug!(secret_id = signer.credentials.secret_id(), "credentials fetched");
        state.held = Some(Held { signer: signer.clone(), expires: lease.expires() });
        Ok(signer)
    }
}

fn recent(tried: Option<Instant>) -> bool {
    tried.is_some_and(|tried| tried.elapsed() < PAUSE)
}

enum Look {
    Good(Arc<Signer>),
    Ageing(Arc<Signer>),
    Nothing,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

/// One pair, and what it signs with on one day.
pub(crate) struct Signer {
    pub(crate) credentials: Credentials,
    day: Mutex<Option<Arc<Day>>>,
}

/// What all signatures of a UTC day have in common.
pub(crate) struct Day {
    number: i64,
    pub(crate) date: String,
    pub(crate) key: SigningKey,
}

impl Signer {
    fn new(credentials: Credentials) -> Self {
        Self { credentials, day: Mutex::default() }
    }

    /// The key of the day of `timestamp`: one derivation serves the day and all clones of the client.
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
