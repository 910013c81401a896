//! What can go wrong on demand, and how often.

mod layer;
mod text;

use std::time::Duration;

pub(crate) use self::layer::{Cut, Faults};
pub use self::text::FaultError;

/// One of the sandbox's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Tencent TAT.
    Tat,
    /// ZStack.
    Zstack,
    /// Huawei CCI, with its IAM.
    Cci,
}

impl FaultKind {
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

impl Provider {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tat, Self::Zstack, Self::Cci];

    /// The name in options and environment variables: `tat`, `zstack` or `cci`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tat => "tat",
            Self::Zstack => "zstack",
            Self::Cci => "cci",
        }
    }

    /// The operations a fault can be limited to, by the names in the service's document.
    pub fn operations(self) -> &'static [&'static str] {
        match self {
            Self::Tat => &crate::tat::ACTIONS,
            Self::Zstack => &crate::zstack::OPERATIONS,
            Self::Cci => &crate::cci::OPERATIONS,
        }
    }
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The request is looked at only after this long.
    Latency(Duration),
    /// The service's clock is off by so many seconds while it handles the request; negative is late.
    Clock(i64),
    /// Too many requests, in the service's own words. Nothing ran.
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
    /// What the request proves its sender with has just expired: for good, if it is a session or a token; for
    /// this request, if it is a key.
    Expire,
}

/// How often a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rate {
    /// Any request, with this probability.
    Probability(f64),
    /// So many requests of each operation, beginning with the first.
    First(u32),
}

/// A fault of one of the services; for [`Builder::fault`](crate::Builder::fault).
///
/// It strikes every request, unless told otherwise. Its text form is `PROVIDER[.OPERATION]:KIND[=VALUE]`:
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
    /// A fault that strikes every request.
    pub fn new(provider: Provider, kind: FaultKind) -> Self {
        Self { provider, operation: None, kind, rate: Rate::Probability(1.0) }
    }

    /// Only operations whose name contains this text, in any case: `RunCommand`, `exec`, `login`. The names are
    /// [`Provider::operations`].
    #[must_use]
    pub fn on(mut self, operation: impl Into<String>) -> Self {
        self.operation = Some(operation.into());
        self
    }

    /// Any request, with a probability from 0 to 1. Which ones follows from
    /// [`Builder::seed`](crate::Builder::seed).
    #[must_use]
    pub fn probability(mut self, probability: f64) -> Self {
        self.rate = Rate::Probability(probability.clamp(0.0, 1.0));
        self
    }

    /// The first so many requests of each operation.
    #[must_use]
    pub fn first(mut self, requests: u32) -> Self {
        self.rate = Rate::First(requests);
        self
    }

    /// The service it belongs to.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// What goes wrong.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    fn concerns(&self, operation: &str) -> bool {
        let operation = operation.to_ascii_lowercase();
        self.operation.as_ref().is_none_or(|part| operation.contains(&part.to_ascii_lowercase()))
    }
}
