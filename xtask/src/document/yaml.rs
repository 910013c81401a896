//! Reads YAML into [`Node`]s, as strictly as the strictest of its readers.
//!
//! A document is read by tools that are not ours, in other languages. What one of them would refuse,
//! or take for something else, is refused here: indentation that only some accept, tabs, directives,
//! tags, names given twice, and plain words that are true, a number or a day to some.

use std::{collections::HashMap, ops::Range};

use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError, options};
use serde_json::{Number, Value};

use super::{
    Complaint,
    node::{Kind, Node},
};

/// The most parts that a document may have, those repeated by aliases included.
const MOST_PARTS: usize = 2_000_000;

/// The deepest nesting.
const DEEPEST: usize = 100;

/// The longest text, in bytes.
const LONGEST: usize = 16 << 20;

/// Reads the text of a document.
///
/// # Errors
/// All that a strict reader would refuse, in the order of the lines.
pub(super) fn read(text: &str) -> Result<Node, Vec<Complaint>> {
    let mut loader = Loader { complaints: characters(text), ..Loader::default() };
    if text.len() > LONGEST {
        loader.complain(
            1,
            format!("has more than {LONGEST} bytes; leave out what it can do without"),
        );
    } else if let Err(fault) = loader.load(text) {
        let last = text.lines().count().max(1) as u64;
        let line = (fault.marker().line() as u64).clamp(1, last);
        let sentence = sentence(fault.kind());
        // A tab at the beginning of a line is named already.
        if !loader.complaints.iter().any(|earlier| earlier.line == line) {
            loader.complain(line, format!("is not YAML: {sentence}"));
        }
    }
    let mut complaints = loader.complaints;
    complaints.sort();
    match loader.root {
        Some(root) if complaints.is_empty() => Ok(root),
        _ if complaints.is_empty() => Ok(Node { line: 1, kind: Kind::Scalar(Value::Null) }),
        _ => Err(complaints),
    }
}

/// True for characters that change the direction of the text around them.
pub(super) fn turns_text(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}')
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Complains of characters that a document may not hold.
fn characters(text: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            continue;
        }
        let mut complain = |said: String| {
            complaints.push(complaint(index as u64 + 1, said));
        };
        if line.trim_start_matches(' ').starts_with('\t') {
            complain("begins with a tab; indent it with spaces".to_owned());
        }
        let why = |character: char| match character {
            '\t' => None,
            '\u{85}' | '\u{2028}' | '\u{2029}' => Some("breaks the line for some readers"),
            _ if character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}') => {
                Some("cannot be printed")
            }
            _ if turns_text(character) => Some("changes the direction of the text"),
            _ => None,
        };
        let found = line.chars().find_map(|character| Some((character, why(character)?)));
        if let Some((character, why)) = found {
            complain(format!("holds U+{:04X}, which {why}; leave it out", character as u32));
        }
    }
    complaints
}

fn complaint(line: u64, text: String) -> Complaint {
    Complaint { line, place: "document".to_owned(), text }
}

/// A list or mapping that has not ended.
struct Open {
    line: u64,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    /// The members, and the name of the next one.
    Mapping(Vec<(String, Node)>, Option<(String, u64)>),
}

#[derive(Default)]
struct Loader {
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    parts: usize,
    complaints: Vec<Complaint>,
}

impl Loader {
    fn complain(&mut self, line: u64, text: String) {
        self.complaints.push(complaint(line, text));
    }

