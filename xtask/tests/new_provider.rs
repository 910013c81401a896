//! `cargo xtask new-provider`, as it is called.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
};

use support::{checkout, text, xtask};

const ACME: &str = include_str!("data/foreign/acme.yaml");

/// The files of a checkout and their texts.
fn files(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((path.clone(), fs::read(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn what_is_refused_changes_nothing() {
    let root = checkout("refused");
    fs::write(root.join("acme.yaml"), ACME).unwrap();
    fs::write(root.join("swagger.json"), "{\"swagger\": \"2.0\"}").unwrap();
    fs::write(root.join("specs/broken.yaml"), "openapi: 3.0.3\n").unwrap();
    let before = files(&root);
    let no_name = "is no name of a provider; give one word of lower-case letters and digits";
    for (arguments, said) in [
        (&["Acme", "acme.yaml"][..], no_name),
        (&["a-b", "acme.yaml"], no_name),
        (&["9x", "acme.yaml"], no_name),
        (&["", "acme.yaml"], no_name),
        (&["type", "acme.yaml"], no_name),
        (&["../x", "acme.yaml"], no_name),
        (&["tat", "acme.yaml"], "crates/guestexec-tat is there already; give another name"),
        (&["core", "acme.yaml"], "crates/guestexec-core is there already; give another name"),
        (&["rustls", "acme.yaml"], "`rustls` is a feature or a package of ours; give another name"),
        (&["xtask", "acme.yaml"], "`xtask` is a feature or a package of ours; give another name"),
        (&["broken", "acme.yaml"], "specs/broken.yaml is there already; give another name"),
        (&["acme", "none.yaml"], "none.yaml: cannot be read: "),
        (&["acme"], "specs/acme.yaml: cannot be read: "),
        (
            &["acme", "swagger.json"],
            "swagger.json: is Swagger 2.0; convert it to OpenAPI 3.0 first",
        ),
        (&["broken"], "specs/broken.yaml:1: document: "),
    ] {
        let output = xtask(&root, &[&["new-provider"], arguments].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let told = text(&output.stderr);
        assert!(told.contains(said), "{arguments:?}: {told}");
    }
    assert!(files(&root) == before);
}

#[test]
fn a_document_is_shown_and_not_written() {
    let root = checkout("shown");
    fs::write(root.join("acme.yaml"), ACME).unwrap();
    let before = files(&root);
    let output =
        xtask(&root, &["new-provider", "acme", "acme.yaml", "--print", "--read-on", "2026-11-28"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("openapi: \"3.0.3\"\n"), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("- [ ] the way to identify the caller is `http bearer`"));
    assert!(files(&root) == before);
}

/// From a vendor's document to a crate that is built and snapshots that wait for their review.
#[test]
#[ignore = "builds a copy of the workspace; `.ci/run` runs it"]
fn a_provider_is_made_built_and_snapshotted() {
    let root = checkout("made");
    fs::write(root.join("vendor.yaml"), ACME).unwrap();
    let output = xtask(&root, &["new-provider", "acme", "vendor.yaml"]);
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(said.contains("decisions are left to you: specs/acme.decisions.md\n"), "{said}");
    let read =
        |path: &str| fs::read_to_string(root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    for (path, part) in [
        ("CHANGELOG.md", "- `guestexec-acme`: 2 operations of Acme machines."),
        ("Cargo.lock", "name = \"guestexec-acme\""),
        ("Cargo.toml", "guestexec-acme = { path = \"crates/guestexec-acme\""),
        ("README.md", "| `acme` | [Acme machines](https://machines.example/docs) |"),
        ("crates/guestexec-acme/src/generated/builder.rs", "pub struct RunCommand<'a>"),
        ("crates/guestexec-acme/src/error.rs", "guestexec_core::Error<crate::types::ErrorBody>"),
        ("crates/guestexec-acme/src/client.rs", "Some(\"https://machines.example/api\")"),
        ("crates/guestexec-acme/public-items.txt", "Credentials: fn unsigned() -> Self"),
        ("crates/guestexec/Cargo.toml", "acme = [\"dep:guestexec-acme\"]"),
        ("crates/guestexec/README.md", "| `acme` | Acme machines | `guestexec-acme` |"),
        ("crates/guestexec/src/lib.rs", "pub use guestexec_acme as acme;"),
        ("specs/README.md", "| `runCommand` | [runCommand](https://machines.example/docs) |"),
        ("specs/README.md", "<!-- generated: differs of acme -->\n\nNothing.\n\n<!-- end -->"),
        ("specs/README.md", "<!-- generated: left out of acme -->\n\nNothing.\n\n<!-- end -->"),
        ("specs/acme.decisions.md", "- [ ] is marked `x-starts-command`"),
        ("specs/acme.yaml", "operationId: runCommand"),
        ("specs/generated.lock", "[acme]\n"),
        ("tests/Cargo.toml", "guestexec-acme = { workspace = true"),
        ("tests/Cargo.toml", "name = \"conformance\""),
        ("tests/common/providers.rs", "provider!(acme, guestexec_acme,"),
        ("tests/common/providers.rs", "provider!(tat, guestexec_tat,"),
        (
            "tests/snapshots/acme/runCommand.minimal.snap",
            "runCommand: POST https://acme.example/v1/machines/machine/commands",
        ),
        ("tests/snapshots/acme/runCommand.every-member.snap", "\"shell\": \"sh\""),
        (
            "tests/snapshots/acme/getCommand.minimal.snap",
            "getCommand: GET https://acme.example/v1/commands/id",
        ),
    ] {
        let text = read(path);
        assert!(text.contains(part), "{path} lacks {part}:\n{text}");
    }
    // What was written is what would be generated.
    let output = xtask(&root, &["generate", "--check"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    // A decision of a person's has its place.
    let decided = "x-differs:\n  - says: The page says GET.\n    reason: Servers take POST.\n";
    let document =
        read("specs/acme.yaml").replacen("\npaths:\n", &format!("\n{decided}paths:\n"), 1);
    fs::write(root.join("specs/acme.yaml"), document).unwrap();
    let output = xtask(&root, &["generate", "acme"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(read("specs/README.md").contains("| The page says GET. | Servers take POST. |\n"));
    let output = xtask(&root, &["new-provider", "acme", "vendor.yaml"]);
    assert!(text(&output.stderr).contains("crates/guestexec-acme is there already"));
}
