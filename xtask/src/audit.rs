//! Compares a vendor's page with the document made from it.
//!
//! [`read`] makes a [`page::Page`] of a page, whatever its layout; [`compare`] makes [`finding::Finding`]s of
//! a page and a document; a [`report`] is made from findings, and [`fix`] writes them into the document.

pub mod compare;
pub mod decisions;
pub mod definitions;
pub mod finding;
pub mod fix;
pub mod page;
pub mod prose;
pub mod read;
pub mod report;
pub mod sources;
mod write;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use finding::Finding;
use page::Page;
use report::{Format, Report};
use sources::Sources;

use crate::{
    document::Document,
    spec::{self, Spec},
};

/// Compare a vendor's page with the document made from it.
///
/// It ends with 0 where nothing was found, with 1 where something was, and with 2 where a page could not be
/// read or is not the one that the document follows.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The provider, by the name of its document.
    provider: String,
    /// Saved copies of the vendor's pages, as HTML, text or Markdown; a page of data types together with
    /// that of the action.
    #[arg(value_name = "PAGE", required_unless_present = "definitions")]
    pages: Vec<PathBuf>,
    /// The vendor's machine-readable definitions: Tencent's or ZStack's file, or one of Huawei's.
    #[arg(long, value_name = "FILE")]
    definitions: Vec<PathBuf>,
    /// List the operations that the document lacks, too.
    #[arg(long)]
    all: bool,
    /// Show what differs on purpose, too.
    #[arg(long)]
    decided: bool,
    /// Write the findings into the document, and exit 1 where one is left to a person.
    #[arg(long)]
    fix: bool,
    /// With --fix: change nothing, and print the edits as `git apply` takes them.
    #[arg(long, requires = "fix")]
    dry_run: bool,
    /// How to write the report.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The compared document, and the findings of each page.
struct Audited {
    report: Report,
    spec: Spec,
    found: Vec<(Vec<Finding>, Page)>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> ExitCode {
    let result = crate::root().and_then(|root| {
        let audited = audit(&root, arguments)?;
        // A page that was not compared may not look like one that was.
        if arguments.fix && audited.report.refused.is_empty() {
            return write::run(&root, &audited.spec, &audited.found, arguments.dry_run);
        }
        print!("{}", audited.report.render(arguments.format, arguments.decided));
        Ok(audited.report.exit_code())
    });
    result.unwrap_or_else(|complaint| {
        eprintln!("{complaint}");
        ExitCode::from(2)
    })
}

fn audit(root: &Path, arguments: &Arguments) -> Result<Audited, String> {
    let providers = spec::providers(root)?;
    let provider = &arguments.provider;
    if !providers.contains(provider) {
        let known = providers.join(", ");
        return Err(format!("there is no specs/{provider}.yaml; there are: {known}"));
    }
    let spec = Spec::load(root, provider)?;
    let report = Report::on(provider, &spec.file);
    let mut audited = Audited { report, spec, found: Vec::new() };
    if !arguments.pages.is_empty() {
        let read = |bytes: &[u8]| read::file(bytes).map_err(|reason| reason.to_string());
        let pages = joined(&arguments.pages, read)?;
        audited.add(pages, compare::compare, arguments);
    }
    if !arguments.definitions.is_empty() {
        let pages = {
            let calls = audited.spec.document.calls();
            let wanted = |id: &str| calls.iter().any(|call| call.id().eq_ignore_ascii_case(id));
            joined(&arguments.definitions, |bytes| definitions::file(bytes, &wanted))?
        };
        audited.add(pages, compare::compare_definitions, arguments);
    }
    Ok(audited)
}

impl Audited {
    /// Compares a page with the document.
    fn add(
        &mut self,
        (page, sources): (Page, Sources),
        compare: fn(&Document, &Page) -> compare::Audit,
        arguments: &Arguments,
    ) {
        let audit = compare(&self.spec.document, &page);
        let text = &self.spec.text;
        let write = |finding: &Finding| write::yaml(text, finding, &page);
        let write: &dyn Fn(&Finding) -> Option<String> =
            if arguments.fix { &|_| None } else { &write };
        self.report.add(&audit, &sources, arguments.all, write);
        let mut findings = audit.findings;
        if arguments.all {
            findings.extend(audit.missing);
        }
        self.found.push((findings, page));
    }
}

/// Reads files as one page.
///
/// # Errors
/// Sentences, one a line, on each that cannot be read.
fn joined(
    files: &[PathBuf],
    read: impl Fn(&[u8]) -> Result<Page, String>,
) -> Result<(Page, Sources), String> {
    let (mut pages, mut sources, mut complaints) = (Vec::new(), Sources::default(), Vec::new());
    for file in files {
        let name = file.display().to_string();
        let page =
            fs::read(file).map_err(|e| format!("{name}: cannot be read: {e}")).and_then(|bytes| {
                let page = read(&bytes).map_err(|reason| format!("{name}: {reason}"))?;
                Ok((page, bytes.iter().filter(|byte| **byte == b'\n').count() + 1))
            });
        match page {
            Ok((mut page, lines)) => {
                sources.add(&name, lines, &mut page);
                pages.push(page);
            }
            Err(complaint) => complaints.push(complaint),
        }
    }
    if complaints.is_empty() {
        Ok((Page::joined(pages), sources))
    } else {
        Err(complaints.join("\n"))
    }
}
