//! Makes of a foreign text one that may stand in documentation: no HTML, and no Markdown that would
//! become a failing test, a link that leads nowhere, or a list where there is none.

use crate::document::Prose;

/// The most characters of a text.
const LONGEST: usize = 1_500;

/// HTML elements that begin a paragraph.
const BLOCKS: [&str; 18] = [
    "p", "div", "br", "hr", "ul", "ol", "dl", "dd", "dt", "table", "tr", "pre", "h1", "h2", "h3",
    "h4", "h5", "h6",
];

/// HTML elements that only set their text apart.
const INLINE: [&str; 21] = [
    "a", "abbr", "b", "big", "code", "em", "font", "i", "img", "kbd", "samp", "small", "span",
    "strong", "sub", "sup", "tbody", "td", "th", "thead", "u",
];

/// A text, and what became of it.
#[derive(Debug, Default)]
pub(super) struct Cleaned {
    /// The text; empty where nothing is left.
    pub text: String,
    /// It lost or changed something.
    pub changed: bool,
    /// It was cut.
    pub cut: bool,
}

/// Cleans a text of any number of lines.
pub(super) fn clean(foreign: &str) -> Cleaned {
    let begin = foreign.trim();
    let mut text = String::new();
    for (index, block) in blocks(&links(&without_html(&plain_characters(begin)))).iter().enumerate()
    {
        if index > 0 && !(block.is_item && text.lines().last().is_some_and(is_item)) {
            text.push('\n');
        }
        if index > 0 {
            text.push('\n');
        }
        text.push_str(&block.text);
    }
    let (mut text, cut) = shortened(&text);
    if Prose::try_from(text.clone()).is_err() {
        text.retain(|c| !"[]<>`".contains(c));
        text = text.replace("://", ": ").trim().to_owned();
    }
    if Prose::try_from(text.clone()).is_err() {
        text.clear();
    }
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    Cleaned { changed: words(&text) != words(begin), cut, text }
}

/// The first sentence of a text, on one line and without its full stop.
pub(super) fn sentence(text: &str) -> String {
    let line = text.split("\n\n").next().unwrap_or_default().split_whitespace();
    let line = line.collect::<Vec<_>>().join(" ");
    let end = line.find(". ").map_or(line.len(), |end| end);
    let mut first = line[..end].trim_end_matches(['.', ':']).trim_start_matches("- ").to_owned();
    if first.matches('`').count() % 2 == 1 {
        first.retain(|c| c != '`');
    }
    if first.chars().count() > 120 {
        let words: Vec<&str> = first.split(' ').collect();
        let mut short = String::new();
        for word in words {
            if short.chars().count() + word.chars().count() > 116 {
                break;
            }
            short.push_str(word);
            short.push(' ');
        }
        first = short.trim_end().replace('`', "");
    }
    if Prose::try_from(first.clone()).is_ok() { first } else { String::new() }
}

/// True for what may stand in a document as it is: a name, a value.
pub(super) fn is_plain(text: &str) -> bool {
    plain_characters(text) == text
}

/// Line ends, tabs and characters that show nothing, or that turn the direction of what follows.
fn plain_characters(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    let is_odd = |c: char| {
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{61c}' | '\u{ad}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
            || (c.is_control() && c != '\n')
    };
    text.chars()
        .filter_map(|c| match c {
            '\t' | '\u{a0}' | '\u{3000}' => Some(' '),
            c if is_odd(c) => None,
            c => Some(c),
        })
        .collect()
}

/// The text without known HTML elements and comments; others stay as they are written.
fn without_html(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    let mut target: Option<String> = None;
    while let Some(at) = rest.find('<') {
        result.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let inside = rest.find('>').map(|end| (&rest[1..end], &rest[end + 1..]));
        let Some((tag, after)) = inside.filter(|(tag, _)| tag.len() < 500) else {
            result.push('<');
            rest = &rest[1..];
            continue;
        };
        let closes = tag.starts_with('/');
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        if BLOCKS.contains(&name.as_str()) {
            result.push_str("\n\n");
        } else if name == "li" {
            result.push_str(if closes { "\n" } else { "\n- " });
        } else if matches!(name.as_str(), "code" | "tt" | "kbd" | "samp") {
            result.push('`');
        } else if matches!(name.as_str(), "td" | "th") {
            result.push_str(if closes { "; " } else { "" });
        } else if name == "a" && !closes {
            target = attribute(tag, "href");
        } else if name == "a" {
            let url = target.take().filter(|url| url.starts_with("http"));
            result.extend(url.map(|url| format!(" (<{url}>)")));
        } else if !INLINE.contains(&name.as_str()) {
            result.push('<');
            rest = &rest[1..];
            continue;
        }
        rest = after;
    }
    result.push_str(rest);
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ];
    entities.iter().fold(result, |text, (entity, plain)| text.replace(entity, plain))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}="))?;
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let value = rest[1..].split(quote).next()?;
    (!value.contains(|c: char| c.is_whitespace() || "<>`".contains(c))).then(|| value.to_owned())
}

/// `[text](target)` as the text, with the target where it is an address.
fn links(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(middle) = rest.find("](") {
        let begin = rest[..middle].rfind('[').filter(|at| !rest[*at..middle].contains('\n'));
        let end = rest[middle..].find([')', '\n']).map(|end| middle + end);
        let closed = end.filter(|end| rest[*end..].starts_with(')'));
        let (Some(begin), Some(end)) = (begin, closed) else {
            result.push_str(&rest[..middle + 2]);
            rest = &rest[middle + 2..];
            continue;
        };
        result.push_str(rest[..begin].trim_end_matches('!'));
        result.push_str(&rest[begin + 1..middle]);
        let target = rest[middle + 2..end].split_whitespace().next().unwrap_or_default();
        if target.starts_with("http") && !target.contains(['<', '>', '`']) {
            result.push_str(&format!(" (<{target}>)"));
        }
        rest = &rest[end + 1..];
    }
    result.push_str(rest);
    result
}

