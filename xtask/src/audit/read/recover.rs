//! Tables that a copy has made into lines: one cell a line, or one row a line, the cells parted by blanks.

use super::block::{Block, Line, Table};
use super::terms::{self, Column};
use super::{facts, types};
use crate::audit::page::Words;

/// Text between two cells that are known may take so many lines.
const TEXT: usize = 40;

/// Finds the tables among the lines.
pub fn tables(mut blocks: Vec<Block>) -> Vec<Block> {
    blocks.retain(|block| !matches!(block, Block::Line(line) if line.words.text == "."));
    head_types(&mut blocks);
    let mut out = Vec::with_capacity(blocks.len());
    let mut at = 0;
    while at < blocks.len() {
        let found = header(&blocks, at).and_then(|header| Rows::new(&blocks, header).read());
        if let Some((table, next)) = found {
            out.push(Block::Table(table));
            at = next;
        } else {
            out.push(blocks[at].clone());
            at += 1;
        }
    }
    out
}

/// The name over "Used by actions" is a heading, marked or not.
fn head_types(blocks: &mut [Block]) {
    for at in 0..blocks.len() {
        if line(blocks, at).is_none_or(|line| facts::used_by(&line.words.text).is_none()) {
            continue;
        }
        for before in (at.saturating_sub(8)..at).rev() {
            match &blocks[before] {
                Block::Line(line) if types::is_identifier(&line.words.text) => {
                    blocks[before] = Block::Heading(line.words.clone());
                    break;
                }
                Block::Line(_) => {}
                _ => break,
            }
        }
    }
}

fn line(blocks: &[Block], at: usize) -> Option<&Line> {
    match blocks.get(at) {
        Some(Block::Line(line)) => Some(line),
        _ => None,
    }
}

/// The header of a table in lines.
struct Header {
    columns: Vec<Column>,
    words: Vec<Words>,
    next: usize,
    /// Whether each cell has a line of its own.
    cells: bool,
}

fn header(blocks: &[Block], at: usize) -> Option<Header> {
    let first = &line(blocks, at)?.words;
    if let Some(found) = terms::columns(&first.text) {
        let (columns, texts): (Vec<Column>, Vec<String>) = found.into_iter().unzip();
        let words = texts.into_iter().map(|text| Words { line: first.line, text }).collect();
        return Some(Header { columns, words, next: at + 1, cells: false });
    }
    let mut columns = Vec::new();
    let mut words = Vec::new();
    let mut next = at;
    while let Some(cell) = line(blocks, next) {
        let Some(column) = terms::column(&cell.words.text) else { break };
        if column != Column::Aside && columns.contains(&column) {
            break;
        }
        columns.push(column);
        words.push(cell.words.clone());
        next += 1;
    }
    terms::is_header(columns.iter().copied()).then_some(Header {
        columns,
        words,
        next,
        cells: true,
    })
}

/// Whether a line begins another part of the page, and so ends a table.
pub fn ends(text: &str) -> bool {
    terms::section(text).is_some()
        || facts::caption(text).is_some()
        || facts::status_line(text).is_some()
        || facts::method(text).is_some()
        || facts::used_by(text).is_some()
        || facts::edition(text).is_some()
        || facts::is_code(text)
        || terms::is_frame(text)
        || terms::columns(text).is_some()
}

struct Rows<'a> {
    blocks: &'a [Block],
    header: Header,
    /// The columns before the prose, and those behind it.
    before: Vec<Column>,
    prose: Option<usize>,
    behind: Vec<Column>,
}

fn is_free(column: Column) -> bool {
    matches!(column, Column::Text | Column::Aside | Column::Idle)
}

impl<'a> Rows<'a> {
    fn new(blocks: &'a [Block], header: Header) -> Self {
        let prose = header.columns.iter().position(|column| is_free(*column));
        let before = header.columns[..prose.unwrap_or(header.columns.len())].to_vec();
        let behind = prose.map_or_else(Vec::new, |prose| header.columns[prose + 1..].to_vec());
        Self { blocks, header, before, prose, behind }
    }

    fn read(self) -> Option<(Table, usize)> {
        // A name and prose alone look like any line.
        if self.before == [Column::Name] && !self.behind.iter().any(|column| !is_free(*column)) {
            return None;
        }
        let mut rows: Vec<Vec<Words>> = Vec::new();
        let mut at = self.header.next;
        while let Some(line) = line(self.blocks, at) {
            if at > self.header.next && header(self.blocks, at).is_some() {
                break;
            }
            let row = if self.header.cells {
                self.cells(at)
            } else {
                self.words(line).map(|row| (row, 1))
            };
            if let Some((row, taken)) = row {
                rows.push(row);
                at += taken;
                continue;
            }
            let cell = self.prose.and_then(|prose| rows.last_mut()?.get_mut(prose));
            let Some(cell) = cell.filter(|_| !ends(&line.words.text)) else { break };
            add(cell, line);
            at += 1;
        }
        if rows.is_empty() {
            return None;
        }
        let line = self.header.words.first().map_or(0, |words| words.line);
        Some((Table { line, caption: None, header: self.header.words, rows }, at))
    }

