//! The patterns of documents.
//!
//! They are regular expressions of the syntax that ECMA 262 and Rust's crates share, less what no document
//! needs. A crate for them would be more than a hundredth of a cold build of a program on one provider.

use std::{iter::Peekable, str::Chars, sync::OnceLock};

/// A `pattern` of a document, compiled when first used.
///
/// The generator rejects a pattern that is not known here; one of hand-written code that is not matches
/// everything, since the service checks it as well.
#[derive(Debug)]
pub struct Pattern<'a> {
    pub(super) text: &'a str,
    compiled: OnceLock<Matcher>,
}

impl<'a> Pattern<'a> {
    /// A pattern of characters, classes, groups, alternatives, repetitions, `^` and `$`.
    pub const fn new(text: &'a str) -> Self {
        Self { text, compiled: OnceLock::new() }
    }

    /// True if all of the pattern is known here.
    pub fn is_known(&self) -> bool {
        !matches!(self.matcher(), Matcher::Anything)
    }

    pub(super) fn matches(&self, value: &str) -> bool {
        self.matcher().matches(value)
    }

    fn matcher(&self) -> &Matcher {
        self.compiled.get_or_init(|| Matcher::new(self.text))
    }
}

#[derive(Debug)]
enum Matcher {
    /// One class of characters, repeated. Most patterns are of this form, and it is much cheaper.
    Class {
        ascii: u128,
        others: bool,
        may_be_empty: bool,
    },
    Steps(Vec<Step>),
    Anything,
}

impl Matcher {
    fn new(text: &str) -> Self {
        Self::class(text).or_else(|| Parser::parse(text).map(Self::Steps)).unwrap_or(Self::Anything)
    }

    /// Reads `^[…]+$` or `^[…]*$` with plain characters, ranges and the escapes `\t`, `\r`, `\n`
    /// in the class; anything else is left to the parser.
    fn class(text: &str) -> Option<Self> {
        let inside = text.strip_prefix("^[")?;
        let (inside, may_be_empty) = match inside.strip_suffix("]+$") {
            Some(inside) => (inside, false),
            None => (inside.strip_suffix("]*$")?, true),
        };
        let (inside, negated) = match inside.strip_prefix('^') {
            Some(inside) => (inside, true),
            None => (inside, false),
        };
        if !inside.is_ascii() || inside.contains(['[', ']', '&', '~']) {
            return None;
        }
        let mut ascii = 0u128;
        let mut rest = inside.bytes().peekable();
        while let Some(byte) = rest.next() {
            let first = match byte {
                b'\\' => match rest.next()? {
                    b't' => b'\t',
                    b'r' => b'\r',
                    b'n' => b'\n',
                    _ => return None,
                },
                byte => byte,
            };
            let mut last = first;
            // A hyphen at the end is itself.
            if rest.peek() == Some(&b'-') && rest.clone().nth(1).is_some() {
                rest.next();
                last = rest.next().filter(|last| *last != b'\\' && *last >= first)?;
            }
            (first..=last).for_each(|byte| ascii |= 1 << byte);
        }
        Some(if negated {
            Self::Class { ascii: !ascii, others: true, may_be_empty }
        } else {
            Self::Class { ascii, others: false, may_be_empty }
        })
    }

    fn matches(&self, value: &str) -> bool {
        match self {
            Self::Class { ascii, others, may_be_empty } => {
                let of_class = |b: u8| if b < 128 { ascii >> b & 1 == 1 } else { *others };
                (*may_be_empty || !value.is_empty()) && value.bytes().all(of_class)
            }
            Self::Steps(steps) => is_match(steps, value),
            Self::Anything => true,
        }
    }
}

/// One step of a match. Where none is left, the text matches.
#[derive(Clone, Debug)]
enum Step {
    /// A character in one of the ranges, or in none of them.
    Class { ranges: Vec<(char, char)>, negated: bool },
    /// Both of two steps come next, counted from this one.
    Either(isize, isize),
    /// The text's beginning.
    Begin,
    /// The text's end.
    End,
}

