//! The signals that ask this program to end.

use std::{
    fs,
    future::poll_fn,
    task::{Context, Poll},
};

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
        let heeded = Signal::ALL.into_iter().filter(|signal| !is_ignored(signal.kind()));
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

/// Whether this process was started to ignore a signal: `nohup` asks for that, and a shell without job control for what
/// runs in the background. Only Linux tells.
pub(crate) fn is_ignored(signal: SignalKind) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    is_in(ignored(&status), signal.as_raw_value())
}

/// The set of ignored signals in the text of `/proc/…/status`: the first is the lowest bit.
fn ignored(status: &str) -> u64 {
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or_default()
}

fn is_in(set: u64, number: i32) -> bool {
    u32::try_from(number - 1).is_ok_and(|bit| set.checked_shr(bit).is_some_and(|set| set & 1 == 1))
}

#[cfg(test)]
mod tests {
    use super::{ignored, is_in};

    #[test]
    fn what_a_process_ignores_is_read_of_its_status() {
        let set = ignored("Name:\tx\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001003\n");
        let among = [1, 2, 3, 13, 64].map(|number| is_in(set, number));
        assert_eq!(among, [true, true, false, true, false]);
        for text in ["", "SigIgn:", "SigIgn:\tx", "SigIgn:\t10000000000000000"] {
            assert_eq!(ignored(text), 0, "{text}");
        }
        assert!(!is_in(u64::MAX, 0) && !is_in(u64::MAX, 65));
    }
}
