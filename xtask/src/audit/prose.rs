//! Reads the limits that a vendor states in prose, in English and Chinese.
//!
//! A limit that is read wrongly is a false finding for a maintainer, so what is not clearly a limit of the
//! member itself is left alone.

mod letters;
mod notes;
mod phrases;
mod token;
mod values;

use super::page::{Limits, Member, Page, Type};
pub use notes::{is_deprecated, only_in};
use phrases::Mark;
use token::{Token, tokens};
use values::values;

/// Fills in what the descriptions of a page's members say, where the page does not say it elsewhere.
pub fn fill(page: &mut Page) {
    let Page { operations, types, .. } = page;
    let bodies =
        operations.iter_mut().flat_map(|operation| [&mut operation.request, &mut operation.answer]);
    for members in bodies.flatten().chain(types.iter_mut().map(|object| &mut object.members)) {
        fill_members(members);
    }
}

fn fill_members(members: &mut [Member]) {
    for member in members {
        if member.limits == Limits::default() {
            member.limits = limits(&member.text, member.ty.as_ref());
        }
        member.deprecated |= is_deprecated(&member.text);
        if member.only_in.is_none() {
            member.only_in = only_in(&member.text);
        }
        fill_members(&mut member.members);
    }
}

/// The limits that a member's description states. The type decides what a number limits: the value of
/// a number, the characters of a text, the items of a list.
pub fn limits(text: &str, ty: Option<&Type>) -> Limits {
    let mut limits = Limits::default();
    let tokens = without_examples(tokens(text));
    for sentence in tokens.split(|token| is(token, Mark::Stop)) {
        let mut reader = Sentence { tokens: sentence, ty, limits: &mut limits };
        reader.bounds();
        reader.classes();
        reader.default();
        reader.exclusive();
        reader.requirement();
    }
    if !matches!(ty, Some(Type::Boolean | Type::Integer | Type::Number)) {
        let clean = token::clean(text);
        let class = letters::letters(&clean).map(|letters| class(&letters));
        limits.characters = limits.characters.or(class).or_else(|| letters::beginning(&clean));
    }
    limits.values = values(&tokens, ty);
    limits
}

/// A class of characters in the one form that two of them can be compared in: ranges first, then signs,
/// a hyphen last.
pub fn class(class: &str) -> String {
    let chars: Vec<char> = class.chars().filter(|c| !"[]\\".contains(*c)).collect();
    let mut ranges = Vec::new();
    let mut signs = Vec::new();
    let mut at = 0;
    while let Some(first) = chars.get(at) {
        let last = chars.get(at + 2).filter(|last| last.is_alphanumeric());
        match last {
            Some(last) if first.is_alphanumeric() && chars[at + 1] == '-' => {
                ranges.push(format!("{first}-{last}"));
                at += 3;
            }
            _ => {
                signs.push(*first);
                at += 1;
            }
        }
    }
    // Lower case, upper case, digits: as most people write them.
    ranges.sort_by_key(|range| std::cmp::Reverse(range.clone()));
    ranges.dedup();
    signs.sort_by_key(|sign| (*sign == '-', std::cmp::Reverse(*sign)));
    signs.dedup();
    format!("[{}{}]", ranges.concat(), signs.into_iter().collect::<String>())
}

/// A description without HTML, in one line.
pub fn plain(text: &str) -> String {
    let clean = token::clean(text);
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is(token: &Token, mark: Mark) -> bool {
    *token == Token::Mark(mark)
}

/// The part of a sentence behind "for example" states no limit.
fn without_examples(tokens: Vec<Token>) -> Vec<Token> {
    let mut skips = false;
    let mut kept = Vec::with_capacity(tokens.len());
    for token in tokens {
        match token {
            Token::Mark(Mark::Example) => skips = true,
            Token::Mark(Mark::Stop | Mark::Bullet) => skips = false,
            _ => {}
        }
        if !skips {
            kept.push(token);
        }
    }
    kept
}

/// A sentence, and the limits that are read so far. The first statement counts.
struct Sentence<'a> {
    tokens: &'a [Token],
    ty: Option<&'a Type>,
    limits: &'a mut Limits,
}

/// The quantity that a number limits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum What {
    Characters,
    Bytes,
    Value,
    Items,
    KeyCharacters,
}

