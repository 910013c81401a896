//! Layouts of text.

use xtask::audit::page::Member;

use super::{Form, Language, Layout, Part, written};

/// Lines of long texts are about so long.
const WIDTH: usize = 72;

/// Writes the parts.
pub fn write(parts: &[Part], layout: Layout) -> String {
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Heading(text) => heading(&mut out, text, layout.form),
            Part::Line(text) => {
                out.push_str(text);
                gap(&mut out, layout.form);
            }
            Part::Table { caption, header, rows } => {
                table(&mut out, caption.as_deref(), header, rows, layout.form);
            }
            Part::List(members) => list(&mut out, members, 1, layout),
        }
    }
    out
}

/// The end of a line, and a blank one where the form has them.
fn gap(out: &mut String, form: Form) {
    out.push_str(if form == Form::TightCells { "\n" } else { "\n\n" });
}

fn heading(out: &mut String, text: &str, form: Form) {
    match form {
        Form::Markdown => out.push_str(&format!("## {text}\n\n")),
        Form::Grid | Form::Simple => {
            out.push_str(&format!("{text}\n{}\n\n", "-".repeat(display(text))));
        }
        _ => {
            out.push_str(text);
            gap(out, form);
        }
    }
}

fn table(
    out: &mut String,
    caption: Option<&str>,
    header: &[String],
    rows: &[Vec<String>],
    form: Form,
) {
    match form {
        Form::Grid | Form::Simple => {
            let (indent, directive) = match caption {
                Some(caption) => {
                    let (number, rest) =
                        caption.split_at(caption.match_indices(' ').nth(1).map_or(0, |(at, _)| at));
                    ("   ", format!(".. table:: **{number}**{rest}\n\n"))
                }
                None => ("", String::new()),
            };
            out.push_str(&directive);
            let lines = if form == Form::Grid { grid(header, rows) } else { simple(header, rows) };
            for line in lines {
                out.push_str(format!("{indent}{line}").trim_end());
                out.push('\n');
            }
            out.push('\n');
            return;
        }
        _ => {}
    }
    if let Some(caption) = caption {
        let caption =
            if form == Form::Markdown { format!("**{caption}**") } else { caption.to_owned() };
        out.push_str(&caption);
        gap(out, form);
    }
    match form {
        Form::Cells | Form::TightCells => {
            for cell in header.iter().chain(rows.iter().flatten()) {
                for line in if form == Form::Cells { wrap(cell) } else { vec![cell.clone()] } {
                    out.push_str(if line.is_empty() { "\u{a0} \u{a0} " } else { &line });
                    gap(out, form);
                }
            }
        }
        Form::Words | Form::Tabs | Form::Aligned | Form::Glued | Form::GluedBehind => {
            words(out, header, rows, form)
        }
        _ => pipes(out, header, rows, form),
    }
}

fn pipes(out: &mut String, header: &[String], rows: &[Vec<String>], form: Form) {
    let cell = |cell: &String| {
        let cell = cell.replace('|', "\\|");
        if form != Form::Markdown {
            return cell;
        }
        // As programs that turn HTML into Markdown do.
        let mut escaped = String::new();
        for c in cell.replace(" - ", "<br>\\- ").replace("\\- ", "- ").chars() {
            if matches!(c, '_' | '*' | '[' | ']') {
                escaped.push('\\');
            }
            escaped.push(c);
        }
        escaped
    };
    let row = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(cell).collect();
        match form {
            Form::BarePipes => cells.join(" | "),
            Form::TrailingPipes => cells.join(" | ") + " |",
            Form::BrokenPipes => format!("|\n{} |", cells.join(" |\n")),
            _ => format!("| {} |", cells.join(" | ")),
        }
    };
    out.push_str(&row(header));
    let dashes = vec!["---"; header.len()].join("|");
    match form {
        Form::BarePipes => out.push_str(&format!("\n{dashes}\n")),
        Form::TrailingPipes => out.push_str(&format!("\n{dashes}|\n")),
        _ => out.push_str(&format!("\n|{dashes}|\n")),
    }
    for cells in rows {
        let row = row(cells);
        let row = if form == Form::SplitPipes { wrap(&row).join("\n") } else { row };
        out.push_str(&row);
        out.push('\n');
    }
    out.push('\n');
}

