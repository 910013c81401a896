//! Ending a command for certain: it starts under a small shell script that tells its process id,
//! and a second command kills that process.

use std::time::Duration;

use guestexec_core::ErrorKind;
use tokio::{sync::watch, time::timeout};

use super::{Exec, open::ExecTransport};
use crate::{Client, Error, Pod};

/// Tells the shell's own process id, which the command then takes over.
const WRAPPER: &str = r#"echo "$0:$$"; exec "$@""#;
/// Kills the process group, which a container runtime makes for each command, or else the process.
const KILL: &str = r#"kill -s KILL -- "-$1" 2>/dev/null || kill -s KILL "$1""#;
/// What the reported line begins with; the wrapper's own name, as `ps` shows it.
const MARK: &str = "guestexec-pid";
/// The longest line that can be a report.
const MAX_LINE: usize = MARK.len() + 16;
/// What a shell may say on its terminal before the report, such as that a locale is missing.
const MAX_BEFORE: usize = 4096;

/// The command that runs `argv` and can be killed.
pub(super) fn wrapped(argv: Vec<String>) -> Vec<String> {
    ["sh", "-c", WRAPPER, MARK].map(str::to_owned).into_iter().chain(argv).collect()
}

/// What is known of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    NotYet,
    Pid(u32),
    /// The output begins with something else.
    Never,
}

/// Waits for the line that the wrapper writes first.
pub(super) struct Report {
    /// What has come of a line that may be it; empty within any other.
    line: Vec<u8>,
    within_other: bool,
    /// How much else may still come before it.
    left: usize,
    told: watch::Sender<Told>,
}

impl Report {
    /// On a terminal other lines may come first, since standard error goes there too.
    pub(super) fn new(tty: bool) -> (Self, watch::Receiver<Told>) {
        let (sender, receiver) = watch::channel(Told::NotYet);
        let left = if tty { MAX_BEFORE } else { 0 };
        (Self { line: Vec::new(), within_other: false, left, told: sender }, receiver)
    }

    /// What was taken and may be none of the line, when nothing more comes.
    pub(super) fn into_line(self) -> Vec<u8> {
        self.line
    }

    /// Takes what may belong to the line off the front of `bytes`, and gives to `output` what is none
    /// of it. True once it is settled; the rest of `bytes` is then output as well.
    pub(super) fn take(&mut self, bytes: &mut &[u8], output: &mut Vec<u8>) -> bool {
        while let Some((&byte, rest)) = bytes.split_first() {
            *bytes = rest;
            self.line.push(byte);
            if !self.within_other {
                if let Some(pid) = pid(&self.line) {
                    self.line.clear();
                    self.told.send_replace(Told::Pid(pid));
                    return true;
                }
                if may_be_report(&self.line) {
                    continue;
                }
            }
            self.within_other = byte != b'\n';
            let Some(left) = self.left.checked_sub(self.line.len()) else {
                self.told.send_replace(Told::Never);
                output.append(&mut self.line);
                return true;
            };
            self.left = left;
            output.append(&mut self.line);
        }
        false
    }
}

/// The process id in a whole line that is a report.
fn pid(line: &[u8]) -> Option<u32> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let pid = line.trim_end().strip_prefix(MARK)?.strip_prefix(':')?;
    // The container's first process is not one that was started here.
    pid.parse().ok().filter(|pid| *pid > 1)
}

/// Whether a report may begin so.
fn may_be_report(line: &[u8]) -> bool {
    match line.strip_prefix(MARK.as_bytes()) {
        None => MARK.as_bytes().starts_with(line),
        Some([]) => true,
        Some([b':', pid @ ..]) => {
            line.len() <= MAX_LINE && pid.iter().all(|byte| byte.is_ascii_digit() || *byte == b'\r')
        }
        Some(_) => false,
    }
}

