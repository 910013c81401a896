//! Real processes, each in a process group of its own. None outlives the sandbox.

use std::{
    collections::{HashMap, HashSet},
    env,
    ffi::OsStr,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, TryLockError},
    thread,
    time::Duration,
};

use rustix::{
    io::Errno,
    process::{
        Pid, Signal, WaitOptions, kill_process, kill_process_group, test_kill_process,
        test_kill_process_group, waitpid,
    },
};
use tokio::{
    io::AsyncReadExt as _,
    net::unix::pipe,
    process::{Child, Command},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

use crate::process_table::{self, Criteria};

/// The environment variable by which the sandbox recognises its processes.
const MARK: &str = "GUESTEXEC_SANDBOX";
/// How long output is still read after the process has ended, in case a child holds the pipe.
const OUTPUT_GRACE: Duration = Duration::from_secs(1);
/// The most bytes of output that are read at once.
const CHUNK: usize = 32 * 1024;
/// How many rounds of killing the end of the sandbox takes, a millisecond apart.
const KILL_ROUNDS: usize = 500;
/// How many rounds of killing the end of one container takes.
const FEW_ROUNDS: usize = 50;
/// Groups that are kept before the empty ones are removed.
const MANY_GROUPS: usize = 256;

/// How much the sandbox runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Commands at once.
    pub(crate) processes: usize,
    /// How long one may run.
    pub(crate) time: Duration,
    /// How many bytes one may print to a session.
    pub(crate) output: u64,
}

/// Everything the sandbox runs.
#[derive(Debug)]
pub(crate) struct Processes {
    limits: Limits,
    directory: PathBuf,
    mark: String,
    shell: &'static str,
    /// Where programs are looked for first.
    programs: Option<PathBuf>,
    permits: Arc<Semaphore>,
    has_ended: RwLock<bool>,
    groups: Mutex<HashMap<Pid, GroupState>>,
    /// The children this process had before, where it is the child subreaper.
    foreign_children: Option<HashSet<i32>>,
}

/// What is known of a process group that was started.
#[derive(Clone, Copy, Debug)]
struct GroupState {
    /// Whether it is a session, too.
    is_session: bool,
    /// Whether its leader has ended. Its other processes may run on.
    leader_ended: bool,
}

impl Processes {
    /// Prepares to run commands, with their files in `directory`.
    ///
    /// `is_subreaper` says that orphans of this process's descendants become its children.
    pub(crate) fn new(
        directory: PathBuf,
        mark: String,
        limits: Limits,
        is_subreaper: bool,
    ) -> Self {
        let bash = env::var_os("PATH")
            .is_some_and(|path| env::split_paths(&path).any(|dir| dir.join("bash").is_file()));
        Self {
            directory,
            mark,
            shell: if bash { "bash" } else { "sh" },
            programs: None,
            permits: Arc::new(Semaphore::new(limits.processes.clamp(1, Semaphore::MAX_PERMITS))),
            limits,
            has_ended: RwLock::new(false),
            groups: Mutex::default(),
            foreign_children: is_subreaper
                .then(|| process_table::children().map(|entry| entry.id).collect()),
        }
    }

    /// Looks for programs in this folder first.
    pub(crate) fn with_programs(mut self, folder: Option<PathBuf>) -> Self {
        self.programs = folder;
        self
    }

