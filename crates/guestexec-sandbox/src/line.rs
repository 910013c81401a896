//! A TCP connection that can be made to fail on demand.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

/// Bytes that drip at once.
const DROP: usize = 16;
/// The time between them.
const PAUSE: Duration = Duration::from_millis(10);

/// What is to happen to what the service writes.
#[derive(Debug)]
pub(crate) struct Control {
    /// Whether anything is; looked at before the lock is taken.
    armed: AtomicBool,
    plan: Mutex<Plan>,
    written: Mutex<Instant>,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            armed: AtomicBool::default(),
            plan: Mutex::default(),
            written: Mutex::new(Instant::now()),
        }
    }
}

#[derive(Debug, Default)]
struct Plan {
    mute: bool,
    drip: bool,
    cut: Option<Place>,
}

/// Where the connection breaks.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// After so many more bytes.
    Bytes(usize),
    /// In the middle of a write: 1 is the next one.
    Write(usize),
}

impl Control {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When something was last written; when the connection began, if nothing was.
    pub(crate) fn last_write(&self) -> Instant {
        *self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arm(&self, change: impl FnOnce(&mut Plan)) {
        change(&mut self.plan());
        self.armed.store(true, Ordering::Release);
    }

    /// Nothing is to happen, as with a new request.
    pub(crate) fn clear(&self) {
        if self.armed.swap(false, Ordering::AcqRel) {
            *self.plan() = Plan::default();
        }
    }

    /// Nothing the service writes arrives.
    pub(crate) fn mute(&self) {
        self.arm(|plan| plan.mute = true);
    }

    /// Whether nothing arrives, so that no answer is to be waited for.
    pub(crate) fn is_mute(&self) -> bool {
        self.armed.load(Ordering::Acquire) && self.plan().mute
    }

    /// It arrives slowly.
    pub(crate) fn drip(&self) {
        self.arm(|plan| plan.drip = true);
    }

    /// The connection is reset after so many more bytes.
    pub(crate) fn cut_after(&self, bytes: usize) {
        self.arm(|plan| plan.cut = Some(Place::Bytes(bytes)));
    }

    /// The connection is reset in the middle of a write, 1 being the next one.
    pub(crate) fn cut_write(&self, write: usize) {
        self.arm(|plan| plan.cut = Some(Place::Write(write)));
    }
}

/// A connection under control.
#[derive(Debug)]
pub(crate) struct Line {
    stream: TcpStream,
    control: Arc<Control>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Line {
    pub(crate) fn new(stream: TcpStream, control: Arc<Control>) -> Self {
        Self { stream, control, pause: None }
    }

    /// Writes what the plan lets through.
    fn poll_planned(&mut self, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let control = Arc::clone(&self.control);
        let mut plan = control.plan();
        if plan.mute {
            return Poll::Ready(Ok(buffer.len()));
        }
        if let Some(Place::Write(1)) = plan.cut {
            plan.cut = Some(Place::Bytes(buffer.len() / 2));
        }
        let mut length = buffer.len();
        if let Some(Place::Bytes(left)) = plan.cut {
            if left == 0 && length > 0 {
                // Dropped with this setting, the socket sends a reset.
                _ = self.stream.set_zero_linger();
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            length = length.min(left);
        }
        if plan.drip {
            length = length.min(DROP);
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &buffer[..length]))?;
        match &mut plan.cut {
            Some(Place::Bytes(left)) => *left -= written,
            Some(Place::Write(writes)) if written == buffer.len() => *writes -= 1,
            _ => {}
        }
        if plan.drip {
            self.pause = Some(Box::pin(sleep(PAUSE)));
        }
        Poll::Ready(Ok(written))
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let line = self.get_mut();
        *line.control.written.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        if line.control.armed.load(Ordering::Acquire) {
            return line.poll_planned(cx, buffer);
        }
        Pin::new(&mut line.stream).poll_write(cx, buffer)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