    fn load(&mut self, text: &str) -> Result<(), ScanError> {
        let strict = options! {
            strict_indentation: true,
            disallow_directives: true,
            emit_comments: false,
            flow_nesting_limit: DEEPEST,
            block_nesting_limit: DEEPEST,
        };
        let mut documents = 0;
        let mut words: Vec<Range<usize>> = Vec::new();
        for event in Parser::new_from_str_with_options(text, strict) {
            let (event, span) = event?;
            let (line, at) = (span.start.line() as u64, span.start);
            match event {
                Event::DocumentStart(..) => {
                    documents += 1;
                    if documents > 1 {
                        let text = "begins a second document; keep one in a file".to_owned();
                        self.complain(line, text);
                        return Ok(());
                    }
                }
                Event::Scalar(value, style, anchor, tag) => {
                    words.extend(span.byte_range());
                    self.untagged(line, tag.is_some());
                    let is_name = self.awaits_name();
                    let value = self.scalar(line, &value, style, is_name);
                    self.add(line, anchor, Kind::Scalar(value), at)?;
                }
                Event::SequenceStart(_, anchor, tag) => {
                    self.untagged(line, tag.is_some());
                    self.begin(line, anchor, OpenKind::List(Vec::new()), at)?;
                }
                Event::MappingStart(_, anchor, tag) => {
                    self.untagged(line, tag.is_some());
                    self.begin(line, anchor, OpenKind::Mapping(Vec::new(), None), at)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.end(at)?,
                Event::Alias(anchor) => self.alias(line, anchor, at)?,
                _ => {}
            }
        }
        self.tabs(text, &words);
        Ok(())
    }

    /// Complains of tabs that stand in no text and no comment; in brackets, a strict reader refuses them.
    fn tabs(&mut self, text: &str, words: &[Range<usize>]) {
        for (at, _) in text.match_indices('\t') {
            let next = words.partition_point(|word| word.start <= at);
            let before = words[..next].last().map_or(0, |word| word.end);
            let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
            // One that begins its line is named already.
            let is_told = text[line..at].trim_start_matches(' ').is_empty();
            if before <= at && !is_told && !text[before.max(line)..at].contains('#') {
                let number = text[..at].matches('\n').count() as u64 + 1;
                self.complain(number, "has a tab between its words; write a space".to_owned());
            }
        }
    }

    fn untagged(&mut self, line: u64, is_tagged: bool) {
        if is_tagged {
            self.complain(line, "holds a tag (`!`), which is not read; leave it out".to_owned());
        }
    }

    /// True where the next part is the name of a member.
    fn awaits_name(&self) -> bool {
        matches!(self.open.last(), Some(Open { kind: OpenKind::Mapping(_, None), .. }))
    }

    fn begin(
        &mut self,
        line: u64,
        anchor: usize,
        kind: OpenKind,
        at: Marker,
    ) -> Result<(), ScanError> {
        if self.open.len() >= DEEPEST {
            return Err(too_deep(at));
        }
        // A name that is not text is reported here, where it begins.
        if self.awaits_name() {
            self.complain(
                line,
                "the name of a member is a list or mapping; write a text".to_owned(),
            );
        }
        self.open.push(Open { line, anchor, kind });
        Ok(())
    }

    fn end(&mut self, at: Marker) -> Result<(), ScanError> {
        let Some(Open { line, anchor, kind }) = self.open.pop() else { return Ok(()) };
        let kind = match kind {
            OpenKind::List(items) => Kind::List(items),
            OpenKind::Mapping(members, _) => {
                self.once(&members);
                Kind::Mapping(members)
            }
        };
        self.add(line, anchor, kind, at)
    }

    /// Complains of names that a mapping has twice.
    fn once(&mut self, members: &[(String, Node)]) {
        let mut names: Vec<(&str, u64)> =
            members.iter().map(|(name, node)| (name.as_str(), node.line)).collect();
        names.sort_unstable();
        for pair in names.windows(2) {
            if let [(name, first), (other, second)] = pair
                && name == other
            {
                self.complain(
                    *second,
                    format!("has `{name}` a second time, after line {first}; keep one"),
                );
            }
        }
    }

    fn alias(&mut self, line: u64, anchor: usize, at: Marker) -> Result<(), ScanError> {
        let Some(node) = self.anchors.get(&anchor) else {
            self.complain(line, "repeats a part within itself; write it out".to_owned());
            return self.add(line, 0, Kind::Scalar(Value::Null), at);
        };
        let (parts, height) = size(node);
        if self.parts + parts > MOST_PARTS || self.open.len() + height > DEEPEST {
            return Err(too_deep(at));
        }
        self.parts += parts;
        let (line, kind) = (node.line, node.kind.clone());
        self.add(line, 0, kind, at)
    }

    /// Puts a part where it belongs.
    fn add(&mut self, line: u64, anchor: usize, kind: Kind, at: Marker) -> Result<(), ScanError> {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            return Err(too_deep(at));
        }
        let node = Node { line, kind };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.root = Some(node),
            Some(OpenKind::List(items)) => items.push(node),
            Some(OpenKind::Mapping(members, name)) => match name.take() {
                Some((name, line)) => members.push((name, Node { line, ..node })),
                None => {
                    let text = match node.kind {
                        Kind::Scalar(Value::String(text)) => text,
                        _ => String::new(),
                    };
                    *name = Some((text, line));
                }
            },
        }
        Ok(())
    }

    /// The value of a plain word, or a complaint where readers of YAML differ.
    fn scalar(&mut self, line: u64, text: &str, style: ScalarStyle, is_name: bool) -> Value {
        let read = match style {
            ScalarStyle::Plain => plain(text),
            _ => Ok(Value::from(text)),
        };
        match read {
            Ok(value) if is_name && !value.is_string() => {
                let what = if text.is_empty() { "nothing" } else { text };
                self.complain(
                    line,
                    format!("the name `{what}` is not text to YAML; put it in quotes"),
                );
                text.into()
            }
            Ok(_) if is_name && style == ScalarStyle::Plain && text == "<<" => {
                let text = "`<<` merges nothing in YAML 1.2; write the members out";
                self.complain(line, text.to_owned());
                Value::Null
            }
            Ok(value) => value,
            Err(what) => {
                self.complain(
                    line,
                    format!("`{text}` is {what} to some readers of YAML; put it in quotes"),
                );
                text.into()
            }
        }
    }
}