    /// How much each command may do.
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// The directory of all files.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// `bash`, or `sh` where there is none.
    pub(crate) fn shell(&self) -> &'static str {
        self.shell
    }

    /// Waits until one more command may run; `None` once the sandbox ends.
    pub(crate) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    /// The environment of every process. It is not this process's own, which may hold secrets.
    pub(crate) fn environment(&self, home: &Path) -> Vec<(&'static str, String)> {
        let or = |name, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
        let usual = or("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        let path = match &self.programs {
            Some(folder) => format!("{}:{usual}", folder.display()),
            None => usual,
        };
        vec![
            (MARK, self.mark.clone()),
            ("PATH", path),
            ("LANG", or("LANG", "C.UTF-8")),
            ("HOME", home.to_string_lossy().into_owned()),
        ]
    }

    /// A command in a process group of its own, with only [`Self::environment`].
    pub(crate) fn command(&self, program: impl AsRef<OsStr>, home: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment(home)).current_dir(home).process_group(0);
        command
    }

    /// Keeps the sandbox from ending while something is created that it has to remove.
    fn hold_off_end(&self) -> io::Result<RwLockReadGuard<'_, bool>> {
        let ended = self.has_ended.read().unwrap_or_else(PoisonError::into_inner);
        if *ended { Err(io::Error::other("the sandbox has ended")) } else { Ok(ended) }
    }

    /// Creates a directory below [`Self::directory`], unless it exists.
    ///
    /// # Errors
    /// Those of the file system, and one when the sandbox has ended.
    pub(crate) fn make_home(&self, home: &Path) -> io::Result<()> {
        let _held = self.hold_off_end()?;
        DirBuilder::new().recursive(true).mode(0o700).create(home)
    }

    /// Writes a new file that nobody but this user can read.
    ///
    /// # Errors
    /// Those of the file system, and one when the sandbox has ended.
    pub(crate) fn write_file(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let _held = self.hold_off_end()?;
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(content)
    }

    /// Calls `start`, whose process has to lead a process group.
    ///
    /// # Errors
    /// Those of `start`, and one when the sandbox has ended.
    pub(crate) fn start(
        self: &Arc<Self>,
        start: impl FnOnce() -> io::Result<Child>,
    ) -> io::Result<Group> {
        // Held during the start, so that `kill_all` misses no process.
        let _held = self.hold_off_end()?;
        let child = start()?;
        let id = child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
            .ok_or_else(|| io::Error::other("the process has no id"))?;
        // Not from `getsid`: it returns 0 for a session led from outside of this PID namespace, and rustix panics at 0.
        let is_session = process_table::leads_session(id.as_raw_nonzero().get());
        let mut groups = self.groups();
        if groups.len() > MANY_GROUPS {
            forget_empty(&mut groups);
        }
        groups.insert(id, GroupState { is_session, leader_ended: false });
        drop(groups);
        Ok(Group { child, id, has_ended: false, processes: Arc::clone(self) })
    }

    fn groups(&self) -> MutexGuard<'_, HashMap<Pid, GroupState>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that a group's leader has ended.
    fn record_end_of_leader(&self, id: Pid) {
        let mut groups = self.groups();
        if let Some(state) = groups.get_mut(&id) {
            state.leader_ended = true;
            if !state.is_session && test_kill_process_group(id) == Err(Errno::SRCH) {
                groups.remove(&id);
            }
        }
        drop(groups);
        self.reap();
    }

    /// Reaps dead orphans that became children of this process.
    fn reap(&self) {
        let Some(foreign) = &self.foreign_children else { return };
        // Not during a start, whose child is not in `groups` yet: reaping it would lose its exit status.
        let _held = match self.has_ended.try_write() {
            Ok(held) => held,
            Err(TryLockError::Poisoned(held)) => held.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        for child in
            process_table::children().filter(|child| child.is_dead && !foreign.contains(&child.id))
        {
            let Some(id) = Pid::from_raw(child.id) else { continue };
            if !self.groups().contains_key(&id) {
                _ = waitpid(Some(id), WaitOptions::NOHANG);
            }
        }
    }

    /// The ids of the groups, and of the sessions among them, that no other process has taken.
    fn group_ids(&self) -> (HashSet<i32>, HashSet<i32>) {
        let mut groups = self.groups();
        // An id stays reserved while its group has members. A process that has it now came after them.
        groups
            .retain(|id, state| !state.leader_ended || test_kill_process(*id) == Err(Errno::SRCH));
        let raw = |id: &Pid| id.as_raw_nonzero().get();
        let sessions = groups.iter().filter(|(_, state)| state.is_session).map(|(id, _)| raw(id));
        (groups.keys().map(raw).collect(), sessions.collect())
    }

    /// Kills every process, and lets none start any more.
    pub(crate) fn kill_all(&self) {
        self.permits.close();
        *self.has_ended.write().unwrap_or_else(PoisonError::into_inner) = true;
        let variable = format!("{MARK}={}", self.mark);
        for _ in 0..KILL_ROUNDS {
            let (groups, sessions) = self.group_ids();
            for group in groups.iter().filter_map(|id| Pid::from_raw(*id)) {
                _ = kill_process_group(group, Signal::KILL);
            }
            let criteria = Criteria {
                variable: &variable,
                directory: &self.directory,
                groups: &groups,
                sessions: &sessions,
                foreign_children: self.foreign_children.as_ref(),
            };
            let found = criteria.find();
            self.reap();
            let found = found.into_iter().filter_map(Pid::from_raw);
            // A process that has become another user cannot be killed.
            if found.filter(|id| kill_process(*id, Signal::KILL).is_ok()).count() == 0 {
                break;
            }
            // Children that were forked meanwhile are found in the next round.
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Processes {
    /// Kills the processes below a directory or with this variable in their environment, and what belongs to them.
    pub(crate) fn kill_within(&self, directory: &Path, variable: &str) {
        let nothing = HashSet::new();
        let criteria = Criteria {
            variable,
            directory,
            groups: &nothing,
            sessions: &nothing,
            foreign_children: None,
        };
        for _ in 0..FEW_ROUNDS {
            let found = criteria.find().into_iter().filter_map(Pid::from_raw);
            if found.filter(|id| kill_process(*id, Signal::KILL).is_ok()).count() == 0 {
                break;
            }
        }
        self.reap();
    }
}

/// Removes groups without processes.
fn forget_empty(groups: &mut HashMap<Pid, GroupState>) {
    let all = process_table::processes();
    groups.retain(|id, state| {
        let raw = id.as_raw_nonzero().get();
        !state.leader_ended
            || test_kill_process_group(*id) != Err(Errno::SRCH)
            || (state.is_session && all.iter().any(|entry| entry.session == raw))
    });
}

/// A running process and its group, which are killed when dropped.
#[derive(Debug)]
pub(crate) struct Group {
    /// The process that leads the group.
    pub(crate) child: Child,
    id: Pid,
    has_ended: bool,
    processes: Arc<Processes>,
}

impl Group {
    /// Sends SIGKILL to the whole group.
    pub(crate) fn kill(&self) {
        if !self.has_ended {
            _ = kill_process_group(self.id, Signal::KILL);
        }
    }

    /// Sends SIGTERM to the whole group.
    pub(crate) fn terminate(&self) {
        if !self.has_ended {
            _ = kill_process_group(self.id, Signal::TERM);
        }
    }

    /// Waits for the leader's end. What it left in the background runs on until the sandbox ends.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.has_ended = true;
        self.processes.record_end_of_leader(self.id);
        status
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        if !self.has_ended {
            self.processes.record_end_of_leader(self.id);
        }
    }
}

/// Which part of an output is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keep {
    /// The first so many bytes.
    Head(usize),
    /// The last so many bytes.
    Tail(usize),
}

/// What a process has printed.
#[derive(Debug)]
pub(crate) struct Output {
    keep: Keep,
    bytes: Vec<u8>,
    dropped: u64,
    whole: Option<Whole>,
}

/// A file with all of an output.
#[derive(Debug)]
struct Whole {
    file: File,
    /// How many more bytes it takes.
    left: u64,
    problem: Option<String>,
}

impl Output {
    /// An empty output.
    pub(crate) fn new(keep: Keep) -> Self {
        Self { keep, bytes: Vec::new(), dropped: 0, whole: None }
    }

    /// Writes all that comes to a file too, up to so many bytes.
    pub(crate) fn keep_whole(&mut self, file: File, limit: u64) {
        self.whole = Some(Whole { file, left: limit, problem: None });
    }

    /// Whether the file has all of it, or why not; none if there is no file.
    pub(crate) fn whole(&self) -> Option<Result<(), &str>> {
        self.whole.as_ref().map(|whole| whole.problem.as_deref().map_or(Ok(()), Err))
    }

    /// The part that was kept.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self.keep {
            Keep::Head(_) => &self.bytes,
            Keep::Tail(limit) => &self.bytes[self.bytes.len().saturating_sub(limit)..],
        }
    }

    /// How many bytes were dropped; counted for [`Keep::Head`] only.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn push(&mut self, chunk: &[u8]) {
        if let Some(whole) = &mut self.whole
            && whole.problem.is_none()
        {
            match whole.left.checked_sub(chunk.len() as u64) {
                Some(left) => {
                    whole.left = left;
                    whole.problem = whole.file.write_all(chunk).err().map(|e| e.to_string());
                }
                None => whole.problem = Some("the output is too long for the sandbox".to_owned()),
            }
        }
        match self.keep {
            Keep::Head(limit) => {
                let room = chunk.len().min(limit.saturating_sub(self.bytes.len()));
                self.bytes.extend_from_slice(&chunk[..room]);
                self.dropped += (chunk.len() - room) as u64;
            }
            Keep::Tail(limit) => {
                self.bytes.extend_from_slice(chunk);
                if self.bytes.len() > 2 * limit {
                    self.bytes.drain(..self.bytes.len() - limit);
                }
            }
        }
    }
}

