//! What both sides of an exec session said, for a snapshot.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use guestexec_remotecommand::TerminalSize;
use serde::{Serialize, Serializer, ser::SerializeStruct as _};

/// The most input that is kept, in bytes; more is counted.
const MAX_KEPT: usize = 1024 * 1024;
/// The most input that one line shows, in bytes.
const MAX_INPUT_SHOWN: usize = 64 * 1024;
/// The most bytes of a script's own that one line shows.
const MAX_OUTPUT_SHOWN: usize = 4096;

/// The most bytes that one line shows of what is no text.
const MAX_BINARY_SHOWN: usize = 512;

/// One session of an [`ExecScript`](crate::ExecScript), as far as it has come. Clones share it.
///
/// Its `Display` form is for snapshots, and stands in that of the [`Tape`](crate::Tape) after the request:
/// first the protocol, then what both sides said, as in
///
/// ```text
/// v5.channel.k8s.io over a WebSocket
/// stdin "apt-get update\n"
///       "apt-get -y upgrade\n"
/// stdin ends
/// stdout "done\n"
/// exit code 0
/// ```
///
/// `stdin …`, `stdin ends`, `resize 80x24` and `closed by the client` are the client's, everything else is the
/// script's. `given up: …` says why a script could not go on. Nothing in it depends on time or on how the
/// client cuts its input into messages, and pings are left out. Long input and output are cut, with the number
/// of the bytes left out: input after 64 KiB, output after 4 KiB, and what holds a NUL after 512 bytes.
#[derive(Clone)]
pub struct ExecSession(Arc<Mutex<Record>>);

#[derive(Clone, Default)]
struct Record {
    protocol: String,
    hides_stdin: bool,
    /// The input that the script has taken, up to [`MAX_KEPT`] bytes.
    stdin: Vec<u8>,
    /// How much input the script has taken.
    taken: u64,
    lines: Vec<Line>,
}

#[derive(Clone)]
enum Line {
    /// A part of the input, by its place in all of it.
    Stdin {
        from: u64,
        to: u64,
    },
    Output(&'static str, Arc<[u8]>),
    Said(String),
}

impl ExecSession {
    pub(super) fn new(protocol: String, hides_stdin: bool) -> Self {
        Self(Arc::new(Mutex::new(Record { protocol, hides_stdin, ..Record::default() })))
    }

    /// What there is of it now; the copy does not change any more.
    pub(crate) fn so_far(&self) -> Self {
        Self(Arc::new(Mutex::new(self.record().clone())))
    }

    /// The protocol that was granted, such as `v5.channel.k8s.io over a WebSocket`.
    pub fn protocol(&self) -> String {
        self.record().protocol.clone()
    }

    /// What both sides said, as `Display` shows it after the protocol.
    pub fn lines(&self) -> String {
        self.record().to_string()
    }

