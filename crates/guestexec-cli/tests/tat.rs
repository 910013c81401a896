//! `guestexec tat`: scripts on many instances, detached runs, lists.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod common;

use common::{
    Ended, Place,
    many::{json, objects, plain, sorted, try_examples},
};
use guestexec_sandbox::{Builder, TatAgents};
use insta::assert_snapshot;

/// What differs from instance to instance: the sandbox numbers their home directories.
const EACH: &str = "case $(basename \"$PWD\") in \
    0) echo fine; printf unfinished;; 1) echo wrong; exit 3;; 2) kill -9 $$;; 3) sleep 60;; esac";

fn place() -> Place {
    Place::with(|builder| builder.seed(7).tat_instances(4))
}

/// A place where requests go wrong.
fn faulty(faults: &[&str]) -> Place {
    Place::with(|builder| {
        let add = |builder: Builder, fault: &&str| builder.fault(fault.parse().unwrap());
        faults.iter().fold(builder.seed(7), add)
    })
}

/// All instances: four that are online, one Lighthouse, one that is offline, and one that does not exist.
fn everybody(place: &Place) -> String {
    let mut all = place.sandbox.tat().instances();
    all.push(place.sandbox.tat().offline_instance().to_owned());
    all.push("ins-zj0f57e0".to_owned());
    all.join(" ")
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
fn many_instances_fail_in_every_way() {
    let place = place();
    let line = format!("tat run {} --timeout 1s -- '{EACH}'", everybody(&place));
    assert_snapshot!("many_text", sorted(&place.run(&line)));
    let ended = place.run(&format!("--output json {line}"));
    assert_snapshot!("many_json", json(&ended.stdout));
    assert_eq!((ended.code, &*ended.stderr), (Some(1), ""));
    let ended = place.run(&format!("--output jsonl {line}"));
    // How often the service is polled meanwhile is chance.
    let events = objects(&ended.stdout).into_iter().filter(|event| event["event"] != "state");
    let events: String = events.map(|event| format!("{event}\n")).collect();
    assert_snapshot!("many_jsonl", json(&events));
    assert_eq!((ended.code, &*ended.stderr), (Some(1), ""));
    let quiet = place.run(&format!("--quiet {line}"));
    assert!(!quiet.stderr.contains("TARGET") && quiet.stderr.contains(" failed: "), "{quiet}");
}

#[test]
fn instances_are_left_out_where_that_is_wished() {
    let place = place();
    let line = format!("tat run {} --skip-offline -- 'echo here'", everybody(&place));
    assert_snapshot!("skip_offline", sorted(&place.run(&line)));
    assert_snapshot!("online", sorted(&place.run("tat run --online -- 'echo here'")));
}

#[test]
fn registered_machines_are_chosen_by_their_tags() {
    let place = Place::with(|builder| {
        let builder = builder.tat_tag("rins-aaaaaaaa", "team", "web");
        let builder = builder.tat_tag("rins-bbbbbbbb", "team", "web");
        let builder = builder.tat_tag("rins-bbbbbbbb", "stage", "test");
        builder.tat_tag("rins-cccccccc", "team", "data")
    });
    let run = |tags: &str| place.run(&format!("tat run {tags} -- 'echo here'"));
    assert_snapshot!("tagged", plain(&sorted(&run("--tag team=web"))));
    let both = run("--tag team=web --tag stage=test --online");
    assert_eq!(both.stdout, "rins-bbbbbbbb | here\n", "{both}");
    let executions = ["a", "b", "c"]
        .map(|letter| place.sandbox.tat().executions_on(&format!("rins-{}", letter.repeat(8))));
    assert_eq!(executions, [1, 2, 0]);
    assert_snapshot!("tagged_by_none", shown(&run("--tag team=none")));
}

#[test]
fn scripts_that_never_arrive_are_told() {
    let place = Place::with(|builder| builder.tat_agents(TatAgents::Unreachable));
    assert_snapshot!("undelivered", shown(&place.run("tat run ins-zj0f57ew -- true")));
}

#[test]
fn a_detached_run_is_seen_and_its_output_read() {
    let place = place();
    let script = "echo $(basename \"$PWD\"); [ $(basename \"$PWD\") = 0 ]";
    let on = "ins-zj0f57ew ins-zj0f57ex";
    let id = detached(&place, &format!("tat run --detach {on} -- '{script}'"));
    let output = place.run(&format!("tat output {id}"));
    assert_snapshot!("output", sorted(&output));
    // As `run` writes it.
    let run = place.run(&format!("tat run {on} -- '{script}'"));
    assert_eq!(sorted(&output), sorted(&run));
    assert_snapshot!("status", shown(&place.run(&format!("tat status {id}"))));
    let ended = place.run(&format!("--output json tat status {id}"));
    assert_snapshot!("status_json", plain(&ended.stdout));
    // The newest runs come first.
    let newest = detached(&place, "tat run --detach ins-zj0f57ew -- true");
    let runs = place.run("--output jsonl tat status --limit 1").stdout;
    assert!(runs.contains(&newest) || objects(&runs).len() == 1, "{runs}");
    assert_snapshot!("cancel_ended", shown(&place.run(&format!("tat cancel {id}"))));
    let one = detached(&place, "tat run --detach ins-zj0f57ew -- 'echo alone; exit 9'");
    let output = place.run(&format!("tat output {one}"));
    assert_eq!((output.code, &*output.stdout, &*output.stderr), (Some(9), "alone\n", ""));
    let both = place.run(&format!("tat output {one} {id}"));
    assert_eq!(both.code, Some(1), "{both}");
    assert_eq!(both.stdout.lines().count(), 3, "{both}");
    let ids = place.run(&format!("--output json tat run --detach {on} -- true")).stdout;
    assert_snapshot!("detached_json", plain(&ids));
    // Where it was not started is told at once.
    let ended = place.run(&format!("tat run --detach {} -- true", everybody(&place)));
    assert_eq!(ended.code, Some(1), "{ended}");
    assert_snapshot!("detached_refused", sorted(&ended));
}

#[test]
fn a_run_that_goes_on_is_named_and_cancelled() {
    let place = place();
    let id = detached(&place, "tat run --detach ins-zj0f57ew ins-zj0f57ex -- 'sleep 60'");
    assert_snapshot!("no_wait", sorted(&place.run(&format!("tat output --no-wait {id}"))));
    assert_snapshot!("status_running", {
        // One may be on its way still.
        shown(&place.run(&format!("tat status {id}"))).replace("DELIVERING", "RUNNING")
    });
    let short = place.run(&format!("tat output --wait 1s {id}"));
    assert_eq!(sorted(&short), sorted(&place.run(&format!("tat output --no-wait {id}"))));
    assert_snapshot!("cancel", shown(&place.run(&format!("tat cancel {id}"))));
    let ended = place.run(&format!("--output json tat output {id}"));
    assert_snapshot!("output_cancelled", json(&ended.stdout));
}

#[test]
fn a_lost_start_is_found_and_followed() {
    let place = faulty(&["tat.RunCommand:lose-answer=first:1"]);
    let ended = place.run("tat run ins-zj0f57ew -- 'echo once; exit 4'");
    assert_snapshot!("lost_start", shown(&ended));
    let place = faulty(&["tat.RunCommand:lose-answer", "tat.DescribeInvocationTasks:bad-gateway"]);
    let ended = place.run("--output text tat --retries 0 run ins-zj0f57ew -- 'echo once'");
    assert_snapshot!("unconfirmed", shown(&ended));
}

#[test]
fn typing_errors_are_told_with_the_way_on() {
    let place = place();
    let mut all = String::new();
    for line in [
        "tat output inv-nosuch00",
        "tat status inv-nosuch00",
        "tat cancel inv-nosuch00",
        "tat output ins-zj0f57ew",
        "tat status inv_1a2b3c4d",
        "tat run web-1 -- true",
        "tat run ins-nosuch00 -- true",
        "tat run --targets-from no-file -- true",
        "tat run --targets-from /dev/null -- true",
        "tat run --encoding gkb ins-zj0f57ew -- true",
        "tat run --param x ins-zj0f57ew -- true",
        "tat run --hidden-param s3cret ins-zj0f57ew -- true",
        "tat run --hidden-param key=s3cret ins-zj0f57ew -- true",
        "tat run --file no-file ins-zj0f57ew",
        "tat run --file - --targets-from -",
        "tat run --full-output ins-zj0f57ew -- true",
        "tat run --timeout 2x ins-zj0f57ew -- true",
        "tat run --timeout 48h ins-zj0f57ew -- true",
        "tat run --tag web -- true",
    ] {
        let ended = place.run(line);
        assert_eq!((ended.code, &*ended.stdout), (Some(125), ""), "{line}\n{ended}");
        assert!(!ended.stderr.contains("s3cret"), "{ended}");
        all += &format!("$ guestexec {line}\n{}\n", plain(&ended.stderr));
    }
    assert_snapshot!("typing_errors", all);
}

#[test]
fn what_the_service_cut_off_is_told_and_fetched() {
    let place = place();
    // A character stands across the end of what the service keeps.
    let script = "printf x; yes é | head -n 10000";
    let all = format!("x{}", "é\n".repeat(10_000));
    let cut = place.run(&format!("tat run ins-zj0f57ew -- '{script}'"));
    assert_eq!(cut.code, Some(0));
    assert_snapshot!("cut", cut.stderr);
    let in_json = place.run(&format!("--output json tat run ins-zj0f57ew -- '{script}'"));
    let result = &objects(&in_json.stdout)[0];
    let (text, missing) = (result["stdout"].as_str().unwrap(), result["missing_bytes"].as_u64());
    assert!(all.starts_with(text));
    assert_eq!(Some((all.len() - text.len()) as u64), missing);
    let bucket = "--output-bucket https://logs-1250000000.cos.ap-guangzhou.myqcloud.com";
    let kept = place.run(&format!("tat run {bucket} ins-zj0f57ew -- '{script}'"));
    assert!(kept.stderr.contains("`guestexec tat output --full-output inv-"), "{}", kept.stderr);
    let whole =
        place.run(&format!("tat run {bucket} --full-output ins-zj0f57ew -- '{script}; exit 3'"));
    assert_eq!((whole.code, &*whole.stderr), (Some(3), ""));
    assert!(whole.stdout == all);
    // No chunk of text becomes Base64, wherever it ends.
    let line = format!(
        "--output jsonl tat run {bucket} --full-output ins-zj0f57ew -- 'printf x; yes é | head -n 200000'"
    );
    let events = objects(&place.run(&line).stdout);
    let data: String = events.iter().filter_map(|event| event["data"].as_str()).collect();
    assert!(data == format!("x{}", "é\n".repeat(200_000)));
    assert!(events.iter().filter(|event| event["event"] == "stdout").count() > 1);
    let id = detached(&place, &format!("tat run --detach {bucket} ins-zj0f57ew -- '{script}'"));
    assert!(place.run(&format!("tat output --full-output {id}")).stdout == all);
    let id = detached(&place, &format!("tat run --detach ins-zj0f57ew -- '{script}'"));
    let nowhere = place.run(&format!("tat output --full-output {id}"));
    assert_eq!(nowhere.stdout, cut.stdout);
    assert_snapshot!("not_kept", plain(&nowhere.stderr));
}

#[test]
fn output_in_another_encoding_becomes_text() {
    let place = place();
    let script = r"printf '\304\343\272\303\r\n\304'";
    let line = format!("tat run --encoding gbk ins-zj0f57ew -- \"{script}\"");
    assert_eq!(place.run(&line).stdout, "你好\r\n\u{fffd}");
    let ended = place.run(&format!("--output jsonl {line}"));
    let data: String =
        objects(&ended.stdout).iter().filter_map(|event| event["data"].as_str()).collect();
    assert_eq!(data, "你好\r\n\u{fffd}");
    // Without it, the bytes are as they came.
    let raw = place.run(&format!("--output json tat run ins-zj0f57ew -- \"{script}\""));
    assert_eq!(objects(&raw.stdout)[0]["stdout_base64"], "xOO6ww0KxA==");
}

#[test]
fn targets_and_scripts_come_from_files_and_standard_input() {
    let place = place();
    let list = place.home.path().join("list");
    let text = "# web\nins-zj0f57ew # first\n\n ins-zj0f57ex\nins-zj0f57ew\n";
    std::fs::write(&list, text).unwrap();
    let list = list.display();
    assert_snapshot!(
        "targets_from",
        sorted(&place.run(&format!("tat run --targets-from {list} ins-zj0f57ex -- 'echo here'")))
    );
    let ended = place.run_with("tat run --targets-from - -- 'echo here'", text.as_bytes());
    assert_eq!(ended.stdout.lines().count(), 2, "{ended}");
    let ended = place.run_with("tat run ins-zj0f57ew --file -", b"echo from stdin; exit 5");
    assert_eq!((ended.code, &*ended.stdout), (Some(5), "from stdin\n"), "{ended}");
    let script = place.home.path().join("script.sh");
    std::fs::write(&script, "echo {{name}} and {{tat-hidden:key}} in $(pwd)\n").unwrap();
    let line = format!(
        "tat run ins-zj0f57ew --file {} --param name=me --hidden-param key=env:KEY --cwd /tmp",
        script.display()
    );
    let mut command = place.command(common::words(&line));
    let ended = common::ended(command.env("KEY", "hush").output().unwrap());
    assert_eq!((ended.code, &*ended.stdout), (Some(0), "me and hush in /tmp\n"), "{ended}");
}

#[test]
fn lists() {
    let place = place();
    assert_snapshot!("agents", shown(&place.run("tat agents")));
    let online = place.run("--output jsonl tat agents --online --linux").stdout;
    assert_eq!(objects(&online).len(), 5, "{online}");
    let none = place.run("--output json tat agents --windows").stdout;
    assert_eq!(none, "[]\n");
    assert_snapshot!("regions", shown(&place.run("tat regions")));
    let mut nowhere = place.command(["--output", "json", "tat", "regions"]);
    let nowhere = common::ended(nowhere.env_remove("TENCENTCLOUD_REGION").output().unwrap());
    assert!(nowhere.stdout.contains("ap-guangzhou"), "{nowhere}");
    assert_snapshot!("commands", shown(&place.run("tat commands")));
}

#[test]
fn the_help_shows_examples() {
    let ids = |builder: Builder| builder.tat_instance("ins-1a2b3c4d").tat_instance("ins-5e6f7a8b");
    let place = Place::with(ids);
    std::fs::write(place.home.path().join("web.txt"), "ins-1a2b3c4d").unwrap();
    std::fs::write(place.home.path().join("upgrade.sh"), "true").unwrap();
    for name in ["run", "status", "output", "cancel"] {
        let ended = place.run(&format!("tat {name} --help"));
        assert_eq!(ended.code, Some(0), "{ended}");
        assert!(ended.stdout.contains(&format!("  guestexec tat {name}")), "{ended}");
        try_examples(&place, &ended.stdout);
    }
    let help = place.run("tat run --help").stdout;
    // What follows is the same for all commands.
    let (own, _) = help.split_once("\nConnection:").unwrap();
    assert_snapshot!("help_run", own);
}
