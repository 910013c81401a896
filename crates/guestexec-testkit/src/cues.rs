//! The replies that a tape has, and which of them a request gets.

use std::sync::Arc;

use guestexec_core::{Operation, Request, RequestShape};

use crate::{Reply, Times};

type Compute = dyn Fn(&RequestShape) -> Reply + Send + Sync;

/// Where a reply comes from.
#[derive(Clone)]
pub(crate) enum Source {
    Canned(Reply),
    /// Computed from the request.
    Computed(Arc<Compute>),
}

impl Source {
    /// What a message says of it.
    pub(crate) fn described(&self) -> String {
        match self {
            Self::Canned(reply) => reply.to_string(),
            Self::Computed(_) => "computed from the request".to_owned(),
        }
    }
}

/// A reply, and whom it is for.
pub(crate) struct Cue {
    /// `None` for any operation.
    pub(crate) operation: Option<Operation>,
    pub(crate) source: Source,
    /// True if it answers one request, unless `times` says more; false for a rule of an operation.
    pub(crate) once: bool,
    /// How many requests it answers, if that was said.
    pub(crate) times: Option<usize>,
    /// How many it has answered.
    pub(crate) given: usize,
}

/// All replies of a tape, and how many requests of an operation it expects.
#[derive(Default)]
pub(crate) struct Cues {
    all: Vec<Cue>,
    pub(crate) counts: Vec<(Operation, Times)>,
}

impl Cues {
    pub(crate) fn add(&mut self, operation: Option<Operation>, once: bool, source: Source) {
        let times = match &source {
            Source::Canned(reply) => reply.times,
            Source::Computed(_) => None,
        };
        self.all.push(Cue { operation, source, once, times, given: 0 });
    }

    /// The reply to a request of `operation`; `None` if none is left.
    pub(crate) fn next(&mut self, operation: &Operation, request: &Request) -> Option<Source> {
        let find = |once: bool, wanted: Option<&Operation>| {
            let mut all = self.all.iter().enumerate();
            all.find(|(at, cue)| {
                cue.once == once && self.has_more(*at, cue) && cue.operation.as_ref() == wanted
            })
            .map(|(at, _)| at)
        };
        let own = Some(operation);
        let at = find(true, own).or_else(|| find(false, own)).or_else(|| find(true, None))?;
        let cue = self.all.get_mut(at)?;
        if !matches!(&cue.source, Source::Canned(reply) if reply.remains_after(request)) {
            cue.given += 1;
        }
        Some(cue.source.clone())
    }

    /// How many requests a reply answers; `None` for any number, as the last rule of an operation does.
    fn quota(&self, at: usize, cue: &Cue) -> Option<usize> {
        let is_last = || {
            let mut later = self.all.iter().skip(at + 1);
            !later.any(|later| !later.once && later.operation == cue.operation)
        };
        match cue.times {
            None if !cue.once && is_last() => None,
            times => Some(times.unwrap_or(1)),
        }
    }

    fn has_more(&self, at: usize, cue: &Cue) -> bool {
        self.quota(at, cue).is_none_or(|quota| cue.given < quota)
    }

    /// The replies that are to be given still, and to how many requests. A rule for any number of requests
    /// is to be used once, unless a count was given for its operation.
    pub(crate) fn unplayed(&self) -> impl Iterator<Item = (&Cue, usize)> {
        self.all.iter().enumerate().filter_map(|(at, cue)| {
            let wanted = self.quota(at, cue).unwrap_or_else(|| {
                let counted = |counted: &&(Operation, Times)| Some(counted.0) == cue.operation;
                usize::from(!self.counts.iter().any(|count| counted(&count)))
            });
            let left = wanted.saturating_sub(cue.given);
            (left > 0).then_some((cue, left))
        })
    }

    /// The operations that have replies of their own.
    pub(crate) fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.all.iter().filter_map(|cue| cue.operation.as_ref())
    }
}
