//! The generator as a whole: the committed code is current, and what it makes of a document.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::{
    all_generated, from_spec, generate, lower,
    output::{self, Generated, Generator},
    settings,
    spec::{self, Spec},
};

const SMALL: &str = include_str!("data/small.yaml");

fn workspace() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| xtask::root().unwrap());
    &ROOT
}

fn compare(root: &Path, generated: &Generated) -> Result<Vec<String>, String> {
    output::compare(root, &Generator::read(root)?, generated)
}

fn write(root: &Path, generated: &Generated) -> Result<bool, String> {
    output::write(root, &Generator::read(root)?, generated)
}

fn small(edits: &[(&str, &str)]) -> Spec {
    let text = edits.iter().fold(SMALL.to_owned(), |text, (find, put)| {
        assert_eq!(text.matches(find).count(), 1, "{find}");
        text.replace(find, put)
    });
    Spec::parse("small", text).unwrap()
}

fn page<'a>(generated: &'a Generated, path: &str) -> &'a str {
    let found = generated.files.iter().find(|(name, _)| name == path);
    found.map(|(_, text)| text.as_str()).unwrap_or_else(|| panic!("there is no {path}"))
}

/// Asserts that a page has each of these parts, however it is laid out.
fn has(generated: &Generated, path: &str, parts: &[&str]) {
    let text = page(generated, path);
    for part in parts {
        assert!(dense(text).contains(&dense(part)), "{part}\nis not in\n{text}");
    }
}

/// Text without its layout.
fn dense(text: &str) -> String {
    // Whether a list ends with a comma depends on the lines, too.
    text.split_whitespace().collect::<String>().replace(",)", ")").replace(",]", "]")
}

#[test]
fn committed_code_is_what_the_specs_say() {
    let providers = spec::providers(workspace()).unwrap();
    let mut stale = Vec::new();
    for generated in all_generated(workspace(), &providers).unwrap() {
        stale.extend(compare(workspace(), &generated).unwrap());
    }
    assert!(
        stale.is_empty(),
        "run `cargo xtask generate` and commit what it writes; stale: {stale:#?}"
    );
    for entry in fs::read_dir(workspace().join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().replace("guestexec-", "");
        assert!(
            providers.contains(&name) || !folder.join("src/generated").exists(),
            "{} has generated code and no spec; delete one or write the other",
            folder.display()
        );
    }
}

#[test]
fn a_document_gives_the_same_pages_each_time() {
    let providers = vec!["tat".to_owned(), "tat".to_owned(), "tat".to_owned()];
    let all = all_generated(workspace(), &providers).unwrap();
    assert_eq!(all[0].files, all[1].files);
    assert_eq!(all[0].files, all[2].files);
}

#[test]
fn complaints_of_all_providers_come_together() {
    let root = TempDir::new().unwrap();
    fs::create_dir(root.path().join("specs")).unwrap();
    fs::write(root.path().join("specs/bad.yaml"), "a: [").unwrap();
    let names = ["bad", "none"].map(str::to_owned);
    let said = all_generated(root.path(), &names).unwrap_err();
    assert!(said.starts_with("specs/bad.yaml:1: document: is not YAML"), "{said}");
    assert!(said.contains("\nspecs/none.yaml: cannot be read"), "{said}");
}

/// What progenitor makes of the small document after an edit of what the linter has let through.
fn lowered(edit: impl FnOnce(&mut Value)) -> String {
    let spec = small(&[]);
    let mut document = lower::lower(&spec);
    edit(&mut document);
    generate::tokens(&spec, document).unwrap_err()
}

#[test]
fn what_progenitor_does_not_bear_is_named() {
    let said = lowered(|document| {
        document["paths"]["/v1/widgets"]["post"]["responses"]["204"] = json!({ "description": "" });
    });
    assert!(said.starts_with("specs/small.yaml: progenitor panicked"), "{said}");
    assert!(said.contains("response_types.len() <= 1"), "{said}");

    let said = lowered(|document| {
        let item = document["paths"]["/v1/widgets"].clone();
        document["paths"] = json!({ "/v1/{": item });
    });
    assert!(said.starts_with("specs/small.yaml: progenitor refuses it"), "{said}");
    assert!(said.contains("unterminated parameter"), "{said}");

    let said = lowered(|document| document["paths"] = json!(7));
    assert!(said.starts_with("specs/small.yaml: is not OpenAPI 3.0"), "{said}");

    // A panic that was caught spoils nothing that comes after.
    from_spec(&small(&[])).unwrap();
}

