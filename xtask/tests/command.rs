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
    for provider in xtask::spec::providers(&xtask::root().unwrap()).unwrap() {
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
    let all = xtask::spec::providers(&xtask::root().unwrap()).unwrap().join(", ");
    assert_eq!(text(&output.stderr), format!("there is no specs/azure.yaml; there are: {all}\n"));
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
    fs::write(folder.path().join("crates/guestexec-small/Cargo.toml"), "").unwrap();
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

/// `cargo xtask generate` in another checkout: the exit code, what it printed, what it complained of.
fn generate(checkout: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.env("CARGO_MANIFEST_DIR", checkout).arg("generate").args(arguments);
    let output = command.output().unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_document_that_cannot_be_a_provider_is_refused() {
    let no_word = "is not one word of a-z and 0-9";
    for (name, fault) in [
        ("core.yaml", "is that of a crate of the workspace"),
        ("ring.yaml", "is that of a feature or package of the workspace"),
        ("type.yaml", "is a word of Rust, which no module can have"),
        (".yaml", no_word),
        ("a b.yaml", no_word),
        ("My-Cloud.yaml", no_word),
        ("7clouds.yaml", no_word),
        ("other.yml", "does not end in `.yaml`"),
        ("other.YAML", "does not end in `.yaml`"),
    ] {
        let checkout = other_checkout();
        fs::write(checkout.path().join("specs").join(name), "").unwrap();
        for arguments in [&[][..], &["--check"], &["small"]] {
            let expected = format!(
                "specs/{name}:1: document: its name {fault}; call the document after the provider, one \
                 word of a-z and 0-9: `tat.yaml`\n"
            );
            let (code, said, complaint) = generate(checkout.path(), arguments);
            assert_eq!((code, said.as_str(), complaint), (Some(1), "", expected), "{name}");
        }
        assert!(!checkout.path().join("crates/guestexec-small/src/generated").exists(), "{name}");
    }
}

/// Every crate of the workspace is a provider's, or has a name that no provider may take.
#[test]
fn no_provider_takes_the_name_of_a_crate() {
    let root = xtask::root().unwrap();
    let providers = xtask::spec::providers(&root).unwrap();
    for entry in fs::read_dir(root.join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = name.strip_prefix("guestexec-").unwrap_or(&name);
        let is_free = xtask::spec::provider_fault(name).is_none();
        assert_eq!(is_free, providers.iter().any(|provider| provider == name), "{name}");
    }
}

#[test]
fn a_document_without_a_crate_is_refused() {
    let checkout = other_checkout();
    fs::remove_file(checkout.path().join("crates/guestexec-small/Cargo.toml")).unwrap();
    for arguments in [&[][..], &["--check"]] {
        let (code, _, complaint) = generate(checkout.path(), arguments);
        assert_eq!(code, Some(1));
        assert_eq!(
            complaint,
            "specs/small.yaml:1: document: there is no crates/guestexec-small/Cargo.toml for what is \
             generated from it; make the crate with `cargo xtask new-provider small`\n"
        );
    }
    assert!(!checkout.path().join("crates/guestexec-small/src/generated").exists());
}

#[test]
fn what_has_no_document_any_more_is_named() {
    let checkout = other_checkout();
    let at = |path: &str| checkout.path().join(path);
    assert_eq!(generate(checkout.path(), &[]).0, Some(0));
    fs::create_dir_all(at("crates/guestexec-gone/src/generated")).unwrap();
    let lock = fs::read_to_string(at("specs/generated.lock")).unwrap();
    fs::write(at("specs/generated.lock"), format!("{lock}\n[old]\nspec = \"\"\n")).unwrap();
    let code = "crates/guestexec-gone/src/generated: there is no specs/gone.yaml that it would be from; \
                restore the document, or delete the crate\n";
    let entry = "specs/generated.lock:8: old: there is no specs/old.yaml; ";

    let (status, _, complaint) = generate(checkout.path(), &["--check"]);
    assert_eq!(status, Some(1));
    let remedy = "restore it, or run `cargo xtask generate`\n";
    assert_eq!(complaint, format!("{code}{entry}{remedy}"));

    let (status, said, complaint) = generate(checkout.path(), &[]);
    assert_eq!((status, complaint.as_str()), (Some(1), code));
    assert!(said.ends_with(&format!("{entry}the entry is gone\n")), "{said}");
    assert_eq!(fs::read_to_string(at("specs/generated.lock")).unwrap(), lock);

    fs::remove_dir_all(at("crates/guestexec-gone")).unwrap();
    assert_eq!(generate(checkout.path(), &["--check"]).0, Some(0));
}

#[test]
fn a_document_in_another_encoding_is_refused_with_its_line() {
    let checkout = other_checkout();
    let path = checkout.path().join("specs/small.yaml");
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend(b"# Caf\xe9\n");
    let line = bytes.iter().filter(|byte| **byte == b'\n').count();
    fs::write(&path, bytes).unwrap();
    let (_, _, complaint) = generate(checkout.path(), &["--check"]);
    assert_eq!(
        complaint,
        format!(
            "specs/small.yaml:{line}: document: holds a byte that is not UTF-8; save the file as UTF-8\n"
        )
    );
}

/// The crate's hand-written part has changed, and its document has not.
#[test]
fn public_items_written_by_hand_are_listed() {
    let checkout = other_checkout();
    let source = checkout.path().join("crates/guestexec-small/src/lib.rs");
    let listing = checkout.path().join("crates/guestexec-small/public-items.txt");
    fs::write(&source, "mod generated;\n").unwrap();
    let (code, said, complaint) = generate(checkout.path(), &[]);
    assert_eq!(code, Some(0), "{complaint}");
    assert!(said.contains("crates/guestexec-small/public-items.txt: written"), "{said}");

    fs::write(&source, "mod generated;\n\n/// A way.\npub fn shorter() {}\n").unwrap();
    let (_, said, _) = generate(checkout.path(), &["--check"]);
    assert!(!said.contains("public-items.txt"), "{said}");
    let (code, said, complaint) = generate(checkout.path(), &[]);
    assert_eq!(code, Some(0), "{complaint}");
    assert!(said.starts_with("small: unchanged, "), "{said}");
    assert!(said.contains("crates/guestexec-small/public-items.txt: written"), "{said}");
    assert!(fs::read_to_string(&listing).unwrap().contains("shorter"), "{said}");

    let (_, said, _) = generate(checkout.path(), &[]);
    assert!(!said.contains("public-items.txt"), "{said}");
}
