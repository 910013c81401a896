//! The exit code and both streams of a command. The service's answer does not have them, so a small script
//! runs the command and writes them as one line.

use std::{borrow::Cow, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use guestexec_core::{ErrorKind, ExitStatus, Mark, readable};

use crate::{Error, Output, Uncaptured, enums::Platform, operations::EXECUTE_GUEST_VM_COMMAND};

/// The beginning of the line, before the call's nonce.
const MARK: &str = "guestexec:";

/// Hex digits of a nonce.
const NONCE: usize = 32;

/// Longest command line that Windows' command interpreter takes.
const WINDOWS_LINE: usize = 8_191;

/// Longest argument that Linux takes, with the zero at its end.
const LINUX_ARGUMENT: usize = 131_072;

/// Longest command the service takes, in characters.
const LONGEST: usize = 65_536;

/// The interpreter of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shell {
    /// On Linux the shell that the guest tools use, Bash by the vendor's page; on Windows `cmd.exe`.
    #[default]
    Guest,
    /// `sh`, on Linux.
    Sh,
    /// `bash`, on Linux.
    Bash,
    /// `cmd.exe`, on Windows.
    Cmd,
    /// Windows PowerShell.
    PowerShell,
}

impl Shell {
    /// Makes the script that runs `command` in this shell and writes the line; `checks` says whether to check
    /// the service's limit.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] if this shell cannot run the command.
    pub(crate) fn script(
        self,
        platform: &Platform,
        command: &str,
        nonce: &str,
        checks: bool,
    ) -> Result<String, Error> {
        let refused = |reason: String| Error::new(ErrorKind::InvalidRequest, reason);
        // The service would check the script only, which is not blank.
        if command.trim().is_empty() {
            return Err(refused(
                "`params.command` is blank: give it at least 1 character to run".to_owned(),
            ));
        }
        let windows = *platform == Platform::Windows;
        let interpreter = match (self, windows) {
            (Self::Guest, false) => "${BASH:-sh}",
            (Self::Sh, false) => "sh",
            (Self::Bash, false) => "bash",
            (Self::Guest | Self::Cmd, true) if command.contains(['\r', '\n']) => {
                let reason = "`params.command` has several lines, but `cmd /c` takes one";
                return Err(refused(reason.to_owned())
                    .with_advice("join the commands with `&&`, or use `Shell::PowerShell`"));
            }
            (Self::Guest | Self::Cmd | Self::PowerShell, true) => {
                return windows_line(command, self == Self::PowerShell, nonce);
            }
            (shell, _) => {
                return Err(refused(format!("{shell:?} is no shell of a {platform} guest"))
                    .with_advice("say `Vm::windows` of a Windows guest, or choose another shell"));
            }
        };
        let script = sh_script(interpreter, command, nonce);
        let length = script.chars().count();
        if checks && length > LONGEST {
            let own = command.chars().count();
            let reason = format!(
                "`params.command` has {own} characters, and {length} with the script that finds its \
                 exit code, but the service takes at most {LONGEST}"
            );
            return Err(refused(reason).with_advice(SHORTER));
        }
        if command.len() >= LINUX_ARGUMENT {
            let reason = format!(
                "`params.command` has {} bytes, but a checked command at most {}",
                command.len(),
                LINUX_ARGUMENT - 1
            );
            return Err(refused(reason).with_advice(SHORTER));
        }
        Ok(script)
    }
}

/// The marks of a script: its nonce, and where the Windows form has Base64.
pub(crate) fn marks(nonce: &str) -> Vec<Mark> {
    vec![
        Mark::Nonce(nonce.to_owned()),
        Mark::Utf16After("-EncodedCommand "),
        Mark::Base64After("FromBase64String('"),
    ]
}

/// The remedy for a command that is too long for the script.
const SHORTER: &str = "put the command into a file in the guest, or run it `unchecked`";

/// What runs a command on Linux. Its lines are sent as one, since the guest tools limit their number to 1 000.
///
/// Shells report signals on standard error, where the guest tools take any text for a failure: so the script
/// has none, and the command is in a subshell, whose report does not get into the command's.
///
/// It keeps 720 KiB of both streams together, which fit, as Base64, into the MiB of output that the guest tools
/// keep; a quarter of them is standard error's, if it needs them.
const ON_LINUX: &str = include_str!("capture.sh");

/// The same on Windows, with `cmd.exe`. Its lines are one, too, without a blank in between.
const ON_WINDOWS: &str = include_str!("capture.ps1");

