//! The report of an audit: as a table for a terminal, as Markdown for a pull request, as JSON for a machine.

mod markdown;
mod table;

use std::process::ExitCode;

use serde::Serialize;

use super::{compare::Audit, finding::Finding, page::Words, sources::Sources};

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum Format {
    /// Lines for a terminal.
    #[default]
    Table,
    /// For a pull request.
    Markdown,
    /// For a machine; the names of its members stay.
    Json,
}

/// All that an audit says.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The provider's one word.
    pub provider: String,
    /// The document, from the workspace's root.
    pub document: String,
    /// The pages and definitions that were read.
    pub pages: Vec<String>,
    /// The operations and types that were compared.
    pub compared: Vec<String>,
    /// What differs.
    pub findings: Vec<Row>,
    /// What differs on purpose.
    pub decided: Vec<DecidedRow>,
    /// What could not be compared, and why.
    pub refused: Vec<Remark>,
    /// The sections that the document has and this copy of the page lacks: they are not compared.
    pub not_in_this_copy: Vec<Remark>,
    /// The words of the page that no reader made sense of.
    pub not_understood: Vec<Remark>,
}

/// One difference.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The stable name of the finding, for a decision.
    pub fingerprint: String,
    /// The id of the rule.
    pub rule: &'static str,
    /// The operation or type, and the part of it.
    pub place: String,
    /// What differs.
    pub sentence: String,
    /// The place on the page; null where the page lacks it.
    pub page: Option<Position>,
    /// Its place in the document.
    pub document: Position,
    /// The YAML to write there; null where a person decides, or has decided.
    pub write: Option<String>,
}

/// A difference that the document decided on.
#[derive(Clone, Debug, Serialize)]
pub struct DecidedRow {
    /// The difference.
    #[serde(flatten)]
    pub row: Row,
    /// What the decision says.
    pub says: String,
    /// The line of the decision in the document.
    pub decided_at: u64,
}

/// A line of a file.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Position {
    /// The file.
    pub file: String,
    /// The line, from 1 on.
    pub line: u64,
}

/// Something to know, at a line of a page.
#[derive(Clone, Debug, Serialize)]
pub struct Remark {
    /// The line; null where there is none.
    pub page: Option<Position>,
    /// The words.
    pub text: String,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl Report {
    /// An empty report on a document, which the provider is named after.
    pub fn on(provider: &str, document: &str) -> Self {
        Self { provider: provider.to_owned(), document: document.to_owned(), ..Self::default() }
    }

    /// Adds what came of one comparison: `all` with the operations that the document lacks, `write` for
    /// the YAML that mends a finding.
    pub fn add(
        &mut self,
        audit: &Audit,
        sources: &Sources,
        all: bool,
        write: impl Fn(&Finding) -> Option<String>,
    ) {
        let position = |line: usize| {
            let (file, line) = sources.at(line)?;
            Some(Position { file: file.to_owned(), line: line as u64 })
        };
        let row = |finding: &Finding, document: &str, write: Option<String>| Row {
            fingerprint: clean(&finding.fingerprint()),
            rule: finding.kind.rule(),
            place: clean(&finding.place),
            sentence: clean(&finding.kind.to_string()),
            page: position(finding.page_line),
            document: Position { file: document.to_owned(), line: finding.document_line },
            write,
        };
        let remarks = |words: &[Words]| -> Vec<Remark> {
            let remark = |w: &Words| Remark { page: position(w.line), text: clean(&w.text) };
            words.iter().map(remark).collect()
        };
        self.pages.extend(sources.files().map(clean));
        for name in &audit.compared {
            if !self.compared.contains(name) {
                self.compared.push(name.clone());
            }
        }
        let missing = audit.missing.iter().filter(|_| all);
        for finding in audit.findings.iter().chain(missing) {
            let row = row(finding, &self.document, write(finding));
            // A page and definitions may say the same.
            if !self.findings.iter().any(|other| other.fingerprint == row.fingerprint) {
                self.findings.push(row);
            }
        }
        for decided in &audit.decided {
            let row = row(&decided.finding, &self.document, None);
            let (says, decided_at) = (clean(&decided.says), decided.line);
            if !self.decided.iter().any(|other| other.row.fingerprint == row.fingerprint) {
                self.decided.push(DecidedRow { row, says, decided_at });
            }
        }
        self.refused.extend(remarks(&audit.refused));
        self.not_in_this_copy.extend(remarks(&audit.not_in_copy));
        self.not_understood.extend(remarks(&audit.not_understood));
        if !all && audit.compared.is_empty() {
            // Nothing was found because nothing was compared.
            self.refused.extend(audit.missing.iter().map(|finding| Remark {
                page: position(finding.page_line),
                text: format!(
                    "the document has no operation `{}`; name the page of one that it has, or say \
                     --all to list what it lacks",
                    clean(&finding.place)
                ),
            }));
        }
    }

    /// The report as text, ended by a newline; `decided` for what is decided too.
    pub fn render(&self, format: Format, decided: bool) -> String {
        match format {
            Format::Table => table::render(self, decided),
            Format::Markdown => markdown::render(self, decided),
            Format::Json => match serde_json::to_string_pretty(self) {
                Ok(text) => text + "\n",
                Err(problem) => format!("{{\"problem\": \"{problem}\"}}\n"),
            },
        }
    }

    /// 2 where something could not be compared, 1 where something was found, else 0.
    pub fn exit_code(&self) -> ExitCode {
        match (self.refused.is_empty(), self.findings.is_empty()) {
            (false, _) => ExitCode::from(2),
            (true, false) => ExitCode::from(1),
            (true, true) => ExitCode::SUCCESS,
        }
    }

    /// `1 finding`, `2 findings`.
    fn count(&self) -> String {
        match self.findings.len() {
            0 => "no findings".to_owned(),
            1 => "1 finding".to_owned(),
            count => format!("{count} findings"),
        }
    }
}

/// A line of text without what would move a terminal's cursor.
fn clean(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}