struct Block {
    text: String,
    is_item: bool,
}

fn is_item(line: &str) -> bool {
    line.starts_with("- ")
}

/// Paragraphs and list items, each on one line.
fn blocks(text: &str) -> Vec<Block> {
    let mut lines: Vec<(String, bool)> = Vec::new();
    let mut in_code = false;
    let mut joins = false;
    for line in text.lines() {
        let line = line.trim().trim_start_matches('>').trim();
        if line.starts_with("```") || line.starts_with("~~~") {
            in_code = !in_code;
            joins = false;
            continue;
        }
        let is_rule = line.len() > 2 && line.chars().all(|c| "-=*_|:+ ".contains(c));
        if line.is_empty() || is_rule {
            joins = false;
            continue;
        }
        if in_code {
            let code = line.replace('`', "'");
            lines.push((format!("- `{code}`"), true));
            continue;
        }
        if line.starts_with('|') {
            let cells = line.trim_matches('|').split('|').map(str::trim);
            let cells: Vec<&str> = cells.filter(|cell| !cell.is_empty()).collect();
            lines.push((format!("- {}", cells.join("; ")), true));
            joins = false;
            continue;
        }
        if let Some(item) = item(line) {
            lines.push((format!("- {item}"), true));
            joins = true;
            continue;
        }
        let is_heading = line.starts_with('#');
        let line = line.trim_start_matches('#').trim();
        match lines.last_mut() {
            Some((last, _)) if joins && !is_heading => {
                last.push(' ');
                last.push_str(line);
            }
            _ => lines.push((line.to_owned(), false)),
        }
        joins = !is_heading;
    }
    let block = |(text, is_item): (String, bool)| {
        let words = match is_item {
            true => format!("- {}", words(&text[2..])),
            false => words(&text),
        };
        Block { text: words, is_item }
    };
    let all = lines.into_iter().map(block);
    all.filter(|block| !block.text.trim_start_matches("- ").is_empty()).collect()
}

/// What stands behind the mark of a list item.
fn item(line: &str) -> Option<&str> {
    let marks = ["- ", "* ", "+ ", "• ", "· ", "– "];
    if let Some(item) = marks.iter().find_map(|mark| line.strip_prefix(mark)) {
        return Some(item.trim());
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let after = line.get(digits..).filter(|_| (1..4).contains(&digits))?;
    after.strip_prefix(". ").or_else(|| after.strip_prefix(") ")).map(str::trim)
}

/// A block's words with what Markdown would take for something else in backticks.
fn words(text: &str) -> String {
    let text = match text.matches('`').count() % 2 {
        0 => text.to_owned(),
        _ => text.replace('`', ""),
    };
    let parts: Vec<&str> = text.split('`').collect();
    let mut result = String::new();
    for (index, part) in parts.iter().enumerate() {
        if index % 2 == 1 {
            // An empty code span is two backticks, which begin another one.
            if !part.trim().is_empty() {
                result.push_str(&format!("`{}`", part.trim()));
            }
            continue;
        }
        let last = parts.len() - 1;
        let words: Vec<&str> = part.split(' ').collect();
        let safe = words.iter().enumerate().map(|(at, token)| {
            let touches = (at == 0 && index > 0) || (at + 1 == words.len() && index < last);
            word(token, touches)
        });
        result.push_str(&safe.collect::<Vec<_>>().join(" "));
    }
    result.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn word(token: &str, touches_code: bool) -> String {
    match token {
        "-" | "*" | "+" => return "–".to_owned(),
        _ => {}
    }
    if let Some(at) = token.find("http://").or_else(|| token.find("https://")) {
        let (before, url) = token.split_at(at);
        let before = before.trim_end_matches('<');
        let length = url.find(['<', '>', '"', '\'', ')', ']', '|']).unwrap_or(url.len());
        let (url, after) = url.split_at(length);
        let after = after.trim_start_matches('>');
        let kept = url.trim_end_matches(['.', ',', ';', ':', '!', '?', '*']);
        let end = &url[kept.len()..];
        return format!("{}<{kept}>{end}{}", without_marks(before), without_marks(after));
    }
    if !token.contains(['[', ']', '<', '>']) {
        return token.to_owned();
    }
    if touches_code {
        return without_marks(token);
    }
    let core = token.trim_matches(['.', ',', ';', ':', '(', ')', '"', '\'', '*', '!', '?']);
    match token.split_once(core) {
        Some((before, after)) if !core.is_empty() => format!("{before}`{core}`{after}"),
        _ => without_marks(token),
    }
}

fn without_marks(token: &str) -> String {
    token.replace(['[', '<'], "(").replace([']', '>'], ")")
}

/// The first paragraphs, as many as fit, or the first sentences of a single one.
fn shortened(text: &str) -> (String, bool) {
    if text.chars().count() <= LONGEST {
        return (text.to_owned(), false);
    }
    let mut kept = String::new();
    for line in text.split_inclusive('\n') {
        if kept.chars().count() + line.chars().count() > LONGEST {
            break;
        }
        kept.push_str(line);
    }
    if kept.trim().is_empty() {
        let most: String = text.chars().take(LONGEST).collect();
        let end = most.rfind(". ").map_or(most.len(), |end| end + 1);
        kept = most[..end].to_owned();
        if kept.matches('`').count() % 2 == 1 {
            kept.retain(|c| c != '`');
        }
    }
    (kept.trim_end().to_owned(), true)
}
