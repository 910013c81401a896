//! `guestexec zstack`: commands in many VMs, detached ones, lists.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod common;

use common::{
    Ended, Place,
    many::{json, objects, plain, sorted, try_examples},
};
use insta::assert_snapshot;

/// What differs from VM to VM: the sandbox numbers their home directories.
const EACH: &str = "case $(basename \"$PWD\") in \
    0) echo fine; printf unfinished >&2;; 1) echo wrong >&2; exit 3;; 2) kill -9 $$;; esac";

fn place() -> Place {
    Place::with(|builder| builder.seed(7).zstack_vms(3))
}

fn vm(place: &Place) -> String {
    place.sandbox.zstack().vm_uuid().to_owned()
}

fn detached(place: &Place, line: &str) -> String {
    let ended = place.run(line);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended}");
    ended.stdout.trim().to_owned()
}

fn shown(ended: &Ended) -> String {
    plain(&ended.to_string())
}

#[test]
fn many_vms_fail_in_every_way() {
    let place = place();
    let line = format!("zstack exec --name vm_% -- '{EACH}'");
    assert_snapshot!("many_text", sorted(&place.run(&line)));
    let ended = place.run(&format!("--output json {line}"));
    assert_snapshot!("many_json", json(&ended.stdout));
    assert_eq!((ended.code, &*ended.stderr), (Some(1), ""));
    let ended = place.run(&format!("--output jsonl {line}"));
    assert_snapshot!("many_jsonl", json(&ended.stdout));
    let running = place.run("zstack exec --running --concurrency 1 -- 'echo here'");
    assert_snapshot!("running", sorted(&running));
    // UUIDs that were named are labels themselves.
    let uuid = vm(&place);
    let other = "0".repeat(32);
    let ended = place.run(&format!("zstack exec {uuid} {other} {uuid} -- 'echo here'"));
    assert_snapshot!("named", sorted(&ended));
    let list = place.home.path().join("list");
    std::fs::write(&list, format!("{uuid} # the first\n")).unwrap();
    let ended = place.run(&format!("zstack exec --targets-from {} -- 'echo here'", list.display()));
    assert_snapshot!("targets_from", sorted(&ended));
}

#[test]
fn a_detached_command_has_its_result_later() {
    for jobs in [false, true] {
        let place = Place::with(|builder| builder.seed(7).zstack_jobs(jobs));
        let vm = vm(&place);
        let go = place.home.path().join("go");
        let wait = format!("while [ ! -e {} ]; do sleep 0.1; done", go.display());
        let line = format!("zstack exec --detach {vm} -- '{wait}; echo out; echo err >&2; exit 9'");
        // It comes back before the command ends.
        let job = detached(&place, &line);
        let early = place.run(&format!("zstack result --no-wait {job}"));
        assert_eq!((early.code, &*early.stdout), (Some(125), ""), "{early}");
        assert!(early.stderr.contains(&format!("`guestexec zstack result {job}`")), "{early}");
        std::fs::write(&go, "").unwrap();
        let ended = place.run(&format!("zstack result {job}"));
        assert_eq!(
            (ended.code, &*ended.stdout, &*ended.stderr),
            (Some(9), "out\n", "err\n"),
            "{ended}"
        );
        // The id is no argument that others see.
        let ended = place.run_with("zstack result -", format!("{job}\n").as_bytes());
        assert_eq!((ended.code, &*ended.stdout), (Some(9), "out\n"), "{ended}");
        let ended = place.run(&format!("--output json zstack result {job}"));
        assert_snapshot!("result_json", json(&ended.stdout));
    }
    let place = place();
    let ended = place.run("--output json zstack exec --running --detach -- true");
    assert_snapshot!("detached_json", json(&ended.stdout));
    let ended = place.run("zstack exec --running --detach -- true");
    assert_eq!(ended.stdout.lines().count(), 4, "{ended}");
    let ended = place.run(&format!("zstack exec --detach {} -- true", "0".repeat(32)));
    assert_snapshot!("detached_refused", shown(&ended));
}

#[test]
fn typing_errors_are_told_with_the_way_on() {
    let place = place();
    let mut all = String::new();
    for line in [
        "zstack exec web-1 -- true",
        "zstack exec 00000000000000000000000000000000 -- true",
        "zstack exec --name no-such-name -- true",
        "zstack exec -- true",
        "zstack exec --name x 00000000000000000000000000000000 -- true",
        "zstack exec --concurrency 0 --running -- true",
        "zstack exec --targets-from /dev/null -- true",
        "zstack result 00000000000000000000000000000000",
        "zstack result web-1",
    ] {
        let ended = place.run(line);
        assert_eq!((ended.code, &*ended.stdout), (Some(125), ""), "{line}\n{ended}");
        all += &format!("$ guestexec {line}\n{}\n", plain(&ended.stderr));
    }
    assert_snapshot!("typing_errors", all);
}

#[test]
fn a_command_beyond_its_time_is_told_with_its_job() {
    let place = place();
    let ended = place.run(&format!("zstack exec --timeout 1s {} -- 'sleep 5'", vm(&place)));
    assert_snapshot!("late", shown(&ended));
}

#[test]
fn a_lost_command_is_told_with_its_job() {
    let place = Place::with(|builder| {
        let fault = "zstack.ExecuteGuestVmCommand:lose-answer".parse().unwrap();
        builder.fault(fault).zstack_job_life(std::time::Duration::ZERO)
    });
    let ended = place.run(&format!("zstack exec {} -- true", vm(&place)));
    assert_snapshot!("lost", shown(&ended));
}

#[test]
fn missing_output_and_other_encodings() {
    let place = place();
    let vm = vm(&place);
    let cut = place.run(&format!("zstack exec {vm} -- 'yes é | head -c 900000'"));
    assert_eq!(cut.code, Some(0));
    assert_snapshot!("cut", cut.stderr);
    let script = r"printf '\304\343'; printf '\272\303' >&2";
    let ended = place.run(&format!("zstack exec --encoding gbk {vm} -- \"{script}\""));
    assert_eq!((&*ended.stdout, &*ended.stderr), ("你", "好"));
}

#[test]
fn lists() {
    let place = place();
    assert_snapshot!("vms", shown(&place.run("zstack vms")));
    let some =
        place.run("--output jsonl zstack vms --running --name vm_% --where name=vm_1").stdout;
    assert_eq!(objects(&some).len(), 1, "{some}");
    assert_eq!(place.sandbox.zstack().sessions(), 0);
}

#[test]
fn the_help_shows_examples() {
    let place = place();
    for name in ["exec", "result"] {
        let ended = place.run(&format!("zstack {name} --help"));
        assert!(ended.stdout.contains(&format!("  guestexec zstack {name}")), "{ended}");
        try_examples(&place, &ended.stdout);
    }
    let help = place.run("zstack exec --help").stdout;
    // What follows is the same for all commands.
    let (own, _) = help.split_once("\nConnection:").unwrap();
    assert_snapshot!("help_exec", own);
}
