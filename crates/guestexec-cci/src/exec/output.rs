//! The result of a command.

use std::{borrow::Cow, fmt};

use guestexec_core::{ExitStatus, serialize_output, write_optional};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

/// The exit status of a command and all its output.
///
/// `Debug` shows the lengths of the outputs, not their content.
///
/// Serialized, it has the members `exit_code`, where there is one, `success`, `stdout`, `stderr` and
/// `complete`. A stream that is not UTF-8 is Base64, under the name `stdout_base64` or `stderr_base64`:
///
/// ```json
/// {"exit_code":3,"success":false,"stdout":"","stderr_base64":"/w==","complete":true}
/// ```
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.cci().client()?;
/// let sh = client.pod("default", "demo").exec(["sh", "-c", "echo hello; echo no >&2; exit 3"]);
/// let output = sh.await?;
/// assert_eq!(output.exit_status(), Some(3.into()));
/// assert_eq!(output.exit_code(), Some(3));
/// assert!(!output.success());
/// assert_eq!(output.stdout, b"hello\n");
/// assert_eq!(output.stdout_lossy(), "hello\n");
/// assert_eq!(output.stderr_lossy(), "no\n");
/// assert!(output.is_complete());
/// assert_eq!(output.to_string(), "exited with 3");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Output {
    pub(super) status: ExitStatus,
    /// Its standard output; with a terminal, all output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
    pub(super) complete: bool,
}

impl Output {
    /// The exit status, which is always known here.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        Some(self.status)
    }

    /// The exit code. `None` if the server reported a failure without a valid code.
    pub fn exit_code(&self) -> Option<i64> {
        self.status.code()
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
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.cci().client()?;
    /// let script = r"printf '\304\343'; printf '\272\303' >&2";
    /// let output = client.pod("default", "demo").exec(["sh", "-c", script]).await?;
    /// assert_eq!(output.stdout_in("gbk")?, "你");
    /// assert_eq!(output.stderr_in("gbk")?, "好");
    /// # Ok(())
    /// # }
    /// ```
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

impl Serialize for Output {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut to = serializer.serialize_map(None)?;
        write_optional(&mut to, "exit_code", &self.exit_code())?;
        to.serialize_entry("success", &self.success())?;
        serialize_output(&mut to, ["stdout", "stdout_base64"], &self.stdout)?;
        serialize_output(&mut to, ["stderr", "stderr_base64"], &self.stderr)?;
        to.serialize_entry("complete", &self.complete)?;
        to.end()
    }
}

/// One line: how the command ended, and whether output is missing. The output itself is left out.
impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status.fmt(f)?;
        if !self.complete {
            f.write_str("; the end of its output did not come")?;
        }
        Ok(())
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
