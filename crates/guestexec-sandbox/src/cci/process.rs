//! A process in a container, with pipes or a terminal.

use std::{
    fs, io,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use guestexec_remotecommand::{Channel, ExitStatus, Streams, TerminalSize, Termination};
use pty_process::{OwnedWritePty, Size};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::ChildStdin,
    sync::{Notify, mpsc, watch},
    time::sleep,
};

use super::pod::Pod;
use crate::{
    line::Control,
    process::{Group, Limits, Processes},
};

/// Output goes in pieces of at most this many bytes, as from the real runtime.
const PIECE: usize = 32 * 1024;
/// How long to wait for more output once the process is gone, in case a child of its holds the pipe.
const LINGER: Duration = Duration::from_secs(1);

/// Output on its way to the client.
pub(super) type Outputs = mpsc::Receiver<(Channel, Vec<u8>)>;

type Reader = Box<dyn AsyncRead + Send + Unpin>;

/// What is to be run, and where.
pub(super) struct Plan {
    pub(super) processes: Arc<Processes>,
    pub(super) pod: Arc<Pod>,
    pub(super) container: String,
    pub(super) argv: Vec<String>,
    pub(super) streams: Streams,
    /// The connection, as far as it can be made to fail.
    pub(super) line: Option<Arc<Control>>,
}

/// A running process.
pub(super) struct Process {
    group: Group,
    outputs: Vec<(Channel, Reader)>,
    pub(super) input: Input,
    limits: Limits,
}

/// The process's standard input.
pub(super) enum Input {
    /// There is none, or it is at its end.
    Closed,
    Pipe(ChildStdin),
    Terminal(OwnedWritePty),
}

impl Input {
    /// Hands over input; a process that does not want it is nobody's fault.
    pub(super) async fn write(&mut self, data: &[u8]) {
        let written = match self {
            Self::Closed => return,
            Self::Pipe(pipe) => pipe.write_all(data).await,
            Self::Terminal(terminal) => terminal.write_all(data).await,
        };
        if written.is_err() {
            *self = Self::Closed;
        }
    }

    /// Ends the input. A terminal goes on: only the process reading from it could tell.
    pub(super) fn close(&mut self) {
        if matches!(self, Self::Pipe(_)) {
            *self = Self::Closed;
        }
    }

    pub(super) fn resize(&self, size: TerminalSize) {
        if let Self::Terminal(terminal) = self {
            // A terminal whose process is gone has no size.
            _ = terminal.resize(Size::new(size.height, size.width));
        }
    }
}

impl Plan {
    /// Whether the client hears nothing, so that there is no point in waiting for what it says.
    pub(super) fn is_mute(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.is_mute())
    }

    /// Starts the process, or says how the session ends instead.
    pub(super) fn start(&self) -> Result<Process, Termination> {
        let Some((program, arguments)) = self.argv.split_first() else {
            return Err(Termination::could_not_start("args must not be empty"));
        };
        let started = self.spawn(program, arguments);
        if started.is_ok() {
            self.pod.executions.fetch_add(1, Ordering::Relaxed);
        }
        started.map_err(|error| {
            let why = match error.kind() {
                io::ErrorKind::NotFound if program.contains('/') => {
                    "no such file or directory".to_owned()
                }
                io::ErrorKind::NotFound => "executable file not found in $PATH".to_owned(),
                io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
                _ => error.to_string(),
            };
            Termination::could_not_start(&format!(
                "unable to start container process: exec: {program:?}: {why}"
            ))
        })
    }

    fn spawn(&self, program: &str, arguments: &[String]) -> io::Result<Process> {
        let home = self.pod.home(self.processes.directory(), &self.container);
        fs::create_dir_all(&home)?;
        let Streams { stdin, stdout, stderr, tty } = self.streams;
        let limits = self.processes.limits();
        if tty {
            let terminal = |error: pty_process::Error| io::Error::other(error.to_string());
            let (pty, end) = pty_process::open().map_err(terminal)?;
            // It leads a session, and with that a group, of its own.
            let command = pty_process::Command::new(program)
                .args(arguments)
                .env_clear()
                .envs(self.processes.environment(&home))
                .env("HOSTNAME", self.pod.name)
                .env("TERM", "xterm")
                .current_dir(&home);
            let group = self.processes.start(|| {
                command.spawn(end).map_err(|error| match error {
                    pty_process::Error::Io(error) => error,
                    error => terminal(error),
                })
            })?;
            let (reader, writer) = pty.into_split();
            let outputs: Vec<(Channel, Reader)> = vec![(Channel::Stdout, Box::new(reader))];
            // Kept open without stdin too: a terminal without its other end hangs up.
            return Ok(Process { group, outputs, input: Input::Terminal(writer), limits });
        }
        let pipe = |wanted: bool| if wanted { Stdio::piped() } else { Stdio::null() };
        let mut command = self.processes.command(program, &home);
        command.args(arguments).env("HOSTNAME", self.pod.name);
        command.stdin(pipe(stdin)).stdout(pipe(stdout)).stderr(pipe(stderr));
        let mut group = self.processes.start(|| command.spawn())?;
        let mut outputs: Vec<(Channel, Reader)> = Vec::new();
        if let Some(pipe) = group.child.stdout.take() {
            outputs.push((Channel::Stdout, Box::new(pipe)));
        }
        if let Some(pipe) = group.child.stderr.take() {
            outputs.push((Channel::Stderr, Box::new(pipe)));
        }
        let input = group.child.stdin.take().map_or(Input::Closed, Input::Pipe);
        Ok(Process { group, outputs, input, limits })
    }
}