/// How the command is started there, and how by PowerShell.
const BY_CMD: &str = r#"$f=$env:ComSpec;$a='/d /s /c "'+$t+'"';"#;
const BY_POWERSHELL: &str = "$f='powershell.exe';$a='-NoProfile -NonInteractive -EncodedCommand '\
     +[Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes($t));";

fn sh_script(interpreter: &str, command: &str, nonce: &str) -> String {
    // In single quotes, only the quote itself has a meaning.
    let quoted = format!("'{}'", command.replace('\'', r"'\''"));
    let lines: Vec<&str> = ON_LINUX.lines().collect();
    let script = lines.join(" ").replace("NONCE", nonce).replace("${BASH:-sh}", interpreter);
    // The last, since it may hold the other words.
    script.replacen("COMMAND", &quoted, 1)
}

/// Makes the PowerShell script that runs `command` and writes the line, as one command line.
fn windows_line(command: &str, in_powershell: bool, nonce: &str) -> Result<String, Error> {
    let text = STANDARD.encode(command);
    let script = ON_WINDOWS.lines().collect::<String>().replace("NONCE", nonce);
    let script = if in_powershell { script.replace(BY_CMD, BY_POWERSHELL) } else { script };
    // The last, since it may hold the other words.
    let script = script.replacen("TEXT", &text, 1);
    let utf16: Vec<u8> = script.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut line = "powershell.exe -NoProfile -NonInteractive -EncodedCommand ".to_owned();
    STANDARD.encode_string(utf16, &mut line);
    if line.len() > WINDOWS_LINE {
        let reason = format!(
            "`params.command` makes a command line of {} characters, but Windows takes at most \
             {WINDOWS_LINE}",
            line.len()
        );
        return Err(Error::new(ErrorKind::InvalidRequest, reason).with_advice(SHORTER));
    }
    Ok(line)
}

/// The result of a command: its exit status, and both streams byte for byte.
///
/// Serialized, it has the members `exit_code`, `success`, `stdout`, `stderr`, `stdout_dropped` and
/// `stderr_dropped`. A stream that is not UTF-8 is Base64, under the name `stdout_base64` or
/// `stderr_base64`:
///
/// ```json
/// {"exit_code":3,"success":false,"stdout":"","stderr_base64":"/w==","stdout_dropped":0,"stderr_dropped":0}
/// ```
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.zstack().client()?;
/// let vm = client.vm("fc022ba201c135d8809c5e02bf6bf156");
/// let ended = vm.run("echo hello; echo no such file >&2; exit 3").await?;
/// assert_eq!(ended.exit_status(), Some(3.into()));
/// assert_eq!(ended.exit_code(), Some(3));
/// assert!(!ended.success());
/// assert_eq!(ended.stdout, b"hello\n");
/// assert_eq!(ended.stdout_lossy(), "hello\n");
/// assert_eq!(ended.stderr_lossy(), "no such file\n");
/// assert_eq!((ended.stdout_dropped, ended.stderr_dropped), (0, 0));
/// assert_eq!(ended.to_string(), "exited with 3");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Captured {
    pub(super) status: ExitStatus,
    /// Standard output, or the end of it: see [`Self::stdout_dropped`].
    pub stdout: Vec<u8>,
    /// Standard error, or its end: see [`Self::stderr_dropped`].
    pub stderr: Vec<u8>,
    /// Bytes missing at the beginning of standard output. The guest tools keep the last 720 KiB of both
    /// streams together.
    pub stdout_dropped: u64,
    /// Bytes missing at the beginning of standard error.
    pub stderr_dropped: u64,
}

/// The content of the line.
enum Line {
    End(Captured),
    /// The guest lacks this program, so nothing was run.
    Lacks(String),
}

impl Captured {
    /// The exit status, which is always known here.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        Some(self.status)
    }

    /// The exit code, which is always known here. On Linux it is 128 and the number of the signal that
    /// ended the command.
    pub fn exit_code(&self) -> Option<i64> {
        self.status.code()
    }

    /// True if the command exited with 0.
    pub fn success(&self) -> bool {
        self.status.success()
    }

    /// Standard output as text, with U+FFFD for bytes that are not UTF-8.
    pub fn stdout_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Standard error as text, with U+FFFD for bytes that are not UTF-8.
    pub fn stderr_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }

    /// Reads the line of `nonce`, or of any nonce, in the service's text.
    pub(crate) fn read(output: Output, nonce: Option<&str>) -> Result<Self, Error> {
        match find(output.stream(), nonce) {
            Some(Line::End(captured)) => Ok(captured),
            Some(Line::Lacks(program)) => {
                let reason = format!(
                    "the guest lacks a working `{}`, which a checked command needs, so nothing was \
                     run",
                    readable(&program)
                );
                Err(Error::new(ErrorKind::Unsupported, reason)
                    .during(EXECUTE_GUEST_VM_COMMAND.id)
                    .with_advice("install it there, or run the command `unchecked`"))
            }
            None => Err(Self::unreadable(output)),
        }
    }

    /// The error of a command whose exit code is not found in the service's text.
    pub(super) fn unreadable(output: Output) -> Error {
        let reason = format!(
            "the answer of {} characters does not tell the command's exit code: the command \
             ended the script around it, the answer was cut, or the command was run unchecked",
            output.stream().chars().count()
        );
        Error::new(ErrorKind::Protocol, reason)
            .during(EXECUTE_GUEST_VM_COMMAND.id)
            .with_may_have_run(true)
            .with_advice("`Uncaptured::of` has the service's text")
            .with_source(Uncaptured::new(output))
    }
}

