//! How a command ended, and the Kubernetes Status object that reports it.

use std::fmt;

use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Deserializer, Value, json};

/// The longest status that is accepted, in bytes.
pub const MAX_STATUS: usize = 64 * 1024;

/// The longest text of the server that is kept, in bytes.
const MAX_TEXT: usize = 4096;
const NON_ZERO: &str = "command terminated with non-zero exit code";
const INTERNAL: &str = "Internal error occurred: ";
/// How often an incomplete status is parsed before its end, since each time costs its length.
const MAX_PARSES: usize = 64;

/// The exit status of a process that ran and ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExitStatus(Option<i32>);

impl ExitStatus {
    /// Exit code 0.
    pub const SUCCESS: Self = Self(Some(0));

    /// The status of a process that ended with `code`.
    pub const fn from_code(code: i32) -> Self {
        Self(Some(code))
    }

    /// The exit code. `None` when the server reported a failure without a valid code, as version 1 of the protocol always
    /// does.
    pub const fn code(self) -> Option<i32> {
        self.0
    }

    /// Whether the command succeeded.
    pub const fn success(self) -> bool {
        matches!(self.0, Some(0))
    }

    /// The signal that probably ended the process: 9 for exit code 137.
    ///
    /// This is a guess. The protocol cannot report signals: runtimes and shells report signal `n` as code `128 + n`, but a
    /// program may exit with such a code itself. Codes 129 to 192 count as signals.
    pub const fn signal(self) -> Option<i32> {
        match self.0 {
            Some(code @ 129..=192) => Some(code - 128),
            _ => None,
        }
    }
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Termination {
    /// The process ran and ended.
    Exited(ExitStatus),
    /// The server reported a failure of its own instead of an exit code. Usually the command could not be started (no such
    /// executable, container not running), but that is no proof that nothing ran.
    Failed {
        /// The Status's reason, such as `InternalError`; empty when it has none.
        reason: String,
        /// The server's message, with control characters replaced, cut after 4 KiB. It may quote the command.
        message: String,
    },
    /// The server ended the session without a status. It is not known whether the command ran to its end.
    Unknown,
}

impl Termination {
    /// Server: the end of a command that could not be started; `cause` is the runtime's message.
    pub fn could_not_start(cause: &str) -> Self {
        Self::Failed {
            reason: "InternalError".to_owned(),
            message: text(&format!("{INTERNAL}error executing command in container: {cause}")),
        }
    }

    /// Reads the JSON Status of protocol versions 4 and 5
    /// ([Status](https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/)).
    ///
    /// # Errors
    ///
    /// [`StatusError::NotStatus`] when `json` is anything else. It is then not known how the command ended.
    pub fn from_status(json: &[u8]) -> Result<Self, StatusError> {
        let not_status = |problem| StatusError::NotStatus { len: json.len(), problem };
        let status = read(json).map_err(not_status)?;
        let member = |name: &str| status[name].as_str().unwrap_or_default();
        let (reason, message) = (member("reason"), member("message"));
        if member("status") == "Success" {
            return Ok(Self::Exited(ExitStatus::SUCCESS));
        }
        let causes = status["details"]["causes"].as_array().into_iter().flatten();
        let codes = causes.filter(|cause| cause["reason"] == "ExitCode");
        let codes: Vec<Option<i32>> = codes.map(|cause| exit_code(&cause["message"])).collect();
        if !codes.is_empty() || reason == "NonZeroExitCode" || message.starts_with(NON_ZERO) {
            // A failure with exit code 0 contradicts itself, and must not count as a success.
            let code = codes.into_iter().flatten().find(|code| *code != 0);
            return Ok(Self::Exited(ExitStatus(code)));
        }
        match &status["status"] {
            Value::String(failure) if failure == "Failure" => {}
            // A status with a reason is no success.
            _ if !reason.is_empty() => {}
            Value::String(_) | Value::Null => {
                return Err(not_status("its status is neither Success nor Failure"));
            }
            _ => return Err(not_status("a member has the wrong type")),
        }
        Ok(Self::Failed { reason: text(reason), message: text(message) })
    }