    /// The row that begins at a line and has a line for each cell; several for the prose.
    fn cells(&self, at: usize) -> Option<(Vec<Words>, usize)> {
        let cell = |at: usize| line(self.blocks, at).map(|line| &line.words);
        let mut row = Vec::new();
        for (n, column) in self.before.iter().enumerate() {
            let words = cell(at + n)?;
            if !fits(*column, &words.text) {
                return None;
            }
            row.push(words.clone());
        }
        let Some(_) = self.prose else { return Some((row, self.before.len())) };
        let begin = at + self.before.len();
        if self.behind.is_empty() {
            row.push(Words { line: row.last().map_or(0, |words| words.line), text: String::new() });
            return Some((row, self.before.len()));
        }
        let fixed = self.behind.iter().any(|column| is_free(*column));
        for length in if fixed { 1..2 } else { 0..TEXT } {
            let behind: Option<Vec<Words>> = self
                .behind
                .iter()
                .enumerate()
                .map(|(n, column)| {
                    let words = cell(begin + length + n)?;
                    fits(*column, &words.text).then(|| words.clone())
                })
                .collect();
            let Some(behind) = behind else { continue };
            let mut prose =
                Words { line: row.last().map_or(0, |words| words.line), text: String::new() };
            for at in begin..begin + length {
                if let Some(line) = line(self.blocks, at) {
                    add(&mut prose, line);
                }
            }
            row.push(prose);
            row.extend(behind);
            return Some((row, self.before.len() + length + self.behind.len()));
        }
        None
    }

    /// The row that a line of words is. A name may be a dash, which looks like a bullet.
    fn words(&self, line: &Line) -> Option<Vec<Words>> {
        let words: Vec<&str> = line.words.text.split(' ').collect();
        let dash = || [&["-"], words.as_slice()].concat();
        self.row(line, words.clone()).or_else(|| {
            line.bullet.filter(|mark| *mark == '-').and_then(|_| self.row(line, dash()))
        })
    }

    fn row(&self, line: &Line, mut left: Vec<&str>) -> Option<Vec<Words>> {
        let mut row = Vec::new();
        let mut sure = false;
        for column in &self.before {
            let taken = match column {
                Column::Name if left.get(1).is_some_and(|word| is_optional(word)) => 2,
                Column::Name | Column::Status | Column::Error | Column::Place => 1,
                // Some copies lose the mark.
                Column::Required | Column::Optional => {
                    let given = left.first().is_some_and(|word| terms::yes(word).is_some());
                    sure |= given;
                    usize::from(given)
                }
                _ => types::leading(&left, sure)
                    .or_else(|| left.first().filter(|word| types::is_camel(word)).map(|_| 1))?,
            };
            let text = left.get(..taken)?.join(" ");
            if taken > 0 && !fits(*column, &text) {
                return None;
            }
            left.drain(..taken);
            row.push(Words { line: line.words.line, text });
        }
        let mut behind = Vec::new();
        for column in self.behind.iter().rev() {
            let taken = match column {
                Column::Text | Column::Aside | Column::Idle => 0,
                Column::Type => (1..=4.min(left.len()))
                    .rev()
                    .find(|n| types::leading(&left[left.len() - n..], true) == Some(*n))?,
                _ => 1,
            };
            let text = left.get(left.len().checked_sub(taken)?..)?.join(" ");
            if taken > 0 && !fits(*column, &text) {
                return None;
            }
            left.truncate(left.len() - taken);
            behind.push(Words { line: line.words.line, text });
        }
        if self.prose.is_some() {
            row.push(Words { line: line.words.line, text: left.join(" ") });
        } else if !left.is_empty() {
            return None;
        }
        row.extend(behind.into_iter().rev());
        Some(row)
    }
}

fn add(cell: &mut Words, line: &Line) {
    if !cell.text.is_empty() {
        cell.text.push(' ');
    }
    if line.bullet.is_some() {
        cell.text.push_str("- ");
    }
    cell.text.push_str(&line.words.text);
}

fn is_optional(word: &str) -> bool {
    matches!(word.to_lowercase().as_str(), "(optional)" | "（可选）" | "(可选)")
}

fn fits(column: Column, text: &str) -> bool {
    match column {
        Column::Name => {
            types::is_name(text.split(' ').next().unwrap_or("")) && {
                let rest = text.split_once(' ').map_or("", |(_, rest)| rest);
                rest.is_empty() || is_optional(rest)
            }
        }
        Column::Required | Column::Optional => terms::yes(text).is_some(),
        Column::Type => types::is_type(text),
        Column::Status => types::is_status(text),
        Column::Error => types::is_code(text),
        Column::Place => terms::place(text).0.is_some(),
        Column::Text | Column::Aside | Column::Idle => true,
    }
}
