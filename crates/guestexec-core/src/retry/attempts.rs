//! The attempts of one call: after each, whether there is another, and when.

use std::{future::Future, sync::atomic::Ordering, time::Duration};

use reqwest::{Request, Response, StatusCode};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::Span;

use super::Retrying;
use crate::{
    CallError, ErrorKind, Operation, Refusal, Secrets, TransportError, Underway,
    telemetry::{self, Attempt},
    transport::error::Fault,
    wire_status,
};

/// The outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The answer of the call, be it a success or a refusal that another attempt would meet too.
    Final,
    /// The attempt had no effect, and the client has removed the cause: it is repeated at once.
    Corrected,
    /// A failure that may pass.
    Failed {
        /// What failed.
        kind: ErrorKind,
        /// True if the request certainly had no effect.
        no_effect: bool,
    },
}

impl Verdict {
    /// The verdict on an attempt without an answer.
    pub fn of_error(error: &TransportError) -> Self {
        let kind = match error.fault() {
            Fault::NotSent => ErrorKind::Connect,
            Fault::TimedOut => ErrorKind::Timeout,
            Fault::Lost => ErrorKind::Lost,
            Fault::Unusable | Fault::TooLarge | Fault::NotHttp => return Self::Final,
        };
        Self::Failed { kind, no_effect: kind == ErrorKind::Connect }
    }

    /// The verdict on an answer of this status, if the status says all.
    pub fn of_status(status: StatusCode) -> Self {
        let kind = match status.as_u16() {
            408 => ErrorKind::Timeout,
            429 => ErrorKind::Throttled,
            499 => ErrorKind::Lost,
            425 | 500 | 502..=504 => ErrorKind::Unavailable,
            _ => return Self::Final,
        };
        Self::Failed { kind, no_effect: kind == ErrorKind::Throttled }
    }

    /// The verdict on an answer of this status that a provider has read.
    pub fn of_refusal<D>(status: StatusCode, refusal: &Refusal<D>) -> Self {
        match refusal.kind {
            // Such as 501 and 505, which will be the same the next time.
            _ if status.is_server_error() && Self::of_status(status) == Self::Final => Self::Final,
            kind if super::KINDS.contains(&kind) => {
                Self::Failed { kind, no_effect: refusal.not_started }
            }
            _ => Self::Final,
        }
    }

    /// Whether the attempt certainly started no command.
    pub fn has_no_effect(self) -> bool {
        matches!(self, Self::Corrected | Self::Failed { no_effect: true, .. })
    }
}

/// The facts of an attempt, for the pause and for the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen<'a> {
    /// The status of the answer, if there is one.
    pub status: Option<StatusCode>,
    /// How long the service asks to wait.
    pub retry_after: Option<Duration>,
    /// The service's code.
    pub code: Option<&'a str>,
    /// The vendor's id of the request.
    pub request_id: Option<&'a str>,
}

