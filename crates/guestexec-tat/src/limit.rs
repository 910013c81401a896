//! The service's rate: so many calls of an action in a second, kept on this side.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// Calls of one action in a second, as the vendor's pages say.
pub(crate) const RATE: u32 = 20;

/// The second that is counted, and a little more, as no two ways to the service are equally long.
const WINDOW: Duration = Duration::from_millis(1020);
/// When a call has reached the service at the latest, however long its answer takes.
const ARRIVAL: Duration = Duration::from_millis(250);

/// One limit for each action, shared by a client's clones.
///
/// A call takes one of the action's places. The place is free again a second after the call surely
/// reached the service: after its answer, or a quarter of a second. So wherever the service lets its
/// seconds begin, none of them sees more calls than there are places.
#[derive(Clone, Debug)]
pub(crate) struct Limiter {
    rate: Option<u32>,
    rates: Arc<HashMap<String, Option<u32>>>,
    /// When each place of an action is free.
    places: Arc<Mutex<HashMap<String, Vec<Instant>>>>,
}

impl Limiter {
    /// A limit for all actions, and those of single ones; `None` is no limit.
    pub(crate) fn new(rate: Option<u32>, rates: HashMap<String, Option<u32>>) -> Self {
        Self { rate, rates: Arc::new(rates), places: Arc::default() }
    }

    /// Waits for a place. The call is to be made at once, while the permit is held.
    pub(crate) async fn permit<'a>(&'a self, action: &'a str) -> Permit<'a> {
        let Some(rate) = self.rates.get(action).copied().unwrap_or(self.rate) else {
            return Permit(None);
        };
        loop {
            match self.take(action, rate) {
                Ok(taken) => return Permit(Some((self, action, taken))),
                Err(free) => sleep_until(free).await,
            }
        }
    }

    /// Takes a place: which, and until when. If there is none, when the next will be free.
    fn take(&self, action: &str, rate: u32) -> Result<Taken, Instant> {
        let now = Instant::now();
        let until = now + ARRIVAL + WINDOW;
        let mut all = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(action) {
            all.insert(action.to_owned(), Vec::new());
        }
        let Some(places) = all.get_mut(action) else { return Err(now) };
        match places.iter().enumerate().min_by_key(|(_, free)| **free) {
            Some((place, free)) if *free <= now => {
                places[place] = until;
                Ok(Taken { place, until })
            }
            // Places come into being as they are needed.
            Some((_, free)) if places.len() as u64 >= u64::from(rate.max(1)) => Err(*free),
            _ => {
                places.push(until);
                Ok(Taken { place: places.len() - 1, until })
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Taken {
    place: usize,
    until: Instant,
}

/// Leave for one call. Dropped when its answer is there.
#[derive(Debug)]
pub(crate) struct Permit<'a>(Option<(&'a Limiter, &'a str, Taken)>);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let Some((limiter, action, taken)) = self.0.take() else { return };
        let free = Instant::now() + WINDOW;
        let mut all = limiter.places.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(action).and_then(|places| places.get_mut(taken.place)) {
            // Unless another call has the place already, this one's answer having taken so long.
            Some(until) if *until == taken.until => *until = free.min(taken.until),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_second_sees_more_calls_than_the_rate() {
        let limiter = Limiter::new(Some(20), HashMap::new());
        let begin = Instant::now();
        let mut calls = Vec::new();
        for call in 0..100u32 {
            let permit = limiter.permit("RunCommand").await;
            // The service notices somewhere between the sending and the answer.
            tokio::time::sleep(Duration::from_millis(u64::from(call % 7))).await;
            calls.push(begin.elapsed());
            tokio::time::sleep(Duration::from_millis(u64::from(call % 5))).await;
            drop(permit);
        }
        for window in calls.windows(21) {
            assert!(window[20] - window[0] >= Duration::from_secs(1), "{window:?}");
        }
        // 100 calls are four full seconds and what is left.
        assert!(begin.elapsed() < Duration::from_millis(5_500), "{:?}", begin.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn actions_and_rates_are_apart() {
        let rates = HashMap::from([("Fast".to_owned(), None), ("Slow".to_owned(), Some(1))]);
        let limiter = Limiter::new(Some(20), rates);
        let begin = Instant::now();
        for _ in 0..1000 {
            limiter.permit("Fast").await;
        }
        limiter.permit("Slow").await;
        limiter.permit("RunCommand").await;
        assert_eq!(begin.elapsed(), Duration::ZERO);
        limiter.clone().permit("Slow").await;
        assert!(begin.elapsed() >= Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_answer_does_not_hold_its_place() {
        let limiter = Limiter::new(Some(1), HashMap::new());
        let begin = Instant::now();
        let slow = limiter.permit("A").await;
        let _second = limiter.permit("A").await;
        assert!(begin.elapsed() < Duration::from_secs(2));
        // It ends while another call has the place, which it must not give away.
        drop(slow);
        limiter.permit("A").await;
        assert!(begin.elapsed() > Duration::from_secs(2));
    }
}
