//! Text in lines → blocks: Markdown, reStructuredText, and plain text. One reader for all, because copies
//! mix them.

use super::block::{self, Block, Line, Table, words};
use super::{html, pipe, rst};

/// The blocks of a text.
pub fn blocks(text: &str) -> Vec<Block> {
    let lines: Vec<&str> = text.lines().collect();
    let mut reader = Reader { lines: &lines, at: 0, out: Vec::new(), caption: None };
    while reader.at < lines.len() {
        reader.next();
    }
    reader.out
}

struct Reader<'a> {
    lines: &'a [&'a str],
    at: usize,
    out: Vec<Block>,
    /// Of `.. table::`, until its table comes.
    caption: Option<block::Block>,
}

impl Reader<'_> {
    /// Reads what begins at the line, and goes behind it.
    fn next(&mut self) {
        let line = self.lines[self.at];
        let text = line.trim();
        if text.is_empty() || is_rule(text) {
            self.at += 1;
        } else if text.starts_with("```") || text.starts_with("~~~") {
            self.fence(&text[..3]);
        } else if let Some((table, next)) = rst::table(self.lines, self.at) {
            self.table(table, next);
        } else if let Some(columns) = pipe::delimiter(text) {
            self.pipes(columns);
        } else if starts_table(text) {
            self.html();
        } else if let Some(rest) = text.strip_prefix(".. ") {
            self.directive(line, rest);
        } else {
            self.line(line, text);
        }
    }

    fn table(&mut self, table: Option<Table>, next: usize) {
        self.at = next;
        let Some(mut table) = table else { return };
        if let Some(Block::Heading(caption)) = self.caption.take() {
            table.caption = Some(caption);
        }
        self.out.push(Block::Table(table));
    }

    /// Code between marks; a mark that is never closed marks nothing.
    fn fence(&mut self, mark: &str) {
        let begin = self.at + 1;
        let rest = &self.lines[begin..];
        let length = rest.iter().position(|line| line.trim().starts_with(mark)).unwrap_or(0);
        for (n, code) in rest[..length].iter().enumerate() {
            self.out.push(Block::Code(words(begin + n + 1, code)));
        }
        self.at = begin + length + usize::from(length > 0);
    }

    fn pipes(&mut self, columns: usize) {
        let Some(found) = pipe::table(self.lines, self.at, columns) else {
            self.at += 1;
            return;
        };
        // Its header has been taken for lines.
        while self.out.last().is_some_and(|block| block.line() > found.first) {
            self.out.pop();
        }
        self.table(Some(found.table), found.next);
    }

    /// A table of HTML inside Markdown.
    fn html(&mut self) {
        let end = self.lines[self.at..].iter().position(|line| line.contains("</table>"));
        let end = end.map_or(self.lines.len(), |length| self.at + length + 1);
        let text = self.lines[self.at..end].join("\n");
        self.out.extend(html::blocks(&text, self.at));
        self.at = end;
    }

    fn directive(&mut self, line: &str, rest: &str) {
        let number = self.at + 1;
        self.at += 1;
        if let Some(caption) = rest.strip_prefix("table::") {
            let words = words(number, &block::inline(caption));
            self.caption = (!words.text.is_empty()).then_some(Block::Heading(words));
        } else if rest.starts_with("code") || rest.starts_with("parsed-literal") {
            let indent = indent(line);
            let inside = |line: &&&str| line.trim().is_empty() || self::indent(line) > indent;
            let length = self.lines[self.at..].iter().take_while(inside).count();
            for code in &self.lines[self.at..self.at + length] {
                self.at += 1;
                if !code.trim().is_empty() {
                    self.out.push(Block::Code(words(self.at, code)));
                }
            }
        }
    }

    fn line(&mut self, line: &str, text: &str) {
        let number = self.at + 1;
        self.at += 1;
        let marks = text.chars().take_while(|c| *c == '#').count();
        if (1..=6).contains(&marks) && text[marks..].starts_with(' ') {
            let text = text[marks..].trim_end_matches('#');
            self.out.push(Block::Heading(words(number, &block::inline(text))));
            return;
        }
        let (text, bullet) = without_bullet(text);
        let underline = self.lines.get(self.at).map_or("", |line| line.trim());
        // A row of bars over a line of dashes is no heading.
        if bullet.is_none() && is_underline(underline, text) && !text.contains('|') {
            self.at += 1;
            self.out.push(Block::Heading(words(number, &block::inline(text))));
            return;
        }
        let words = words(number, &block::inline(text));
        if !words.text.is_empty() {
            let indent = indent(line);
            self.out.push(Block::Line(Line { words, indent, bullet, pieces: Vec::new() }));
        }
    }
}

/// The text behind a bullet, and the bullet.
fn without_bullet(text: &str) -> (&str, Option<char>) {
    let mut chars = text.chars();
    let bullet =
        chars.next().filter(|c| matches!(c, '•' | '●' | '▪' | '◦' | '·' | '*' | '-' | '+' | '○'));
    let rest = chars.as_str();
    match bullet {
        Some(_) if rest.starts_with(char::is_whitespace) && !rest.trim().is_empty() => {
            (rest.trim(), bullet)
        }
        _ => (text, None),
    }
}

fn indent(line: &str) -> usize {
    let blank = line.chars().take_while(|c| c.is_whitespace());
    blank.map(|c| if c == '\t' { 4 } else { 1 }).sum()
}

/// A line that only draws: `-----`, `=====`, `* * *`.
fn is_rule(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return true };
    let marks = text.chars().filter(|c| *c == first).count();
    "=-~^_*#+".contains(first)
        && marks > 2
        && text.chars().all(|c| c == first || (c == ' ' && first != '='))
}

fn is_underline(line: &str, text: &str) -> bool {
    let Some(first) = line.chars().next() else { return false };
    "=-~^\"*+#".contains(first)
        && line.chars().all(|c| c == first)
        && (line.len() > 2 || line.len() >= text.chars().count())
        && text.chars().count() < 200
}

fn starts_table(text: &str) -> bool {
    text.get(..6).is_some_and(|begin| begin.eq_ignore_ascii_case("<table"))
}
