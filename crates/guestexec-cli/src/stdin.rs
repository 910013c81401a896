//! Standard input as a stream that holds no thread: a program whose command has ended ends, whether or not something
//! is typed.

use std::{
    fs::File,
    io,
    os::fd::AsFd,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{dup, read, retry_on_intr},
    stdio::stdin,
};
use tokio::{
    io::{AsyncRead, ReadBuf},
    net::unix::pipe::Receiver,
    sync::watch,
};

/// Standard input.
#[derive(Debug)]
pub(crate) enum Stdin {
    /// A pipe, a socket or a terminal, which may have nothing to read yet. It stays blocking, since other processes
    /// share it.
    Awaited(Receiver),
    /// What can always be read, as a file can.
    Always(tokio::fs::File),
}

impl Stdin {
    /// Opens it. Several of these share one position.
    ///
    /// # Errors
    /// If it is closed.
    pub(crate) fn open() -> io::Result<Self> {
        let file = File::from(dup(stdin())?);
        if file.metadata()?.is_file() {
            return Ok(Self::Always(file.into()));
        }
        // The runtime waits for any file that the system can wait for, whatever this type is made for. The system
        // refuses what can always be read, such as /dev/null.
        let awaited = Receiver::from_file_unchecked(file.try_clone()?);
        Ok(awaited.map_or_else(|_| Self::Always(file.into()), Self::Awaited))
    }
}

impl AsyncRead for Stdin {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let fd = match self.get_mut() {
            Self::Always(file) => return Pin::new(file).poll_read(context, buffer),
            Self::Awaited(fd) => fd,
        };
        loop {
            ready!(fd.poll_read_ready(context))?;
            // The runtime tells only of changes, and what it told of may have been read since.
            let count = fd.try_io(|| match has_something(fd)? {
                true => Ok(retry_on_intr(|| read(&fd, buffer.initialize_unfilled()))?),
                false => Err(io::ErrorKind::WouldBlock.into()),
            });
            match count {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

/// Whether a read returns at once, with bytes, the end or an error.
fn has_something(fd: &impl AsFd) -> io::Result<bool> {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut fds = [PollFd::new(fd, PollFlags::IN)];
    Ok(retry_on_intr(|| poll(&mut fds, Some(&at_once)))? > 0)
}

/// Lets standard input be read, from a moment on.
#[derive(Debug)]
pub(crate) struct Gate {
    is_open: watch::Sender<bool>,
    was_used: Arc<AtomicBool>,
}

/// Standard input behind a [`Gate`].
pub(crate) struct Gated {
    stdin: Stdin,
    opening: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    was_used: Arc<AtomicBool>,
}

impl Gate {
    /// A gate that is closed, and what is behind it.
    pub(crate) fn before(stdin: Stdin) -> (Self, Gated) {
        let (is_open, mut opened) = watch::channel(false);
        let was_used = Arc::new(AtomicBool::new(false));
        let opening = Box::pin(async move {
            if opened.wait_for(|is_open| *is_open).await.is_err() {
                std::future::pending::<()>().await;
            }
        });
        let gated = Gated { stdin, opening: Some(opening), was_used: Arc::clone(&was_used) };
        (Self { is_open, was_used }, gated)
    }

    /// Lets it be read.
    pub(crate) fn open(&self) {
        self.is_open.send_replace(true);
    }

    /// Whether something may have been read.
    pub(crate) fn was_used(&self) -> bool {
        self.was_used.load(Ordering::Relaxed)
    }
}

impl AsyncRead for Gated {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(opening) = &mut self.opening {
            ready!(opening.as_mut().poll(context));
            self.opening = None;
            self.was_used.store(true, Ordering::Relaxed);
        }
        Pin::new(&mut self.stdin).poll_read(context, buffer)
    }
}