/// Rows in lines. A list in a text goes on with the next row.
fn words(out: &mut String, header: &[String], rows: &[Vec<String>], form: Form) {
    let widths: Vec<usize> = (0..header.len())
        .map(|n| {
            rows.iter().chain([&header.to_vec()]).map(|row| display(&row[n])).max().unwrap_or(0)
        })
        .collect();
    let line = |cells: &[String]| {
        let cells: Vec<String> = match form {
            Form::Aligned => {
                let pad = |(cell, width): (&String, &usize)| {
                    format!("{cell}{}", " ".repeat(width - display(cell) + 3))
                };
                cells.iter().zip(&widths).map(pad).collect()
            }
            _ => cells.iter().filter(|cell| !cell.is_empty()).cloned().collect(),
        };
        let parted = match form {
            Form::Tabs => "\t",
            Form::Aligned => "",
            _ => " ",
        };
        cells.join(parted).trim_end().to_owned()
    };
    out.push_str(&line(header));
    out.push('\n');
    let mut swallowed = false;
    for row in rows {
        let text = line(row);
        if form != Form::Words {
            out.push_str(&text);
            out.push('\n');
            continue;
        }
        let mut items = text.split(" - ");
        let first = items.next().unwrap_or_default();
        out.push_str(&format!("{}{first}\n", if swallowed { "  • " } else { "" }));
        swallowed = false;
        for item in items {
            out.push_str(&format!("\n  • {item}\n"));
            swallowed = true;
        }
    }
    out.push('\n');
}

fn list(out: &mut String, members: &[Member], depth: usize, layout: Layout) {
    for member in members {
        let indent = "  ".repeat(depth);
        let ty = member.ty.as_ref().map_or_else(String::new, written);
        let mark = match (member.required, layout.language) {
            (Some(true), Language::English) => "Required",
            (Some(true), Language::Chinese) => "必填",
            _ => "",
        };
        out.push_str(&format!("{indent}• {}{ty}{mark}", member.name));
        if layout.form == Form::GluedBehind {
            out.push_str(&format!("{}\n", member.text));
        } else if member.text.is_empty() {
            out.push_str("\n\n");
        } else {
            out.push_str(&format!("\n\n{indent}  {}\n\n", member.text));
        }
        list(out, &member.members, depth + 1, layout);
    }
}

fn grid(header: &[String], rows: &[Vec<String>]) -> Vec<String> {
    let rows: Vec<Vec<Vec<String>>> = [header]
        .into_iter()
        .chain(rows.iter().map(Vec::as_slice))
        .map(|row| row.iter().map(|cell| wrap(cell)).collect())
        .collect();
    let widths: Vec<usize> = (0..header.len())
        .map(|n| rows.iter().flat_map(|row| &row[n]).map(|line| display(line)).max().unwrap_or(0))
        .collect();
    let border = |mark: &str| {
        let cells: Vec<String> = widths.iter().map(|width| mark.repeat(width + 2)).collect();
        format!("+{}+", cells.join("+"))
    };
    let mut lines = vec![border("-")];
    for (n, row) in rows.iter().enumerate() {
        for at in 0..row.iter().map(Vec::len).max().unwrap_or(0) {
            let mut line = "|".to_owned();
            for (cell, width) in row.iter().zip(&widths) {
                let text = cell.get(at).map_or("", String::as_str);
                line.push_str(&format!(" {text}{} |", " ".repeat(width - display(text))));
            }
            lines.push(line);
        }
        lines.push(border(if n == 0 { "=" } else { "-" }));
    }
    lines
}

fn simple(header: &[String], rows: &[Vec<String>]) -> Vec<String> {
    let rows: Vec<Vec<Vec<String>>> = [header]
        .into_iter()
        .chain(rows.iter().map(Vec::as_slice))
        .map(|row| row.iter().map(|cell| wrap(cell)).collect())
        .collect();
    let widths: Vec<usize> = (0..header.len())
        .map(|n| {
            rows.iter().flat_map(|row| &row[n]).map(|line| display(line)).max().unwrap_or(0).max(2)
        })
        .collect();
    let border = widths.iter().map(|width| "=".repeat(*width)).collect::<Vec<_>>().join(" ");
    let mut lines = vec![border.clone()];
    for (n, row) in rows.iter().enumerate() {
        for at in 0..row.iter().map(Vec::len).max().unwrap_or(0) {
            let cells = row.iter().zip(&widths).map(|(cell, width)| {
                let text = cell.get(at).map_or("", String::as_str);
                format!("{text}{}", " ".repeat(width - display(text)))
            });
            lines.push(cells.collect::<Vec<_>>().join(" "));
        }
        if n == 0 {
            lines.push(border.clone());
        }
    }
    lines.push(border);
    lines
}

/// A text in lines of about the same length; one line where it is short.
fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is one");
        if last.is_empty() {
            last.push_str(word);
        } else if display(last) + display(word) < WIDTH {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// The columns that a text takes on a terminal.
fn display(text: &str) -> usize {
    text.chars()
        .map(|c| if matches!(c as u32, 0x2e80..=0xa4cf | 0xff00..=0xff60) { 2 } else { 1 })
        .sum()
}
