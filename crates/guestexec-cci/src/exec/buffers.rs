//! The buffers between a session's task and the handles of its streams.

use std::{
    io, mem,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use guestexec_remotecommand::TerminalSize;

use super::{connection::Outgoing, kill::PidLine};

/// The most input that waits to be sent, in bytes. It becomes one message, which is one frame.
pub(super) const MAX_INPUT: usize = 128 * 1024;

/// The most output of a command that has ended that pipes and sockets may still hold, in bytes.
const MAX_LATE_OUTPUT: usize = 64 * 1024 * 1024;

#[derive(Clone, Copy, Debug)]
pub(super) enum OutputStream {
    Stdout = 0,
    Stderr = 1,
}

/// How an output ended.
#[derive(Clone, Debug)]
pub(super) enum OutputEnd {
    /// All of it came.
    Complete,
    /// The session broke, so some of it may be missing.
    Broken(io::ErrorKind, String),
}

/// The buffers, and the wakers of the tasks that wait for them.
pub(super) struct Buffers(Mutex<State>);

struct State {
    task: Option<Waker>,
    ended: bool,
    input: Input,
    resize: Option<TerminalSize>,
    outputs: [Output; 2],
    /// Bytes that an output may hold before the session stops reading.
    capacity: usize,
    /// Removes the line at the front of standard output that the wrapper wrote.
    pid_line: Option<PidLine>,
    /// Input waits for that line.
    holds_input: bool,
    /// The line says that there is no program to run.
    has_no_program: bool,
    /// Bytes of output that have come, that line included.
    received: u64,
}

struct Input {
    /// The next message: room for its header, then what was written.
    message: Vec<u8>,
    headroom: usize,
    phase: Phase,
    /// The server takes no input any more.
    refused: bool,
    writer: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// Closed by its writer; the message that ends it is not sent yet.
    Closing,
    Closed,
}

#[derive(Default)]
struct Output {
    pending: Vec<u8>,
    /// Bytes that its reader took last, and may still hold.
    taken: usize,
    end: Option<OutputEnd>,
    /// Its handle was dropped, so what comes is thrown away.
    discarded: bool,
    reader: Option<Waker>,
}

impl Buffers {
    /// Buffers whose outputs hold `capacity` bytes each. Each message of input begins with
    /// `headroom` free bytes; `holds_input` keeps input back until the `pid_line` has come.
    pub(super) fn new(
        input_is_open: bool,
        capacity: usize,
        headroom: usize,
        pid_line: Option<PidLine>,
        holds_input: bool,
    ) -> Self {
        Self(Mutex::new(State {
            task: None,
            ended: false,
            input: Input {
                message: Vec::new(),
                headroom,
                refused: false,
                phase: if input_is_open { Phase::Open } else { Phase::Closed },
                writer: None,
            },
            resize: None,
            outputs: Default::default(),
            capacity,
            pid_line,
            holds_input,
            has_no_program: false,
            received: 0,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, then wakes the task.
    fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = change(&mut state);
        let task = state.task.take();
        wake(state, [task]);
        result
    }

    // The task's side.

    /// Wakes the task when a handle does something.
    pub(super) fn watch(&self, cx: &Context<'_>) {
        let mut state = self.state();
        match &mut state.task {
            Some(task) => task.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    pub(super) fn input_is_refused(&self) -> bool {
        self.state().input.refused
    }

    pub(super) fn holds_input(&self) -> bool {
        self.state().holds_input
    }

    /// Sends input although the process id has not come.
    pub(super) fn release_input(&self) {
        self.state().holds_input = false;
    }

    /// Whether the container's shell has reported that there is no program to run.
    pub(super) fn has_no_program(&self) -> bool {
        self.state().has_no_program
    }

    pub(super) fn received(&self) -> u64 {
        self.state().received
    }

    /// The next message of a handle.
    pub(super) fn next_outgoing(&self) -> Option<Outgoing> {
        let mut state = self.state();
        if let Some(size) = state.resize.take() {
            return Some(Outgoing::Resize(size));
        }
        if state.holds_input {
            return None;
        }
        let input = &mut state.input;
        if !input.message.is_empty() {
            let message = mem::take(&mut input.message);
            let writer = input.writer.take();
            wake(state, [writer]);
            return Some(Outgoing::Input(message));
        }
        if input.phase == Phase::Closing {
            input.phase = Phase::Closed;
            return Some(Outgoing::EndOfInput);
        }
        None
    }

    /// Fails all writers, since the server takes no input any more.
    pub(super) fn refuse_input(&self) {
        let mut state = self.state();
        state.input.phase = Phase::Closed;
        state.input.refused = true;
        state.input.message = Vec::new();
        let writer = state.input.writer.take();
        wake(state, [writer]);
    }

    /// Whether both outputs may take more. One read may exceed the capacity.
    pub(super) fn has_room(&self) -> bool {
        let state = self.state();
        let has_room = |it: &Output| it.discarded || it.pending.len() + it.taken < state.capacity;
        state.outputs.iter().all(has_room)
    }

    /// Adds output that has come.
    pub(super) fn push(&self, stream: OutputStream, mut bytes: &[u8]) {
        let mut guard = self.state();
        let state = &mut *guard;
        state.received += bytes.len() as u64;
        let output = &mut state.outputs[stream as usize];
        let mut task = None;
        if let (OutputStream::Stdout, Some(line)) = (stream, &mut state.pid_line)
            && line.take(&mut bytes, &mut output.pending)
        {
            state.has_no_program = line.has_no_program();
            state.pid_line = None;
            if mem::take(&mut state.holds_input) {
                task = state.task.take();
            }
        }
        output.pending.extend_from_slice(bytes);
        if output.discarded {
            output.pending.clear();
        }
        let reader = if output.pending.is_empty() { None } else { output.reader.take() };
        wake(guard, [task, reader]);
    }

    /// Ends all streams. Only the first end counts.
    pub(super) fn finish(&self, end: OutputEnd) {
        let mut state = self.state();
        if mem::replace(&mut state.ended, true) {
            return;
        }
        state.input.message = Vec::new();
        if let Some(line) = state.pid_line.take() {
            state.outputs[OutputStream::Stdout as usize].pending.extend(line.into_bytes());
        }
        let writer = state.input.writer.take();
        let [stdout, stderr] = state.outputs.each_mut().map(|output| {
            output.end = Some(end.clone());
            output.reader.take()
        });
        wake(state, [writer, stdout, stderr]);
    }

    // The handles' side.

    pub(super) fn poll_write(&self, cx: &Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        if state.ended || state.input.phase != Phase::Open {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the command's standard input is closed, or the command has ended",
            )));
        }
        let input = &mut state.input;
        let length = input.message.len().saturating_sub(input.headroom);
        let room = MAX_INPUT.saturating_sub(length);
        if room == 0 {
            input.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let taken = &data[..data.len().min(room)];
        if !taken.is_empty() {
            if input.message.is_empty() {
                input.message.resize(input.headroom, 0);
            }
            input.message.extend_from_slice(taken);
        }
        let task = state.task.take();
        wake(state, [task]);
        Poll::Ready(Ok(taken.len()))
    }

    /// Ready once the task has taken what was written, to send it.
    pub(super) fn poll_flush(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state();
        if state.ended || state.input.message.is_empty() {
            return Poll::Ready(Ok(()));
        }
        state.input.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(super) fn close_input(&self) {
        self.update(|state| {
            if state.input.phase == Phase::Open {
                state.input.phase = Phase::Closing;
            }
        });
    }

    pub(super) fn resize(&self, size: TerminalSize) {
        self.update(|state| state.resize = Some(size));
    }

    /// Swaps `read`, which is empty, for all that has come. It stays empty at the end.
    pub(super) fn poll_take(
        &self,
        cx: &Context<'_>,
        stream: OutputStream,
        read: &mut Vec<u8>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.state();
        let output = &mut state.outputs[stream as usize];
        let made_room = mem::take(&mut output.taken) > 0 || !output.pending.is_empty();
        let result = match (&output.end, output.pending.is_empty()) {
            (_, false) => {
                mem::swap(&mut output.pending, read);
                output.taken = read.len();
                Poll::Ready(Ok(()))
            }
            (None, true) => {
                output.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            (Some(OutputEnd::Complete), true) => Poll::Ready(Ok(())),
            (Some(OutputEnd::Broken(kind, why)), true) => {
                Poll::Ready(Err(io::Error::new(*kind, why.as_str())))
            }
        };
        let task = if made_room { state.task.take() } else { None };
        wake(state, [task]);
        result
    }

    /// Raises the capacity, so that the end of the session is reached although nobody reads the
    /// output before it.
    pub(super) fn raise_capacity(&self) {
        self.update(|state| state.capacity = state.capacity.saturating_add(MAX_LATE_OUTPUT));
    }

    /// Throws an output away, since its handle was dropped.
    pub(super) fn discard(&self, stream: OutputStream) {
        self.update(|state| {
            let output = &mut state.outputs[stream as usize];
            output.discarded = true;
            output.pending = Vec::new();
        });
    }
}

/// Unlocks the state and then wakes the tasks, so that they find it unlocked.
fn wake<const N: usize>(state: MutexGuard<'_, State>, wakers: [Option<Waker>; N]) {
    drop(state);
    wakers.into_iter().flatten().for_each(Waker::wake);
}
