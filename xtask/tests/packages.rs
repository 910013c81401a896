//! The packages that users get: each manifest says all that a registry shows, each package holds its licences
//! and nothing that needs the workspace, and the Rust version it names is enough.

#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use syn::visit_mut::{self, VisitMut};

/// The categories that our crates may name: a registry refuses a package with one that it does not know.
const CATEGORIES: [&str; 8] = [
    "api-bindings",
    "asynchronous",
    "command-line-utilities",
    "development-tools::testing",
    "network-programming",
    "simulation",
    "web-programming::http-client",
    "web-programming::websocket",
];

/// Files of packages that do not lie in `src`: what unit tests read, and what READMEs show.
const BESIDES: [(&str, &str); 6] = [
    ("guestexec", "examples/"),
    ("guestexec-cci", "examples/"),
    ("guestexec-core", "vectors/"),
    ("guestexec-remotecommand", "tests/data/"),
    ("guestexec-tat", "examples/"),
    ("guestexec-zstack", "examples/"),
];

fn root() -> PathBuf {
    xtask::root().unwrap()
}

fn cargo(arguments: &[&str]) -> String {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let output = cargo.args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What cargo knows of the workspace and of all that it may depend on.
fn metadata() -> Value {
    let all = ["metadata", "--locked", "--offline", "--all-features", "--format-version", "1"];
    serde_json::from_str(&cargo(&all)).unwrap()
}

fn list<'a>(value: &'a Value, name: &str) -> Vec<&'a str> {
    value[name].as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

/// The packages that are published, by their names.
fn published(metadata: &Value) -> BTreeMap<&str, &Value> {
    let members = list(metadata, "workspace_members");
    let packages = metadata["packages"].as_array().unwrap().iter();
    let ours = packages.filter(|package| {
        members.contains(&package["id"].as_str().unwrap()) && package["publish"].is_null()
    });
    let ours: BTreeMap<_, _> = ours.map(|it| (it["name"].as_str().unwrap(), it)).collect();
    assert!(ours.len() > 8 && ours.keys().all(|name| name.starts_with("guestexec")), "{ours:?}");
    ours
}

fn folder(package: &Value) -> &Path {
    Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap()
}

fn version(text: &str) -> Vec<u32> {
    let mut parts: Vec<u32> = text.split('.').map(|part| part.parse().unwrap()).collect();
    parts.resize(3, 0);
    parts
}

#[test]
fn every_manifest_says_what_a_registry_shows() {
    let metadata = metadata();
    let mut keywords_of = BTreeMap::new();
    for (name, package) in published(&metadata) {
        let text = |member: &str| package[member].as_str().unwrap_or_default();
        assert!(text("description").len() > 10, "{name}: no description");
        assert_eq!(text("license"), "MIT OR Apache-2.0", "{name}");
        assert_eq!(text("documentation"), format!("https://docs.rs/{name}"), "{name}");
        assert_eq!(text("readme"), "README.md", "{name}: its README is its own");
        assert_eq!(text("edition"), "2024", "{name}");
        assert!(!text("rust_version").is_empty(), "{name}: no Rust version");

        let keywords = list(package, "keywords");
        assert!((1..=5).contains(&keywords.len()), "{name}: {keywords:?}");
        for keyword in &keywords {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-+".contains(c);
            let begins = keyword.starts_with(|c: char| c.is_ascii_alphanumeric());
            assert!(begins && keyword.len() <= 20 && keyword.chars().all(is_plain), "{keyword}");
        }
        if let Some(other) = keywords_of.insert(keywords, name) {
            panic!("{name} has the keywords of {other}");
        }
        let categories = list(package, "categories");
        assert!((1..=5).contains(&categories.len()), "{name}: {categories:?}");
        assert!(categories.iter().all(|it| CATEGORIES.contains(it)), "{name}: {categories:?}");

        let docs = &package["metadata"]["docs"]["rs"];
        assert_eq!(docs["all-features"], true, "{name}");
        assert_eq!(list(docs, "rustdoc-args"), ["--cfg", "docsrs"], "{name}");
        if let Ok(library) = fs::read_to_string(folder(package).join("src/lib.rs")) {
            let badges = "#![cfg_attr(docsrs, feature(doc_cfg))]";
            assert!(library.contains(badges), "{name}: {badges} is missing in lib.rs");
        }
        let readme = fs::read_to_string(folder(package).join("README.md")).unwrap();
        assert!(readme.starts_with(&format!("# {name}\n")), "{name}: its README has another title");
        assert!(readme.contains("tability"), "{name}: its README does not lead to the policy");
    }
}