/// A folder like the workspace, with the small document as its only one.
fn folder() -> TempDir {
    let root = TempDir::new().unwrap();
    fs::create_dir(root.path().join("specs")).unwrap();
    fs::write(root.path().join("specs/small.yaml"), SMALL).unwrap();
    fs::copy(workspace().join("Cargo.lock"), root.path().join("Cargo.lock")).unwrap();
    for file in settings::files_below(workspace(), "xtask/src").unwrap() {
        let copy = root.path().join(&file);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(workspace().join(&file), copy).unwrap();
    }
    root
}

const CODE: &str = "crates/guestexec-small/src/generated";
const LOCK: &str = "specs/generated.lock";

#[test]
fn what_is_written_is_current_and_stays() {
    let root = folder();
    let generated = xtask::generated(root.path(), "small").unwrap();
    let all = compare(root.path(), &generated).unwrap();
    assert_eq!(all.len(), generated.files.len() + 1, "{all:?}");

    assert!(write(root.path(), &generated).unwrap());
    assert_eq!(compare(root.path(), &generated).unwrap(), Vec::<String>::new());
    for (path, text) in &generated.files {
        assert_eq!(&fs::read_to_string(root.path().join(CODE).join(path)).unwrap(), text);
    }

    let written = |path: &str| fs::metadata(root.path().join(path)).unwrap().modified().unwrap();
    let types = format!("{CODE}/types.rs");
    let before = (written(&types), written(LOCK));
    assert!(!write(root.path(), &generated).unwrap());
    assert_eq!((written(&types), written(LOCK)), before);

    // A checkout that turns line ends changes nothing.
    let text = fs::read_to_string(root.path().join(&types)).unwrap();
    fs::write(root.path().join(&types), text.replace('\n', "\r\n")).unwrap();
    assert_eq!(compare(root.path(), &generated).unwrap(), Vec::<String>::new());
}

#[test]
fn what_differs_is_named_and_mended() {
    let root = folder();
    let at = |path: &str| root.path().join(path);
    let generated = xtask::generated(root.path(), "small").unwrap();
    write(root.path(), &generated).unwrap();

    fs::write(at(&format!("{CODE}/types.rs")), "// edited\n").unwrap();
    fs::remove_file(at(&format!("{CODE}/operations.rs"))).unwrap();
    fs::create_dir(at(&format!("{CODE}/old"))).unwrap();
    fs::write(at(&format!("{CODE}/old/page.rs")), "").unwrap();
    let lock = fs::read_to_string(at(LOCK)).unwrap();
    fs::write(at(LOCK), lock.replace("progenitor 0.", "progenitor 9.")).unwrap();
    let named = [
        format!("{CODE}/operations.rs"),
        format!("{CODE}/types.rs"),
        format!("{CODE}/old/page.rs"),
        format!("{LOCK} (small)"),
    ];
    assert_eq!(compare(root.path(), &generated).unwrap(), named);

    assert!(write(root.path(), &generated).unwrap());
    assert_eq!(compare(root.path(), &generated).unwrap(), Vec::<String>::new());
    assert!(!at(&format!("{CODE}/old/page.rs")).exists());
    assert_eq!(fs::read_to_string(at(LOCK)).unwrap(), lock);
}

#[test]
fn a_changed_document_makes_the_code_stale() {
    let root = folder();
    write(root.path(), &xtask::generated(root.path(), "small").unwrap()).unwrap();
    let member = "        weight:\n          type: integer\n          maximum: 9\n          description: Its weight.\n        label:\n";
    let changed = SMALL.replace("        label:\n", member);
    let changed = changed.replace("box: {width: 2,", "box: {weight: 3, width: 2,");
    fs::write(root.path().join("specs/small.yaml"), changed).unwrap();
    let generated = xtask::generated(root.path(), "small").unwrap();
    let stale = compare(root.path(), &generated).unwrap();
    let pages = ["examples.rs", "members.rs", "schemas.rs", "types.rs", "validate.rs"];
    let pages = pages.iter().map(|page| format!("{CODE}/{page}"));
    assert_eq!(stale, pages.chain([format!("{LOCK} (small)")]).collect::<Vec<_>>());

    // A comment changes no code, but what the code was made from.
    fs::write(root.path().join("specs/small.yaml"), format!("# More.\n{SMALL}")).unwrap();
    let generated = xtask::generated(root.path(), "small").unwrap();
    assert_eq!(compare(root.path(), &generated).unwrap(), [format!("{LOCK} (small)")]);
}

