//! Shows a comparison: a table for a terminal, Markdown for a pull request, JSON for machines.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    Comparison, Format, changelog,
    rules::Rule,
    types::{Change, Rust, Wire},
};

/// How many operations are named before the rest is counted.
const NAMED: usize = 3;

/// The report in a format.
pub fn report(base: &str, comparisons: &[Comparison], format: Format) -> String {
    match format {
        Format::Table => comparisons.iter().map(|one| table(base, one)).collect(),
        Format::Markdown => comparisons.iter().map(|one| markdown(base, one)).collect(),
        Format::Json => {
            let providers: Vec<Value> = comparisons.iter().map(json).collect();
            format!("{:#}\n", json!({ "base": base, "providers": providers }))
        }
    }
}

/// The verdict in one line.
pub fn verdict(base: &str, comparison: &Comparison) -> String {
    let provider = &comparison.provider;
    if comparison.is_new {
        return format!("{provider}: new since {base}");
    }
    let (count, wire, rust) = (comparison.changes.len(), comparison.wire(), comparison.rust());
    match (count, comparison.has_other_items()) {
        (0, false) => format!("{provider}: nothing changed for users since {base}"),
        (0, true) => format!(
            "{provider}: the document says the same as in {base}; public items: {}",
            items(comparison)
        ),
        (1, _) => format!("{provider}: 1 change since {base}: wire {wire}, Rust {rust}"),
        (count, _) => format!("{provider}: {count} changes since {base}: wire {wire}, Rust {rust}"),
    }
}

fn items(comparison: &Comparison) -> String {
    format!("{} added, {} removed", comparison.items_added.len(), comparison.items_removed.len())
}

fn table(base: &str, comparison: &Comparison) -> String {
    let mut text = format!("{}\n", verdict(base, comparison));
    // Writing to a String cannot fail.
    for change in &comparison.changes {
        let (wire, rust) = (change.wire(), change.rust());
        let _ = writeln!(text, "\n  {wire:<10}  {rust:<5}  {}", change.rule.id());
        let _ = writeln!(text, "    {}", change.sentence());
        let _ = writeln!(text, "    {}", whereabouts(&comparison.file, change));
    }
    if comparison.has_other_items() {
        let _ = writeln!(text, "\n  public items: {}", items(comparison));
        for (sign, list) in [('-', &comparison.items_removed), ('+', &comparison.items_added)] {
            for item in list {
                let _ = writeln!(text, "    {sign} {item}");
            }
        }
    }
    let lines = changelog::lines(&comparison.changes);
    if !lines.is_empty() {
        let _ = writeln!(text, "\n  for CHANGELOG.md:\n\n{}", bullets(comparison, &lines));
    }
    let _ = writeln!(text, "\n  {}", comparison.proposal());
    text.push('\n');
    text
}

/// The bullet of the provider, with one for each line.
pub fn bullets(comparison: &Comparison, lines: &[String]) -> String {
    let mut text = format!("- `{}`:", comparison.package());
    for line in lines {
        let _ = write!(text, "\n  - {}", wrapped(line, 100, "    "));
    }
    text
}

/// A text in lines of `width`, those after the first behind `indentation`.
fn wrapped(text: &str, width: usize, indentation: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { continue };
        if !line.is_empty() && line.len() + word.len() + indentation.len() + 1 > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join(&format!("\n{indentation}"))
}

/// Direction, operations and lines.
fn whereabouts(file: &str, change: &Change) -> String {
    let mut parts: Vec<String> = change.direction.iter().map(ToString::to_string).collect();
    // An operation is not used by itself.
    let users: Vec<&str> = change.used_by.iter().map(String::as_str).collect();
    if users.first().is_some_and(|first| change.place.split('.').next() != Some(first)) {
        parts.push(match users.len() {
            0..=NAMED => format!("used by {}", users.join(", ")),
            count => {
                format!("used by {} and {} more", users[..NAMED].join(", "), count - NAMED)
            }
        });
    }
    parts.push(match (change.old_line, change.new_line) {
        (Some(old), Some(new)) => format!("{file}:{new}, was line {old}"),
        (None, Some(new)) => format!("{file}:{new}"),
        (Some(old), None) => format!("was {file}:{old}"),
        (None, None) => file.to_owned(),
    });
    parts.join("; ")
}

fn markdown(base: &str, comparison: &Comparison) -> String {
    let mut text = format!("### {}\n\n", verdict(base, comparison));
    if !comparison.changes.is_empty() {
        text.push_str("| wire | Rust | rule | change | where |\n|---|---|---|---|---|\n");
    }
    for change in &comparison.changes {
        let cell = |text: String| text.replace('|', "\\|");
        let (wire, rust) = (change.wire(), change.rust());
        let wire = if wire == Wire::Breaking { format!("**{wire}**") } else { wire.to_string() };
        let rust = if rust == Rust::Major { format!("**{rust}**") } else { rust.to_string() };
        let _ = writeln!(
            text,
            "| {wire} | {rust} | {} | {} | {} |",
            change.rule.id(),
            cell(change.sentence()),
            cell(whereabouts(&comparison.file, change))
        );
    }
    if comparison.has_other_items() {
        let _ = writeln!(text, "\nPublic items: {}.\n\n```diff", items(comparison));
        for (sign, list) in [('-', &comparison.items_removed), ('+', &comparison.items_added)] {
            for item in list {
                let _ = writeln!(text, "{sign} {item}");
            }
        }
        text.push_str("```\n");
    }
    let lines = changelog::lines(&comparison.changes);
    if !lines.is_empty() {
        let bullets = bullets(comparison, &lines);
        let _ = writeln!(text, "\nFor `CHANGELOG.md`:\n\n```markdown\n{bullets}\n```");
    }
    let _ = writeln!(text, "\n{}\n", comparison.proposal());
    text
}

fn json(comparison: &Comparison) -> Value {
    let changes = comparison.changes.iter().map(|change| {
        let facts = change.rule.facts();
        let mut value = json!(change);
        value["class"] = json!(facts.class);
        value["wire"] = json!(facts.wire);
        value["rust"] = json!(facts.rust);
        value["sentence"] = change.sentence().into();
        value
    });
    json!({
        "provider": comparison.provider,
        "document": comparison.file,
        "is_new": comparison.is_new,
        "wire": comparison.wire(),
        "rust": comparison.rust(),
        "changes": changes.collect::<Vec<_>>(),
        "items_added": comparison.items_added,
        "items_removed": comparison.items_removed,
        "changelog": changelog::lines(&comparison.changes),
        "base_version": comparison.base_version.map(|version| version.to_string()),
        "version": comparison.version.map(|version| version.to_string()),
        "proposed_version": comparison.proposed().map(|version| version.to_string()),
    })
}

/// All rules.
pub fn list() -> String {
    let mut text = String::new();
    for rule in Rule::ALL {
        let facts = rule.facts();
        let id = facts.id;
        let _ = writeln!(
            text,
            "{id:<30} wire {:<10} Rust {:<5}  {}",
            facts.wire, facts.rust, facts.reason
        );
    }
    text
}
