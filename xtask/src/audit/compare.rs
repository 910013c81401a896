//! Compares a page with a document: pairs operations and types, then looks at each part in turn.
//!
//! The comparer knows the rules that all documents here share, and reports no difference for them: answers state
//! no limits and require next to nothing, a credential is a security scheme and not a parameter, and an
//! object that wraps the members a page lists is an envelope. What only one document decides stands in
//! that document, as a [`Decision`](crate::document::Decision).

mod facts;
mod limits;
mod members;
mod pair;

use std::collections::{BTreeSet, VecDeque};

use super::{
    decisions,
    finding::{Finding, Kind},
    page::{self, Page, Words},
};
use crate::document::{Call, Document};
use members::{Direction, Side};

/// How deep objects may lie in each other; no page of a vendor's comes near it.
const DEPTH: usize = 32;

/// The source that is compared with a document.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Source {
    /// A page.
    #[default]
    Page,
    /// Machine-readable definitions.
    Definitions,
}

/// The result of a comparison.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// What differs and is not decided, in the order of the page, then of the document.
    pub findings: Vec<Finding>,
    /// What differs on purpose.
    pub decided: Vec<Decided>,
    /// The operations that the document lacks altogether and has not decided to leave out.
    pub missing: Vec<Finding>,
    /// What could not be compared, and why.
    pub refused: Vec<Words>,
    /// The sections of the document that this copy of the page lacks.
    pub not_in_copy: Vec<Words>,
    /// The parts that no reader understood.
    pub not_understood: Vec<Words>,
    /// The operations and types that were compared, by the names that the document has for them.
    pub compared: Vec<String>,
}

/// A difference that the document decided on.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The difference.
    pub finding: Finding,
    /// The line of the decision.
    pub line: u64,
    /// What the decision says.
    pub says: String,
}

/// Compares a vendor's page with the document made from it.
///
/// A decision about a part that the page has, and about which nothing is found any more, is found itself.
pub fn compare(document: &Document, page: &Page) -> Audit {
    audit(document, page, Source::Page)
}

/// Compares a vendor's machine-readable definitions with the document.
///
/// Definitions differ from pages, mostly by what they leave out. So they show of no decision about pages that
/// it is out of date, and what is decided about them stands apart.
pub fn compare_definitions(document: &Document, page: &Page) -> Audit {
    audit(document, page, Source::Definitions)
}

fn audit(document: &Document, page: &Page, source: Source) -> Audit {
    let mut comparer = Comparer {
        document,
        page,
        source,
        requests: document.request_schemas(),
        audit: Audit { not_understood: page.not_understood.clone(), ..Audit::default() },
        sections: BTreeSet::new(),
        pending: VecDeque::new(),
        paired: BTreeSet::new(),
    };
    for operation in &page.operations {
        comparer.operation(operation);
    }
    comparer.types();
    let Comparer { mut audit, sections, .. } = comparer;
    let mut seen = BTreeSet::new();
    let mut findings = std::mem::take(&mut audit.findings);
    findings.retain(|finding| seen.insert(finding.fingerprint()));
    let is_replaced =
        |finding: &&Finding| matches!(finding.kind, Kind::MemberGone | Kind::TypeDiffers { .. });
    let replaced = findings.iter().filter(is_replaced).map(|finding| finding.place.clone());
    let replaced: Vec<String> = replaced.collect();
    let mut rules = decisions::Rules::of(document, source);
    for finding in findings {
        match rules.decide(&finding) {
            Some((line, says)) => audit.decided.push(Decided { finding, line, says }),
            None => audit.findings.push(finding),
        }
    }
    // A list of all operations is no part of a page, so nothing is decided about it that could go out of date.
    audit.missing.retain(|finding| rules.decide(finding).is_none());
    audit.findings.extend(rules.stale(&sections, &replaced));
    audit.findings.sort_by_key(order);
    audit.decided.sort_by_key(|decided| order(&decided.finding));
    audit
}

/// The order of the page, then of the document; what the page does not have comes last.
fn order(finding: &Finding) -> (usize, u64) {
    let page = if finding.page_line == 0 { usize::MAX } else { finding.page_line };
    (page, finding.document_line)
}

