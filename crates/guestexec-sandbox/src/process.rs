//! Real processes, each in a process group of its own, none of which outlives the sandbox.

use std::{
    collections::{HashMap, HashSet},
    env,
    ffi::OsStr,
    fs::{self, DirBuilder, OpenOptions},
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

use crate::stray::{self, Marks};

/// The environment variable by which the sandbox finds its own processes again.
const MARK: &str = "GUESTEXEC_SANDBOX";
/// How long output is still read once the process is gone, in case a child of its holds the pipe.
const LINGER: Duration = Duration::from_secs(1);
/// Output is read in pieces of this many bytes.
const PIECE: usize = 32 * 1024;
/// How often the sandbox looks for what is still alive at its end, a millisecond apart.
const HUNTS: usize = 500;
/// Groups that are remembered before the empty ones among them are looked for.
const MANY: usize = 256;

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
    permits: Arc<Semaphore>,
    ended: RwLock<bool>,
    groups: Mutex<HashMap<Pid, Known>>,
    /// This process's earlier children, where it is given all orphans of its own.
    foreign_children: Option<HashSet<i32>>,
}

/// What is known of a group that was started.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// Whether it has a session of its own, too.
    session: bool,
    /// Whether its leader has ended. Others of it may go on.
    over: bool,
}

impl Processes {
    /// None yet, their files to be below `directory`.
    ///
    /// `adopts` says that this process is handed every orphan among its descendants.
    pub(crate) fn new(directory: PathBuf, mark: String, limits: Limits, adopts: bool) -> Self {
        let bash = env::var_os("PATH")
            .is_some_and(|path| env::split_paths(&path).any(|dir| dir.join("bash").is_file()));
        Self {
            directory,
            mark,
            shell: if bash { "bash" } else { "sh" },
            permits: Arc::new(Semaphore::new(limits.processes.clamp(1, Semaphore::MAX_PERMITS))),
            limits,
            ended: RwLock::new(false),
            groups: Mutex::default(),
            foreign_children: adopts.then(|| stray::children().map(|entry| entry.id).collect()),
        }
    }

