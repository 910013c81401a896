//! The result of a command.

use std::{borrow::Cow, fmt};

use guestexec_remotecommand::ExitStatus;

/// The exit status of a command and all its output.
///
/// `Debug` shows the lengths of the outputs, not their content.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// How the command ended.
    pub status: ExitStatus,
    /// Its standard output; with a terminal, all output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
    pub(super) complete: bool,
}

impl Output {
    /// Whether all output came. It did not if the server was still sending output after the exit
    /// status when the wait ended: after 5 s, at the [deadline](crate::Exec::timeout), or because the
    /// server broke the protocol.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Decodes standard output as UTF-8, with U+FFFD in place of invalid bytes.
    pub fn stdout_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Decodes standard error as UTF-8, with U+FFFD in place of invalid bytes.
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
