//! Results made by hand, for the tests of programs that take them. Only with the feature `test-util`.

use guestexec_core::ExitStatus;

use super::Output;

impl Output {
    /// Makes a result for a test: a command that ended with `status`, without output.
    ///
    /// ```
    /// use guestexec_cci::Output;
    ///
    /// let result = Output::for_test(3).with_stderr("no such file\n");
    /// assert_eq!(result.exit_code(), Some(3));
    /// assert_eq!(result.stderr_lossy(), "no such file\n");
    /// ```
    pub fn for_test(status: impl Into<ExitStatus>) -> Self {
        Self { status: status.into(), stdout: Vec::new(), stderr: Vec::new(), complete: true }
    }

    /// Sets standard output.
    #[must_use]
    pub fn with_stdout(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdout = bytes.into();
        self
    }

    /// Sets standard error.
    #[must_use]
    pub fn with_stderr(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stderr = bytes.into();
        self
    }

    /// Sets whether all output came.
    ///
    /// ```
    /// use guestexec_cci::Output;
    ///
    /// let cut = Output::for_test(0).with_stdout("the begin").with_complete(false);
    /// assert_eq!(cut.to_string(), "exited with 0; the end of its output did not come");
    /// ```
    #[must_use]
    pub fn with_complete(mut self, complete: bool) -> Self {
        self.complete = complete;
        self
    }
}