/// An output that can be read while the process runs.
pub(crate) type SharedOutput = Arc<Mutex<Output>>;

/// Creates a pipe for a process's output: the end to read, and the end to write.
pub(crate) fn output_pipe() -> io::Result<(pipe::Receiver, io::PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    Ok((pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?, writer))
}

async fn collect(mut pipe: pipe::Receiver, output: &Mutex<Output>) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
        output.lock().unwrap_or_else(PoisonError::into_inner).push(&chunk[..length]);
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself, or by a signal that the sandbox did not send.
    Exited(ExitStatus),
    /// Killed at its time limit.
    TimedOut,
    /// Killed, since `cancelled` became ready.
    Cancelled,
}

/// Waits for a started command and collects its output.
///
/// Reading ends with the pipes, or a second after the command where another process holds them open.
///
/// # Errors
/// Those of waiting for the process, which are not expected.
pub(crate) async fn run_to_end<const N: usize>(
    mut group: Group,
    pipes: [(pipe::Receiver, &Mutex<Output>); N],
    limit: Duration,
    cancelled: impl Future<Output = ()>,
) -> io::Result<End> {
    let limit = limit.min(group.processes.limits.time);
    let mut reading = std::pin::pin!(futures_util::future::join_all(
        pipes.map(|(pipe, output)| collect(pipe, output))
    ));
    let mut read = false;
    let end = {
        let mut ending = std::pin::pin!(async {
            tokio::select! {
                biased;
                status = group.wait() => status.map(End::Exited),
                () = cancelled => Ok(End::Cancelled),
                () = sleep(limit) => Ok(End::TimedOut),
            }
        });
        loop {
            tokio::select! {
                end = &mut ending => break end?,
                _ = &mut reading, if !read => read = true,
            }
        }
    };
    if !matches!(end, End::Exited(_)) {
        group.kill();
        group.wait().await?;
    }
    if !read {
        _ = timeout(OUTPUT_GRACE, reading).await;
    }
    Ok(end)
}

/// Whether this machine has a user of this name.
pub(crate) fn user_exists(name: &str) -> bool {
    let passwd = fs::read("/etc/passwd").unwrap_or_default();
    let mut names =
        passwd.split(|b| *b == b'\n').filter_map(|line| line.split(|b| *b == b':').next());
    name == "root" || (!name.is_empty() && names.any(|known| known == name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_and_tail() {
        let mut head = Output::new(Keep::Head(4));
        let mut tail = Output::new(Keep::Tail(4));
        for piece in [&b"abc"[..], b"def", b"g", b"hij"] {
            head.push(piece);
            tail.push(piece);
        }
        assert_eq!((head.bytes(), head.dropped()), (&b"abcd"[..], 6));
        assert_eq!(tail.bytes(), b"ghij");
        assert!(tail.bytes.len() <= 8);
    }

    #[test]
    fn users() {
        assert!(user_exists("root"));
        assert!(!user_exists("no-such-user-here"));
        assert!(!user_exists(""));
    }
}