/// The attempts of one call, from [`Inner::attempts`](crate::Inner::attempts).
///
/// Hooks make each attempt themselves: they [`begin`](Self::begin) it, send the request [`within`] the
/// [limit](Self::limit), and ask whether to [follow](Self::follow) it by another, which waits before it
/// says yes.
#[derive(Debug)]
pub struct Attempts<'a> {
    retrying: &'a Retrying,
    operation: &'static Operation,
    count: u32,
    begin: Instant,
    /// When the call has to be over.
    limit: Option<Instant>,
    /// When the caller stops waiting. It ends the attempt itself.
    deadline: Option<Instant>,
    made: u32,
    failures: u32,
    throttled: u32,
    sent: Instant,
    /// The span of the call.
    span: Span,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(
        retrying: &'a Retrying,
        operation: &'static Operation,
        count: Option<u32>,
        deadline: Option<Instant>,
    ) -> Self {
        let begin = Instant::now();
        Self {
            retrying,
            operation,
            count: count.unwrap_or(retrying.settings.count),
            begin,
            limit: retrying.settings.total.and_then(|total| begin.checked_add(total)),
            deadline,
            made: 0,
            failures: 0,
            throttled: 0,
            sent: begin,
            span: telemetry::current_call(),
        }
    }

    /// When the call has to be over, if there is a limit.
    pub fn limit(&self) -> Option<Instant> {
        self.limit
    }

    /// How many attempts were begun.
    pub fn made(&self) -> u32 {
        self.made
    }

    /// Notes that a request is given to the transport.
    pub fn begin(&mut self, request: &Request) {
        if self.made == 0 {
            telemetry::addressed(&self.span, request);
        }
        self.made += 1;
        self.sent = Instant::now();
        self.retrying.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether there is another attempt after one whose answer, if it is an error, was read by its provider;
    /// if so, after the pause before it. An attempt that had no effect is not `underway` any more. No log shows
    /// the `secrets`.
    pub async fn follow<D>(
        &mut self,
        result: &Result<(Response, Option<Refusal<D>>), CallError>,
        underway: &Underway,
        secrets: &(dyn Fn() -> Secrets + Sync),
    ) -> bool {
        let (verdict, seen) = match result {
            Ok((response, refusal)) => {
                let seen = Seen { status: Some(wire_status(response)), ..Seen::default() };
                match refusal {
                    Some(refusal) => {
                        let seen = Seen {
                            retry_after: refusal.retry_after,
                            code: refusal.code.as_deref(),
                            request_id: refusal.request_id.as_deref(),
                            ..seen
                        };
                        (Verdict::of_refusal(response.status(), refusal), seen)
                    }
                    None => (Verdict::Final, seen),
                }
            }
            Err(CallError::Transport(error)) => (Verdict::of_error(error), Seen::default()),
            Err(_) => (Verdict::Final, Seen::default()),
        };
        if verdict.has_no_effect() {
            underway.refute();
        }
        self.again(verdict, seen, secrets).await
    }

    /// Whether there is another attempt; if so, after the pause before it. No log shows the `secrets`.
    pub async fn again(
        &mut self,
        verdict: Verdict,
        seen: Seen<'_>,
        secrets: &(dyn Fn() -> Secrets + Sync),
    ) -> bool {
        let wait = self.wait(verdict, seen.retry_after);
        let kind = match verdict {
            Verdict::Failed { kind, .. } => Some(kind),
            Verdict::Final | Verdict::Corrected => None,
        };
        let attempt = Attempt {
            operation: self.operation,
            number: self.made,
            kind,
            seen,
            elapsed: self.sent.elapsed(),
            retry_in: wait,
        };
        // A request that was refused on this side was not sent.
        if self.made > 0 {
            attempt.tell(secrets);
        }
        let Some(wait) = wait else { return false };
        if !wait.is_zero() {
            sleep(wait).await;
        }
        self.retrying.retried.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// The pause before the next attempt, if there is one.
    fn wait(&mut self, verdict: Verdict, asked: Option<Duration>) -> Option<Duration> {
        let Retrying { settings, budget, .. } = self.retrying;
        let asked = asked.unwrap_or_default();
        let (kind, no_effect) = match verdict {
            Verdict::Failed { kind, no_effect } => (kind, no_effect),
            Verdict::Corrected => {
                return self.ends_in_time(Duration::ZERO).then_some(Duration::ZERO);
            }
            Verdict::Final => {
                budget.iter().for_each(super::Budget::earn);
                return None;
            }
        };
        let is_throttled = kind == ErrorKind::Throttled;
        if is_throttled {
            self.retrying.throttled.fetch_add(1, Ordering::Relaxed);
        }
        // The one rule without a setting: nothing is sent again that may have started a command.
        let Operation { repeatable, starts_command, .. } = *self.operation;
        let turned_away = no_effect && matches!(kind, ErrorKind::Connect | ErrorKind::Throttled);
        let does_no_harm = turned_away || (repeatable && !starts_command);
        if !does_no_harm || self.count == 0 || !settings.kinds.contains(&kind) {
            return None;
        }
        if is_throttled {
            self.throttled += 1;
            let wait = settings.pause(self.throttled).max(asked);
            let is_patient = self.begin.elapsed().saturating_add(wait) <= settings.patience;
            // The next answer may take as long as this one. One that comes too late says less than this.
            let until_answered = wait.saturating_add(self.sent.elapsed());
            return (is_patient && self.ends_in_time(until_answered)).then_some(wait);
        }
        let wait = settings.pause(self.failures + 1).max(asked);
        let may = self.failures < self.count
            && asked <= settings.patience
            && self.ends_in_time(wait)
            && budget.as_ref().is_none_or(super::Budget::take);
        self.failures += 1;
        may.then_some(wait)
    }

    /// Whether a pause leaves time for another attempt.
    fn ends_in_time(&self, wait: Duration) -> bool {
        let ends = |limit: Instant| Instant::now().checked_add(wait).is_some_and(|end| end < limit);
        self.limit.is_none_or(ends) && self.deadline.is_none_or(ends)
    }
}

/// Tells how often the request was sent again, also of a call that was dropped.
impl Drop for Attempts<'_> {
    fn drop(&mut self) {
        if self.made > 1 {
            telemetry::resent(&self.span, self.made - 1);
        }
    }
}

/// Makes an attempt within a limit.
///
/// # Errors
/// Those of the attempt; that a deadline has passed.
pub async fn within<T, E: From<TransportError>>(
    limit: Option<Instant>,
    attempt: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let Some(limit) = limit else { return attempt.await };
    match timeout_at(limit, attempt).await {
        Ok(result) => result,
        Err(_) => Err(TransportError::timed_out().into()),
    }
}
