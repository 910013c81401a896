//! Commands start with each signal at its default, also if this process ignores some, as under `nohup`.
//!
//! A process hands on to its children what it ignores, and not what it handles. So each of those signals gets a handler
//! that does nothing: this process goes on as if it ignored them, and its children start anew.

use std::fs;

#[cfg(target_os = "linux")]
use rustix::process::Signal;

/// The signals that end a process by default. Those that stop one stay ignored, since a terminal treats a process that
/// handles them in another way; Rust itself resets SIGPIPE.
#[cfg(target_os = "linux")]
const RESET: [Signal; 11] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::ALARM,
    Signal::USR1,
    Signal::USR2,
    Signal::XCPU,
    Signal::XFSZ,
    Signal::VTALARM,
    Signal::PROF,
];

/// Keeps what this process ignores from its children. What cannot be kept from them is handed on.
#[cfg(target_os = "linux")]
pub(crate) fn keep_from_children() {
    use tokio::signal::unix::{SignalKind, signal};

    let ignored = ignored();
    for number in RESET.map(Signal::as_raw).into_iter().filter(|number| has(ignored, *number)) {
        // The handler outlives this listener, and nobody needs to hear of the signal.
        _ = signal(SignalKind::from_raw(number));
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn keep_from_children() {}

/// Whether this process was started to ignore a signal: `nohup` asks for that, and a shell without job control for what
/// runs in the background. Only Linux tells.
pub fn is_ignored(signal: i32) -> bool {
    has(ignored(), signal)
}

/// The set of ignored signals: the first is the lowest bit.
fn ignored() -> u64 {
    ignored_in(&fs::read_to_string("/proc/self/status").unwrap_or_default())
}

/// That in the text of `/proc/…/status`; no signal where it says nothing of them.
fn ignored_in(status: &str) -> u64 {
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or_default()
}

fn has(set: u64, number: i32) -> bool {
    u32::try_from(number - 1).is_ok_and(|bit| set.checked_shr(bit).is_some_and(|set| set & 1 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_ignores_is_read_of_its_status() {
        let set = ignored_in("Name:\tx\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001003\n");
        let numbers: Vec<i32> = (-1..70).filter(|number| has(set, *number)).collect();
        assert_eq!(numbers, [1, 2, 13]);
        for text in ["", "SigIgn:", "SigIgn:\tx", "SigIgn:\t10000000000000000"] {
            assert_eq!(ignored_in(text), 0, "{text}");
        }
        assert!(!has(u64::MAX, 0) && !has(u64::MAX, 65));
    }
}
