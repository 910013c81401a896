//! What a command leaves behind.

use std::{borrow::Cow, fmt};

use guestexec_remotecommand::ExitStatus;

/// What a command left behind: its exit status and all its output.
///
/// Debug shows the sizes of the outputs, not their content.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output; with a terminal, all output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
    pub(super) complete: bool,
}

impl Output {
    /// False if the server still sent output after it had told how the command ended, and no more of
    /// it was waited for: after 5 s, at the [deadline](crate::Exec::timeout), or as the server broke the
    /// protocol.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Standard output as text, with U+FFFD where it is not UTF-8.
    pub fn stdout_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Standard error as text, with U+FFFD where it is not UTF-8.
    pub fn stderr_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("status", &self.status)
            .field("stdout", &format_args!("{} bytes", self.stdout.len()))
            .field("stderr", &format_args!("{} bytes", self.stderr.len()))
            .field("complete", &self.complete)
            .finish()
    }
}
