//! The source of the time.

use std::{
    fmt::Debug,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A source of wall-clock time.
///
/// Every signature carries a date the service compares with its own clock, so a client asks its
/// clock once per request; tests pin it, and a program on a machine with a wrong clock can correct
/// it.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use guestexec_core::Clock;
///
/// /// The clock of a machine that is an hour slow.
/// #[derive(Debug)]
/// struct Corrected;
///
/// impl Clock for Corrected {
///     fn now(&self) -> SystemTime {
///         SystemTime::now() + Duration::from_secs(3600)
///     }
/// }
///
/// assert!(Corrected.now() > SystemTime::now());
/// // client.clock(Corrected)
/// ```
pub trait Clock: Debug + Send + Sync {
    /// The time now.
    fn now(&self) -> SystemTime;
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that stands still, for tests and for reproducing a signature.
impl Clock for SystemTime {
    fn now(&self) -> SystemTime {
        *self
    }
}

/// Whole seconds since 1970-01-01T00:00:00Z; times before that count as zero.
pub fn unix_seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
