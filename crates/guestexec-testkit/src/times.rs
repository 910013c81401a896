//! How many requests there should be.

use std::{
    fmt,
    ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive},
};

/// A number of requests: `3`, `1..`, `2..=5`, `..10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    least: usize,
    /// One more than the most; `None` for any number.
    end: Option<usize>,
}

impl Times {
    /// True if `count` is such a number.
    pub fn contains(&self, count: usize) -> bool {
        self.least <= count && self.end.is_none_or(|end| count < end)
    }

    /// True if no number is.
    pub(crate) fn is_empty(&self) -> bool {
        self.end.is_some_and(|end| end <= self.least)
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.end.map(|end| end.saturating_sub(1));
        match (self.least, most) {
            (0, None) => f.write_str("any number"),
            (least, None) => write!(f, "at least {least}"),
            (least, Some(most)) if least == most => write!(f, "{least}"),
            (0, Some(most)) => write!(f, "at most {most}"),
            (least, Some(most)) => write!(f, "{least} to {most}"),
        }
    }
}

impl From<usize> for Times {
    fn from(count: usize) -> Self {
        (count..=count).into()
    }
}

impl From<Range<usize>> for Times {
    fn from(range: Range<usize>) -> Self {
        Self { least: range.start, end: Some(range.end) }
    }
}

impl From<RangeInclusive<usize>> for Times {
    fn from(range: RangeInclusive<usize>) -> Self {
        Self { least: *range.start(), end: range.end().checked_add(1) }
    }
}

impl From<RangeFrom<usize>> for Times {
    fn from(range: RangeFrom<usize>) -> Self {
        Self { least: range.start, end: None }
    }
}

impl From<RangeTo<usize>> for Times {
    fn from(range: RangeTo<usize>) -> Self {
        (0..range.end).into()
    }
}

impl From<RangeToInclusive<usize>> for Times {
    fn from(range: RangeToInclusive<usize>) -> Self {
        (0..=range.end).into()
    }
}

impl From<RangeFull> for Times {
    fn from(_: RangeFull) -> Self {
        (0..).into()
    }
}
