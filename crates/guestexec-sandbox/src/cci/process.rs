//! A process in a container, with pipes or a terminal.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    process::Stdio,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
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
    faulty_stream::StreamFaults,
    process::{Group, Limits, Processes},
};

/// The most bytes of output in one message, as from the real runtime.
const CHUNK: usize = 32 * 1024;
/// The size of the pipe to standard input in bytes, about that of the real runtime's pipes.
#[cfg(target_os = "linux")]
const INPUT_PIPE_SIZE: usize = 128 * 1024;
/// The size of the smallest pipe in bytes; with less input written, a pipe cannot be full.
const SMALLEST_PIPE: usize = 64 * 1024;
/// How many bytes of a terminal's output are read after its client detached. Then the process blocks.
const DETACHED_OUTPUT: usize = 64 * 1024;
/// How long a read from a terminal may take after the process has ended, since another process may hold it.
const TERMINAL_GRACE: Duration = Duration::from_millis(100);
/// How many bytes are read from a terminal after the process has ended.
const TERMINAL_REST: usize = 256 * 1024;
/// How long output is read after a command's time limit.
const OUTPUT_GRACE: Duration = Duration::from_secs(1);

/// Output on its way to the client.
pub(super) type Outputs = mpsc::Receiver<(Channel, Vec<u8>)>;

pub(super) type Reader = Box<dyn AsyncRead + Send + Unpin>;

/// What to run, and where.
pub(super) struct Plan {
    pub(super) processes: Arc<Processes>,
    pub(super) pod: Arc<Pod>,
    pub(super) container: String,
    pub(super) argv: Vec<String>,
    pub(super) streams: Streams,
    /// Whether no status follows a command that leaves much input unread.
    pub(super) withholds_status: bool,
    /// The faults of the connection.
    pub(super) stream_faults: Option<Arc<StreamFaults>>,
}

/// A running process.
pub(super) struct Process {
    group: Group,
    outputs: Vec<(Channel, Reader)>,
    input: InputEnd,
    limits: Limits,
    /// Whether its container is running.
    container: watch::Receiver<bool>,
}

/// The main process of a container.
pub(super) struct MainProcess {
    pub(super) group: Group,
    pub(super) outputs: Vec<Reader>,
    /// Standard input, which stays open and empty.
    pub(super) input: InputEnd,
}

/// The client's side of the process's standard input.
pub(super) struct Input {
    /// How many bytes the process's pipe or terminal took.
    written: usize,
    attachment: Arc<Attachment>,
}

/// Where input goes.
pub(super) enum InputEnd {
    /// Nowhere: it was not requested, or is closed.
    Closed,
    Pipe(ChildStdin),
    Terminal(OwnedWritePty),
}

/// What the input and the output of a session share.
pub(super) struct Attachment {
    input: Mutex<InputState>,
    /// The client detached from its terminal, and gets no more output.
    detached: AtomicBool,
    /// A write of input waits for a process that does not read it.
    is_stuck: AtomicBool,
}

struct InputState {
    end: InputEnd,
    /// Whether a piece of input is on its way.
    is_busy: bool,
    /// Whether it closes after that piece.
    is_over: bool,
}

impl InputState {
    fn close_if_over(&mut self) {
        if self.is_over && !self.is_busy {
            self.end = InputEnd::Closed;
        }
    }
}

impl Attachment {
    fn new(end: InputEnd) -> Self {
        Self {
            input: Mutex::new(InputState { end, is_busy: false, is_over: false }),
            detached: AtomicBool::new(false),
            is_stuck: AtomicBool::new(false),
        }
    }

    fn input(&self) -> MutexGuard<'_, InputState> {
        self.input.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the last write of input is still waiting for the process.
    pub(super) fn is_stuck(&self) -> bool {
        self.is_stuck.load(Ordering::Relaxed)
    }

    /// Closes the input at the end of an output, as the real runtime does; what it is writing comes first.
    fn output_ended(&self) {
        let mut input = self.input();
        if matches!(input.end, InputEnd::Pipe(_)) {
            input.is_over = true;
            input.close_if_over();
        }
    }
}

impl Input {
    /// Writes input; a process that closed it is no error.
    pub(super) async fn write(&mut self, data: &[u8]) {
        for piece in data.chunks(CHUNK) {
            self.attachment.input().is_busy = true;
            self.write_piece(piece).await;
            let mut input = self.attachment.input();
            input.is_busy = false;
            input.close_if_over();
        }
    }

