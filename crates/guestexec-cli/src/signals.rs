//! The signals that ask this program to end.

use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use guestexec_sandbox::is_ignored;
use tokio::signal::unix::{self, SignalKind};

use crate::{ending::Exit, failure::Failure};

/// A signal that asks to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The terminal has closed.
    Hangup,
    /// Ctrl-C.
    Interrupt,
    /// `kill`, and what ends services and batch jobs.
    Terminate,
}

impl Signal {
    const ALL: [Self; 3] = [Self::Hangup, Self::Interrupt, Self::Terminate];

    fn kind(self) -> SignalKind {
        match self {
            Self::Hangup => SignalKind::hangup(),
            Self::Interrupt => SignalKind::interrupt(),
            Self::Terminate => SignalKind::terminate(),
        }
    }

    /// How a program ends that such a signal has ended: with 128 and the signal's number, as shells have it.
    pub(crate) const fn exit(self) -> Exit {
        Exit(match self {
            Self::Hangup => 129,
            Self::Interrupt => 130,
            Self::Terminate => 143,
        })
    }

    /// The signal's name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Hangup => "SIGHUP",
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }
}

/// The signals that come. From [`Signals::listen`] on, none of them ends the program by itself.
#[derive(Debug)]
pub(crate) struct Signals(Vec<(Signal, unix::Signal)>);

impl Signals {
    /// Takes the signals from now on, also where the runtime is busy: none is missed between two calls of
    /// [`Self::next`]. A signal that this process was started to ignore, as by `nohup`, stays ignored.
    ///
    /// # Errors
    /// If the system does not allow it.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |signal: Signal| Ok((signal, unix::signal(signal.kind())?));
        let heeded =
            Signal::ALL.into_iter().filter(|signal| !is_ignored(signal.kind().as_raw_value()));
        Ok(Self(heeded.map(listen).collect::<Result<_, Failure>>()?))
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) -> Signal {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Signal> {
        // While none has come, all are polled, so that each can wake the task.
        let mut came = Poll::Pending;
        for (signal, source) in &mut self.0 {
            if came.is_pending() && source.poll_recv(context).is_ready() {
                came = Poll::Ready(*signal);
            }
        }
        came
    }
}
