//! What the comparer finds: one row for each kind of difference and each direction of it.

use xtask::{
    audit::{
        compare::{Audit, compare},
        finding::Finding,
        page::{Code, Limits, Member, ObjectType, Operation, Page, Place, Type, Words},
    },
    document::Document,
};

pub const GADGET: &str = include_str!("../data/gadget.yaml");

pub fn document(text: &str) -> Document {
    Document::parse(text).unwrap()
}

/// The line of the document that is marked `# @word`; 0 for no word.
pub fn marked(text: &str, word: &str) -> u64 {
    let mark = format!("# @{word}");
    let line = text.lines().position(|line| line.ends_with(&mark));
    line.map(|line| line as u64 + 1).unwrap_or_else(|| panic!("no line is marked {word}"))
}

pub fn words(line: usize, text: &str) -> Words {
    Words { line, text: text.to_owned() }
}

pub fn member(line: usize, name: &str, ty: Type) -> Member {
    let text = format!("The {name}.");
    Member { line, name: name.to_owned(), ty: Some(ty), text, ..Member::default() }
}

fn code(line: usize, code: &str) -> Code {
    Code { line, code: code.to_owned(), ..Code::default() }
}

fn list(name: &str) -> Type {
    Type::List(Box::new(Type::Object(Some(name.to_owned()))))
}

fn strings(all: &[&str]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

/// A page that says what the document says.
pub fn page() -> Page {
    let required = |is| Some(is);
    let gadget = Member {
        place: Place::Path,
        required: required(true),
        limits: Limits { characters: Some("[a-z0-9-]".to_owned()), ..Limits::default() },
        ..member(20, "gadget", Type::Text)
    };
    let mode = Member {
        place: Place::Header,
        required: required(false),
        limits: Limits {
            values: strings(&["soft", "hard"]),
            default: Some("soft".to_owned()),
            ..Limits::default()
        },
        ..member(21, "X-Mode", Type::Text)
    };
    let token = Member { place: Place::Header, ..member(22, "x-auth-token", Type::Text) };
    let body = vec![
        Member {
            required: required(true),
            limits: Limits { max_bytes: Some(60), ..Limits::default() },
            ..member(23, "name", Type::Text)
        },
        Member {
            required: required(false),
            limits: Limits {
                min_characters: Some(2),
                max_characters: Some(120),
                ..Limits::default()
            },
            ..member(24, "note", Type::Text)
        },
        Member {
            limits: Limits { max_bytes: Some(65536), ..Limits::default() },
            ..member(25, "content", Type::Text)
        },
        Member {
            limits: Limits {
                minimum: Some(1),
                maximum: Some(86400),
                default: Some("60 seconds".to_owned()),
                ..Limits::default()
            },
            ..member(26, "wait", Type::Integer)
        },
        Member {
            limits: Limits { default: Some("False".to_owned()), ..Limits::default() },
            ..member(27, "enabled", Type::Boolean)
        },
        Member {
            limits: Limits {
                max_items: Some(20),
                key_max_characters: Some(64),
                key_characters: Some("[a-z0-9-_]".to_owned()),
                excludes: strings(&["confs"]),
                ..Limits::default()
            },
            ..member(28, "defaults", Type::Text)
        },
        Member {
            limits: Limits {
                max_items: Some(20),
                requires: vec![("enabled".to_owned(), "True".to_owned())],
                ..Limits::default()
            },
            ..member(29, "confs", list("Conf"))
        },
    ];
    let answer = vec![
        member(40, "id", Type::Text),
        member(41, "tags", list("Tag")),
        Member {
            limits: Limits { values: strings(&["soft", "hard", "odd"]), ..Limits::default() },
            ..member(42, "mode", Type::Text)
        },
    ];
    Page {
        operations: vec![Operation {
            line: 1,
            id: Some(words(1, "SetGadget")),
            method: Some(words(2, "PUT")),
            path: Some(words(2, "/gadgets/v1/gadgets/{name}")),
            version: Some(words(3, "2020-10-28")),
            rate: Some((4, 20)),
            request: Some([vec![gadget, mode, token], body].concat()),
            answer: Some(answer),
            statuses: Some(vec![code(50, "200"), code(51, "404"), code(52, "500")]),
            errors: Some(vec![code(60, "Gadget.Jam"), code(61, "Gadget.Lost")]),
            ..Operation::default()
        }],
        types: vec![
            ObjectType {
                name: words(70, "Conf"),
                members: vec![
                    Member { required: required(true), ..member(71, "key", Type::Text) },
                    Member { required: required(false), ..member(72, "value", Type::Text) },
                ],
                used_by: Vec::new(),
            },
            ObjectType {
                name: words(80, "Tag"),
                members: vec![Member {
                    // An answer's members may be missing whatever the page says.
                    required: required(true),
                    limits: Limits { max_characters: Some(9), ..Limits::default() },
                    ..member(81, "key", Type::Text)
                }],
                used_by: Vec::new(),
            },
        ],
        edition: Some(words(5, "2026-02-25")),
        not_understood: Vec::new(),
    }
}

/// The member called `name` of the request.
pub fn of_request<'a>(page: &'a mut Page, name: &str) -> &'a mut Member {
    named(page.operations[0].request.as_mut().unwrap(), name)
}