/// Finds the last whole line of `nonce`, or of any nonce, in an answer's text.
fn find(stream: &str, nonce: Option<&str>) -> Option<Line> {
    stream.rmatch_indices(MARK).find_map(|(at, _)| {
        let (found, rest) = stream[at + MARK.len()..].split_once(':')?;
        let is_nonce = found.len() == NONCE && found.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_nonce || nonce.is_some_and(|nonce| nonce != found) {
            return None;
        }
        let (line, _) = rest.split_once(&format!(":{found}"))?;
        let parts: Vec<&str> = line.split(':').collect();
        match parts[..] {
            ["-", program] => Some(Line::Lacks(program.to_owned())),
            [code, stdout_dropped, stderr_dropped, stdout, stderr] => Some(Line::End(Captured {
                status: ExitStatus::from_code(code.parse().ok()?),
                stdout: STANDARD.decode(stdout).ok()?,
                stderr: STANDARD.decode(stderr).ok()?,
                stdout_dropped: stdout_dropped.parse().ok()?,
                stderr_dropped: stderr_dropped.parse().ok()?,
            })),
            _ => None,
        }
    })
}

/// One line: how the command ended, and how much of its output is missing. The output itself is left out.
impl fmt::Display for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status.fmt(f)?;
        for (stream, dropped) in [("output", self.stdout_dropped), ("error", self.stderr_dropped)] {
            if dropped > 0 {
                write!(f, "; {dropped} bytes of its standard {stream} were cut off")?;
            }
        }
        Ok(())
    }
}

