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

/// Bytes of input that the pipe to a command takes though the command reads none of them.
const PIPE: u64 = 64 * 1024;
/// The most unanswered pings that are kept in mind.
const MAX_ASKED: usize = 64;
/// The longest silence that can be asked for.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// What has come since the last look.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) anything: bool,
    /// The number of the latest ping that was answered.
    pub(super) pong: Option<u32>,
}

/// Listens, asks by a ping where it is silent, and knows when an answer should have come.
///
/// A server that is blocked, because the command does not read its input, answers no ping. So an
/// answer is missing only to a ping that has no input before it which may block: none beyond what a
/// pipe takes; or, where the server handles all it gets in order, none since the last ping that was
/// answered.
pub(super) struct Pulse {
    limit: Option<Duration>,
    in_order: bool,
    heard: Instant,
    timer: Pin<Box<Sleep>>,
    asked: VecDeque<Question>,
    number: u32,
    /// Bytes of input sent; and those of them that a ping was answered behind.
    input: u64,
    taken: u64,
}

/// A ping without an answer yet.
struct Question {
    number: u32,
    at: Instant,
    /// Bytes of input sent before it.
    input: u64,
}

/// What a silence calls for.
#[derive(Debug, PartialEq)]
pub(super) enum Silence {
    Ask,
    Dead,
}

impl Pulse {
    /// With a `limit` to silence, or none; for a server that answers pings `in_order` with all else.
    pub(super) fn new(limit: Option<Duration>, in_order: bool) -> Self {
        let limit = limit.map(|limit| limit.clamp(Duration::from_millis(2), LONGEST));
        let now = Instant::now();
        let first = now + limit.unwrap_or(LONGEST) / 2;
        Self {
            limit,
            in_order,
            heard: now,
            timer: Box::pin(sleep_until(first)),
            asked: VecDeque::new(),
            number: 0,
            input: 0,
            taken: 0,
        }
    }

    /// So many bytes of input are sent.
    pub(super) fn send_input(&mut self, bytes: usize) {
        self.input = self.input.saturating_add(bytes as u64);
    }

    /// A ping is sent: its number.
    pub(super) fn send_ping(&mut self) -> u32 {
        let number = self.number;
        self.number = number.wrapping_add(1);
        if self.asked.len() < MAX_ASKED {
            self.asked.push_back(Question { number, at: Instant::now(), input: self.input });
        }
        number
    }

    /// Takes note of what has come. Where the session is not `reading`, nothing can.
    pub(super) fn hear(&mut self, heard: Heard, reading: bool) {
        if heard.anything || !reading {
            self.heard = Instant::now();
        }
        if let Some(number) = heard.pong {
            while let Some(question) = self.asked.front()
                && number.wrapping_sub(question.number) <= u32::MAX / 2
            {
                if self.in_order {
                    self.taken = question.input;
                }
                self.asked.pop_front();
            }
        }
        if !reading {
            self.asked.clear();
        }
    }

    /// Ready where the silence calls for something.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Silence> {
        let Some(limit) = self.limit else { return Poll::Pending };
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let silent = now - self.heard;
            if silent < limit / 2 {
                self.timer.as_mut().reset(self.heard + limit / 2);
                continue;
            }
            if silent >= limit && self.answer_is_missing(now - limit / 2) {
                return Poll::Ready(Silence::Dead);
            }
            let next = if silent < limit { self.heard + limit } else { now + limit / 2 };
            self.timer.as_mut().reset(next);
            return Poll::Ready(Silence::Ask);
        }
    }

    /// Whether a ping sent up to `latest` would have been answered by now.
    fn answer_is_missing(&self, latest: Instant) -> bool {
        self.asked.iter().any(|question| {
            question.at <= latest && (question.input <= PIPE || question.input <= self.taken)
        })
    }

    /// The error of a session that has died.
    pub(super) fn dead(&self) -> Error {
        let limit = self.limit.unwrap_or_default();
        Error::new(
            ErrorKind::Lost,
            format!(
                "nothing has come from the server for {limit:?}, no answer to a ping either: the connection is dead"
            ),
        )
        .with_may_have_run(true)
        .with_advice("`dead_after` says how long a silence is borne")
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    /// What silence leads to when each ping is sent and none answered, for at most so many pings.
    async fn silence(pulse: &mut Pulse, pings: usize) -> Option<Duration> {
        let begun = Instant::now();
        for _ in 0..pings {
            match poll_fn(|cx| pulse.poll(cx)).await {
                Silence::Ask => _ = pulse.send_ping(),
                Silence::Dead => return Some(begun.elapsed()),
            }
        }
        None
    }

    fn pong(number: u32) -> Heard {
        Heard { anything: true, pong: Some(number) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_without_answers_is_dead_at_the_limit() {
        let mut pulse = Pulse::new(Some(LIMIT), true);
        assert_eq!(silence(&mut pulse, 9).await.unwrap().as_secs(), 60);
        // Something came late, and then no more.
        let mut pulse = Pulse::new(Some(LIMIT), true);
        tokio::time::sleep(Duration::from_secs(29)).await;
        pulse.hear(Heard { anything: true, pong: None }, true);
        assert_eq!(silence(&mut pulse, 9).await.unwrap().as_secs(), 60);
        // A little input is no reason to be silent.
        let mut pulse = Pulse::new(Some(LIMIT), true);
        pulse.send_input(1000);
        assert_eq!(silence(&mut pulse, 9).await.unwrap().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_may_be_blocked_on_input_is_not_dead() {
        let mut pulse = Pulse::new(Some(LIMIT), true);
        pulse.send_input(1_000_000);
        assert_eq!(silence(&mut pulse, 200).await, None);
        // The command has read it after all, for a ping behind it is answered.
        let last = pulse.send_ping();
        pulse.hear(pong(last), true);
        assert_eq!(silence(&mut pulse, 9).await.unwrap().as_secs(), 60);
        // Where pings overtake input, an answer says nothing of it.
        let mut pulse = Pulse::new(Some(LIMIT), false);
        pulse.send_input(1_000_000);
        let last = pulse.send_ping();
        pulse.hear(pong(last), true);
        assert_eq!(silence(&mut pulse, 200).await, None);
        // A ping before the input was to be answered, whatever became of the input.
        let mut pulse = Pulse::new(Some(LIMIT), true);
        pulse.send_ping();
        pulse.send_input(1_000_000);
        assert_eq!(silence(&mut pulse, 9).await.unwrap().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_listen_cannot_know() {
        let mut pulse = Pulse::new(Some(LIMIT), true);
        pulse.send_ping();
        tokio::time::sleep(Duration::from_secs(600)).await;
        pulse.hear(Heard::default(), false);
        assert_eq!(silence(&mut pulse, 9).await.unwrap().as_secs(), 60);
        assert_eq!(silence(&mut Pulse::new(Some(Duration::MAX), true), 1).await, None);
        let mut off = Pulse::new(None, true);
        let never = poll_fn(|cx| off.poll(cx));
        assert!(tokio::time::timeout(LONGEST, never).await.is_err());
    }
}
