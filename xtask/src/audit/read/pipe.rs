//! Tables of bars, with and without outer ones, also where a row is split over lines.

use super::block::{self, Table, words};
use super::terms;
use crate::audit::page::Words;

/// So many lines may one row take.
const ROW: usize = 60;

/// A table that was found.
pub struct Found {
    /// The line before its header.
    pub first: usize,
    /// The line behind it, from 0 on.
    pub next: usize,
    /// The table.
    pub table: Table,
}

/// How a table writes its rows.
struct Style {
    columns: usize,
    /// A bar before the first cell.
    leading: bool,
    /// A bar behind the last cell.
    trailing: bool,
    /// Each cell at a line of its own.
    broken: bool,
}

/// The number of columns of `|---|:-:|`, where a line is such a row.
pub fn delimiter(text: &str) -> Option<usize> {
    if !text.contains('|') || !text.contains('-') || !text.chars().all(|c| "|-: ".contains(c)) {
        return None;
    }
    let cells = text.split('|').map(str::trim).filter(|cell| !cell.is_empty());
    let mut columns = 0;
    for cell in cells {
        let dashes = cell.trim_matches(':');
        if dashes.is_empty() || !dashes.chars().all(|c| c == '-') {
            return None;
        }
        columns += 1;
    }
    (columns > 0).then_some(columns)
}

/// The table whose delimiter is at `at`.
pub fn table(lines: &[&str], at: usize, columns: usize) -> Option<Found> {
    let (first, header) = header(lines, at, columns)?;
    let text = lines[at - 1].trim_end();
    let style = Style {
        columns,
        leading: lines[first].trim_start().starts_with('|'),
        trailing: text.ends_with('|'),
        broken: at - first > 1,
    };
    let mut table = Table { line: first + 1, header, ..Table::default() };
    let mut next = at + 1;
    while let Some((row, end)) = row(lines, next, &style) {
        // The header of the next table.
        if lines.get(end).is_some_and(|line| delimiter(line.trim()).is_some()) {
            break;
        }
        table.rows.push(row);
        next = end;
    }
    Some(Found { first, next, table })
}

/// The header above a delimiter: one line, or several that make enough cells.
fn header(lines: &[&str], at: usize, columns: usize) -> Option<(usize, Vec<Words>)> {
    let mut text = String::new();
    for first in (at.saturating_sub(ROW)..at).rev() {
        let line = lines[first].trim();
        if line.is_empty() {
            return None;
        }
        text = format!("{line} {text}");
        let cells = split(&text, text.trim_end().ends_with('|'));
        if cells.len() >= columns {
            // A bar alone begins a broken row.
            let first = if first > 0 && lines[first - 1].trim() == "|" { first - 1 } else { first };
            let cells = cells.iter().map(|cell| words(first + 1, &block::inline(cell))).collect();
            return Some((first, cells));
        }
        if !line.contains('|') {
            return None;
        }
    }
    None
}

/// The row at a line, and the line behind it.
fn row(lines: &[&str], at: usize, style: &Style) -> Option<(Vec<Words>, usize)> {
    let line = lines.get(at)?.trim();
    let begins = if style.leading { line.starts_with('|') } else { line.contains('|') };
    if !begins {
        return None;
    }
    let mut text = line.to_owned();
    let mut end = at + 1;
    if !is_whole(&text, style) {
        match whole(lines, at, style) {
            Some((joined, next)) => (text, end) = (joined, next),
            // A broken table ends with what is no row.
            None if style.broken => return None,
            None => {}
        }
    }
    let mut cells = split(&text, style.trailing);
    if !style.leading && !style.trailing {
        end = continued(lines, end, &mut cells);
    }
    if cells.len() > style.columns {
        let last = cells.split_off(style.columns - 1).join(" | ");
        cells.push(last);
    }
    Some((cells.iter().map(|cell| words(at + 1, &block::inline(cell))).collect(), end))
}

/// A row joined from several lines, where that makes a whole one.
fn whole(lines: &[&str], at: usize, style: &Style) -> Option<(String, usize)> {
    let mut text = lines[at].trim().to_owned();
    for (n, line) in lines.iter().enumerate().skip(at + 1).take(ROW) {
        let line = line.trim();
        if line.is_empty() && (style.broken || !style.trailing) {
            return None;
        }
        if !style.broken && style.leading && line.starts_with('|') && line != "|" {
            return None;
        }
        text.push(' ');
        text.push_str(line);
        if is_whole(&text, style) {
            return Some((text, n + 1));
        }
    }
    None
}

fn is_whole(text: &str, style: &Style) -> bool {
    let ends = text.ends_with('|') && !text.ends_with("\\|");
    // The bars are counted only where that can change the answer: it costs.
    (!style.trailing || ends) && split(text, style.trailing).len() >= style.columns
}

/// Takes the lines behind a bare row that belong to its last cell.
fn continued(lines: &[&str], mut at: usize, cells: &mut [String]) -> usize {
    while let (Some(line), Some(last)) = (lines.get(at), cells.last_mut()) {
        let line = line.trim();
        if line.is_empty()
            || line.contains('|')
            || super::recover::ends(line)
            || terms::is_frame(line)
        {
            break;
        }
        last.push(' ');
        last.push_str(line);
        at += 1;
    }
    at
}

/// The cells of a row, without its outer bars.
fn split(text: &str, trailing: bool) -> Vec<String> {
    let text = text.trim();
    let text = text.strip_prefix('|').unwrap_or(text);
    let mut cells = vec![String::new()];
    let mut escaped = false;
    for c in text.chars() {
        if c == '|' && !escaped {
            cells.push(String::new());
        } else if let Some(cell) = cells.last_mut() {
            cell.push(c);
        }
        escaped = c == '\\' && !escaped;
    }
    if trailing && cells.len() > 1 && cells.last().is_some_and(|cell| cell.trim().is_empty()) {
        cells.pop();
    }
    cells
}
