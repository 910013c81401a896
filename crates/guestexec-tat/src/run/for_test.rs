//! Results made by hand, for the tests of programs that take them. Only with the feature `test-util`.

use std::{sync::Arc, time::SystemTime};

use guestexec_core::{Base64, ErrorKind, ExitStatus};
use serde_json::Value;

use super::{
    report::Unreadable,
    result::{End, Failure, InstanceResult, Outcome, OutputUrl, Task},
    running::{Cancellation, Finished},
    unconfirmed::{Found, Unconfirmed, UnconfirmedCall, Unfinished},
};
use crate::{Error, enums::TaskStatus, operations::RUN_COMMAND};

/// The invocation of results made by hand.
const INVOCATION: &str = "inv-test";

impl InstanceResult {
    /// Makes a result for a test: a command that ended with `status` on the instance, without output,
    /// as part of the invocation `inv-test`.
    ///
    /// ```
    /// use guestexec_tat::{InstanceResult, Outcome};
    ///
    /// let result = InstanceResult::for_test("ins-1", 3).with_output("no such file\n");
    /// assert_eq!(result.exit_code(), Some(3));
    /// assert_eq!(result.output_lossy(), "no such file\n");
    ///
    /// let late = InstanceResult::for_test("ins-2", 0).with_outcome(Outcome::TimedOut);
    /// assert!(!late.success());
    /// ```
    ///
    /// What else a result may say:
    ///
    /// ```
    /// use guestexec_tat::{Error, ErrorKind, InstanceResult};
    ///
    /// let cut = InstanceResult::for_test("ins-1", 0)
    ///     .with_ids("inv-1", "invt-1")
    ///     .with_times("2026-11-05T07:49:58Z", "2026-11-05T07:49:59Z")
    ///     .with_dropped(1024)
    ///     .with_output_url("https://logs.example/inv-1.log?q-signature=1");
    /// let cut = cut.to_string();
    /// assert!(cut.starts_with("ins-1 exited with 0; 1024 bytes of its output were cut off"), "{cut}");
    /// assert!(cut.ends_with("all of it is at https://logs.example/inv-1.log?…"), "{cut}");
    ///
    /// let odd = InstanceResult::for_test("ins-2", 1)
    ///     .with_error_info("the user does not exist")
    ///     .with_upload_error("the bucket does not exist");
    /// assert_eq!(odd.upload_error(), Some("the bucket does not exist"));
    ///
    /// let lost = Error::new(ErrorKind::Lost, "no answer came").with_may_have_run(true);
    /// assert!(InstanceResult::for_test_failure("ins-3", lost).failure().is_some());
    /// ```
    pub fn for_test(instance_id: impl Into<String>, status: impl Into<ExitStatus>) -> Self {
        let result =
            Self { position: 0, instance_id: instance_id.into(), end: End::Task(Task::empty()) };
        result.with_outcome(match status.into().code() {
            Some(code) => Outcome::Exited(code),
            None => Outcome::Killed,
        })
    }

    /// Makes a result for a test: of an instance whose call failed with `error`, or where the command's
    /// end was not seen. The outcome is [`Outcome::Refused`] if the error has a code and no command may
    /// have run, and else [`Outcome::Unknown`].
    pub fn for_test_failure(instance_id: impl Into<String>, error: Error) -> Self {
        let instance_id = instance_id.into();
        let failure = Failure::for_test(error, [&*instance_id]);
        Self { position: 0, instance_id, end: End::Failure(Arc::new(failure)) }
    }

    /// Changes how the command ended.
    #[must_use]
    pub fn with_outcome(self, outcome: Outcome) -> Self {
        let status = match outcome {
            Outcome::Exited(0) => TaskStatus::Success,
            Outcome::Exited(_) | Outcome::Killed => TaskStatus::Failed,
            Outcome::TimedOut => TaskStatus::Timeout,
            Outcome::AgentSilent => TaskStatus::TaskTimeout,
            Outcome::NotStarted => TaskStatus::StartFailed,
            Outcome::NotDelivered => TaskStatus::DeliverFailed,
            Outcome::Cancelled => TaskStatus::Cancelled,
            Outcome::Terminated => TaskStatus::Terminated,
            Outcome::Refused => {
                let error = Error::new(ErrorKind::Refused, "the service refuses the instance")
                    .during(RUN_COMMAND.id)
                    .with_code(Some("ResourceUnavailable.AgentStatusNotOnline".to_owned()));
                return Self::for_test_failure(self.instance_id, error);
            }
            Outcome::Unknown => {
                let error = Error::new(ErrorKind::Timeout, "the command's end was not seen")
                    .with_may_have_run(true);
                return Self::for_test_failure(self.instance_id, error);
            }
        };
        self.change(|task| {
            task.status = status;
            task.exit_code = match outcome {
                Outcome::Exited(code) => Some(code),
                Outcome::Killed => Some(-1),
                _ => None,
            };
        })
    }