#[test]
fn every_package_holds_its_licences_and_nothing_that_needs_the_workspace() {
    let metadata = metadata();
    for (name, package) in published(&metadata) {
        for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
            let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
            let text = read(root().join(licence));
            assert!(text.len() > 500, "{licence}");
            assert_eq!(read(folder(package).join(licence)), text, "{name}: {licence}");
        }
        let files =
            cargo(&["package", "--list", "--allow-dirty", "--offline", "--locked", "-p", name]);
        let files: BTreeSet<&str> = files.lines().collect();
        for needed in ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md"] {
            assert!(files.contains(needed), "{name}: no {needed}");
        }
        assert!(files.contains("src/lib.rs") || files.contains("src/main.rs"), "{name}");
        for file in files.iter().filter(|file| file.contains('/')) {
            let is_listed = |(of, path): &(&str, &str)| {
                *of == name && file.replace('\\', "/").starts_with(path)
            };
            let is_source = file.starts_with("src") && !file.ends_with(".snap");
            assert!(is_source || BESIDES.iter().any(is_listed), "{name}: {file} is packaged");
        }
        for (_, path) in BESIDES.iter().filter(|(of, _)| *of == name) {
            assert!(files.iter().any(|file| file.starts_with(path)), "{name}: no {path}");
        }
    }
}

#[test]
fn no_dependency_needs_a_newer_rust_than_the_package_names() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let packages: BTreeMap<_, _> = packages.map(|it| (it["id"].as_str().unwrap(), it)).collect();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap().iter();
    let nodes: BTreeMap<_, _> = nodes.map(|it| (it["id"].as_str().unwrap(), it)).collect();
    for (name, package) in published(&metadata) {
        let ours = version(package["rust_version"].as_str().unwrap());
        let mut seen = BTreeSet::new();
        let mut open = vec![package["id"].as_str().unwrap()];
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            let needed = packages[id]["rust_version"].as_str().map(version);
            assert!(needed.is_none_or(|needed| needed <= ours), "{name} names {ours:?}: {id}");
            for dependency in nodes[id]["deps"].as_array().unwrap() {
                let mut kinds = dependency["dep_kinds"].as_array().unwrap().iter();
                if kinds.any(|kind| kind["kind"] != "dev") {
                    open.push(dependency["pkg"].as_str().unwrap());
                }
            }
        }
        assert!(seen.len() > 10, "{name}: {seen:?}");
    }
}

/// Finds parts of the language that are newer than the crates' Rust version. Clippy knows this of the
/// standard library alone.
#[derive(Default)]
struct Newer(Vec<&'static str>);

impl VisitMut for Newer {
    fn visit_pat_guard_mut(&mut self, pattern: &mut syn::PatGuard) {
        let mut lets = Lets(0);
        lets.visit_expr_mut(&mut pattern.guard);
        self.0.extend((lets.0 > 0).then_some("`if let` as a guard of `match` is of 1.95"));
        visit_mut::visit_pat_guard_mut(self, pattern);
    }

    fn visit_macro_mut(&mut self, called: &mut syn::Macro) {
        let is_newer = called.path.segments.last().is_some_and(|it| it.ident == "cfg_select");
        self.0.extend(is_newer.then_some("`cfg_select!` is of 1.95"));
    }
}

struct Lets(usize);

impl VisitMut for Lets {
    fn visit_expr_let_mut(&mut self, _: &mut syn::ExprLet) {
        self.0 += 1;
    }
}

fn newer(source: &str) -> Vec<&'static str> {
    let mut newer = Newer::default();
    newer.visit_file_mut(&mut syn::parse_file(source).unwrap());
    newer.0
}

#[test]
fn no_package_is_written_in_a_newer_rust_than_it_names() {
    let guard = newer(
        "fn f() { match x { Some(y) if let Some(z) = y => {} _ if a && let b = c => {} _ if d => {} _ => {} } }",
    );
    assert_eq!(guard.len(), 2, "{guard:?}");
    assert_eq!(newer("fn f() { std::cfg_select! { _ => {} } }").len(), 1);

    let metadata = metadata();
    let mut files = 0;
    for package in published(&metadata).values() {
        let mut folders = vec![folder(package).join("src")];
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "rs") {
                    files += 1;
                    let newer = newer(&fs::read_to_string(&path).unwrap());
                    assert!(newer.is_empty(), "{}: {newer:?}", path.display());
                }
            }
        }
    }
    assert!(files > 100, "{files}");
}
