//! What passes the wire is changed, one thing at a time: each change makes a snapshot differ, and the diff shows
//! the changed line alone.

mod bodies;
mod sessions;
mod table;
mod transport;
mod unseen;
mod wire;

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    process::Command,
};

use bodies::BODIES;
use sessions::SESSIONS;
use table::Mutation;
use unseen::UNSEEN;
use wire::WIRE;

use crate::{
    stage::{Stage, Talk},
    talks,
};

/// What begins the output of a comparison.
const BEGIN: &str = "=== ";

fn all() -> impl Iterator<Item = &'static Mutation> {
    BODIES.iter().chain(WIRE).chain(SESSIONS).chain(UNSEEN)
}

fn talk(name: &str) -> Talk {
    let named = |talk: &Talk| format!("{}/{}", talk.provider, talk.name) == name;
    talks().find(named).unwrap_or_else(|| panic!("there is no conversation {name}"))
}

/// The variable by which insta writes no file.
const NO_UPDATE: (&str, &str) = ("INSTA_UPDATE", "no");

/// Compares each changed conversation with its snapshot. Its own process, because insta prints the diff.
#[test]
#[ignore = "the next test runs it, and reads what it prints"]
fn changed() {
    if env::var(NO_UPDATE.0).as_deref() != Ok(NO_UPDATE.1) {
        return;
    }
    for Mutation { name, talk: talk_name, edit, .. } in all() {
        println!("\n{BEGIN}{name}");
        let stage = Stage { around: Some(edit.around()), ..Stage::default() };
        let compare = || talk(talk_name).compare(&stage);
        let passed = catch_unwind(AssertUnwindSafe(compare)).is_ok();
        println!("\n{}", if passed { "as the snapshot" } else { "unlike the snapshot" });
    }
}

/// The lines that a diff of insta adds and removes: `+new`, `-old`.
fn changes(printed: &str) -> Vec<String> {
    let line = |line: &str| {
        let (_, text) = line.split_once('│')?;
        text.starts_with(['+', '-']).then(|| text.to_owned())
    };
    printed.lines().filter_map(line).collect()
}

#[test]
fn each_change_on_the_wire_is_seen_at_its_place() {
    let mut again = Command::new(env::current_exe().unwrap());
    let again = again.args(["--exact", "mutations::changed", "--ignored", "--nocapture"]);
    let output = again.envs([NO_UPDATE, ("NO_COLOR", "1")]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let sections: Vec<(&str, &str)> = printed
        .split(&format!("\n{BEGIN}"))
        .skip(1)
        .map(|section| section.split_once('\n').unwrap())
        .collect();
    let mut wrong = Vec::new();
    assert_eq!(sections.len(), all().count(), "{printed}");
    for (mutation, (name, printed)) in all().zip(sections) {
        assert_eq!(mutation.name, name);
        let changes = changes(printed);
        let expected = mutation.diff;
        let is_right = match expected.split_last() {
            None => printed.contains("\nas the snapshot\n"),
            Some((&"…", first)) => changes.len() > first.len() && begin_with(&changes, first),
            Some(_) => changes.len() == expected.len() && begin_with(&changes, expected),
        };
        let must_fail = !expected.is_empty();
        if !is_right || must_fail != printed.contains("\nunlike the snapshot\n") {
            wrong.push(format!("{name}:\nexpected {expected:#?}\nfound {changes:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn begin_with(changes: &[String], expected: &[&str]) -> bool {
    changes.iter().zip(expected).all(|(change, expected)| match expected.strip_suffix('…') {
        Some(start) => change.starts_with(start),
        None => change == expected,
    })
}
