//! The command in a terminal, with someone who types and reads.

use std::{
    io::{Read as _, Write as _},
    process::{Child, Command, ExitStatus},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use pty_process::{Size, blocking};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, kill_process},
    termios::{LocalModes, tcgetattr},
};

/// A test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal in which a program runs.
pub struct Terminal {
    pty: Arc<blocking::Pty>,
    child: Child,
    shown: Arc<(Mutex<String>, Condvar)>,
    /// How much of what was shown has been read.
    read: usize,
    /// The settings before the program began.
    settings: String,
}

impl Terminal {
    /// Starts a program in a terminal of this many rows and columns.
    pub fn start(command: Command, rows: u16, columns: u16) -> Self {
        let (pty, pts) = blocking::open().unwrap();
        pty.resize(Size::new(rows, columns)).unwrap();
        let settings = settings(&pty);
        let child = blocking::Command::from(command).spawn(pts).unwrap();
        let (pty, shown) = (Arc::new(pty), Arc::new((Mutex::new(String::new()), Condvar::new())));
        let (from, to) = (Arc::downgrade(&pty), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Whoever drops the terminal closes it.
            while let Some(from) = from.upgrade() {
                let wait = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
                let mut ready = [PollFd::new(&*from, PollFlags::IN)];
                if poll(&mut ready, Some(&wait)).is_ok_and(|count| count == 0) {
                    continue;
                }
                // A terminal that no program holds any more gives an error.
                let Ok(count @ 1..) = (&*from).read(&mut bytes) else { break };
                to.0.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
                to.1.notify_all();
            }
        });
        Self { pty, child, shown, read: 0, settings }
    }

    /// Types keys.
    pub fn type_keys(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until a text is shown behind the one that was waited for last, and returns what is shown up to its end.
    pub fn wait_for(&mut self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let mut shown = self.shown.0.lock().unwrap();
        loop {
            if let Some(at) = shown[self.read..].find(text) {
                let end = self.read + at + text.len();
                let seen = shown[self.read..end].to_owned();
                self.read = end;
                return seen;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{text:?} was not shown, but: {:?}", &shown[self.read..]);
            shown = self.shown.1.wait_timeout(shown, left).unwrap().0;
        }
    }

    /// All that has been shown.
    pub fn shown(&self) -> String {
        self.shown.0.lock().unwrap().clone()
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        self.pty.resize(Size::new(rows, columns)).unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Whether every key goes to the program at once.
    pub fn is_raw(&self) -> bool {
        let modes = tcgetattr(&*self.pty).unwrap().local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ISIG | LocalModes::ECHO)
    }

    /// Waits until it is so.
    pub fn wait_until_raw(&self, is_raw: bool) {
        let until = Instant::now() + PATIENCE;
        while self.is_raw() != is_raw {
            assert!(Instant::now() < until, "the terminal is never raw: {is_raw}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the program's end, after which the terminal's settings are what they were.
    pub fn end(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(Instant::now() < until, "it does not end: {:?}", self.shown()),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        assert_eq!(settings(&self.pty), self.settings, "{:?}", self.shown());
        status
    }

    /// Closes the terminal, as by the end of the window that shows it, and waits for the program's exit code.
    pub fn hang_up(self) -> Option<i32> {
        let Self { pty, mut child, .. } = self;
        drop(pty);
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < until, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the program's end, and returns its exit code.
    pub fn exit_code(&mut self) -> i32 {
        self.end().code().expect("no signal ended it")
    }
}

/// All settings of a terminal, as a text.
fn settings(pty: &blocking::Pty) -> String {
    format!("{:?}", tcgetattr(pty).unwrap())
}
