//! Whether the server is still there.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use guestexec_core::ErrorKind;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::Error;

/// The input that a pipe to a command takes although the command reads nothing, in bytes.
const PIPE: u64 = 64 * 1024;
/// The most unanswered pings that are remembered.
const MAX_UNANSWERED: usize = 64;
/// The longest limit.
const MAX_LIMIT: Duration = Duration::from_secs(365 * 24 * 3600);

/// The data that the server has sent since the last check.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) any: bool,
    /// The number of the latest ping that was answered.
    pub(super) pong: Option<u32>,
}

/// Pings a silent server, and knows when an answer is overdue.
///
/// A server that is blocked, because the command does not read its input, answers no ping. So only
/// a ping counts that has no input before it that may block: at most what a pipe takes, or, where
/// the server handles everything in order, none since the last ping that was answered.
pub(super) struct Liveness {
    limit: Option<Duration>,
    ordered_pings: bool,
    last_received: Instant,
    timer: Pin<Box<Sleep>>,
    unanswered: VecDeque<SentPing>,
    next_number: u32,
    /// Bytes of input sent.
    sent: u64,
    /// Bytes of input that the server has taken for certain: it answered a ping after them.
    taken: u64,
}

struct SentPing {
    number: u32,
    at: Instant,
    /// Bytes of input sent before it.
    sent: u64,
}

/// The reaction to a silence.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    SendPing,
    Dead,
}

impl Liveness {
    /// Bounds silence by `limit`, or not at all.
    pub(super) fn new(limit: Option<Duration>, ordered_pings: bool) -> Self {
        let limit = limit.map(|limit| limit.clamp(Duration::from_millis(2), MAX_LIMIT));
        let now = Instant::now();
        Self {
            limit,
            ordered_pings,
            last_received: now,
            timer: Box::pin(sleep_until(now + limit.unwrap_or(MAX_LIMIT) / 2)),
            unanswered: VecDeque::new(),
            next_number: 0,
            sent: 0,
            taken: 0,
        }
    }

    /// Counts input that is sent.
    pub(super) fn add_input(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(bytes as u64);
    }

    /// Numbers a ping that is sent.
    pub(super) fn add_ping(&mut self) -> u32 {
        let number = self.next_number;
        self.next_number = number.wrapping_add(1);
        if self.unanswered.len() < MAX_UNANSWERED {
            self.unanswered.push_back(SentPing { number, at: Instant::now(), sent: self.sent });
        }
        number
    }

    /// Records what has come. A session that is not `reading` receives nothing, so silence proves
    /// nothing then.
    pub(super) fn record(&mut self, received: Received, reading: bool) {
        if received.any || !reading {
            self.last_received = Instant::now();
        }
        if let Some(number) = received.pong {
            // Numbers wrap around, so "not later" is a distance of at most half their range.
            while let Some(ping) = self.unanswered.front()
                && number.wrapping_sub(ping.number) <= u32::MAX / 2
            {
                let ping = self.unanswered.pop_front();
                if let Some(ping) = ping.filter(|_| self.ordered_pings) {
                    self.taken = ping.sent;
                }
            }
        }
        if !reading {
            self.unanswered.clear();
        }
    }

    /// Ready when a silence calls for something.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Verdict> {
        let Some(limit) = self.limit else { return Poll::Pending };
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let silence = now - self.last_received;
            if silence < limit / 2 {
                self.timer.as_mut().reset(self.last_received + limit / 2);
                continue;
            }
            if silence >= limit && self.has_overdue_ping(now - limit / 2) {
                return Poll::Ready(Verdict::Dead);
            }
            let next = if silence < limit { self.last_received + limit } else { now + limit / 2 };
            self.timer.as_mut().reset(next);
            return Poll::Ready(Verdict::SendPing);
        }
    }

    /// Whether a ping sent up to `latest` would have been answered by a server that is there.
    fn has_overdue_ping(&self, latest: Instant) -> bool {
        self.unanswered
            .iter()
            .any(|ping| ping.at <= latest && (ping.sent <= PIPE || ping.sent <= self.taken))
    }

    /// The error of a dead session.
    pub(super) fn dead(&self) -> Error {
        let limit = self.limit.unwrap_or_default();
        Error::new(
            ErrorKind::Lost,
            format!(
                "the server has sent nothing for {limit:?}, not even an answer to a ping: the connection is dead"
            ),
        )
        .with_may_have_run(true)
        .with_advice("`dead_after` sets how long the server may be silent")
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    /// When a server is dead that answers none of `pings` pings; `None` if it is not.
    async fn silence(liveness: &mut Liveness, pings: usize) -> Option<Duration> {
        let begun = Instant::now();
        for _ in 0..pings {
            match poll_fn(|cx| liveness.poll(cx)).await {
                Verdict::SendPing => _ = liveness.add_ping(),
                Verdict::Dead => return Some(begun.elapsed()),
            }
        }
        None
    }

    fn pong(number: u32) -> Received {
        Received { any: true, pong: Some(number) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_without_answers_is_dead_at_the_limit() {
        let mut liveness = Liveness::new(Some(LIMIT), true);
        assert_eq!(silence(&mut liveness, 9).await.unwrap().as_secs(), 60);
        // Something arrives late, and then nothing more.
        let mut liveness = Liveness::new(Some(LIMIT), true);
        tokio::time::sleep(Duration::from_secs(29)).await;
        liveness.record(Received { any: true, pong: None }, true);
        assert_eq!(silence(&mut liveness, 9).await.unwrap().as_secs(), 60);
        // A little input blocks no server.
        let mut liveness = Liveness::new(Some(LIMIT), true);
        liveness.add_input(1000);
        assert_eq!(silence(&mut liveness, 9).await.unwrap().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_may_be_blocked_on_input_is_not_dead() {
        let mut liveness = Liveness::new(Some(LIMIT), true);
        liveness.add_input(1_000_000);
        assert_eq!(silence(&mut liveness, 200).await, None);
        // An answer to a later ping shows that the command has read the input.
        let last = liveness.add_ping();
        liveness.record(pong(last), true);
        assert_eq!(silence(&mut liveness, 9).await.unwrap().as_secs(), 60);
        // Where pings overtake input, an answer says nothing about the input.
        let mut liveness = Liveness::new(Some(LIMIT), false);
        liveness.add_input(1_000_000);
        let last = liveness.add_ping();
        liveness.record(pong(last), true);
        assert_eq!(silence(&mut liveness, 200).await, None);
        // A ping before the input is answered whether or not the input is read.
        let mut liveness = Liveness::new(Some(LIMIT), true);
        liveness.add_ping();
        liveness.add_input(1_000_000);
        assert_eq!(silence(&mut liveness, 9).await.unwrap().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_does_not_read_learns_nothing() {
        let mut liveness = Liveness::new(Some(LIMIT), true);
        liveness.add_ping();
        tokio::time::sleep(Duration::from_secs(600)).await;
        liveness.record(Received::default(), false);
        assert_eq!(silence(&mut liveness, 9).await.unwrap().as_secs(), 60);
        assert_eq!(silence(&mut Liveness::new(Some(Duration::MAX), true), 1).await, None);
        let mut off = Liveness::new(None, true);
        let never = poll_fn(|cx| off.poll(cx));
        assert!(tokio::time::timeout(MAX_LIMIT, never).await.is_err());
    }
}
