//! What is said of documents with one thing wrong, word for word: the snapshot is the table.
//!
//! A case is an edit of the small document: a file `data/cases/NAME.diff`, or a row of [`EDITS`].

#![allow(clippy::unwrap_used)]

use std::{fmt::Write as _, fs, path::PathBuf};

use xtask::spec::Spec;

const SMALL: &str = include_str!("data/small.yaml");

/// Further edits: a name, what is replaced (it occurs once), and by what.
const EDITS: &[(&str, &str, &str)] = &[
    // What a strict reader of YAML refuses, or takes for something else.
    ("yaml-alias", "x-error-codes: [Widget.Jam]", "x-error-codes: *codes"),
    (
        "yaml-alias-of-itself",
        "tags: [widgets]\n      summary: Create",
        "tags: &t [*t]\n      summary: Create",
    ),
    ("yaml-bidi", "Its name.", "Its \u{202e}name."),
    ("yaml-bidi-escaped", "description: Its name.", "description: \"Its \\u202Ename.\""),
    (
        "yaml-bracket-at-its-key",
        "x-error-codes: [Widget.Jam]",
        "x-error-codes: [\n        Widget.Jam,\n      ]",
    ),
    (
        "yaml-bracket-in-place",
        "x-error-codes: [Widget.Jam]",
        "x-error-codes: [\n        Widget.Jam,\n        ]",
    ),
    (
        "yaml-bracket-left-of-its-key",
        "x-error-codes: [Widget.Jam]",
        "x-error-codes: [\n        Widget.Jam\n ]",
    ),
    ("yaml-bracket-open", "x-error-codes: [Widget.Jam]", "x-error-codes: [Widget.Jam"),
    ("yaml-bracket-wrong", "x-error-codes: [Widget.Jam]", "x-error-codes: [Widget.Jam}"),
    ("yaml-colon", "description: Its name.", "description: Its name: a word."),
    (
        "yaml-content-left-of-its-key",
        "x-error-codes: [Widget.Jam]",
        "x-error-codes: [\n    Widget.Jam]",
    ),
    ("yaml-control-character", "Its name.", "Its \u{7}name."),
    ("yaml-day", "x-read-on: '2026-11-22'", "x-read-on: 2026-11-22"),
    ("yaml-directive", "# A small document with", "%YAML 1.2\n---\n# A small document with"),
    ("yaml-key-that-is-a-number", "        '404':", "        404:"),
    ("yaml-large-number", "maxLength: 60\n", "maxLength: 60000000000000000000000\n"),
    ("yaml-line-separator", "Its name.", "Its\u{2028}name."),
    ("yaml-list-as-key", "info:\n", "? [a]\n: b\ninfo:\n"),
    (
        "yaml-merge",
        "x-rate-limit: {requests: 20, per-seconds: 1}",
        "x-rate-limit: {<<: {requests: 20}, per-seconds: 1}",
    ),
    (
        "yaml-norway",
        "summary: The page's own.\n          parameters:\n            room: attic",
        "summary: The page's own.\n          parameters:\n            room: no",
    ),
    ("yaml-octal", "maxLength: 60\n", "maxLength: 0o60\n"),
    ("yaml-quote-open", "title: Widget service", "title: 'Widget service"),
    ("yaml-quoted-left-of-its-key", "description: Its name.", "description: \"Its\n  name.\""),
    ("yaml-sexagesimal", "room: attic", "room: 12:30"),
    ("yaml-tab-within-a-line", "title: Widget service", "title:\tWidget service"),
    ("yaml-tab-in-brackets", "x-error-codes: [Widget.Jam]", "x-error-codes: [Widget.Jam,\t]"),
    ("yaml-tab-in-a-comment", "version: v1", "version: v1 #\tA comment."),
    ("yaml-tag", "version: v1", "version: !!str v1"),
    // Where a document is from.
    ("address-of-a-page", "https://widgets.example/list", "widgets.example/list"),
    ("address-of-no-host", "https://widgets.example/list", "https://widgets/list"),
    (
        "address-of-a-server",
        "paths:\n",
        "servers:\n  - url: https://{region}.widgets.example\npaths:\n",
    ),
    (
        "address-of-a-server-with-its-variable",
        "paths:\n",
        "servers:\n  - url: https://{region}.widgets.example\n    variables: {region: {default: north}}\npaths:\n",
    ),
    ("day-missing", "x-read-on: '2026-11-22'\n", ""),
    (
        "day-of-an-operation",
        "      x-starts-command: true\n",
        "      x-starts-command: true\n      x-read-on: '2026-02-30'\n",
    ),
    ("day-to-come", "'2026-11-22'", "'9999-12-31'"),
    (
        "security-with-a-scheme",
        "      x-starts-command: true\n",
        "      x-starts-command: true\n      security: [{Nobody: []}]\n",
    ),
    ("version-31", "openapi: 3.0.3", "openapi: 3.1.0"),
    // What a second call does.
    ("repeatable-false", "      x-starts-command: true\n", "      x-repeatable: false\n"),
    ("rate-below-one", "{requests: 20, per-seconds: 1}", "{requests: 1, per-seconds: 10}"),
    ("rate-zero", "{requests: 20, per-seconds: 1}", "{requests: 20, per-seconds: 0}"),
    // Texts.
    (
        "text-backticks-over-paragraphs",
        "description: A note.",
        "description: |-\n            A `note.\n\n            A` note.",
    ),
    (
        "text-heading",
        "description: A note.",
        "description: |-\n            A note\n            ------",
    ),
    (
        "text-nested-list",
        "description: A note.",
        "description: |-\n            - a\n              - b",
    ),
    ("text-quotation", "description: A note.", "description: |-\n            > a\n            > b"),
    ("summary-without-an-end", "summary: Create a widget.", "summary: Create a widget"),
    ("component-without-a-description", "      description: A box.\n", ""),
    // Rules that nothing meets.
    ("rule-both-required", "x-exactly-one-of: [[parts, box]]", "x-exactly-one-of: [[name, box]]"),
    (
        "rule-bytes-below-characters",
        "x-max-bytes: 120",
        "x-max-bytes: 120\n          minLength: 121",
    ),
    ("rule-format", "          maximum: 86400\n", "          maximum: 2147483648\n"),
    ("rule-key-length", "keyMaxLength: 64", "keyMaxLength: 0"),
    ("rule-no-value", "          enum: [ROUND]\n", "          enum: []\n"),
    ("rule-requires-what-cannot-be", "note: {kind: ROUND}", "note: {kind: SQUARE}"),
    ("rule-requires-what-it-excludes", "note: {kind: ROUND}", "note: {content: aGk=}"),
    (
        "rule-value-beyond-its-type",
        "          maximum: 86400\n",
        "          maximum: 86400\n          enum: [1, 3000000000]\n",
    ),
    (
        "rule-null-and-required",
        "          description: Its name.\n",
        "          description: Its name.\n          nullable: true\n",
    ),
    (
        "answer-that-is-an-enumeration",
        "schema:\n                $ref: '#/components/schemas/Widget'",
        "schema:\n                $ref: '#/components/schemas/WidgetKind'",
    ),
    // Parameters.
    (
        "parameter-description-within",
        "            maxLength: 63\n",
        "            maxLength: 63\n            description: A name.\n",
    ),
    ("parameter-renamed", "        - name: room\n", "        - name: floor\n"),
    (
        "parameter-unshown",
        "        - name: X-Trace\n",
        "        - name: shade\n          in: query\n          description: Only these.\n          schema: {type: string}\n        - name: X-Trace\n",
    ),
    // Examples.
    ("example-fraction", "size: 400", "size: 1.5"),
    ("example-null", "size: 400", "size: null"),
    ("example-of-another-kind", "size: 400", "size: large"),
    ("example-over-its-limit", "size: 400", "size: 86401"),
    (
        "example-with-a-short-item",
        "colors: [red, green]\n                  box",
        "colors: [red, no1, ab]\n                  box",
    ),
    (
        "example-with-an-item-twice",
        "colors: [red, green]\n                  box",
        "colors: [red, red]\n                  box",
    ),
    (
        "example-excluding",
        "note: Handle with care.",
        "note: Handle with care.\n                  content: aGk=",
    ),
    ("example-not-base64", "content: aGVsbG8=", "content: hello"),
    ("example-of-json-in-text", "'{\"why\": \"to sit\"}'", "'{\"why\": 7}'"),
    ("example-lacks-what-is-required", "enabled: true\n                  answers", "answers"),
    ("example-parameter", "room: cellar", "room: Cellar"),
    ("example-parameter-of-another-kind", "color: [red, green], ", "color: red, "),
    ("example-answer-null", "{id: 7}", "{id: null}"),
    (
        "example-answer-unknown",
        "value: {widgets: [{id: 7}]}",
        "value: {widgets: [{id: 7}], next: 8}",
    ),
    (
        "example-answer-unknown-kept",
        "value: {widgets: [{id: 7}]}",
        "value: {widgets: [{id: 7, next: 8}]}",
    ),
    (
        "member-unshown",
        "        label:\n",
        "        height:\n          type: integer\n          description: Its height.\n        label:\n",
    ),
    // What is misspelled has no further consequence.
    ("typo-in-a-member", "x-exclusive: [[note, content]]", "x-exclusive: [[note, contents]]"),
    (
        "typo-in-a-reference",
        "          $ref: '#/components/responses/Failed'\n  /v1",
        "          $ref: '#/components/responses/Failled'\n  /v1",
    ),
    (
        "typo-in-a-word",
        "        required: true\n        content:",
        "        required: true\n        contents:",
    ),
    ("typo-in-a-type", "          type: boolean\n", "          typ: boolean\n"),
    (
        "typo-in-an-example",
        "name: lamp, kind: ROUND, box: {width: 1}",
        "name: lamp, kind: ROUND, box: {widht: 1}",
    ),
];

