//! Exit code and both streams, which the service does not tell: the command is run by a small script
//! that writes them all as one line.

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use guestexec_core::ErrorKind;

use crate::{Error, JobId, Run, enums::Platform};

/// What the line begins with, before the nonce of the call.
const MARK: &str = "guestexec";

/// Longest command line that Windows' command interpreter takes.
const WINDOWS_LINE: usize = 8_191;

/// The interpreter of a captured command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// `sh`, on Linux.
    Sh,
    /// `cmd.exe`, on Windows.
    Cmd,
    /// Windows PowerShell.
    PowerShell,
}

impl<'a> Run<'a> {
    /// Runs the command so that its exit code, and both streams apart, come back unambiguous.
    ///
    /// On Linux this is what is sent, on one line, with `NONCE` 32 random hex digits and `COMMAND`
    /// the command in single quotes; it needs `sh`, `mktemp` and `base64` in the guest:
    ///
    /// ```sh
    /// d=$(mktemp -d) || exit 125; sh -c COMMAND >"$d/o" 2>"$d/e" </dev/null; c=$?;
    /// printf 'guestexec:NONCE:%s:%s:%s:NONCE' "$c" "$(base64 <"$d/o" | tr -d '\n')"
    /// "$(base64 <"$d/e" | tr -d '\n')"; rm -rf "$d"
    /// ```
    ///
    /// On Windows the command is run by `cmd.exe`, or PowerShell with [`Capture::shell`], from this
    /// PowerShell script, sent as `powershell.exe -NoProfile -NonInteractive -EncodedCommand BASE64`
    /// (`TEXT` is the command in Base64; for PowerShell the first line's second half is
    /// `$f='powershell.exe';$a='-NoProfile -NonInteractive -EncodedCommand '+` and `$t` in Base64):
    ///
    /// ```text
    /// $t=[Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('TEXT'));$f=$env:ComSpec;$a='/d /s /c "'+$t+'"';
    /// $o=[IO.Path]::GetTempFileName();$e=[IO.Path]::GetTempFileName();
    /// $p=Start-Process $f $a -Wait -PassThru -NoNewWindow -RedirectStandardOutput $o -RedirectStandardError $e;
    /// $r={param($x)[Convert]::ToBase64String([IO.File]::ReadAllBytes($x))};
    /// [Console]::Out.Write('guestexec:NONCE:'+$p.ExitCode+':'+(&$r $o)+':'+(&$r $e)+':NONCE');
    /// Remove-Item $o,$e
    /// ```
    ///
    /// This project has run the Linux form only; the Windows forms are written after Microsoft's
    /// documentation and have met no Windows guest yet.
    ///
    /// The guest tools keep about the last MiB of output: if the line comes back incomplete, the
    /// error says so, and [`may_have_run`](guestexec_core::Error::may_have_run) is true.
    pub fn capture(self) -> Capture<'a> {
        let shell = match self.platform() {
            Platform::Windows => Shell::Cmd,
            _ => Shell::Sh,
        };
        Capture { run: self, shell }
    }
}

/// A command about to run with everything captured, as [`Run::capture`] makes it.
#[derive(Clone, Debug)]
#[must_use = "nothing runs until it is awaited"]
pub struct Capture<'a> {
    run: Run<'a>,
    shell: Shell,
}