impl Sentence<'_> {
    fn at(&self, index: usize) -> Option<&Token> {
        self.tokens.get(index)
    }

    fn mark(&self, index: usize) -> Option<Mark> {
        match self.at(index)? {
            Token::Mark(mark) => Some(*mark),
            _ => None,
        }
    }

    fn number(&self, index: usize) -> Option<i64> {
        match self.at(index)? {
            Token::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The part of the sentence between commas that has `index` in it.
    fn clause(&self, index: usize) -> (usize, usize) {
        let ends = |token: &Token| is(token, Mark::Comma) || is(token, Mark::Semicolon);
        let begin = self.tokens[..index].iter().rposition(ends).map_or(0, |at| at + 1);
        let end = self.tokens[index..].iter().position(ends);
        (begin, end.map_or(self.tokens.len(), |at| index + at))
    }

    /// Reads `at most 60 bytes`, `[1, 86400]`, `1 to 60 characters`.
    fn bounds(&mut self) {
        let mut index = 0;
        while index < self.tokens.len() {
            let (first, last, low, high) = match self.bound_at(index) {
                Some(bound) => bound,
                None => {
                    index += 1;
                    continue;
                }
            };
            if let Some(what) = self.what(first, last) {
                self.set(what, low, high);
            }
            index = last + 1;
        }
    }

    /// A bound that begins at `index`: its first and last token, and the two ends.
    fn bound_at(&self, index: usize) -> Option<(usize, usize, Option<i64>, Option<i64>)> {
        match self.at(index)? {
            Token::Range(low, high) => {
                // "Valid values: [4, 6]" are two values.
                let before = self.tokens[..index].iter().rev().find(|t| !is(t, Mark::Colon));
                let is_list = before.is_some_and(|token| is(token, Mark::Values));
                (!is_list).then_some((index, index, Some(*low), Some(*high)))
            }
            Token::Number(low) => {
                if let Some(Mark::To | Mark::Dash) = self.mark(index + 1)
                    && let Some(high) = self.number(index + 2)
                    && high > *low
                    // 2020-10-28
                    && !matches!(self.mark(index + 3), Some(Mark::Dash))
                    && (index == 0 || self.mark(index - 1) != Some(Mark::Dash))
                {
                    return Some((index, index + 2, Some(*low), Some(high)));
                }
                let unit = usize::from(self.is_unit(index + 1));
                let or_less = self.mark(index + 1 + unit) == Some(Mark::OrLess);
                or_less.then_some((index, index + unit, None, Some(*low)))
            }
            Token::Mark(Mark::Between) => {
                let (low, high) = (self.number(index + 1)?, self.number(index + 3)?);
                let joined = matches!(self.mark(index + 2), Some(Mark::And | Mark::To));
                joined.then_some((index, index + 3, Some(low), Some(high)))
            }
            Token::Mark(mark @ (Mark::AtMost | Mark::AtLeast)) => {
                let at = self.number_behind(index)?;
                let number = self.number(at)?;
                // "at most 20 to 30" is no bound that is understood.
                if matches!(self.mark(at + 1), Some(Mark::To | Mark::Dash))
                    && self.number(at + 2).is_some()
                {
                    return None;
                }
                Some(match mark {
                    Mark::AtMost => (index, at, None, Some(number)),
                    _ => (index, at, Some(number), None),
                })
            }
            _ => None,
        }
    }

    /// The number that belongs to the words at `index`, behind at most a few words without a meaning.
    fn number_behind(&self, index: usize) -> Option<usize> {
        let mut words = 0;
        for at in index + 1..self.tokens.len().min(index + 8) {
            match self.at(at)? {
                Token::Number(_) => {
                    // Behind other words only with a verb in between: "The maximum number of tags is 10".
                    let verb = matches!(self.mark(at - 1), Some(Mark::Is | Mark::Colon));
                    return (words == 0 || verb).then_some(at);
                }
                Token::Word(..) | Token::Mark(Mark::Only) => words += 1,
                Token::Mark(
                    Mark::Is
                    | Mark::Colon
                    | Mark::Filler
                    | Mark::Length
                    | Mark::Characters
                    | Mark::Bytes
                    | Mark::KeyName
                    | Mark::Members
                    | Mark::To,
                ) => {}
                _ => return None,
            }
        }
        None
    }

    fn is_unit(&self, index: usize) -> bool {
        matches!(self.mark(index), Some(Mark::Characters | Mark::Bytes | Mark::Time))
    }

    /// The quantity that the bound from `first` to `last` limits; `None` where that is not clear.
    fn what(&self, first: usize, last: usize) -> Option<What> {
        let (begin, end) = self.clause(first);
        let end = end.max(last + 1);
        let before = &self.tokens[begin..first];
        let around = &self.tokens[begin..end];
        let has = |mark: Mark| around.iter().any(|token| is(token, mark));
        // `Filter.Values` is a member of something else.
        let is_path = |token: &Token| matches!(token, Token::Word(word, _) if word.contains('.'));
        if has(Mark::Each) || has(Mark::Calls) || around.iter().any(is_path) {
            return None;
        }
        // The unit behind the number, else the one in front of it.
        let behind = (last + 1..end.min(last + 3)).find(|at| self.is_unit(*at));
        let inside =
            self.tokens[first..=last].iter().chain(before.iter().rev()).find_map(|t| match t {
                Token::Mark(mark @ (Mark::Characters | Mark::Bytes)) => Some(*mark),
                _ => None,
            });
        let unit = behind.and_then(|at| self.mark(at)).or(inside);
        // "The custom parameter name must …: at most 64 characters" spans clauses.
        if self.tokens[..first].iter().any(|token| is(token, Mark::KeyName)) {
            let characters = unit == Some(Mark::Characters) || unit.is_none() && has(Mark::Length);
            return characters.then_some(What::KeyCharacters);
        }
        let of_members = has(Mark::Members);
        match (self.ty, unit) {
            (Some(Type::Boolean), _) => None,
            (Some(Type::Text) | None, Some(Mark::Characters)) => Some(What::Characters),
            (Some(Type::Text) | None, Some(Mark::Bytes)) => Some(What::Bytes),
            (Some(Type::Text), None) if of_members => Some(What::Items),
            (Some(Type::Text), None) if has(Mark::Length) => Some(What::Characters),
            (Some(Type::Integer | Type::Number), None | Some(Mark::Time)) => Some(What::Value),
            (Some(Type::List(_) | Type::Map), None) => Some(What::Items),
            (None, None | Some(Mark::Time)) if has(Mark::ValueRange) => Some(What::Value),
            _ => None,
        }
    }

    fn set(&mut self, what: What, low: Option<i64>, high: Option<i64>) {
        let size = |end: Option<i64>| end.and_then(|end| u64::try_from(end).ok());
        let limits = &mut *self.limits;
        match what {
            What::Characters => {
                first(&mut limits.min_characters, size(low));
                first(&mut limits.max_characters, size(high));
            }
            // A text of at least one byte has at least one character; more is not known.
            What::Bytes => {
                first(&mut limits.min_characters, size(low).filter(|low| *low == 1));
                first(&mut limits.max_bytes, size(high));
            }
            What::Value => {
                first(&mut limits.minimum, low);
                first(&mut limits.maximum, high);
            }
            What::Items => {
                first(&mut limits.min_items, size(low));
                first(&mut limits.max_items, size(high));
            }
            What::KeyCharacters => first(&mut limits.key_max_characters, size(high)),
        }
    }

    /// Reads `[a-z], [A-Z], [0-9] and [_-.]`.
    fn classes(&mut self) {
        let mut all = String::new();
        let mut of_keys = false;
        for (index, token) in self.tokens.iter().enumerate() {
            if let Token::Class(class) = token {
                of_keys |= self.tokens[..index].iter().any(|token| is(token, Mark::KeyName));
                all.push_str(class);
            }
        }
        if !["a-z", "A-Z", "0-9"].iter().any(|range| all.contains(range)) {
            return;
        }
        let class = Some(class(&all));
        if of_keys {
            first(&mut self.limits.key_characters, class);
        } else if !matches!(self.ty, Some(Type::Boolean | Type::Integer | Type::Number)) {
            first(&mut self.limits.characters, class);
        }
    }

    /// Reads `Default value: 60 seconds`, and not `The default value is /root for SHELL commands`.
    fn default(&mut self) {
        // With two of them in a sentence, it depends on something else which one holds.
        if self.tokens.iter().filter(|token| is(token, Mark::Default)).count() > 1 {
            return;
        }
        for index in 0..self.tokens.len() {
            if self.mark(index) != Some(Mark::Default) {
                continue;
            }
            let mut at = index + 1;
            while matches!(self.mark(at), Some(Mark::Is | Mark::Colon | Mark::Filler)) {
                at += 1;
            }
            let value = match self.at(at) {
                Some(Token::Number(number)) => number.to_string(),
                Some(Token::Word(word, _)) => word.clone(),
                _ => continue,
            };
            // "The default is used" names no value.
            let is_plain = value.chars().all(|c| c.is_ascii_lowercase())
                && !matches!(value.as_str(), "true" | "false")
                && !matches!(self.at(at), Some(Token::Word(_, true)))
                && self.mark(at - 1) != Some(Mark::Colon);
            if is_plain {
                continue;
            }
            let mut next = at + 1;
            if self.is_unit(next) {
                next += 1;
            }
            let ends = matches!(
                self.mark(next),
                Some(Mark::Comma | Mark::Semicolon | Mark::Close | Mark::Bullet | Mark::Open)
            ) || next >= self.tokens.len();
            let nothing = ["null", "none", "empty", "nil"];
            let lower = value.to_ascii_lowercase();
            if !ends || nothing.contains(&lower.as_str()) {
                continue;
            }
            let is_truth = matches!(lower.as_str(), "true" | "false");
            first(&mut self.limits.default, Some(if is_truth { lower } else { value }));
        }
    }

    /// Reads `A and B cannot be specified at the same time`.
    fn exclusive(&mut self) {
        let has = |mark| self.tokens.iter().any(|token| is(token, mark));
        if !(has(Mark::OneOf) || has(Mark::Together) && has(Mark::Not)) {
            return;
        }
        let mut group: Vec<String> = Vec::new();
        for (index, token) in self.tokens.iter().enumerate() {
            let Token::Word(name, _) = token else { continue };
            let joins = |mark| matches!(mark, Some(Mark::And | Mark::Comma));
            let other = |at: usize| self.at(at).is_some_and(is_name);
            let joined = joins(self.mark(index + 1)) && other(index + 2)
                || index >= 2 && joins(self.mark(index - 1)) && other(index - 2);
            if is_name(token) && joined && !group.contains(name) {
                group.push(name.clone());
            }
        }
        if group.len() > 1 && self.limits.excludes.is_empty() {
            self.limits.excludes = group;
        }
    }

    /// Reads `only when the EnableParameter of the command is true`.
    fn requirement(&mut self) {
        let Some(when) = self.tokens.iter().position(|token| is(token, Mark::OnlyWhen)) else {
            return;
        };
        let (_, end) = self.clause(when);
        let Some(verb) = (when + 1..end).find(|at| self.mark(*at) == Some(Mark::Is)) else {
            return;
        };
        let name = self.tokens[when + 1..verb].iter().rev().find_map(|token| match token {
            Token::Word(name, _) if is_name(token) => Some(name),
            _ => None,
        });
        let value = match self.at(verb + 1) {
            Some(Token::Word(word, _)) => word.clone(),
            Some(Token::Number(number)) => number.to_string(),
            _ => return,
        };
        let lower = value.to_ascii_lowercase();
        let is_truth = matches!(lower.as_str(), "true" | "false");
        let is_constant = is_truth || !value.chars().any(|c| c.is_ascii_lowercase());
        if let Some(name) = name
            && is_constant
        {
            let pair = (name.clone(), if is_truth { lower } else { value });
            if !self.limits.requires.contains(&pair) {
                self.limits.requires.push(pair);
            }
        }
    }
}

fn first<T>(place: &mut Option<T>, value: Option<T>) {
    if place.is_none() {
        *place = value;
    }
}

/// True for what may be the name of a member: it is set as code, or has an upper-case letter.
fn is_name(token: &Token) -> bool {
    match token {
        Token::Word(word, code) => *code || word.chars().any(|c| c.is_ascii_uppercase()),
        _ => false,
    }
}
