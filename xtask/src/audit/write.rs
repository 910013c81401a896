//! `cargo xtask audit … --fix`: writes the document, or prints the edits.

use std::{fs, path::Path, process::ExitCode};

use time::OffsetDateTime;

use super::{
    finding::Finding,
    fix::{Fixed, diff, fix},
    page::Page,
};
use crate::{
    document::Document,
    lint,
    spec::{Spec, listed},
};

/// Writes what was found into the document, one comparison after the other; with `dry_run` prints the
/// edits as `git apply` takes them, and changes nothing. What is left to a person goes to standard error.
///
/// # Errors
/// A sentence, if the document cannot be edited or written.
pub fn run(
    root: &Path,
    spec: &Spec,
    found: &[(Vec<Finding>, Page)],
    dry_run: bool,
) -> Result<ExitCode, String> {
    let today = OffsetDateTime::now_utc().date().to_string();
    let mut all = Fixed { text: spec.text.clone(), ..Fixed::default() };
    for (findings, page) in found {
        let fixed = fix(&all.text, findings, page, &today)?;
        all.text = fixed.text;
        all.left.extend(fixed.left);
        all.notes.extend(fixed.notes);
    }
    let file = &spec.file;
    for left in &all.left {
        eprintln!("left to you: {}: {}", left.fingerprint, left.reason);
    }
    for note in &all.notes {
        eprintln!("look at {note}");
    }
    if dry_run {
        print!("{}", diff(file, &spec.text, &all.text));
    } else if all.text != spec.text {
        fs::write(root.join(file), &all.text)
            .map_err(|e| format!("{file}: cannot be written: {e}"))?;
        println!("{file}: written");
    } else {
        println!("{file}: unchanged");
    }
    let to_do = match Document::parse(&all.text) {
        Ok(document) => lint::lint(&document),
        Err(complaints) => complaints,
    };
    if !to_do.is_empty() {
        eprintln!("{}", listed(file, to_do));
    }
    Ok(if all.left.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The YAML that is written for one finding: the lines that come into the document, without their indentation;
/// nothing where a person decides, or where lines only go.
pub fn yaml(text: &str, finding: &Finding, page: &Page) -> Option<String> {
    let fixed = fix(text, std::slice::from_ref(finding), page, "").ok()?;
    if !fixed.left.is_empty() {
        return None;
    }
    let diff = similar::TextDiff::from_lines(text, &fixed.text);
    let lines = diff.iter_all_changes().filter(|change| change.tag() == similar::ChangeTag::Insert);
    let lines: Vec<&str> = lines.map(|line| line.value().trim_end()).collect();
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let margin = lines.iter().filter(|line| !line.is_empty()).map(indent).min()?;
    let lines: Vec<&str> =
        lines.iter().map(|line| line.get(margin..).unwrap_or_default()).collect();
    Some(lines.join("\n"))
}