fn of_answer<'a>(page: &'a mut Page, name: &str) -> &'a mut Member {
    named(page.operations[0].answer.as_mut().unwrap(), name)
}

fn named<'a>(members: &'a mut [Member], name: &str) -> &'a mut Member {
    members.iter_mut().find(|member| member.name == name).unwrap()
}

pub fn limits<'a>(page: &'a mut Page, name: &str) -> &'a mut Limits {
    &mut of_request(page, name).limits
}

pub fn remove(page: &mut Page, name: &str) {
    page.operations[0].request.as_mut().unwrap().retain(|member| member.name != name);
}

/// One difference: the fingerprint, the page's line, the mark of the document's line.
pub type Row = (&'static str, usize, &'static str);

pub fn shown(findings: &[Finding]) -> Vec<(String, usize, u64)> {
    findings.iter().map(|f| (f.fingerprint(), f.page_line, f.document_line)).collect()
}

pub fn expected(text: &str, rows: &[Row]) -> Vec<(String, usize, u64)> {
    rows.iter().map(|(print, line, mark)| (print.to_string(), *line, marked(text, mark))).collect()
}

#[test]
fn a_page_that_agrees_has_no_findings() {
    let audit = compare(&document(GADGET), &page());
    assert_eq!(shown(&audit.findings), []);
    assert_eq!(audit.refused, []);
    assert_eq!(audit.not_in_copy, []);
    assert_eq!(audit.compared, ["SetGadget", "Conf", "GadgetTag"]);
}

