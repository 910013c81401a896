//! The tables of `specs/README.md` and `CHANGELOG.md` that are made from the documents.
//!
//! A table stands between `<!-- generated: NAME -->` and `<!-- end -->`; the text around it is
//! written by hand.

use std::collections::BTreeMap;

use crate::spec::Spec;

/// The files with tables, from the workspace's root.
pub const FILES: [&str; 2] = ["specs/README.md", "CHANGELOG.md"];

/// The table with a row for each document.
const DOCUMENTS: &str = "documents";
const END: &str = "<!-- end -->";

/// The facts of one document about its source.
#[derive(Debug)]
pub struct Tables {
    /// The document's row among the documents.
    row: String,
    /// The table of its operations.
    operations: String,
    /// The tables of its decisions, by name.
    decisions: [(&'static str, Option<String>); 2],
}

impl Tables {
    /// Makes the tables of a document.
    pub fn of(spec: &Spec) -> Self {
        let operations = spec.document.calls();
        let mut days: Vec<&str> = operations.iter().map(|operation| operation.read_on()).collect();
        days.push(spec.read_on());
        days.sort_unstable();
        let days = match (days.first(), days.last()) {
            (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
            _ => spec.read_on().to_owned(),
        };
        let (info, page) = (&spec.document.info, spec.document.external_docs.as_ref());
        let title = page.and_then(|page| page.description.as_deref()).unwrap_or_default();
        let row = cells(&[
            format!("`{}`", spec.file),
            info.title.to_string(),
            info.version.clone(),
            link(title, page.map_or("", |page| &page.url)),
            days,
        ]);
        let rows = operations.iter().map(|operation| {
            cells(&[
                format!("`{}`", operation.id()),
                link(operation.page_title(), operation.page()),
                operation.read_on().to_owned(),
            ])
        });
        let operations = table(&["operation", "page", "read"], rows);
        let document = &spec.document;
        let decisions = [
            ("differs", ["differs", "decided", "known from"], &document.differs),
            ("left out", ["left out", "why", "known from"], &document.left_out),
        ];
        let decisions = decisions.map(|(name, columns, list)| {
            if list.is_empty() {
                return (name, None);
            }
            let has_sources = list.iter().any(|decision| decision.source.is_some());
            let count = if has_sources { 3 } else { 2 };
            let rows = list.iter().map(|decision| {
                let source = decision.source.as_deref().unwrap_or("the page");
                let texts = [&*decision.says, &*decision.reason, source];
                cells(&texts.into_iter().take(count).map(line).collect::<Vec<_>>())
            });
            (name, Some(table(&columns[..count], rows)))
        });
        Self { row, operations, decisions }
    }

    /// Gives `text`, which is that of `file`, with this document's tables in it.
    ///
    /// # Errors
    /// A sentence, if a table has no place in the text.
    pub fn put_into(
        &self,
        file: &str,
        text: &str,
        provider: &str,
        providers: &[String],
    ) -> Result<String, String> {
        let text = replace(file, text, DOCUMENTS, |old| {
            let mut rows: BTreeMap<&str, &str> = providers
                .iter()
                .filter_map(|provider| {
                    let begin = format!("| `specs/{provider}.yaml` |");
                    Some((provider.as_str(), old.lines().find(|line| line.starts_with(&begin))?))
                })
                .collect();
            rows.insert(provider, &self.row);
            let columns = ["document", "API", "version", "general page", "read"];
            table(&columns, rows.into_values().map(str::to_owned))
        })?;
        if file == FILES[0] {
            let name = format!("operations of {provider}");
            let mut text = replace(file, &text, &name, |_| self.operations.clone())?;
            for (name, table) in &self.decisions {
                let name = format!("{name} of {provider}");
                // Without a decision there need be no place, but one that is there may not keep old ones.
                if table.is_some() || text.contains(&begin(&name)) {
                    let nothing = || "Nothing.".to_owned();
                    text = replace(file, &text, &name, |_| table.clone().unwrap_or_else(nothing))?;
                }
            }
            return Ok(text);
        }
        Ok(text)
    }
}

/// Replaces the first table called `name` by what `make` makes of it.
fn replace(
    file: &str,
    text: &str,
    name: &str,
    make: impl FnOnce(&str) -> String,
) -> Result<String, String> {
    let begin = begin(name);
    text.split_once(&begin)
        .and_then(|(before, rest)| {
            let (old, after) = rest.split_once(END)?;
            Some(format!("{before}{begin}\n\n{}\n\n{END}{after}", make(old)))
        })
        .ok_or_else(|| {
            format!("{file}: there is no place for a table; add the lines `{begin}` and `{END}`")
        })
}

/// The line above the table called `name`.
fn begin(name: &str) -> String {
    format!("<!-- generated: {name} -->")
}

fn table(columns: &[&str], rows: impl Iterator<Item = String>) -> String {
    let head = cells(&columns.iter().map(ToString::to_string).collect::<Vec<_>>());
    let rule = format!("|{}", "---|".repeat(columns.len()));
    [head, rule].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

fn cells(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |", cells.join(" | "))
}

/// Text in one line.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn link(title: &str, url: &str) -> String {
    if url.is_empty() { title.to_owned() } else { format!("[{title}]({url})") }
}
