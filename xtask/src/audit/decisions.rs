//! Which findings a document decided on: the fingerprints under `x-differs` and `x-left-out`.

use std::collections::BTreeSet;

use super::{
    compare::Source,
    finding::{Finding, Kind},
};
use crate::document::{Decision, Document};

/// The ids of the rules, and whether a fingerprint says more than the place.
const RULES: [(&str, Detail); 12] = [
    ("operation-missing", Detail::None),
    ("member-missing", Detail::None),
    ("member-gone", Detail::None),
    ("type-differs", Detail::Words),
    ("required-differs", Detail::Truth),
    ("limit-differs", Detail::Equation),
    ("value-missing", Detail::Words),
    ("value-gone", Detail::Words),
    ("code-missing", Detail::Words),
    ("code-gone", Detail::Words),
    ("deprecated-differs", Detail::Truth),
    ("fact-differs", Detail::Equation),
];

/// The part behind the place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Detail {
    None,
    Truth,
    Words,
    Equation,
}

/// A fingerprint, taken apart: `limit-differs RunCommand.request.Content maxLength=64`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fingerprint<'a> {
    rule: &'a str,
    place: &'a str,
    detail: &'a str,
}

impl<'a> Fingerprint<'a> {
    fn split(text: &'a str) -> Self {
        let (rule, rest) = text.split_once(' ').unwrap_or((text, ""));
        let (place, detail) = rest.split_once(' ').unwrap_or((rest, ""));
        Self { rule, place, detail }
    }

    /// Reads one of a document.
    ///
    /// # Errors
    /// A sentence about the fault, and what to write.
    pub fn read(text: &'a str) -> Result<Self, String> {
        let print = Self::split(text);
        let Some((_, detail)) = RULES.iter().find(|(rule, _)| *rule == print.rule) else {
            let rules: Vec<&str> = RULES.iter().map(|(rule, _)| *rule).collect();
            return Err(format!(
                "begins with none of the rules; write the fingerprint as the audit shows it: {}, \
                 then the place",
                rules.join(", ")
            ));
        };
        if print.place.is_empty() || print.place.split('.').any(str::is_empty) {
            return Err("names no place; write `Operation.request.Member`, with dots between \
                        names and `*` for any one name"
                .to_owned());
        }
        let (is_right, form) = match detail {
            Detail::None => (print.detail.is_empty(), "nothing"),
            Detail::Truth => (matches!(print.detail, "true" | "false"), "`true` or `false`"),
            Detail::Words => (!print.detail.is_empty(), "what the page says"),
            Detail::Equation => {
                let (word, value) = print.detail.split_once('=').unwrap_or_default();
                (!word.is_empty() && !value.is_empty(), "`word=what the page says`")
            }
        };
        match is_right {
            true => Ok(print),
            false => Err(format!("has the wrong end: after the place comes {form}")),
        }
    }

    /// The operation or type, and what follows it.
    pub fn owner(self) -> (&'a str, Option<&'a str>) {
        match self.place.split_once('.') {
            Some((owner, rest)) => (owner, Some(rest)),
            None => (self.place, None),
        }
    }

    /// True for an operation that the document lacks.
    pub fn is_of_missing_operation(self) -> bool {
        self.rule == "operation-missing"
    }

    /// True where every section that the place may lie in was compared: of all `operations`, where `*`
    /// stands for the operation.
    fn is_covered(self, operations: &[&str], sections: &BTreeSet<String>) -> bool {
        let (first, rest) = self.owner();
        let part = rest.and_then(|rest| rest.split('.').next()).unwrap_or_default();
        let section = |name: &str| match (part, self.detail.split_once('=')) {
            ("request" | "answer" | "statuses" | "errors", _) => format!("{name}.{part}"),
            // A page need not say all there is to say of an operation as a whole.
            ("", Some((fact, _))) if self.rule == "fact-differs" => format!("{name} {fact}"),
            _ => name.to_owned(),
        };
        let is_covered = |name: &str| sections.contains(&section(name));
        match first {
            "*" => operations.iter().all(|name| is_covered(name)),
            name => is_covered(name),
        }
    }

    fn matches(self, finding: &str) -> bool {
        let other = Fingerprint::split(finding);
        self.rule == other.rule && self.detail == other.detail && is_like(self.place, other.place)
    }
}

/// True where the places have the same names; `*` of the pattern is any name.
fn is_like(pattern: &str, place: &str) -> bool {
    let (mut patterns, mut names) = (pattern.split('.'), place.split('.'));
    loop {
        match (patterns.next(), names.next()) {
            (None, None) => return true,
            (Some(pattern), Some(name)) if pattern == "*" || pattern == name => {}
            _ => return false,
        }
    }
}

/// The decisions of a document, and which of them were met.
pub(super) struct Rules<'a> {
    document: &'a Document,
    rules: Vec<Rule<'a>>,
}

struct Rule<'a> {
    text: &'a str,
    fingerprint: Fingerprint<'a>,
    decision: &'a Decision,
    /// The document's word for the list it stands in.
    list: &'static str,
    /// True where what is compared shows whether it still applies.
    is_judged: bool,
    is_met: bool,
}

impl<'a> Rules<'a> {
    pub fn of(document: &'a Document, source: Source) -> Self {
        let mut rules = Vec::new();
        for decision in document.differs.iter().chain(&document.left_out) {
            let is_page = source == Source::Page;
            // Differences between definitions and pages do not concern a page.
            let definitions: &[String] = if is_page { &[] } else { &decision.definitions };
            let lists = [
                ("findings", decision.findings.as_slice(), is_page),
                ("definitions", definitions, true),
            ];
            for (list, texts, is_judged) in lists {
                rules.extend(texts.iter().map(|text| Rule {
                    text,
                    fingerprint: Fingerprint::split(text),
                    decision,
                    list,
                    is_judged,
                    is_met: false,
                }));
            }
        }
        Self { document, rules }
    }

    /// The line and the sentence of the decision about a finding.
    pub fn decide(&mut self, finding: &Finding) -> Option<(u64, String)> {
        let fingerprint = finding.fingerprint();
        let mut decided = None;
        for rule in self.rules.iter_mut().filter(|rule| rule.fingerprint.matches(&fingerprint)) {
            rule.is_met = true;
            let decision = rule.decision;
            decided.get_or_insert_with(|| (decision.lines.own(), decision.says.to_string()));
        }
        decided
    }

    /// The decisions that met nothing, though all that they are about was compared: `replaced` are the places
    /// of members that are gone or of another type, of which nothing more was said.
    pub fn stale(self, sections: &BTreeSet<String>, replaced: &[String]) -> Vec<Finding> {
        let operations: Vec<&str> = self.document.calls().iter().map(|call| call.id()).collect();
        let mut stale = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.is_judged && !rule.is_met) {
            let place = rule.fingerprint.place;
            let is_within = |outer: &String| {
                let rest = place.strip_prefix(outer.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            if replaced.iter().any(is_within) {
                continue;
            }
            // A page does not list all operations.
            if rule.fingerprint.is_of_missing_operation()
                || !rule.fingerprint.is_covered(&operations, sections)
            {
                continue;
            }
            stale.push(Finding {
                page_line: 0,
                document_line: rule.decision.lines.of(rule.list),
                place: rule.fingerprint.place.to_owned(),
                kind: Kind::DecisionStale { fingerprint: rule.text.to_owned() },
            });
        }
        stale
    }
}
