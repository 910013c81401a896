//! What was looked at, and what was found.

use serde_json::{Value, json};

use crate::failure::Failure;

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// As it has to be.
    Ok,
    /// It works, and somebody should see to it.
    Warn,
    /// It does not work.
    Fail,
    /// It was not looked at, for a reason that another line has.
    Skip,
}

impl State {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skip => "skip",
        }
    }
}

/// One line of the report.
#[derive(Clone, Debug)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) state: State,
    pub(super) found: String,
    /// What belongs to it, a line each.
    pub(super) more: Vec<String>,
    pub(super) remedy: Option<String>,
}

impl Check {
    fn new(name: &'static str, state: State, found: impl Into<String>) -> Self {
        Self { name, state, found: found.into(), more: Vec::new(), remedy: None }
    }

    pub(super) fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(name, State::Ok, found)
    }

    pub(super) fn skip(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(name, State::Skip, found)
    }

    pub(super) fn warn(
        name: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { remedy: Some(remedy.into()), ..Self::new(name, State::Warn, found) }
    }

    pub(super) fn fail(
        name: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { remedy: Some(remedy.into()), ..Self::new(name, State::Fail, found) }
    }

    /// A failure with what it advises.
    pub(super) fn of(name: &'static str, failure: &Failure) -> Self {
        let remedy = failure.advice().map(str::to_owned);
        Self { remedy, ..Self::new(name, State::Fail, failure.what()) }
    }

    #[must_use]
    pub(super) fn with_more(mut self, more: Vec<String>) -> Self {
        self.more = more;
        self
    }

    pub(super) fn to_json(&self, provider: &str) -> Value {
        let mut value = json!({
            "provider": provider,
            "check": self.name,
            "state": self.state.as_str(),
            "found": self.found,
        });
        if !self.more.is_empty() {
            value["more"] = json!(self.more);
        }
        if let Some(remedy) = &self.remedy {
            value["remedy"] = json!(remedy);
        }
        value
    }
}