/// The parts of a node, and how deep it is.
fn size(node: &Node) -> (usize, usize) {
    let within = |(parts, height): (usize, usize), node: &Node| {
        let (more, deep) = size(node);
        (parts + more, height.max(deep + 1))
    };
    match &node.kind {
        Kind::Scalar(_) => (1, 0),
        Kind::List(items) => items.iter().fold((1, 1), within),
        Kind::Mapping(members) => members.iter().map(|(_, node)| node).fold((1, 1), within),
    }
}

fn too_deep(at: Marker) -> ScanError {
    ScanError::new(at, TOO_DEEP)
}

const TOO_DEEP: &str = "it is nested too deeply, or aliases repeat too much; write it flatter";

/// The value of a word without quotes; what else some readers take it for.
fn plain(text: &str) -> Result<Value, &'static str> {
    const TRUTHS: [&str; 8] = ["y", "yes", "n", "no", "on", "off", "true", "false"];
    match text {
        "" | "~" | "null" => return Ok(Value::Null),
        "true" => return Ok(Value::Bool(true)),
        "false" => return Ok(Value::Bool(false)),
        "=" => return Err("a value of its own kind"),
        _ => {}
    }
    if text.len() <= 5 {
        let lower = text.to_ascii_lowercase();
        if TRUTHS.contains(&lower.as_str()) {
            return Err("true or false");
        }
        if ["null", ".inf", "-.inf", "+.inf", ".nan"].contains(&lower.as_str()) {
            return Err("no text");
        }
    }
    let is_numeric = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.');
    if !text.bytes().next().is_some_and(is_numeric) {
        return Ok(text.into());
    }
    if let Ok(number) = serde_json::from_str::<Number>(text) {
        let is_whole = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let is_kept = number.is_i64() || number.is_u64() || !is_whole;
        return if is_kept { Ok(number.into()) } else { Err("too large a number") };
    }
    match () {
        () if is_day(text) => Err("a day"),
        () if is_number_somewhere(text) => Err("a number"),
        () => Ok(text.into()),
    }
}

