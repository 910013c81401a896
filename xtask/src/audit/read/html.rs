//! HTML → blocks, from the stream of its tags: no tree is built, so that neither depth nor a tag that is
//! never closed costs anything.

use html5gum::{Token, Tokenizer, emitters::default::DefaultEmitter};

use super::block::{Block, Line, Table, words};
use crate::audit::page::Words;

/// Divides the elements of a line while it is read.
const SEAM: char = '\u{1f}';

/// The blocks of a page, or of a part of one that begins behind line `before`.
pub fn blocks(text: &str, before: usize) -> Vec<Block> {
    let blocks = read(text, before, true);
    // Frames that are never closed would hide the page.
    if blocks.is_empty() { read(text, before, false) } else { blocks }
}

fn read(text: &str, before: usize, skip_frames: bool) -> Vec<Block> {
    let mut emitter = DefaultEmitter::new_with_span();
    emitter.naively_switch_states(true);
    let mut reader = Reader { skip_frames, ..Reader::default() };
    let mut line = before + 1;
    let mut seen = 0;
    for token in Tokenizer::new_with_emitter(text, emitter) {
        let Ok(token) = token;
        let start = match &token {
            Token::StartTag(tag) => tag.span.start,
            Token::EndTag(tag) => tag.span.start,
            Token::String(text) => text.span.start,
            _ => continue,
        };
        if let Some(passed) = text.as_bytes().get(seen..start) {
            line += passed.iter().filter(|byte| **byte == b'\n').count();
            seen = start;
        }
        match token {
            Token::StartTag(tag) => {
                let number = |name: &[u8]| {
                    let value = tag
                        .attributes
                        .get(name)
                        .map(|value| String::from_utf8_lossy(value).into_owned());
                    value.and_then(|value| value.trim().parse().ok()).unwrap_or(1)
                };
                let spans = (number(b"colspan"), number(b"rowspan"));
                reader.open(&String::from_utf8_lossy(&tag.name), tag.self_closing, spans, line);
            }
            Token::EndTag(tag) => reader.close(&String::from_utf8_lossy(&tag.name), line),
            Token::String(text) => reader.text(&String::from_utf8_lossy(&text), line),
            _ => {}
        }
    }
    reader.flush();
    reader.end_table();
    reader.out
}

#[derive(Default)]
struct Reader {
    out: Vec<Block>,
    /// The text since the last border of a block, and the line it begins at.
    text: String,
    line: usize,
    /// Whether the text has a word.
    begun: bool,
    /// The elements around the text.
    heading: bool,
    caption: bool,
    pre: bool,
    lists: usize,
    bullet: Option<char>,
    /// Inside elements whose text is not the page's.
    hidden: Vec<&'static str>,
    skip_frames: bool,
    table: Option<Grid>,
    /// Tables inside the table: their text is the cell's.
    inner: usize,
}

/// A table while it is read.
#[derive(Default)]
struct Grid {
    table: Table,
    rows: Vec<Vec<Words>>,
    /// The cells that span the next rows, by column.
    spans: Vec<(usize, Words)>,
    row: Vec<Words>,
    in_cell: bool,
    columns: (usize, usize),
}

const HIDDEN: &[&str] = &["script", "style", "template", "svg", "noscript", "head"];
const FRAMES: &[&str] = &["nav", "footer", "aside", "button"];
const BLOCKS: &[&str] = &[
    "p", "div", "section", "article", "main", "header", "body", "html", "dl", "dt", "dd", "figure",
    "blockquote", "form", "details", "summary", "br", "hr", "nav", "footer", "aside", "button",
    "label",
];

impl Reader {
    fn open(&mut self, name: &str, self_closing: bool, spans: (usize, usize), line: usize) {
        let frames = if self.skip_frames { FRAMES } else { &[] };
        if let Some(hidden) = HIDDEN.iter().chain(frames).find(|hidden| **hidden == name) {
            self.seam();
            if !self_closing && self.hidden.len() < 1000 {
                self.hidden.push(hidden);
            }
            return;
        }
        if name == "body" {
            self.hidden.clear();
        }
        if !self.hidden.is_empty() {
            return;
        }
        match name {
            "table" if self.table.is_some() => self.inner += 1,
            "table" => {
                self.flush();
                self.table =
                    Some(Grid { table: Table { line, ..Table::default() }, ..Grid::default() });
            }
            "tr" | "td" | "th" | "caption" | "thead" | "tbody" if self.inner > 0 => {
                self.text.push(' ')
            }
            "caption" => self.caption = self.table.is_some(),
            "tr" => self.end_row(),
            "td" | "th" => self.begin_cell(spans, line),
            "li" if self.table.is_some() => self.text.push_str(" - "),
            "li" => {
                self.flush();
                self.bullet = Some('•');
            }
            "ul" | "ol" => {
                self.border();
                self.lists += usize::from(self.table.is_none());
            }
            "pre" => {
                self.border();
                self.pre = self.table.is_none();
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.border();
                self.heading = self.table.is_none();
            }
            _ if BLOCKS.contains(&name) => self.border(),
            _ => self.seam(),
        }
    }