/// What it takes to kill a command.
pub(super) struct Killer {
    pub(super) client: Client,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) container: Option<String>,
    pub(super) transport: ExecTransport,
    pub(super) patience: Duration,
    pub(super) told: watch::Receiver<Told>,
}

impl Killer {
    /// Runs the command that kills. False if the command to be killed has ended before.
    pub(super) async fn kill(&mut self) -> Result<bool, Error> {
        let told = self.told.wait_for(|told| *told != Told::NotYet);
        let unknown = |kind, message: String| {
            Err(Error::new(kind, message)
                .with_may_have_run(true)
                .with_advice("dropping the child ends the connection at least"))
        };
        let pid = match timeout(self.patience, told).await.map(|told| told.map(|told| *told)) {
            Ok(Ok(Told::Pid(pid))) => pid,
            // The session is over, so there is no reporter any more.
            Ok(Err(_)) => return Ok(false),
            Ok(Ok(Told::Never | Told::NotYet)) => {
                let message = "the command cannot be killed: its output does not begin with its process id, as the `sh` of the container should have it";
                return unknown(ErrorKind::Refused, message.to_owned());
            }
            Err(_) => {
                let message =
                    format!("the command has not told its process id within {:?}", self.patience);
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
            .timeout(self.patience)
            .output_limit(64 * 1024)
            .output()
            .await?;
        if !output.status.success() && !output.stderr_lossy().contains("No such process") {
            return Err(Error::new(
                ErrorKind::Refused,
                format!("the process {pid} could not be killed: {}", output.stderr_lossy().trim()),
            )
            .with_may_have_run(true));
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_BEFORE, Report, Told};

    fn run_on(tty: bool, parts: &[&str]) -> (Option<u32>, String) {
        let (mut report, told) = Report::new(tty);
        let mut settled = false;
        let mut rest = Vec::new();
        for part in parts {
            let mut bytes = part.as_bytes();
            settled = settled || report.take(&mut bytes, &mut rest);
            rest.extend(bytes);
        }
        rest.extend(report.into_line());
        let pid = match *told.borrow() {
            Told::Pid(pid) => Some(pid),
            Told::NotYet | Told::Never => None,
        };
        (pid, String::from_utf8(rest).unwrap())
    }

    fn run(parts: &[&str]) -> (Option<u32>, String) {
        run_on(false, parts)
    }

    #[test]
    fn the_first_line_is_taken_if_it_is_the_report() {
        for (parts, pid, rest) in [
            (&["guestexec-pid:42\nhello"][..], Some(42), "hello"),
            (&["guest", "exec-pid:4", "2\r\nhel", "lo"], Some(42), "hello"),
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
            // Only a whole line is it.
            (&["xguestexec-pid:42\nx"], None, "xguestexec-pid:42\nx"),
            (&["guestexec-pid:42 \nx"], None, "guestexec-pid:42 \nx"),
            (&["guestexec-pid:4"], None, "guestexec-pid:4"),
            (&["x", "y"], None, "xy"),
        ] {
            assert_eq!(run_on(true, parts), (pid, rest.to_owned()), "{parts:?}");
        }
        for (before, pid) in [(MAX_BEFORE, Some(42)), (MAX_BEFORE + 1, None)] {
            let other = format!("{}\n", "x".repeat(before - 1));
            let (told, rest) = run_on(true, &[&other, "guestexec-pid:42\n"]);
            assert_eq!(told, pid);
            assert!(
                rest.starts_with(&other)
                    && rest.len() == before + if pid.is_none() { 17 } else { 0 }
            );
        }
    }

    #[test]
    fn what_is_no_report_is_output_at_once() {
        let (mut report, told) = Report::new(true);
        let (mut bytes, mut output) = (&b"$ "[..], Vec::new());
        assert!(!report.take(&mut bytes, &mut output));
        assert_eq!((&*output, *told.borrow()), (&b"$ "[..], Told::NotYet));
    }
}
