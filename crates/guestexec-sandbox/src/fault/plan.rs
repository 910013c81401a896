//! Which requests the faults of a service strike.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use guestexec_core::Operation;

use super::{Fault, FaultKind, Rate};
use crate::provider::Provider;

/// The faults of one service.
#[derive(Debug)]
pub(crate) struct FaultPlan {
    faults: Vec<Fault>,
    seed: u64,
    /// By the fault's index and the operation's id. Each pair has its own, so that how often a client polls does not
    /// change what happens to its other calls.
    draws: Mutex<HashMap<(usize, &'static str), Draws>>,
    /// How often each fault has struck.
    struck: Vec<AtomicUsize>,
}

#[derive(Debug)]
struct Draws {
    count: u32,
    rng: Rng,
}

/// What strikes one request.
#[derive(Debug, Default)]
pub(super) struct Strike {
    pub(super) latency: Duration,
    /// By how many seconds the clock is off.
    pub(super) clock: i64,
    kinds: Vec<FaultKind>,
    /// Where an answer breaks, from 0 to 1.
    pub(super) position: f64,
}

impl Strike {
    pub(super) fn has(&self, kind: FaultKind) -> bool {
        self.kinds.contains(&kind)
    }
}

impl FaultPlan {
    pub(crate) fn new(provider: Provider, faults: &[Fault], seed: u64) -> Self {
        let faults: Vec<Fault> =
            faults.iter().filter(|fault| fault.provider == provider).cloned().collect();
        let struck = faults.iter().map(|_| AtomicUsize::new(0)).collect();
        Self { faults, seed, draws: Mutex::default(), struck }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// The faults, and how often each has struck.
    pub(crate) fn struck(&self) -> impl Iterator<Item = (&Fault, usize)> {
        let counts = self.struck.iter().map(|count| count.load(Ordering::Relaxed));
        self.faults.iter().zip(counts)
    }

    /// Draws what strikes the next request of an operation.
    pub(super) fn draw(&self, operation: Option<&'static Operation>) -> Strike {
        let mut strike = Strike::default();
        let mut draws = self.draws.lock().unwrap_or_else(PoisonError::into_inner);
        for (index, fault) in self.faults.iter().enumerate() {
            if !fault.concerns(operation) {
                continue;
            }
            let id = operation.map_or("", |operation| operation.id);
            let draws = draws.entry((index, id)).or_insert_with(|| {
                let position = fault.provider.operations().position(|known| known.id == id);
                let stream = (index * 100 + position.unwrap_or(99) + 1) as u64;
                let seed = self.seed.wrapping_add(stream.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                Draws { count: 0, rng: Rng::with_seed(seed) }
            });
            let strikes = match fault.rate {
                Rate::Probability(probability) => draws.rng.f64() < probability,
                Rate::First(requests) => draws.count < requests,
            };
            let position = draws.rng.f64();
            draws.count = draws.count.saturating_add(1);
            if !strikes {
                continue;
            }
            self.struck[index].fetch_add(1, Ordering::Relaxed);
            match fault.kind {
                FaultKind::Latency(latency) => {
                    strike.latency = strike.latency.saturating_add(latency)
                }
                FaultKind::Clock(offset) => strike.clock = strike.clock.saturating_add(offset),
                kind => strike.kinds.push(kind),
            }
            strike.position = position;
        }
        strike
    }
}

#[cfg(test)]
mod tests {
    use guestexec_tat::operations::{CANCEL_INVOCATION, DESCRIBE_INVOCATION_TASKS, RUN_COMMAND};

    use super::*;

    fn faults(seed: u64) -> FaultPlan {
        let faults = ["tat:lose-answer=0.3".parse().unwrap(), "cci:drip".parse().unwrap()];
        FaultPlan::new(Provider::Tat, &faults, seed)
    }

    fn run(faults: &FaultPlan, polls: usize) -> Vec<bool> {
        (0..100)
            .map(|_| {
                for _ in 0..polls {
                    faults.draw(Some(&DESCRIBE_INVOCATION_TASKS));
                }
                faults.draw(Some(&RUN_COMMAND)).has(FaultKind::LoseAnswer)
            })
            .collect()
    }

    #[test]
    fn a_seed_decides_what_is_struck() {
        let first = run(&faults(7), 0);
        assert_eq!(first, run(&faults(7), 3));
        assert_ne!(first, run(&faults(8), 0));
        let struck = first.iter().filter(|struck| **struck).count();
        assert!((15..45).contains(&struck), "{struck}");
    }

    #[test]
    fn the_first_requests() {
        let faults = FaultPlan::new(Provider::Tat, &["tat:throttle=first:2".parse().unwrap()], 1);
        let struck = |operation| !faults.draw(Some(operation)).kinds.is_empty();
        assert_eq!([(); 4].map(|()| struck(&RUN_COMMAND)), [true, true, false, false]);
        assert!(struck(&CANCEL_INVOCATION));
        assert_eq!(faults.struck().map(|(_, count)| count).collect::<Vec<_>>(), [3]);
    }
}