    fn close(&mut self, name: &str, line: usize) {
        if let Some(at) = self.hidden.iter().rposition(|hidden| *hidden == name) {
            self.hidden.truncate(at);
            return;
        }
        if !self.hidden.is_empty() {
            return;
        }
        match name {
            "table" if self.inner > 0 => self.inner -= 1,
            "table" => self.end_table(),
            "caption" => self.end_caption(line),
            "tr" if self.inner == 0 => self.end_row(),
            "td" | "th" if self.inner == 0 => self.end_cell(),
            "ul" | "ol" => {
                self.border();
                self.lists = self.lists.saturating_sub(usize::from(self.table.is_none()));
            }
            "li" => self.border(),
            "pre" => {
                self.border();
                self.pre = false;
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.border();
                self.heading = false;
            }
            _ if BLOCKS.contains(&name) => self.border(),
            _ => self.seam(),
        }
    }

    fn text(&mut self, text: &str, line: usize) {
        if !self.hidden.is_empty() {
            return;
        }
        if self.table.as_ref().is_some_and(|grid| !grid.in_cell) && !self.caption {
            return;
        }
        let begin = text.trim_start();
        if !self.begun && !begin.is_empty() {
            // The line of the first word.
            self.line = line + text[..text.len() - begin.len()].matches('\n').count();
            self.begun = true;
        }
        self.text.push_str(text);
    }

    fn seam(&mut self) {
        if self.table.is_none() && !self.pre {
            self.text.push(SEAM);
        }
    }

    /// The border of a block: the end of a line, or a blank inside a cell.
    fn border(&mut self) {
        if self.table.is_some() { self.text.push(' ') } else { self.flush() }
    }

    fn flush(&mut self) {
        if self.table.is_some() {
            return;
        }
        let text = std::mem::take(&mut self.text);
        if !std::mem::take(&mut self.begun) {
            return;
        }
        if self.pre {
            for (n, code) in text.lines().enumerate().filter(|(_, code)| !code.trim().is_empty()) {
                self.out.push(Block::Code(words(self.line + n, code)));
            }
            return;
        }
        let whole = words(self.line, &text.replace(SEAM, ""));
        let whole =
            Words { text: whole.text.trim_end_matches('¶').trim_end().to_owned(), ..whole };
        if whole.text.is_empty() {
            return;
        }
        if self.heading {
            self.out.push(Block::Heading(whole));
            return;
        }
        let pieces = text.split(SEAM).map(|piece| words(0, piece).text);
        let pieces: Vec<String> = pieces.filter(|piece| !piece.is_empty()).take(32).collect();
        let bullet = std::mem::take(&mut self.bullet);
        let inside = usize::from(bullet.is_none() && self.lists > 0);
        let indent = 2 * (self.lists + inside);
        self.out.push(Block::Line(Line { words: whole, indent, bullet, pieces }));
    }

    fn end_caption(&mut self, line: usize) {
        if let (true, Some(grid)) = (self.caption, &mut self.table) {
            let text = std::mem::take(&mut self.text);
            self.begun = false;
            grid.table.caption = Some(words(if self.line > 0 { self.line } else { line }, &text));
        }
        self.caption = false;
    }

    fn begin_cell(&mut self, (columns, rows): (usize, usize), line: usize) {
        self.end_cell();
        self.end_caption(line);
        self.line = line;
        self.begun = false;
        if let Some(grid) = &mut self.table {
            grid.in_cell = true;
            grid.columns = (columns.clamp(1, 64), rows.clamp(1, 1000));
            grid.fill();
        }
    }

    fn end_cell(&mut self) {
        let Some(grid) = &mut self.table else { return };
        if grid.in_cell {
            let cell = words(self.line, &std::mem::take(&mut self.text));
            grid.in_cell = false;
            self.begun = false;
            grid.put(&cell);
        }
        self.inner = 0;
    }

    fn end_row(&mut self) {
        self.end_cell();
        if let Some(grid) = &mut self.table {
            grid.fill();
            let row = std::mem::take(&mut grid.row);
            if !row.is_empty() {
                grid.rows.push(row);
            }
        }
    }

    fn end_table(&mut self) {
        self.end_row();
        let Some(mut grid) = self.table.take() else { return };
        self.text.clear();
        self.begun = false;
        self.caption = false;
        if !grid.rows.is_empty() {
            grid.table.header = grid.rows.remove(0);
            grid.table.rows = grid.rows;
            self.out.push(Block::Table(grid.table));
        }
    }
}

impl Grid {
    /// Inserts the cells that span from rows above.
    fn fill(&mut self) {
        while let Some((left, cell)) = self.spans.get_mut(self.row.len()) {
            if *left == 0 {
                break;
            }
            *left -= 1;
            self.row.push(cell.clone());
        }
    }

    fn put(&mut self, cell: &Words) {
        let (columns, rows) = self.columns;
        for n in 0..columns {
            let at = self.row.len();
            if at >= 64 {
                break;
            }
            if self.spans.len() <= at {
                self.spans.resize(at + 1, (0, Words::default()));
            }
            self.spans[at] = (rows - 1, if rows > 1 { cell.clone() } else { Words::default() });
            // A cell over several columns says its words once.
            self.row.push(if n == 0 {
                cell.clone()
            } else {
                Words { line: cell.line, text: String::new() }
            });
        }
    }
}