#[test]
fn each_difference_is_found_once_and_at_its_place() {
    type Edit = fn(&mut Page);
    let table: Vec<(Edit, &[Row])> = vec![
        // Facts.
        (
            |page| page.operations[0].method = Some(words(2, "post")),
            &[("fact-differs SetGadget method=POST", 2, "put")],
        ),
        (
            |page| page.operations[0].path = Some(words(2, "/v1/gadget/{name}")),
            &[("fact-differs SetGadget path=/v1/gadget/{name}", 2, "put")],
        ),
        (
            |page| page.operations[0].rate = Some((4, 10)),
            &[("fact-differs SetGadget rate=10 a second", 4, "rate")],
        ),
        (
            |page| page.edition = Some(words(5, "2026-03-01")),
            &[("fact-differs SetGadget edition=2026-03-01", 5, "put-page")],
        ),
        (
            |page| page.operations[0].deprecated = Some(words(6, "Deprecated")),
            &[("deprecated-differs SetGadget true", 6, "put")],
        ),
        // Members.
        (
            |page| {
                let new = Member { place: Place::Query, ..member(30, "dry", Type::Boolean) };
                page.operations[0].request.as_mut().unwrap().push(new);
            },
            &[("member-missing SetGadget.request.dry", 30, "parameters")],
        ),
        (
            |page| {
                page.operations[0].request.as_mut().unwrap().push(member(30, "colour", Type::Text));
            },
            &[("member-missing SetGadget.request.colour", 30, "request-properties")],
        ),
        (
            |page| {
                page.operations[0].answer.as_mut().unwrap().push(member(43, "sum", Type::Integer));
            },
            &[("member-missing SetGadget.answer.sum", 43, "result-properties")],
        ),
        (
            |page| page.types[0].members.push(member(73, "unit", Type::Text)),
            &[("member-missing Conf.unit", 73, "conf-properties")],
        ),
        (
            |page| page.types[1].members.push(member(82, "value", Type::Text)),
            &[("member-missing GadgetTag.value", 82, "tag-properties")],
        ),
        (|page| remove(page, "X-Mode"), &[("member-gone SetGadget.request.X-Mode", 0, "mode")]),
        // What excludes or needs it is no second difference.
        (|page| remove(page, "confs"), &[("member-gone SetGadget.request.confs", 0, "confs")]),
        (
            |page| drop(page.operations[0].answer.as_mut().unwrap().remove(0)),
            &[("member-gone SetGadget.answer.id", 0, "id")],
        ),
        (|page| page.types[1].members.clear(), &[("member-gone GadgetTag.key", 0, "tag-key")]),
        (
            |page| of_request(page, "note").name = "remark".to_owned(),
            &[
                ("member-missing SetGadget.request.remark", 24, "request-properties"),
                ("member-gone SetGadget.request.note", 0, "note"),
            ],
        ),
        (
            |page| of_request(page, "X-Mode").place = Place::Query,
            &[("fact-differs SetGadget.request.X-Mode place=query", 21, "mode-in")],
        ),
        (
            |page| of_request(page, "note").ty = Some(Type::Integer),
            &[("type-differs SetGadget.request.note Integer", 24, "note-type")],
        ),
        (
            |page| of_answer(page, "tags").ty = Some(Type::Object(Some("Tag".to_owned()))),
            &[("type-differs SetGadget.answer.tags Tag", 41, "tags-type")],
        ),
        (
            |page| of_request(page, "note").required = Some(true),
            &[("required-differs SetGadget.request.note true", 24, "note")],
        ),
        (
            |page| of_request(page, "gadget").required = Some(false),
            &[("required-differs SetGadget.request.gadget false", 20, "gadget-required")],
        ),
        (
            |page| page.types[0].members[0].required = Some(false),
            &[("required-differs Conf.key false", 71, "conf-key")],
        ),
        (
            |page| of_request(page, "note").deprecated = true,
            &[("deprecated-differs SetGadget.request.note true", 24, "note")],
        ),
        (
            |page| of_answer(page, "id").only_in = Some("Grand".to_owned()),
            &[("fact-differs SetGadget.answer.id edition=Grand only", 40, "id")],
        ),
        // Limits.
        (
            |page| limits(page, "name").max_bytes = Some(90),
            &[("limit-differs SetGadget.request.name x-max-bytes=90", 23, "name-bytes")],
        ),
        (
            |page| {
                *limits(page, "name") = Limits { max_characters: Some(60), ..Limits::default() };
            },
            &[
                ("limit-differs SetGadget.request.name maxLength=60", 23, "name"),
                ("limit-differs SetGadget.request.name x-max-bytes=-", 23, "name-bytes"),
            ],
        ),
        (
            |page| {
                let limits = limits(page, "note");
                limits.max_bytes = limits.max_characters.take();
            },
            &[
                ("limit-differs SetGadget.request.note x-max-bytes=120", 24, "note"),
                ("limit-differs SetGadget.request.note maxLength=-", 24, "note-max"),
            ],
        ),
        (
            |page| limits(page, "note").max_characters = None,
            &[("limit-differs SetGadget.request.note maxLength=-", 24, "note-max")],
        ),
        (
            |page| limits(page, "note").min_characters = Some(3),
            &[("limit-differs SetGadget.request.note minLength=3", 24, "note-min")],
        ),
        (
            |page| limits(page, "content").max_bytes = Some(1024),
            &[("limit-differs SetGadget.request.content maxLength=1024", 25, "content-max")],
        ),
        (
            |page| limits(page, "wait").minimum = Some(0),
            &[("limit-differs SetGadget.request.wait minimum=0", 26, "wait-min")],
        ),
        (
            |page| limits(page, "wait").maximum = Some(3600),
            &[("limit-differs SetGadget.request.wait maximum=3600", 26, "wait-max")],
        ),
        (
            |page| limits(page, "wait").default = Some("30".to_owned()),
            &[("limit-differs SetGadget.request.wait default=30", 26, "wait-description")],
        ),
        (
            |page| limits(page, "X-Mode").default = None,
            &[("limit-differs SetGadget.request.X-Mode default=-", 21, "mode-description")],
        ),
        (
            |page| limits(page, "confs").max_items = Some(10),
            &[("limit-differs SetGadget.request.confs maxItems=10", 29, "confs-max")],
        ),
        (
            |page| limits(page, "confs").min_items = Some(2),
            &[("limit-differs SetGadget.request.confs minItems=2", 29, "confs")],
        ),
        (
            |page| limits(page, "defaults").max_items = Some(30),
            &[("limit-differs SetGadget.request.defaults maxProperties=30", 28, "defaults-json")],
        ),
        (
            |page| limits(page, "defaults").key_max_characters = Some(32),
            &[("limit-differs SetGadget.request.defaults keyMaxLength=32", 28, "defaults-json")],
        ),
        (
            |page| limits(page, "defaults").key_characters = Some("[a-z0-9]".to_owned()),
            &[(
                "limit-differs SetGadget.request.defaults keyPattern=[a-z0-9]",
                28,
                "defaults-json",
            )],
        ),
        (
            |page| limits(page, "gadget").characters = Some("[a-z0-9-_]".to_owned()),
            &[("limit-differs SetGadget.request.gadget pattern=[a-z0-9-_]", 20, "gadget-pattern")],
        ),
        (
            |page| limits(page, "defaults").excludes.clear(),
            &[("limit-differs SetGadget.request.confs x-exclusive=-", 29, "exclusive")],
        ),
        (
            |page| limits(page, "note").excludes = strings(&["name"]),
            &[("limit-differs SetGadget.request.name x-exclusive=note", 23, "request")],
        ),
        (
            |page| limits(page, "confs").requires.clear(),
            &[("limit-differs SetGadget.request.confs x-requires=-", 29, "requires")],
        ),
        (
            |page| limits(page, "confs").requires[0].1 = "false".to_owned(),
            &[("limit-differs SetGadget.request.confs x-requires=enabled=false", 29, "requires")],
        ),
        // Values.
        (
            |page| limits(page, "X-Mode").values = strings(&["soft", "hard", "firm"]),
            &[("value-missing SetGadget.request.X-Mode firm", 21, "mode-values")],
        ),
        (
            |page| limits(page, "X-Mode").values = strings(&["hard"]),
            &[("value-gone SetGadget.request.X-Mode soft", 21, "mode-values")],
        ),
        (
            |page| limits(page, "X-Mode").values.clear(),
            &[("limit-differs SetGadget.request.X-Mode enum=-", 21, "mode-values")],
        ),
        (
            |page| of_answer(page, "mode").limits.values.push("mad".to_owned()),
            &[("value-missing SetGadget.answer.mode mad", 42, "known-modes")],
        ),
        (
            |page| drop(of_answer(page, "mode").limits.values.pop()),
            &[("value-gone SetGadget.answer.mode odd", 42, "known-modes")],
        ),
        // Codes.
        (
            |page| page.operations[0].statuses.as_mut().unwrap().push(code(53, "429")),
            &[("code-missing SetGadget.statuses 429", 53, "responses")],
        ),
        (
            |page| drop(page.operations[0].statuses.as_mut().unwrap().remove(1)),
            &[("code-gone SetGadget.statuses 404", 0, "404")],
        ),
        (
            |page| page.operations[0].errors.as_mut().unwrap().push(code(62, "Gadget.Late")),
            &[("code-missing SetGadget.errors Gadget.Late", 62, "errors")],
        ),
        (
            |page| drop(page.operations[0].errors.as_mut().unwrap().remove(0)),
            &[("code-gone SetGadget.errors Gadget.Jam", 0, "errors")],
        ),
        (
            |page| page.operations[0].errors.as_mut().unwrap()[0].deprecated = true,
            &[("deprecated-differs SetGadget.errors.Gadget.Jam true", 60, "errors")],
        ),
    ];
    let known = document(GADGET);
    let mut wrong = Vec::new();
    for (edit, rows) in table {
        let mut page = page();
        edit(&mut page);
        let audit = compare(&known, &page);
        let (found, expected) = (shown(&audit.findings), expected(GADGET, rows));
        if found != expected || !audit.refused.is_empty() {
            wrong.push((found, expected, audit.refused));
        }
    }
    assert!(wrong.is_empty(), "found, expected, refused: {wrong:#?}");
}

