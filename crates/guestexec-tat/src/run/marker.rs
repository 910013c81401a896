//! Marks scripts with blanks at the end of their last line, so that each run can be found again.

use std::time::UNIX_EPOCH;

use guestexec_core::{Base64, Mark};
use sha2::{Digest as _, Sha256};

use super::command::{Command, Kind};
use crate::{Client, enums::CommandType, types::RunCommandRequest};

/// Spaces and tabs of a marker, one a bit.
const BITS: usize = 64;
/// Longest script the service takes, in bytes.
const LONGEST_SCRIPT: usize = *RunCommandRequest::CONTENT_LENGTH.end() / 4 * 3;

/// Words of scripts that may read their own text, or text at their end.
const SELF_READING: [&str; 13] = [
    "$0", "${0", "BASH_SOURCE", "BASH_ARGV0", "/dev/fd", "/proc/", "<<",
    // PowerShell: the script, its folder and its callers; `--%` takes the rest of a line as it is.
    "MyInvocation", "PSCommandPath", "PSScriptRoot", "PSCallStack", "ScriptBlock", "--%",
];

/// The blanks that mark the script of one call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Marker(String);

impl Marker {
    /// Makes a marker for a call that starts `command` on `instances`; none where it might matter.
    ///
    /// It is a hash of the time, of the call's number, and of what is run where. So it is unique enough,
    /// and snapshots under a clock that stands still do not change.
    pub(super) fn of(client: &Client, command: &Command, instances: &[String]) -> Option<Self> {
        let Kind::Script(script) = &command.kind else { return None };
        let bat = script.command_type == Some(CommandType::Bat);
        if !script.marked || script.save || bat || !takes_blanks(&script.content) {
            return None;
        }
        let shared = &client.inner.shared;
        let number = shared.begun.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let time = client.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut hash = Sha256::new();
        hash.update(time.as_nanos().to_le_bytes());
        hash.update(number.to_le_bytes());
        hash.update(script.content.as_bytes());
        for id in instances {
            hash.update(id.as_bytes());
            hash.update([0]);
        }
        let hash = hash.finalize();
        let bit = |n: usize| if hash[n / 8] >> (n % 8) & 1 == 0 { ' ' } else { '\t' };
        Some(Self((0..BITS).map(bit).collect()))
    }

    /// The mark by which a shape replaces it.
    pub(super) fn mark(&self) -> Mark {
        Mark::Marker(self.0.clone())
    }

    /// Adds the marker to the last line, so that line numbers stay the same.
    pub(super) fn added_to(&self, script: &Base64) -> Base64 {
        let script = script.as_bytes();
        let (lines, end) = match script.split_last() {
            Some((b'\n', lines)) => (lines, &script[lines.len()..]),
            _ => (script, &[][..]),
        };
        [lines, self.0.as_bytes(), end].concat().into()
    }

    /// Whether a script ends with this marker.
    pub(super) fn ends(&self, script: &[u8]) -> bool {
        script.strip_suffix(b"\n").unwrap_or(script).ends_with(self.0.as_bytes())
    }

    /// Whether a script ends with any marker.
    #[inline]
    pub(super) fn any(script: &[u8]) -> bool {
        let script = script.strip_suffix(b"\n").unwrap_or(script);
        script.iter().rev().take_while(|b| matches!(b, b' ' | b'\t')).count() >= BITS
    }
}

