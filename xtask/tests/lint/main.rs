//! Documents with one thing wrong: each gets a complaint that names the place and a remedy.

mod decisions;
mod document;
mod operation;
mod parameter;
mod schema;

use std::{mem, panic};

use serde_json::{Value, json};
use xtask::spec::Spec;

/// The document that has nothing wrong.
const GOOD: &str = include_str!("../data/small.yaml");

/// One edit of the good document, and what is said about it.
struct Broken {
    /// What is replaced; it occurs once.
    find: &'static str,
    put: &'static str,
    /// How the complaint goes on after the file's name.
    place: &'static str,
    fault: &'static str,
    remedy: &'static str,
}

const fn broken(
    find: &'static str,
    put: &'static str,
    place: &'static str,
    fault: &'static str,
    remedy: &'static str,
) -> Broken {
    Broken { find, put, place, fault, remedy }
}

/// What is said of a document: nothing, if it can be generated from.
fn complaint(text: String) -> Option<String> {
    Spec::parse("small", text).and_then(|spec| xtask::from_spec(&spec)).err()
}

/// What follows on `specs/small.yaml:7: `.
fn after_line(complaint: &str) -> Option<&str> {
    let (line, rest) = complaint.strip_prefix("specs/small.yaml:")?.split_once(": ")?;
    line.parse::<u32>().is_ok_and(|line| line > 0).then_some(rest)
}

fn assert_said(name: &str, text: String, expected: &Broken, failures: &mut Vec<String>) {
    let said = match panic::catch_unwind(|| complaint(text)) {
        Ok(Some(said)) => said,
        Ok(None) => return failures.push(format!("{name}: nothing is said of it")),
        Err(_) => return failures.push(format!("{name}: it panics")),
    };
    let fits = |line: &str| {
        let said = after_line(line).and_then(|rest| rest.strip_prefix(expected.place));
        let rest = said.and_then(|rest| rest.split_once(expected.fault));
        rest.is_some_and(|(_, remedy)| remedy.contains(expected.remedy))
    };
    if !said.lines().all(|line| after_line(line).is_some()) {
        failures.push(format!("{name}: a complaint does not name file and line:\n{said}"));
    } else if !said.lines().any(fits) {
        failures.push(format!("{name}: what is said is not what was expected:\n{said}"));
    }
}

#[test]
fn the_good_document_passes_and_is_generated_from() {
    let spec = Spec::parse("small", GOOD.to_owned()).unwrap();
    assert_eq!(xtask::lint::lint(&spec.document), []);
    let generated = xtask::from_spec(&spec).unwrap();
    for (path, text) in &generated.files {
        syn::parse_file(text).unwrap_or_else(|e| panic!("{path} is not Rust: {e}"));
    }
}

#[test]
fn one_thing_wrong_is_one_sentence_with_a_remedy() {
    let tables = [
        decisions::DECISIONS,
        document::DOCUMENT,
        document::TEXTS,
        operation::OPERATIONS,
        operation::BODIES,
        parameter::PARAMETERS,
        schema::SCHEMAS,
    ];
    let mut failures = Vec::new();
    for row in tables.into_iter().flatten() {
        let name = format!("{:?} for {:?}", row.put, row.find);
        if GOOD.matches(row.find).count() == 1 {
            assert_said(&name, GOOD.replacen(row.find, row.put, 1), row, &mut failures);
        } else {
            failures.push(format!("{name}: occurs other than once in the good document"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn what_is_no_document_at_all() {
    let deep = "[".repeat(100_000);
    let laughs = (1..30).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} [*a{0}, *a{0}, *a{0}, *a{0}]\n", n - 1)
    });
    let head = "openapi: 3.0.3\ninfo: {title: W, version: v1}\n";
    let cases = [
        ("", "not a mapping", "begin it with"),
        ("# nothing\n", "not a mapping", "begin it with"),
        ("- a\n- b\n", "not a mapping", "begin it with"),
        ("widgets", "not a mapping", "begin it with"),
        ("a: [1", "not YAML", "close it"),
        ("a: b: c", "not YAML", "put the text in quotes"),
        ("a: 1\na: 2\n", "has `a` a second time", "keep one"),
        ("a: *b\n", "not YAML", "correct the name"),
        ("a: {\"\\z\": 1}\n", "not YAML", "correct the line"),
        (&deep, "nested too deeply", "write it flatter"),
        (&laughs, "aliases repeat too much", "write it flatter"),
        ("{}", "no `openapi`", "write `openapi: 3.0.3`"),
        (&format!("{head}paths: {{}}"), "no operation", "write at least one"),
        (&format!("{head}paths: []"), "not a mapping", "write it as"),
        (&format!("{head}paths: {{/a: [get]}}"), "not a mapping", "write it as"),
    ];
    for (text, fault, remedy) in cases {
        let shown: String = text.chars().take(40).collect();
        let said = complaint(text.to_owned()).unwrap_or_else(|| panic!("{shown:?} passes"));
        assert!(said.lines().all(|line| after_line(line).is_some()), "{shown:?}: {said}");
        assert!(said.contains(fault) && said.contains(remedy), "{shown:?}: {said}");
    }
}

#[test]
fn a_value_of_another_kind_is_complained_of() {
    let good: Value = serde_saphyr::from_str(GOOD).unwrap();
    let mut places = Vec::new();
    pointers(&good, String::new(), &mut places);
    assert!(places.len() > 200, "{}", places.len());
    for place in &places {
        for value in [json!(null), json!(7), json!("text"), json!([7]), json!({ "a": 7 })] {
            let mut document = good.clone();
            let part = document.pointer_mut(place).unwrap();
            if mem::discriminant(part) == mem::discriminant(&value) {
                continue;
            }
            *part = value.clone();
            // JSON is YAML.
            let text = serde_json::to_string_pretty(&document).unwrap();
            let result = panic::catch_unwind(|| complaint(text));
            let said = result.unwrap_or_else(|_| panic!("{value} at {place} panics"));
            let said = said.unwrap_or_else(|| panic!("{value} at {place} passes"));
            assert!(said.lines().all(|line| after_line(line).is_some()), "{said}");
            assert!(!said.contains("progenitor"), "{value} at {place}: {said}");
        }
    }
}

/// Where every part of a document stands, but for data and tags, which nothing is made of.
fn pointers(node: &Value, place: String, places: &mut Vec<String>) {
    let data = ["/value", "/tags", "/room", "/x-rate-limit"];
    if data.iter().any(|end| place.ends_with(end)) {
        return;
    }
    match node {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                pointers(member, format!("{place}/{name}"), places);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, format!("{place}/{index}"), places);
            }
        }
        _ => {}
    }
    places.push(place);
}
