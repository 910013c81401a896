//! A crate of generated code: a module for each document, with the least that a provider has beside it.

use std::{fmt::Write as _, fs, path::Path};

use xtask::emit::Page;

/// Writes a file where it differs, so that nothing is built twice.
pub fn put(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return;
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Writes the crate at `folder`, with these modules and their files.
pub fn write(folder: &Path, modules: &[(String, Vec<Page>)]) {
    // A module of an earlier run may be none now.
    let _ = fs::remove_dir_all(folder.join("src"));
    let mut lines = String::new();
    for (name, files) in modules {
        for (path, text) in files {
            put(&folder.join("src").join(name).join(path), text);
        }
        let _ = writeln!(lines, "provider!({name});");
    }
    let root = include_str!("../data/compiled.rs");
    put(&folder.join("src/lib.rs"), &format!("{root}\n{lines}"));
    let workspace = xtask::root().unwrap();
    let crates = workspace.join("crates");
    let manifest =
        include_str!("../data/compiled.toml").replace("CRATES", &crates.to_string_lossy());
    put(&folder.join("Cargo.toml"), &manifest);
    let lock = fs::read_to_string(workspace.join("Cargo.lock")).unwrap();
    put(&folder.join("Cargo.lock"), &lock);
}
