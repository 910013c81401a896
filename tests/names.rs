//! Every type that a public signature of a provider's crate shows can be named from that crate, so that
//! a program depends on it alone. The signatures are those of `public-items.txt`.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

use std::{collections::BTreeSet, env, fs, path::PathBuf};

/// Of the standard library.
const STANDARD: [&str; 51] = [
    "Any", "Arc", "AsRef", "BTreeMap", "Box", "Clone", "Copy", "Cow", "Debug", "Default", "Deref",
    "DerefMut", "Display", "Drop", "Duration", "Eq", "File", "Fn", "FnMut", "FnOnce", "From",
    "FromStr", "Future", "Hash", "Hasher", "Into", "IntoFuture", "IntoIterator", "Item",
    "Iterator", "Option", "Ord", "Output", "PartialEq", "PartialOrd", "Path", "PathBuf", "Pin",
    "RangeFrom", "RangeInclusive", "Result", "Self", "Send", "Some", "StdError", "String", "Sync",
    "SystemTime", "ToString", "Unpin", "Vec",
];

/// Of crates that whoever needs them depends on anyway: serde and serde_json, schemars, futures, tokio.
const OF_OTHERS: [&str; 9] = [
    "AsyncRead", "AsyncWrite", "Deserialize", "JsonSchema", "Map", "Schema", "Serialize", "Stream",
    "Value",
];

/// Traits of the generated code that nobody else implements or names.
const SEALED: [&str; 2] = ["Inner", "IntoKind"];

fn listing(provider: &str) -> String {
    // At run time, since checkouts may share a target folder.
    let package = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| ".".into(), PathBuf::from);
    let file = package.join(format!("../crates/guestexec-{provider}/public-items.txt"));
    fs::read_to_string(file).unwrap()
}

/// The names of types in a text: words that begin with a capital letter and have a small one. One letter
/// is a parameter, and capitals alone are a constant.
fn types(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.split(move |c| !is_word(c)).filter(|word| {
        word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.contains(|c: char| c.is_ascii_lowercase())
    })
}

fn check(provider: &str) {
    let listing = listing(provider);
    let items = listing.lines().filter(|line| !line.starts_with('#'));
    let items: Vec<(&str, &str)> = items.map(|line| line.split_once(": ").unwrap()).collect();
    let mut known: BTreeSet<&str> = items.iter().flat_map(|(path, _)| types(path)).collect();
    known.extend(STANDARD.iter().chain(&OF_OTHERS).chain(&SEALED));
    let mut unknown = Vec::new();
    for (path, signature) in items {
        let signature = signature.split(" [").next().unwrap();
        let missing: Vec<_> = types(signature).filter(|name| !known.contains(name)).collect();
        unknown.extend(missing.into_iter().map(|name| format!("{name}, of {path}: {signature}")));
    }
    // The libraries beneath have major versions of their own, which are none of a program's business.
    for beneath in ["hyper::", "progenitor", "reqwest"] {
        assert!(!listing.contains(beneath), "guestexec-{provider} shows {beneath}");
    }
    assert!(unknown.is_empty(), "re-export in guestexec-{provider}:\n{}", unknown.join("\n"));
}

#[test]
fn cci_names_what_its_signatures_show() {
    check("cci");
}

#[test]
fn tat_names_what_its_signatures_show() {
    check("tat");
}

#[test]
fn zstack_names_what_its_signatures_show() {
    check("zstack");
}

#[test]
fn a_name_is_found_anywhere_in_a_signature() {
    let text =
        "fn a<'a, K: Bound>(&self, b: impl Into<Odd_1<'a>>) -> Result<(), x::Err> const LIMIT";
    assert_eq!(types(text).collect::<Vec<_>>(), ["Bound", "Into", "Odd_1", "Result", "Err"]);
}