#[test]
fn what_differs_on_both_sides_on_purpose_is_no_finding() {
    type Edit = fn(&mut Page);
    let edits: Vec<Edit> = vec![
        // A page that lists only what succeeds says nothing of refusals.
        |page| page.operations[0].statuses = Some(vec![code(50, "200")]),
        // Huawei's own names, and pages without any.
        |page| page.operations[0].id = Some(words(1, "setGadget")),
        |page| page.operations[0].id = None,
        // A member without a description says nothing of limits.
        |page| {
            *of_request(page, "note") =
                Member { text: String::new(), ..member(24, "note", Type::Text) };
        },
        // A type that is not known is not compared.
        |page| of_request(page, "note").ty = Some(Type::Unknown("Quark".to_owned())),
        |page| of_answer(page, "id").required = Some(true),
        |page| of_answer(page, "id").limits.max_characters = Some(36),
        |page| limits(page, "gadget").characters = None,
        |page| page.operations[0].request.as_mut().unwrap().reverse(),
    ];
    let known = document(GADGET);
    for (number, edit) in edits.into_iter().enumerate() {
        let mut page = page();
        edit(&mut page);
        let audit = compare(&known, &page);
        assert_eq!(shown(&audit.findings), [], "edit {number}");
        assert_eq!(audit.refused, [], "edit {number}");
    }
}

