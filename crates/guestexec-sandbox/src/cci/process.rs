//! A process in a container, with pipes or a terminal.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use guestexec_remotecommand::{Channel, ExitStatus, Streams, TerminalSize, Termination};
use pty_process::{OwnedWritePty, Size};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    process::ChildStdin,
    sync::{Notify, mpsc, watch},
    time::{sleep, timeout},
};

use super::pod::Pod;
use crate::{
    line::Control,
    process::{Group, Limits, Processes},
};

/// Output goes in pieces of at most this many bytes, as from the real runtime.
const PIECE: usize = 32 * 1024;
/// How many bytes of input may wait for the process, about as many as the real runtime's pipes hold.
#[cfg(target_os = "linux")]
const INPUT_ROOM: usize = 128 * 1024;
/// How many bytes of input a process has to have been given before one more can find no room.
const SMALLEST_PIPE: usize = 64 * 1024;
/// How many bytes of output are taken of a terminal that its client is taken to have left. Then nobody reads, and the
/// process waits.
const DETACHED_ROOM: usize = 64 * 1024;
/// How long a terminal's output is waited for once the process is gone, and how many bytes are read of it then. Another
/// process may hold the terminal; the session ends nevertheless.
const TERMINAL_LINGER: Duration = Duration::from_millis(100);
const TERMINAL_REST: usize = 256 * 1024;
/// How long output is read beyond the time a command may run.
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
    /// Nothing is said of the end of a command that leaves much input unread.
    pub(super) withholds_status: bool,
    /// The connection, as far as it can be made to fail.
    pub(super) line: Option<Arc<Control>>,
}

/// A running process.
pub(super) struct Process {
    group: Group,
    outputs: Vec<(Channel, Reader)>,
    input: InputEnd,
    limits: Limits,
}

/// The process's standard input.
pub(super) struct Input {
    end: InputEnd,
    /// Bytes that were handed over.
    written: usize,
    attachment: Arc<Attachment>,
}

/// Where input goes.
enum InputEnd {
    /// Nowhere: there is none, or it is at its end.
    Closed,
    Pipe(ChildStdin),
    Terminal(OwnedWritePty),
}

/// What a session's input and its output know of each other.
#[derive(Debug, Default)]
pub(super) struct Attachment {
    /// The client is taken to have left its terminal, and gets no more output.
    detached: AtomicBool,
    /// Input waits for a process that does not read it.
    is_stuck: AtomicBool,
}

impl Attachment {
    /// Whether input waited for the process to the last.
    pub(super) fn is_stuck(&self) -> bool {
        self.is_stuck.load(Ordering::Relaxed)
    }
}

impl Input {
    /// Hands over input; a process that does not want it is nobody's fault.
    pub(super) async fn write(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let stuck = &self.attachment.is_stuck;
            let end = &mut self.end;
            // A pipe that cannot be full yet is only not known to have room.
            let may_be_full = self.written >= SMALLEST_PIPE;
            let written = poll_fn(|cx| {
                let written = match end {
                    InputEnd::Closed => return Poll::Ready(Ok(data.len())),
                    InputEnd::Pipe(pipe) => Pin::new(pipe).poll_write(cx, data),
                    InputEnd::Terminal(terminal) => Pin::new(terminal).poll_write(cx, data),
                };
                match written {
                    Poll::Pending => stuck.store(may_be_full, Ordering::Relaxed),
                    Poll::Ready(Ok(_)) => stuck.store(false, Ordering::Relaxed),
                    Poll::Ready(Err(_)) => {}
                }
                written
            });
            match written.await {
                Ok(length) => {
                    data = &data[length..];
                    self.written = self.written.saturating_add(length);
                }
                Err(_) => {
                    self.end = InputEnd::Closed;
                    return;
                }
            }
        }
    }

    /// Ends the input. On a terminal that is a detach, as the real runtime takes it: the process goes on, and the
    /// client hears no more of it than its exit code.
    pub(super) fn close(&mut self) {
        match self.end {
            InputEnd::Terminal(_) => self.attachment.detached.store(true, Ordering::Relaxed),
            InputEnd::Pipe(_) => self.end = InputEnd::Closed,
            InputEnd::Closed => {}
        }
    }

    pub(super) fn resize(&self, size: TerminalSize) {
        if let InputEnd::Terminal(terminal) = &self.end {
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
            self.pod.started(&self.argv);
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
        self.processes.make_home(&home)?;
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
            return Ok(Process { group, outputs, input: InputEnd::Terminal(writer), limits });
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
        let input = group.child.stdin.take().map_or(InputEnd::Closed, |pipe| {
            #[cfg(target_os = "linux")]
            {
                // A smaller pipe does, too.
                _ = rustix::pipe::fcntl_setpipe_size(&pipe, INPUT_ROOM);
            }
            InputEnd::Pipe(pipe)
        });
        Ok(Process { group, outputs, input, limits })
    }
}