    /// Reads the plain text that protocol versions 1 to 3 send for a failure.
    pub fn from_text(bytes: &[u8]) -> Self {
        let message = text(&String::from_utf8_lossy(bytes));
        if message.starts_with(NON_ZERO) {
            return Self::Exited(ExitStatus(None));
        }
        Self::Failed { reason: String::new(), message }
    }

    /// Server: encodes the JSON Status; `None` for [`Termination::Unknown`].
    pub fn to_status(&self) -> Option<Vec<u8>> {
        let mut status = Status { status: Some("Failure".into()), ..Status::default() };
        match self {
            Self::Unknown => return None,
            Self::Exited(exit) if exit.success() => status.status = Some("Success".into()),
            Self::Exited(exit) => {
                status.message = self.to_text();
                status.reason = Some("NonZeroExitCode".into());
                status.details = exit.code().map(|code| Details {
                    causes: Some(vec![Cause {
                        reason: Some("ExitCode".into()),
                        message: Some(code.to_string()),
                    }]),
                });
            }
            Self::Failed { reason, message } => {
                status.message = Some(message.clone());
                status.reason = Some(reason.clone()).filter(|reason| !reason.is_empty());
                if let Some(cause) = message.strip_prefix(INTERNAL) {
                    status.details = Some(Details {
                        causes: Some(vec![Cause { reason: None, message: Some(cause.to_owned()) }]),
                    });
                }
                status.code = (reason == "InternalError").then_some(500);
            }
        }
        serde_json::to_vec(&status).ok()
    }

    /// Server: the text of protocol versions 1 to 3; `None` if they send nothing.
    pub fn to_text(&self) -> Option<String> {
        match self {
            Self::Exited(exit) if exit.success() => None,
            Self::Exited(exit) => Some(match exit.code() {
                Some(code) => format!("{NON_ZERO}: error executing command, exit code {code}"),
                None => NON_ZERO.to_owned(),
            }),
            Self::Failed { message, .. } => Some(message.clone()),
            Self::Unknown => None,
        }
    }
}

/// Why a status could not be read. The error quotes nothing of it, since it may quote the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatusError {
    /// The status is not a Status object.
    NotStatus {
        /// The status's length in bytes.
        len: usize,
        /// What is wrong with the status.
        problem: &'static str,
    },
    /// The status is longer than [`MAX_STATUS`].
    TooLong,
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStatus { len, problem } => write!(
                f,
                "the server's closing status ({len} bytes) cannot be read: {problem}; how the \
                 command ended is not known"
            ),
            Self::TooLong => write!(
                f,
                "the server's closing status is longer than {MAX_STATUS} bytes; how the command \
                 ended is not known"
            ),
        }
    }
}

impl std::error::Error for StatusError {}

/// Reads an exit code, given as text or as a number.
fn exit_code(raw: &Value) -> Option<i32> {
    match raw {
        Value::String(text) => text.trim().parse().ok(),
        number => i32::try_from(number.as_i64()?).ok(),
    }
}

/// Reads a Status such that an invalid member does not cost the others.
fn read(json: &[u8]) -> Result<Value, &'static str> {
    use serde_json::error::Category;

    /// Ignores members that do not matter, which a strict parser would reject.
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Members {
        status: Value,
        message: Value,
        reason: Value,
        details: Value,
    }
    let read = serde_json::from_slice(json).or_else(|error| {
        let members = serde_json::from_str::<Members>(&lossy(json)).map_err(|_| error)?;
        let Members { status, message, reason, details } = members;
        Ok(json!({ "status": status, "message": message, "reason": reason, "details": details }))
    });
    match read {
        Ok(status @ Value::Object(_)) => Ok(status),
        Ok(_) => Err("a member has the wrong type"),
        Err(error) => Err(match serde_json::Error::classify(&error) {
            Category::Eof => "it is cut short",
            Category::Data => "a member has the wrong type",
            Category::Syntax | Category::Io => "it is not JSON",
        }),
    }
}

