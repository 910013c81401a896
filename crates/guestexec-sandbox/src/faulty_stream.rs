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

/// Bytes in one drip.
const DRIP_BYTES: usize = 16;
/// The time between drips.
const DRIP_INTERVAL: Duration = Duration::from_millis(10);

/// What is to go wrong with what the service writes to one connection.
#[derive(Debug)]
pub(crate) struct StreamFaults {
    /// Whether anything is, read before the lock is taken.
    armed: AtomicBool,
    pending: Mutex<Pending>,
    last_write: Mutex<Instant>,
}

impl Default for StreamFaults {
    fn default() -> Self {
        Self {
            armed: AtomicBool::default(),
            pending: Mutex::default(),
            last_write: Mutex::new(Instant::now()),
        }
    }
}

#[derive(Debug, Default)]
struct Pending {
    is_muted: bool,
    drips: bool,
    reset: Option<ResetAt>,
}

/// Where the connection is reset.
#[derive(Clone, Copy, Debug)]
enum ResetAt {
    /// After so many more bytes.
    Byte(usize),
    /// In the middle of a write: 1 is the next one.
    Write(usize),
}

impl StreamFaults {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When something was last written; before that, when the connection opened.
    pub(crate) fn last_write(&self) -> Instant {
        *self.last_write.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arm(&self, change: impl FnOnce(&mut Pending)) {
        change(&mut self.pending());
        self.armed.store(true, Ordering::Release);
    }

    /// Lets everything through again, for a new request.
    pub(crate) fn clear(&self) {
        if self.armed.swap(false, Ordering::AcqRel) {
            *self.pending() = Pending::default();
        }
    }

    /// Drops everything the service writes.
    pub(crate) fn mute(&self) {
        self.arm(|pending| pending.is_muted = true);
    }

    /// Whether the client receives nothing, so that waiting for its reaction is pointless.
    pub(crate) fn is_muted(&self) -> bool {
        self.armed.load(Ordering::Acquire) && self.pending().is_muted
    }

    /// Writes slowly.
    pub(crate) fn drip(&self) {
        self.arm(|pending| pending.drips = true);
    }

    /// Resets the connection after so many more bytes.
    pub(crate) fn reset_after(&self, bytes: usize) {
        self.arm(|pending| pending.reset = Some(ResetAt::Byte(bytes)));
    }

    /// Resets the connection in the middle of a write; 1 is the next one.
    pub(crate) fn reset_in_write(&self, write: usize) {
        self.arm(|pending| pending.reset = Some(ResetAt::Write(write)));
    }
}

/// A TCP connection with faults.
#[derive(Debug)]
pub(crate) struct FaultyStream {
    tcp: TcpStream,
    faults: Arc<StreamFaults>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl FaultyStream {
    pub(crate) fn new(tcp: TcpStream, faults: Arc<StreamFaults>) -> Self {
        Self { tcp, faults, pause: None }
    }

    /// Writes what the pending faults let through.
    fn poll_write_with_faults(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let faults = Arc::clone(&self.faults);
        let mut pending = faults.pending();
        if pending.is_muted {
            return Poll::Ready(Ok(buffer.len()));
        }
        if let Some(ResetAt::Write(1)) = pending.reset {
            pending.reset = Some(ResetAt::Byte(buffer.len() / 2));
        }
        let mut length = buffer.len();
        if let Some(ResetAt::Byte(left)) = pending.reset {
            if left == 0 && length > 0 {
                // Dropped with this setting, the socket sends a reset.
                _ = self.tcp.set_zero_linger();
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            length = length.min(left);
        }
        if pending.drips {
            length = length.min(DRIP_BYTES);
        }
        let written = ready!(Pin::new(&mut self.tcp).poll_write(cx, &buffer[..length]))?;
        match &mut pending.reset {
            Some(ResetAt::Byte(left)) => *left -= written,
            Some(ResetAt::Write(writes)) if written == buffer.len() => *writes -= 1,
            _ => {}
        }
        if pending.drips {
            self.pause = Some(Box::pin(sleep(DRIP_INTERVAL)));
        }
        Poll::Ready(Ok(written))
    }
}

impl AsyncRead for FaultyStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_read(cx, buffer)
    }
}

impl AsyncWrite for FaultyStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        *stream.faults.last_write.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        if stream.faults.armed.load(Ordering::Acquire) {
            return stream.poll_write_with_faults(cx, buffer);
        }
        Pin::new(&mut stream.tcp).poll_write(cx, buffer)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}
