//! A report for a terminal.

use super::{Remark, Report, Row};

/// How many lines of YAML are shown of a finding.
const SHOWN: usize = 12;

pub(super) fn render(report: &Report, decided: bool) -> String {
    let compared = match report.compared.as_slice() {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    };
    let mut lines =
        vec![format!("{}: {compared} compared with {}", report.provider, report.document)];
    let rows: Vec<&Row> = report.findings.iter().collect();
    lines.extend(table(&rows, &[]));
    if decided {
        let rows: Vec<&Row> = report.decided.iter().map(|decided| &decided.row).collect();
        let notes = report.decided.iter().map(|decided| {
            format!("decided at {}:{}: {}", report.document, decided.decided_at, decided.says)
        });
        lines.extend(table(&rows, &notes.collect::<Vec<_>>()));
    }
    let remarks = [
        ("refused", &report.refused),
        ("not in this copy", &report.not_in_this_copy),
        ("not understood", &report.not_understood),
    ];
    for (what, remarks) in remarks {
        if !remarks.is_empty() {
            lines.push(String::new());
        }
        lines.extend(remarks.iter().map(|remark| format!("{what}: {}", line(remark))));
    }
    lines.push(String::new());
    let hint = if decided || report.decided.is_empty() { "" } else { " (--decided shows them)" };
    lines.push(format!("{}, {} decided{hint}", report.count(), report.decided.len()));
    lines.join("\n") + "\n"
}

fn line(remark: &Remark) -> String {
    match &remark.page {
        Some(page) => format!("{page}: {}", remark.text),
        None => remark.text.clone(),
    }
}

/// A line for each row and under it the fingerprint, a note, and the YAML to write; the positions are
/// aligned.
fn table(rows: &[&Row], notes: &[String]) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let positions: Vec<(String, String)> = rows
        .iter()
        .map(|row| {
            let page = row.page.as_ref().map_or("-".to_owned(), ToString::to_string);
            (page, row.document.to_string())
        })
        .collect();
    let width = |heading: &str, texts: &mut dyn Iterator<Item = &String>| {
        texts.map(|text| text.chars().count()).chain([heading.len()]).max().unwrap_or_default()
    };
    let page_width = width("PAGE", &mut positions.iter().map(|(page, _)| page));
    let own_width = width("DOCUMENT", &mut positions.iter().map(|(_, own)| own));
    let first = |page: &str, own: &str| format!("{page:page_width$}  {own:own_width$}  ");
    let indent = " ".repeat(page_width + own_width + 4);
    let mut lines = vec![String::new(), format!("{}FINDING", first("PAGE", "DOCUMENT"))];
    for (index, (row, (page, own))) in rows.iter().zip(&positions).enumerate() {
        lines.push(format!("{}{}: {}", first(page, own), row.place, row.sentence));
        lines.push(format!("{indent}{}", row.fingerprint));
        lines.extend(notes.get(index).map(|note| format!("{indent}{note}")));
        let yaml: Vec<&str> = row.write.iter().flat_map(|yaml| yaml.lines()).collect();
        let shown = yaml.iter().take(SHOWN);
        lines.extend(shown.map(|line| format!("{indent}+ {line}").trim_end().to_owned()));
        if yaml.len() > SHOWN {
            let rest = yaml.len() - SHOWN;
            lines.push(format!("{indent}  and {rest} lines more, which --fix --dry-run shows"));
        }
    }
    lines
}
