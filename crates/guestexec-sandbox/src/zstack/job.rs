//! Jobs whose results are kept, and what runs in VMs.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use guestexec_zstack::types::ExecuteGuestVmCommandParams;
use hyper::StatusCode;
use serde_json::{Value, json};
use tokio::{process::Command, sync::watch};

use super::{auth::Caller, error::ApiError};
use crate::{
    clock,
    process::{self, End, Keep, Output, Processes},
    random,
};

/// How many bytes of each output are kept, from its end.
const OUTPUT: usize = 1024 * 1024;
/// How long a command may run by default; the real service's default is not documented.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);
/// The version of the guest tools in all VMs.
const GUEST_TOOLS: &str = "1.0.0";
/// Jobs that are kept.
const MAX_JOBS: usize = 1000;
/// Jobs of callers without a session that are kept besides the others. They only ever fail.
const MAX_UNAUTHENTICATED_JOBS: usize = 100;

/// How a job ended; `None` while it runs.
type Outcome = Option<Result<Value, ApiError>>;
pub(super) type Receiver = watch::Receiver<Outcome>;
pub(super) type Sender = watch::Sender<Outcome>;

/// The jobs by UUID.
#[derive(Debug)]
pub(super) struct Jobs {
    /// How long a result is kept, in seconds.
    life: i64,
    jobs: Mutex<HashMap<String, Job>>,
}

#[derive(Debug)]
struct Job {
    result: Receiver,
    forget_at: i64,
    /// Whether its caller has a session. Jobs of other callers never push out the results of these.
    known: bool,
}

impl Jobs {
    pub(super) fn new(life: Duration) -> Self {
        // No date overflows within a hundred years.
        let life = life.min(Duration::from_secs(100 * 366 * 86_400)).as_secs();
        Self { life: i64::try_from(life).unwrap_or_default(), jobs: Mutex::default() }
    }

    fn jobs(&self) -> MutexGuard<'_, HashMap<String, Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, uuid: &str) -> Option<Receiver> {
        let now = clock::now();
        self.jobs().get(uuid).filter(|job| job.forget_at > now).map(|job| job.result.clone())
    }

    /// Creates a job with this UUID, which must be new, and returns the sender for its result.
    pub(super) fn create(
        &self,
        uuid: Option<String>,
        caller: &Caller,
    ) -> Result<(String, Sender), ApiError> {
        let uuid = uuid.unwrap_or_else(random::hex32);
        let known = matches!(caller, Caller::Known);
        let mut jobs = self.jobs();
        if jobs.contains_key(&uuid) {
            return Err(ApiError::bad_request("duplicate job uuid: X-Job-UUID was used before"));
        }
        let alike = |job: &Job| job.known == known;
        let limit = if known { MAX_JOBS } else { MAX_UNAUTHENTICATED_JOBS };
        if jobs.values().filter(|job| alike(job)).count() >= limit {
            // The one that ended first makes room, even within its life.
            let ended = jobs.iter().filter(|(_, job)| alike(job) && job.forget_at != i64::MAX);
            let first = ended.min_by_key(|(_, job)| job.forget_at).map(|(uuid, _)| uuid.clone());
            let Some(first) = first else {
                return Err(ApiError::Text(
                    StatusCode::TOO_MANY_REQUESTS,
                    format!("{limit} jobs are running already; ask again when one has ended"),
                ));
            };
            jobs.remove(&first);
        }
        let (sender, result) = watch::channel(None);
        // Its life begins when it ends.
        jobs.insert(uuid.clone(), Job { result, forget_at: i64::MAX, known });
        Ok((uuid, sender))
    }

    /// Marks a job as ended, which begins the time its result is kept.
    pub(super) fn finish(&self, uuid: &str) {
        if let Some(job) = self.jobs().get_mut(uuid) {
            job.forget_at = clock::now() + self.life;
        }
    }
}

/// The state of a virtual machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Running,
    Stopped,
    /// Running, but its guest agent does not answer.
    Broken,
}

/// A virtual machine.
#[derive(Debug)]
pub(super) struct Vm {
    pub(super) uuid: String,
    pub(super) name: String,
    state: State,
    index: usize,
    created: String,
    /// Commands that were really started.
    pub(super) executions: AtomicUsize,
}

