//! The two kinds of tables that reStructuredText draws.

use super::block::{self, Table, width, words};
use crate::audit::page::Words;

/// The table at a line, and the line behind it. Borders alone are drawn around nothing: they are passed.
pub fn table(lines: &[&str], at: usize) -> Option<(Option<Table>, usize)> {
    let line = lines[at].trim();
    if line.starts_with("+-") && is_border(line) {
        grid(lines, at)
    } else if columns(line).is_some() {
        simple(lines, at)
    } else {
        None
    }
}

/// The cells of a row while it is read.
#[derive(Clone, Default)]
struct Cell {
    line: usize,
    text: String,
}

impl Cell {
    fn add(&mut self, line: usize, text: &str) {
        let text = text.trim();
        if text.is_empty() || text == "\\" {
            return;
        }
        if self.text.is_empty() {
            self.line = line;
        } else {
            self.text.push(' ');
        }
        self.text.push_str(text);
    }
}

/// Puts a row into the table: the first is the header.
fn put(table: &mut Table, cells: &[Cell], line: usize) {
    if cells.iter().all(|cell| cell.text.is_empty()) {
        return;
    }
    let at = |cell: &Cell| if cell.line == 0 { line } else { cell.line };
    let row: Vec<Words> =
        cells.iter().map(|cell| words(at(cell), &block::inline(&cell.text))).collect();
    if table.header.is_empty() {
        table.header = row;
    } else {
        table.rows.push(row);
    }
}

fn is_border(text: &str) -> bool {
    text.ends_with('+') && text.chars().all(|c| matches!(c, '+' | '-' | '='))
}

fn grid(lines: &[&str], at: usize) -> Option<(Option<Table>, usize)> {
    let bounds: Vec<usize> =
        lines[at].trim().char_indices().filter(|(_, c)| *c == '+').map(|(n, _)| n).collect();
    let columns = bounds.len().checked_sub(1).filter(|columns| (1..=64).contains(columns))?;
    let mut table = Table { line: at + 1, ..Table::default() };
    let mut cells = vec![Cell::default(); columns];
    let mut next = at + 1;
    let mut begin = next + 1;
    while let Some(line) = lines.get(next).map(|line| line.trim()) {
        if !line.starts_with(['|', '+']) {
            break;
        }
        next += 1;
        if is_border(line) {
            put(&mut table, &cells, begin);
            cells = vec![Cell::default(); columns];
            begin = next + 1;
            continue;
        }
        let parts = parts(line, &bounds);
        if parts.iter().any(|part| part.len() > 2 && part.chars().all(|c| c == '-')) {
            // A border under some of the columns: the cells of the others belong to both rows.
            put(&mut table, &cells, begin);
            for (cell, part) in cells.iter_mut().zip(&parts) {
                if part.starts_with("--") {
                    *cell = Cell::default();
                } else {
                    cell.add(next, part);
                }
            }
            begin = next + 1;
            continue;
        }
        for (cell, part) in cells.iter_mut().zip(&parts) {
            cell.add(next, part);
        }
    }
    put(&mut table, &cells, begin);
    Some(((!table.header.is_empty()).then_some(table), next))
}

/// The parts of a line of a grid. Bars inside cells are text.
fn parts(line: &str, bounds: &[usize]) -> Vec<String> {
    let columns = bounds.len() - 1;
    if line.matches('|').count() == bounds.len() {
        return line.split('|').skip(1).take(columns).map(str::to_owned).collect();
    }
    let mut parts = vec![String::new(); columns];
    let mut column = 0;
    let mut at = 0;
    for c in line.chars() {
        match bounds.iter().position(|bound| *bound == at) {
            Some(bound) if matches!(c, '|' | '+') => column = bound,
            _ => {
                if let Some(part) = parts.get_mut(column) {
                    part.push(c);
                }
            }
        }
        at += width(c);
    }
    parts
}

/// Where the columns of `==== ====` begin.
fn columns(line: &str) -> Option<Vec<usize>> {
    if !line.starts_with("==") || !line.contains(' ') || !line.chars().all(|c| c == '=' || c == ' ')
    {
        return None;
    }
    let begins = |(at, c): (usize, char)| {
        (c == '=' && (at == 0 || line.as_bytes()[at - 1] == b' ')).then_some(at)
    };
    let columns: Vec<usize> = line.char_indices().filter_map(begins).collect();
    (2..=64).contains(&columns.len()).then_some(columns)
}

fn simple(lines: &[&str], at: usize) -> Option<(Option<Table>, usize)> {
    let columns = columns(lines[at].trim())?;
    let indent = lines[at].chars().take_while(|c| c.is_whitespace()).count();
    let is_edge = |line: &str| self::columns(line.trim()).is_some();
    let mut table = Table { line: at + 1, ..Table::default() };
    let mut cells: Vec<Cell> = Vec::new();
    let mut begin = at + 2;
    for (n, line) in lines.iter().enumerate().skip(at + 1) {
        if is_edge(line) {
            put(&mut table, &cells, begin);
            cells = Vec::new();
            let last = lines.get(n + 1).is_none_or(|line| line.trim().is_empty());
            if table.header.is_empty() {
                return Some((None, n));
            }
            if last {
                return Some((Some(table), n + 1));
            }
            continue;
        }
        if line.trim().is_empty()
            || line.trim().chars().all(|c| c == '-' || c == ' ') && line.contains("--")
        {
            continue;
        }
        let row = slices(line, indent, &columns);
        // A line whose first cell is blank continues the row.
        if row[0].trim().is_empty() && !cells.is_empty() {
            for (cell, part) in cells.iter_mut().zip(&row) {
                cell.add(n + 1, part);
            }
            continue;
        }
        put(&mut table, &cells, begin);
        begin = n + 1;
        cells = vec![Cell::default(); columns.len()];
        for (cell, part) in cells.iter_mut().zip(&row) {
            cell.add(n + 1, part);
        }
    }
    // Never closed: it goes to the end of the page.
    put(&mut table, &cells, begin);
    Some(((!table.header.is_empty()).then_some(table), lines.len()))
}

fn slices(line: &str, indent: usize, columns: &[usize]) -> Vec<String> {
    let mut parts = vec![String::new(); columns.len()];
    let mut at = 0;
    let mut column = 0;
    for c in line.chars() {
        let place = at as isize - indent as isize;
        while columns.get(column + 1).is_some_and(|begin| place >= *begin as isize) {
            column += 1;
        }
        parts[column].push(c);
        at += width(c);
    }
    parts
}
