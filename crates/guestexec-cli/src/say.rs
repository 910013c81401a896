//! What is written besides the output of commands: notes to the person, and documents of results.

use std::io::Write as _;

use serde_json::Value;
use tokio::io::{AsyncWriteExt as _, stdout};

use crate::{failure::Failure, global::Global};

/// Writes a sentence for the person to standard error, unless it is to be quiet.
pub(crate) fn note(global: &Global, text: &str) {
    if !global.quiet {
        warn(text);
    }
}

/// Writes to standard error what a person has to know in any case.
pub(crate) fn warn(text: &str) {
    // Nobody can be told that nobody can be told.
    let _ = writeln!(anstream::stderr().lock(), "guestexec: {text}");
}

/// Writes a result to standard output: one line, or as a person reads it.
///
/// # Errors
/// If it cannot be written, as where a pipe was closed.
pub(crate) async fn document(value: &Value, is_one_line: bool) -> Result<(), Failure> {
    let text = if is_one_line { value.to_string() } else { format!("{value:#}") };
    line(text).await
}

/// Writes a line to standard output.
///
/// # Errors
/// As [`document`].
pub(crate) async fn line(text: impl Into<String>) -> Result<(), Failure> {
    bytes((text.into() + "\n").as_bytes()).await
}

/// Writes bytes to standard output.
///
/// # Errors
/// As [`document`].
pub(crate) async fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut to = stdout();
    let written = async {
        to.write_all(bytes).await?;
        to.flush().await
    };
    written.await.map_err(|error| Failure::unwritable("stdout", &error))
}

/// A text of the service's, or a file's name, for a terminal: characters that would steer it are shown as such.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_steers_the_terminal() {
        assert_eq!(shown("a\u{1b}[2J\nb\u{9b}é"), "a\\u{1b}[2J\\nb\\u{9b}é");
    }
}
