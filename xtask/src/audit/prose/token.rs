//! Cuts a description into the few kinds of words that sentences about limits are made of. English and
//! Chinese phrases become the same marks, so that one grammar reads both.

use super::phrases::{Mark, beginning, sign};

/// A word of a description.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name or another word; `true` where it is set as code or quoted.
    Word(String, bool),
    /// A whole number.
    Number(i64),
    /// `[1, 86400]`, both ends included.
    Range(i64, i64),
    /// The inside of `[a-zA-Z0-9_]`.
    Class(String),
    /// The items of `[Windows, Linux]`.
    List(Vec<String>),
    /// A phrase or a sign.
    Mark(Mark),
}

/// Words that begin a sentence, where a page has no space in front of it: `InstanceIds.If both are …`.
const STARTERS: &[&str] = &[
    "If", "The", "It", "A", "An", "This", "You", "For", "By", "When", "Valid", "Default", "Up",
    "Maximum", "Note", "Must", "Only", "Currently", "Once", "Parameters", "Optional",
];

/// More than any description has; the rest of a longer text is left alone.
const LONGEST: usize = 50_000;

/// The tokens of a description. It may hold HTML and Markdown.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let clean = clean(near(text, LONGEST));
    let mut rest = clean.as_str();
    let mut tokens: Vec<Token> = Vec::new();
    let mut code = false;
    let mut before = '\n';
    while let Some(first) = rest.chars().next() {
        let (taken, token) = match first {
            '`' => {
                code = !code;
                (1, None)
            }
            _ if first.is_whitespace() => space(rest, tokens.last()),
            '"' | '“' => quoted(rest, first),
            '{' => (braces(rest), Some(Token::Mark(Mark::Other))),
            '[' | '【' | '(' | '（' => brackets(rest, first),
            '.' => stop(rest, before),
            '-' | '*' | '–' | '—' => dash(rest, first, before),
            '0'..='9' => number(rest),
            _ => phrase_or_word(rest, before, code),
        };
        let taken = taken.max(first.len_utf8());
        before = rest[..taken].chars().next_back().unwrap_or('\n');
        rest = &rest[taken..];
        match token {
            // One token for a run of Chinese characters.
            Some(Token::Mark(Mark::Chinese))
                if tokens.last() == Some(&Token::Mark(Mark::Chinese)) => {}
            Some(token) => tokens.push(token),
            None => {}
        }
    }
    tokens
}

/// The text without tags, character references and addresses of links; an item of a list begins with
/// `•`, code is between backticks.
pub(super) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '&', '[', ']', '\u{a0}']) {
        clean.push_str(&rest[..at]);
        rest = &rest[at..];
        let (taken, instead) = if rest.starts_with('<') {
            tag(rest)
        } else if rest.starts_with('&') {
            reference(rest)
        } else if rest.starts_with("](") {
            // The text of a link stays.
            (near(rest, 300).find([')', '\n']).map_or(1, |end| end + 1), " ")
        } else if rest.starts_with('[') {
            let is_link = near(rest, 300).find(']').is_some_and(|at| rest[at..].starts_with("]("));
            (1, if is_link { "" } else { "[" })
        } else if rest.starts_with(']') {
            (1, "]")
        } else {
            ('\u{a0}'.len_utf8(), " ")
        };
        clean.push_str(instead);
        rest = &rest[taken..];
    }
    clean.push_str(rest);
    clean
}

/// At most the first `bytes` bytes: what opens and is never closed would be searched again and again.
fn near(rest: &str, bytes: usize) -> &str {
    &rest[..rest.floor_char_boundary(bytes)]
}

fn tag(rest: &str) -> (usize, &'static str) {
    let Some(end) = near(rest, 300).find('>') else { return (1, "<") };
    let name = rest[1..end].trim_start_matches('/');
    let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let closes = rest.starts_with("</");
    match name.to_ascii_lowercase().as_str() {
        "li" if !closes => (end + 1, "\n• "),
        "code" => (end + 1, "`"),
        "p" | "br" | "div" | "ul" | "ol" | "li" | "tr" | "td" | "table" => (end + 1, "\n"),
        "a" | "b" | "i" | "em" | "strong" | "span" | "font" | "sup" | "sub" => (end + 1, ""),
        _ => (1, "<"),
    }
}

fn reference(rest: &str) -> (usize, &'static str) {
    let known = [
        ("&quot;", "\""),
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&nbsp;", " "),
        ("&#39;", "'"),
    ];
    let found = known.iter().find(|(reference, _)| rest.starts_with(reference));
    found.map_or((1, "&"), |(reference, text)| (reference.len(), text))
}

