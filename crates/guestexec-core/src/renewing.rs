//! A credential that expires: fetched when first needed, renewed before its end.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::{
    sync::Mutex as AsyncMutex,
    time::{Instant, timeout},
};
use tracing::warn;

use crate::{Error, ErrorKind, runtime::ensure_runtime};

/// A value as its source issued it.
#[derive(Clone, Debug)]
pub struct Issued<T> {
    /// The value.
    pub value: T,
    /// When to fetch the next one; never, if `None`.
    pub renew_at: Option<SystemTime>,
    /// When it stops being valid; never, if `None`.
    pub expires: Option<SystemTime>,
}

impl<T> Issued<T> {
    /// A value that does not expire.
    pub fn lasting(value: T) -> Self {
        Self { value, renew_at: None, expires: None }
    }
}

/// A credential that a client and its clones share: held while it is valid, renewed by one caller at a
/// time.
///
/// A caller that waited for another's fetch shares its outcome, also a failure: services lock accounts
/// after a few wrong passwords. Dropping the caller that fetches ends its fetch; the next one that
/// waits then fetches itself.
#[derive(Debug)]
pub struct Renewing<T, D> {
    state: Mutex<State<T, D>>,
    /// Held by the caller that fetches.
    fetching: AsyncMutex<()>,
    pause: Duration,
    time_limit: Duration,
}

#[derive(Debug)]
struct State<T, D> {
    held: Option<Issued<Arc<T>>>,
    /// How many fetches have ended.
    fetches: u64,
    /// When the last fetch ended.
    fetched: Option<Instant>,
    /// When the last fetch ended that replaced a refused value.
    replaced: Option<Instant>,
    /// Why the last fetch failed, if it did.
    failure: Option<Error<D>>,
}

/// Whether the held value can be used.
enum Held<T> {
    Valid(Arc<T>),
    /// Valid, and due to be renewed.
    Due(Arc<T>),
    Nothing,
}

impl<T, D> Default for Renewing<T, D> {
    fn default() -> Self {
        let state = State { held: None, fetches: 0, fetched: None, replaced: None, failure: None };
        Self {
            state: Mutex::new(state),
            fetching: AsyncMutex::default(),
            pause: Duration::ZERO,
            time_limit: Duration::MAX,
        }
    }
}

impl<T, D: Clone> Renewing<T, D> {
    /// Starts with this value.
    #[must_use]
    pub fn holding(self, issued: Issued<T>) -> Self {
        self.hold(issued);
        self
    }

    /// Sets how long after a fetch the next one may begin, unless nothing was ever fetched. Default:
    /// zero.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Sets how long a fetch may take. Default: as long as it likes, for a fetch that has a deadline
    /// of its own.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// The value held now, valid or not.
    pub fn current(&self) -> Option<Arc<T>> {
        self.state().held.as_ref().map(|held| held.value.clone())
    }

