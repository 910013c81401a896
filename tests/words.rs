//! What the tree's own files may not say: "bytes" is the word for bytes, and the name of an operation
//! stands in its document and in the code generated from it.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The workspace's folder, found at run time, since checkouts may share a target folder.
fn root() -> PathBuf {
    env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| ".".into(), PathBuf::from).join("..")
}

/// Path and text of every file with one of these endings that no tool has written.
fn files(endings: &[&str]) -> Vec<(String, String)> {
    let root = root();
    let (mut files, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let hidden = name.starts_with('.') && name != ".ci";
            if hidden || ["generated", "target", "node_modules"].contains(&name) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| endings.iter().any(|it| end == *it)) {
                let shown = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
                files.push((shown, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(files.len() > 3, "no files in {}", root.display());
    files.sort();
    files
}

/// Where `wrong` holds for a line of a file.
fn lines(files: &[(String, String)], wrong: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files {
        let numbered = text.lines().enumerate().filter(|(_, line)| wrong(line));
        found.extend(numbered.map(|(at, line)| format!("{path}:{}: {}", at + 1, line.trim())));
    }
    found
}

#[test]
fn bytes_are_called_bytes() {
    let word = concat!("oct", "et");
    let media_type = format!("application/{word}-stream");
    let found = lines(&files(&["rs", "md", "yaml", "sh", "toml", "py"]), |line| {
        line.to_ascii_lowercase().replace(&media_type, "").contains(word)
    });
    assert!(found.is_empty(), "say `byte`:\n{}", found.join("\n"));
}

/// The operation ids of all documents.
fn operation_ids() -> Vec<String> {
    let documents = files(&["yaml"]);
    let specs = documents.iter().filter(|(path, _)| path.starts_with("specs/"));
    let ids = specs.flat_map(|(_, text)| {
        text.lines().filter_map(|line| line.trim().strip_prefix("operationId:"))
    });
    let ids: Vec<_> = ids.map(|id| id.trim().to_owned()).collect();
    assert!(ids.len() > 20, "{ids:?}");
    ids
}

/// The part of a source file that is compiled into the product.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap()
}

#[test]
fn operations_are_named_by_their_table_alone() {
    let literals: Vec<_> = operation_ids().iter().map(|id| format!("\"{id}\"")).collect();
    let of_the_product = |path: &str| {
        let path = Path::new(path);
        (path.starts_with("crates") || path.starts_with("xtask"))
            && !path.components().any(|part| part.as_os_str() == "tests")
            && !path.ends_with("tests.rs")
    };
    let mut files = files(&["rs"]);
    files.retain(|(path, _)| of_the_product(path));
    for (_, text) in &mut files {
        *text = without_tests(text).to_owned();
    }
    let found = lines(&files, |line| {
        !line.trim_start().starts_with("//") && literals.iter().any(|name| line.contains(name))
    });
    let advice = "take it from the crate's `operations`";
    assert!(found.is_empty(), "{advice}:\n{}", found.join("\n"));
}