/// True for `2026-11-22` and what begins so.
fn is_day(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let is_digits = |part: Option<&str>, lengths: &[usize]| {
        part.is_some_and(|part| {
            lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    is_digits(parts.next(), &[4]) && is_digits(parts.next(), &[1, 2]) && {
        let rest = parts.next().unwrap_or_default();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let after = rest[digits..].chars().next();
        (1..=2).contains(&digits) && after.is_none_or(|c| matches!(c, 'T' | 't' | ' '))
    }
}

/// True for the forms of numbers beyond JSON's: `0o17`, `0x1F`, `0b1`, `1_000`, `+1`, `.5`, `1.`, `007`,
/// `1:30`.
fn is_number_somewhere(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return !digits.is_empty() && digits.chars().all(|c| c == '_' || c.is_digit(radix));
        }
    }
    let text = text.replace('_', "");
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if text.contains(':') {
        let (last, rest) = text.rsplit_once(':').map_or(("", ""), |(rest, last)| (last, rest));
        let last = last.split_once('.').map_or(last, |(whole, _)| whole);
        return is_digits(last) && rest.split(':').all(is_digits);
    }
    text.bytes().any(|byte| byte.is_ascii_digit()) && text.parse::<f64>().is_ok()
}

/// A fault of the form in words that say what to do.
fn sentence(kind: &ErrorKind) -> String {
    use ErrorKind as Kind;
    let known = match kind {
        Kind::TabNotAllowed
        | Kind::TabInBlockIndentation
        | Kind::TabInIndentation
        | Kind::TabAtBlockScalarStart
        | Kind::TabInPlainScalar => "there is a tab; write spaces",
        Kind::DirectiveDisallowed => "a directive (`%`) is not read; leave it out",
        Kind::UnknownAnchor => {
            "it repeats a part (`*name`) that is marked (`&name`) nowhere above; correct the name"
        }
        Kind::RecursionLimitExceeded => TOO_DEEP,
        Kind::UnclosedQuotedScalar | Kind::DocumentIndicatorInQuotedScalar => {
            "a quote is not closed; close it"
        }
        Kind::UnclosedFlowCollection { .. }
        | Kind::UnexpectedEofFlowSequence
        | Kind::UnexpectedEofFlowMapping
        | Kind::UnexpectedEofImplicitFlowMapping => "a bracket is not closed; close it",
        Kind::MisplacedFlowCollectionEnd | Kind::MismatchedFlowCollectionEnd { .. } => {
            "a bracket is closed that is not open; correct one of the two"
        }
        Kind::InvalidFlowScalarIndent => {
            "a bracket is open here, and what is in it stands further in than the name before it; indent \
             the line, or close the bracket before it"
        }
        Kind::InvalidQuotedScalarIndent => {
            "a quote is open here, and what is in it stands further in than the name before it; indent \
             the line, or close the quote before it"
        }
        Kind::InvalidIndentation | Kind::InvalidBlockScalarIndent => {
            "it stands too far left or right for what it belongs to; correct the indentation, or close a \
             bracket that is open before it"
        }
        Kind::ExpectedFlowMappingSeparator | Kind::ExpectedFlowSequenceSeparator => {
            "a comma or a closing bracket is missing; write it"
        }
        Kind::MappingValueNotAllowed | Kind::MappingKeyNotAllowed | Kind::InvalidColonPlacement => {
            "there is a `: ` where no member can begin; put the text in quotes, or correct the indentation"
        }
        Kind::SimpleKeyExpected
        | Kind::InvalidSimpleKey
        | Kind::ExpectedBlockMappingKey
        | Kind::ExpectedBlockSequenceEntry => {
            "a member `name: value` or an item `- value` was expected; correct the line or its indentation"
        }
        Kind::UnexpectedCharacter { character } => {
            return format!(
                "no text may begin with `{}`; put it in quotes",
                character.escape_default()
            );
        }
        Kind::Custom(text) => return text.clone(),
        other => return format!("{other}; correct the line"),
    };
    known.to_owned()
}