/// JSON as text, with U+FFFD in place of invalid UTF-8 and of lone surrogates. No library replaces the latter.
fn lossy(json: &[u8]) -> String {
    let json = String::from_utf8_lossy(json);
    let unit = |text: &str| {
        let digits = text.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut out = String::with_capacity(json.len());
    let mut rest = &*json;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let first = unit(rest);
        let second = first.and_then(|_| unit(&rest[6..]));
        let length = match char::decode_utf16([first, second].into_iter().flatten()).next() {
            Some(Ok(character)) => 6 * character.len_utf16(),
            Some(Err(_)) => {
                out.push_str("\\ufffd");
                rest = &rest[6..];
                continue;
            }
            // Another escape sequence, perhaps of a backslash.
            None => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// The members of `metav1.Status` that a server sends, in the order on the wire.
#[derive(Default, Serialize)]
struct Status {
    metadata: Empty,
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
}

#[derive(Default, Serialize)]
struct Empty {}

#[derive(Serialize)]
struct Details {
    causes: Option<Vec<Cause>>,
}

#[derive(Serialize)]
struct Cause {
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    message: Option<String>,
}

/// Bounds the length of a text, and replaces control characters, which a terminal would obey.
fn text(raw: &str) -> String {
    let end = (0..=raw.len().min(MAX_TEXT)).rev().find(|&end| raw.is_char_boundary(end));
    let kept = &raw[..end.unwrap_or_default()];
    let ellipsis = (kept.len() < raw.len()).then_some('…');
    kept.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).chain(ellipsis).collect()
}

/// Collects the error channel, on which a status may come in several pieces.
///
/// The channel is one stream of bytes: the result does not depend on how it is cut. Only its first
/// JSON value counts, and servers may leave the channel open after it.
#[derive(Debug)]
pub(crate) struct StatusBuffer {
    json: bool,
    bytes: Vec<u8>,
    /// How many bytes there were when they were last parsed.
    parsed: usize,
    /// How often they were parsed.
    parses: usize,
    known: Option<Termination>,
}

impl StatusBuffer {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, bytes: Vec::new(), parsed: 0, parses: 0, known: None }
    }

    /// Adds a piece. Returns the status if the first piece, as usual, holds all of it.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Option<Termination>, StatusError> {
        if self.known.is_some() || piece.is_empty() {
            return Ok(None);
        }
        let is_first = self.bytes.is_empty();
        let fits = piece.len().min(MAX_STATUS - self.bytes.len());
        self.bytes.extend_from_slice(&piece[..fits]);
        let is_too_long = fits < piece.len();
        if self.json && (is_first || is_too_long) {
            self.known = first_status(&self.bytes).ok();
        }
        match &self.known {
            None if is_too_long => Err(StatusError::TooLong),
            known => Ok(known.clone()),
        }
    }

    /// The status, once all of it has come, even if the channel has not ended.
    pub(crate) fn known(&mut self) -> Option<&Termination> {
        let has_more = self.parsed < self.bytes.len();
        if self.known.is_none() && self.json && has_more && self.parses < MAX_PARSES {
            self.parsed = self.bytes.len();
            self.parses += 1;
            self.known = first_status(&self.bytes).ok();
        }
        self.known.as_ref()
    }

    /// The status at the end of the channel or of the session. `clean` says whether the server closed it in order: without
    /// a JSON Status, only that marks a success.
    pub(crate) fn finish(&mut self, clean: bool) -> Result<Termination, StatusError> {
        if let Some(known) = &self.known {
            return Ok(known.clone());
        }
        let end = match (self.bytes.is_empty(), self.json) {
            (false, true) => first_status(&self.bytes)?,
            (false, false) => Termination::from_text(&self.bytes),
            (true, false) if clean => Termination::Exited(ExitStatus::SUCCESS),
            (true, _) => return Ok(Termination::Unknown),
        };
        self.known = Some(end.clone());
        Ok(end)
    }
}

