//! Output of many targets, the same on every run.

use std::collections::HashMap;

use regex_lite::Regex;
use serde_json::Value;

use super::{Ended, Place, steady};

/// Runs each example of a help with `true` in the place of its command, and checks that its arguments are right.
pub fn try_examples(place: &Place, help: &str) {
    let lines = help.lines().filter_map(|line| line.trim_start().strip_prefix("guestexec "));
    let examples = lines.filter(|line| line.starts_with("tat ") || line.starts_with("zstack "));
    let mut count = 0;
    for example in examples {
        // What follows is told to a person, or runs another example.
        let example = example.split(['#', ';']).next().unwrap_or_default();
        let line = match example.split_once(" -- ") {
            Some((arguments, _)) => format!("{arguments} -- true"),
            None => example.to_owned(),
        };
        let mut command = place.command(super::words(&line));
        let ended = super::ended(command.current_dir(place.home.path()).output().unwrap());
        assert!(!ended.stderr.contains("--help"), "{line}\n{ended}");
        count += 1;
    }
    assert!(count > 0, "{help}");
}

/// Replaces the ids, times and addresses that differ from run to run.
pub fn plain(text: &str) -> String {
    let mut text = steady(text);
    for (pattern, with) in [
        // The first VM has the UUID of the vendor's example.
        ("fc022ba201c135d8809c5e02bf6bf156", "<first-vm>"),
        (r"\b[0-9a-f]{32}\b", "<hex>"),
        (r"\binvt?-[a-z0-9]{8}\b", "<invocation>"),
        (r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+\+00:00", "<time>"),
        (r"(?m)[0-9]+(\.[0-9])?s$", "<time>"),
        (r#""seconds": ?[0-9.]+"#, "\"seconds\": 0"),
        (r"lhins-[a-z0-9]{8}", "<lighthouse>"),
        (r"\bins-[a-z0-9]{8}\b", "<instance>"),
    ] {
        let keep = "ins-zj0f57e";
        let pattern = Regex::new(pattern).unwrap();
        let replace = |found: &regex_lite::Captures<'_>| match found[0].starts_with(keep) {
            true => found[0].to_owned(),
            false => with.to_owned(),
        };
        text = pattern.replace_all(&text, replace).into_owned();
    }
    text
}

/// Sorts what comes in the order in which commands end: lines of output, and each message with its second line.
pub fn sorted(ended: &Ended) -> String {
    let mut stdout: Vec<String> = plain(&ended.stdout).lines().map(str::to_owned).collect();
    stdout.sort();
    let stderr = plain(&ended.stderr);
    let (messages, table) = match stderr.find("TARGET ") {
        Some(at) => stderr.split_at(at),
        None => (&*stderr, ""),
    };
    let mut blocks: Vec<String> = Vec::new();
    for line in messages.lines() {
        match blocks.last_mut() {
            Some(block) if line.starts_with("  ") => *block += &format!("\n{line}"),
            _ => blocks.push(line.to_owned()),
        }
    }
    blocks.sort();
    blocks.push(table.to_owned());
    format!(
        "exit code: {:?}\n--- stdout\n{}\n--- stderr\n{}",
        ended.code,
        stdout.join("\n"),
        blocks.join("\n")
    )
}

/// The objects of JSON, one after another, sorted by their targets' names or kinds. Those of one target stay in their
/// order.
pub fn objects(text: &str) -> Vec<Value> {
    let all = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let mut all: Vec<Value> = all.map(|value| value.expect("it is JSON")).collect();
    // Random ids are all alike here: what came of them tells them apart.
    let ended: HashMap<String, String> = all
        .iter()
        .filter(|value| !value["ended"].is_null())
        .map(|value| (value["target"].to_string(), value["ended"].to_string()))
        .collect();
    all.sort_by_key(|value| {
        let target = value["target"].to_string();
        (value["name"].to_string(), plain(&target), ended.get(&target).cloned())
    });
    all
}

/// The objects as text, without what differs from run to run.
pub fn json(text: &str) -> String {
    let lines = objects(text).into_iter().map(|value| format!("{value}\n"));
    plain(&lines.collect::<String>())
}
