//! Output in encodings other than UTF-8.

use std::borrow::Cow;

use crate::{Captured, Error};

impl Captured {
    /// Standard output as text in an encoding, by its label in the Encoding Standard: `gbk` for the
    /// Chinese code page 936 of Windows, `big5`, `shift_jis`, `windows-1252` and so on. Where the
    /// bytes do not fit it there is U+FFFD.
    ///
    /// Of an unchecked run the output comes as text that the node has already made of the bytes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`](crate::ErrorKind::InvalidRequest) where no encoding is called so.
    pub fn stdout_in(&self, encoding: &str) -> Result<Cow<'_, str>, Error> {
        guestexec_core::text_in(&self.stdout, encoding)
    }

    /// Standard error as text, as [`Self::stdout_in`].
    ///
    /// # Errors
    /// As [`Self::stdout_in`].
    pub fn stderr_in(&self, encoding: &str) -> Result<Cow<'_, str>, Error> {
        guestexec_core::text_in(&self.stderr, encoding)
    }
}
