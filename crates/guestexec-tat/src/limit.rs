//! The service's rate: so many calls of an action in a second, kept on this side.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::{Either, select};
use tokio::{
    sync::{Notify, Semaphore},
    time::{Instant, sleep_until},
};

/// Calls of one action in a second, as the vendor's pages say.
pub(crate) const RATE: u32 = 20;

/// The second that is counted, and a little more, as no two ways to the service are equally long.
const WINDOW: Duration = Duration::from_millis(1020);
/// When a call has reached the service at the latest, however long its answer takes.
const ARRIVAL: Duration = Duration::from_millis(250);
/// The same for the first call of a place, which may have to make its connection.
const FIRST_ARRIVAL: Duration = Duration::from_secs(3);

/// One limit for each action, shared by a client's clones.
///
/// A call takes one of the action's places. The place is free again a second after the call surely
/// reached the service: after its answer, or a quarter of a second on a connection that is there. So
/// wherever the service lets its seconds begin, none of them sees more calls than there are places,
/// unless a call is underway for longer than that.
#[derive(Clone, Debug)]
pub(crate) struct Limiter {
    rate: Option<u32>,
    rates: Arc<HashMap<String, Option<u32>>>,
    actions: Arc<Mutex<HashMap<String, Arc<Action>>>>,
}

/// The places of one action.
#[derive(Debug)]
struct Action {
    /// How many places there may be.
    rate: usize,
    /// When each is free. They come into being as they are needed.
    places: Mutex<Vec<Instant>>,
    /// Whose turn it is: calls get places in the order they come.
    turn: Semaphore,
    /// Tells whose turn it is that a place is free earlier than was thought.
    freed: Notify,
}

impl Limiter {
    /// A limit for all actions, and those of single ones; `None` is no limit.
    pub(crate) fn new(rate: Option<u32>, rates: HashMap<String, Option<u32>>) -> Self {
        Self { rate, rates: Arc::new(rates), actions: Arc::default() }
    }

    /// How many calls of an action are made in a second, if there is a limit.
    pub(crate) fn rate(&self, action: &str) -> Option<u32> {
        self.rates.get(action).copied().unwrap_or(self.rate).map(|rate| rate.max(1))
    }

    /// Waits for a place. The call is to be made at once, while the permit is held.
    pub(crate) async fn permit(&self, action: &str) -> Permit {
        let Some(rate) = self.rate(action) else { return Permit(None) };
        let action = self.action(action, rate);
        // It is never closed.
        let _turn = action.turn.acquire().await;
        loop {
            let free = match action.take() {
                Ok(taken) => return Permit(Some((action.clone(), taken))),
                Err(free) => free,
            };
            match select(pin!(sleep_until(free)), pin!(action.freed.notified())).await {
                Either::Left(_) | Either::Right(_) => {}
            }
        }
    }

    fn action(&self, name: &str, rate: u32) -> Arc<Action> {
        let mut actions = self.actions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(action) = actions.get(name) {
            return action.clone();
        }
        let action = Arc::new(Action {
            rate: rate as usize,
            places: Mutex::default(),
            turn: Semaphore::new(1),
            freed: Notify::new(),
        });
        actions.insert(name.to_owned(), action.clone());
        action
    }
}

impl Action {
    fn places(&self) -> MutexGuard<'_, Vec<Instant>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place: which, and until when. If there is none, when the next will be free.
    fn take(&self) -> Result<Taken, Instant> {
        let now = Instant::now();
        let mut places = self.places();
        match places.iter().enumerate().min_by_key(|(_, free)| **free) {
            Some((place, free)) if *free <= now => {
                let until = now + ARRIVAL + WINDOW;
                places[place] = until;
                Ok(Taken { place, until })
            }
            Some((_, free)) if places.len() >= self.rate => Err(*free),
            _ => {
                let until = now + FIRST_ARRIVAL + WINDOW;
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
pub(crate) struct Permit(Option<(Arc<Action>, Taken)>);

impl Drop for Permit {
    fn drop(&mut self) {
        let Some((action, taken)) = self.0.take() else { return };
        let free = Instant::now() + WINDOW;
        match action.places().get_mut(taken.place) {
            // Unless another call has the place already, this one's answer having taken so long.
            Some(until) if *until == taken.until => *until = free.min(taken.until),
            _ => return,
        }
        action.freed.notify_one();
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
        drop(limiter.permit("A").await);
        let slow = limiter.permit("A").await;
        let _second = limiter.permit("A").await;
        assert!(begin.elapsed() < Duration::from_secs(3));
        // It ends while another call has the place, which it must not give away.
        drop(slow);
        limiter.permit("A").await;
        assert!(begin.elapsed() > Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn calls_at_once_get_their_turns_in_order_and_no_later_than_the_rate_allows() {
        let limiter = Limiter::new(Some(20), HashMap::new());
        let begin = Instant::now();
        let calls = (0..200).map(|_| async {
            let permit = limiter.permit("RunCommand").await;
            let at = begin.elapsed();
            tokio::time::sleep(Duration::from_millis(5)).await;
            drop(permit);
            at
        });
        let calls = futures_util::future::join_all(calls).await;
        assert!(calls.is_sorted(), "{calls:?}");
        // Ten full seconds' worth, of which the first needs no second.
        assert!(begin.elapsed() < Duration::from_millis(9_500), "{:?}", begin.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn connections_that_take_long_to_make_do_not_heap_calls_up() {
        let limiter = Limiter::new(Some(20), HashMap::new());
        let begin = Instant::now();
        let calls = (0..60).map(|call| {
            let limiter = &limiter;
            async move {
                let permit = limiter.permit("RunCommand").await;
                // The first ones have no connection yet.
                let way = if call < 20 { 750 } else { 5 };
                tokio::time::sleep(Duration::from_millis(way)).await;
                let arrived = begin.elapsed();
                tokio::time::sleep(Duration::from_millis(5)).await;
                drop(permit);
                arrived
            }
        });
        let mut calls = futures_util::future::join_all(calls).await;
        calls.sort();
        for window in calls.windows(21) {
            assert!(window[20] - window[0] >= Duration::from_secs(1), "{window:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_gives_up_its_turn_holds_nobody_up() {
        let limiter = Limiter::new(Some(1), HashMap::new());
        drop(limiter.permit("A").await);
        let given_up = tokio::time::timeout(Duration::from_millis(10), limiter.permit("A")).await;
        assert!(given_up.is_err());
        let begin = Instant::now();
        limiter.permit("A").await;
        assert!(begin.elapsed() <= WINDOW);
    }
}
