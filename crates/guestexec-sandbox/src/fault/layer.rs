//! The layer in front of the three services, in which faults strike.
//!
//! A service below it knows nothing of them, so what it counts is what really ran.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use hyper::{
    Request, StatusCode,
    body::{Body as _, Incoming},
    header::{DATE, HeaderValue},
};
use tokio::time::sleep;

use super::{Fault, FaultKind, Provider, Rate};
use crate::{
    clock,
    line::Control,
    server::{self, Answer, Content, Service},
};

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed without an answer")]
pub(crate) struct Cut;

/// The faults of one service.
#[derive(Debug)]
pub(crate) struct Faults {
    faults: Vec<Fault>,
    seed: u64,
    draws: Mutex<HashMap<(usize, &'static str), Draws>>,
    /// How often each fault has struck.
    struck: Vec<AtomicUsize>,
}

/// What a fault has drawn for one operation. Apart for each, so that how often a client polls does not change
/// what happens to its other calls.
#[derive(Debug)]
struct Draws {
    count: u32,
    rng: Rng,
}

/// What strikes one request.
#[derive(Debug, Default)]
struct Strike {
    latency: Duration,
    clock: i64,
    kinds: Vec<FaultKind>,
    /// Where an answer breaks, from 0 to 1.
    place: f64,
}

impl Strike {
    fn has(&self, kind: FaultKind) -> bool {
        self.kinds.contains(&kind)
    }
}

impl Faults {
    pub(crate) fn new(provider: Provider, faults: &[Fault], seed: u64) -> Self {
        let faults: Vec<Fault> =
            faults.iter().filter(|fault| fault.provider == provider).cloned().collect();
        let struck = faults.iter().map(|_| AtomicUsize::new(0)).collect();
        Self { faults, seed, draws: Mutex::default(), struck }
    }

    /// The faults, and how often each has struck.
    pub(crate) fn struck(&self) -> impl Iterator<Item = (&Fault, usize)> {
        let counts = self.struck.iter().map(|count| count.load(Ordering::Relaxed));
        self.faults.iter().zip(counts)
    }

    fn draw(&self, provider: Provider, operation: &'static str) -> Strike {
        let mut strike = Strike::default();
        for (index, fault) in self.faults.iter().enumerate() {
            if !fault.concerns(operation) {
                continue;
            }
            let mut draws = self.draws.lock().unwrap_or_else(PoisonError::into_inner);
            let draws = draws.entry((index, operation)).or_insert_with(|| {
                let known = provider.operations().iter().position(|known| *known == operation);
                let stream = (index * 100 + known.unwrap_or(99) + 1) as u64;
                let seed = self.seed.wrapping_add(stream.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                Draws { count: 0, rng: Rng::with_seed(seed) }
            });
            let strikes = match fault.rate {
                Rate::Probability(probability) => draws.rng.f64() < probability,
                Rate::First(requests) => draws.count < requests,
            };
            let place = draws.rng.f64();
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
            strike.place = place;
        }
        strike
    }

    /// The service's answer, or what becomes of it.
    pub(crate) async fn answer<S: Service>(
        &self,
        service: Arc<S>,
        control: &Arc<Control>,
        mut request: Request<Incoming>,
    ) -> Result<Answer, Cut> {
        if self.faults.is_empty() {
            return Ok(service.answer(request).await);
        }
        control.clear();
        let strike = self.draw(S::PROVIDER, service.operation(&request));
        if !strike.latency.is_zero() {
            sleep(strike.latency).await;
        }
        if strike.has(FaultKind::LoseRequest) {
            return Err(Cut);
        }
        let mut answer = if strike.has(FaultKind::BadGateway) {
            gateway(StatusCode::BAD_GATEWAY)
        } else if strike.has(FaultKind::Throttle) {
            service.throttled()
        } else if let Some(refusal) =
            strike.has(FaultKind::Expire).then(|| service.expire(&request)).flatten()
        {
            refusal
        } else {
            request.extensions_mut().insert(Arc::clone(control));
            clock::off_by(strike.clock, service.answer(request)).await
        };
        if strike.clock != 0
            && let Ok(date) = HeaderValue::try_from(clock::http_date(clock::now() + strike.clock))
        {
            answer.headers_mut().insert(DATE, date);
        }
        let upgrades = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
        if strike.has(FaultKind::GatewayTimeout) && !upgrades {
            answer = gateway(StatusCode::GATEWAY_TIMEOUT);
        }
        if strike.has(FaultKind::LoseAnswer) || (strike.has(FaultKind::GatewayTimeout) && upgrades)
        {
            // A session begins only with its answer, so it goes on in silence.
            if !upgrades {
                return Err(Cut);
            }
            control.mute();
        }
        if strike.has(FaultKind::Drip) {
            control.drip();
        }
        if strike.has(FaultKind::Reset) {
            if upgrades {
                // The answer itself is the first write, each frame another.
                control.cut_write(2 + (strike.place * 3.0) as usize);
            } else {
                control.cut_after(head_len(&answer) + place_in(answer.body(), strike.place));
            }
        }
        Ok(answer)
    }
}

/// A place inside a body, that is neither its beginning nor its end.
fn place_in(body: &Content, place: f64) -> usize {
    let length = body.size_hint().exact().unwrap_or_default();
    (length as f64 * place) as usize
}

/// How long the head will be that hyper writes before the body.
fn head_len(answer: &Answer) -> usize {
    let reason = answer.status().canonical_reason().unwrap_or_default();
    let given: usize = answer
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len())
        .sum();
    let length = answer.body().size_hint().exact().unwrap_or_default().to_string();
    let date = if answer.headers().contains_key(DATE) {
        0
    } else {
        "date: Sun, 22 Nov 2026 10:38:39 GMT\r\n".len()
    };
    "HTTP/1.1 200 \r\n".len()
        + reason.len()
        + given
        + "content-length: \r\n".len()
        + length.len()
        + date
        + "\r\n".len()
}

/// What a gateway says that has lost the service behind it.
fn gateway(status: StatusCode) -> Answer {
    let body = format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n\
         <hr><center>gateway</center>\r\n</body>\r\n</html>\r\n"
    );
    server::answer(status, "text/html", body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(seed: u64) -> Faults {
        let faults = ["tat:lose-answer=0.3".parse().unwrap(), "cci:drip".parse().unwrap()];
        Faults::new(Provider::Tat, &faults, seed)
    }

    fn run(faults: &Faults, polls: usize) -> Vec<bool> {
        (0..100)
            .map(|_| {
                for _ in 0..polls {
                    faults.draw(Provider::Tat, "DescribeInvocationTasks");
                }
                faults.draw(Provider::Tat, "RunCommand").has(FaultKind::LoseAnswer)
            })
            .collect()
    }

    #[test]
    fn a_seed_says_it_all() {
        let first = run(&faults(7), 0);
        assert_eq!(first, run(&faults(7), 3));
        assert_ne!(first, run(&faults(8), 0));
        let struck = first.iter().filter(|struck| **struck).count();
        assert!((15..45).contains(&struck), "{struck}");
    }

    #[test]
    fn the_first_requests() {
        let faults = Faults::new(Provider::Tat, &["tat:throttle=first:2".parse().unwrap()], 1);
        let struck = |operation| !faults.draw(Provider::Tat, operation).kinds.is_empty();
        assert_eq!([(); 4].map(|()| struck("RunCommand")), [true, true, false, false]);
        assert!(struck("CancelInvocation"));
        assert_eq!(faults.struck().map(|(_, count)| count).collect::<Vec<_>>(), [3]);
    }
}
