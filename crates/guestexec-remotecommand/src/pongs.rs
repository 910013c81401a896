use std::collections::VecDeque;

/// The most answers that wait.
const MAX_WAITING: usize = 16;
/// Pings without an answer after which it is enough: a gateway that pings every five seconds, while
/// the server takes nothing, needs days for as many.
const MAX_UNANSWERED: u32 = 65_536;

/// Answers to pings that wait to be sent, in either form of the protocol. Of more than 16 the oldest are given up, as
/// RFC 6455 allows.
#[derive(Debug)]
pub struct Pongs<T> {
    waiting: VecDeque<T>,
    unanswered: u32,
}

/// The other side pings without end and takes no answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has sent more than {MAX_UNANSWERED} pings that it takes no answers to")]
pub struct PingFlood;

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
    /// [`PingFlood`]: end the session, since it would go on without end and without use.
    pub fn push(&mut self, pong: T) -> Result<(), PingFlood> {
        if self.waiting.len() == MAX_WAITING {
            self.waiting.pop_front();
            self.unanswered += 1;
        }
        self.waiting.push_back(pong);
        if self.unanswered > MAX_UNANSWERED { Err(PingFlood) } else { Ok(()) }
    }

    /// Takes the answer to be sent next.
    pub fn pop(&mut self) -> Option<T> {
        self.waiting.pop_front()
    }

    /// Whether an answer waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
