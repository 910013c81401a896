//! Keeps the service's rate limits: so many calls of an action in a second.
//!
//! Written by hand, because a token bucket allows twice the rate in a second that begins between two of
//! its own, and cannot tell when a call reaches the service.

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

use crate::Operation;

/// The second in which calls are counted, and a margin, as some calls travel longer than others.
const WINDOW: Duration = Duration::from_millis(1020);
/// How long a call travels at most, however long its answer takes.
const ARRIVAL: Duration = Duration::from_millis(250);
/// The same for the first call of a slot, which may have to open its connection.
const FIRST_ARRIVAL: Duration = Duration::from_secs(3);

/// One limit for each action, shared by a client's clones.
///
/// A call takes one of the action's slots. The slot is free again a second after the call has reached
/// the service: when its answer arrives, or after a quarter of a second on an open connection. So no
/// second has more calls than there are slots, whenever the service's seconds begin, unless a call
/// travels for longer.
#[derive(Debug)]
pub(crate) struct Limiter {
    rate: Option<Option<u32>>,
    rates: HashMap<String, Option<u32>>,
    /// There are few, and a list is less to compile than a map.
    actions: Mutex<Vec<(&'static str, Arc<Action>)>>,
}

/// The slots of one action.
#[derive(Debug)]
struct Action {
    /// How many slots there may be.
    rate: usize,
    /// When each slot is free. Slots are added as they are needed.
    slots: Mutex<Vec<Instant>>,
    /// Held by the first waiter: calls get slots in the order they come.
    turn: Semaphore,
    /// Wakes the next waiter when a slot frees early.
    freed: Notify,
}

impl Limiter {
    /// Limits an action to its rate in `rates`, or else to `rate`, or else to the documented one. `None` is
    /// no limit.
    pub(crate) fn new(rate: Option<Option<u32>>, rates: HashMap<String, Option<u32>>) -> Self {
        Self { rate, rates, actions: Mutex::default() }
    }

    /// How many calls of an action are made in a second, if there is a limit.
    pub(crate) fn rate(&self, action: &Operation) -> Option<u32> {
        let set = self.rates.get(action.id).copied().or(self.rate);
        set.unwrap_or(action.rate).map(|rate| rate.max(1))
    }

    /// Waits for a slot. The call is to be made at once, while the permit is held.
    pub(crate) async fn permit(&self, action: &Operation) -> Permit {
        let Some(rate) = self.rate(action) else { return Permit(None) };
        let action = self.action(action.id, rate);
        // The semaphore is never closed.
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

    fn action(&self, name: &'static str, rate: u32) -> Arc<Action> {
        let mut actions = self.actions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, action)) = actions.iter().find(|(known, _)| *known == name) {
            return action.clone();
        }
        let action = Arc::new(Action {
            rate: rate as usize,
            slots: Mutex::default(),
            turn: Semaphore::new(1),
            freed: Notify::new(),
        });
        actions.push((name, action.clone()));
        action
    }
}

impl Action {
    fn slots(&self) -> MutexGuard<'_, Vec<Instant>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a slot. If none is free, returns when the next one will be.
    fn take(&self) -> Result<Taken, Instant> {
        let now = Instant::now();
        let mut slots = self.slots();
        match slots.iter().enumerate().min_by_key(|(_, free)| **free) {
            Some((slot, free)) if *free <= now => {
                let until = now + ARRIVAL + WINDOW;
                slots[slot] = until;
                Ok(Taken { slot, until })
            }
            Some((_, free)) if slots.len() >= self.rate => Err(*free),
            _ => {
                let until = now + FIRST_ARRIVAL + WINDOW;
                slots.push(until);
                Ok(Taken { slot: slots.len() - 1, until })
            }
        }
    }
}

/// A slot, and until when it is taken.
#[derive(Clone, Copy, Debug)]
struct Taken {
    slot: usize,
    until: Instant,
}

/// Permission for one call. Dropped when its answer has arrived.
#[derive(Debug)]
pub(crate) struct Permit(Option<(Arc<Action>, Taken)>);