    /// A value that is valid at `now`: the one held, or the one that `fetch` gets.
    ///
    /// A value that is due to be renewed still serves while another caller fetches, and after a fetch
    /// that failed.
    ///
    /// # Errors
    /// The failure of the fetch, if no valid value is held.
    pub async fn get<F>(
        &self,
        now: SystemTime,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<T>, Error<D>>
    where
        F: Future<Output = Result<Issued<T>, Error<D>>>,
    {
        let before = self.state().fetches;
        let _fetching = match self.held(now) {
            Held::Valid(value) => return Ok(value),
            Held::Due(value) => match self.fetching.try_lock() {
                Ok(guard) => guard,
                Err(_) => return Ok(value),
            },
            Held::Nothing => self.fetching.lock().await,
        };
        // Another caller may have fetched in the meantime.
        match self.held(now) {
            Held::Valid(value) => return Ok(value),
            Held::Due(value) if self.state().fetches != before => return Ok(value),
            Held::Due(_) | Held::Nothing => {}
        }
        if let Some(failure) = self.failed_since(before).or_else(|| self.failed_lately()) {
            return Err(failure);
        }
        let error = match self.fetch(fetch()).await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        match self.held(now) {
            Held::Valid(value) | Held::Due(value) => {
                warn!(%error, "the credential could not be renewed and will expire soon");
                Ok(value)
            }
            Held::Nothing => Err(error),
        }
    }

    /// Replaces a value that the service refused: `None` if `fetch` gets a refused one again, or if
    /// the last replacement is too recent.
    ///
    /// # Errors
    /// The failure of the fetch.
    pub async fn renew<F>(
        &self,
        is_refused: impl Fn(&T) -> bool,
        fetch: impl FnOnce() -> F,
    ) -> Result<Option<Arc<T>>, Error<D>>
    where
        F: Future<Output = Result<Issued<T>, Error<D>>>,
    {
        let before = self.state().fetches;
        let _fetching = self.fetching.lock().await;
        if let Some(value) = self.current().filter(|value| !is_refused(value)) {
            return Ok(Some(value));
        }
        if let Some(failure) = self.failed_since(before) {
            return Err(failure);
        }
        if self.is_recent(self.state().replaced) {
            return Ok(None);
        }
        let fetched = self.fetch(fetch()).await;
        self.state().replaced = Some(Instant::now());
        Ok(Some(fetched?).filter(|value| !is_refused(value)))
    }

    /// Drops a value that the service refused, unless another has replaced it already.
    pub fn forget(&self, refused: &Arc<T>) {
        let mut state = self.state();
        if state.held.as_ref().is_some_and(|held| Arc::ptr_eq(&held.value, refused)) {
            state.held = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T, D>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self, issued: Issued<T>) -> Arc<T> {
        let Issued { value, renew_at, expires } = issued;
        let value = Arc::new(value);
        self.state().held = Some(Issued { value: value.clone(), renew_at, expires });
        value
    }

    fn held(&self, now: SystemTime) -> Held<T> {
        let state = self.state();
        let Some(held) = &state.held else { return Held::Nothing };
        let value = held.value.clone();
        let is_past = |time: Option<SystemTime>| time.is_some_and(|time| time <= now);
        let is_recent = self.is_recent(state.fetched);
        if is_recent && state.failure.is_none() {
            // The source has no better one, or a clock is wrong: the service decides.
            Held::Valid(value)
        } else if is_past(held.expires) {
            Held::Nothing
        } else if is_past(held.renew_at) && !is_recent {
            Held::Due(value)
        } else {
            Held::Valid(value)
        }
    }

    /// The failure of the last fetch, if one ended since `before` had.
    fn failed_since(&self, before: u64) -> Option<Error<D>> {
        let state = self.state();
        state.failure.clone().filter(|_| state.fetches != before)
    }

    /// The failure of the last fetch, while it is too early for another.
    fn failed_lately(&self) -> Option<Error<D>> {
        let state = self.state();
        state.failure.clone().filter(|_| state.held.is_some() && self.is_recent(state.fetched))
    }

    fn is_recent(&self, time: Option<Instant>) -> bool {
        time.is_some_and(|time| time.elapsed() < self.pause)
    }

    async fn fetch(
        &self,
        fetch: impl Future<Output = Result<Issued<T>, Error<D>>>,
    ) -> Result<Arc<T>, Error<D>> {
        ensure_runtime()?;
        let issued = timeout(self.time_limit, fetch).await.unwrap_or_else(|_| {
            let waited = self.time_limit.as_secs();
            let text = format!("the source of the credentials gave none in {waited} seconds");
            Err(Error::new(ErrorKind::Credentials, text))
        });
        {
            let mut state = self.state();
            state.fetches += 1;
            state.fetched = Some(Instant::now());
            state.failure = issued.as_ref().err().cloned();
        }
        issued.map(|issued| self.hold(issued))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::atomic::{AtomicU64, Ordering},
        time::UNIX_EPOCH,
    };

    use tokio::time::{advance, sleep};

    use super::*;

    /// Values counted from 1, each due after 10 and expired after 20 seconds.
    #[derive(Default)]
    struct Source {
        fetches: AtomicU64,
        fails: bool,
    }

    impl Source {
        async fn fetch(&self) -> Result<Issued<u64>, Error<()>> {
            let value = self.fetches.fetch_add(1, Ordering::SeqCst) + 1;
            sleep(Duration::from_secs(1)).await;
            let after = |seconds| Some(at(seconds));
            match self.fails {
                true => Err(Error::new(ErrorKind::Refused, format!("refused {value}"))),
                false => Ok(Issued { value, renew_at: after(10), expires: after(20) }),
            }
        }
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    type Subject = Renewing<u64, ()>;

    #[tokio::test(start_paused = true)]
    async fn callers_at_once_share_a_fetch_and_its_failure() {
        for fails in [false, true] {
            let source = Source { fails, ..Source::default() };
            let subject = Subject::default();
            let get = || subject.get(at(0), || source.fetch());
            for outcome in <[_; 3]>::from(tokio::join!(get(), get(), get())) {
                match outcome {
                    Ok(value) => assert!(!fails && *value == 1),
                    Err(error) => assert!(fails && error.message() == "refused 1", "{error}"),
                }
            }
            assert_eq!(source.fetches.load(Ordering::SeqCst), 1);
            // A later caller does not share a failure.
            assert_eq!(get().await.is_ok(), !fails);
            assert_eq!(source.fetches.load(Ordering::SeqCst), 1 + u64::from(fails));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_due_value_serves_until_it_expires() {
        let (source, broken) = (Source::default(), Source { fails: true, ..Source::default() });
        let subject = Subject::default();
        assert_eq!(*subject.get(at(9), || source.fetch()).await.unwrap(), 1);
        assert_eq!(*subject.get(at(9), || source.fetch()).await.unwrap(), 1);
        // Another caller fetches; a fetch fails.
        let (first, second) = tokio::join!(
            subject.get(at(10), || broken.fetch()),
            subject.get(at(10), || broken.fetch()),
        );
        assert_eq!([*first.unwrap(), *second.unwrap()], [1, 1]);
        assert_eq!(broken.fetches.load(Ordering::SeqCst), 1);
        subject.get(at(20), || broken.fetch()).await.unwrap_err();
        assert_eq!(*subject.get(at(20), || source.fetch()).await.unwrap(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_is_dropped_leaves_the_fetch_to_the_next() {
        let source = Source::default();
        let subject = Subject::default();
        let dropped = async {
            let hung = timeout(Duration::from_secs(5), subject.get(at(0), pending)).await;
            assert!(hung.is_err());
        };
        let ((), next) = tokio::join!(dropped, subject.get(at(0), || source.fetch()));
        assert_eq!(*next.unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_has_a_time_limit_and_the_next_a_pause() {
        let (source, broken) = (Source::default(), Source { fails: true, ..Source::default() });
        let subject =
            Subject::default().time_limit(Duration::from_secs(60)).pause(Duration::from_secs(10));
        let error = subject.get(at(0), pending).await.unwrap_err();
        assert!(error.message().ends_with("none in 60 seconds"), "{error}");
        // Nothing was fetched yet, so nothing says that another fetch is useless.
        assert_eq!(*subject.get(at(0), || source.fetch()).await.unwrap(), 1);
        // The source just gave it, so that it has no better one.
        assert_eq!(*subject.get(at(30), || source.fetch()).await.unwrap(), 1);
        advance(Duration::from_secs(10)).await;
        for _ in 0..2 {
            let error = subject.get(at(30), || broken.fetch()).await.unwrap_err();
            assert_eq!(error.message(), "refused 1");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_value_is_replaced_once_for_all_that_saw_it() {
        let source = Source::default();
        let subject = Subject::default().holding(Issued::lasting(0)).pause(Duration::from_secs(9));
        let renew = |refused| subject.renew(move |value| *value == refused, || source.fetch());
        let (first, second) = tokio::join!(renew(0), renew(0));
        assert_eq!(
            [first.unwrap(), second.unwrap()].map(|value| value.as_deref().copied()),
            [Some(1); 2]
        );
        assert!(renew(1).await.unwrap().is_none(), "the last replacement is too recent");
        advance(Duration::from_secs(9)).await;
        assert_eq!(renew(1).await.unwrap().as_deref(), Some(&2));
        advance(Duration::from_secs(9)).await;
        let same = || async { Ok(Issued::lasting(2)) };
        assert!(subject.renew(|value| *value == 2, same).await.unwrap().is_none());
        assert_eq!(source.fetches.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_refused_value_is_forgotten() {
        let source = Source::default();
        let subject = Subject::default();
        let first = subject.get(at(0), || source.fetch()).await.unwrap();
        subject.forget(&first);
        assert!(subject.current().is_none());
        let second = subject.get(at(0), || source.fetch()).await.unwrap();
        subject.forget(&first);
        assert_eq!(subject.current(), Some(second));
    }
}