fn refusals(edit: fn(&mut Page)) -> Vec<String> {
    let mut page = page();
    edit(&mut page);
    let Audit { findings, refused, compared, .. } = compare(&document(GADGET), &page);
    assert_eq!(shown(&findings), []);
    assert!(!compared.contains(&"SetGadget".to_owned()));
    refused.into_iter().map(|words| format!("{}: {}", words.line, words.text)).collect()
}

#[test]
fn a_page_of_something_else_is_refused() {
    assert_eq!(
        refusals(|page| {
            page.operations[0].path = Some(words(2, "/v2/gadgets/{name}"));
        }),
        ["1: the page describes another version of `SetGadget`: its URI is `/v2/gadgets/{name}`, \
          the document's is `/v1/gadgets/{gadget}`"]
    );
    assert_eq!(
        refusals(|page| page.operations[0].version = Some(words(3, "2019-01-01"))),
        ["1: the page describes `SetGadget` in version 2019-01-01; the document follows version \
          2020-10-28"]
    );
    assert_eq!(
        refusals(|page| page.edition = Some(words(5, "2025-12-31"))),
        ["1: this edition of the page of `SetGadget` is of 2025-12-31, and the document follows \
          that of 2026-02-25; save the page again"]
    );
    assert_eq!(
        refusals(|page| {
            page.operations[0].id = None;
            page.operations[0].path = Some(words(2, "/v1/doors/{door}"));
        }),
        ["1: the page describes `PUT /v1/doors/{door}`, which is no operation of the document; \
          name the page of one of: SetGadget, connectNamespacedGadgetFeed"]
    );
    assert_eq!(
        refusals(|page| {
            page.operations[0].id = None;
            page.operations[0].path = None;
        }),
        [
            "1: the page has neither the name of an operation nor a method and path, so it cannot be \
          said which one it describes; save the whole page"
        ]
    );
}

#[test]
fn an_operation_that_the_document_lacks_is_missing() {
    let mut page = page();
    page.operations[0].id = Some(words(1, "SmashGadget"));
    page.operations[0].path = None;
    let audit = compare(&document(GADGET), &page);
    let rows: &[Row] = &[("operation-missing SmashGadget", 1, "paths")];
    assert_eq!(shown(&audit.missing), expected(GADGET, rows));
    assert_eq!(shown(&audit.findings), []);
}

#[test]
fn a_section_that_a_copy_lacks_is_noted_and_nothing_is_gone() {
    let mut page = page();
    let operation = &mut page.operations[0];
    operation.request = None;
    operation.answer = None;
    operation.statuses = None;
    operation.errors = None;
    page.types.clear();
    let audit = compare(&document(GADGET), &page);
    assert_eq!(shown(&audit.findings), []);
    let notes: Vec<&str> = audit.not_in_copy.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(notes, ["SetGadget.request", "SetGadget.answer", "SetGadget.errors"]);
    // Without codes of its own, a service has statuses.
    let text = GADGET.replace("x-error-codes: [Gadget.Jam, Gadget.Lost] # @errors", "x-none: 1");
    let audit = compare(&document(&text.replace("      x-none: 1\n", "")), &page);
    let notes: Vec<&str> = audit.not_in_copy.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(notes[2], "SetGadget.statuses");
}

#[test]
fn types_alone_are_compared_with_the_schemas_of_their_names() {
    let mut page = page();
    page.operations.clear();
    page.types[0].members.push(member(73, "unit", Type::Text));
    let audit = compare(&document(GADGET), &page);
    let rows: &[Row] = &[("member-missing Conf.unit", 73, "conf-properties")];
    assert_eq!(shown(&audit.findings), expected(GADGET, rows));
    assert_eq!(audit.compared, ["Conf"]);
}

