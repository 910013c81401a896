//! The agent inside an instance, which runs tasks as the vendor's tat-agent 1.1.9 does.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use guestexec_tat::enums::TaskStatus;
use tokio::time::sleep;

use super::{
    cos::{Cos, MAX_OBJECT},
    invocation::Invocation,
    task::Task,
};
use crate::{
    builder::TatAgents,
    process::{self, End, Group, Processes},
};

/// How tasks reach the agents.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery {
    /// How long a task is `DELIVERING`.
    pub(super) delivering: Duration,
    /// How long it is `DELIVER_DELAYED` after that.
    pub(super) delayed: Duration,
    pub(super) agents: TatAgents,
}

impl Delivery {
    /// Delivers a task to its agent; false if it does not arrive.
    async fn deliver(self, task: &Task) -> bool {
        for (status, time) in
            [(TaskStatus::Delivering, self.delivering), (TaskStatus::DeliverDelayed, self.delayed)]
        {
            if time.is_zero() {
                continue;
            }
            if !task.deliver(status) {
                return false;
            }
            tokio::select! {
                () = sleep(time) => {}
                () = task.cancelled() => return false,
            }
        }
        if self.agents == TatAgents::Unreachable && task.begin() {
            task.end(TaskStatus::DeliverFailed, 0, "DeliverFailed: the agent cannot be reached");
        }
        self.agents != TatAgents::Unreachable
    }
}

/// Runs one task to its end.
pub(super) async fn run(
    processes: Arc<Processes>,
    delivery: Delivery,
    invocation: Arc<Invocation>,
    task: Arc<Task>,
    script: Arc<[u8]>,
    cos: Arc<Cos>,
) {
    if !delivery.deliver(&task).await {
        return;
    }
    let permit = tokio::select! {
        permit = processes.permit() => permit,
        () = task.cancelled() => return,
    };
    let Some(_permit) = permit else { return };
    if !task.begin() {
        return;
    }
    let path = processes.directory().join(format!("{}.sh", task.id));
    let (status, exit_code, error) = match start(&processes, &invocation, &task, &script, &path) {
        Ok((group, pipe)) => {
            if !invocation.command.bucket.is_empty()
                && let Ok(file) = cos.create(&task)
            {
                let mut output = task.output.lock().unwrap_or_else(PoisonError::into_inner);
                output.keep_whole(file, MAX_OBJECT);
            }
            invocation.executions.fetch_add(1, Ordering::Relaxed);
            task.instance.executions.fetch_add(1, Ordering::Relaxed);
            let limit = Duration::from_secs(invocation.command.timeout);
            let pipes = [(pipe, &*task.output)];
            match process::run_to_end(group, pipes, limit, task.cancelled()).await {
                // A process that was killed by a signal has no exit code.
                Ok(End::Exited(status)) => match status.code() {
                    Some(0) => (TaskStatus::Success, 0, String::new()),
                    code => (TaskStatus::Failed, code.map_or(-1, i64::from), String::new()),
                },
                Ok(End::TimedOut) => (TaskStatus::Timeout, -1, String::new()),
                Ok(End::Cancelled) => (TaskStatus::Terminated, -1, String::new()),
                Err(error) => (TaskStatus::Failed, -1, error.to_string()),
            }
        }
        Err(error) => (TaskStatus::StartFailed, -1, error),
    };
    // The script may not have been written.
    _ = fs::remove_file(&path);
    if delivery.agents == TatAgents::Silent {
        task.end(TaskStatus::TaskTimeout, -1, "TaskTimeout: the agent did not report how it ended");
    } else {
        task.end(status, exit_code, &error);
    }
}

type Started = (Group, tokio::net::unix::pipe::Receiver);

/// Starts the script, or returns the agent's error text.
fn start(
    processes: &Arc<Processes>,
    invocation: &Invocation,
    task: &Task,
    script: &[u8],
    path: &Path,
) -> Result<Started, String> {
    let command = &invocation.command;
    let user = &command.username;
    if !process::user_exists(user) {
        return Err(format!("InvalidUser: user `{user}` not exists"));
    }
    let home = &task.instance.home;
    processes.make_home(home).map_err(|error| format!("ScriptStoreFailed: {error}"))?;
    let directory = directory(&command.directory, home);
    if !directory.is_dir() {
        return Err(format!(
            "InvalidWorkingDirectory: working_directory `{}` not exists",
            command.directory
        ));
    }
    processes.write_file(path, script).map_err(|error| format!("ScriptStoreFailed: {error}"))?;

    let spawn = || -> io::Result<Started> {
        let shell = processes.shell();
        let profile = ". /etc/profile 2>/dev/null; . ~/.bash_profile 2>/dev/null || . ~/.bashrc 2>/dev/null; ";
        let (pipe, output) = process::output_pipe()?;
        let mut command = processes.command(shell, home);
        command
            .arg("-c")
            // The script's path is an argument, since the temporary directory's name may need quoting.
            .arg(format!("{profile} {shell} \"$0\""))
            .arg(path)
            .current_dir(&directory)
            .env("SHELL", format!("/bin/{shell}"))
            .env("USER", user)
            .env("LOGNAME", user)
            .env("USERNAME", user)
            .env("MAIL", format!("/var/mail/{user}"))
            .env("TERM", "xterm-color")
            .stdin(Stdio::null())
            // One pipe for both outputs keeps their order.
            .stdout(output.try_clone()?)
            .stderr(output);
        let group = processes.start(|| command.spawn())?;
        Ok((group, pipe))
    };
    spawn().map_err(|error| format!("TaskSpawnFailed: {error}"))
}

/// The working directory, where the instance's directory stands for `/root`.
fn directory(named: &str, home: &Path) -> PathBuf {
    if named.trim_end_matches('/') == "/root" { home.to_owned() } else { PathBuf::from(named) }
}
