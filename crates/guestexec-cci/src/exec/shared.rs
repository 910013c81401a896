//! What the session's task and the handles of its streams share: three bounded buffers.

use std::{
    io, mem,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use guestexec_remotecommand::TerminalSize;

use super::{kill::Report, session::Outgoing};

/// Most bytes of input that wait to be sent. They become one message, which is one frame.
pub(super) const INPUT_ROOM: usize = 128 * 1024;

/// What may still be on its way from a command that has ended, in bytes: pipes and sockets.
const LATE_ROOM: usize = 64 * 1024 * 1024;

/// One of the two outputs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Out {
    Stdout = 0,
    Stderr = 1,
}

/// How an output ended.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// All of it came.
    Complete,
    /// The session broke, so some of it may be missing.
    Broken(io::ErrorKind, String),
}

pub(super) struct Shared(Mutex<State>);

struct State {
    task: Option<Waker>,
    ended: bool,
    input: Input,
    resize: Option<TerminalSize>,
    outputs: [Pipe; 2],
    /// Bytes an output may hold before the session stops reading.
    room: usize,
    /// Takes the line off the front of standard output that a wrapper wrote, not the command.
    report: Option<Report>,
    /// Input waits for that line.
    holds_input: bool,
    /// Bytes of output that have come, whoever wrote them.
    received: u64,
}

struct Input {
    /// The message in the making: room for what goes in front, then what was written.
    message: Vec<u8>,
    front: usize,
    phase: Phase,
    /// Nothing takes input any more, from wherever.
    refused: bool,
    writer: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// Closed by its writer; the message that says so is still to be sent.
    Closing,
    Closed,
}

#[derive(Default)]
struct Pipe {
    pending: Vec<u8>,
    /// Bytes its reader took the last time, and may still hold.
    taken: usize,
    end: Option<End>,
    /// Nobody reads: what comes is thrown away.
    unread: bool,
    reader: Option<Waker>,
}

impl Shared {
    /// Buffers for a session: `room` bounds each output, `front` is kept free in front of each
    /// message of input; `holds_input` keeps input back until the `report` has come.
    pub(super) fn new(
        input_is_open: bool,
        room: usize,
        front: usize,
        report: Option<Report>,
        holds_input: bool,
    ) -> Self {
        Self(Mutex::new(State {
            task: None,
            ended: false,
            input: Input {
                message: Vec::new(),
                front,
                refused: false,
                phase: if input_is_open { Phase::Open } else { Phase::Closed },
                writer: None,
            },
            resize: None,
            outputs: Default::default(),
            room,
            report,
            holds_input,
            received: 0,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, then wakes the task.
    fn tell_task<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = change(&mut state);
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
        result
    }

    // The task's side.

    /// Has the task woken by whatever a handle does.
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

    /// Lets input go although the report has not come.
    pub(super) fn release_input(&self) {
        self.state().holds_input = false;
    }

    pub(super) fn received(&self) -> u64 {
        self.state().received
    }

    /// What a handle wants sent next.
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
            drop(state);
            if let Some(writer) = writer {
                writer.wake();
            }
            return Some(Outgoing::Input(message));
        }
        if input.phase == Phase::Closing {
            input.phase = Phase::Closed;
            return Some(Outgoing::EndOfInput);
        }
        None
    }

    /// The connection takes nothing any more: neither do writers.
    pub(super) fn refuse_input(&self) {
        let mut state = self.state();
        state.input.phase = Phase::Closed;
        state.input.refused = true;
        state.input.message = Vec::new();
        let writer = state.input.writer.take();
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
    }

    /// Whether both outputs may take more. What is read at once may exceed `room`.
    pub(super) fn has_room(&self) -> bool {
        let state = self.state();
        state.outputs.iter().all(|pipe| pipe.unread || pipe.pending.len() + pipe.taken < state.room)
    }

    pub(super) fn push(&self, out: Out, mut bytes: &[u8]) {
        let mut guard = self.state();
        let state = &mut *guard;
        state.received += bytes.len() as u64;
        let pipe = &mut state.outputs[out as usize];
        let mut task = None;
        if let (Out::Stdout, Some(report)) = (out, &mut state.report)
            && report.take(&mut bytes, &mut pipe.pending)
        {
            state.report = None;
            if mem::take(&mut state.holds_input) {
                task = state.task.take();
            }
        }
        pipe.pending.extend_from_slice(bytes);
        if pipe.unread {
            pipe.pending.clear();
        }
        let reader = if pipe.pending.is_empty() { None } else { pipe.reader.take() };
        drop(guard);
        [task, reader].into_iter().flatten().for_each(Waker::wake);
    }

    /// Ends everything; the first end counts.
    pub(super) fn finish(&self, end: End) {
        let mut state = self.state();
        if mem::replace(&mut state.ended, true) {
            return;
        }
        state.input.message = Vec::new();
        if let Some(report) = state.report.take() {
            let line = report.into_line();
            state.outputs[Out::Stdout as usize].pending.extend(line);
        }
        let mut wakers = vec![state.input.writer.take()];
        for pipe in &mut state.outputs {
            pipe.end = Some(end.clone());
            wakers.push(pipe.reader.take());
        }
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
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
        let room = (INPUT_ROOM + input.front).saturating_sub(input.message.len().max(input.front));
        if room == 0 {
            input.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let taken = &data[..data.len().min(room)];
        if !taken.is_empty() {
            if input.message.is_empty() {
                input.message.resize(input.front, 0);
            }
            input.message.extend_from_slice(taken);
        }
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
        Poll::Ready(Ok(taken.len()))
    }

    /// Ready once the task has taken what was written.
    pub(super) fn poll_flush(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state();
        if state.ended || state.input.message.is_empty() {
            return Poll::Ready(Ok(()));
        }
        state.input.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(super) fn close_input(&self) {
        self.tell_task(|state| {
            if state.input.phase == Phase::Open {
                state.input.phase = Phase::Closing;
            }
        });
    }

    pub(super) fn resize(&self, size: TerminalSize) {
        self.tell_task(|state| state.resize = Some(size));
    }

    /// Exchanges `read`, which is empty, for all that has come. Stays empty at the end.
    pub(super) fn poll_take(
        &self,
        cx: &Context<'_>,
        out: Out,
        read: &mut Vec<u8>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.state();
        let pipe = &mut state.outputs[out as usize];
        let made_room = mem::take(&mut pipe.taken) > 0 || !pipe.pending.is_empty();
        let result = match (&pipe.end, pipe.pending.is_empty()) {
            (_, false) => {
                mem::swap(&mut pipe.pending, read);
                pipe.taken = read.len();
                Poll::Ready(Ok(()))
            }
            (None, true) => {
                pipe.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            (Some(End::Complete), true) => Poll::Ready(Ok(())),
            (Some(End::Broken(kind, why)), true) => {
                Poll::Ready(Err(io::Error::new(*kind, why.as_str())))
            }
        };
        let task = if made_room { state.task.take() } else { None };
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
        result
    }

    /// Lets more in, so that the end of a command that was killed comes through although nobody reads
    /// what came before it.
    pub(super) fn widen(&self) {
        self.tell_task(|state| state.room = state.room.saturating_add(LATE_ROOM));
    }

    /// Nobody will read this output any more.
    pub(super) fn discard(&self, out: Out) {
        self.tell_task(|state| {
            let pipe = &mut state.outputs[out as usize];
            pipe.unread = true;
            pipe.pending = Vec::new();
        });
    }
}