    /// Sets the output.
    #[must_use]
    pub fn with_output(self, output: impl Into<Base64>) -> Self {
        self.change(|task| task.output = output.into())
    }

    /// Sets how many bytes of output were cut off.
    #[must_use]
    pub fn with_dropped(self, bytes: u64) -> Self {
        self.change(|task| task.dropped = bytes)
    }

    /// Sets the URL of the whole output.
    #[must_use]
    pub fn with_output_url(self, url: impl Into<String>) -> Self {
        self.change(|task| task.output_url = Some(OutputUrl(url.into())))
    }

    /// Sets why the upload of the output failed.
    #[must_use]
    pub fn with_upload_error(self, reason: impl Into<String>) -> Self {
        self.change(|task| task.upload_error = Some(reason.into()))
    }

    /// Sets why the command never started.
    #[must_use]
    pub fn with_error_info(self, reason: impl Into<String>) -> Self {
        self.change(|task| task.error_info = Some(reason.into()))
    }

    /// Sets the ids of the invocation and the task.
    #[must_use]
    pub fn with_ids(self, invocation_id: impl Into<String>, task_id: impl Into<String>) -> Self {
        self.change(|task| {
            task.invocation_id = invocation_id.into().into();
            task.task_id = Some(task_id.into());
        })
    }

    /// Sets when the command started and ended, as the service writes it: `2026-11-05T07:49:58Z`.
    #[must_use]
    pub fn with_times(self, started: impl Into<String>, ended: impl Into<String>) -> Self {
        self.change(|task| {
            (task.started, task.ended) = (Some(started.into()), Some(ended.into()));
        })
    }

    /// Changes the task, which takes the place of a failure.
    fn change(mut self, change: impl FnOnce(&mut Task)) -> Self {
        let mut task = match self.end {
            End::Task(task) => task,
            End::Failure(_) => Task::empty(),
        };
        change(&mut task);
        self.end = End::Task(task);
        self
    }
}

impl Task {
    /// A task that exited with 0.
    fn empty() -> Box<Self> {
        Box::new(Self {
            invocation_id: INVOCATION.into(),
            task_id: None,
            status: TaskStatus::Success,
            exit_code: Some(0),
            output: Vec::new().into(),
            dropped: 0,
            output_url: None,
            upload_error: None,
            error_info: None,
            started: None,
            ended: None,
        })
    }
}

impl Failure {
    /// Makes a failure for a test: `error`, for these instances.
    ///
    /// ```
    /// use guestexec_tat::{Error, ErrorKind, Failure};
    ///
    /// let failure = Failure::for_test(Error::new(ErrorKind::Lost, "no answer came"), ["ins-1"]);
    /// assert_eq!(failure.instances, ["ins-1"]);
    /// ```
    pub fn for_test<I>(error: Error, instances: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        Self { error, instances: owned(instances), invocation_id: None, task: None }
    }
}

impl Finished {
    /// Makes the results of a run for a test. Failures and invocations are those of the results.
    ///
    /// ```
    /// use guestexec_tat::{Finished, InstanceResult};
    ///
    /// let finished = Finished::for_test([InstanceResult::for_test("ins-1", 0)]);
    /// assert!(finished.success());
    /// ```
    pub fn for_test(results: impl IntoIterator<Item = InstanceResult>) -> Self {
        let results: Vec<InstanceResult> = results.into_iter().collect();
        let mut invocations: Vec<String> = Vec::new();
        let mut failures = Vec::new();
        for result in &results {
            let id = result.invocation_id().map(str::to_owned);
            invocations.extend(id.filter(|id| !invocations.contains(id)));
            if let End::Failure(failure) = &result.end {
                failures.push(Arc::clone(failure));
            }
        }
        Self { results, failures, skipped: Vec::new(), invocations, command_id: None }
    }

