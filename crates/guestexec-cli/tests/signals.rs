//! What Ctrl-C and `kill` do to commands that run elsewhere.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod common;

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use common::{
    Ended, Place,
    many::{json, plain, sorted},
    words,
};
use insta::assert_snapshot;

/// After this time, a test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

fn place() -> Place {
    Place::with(|builder| builder.seed(7).tat_instances(2).zstack_vms(2))
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "{what} did not happen");
        sleep(Duration::from_millis(20));
    }
}

/// A command that shows by a file that it has begun, and one of the machine's number.
fn begun(place: &Place) -> (PathBuf, String) {
    let folder = place.home.path().join("begun");
    std::fs::create_dir_all(&folder).unwrap();
    let script = format!("touch {}/$(basename \"$PWD\"); sleep 60", folder.display());
    (folder, script)
}

fn count(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

fn start(place: &Place, line: &str) -> Child {
    let mut command = place.command(words(line));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn send(signal: &str, child: &Child) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
}

fn end(child: Child) -> Ended {
    common::ended(child.wait_with_output().unwrap())
}

/// Runs a line, sends a signal once the command has begun on so many machines, and gives the end.
fn interrupted(place: &Place, line: &str, machines: usize, signal: &str) -> Ended {
    let (folder, script) = begun(place);
    let child = start(place, &format!("{line} -- '{script}'"));
    wait_for("the begin", || count(&folder) == machines);
    send(signal, &child);
    let ended = end(child);
    std::fs::remove_dir_all(folder).unwrap();
    ended
}

#[test]
fn a_script_is_cancelled() {
    let place = place();
    let one = interrupted(&place, "tat run ins-zj0f57ew", 1, "-INT");
    assert_snapshot!("tat_one", plain(&one.to_string()));
    let many = interrupted(&place, "tat run ins-zj0f57ew ins-zj0f57ex", 2, "-TERM");
    assert_snapshot!("tat_many", sorted(&many));
    let in_json = "--output json tat run ins-zj0f57ew ins-zj0f57ex";
    let ended = interrupted(&place, in_json, 2, "-HUP");
    assert_eq!(ended.code, Some(129), "{ended}");
    assert_snapshot!("tat_json", json(&ended.stdout));
    let runs = place.run("--output jsonl tat status").stdout;
    assert_eq!(runs.matches("\"status\":\"CANCELLED\"").count(), 3, "{runs}");
}

/// `nohup` starts a program so, and a shell without job control what runs in the background.
#[test]
fn a_signal_that_is_ignored_ends_nothing() {
    let place = place();
    for signal in ["HUP", "INT"] {
        let (folder, script) = begun(&place);
        let (end_it, script) = (folder.join("end"), script.replace("sleep 60", "cd /"));
        let wait = format!("{script}; until test -e {}; do sleep 0.1; done", end_it.display());
        let own = place.command(words(&format!("tat run ins-zj0f57ew -- '{wait}'")));
        let mut command = Command::new("sh");
        command.args(["-c", &format!("trap '' {signal}; exec \"$@\""), "sh"]);
        command.arg(own.get_program()).args(own.get_args());
        command.env_clear().envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        wait_for("the begin", || count(&folder) == 1);
        send(&format!("-{signal}"), &child);
        std::fs::write(end_it, "").unwrap();
        let ended = end(child);
        assert_eq!(ended.code, Some(0), "{signal}: {ended}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn a_wait_for_a_detached_run_ends_and_the_run_goes_on() {
    let place = place();
    let id = place.run("tat run --detach ins-zj0f57ew -- 'sleep 60'").stdout;
    let child = start(&place, &format!("--verbose tat output {}", id.trim()));
    // It polls once it has listed the instances.
    sleep(Duration::from_secs(1));
    send("-INT", &child);
    let ended = end(child);
    assert_eq!(ended.code, Some(130), "{ended}");
    assert!(ended.stderr.contains(&format!("`guestexec tat cancel {}`", id.trim())), "{ended}");
    let status = place.run(&format!("tat status {}", id.trim())).stdout;
    assert!(status.contains("RUNNING"), "{status}");
}

#[test]
fn a_command_of_zstack_goes_on_and_its_result_is_there() {
    let place = place();
    let vm = place.sandbox.zstack().vm_uuid().to_owned();
    let one = interrupted(&place, &format!("zstack exec {vm}"), 1, "-INT");
    assert_snapshot!("zstack_one", plain(&one.to_string()));
    let (_, resume) = one.stderr.split_once("`guestexec ").unwrap();
    let (resume, _) = resume.split_once('`').unwrap();
    let ended = place.run(&format!("{resume} --no-wait"));
    assert!(ended.stderr.contains("was started, but its end was not seen"), "{ended}");
    // What has not begun is not begun.
    let many = interrupted(&place, "zstack exec --name vm_% --concurrency 1", 1, "-TERM");
    assert_eq!(many.code, Some(143), "{many}");
    assert!(many.stderr.contains("SIGTERM came before the command was started"), "{many}");
}

#[test]
fn a_closed_pipe_ends_it_as_a_signal_does() {
    let place = place();
    // The first speaks, the other goes on.
    let script = "[ $(basename \"$PWD\") = 1 ] && sleep 60; echo here";
    let mut child = start(&place, &format!("tat run ins-zj0f57ew ins-zj0f57ex -- '{script}'"));
    drop(child.stdout.take());
    let ended = end(child);
    assert_eq!(ended.code, Some(141), "{ended}");
    let told = "guestexec: nobody reads the output any more: the run was cancelled\n";
    assert_eq!(ended.stderr, told);
    let runs = || place.run("--output jsonl tat status").stdout;
    wait_for("the end", || !runs().contains("RUNNING") && !runs().contains("CANCELLING"));
    let vm = place.sandbox.zstack().vm_uuid().to_owned();
    let line = format!("zstack exec --name vm_% -- '{script}'");
    let mut child = start(&place, &line);
    drop(child.stdout.take());
    let ended = end(child);
    assert_eq!(ended.code, Some(141), "{ended}");
    assert!(!ended.stderr.contains(&vm), "{ended}");
    assert!(ended.stderr.contains("any more, and the command goes on"), "{ended}");
}

#[test]
fn output_that_nobody_reads_keeps_no_signal_away() {
    let place = place();
    let line = "tat run --output-bucket https://logs-1250000000.cos.ap-guangzhou.myqcloud.com \
                --full-output ins-zj0f57ew ins-zj0f57ex -- 'yes | head -c 1000000'";
    let child = start(&place, line);
    // The pipe is full by then.
    let status = || place.run("--output jsonl tat status").stdout;
    wait_for("the end", || status().contains("\"status\":\"SUCCESS\""));
    sleep(Duration::from_secs(1));
    send("-INT", &child);
    let mut child = child;
    let mut code = None;
    wait_for("the end of the program", || {
        code = child.try_wait().unwrap();
        code.is_some()
    });
    assert_eq!(code.unwrap().code(), Some(130));
}
