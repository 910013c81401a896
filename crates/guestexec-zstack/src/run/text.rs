//! Output in encodings other than UTF-8.

use std::borrow::Cow;

use crate::{Captured, Error};

impl Captured {
    /// Standard output as text in an encoding, by its label in the Encoding Standard: `gbk` for the
    /// Chinese code page 936 of Windows, `big5`, `shift_jis`, `windows-1252` and so on. Where the
    /// bytes do not fit it there is U+FFFD.
    ///
    /// The output of an unchecked run is text: the node has converted the bytes already.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.zstack().client()?;
    /// let vm = client.vm("fc022ba201c135d8809c5e02bf6bf156");
    /// let ended = vm.run(r"printf '\304\343'; printf '\272\303' >&2").await?;
    /// assert_eq!(ended.stdout_in("gbk")?, "你");
    /// assert_eq!(ended.stderr_in("gbk")?, "好");
    /// # Ok(())
    /// # }
    /// ```
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
