//! What a person sees at a terminal while a command runs on many targets.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod common;

use std::{
    io::{Read as _, Write as _},
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

use common::{Place, words};
use pty_process::{
    Size,
    blocking::{Command, Pty, open},
};

/// After this time, a test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program at a terminal.
struct Seat {
    keyboard: Arc<Pty>,
    screen: Receiver<Vec<u8>>,
    seen: String,
    child: std::process::Child,
}

impl Seat {
    fn new(place: &Place, line: &str, variables: &[(&str, &str)]) -> Self {
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(24, 100)).unwrap();
        let bare = place.command(words(line));
        let mut command = Command::new(bare.get_program()).args(bare.get_args()).env_clear();
        for (name, value) in bare.get_envs() {
            if let Some(value) = value {
                command = command.env(name, value);
            }
        }
        for (name, value) in variables.iter().chain(&[("TERM", "xterm-256color")]) {
            command = command.env(name, value);
        }
        let child = command.spawn(pts).unwrap();
        let keyboard = Arc::new(pty);
        let reader = Arc::clone(&keyboard);
        let (send, screen) = channel();
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            // The end of a terminal is an error on Linux.
            while let Ok(count @ 1..) = (&*reader).read(&mut chunk) {
                if send.send(chunk[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { keyboard, screen, seen: String::new(), child }
    }

    /// Reads until the text has come.
    fn wait_for(&mut self, text: &str) {
        let begin = Instant::now();
        while !self.seen.contains(text) {
            let left = PATIENCE.saturating_sub(begin.elapsed());
            match self.screen.recv_timeout(left) {
                Ok(chunk) => self.seen += &String::from_utf8_lossy(&chunk),
                Err(error) => panic!("{text:?} did not come: {error}\n{}", self.seen),
            }
        }
    }

    fn write(&mut self, text: &str) {
        (&*self.keyboard).write_all(text.as_bytes()).unwrap();
    }

    /// Reads to the end, and gives the exit code.
    fn end(&mut self) -> Option<i32> {
        while let Ok(chunk) = self.screen.recv_timeout(PATIENCE) {
            self.seen += &String::from_utf8_lossy(&chunk);
        }
        self.child.wait().unwrap().code()
    }
}

fn place() -> Place {
    Place::with(|builder| builder.seed(7).tat_instances(3).zstack_vms(2))
}

/// A command that ends on the first machine, and on the others once a file is there.
fn script(place: &Place) -> (std::path::PathBuf, String) {
    let go = place.home.path().join("go");
    let wait = format!("while [ ! -e {} ]; do sleep 0.1; done", go.display());
    let script =
        format!("case $(basename \"$PWD\") in 0) echo early; exit 3;; esac; {wait}; echo late");
    (go, script)
}

const ON: &str = "ins-zj0f57ew ins-zj0f57ex ins-zj0f57ev";

#[test]
fn a_terminal_shows_how_many_are_in_which_state() {
    let place = place();
    let (go, script) = script(&place);
    let mut seat = Seat::new(&place, &format!("tat run {ON} -- '{script}'"), &[]);
    seat.wait_for("0 of 3 ended");
    seat.wait_for("1 of 3 ended (1 failed) 2 running");
    std::fs::write(go, "").unwrap();
    assert_eq!(seat.end(), Some(1), "{}", seat.seen);
    // Each line of output begins where the progress was removed.
    for line in ["early", "late"] {
        let (before, _) = seat.seen.split_once(line).unwrap();
        let (_, line) = before.rsplit_once(['\r', '\n']).unwrap();
        assert!(line.starts_with("\u{1b}[2K") || !line.contains("ended"), "{:?}", seat.seen);
        // Labels have colours at a terminal.
        assert!(line.contains("\u{1b}[") && line.contains("ins-zj0f57e"), "{line:?}");
    }
    let (_, table) = seat.seen.rsplit_once("TARGET ").unwrap();
    assert!(!table.contains("of 3 ended") && table.contains("1 of 3 failed: "), "{:?}", seat.seen);
}

#[test]
fn no_progress_is_shown_where_it_is_not_wished() {
    let place = place();
    for line in ["--quiet tat run", "--verbose tat run"] {
        let mut seat = Seat::new(&place, &format!("{line} {ON} -- 'echo here'"), &[]);
        assert_eq!(seat.end(), Some(0), "{}", seat.seen);
        assert!(!seat.seen.contains("of 3 ended"), "{}", seat.seen);
    }
    let mut one = Seat::new(&place, "tat run ins-zj0f57ew -- 'echo here'", &[]);
    assert_eq!((one.end(), &*one.seen), (Some(0), "here\r\n"));
    let plain = [("NO_COLOR", "1")];
    let mut seat = Seat::new(&place, &format!("--quiet tat run {ON} -- 'echo here'"), &plain);
    assert_eq!(seat.end(), Some(0));
    assert!(!seat.seen.contains('\u{1b}'), "{:?}", seat.seen);
}

#[test]
fn ctrl_c_asks_once_whether_many_are_to_be_cancelled() {
    const QUESTION: &str = "Not ended: 2 instances. Cancel the run there?";
    let place = place();
    let (_, script) = script(&place);
    let line = format!("tat run {ON} -- '{script}'");
    let begin = || {
        let mut seat = Seat::new(&place, &line, &[]);
        seat.wait_for("1 of 3 ended (1 failed) 2 running");
        seat.write("\u{3}");
        seat.wait_for(QUESTION);
        seat
    };
    let mut seat = begin();
    seat.write("n\n");
    seat.seen.clear();
    seat.wait_for("1 of 3 ended (1 failed) 2 running");
    seat.write("\u{3}");
    seat.wait_for(QUESTION);
    seat.write("y\n");
    assert_eq!(seat.end(), Some(130), "{}", seat.seen);
    let told = "SIGINT: the run was killed on 2 instances, over already on 1 instance";
    assert!(seat.seen.contains(told), "{}", seat.seen);
    // A second Ctrl-C is a yes.
    let mut seat = begin();
    seat.write("\u{3}");
    assert_eq!(seat.end(), Some(130), "{}", seat.seen);
    assert!(seat.seen.contains("the run was killed on 2 instances"), "{}", seat.seen);
    let mut seat = begin();
    seat.write("l\n");
    assert_eq!(seat.end(), Some(130), "{}", seat.seen);
    assert!(seat.seen.contains("It may go on there."), "{}", seat.seen);
    let runs = place.run("--output jsonl tat status").stdout;
    assert_eq!(runs.matches("\"status\":\"RUNNING\"").count(), 1, "{runs}");
}

#[test]
fn ctrl_c_with_one_instance_cancels_without_a_question() {
    let place = place();
    let begun = place.home.path().join("begun");
    let script = format!("touch {}; sleep 60", begun.display());
    let mut seat = Seat::new(&place, &format!("tat run ins-zj0f57ew -- '{script}'"), &[]);
    let begin = Instant::now();
    while !begun.exists() {
        assert!(begin.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(20));
    }
    seat.write("\u{3}");
    assert_eq!(seat.end(), Some(130), "{}", seat.seen);
    assert!(seat.seen.contains("SIGINT: the run was killed on 1 instance"), "{}", seat.seen);
}

#[test]
fn ctrl_c_stops_waiting_for_vms_where_a_person_says_so() {
    let place = place();
    let (_, script) = script(&place);
    let mut seat = Seat::new(&place, &format!("zstack exec --name vm_% -- '{script}'"), &[]);
    // One has ended, one of them is stopped, and one has no guest tools.
    seat.wait_for("3 of 4 ended (3 failed) 1 running");
    seat.write("\u{3}");
    seat.wait_for("Not ended: 1 VM. The service cannot cancel a command. Stop waiting?");
    seat.write("y\n");
    assert_eq!(seat.end(), Some(130), "{}", seat.seen);
    assert!(seat.seen.contains("See its result with `guestexec zstack result "), "{}", seat.seen);
}
