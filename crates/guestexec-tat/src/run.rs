//! Running a script on instances, and waiting for it.

use std::{
    borrow::Cow,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use guestexec_core::{Base64, ErrorKind};
use tokio::time::{Instant, sleep_until};

use crate::{
    Client, Error,
    enums::{CommandType, TaskStatus},
    types::{
        DescribeInvocationTasksRequest, Filter, InvocationTask, RunCommandRequest, TaskResult,
        builder::RunCommandRequest as RequestBuilder,
    },
};

/// First and longest pause between two looks at the tasks.
const POLL: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// The service's own timeout of a script, where none is given.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// How much longer than the script's timeout is waited: delivery, and the agent's report.
const GRACE: Duration = Duration::from_secs(60);
/// Tasks a page holds at most.
const PAGE: u64 = 100;

impl Client {
    /// The instances a command is meant for: 1 to 200 ids of CVM (`ins-…`), Lighthouse
    /// (`lhins-…`) or registered (`rins-…`) machines; CVM and Lighthouse not mixed.
    pub fn instances<I>(&self, ids: I) -> Instances<'_>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Instances { client: self, ids: ids.into_iter().map(Into::into).collect() }
    }
}

/// Instances a command is meant for; made by [`Client::instances`].
#[derive(Clone, Debug)]
pub struct Instances<'a> {
    client: &'a Client,
    ids: Vec<String>,
}

impl<'a> Instances<'a> {
    /// A script to be run on every instance: text or octets, at most 65 536 characters once it is
    /// Base64, that is 49 152 octets. Await the result to run it and wait for all instances.
    pub fn run(&self, script: impl Into<Base64>) -> Run<'a> {
        let request =
            RunCommandRequest::builder().content(script.into()).instance_ids(self.ids.clone());
        Run { client: self.client, ids: self.ids.clone(), request, timeout: None, wait: None }
    }
}

/// A script about to run, as [`Instances::run`] makes it. Awaiting it calls RunCommand once, then
/// DescribeInvocationTasks until every instance is done.
///
/// Dropping the future stops the waiting, not the script.
#[derive(Clone, Debug)]
#[must_use = "nothing runs until it is awaited"]
pub struct Run<'a> {
    client: &'a Client,
    ids: Vec<String>,
    request: RequestBuilder,
    timeout: Option<Duration>,
    wait: Option<Duration>,
}

impl Run<'_> {
    /// How long the script may take on an instance, in whole seconds from 1 to 86 400; a part of a
    /// second counts as a whole one. Default: 60 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        let seconds = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
        self.timeout = Some(timeout);
        self.request = self.request.timeout(seconds);
        self
    }

    /// How long to wait for all instances. Default: the script's timeout and a minute.
    pub fn wait_at_most(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    /// The shell of the script. Default: `SHELL`.
    pub fn command_type(mut self, command_type: CommandType) -> Self {
        self.request = self.request.command_type(command_type);
        self
    }

    /// The directory the script starts in. Default: `/root`, on Windows the agent's own.
    pub fn working_directory(mut self, directory: impl Into<String>) -> Self {
        self.request = self.request.working_directory(directory.into());
        self
    }

    /// The user the script runs as. Default: `root`, on Windows `System`.
    pub fn username(mut self, name: impl Into<String>) -> Self {
        self.request = self.request.username(name.into());
        self
    }

    /// A name for the console's list, at most 60 bytes.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.request = self.request.command_name(name.into());
        self
    }

    /// A description for the console's list, at most 120 characters.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.request = self.request.description(description.into());
        self
    }

    async fn finish(self) -> Result<Invocation, Error> {
        let wait = self.wait.unwrap_or(self.timeout.unwrap_or(DEFAULT_TIMEOUT) + GRACE);
        let answer = self.client.run_command().body(self.request).send().await?.into_inner();
        let result = answer.response;
        let Some(invocation_id) = result.invocation_id else {
            return Err(Error::new(ErrorKind::Protocol, "the answer names no invocation")
                .during("RunCommand")
                .with_request_id(result.request_id)
                .with_may_have_run(true));
        };
        let command_id = result.command_id;
        let tasks = wait_for_all(self.client, &invocation_id, &self.ids, wait).await?;
        let results = self
            .ids
            .into_iter()
            .map(|id| {
                let task = tasks.iter().find(|task| task.instance_id.as_deref() == Some(&id));
                InstanceResult { task: task.cloned(), instance_id: id }
            })
            .collect();
        Ok(Invocation { invocation_id, command_id, results })
    }
}

impl<'a> IntoFuture for Run<'a> {
    type Output = Result<Invocation, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.finish())
    }
}

