//! The credentials that sign a client's requests.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use guestexec_core::Keyring;

use super::CredentialSource;
use crate::{
    Credentials, Error,
    sign::{Scope, SignError, SigningKey, utc_date},
};

/// How long before the end of a lease the next one is fetched, as by the vendor's SDKs.
const EARLY: Duration = Duration::from_secs(300);

/// A client's credentials, shared by its clones.
pub(crate) type Signers = Keyring<Credentials, Signer>;

/// Checks a given pair at once, so that a bad one is reported where it is given.
pub(crate) fn keyring(source: CredentialSource) -> Result<Signers, Error> {
    Keyring::new(source.into_source(), EARLY, Signer::new)
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

    /// True if both are of the same pair.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let identity = |signer: &Self| {
            let Credentials { secret_id, token, .. } = &signer.credentials;
            (secret_id.clone(), token.as_ref().map(|token| token.expose().to_owned()))
        };
        identity(self) == identity(other)
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