/// Takes all ways through the steps at once, so that the time is at most that of steps times characters.
fn is_match(steps: &[Step], value: &str) -> bool {
    let mut rest = value.chars();
    let mut ways: Vec<usize> = Vec::new();
    let mut seen = vec![false; steps.len() + 1];
    let mut begins = true;
    loop {
        let next = rest.next();
        seen.fill(false);
        let mut after = Vec::new();
        // A match may begin at each character.
        ways.push(0);
        while let Some(way) = ways.pop() {
            if std::mem::replace(&mut seen[way], true) {
                continue;
            }
            match steps.get(way) {
                None => return true,
                Some(Step::Either(one, other)) => {
                    ways.push(way.wrapping_add_signed(*one));
                    ways.push(way.wrapping_add_signed(*other));
                }
                Some(Step::Begin) if begins => ways.push(way + 1),
                Some(Step::End) if next.is_none() => ways.push(way + 1),
                Some(Step::Class { ranges, negated }) => {
                    let is_in =
                        |c| ranges.iter().any(|(first, last)| (*first..=*last).contains(&c));
                    if next.is_some_and(|c| is_in(c) != *negated) {
                        after.push(way + 1);
                    }
                }
                Some(Step::Begin | Step::End) => {}
            }
        }
        if next.is_none() {
            return false;
        }
        (ways, begins) = (after, false);
    }
}

/// The most steps of a pattern. Only repetitions of repetitions have more.
const MOST_STEPS: usize = 10_000;

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
    depth: usize,
}

impl<'a> Parser<'a> {
    /// The steps of a pattern; `None` if there is something in it that is not known here.
    fn parse(text: &'a str) -> Option<Vec<Step>> {
        let mut parser = Self { rest: text.chars().peekable(), depth: 0 };
        let steps = parser.alternatives()?;
        parser.rest.next().is_none().then_some(steps)
    }

    fn next_if(&mut self, wanted: char) -> bool {
        self.rest.next_if_eq(&wanted).is_some()
    }

    fn alternatives(&mut self) -> Option<Vec<Step>> {
        let mut steps = self.sequence()?;
        if self.next_if('|') {
            let others = self.alternatives()?;
            let over = others.len() as isize + 1;
            steps.insert(0, Step::Either(1, steps.len() as isize + 2));
            steps.push(Step::Either(over, over));
            steps.extend(others);
        }
        Some(steps)
    }

    fn sequence(&mut self) -> Option<Vec<Step>> {
        let mut steps = Vec::new();
        while let Some(c) = self.rest.next_if(|c| !matches!(c, '|' | ')')) {
            let one = match c {
                '^' => vec![Step::Begin],
                '$' => vec![Step::End],
                '(' => self.group()?,
                '[' => vec![self.class()?],
                '.' => vec![Step::Class { ranges: vec![('\n', '\n')], negated: true }],
                '\\' => vec![self.escape()?],
                '*' | '+' | '?' | '{' => return None,
                c => vec![Step::Class { ranges: vec![(c, c)], negated: false }],
            };
            steps.extend(self.repeated(one)?);
            if steps.len() > MOST_STEPS {
                return None;
            }
        }
        Some(steps)
    }

    fn group(&mut self) -> Option<Vec<Step>> {
        if self.next_if('?') && !self.next_if(':') {
            return None;
        }
        self.depth += 1;
        let inside = if self.depth < 100 { self.alternatives()? } else { return None };
        self.depth -= 1;
        self.next_if(')').then_some(inside)
    }

