//! Killing a command: a shell prints its own process id and then becomes the command, and a second
//! command kills that process. A shell that knows that it cannot become the command prints 0.

use std::time::Duration;

use guestexec_core::ErrorKind;
use tokio::{sync::watch, time::timeout};
use tracing::{Instrument as _, Span};

use super::{Exec, request::ExecTransport};
use crate::{Client, Error, Pod};

/// Prints the shell's process id, which the command then takes over, or 0 if there is no such program. A shell that
/// does not find `sh` by `command -v` has no such builtin, and proves nothing.
const WRAPPER: &str = r#"p=$$; case $1 in */*) [ -f "$1" ] && [ -x "$1" ];; *) ! command -v sh || command -v "$1";; esac >/dev/null 2>&1 || p=0; echo "$0:$p"; exec "$@""#;
/// Kills the process group that a container runtime makes for each command, or else the process.
const KILL: &str = r#"kill -s KILL -- "-$1" 2>/dev/null || kill -s KILL "$1""#;
/// The begin of the printed line, and the wrapper's own name in `ps`.
const MARK: &str = "guestexec-pid";
/// The longest line with a process id, in bytes.
const MAX_LINE: usize = MARK.len() + 16;
/// The most output that a shell may print on its terminal before that line, in bytes: a warning, say.
const MAX_BEFORE: usize = 4096;

/// The command that prints its process id and then runs `argv`.
pub(super) fn wrapped(argv: Vec<String>) -> Vec<String> {
    ["sh", "-c", WRAPPER, MARK].map(str::to_owned).into_iter().chain(argv).collect()
}

/// The process id, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pid {
    Awaited,
    Known(u32),
    /// The container has no such program, or it cannot be run.
    NoProgram,
    /// The output begins with something else.
    Missing,
}

/// Takes the wrapper's line from the output.
pub(super) struct PidLine {
    /// The begin of a line that may be the wrapper's; empty within any other.
    line: Vec<u8>,
    within_other: bool,
    /// How many bytes of other lines may still come before it.
    left: usize,
    pid: watch::Sender<Pid>,
}

impl PidLine {
    /// On a terminal other lines may come first, since standard error goes there too.
    pub(super) fn new(tty: bool) -> (Self, watch::Receiver<Pid>) {
        let (sender, receiver) = watch::channel(Pid::Awaited);
        let left = if tty { MAX_BEFORE } else { 0 };
        (Self { line: Vec::new(), within_other: false, left, pid: sender }, receiver)
    }

    /// The begin of a line that was taken, when no more output comes.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.line
    }

    /// Whether the shell found no program to become.
    pub(super) fn has_no_program(&self) -> bool {
        *self.pid.borrow() == Pid::NoProgram
    }

    /// Takes bytes that may belong to the line from the front of `bytes`, and moves others to `output`.
    /// True once the line is found or ruled out; the rest of `bytes` is then output.
    pub(super) fn take(&mut self, bytes: &mut &[u8], output: &mut Vec<u8>) -> bool {
        while let Some((&byte, rest)) = bytes.split_first() {
            *bytes = rest;
            self.line.push(byte);
            if !self.within_other {
                if let Some(pid) = parse(&self.line) {
                    self.line.clear();
                    self.pid.send_replace(pid);
                    return true;
                }
                if may_be_pid_line(&self.line) {
                    continue;
                }
            }
            self.within_other = byte != b'\n';
            let Some(left) = self.left.checked_sub(self.line.len()) else {
                self.pid.send_replace(Pid::Missing);
                output.append(&mut self.line);
                return true;
            };
            self.left = left;
            output.append(&mut self.line);
        }
        false
    }
}

/// The process id of a whole line.
fn parse(line: &[u8]) -> Option<Pid> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let pid = line.trim_end().strip_prefix(MARK)?.strip_prefix(':')?;
    match pid.parse().ok()? {
        0 => Some(Pid::NoProgram),
        // Process 1 is the container's own, and was not started here.
        1 => None,
        pid => Some(Pid::Known(pid)),
    }
}

/// Whether the wrapper's line may begin like this.
fn may_be_pid_line(line: &[u8]) -> bool {
    match line.strip_prefix(MARK.as_bytes()) {
        None => MARK.as_bytes().starts_with(line),
        Some([]) => true,
        Some([b':', pid @ ..]) => {
            line.len() <= MAX_LINE && pid.iter().all(|byte| byte.is_ascii_digit() || *byte == b'\r')
        }
        Some(_) => false,
    }
}

/// What became of a command that was to be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Killed {
    /// It was killed.
    Now,
    /// It had ended before.
    TooLate,
}

/// Kills a command in its container.
pub(super) struct Killer {
    pub(super) client: Client,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) container: Option<String>,
    pub(super) transport: ExecTransport,
    pub(super) timeout: Duration,
    pub(super) pid: watch::Receiver<Pid>,
    /// The span of the command that is killed.
    pub(super) span: Span,
}

impl Killer {
    /// Waits for the process id. None if it does not come.
    pub(super) async fn process_id(&mut self) -> Option<u32> {
        match self.pid.wait_for(|pid| *pid != Pid::Awaited).await.map(|pid| *pid) {
            Ok(Pid::Known(pid)) => Some(pid),
            _ => None,
        }
    }

