//! `cargo xtask`, as it is called.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

fn xtask(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn check_passes_and_names_each_provider() {
    let output = xtask(&["generate", "--check"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    for provider in ["cci", "tat", "zstack"] {
        assert!(said.contains(&format!("{provider}: up to date, ")), "{said}");
    }
    assert!(said.trim_end().ends_with(" ms"), "{said}");
}

#[test]
fn check_takes_one_provider() {
    let output = xtask(&["generate", "--check", "tat"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.starts_with("tat: up to date, ") && !said.contains("cci"), "{said}");
}

#[test]
fn an_unknown_provider_is_refused_with_those_there_are() {
    let output = xtask(&["generate", "--check", "tat", "azure"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "");
    assert_eq!(text(&output.stderr), "there is no specs/azure.yaml; there are: cci, tat, zstack\n");
}

#[test]
fn a_task_is_needed() {
    let output = xtask(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("generate"), "{}", text(&output.stderr));
}
