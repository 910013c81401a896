//! The results of a comparison: data alone. [`detect`](super::detect) finds it, [`report`](super::report)
//! shows it, and [`rules`](super::rules) says what each kind means.

use std::fmt;

use serde::Serialize;

use super::rules::Rule;

/// The effect of a change on requests and answers of existing programs.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Wire {
    /// The same bytes are sent and understood.
    #[default]
    None,
    /// Valid requests stay valid, and answers are still read.
    Compatible,
    /// Some request that was valid no longer is, or something that was read no longer comes.
    Breaking,
}

/// The effect of a change on code that uses the generated crate.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rust {
    /// The code is the same but for its documentation.
    #[default]
    None,
    /// The code differs, and no public item does.
    Patch,
    /// Public items were added, or are advised against.
    Minor,
    /// Public items were removed or changed.
    Major,
}

/// The subject of a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The calls, requests and answers themselves.
    Interface,
    /// The checks, retries, secrets and errors.
    Behaviour,
    /// Texts, sources and examples; the changelog needs no line for it.
    Documentation,
}

/// Whether a type is sent or received.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// In requests.
    Request,
    /// In answers.
    Answer,
    /// In both.
    Both,
}

/// A difference between two states of a document.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// The rule that saw it.
    pub rule: Rule,
    /// The operation or type first: `RunCommand`, `RunCommandRequest.Content`.
    pub place: String,
    /// Which way it travels; none for what is of the document or of an operation.
    pub direction: Option<Direction>,
    /// The value before, where there was one.
    pub before: Option<String>,
    /// The value now, where there is one.
    pub after: Option<String>,
    /// The line in the base's document.
    pub old_line: Option<u64>,
    /// The line in the document of today.
    pub new_line: Option<u64>,
    /// The operations that reach it.
    pub used_by: Vec<String>,
}

impl Change {
    /// The wire verdict.
    pub fn wire(&self) -> Wire {
        self.rule.facts().wire
    }

    /// The Rust verdict.
    pub fn rust(&self) -> Rust {
        self.rule.facts().rust
    }

    /// True for a change that the changelog has to tell.
    pub fn needs_line(&self) -> bool {
        self.rule.facts().class != Class::Documentation
    }

    /// What happened, in a sentence.
    pub fn sentence(&self) -> String {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        self.rule
            .facts()
            .sentence
            .replace("{place}", &format!("`{}`", self.place))
            .replace("{before}", &value(&self.before))
            .replace("{after}", &value(&self.after))
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Compatible => "compatible",
            Self::Breaking => "breaking",
        })
    }
}

impl fmt::Display for Rust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        })
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Request => "request",
            Self::Answer => "answer",
            Self::Both => "request and answer",
        })
    }
}
