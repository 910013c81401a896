//! The listings of public items: what is followed, and that those committed are current.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use xtask::{items, spec};

fn listed(files: &[(&str, &str)]) -> Vec<String> {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    let read = |path: &str| Ok(files.get(path).map(|text| (*text).to_owned()));
    items::of(&read).unwrap().into_iter().collect()
}

/// A source, and the lines of its items.
const SOURCES: &[(&str, &[&str])] = &[
    ("struct Private; fn private() {} pub(crate) struct Crate;", &[]),
    ("pub struct A;", &["A: struct"]),
    (
        "/// About.\n#[derive(Clone, Debug)]\n#[non_exhaustive]\npub struct A<'a, T: Copy> { pub one: &'a T, two: u8 }",
        &[
            "A.one: &'a T",
            "A: #[non_exhaustive] struct<'a, T: Copy> with private fields",
            "A: impl Clone",
            "A: impl Debug",
        ],
    ),
    (
        "pub enum E { A, #[non_exhaustive] B { x: u8 }, C(String), #[doc(hidden)] D }",
        &[
            "E::A: variant",
            "E::B.x: u8",
            "E::B: #[non_exhaustive] variant",
            "E::C.0: String",
            "E::C: variant",
            "E: enum",
        ],
    ),
    (
        "pub struct A; impl A { pub fn new(mut x: u8, y: impl Into<String>) -> Self { A } fn own(&self) {} pub const N: u8 = 1; pub async fn go(&mut self) {} }",
        &[
            "A::N: const u8",
            "A: async fn go(&mut self)",
            "A: fn new(x: u8, y: impl Into<String>) -> Self",
            "A: struct",
        ],
    ),
    (
        "pub struct A<T>(T); impl<T: Copy> std::fmt::Debug for A<T> {} impl A<u8> { pub fn f(self) {} }",
        &["A: fn f(self)", "A: impl<T: Copy> Debug for <T>", "A: struct<T> with private fields"],
    ),
    (
        "pub fn f<const N: usize>(x: [u8; N]) -> Option<u8> { None }",
        &["f: fn f<const N: usize>(x: [u8; N]) -> Option<u8>"],
    ),
    (
        "pub trait T: Send { fn a(&self); fn b(&self) {} type C; }",
        &["T::C: type", "T: fn a(&self)", "T: fn b(&self) { … }", "T: trait: Send"],
    ),
    (
        "pub const A: &[u8] = &[1]; pub static B: u8 = 1; pub type C<T> = Vec<T>;",
        &["A: const &[u8]", "B: static u8", "C: type<T> = Vec<T>"],
    ),
    // Modules.
    ("pub mod a { pub struct B; struct C; }", &["a::B: struct", "a: mod"]),
    ("mod a { pub struct B; impl B { pub fn f(&self) {} } }", &[]),
    (
        "mod a { pub struct B; impl B { pub fn f(&self) {} } } pub use a::B;",
        &["B: fn f(&self)", "B: struct"],
    ),
    (
        "mod a { pub struct B; } pub use a::B as C; impl Clone for C {}",
        &["C: impl Clone", "C: struct"],
    ),
    ("mod a { pub struct B; pub struct D; } pub use a::*;", &["B: struct", "D: struct"]),
    ("mod a { pub mod b { pub struct C; } } pub use a::b;", &["b::C: struct", "b: mod"]),
    ("mod a { mod b { pub struct C; } pub use b::C; } pub use self::a::C;", &["C: struct"]),
    (
        "mod a { pub use super::B; } pub struct B; mod c { impl crate::a::B { pub fn f() {} } }",
        &["B: fn f()", "B: struct"],
    ),
    (
        "pub use guestexec_core::{Secret, Clock as Time}; pub use other::*;",
        &[
            "*: use other::*",
            "Secret: use guestexec_core::Secret",
            "Time: use guestexec_core::Clock",
        ],
    ),
    // The same name twice, in different modules.
    (
        "pub mod a { pub struct X; impl X { pub fn in_a() {} } } pub mod b { pub struct X; impl X { pub fn in_b() {} } }",
        &["a::X: fn in_a()", "a::X: struct", "a: mod", "b::X: fn in_b()", "b::X: struct", "b: mod"],
    ),
    // Conditions.
    (
        "#[cfg(feature = \"x\")] pub mod a { pub struct B; } #[cfg(test)] pub mod tests { pub struct T; } #[doc(hidden)] pub struct H;",
        &["a::B: struct [feature=\"x\"]", "a: mod [feature=\"x\"]"],
    ),
    (
        "#[cfg_attr(feature = \"schemars\", derive(schemars::JsonSchema))] pub struct A; impl A { #[cfg(unix)] pub fn f() {} #[doc(hidden)] pub fn h() {} }",
        &["A: fn f() [unix]", "A: impl JsonSchema [feature=\"schemars\"]", "A: struct"],
    ),
    // What a module adds to a type of another is there when the module is.
    (
        "pub struct A; #[cfg(feature = \"x\")] mod b { impl super::A { pub fn f() {} } }",
        &["A: fn f() [feature=\"x\"]", "A: struct"],
    ),
    (
        "#[cfg(feature = \"x\")] pub mod a { pub struct B; impl B { pub fn f() {} } }",
        &["a::B: fn f() [feature=\"x\"]", "a::B: struct [feature=\"x\"]", "a: mod [feature=\"x\"]"],
    ),
    // Macros.
    (
        "pub struct A; impl A { common_settings! { x } } macro_rules! m { () => {} } m!();",
        &["A: common_settings!", "A: struct"],
    ),
    // Circles end.
    (
        "mod a { pub use super::b::X; } mod b { pub use super::a::X; } pub use a::X;",
        &["X: use a::X"],
    ),
    ("mod a { pub use super::*; } pub use a::*; pub struct Y;", &["Y: struct"]),
    // Raw names and longer bounds.
    (
        "pub struct A { pub r#type: u8 } impl A { pub fn r#type(self) -> Self where Self: Sized { self } }",
        &["A.r#type: u8", "A: fn r#type(self) -> Self where Self: Sized", "A: struct"],
    ),
];