#[test]
fn every_file_of_the_generator_counts() {
    let root = folder();
    let fingerprint = || settings::fingerprint(root.path()).unwrap();
    let before = fingerprint();
    for file in settings::files_below(root.path(), "xtask/src").unwrap() {
        let path = root.path().join(&file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}// One more line.\n")).unwrap();
        assert_ne!(fingerprint(), before, "{file}");
        fs::write(&path, text.replace('\n', "\r\n")).unwrap();
        assert_eq!(fingerprint(), before, "{file}: line ends count");
    }

    let generated = xtask::generated(root.path(), "small").unwrap();
    write(root.path(), &generated).unwrap();
    fs::write(root.path().join("xtask/src/more.rs"), "//! More.\n").unwrap();
    let stale = compare(root.path(), &generated).unwrap();
    assert_eq!(stale, [format!("{LOCK} (small: xtask/src has changed)")]);
}

#[test]
fn the_tables_of_the_documentation_follow_the_document() {
    let root = folder();
    let at = |path: &str| root.path().join(path);
    let generated = xtask::generated(root.path(), "small").unwrap();
    fs::write(at("CHANGELOG.md"), "# Changes\n").unwrap();
    let complaint = compare(root.path(), &generated).unwrap_err();
    assert!(complaint.starts_with("CHANGELOG.md: there is no place"), "{complaint}");
    assert!(complaint.contains("add the lines `<!-- generated: documents -->`"), "{complaint}");

    fs::write(at("CHANGELOG.md"), "A\n<!-- generated: documents -->\n<!-- end -->\nB\n").unwrap();
    write(root.path(), &generated).unwrap();
    let text = fs::read_to_string(at("CHANGELOG.md")).unwrap();
    assert!(text.starts_with("A\n") && text.ends_with("\nB\n"), "{text}");
    assert!(
        text.contains("| `specs/small.yaml` | Widget service | v1 |  | 2026-11-22 |"),
        "{text}"
    );
    assert_eq!(compare(root.path(), &generated).unwrap(), Vec::<String>::new());

    fs::write(at("CHANGELOG.md"), text.replace("2026-11-22", "2026-11-21")).unwrap();
    assert_eq!(compare(root.path(), &generated).unwrap(), ["CHANGELOG.md (small)"]);
}

#[test]
fn a_table_of_decisions_loses_those_that_are_gone() {
    let root = folder();
    let file = root.path().join("specs/README.md");
    let place = |name: &str| format!("<!-- generated: {name} -->\n<!-- end -->\n");
    let written = |document: Spec| {
        write(root.path(), &xtask::from_spec(&document).unwrap()).unwrap();
        fs::read_to_string(&file).unwrap()
    };
    let decided =
        "x-differs:\n  - says: The page says GET.\n    reason: Servers take POST.\npaths:\n";
    let with = || small(&[("paths:\n", decided)]);
    // A document without decisions needs no place for them; one with them does.
    let places = [place("documents"), place("operations of small")].concat();
    fs::write(&file, &places).unwrap();
    written(small(&[]));
    let complaint = compare(root.path(), &xtask::from_spec(&with()).unwrap()).unwrap_err();
    assert!(complaint.contains("`<!-- generated: differs of small -->`"), "{complaint}");

    fs::write(&file, [places, place("differs of small")].concat()).unwrap();
    let text = written(with());
    assert!(text.contains("| The page says GET. | Servers take POST. |\n"), "{text}");
    let text = written(small(&[]));
    let empty = "<!-- generated: differs of small -->\n\nNothing.\n\n<!-- end -->\n";
    assert!(text.ends_with(empty), "{text}");
}

#[test]
fn the_lock_keeps_other_providers_and_forgets_deleted_ones() {
    let root = folder();
    let lock = root.path().join(LOCK);
    let others = "# Head.\n\n[gone]\nspec = \"sha256:0\"\n\n[other]\nspec = \"sha256:1\"\n";
    fs::write(&lock, others).unwrap();
    fs::write(root.path().join("specs/other.yaml"), "").unwrap();
    write(root.path(), &xtask::generated(root.path(), "small").unwrap()).unwrap();
    let text = fs::read_to_string(&lock).unwrap();
    assert!(text.contains("\n[other]\nspec = \"sha256:1\"\n\n[small]\n"), "{text}");
    assert!(!text.contains("gone"), "{text}");
}