    /// The input that the script has taken, up to 1 MiB, even if
    /// [`hide_stdin`](crate::ExecScript::hide_stdin) keeps it out of snapshots.
    pub fn stdin(&self) -> Vec<u8> {
        self.record().stdin.clone()
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many more bytes of input are kept, if so many wait to be taken.
    pub(super) fn room(&self, waiting: usize) -> usize {
        MAX_KEPT.saturating_sub(self.record().stdin.len() + waiting)
    }

    /// The script takes `length` bytes of input, of which `kept` were kept.
    pub(super) fn take(&self, length: u64, kept: &[u8]) {
        if length == 0 {
            return;
        }
        let mut record = self.record();
        record.stdin.extend_from_slice(kept);
        let (from, to) = (record.taken, record.taken + length);
        record.taken = to;
        match record.lines.last_mut() {
            Some(Line::Stdin { to: last, .. }) => *last = to,
            _ => record.lines.push(Line::Stdin { from, to }),
        }
    }

    pub(super) fn stdin_ends(&self) {
        self.said("stdin ends");
    }

    pub(super) fn resized(&self, size: TerminalSize) {
        self.said(format!("resize {}x{}", size.width, size.height));
    }

    pub(super) fn closed_by_client(&self) {
        self.said("closed by the client");
    }

    pub(super) fn said(&self, what: impl Into<String>) {
        self.push(Line::Said(what.into()));
    }

    pub(super) fn output(&self, what: &'static str, bytes: Arc<[u8]>) {
        self.push(Line::Output(what, bytes));
    }

    fn push(&self, line: Line) {
        self.record().lines.push(line);
    }
}

/// The bytes from `from` to `to`, as far as they were kept.
fn slice(kept: &[u8], from: u64, to: u64) -> &[u8] {
    let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(kept.len());
    &kept[at(from)..at(to)]
}

/// Writes `bytes` as quoted text, a line for each line of it, after `begin`.
fn write_quoted(
    f: &mut fmt::Formatter<'_>,
    begin: &str,
    bytes: &[u8],
    length: u64,
    most: usize,
) -> fmt::Result {
    let most = if bytes.contains(&0) { most.min(MAX_BINARY_SHOWN) } else { most };
    let shown = &bytes[..bytes.len().min(most)];
    let mut lines = shown.split_inclusive(|byte| *byte == b'\n');
    write!(f, "{begin}\"{}\"", Escaped(lines.next().unwrap_or_default()))?;
    for line in lines {
        write!(f, "\n{:width$}\"{}\"", "", Escaped(line), width = begin.len())?;
    }
    match length.saturating_sub(shown.len() as u64) {
        0 => Ok(()),
        more => write!(f, " and {more} bytes more"),
    }
}

struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '"' | '\\' => write!(f, "\\{character}")?,
                    character if character.is_control() => {
                        write!(f, "{}", character.escape_default())?;
                    }
                    character => write!(f, "{character}")?,
                }
            }
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for ExecSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.record();
        let between = if record.lines.is_empty() { "" } else { "\n" };
        write!(f, "{}{between}{record}", record.protocol)
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.lines.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            match line {
                Line::Stdin { .. } if self.hides_stdin => f.write_str("stdin <secret>")?,
                Line::Stdin { from, to } => {
                    let kept = slice(&self.stdin, *from, *to);
                    write_quoted(f, "stdin ", kept, to - from, MAX_INPUT_SHOWN)?;
                }
                Line::Output(what, bytes) => {
                    let begin = format!("{what} ");
                    write_quoted(f, &begin, bytes, bytes.len() as u64, MAX_OUTPUT_SHOWN)?;
                }
                Line::Said(what) => f.write_str(what)?,
            }
        }
        Ok(())
    }
}

/// Compares what there is of both.
impl PartialEq for ExecSession {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for ExecSession {}

/// An object with the protocol and the lines.
impl Serialize for ExecSession {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("ExecSession", 2)?;
        object.serialize_field("protocol", &self.protocol())?;
        object.serialize_field("lines", &self.lines().lines().collect::<Vec<_>>())?;
        object.end()
    }
}

impl fmt::Debug for ExecSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Input may be a password, and what is printed for debugging goes to logs.
        let record = self.record();
        f.debug_struct("ExecSession")
            .field("stdin", &format_args!("{} bytes", record.taken))
            .field("lines", &record.lines.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_of_input_make_one_line_for_each_line_of_text() {
        let session = ExecSession::new(String::new(), false);
        for chunk in [&b"set"[..], b" -e\necho \"", b"\xff\x04\n\xc3", b"\xa9"] {
            session.take(chunk.len() as u64, chunk);
        }
        session.stdin_ends();
        assert_eq!(
            session.lines(),
            "stdin \"set -e\\n\"\n      \"echo \\\"\\xff\\u{4}\\n\"\n      \"é\"\nstdin ends"
        );
    }

    #[test]
    fn long_input_is_counted() {
        let session = ExecSession::new(String::new(), false);
        let chunk = vec![b'a'; 100_000];
        for _ in 0..20 {
            let kept = session.room(0).min(chunk.len());
            session.take(chunk.len() as u64, &chunk[..kept]);
        }
        assert_eq!(session.stdin().len(), MAX_KEPT);
        let text = session.lines();
        assert!(text.ends_with("aaa\" and 1934464 bytes more"), "{}", &text[text.len() - 60..]);
        assert!(text.len() < MAX_INPUT_SHOWN + 100);
    }
}