#[test]
fn what_is_public_is_listed() {
    let mut failures = Vec::new();
    for (source, expected) in SOURCES {
        let mut found = listed(&[("lib.rs", source)]);
        let mut expected = expected.to_vec();
        found.sort();
        expected.sort_unstable();
        if found != expected {
            failures.push(format!("{source}\n  {found:#?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn files_of_modules_are_found_and_missing_ones_named() {
    let found = listed(&[
        ("lib.rs", "pub mod a; mod c; pub use c::d::E;"),
        ("a.rs", "pub mod b;"),
        ("a/b.rs", "pub struct B;"),
        ("c/mod.rs", "pub mod d;"),
        ("c/d.rs", "pub struct E;"),
    ]);
    assert_eq!(found, ["E: struct", "a: mod", "a::b: mod", "a::b::B: struct"]);

    let read = |path: &str| Ok((path == "lib.rs").then(|| "mod gone;".to_owned()));
    assert_eq!(items::of(&read).unwrap_err(), "gone.rs: there is no such file");
    let read = |_: &str| Ok(Some("pub struct".to_owned()));
    assert!(items::of(&read).unwrap_err().starts_with("lib.rs: is not Rust: "));
    // A file that includes itself without end.
    let read = |_: &str| Ok(Some("mod again;".to_owned()));
    assert!(items::of(&read).unwrap_err().ends_with("the modules are too deep"));
}

#[test]
fn the_macros_of_the_core_are_known() {
    let source = "::guestexec_core::open_enum! {\n    /// Kinds.\n    pub enum Kind {\n        /// Round.\n        Round = \"ROUND\",\n    }\n}\npub struct Part; ::guestexec_core::answer!(Part { name = \"Name\" } keeps extra);";
    let found: BTreeSet<String> = listed(&[("lib.rs", source)]).into_iter().collect();
    for line in [
        "Kind: #[non_exhaustive] enum",
        "Kind::Round: variant",
        "Kind::Unlisted: variant",
        "Kind: impl FromStr",
        "Kind: fn as_str(&self) -> &str",
        "Part: impl Deserialize",
        "Part: impl Serialize",
    ] {
        assert!(found.contains(line), "{line}: {found:#?}");
    }
}

#[test]
fn setters_and_calls_that_macros_write_are_listed_with_their_type() {
    let types = "use super::builder; pub struct Request { pub note: Option<String> } setters!(Request, builder::Run<'_> at body.params {\n    /// What it is for.\n    #[deprecated] note(impl Into<String>);\n    r#type(u64);\n});";
    let builder = "pub struct Run<'a> { body: types::Body } setters!(Run<'_> { header_member(Vec<u8>) sets header; }); guestexec_core::sending!(\n    Run sends RUN starting a command,\n    [200, 201] => types::Ran, text in types::Envelope => response\n); pub struct Up<'a> { body: () } sending!(Up sends UP, [101] => Upgraded, upgrade);";
    let files = [
        ("lib.rs", "pub mod types; pub mod builder;"),
        ("types.rs", types),
        ("builder.rs", builder),
    ];
    let found: BTreeSet<String> = listed(&files).into_iter().collect();
    for line in [
        "builder::Run: fn note(self, value: impl Into<String>) -> Self",
        "builder::Run: async fn send(self) -> Result<Answer<types::Ran>, Error>",
        "builder::Run: async fn send_raw(self) -> Result<Answer<Bytes>, Error>",
        "builder::Run: async fn send_streamed(self) -> Result<Answer<Streamed>, Error>",
        "builder::Run: fn call_timeout(self, timeout: Duration) -> Self",
        "builder::Run: fn header_member(self, value: Vec<u8>) -> Self",
        "builder::Run: fn r#type(self, value: u64) -> Self",
        "builder::Up: async fn send(self) -> Result<Answer<Upgraded>, Error>",
        "types::Request: fn note(self, value: impl Into<String>) -> Self",
        "types::Request: fn r#type(self, value: u64) -> Self",
    ] {
        assert!(found.contains(line), "{line}: {found:#?}");
    }
    assert!(!found.iter().any(|line| line.starts_with("builder::Up") && line.contains("send_")));
}

#[test]
fn every_method_that_the_macros_of_calls_write_is_listed() {
    let core = xtask::root().unwrap().join("crates/guestexec-core/src");
    let read = |name: &str| std::fs::read_to_string(core.join(name)).unwrap();
    let is_method = |line: &&str| line.starts_with("pub fn ") || line.starts_with("pub async fn ");
    let options = read("options.rs");
    let (_, options) = options.split_once("macro_rules! call_options").unwrap();
    let sending = read("sending.rs");
    let (_, sending) = sending.split_once("macro_rules! sending").unwrap();
    let mut written = BTreeSet::new();
    for line in options.lines().chain(sending.lines()).map(str::trim).filter(is_method) {
        let line = ["pub ", "mut ", "$crate::", "::std::time::"]
            .iter()
            .fold(line.to_owned(), |line, noise| line.replace(noise, ""));
        let line = line.trim_end_matches(" {").replace("$content", "types::Ran");
        written.insert(format!("Run: {line}"));
    }
    let source =
        "pub struct Run<'a> { body: () } sending!(Run sends RUN, [200] => types::Ran, text);";
    let listed = listed(&[("lib.rs", source)]).into_iter();
    let listed: BTreeSet<String> = listed.filter(|line| line.contains("fn ")).collect();
    assert_eq!(listed, written);
    assert!(written.len() >= 6, "{written:#?}");
}

#[test]
fn committed_listings_are_what_the_sources_say() {
    let root = xtask::root().unwrap();
    for provider in spec::providers(&root).unwrap() {
        let file = items::file(&provider);
        let current = items::is_current(&root, &provider).unwrap();
        assert!(current, "{file} is stale: run `cargo xtask items` and commit what it writes");
    }
}
