//! `guestexec cci pods` and `guestexec cci logs`.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod common;

use std::{
    io::{BufRead as _, BufReader, Lines, Read as _},
    process::{Child, ChildStdout, Command, Stdio},
};

use common::{Ended, Place};
use guestexec::cci::types::{NewContainer, NewPod, NewPodMeta, NewPodSpec};
use regex_lite::Regex;
use tokio::runtime::Runtime;

/// What differs from run to run: ages and times.
fn steady(text: &str) -> String {
    let age = Regex::new(r"(\s)[0-9]+s(\s)").unwrap();
    let text = age.replace_all(text, "${1}0s${2}");
    let time = Regex::new(r"[0-9-]{10}T[0-9:]{8}(\.[0-9]+)?Z").unwrap();
    common::steady(&time.replace_all(&text, "<time>"))
}

fn all(place: &Place, lines: &[&str]) -> String {
    let shown = lines.iter().map(|line| {
        let Ended { code, stdout, stderr } = place.run(line);
        format!("$ guestexec {line}\n{stdout}{stderr}[{}]\n\n", code.unwrap())
    });
    steady(&shown.collect::<String>())
}

#[test]
fn pods_are_listed_and_chosen() {
    let place = Place::new();
    insta::assert_snapshot!(all(
        &place,
        &[
            "cci pods",
            "cci pods -l app=demo",
            "cci pods --field-selector status.phase=Succeeded --output json",
            "cci pods --output jsonl",
            "cci pods -l app=none",
            "cci pods -l app=none --quiet",
            "cci pods -n nosuch",
            "cci pods --watch --output json",
            "cci pods --interval 1s",
            "cci pods --watch --interval 0",
        ],
    ));
}

/// A command that goes on, and the lines that it writes.
struct Going {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Going {
    fn start(place: &Place, line: &str) -> Self {
        let mut command = place.command(common::words(line));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        steady(&(self.lines.next().unwrap().unwrap() + "\n"))
    }

    /// Reads lines until one has the text.
    fn until(&mut self, text: &str) -> String {
        loop {
            let line = self.line();
            if line.contains(text) {
                return line;
            }
        }
    }

    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        let mut rest = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

#[test]
fn a_watch_shows_what_changes_until_a_signal_ends_it() {
    let place = Place::new();
    let runtime = Runtime::new().unwrap();
    let client = place.sandbox.cci().client().unwrap();
    let mut text = Going::start(&place, "cci pods -q -l '!app' --watch --interval 50ms");
    let mut json = Going::start(&place, "cci pods --watch --interval 50ms --output jsonl");
    json.until("\"two\"");
    runtime.block_on(async {
        let container = NewContainer::new("main", "busybox:1").command(["sleep", "600"]);
        let pod = NewPod::new(NewPodMeta::new().name("job"), NewPodSpec::new([container]));
        client.pods("default").create(pod).await.unwrap();
        client.pod("default", "job").wait_until_running().await.unwrap();
    });
    let added = json.until("\"job\"");
    assert!(added.contains(r#""event":"added""#), "{added}");
    text.until("job ");
    runtime.block_on(async {
        client.pod("default", "job").delete().await.unwrap();
        client.pod("default", "job").wait_until_deleted().await.unwrap();
    });
    let gone = text.until("Deleted");
    assert!(gone.starts_with("job "), "{gone}");
    let gone = json.until(r#""event":"deleted""#);
    assert!(gone.contains(r#""pod":"job""#) && gone.contains(r#""status":"Deleted""#), "{gone}");
    assert_eq!(text.end("INT"), (Some(130), String::new()));
    assert_eq!(json.end("TERM"), (Some(143), String::new()));
}

#[test]
fn logs_are_shown_as_they_are() {
    let place = Place::new();
    let cci = place.sandbox.cci();
    cci.write_log("demo", "main", "one\ntwo\nthree\n");
    cci.write_log("two", "a", "of a\n");
    cci.write_log("two", "b", "of b, \u{fc}\n");
    insta::assert_snapshot!(all(
        &place,
        &[
            "cci logs demo",
            "cci logs demo --tail 2",
            "cci logs demo --tail 1 --timestamps",
            "cci logs demo --since 5m --tail 1 --output json",
            "cci logs demo --output jsonl",
            "cci logs two",
            "cci logs two -c b",
            "cci logs done",
            "cci logs demo --previous",
            "cci logs demo -c nosuch",
            "cci logs nosuch",
            "cci logs demo --since soon",
        ],
    ));
    // Bytes that are no text.
    cci.write_log("two", "a", b"\xff\x00\n");
    let mut command = place.command(common::words("cci logs two -c a --tail 1"));
    let output = command.output().unwrap();
    assert_eq!((output.stdout, output.stderr), (b"\xff\x00\n".to_vec(), Vec::new()));
    let json = place.run("cci logs two -c a --tail 1 --output json");
    assert!(json.stdout.contains(r#""log_base64": "/wAK""#), "{json}");
}

#[test]
fn a_log_is_followed_until_a_signal_ends_it() {
    let place = Place::new();
    let cci = place.sandbox.cci();
    cci.write_log("demo", "main", "one\n");
    let mut log = Going::start(&place, "cci logs -f demo");
    assert_eq!(log.line(), "one\n");
    cci.write_log("demo", "main", "two\n");
    assert_eq!(log.line(), "two\n");
    assert_eq!(log.end("INT"), (Some(130), String::new()));
}

#[test]
fn a_log_that_breaks_off_is_a_failure() {
    let place = Place::with(|builder| builder.fault("cci.podlog:reset".parse().unwrap()));
    place.sandbox.cci().write_log("demo", "main", "line\n".repeat(10_000));
    let ended = place.run("cci logs demo");
    assert_eq!(ended.code, Some(125), "{}", ended.stderr);
}