    /// Runs the command that kills.
    pub(super) async fn kill(&mut self) -> Result<Killed, Error> {
        let known = self.pid.wait_for(|pid| *pid != Pid::Awaited);
        let unknown = |kind, message: String| {
            Err(Error::new(kind, message)
                .with_may_have_run(true)
                .with_advice("drop the child to end at least the connection"))
        };
        let pid = match timeout(self.timeout, known).await.map(|pid| pid.map(|pid| *pid)) {
            Ok(Ok(Pid::Known(pid))) => pid,
            // The sender is dropped when the session is over, and a shell without a program ends by itself.
            Ok(Err(_) | Ok(Pid::NoProgram)) => return Ok(Killed::TooLate),
            Ok(Ok(Pid::Missing | Pid::Awaited)) => {
                let message = "the command cannot be killed: its output does not begin with the process id that the `sh` of the container prints";
                return unknown(ErrorKind::Refused, message.to_owned());
            }
            Err(_) => {
                let message =
                    format!("the command has not printed its process id within {:?}", self.timeout);
                return unknown(ErrorKind::Timeout, message);
            }
        };
        let pod = Pod {
            client: &self.client,
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            container: self.container.clone(),
        };
        let argv = ["sh", "-c", KILL, "guestexec-kill", &pid.to_string()].map(str::to_owned);
        let output = Exec::new(pod, argv.into())
            .transport(self.transport)
            .timeout(self.timeout)
            .output_limit(64 * 1024)
            .output()
            .instrument(self.span.clone())
            .await?;
        match output.status.success() {
            true => Ok(Killed::Now),
            false if output.stderr_lossy().contains("No such process") => Ok(Killed::TooLate),
            false => Err(Error::new(
                ErrorKind::Refused,
                format!("the process {pid} could not be killed: {}", output.stderr_lossy().trim()),
            )
            .with_may_have_run(true)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_BEFORE, Pid, PidLine};

    fn run_on(tty: bool, parts: &[&str]) -> (Option<u32>, String) {
        let (mut line, pid) = PidLine::new(tty);
        let mut settled = false;
        let mut rest = Vec::new();
        for part in parts {
            let mut bytes = part.as_bytes();
            settled = settled || line.take(&mut bytes, &mut rest);
            rest.extend(bytes);
        }
        rest.extend(line.into_bytes());
        let pid = match *pid.borrow() {
            Pid::Known(pid) => Some(pid),
            Pid::NoProgram => Some(0),
            Pid::Awaited | Pid::Missing => None,
        };
        (pid, String::from_utf8(rest).unwrap())
    }

    fn run(parts: &[&str]) -> (Option<u32>, String) {
        run_on(false, parts)
    }

    #[test]
    fn the_first_line_is_taken_if_it_is_the_wrappers() {
        for (parts, pid, rest) in [
            (&["guestexec-pid:42\nhello"][..], Some(42), "hello"),
            (&["guest", "exec-pid:4", "2\r\nhel", "lo"], Some(42), "hello"),
            (&["guestexec-pid:0\nsh: nope: not found"], Some(0), "sh: nope: not found"),
            (&["guestexec-pid:1\nx"], None, "guestexec-pid:1\nx"),
            (&["guestexec-pid:-5\n"], None, "guestexec-pid:-5\n"),
            (&["\nguestexec-pid:42\n"], None, "\nguestexec-pid:42\n"),
            (
                &["a line that is far longer than a report is\n"],
                None,
                "a line that is far longer than a report is\n",
            ),
        ] {
            assert_eq!(run(parts), (pid, rest.to_owned()), "{parts:?}");
        }
    }

    #[test]
    fn on_a_terminal_lines_may_come_before_it() {
        for (parts, pid, rest) in [
            (&["guestexec-pid:42\r\nhello"][..], Some(42), "hello"),
            (
                &["sh: a warning\r\nguest", "exec-pid:42\r\nhello"],
                Some(42),
                "sh: a warning\r\nhello",
            ),
            (&["\n\nguestexec-pid:42\n"], Some(42), "\n\n"),
            (&["guestexec-\nguestexec-pid:42\n"], Some(42), "guestexec-\n"),
            // Only a whole line counts.
            (&["xguestexec-pid:42\nx"], None, "xguestexec-pid:42\nx"),
            (&["guestexec-pid:42 \nx"], None, "guestexec-pid:42 \nx"),
            (&["guestexec-pid:4"], None, "guestexec-pid:4"),
            (&["x", "y"], None, "xy"),
        ] {
            assert_eq!(run_on(true, parts), (pid, rest.to_owned()), "{parts:?}");
        }
        for (before, pid) in [(MAX_BEFORE, Some(42)), (MAX_BEFORE + 1, None)] {
            let other = format!("{}\n", "x".repeat(before - 1));
            let (found, rest) = run_on(true, &[&other, "guestexec-pid:42\n"]);
            assert_eq!(found, pid);
            assert!(
                rest.starts_with(&other)
                    && rest.len() == before + if pid.is_none() { 17 } else { 0 }
            );
        }
    }

    #[test]
    fn another_line_is_output_at_once() {
        let (mut line, pid) = PidLine::new(true);
        let (mut bytes, mut output) = (&b"$ "[..], Vec::new());
        assert!(!line.take(&mut bytes, &mut output));
        assert_eq!((&*output, *pid.borrow()), (&b"$ "[..], Pid::Awaited));
    }
}
