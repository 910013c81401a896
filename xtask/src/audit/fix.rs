//! Writes findings into a document: each edit at its place, in the page's order and the style of its
//! neighbours; what is not edited stays byte for byte.
//!
//! A finding says what the document is to hold, so writing it twice changes nothing the second time. What
//! a person must put into words begins with [`MARKER`], and the linter refuses it until it is written.

mod codes;
mod examples;
mod facts;
mod limits;
mod member;
mod needs;
mod operation;
mod place;
mod sample;
mod schema;
mod values;

use similar::TextDiff;

use super::{
    finding::{Finding, Kind},
    page::Page,
};
use crate::edit::{Editor, Way};

/// The prefix of a text that a person must write: the linter refuses it.
pub const MARKER: &str = "WRITE:";

/// A document with findings written into it.
#[derive(Clone, Debug, Default)]
pub struct Fixed {
    /// The document's text.
    pub text: String,
    /// The findings that could not be written.
    pub left: Vec<Left>,
    /// What was written, and what a person should look at beside it.
    pub notes: Vec<String>,
}

/// A finding that a person must write, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Left {
    /// The finding's fingerprint.
    pub fingerprint: String,
    /// Why it is left, and what to do.
    pub reason: String,
}

/// Writes `findings`, made of `page` and the document `text`, into the document; `today` becomes the day
/// on which the pages of the operations were read; empty, it is not written.
///
/// # Errors
/// A sentence, if the document is not YAML.
pub fn fix(text: &str, findings: &[Finding], page: &Page, today: &str) -> Result<Fixed, String> {
    let mut fixer = Fixer { editor: Editor::new(text)?, page, findings, notes: Vec::new() };
    let mut left = Vec::new();
    let mut touched: Vec<String> = Vec::new();
    for finding in findings {
        let before = fixer.editor.text().to_owned();
        match fixer.write(finding) {
            Ok(()) => {
                let operations = fixer.operations_of(&finding.place);
                if !matches!(finding.kind, Kind::DecisionStale { .. }) {
                    touched.extend(operations);
                    // The decision about it does not apply any more.
                    fixer.remove_decision(&finding.fingerprint())?;
                }
            }
            Err(reason) => {
                // A partial edit is undone.
                fixer.editor = Editor::new(before)?;
                left.push(Left { fingerprint: finding.fingerprint(), reason });
            }
        }
    }
    if today.is_empty() {
        touched.clear();
    }
    touched.sort();
    touched.dedup();
    for id in touched {
        let before = fixer.editor.text().to_owned();
        if fixer.read_on(&id, today).is_err() {
            fixer.editor = Editor::new(before)?;
        }
    }
    Ok(Fixed { text: fixer.editor.text().to_owned(), left, notes: fixer.notes })
}

/// What changes, as `git apply` takes it; nothing where nothing does. `file` is the path from the root
/// of the repository.
pub fn diff(file: &str, before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    let diff = TextDiff::from_lines(before, after);
    let (old, new) = (format!("a/{file}"), format!("b/{file}"));
    diff.unified_diff().context_radius(3).header(&old, &new).to_string()
}

/// A document that is being fixed.
struct Fixer<'a> {
    editor: Editor,
    page: &'a Page,
    findings: &'a [Finding],
    notes: Vec<String>,
}

type Done = Result<(), String>;

impl Fixer<'_> {
    fn write(&mut self, finding: &Finding) -> Done {
        match &finding.kind {
            Kind::OperationMissing { operation } => self.add_operation(operation),
            Kind::MemberMissing { member, after } => {
                self.add_member(finding, member, after.as_deref())
            }
            Kind::MemberGone => self.remove_member(finding),
            Kind::TypeDiffers { member, .. } => self.change_type(finding, member),
            Kind::RequiredDiffers { page } => self.change_required(finding, *page),
            Kind::LimitDiffers { limit, page, document } => {
                self.change_limit(finding, limit, page.as_deref(), document.as_deref())
            }
            Kind::ValueMissing { value, after } => self.add_value(finding, value, after.as_deref()),
            Kind::ValueGone { value } => self.remove_value(finding, value),
            Kind::CodeMissing { code, text, after } => {
                self.add_code(finding, code, text, after.as_deref())
            }
            Kind::CodeGone { code } => self.remove_code(finding, code),
            Kind::DeprecatedDiffers { page } => self.change_deprecated(finding, *page),
            Kind::FactDiffers { what, page, .. } => self.change_fact(finding, what, page),
            Kind::DecisionStale { fingerprint } => self.remove_decision(fingerprint),
        }
    }

    /// The ways of the operations that a finding of the same kind is about, with the same part: an edit
    /// of what they share is for all of them.
    fn sharers(&self, finding: &Finding) -> Vec<Way> {
        let part = |place: &str| place.split_once('.').map(|(_, part)| part.to_owned());
        let own = part(&finding.place);
        let alike = self.findings.iter().filter(|other| {
            let same = other.kind.rule() == finding.kind.rule() && detail(other) == detail(finding);
            same && part(&other.place) == own
        });
        let ids = alike.filter_map(|other| other.place.split('.').next());
        ids.filter_map(|id| self.operation(id)).collect()
    }
}

/// The detail of a finding, without its place.
fn detail(finding: &Finding) -> String {
    let head = format!("{} {}", finding.kind.rule(), finding.place);
    finding.fingerprint().strip_prefix(&head).unwrap_or_default().to_owned()
}

/// A text that a person must complete, with the page's own words.
fn to_write(what: &str, page: &str) -> String {
    match to_plain(page).as_str() {
        "" => format!("{MARKER} {what}."),
        page => format!("{MARKER} {what}, in words of your own. The page says: {page}"),
    }
}

/// The words of a page without what a description may not hold.
fn to_plain(page: &str) -> String {
    let page: String = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain = |c: char| match c {
        '[' | '<' => '(',
        ']' | '>' => ')',
        '`' => '\'',
        other => other,
    };
    let page: String =
        page.chars().filter(|c| !c.is_control() && !is_invisible(*c)).map(plain).collect();
    page.replace("https://", "").replace("http://", "")
}

/// Characters that turn the direction of a text, or have no width.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
