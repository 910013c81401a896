//! Keys that are meant for this program and not for the command: `~.` and its like, as in ssh, and the detach keys, as
//! in docker.

use std::{fmt, str::FromStr};

/// Ctrl-Z.
const SUB: u8 = 26;
/// What `none` stands for in options.
const NONE: &str = "none";

/// The key before a key that is meant for this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EscapeChar(Option<u8>);

impl FromStr for EscapeChar {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.as_bytes() {
            _ if text == NONE => Some(Self(None)),
            [key @ b'!'..=b'~'] => Some(Self(Some(*key))),
            [b'^', letter] => control(*letter).map(|key| Self(Some(key))),
            _ => None,
        }
        .ok_or_else(|| "it is one character, such as ~, or ^ and a letter, or none".to_owned())
    }
}

impl fmt::Display for EscapeChar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str(NONE),
            Some(key @ ..32) => write!(f, "^{}", char::from(key + b'@')),
            Some(key) => write!(f, "{}", char::from(key)),
        }
    }
}

/// The keys that leave the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DetachKeys(Vec<u8>);

impl FromStr for DetachKeys {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let key = |name: &str| match name.as_bytes() {
            [key @ b'!'..=b'~'] => Some(*key),
            [b'c', b't', b'r', b'l', b'-', letter] => control(*letter),
            _ => None,
        };
        let keys: Option<Vec<u8>> = text.split(',').map(key).collect();
        keys.map(Self).ok_or_else(|| {
            "they are characters and ctrl-LETTER, apart by commas, as in ctrl-p,ctrl-q".to_owned()
        })
    }
}

/// The byte of Ctrl and a letter, or one of `@[\]^_`.
fn control(letter: u8) -> Option<u8> {
    let letter = letter.to_ascii_uppercase();
    matches!(letter, b'@'..=b'_').then(|| letter - b'@')
}

/// What was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// For the command.
    Keys(Vec<u8>),
    /// End the session.
    End,
    /// Leave the session.
    Detach,
    /// Stop this program for a while.
    Suspend,
    /// Show which keys there are.
    Help,
}

/// Tells the keys of this program from those of the command.
#[derive(Debug)]
pub(crate) struct Escapes {
    escape: Option<u8>,
    detach: Vec<u8>,
    /// Keys that may be the begin of the detach keys.
    held: Vec<u8>,
    at_line_start: bool,
    /// The escape character was typed last, at the start of a line.
    is_escaped: bool,
}

impl Escapes {
    pub(crate) fn new(escape: EscapeChar, detach: Option<DetachKeys>) -> Self {
        Self {
            escape: escape.0,
            detach: detach.map(|keys| keys.0).unwrap_or_default(),
            held: Vec::new(),
            at_line_start: true,
            is_escaped: false,
        }
    }

    /// Reads keys. What comes after the end of the session is nobody's.
    pub(crate) fn read(&mut self, keys: &[u8]) -> Vec<Typed> {
        let mut typed = Vec::new();
        for key in keys {
            self.held.push(*key);
            while !self.detach.starts_with(&self.held) {
                let key = self.held.remove(0);
                self.key(key, &mut typed);
            }
            if !self.held.is_empty() && self.held.len() == self.detach.len() {
                typed.push(Typed::Detach);
            }
            if matches!(typed.last(), Some(Typed::End | Typed::Detach)) {
                break;
            }
        }
        typed
    }

    fn key(&mut self, key: u8, typed: &mut Vec<Typed>) {
        let is_escape = Some(key) == self.escape;
        if std::mem::take(&mut self.is_escaped) {
            match key {
                b'.' => return typed.push(Typed::End),
                b'?' => return typed.push(Typed::Help),
                SUB => return typed.push(Typed::Suspend),
                _ if is_escape => {}
                _ => add(self.escape, typed),
            }
        } else if self.at_line_start && is_escape {
            self.is_escaped = true;
            return;
        }
        self.at_line_start = matches!(key, b'\r' | b'\n');
        add(Some(key), typed);
    }

    /// The keys of this program, for a person who sits at a raw terminal.
    pub(crate) fn help(&self) -> String {
        let Some(escape) = self.escape else { return String::new() };
        let escape = EscapeChar(Some(escape));
        format!(
            "{escape}?\r\nKeys of guestexec, at the start of a line:\r\n \
             {escape}.   end the session\r\n {escape}^Z  suspend guestexec\r\n \
             {escape}?   this text\r\n {escape}{escape}   send {escape}\r\n"
        )
    }
}

