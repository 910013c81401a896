//! Ending a command for certain: it starts under a small shell script that tells its process id,
//! and a second command kills that process.

use std::{mem, time::Duration};

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

/// The command that runs `argv` and can be killed.
pub(super) fn wrapped(argv: Vec<String>) -> Vec<String> {
    ["sh", "-c", WRAPPER, MARK].map(str::to_owned).into_iter().chain(argv).collect()
}

/// Waits for the line that the wrapper writes first.
pub(super) struct Report {
    line: Vec<u8>,
    pid: watch::Sender<Option<u32>>,
}

impl Report {
    pub(super) fn new() -> (Self, watch::Receiver<Option<u32>>) {
        let (pid, told) = watch::channel(None);
        (Self { line: Vec::new(), pid }, told)
    }

    /// What was taken and may be none of the line, when nothing more comes.
    pub(super) fn into_line(self) -> Vec<u8> {
        self.line
    }

    /// Takes what belongs to the line off the front of `bytes`. Once it is settled, gives what was
    /// taken and turned out to be none of it.
    pub(super) fn take(&mut self, bytes: &mut &[u8]) -> Option<Vec<u8>> {
        while let Some((&byte, rest)) = bytes.split_first() {
            *bytes = rest;
            self.line.push(byte);
            if byte == b'\n' {
                let pid = std::str::from_utf8(&self.line)
                    .ok()
                    .and_then(|line| line.trim_end().strip_prefix(MARK)?.strip_prefix(':'))
                    // The container's first process is not one that was started here.
                    .and_then(|pid| pid.parse().ok().filter(|pid| *pid > 1));
                if pid.is_some() {
                    self.pid.send_replace(pid);
                    return Some(Vec::new());
                }
                return Some(mem::take(&mut self.line));
            }
            if self.line.len() > MAX_LINE {
                return Some(mem::take(&mut self.line));
            }
        }
        None
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
    pub(super) pid: watch::Receiver<Option<u32>>,
}

impl Killer {
    /// Runs the command that kills. False if the command to be killed has ended before.
    pub(super) async fn kill(&mut self) -> Result<bool, Error> {
        let told = self.pid.wait_for(Option::is_some);
        let pid = match timeout(self.patience, told).await {
            Ok(Ok(pid)) => *pid,
            // The session is over, so there is no reporter any more.
            Ok(Err(_)) => return Ok(false),
            Err(_) => {
                return Err(Error::new(
                    ErrorKind::Timeout,
                    format!("the command has not told its process id within {:?}", self.patience),
                )
                .with_may_have_run(true)
                .with_advice("dropping the child ends the connection at least"));
            }
        };
        let Some(pid) = pid else { return Ok(false) };
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
    use super::Report;

    fn run(parts: &[&str]) -> (Option<u32>, String) {
        let (mut report, told) = Report::new();
        let mut settled = false;
        let mut rest = Vec::new();
        for part in parts {
            let mut bytes = part.as_bytes();
            if !settled && let Some(other) = report.take(&mut bytes) {
                rest.extend(other);
                settled = true;
            }
            rest.extend(bytes);
        }
        (*told.borrow(), String::from_utf8(rest).unwrap())
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
}
