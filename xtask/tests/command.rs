//! `cargo xtask`, as it is called.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

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

/// A checkout with a document that the real one does not have.
fn other_checkout() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for part in ["specs", "crates/guestexec-small/src", "xtask/src"] {
        fs::create_dir_all(folder.path().join(part)).unwrap();
    }
    let small = include_str!("data/small.yaml");
    fs::write(folder.path().join("specs/small.yaml"), small).unwrap();
    // The lock of generated code names the generator's release, which stands there.
    fs::copy(xtask::root().unwrap().join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    folder
}

/// The binary, built here, called by the cargo of another checkout or inside of it without cargo.
#[test]
fn it_works_on_the_checkout_it_is_called_in_not_on_the_one_it_was_built_in() {
    let calls: [fn(&mut Command, &Path); 2] = [
        |command, checkout| {
            command.env("CARGO_MANIFEST_DIR", checkout.join("xtask"));
        },
        |command, checkout| {
            command.env_remove("CARGO_MANIFEST_DIR").current_dir(checkout.join("crates"));
        },
    ];
    for call in calls {
        let checkout = other_checkout();
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        call(&mut command, checkout.path());
        let output = command.arg("generate").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(text(&output.stdout).starts_with("small: written, "), "{}", text(&output.stdout));
        assert!(checkout.path().join("crates/guestexec-small/src/generated/mod.rs").exists());
    }
}

#[test]
fn outside_of_a_checkout_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.env_remove("CARGO_MANIFEST_DIR").current_dir(&folder);
    let output = command.args(["generate", "--check"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("call `cargo xtask` in one"), "{}", text(&output.stderr));
}
