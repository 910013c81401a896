//! Slightly odd answers: in each documented answer, every member at every depth is replaced by every
//! kind of JSON, by text that strict parsers refuse, and left out. The members that decide the outcome
//! are still read, and no call waits for an outcome that it has.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod cci;
mod documented;
mod tat;
mod zstack;

use serde_json::{Value, json};

/// The replacements of a member.
const ODD: &[&str] = &[
    "null",
    "true",
    "false",
    "7",
    "-1",
    "1.5",
    "1e999",
    "123456789012345678901234567890",
    "NaN",
    r#""text""#,
    r#""""#,
    r#""\ud800""#,
    "[]",
    r#"[5, null, "x", {}, [{}]]"#,
    "{}",
    r#"{"Code": [], "code": {}, "uuid": 5}"#,
];

/// A mutation of a document, and the resulting bytes.
pub struct Mutation {
    /// The JSON pointer of the member.
    pub pointer: String,
    /// The replacement; empty where the member is left out.
    pub put: Vec<u8>,
    /// The mutated document.
    pub body: Vec<u8>,
}

impl Mutation {
    /// Replaces the member at `pointer` by `put`.
    pub fn new(document: &Value, pointer: &str, put: &[u8]) -> Self {
        const MARK: &str = "\"the place of it\"";
        let mut document = document.clone();
        if put.is_empty() {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            match document.pointer_mut(parent).unwrap() {
                Value::Object(members) => {
                    drop(members.remove(&name.replace("~1", "/").replace("~0", "~")));
                }
                Value::Array(items) => drop(items.remove(name.parse().unwrap())),
                other => panic!("{pointer}: {other}"),
            }
        } else {
            *document.pointer_mut(pointer).unwrap() = serde_json::from_str(MARK).unwrap();
        }
        let text = document.to_string().into_bytes();
        let body = match text.windows(MARK.len()).position(|part| part == MARK.as_bytes()) {
            Some(at) => [&text[..at], put, &text[at + MARK.len()..]].concat(),
            None => text,
        };
        Self { pointer: pointer.to_owned(), put: put.to_vec(), body }
    }

    /// The mutation in words, for the text of a failure.
    pub fn shown(&self) -> String {
        format!("{} is {}", self.pointer, self.put.escape_ascii())
    }

    /// Whether the member is left out or `null`.
    pub fn is_nothing(&self) -> bool {
        self.put.is_empty() || self.put == b"null"
    }
}

/// All replacements of a member.
pub fn odd() -> Vec<Vec<u8>> {
    let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
    let more = [deep.into_bytes(), b"\"\xff\xe4\"".to_vec(), b"\"a\x1b\"".to_vec(), Vec::new()];
    ODD.iter().map(|text| text.as_bytes().to_vec()).chain(more).collect()
}

/// The members at every depth below `pointer`, and the first elements of lists.
pub fn pointers(document: &Value, pointer: &str) -> Vec<String> {
    let mut all = Vec::new();
    let names: Vec<String> = match document.pointer(pointer).unwrap() {
        Value::Object(members) => members.keys().cloned().collect(),
        Value::Array(items) => (0..items.len().min(2)).map(|place| place.to_string()).collect(),
        _ => Vec::new(),
    };
    for name in names {
        let inner = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
        all.push(inner.clone());
        all.extend(pointers(document, &inner));
    }
    all
}

/// Every mutation of a document.
pub fn mutations(document: &Value) -> Vec<Mutation> {
    let pointers = pointers(document, "");
    let one = |pointer: &String| {
        odd().into_iter().map(|put| Mutation::new(document, pointer, &put)).collect::<Vec<_>>()
    };
    pointers.iter().flat_map(one).collect()
}

#[test]
fn every_member_is_replaced() {
    let document = json!({ "a": { "b": [1, { "c": 2 }] } });
    assert_eq!(pointers(&document, ""), ["/a", "/a/b", "/a/b/0", "/a/b/1", "/a/b/1/c"]);
    let bodies: Vec<String> = mutations(&document)
        .iter()
        .map(|mutation| String::from_utf8_lossy(&mutation.body).into_owned())
        .collect();
    for body in [r#"{"a":{"b":[1,{"c":1e999}]}}"#, r#"{"a":{"b":[1]}}"#, r#"{}"#, r#"{"a":"�"}"#]
    {
        let body = body.replace("\"�\"", "\"\u{fffd}\u{fffd}\"");
        assert!(bodies.contains(&body), "{body}");
    }
}