/// A process without its input, and where its output goes.
pub(super) struct Running {
    group: Group,
    outputs: Vec<(Channel, Reader)>,
    sender: mpsc::Sender<(Channel, Vec<u8>)>,
    limits: Limits,
}

impl Process {
    /// Takes the process apart: what to wait for, the input, and the output.
    pub(super) fn split(self) -> (Running, Input, Outputs) {
        let (sender, receiver) = mpsc::channel(2);
        let limits = self.limits;
        (Running { group: self.group, outputs: self.outputs, sender, limits }, self.input, receiver)
    }
}

impl Running {
    /// Waits for the end of the process and of its output. Dropped before, it kills the process.
    pub(super) async fn wait(self) -> Termination {
        let Self { mut group, outputs, sender, limits } = self;
        let gone = watch::Sender::new(false);
        let budget = Budget { left: AtomicU64::new(limits.output), spent: Notify::new() };
        let forward =
            |(channel, reader)| forward(channel, reader, sender.clone(), gone.subscribe(), &budget);
        let reading = futures_util::future::join_all(outputs.into_iter().map(forward));
        let waiting = async {
            let status = tokio::select! {
                biased;
                status = group.wait() => status,
                () = budget.spent.notified() => kill(&mut group).await,
                () = sleep(limits.time) => kill(&mut group).await,
            };
            gone.send_replace(true);
            status
        };
        let (status, _) = tokio::join!(waiting, reading);
        match status {
            Ok(status) => {
                use std::os::unix::process::ExitStatusExt as _;
                let signal = status.signal().map_or(0, |signal| 128 + signal);
                Termination::Exited(ExitStatus::from_code(status.code().unwrap_or(signal)))
            }
            Err(_) => Termination::Unknown,
        }
    }
}

async fn kill(group: &mut Group) -> io::Result<std::process::ExitStatus> {
    group.kill();
    group.wait().await
}

/// How much more a session may print.
struct Budget {
    left: AtomicU64,
    spent: Notify,
}

impl Budget {
    /// Whether there is room for so many bytes more.
    fn take(&self, bytes: usize) -> bool {
        let taken = self.left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(bytes as u64)
        });
        if taken.is_err() {
            self.spent.notify_one();
        }
        taken.is_ok()
    }
}

async fn forward(
    channel: Channel,
    mut reader: Reader,
    sender: mpsc::Sender<(Channel, Vec<u8>)>,
    gone: watch::Receiver<bool>,
    budget: &Budget,
) {
    let mut piece = vec![0; PIECE];
    loop {
        let mut gone = gone.clone();
        let read = tokio::select! {
            biased;
            read = reader.read(&mut piece) => read,
            () = async {
                // The sender lives until all output was read.
                _ = gone.wait_for(|gone| *gone).await;
                sleep(LINGER).await;
            } => return,
        };
        // A terminal whose last process is gone says so by an error.
        let Ok(length @ 1..) = read else { return };
        if !budget.take(length) {
            // The pipe stays open until the process is killed, or it would die of a broken one.
            _ = gone.wait_for(|gone| *gone).await;
            return;
        }
        // However long the client takes, nothing is lost.
        if sender.send((channel, piece[..length].to_vec())).await.is_err() {
            return;
        }
    }
}