/// Adds a key for the command.
fn add(key: Option<u8>, typed: &mut Vec<Typed>) {
    match typed.last_mut() {
        Some(Typed::Keys(keys)) => keys.extend(key),
        _ => typed.push(Typed::Keys(key.into_iter().collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escapes(escape: &str, detach: Option<&str>) -> Escapes {
        Escapes::new(escape.parse().unwrap(), detach.map(|keys| keys.parse().unwrap()))
    }

    fn keys(text: &str) -> Typed {
        Typed::Keys(text.as_bytes().to_vec())
    }

    /// What comes of the text as a whole, and of each of its keys alone.
    fn typed(escape: &str, detach: Option<&str>, text: &str) -> Vec<Typed> {
        let whole = escapes(escape, detach).read(text.as_bytes());
        let mut one_by_one = Vec::new();
        let mut by_key = escapes(escape, detach);
        for key in text.as_bytes().chunks(1) {
            for typed in by_key.read(key) {
                match typed {
                    Typed::Keys(keys) => {
                        keys.into_iter().for_each(|key| add(Some(key), &mut one_by_one))
                    }
                    other => one_by_one.push(other),
                }
            }
            if matches!(one_by_one.last(), Some(Typed::End | Typed::Detach)) {
                break;
            }
        }
        assert_eq!(whole, one_by_one, "{text:?}");
        whole
    }

    #[test]
    fn only_at_the_start_of_a_line_a_key_escapes() {
        for (text, expected) in [
            ("~.", vec![Typed::End]),
            ("ls\r~.x", vec![keys("ls\r"), Typed::End]),
            ("\n~.", vec![keys("\n"), Typed::End]),
            ("a~.", vec![keys("a~.")]),
            ("~~.", vec![keys("~.")]),
            ("~~", vec![keys("~")]),
            ("~a~.", vec![keys("~a~.")]),
            ("~\r~.", vec![keys("~\r"), Typed::End]),
            ("~?~.", vec![Typed::Help, Typed::End]),
            ("~\u{1a}x", vec![Typed::Suspend, keys("x")]),
            ("cd ~/x\r", vec![keys("cd ~/x\r")]),
            ("~", vec![]),
            ("\u{3}\u{4}\u{1a}", vec![keys("\u{3}\u{4}\u{1a}")]),
        ] {
            assert_eq!(typed("~", None, text), expected, "{text:?}");
        }
        assert_eq!(typed("none", None, "~."), [keys("~.")]);
        assert_eq!(typed("^]", None, "\u{1d}."), [Typed::End]);
        assert_eq!(typed("^]", None, "~."), [keys("~.")]);
    }

    #[test]
    fn detach_keys_count_anywhere_and_only_as_a_whole() {
        for (detach, text, expected) in [
            ("ctrl-p,ctrl-q", "ls\u{10}\u{11}x", vec![keys("ls"), Typed::Detach]),
            ("ctrl-p,ctrl-q", "\u{10}\u{10}\u{11}", vec![keys("\u{10}"), Typed::Detach]),
            ("ctrl-p,ctrl-q", "\u{10}x", vec![keys("\u{10}x")]),
            ("a,a,b", "aaab", vec![keys("a"), Typed::Detach]),
            ("ctrl-p,ctrl-q", "\r~.", vec![keys("\r"), Typed::End]),
            ("q", "q", vec![Typed::Detach]),
        ] {
            assert_eq!(typed("~", Some(detach), text), expected, "{text:?}");
        }
    }

    #[test]
    fn options_that_are_no_keys_are_refused() {
        for text in ["", "ab", "^", "^é", " "] {
            let parsed = text.parse::<EscapeChar>();
            assert_eq!(parsed.is_ok(), text == "^", "{text:?}");
        }
        for text in ["", "ctrl-", "ctrl-1", "ab", "a,,b", "ctrl-p ctrl-q"] {
            assert!(text.parse::<DetachKeys>().is_err(), "{text:?}");
        }
        for text in ["~", "^]", "none", "%"] {
            assert_eq!(text.parse::<EscapeChar>().unwrap().to_string(), text);
        }
    }
}
