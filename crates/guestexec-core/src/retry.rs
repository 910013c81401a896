//! The retries of a client after a failure.

mod attempts;
mod budget;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

pub use attempts::{Attempts, Seen, Verdict, within};
use budget::Budget;

use crate::ErrorKind;

/// The kinds of failure that can be retried.
const KINDS: [ErrorKind; 5] = [
    ErrorKind::Connect,
    ErrorKind::Lost,
    ErrorKind::Timeout,
    ErrorKind::Throttled,
    ErrorKind::Unavailable,
];

const DAY: Duration = Duration::from_secs(86_400);

/// The settings of a client's retries: which failures, how often, and after which pauses.
///
/// One rule has no setting: **what may have started a command is never sent again.** A request that starts a
/// command, or that changes something each time, is retried only if it certainly was not sent
/// ([`Connect`](ErrorKind::Connect)) or was turned away as one too many ([`Throttled`](ErrorKind::Throttled)).
/// A request that may be repeated ([`Operation::repeatable`](crate::Operation::repeatable)) is retried after
/// a lost answer, a timeout and a failure of the service too.
///
/// Each attempt has a new signature. A service that asks by `Retry-After` for a longer pause gets it, up to the
/// [patience](Self::patience).
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_core::Retries;
///
/// // As usual, but five of them and two minutes for a service that is busy.
/// let patient = Retries::from(5).patience(Duration::from_secs(120));
/// // client.retries(patient), or for short:
/// // client.retries(5)
/// # let _ = patient;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Retries {
    count: u32,
    first: Duration,
    longest: Duration,
    patience: Duration,
    total: Option<Duration>,
    budget: Option<u32>,
    kinds: Vec<ErrorKind>,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            count: 3,
            first: Duration::from_millis(200),
            longest: Duration::from_secs(5),
            patience: Duration::from_secs(60),
            total: None,
            budget: Some(100),
            kinds: KINDS.to_vec(),
        }
    }
}

/// The usual retries, this many of them; `0` is [`Retries::none`].
impl From<u32> for Retries {
    fn from(count: u32) -> Self {
        Self::default().count(count)
    }
}

impl Retries {
    /// The usual retries: three, with pauses from 0.2 s to 5 s, and a minute for a service that is busy.
    pub fn new() -> Self {
        Self::default()
    }

    /// No retries: each failure, a throttled call included, is an error at once.
    pub fn none() -> Self {
        Self::default().count(0)
    }

    /// Sets how many failures of a call are retried. Default: 3. Zero turns all retries off, those of
    /// throttled calls too.
    ///
    /// Throttled attempts are not counted: the [patience](Self::patience) limits them.
    pub fn count(mut self, retries: u32) -> Self {
        self.count = retries;
        self
    }

    /// Sets the first and the longest pause before a retry, at most a day. Default: 0.2 s and 5 s.
    ///
    /// The pause doubles each time. A random part of it, at most half, is left out, so that callers who
    /// failed together do not come back together.
    pub fn pauses(mut self, first: Duration, longest: Duration) -> Self {
        let longest = longest.min(DAY);
        (self.first, self.longest) = (first.min(longest), longest);
        self
    }

    /// Sets how long a call waits for a service that is busy: throttled attempts are repeated while this
    /// time lasts, and a longer `Retry-After` makes any failure an error at once. Default: 60 s; zero makes
    /// each throttled call an error.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets how long a call may take with all its attempts and pauses. Default: no limit but
    /// `call_timeout`, which holds for each attempt.
    ///
    /// A pause that would not end in time is not begun: the failure before it is the error. A busy service is
    /// not asked again if another answer that takes as long as its last one would come too late. An attempt that
    /// does not end in time is ended, with [`Timeout`](ErrorKind::Timeout).
    pub fn total_timeout(mut self, total: impl Into<Option<Duration>>) -> Self {
        self.total = total.into();
        self
    }

    /// Sets how many retries a client and its clones have in store; `None` is no limit. Default: 100.
    ///
    /// Each retry takes one, and each call that succeeds gives back a fifth of one. So a service that is
    /// down gets little more than one attempt for each call, and one that fails now and then gets all
    /// retries. Throttled calls take none.
    pub fn budget(mut self, retries: impl Into<Option<u32>>) -> Self {
        self.budget = retries.into();
        self
    }

    /// Sets the kinds of failure that are retried. Default: [`Connect`](ErrorKind::Connect),
    /// [`Lost`](ErrorKind::Lost), [`Timeout`](ErrorKind::Timeout), [`Throttled`](ErrorKind::Throttled) and
    /// [`Unavailable`](ErrorKind::Unavailable). No other kind is ever retried, so it has no effect here.
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = ErrorKind>) -> Self {
        self.kinds = kinds.into_iter().filter(|kind| KINDS.contains(kind)).collect();
        self
    }

    /// The pause before retry `number`, counted from 1.
    fn pause(&self, number: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << number.saturating_sub(1).min(31));
        doubled.min(self.longest).mul_f64(1.0 - random() / 2.0)
    }
}

/// A random number from 0 up to 1. The standard library seeds its hash maps well enough for a pause, and
/// needs no further crate.
fn random() -> f64 {
    let bits = RandomState::new().build_hasher().finish();
    // As many bits as the fraction of an `f64` has.
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// The requests of a client so far, from its method `counts`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Counts {
    /// Requests given to the transport, retries included.
    pub requests: u64,
    /// Answers that refused a call as one too many.
    pub throttled: u64,
    /// Requests that were sent again, for any reason.
    pub retried: u64,
}

crate::write_members!(Counts { requests = "requests", throttled = "throttled", retried = "retried" });

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, throttled, retried } = self;
        write!(f, "{requests} requests, {retried} of them again; {throttled} throttled")
    }
}

/// The settings and the state of retries that a client and its clones share.
#[derive(Debug)]
pub(crate) struct Retrying {
    settings: Retries,
    budget: Option<Budget>,
    requests: AtomicU64,
    throttled: AtomicU64,
    retried: AtomicU64,
}

impl Retrying {
    pub(crate) fn new(settings: Retries) -> Self {
        let budget = settings.budget.map(Budget::new);
        Self {
            settings,
            budget,
            requests: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
            retried: AtomicU64::new(0),
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            requests: read(&self.requests),
            throttled: read(&self.throttled),
            retried: read(&self.retried),
        }
    }
}
