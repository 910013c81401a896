//! The blocks that every layout is converted to first: headings, lines, tables and code, each with its line.

use crate::audit::page::Words;

/// A piece of a page.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// What the layout marks as a heading.
    Heading(Words),
    /// A line or a paragraph.
    Line(Line),
    /// A table that the layout marks as one, or one found in lines.
    Table(Table),
    /// A line of code.
    Code(Words),
}

/// A line or a paragraph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// The text, with its line.
    pub words: Words,
    /// How far it is indented.
    pub indent: usize,
    /// The bullet that stands before it.
    pub bullet: Option<char>,
    /// The elements of HTML it is made of, where there are several: glued, they make the text.
    pub pieces: Vec<String>,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Its first line.
    pub line: usize,
    /// The caption above it.
    pub caption: Option<Words>,
    /// The first row.
    pub header: Vec<Words>,
    /// The other rows.
    pub rows: Vec<Vec<Words>>,
}

impl Block {
    /// The line.
    pub fn line(&self) -> usize {
        match self {
            Self::Heading(words) | Self::Code(words) => words.line,
            Self::Line(line) => line.words.line,
            Self::Table(table) => table.line,
        }
    }
}

/// Words at a line, with every run of blanks as one.
pub fn words(line: usize, text: &str) -> Words {
    Words { line, text: join(text) }
}

/// A text with every run of blanks as one blank; a no-break space is one too. A bullet inside becomes a dash.
pub fn join(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in
        text.split(|c: char| c.is_whitespace() || matches!(c, '\u{a0}' | '\u{200b}' | '\u{feff}'))
    {
        if word.is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(if matches!(word, "•" | "·" | "●" | "▪" | "◦") { "-" } else { word });
    }
    out
}

/// A text without the marks that Markdown and reStructuredText put inside lines.
pub fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let taken = if let Some(after) = rest.strip_prefix('\\') {
            escaped(after, &mut out) + 1
        } else if let Some(after) = rest.strip_prefix("**") {
            rest.len() - after.len()
        } else if c == '`' || rest.starts_with(":ref:`") || rest.starts_with(":doc:`") {
            code(rest, &mut out)
        } else if c == '[' {
            link(rest, &mut out)
        } else if c == '<' {
            tag(rest, &mut out)
        } else if c == '&' {
            entity(rest, &mut out)
        } else {
            out.push(c);
            c.len_utf8()
        };
        rest = &rest[taken.min(rest.len())..];
    }
    join(&out)
}

/// Takes the backslash from marks only: `\d` of a pattern and `\root` of a path stay as they are.
fn escaped(after: &str, out: &mut String) -> usize {
    match after.chars().next() {
        Some(c @ ('_' | '*' | '[' | ']' | '|' | '<' | '>' | '`' | '#')) => {
            out.push(c);
            c.len_utf8()
        }
        _ => {
            out.push('\\');
            0
        }
    }
}

/// `` `code` ``, ``` ``code`` ```, `` :ref:`text <target>` ``, `` `text <target>`__ ``.
fn code(rest: &str, out: &mut String) -> usize {
    let role = rest.find('`').unwrap_or(0);
    let ticks = rest[role..].chars().take_while(|c| *c == '`').count();
    let begin = role + ticks;
    // Code does not reach far, so a stray mark costs little.
    let reach = limit(&rest[begin..], 500);
    let Some(length) = reach.find(&rest[role..begin]) else {
        out.push_str(&rest[..begin]);
        return begin;
    };
    let inner = &reach[..length];
    let end = begin + length + ticks;
    let refers = role > 0 || rest[end..].starts_with('_');
    let shown = match inner.rfind('<') {
        Some(at) if refers && inner.ends_with('>') => inner[..at].trim_end(),
        _ => inner,
    };
    out.push_str(shown);
    end + if refers && role == 0 {
        rest[end..].chars().take_while(|c| *c == '_').count()
    } else {
        0
    }
}

/// `[text](address)`; other brackets stay.
fn link(rest: &str, out: &mut String) -> usize {
    let reach = limit(rest, 400);
    let found = reach.find("](").filter(|close| !reach[1..*close].contains('['));
    let end = found.and_then(|close| Some((close, close + reach[close..].find(')')?)));
    match end {
        Some((close, end)) => {
            out.push_str(&rest[1..close]);
            end + 1
        }
        None => {
            out.push('[');
            1
        }
    }
}

/// Tags that Markdown keeps in cells; others are text, such as `<key>`.
fn tag(rest: &str, out: &mut String) -> usize {
    const TAGS: &[&str] =
        &["br", "p", "ul", "ol", "li", "b", "i", "a", "strong", "em", "code", "span", "sup"];
    let reach = limit(rest, 300);
    let Some(end) = reach.find('>') else {
        out.push('<');
        return 1;
    };
    let inside = reach[1..end].trim_start_matches('/');
    let name: String = inside.chars().take_while(char::is_ascii_alphanumeric).collect();
    if !TAGS.contains(&name.to_lowercase().as_str()) {
        out.push('<');
        return 1;
    }
    match name.to_lowercase().as_str() {
        "li" if !reach.starts_with("</") => out.push_str(" - "),
        "br" | "p" | "ul" | "ol" | "li" => out.push(' '),
        _ => {}
    }
    end + 1
}

fn entity(rest: &str, out: &mut String) -> usize {
    const ENTITIES: &[(&str, &str)] = &[
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&#124;", "|"),
        ("&#x27;", "'"),
        ("&ldquo;", "“"),
        ("&rdquo;", "”"),
    ];
    match ENTITIES.iter().find(|(name, _)| rest.starts_with(name)) {
        Some((name, text)) => {
            out.push_str(text);
            name.len()
        }
        None => {
            out.push('&');
            1
        }
    }
}

/// The first bytes of a text, whole characters.
pub fn limit(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// The width of a text in the columns of a terminal: most Chinese characters take two.
pub fn width(c: char) -> usize {
    match c as u32 {
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x20000..=0x3fffd => 2,
        0x300..=0x36f | 0x200b => 0,
        _ => 1,
    }
}