#[test]
fn every_limit_is_one_call() {
    let generated = from_spec(&small(&[])).unwrap();
    let validate = dense(page(&generated, "validate.rs"));
    let calls = [
        // Parameters: those in the path always, others if checks are on.
        r#"check::characters("room", room, Self::ROOM_LENGTH)?;"#,
        r#"check::pattern("room", room, &PATTERN_1)?; if !checks { return Ok(()); } if let Some(value) = color {"#,
        r#"check::items("color", value, Self::COLOR_ITEMS)?;"#,
        r#"check::each("color", value, |item| check::characters("", item, Self::COLOR_ITEM_LENGTH))?;"#,
        // Texts, in their three measures, and numbers.
        r#"check::characters("name", &self.name, Self::NAME_LENGTH)?;"#,
        r#"check::pattern("name", &self.name, &PATTERN_0)?;"#,
        r#"if let Some(value) = &self.note { check::bytes("note", value, Self::NOTE_BYTES)?; }"#,
        r#"check::encoded("content", value, Self::CONTENT_LENGTH)?;"#,
        r#"check::characters("secret", value.expose(), Self::SECRET_LENGTH)?;"#,
        r#"check::range("size", *value, Self::SIZE_RANGE)?;"#,
        r#"check::one_of("kind", self.kind.as_str(), &["ROUND"])?;"#,
        // Lists: an empty one that is not required is not sent.
        r#"if !self.colors.is_empty() { check::items("colors", &self.colors, Self::COLORS_ITEMS)?; }"#,
        r#"check::unique("colors", &self.colors)?;"#,
        r#"|item| check::characters("", item, Self::COLORS_ITEM_LENGTH)"#,
        r#"check::each("parts", &self.parts, Validate::validate)?;"#,
        // Objects, and rules between members.
        r#"Validate::validate(&self.box_).map_err(|violation| violation.within("box"))?;"#,
        r#"check::json_object("answers", value, &Self::ANSWERS_OBJECT, &PATTERN_0)?;"#,
        r#"check::exclusive(&[("note", self.note.is_some()), ("content", self.content.is_some())])?;"#,
        r#"check::exactly_one_of(&[("parts", !self.parts.is_empty()), ("box", true)])?;"#,
        r#"check::requires("answers", self.answers.is_some(), "enabled", "true", self.enabled == Some(true))?;"#,
        r#"check::requires("note", self.note.is_some(), "kind", "\"ROUND\"", self.kind.as_str() == "ROUND")"#,
        r#"check::some_of(1, &[("label", self.label.is_some()), ("marks", !self.marks.is_empty()), ("width", self.width.is_some())])"#,
        // Equal patterns are one.
        r#"static PATTERN_0: check::Pattern = check::Pattern::new("^[a-z]+$"); static PATTERN_1: check::Pattern = check::Pattern::new("^[a-z][a-z0-9]*$");"#,
    ];
    has(&generated, "validate.rs", &calls);
    assert!(!validate.contains("PATTERN_2"));
    for answer in ["types::Widget{", "types::ListWidgetsResponse", "types::Failure"] {
        assert!(!validate.contains(answer), "{answer} is checked, and is never sent");
    }
}

#[test]
fn limits_that_depend_on_what_is_required() {
    let spec = small(&[
        ("required: [name, kind, box]", "required: [name, kind, colors, enabled, size]"),
        ("note: {kind: ROUND}", "note: {name: stool, size: 3}"),
        (
            "{name: lamp, kind: ROUND, box: {width: 1}}",
            "{name: lamp, kind: ROUND, colors: [red], enabled: true, size: 3, box: {width: 1}}",
        ),
        (
            "                  name: stool\n",
            "                  name: stool\n                  colors: [red]\n                  \
             enabled: false\n                  size: 3\n",
        ),
        // Only now can it be given.
        (
            "                  box: {width: 2, label: oak, marks: {side: up}}\n",
            "                  parts: [{width: 2}, {label: oak, marks: {side: up}}]\n",
        ),
        (
            "            $ref: '#/components/schemas/Carton'\n        box:",
            "            $ref: '#/components/schemas/Carton'\n          minItems: 2\n        box:",
        ),
    ]);
    let generated = from_spec(&spec).unwrap();
    let calls = [
        r#"check::items("colors", &self.colors, Self::COLORS_ITEMS)?;"#,
        r#"if !self.parts.is_empty() { check::items("parts", &self.parts, Self::PARTS_ITEMS)?; }"#,
        r#"check::range("size", self.size, Self::SIZE_RANGE)?;"#,
        r#"("box", self.box_.is_some())"#,
        r#""enabled", "true", self.enabled == true)"#,
        r#""name", "\"stool\"", self.name.as_str() == "stool")"#,
        r#""size", "3", self.size == 3)"#,
    ];
    has(&generated, "validate.rs", &calls);
}

