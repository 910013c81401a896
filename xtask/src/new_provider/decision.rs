//! What a foreign document leaves open, or says in a way that ours cannot: one kind a case, each with
//! a stable name and its sentence.

use std::fmt::{self, Write as _};

/// Where something was done, and what.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Decision {
    /// What was done.
    pub kind: Kind,
    /// The operation, schema or member, by its name in our document.
    pub place: String,
}

/// Whether somebody has to think about it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// A person decides.
    Decide,
    /// It was rewritten, and says the same.
    Note,
}

/// Kinds of decisions.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[allow(missing_docs, reason = "the sentences say what each is")]
pub enum Kind {
    OperationLeftOut { why: String },
    ParameterLeftOut { name: String, why: String },
    MemberLeftOut { name: String, why: &'static str },
    AnswerLeftOut { status: String, why: &'static str },
    BodyLeftOut { why: String },
    FirstChoice { of: usize },
    Merged { of: usize },
    FreeForm { why: &'static str },
    StartsCommand { method: String },
    Repeatable { method: String },
    PathPattern,
    LimitLeftOut { word: String, why: &'static str },
    ValuesLeftOut { values: Vec<String> },
    Secret,
    Scheme { kind: String },
    NoCredentials,
    PageUnknown { url: String },
    TextMissing,
    TextShortened,
    OwnWords,
    Renamed { from: String },
    Split { into: String },
    StatusAssumed { from: String, to: &'static str },
    BodyRequired,
    TextRewritten,
    SaidInText { word: String },
    WordLeftOut { word: String },
    AnswerLoosened,
}

impl Kind {
    /// The name of the rule, which stays.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::OperationLeftOut { .. } => "operation-left-out",
            Self::ParameterLeftOut { .. } => "parameter-left-out",
            Self::MemberLeftOut { .. } => "member-left-out",
            Self::AnswerLeftOut { .. } => "answer-left-out",
            Self::BodyLeftOut { .. } => "body-left-out",
            Self::FirstChoice { .. } => "first-choice",
            Self::Merged { .. } => "merged",
            Self::FreeForm { .. } => "free-form",
            Self::StartsCommand { .. } => "starts-command",
            Self::Repeatable { .. } => "repeatable",
            Self::PathPattern => "path-pattern",
            Self::LimitLeftOut { .. } => "limit-left-out",
            Self::ValuesLeftOut { .. } => "values-left-out",
            Self::Secret => "secret",
            Self::Scheme { .. } => "scheme",
            Self::NoCredentials => "no-credentials",
            Self::PageUnknown { .. } => "page-unknown",
            Self::TextMissing => "text-missing",
            Self::TextShortened => "text-shortened",
            Self::OwnWords => "own-words",
            Self::Renamed { .. } => "renamed",
            Self::Split { .. } => "split",
            Self::StatusAssumed { .. } => "status-assumed",
            Self::BodyRequired => "body-required",
            Self::TextRewritten => "text-rewritten",
            Self::SaidInText { .. } => "said-in-text",
            Self::WordLeftOut { .. } => "word-left-out",
            Self::AnswerLoosened => "answer-loosened",
        }
    }

    /// Whether a person decides.
    pub fn level(&self) -> Level {
        match self {
            Self::Renamed { .. }
            | Self::Split { .. }
            | Self::StatusAssumed { .. }
            | Self::BodyRequired
            | Self::TextRewritten
            | Self::SaidInText { .. }
            | Self::WordLeftOut { .. }
            | Self::AnswerLoosened => Level::Note,
            _ => Level::Decide,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OperationLeftOut { why } => write!(f, "the operation is left out: {why}"),
            Self::ParameterLeftOut { name, why } => {
                write!(f, "the parameter `{name}` is left out: {why}")
            }
            Self::MemberLeftOut { name, why } => {
                write!(f, "the member `{name}` is left out: {why}")
            }
            Self::AnswerLeftOut { status, why } => {
                write!(f, "the answer {status} is left out: {why}")
            }
            Self::BodyLeftOut { why } => write!(f, "the answer's body is left out: {why}"),
            Self::FirstChoice { of } => write!(
                f,
                "the first of {of} choices stands for all; describe the one that is needed"
            ),
            Self::Merged { of } => write!(
                f,
                "{of} choices of objects became one with the members of all; say in the text which \
                 go together, or use `x-exactly-one-of`"
            ),
            Self::FreeForm { why } => {
                write!(f, "takes any object, because {why}; describe the members that are needed")
            }
            Self::StartsCommand { method } => write!(
                f,
                "is marked `x-starts-command`, so that {method} is never sent twice; where a second \
                 call does no harm, write `x-repeatable: true` instead"
            ),
            Self::Repeatable { method } => write!(
                f,
                "is marked `x-repeatable`, because {method} may be sent twice; where that does harm, \
                 write `x-starts-command: true` instead"
            ),
            Self::PathPattern => write!(
                f,
                "got a `pattern` that refuses a slash and a leading dot, which would lead out of its \
                 part of the path; write the vendor's own, if there is one"
            ),
            Self::LimitLeftOut { word, why } => write!(f, "`{word}` is left out: {why}"),
            Self::ValuesLeftOut { values } => write!(
                f,
                "has values that become no Rust name of their own, so that the enumeration stays \
                 open: {}",
                values.join(", ")
            ),
            Self::Secret => {
                write!(f, "is marked as secret by its name; unmark it where it is none")
            }
            Self::Scheme { kind } => write!(
                f,
                "the way to identify the caller is `{kind}`; write it into `auth.rs` and `hooks.rs`"
            ),
            Self::NoCredentials => write!(
                f,
                "nothing says how a caller is identified; write `securitySchemes` and `security`, or \
                 `security: []` at operations that need none"
            ),
            Self::PageUnknown { url } => {
                write!(f, "names no page of the vendor's; {url} stands in its place")
            }
            Self::TextMissing => write!(f, "has no description of its own; write it"),
            Self::TextShortened => write!(f, "its text was too long, and is cut; write it anew"),
            Self::OwnWords => write!(
                f,
                "the texts are the foreign document's; write them in your own words, as its licence \
                 and rule 3 of specs/README.md ask"
            ),
            Self::Renamed { from } => write!(f, "was `{from}`"),
            Self::Split { into } => {
                write!(f, "is in requests and in answers; the one of requests is `{into}`")
            }
            Self::StatusAssumed { from, to } => write!(f, "the answer `{from}` became {to}"),
            Self::BodyRequired => write!(f, "its body may be missing; here it is always sent"),
            Self::TextRewritten => write!(f, "its text lost HTML or Markdown that stays no text"),
            Self::SaidInText { word } => write!(f, "`{word}` is said in the text"),
            Self::WordLeftOut { word } => write!(f, "`{word}` is left out"),
            Self::AnswerLoosened => {
                write!(f, "lost limits and `required`, which an answer may break")
            }
        }
    }
}

/// All decisions about a document, each once.
#[derive(Clone, Debug, Default)]
pub struct Decisions(Vec<Decision>);

impl Decisions {
    /// Adds one.
    pub(super) fn add(&mut self, place: impl Into<String>, kind: Kind) {
        let decision = Decision { kind, place: place.into() };
        if !self.0.contains(&decision) {
            self.0.push(decision);
        }
    }

    /// Forgets what is about nothing that is still there; what was left out is told of itself.
    pub(super) fn keep(&mut self, is_there: impl Fn(&str) -> bool) {
        self.0.retain(|decision| {
            let root = decision.place.split('.').next().unwrap_or_default();
            matches!(decision.kind, Kind::OperationLeftOut { .. }) || is_there(root)
        });
    }

    /// All, by level and rule.
    pub fn sorted(&self) -> Vec<&Decision> {
        let mut all: Vec<&Decision> = self.0.iter().collect();
        all.sort_by_key(|decision| (decision.kind.level(), &decision.kind, &decision.place));
        all
    }

    /// The number of those that a person decides.
    pub fn open(&self) -> usize {
        self.0.iter().filter(|decision| decision.kind.level() == Level::Decide).count()
    }

    /// The list as Markdown: one entry a sentence, with all its places.
    pub fn listed(&self, provider: &str) -> String {
        let mut text = format!(
            "# What `specs/{provider}.yaml` leaves open\n\n\
             Written by `cargo xtask new-provider`. Decide each entry, change the document, and delete \
             the entry;\nthe file goes with the last one.\n\n## Decide\n"
        );
        let mut level = Level::Decide;
        let sorted = self.sorted();
        let mut rest = &sorted[..];
        while let Some(first) = rest.first() {
            let same = rest.iter().take_while(|other| other.kind == first.kind).count();
            let (group, others) = rest.split_at(same);
            rest = others;
            if first.kind.level() != level {
                level = first.kind.level();
                text.push_str("\n\n## Rewritten, and the same\n");
            }
            let mark = if level == Level::Decide { "- [ ]" } else { "-" };
            let places: Vec<String> =
                group.iter().map(|decision| format!("`{}`", decision.place)).collect();
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "\n{mark} {} ({}): {}.",
                first.kind,
                first.kind.rule(),
                places.join(", ")
            );
        }
        text.push('\n');
        text
    }
}