/// An empty line ends a sentence, unless the next line clearly continues it.
fn space(rest: &str, last: Option<&Token>) -> (usize, Option<Token>) {
    let after = rest.trim_start();
    let taken = rest.len() - after.len();
    let lines = rest[..taken].bytes().filter(|byte| *byte == b'\n').count();
    let goes_on = after.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        || matches!(last, None | Some(Token::Mark(Mark::Colon | Mark::Comma | Mark::Stop)));
    let token = (lines > 1 && !goes_on).then_some(Token::Mark(Mark::Stop));
    (taken, token)
}

/// A text in quotes is a word set as code, if it is short and has no space.
fn quoted(rest: &str, first: char) -> (usize, Option<Token>) {
    let close = if first == '“' { '”' } else { '"' };
    let inner = near(&rest[first.len_utf8()..], 100);
    match inner.find(close) {
        Some(end) if end > 0 && !inner[..end].contains(char::is_whitespace) => {
            let taken = first.len_utf8() + end + close.len_utf8();
            (taken, Some(Token::Word(inner[..end].to_owned(), true)))
        }
        _ => (first.len_utf8(), Some(Token::Mark(Mark::Other))),
    }
}

/// The length of what stands in braces.
fn braces(rest: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in near(rest, 1000).char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + c.len_utf8();
        }
    }
    1
}

/// A range, a class of characters, a list of values, or just a bracket.
fn brackets(rest: &str, first: char) -> (usize, Option<Token>) {
    let open = (first.len_utf8(), Some(Token::Mark(Mark::Open)));
    let inner = near(&rest[first.len_utf8()..], 500);
    let Some(end) = inner.find([']', '】', ')', '）']) else { return open };
    let close = inner[end..].chars().next().unwrap_or(']');
    let taken = first.len_utf8() + end + close.len_utf8();
    let inner = &inner[..end];
    let includes = (matches!(first, '[' | '【'), matches!(close, ']' | '】'));
    if let Some((low, high)) = inner.split_once([',', '，', '~'])
        && let (Ok(low), Ok(high)) = (low.trim().parse::<i64>(), high.trim().parse::<i64>())
        && (includes.0 || includes.1)
    {
        let low = if includes.0 { low } else { low.saturating_add(1) };
        let high = if includes.1 { high } else { high.saturating_sub(1) };
        return (taken, Some(Token::Range(low, high)));
    }
    if includes != (true, true) || inner.is_empty() {
        return open;
    }
    let has_range = ["a-z", "A-Z", "0-9"].iter().any(|range| inner.contains(range));
    let only_signs = inner.chars().all(|c| c.is_ascii_punctuation());
    if inner.len() <= 60 && inner.is_ascii() && (has_range || only_signs) {
        return (taken, Some(Token::Class(inner.to_owned())));
    }
    let items: Vec<_> = inner.split([',', '，']).map(str::trim).collect();
    let is_value = |item: &&str| {
        !item.is_empty() && item.chars().all(|c| c.is_ascii_alphanumeric() || "_-.+".contains(c))
    };
    if items.iter().all(is_value) {
        let items = items.into_iter().map(str::to_owned).collect();
        return (taken, Some(Token::List(items)));
    }
    open
}

/// A full stop ends a sentence where a space or a beginning sentence follows.
fn stop(rest: &str, before: char) -> (usize, Option<Token>) {
    let after = &rest[1..];
    let word: String = after.chars().take_while(char::is_ascii_alphabetic).collect();
    let ends = after.chars().next().is_none_or(|c| c.is_whitespace() || !c.is_ascii())
        || before == '.'
        || STARTERS.contains(&word.as_str())
        || after.starts_with(['<', '"', '`', ')', ',', ':']);
    (1, Some(Token::Mark(if ends { Mark::Stop } else { Mark::Other })))
}

/// A dash at the beginning of a line is a bullet.
fn dash(rest: &str, first: char, before: char) -> (usize, Option<Token>) {
    let mark = match (first, before) {
        ('*', '\n') | ('-', '\n') => Mark::Bullet,
        ('*', _) => Mark::Other,
        _ => Mark::Dash,
    };
    let taken = first.len_utf8();
    let negative = first == '-'
        && mark == Mark::Dash
        && !before.is_alphanumeric()
        && rest[1..].starts_with(|c: char| c.is_ascii_digit());
    match negative.then(|| number(&rest[1..])) {
        Some((digits, Some(Token::Number(number)))) if before == ' ' => {
            (taken + digits, Some(Token::Number(-number)))
        }
        _ => (taken, Some(Token::Mark(mark))),
    }
}