#[test]
fn a_body_that_is_no_object_has_a_type_and_no_members() {
    let page = Page {
        operations: vec![Operation {
            line: 1,
            id: Some(words(1, "connectGadgetFeed")),
            answer: Some(vec![member(9, "-", Type::Text)]),
            statuses: Some(vec![code(12, "200")]),
            ..Operation::default()
        }],
        ..Page::default()
    };
    let audit = compare(&document(GADGET), &page);
    let prints: Vec<String> = audit.findings.iter().map(Finding::fingerprint).collect();
    assert_eq!(
        prints,
        [
            "type-differs connectNamespacedGadgetFeed.answer String",
            "code-missing connectNamespacedGadgetFeed.statuses 200",
            "code-gone connectNamespacedGadgetFeed.statuses 101",
        ]
    );
}

#[test]
fn a_request_listed_without_its_envelope_has_the_places_of_the_document() {
    let text = GADGET.replace("SetGadgetRequest'", "Outer'").replace(
        "    SetGadgetRequest: # @request\n",
        "    Outer:\n      type: object\n      required: [params]\n      properties:\n        \
             params:\n          $ref: '#/components/schemas/SetGadgetRequest'\n    \
             SetGadgetRequest: # @request\n",
    );
    let document = document(&text);
    let mut page = page();
    assert_eq!(shown(&compare(&document, &page).findings), []);
    limits(&mut page, "note").max_characters = Some(9);
    page.operations[0].request.as_mut().unwrap().push(member(30, "colour", Type::Text));
    let rows: &[Row] = &[
        ("limit-differs SetGadget.request.params.note maxLength=9", 24, "note-max"),
        ("member-missing SetGadget.request.params.colour", 30, "request-properties"),
    ];
    assert_eq!(shown(&compare(&document, &page).findings), expected(&text, rows));
}

#[test]
fn what_a_placeholder_is_called_is_not_sent() {
    let mut page = page();
    page.operations[0].path = Some(words(2, "/v1/gadgets/{gadgetName}"));
    of_request(&mut page, "gadget").name = "gadgetName".to_owned();
    let known = document(GADGET);
    assert_eq!(shown(&compare(&known, &page).findings), []);
    of_request(&mut page, "gadgetName").required = Some(false);
    let rows: &[Row] =
        &[("required-differs SetGadget.request.gadget false", 20, "gadget-required")];
    assert_eq!(shown(&compare(&known, &page).findings), expected(GADGET, rows));
}

#[test]
fn an_envelope_that_the_page_lists_stays_one() {
    let mut page = page();
    let inner = page.operations[0].answer.take().unwrap();
    let envelope = Member {
        members: inner,
        ..member(39, "Response", Type::Object(Some("Result".to_owned())))
    };
    page.operations[0].answer = Some(vec![envelope]);
    assert_eq!(shown(&compare(&document(GADGET), &page).findings), []);
    of_answer(&mut page, "Response").members.push(member(44, "sum", Type::Integer));
    let audit = compare(&document(GADGET), &page);
    let rows: &[Row] = &[("member-missing SetGadget.answer.Response.sum", 44, "result-properties")];
    assert_eq!(shown(&audit.findings), expected(GADGET, rows));
}

#[test]
fn no_nesting_is_too_deep() {
    let text = GADGET.replace(
        "        key: # @tag-key",
        "        tag:\n          $ref: '#/components/schemas/GadgetTag'\n        key: # @tag-key",
    );
    let mut deep = member(99, "tag", Type::Object(None));
    for _ in 0..500 {
        deep = Member { members: vec![deep], ..member(99, "tag", Type::Object(None)) };
    }
    let mut page = page();
    of_answer(&mut page, "tags").members = vec![deep, member(98, "key", Type::Text)];
    let audit = compare(&document(&text), &page);
    assert!(audit.findings.len() < 100);
    // A type of the page that holds itself.
    let mut page = self::page();
    page.types[1].members.push(member(82, "tag", Type::Object(Some("Tag".to_owned()))));
    assert_eq!(shown(&compare(&document(&text), &page).findings), []);
    // References that go round.
    let round = GADGET.replace(
        "    GadgetTag: # @tag\n      type: object\n",
        "    Round:\n      $ref: '#/components/schemas/GadgetTag'\n    GadgetTag: # @tag\n      \
         allOf: [{$ref: '#/components/schemas/Round'}]\n",
    );
    let round = round.replace(
        "      properties: # @tag-properties\n        key: # @tag-key\n          type: string\n",
        "",
    );
    let _ = compare(&document(&round), &self::page());
}
