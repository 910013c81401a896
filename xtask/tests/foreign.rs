//! Foreign documents become documents of ours: they generate, and what is generated compiles.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

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
const FOREIGN: [(&str, &str); 10] = [
    ("alibaba", include_str!("data/foreign/alibaba.yaml")),
    ("buildomat", include_str!("data/foreign/buildomat.yaml")),
    ("docker", include_str!("data/foreign/docker.yaml")),
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

#[test]
fn the_document_and_what_it_leaves_open() {
    let Normalised { document, decisions } =
        normalised("docker", include_str!("data/foreign/docker.yaml"));
    insta::assert_snapshot!("docker.yaml", yaml::write(&document).unwrap());
    insta::assert_snapshot!("docker.decisions", decisions.listed("docker"));
}

/// Writes a file where it differs, so that nothing is built twice.
fn put(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return;
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
#[ignore = "builds a crate of its own with its dependencies; `.ci/run` runs it"]
fn what_is_generated_of_foreign_documents_compiles() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("foreign");
    let _ = fs::remove_dir_all(folder.join("src"));
    let root = xtask::root().unwrap();
    let mut modules = String::new();
    for (name, text) in FOREIGN {
        for (path, text) in generated(name, text).files {
            let text = text.replace(&format!("guestexec_{name}::"), &format!("compiled::{name}::"));
            put(&folder.join("src").join(name).join(path), &text);
        }
        let _ = writeln!(modules, "provider!({name});");
    }
    put(&folder.join("src/lib.rs"), &format!("{}\n{modules}", include_str!("data/compiled.rs")));
    let crates = root.join("crates");
    let manifest = include_str!("data/compiled.toml").replace("CRATES", &crates.to_string_lossy());
    put(&folder.join("Cargo.toml"), &manifest);
    put(&folder.join("Cargo.lock"), &fs::read_to_string(root.join("Cargo.lock")).unwrap());
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