/// A whole number, with its unit of bytes; digits that are part of a word or of a fraction are a word.
fn number(rest: &str) -> (usize, Option<Token>) {
    let mut end = digits(rest);
    // 86,400
    while rest[end..].starts_with(',')
        && digits(&rest[end + 1..]) == 3
        && end <= 15
        && !rest[..end].starts_with('0')
    {
        end += 4;
    }
    let after = &rest[end..];
    let value = rest[..end].replace(',', "").parse::<i64>();
    let spaces = after.len() - after.trim_start_matches(' ').len();
    let unit: String = after[spaces..].chars().take_while(char::is_ascii_alphabetic).collect();
    let bytes = match unit.to_ascii_uppercase().as_str() {
        "KB" | "KIB" => 1 << 10,
        "MB" | "MIB" => 1 << 20,
        "GB" | "GIB" => 1 << 30,
        _ => 0,
    };
    if let Ok(value) = value {
        if bytes > 0
            && let Some(value) = value.checked_mul(bytes)
        {
            // The unit follows as a token of its own, and means bytes.
            return (end + spaces, Some(Token::Number(value)));
        }
        let is_part = after.starts_with(|c: char| c.is_ascii_alphabetic() && spaces == 0)
            && !matches!(unit.as_str(), "s" | "ms" | "B" | "h" | "d" | "min");
        let fraction = after.starts_with('.') && digits(&after[1..]) > 0;
        if !is_part && !fraction && !after.starts_with('_') {
            return (end, Some(Token::Number(value)));
        }
    }
    word(rest, false)
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn phrase_or_word(rest: &str, before: char, code: bool) -> (usize, Option<Token>) {
    let Some(first) = rest.chars().next() else { return (1, None) };
    if rest.starts_with("http://") || rest.starts_with("https://") {
        let end = rest.find(|c: char| c.is_whitespace() || !c.is_ascii()).unwrap_or(rest.len());
        // The full stop behind an address is not a part of it.
        let end = rest[..end].trim_end_matches(['.', ',', ';', '`']).len();
        return (end, Some(Token::Mark(Mark::Other)));
    }
    let is_path = first == '/'
        && !before.is_ascii_alphanumeric()
        && rest[1..].starts_with(|c: char| c.is_ascii_alphanumeric());
    if !code && !is_path {
        let found = beginning(first).iter().find(|(phrase, mark)| begins(rest, phrase, *mark));
        if let Some((phrase, mark)) = found {
            return (phrase.len(), Some(Token::Mark(*mark)));
        }
        if let Some(mark) = sign(first) {
            return (first.len_utf8(), Some(Token::Mark(mark)));
        }
    }
    if first.is_ascii_alphanumeric() || matches!(first, '_' | '/' | '$') {
        return word(rest, code);
    }
    let mark = if first.is_ascii() { Mark::Other } else { Mark::Chinese };
    (first.len_utf8(), Some(Token::Mark(mark)))
}

/// True where `rest` begins with the phrase as whole words.
fn begins(rest: &str, phrase: &str, mark: Mark) -> bool {
    let Some((start, after)) = rest.split_at_checked(phrase.len()) else { return false };
    if !start.eq_ignore_ascii_case(phrase) {
        return false;
    }
    if !phrase.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return true;
    }
    // A value may be called `A`.
    if phrase.len() == 1 && start != phrase {
        let mut next = after.chars();
        return next.next() == Some(' ') && next.next().is_some_and(|c| c.is_ascii_lowercase());
    }
    match after.chars().next() {
        // `max-age` is a name, `60 characters-long` is not.
        Some('-') => matches!(mark, Mark::Characters | Mark::Bytes),
        next => next.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_'),
    }
}

/// A word: letters, digits, and the signs that stand inside of names and paths.
fn word(rest: &str, code: bool) -> (usize, Option<Token>) {
    let inside = |c: char| c.is_ascii_alphanumeric() || "_-./\\+$#@:".contains(c);
    let end = rest.find(|c: char| !inside(c)).unwrap_or(rest.len());
    let mut end = rest[..end].trim_end_matches(['.', '-', ':', '/', '\\']).len().max(1);
    // `A:B` and `a/b` are names only in code and paths; a full stop may be the end of a sentence.
    if !code && !rest.starts_with('/') && !rest[..end].contains(":\\") {
        end = rest[..end].find(':').unwrap_or(end).max(1);
    }
    let starts = rest[..end].match_indices('.').find(|(at, _)| {
        STARTERS.contains(&rest[at + 1..end].split(['.', '/']).next().unwrap_or_default())
    });
    end = starts.map_or(end, |(at, _)| at).max(1);
    (end, Some(Token::Word(rest[..end].to_owned(), code)))
}
