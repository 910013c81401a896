//! Results made by hand, for the tests of programs that take them. Only with the feature `test-util`.

use guestexec_core::ExitStatus;

use crate::{
    Captured, Error, JobId, Output, ScriptResult, Uncaptured, Unfinished, UnfinishedScript,
    types::ExecuteGuestVmCommandResponse,
};

impl Captured {
    /// Makes a result for a test: a command that ended with `status`, without output.
    ///
    /// ```
    /// use guestexec_zstack::Captured;
    ///
    /// let result = Captured::for_test(3).with_stderr("no such file\n");
    /// assert_eq!(result.exit_code(), Some(3));
    /// assert_eq!(result.stderr_lossy(), "no such file\n");
    /// ```
    pub fn for_test(status: impl Into<ExitStatus>) -> Self {
        Self {
            status: status.into(),
            stdout: Vec::new(),
            stderr: Vec::new(),
            stdout_dropped: 0,
            stderr_dropped: 0,
        }
    }

    /// Sets standard output.
    ///
    /// ```
    /// use guestexec_zstack::Captured;
    ///
    /// let result = Captured::for_test(0).with_stdout("the end").with_stdout_dropped(1024);
    /// assert_eq!(result.to_string(), "exited with 0; 1024 bytes of its standard output were cut off");
    /// ```
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

    /// Sets how many bytes are missing at the beginning of standard output.
    #[must_use]
    pub fn with_stdout_dropped(mut self, bytes: u64) -> Self {
        self.stdout_dropped = bytes;
        self
    }

    /// Sets how many bytes are missing at the beginning of standard error.
    ///
    /// ```
    /// use guestexec_zstack::Captured;
    ///
    /// let result = Captured::for_test(1).with_stderr("the end").with_stderr_dropped(1024);
    /// assert_eq!(result.stderr_dropped, 1024);
    /// ```
    #[must_use]
    pub fn with_stderr_dropped(mut self, bytes: u64) -> Self {
        self.stderr_dropped = bytes;
        self
    }
}

impl Output {
    /// Makes an unchecked result for a test from the service's text.
    ///
    /// ```
    /// use guestexec_zstack::Output;
    ///
    /// let output = Output::for_test("standardStream: hello, errorStream: ");
    /// assert_eq!(output.stdout_lossy(), "hello");
    /// ```
    pub fn for_test(stream: impl Into<String>) -> Self {
        Self::new(ExecuteGuestVmCommandResponse {
            stream: Some(stream.into()),
            ..ExecuteGuestVmCommandResponse::default()
        })
    }
}

impl Unfinished {
    /// Makes the error of a command for a test in which [`Unfinished::of`] finds this job, and the VM if
    /// it is given.
    ///
    /// ```
    /// use guestexec_zstack::{Error, ErrorKind, JobId, Unfinished};
    ///
    /// let (job, lost) = (JobId::random().unwrap(), Error::new(ErrorKind::Timeout, "no end was seen"));
    /// let error = Unfinished::for_test(job.clone(), None, lost);
    /// assert!(Unfinished::of(&error).is_some_and(|it| *it.job() == job));
    /// ```
    pub fn for_test(job: JobId, vm: Option<&str>, error: Error) -> Error {
        Self::attach(job, vm.map(str::to_owned), error)
    }
}

impl Uncaptured {
    /// Makes the error of a command for a test in which [`Uncaptured::of`] finds this text.
    ///
    /// ```
    /// use guestexec_zstack::{Output, Uncaptured};
    ///
    /// let error = Uncaptured::for_test(Output::for_test("standardStream: hello"));
    /// assert!(Uncaptured::of(&error).is_some_and(|it| it.output().stdout_lossy() == "hello"));
    /// ```
    pub fn for_test(output: Output) -> Error {
        Captured::unreadable(output)
    }
}

impl ScriptResult {
    /// Makes a result for a test: a script that ended with `status` in a VM, without output.
    ///
    /// ```
    /// use guestexec_zstack::ScriptResult;
    ///
    /// let result = ScriptResult::for_test("fc022ba201c135d8809c5e02bf6bf156", 3);
    /// assert_eq!(result.exit_code(), Some(3));
    /// ```
    pub fn for_test(vm: impl Into<String>, status: impl Into<ExitStatus>) -> Self {
        Self {
            vm: vm.into(),
            record: String::new(),
            status: Some(status.into()),
            stdout: Vec::new(),
            stderr: Vec::new(),
            cause: None,
        }
    }

    /// Sets standard output.
    ///
    /// ```
    /// use guestexec_zstack::ScriptResult;
    ///
    /// let result = ScriptResult::for_test("vm", 0).with_stdout("up").with_stderr("warning");
    /// assert_eq!((&*result.stdout, &*result.stderr), (&b"up"[..], &b"warning"[..]));
    /// ```
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
}

impl UnfinishedScript {
    /// Makes the error of a script for a test in which [`UnfinishedScript::of`] finds its UUID.
    ///
    /// ```
    /// use guestexec_zstack::{Error, ErrorKind, UnfinishedScript};
    ///
    /// let lost = Error::new(ErrorKind::Timeout, "no end was seen");
    /// let error = UnfinishedScript::for_test("0123456789abcdef0123456789abcdef", lost);
    /// assert!(UnfinishedScript::of(&error).is_some_and(|it| it.script().starts_with("0123")));
    /// ```
    pub fn for_test(script: &str, error: Error) -> Error {
        Self::attach(script, error)
    }
}