#[test]
fn requests_are_checked_before_they_are_sent() {
    let generated = from_spec(&small(&[])).unwrap();
    let builder = dense(page(&generated, "builder.rs"));
    let order = [
        "implListWidgets<'a>{".replace("impl", "impl<'a>"),
        dense("Self::within_limits(client.inner.checks, &room, &color)?;"),
        dense("let url = format!("),
        "impl<'a>CreateWidget<'a>{".to_owned(),
        dense("check_body(client.inner.checks, &body)?;"),
        dense("let url = format!("),
        dense("json_body(request, &body)?.build()?;"),
    ];
    let mut rest = builder.as_str();
    for part in order {
        rest = rest.split_once(&part).unwrap_or_else(|| panic!("{part} is missing or too early")).1;
    }
    let table = dense(page(&generated, "operations.rs"));
    assert!(!table.contains("deprecated:true"), "{table}");
    for (id, starts) in [("CreateWidget", true), ("ListWidgets", false)] {
        let (entry, _) = table.split_once(&format!("undocumented({id:?},")).unwrap();
        let (_, entry) = entry.rsplit_once("Operation{").unwrap();
        assert!(entry.contains(&format!("starts_command:{starts},")), "{entry}");
    }
}

#[test]
fn parameters_keep_their_names_on_the_wire() {
    let spec = small(&[
        ("/v1/rooms/{room}/widgets", "/v1/rooms/{client}/widgets"),
        ("- name: room\n", "- name: client\n"),
        ("room: attic", "client: attic"),
        ("- name: color\n", "- name: url\n"),
        ("- name: X-Trace\n", "- name: Url\n"),
        (
            "{room: cellar, color: [red, green], X-Trace: t-1}",
            "{client: cellar, url: [red, green], Url: t-1}",
        ),
    ]);
    let generated = from_spec(&spec).unwrap();
    let parts = [
        "pub(super) fn new(client: &'a Client, client_parameter: impl Into<String>) -> Self {",
        "url_parameter(impl IntoIterator<Item = impl Into<String>>);",
        "url_parameter_2(impl Into<String>);",
        r#""{}/v1/rooms/{}/widgets", client.baseurl, encode_path(&client_parameter.to_string())"#,
        r#"QueryParam::new("url", &url_parameter)"#,
        r#"header_map.append("Url", value.to_string().try_into()?)"#,
    ];
    has(&generated, "builder.rs", &parts);
    // Of two that are one in Rust, the second has a number.
    let spec = small(&[
        ("- name: X-Trace\n", "- name: Color\n"),
        ("color: [red, green], X-Trace: t-1", "color: [red, green], Color: t-1"),
    ]);
    let parts =
        [r#"QueryParam::new("color", &color)"#, "color_2(impl Into<String>);", r#""Color""#];
    has(&from_spec(&spec).unwrap(), "builder.rs", &parts);
}

#[test]
fn an_operation_may_be_deprecated() {
    let from = "      x-starts-command: true\n";
    let spec = small(&[(from, "      x-starts-command: true\n      deprecated: true\n")]);
    let generated = from_spec(&spec).unwrap();
    let table = dense(page(&generated, "operations.rs"));
    assert_eq!(table.matches("deprecated:true").count(), 1, "{table}");
    assert!(page(&generated, "client.rs").contains("The vendor advises against it."));
}

#[test]
fn answers_are_read_with_patience() {
    let generated = from_spec(&small(&[])).unwrap();
    let types = dense(page(&generated, "types.rs"));
    let members = page(&generated, "members.rs");
    // Whatever stands in an answer costs no other member; what a type does not know is kept.
    for answer in ["Failure", "ListWidgetsResponse", "Widget"] {
        assert!(members.contains(&format!("answer!({answer} {{")), "{members}");
        let derived = dense(&format!(
            "#[derive(Clone, Debug, Default, PartialEq)] #[non_exhaustive] pub struct {answer} {{"
        ));
        let (_, fields) = types.split_once(&derived).unwrap_or_else(|| panic!("{types}"));
        let (fields, _) = fields.split_once('}').unwrap();
        assert!(fields.contains("pubextra:Extra,"), "{fields}");
        assert!(!fields.contains("serde"), "{fields}");
    }
    assert!(members.contains("    id = \"id\", kind = \"kind\",\n} keeps extra);"), "{members}");
    // A list of a request may come as null, a recursive member is boxed.
    let schemas = page(&generated, "schemas.rs");
    let parts = "parts = \"parts\" optional: \"Its parts.\" { \"type\": [\"array\", \"null\"] },\n";
    assert!(schemas.contains(parts), "{parts}: {schemas}");
    assert!(types.contains("pubcause:Option<Box<Failure>>"), "{types}");
    // What is sent refuses what the service would refuse.
    assert!(schemas.contains("} others (refused) ["), "{schemas}");
    let (_, request) =
        members.split_once("request!(CreateWidgetRequest {").unwrap_or_else(|| panic!("{members}"));
    let (request, _) = request.split_once(';').unwrap();
    assert!(request.contains("parts = \"parts\" optional,"), "{request}");
    assert!(request.ends_with("} refusing others)"), "{request}");
    let enums = page(&generated, "enums.rs");
    assert!(enums.contains("/// It is stuck.\n        WidgetJam = \"Widget.Jam\","), "{enums}");
}

#[test]
fn an_answer_may_lack_anything_but_what_makes_it_one() {
    let spec = small(&[
        (
            "      description: Why a call failed.\n",
            "      description: Why a call failed.\n      required: [code, cause]\n",
        ),
        (
            "      description: A room's widgets.\n      properties:\n",
            "      description: A room's widgets.\n      required: [first, widgets]\n      \
             properties:\n        first:\n          $ref: '#/components/schemas/Widget'\n",
        ),
        ("value: {widgets: [{id: 7}]}", "value: {first: {id: 7}, widgets: [{id: 7}]}"),
    ]);
    let generated = from_spec(&spec).unwrap();
    let types = dense(page(&generated, "types.rs"));
    for field in [
        "pubcode:Option<",
        // It would have no end where it is empty.
        "pubcause:Option<Box<Failure>>",
        "pubfirst:Widget,",
    ] {
        assert!(types.contains(field), "{field} is not in {types}");
    }
    let members = page(&generated, "members.rs");
    assert!(members.contains("} keeps extra requires \"first\");"), "{members}");
    assert_eq!(members.matches("requires").count(), 1, "{members}");
}

#[test]
fn what_is_sensitive_is_not_told() {
    let spec = small(&[
        (
            "          description: A note.",
            "          x-sensitive: true\n          description: A note.",
        ),
        (
            "          description: Its name.\n        note:",
            "          x-sensitive: true\n          description: Its name.\n        note:",
        ),
    ]);
    let generated = from_spec(&spec).unwrap();
    let members = page(&generated, "members.rs");
    let (_, hidden) = members.split_once("redacted!(CreateWidgetRequest {").unwrap();
    let (hidden, _) = hidden.split_once("});").unwrap();
    let fields: Vec<&str> = hidden.split(',').map(str::trim).collect();
    for field in ["note hidden optional", "name hidden", "size"] {
        assert!(fields.contains(&field), "{field} is not in {hidden}");
    }
    let types = dense(page(&generated, "types.rs"));
    let request = types.split_once("pubstructCreateWidgetRequest{").unwrap().0;
    let derives = request.rsplit_once("#[derive(").unwrap().1.split_once(")]").unwrap().0;
    assert_eq!(derives, "Clone,PartialEq");
}

#[test]
fn a_document_without_a_single_type() {
    let text = r"
openapi: 3.0.3
info: {title: Pings, version: v1}
paths:
  /ping:
    get:
      operationId: Ping
      summary: Ping.
      externalDocs: {url: 'https://pings.example', description: Ping}
      x-read-on: '2026-11-22'
      x-examples: {page: {summary: The only one.}}
      responses: {'204': {description: Fine.}}
";
    let generated = from_spec(&Spec::parse("ping", text.to_owned()).unwrap()).unwrap();
    assert!(page(&generated, "builder.rs").contains("pub struct Ping<'a>"));
    assert!(generated.files.iter().all(|(path, _)| path != "enums.rs"));
}