    async fn write_piece(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let Attachment { is_stuck, .. } = &*self.attachment;
            // A write can also be pending because Tokio does not know yet that the pipe has room.
            let may_be_full = self.written >= SMALLEST_PIPE;
            let written = poll_fn(|cx| {
                let written = match &mut self.attachment.input().end {
                    InputEnd::Closed => return Poll::Ready(Ok(data.len())),
                    InputEnd::Pipe(pipe) => Pin::new(pipe).poll_write(cx, data),
                    InputEnd::Terminal(terminal) => Pin::new(terminal).poll_write(cx, data),
                };
                match written {
                    Poll::Pending => is_stuck.store(may_be_full, Ordering::Relaxed),
                    Poll::Ready(Ok(_)) => is_stuck.store(false, Ordering::Relaxed),
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
                    self.attachment.input().end = InputEnd::Closed;
                    return;
                }
            }
        }
    }

    /// Closes the input. On a terminal it means detaching, as in the real runtime: the process runs on, and the client
    /// receives only its exit code.
    pub(super) fn close(&mut self) {
        let mut input = self.attachment.input();
        match input.end {
            InputEnd::Terminal(_) => self.attachment.detached.store(true, Ordering::Relaxed),
            InputEnd::Pipe(_) => input.end = InputEnd::Closed,
            InputEnd::Closed => {}
        }
    }

    pub(super) fn resize(&self, size: TerminalSize) {
        if let InputEnd::Terminal(terminal) = &self.attachment.input().end {
            // A terminal whose process has ended has no size to set.
            _ = terminal.resize(Size::new(size.height, size.width));
        }
    }
}

impl Plan {
    /// Whether the client receives nothing, so that waiting for its reaction is pointless.
    pub(super) fn is_muted(&self) -> bool {
        self.stream_faults.as_ref().is_some_and(|faults| faults.is_muted())
    }

    /// Starts the process, or returns how the session ends instead.
    pub(super) fn start(&self) -> Result<Process, Termination> {
        let Some((program, arguments)) = self.argv.split_first() else {
            return Err(Termination::could_not_start("args must not be empty"));
        };
        let started = self.spawn(program, arguments);
        if started.is_ok() {
            self.pod.count_execution(&self.argv);
        }
        started.map_err(|error| {
            let why = reason(&error, program);
            Termination::could_not_start(&format!(
                "unable to start container process: exec: {program:?}: {why}"
            ))
        })
    }

    /// Starts the main process of a container.
    pub(super) fn start_main(&self) -> io::Result<MainProcess> {
        let Some((program, arguments)) = self.argv.split_first() else {
            return Err(io::Error::other("args must not be empty"));
        };
        let Process { group, outputs, input, .. } =
            self.spawn(program, arguments).map_err(|error| {
                let why = reason(&error, program);
                io::Error::other(format!(
                    "unable to start container process: exec: {program:?}: {why}"
                ))
            })?;
        let outputs = outputs.into_iter().map(|(_, reader)| reader).collect();
        Ok(MainProcess { group, outputs, input })
    }

    fn spawn(&self, program: &str, arguments: &[String]) -> io::Result<Process> {
        let container = self.pod.container(&self.container).ok_or(io::ErrorKind::NotFound)?;
        let home = self.pod.home(self.processes.directory(), &self.container);
        let directory = container.directory(&home);
        self.processes.make_home(&directory)?;
        let (mark, value) = self.pod.mark(&self.container);
        let more = [("HOSTNAME", self.pod.hostname.clone()), (mark, value)];
        let more = || more.iter().map(|(name, value)| (*name, value.as_str()));
        let own = || container.program.environment.iter().map(|(name, value)| (name, value));
        let Streams { stdin, stdout, stderr, tty } = self.streams;
        let limits = self.processes.limits();
        if tty {
            let terminal = |error: pty_process::Error| io::Error::other(error.to_string());
            let (pty, end) = pty_process::open().map_err(terminal)?;
            // `pty_process` makes it lead a session, and with that a process group.
            let command = pty_process::Command::new(program)
                .args(arguments)
                .env_clear()
                .envs(self.processes.environment(&home))
                .env("TERM", "xterm")
                .envs(own())
                .envs(more())
                .current_dir(&directory);
            let group = self.processes.start(|| {
                command.spawn(end).map_err(|error| match error {
                    pty_process::Error::Io(error) => error,
                    error => terminal(error),
                })
            })?;
            let (reader, writer) = pty.into_split();
            let outputs: Vec<(Channel, Reader)> = vec![(Channel::Stdout, Box::new(reader))];
            // Kept open even without stdin, since closing it would hang up the terminal.
            let input = InputEnd::Terminal(writer);
            return Ok(Process { group, outputs, input, limits, container: container.running() });
        }
        let pipe = |wanted: bool| if wanted { Stdio::piped() } else { Stdio::null() };
        let mut command = self.processes.command(program, &home);
        command.args(arguments).envs(own()).envs(more()).current_dir(&directory);
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
                // A smaller pipe works, too.
                _ = rustix::pipe::fcntl_setpipe_size(&pipe, INPUT_PIPE_SIZE);
            }
            InputEnd::Pipe(pipe)
        });
        Ok(Process { group, outputs, input, limits, container: container.running() })
    }
}