    /// The steps as often as what follows them says.
    fn repeated(&mut self, one: Vec<Step>) -> Option<Vec<Step>> {
        let (least, most) = match self.rest.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                self.rest.next();
                let least = self.number()?;
                let most = match self.next_if(',') {
                    true if self.rest.peek() == Some(&'}') => None,
                    true => Some(self.number()?),
                    false => Some(least),
                };
                (least, most)
            }
            _ => return Some(one),
        };
        // It is the last one of the repetition.
        self.rest.next().filter(|c| matches!(c, '*' | '+' | '?' | '}'))?;
        // Whether there is a match does not depend on which of two is tried first.
        self.next_if('?');
        let is_more = matches!(self.rest.peek(), Some('*' | '+' | '?' | '{'));
        let times = most.unwrap_or(least).max(1);
        if is_more || most.is_some_and(|most| most < least) || times * one.len() > MOST_STEPS {
            return None;
        }
        let length = one.len() as isize;
        let mut steps = Vec::new();
        for _ in 0..least {
            steps.extend_from_slice(&one);
        }
        match most {
            None => {
                steps.push(Step::Either(1, length + 2));
                steps.extend(one);
                steps.push(Step::Either(-length - 1, -length - 1));
            }
            Some(most) => {
                for _ in least..most {
                    steps.push(Step::Either(1, length + 1));
                    steps.extend_from_slice(&one);
                }
            }
        }
        Some(steps)
    }

    fn number(&mut self) -> Option<usize> {
        let mut number = None;
        while let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(10)) {
            self.rest.next();
            let more = number.unwrap_or(0usize) * 10 + digit as usize;
            number = Some(more).filter(|number| *number <= MOST_STEPS);
            number?;
        }
        number
    }

    /// The class behind its `[`. Operations on classes, and names of them, are not known.
    fn class(&mut self) -> Option<Step> {
        let negated = self.next_if('^');
        let mut ranges = Vec::new();
        loop {
            match self.rest.next()? {
                ']' if !ranges.is_empty() => return Some(Step::Class { ranges, negated }),
                '[' | ']' | '&' | '~' => return None,
                '\\' => match self.escape()? {
                    Step::Class { ranges: escaped, negated: false } => {
                        ranges.extend_from_slice(&escaped);
                    }
                    _ => return None,
                },
                c => ranges.push((c, c)),
            }
            // A hyphen at an end is itself.
            if self.rest.peek() == Some(&'-') {
                self.rest.next();
                if self.rest.peek() == Some(&']') {
                    ranges.push(('-', '-'));
                    continue;
                }
                let last = match self.rest.next()? {
                    '[' | '-' => return None,
                    '\\' => match self.escape()? {
                        Step::Class { ranges, negated: false } => match ranges[..] {
                            [(first, last)] if first == last => last,
                            _ => return None,
                        },
                        _ => return None,
                    },
                    c => c,
                };
                let first =
                    ranges.last_mut().filter(|(first, end)| first == end && *end <= last)?;
                first.1 = last;
            }
        }
    }

    /// What is behind a `\`.
    fn escape(&mut self) -> Option<Step> {
        const SPACES: &[(char, char)] = &[('\t', '\r'), (' ', ' ')];
        const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
        let escaped = self.rest.next()?;
        let one = match escaped {
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'f' => '\x0C',
            'v' => '\x0B',
            'x' => self.code()?,
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => {
                let ranges = match escaped {
                    'd' | 'D' => &WORD[..1],
                    's' | 'S' => SPACES,
                    _ => WORD,
                };
                let negated = escaped.is_ascii_uppercase();
                return Some(Step::Class { ranges: ranges.to_vec(), negated });
            }
            c if c.is_ascii_punctuation() && !matches!(c, '<' | '>') => c,
            _ => return None,
        };
        Some(Step::Class { ranges: vec![(one, one)], negated: false })
    }

    /// The character of `\x41` or `\x{41}`.
    fn code(&mut self) -> Option<char> {
        let is_long = self.next_if('{');
        let mut code = 0u32;
        let mut digits = 0;
        while let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(16)) {
            if digits == if is_long { 6 } else { 2 } {
                break;
            }
            self.rest.next();
            code = code * 16 + digit;
            digits += 1;
        }
        let is_whole = if is_long { digits > 0 && self.next_if('}') } else { digits == 2 };
        char::from_u32(code).filter(|_| is_whole)
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;
    use regex_lite::Regex;

    use super::*;

    #[test]
    fn classes_are_matched_as_the_regular_expression_would() {
        let values = [
            "", "a", "Z9_-", "a b", "a\tb", "a\n", "é", "aé", "-", "_", "]", "^", "\\", "~", "a.b",
            "/", "\0",
        ];
        for (text, is_class) in [
            ("^[^ \\t\\r\\n]+$", true),
            ("^[a-zA-Z0-9_-]+$", true),
            ("^[a-z]*$", true),
            ("^[A-Za-z0-9_.-]+$", true),
            ("^[\\x00-\\x1F]+$", false),
            ("^[a-c&&[b]]+$", false),
            ("^[a-z]+[0-9]*$", false),
            ("^https://.+$", false),
            ("^[z-a]+$", false),
        ] {
            let matcher = Matcher::new(text);
            assert_eq!(matches!(matcher, Matcher::Class { .. }), is_class, "{text}");
            let Ok(regex) = Regex::new(text) else { continue };
            for value in values {
                assert_eq!(matcher.matches(value), regex.is_match(value), "{text} on {value:?}");
            }
        }
    }

    #[test]
    fn patterns_match_what_the_regular_expressions_match() {
        const PARTS: [&str; 40] = [
            "a", "b", "é", "-", ".", "^", "$", "|", "(", "(?:", ")", "*", "+", "?", "*?", "{2}",
            "{1,}", "{0,2}", "[ab]", "[^a]", "[a-c]", "[^a-b-]", "[-b]", "[\\d.]", "[\\w-]",
            "[\\t-\\x20]", "\\.", "\\\\", "\\d", "\\D", "\\s", "\\S", "\\w", "\\W", "\\x61",
            "\\x{e9}", "\\n", "]", "}", "/",
        ];
        const CHARACTERS: [char; 12] =
            ['a', 'b', 'c', 'é', '1', '.', '-', ' ', '\n', '\\', '_', '}'];
        let mut rng = Rng::with_seed(1);
        let mut matches = [0, 0];
        for _ in 0..20_000 {
            let text: String =
                (0..rng.usize(1..9)).map(|_| PARTS[rng.usize(..PARTS.len())]).collect();
            let (pattern, regex) = (Pattern::new(&text), Regex::new(&text));
            let Ok(regex) = regex else { continue };
            if !pattern.is_known() {
                // A repetition is not repeated.
                let is_repeated = |end: char| {
                    ["*", "+", "?", "{"].iter().any(|more| text.contains(&format!("{end}{more}")))
                };
                assert!(['*', '+', '?', '}'].into_iter().any(is_repeated), "{text}");
                continue;
            }
            for _ in 0..20 {
                let value: String = (0..rng.usize(0..6))
                    .map(|_| CHARACTERS[rng.usize(..CHARACTERS.len())])
                    .collect();
                let expected = regex.is_match(&value);
                assert_eq!(pattern.matches(&value), expected, "{text} on {value:?}");
                matches[usize::from(expected)] += 1;
            }
        }
        assert!(matches.into_iter().all(|count| count > 10_000), "{matches:?}");
    }

    #[test]
    fn what_is_not_known_matches_everything() {
        for text in [
            "(", ")", "[", "[]", "[b-a]", "[a&&b]", "[[:alpha:]]", "\\", "\\b", "\\p{L}",
            "\\u0061", "\\x6", "\\x{}", "\\x{d800}", "(?i)a", "(?=a)", "(?<n>a)", "*", "a{2,1}",
            "a{", "a{,2}", "a{1001}{1001}", "((a{100}){100}){100}", "a{99999999999999999999}",
        ] {
            let pattern = Pattern::new(text);
            assert!(!pattern.is_known(), "{text}");
            assert!(pattern.matches("any value"), "{text}");
        }
    }

    #[test]
    fn a_long_value_takes_no_more_than_its_length() {
        let pattern = Pattern::new("^((a|b?)+x?)*c$");
        assert!(!pattern.matches(&"ab".repeat(20_000)));
        assert!(pattern.matches(&format!("{}c", "ab".repeat(20_000))));
    }
}