/// Reads the status that `bytes` begin with, and ignores what follows.
fn first_status(bytes: &[u8]) -> Result<Termination, StatusError> {
    let mut values = Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
    let first = match values.next() {
        Some(Ok(_)) => &bytes[..values.byte_offset()],
        // The strict parser says what is wrong.
        Some(Err(_)) | None => bytes,
    };
    Termination::from_status(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SUCCESS: &str = r#"{"metadata":{},"status":"Success"}"#;
    const EXIT_3: &str = r#"{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code: error executing command, exit code 3","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}"#;
    const NO_SUCH: &str = r#"{"metadata":{},"status":"Failure","message":"Internal error occurred: error executing command in container: \"nope\": executable file not found in $PATH","reason":"InternalError","details":{"causes":[{"message":"error executing command in container: \"nope\": executable file not found in $PATH"}]},"code":500}"#;

    fn exited(code: Option<i32>) -> Termination {
        Termination::Exited(ExitStatus(code))
    }

    #[test]
    fn statuses_have_the_servers_text() {
        let no_such = Termination::could_not_start("\"nope\": executable file not found in $PATH");
        for (end, json) in
            [(exited(Some(0)), SUCCESS), (exited(Some(3)), EXIT_3), (no_such, NO_SUCH)]
        {
            let bytes = end.to_status().unwrap();
            assert_eq!(String::from_utf8(bytes).unwrap(), json);
            assert_eq!(Termination::from_status(json.as_bytes()), Ok(end));
        }
        assert_eq!(Termination::Unknown.to_status(), None);
        let unnumbered = exited(None).to_status().unwrap();
        assert_eq!(Termination::from_status(&unnumbered), Ok(exited(None)));
    }

    #[test]
    fn from_status_table() {
        let failed = |reason: &str, message: &str| Termination::Failed {
            reason: reason.into(),
            message: message.into(),
        };
        for (json, expected) in [
            // CCI adds members of its own.
            (
                r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"m","reason":"Conflict","code":409,"errorCode":"CCI.02.409101"}"#,
                failed("Conflict", "m"),
            ),
            (
                r#"{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"X"},{"reason":"ExitCode","message":"137"}]}}"#,
                exited(Some(137)),
            ),
            (
                r#"{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":null}}"#,
                exited(None),
            ),
            (r#"{"status":"Failure","reason":"NonZeroExitCode","details":null}"#, exited(None)),
            (
                r#"{"status":"Failure","details":{"causes":[{"reason":"ExitCode","message":"many"}]}}"#,
                exited(None),
            ),
            (
                r#"{"status":"Failure","details":{"causes":[{"reason":"ExitCode","message":"0"}]}}"#,
                exited(None),
            ),
            (
                r#"{"status":"Failure","details":{"causes":[{"reason":"ExitCode","message":"99999999999"}]}}"#,
                exited(None),
            ),
            (r#"{"status":"Failure","message":"a\u001b[31m\nb\n"}"#, failed("", "a [31m b")),
            (r#"{"status":"Failure","message":null,"reason":null}"#, failed("", "")),
            (" {\"status\":\"Success\"}\n", exited(Some(0))),
        ] {
            assert_eq!(Termination::from_status(json.as_bytes()), Ok(expected), "{json}");
        }
    }

    #[test]
    fn an_invalid_member_does_not_cost_the_exit_code() {
        let exit_3 = serde_json::from_str::<Value>(EXIT_3).unwrap();
        let odd = ["null", "true", "7", "1.5", "[]", "{}", r#""text""#, r#"[[{}, 5]]"#, "1e999"];
        let odd = odd.into_iter().map(|text| text.as_bytes().to_vec());
        let odd = odd.chain([b"\"\xff\xe4\"".to_vec(), br#""\\\ud800""#.to_vec()]);
        let deep = [&b"[".repeat(500)[..], &b"]".repeat(500)[..]].concat();
        let odd: Vec<Vec<u8>> = odd.chain([deep]).collect();
        for member in ["metadata", "status", "message", "reason", "code", "more"] {
            for value in &odd {
                let mut status = exit_3.clone();
                status[member] = "ODD".into();
                let bytes = status.to_string().into_bytes();
                let at = bytes.windows(5).position(|it| it == b"\"ODD\"").unwrap();
                // Members that matter must at least be JSON that a parser accepts.
                let is_unreadable = [&b"1e999"[..], &odd[odd.len() - 1]].contains(&&value[..]);
                if is_unreadable && ["status", "message", "reason"].contains(&member) {
                    continue;
                }
                let json = [&bytes[..at], value, &bytes[at + 5..]].concat();
                let read = Termination::from_status(&json);
                assert_eq!(read, Ok(exited(Some(3))), "{}", json.escape_ascii());
            }
            let mut status = exit_3.clone();
            status.as_object_mut().unwrap().remove(member);
            let read = Termination::from_status(status.to_string().as_bytes());
            assert_eq!(read, Ok(exited(Some(3))), "{status}");
        }
        for causes in [
            json!([7, null, { "reason": 5 }, { "reason": "ExitCode", "message": 3 }]),
            json!([{ "reason": "ExitCode" }, { "reason": "ExitCode", "message": " 3\n" }]),
        ] {
            let mut status = exit_3.clone();
            status["details"] = json!({ "name": [], "causes": causes });
            let read = Termination::from_status(status.to_string().as_bytes());
            assert_eq!(read, Ok(exited(Some(3))), "{status}");
        }
        for details in [json!(5), json!([]), json!({ "causes": {} }), json!(null)] {
            let mut status = exit_3.clone();
            status["details"] = details;
            let read = Termination::from_status(status.to_string().as_bytes());
            assert_eq!(read, Ok(exited(None)), "{status}");
        }
        let success =
            b"{\"status\": \"Success\", \"message\": \"\xff\", \"reason\": [\"\\ud800\"]}";
        assert_eq!(Termination::from_status(success), Ok(exited(Some(0))));
        let failed =
            br#"{"status": "Failure", "reason": 5, "message": "a\ud83d\ude80 \udc00 \\ud800"}"#;
        let message = "a🚀 \u{fffd} \\ud800".to_owned();
        let read = Termination::from_status(failed);
        assert_eq!(read, Ok(Termination::Failed { reason: String::new(), message }));
    }

    #[test]
    fn garbage_is_an_error_that_quotes_nothing() {
        for (json, problem) in [
            ("", "cut short"),
            (r#"{"status":"Succ"#, "cut short"),
            ("SECRET", "not JSON"),
            (r#"{"status":"Success"} SECRET"#, "not JSON"),
            (r#"{"status":7,"message":"SECRET"}"#, "wrong type"),
            (r#"{"status":"SECRET"}"#, "neither"),
            ("[\"SECRET\"]", "wrong type"),
            ("{}", "neither"),
        ] {
            let error = Termination::from_status(json.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(problem), "{json}: {error}");
            assert!(!error.contains("SECRET"), "{error}");
        }
    }

    #[test]
    fn text_is_bounded() {
        let long = "é".repeat(MAX_TEXT);
        let json = format!(r#"{{"status":"Failure","message":"{long}"}}"#);
        let Ok(Termination::Failed { message, .. }) = Termination::from_status(json.as_bytes())
        else {
            panic!()
        };
        assert_eq!(message.len(), MAX_TEXT + '…'.len_utf8());
    }

    #[test]
    fn plain_text() {
        let text = exited(Some(3)).to_text().unwrap();
        assert_eq!(Termination::from_text(text.as_bytes()), exited(None));
        let Termination::Failed { message, .. } = Termination::from_text(b"no \xff\n") else {
            panic!()
        };
        assert_eq!(message, "no \u{fffd}");
        assert_eq!(exited(Some(0)).to_text(), None);
        assert_eq!(Termination::Unknown.to_text(), None);
    }

    #[test]
    fn exit_status() {
        for (code, signal, success) in [
            (0, None, true),
            (1, None, false),
            (128, None, false),
            (137, Some(9), false),
            (143, Some(15), false),
            (255, None, false),
        ] {
            let exit = ExitStatus::from_code(code);
            assert_eq!((exit.code(), exit.signal(), exit.success()), (Some(code), signal, success));
        }
        assert_eq!((ExitStatus(None).signal(), ExitStatus(None).success()), (None, false));
    }

    #[test]
    fn buffer() {
        // Whole, in pieces, cut short, absent.
        let mut whole = StatusBuffer::new(true);
        assert_eq!(whole.push(EXIT_3.as_bytes()), Ok(Some(exited(Some(3)))));
        assert_eq!(whole.push(b"more"), Ok(None));
        assert_eq!(whole.finish(false), Ok(exited(Some(3))));
        let mut pieces = StatusBuffer::new(true);
        for piece in EXIT_3.as_bytes().chunks(7) {
            assert_eq!(pieces.push(piece), Ok(None));
        }
        assert_eq!(pieces.finish(false), Ok(exited(Some(3))));
        let mut open = StatusBuffer::new(true);
        assert_eq!(open.known(), None);
        for piece in EXIT_3.as_bytes().chunks(7) {
            assert_eq!((open.push(piece), open.known().is_some()), (Ok(None), false));
            if open.bytes.len() > 150 {
                break;
            }
        }
        assert_eq!(open.push(&EXIT_3.as_bytes()[open.bytes.len()..]), Ok(None));
        assert_eq!(open.known(), Some(&exited(Some(3))));
        assert_eq!(open.push(SUCCESS.as_bytes()), Ok(None));
        assert_eq!(open.finish(true), Ok(exited(Some(3))));
        // A status in many pieces is not parsed after each.
        let mut many = StatusBuffer::new(true);
        for _ in 0..MAX_STATUS {
            assert_eq!((many.push(b" "), many.known()), (Ok(None), None));
        }
        assert_eq!(many.parses, MAX_PARSES);
        let mut cut = StatusBuffer::new(true);
        assert_eq!(cut.push(&EXIT_3.as_bytes()[..30]), Ok(None));
        assert!(cut.finish(true).is_err());
        assert_eq!(StatusBuffer::new(true).finish(true), Ok(Termination::Unknown));
        assert_eq!(StatusBuffer::new(false).finish(true), Ok(exited(Some(0))));
        assert_eq!(StatusBuffer::new(false).finish(false), Ok(Termination::Unknown));
        let mut long = StatusBuffer::new(true);
        assert_eq!(long.push(&vec![b' '; MAX_STATUS]), Ok(None));
        assert_eq!(long.push(b"x"), Err(StatusError::TooLong));
    }

    /// Pushes the pieces, and asks for the status after each `batch` of them, as after each read.
    fn status(pieces: &[&[u8]], batch: usize) -> Result<Termination, StatusError> {
        let mut buffer = StatusBuffer::new(true);
        for batch in pieces.chunks(batch) {
            for piece in batch {
                buffer.push(piece)?;
            }
            buffer.known();
        }
        buffer.finish(true)
    }

    #[test]
    fn only_the_first_value_counts_however_it_is_cut() {
        let long = "x".repeat(2 * MAX_STATUS);
        for more in ["", "\n", "more", SUCCESS, "\u{0}", "{", &long] {
            let text = format!(" {EXIT_3}{more}");
            for length in [1, 7, EXIT_3.len(), EXIT_3.len() + 1, EXIT_3.len() + 2, text.len()] {
                let pieces: Vec<&[u8]> = text.as_bytes().chunks(length).collect();
                for batch in [1, 3, pieces.len()] {
                    assert_eq!(status(&pieces, batch), Ok(exited(Some(3))), "{length} {batch}");
                }
            }
        }
        let odd = b"{\"message\":\"\\ud800 \xff }\",\"status\":\"Failure\",\"code\":1e999}";
        let failed =
            Termination::Failed { reason: String::new(), message: "\u{fffd} \u{fffd} }".into() };
        assert_eq!(status(&[odd, b"more"], 2), Ok(failed));
        for garbage in ["garbage", "{}", r#"{"status":"Success"#, "7", &long] {
            assert!(status(&[garbage.as_bytes(), SUCCESS.as_bytes()], 1).is_err(), "{garbage:.9}");
        }
    }

    proptest! {
        #[test]
        fn codes_round_trip(code: i32) {
            let end = exited(Some(code));
            prop_assert_eq!(Termination::from_status(&end.to_status().unwrap()), Ok(end));
        }

        #[test]
        fn garbage_never_panics(bytes: Vec<u8>) {
            let _ = Termination::from_status(&bytes);
            let _ = Termination::from_text(&bytes);
        }
    }
}