impl Capture<'_> {
    /// The interpreter of the command. Default: `sh` on Linux, `cmd.exe` on Windows.
    pub fn shell(mut self, shell: Shell) -> Self {
        self.shell = shell;
        self
    }

    async fn finish(mut self) -> Result<Captured, Error> {
        let nonce = JobId::random()?;
        let nonce = nonce.expose();
        let command = self.run.command_mut();
        // The script around it would hide that there is nothing to run.
        if command.trim().is_empty() {
            let reason = "`params.command` has nothing to run: give it a command";
            return Err(Error::new(ErrorKind::InvalidRequest, reason));
        }
        if self.shell == Shell::Cmd && command.contains(['\r', '\n']) {
            let reason = "`params.command` has several lines, but `cmd /c` takes one";
            return Err(Error::new(ErrorKind::InvalidRequest, reason)
                .with_advice("join the commands with `&&`, or capture with `Shell::PowerShell`"));
        }
        *command = match self.shell {
            Shell::Sh => sh_script(command, nonce),
            Shell::Cmd | Shell::PowerShell => windows_line(command, self.shell, nonce)?,
        };
        let output = self.run.await?;
        Captured::find(output.stream(), nonce).ok_or_else(|| {
            Error::new(
                ErrorKind::Protocol,
                format!(
                    "the captured output is not whole in an answer of {} characters: it was cut, \
                     or the guest lacks what capturing needs",
                    output.stream().chars().count()
                ),
            )
            .during("ExecuteGuestVmCommand")
            .with_may_have_run(true)
            .with_advice("write large output to a file in the guest, or run without capture")
        })
    }
}

impl<'a> IntoFuture for Capture<'a> {
    type Output = Result<Captured, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.finish())
    }
}

fn sh_script(command: &str, nonce: &str) -> String {
    // Within single quotes every character is itself but the quote.
    let quoted = command.replace('\'', r"'\''");
    format!(
        r#"d=$(mktemp -d) || exit 125; sh -c '{quoted}' >"$d/o" 2>"$d/e" </dev/null; c=$?; printf '{MARK}:{nonce}:%s:%s:%s:{nonce}' "$c" "$(base64 <"$d/o" | tr -d '\n')" "$(base64 <"$d/e" | tr -d '\n')"; rm -rf "$d""#
    )
}

/// The PowerShell script that runs `command` and writes the line, as one command line.
fn windows_line(command: &str, shell: Shell, nonce: &str) -> Result<String, Error> {
    let text = STANDARD.encode(command);
    let start = match shell {
        Shell::PowerShell => {
            "$f='powershell.exe';$a='-NoProfile -NonInteractive -EncodedCommand '\
             +[Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes($t));"
        }
        _ => "$f=$env:ComSpec;$a='/d /s /c \"'+$t+'\"';",
    };
    let script = format!(
        "$t=[Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('{text}'));{start}\
         $o=[IO.Path]::GetTempFileName();$e=[IO.Path]::GetTempFileName();\
         $p=Start-Process $f $a -Wait -PassThru -NoNewWindow \
         -RedirectStandardOutput $o -RedirectStandardError $e;\
         $r={{param($x)[Convert]::ToBase64String([IO.File]::ReadAllBytes($x))}};\
         [Console]::Out.Write('{MARK}:{nonce}:'+$p.ExitCode+':'+(&$r $o)+':'+(&$r $e)+':{nonce}');\
         Remove-Item $o,$e"
    );
    let utf16: Vec<u8> = script.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut line = "powershell.exe -NoProfile -NonInteractive -EncodedCommand ".to_owned();
    STANDARD.encode_string(utf16, &mut line);
    if line.len() > WINDOWS_LINE {
        let reason = format!(
            "`params.command` makes a command line of {} characters when captured, but Windows \
             takes at most {WINDOWS_LINE}",
            line.len()
        );
        return Err(Error::new(ErrorKind::InvalidRequest, reason)
            .with_advice("put the command into a file in the guest, or run it without capture"));
    }
    Ok(line)
}

/// A command's end: exit code and both streams, octet for octet.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Captured {
    /// The exit code; on Linux 128 and the number of the signal that ended the command.
    pub exit_code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Captured {
    /// True if the command exited with 0.
    pub fn success(&self) -> bool {
        self.exit_code == 0
    }

    /// Finds the line of `nonce` in an answer's text.
    fn find(stream: &str, nonce: &str) -> Option<Self> {
        let (_, rest) = stream.split_once(&format!("{MARK}:{nonce}:"))?;
        let (line, _) = rest.split_once(&format!(":{nonce}"))?;
        let mut parts = line.split(':');
        let captured = Self {
            exit_code: parts.next()?.parse().ok()?,
            stdout: STANDARD.decode(parts.next()?).ok()?,
            stderr: STANDARD.decode(parts.next()?).ok()?,
        };
        parts.next().is_none().then_some(captured)
    }
}

