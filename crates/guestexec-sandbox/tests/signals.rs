//! Commands start with every signal at its default, however the sandbox's own process was started.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::{env, fs, process::Command};

use guestexec_cci::TerminalSize;
use guestexec_sandbox::Sandbox;
use rustix::process::{Signal, getpid, kill_process};

const READ: &str = "grep SigIgn: /proc/self/status";
/// The variable of a process that was started with ignored signals.
const STARTED: &str = "GUESTEXEC_TEST_IGNORES";

/// Those of the signals that end a process which are in the text of `/proc/self/status`.
fn ignored(status: &str) -> Vec<Signal> {
    let set = status.lines().find_map(|line| line.trim().strip_prefix("SigIgn:")).unwrap();
    let set = u64::from_str_radix(set.trim(), 16).unwrap();
    let all = [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::ALARM];
    let more = [Signal::USR1, Signal::USR2, Signal::XCPU, Signal::XFSZ, Signal::VTALARM];
    let all = all.into_iter().chain(more).chain([Signal::PROF]);
    all.filter(|signal| set >> (signal.as_raw() - 1) & 1 == 1).collect()
}

/// What [`commands_start_with_default_signals`] starts, in a process that ignores signals.
#[tokio::test]
async fn in_a_process_that_ignores_signals() {
    if env::var_os(STARTED).is_none() {
        return;
    }
    let own = fs::read_to_string("/proc/self/status").unwrap();
    assert_eq!(ignored(&own).len(), 11, "{own}");
    let sandbox = Sandbox::start().await.unwrap();

    let tat = sandbox.tat();
    let run = tat.client().unwrap();
    let run = run.instances([&tat.instances()[0]]).run(READ).await.unwrap();
    assert_eq!(ignored(&run.results()[0].output_lossy()), []);

    let zstack = sandbox.zstack();
    let output = zstack.client().unwrap().vm(zstack.vm_uuid()).run(READ).await.unwrap();
    assert_eq!(ignored(&output.stdout_lossy()), []);

    let client = sandbox.cci().client().unwrap();
    let pod = client.pod("default", "demo");
    let read = ["sh", "-c", READ];
    assert_eq!(ignored(&pod.exec(read).output().await.unwrap().stdout_lossy()), []);
    let terminal = pod.exec(read).tty(TerminalSize { width: 80, height: 24 });
    assert_eq!(ignored(&terminal.output().await.unwrap().stdout_lossy()), []);
    let hung_up = pod.exec(["sh", "-c", "kill -HUP $$; echo survived"]).output().await.unwrap();
    assert_eq!((hung_up.exit_code(), hung_up.stdout_lossy().trim()), (Some(129), ""));

    // This process itself goes on ignoring them.
    for signal in [Signal::HUP, Signal::INT, Signal::QUIT, Signal::USR1] {
        kill_process(getpid(), signal).unwrap();
    }
    println!("all was well");
}

#[test]
fn commands_start_with_default_signals() {
    // As under `nohup … &`, and by programs that ignore more.
    let mut this = Command::new("sh");
    this.args([
        "-c",
        "trap '' HUP INT QUIT TERM ALRM USR1 USR2 XCPU XFSZ VTALRM PROF; exec \"$0\" \"$@\"",
    ]);
    this.arg(env::current_exe().unwrap());
    this.args(["--exact", "in_a_process_that_ignores_signals", "--nocapture"]);
    let output = this.env(STARTED, "1").output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success() && said.contains("all was well"), "{said}");
}
