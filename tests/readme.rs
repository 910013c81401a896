//! What the READMEs show: the programs of the root's run, and the table of the tests' is complete.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

/// The test that the README shows; it runs with those here.
#[path = "programs/snapshot.rs"]
mod snapshot;

use std::{env, fs, path::PathBuf, process::Command};

use guestexec_sandbox::Sandbox;
use serde_json::Value;

/// The workspace's folder, found at run time, since checkouts may share a target folder.
fn root() -> PathBuf {
    env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| ".".into(), PathBuf::from).join("..")
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("there is a README")
}

/// Checks that the README shows a program as it is.
fn is_shown(name: &str) {
    let text = fs::read_to_string(root().join(format!("tests/programs/{name}.rs"))).unwrap();
    assert!(readme().contains(&format!("```rust\n{text}```")), "{name}.rs is not the README's");
    assert!(text.lines().count() <= 15, "{name}.rs is not short any more");
}

/// Checks that the crate's own README shows its example as it is.
fn is_shown_by_its_crate(provider: &str) {
    let crate_root = root().join(format!("crates/guestexec-{provider}"));
    let text =
        fs::read_to_string(crate_root.join(format!("examples/blocking_{provider}.rs"))).unwrap();
    let readme = fs::read_to_string(crate_root.join("README.md")).unwrap();
    assert!(readme.contains(&format!("no_run\n{text}```")), "{provider}: its example differs");
    assert!(text.lines().count() <= 15, "{provider}: its example is not short any more");
}

/// Runs a program against a sandbox, and returns what it printed.
async fn run(name: &str, binary: &str) -> String {
    let sandbox = Sandbox::start().await.unwrap();
    let mut command = Command::new(binary);
    command.env_clear().envs(sandbox.env());
    // The sandbox serves from this runtime, so the wait must not hold its thread.
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (stdout, stderr) = (text_of(output.stdout), text_of(output.stderr));
    assert!(output.status.success(), "{name}: {stderr}");
    stdout
}

fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("programs print text")
}

fn uname() -> String {
    let output = Command::new("uname").arg("-a").output().expect("this machine has a uname");
    text_of(output.stdout).trim().to_owned()
}

#[tokio::test]
async fn the_tat_program_runs() {
    is_shown("tat");
    let printed = run("tat", env!("CARGO_BIN_EXE_readme-tat")).await;
    assert!(printed.starts_with("ins-zj0f57ew: ") && printed.contains(&uname()), "{printed}");
}

#[tokio::test]
async fn the_zstack_program_runs() {
    is_shown("zstack");
    assert_eq!(run("zstack", env!("CARGO_BIN_EXE_readme-zstack")).await.trim(), uname());
}

#[tokio::test]
async fn the_cci_program_runs() {
    is_shown("cci");
    assert_eq!(run("cci", env!("CARGO_BIN_EXE_readme-cci")).await.trim(), uname());
}

#[tokio::test]
async fn the_blocking_programs_run() {
    for provider in ["cci", "tat", "zstack"] {
        is_shown_by_its_crate(provider);
    }
    let tat = run("blocking-tat", env!("CARGO_BIN_EXE_blocking-tat")).await;
    assert_eq!(tat.trim(), format!("ins-zj0f57ew: {}", uname()));
    let zstack = run("blocking-zstack", env!("CARGO_BIN_EXE_blocking-zstack")).await;
    assert_eq!(zstack.trim(), uname());
    let cci = run("blocking-cci", env!("CARGO_BIN_EXE_blocking-cci")).await;
    assert_eq!(cci.trim(), uname());
}

#[test]
fn the_snapshot_of_what_is_sent_is_shown() {
    is_shown("snapshot");
}

#[test]
fn every_example_is_named_by_a_readme_and_run_by_a_test() {
    // They measure, and users need neither.
    let tools = ["exec_bench", "speed"];
    let mut count = 0;
    for package in fs::read_dir(root().join("crates")).unwrap() {
        let package = package.unwrap().path();
        let text = |file: &str| fs::read_to_string(package.join(file)).unwrap_or_default();
        for example in fs::read_dir(package.join("examples")).into_iter().flatten() {
            let example = example.unwrap().path();
            let name = example.file_stem().unwrap().to_str().unwrap();
            if tools.contains(&name) {
                continue;
            }
            count += 1;
            let program = fs::read_to_string(&example).unwrap();
            assert!(program.starts_with("//! ") && program.lines().nth(1) != Some("//!"), "{name}");
            assert!(text("README.md").contains(&format!("| `{name}` |")), "{name}: no README");
            let is_here = name.starts_with("blocking_");
            let is_run = text("tests/examples.rs").contains(&format!("\"{name}\""));
            assert!(is_here || is_run, "{name}: no test runs it");
        }
    }
    assert!(count > 10, "{count}");
}

/// The anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().chars().filter(|c| !c.is_ascii_punctuation());
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn the_readmes_links_lead_to_files_and_headings() {
    let text = readme();
    let links = text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    let ours: Vec<&str> = links.filter(|link| !link.starts_with("http")).collect();
    assert!(ours.len() > 3, "{ours:?}");
    for link in ours {
        let (file, place) = link.split_once('#').unwrap_or((link, ""));
        let text = fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        let mut headings = text.lines().filter(|line| line.starts_with('#')).map(anchor);
        assert!(place.is_empty() || headings.any(|heading| heading == place), "{link}");
    }
}

/// Package and name of every test target and bench, as the table names them.
fn targets() -> Vec<String> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let metadata = cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let output = metadata.current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", text_of(output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut targets = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        for target in package["targets"].as_array().unwrap() {
            let (package, name) = (package["name"].as_str(), target["name"].as_str());
            let kind = match target["kind"][0].as_str().unwrap() {
                "test" => "",
                "bench" => " (bench)",
                _ => continue,
            };
            targets.push(format!("`{}` | `{}`{kind}", package.unwrap(), name.unwrap()));
        }
    }
    targets.sort();
    targets
}

#[test]
fn the_table_of_tests_names_every_target() {
    let text = fs::read_to_string(root().join("tests/README.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.rsplit_once(" | "));
    let mut named: Vec<_> = rows.map(|(row, _)| format!("`{row}")).collect();
    named.sort();
    assert_eq!(named, targets());
}
