//! Blanks after the end of a script, by which a run can be told from every other.

use std::time::UNIX_EPOCH;

use guestexec_core::Base64;
use sha2::{Digest as _, Sha256};

use super::command::{Command, Kind};
use crate::{Client, enums::CommandType};

/// Spaces and tabs of a marker, one a bit.
const BITS: usize = 64;
/// Longest script the service takes, in octets.
const LONGEST_SCRIPT: usize = 49_152;

/// What a script may say that makes its end, or its own text, matter.
const SELF_READING: [&str; 6] = ["$0", "${0", "BASH_SOURCE", "MyInvocation", "<<", "/proc/"];

/// The blanks that mark one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker(String);

impl Marker {
    /// A marker for a call that starts `command` on `instances`; none where it might matter.
    ///
    /// It is a hash of the time, of the call's number, and of what is run where: unique enough, and
    /// the same again under a clock that stands still.
    pub(super) fn of(client: &Client, command: &Command, instances: &[String]) -> Option<Self> {
        let Kind::Script(script) = &command.kind else { return None };
        let bat = script.command_type == Some(CommandType::Bat);
        if !script.marked || script.save || bat || !takes_blanks(&script.content) {
            return None;
        }
        let shared = client.inner.shared();
        let number = shared.begun.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let time = client.inner.now().duration_since(UNIX_EPOCH).unwrap_or_default();
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

    pub(super) fn added_to(&self, script: &Base64) -> Base64 {
        let mut octets = Vec::with_capacity(script.as_bytes().len() + 1 + BITS);
        octets.extend_from_slice(script.as_bytes());
        octets.push(b'\n');
        octets.extend_from_slice(self.0.as_bytes());
        octets.into()
    }

    /// Whether a script ends with it.
    pub(super) fn ends(&self, script: &[u8]) -> bool {
        script.ends_with(self.0.as_bytes())
    }

    /// Whether a script ends with anyone's.
    pub(super) fn any(script: &[u8]) -> bool {
        let blanks = script.iter().rev().take_while(|b| matches!(b, b' ' | b'\t')).count();
        blanks == BITS && script.len() > BITS && script[script.len() - BITS - 1] == b'\n'
    }
}

/// Whether blanks after its end mean nothing to a script.
fn takes_blanks(script: &Base64) -> bool {
    let octets = script.as_bytes();
    if script.is_malformed() || octets.is_empty() || octets.len() + 1 + BITS > LONGEST_SCRIPT {
        return false;
    }
    let Ok(text) = std::str::from_utf8(octets) else { return false };
    // Agents of old ran a script by its first line, whatever language that names.
    let other_language = text.starts_with("#!")
        && !text.lines().next().is_some_and(|line| line.trim_end().ends_with("sh"));
    // A backslash or a backtick at the end would join the line that follows.
    let open = text.ends_with(['\\', '`']) || text.contains('\0');
    !other_language && !open && !SELF_READING.iter().any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_that_read_themselves_stay_as_they_are() {
        for script in ["uptime", "#!/bin/bash\necho hi\n", "Get-Date"] {
            assert!(takes_blanks(&script.into()), "{script}");
        }
        for script in [
            "",
            "tail -n 3 \"$0\"",
            "cat <<EOF\nhi",
            "#!/usr/bin/perl\nprint while <DATA>;\n__END__",
            "echo \\",
            "a\0b",
        ] {
            assert!(!takes_blanks(&script.into()), "{script}");
        }
        assert!(!takes_blanks(&b"\xff".into()));
        assert!(!takes_blanks(&vec![b'#'; LONGEST_SCRIPT - BITS].into()));
        assert!(!takes_blanks(&Base64::from_encoded("!!")));
    }
}
