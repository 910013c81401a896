//! Foreign documents become documents of ours: they generate, and what is generated compiles.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

#[path = "support/compiled.rs"]
mod compiled;

use std::{fmt::Write as _, path::PathBuf, process::Command};

use xtask::{
    from_spec,
    new_provider::{
        normalise::{About, Normalised, normalise},
        yaml,
    },
    output::Generated,
    spec::Spec,
};

/// The foreign documents, by name.
const FOREIGN: [(&str, &str); 11] = [
    ("alibaba", include_str!("data/foreign/alibaba.yaml")),
    ("buildomat", include_str!("data/foreign/buildomat.yaml")),
    ("docker", include_str!("data/foreign/docker.yaml")),
    ("forms", include_str!("data/foreign/forms.yaml")),
    ("keeper", include_str!("data/foreign/keeper.json")),
    ("kubernetes", include_str!("data/foreign/kubernetes.json")),
    ("nexus", include_str!("data/foreign/nexus.json")),
    ("nomad", include_str!("data/foreign/nomad.yaml")),
    ("petstore", include_str!("data/foreign/petstore.yaml")),
    ("propolis", include_str!("data/foreign/propolis.json")),
    ("ssm", include_str!("data/foreign/ssm.yaml")),
];

fn about(provider: &str) -> About {
    About { provider: provider.to_owned(), read_on: "2026-11-28".to_owned(), page: None }
}

fn normalised(provider: &str, text: &str) -> Normalised {
    normalise(text, &about(provider)).unwrap_or_else(|e| panic!("{provider}: {e}"))
}

