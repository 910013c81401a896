//! The commands that CONTRIBUTING.md shows are run as they stand there.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod support;

use std::{fs, process::Command};

use support::{checkout, text, xtask};

const ACME: &str = include_str!("data/foreign/acme.yaml");

/// The lines of the shell blocks of CONTRIBUTING.md that begin with `begin`.
fn shown(begin: &str) -> Vec<String> {
    let text = fs::read_to_string(xtask::root().unwrap().join("CONTRIBUTING.md")).unwrap();
    let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix(begin));
    lines.map(|line| line.trim().to_owned()).collect()
}

/// The tasks that CONTRIBUTING.md shows are tasks, with these arguments; each is run on a page or document
/// that needs nothing. The walk of a provider to its end is in `new_provider`.
#[test]
fn the_commands_of_the_documentation_run() {
    let root = checkout("documented");
    let page = include_str!("data/pages/tat-run-command.txt");
    fs::write(root.join("page.html"), page).unwrap();
    fs::write(root.join("vendor.yaml"), ACME).unwrap();
    // What changed is told from a revision.
    for arguments in
        [&["init", "--quiet"][..], &["add", "."], &["commit", "--quiet", "-m", "State."]]
    {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=Test", "-c", "user.email=test@machines.example"])
            .args(arguments);
        assert!(git.current_dir(&root).status().unwrap().success());
    }
    let tasks = shown("cargo xtask ");
    assert_eq!(tasks.len(), 5, "{tasks:?}");
    for task in tasks {
        let mut arguments: Vec<&str> = task.split(' ').collect();
        if arguments[0] == "new-provider" {
            arguments.push("--print");
        }
        let output = xtask(&root, &arguments);
        let (said, told) = (text(&output.stdout), text(&output.stderr));
        // A page whose differences are all decided has no finding.
        assert_eq!(output.status.code(), Some(0), "{task}:\n{said}{told}");
    }
    let scripts = shown("scripts/follow-page.sh ");
    assert_eq!(scripts, ["tat page.html"]);
    let mut script = Command::new(root.join("scripts/follow-page.sh"));
    script.args(["tat", "page.html"]).current_dir(&root).env_remove("CARGO_MANIFEST_DIR");
    let output = script.env("XTASK", env!("CARGO_BIN_EXE_xtask")).output().unwrap();
    let told = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), String::new()), "{told}");
}
