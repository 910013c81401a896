//! What can go wrong on demand, and how often.

mod layer;
mod plan;
mod text;

use std::time::Duration;

use guestexec_core::Operation;

pub use self::text::FaultError;
pub(crate) use self::{
    layer::{ConnectionClosed, answer_with_faults},
    plan::FaultPlan,
};
use crate::provider::Provider;

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The service handles the request only after this long.
    Latency(Duration),
    /// The service's clock is off by so many seconds while it handles the request; a negative number sets it back.
    Clock(i64),
    /// The service's own error for too many requests. Nothing ran.
    Throttle,
    /// A gateway answers 502 in HTML. The service never saw the request.
    BadGateway,
    /// A gateway answers 504 in HTML, though the service did what it was asked to.
    GatewayTimeout,
    /// The connection closes without an answer. The service never saw the request.
    LoseRequest,
    /// The connection closes without an answer, though the service did what it was asked to.
    LoseAnswer,
    /// The connection is reset in the middle of the answer's body; in an exec session, in the middle of one of
    /// its first frames.
    Reset,
    /// The answer, or the whole exec session, comes in pieces of 16 bytes, 10 ms apart.
    Drip,
    /// The request's credential has just expired: for good, if it is a session or a token; for this request, if it
    /// is a key.
    Expire,
}

impl FaultKind {
    /// One of each.
    const ALL: [Self; 10] = [
        Self::Latency(Duration::ZERO),
        Self::Clock(0),
        Self::Throttle,
        Self::BadGateway,
        Self::GatewayTimeout,
        Self::LoseRequest,
        Self::LoseAnswer,
        Self::Reset,
        Self::Drip,
        Self::Expire,
    ];

    /// The name in options and texts, such as `lose-answer`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Latency(_) => "latency",
            Self::Clock(_) => "clock",
            Self::Throttle => "throttle",
            Self::BadGateway => "bad-gateway",
            Self::GatewayTimeout => "gateway-timeout",
            Self::LoseRequest => "lose-request",
            Self::LoseAnswer => "lose-answer",
            Self::Reset => "reset",
            Self::Drip => "drip",
            Self::Expire => "expire",
        }
    }
}

/// How often a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rate {
    /// Each request, with this probability.
    Probability(f64),
    /// The first so many requests of each operation.
    First(u32),
}

/// Something that goes wrong in one of the services; for [`Builder::fault`](crate::Builder::fault).
///
/// It strikes every request by default. Its text form is `PROVIDER[.OPERATION]:KIND[=VALUE]`:
///
/// ```
/// use std::time::Duration;
/// use guestexec_sandbox::{Fault, FaultKind, Provider};
///
/// # fn main() -> Result<(), guestexec_sandbox::FaultError> {
/// let lost: Fault = "tat.RunCommand:lose-answer=0.1".parse()?;
/// assert_eq!(lost, Fault::new(Provider::Tat, FaultKind::LoseAnswer).on("RunCommand").probability(0.1));
///
/// let busy: Fault = "zstack:throttle=first:3".parse()?;
/// assert_eq!(busy, Fault::new(Provider::Zstack, FaultKind::Throttle).first(3));
///
/// let far: Fault = "cci:latency=200ms".parse()?;
/// assert_eq!(far, Fault::new(Provider::Cci, FaultKind::Latency(Duration::from_millis(200))));
///
/// let wrong: Fault = "cci:clock=-1h".parse()?;
/// assert_eq!(wrong, Fault::new(Provider::Cci, FaultKind::Clock(-3600)));
/// # Ok(())
/// # }
/// ```
///
/// The kinds are `latency=DURATION`, `clock=±DURATION`, `throttle`, `bad-gateway`, `gateway-timeout`,
/// `lose-request`, `lose-answer`, `reset`, `drip` and `expire`; the value of those without a duration is a
/// probability from 0 to 1, or `first`, or `first:N`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    provider: Provider,
    operation: Option<String>,
    kind: FaultKind,
    rate: Rate,
}

impl Fault {
    /// Creates a fault that strikes every request.
    pub fn new(provider: Provider, kind: FaultKind) -> Self {
        Self { provider, operation: None, kind, rate: Rate::Probability(1.0) }
    }

    /// Limits the fault to operations whose id contains this text in any case: `RunCommand`, `exec`, `login`. See
    /// [`Provider::operations`]. ZStack's two operations on a script's `actions` count as `ExecuteGuestVmScript`.
    #[must_use]
    pub fn on(mut self, operation: impl Into<String>) -> Self {
        self.operation = Some(operation.into());
        self
    }

    /// Strikes each request with a probability from 0 to 1. [`Builder::seed`](crate::Builder::seed) decides which.
    #[must_use]
    pub fn probability(mut self, probability: f64) -> Self {
        self.rate = Rate::Probability(probability.clamp(0.0, 1.0));
        self
    }

    /// Strikes the first so many requests of each operation.
    #[must_use]
    pub fn first(mut self, requests: u32) -> Self {
        self.rate = Rate::First(requests);
        self
    }

    /// The service in which it strikes.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// What goes wrong.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    /// Whether it may strike this operation; a request for none has no id.
    fn concerns(&self, operation: Option<&Operation>) -> bool {
        let id = operation.map_or("", |operation| operation.id).to_ascii_lowercase();
        self.operation.as_ref().is_none_or(|part| id.contains(&part.to_ascii_lowercase()))
    }
}
