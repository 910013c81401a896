//! Reads a vendor's page, in any layout.
//!
//! `html` and `lines` make blocks of a text: headings, lines, tables, code, each with its line;
//! `recover` finds the tables that a copy has made into lines; `meaning` knows what the words of
//! headings, captions and columns mean (`terms`), and fills the model.

mod block;
mod facts;
mod html;
mod lines;
mod meaning;
mod pipe;
mod recover;
mod rows;
mod rst;
mod terms;
mod types;

use std::fmt;

use super::{page::Page, prose};

/// The greatest page, in bytes.
const GREATEST: usize = 8 << 20;

/// Why a text cannot be read as a page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unreadable {
    /// It is longer than any page.
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// It is no text.
    Binary {
        /// The line of the first byte that no text has.
        line: usize,
    },
    /// It is not UTF-8.
    NotUtf8 {
        /// The line of the first byte that is not.
        line: usize,
    },
    /// It holds nothing but blanks.
    Empty,
    /// It is text, and says nothing of an operation or of a type.
    Nothing,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => write!(
                f,
                "the page has {bytes} bytes, and at most {GREATEST} are read; save the page alone"
            ),
            Self::Binary { line } => {
                write!(f, "line {line} holds bytes that no text has; save the page as HTML or text")
            }
            Self::NotUtf8 { line } => {
                write!(f, "line {line} is not UTF-8; save the page in UTF-8")
            }
            Self::Empty => f.write_str("the page is empty; save it again"),
            Self::Nothing => f.write_str(
                "nothing was understood: there is no method with a path, and no table or list of \
                 parameters, answers, statuses, error codes or members of a type; save the whole page, or \
                 copy its tables as they are",
            ),
        }
    }
}

impl std::error::Error for Unreadable {}

/// Reads a page from the bytes of a file.
pub fn file(bytes: &[u8]) -> Result<Page, Unreadable> {
    let line = |at: usize| bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
    if bytes.len() > GREATEST {
        return Err(Unreadable::TooLong { bytes: bytes.len() });
    }
    match str::from_utf8(bytes) {
        Ok(text) => page(text),
        // A picture is no text in another encoding.
        Err(problem) => Err(match bytes.iter().position(|byte| *byte == 0) {
            Some(at) => Unreadable::Binary { line: line(at) },
            None => Unreadable::NotUtf8 { line: line(problem.valid_up_to()) },
        }),
    }
}

/// Reads a page from its text.
pub fn page(text: &str) -> Result<Page, Unreadable> {
    if text.len() > GREATEST {
        return Err(Unreadable::TooLong { bytes: text.len() });
    }
    if let Some(at) = text.find('\0') {
        let line = text[..at].matches('\n').count() + 1;
        return Err(Unreadable::Binary { line });
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(Unreadable::Empty);
    }
    let blocks = if is_html(text) { html::blocks(text, 0) } else { lines::blocks(text) };
    let mut page = meaning::page(&recover::tables(blocks));
    if page.operations.is_empty() && page.types.is_empty() {
        return Err(Unreadable::Nothing);
    }
    prose::fill(&mut page);
    Ok(page)
}

/// Whether a text is HTML: it begins with a tag, or most of its lines hold one.
fn is_html(text: &str) -> bool {
    let begin = text.trim_start();
    let tag = begin
        .strip_prefix('<')
        .is_some_and(|rest| rest.starts_with(|c: char| c == '!' || c.is_ascii_alphabetic()));
    let closed = ["</table>", "</div>", "</html>", "</ul>", "</p>", "</TABLE>", "</HTML>"];
    tag && (closed.iter().any(|tag| text.contains(tag))
        || begin.len() > 1 && begin[1..].to_lowercase().starts_with("!doctype html"))
}