/// Only sizes: output may be a secret.
impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured")
            .field("exit_code", &self.status.code())
            .field("stdout", &format_args!("{} bytes", self.stdout.len()))
            .field("stderr", &format_args!("{} bytes", self.stderr.len()))
            .field("stdout_dropped", &self.stdout_dropped)
            .field("stderr_dropped", &self.stderr_dropped)
            .finish()
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{
        fs,
        os::unix::process::CommandExt as _,
        path::Path,
        process::{Command, Output as Ended},
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;
    use crate::types::ExecuteGuestVmCommandResponse;

    const NONCE: &str = "0123456789abcdef0123456789abcdef";
    /// How many bytes of both streams are kept, and how many of standard error whatever the other has.
    const ROOM: (usize, usize) = (737_280, 184_320);

    /// The shells of this machine that a guest's may be, each with what makes it run a text.
    fn shells() -> Vec<Vec<&'static str>> {
        let shells = [
            vec!["sh", "-c"],
            vec!["dash", "-c"],
            vec!["bash", "-c"],
            vec!["busybox", "sh", "-c"],
            vec!["mksh", "-c"],
        ];
        let here = |shell: &Vec<&str>| {
            Command::new(shell[0]).args(&shell[1..]).arg("true").output().is_ok()
        };
        shells.into_iter().filter(here).collect()
    }

    fn run(shell: &[&str], script: &str, folder: &Path) -> Ended {
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg(script).env("TMPDIR", folder).process_group(0);
        command.output().unwrap()
    }

    fn folder(name: &str) -> std::path::PathBuf {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("guestexec-{name}-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn told(stream: impl Into<String>) -> Output {
        let stream = Some(stream.into());
        Output::new(ExecuteGuestVmCommandResponse { stream, ..Default::default() })
    }

    /// Runs what would be sent, with each shell of this machine as the guest's; all have to agree.
    fn captured(command: &str) -> Captured {
        let script = Shell::Guest.script(&Platform::Linux, command, NONCE, true).unwrap();
        let folder = folder("captured");
        let ends = shells().into_iter().map(|shell| {
            let ended = run(&shell, &script, &folder);
            assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{shell:?}");
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "{shell:?} leaves files");
            let stream = String::from_utf8(ended.stdout).unwrap();
            let stream = format!("standardStream: {stream}, errorStream: ");
            Captured::read(told(stream), Some(NONCE)).unwrap()
        });
        let mut ends: Vec<Captured> = ends.collect();
        ends.dedup();
        assert_eq!(ends.len(), 1, "{ends:?}");
        fs::remove_dir(&folder).unwrap();
        ends.remove(0)
    }

    #[test]
    fn exit_code_and_streams_come_back_byte_for_byte() {
        let result = captured(r"printf 'a:b\0\377'; printf ', errorStream: ' >&2; exit 3");
        assert_eq!(result.exit_code(), Some(3));
        assert_eq!(result.stdout, b"a:b\0\xff");
        assert_eq!(result.stderr, b", errorStream: ");
        assert_eq!((result.stdout_dropped, result.stderr_dropped), (0, 0));
        assert_eq!(captured("kill -9 $$").exit_code(), Some(137));
        assert_eq!(captured("cat").stdout, b"", "standard input is empty");
        assert_eq!(captured("no-such-command-here 2>/dev/null").exit_code(), Some(127));
        assert_eq!(captured("echo a; echo b >&2; ls /proc/self/fd | wc -l").exit_code(), Some(0));
    }

    #[test]
    fn any_text_is_a_command() {
        for text in ["it's", "a\nb", r#"$HOME `x` "q" \"#, "'", "''\u{27}'", "你好", "%s %d", "!h"]
        {
            let quoted = text.replace('\'', r"'\''");
            let result = captured(&format!("printf %s '{quoted}'"));
            assert_eq!(String::from_utf8(result.stdout).unwrap(), text);
        }
        assert_eq!(captured("true # a comment").exit_code(), Some(0));
        assert_eq!(captured("if true; then\n  exit 4\nfi").exit_code(), Some(4));
    }

    #[test]
    fn output_to_a_stream_by_name_is_not_written_over() {
        let result = captured("echo one >/dev/stderr; echo two >&2; echo out");
        assert_eq!((&*result.stdout_lossy(), &*result.stderr_lossy()), ("out\n", "one\ntwo\n"));
    }

    #[test]
    fn much_output_keeps_its_end_and_the_exit_code() {
        let result = captured("yes 0123456 | head -c 2000000; echo the end; exit 5");
        assert_eq!((result.exit_code(), result.stdout.len()), (Some(5), ROOM.0));
        assert!(result.stdout.ends_with(b"the end\n"));
        assert_eq!(result.stdout_dropped, 2_000_008 - ROOM.0 as u64);
        // Both streams are long: standard error has the room that is its own.
        let both = "yes | head -c 900000 >&2; yes | head -c 900000";
        let result = captured(both);
        assert_eq!((result.stdout.len(), result.stderr.len()), (ROOM.0 - ROOM.1, ROOM.1));
        // Standard error gets the room that standard output leaves.
        let result = captured("yes | head -c 700000 >&2; echo x");
        assert_eq!((result.stderr.len(), result.stderr_dropped), (700_000, 0));
    }

    #[test]
    fn a_process_left_behind_does_not_hold_the_end_up() {
        let result = captured("sleep 100 & echo started");
        assert_eq!((result.exit_code(), &*result.stdout_lossy()), (Some(0), "started\n"));
    }

    #[test]
    fn nothing_of_the_output_is_left_where_everything_is_killed() {
        let command = "echo SECRETOUTPUT; echo SECRETOUTPUT >&2; kill -9 0; sleep 60";
        let script = Shell::Guest.script(&Platform::Linux, command, NONCE, true).unwrap();
        let folder = folder("killed");
        for shell in shells() {
            let ended = run(&shell, &script, &folder);
            assert_eq!(ended.status.code(), None, "{shell:?} was killed");
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "{shell:?} leaves files");
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_the_guest_lacks_is_named_and_nothing_runs() {
        let folder = folder("lacking");
        let missing = folder.join("not-there");
        let command = format!("touch {}", folder.join("ran").display());
        let script = Shell::Guest.script(&Platform::Linux, &command, NONCE, true).unwrap();
        for shell in shells() {
            let ended = run(&shell, &script, &missing);
            let stream = String::from_utf8(ended.stdout).unwrap();
            let error = Captured::read(told(stream), Some(NONCE)).unwrap_err();
            assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Unsupported, false));
            assert!(error.to_string().contains("`mktemp`"), "{error}");
            assert!(!folder.join("ran").exists());
        }
        // Without programs at all.
        let mut command = Command::new("/bin/sh");
        let ended = command.arg("-c").arg(script).env("PATH", &folder).output().unwrap();
        let line = format!("{MARK}{NONCE}:-:mktemp:{NONCE}");
        assert_eq!(String::from_utf8(ended.stdout).unwrap(), line);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_shell_is_the_guests_or_the_one_asked_for() {
        let which = "test -n \"$BASH_VERSION\" && [[ a == a ]]";
        for (shell, guest, bash) in [
            (Shell::Guest, "bash", true),
            (Shell::Bash, "dash", true),
            (Shell::Guest, "dash", false),
        ] {
            if Command::new(guest).arg("-c").arg("true").output().is_err() {
                continue;
            }
            let script = shell.script(&Platform::Linux, which, NONCE, true).unwrap();
            let ended = run(&[guest, "-c"], &script, &std::env::temp_dir());
            let stream = String::from_utf8(ended.stdout).unwrap();
            let captured = Captured::read(told(stream), Some(NONCE)).unwrap();
            assert_eq!(captured.success(), bash, "{shell:?} in {guest}");
        }
        for (platform, shell) in [(Platform::Linux, Shell::Cmd), (Platform::Windows, Shell::Sh)] {
            let error = shell.script(&platform, "true", NONCE, true).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
        }
    }

    #[test]
    fn a_line_that_was_cut_is_no_result() {
        for stream in [
            "",
            "guestexec:other:0:0:0:::other",
            &format!("guestexec:{NONCE}:0:0:0:YQ==:"),
            &format!("guestexec:{NONCE}:0:0:0:YQ:Y:{NONCE}"),
            &format!("guestexec:{NONCE}:x:0:0:::{NONCE}"),
            &format!("guestexec:{NONCE}:0:0:0::::{NONCE}"),
            &format!("guestexec:{NONCE}:0:-1:0:::{NONCE}"),
            &format!("YQ==::{NONCE}"),
        ] {
            for nonce in [Some(NONCE), None] {
                assert!(find(stream, nonce).is_none(), "{stream}");
            }
            let error = Captured::read(told(stream), None).unwrap_err();
            assert!(error.may_have_run(), "{error}");
            assert_eq!(Uncaptured::of(&error).unwrap().output().stream(), stream);
        }
        let whole = format!("noise guestexec:{NONCE}:-1:7:0:YQ==::{NONCE}, errorStream: x");
        for nonce in [Some(NONCE), None] {
            let captured = Captured::read(told(&*whole), nonce).unwrap();
            assert_eq!((captured.exit_code(), captured.stdout_dropped), (Some(-1), 7));
        }
        let another = "f".repeat(32);
        assert!(find(&whole, Some(&another)).is_none(), "the line of another command");
    }

    #[test]
    fn the_windows_line_holds_the_script_and_is_bounded() {
        let command = r#"dir "C:\Program Files""#;
        for shell in [Shell::Guest, Shell::Cmd, Shell::PowerShell] {
            let line = shell.script(&Platform::Windows, command, NONCE, true).unwrap();
            let encoded = line.rsplit(' ').next().unwrap();
            let units: Vec<u16> = STANDARD
                .decode(encoded)
                .unwrap()
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect();
            let script = String::from_utf16(&units).unwrap();
            assert!(script.contains(&STANDARD.encode(command)), "{script}");
            assert!(script.contains(&format!("'{MARK}{NONCE}:'")), "{script}");
            assert!(script.ends_with("finally{Remove-Item $o,$e}"), "{script}");
        }
        let room = format!("Min($b.Length,{})", ROOM.0 / 2);
        assert!(ON_WINDOWS.contains(&room) && ON_WINDOWS.contains(BY_CMD), "{ON_WINDOWS}");
        let long = "x".repeat(4_000);
        let error = Shell::Cmd.script(&Platform::Windows, &long, NONCE, true).unwrap_err();
        assert!(error.to_string().contains("at most 8191"), "{error}");
    }

    #[test]
    fn a_command_too_long_for_the_script_is_refused_with_a_way_out() {
        for command in ["x".repeat(LONGEST), "好".repeat(LINUX_ARGUMENT / 3 + 1)] {
            let error = Shell::Guest.script(&Platform::Linux, &command, NONCE, true).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
            assert!(error.to_string().contains("`unchecked`"), "{error}");
        }
        // The service may take more where its owner has raised the limit; Linux does not.
        Shell::Guest.script(&Platform::Linux, &"x".repeat(LONGEST), NONCE, false).unwrap();
    }
}
