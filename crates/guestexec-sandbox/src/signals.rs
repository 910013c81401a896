//! Commands start with each signal at its default, also if this process ignores some, as under `nohup`.
//!
//! A process hands on to its children what it ignores, and not what it handles. So each of those signals gets a handler
//! that does nothing: this process goes on as if it ignored them, and its children start anew.

#[cfg(target_os = "linux")]
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

    let ignored = fs::read_to_string("/proc/self/status").ok().and_then(|text| ignored(&text));
    let ignored = ignored.unwrap_or_default();
    for number in RESET.map(Signal::as_raw).into_iter().filter(|number| has(ignored, *number)) {
        // The handler outlives this listener, and nobody needs to hear of the signal.
        _ = signal(SignalKind::from_raw(number));
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn keep_from_children() {}

/// The set of ignored signals in the text of `/proc/…/status`.
#[cfg(target_os = "linux")]
fn ignored(status: &str) -> Option<u64> {
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(set.trim(), 16).ok()
}

#[cfg(target_os = "linux")]
fn has(set: u64, number: i32) -> bool {
    u32::try_from(number - 1).is_ok_and(|bit| set.checked_shr(bit).is_some_and(|set| set & 1 == 1))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_set_of_ignored_signals_is_read() {
        let set =
            ignored("Name:\tx\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001003\n").unwrap();
        let numbers: Vec<i32> = (-1..70).filter(|number| has(set, *number)).collect();
        assert_eq!(numbers, [1, 2, 13]);
        for text in ["", "SigIgn:", "SigIgn:\tx", "SigIgn:\t10000000000000000"] {
            assert_eq!(ignored(text), None, "{text}");
        }
    }
}
