//! What is generated compiles, is clippy clean and has documentation without a warning; and it does at
//! run time what its document says. All documents become modules of one crate, so there is one build.
//!
//! The crate lies in the target folder, where its build stays warm.

#![allow(clippy::unwrap_used)]

#[path = "support/compiled.rs"]
mod compiled;
#[path = "edits/edit.rs"]
mod edit;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use edit::SMALL;
use xtask::{emit::Page, from_spec, spec::Spec};

/// How many of the random edits are compiled.
const RANDOM: usize = 10;
/// A document with all that is supported beyond the small one, and what its code has to do.
const WIDE: &str = include_str!("data/wide.yaml");
const WIDE_TESTS: &str = include_str!("data/wide.rs");

/// Names of files in `data/cases` with edits of the small document; those that generate are compiled.
fn cases() -> Vec<(String, String)> {
    let folder = xtask::root().unwrap().join("xtask/tests/data/cases");
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "diff") {
            let name = path.file_stem().unwrap().to_string_lossy().replace('-', "_");
            cases.push((name, edited(&fs::read_to_string(path).unwrap())));
        }
    }
    cases.sort();
    cases
}

/// Random edits of the small document, of those that are accepted and change the code.
fn random() -> Vec<(String, String)> {
    let code = |text: &str| {
        let spec = Spec::parse("small", text.to_owned()).ok()?;
        from_spec(&spec).ok().map(|generated| generated.files)
    };
    let plain = code(SMALL);
    let all = (0..).map(|seed| (format!("seed_{seed}"), edit::edited(seed)));
    let accepted = all.filter(|(_, text)| {
        let code = code(text);
        code.is_some() && code != plain
    });
    accepted.take(RANDOM).collect()
}

/// The small document after an edit in the form of a diff.
fn edited(edit: &str) -> String {
    edit.split("@@\n").fold(SMALL.to_owned(), |text, hunk| {
        let side = |mark: char| -> String {
            let lines = hunk.split_inclusive('\n');
            lines.filter(|line| line.starts_with([' ', mark])).map(|line| &line[1..]).collect()
        };
        text.replacen(&side('-'), &side('+'), 1)
    })
}

/// A document of which little is needed: no types, no enumerations, no checks.
const BARE: &str = "\
openapi: 3.0.3
info: {title: Pings, version: v1}
externalDocs: {url: 'https://pings.example', description: Ping}
x-read-on: '2026-11-22'
paths:
  /ping:
    get:
      operationId: Ping
      summary: Pings.
      externalDocs: {url: 'https://pings.example', description: Ping}
      x-examples: {page: {summary: The only one.}}
      responses: {'204': {description: Fine.}}
";

/// The documents that generate, each with its module's name and its files.
fn modules() -> Vec<(String, Vec<Page>)> {
    let plain = [("plain", SMALL), ("bare", BARE), ("wide", WIDE)];
    let plain = plain.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let mut modules = Vec::new();
    for (name, text) in plain.iter().cloned().chain(cases()).chain(random()) {
        let generated = Spec::parse("small", text).and_then(|spec| from_spec(&spec));
        match generated {
            Ok(generated) => modules.push((name, generated.files)),
            Err(said) if plain.iter().any(|(other, _)| *other == name) => panic!("{name}: {said}"),
            // What is said of it is tested elsewhere.
            Err(_) => {}
        }
    }
    modules
}

fn cargo(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO"));
    command.arg(arguments[0]).args(["--offline", "--quiet"]).args(&arguments[1..]);
    command.current_dir(folder);
    command.env("CARGO_TARGET_DIR", folder.join("target"));
    command.env("RUSTDOCFLAGS", "-D warnings");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "cargo {arguments:?} in {}:\n{told}{said}", folder.display());
}

#[test]
#[ignore = "builds a crate of its own with its dependencies; `.ci/run` runs it"]
fn what_is_generated_compiles_and_does_what_the_document_says() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    compiled::write(&folder, &modules());
    compiled::put(&folder.join("tests/wide.rs"), WIDE_TESTS);
    cargo(&folder, &["clippy", "--all-features", "--all-targets", "--", "-D", "warnings"]);
    cargo(&folder, &["test", "--all-features"]);
    cargo(&folder, &["doc", "--no-deps", "--all-features"]);
}