fn generated(provider: &str, text: &str) -> Generated {
    let text = yaml::write(&normalised(provider, text).document).unwrap();
    let spec = Spec::parse(provider, text).unwrap_or_else(|e| panic!("{e}"));
    from_spec(&spec).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn every_foreign_document_generates() {
    for (name, text) in FOREIGN {
        assert!(generated(name, text).lines() > 500, "{name}");
    }
}

/// A document with one operation, whose description is `text`.
fn saying(text: &str) -> String {
    let text = serde_json::Value::from(text);
    format!(
        "openapi: 3.0.3\ninfo: {{title: T, version: v1}}\npaths:\n  /x:\n    get:\n      operationId: getX\n      \
         summary: Gets.\n      description: {text}\n      responses: {{'204': {{description: Fine.}}}}\n"
    )
}

#[test]
fn texts_lose_what_is_no_documentation() {
    for (foreign, ours) in [
        ("<p>One <b>two</b> &amp; three.</p><p>Four</p>", "One two & three.\n\nFour"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ("1. first\n2. second\n   goes on", "- first\n- second goes on"),
        (
            "See [the page](https://a.example/b) or [here](#x).",
            "See the page (<https://a.example/b>) or here.",
        ),
        ("At https://a.example/b, or so", "At <https://a.example/b>, or so"),
        ("a `map[string][]string` of [items]", "a `map[string][]string` of `[items]`"),
        ("An odd ` backtick", "An odd backtick"),
        ("a < b > c", "a `<` b `>` c"),
        ("| A | B |\n|---|---|\n| 1 | 2 |", "- A; B\n- 1; 2"),
        ("Text\n```\nlet x = [1];\n```\nEnd", "Text\n\n- `let x = [1];`\n\nEnd"),
        ("# Head\nBody\n\n> said - so", "Head\n\nBody\n\nsaid – so"),
        ("turned\u{202e} round\u{200b}", "turned round"),
    ] {
        let document = normalised("x", &saying(foreign)).document;
        let text = document["paths"]["/x"]["get"]["description"].as_str().unwrap_or_default();
        assert_eq!(text, ours, "{foreign}");
        generated("x", &saying(foreign));
    }
}

#[test]
fn what_is_no_document_of_ours_is_refused_with_what_to_do() {
    let swagger = include_str!("data/foreign/azure.json");
    for (text, said) in [
        (
            swagger,
            "is Swagger 2.0; convert it to OpenAPI 3.0 first, for instance with `npx swagger2openapi`",
        ),
        (
            "openapi: 3.1.0\n",
            "is OpenAPI 3.1.0; convert it to 3.0 first, for instance with `npx @apiture/openapi-down-convert`",
        ),
        ("openapi: 4\n", "says `openapi: 4`; OpenAPI 3.0 is read"),
        ("a: b\n", "has no `openapi: 3.0…` at its top; give an OpenAPI 3.0 document"),
        ("[]\n", "has no `openapi: 3.0…` at its top; give an OpenAPI 3.0 document"),
        ("openapi: 3.0.0\npaths: {}\n", "has no operation that can be kept"),
        (
            "openapi: 3.0.0\npaths: {/x: {put: {requestBody: {required: true, content: {text/csv: {}}}}}}\n",
            "has no operation that can be kept; for instance PutX: the operation is left out: its body is `text/csv`, and JSON is sent",
        ),
    ] {
        assert_eq!(normalise(text, &about("x")).unwrap_err(), said, "{text}");
    }
    for (text, begin) in [("{", "is not JSON: "), ("a: [\n", "is not YAML: line ")] {
        let said = normalise(text, &about("x")).unwrap_err();
        assert!(said.starts_with(begin), "{said}");
    }
}

/// A document that refers to itself in every way, or is deep, ends in a sentence or in code.
#[test]
fn a_hostile_document_has_an_end() {
    let schema = |text: &str| {
        format!(
            "openapi: 3.0.0\npaths:\n  /x:\n    post:\n      requestBody: {{required: true, content: \
             {{application/json: {{schema: {{$ref: '#/components/schemas/A'}}}}}}}}\n      responses: {{'200': \
             {{$ref: '#/components/responses/R'}}}}\ncomponents:\n  responses: {{R: {{$ref: \
             '#/components/responses/R'}}}}\n  schemas:\n    {text}\n"
        )
    };
    let doubled: String = (0..40)
        .map(|it| {
            let next = format!("{{$ref: '#/components/schemas/S{}'}}", it + 1);
            format!("S{it}: {{allOf: [{next}, {next}]}}\n    ")
        })
        .collect();
    for text in [
        "A: {$ref: '#/components/schemas/A'}".to_owned(),
        "A: {allOf: [{$ref: '#/components/schemas/A'}, {type: object}]}".to_owned(),
        "A: {type: object, properties: {a: {$ref: '#/components/schemas/A'}}, required: [a]}".to_owned(),
        "A: {type: array, items: {$ref: '#/components/schemas/A'}}".to_owned(),
        "A: {type: object, properties: {a: {type: array, items: {$ref: '#/components/schemas/B'}}}}\n    B: {type: array, items: {$ref: '#/components/schemas/B'}}".to_owned(),
        "A: {type: object, properties: {a: {additionalProperties: {$ref: '#/components/schemas/B'}}}}\n    B: {additionalProperties: {$ref: '#/components/schemas/B'}}".to_owned(),
        format!("A: {{$ref: '#/components/schemas/S0'}}\n    {doubled}S40: {{type: object}}"),
        "A: {type: object, properties: {'': {}, 1: {}, '@type': {type: 7}, a b: {enum: []}, A_B: {enum: [null]}, self: {type: string, pattern: '['}, extra: {type: string, minLength: 9999999}}}".to_owned(),
    ] {
        if let Ok(made) = normalise(&schema(&text), &about("x")) {
            let text = yaml::write(&made.document).unwrap();
            let spec = Spec::parse("x", text.clone()).unwrap_or_else(|e| panic!("{e}\n{text}"));
            from_spec(&spec).unwrap_or_else(|e| panic!("{e}\n{text}"));
        }
    }
}

/// Those of the vendor's examples are kept that keep to the document.
#[test]
fn examples_of_the_vendor_are_kept() {
    let document = normalised("forms", include_str!("data/foreign/forms.yaml")).document;
    let names = |pointer: &str| -> Vec<&str> {
        let all = document.pointer(pointer).unwrap_or_else(|| panic!("{pointer}"));
        all.as_object().unwrap().keys().map(String::as_str).collect()
    };
    let things = "/paths/~1things~1{kind}~1{other}";
    let put = names(&format!("{things}/put/x-examples"));
    assert_eq!(put, ["minimal", "every-member", "the-first", "shared"]);
    let shared = &document.pointer(things).unwrap()["put"]["x-examples"]["shared"];
    let wanted = serde_json::json!({
        "summary": "It is shared.",
        "parameters": { "other": "three", "dry": false, "kind": "round" },
        "body": { "level": 4, "old": "x" },
    });
    assert_eq!(*shared, wanted);
    let answer = "get/responses/200/content/application~1vnd.forms+json; version=2/examples";
    assert_eq!(names(&format!("{things}/{answer}")), ["fine", "every-member"]);
    assert_eq!(
        names("/paths/~1numbers/get/x-examples"),
        ["minimal", "every-member", "begin", "later"]
    );
}

/// An example that no document may hold is left out, and harms nothing else.
#[test]
fn examples_that_no_document_may_hold_are_left_out() {
    for value in
        [r#""\u202e""#, r#""\u0007""#, "123456789012345678901234567890", "1e300", "[]", "null"]
    {
        let text = format!(
            "openapi: 3.0.3\ninfo: {{title: T, version: v1}}\npaths:\n  /x:\n    post:\n      operationId: \
             postX\n      requestBody: {{required: true, content: {{application/json: {{schema: {{type: object, \
             properties: {{a: {{type: string, example: {value}, enum: [x, {value}]}}, b: {{type: number, example: {value}}}, c: {{}}}}}}, \
             examples: {{one: {{value: {{a: {value}}}}}, two: {{value: {{b: {value}}}}}, three: {{value: {{c: \
             {{d: {value}}}}}}}}}}}}}}}\n      responses: {{'204': {{description: Fine.}}}}\n"
        );
        generated("x", &text);
    }
}

#[test]
fn the_document_and_what_it_leaves_open() {
    let Normalised { document, decisions } =
        normalised("docker", include_str!("data/foreign/docker.yaml"));
    insta::assert_snapshot!("docker.yaml", yaml::write(&document).unwrap());
    insta::assert_snapshot!("docker.decisions", decisions.listed("docker"));
}

/// How much of each document is kept: no change of the normaliser lowers this unseen.
#[test]
fn how_much_is_kept() {
    let mut table = String::new();
    for (name, text) in FOREIGN {
        let Normalised { document, decisions } = normalised(name, text);
        let paths = document["paths"].as_object().unwrap();
        let operations: usize = paths.values().map(|item| item.as_object().unwrap().len()).sum();
        let _ = writeln!(table, "{name}: {operations} operations, {} decisions", decisions.open());
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for decision in decisions.sorted() {
            let rule = decision.kind.rule();
            match counts.last_mut() {
                Some((last, count)) if *last == rule => *count += 1,
                _ => counts.push((rule, 1)),
            }
        }
        for (rule, count) in counts {
            let _ = writeln!(table, "  {rule}: {count}");
        }
    }
    insta::assert_snapshot!("kept", table);
}

#[test]
#[ignore = "builds a crate of its own with its dependencies; `.ci/run` runs it"]
fn what_is_generated_of_foreign_documents_compiles() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("foreign");
    let modules = FOREIGN.map(|(name, text)| {
        let pages = generated(name, text).files.into_iter();
        let own = |text: String| {
            text.replace(&format!("guestexec_{name}::"), &format!("compiled::{name}::"))
        };
        (name.to_owned(), pages.map(|(path, text)| (path, own(text))).collect())
    });
    compiled::write(&folder, &modules);
    let mut command = Command::new(env!("CARGO"));
    command.args(["clippy", "--offline", "--quiet", "--all-features", "--", "-D", "warnings"]);
    // The crate of the generator's own tests has the same dependencies.
    command
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", folder.with_file_name("compiled").join("target"));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}:\n{said}", folder.display());
}
