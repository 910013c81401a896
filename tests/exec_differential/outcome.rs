//! The outcome of a situation, in a form that can be compared and read.

use std::fmt;

use guestexec_cci::ErrorKind;

/// How a session ended, as its client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The command ended with this code.
    Exit(i64),
    /// The error says that nothing was started.
    NotStarted(ErrorKind),
    /// The error says that the command may have run.
    Failed(ErrorKind),
    /// The session was still open when the test had waited long enough.
    Open,
}

/// How a session ended, and its output.
pub struct Outcome {
    pub end: End,
    pub stdout: String,
    pub stderr: String,
    /// The error's text, which differs from server to server and is not compared.
    pub error: String,
}

impl PartialEq for Outcome {
    fn eq(&self, other: &Self) -> bool {
        (self.end, &self.stdout, &self.stderr) == (other.end, &other.stdout, &other.stderr)
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { end, stdout, stderr, error } = self;
        write!(f, "{end:?}, stdout {stdout:?}, stderr {stderr:?}")?;
        if error.is_empty() { Ok(()) } else { write!(f, " ({error})") }
    }
}

/// Output as text; a long output as its length and the bytes it consists of.
pub fn shown(bytes: &[u8]) -> String {
    match bytes {
        [first, .., last] if bytes.len() > 1000 => {
            let uniform = bytes.iter().all(|byte| byte == first);
            let content = if uniform { format!("{first}") } else { format!("{first}…{last}") };
            format!("<{} bytes of {content}>", bytes.len())
        }
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}