/// Only sizes: output may be a secret.
impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured")
            .field("exit_code", &self.exit_code)
            .field("stdout", &format_args!("{} bytes", self.stdout.len()))
            .field("stderr", &format_args!("{} bytes", self.stderr.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const NONCE: &str = "0123456789abcdef0123456789abcdef";

    /// Runs what would be sent, with the shell of this machine as the guest's.
    fn captured(command: &str) -> Captured {
        let script = sh_script(command, NONCE);
        let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
        let stream = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.stderr, b"");
        let stream = format!("standardStream: {stream}, errorStream: ");
        Captured::find(&stream, NONCE).expect(&stream)
    }

    #[test]
    fn exit_code_and_streams_come_back_octet_for_octet() {
        let result = captured(r"printf 'a:b\0\377'; printf ', errorStream: ' >&2; exit 3");
        assert_eq!(result.exit_code, 3);
        assert_eq!(result.stdout, b"a:b\0\xff");
        assert_eq!(result.stderr, b", errorStream: ");
        assert_eq!(captured("kill -9 $$").exit_code, 137);
        assert_eq!(captured("cat").stdout, b"", "standard input is empty");
        assert_eq!(captured("no-such-command-here").exit_code, 127);
    }

    #[test]
    fn any_text_is_a_command() {
        for text in ["it's", "a\nb", r#"$HOME `x` "q" \"#, "'", "''\u{27}'", "你好", "%s %d", "!h"]
        {
            let quoted = text.replace('\'', r"'\''");
            let result = captured(&format!("printf %s '{quoted}'"));
            assert_eq!(String::from_utf8(result.stdout).unwrap(), text);
        }
        assert_eq!(captured("true # a comment").exit_code, 0);
        assert_eq!(captured("if true; then\n  exit 4\nfi").exit_code, 4);
    }

    #[test]
    fn a_line_that_was_cut_is_no_result() {
        for stream in [
            "",
            "guestexec:other:0:::other",
            &format!("guestexec:{NONCE}:0:YQ==:"),
            &format!("guestexec:{NONCE}:0:YQ:Y:{NONCE}"),
            &format!("guestexec:{NONCE}:x:::{NONCE}"),
            &format!("guestexec:{NONCE}:0:::::{NONCE}"),
            &format!("YQ==::{NONCE}"),
        ] {
            assert_eq!(Captured::find(stream, NONCE), None, "{stream}");
        }
        let whole = format!("noise guestexec:{NONCE}:-1:YQ==::{NONCE}, errorStream: x");
        assert_eq!(Captured::find(&whole, NONCE).unwrap().exit_code, -1);
    }

    #[test]
    fn the_windows_line_holds_the_script_and_is_bounded() {
        let command = r#"dir "C:\Program Files""#;
        for shell in [Shell::Cmd, Shell::PowerShell] {
            let line = windows_line(command, shell, NONCE).unwrap();
            let encoded = line.rsplit(' ').next().unwrap();
            let units: Vec<u16> = STANDARD
                .decode(encoded)
                .unwrap()
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect();
            let script = String::from_utf16(&units).unwrap();
            assert!(script.contains(&STANDARD.encode(command)), "{script}");
            assert!(script.contains(&format!("'{MARK}:{NONCE}:'")), "{script}");
        }
        let error = windows_line(&"x".repeat(4_000), Shell::Cmd, NONCE).unwrap_err();
        assert!(error.to_string().contains("at most 8191"), "{error}");
    }
}