/// Why a program could not be started, in the runtime's words.
fn reason(error: &io::Error, program: &str) -> String {
    match error.kind() {
        io::ErrorKind::NotFound if program.contains('/') => "no such file or directory".to_owned(),
        io::ErrorKind::NotFound => "executable file not found in $PATH".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// A process without its input, and the channel for its output.
pub(super) struct Running {
    group: Group,
    outputs: Vec<(Channel, Reader)>,
    is_terminal: bool,
    sender: mpsc::Sender<(Channel, Vec<u8>)>,
    limits: Limits,
    attachment: Arc<Attachment>,
    container: watch::Receiver<bool>,
}

impl Process {
    /// Splits the process into what to wait for, the input, and the output.
    pub(super) fn split(self) -> (Running, Input, Outputs) {
        let Self { group, outputs, input, limits, container } = self;
        let (sender, receiver) = mpsc::channel(2);
        let is_terminal = matches!(input, InputEnd::Terminal(_));
        let attachment = Arc::new(Attachment::new(input));
        let input = Input { written: 0, attachment: Arc::clone(&attachment) };
        let running =
            Running { group, outputs, is_terminal, sender, limits, attachment, container };
        (running, input, receiver)
    }
}

impl Running {
    /// The state shared with the input.
    pub(super) fn attachment(&self) -> Arc<Attachment> {
        Arc::clone(&self.attachment)
    }

    /// Waits for the end of the process and of its output, whose pipes other processes may hold longer.
    ///
    /// Dropping the future kills the process.
    pub(super) async fn wait(self) -> Termination {
        let Self { mut group, outputs, is_terminal, sender, limits, attachment, mut container } =
            self;
        let ended = watch::Sender::new(false);
        let budget = Budget { left: AtomicU64::new(limits.output), spent: Notify::new() };
        let forward = |output| {
            forward(output, is_terminal, sender.clone(), ended.subscribe(), &budget, &attachment)
        };
        let reading = futures_util::future::join_all(outputs.into_iter().map(forward));
        let reading = timeout(limits.time.saturating_add(OUTPUT_GRACE), reading);
        let waiting = async {
            let status = tokio::select! {
                biased;
                status = group.wait() => status,
                () = budget.spent.notified() => kill(&mut group).await,
                () = sleep(limits.time) => kill(&mut group).await,
                // A container ends with all that runs in it.
                () = until_ended(&mut container) => kill(&mut group).await,
            };
            ended.send_replace(true);
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

/// Waits until a container does not run any more.
async fn until_ended(container: &mut watch::Receiver<bool>) {
    _ = container.wait_for(|is_running| !is_running).await;
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
    /// Takes so many bytes from the budget; false if it has fewer.
    fn take(&self, bytes: usize) -> bool {
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(bytes as u64)
        });
        if taken.is_err() {
            self.spent.notify_one();
        }
        taken.is_ok()
    }
}

/// Reads output, up to the end of a pipe, or until a terminal's process has ended and all it wrote was read.
async fn next_chunk(
    reader: &mut Reader,
    chunk: &mut [u8],
    ended: &mut watch::Receiver<bool>,
    rest: Option<&mut usize>,
) -> Option<usize> {
    // Reading a terminal without processes fails, which is its end.
    let some = |read: io::Result<usize>| read.ok().filter(|length| *length > 0);
    let Some(rest) = rest else { return some(reader.read(chunk).await) };
    tokio::select! {
        biased;
        read = reader.read(chunk), if !*ended.borrow() => return some(read),
        // This cannot fail, since the sender lives until all output was read.
        _ = ended.wait_for(|ended| *ended) => {}
    }
    let length = timeout(TERMINAL_GRACE, reader.read(chunk)).await.ok().and_then(some)?;
    *rest = rest.checked_sub(length)?;
    Some(length)
}

async fn forward(
    (channel, mut reader): (Channel, Reader),
    is_terminal: bool,
    sender: mpsc::Sender<(Channel, Vec<u8>)>,
    mut ended: watch::Receiver<bool>,
    budget: &Budget,
    attachment: &Attachment,
) {
    let mut chunk = vec![0; CHUNK];
    let mut discarded = 0;
    let mut rest = is_terminal.then_some(TERMINAL_REST);
    while let Some(length) = next_chunk(&mut reader, &mut chunk, &mut ended, rest.as_mut()).await {
        if !budget.take(length) {
            // The pipe stays open until the process is killed; a broken pipe would end it otherwise.
            _ = ended.wait_for(|ended| *ended).await;
            return;
        }
        if attachment.detached.load(Ordering::Relaxed) {
            discarded += length;
            if discarded < DETACHED_OUTPUT {
                continue;
            }
            _ = ended.wait_for(|ended| *ended).await;
            return;
        }
        // Waits as long as the client takes, so that no output is lost.
        if sender.send((channel, chunk[..length].to_vec())).await.is_err() {
            return;
        }
    }
    attachment.output_ended();
}
