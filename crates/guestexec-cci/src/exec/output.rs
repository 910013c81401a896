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
    /// The exit code of the [status](Self::status). `None` if the server reported a failure without a
    /// valid code.
    pub fn exit_code(&self) -> Option<i64> {
        self.status.code().map(i64::from)
    }

    /// True if the command exited with 0.
    pub fn success(&self) -> bool {
        self.status.success()
    }

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

    /// Decodes standard output by an encoding's label in the Encoding Standard: `gbk`, `big5`,
    /// `shift_jis`, `windows-1252` and so on, with U+FFFD in place of invalid bytes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`](crate::ErrorKind::InvalidRequest) if there is no such encoding.
    #[cfg(feature = "encoding")]
    pub fn stdout_in(&self, encoding: &str) -> Result<Cow<'_, str>, crate::Error> {
        guestexec_core::text_in(&self.stdout, encoding)
    }

    /// Decodes standard error, as [`Self::stdout_in`] decodes standard output.
    ///
    /// # Errors
    /// As [`Self::stdout_in`].
    #[cfg(feature = "encoding")]
    pub fn stderr_in(&self, encoding: &str) -> Result<Cow<'_, str>, crate::Error> {
        guestexec_core::text_in(&self.stderr, encoding)
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
