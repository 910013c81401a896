//! A report for a pull request.

use super::{Position, Remark, Report, Row};

pub(super) fn render(report: &Report, decided: bool) -> String {
    let mut parts = vec![format!("### `{}`: {}", report.document, report.count())];
    let compared: Vec<String> = report.compared.iter().map(|name| code(name)).collect();
    let pages: Vec<String> = report.pages.iter().map(|page| code(page)).collect();
    if !compared.is_empty() {
        parts.push(format!("Compared: {}, with {}.", compared.join(", "), pages.join(", ")));
    }
    if !report.findings.is_empty() {
        let mut rows =
            vec!["| page | document | what differs | fingerprint |\n|---|---|---|---|".to_owned()];
        rows.extend(report.findings.iter().map(|row| {
            let cells = [page(row.page.as_ref()), code(&row.document.to_string()), what(row)];
            cells_of(&[&cells[0], &cells[1], &cells[2], &code(&row.fingerprint)])
        }));
        parts.push(rows.join("\n"));
    }
    for row in &report.findings {
        if let Some(yaml) = &row.write {
            parts.push(format!(
                "To write at {}:\n\n{}",
                code(&row.document.to_string()),
                fenced(yaml.trim_end_matches('\n'))
            ));
        }
    }
    if decided && !report.decided.is_empty() {
        let mut rows = vec!["| page | what differs | decided |\n|---|---|---|".to_owned()];
        rows.extend(report.decided.iter().map(|decided| {
            let at = Position { file: report.document.clone(), line: decided.decided_at };
            let says = format!("{} ({})", plain(&decided.says), code(&at.to_string()));
            cells_of(&[&page(decided.row.page.as_ref()), &what(&decided.row), &says])
        }));
        parts.push(rows.join("\n"));
    } else if !report.decided.is_empty() {
        parts.push(format!("Decided in the document: {}.", report.decided.len()));
    }
    let remarks = [
        ("Refused", &report.refused),
        ("Not in this copy", &report.not_in_this_copy),
        ("Not understood", &report.not_understood),
    ];
    for (what, remarks) in remarks {
        if !remarks.is_empty() {
            let lines: Vec<String> = remarks.iter().map(line).collect();
            parts.push(format!("{what}:\n\n{}", lines.join("\n")));
        }
    }
    parts.join("\n\n") + "\n"
}

fn what(row: &Row) -> String {
    format!("{}: {}", code(&row.place), plain(&row.sentence))
}

fn page(position: Option<&Position>) -> String {
    position.map_or("–".to_owned(), |position| code(&position.to_string()))
}

fn line(remark: &Remark) -> String {
    match &remark.page {
        Some(page) => format!("- {}: {}", code(&page.to_string()), plain(&remark.text)),
        None => format!("- {}", plain(&remark.text)),
    }
}

fn cells_of(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |", cells.join(" | "))
}

/// Text as it is, between more backticks than it has in a row.
fn code(text: &str) -> String {
    let ticks = "`".repeat(longest_ticks(text) + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{space}{text}{space}{ticks}")
}

fn fenced(yaml: &str) -> String {
    let ticks = "`".repeat(longest_ticks(yaml).max(2) + 1);
    format!("{ticks}yaml\n{yaml}\n{ticks}")
}

fn longest_ticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

/// Words of a page, in which Markdown finds nothing of its own; what stands in backticks stays code.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut is_code = false;
    // A backtick without its fellow begins nothing.
    let has_pairs = text.matches('`').count().is_multiple_of(2);
    for c in text.chars() {
        is_code ^= c == '`' && has_pairs;
        if !is_code && matches!(c, '*' | '_' | '<' | '>' | '[' | ']' | '\\' | '#' | '@' | '!') {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}
