//! How a command ended.

use std::fmt;

/// The exit status of a command that ended, in all providers.
///
/// ```
/// use guestexec_core::ExitStatus;
///
/// let status = ExitStatus::from_code(3);
/// assert_eq!(status.code(), Some(3));
/// assert!(!status.success());
/// assert_eq!(status.to_string(), "exited with 3");
/// ```
///
/// It is serialized as its code: a number, or null where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExitStatus(Option<i64>);

crate::content!(ExitStatus);

impl ExitStatus {
    /// Exit code 0.
    pub const SUCCESS: Self = Self(Some(0));

    /// A command that failed and has no exit code: a signal killed it, or the service did not report
    /// the code.
    pub const WITHOUT_CODE: Self = Self(None);

    /// The status of a command that exited with `code`.
    pub const fn from_code(code: i64) -> Self {
        Self(Some(code))
    }

    /// The exit code; `None` where the command failed without one.
    ///
    /// On Linux it is 0 to 255. On Windows it has 32 bits, and services write it with or without a
    /// sign: an access violation is -1073741819 or 3221225477.
    pub const fn code(self) -> Option<i64> {
        self.0
    }

    /// True for exit code 0.
    pub const fn success(self) -> bool {
        matches!(self.0, Some(0))
    }

    /// The signal that probably ended the command: 9 for exit code 137.
    ///
    /// This is a guess, since no service reports signals. Shells and container runtimes report signal `n`
    /// as code `128 + n`, but a program may exit with such a code itself. Codes 129 to 192 count as
    /// signals. On Windows they have no such meaning.
    pub const fn signal(self) -> Option<i32> {
        match self.0 {
            Some(code @ 129..=192) => Some(code as i32 - 128),
            _ => None,
        }
    }
}

/// Continues a sentence about the command: `exited with 3`.
impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(code) => write!(f, "exited with {code}"),
            None => f.write_str("failed without an exit code"),
        }
    }
}

impl From<i64> for ExitStatus {
    fn from(code: i64) -> Self {
        Self::from_code(code)
    }
}

impl From<i32> for ExitStatus {
    fn from(code: i32) -> Self {
        Self::from_code(code.into())
    }
}

#[cfg(test)]
mod tests {
    use super::ExitStatus;

    #[test]
    fn codes_of_every_system_are_kept() {
        for (code, signal, shown) in [
            (Some(0), None, "exited with 0"),
            (Some(3), None, "exited with 3"),
            (Some(128), None, "exited with 128"),
            (Some(137), Some(9), "exited with 137"),
            (Some(192), Some(64), "exited with 192"),
            (Some(193), None, "exited with 193"),
            (Some(-1_073_741_510), None, "exited with -1073741510"),
            (Some(4_294_967_295), None, "exited with 4294967295"),
            (None, None, "failed without an exit code"),
        ] {
            let status = code.map_or(ExitStatus::WITHOUT_CODE, ExitStatus::from_code);
            assert_eq!((status.code(), status.signal()), (code, signal));
            assert_eq!(status.success(), code == Some(0));
            assert_eq!(status.to_string(), shown);
            let json = serde_json::to_string(&status).unwrap();
            assert_eq!(json, code.map_or("null".to_owned(), |code| code.to_string()));
            assert_eq!(serde_json::from_str::<ExitStatus>(&json).unwrap(), status);
        }
    }
}
