//! What is read of pages.

use xtask::audit::page::Page;
use xtask::audit::read;

use crate::dump::dump;
use crate::render::{layouts, render, said};

/// The pages that this repository keeps.
pub const PAGES: [&str; 4] = [
    "cci-exec-get.txt",
    "cci-exec-post.rst.txt",
    "tat-run-command.txt",
    "zstack-execute-guest-vm-command.txt",
];

/// The text of a page.
pub fn text(name: &str) -> String {
    let path = format!("{}/tests/data/pages/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|problem| panic!("{path}: {problem}"))
}

/// A page, read.
pub fn page(name: &str) -> Page {
    read::page(&text(name)).unwrap_or_else(|problem| panic!("{name}: {problem}"))
}

#[test]
fn the_pages_are_read_to_the_last_row() {
    for name in PAGES {
        insta::assert_snapshot!(name, dump(&page(name), true));
    }
}

#[test]
fn every_layout_says_the_same() {
    let mut failures = Vec::new();
    for name in PAGES {
        let page = page(name);
        for layout in layouts() {
            let text = render(&page, layout);
            let expected = dump(&said(&page, layout), false);
            let found = match read::page(&text) {
                Ok(found) => found,
                Err(problem) => {
                    failures.push(format!("{name} as {layout}: {problem}"));
                    continue;
                }
            };
            let tables = found
                .not_understood
                .iter()
                .map(|words| format!("  not understood: {}", words.text));
            let differing: Vec<String> =
                differences(&expected, &dump(&found, false)).chain(tables).take(8).collect();
            if !differing.is_empty() {
                failures.push(format!("{name} as {layout}:\n{}", differing.join("\n")));
            }
        }
    }
    assert!(failures.is_empty(), "{} layouts differ:\n{}", failures.len(), failures.join("\n"));
}

/// The lines that only one of two texts has.
fn differences(expected: &str, found: &str) -> impl Iterator<Item = String> {
    let only = |mark: &'static str, of: &str, other: &str| -> Vec<String> {
        let other: Vec<&str> = other.lines().collect();
        of.lines()
            .filter(|line| !other.contains(line))
            .map(|line| format!("  {mark} {line}"))
            .collect()
    };
    let mut all = only("expected", expected, found);
    all.extend(only("found", found, expected));
    if all.is_empty() && expected != found {
        all.push("  the order differs".to_owned());
    }
    all.into_iter()
}
