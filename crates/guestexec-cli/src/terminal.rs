//! The terminal of this program: its size, and its raw mode, in which every key goes to the command.

pub(crate) mod escape;

use std::io;

use guestexec::cci::TerminalSize;
use rustix::{
    process::{Signal, getpid, kill_process},
    stdio::{stderr, stdin, stdout},
    termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr},
};
use tokio::signal::unix::{self, SignalKind, signal};

/// The size of a terminal that does not know its own.
const USUAL_SIZE: TerminalSize = TerminalSize { width: 80, height: 24 };

/// The size of the terminal that one of the standard streams is.
pub(crate) fn size() -> TerminalSize {
    let sizes = [tcgetwinsize(stdin()), tcgetwinsize(stdout()), tcgetwinsize(stderr())];
    let known = sizes.into_iter().flatten().find(|size| size.ws_col > 0 && size.ws_row > 0);
    known.map_or(USUAL_SIZE, |size| TerminalSize { width: size.ws_col, height: size.ws_row })
}

/// True if the terminal at standard input was closed.
pub(crate) fn is_gone() -> bool {
    tcgetattr(stdin()).is_err()
}

/// The raw mode of the terminal at standard input. Its end restores the settings, also while a panic unwinds.
#[derive(Debug)]
pub(crate) struct Raw {
    saved: Termios,
}

impl Raw {
    /// Enters raw mode. What was typed before stays to be read.
    ///
    /// # Errors
    /// If standard input is no terminal.
    pub(crate) fn enter() -> io::Result<Self> {
        let raw = Self { saved: tcgetattr(stdin())? };
        raw.again()?;
        Ok(raw)
    }

    /// Enters raw mode again, after a time in which others may have changed the settings.
    pub(crate) fn again(&self) -> io::Result<()> {
        let mut raw = self.saved.clone();
        raw.make_raw();
        Ok(tcsetattr(stdin(), OptionalActions::Now, &raw)?)
    }

    /// Stops this program, as Ctrl-Z stops others, until it is continued.
    pub(crate) fn suspend(&self) -> io::Result<()> {
        self.restore();
        kill_process(getpid(), Signal::TSTP)?;
        // Where nobody could continue it, the system has not stopped it.
        self.again()
    }

    fn restore(&self) {
        // A terminal that is gone has no settings. Waiting for its output could take for ever.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.saved);
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.restore();
    }
}

/// Tells when the terminal has to be looked at again.
#[derive(Debug)]
pub(crate) struct Changes {
    resized: unix::Signal,
    continued: unix::Signal,
}

/// What may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Its size.
    Size,
    /// All its settings: the program was stopped and is continued.
    All,
}

impl Changes {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            resized: signal(SignalKind::window_change())?,
            continued: signal(SignalKind::from_raw(Signal::CONT.as_raw()))?,
        })
    }

    /// Waits for the next change.
    pub(crate) async fn next(&mut self) -> Change {
        tokio::select! {
            _ = self.resized.recv() => Change::Size,
            _ = self.continued.recv() => Change::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{env, os::fd::AsFd, panic, process::Stdio};

    use pty_process::blocking::{Command, open};

    use super::*;

    /// Set in the process that the second test starts.
    const ALONE: &str = "GUESTEXEC_TEST_ALONE";

    fn settings(terminal: impl AsFd) -> String {
        format!("{:?}", tcgetattr(terminal).unwrap())
    }

    #[test]
    fn a_panic_alone() {
        if env::var_os(ALONE).is_none() {
            return;
        }
        let before = settings(stdin());
        let caught = panic::catch_unwind(|| {
            let _raw = Raw::enter().unwrap();
            assert_ne!(settings(stdin()), before);
            panic!("on purpose");
        });
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"on purpose"));
        assert_eq!(settings(stdin()), before);
    }

    #[test]
    fn a_panic_leaves_the_terminal_as_it_was() {
        let (terminal, side) = open().unwrap();
        let before = settings(&terminal);
        let alone = Command::new(env::current_exe().unwrap())
            .args(["--exact", "terminal::tests::a_panic_alone", "--nocapture"])
            .env(ALONE, "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let ended = alone.spawn(side).unwrap().wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&ended.stdout).into_owned()
            + &String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && told.contains("on purpose"), "{told}");
        assert!(told.contains("1 passed"), "{told}");
        assert_eq!(settings(&terminal), before);
    }
}