/// The small document after the edit of a file: groups of lines, each after a line `@@`, in which `-`
/// goes, `+` comes, and the rest stays.
fn patched(name: &str, edit: &str) -> String {
    edit.split("@@\n").fold(SMALL.to_owned(), |text, hunk| {
        let side = |mark: char| -> String {
            let lines = hunk.split_inclusive('\n');
            lines.filter(|line| line.starts_with([' ', mark])).map(|line| &line[1..]).collect()
        };
        let (before, after) = (side('-'), side('+'));
        assert_eq!(text.matches(&before).count(), 1, "{name}: {before}");
        text.replacen(&before, &after, 1)
    })
}

fn cases() -> Vec<(String, String)> {
    let folder = xtask::root().unwrap().join("xtask/tests/data/cases");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let files = files.into_iter().map(|path| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let edit = fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
        (name.clone(), patched(&name, &edit))
    });
    let edits = EDITS.iter().map(|(name, find, put)| {
        assert_eq!(SMALL.matches(find).count(), 1, "{name}: {find}");
        ((*name).to_owned(), SMALL.replacen(find, put, 1))
    });
    files.chain(edits).collect()
}

#[test]
fn what_is_said_of_each_case() {
    let mut said = String::new();
    for (name, text) in cases() {
        let result = Spec::parse("small", text).and_then(|spec| xtask::from_spec(&spec));
        let outcome = match result {
            Err(complaints) => complaints,
            Ok(generated) => {
                for (path, text) in &generated.files {
                    syn::parse_file(text).unwrap_or_else(|e| panic!("{name}: {path}: {e}"));
                }
                "is generated from".to_owned()
            }
        };
        writeln!(said, "== {name}\n{outcome}").unwrap();
    }
    insta::assert_snapshot!("cases", said);
}

/// A document without types for requests.
#[test]
fn a_document_that_sends_nothing() {
    let text = r"
openapi: 3.0.3
info: {title: Things, version: v1}
x-read-on: '2026-11-22'
paths:
  /v1/x:
    get:
      operationId: GetX
      summary: Gets X.
      externalDocs: {url: 'https://things.example/x', description: X}
      x-examples:
        page: {summary: The page's own.}
      responses:
        '200': {description: Done.}
";
    let generated = xtask::from_spec(&Spec::parse("things", text.to_owned()).unwrap()).unwrap();
    for (path, text) in &generated.files {
        syn::parse_file(text).unwrap();
        let is_used = !text.contains("use super::types") || text.contains("types::");
        assert!(is_used, "{path}: {text}");
    }
}