impl Drop for Permit {
    fn drop(&mut self) {
        let Some((action, taken)) = self.0.take() else { return };
        let free = Instant::now() + WINDOW;
        match action.slots().get_mut(taken.slot) {
            // Another call has the slot already where this one's answer took longer than `until`.
            Some(until) if *until == taken.until => *until = free.min(taken.until),
            _ => return,
        }
        action.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::{DESCRIBE_REGIONS, INVOKE_COMMAND, RUN_COMMAND};

    /// A limiter with one rate for every action.
    fn limiter(rate: u32) -> Limiter {
        Limiter::new(Some(Some(rate)), HashMap::new())
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_sees_more_calls_than_the_rate() {
        let limiter = limiter(20);
        let begin = Instant::now();
        let mut calls = Vec::new();
        for call in 0..100u32 {
            let permit = limiter.permit(&RUN_COMMAND).await;
            // The service counts the call somewhere between the request and the answer.
            tokio::time::sleep(Duration::from_millis(u64::from(call % 7))).await;
            calls.push(begin.elapsed());
            tokio::time::sleep(Duration::from_millis(u64::from(call % 5))).await;
            drop(permit);
        }
        for window in calls.windows(21) {
            assert!(window[20] - window[0] >= Duration::from_secs(1), "{window:?}");
        }
        // 100 calls are four full seconds and a rest.
        assert!(begin.elapsed() < Duration::from_millis(5_500), "{:?}", begin.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn each_action_has_its_own_limit() {
        let rates = [(INVOKE_COMMAND, None), (DESCRIBE_REGIONS, Some(1))];
        let rates = rates.map(|(action, rate)| (action.id.to_owned(), rate)).into();
        let limiter = Limiter::new(None, rates);
        let begin = Instant::now();
        for _ in 0..1000 {
            limiter.permit(&INVOKE_COMMAND).await;
        }
        limiter.permit(&DESCRIBE_REGIONS).await;
        limiter.permit(&RUN_COMMAND).await;
        assert_eq!(begin.elapsed(), Duration::ZERO);
        limiter.permit(&DESCRIBE_REGIONS).await;
        assert!(begin.elapsed() >= Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_answer_does_not_hold_its_slot() {
        let limiter = limiter(1);
        let begin = Instant::now();
        drop(limiter.permit(&RUN_COMMAND).await);
        let slow = limiter.permit(&RUN_COMMAND).await;
        let _second = limiter.permit(&RUN_COMMAND).await;
        assert!(begin.elapsed() < Duration::from_secs(3));
        // It ends while another call has the slot, which must stay taken.
        drop(slow);
        limiter.permit(&RUN_COMMAND).await;
        assert!(begin.elapsed() > Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_calls_get_slots_in_order_and_no_later_than_the_rate_allows() {
        let limiter = limiter(20);
        let begin = Instant::now();
        let calls = (0..200).map(|_| async {
            let permit = limiter.permit(&RUN_COMMAND).await;
            let at = begin.elapsed();
            tokio::time::sleep(Duration::from_millis(5)).await;
            drop(permit);
            at
        });
        let calls = futures_util::future::join_all(calls).await;
        assert!(calls.is_sorted(), "{calls:?}");
        // The calls of ten seconds, the first of which start at once.
        assert!(begin.elapsed() < Duration::from_millis(9_500), "{:?}", begin.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn slow_connections_do_not_bunch_calls() {
        let limiter = limiter(20);
        let begin = Instant::now();
        let calls = (0..60).map(|call| {
            let limiter = &limiter;
            async move {
                let permit = limiter.permit(&RUN_COMMAND).await;
                // The first ones have no connection yet.
                let travel = if call < 20 { 750 } else { 5 };
                tokio::time::sleep(Duration::from_millis(travel)).await;
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
    async fn a_cancelled_waiter_blocks_no_other() {
        let limiter = limiter(1);
        drop(limiter.permit(&RUN_COMMAND).await);
        let cancelled =
            tokio::time::timeout(Duration::from_millis(10), limiter.permit(&RUN_COMMAND)).await;
        assert!(cancelled.is_err());
        let begin = Instant::now();
        limiter.permit(&RUN_COMMAND).await;
        assert!(begin.elapsed() <= WINDOW);
    }
}