/// The names that a condition on VMs may have.
pub(super) const QUERIED: [&str; 11] = [
    "uuid", "name", "platform", "architecture", "type", "hypervisorType", "cpuNum", "memorySize",
    "state", "createDate", "lastOpDate",
];

impl Vm {
    pub(super) fn new(index: usize, uuid: String, state: State, utc_offset: i32) -> Self {
        Self {
            uuid,
            name: format!("vm_{}", index + 1),
            state,
            index,
            created: clock::us_medium(clock::now() + i64::from(utc_offset)),
            executions: AtomicUsize::new(0),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "uuid": self.uuid,
            "name": self.name,
            "platform": "Linux",
            "architecture": "x86_64",
            "type": "UserVm",
            "hypervisorType": "KVM",
            "cpuNum": 1,
            "memorySize": 1_073_741_824_u64,
            "state": if self.state == State::Stopped { "Stopped" } else { "Running" },
            "createDate": self.created,
            "lastOpDate": self.created,
            "vmNics": [],
            "allVolumes": [],
            "vmCdRoms": [],
        })
    }

    /// What the VM says of its guest tools.
    pub(super) fn guest_tools(&self) -> Result<Value, ApiError> {
        let status = match self.state {
            State::Running => "Running",
            State::Broken => "NotRunning",
            State::Stopped => {
                let details = format!(
                    "the guest tools of vm[uuid:{}] cannot be asked: it is not running",
                    self.uuid
                );
                return Err(ApiError::failed("SYS.1007", details));
            }
        };
        Ok(json!({ "version": GUEST_TOOLS, "status": status, "features": {} }))
    }

    /// Runs one command to its end, and returns the answer's body.
    pub(super) async fn run(
        &self,
        processes: &Arc<Processes>,
        params: &ExecuteGuestVmCommandParams,
    ) -> Result<Value, ApiError> {
        let failed = |cause: ApiError| {
            ApiError::failed(
                "SYS.1006",
                format!("the command was not run in vm[uuid:{}]", self.uuid),
            )
            .because(cause)
        };
        match self.state {
            State::Running => {}
            State::Stopped => {
                let details = "the state[Stopped] of the vm does not allow the \
                               message[org.zstack.guesttools.APIExecuteGuestVmCommandMsg], \
                               allowed states are [Running]";
                let state = ApiError::failed("VM.1010", details);
                return Err(ApiError::failed("SYS.1006", details).because(state));
            }
            State::Broken => {
                let socket =
                    ApiError::failed("SYS.1000", "the channel of the guest agent is closed")
                        .newer("ORG_ZSTACK_GUESTTOOLS_10007");
                let agent = ApiError::failed("SYS.1006", "the guest agent did not answer 3 times")
                    .newer("ORG_ZSTACK_GUESTTOOLS_10003");
                return Err(failed(agent.because(socket)));
            }
        }
        if params.platform.as_str() != "Linux" {
            return Err(failed(ApiError::failed("SYS.1007", "the vm's platform is Linux")));
        }
        let limit = match params.command_timeout.and_then(|seconds| u64::try_from(seconds).ok()) {
            Some(seconds) => Duration::from_secs(seconds),
            None => DEFAULT_TIMEOUT,
        };
        let start = |home: &Path| {
            let mut command = processes.command(processes.shell(), home);
            command.arg("-c").arg(params.command.trim());
            Ok(command)
        };
        match self.execute(processes, start, limit).await.map_err(failed)? {
            Execution { end: End::Exited(_), stdout, stderr } => {
                let (stdout, stderr) = (one_line_less(&stdout), one_line_less(&stderr));
                Ok(json!({
                    "stream": format!("standardStream: {stdout}, errorStream: {stderr}"),
                    "vmInstance": self.to_json(),
                }))
            }
            Execution { end: End::TimedOut | End::Cancelled, .. } => {
                let (seconds, uuid) = (limit.as_secs(), &self.uuid);
                let details =
                    format!("the command ran for more than {seconds}s in vm[uuid:{uuid}]");
                let agent = "the guest agent did not see the command end";
                Err(ApiError::failed("SYS.1001", details)
                    .because(ApiError::failed("SYS.1006", agent)))
            }
        }
    }

    /// Runs a script of this platform and language to its end; `name` is that of its file.
    pub(super) async fn run_script(
        &self,
        processes: &Arc<Processes>,
        (platform, language): (&str, &str),
        content: &[u8],
        name: &str,
        limit: Duration,
    ) -> Ended {
        let refused = match (self.state, platform, language) {
            (State::Stopped, ..) => Some("the vm is not running"),
            (State::Broken, ..) => Some("the guest agent did not answer 3 times"),
            (State::Running, "Linux", "Shell" | "Python" | "Perl") => None,
            (State::Running, "Linux", _) => Some("the vm's platform has no such scripts"),
            (State::Running, ..) => Some("the vm's platform is Linux"),
        };
        if let Some(cause) = refused {
            return Ended::Not(cause.to_owned());
        }
        let program = match language {
            "Python" => "python3",
            "Perl" => "perl",
            _ => processes.shell(),
        };
        let file = self.home(processes).join(name);
        let start = |home: &Path| {
            processes.write_file(&file, content)?;
            let mut command = processes.command(program, home);
            command.arg(&file);
            Ok(command)
        };
        let ended = self.execute(processes, start, limit).await;
        // The guest agent leaves no script behind; one that was never written is none either.
        _ = fs::remove_file(&file);
        match ended {
            Ok(Execution { end: End::Exited(status), stdout, stderr }) => {
                let signal = status.signal().map_or(-1, |signal| 128 + signal);
                Ended::Exited { code: status.code().unwrap_or(signal), stdout, stderr }
            }
            Ok(_) => Ended::Not(format!("the script ran for more than {}s", limit.as_secs())),
            Err(error) => {
                let error = error.error_code();
                Ended::Not(error["details"].as_str().unwrap_or_default().to_owned())
            }
        }
    }

    fn home(&self, processes: &Processes) -> PathBuf {
        processes.directory().join("zstack").join(self.index.to_string())
    }

    /// Runs the process that `start` describes to its end.
    async fn execute(
        &self,
        processes: &Arc<Processes>,
        start: impl FnOnce(&Path) -> io::Result<Command>,
        limit: Duration,
    ) -> Result<Execution, ApiError> {
        let Some(_permit) = processes.permit().await else {
            return Err(ApiError::failed("SYS.1017", "the management node is stopping"));
        };
        let home = self.home(processes);
        let output = || Mutex::new(Output::new(Keep::Tail(OUTPUT)));
        let (standard, error) = (output(), output());
        let start = || {
            processes.make_home(&home)?;
            let (standard_pipe, standard_end) = process::output_pipe()?;
            let (error_pipe, error_end) = process::output_pipe()?;
            let mut command = start(&home)?;
            command.stdin(Stdio::null()).stdout(standard_end).stderr(error_end);
            Ok((processes.start(|| command.spawn())?, standard_pipe, error_pipe))
        };
        let (group, standard_pipe, error_pipe) = start().map_err(|error: io::Error| {
            ApiError::failed("SYS.1000", format!("the guest agent failed: {error}"))
        })?;
        self.executions.fetch_add(1, Ordering::Relaxed);
        let pipes = [(standard_pipe, &standard), (error_pipe, &error)];
        match process::run_to_end(group, pipes, limit, std::future::pending()).await {
            Ok(end) => Ok(Execution { end, stdout: text(&standard), stderr: text(&error) }),
            Err(error) => Err(ApiError::failed("SYS.1000", error.to_string())),
        }
    }
}

/// How a process ended, and what it wrote.
struct Execution {
    end: End,
    stdout: String,
    stderr: String,
}

/// How a script ended in a VM.
#[derive(Debug)]
pub(super) enum Ended {
    Exited {
        code: i32,
        stdout: String,
        stderr: String,
    },
    /// It was not run, or its end was not seen, for this reason.
    Not(String),
}

fn text(output: &Mutex<Output>) -> String {
    let output = output.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(output.bytes()).into_owned()
}

/// Output without the last newline, as in the documented example of a command's answer.
fn one_line_less(text: &str) -> &str {
    text.strip_suffix('\n').unwrap_or(text)
}