    /// Sets the command's id.
    ///
    /// ```
    /// use guestexec_tat::{Finished, InstanceResult};
    ///
    /// let saved = Finished::for_test([InstanceResult::for_test("ins-1", 0)]).with_command_id("cmd-1");
    /// assert_eq!(saved.command_id(), Some("cmd-1"));
    /// ```
    #[must_use]
    pub fn with_command_id(mut self, id: impl Into<String>) -> Self {
        self.command_id = Some(id.into());
        self
    }
}

impl Cancellation {
    /// Makes the results of a cancelled run for a test, with the invocations that the service refused to
    /// cancel.
    ///
    /// ```
    /// use guestexec_tat::{Cancellation, InstanceResult, Outcome};
    ///
    /// let result = InstanceResult::for_test("ins-1", 0).with_outcome(Outcome::Terminated);
    /// let cancelled = Cancellation::for_test([result], []);
    /// assert_eq!(cancelled.killed().count(), 1);
    /// ```
    pub fn for_test(
        results: impl IntoIterator<Item = InstanceResult>,
        refused: impl IntoIterator<Item = (String, Error)>,
    ) -> Self {
        Self { finished: Finished::for_test(results), refused: refused.into_iter().collect() }
    }
}

impl UnconfirmedCall {
    /// Makes a call for a test: a RunCommand for these instances, sent at `sent` and given up at
    /// `given_up`.
    ///
    /// ```
    /// use std::time::SystemTime;
    ///
    /// use guestexec_tat::UnconfirmedCall;
    ///
    /// let call = UnconfirmedCall::for_test(["ins-1"], SystemTime::UNIX_EPOCH, SystemTime::now());
    /// assert_eq!(call.instances(), ["ins-1"]);
    /// ```
    pub fn for_test<I>(instances: I, sent: SystemTime, given_up: SystemTime) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        Self {
            action: RUN_COMMAND.id,
            command_name: None,
            command_id: None,
            instances: owned(instances),
            sent,
            given_up,
            marker: None,
            content: None,
        }
    }
}

impl Unconfirmed {
    /// Makes the error of a run for a test in which [`Unconfirmed::of`] finds these calls.
    ///
    /// ```
    /// use std::time::SystemTime;
    ///
    /// use guestexec_tat::{Error, ErrorKind, Unconfirmed, UnconfirmedCall};
    ///
    /// let call = UnconfirmedCall::for_test(["ins-1"], SystemTime::now(), SystemTime::now());
    /// let error = Unconfirmed::for_test([call], Error::new(ErrorKind::Lost, "no answer came"));
    /// assert!(error.may_have_run());
    /// assert_eq!(Unconfirmed::of(&error).map(|it| it.calls().len()), Some(1));
    /// ```
    pub fn for_test(calls: impl IntoIterator<Item = UnconfirmedCall>, error: Error) -> Error {
        Self::attach(calls.into_iter().collect(), error)
    }
}

impl Unfinished {
    /// Makes the error of a run for a test in which [`Unfinished::of`] finds these invocations.
    ///
    /// ```
    /// use guestexec_tat::{Error, ErrorKind, Unfinished};
    ///
    /// let error = Unfinished::for_test(["inv-1"], Error::new(ErrorKind::Timeout, "no end was seen"));
    /// assert!(Unfinished::of(&error).is_some_and(|it| it.invocations() == ["inv-1"]));
    /// ```
    pub fn for_test<I>(invocations: I, error: Error) -> Error
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        Self::attach(owned(invocations), error)
    }
}

impl Unreadable {
    /// Makes an error for a test in which [`Unreadable::of`] finds this JSON.
    ///
    /// ```
    /// use guestexec_tat::Unreadable;
    ///
    /// let error = Unreadable::for_test(serde_json::json!({ "TaskStatus": 7 }));
    /// assert!(Unreadable::of(&error).is_some_and(|it| it.raw()["TaskStatus"] == 7));
    /// ```
    pub fn for_test(raw: Value) -> Error {
        Self::error("its result", raw)
    }
}

impl Found {
    /// Makes what a search found for a test: an invocation of the first call.
    ///
    /// ```
    /// use guestexec_tat::Found;
    ///
    /// let found = Found::for_test("inv-1", true);
    /// assert_eq!(found.to_string(), "inv-1 was started by the call");
    /// ```
    pub fn for_test(invocation_id: impl Into<String>, certain: bool) -> Self {
        Self { invocation_id: invocation_id.into(), certain, call: 0 }
    }
}

fn owned<I>(texts: I) -> Vec<String>
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    texts.into_iter().map(|text| text.as_ref().to_owned()).collect()
}