/// A process without its input, and where its output goes.
pub(super) struct Running {
    group: Group,
    outputs: Vec<(Channel, Reader)>,
    is_terminal: bool,
    sender: mpsc::Sender<(Channel, Vec<u8>)>,
    limits: Limits,
    attachment: Arc<Attachment>,
}

impl Process {
    /// Takes the process apart: what to wait for, the input, and the output.
    pub(super) fn split(self) -> (Running, Input, Outputs) {
        let Self { group, outputs, input, limits } = self;
        let (sender, receiver) = mpsc::channel(2);
        let attachment = Arc::new(Attachment::default());
        let input = Input { end: input, written: 0, attachment: Arc::clone(&attachment) };
        let is_terminal = matches!(input.end, InputEnd::Terminal(_));
        (Running { group, outputs, is_terminal, sender, limits, attachment }, input, receiver)
    }
}

impl Running {
    /// What tells of the session's input once that is in use.
    pub(super) fn attachment(&self) -> Arc<Attachment> {
        Arc::clone(&self.attachment)
    }

    /// Waits for the end of the process and of its output, whose pipes other processes may hold longer. Dropped
    /// before, it kills the process.
    pub(super) async fn wait(self) -> Termination {
        let Self { mut group, outputs, is_terminal, sender, limits, attachment } = self;
        let gone = watch::Sender::new(false);
        let budget = Budget { left: AtomicU64::new(limits.output), spent: Notify::new() };
        let forward = |output| {
            forward(
                output,
                is_terminal,
                sender.clone(),
                gone.subscribe(),
                &budget,
                &attachment.detached,
            )
        };
        let reading = futures_util::future::join_all(outputs.into_iter().map(forward));
        let reading = timeout(limits.time.saturating_add(LINGER), reading);
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

/// The next piece of output, `None` at its end: with a pipe when nobody holds it any more, with a terminal when the
/// process is gone and all it wrote was read.
async fn next_piece(
    reader: &mut Reader,
    piece: &mut [u8],
    gone: &mut watch::Receiver<bool>,
    rest: Option<&mut usize>,
) -> Option<usize> {
    // A terminal whose last process is gone says so by an error.
    let some = |read: io::Result<usize>| read.ok().filter(|length| *length > 0);
    let Some(rest) = rest else { return some(reader.read(piece).await) };
    tokio::select! {
        biased;
        read = reader.read(piece), if !*gone.borrow() => return some(read),
        // The sender lives until all output was read.
        _ = gone.wait_for(|gone| *gone) => {}
    }
    let length = timeout(TERMINAL_LINGER, reader.read(piece)).await.ok().and_then(some)?;
    *rest = rest.checked_sub(length)?;
    Some(length)
}

async fn forward(
    (channel, mut reader): (Channel, Reader),
    is_terminal: bool,
    sender: mpsc::Sender<(Channel, Vec<u8>)>,
    mut gone: watch::Receiver<bool>,
    budget: &Budget,
    detached: &AtomicBool,
) {
    let mut piece = vec![0; PIECE];
    let mut unheard = 0;
    let mut rest = is_terminal.then_some(TERMINAL_REST);
    while let Some(length) = next_piece(&mut reader, &mut piece, &mut gone, rest.as_mut()).await {
        if !budget.take(length) {
            // The pipe stays open until the process is killed, or it would die of a broken one.
            _ = gone.wait_for(|gone| *gone).await;
            return;
        }
        if detached.load(Ordering::Relaxed) {
            unheard += length;
            if unheard < DETACHED_ROOM {
                continue;
            }
            _ = gone.wait_for(|gone| *gone).await;
            return;
        }
        // However long the client takes, nothing is lost.
        if sender.send((channel, piece[..length].to_vec())).await.is_err() {
            return;
        }
    }
}