/// The comparison of a page with a document.
struct Comparer<'a> {
    document: &'a Document,
    page: &'a Page,
    source: Source,
    /// The component schemas that appear in requests.
    requests: BTreeSet<&'a str>,
    /// The result so far; nothing is decided yet.
    audit: Audit,
    /// The places of which everything there is to find was found: `RunCommand.request`, `Tag`.
    sections: BTreeSet<String>,
    /// Types of the page to compare with component schemas, each pair once.
    pending: VecDeque<(&'a page::ObjectType, &'a str)>,
    paired: BTreeSet<(&'a str, &'a str)>,
}

impl<'a> Comparer<'a> {
    fn found(&mut self, (page_line, document_line): (usize, u64), place: &str, kind: Kind) {
        self.audit.findings.push(Finding {
            page_line,
            document_line,
            place: place.to_owned(),
            kind,
        });
    }

    fn operation(&mut self, operation: &'a page::Operation) {
        let call = match pair::call_of(self.document, self.page, operation) {
            pair::Pair::Call(call) => call,
            pair::Pair::Missing(place) => {
                self.audit.missing.push(Finding {
                    page_line: operation.line,
                    document_line: self.document.lines.of("paths"),
                    place,
                    kind: Kind::OperationMissing { operation: Box::new(operation.clone()) },
                });
                return;
            }
            pair::Pair::Refused(text) => {
                self.audit.refused.push(Words { line: operation.line, text });
                return;
            }
        };
        let id = call.id();
        if !self.audit.compared.iter().any(|name| name == id) {
            self.audit.compared.push(id.to_owned());
        }
        self.sections.insert(id.to_owned());
        self.facts(call, operation);
        self.section(call, "request", operation.request.as_deref(), operation);
        self.section(call, "answer", operation.answer.as_deref(), operation);
        self.statuses(call, operation);
        self.errors(call, operation);
    }

    /// Compares the members of the request or of the answer.
    fn section(
        &mut self,
        call: Call<'a>,
        name: &str,
        page: Option<&'a [page::Member]>,
        operation: &page::Operation,
    ) {
        let (line, path) = (operation.line, operation.path.as_ref().map(|path| path.text.as_str()));
        let place = format!("{}.{name}", call.id());
        let aliases = path.map_or(Vec::new(), |path| pair::aliases(call.path, path));
        let side = match name {
            "request" => Side::request(self.document, call),
            _ => Side::answer(self.document, call),
        };
        let Some(page) = page else {
            if !side.known.is_empty() {
                self.absent(&place, line);
            }
            return;
        };
        self.sections.insert(place.clone());
        let page = match page {
            // Some pages give a body that is no object a row without a name.
            [body] if matches!(body.name.trim(), "" | "-") => {
                self.whole_body(call, &place, body);
                return;
            }
            _ => page,
        };
        let mut side = side.opened(self.document, page);
        side.aliases = aliases;
        self.members(&place, page, &side, 0);
    }

    /// Notes that this copy of the page has no such section.
    fn absent(&mut self, place: &str, line: usize) {
        self.audit.not_in_copy.push(Words { line, text: place.to_owned() });
    }

    /// Compares the types of the page: those that operations led to, then the others by their names.
    fn types(&mut self) {
        self.pairs();
        for ty in &self.page.types {
            let name = ty.name.text.as_str();
            let is_paired = self.paired.iter().any(|(page, _)| *page == name);
            if let Some((schema, _)) = self.document.components.schemas.get_key_value(name)
                && !is_paired
            {
                self.pair(ty, schema);
                self.pairs();
            }
        }
    }

    /// Remembers to compare a type of the page with a component schema.
    fn pair(&mut self, ty: &'a page::ObjectType, schema: &'a str) {
        if self.paired.insert((&ty.name.text, schema)) {
            self.pending.push_back((ty, schema));
        }
    }

    fn pairs(&mut self) {
        while let Some((ty, name)) = self.pending.pop_front() {
            let Some(schema) = self.document.schema(name) else { continue };
            let direction =
                if self.requests.contains(name) { Direction::Request } else { Direction::Answer };
            let side = Side::object(self.document, schema, direction);
            self.sections.insert(name.to_owned());
            self.audit.compared.push(name.to_owned());
            self.members(name, &ty.members, &side, 0);
        }
    }
}
