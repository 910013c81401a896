//! How answers are written to standard output.

use std::io::{self, IsTerminal as _};

use guestexec::TransportError;
use serde_json::Value;

use crate::{ending::Ended, failure::Failure, say};

/// Writes an answer: as it came, and for a person indented.
pub(super) async fn answer(body: &[u8]) -> Result<(), Failure> {
    let value = || serde_json::from_slice::<Value>(body).ok();
    match io::stdout().is_terminal().then(value).flatten() {
        Some(value) => say::line(harmless(&format!("{value:#}"))).await,
        None => say::bytes(body).await,
    }
}

/// Writes an answer on a line of its own.
pub(super) async fn line(body: &[u8]) -> Result<(), Failure> {
    let body = body.trim_ascii();
    let several = body.contains(&b'\n').then(|| serde_json::from_slice::<Value>(body).ok());
    let mut line = match several.flatten() {
        Some(value) => value.to_string().into_bytes(),
        None => body.to_vec(),
    };
    line.push(b'\n');
    say::bytes(&line).await
}

/// JSON for a terminal: characters that would steer it are written as JSON writes those below a space.
fn harmless(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        let steers = letter.is_control() && letter != '\n'
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        match steers {
            // None of them takes more than four digits.
            true => text.push_str(&format!("\\u{:04x}", u32::from(letter))),
            false => text.push(letter),
        }
    }
    text
}

/// The failure of an answer that broke off.
pub(super) fn broken(error: TransportError) -> Failure {
    Failure::new(error.to_string())
        .advise("What was written is the beginning of the answer.")
        .with_end(Ended::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_answer_steers_the_terminal_and_it_stays_json() {
        let value = serde_json::json!({ "a": "x\u{1b}[2J\u{9b}y\n\u{202e}é🙂" });
        let shown = harmless(&format!("{value:#}"));
        assert!(
            !shown.contains(['\u{1b}', '\u{9b}', '\u{202e}']) && shown.contains("é🙂"),
            "{shown}"
        );
        assert_eq!(serde_json::from_str::<Value>(&shown).ok(), Some(value));
    }
}