    /// How much each of them may do.
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// The directory everything is kept in.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// `bash`, or `sh` where there is none.
    pub(crate) fn shell(&self) -> &'static str {
        self.shell
    }

    /// Waits for a place to run one more command in; `None` once the sandbox ends.
    pub(crate) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    /// The environment of every process: not the caller's, which may hold secrets.
    pub(crate) fn environment(&self, home: &Path) -> Vec<(&'static str, String)> {
        let or = |name, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
        vec![
            (MARK, self.mark.clone()),
            ("PATH", or("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")),
            ("LANG", or("LANG", "C.UTF-8")),
            ("HOME", home.to_string_lossy().into_owned()),
        ]
    }

    /// A command in a group of its own, with nothing but [`Self::environment`].
    pub(crate) fn command(&self, program: impl AsRef<OsStr>, home: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment(home)).current_dir(home).process_group(0);
        command
    }

    /// Held while something is made that has to be gone with the sandbox.
    fn not_ended(&self) -> io::Result<RwLockReadGuard<'_, bool>> {
        let ended = self.ended.read().unwrap_or_else(PoisonError::into_inner);
        if *ended { Err(io::Error::other("the sandbox has ended")) } else { Ok(ended) }
    }

    /// Makes a directory below [`Self::directory`], unless it is there.
    ///
    /// # Errors
    /// Those of the file system, and one when the sandbox has ended.
    pub(crate) fn make_home(&self, home: &Path) -> io::Result<()> {
        let _held = self.not_ended()?;
        DirBuilder::new().recursive(true).mode(0o700).create(home)
    }

    /// Writes a new file that nobody but this user can read.
    ///
    /// # Errors
    /// Those of the file system, and one when the sandbox has ended.
    pub(crate) fn write_file(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let _held = self.not_ended()?;
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(content)
    }

    /// Starts what `start` starts, which has to lead a process group.
    ///
    /// # Errors
    /// Those of `start`, and one when the sandbox has ended.
    pub(crate) fn start(
        self: &Arc<Self>,
        start: impl FnOnce() -> io::Result<Child>,
    ) -> io::Result<Group> {
        // Over the start, so that no process slips in behind `end`.
        let _held = self.not_ended()?;
        let child = start()?;
        let id = child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
            .ok_or_else(|| io::Error::other("the process has no id"))?;
        // Read from the table of processes, since the system call answers 0, which rustix panics at, where
        // the session's leader is outside of this container.
        let session = stray::leads_session(id.as_raw_nonzero().get());
        let mut groups = self.groups();
        if groups.len() > MANY {
            forget_empty(&mut groups);
        }
        groups.insert(id, Known { session, over: false });
        drop(groups);
        Ok(Group { child, id, over: false, processes: Arc::clone(self) })
    }

    fn groups(&self) -> MutexGuard<'_, HashMap<Pid, Known>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note that a group's leader has ended.
    fn leader_ended(&self, id: Pid) {
        let mut groups = self.groups();
        if let Some(known) = groups.get_mut(&id) {
            known.over = true;
            if !known.session && test_kill_process_group(id) == Err(Errno::SRCH) {
                groups.remove(&id);
            }
        }
        drop(groups);
        self.reap();
    }

    /// Waits for orphans that were handed to this process and have died.
    fn reap(&self) {
        let Some(foreign) = &self.foreign_children else { return };
        // Not beside a start, whose process is a child before it is known as one.
        let _held = match self.ended.try_write() {
            Ok(held) => held,
            Err(TryLockError::Poisoned(held)) => held.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        for child in stray::children().filter(|child| child.dead && !foreign.contains(&child.id)) {
            let Some(id) = Pid::from_raw(child.id) else { continue };
            if !self.groups().contains_key(&id) {
                _ = waitpid(Some(id), WaitOptions::NOHANG);
            }
        }
    }

    /// The groups, and the sessions among them, that still have the ids they had.
    fn known(&self) -> (HashSet<i32>, HashSet<i32>) {
        let mut groups = self.groups();
        // While a group has members its id is nobody else's. A process that has it now came after them.
        groups.retain(|id, known| !known.over || test_kill_process(*id) == Err(Errno::SRCH));
        let raw = |id: &Pid| id.as_raw_nonzero().get();
        let sessions = groups.iter().filter(|(_, known)| known.session).map(|(id, _)| raw(id));
        (groups.keys().map(raw).collect(), sessions.collect())
    }

    /// Kills everything and lets nothing start any more.
    pub(crate) fn end(&self) {
        self.permits.close();
        *self.ended.write().unwrap_or_else(PoisonError::into_inner) = true;
        let variable = format!("{MARK}={}", self.mark);
        for _ in 0..HUNTS {
            let (groups, sessions) = self.known();
            for group in groups.iter().filter_map(|id| Pid::from_raw(*id)) {
                _ = kill_process_group(group, Signal::KILL);
            }
            let marks = Marks {
                variable: &variable,
                directory: &self.directory,
                groups: &groups,
                sessions: &sessions,
                foreign_children: self.foreign_children.as_ref(),
            };
            let strays = marks.find();
            self.reap();
            let strays = strays.into_iter().filter_map(Pid::from_raw);
            // One that has become another user cannot be killed.
            if strays.filter(|stray| kill_process(*stray, Signal::KILL).is_ok()).count() == 0 {
                break;
            }
            // One that forks is looked for again, and one that dies is given the time.
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Forgets the groups that nothing is left of.
fn forget_empty(groups: &mut HashMap<Pid, Known>) {
    let all = stray::processes();
    groups.retain(|id, known| {
        let raw = id.as_raw_nonzero().get();
        !known.over
            || test_kill_process_group(*id) != Err(Errno::SRCH)
            || (known.session && all.iter().any(|entry| entry.session == raw))
    });
}

/// A running process and its group, killed when dropped.
#[derive(Debug)]
pub(crate) struct Group {
    /// The process that leads the group.
    pub(crate) child: Child,
    id: Pid,
    over: bool,
    processes: Arc<Processes>,
}

impl Group {
    /// Sends SIGKILL to the whole group.
    pub(crate) fn kill(&self) {
        if !self.over {
            _ = kill_process_group(self.id, Signal::KILL);
        }
    }

    /// Waits for the leader's end. What it left in the background goes on until the sandbox ends.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.over = true;
        self.processes.leader_ended(self.id);
        status
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        if !self.over {
            self.processes.leader_ended(self.id);
        }
    }
}

/// Which part of too long an output is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keep {
    /// So many bytes of its beginning.
    Head(usize),
    /// So many bytes of its end.
    Tail(usize),
}

/// What a process has printed so far.
#[derive(Debug)]
pub(crate) struct Output {
    keep: Keep,
    bytes: Vec<u8>,
    dropped: u64,
}

impl Output {
    /// Nothing yet.
    pub(crate) fn new(keep: Keep) -> Self {
        Self { keep, bytes: Vec::new(), dropped: 0 }
    }

    /// The part that was kept.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self.keep {
            Keep::Head(_) => &self.bytes,
            Keep::Tail(limit) => &self.bytes[self.bytes.len().saturating_sub(limit)..],
        }
    }

    /// Bytes that were not kept; told of the head only.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn push(&mut self, piece: &[u8]) {
        match self.keep {
            Keep::Head(limit) => {
                let room = piece.len().min(limit.saturating_sub(self.bytes.len()));
                self.bytes.extend_from_slice(&piece[..room]);
                self.dropped += (piece.len() - room) as u64;
            }
            Keep::Tail(limit) => {
                self.bytes.extend_from_slice(piece);
                if self.bytes.len() > 2 * limit {
                    self.bytes.drain(..self.bytes.len() - limit);
                }
            }
        }
    }
}

/// An output that is read while it grows.
pub(crate) type SharedOutput = Arc<Mutex<Output>>;

/// The reading end of a pipe for a process's output, and its writing end.
pub(crate) fn output_pipe() -> io::Result<(pipe::Receiver, io::PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    Ok((pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?, writer))
}

async fn collect(mut pipe: pipe::Receiver, output: &Mutex<Output>) {
    let mut piece = vec![0; PIECE];
    while let Ok(length @ 1..) = pipe.read(&mut piece).await {
        output.lock().unwrap_or_else(PoisonError::into_inner).push(&piece[..length]);
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself, or by a signal that was not ours.
    Exited(ExitStatus),
    /// Killed, having run too long.
    TimedOut,
    /// Killed, as `cancelled` became ready.
    Cancelled,
}

/// Runs a started command to its end, collecting what comes out of its pipes.
///
/// Reading ends with the pipes, or a second after the command where something else keeps them open.
///
/// # Errors
/// Those of waiting for the process, which the operating system has no reason for.
pub(crate) async fn finish<const N: usize>(
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
        _ = timeout(LINGER, reading).await;
    }
    Ok(end)
}

/// Whether the machine has a user of this name.
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