/// Whether a script ignores blanks at the end of its last line.
fn takes_blanks(script: &Base64) -> bool {
    let bytes = script.as_bytes();
    if script.is_malformed() || bytes.is_empty() || bytes.len() + BITS > LONGEST_SCRIPT {
        return false;
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    // Older agents obey the first line in any language.
    let other_language = text.starts_with("#!")
        && !text.lines().next().is_some_and(|line| line.trim_end().ends_with("sh"));
    // A backslash or a backtick at the end escapes the newline, and would escape the blank instead.
    // Blanks after a carriage return begin a new line in PowerShell.
    let last = text.strip_suffix('\n').unwrap_or(text);
    let open = last.ends_with(['\\', '`', '\r']) || text.contains('\0');
    let reads_itself = SELF_READING.iter().any(|words| text.contains(words));
    !other_language && !open && !reads_itself && !shows_itself(text)
}

/// Whether the shell may print each line it reads: `set -v`, `set -euo verbose`, `shopt -so verbose`,
/// or a `set` whose options are only known when it runs.
fn shows_itself(text: &str) -> bool {
    let ends_command = |c: char| matches!(c, '\n' | ';' | '&' | '|' | '(' | ')' | '{' | '}' | '`');
    text.split(ends_command).any(|command| {
        let quote = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\');
        let mut words = command.split(quote).filter(|word| !word.is_empty());
        words.any(|word| matches!(word, "set" | "shopt"))
            && words.any(|word| {
                word == "verbose"
                    || word.contains('$')
                    || word.strip_prefix('-').is_some_and(|options| options.contains('v'))
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_that_read_themselves_stay_as_they_are() {
        for script in [
            "uptime",
            "#!/bin/bash\necho hi\n",
            "Get-Date",
            "set -euo pipefail\ncp -v a b",
            "curl --verbose x",
            "offset -v",
        ] {
            assert!(takes_blanks(&script.into()), "{script}");
        }
        for script in [
            "",
            "tail -n 3 \"$0\"",
            "cat <<EOF\nhi",
            "#!/usr/bin/perl\nprint while <DATA>;\n__END__",
            "echo \\",
            "echo \\\n",
            "Get-Date `\n",
            "echo hi\r\n",
            "a\0b",
            "set -v; echo hi",
            "set -euxv\necho hi\n",
            "set +x -v",
            "set -e -o verbose",
            "true && set -o pipefail -o verbose",
            "(set -eo 'verbose')",
            "eval \"set -v\"",
            "shopt -s -o verbose",
            "set $options",
            "set -${options}",
            "Get-Content $PSCommandPath",
            "Get-Content (Join-Path $PSScriptRoot '*.ps1')",
            "(Get-PSCallStack)[0].ScriptName",
            "cat /dev/fd/255",
            "icacls --% c:\\x",
        ] {
            assert!(!takes_blanks(&script.into()), "{script}");
        }
        assert!(!takes_blanks(&b"\xff".into()));
        assert!(takes_blanks(&vec![b'#'; LONGEST_SCRIPT - BITS].into()));
        assert!(!takes_blanks(&vec![b'#'; LONGEST_SCRIPT - BITS + 1].into()));
        assert!(!takes_blanks(&Base64::from_encoded("!!")));
    }

    #[test]
    fn line_numbers_stay_the_same() {
        let marker = Marker(" \t".repeat(BITS / 2));
        for script in ["echo hi", "echo hi\n", "if true; then\n", "a\n\n", "\n"] {
            let added = marker.added_to(&script.into());
            let text = added.to_text_lossy().into_owned();
            assert_eq!(text.replace(&marker.0, ""), script, "{script:?}");
            assert_eq!(text.lines().count(), script.lines().count(), "{script:?}");
            assert!(marker.ends(added.as_bytes()) && Marker::any(added.as_bytes()), "{script:?}");
            assert!(!marker.ends(script.as_bytes()) && !Marker::any(script.as_bytes()));
            let own = Marker("\t".repeat(BITS));
            assert!(!own.ends(added.as_bytes()), "{script:?}");
        }
    }

    /// A shell's output must be the same to the byte.
    #[cfg(unix)]
    #[test]
    fn shells_ignore_the_blanks() {
        let folder = std::env::temp_dir().join(format!("guestexec-marker-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("script.sh");
        let run = |shell: &str, script: &[u8]| {
            std::fs::write(&path, script).unwrap();
            let ran = std::process::Command::new(shell).arg(&path).output();
            ran.map(|ran| (ran.status.code(), ran.stdout, ran.stderr)).ok()
        };
        let marker = Marker(" \t\t ".repeat(BITS / 4));
        let scripts = [
            "echo hi",
            "echo hi # and no more",
            "if true; then",
            "while :; do\n  echo a\n",
            "echo \"open",
            "(echo a",
            "case x in",
            "f() {",
            "echo $(date",
            "echo a &&",
            "echo one\nfi\necho two",
            "echo $LINENO; nosuchcommand",
            "set -x\necho hi\nexit 3",
            "set -v; echo hi",
            "trap 'echo $LINENO' EXIT",
            "alias ll='ls '\nll /nowhere",
            "a=\necho \"$a|\"",
            "printf %s a\\",
            "echo ${x?unset}",
        ];
        for script in scripts.map(str::to_owned).iter().flat_map(|s| [s.clone(), format!("{s}\n")])
        {
            let sent = script.as_str().into();
            if takes_blanks(&sent) {
                for shell in ["bash", "sh"] {
                    let marked = run(shell, marker.added_to(&sent).as_bytes());
                    assert_eq!(marked, run(shell, sent.as_bytes()), "{shell}: {script}");
                }
            }
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
