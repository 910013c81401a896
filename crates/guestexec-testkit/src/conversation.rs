//! The requests and answers of a tape, for a snapshot.

use std::{fmt, slice, time::Duration, vec};

use guestexec_core::{Operation, RequestShape};
use serde::{Serialize, Serializer};

use crate::Answer;

/// A request, and what it was answered with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Exchange {
    /// The operation that was called.
    #[serde(skip)]
    pub operation: &'static Operation,
    /// The request's place among all requests of the tape, from 1. It is in no snapshot, because the
    /// requests of concurrent calls arrive in another order on each run.
    #[serde(skip)]
    pub order: usize,
    /// The request.
    pub request: RequestShape,
    /// How long the answer was held back, as [`Reply::after`](crate::Reply::after) said.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "readable")]
    pub after: Option<Duration>,
    /// The answer.
    pub answer: Answer,
}

fn readable<S: Serializer>(after: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    after.map(|after| format!("{after:?}")).serialize(serializer)
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = self.request.to_string();
        write!(f, "{}\n\n→ {}", request.trim_end_matches('\n'), self.answer.headline(self.after))?;
        let details = self.answer.details();
        match details.trim_end_matches('\n') {
            "" => Ok(()),
            details => write!(f, "\n{details}"),
        }
    }
}

/// The requests of a tape and their answers, for `insta::assert_snapshot!` (each request as sent, then its
/// answer) and `insta::assert_json_snapshot!` (an array of objects with `request` and `answer`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Conversation(pub(crate) Vec<Exchange>);

impl Conversation {
    /// The exchanges.
    pub fn exchanges(&self) -> &[Exchange] {
        &self.0
    }

    /// The same exchanges, sorted by the operation's id, then by the text of the request. Equal requests
    /// stay in their order. See [`Tape::sorted`](crate::Tape::sorted) for when to use it.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.0.sort_by_cached_key(|exchange| (exchange.operation.id, exchange.request.to_string()));
        self
    }
}

impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, exchange) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n---\n\n")?;
            }
            exchange.fmt(f)?;
        }
        Ok(())
    }
}

impl IntoIterator for Conversation {
    type IntoIter = vec::IntoIter<Exchange>;
    type Item = Exchange;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Conversation {
    type IntoIter = slice::Iter<'a, Exchange>;
    type Item = &'a Exchange;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