/// Looks at the tasks, ever more slowly, until all are final.
async fn wait_for_all(
    client: &Client,
    invocation_id: &str,
    ids: &[String],
    wait: Duration,
) -> Result<Vec<InvocationTask>, Error> {
    let deadline = Instant::now() + wait;
    let mut pause = POLL.0;
    let mut last_failure = None;
    loop {
        match tasks(client, invocation_id).await {
            // Right after the start the list may be empty: tasks are made a moment later.
            Ok(tasks) if tasks.len() >= ids.len() && tasks.iter().all(is_final) => {
                return Ok(tasks);
            }
            Ok(_) => {}
            Err(error) if error.is_retryable() => last_failure = Some(error),
            Err(error) => return Err(error.with_may_have_run(true)),
        }
        let next = Instant::now() + pause;
        if next > deadline {
            let error = Error::new(
                ErrorKind::Timeout,
                format!("{invocation_id} was started but not finished within {} s", wait.as_secs()),
            )
            .during("DescribeInvocationTasks")
            .with_may_have_run(true)
            .with_advice(
                "ask again with describe_invocation_tasks, or end it with cancel_invocation",
            );
            return Err(match last_failure {
                Some(failure) => error.with_source(failure),
                None => error,
            });
        }
        sleep_until(next).await;
        pause = (pause * 3 / 2).min(POLL.1);
    }
}

/// All tasks of an invocation with their output, page by page.
async fn tasks(client: &Client, invocation_id: &str) -> Result<Vec<InvocationTask>, Error> {
    let mut tasks: Vec<InvocationTask> = Vec::new();
    loop {
        let of_invocation =
            Filter { name: "invocation-id".to_owned(), values: vec![invocation_id.to_owned()] };
        let request = DescribeInvocationTasksRequest::builder()
            .filters(vec![of_invocation])
            .limit(PAGE)
            .offset(tasks.len() as u64)
            // The service hides the output unless told not to.
            .hide_output(false);
        let page = client.describe_invocation_tasks().body(request).send().await?.into_inner();
        let page = page.response;
        let total = page.total_count.unwrap_or_default();
        let came = page.invocation_task_set.len();
        tasks.extend(page.invocation_task_set);
        if came == 0 || tasks.len() as u64 >= total {
            return Ok(tasks);
        }
    }
}

/// True once a task's status will not change any more; statuses of tomorrow count as under way.
fn is_final(task: &InvocationTask) -> bool {
    use TaskStatus::{
        Cancelled, DeliverFailed, Failed, StartFailed, Success, TaskTimeout, Terminated, Timeout,
    };
    matches!(
        task.task_status,
        Some(
            Success
                | Failed
                | Timeout
                | TaskTimeout
                | StartFailed
                | DeliverFailed
                | Cancelled
                | Terminated
        )
    )
}

/// A finished invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    invocation_id: String,
    command_id: Option<String>,
    results: Vec<InstanceResult>,
}

impl Invocation {
    /// The invocation's id, `inv-…`.
    pub fn id(&self) -> &str {
        &self.invocation_id
    }

    /// The id of the command that was run, `cmd-…`.
    pub fn command_id(&self) -> Option<&str> {
        self.command_id.as_deref()
    }

    /// One result an instance, in the order the instances were given.
    pub fn results(&self) -> &[InstanceResult] {
        &self.results
    }
}

/// What became of the script on one instance.
///
/// A script that fails, is killed or never starts is a result, not an error.
#[derive(Clone, Debug)]
pub struct InstanceResult {
    instance_id: String,
    task: Option<InvocationTask>,
}

impl InstanceResult {
    fn result(&self) -> Option<&TaskResult> {
        self.task.as_ref()?.task_result.as_ref()
    }

    /// The instance.
    pub fn instance_id(&self) -> &str {
        &self.instance_id
    }

    /// The task's final status; none if the service listed no task for the instance.
    pub fn status(&self) -> Option<&TaskStatus> {
        self.task.as_ref()?.task_status.as_ref()
    }

    /// True if the script ran to its end and exited with 0.
    pub fn success(&self) -> bool {
        self.status() == Some(&TaskStatus::Success)
    }

    /// The script's exit code; none where it was killed, timed out or never started.
    pub fn exit_code(&self) -> Option<i64> {
        match self.status()? {
            TaskStatus::Success | TaskStatus::Failed => {
                // The agent reports -1 where no code exists: the script died of a signal.
                self.result()?.exit_code.filter(|code| *code >= 0)
            }
            _ => None,
        }
    }

    /// Standard output and standard error as one stream, in true order; its first 24 KiB.
    pub fn output(&self) -> &[u8] {
        self.result().and_then(|result| result.output.as_ref()).map_or(&[], Base64::as_bytes)
    }

    /// The same as text, with U+FFFD where it is not UTF-8.
    pub fn stdout_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.output())
    }

    /// Octets of output that were cut off; they are lost unless a COS bucket was given.
    pub fn dropped(&self) -> u64 {
        self.result().and_then(|result| result.dropped).unwrap_or_default()
    }

    /// Why the script never started, in the agent's words.
    pub fn error_info(&self) -> Option<&str> {
        self.task.as_ref()?.error_info.as_deref().filter(|text| !text.is_empty())
    }
}
