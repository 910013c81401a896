//! Answers to pings, without a queue that grows.

use std::{collections::VecDeque, fmt};

/// The most answers that wait.
const MAX_WAITING: usize = 16;
/// The most pings that stay unanswered. A gateway that pings every five seconds while the server reads
/// nothing reaches it after days.
const MAX_UNANSWERED: u32 = 65_536;

/// Answers to pings that wait to be sent, over WebSocket or SPDY. Of more than 16 the oldest are dropped, as RFC 6455
/// allows.
#[derive(Debug)]
pub struct Pongs<T> {
    waiting: VecDeque<T>,
    unanswered: u32,
}

/// The other side sends pings without end, and reads no answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingFlood;

impl fmt::Display for PingFlood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it has sent more than {MAX_UNANSWERED} pings that it takes no answers to")
    }
}

impl std::error::Error for PingFlood {}

impl<T> Default for Pongs<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), unanswered: 0 }
    }
}

impl<T> Pongs<T> {
    /// Adds the answer to a ping.
    ///
    /// # Errors
    ///
    /// [`PingFlood`]: end the session, which would otherwise go on for ever.
    pub fn push(&mut self, pong: T) -> Result<(), PingFlood> {
        if self.waiting.len() == MAX_WAITING {
            self.waiting.pop_front();
            self.unanswered += 1;
        }
        self.waiting.push_back(pong);
        if self.unanswered > MAX_UNANSWERED { Err(PingFlood) } else { Ok(()) }
    }

    /// Takes the answer that is sent next.
    pub fn pop(&mut self) -> Option<T> {
        self.waiting.pop_front()
    }

    /// Whether an answer waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
