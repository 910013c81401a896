//! Compares a vendor's page with the document made from it.
//!
//! [`read`] makes a [`page::Page`] of a page, whatever its layout; [`compare`] makes [`finding::Finding`]s of
//! a page and a document; a [`report`] is made from findings.

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

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use page::Page;
use report::{Format, Report};
use sources::Sources;

use crate::spec::{self, Spec};

/// Compare a vendor's page with the document made from it: exit 0 for nothing found, 1 for findings, 2 for
/// what could not be read.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The provider, by the name of its document.
    provider: String,
    /// Saved copies of the vendor's pages, as HTML, text or Markdown; a page of data types together with
    /// that of the action.
    #[arg(value_name = "PAGE", required = true)]
    pages: Vec<PathBuf>,
    /// List the operations that the document lacks, too.
    #[arg(long)]
    all: bool,
    /// Show what differs on purpose, too.
    #[arg(long)]
    decided: bool,
    /// How to write the report.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> ExitCode {
    let result = crate::root().and_then(|root| audit(&root, arguments));
    let report = match result {
        Ok(report) => report,
        Err(complaint) => {
            eprintln!("{complaint}");
            return ExitCode::from(2);
        }
    };
    print!("{}", report.render(arguments.format, arguments.decided));
    match (report.refused.is_empty(), report.findings.is_empty()) {
        (false, _) => ExitCode::from(2),
        (true, false) => ExitCode::from(1),
        (true, true) => ExitCode::SUCCESS,
    }
}

fn audit(root: &Path, arguments: &Arguments) -> Result<Report, String> {
    let providers = spec::providers(root)?;
    let provider = &arguments.provider;
    if !providers.contains(provider) {
        return Err(format!(
            "there is no specs/{provider}.yaml; there are: {}",
            providers.join(", ")
        ));
    }
    let spec = Spec::load(root, provider)?;
    let mut report = Report::on(provider, &spec.file);
    let (page, sources) = pages(&arguments.pages)?;
    let audit = compare::compare(&spec.document, &page);
    report.add(&audit, &sources, arguments.all, |_| None);
    Ok(report)
}

/// Reads pages as one.
///
/// # Errors
/// Sentences, one a line, on each that cannot be read.
fn pages(files: &[PathBuf]) -> Result<(Page, Sources), String> {
    let (mut pages, mut sources, mut complaints) = (Vec::new(), Sources::default(), Vec::new());
    for file in files {
        let name = file.display().to_string();
        let read =
            fs::read(file).map_err(|e| format!("{name}: cannot be read: {e}")).and_then(|bytes| {
                let page = read::file(&bytes).map_err(|reason| format!("{name}: {reason}"))?;
                Ok((page, bytes.iter().filter(|byte| **byte == b'\n').count() + 1))
            });
        match read {
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
