//! Layouts that an edit must keep, and texts that are no document at all.

use super::*;
use xtask::edit::{Editor, Put, Way, Yaml};

/// An edit of a text: what it does, the text, the text it becomes.
type Edit = fn(&mut Editor) -> Result<(), String>;

fn way(text: &str) -> Way {
    Way::of(text.split('/').filter(|word| !word.is_empty()))
}

fn number(editor: &mut Editor, at: &str, name: &str, put: Put<'_>) -> Result<(), String> {
    editor.set(&way(at), name, &Yaml::plain(1), put)
}

fn item(editor: &mut Editor, at: &str, text: &str, put: Put<'_>) -> Result<(), String> {
    editor.push(&way(at), &Yaml::text(text), put)
}

const EDITS: &[(&str, Edit, &str, &str)] = &[
    (
        "behind another",
        |e| number(e, "", "b", Put::After("a")),
        "a: 0\nc: 2\n",
        "a: 0\nb: 1\nc: 2\n",
    ),
    ("at the end", |e| number(e, "", "b", Put::Last), "a: 0\n", "a: 0\nb: 1\n"),
    ("at the end without a newline", |e| number(e, "", "b", Put::Last), "a: 0", "a: 0\nb: 1"),
    ("in front", |e| number(e, "", "b", Put::First), "a: 0\n", "b: 1\na: 0\n"),
    (
        "in front, below a comment about one line",
        |e| number(e, "x", "b", Put::First),
        "x:\n  # A.\n  a: 0\n",
        "x:\n  # A.\n  b: 1\n  a: 0\n",
    ),
    (
        "in front, above a comment about an object",
        |e| number(e, "x", "b", Put::First),
        "x:\n  # A.\n  a:\n    c: 0\n",
        "x:\n  b: 1\n  # A.\n  a:\n    c: 0\n",
    ),
    (
        "behind a comment at the line's end",
        |e| number(e, "", "b", Put::After("a")),
        "a: 0 # zero\nc: 2\n",
        "a: 0 # zero\nb: 1\nc: 2\n",
    ),
    (
        "behind a folded text",
        |e| number(e, "", "b", Put::After("a")),
        "a: >-\n  one\n\n  two\n# C.\nc: 2\n",
        "a: >-\n  one\n\n  two\nb: 1\n# C.\nc: 2\n",
    ),
    (
        "behind a plain text of two lines",
        |e| number(e, "x", "b", Put::After("a")),
        "x:\n  a: one\n    two\n  c: 2\n",
        "x:\n  a: one\n    two\n  b: 1\n  c: 2\n",
    ),
    (
        "behind a literal text at the end",
        |e| number(e, "x", "b", Put::Last),
        "x:\n  a: |\n    one\n",
        "x:\n  a: |\n    one\n  b: 1\n",
    ),
    (
        "behind a quoted text of two lines",
        |e| number(e, "", "b", Put::After("a")),
        "a: \"one\\\n  two\"\nc: 2\n",
        "a: \"one\\\n  two\"\nb: 1\nc: 2\n",
    ),
    (
        "with lines that end in CR LF",
        |e| number(e, "x", "b", Put::After("a")),
        "x:\r\n  a: 0\r\n  c: 2\r\n",
        "x:\r\n  a: 0\r\n  b: 1\r\n  c: 2\r\n",
    ),
    (
        "with CR LF, without one at the end",
        |e| number(e, "", "b", Put::Last),
        "x: 0\r\na: 0",
        "x: 0\r\na: 0\r\nb: 1",
    ),
    (
        "in braces",
        |e| number(e, "x", "b", Put::After("a")),
        "x: {a: 0, c: 2}\n",
        "x: {a: 0, b: 1, c: 2}\n",
    ),
    ("in braces in front", |e| number(e, "x", "b", Put::First), "x: {a: 0}\n", "x: {b: 1, a: 0}\n"),
    ("in empty braces", |e| number(e, "x", "b", Put::Last), "x: {}\n", "x: {b: 1}\n"),
    (
        "in braces with a comma at the end",
        |e| number(e, "x", "b", Put::Last),
        "x: {a: 0,}\n",
        "x: {a: 0, b: 1,}\n",
    ),
    (
        "with an empty line as the neighbours have",
        |e| number(e, "", "b", Put::After("a")),
        "z:\n  y: 0\n\na:\n  y: 0\n\nc: 2\n",
        "z:\n  y: 0\n\na:\n  y: 0\n\nb: 1\n\nc: 2\n",
    ),
    (
        "behind a dash",
        |e| number(e, "0", "b", Put::First),
        "- a: 0\n  c: 2\n",
        "- b: 1\n  a: 0\n  c: 2\n",
    ),
    (
        "behind a value left out",
        |e| number(e, "", "b", Put::After("a")),
        "a:\nc: 2\n",
        "a:\nb: 1\nc: 2\n",
    ),
    (
        "names in quotes",
        |e| number(e, "x", "404", Put::After("200")),
        "x:\n  '200': 0\n  '500': 0\n",
        "x:\n  '200': 0\n  '404': 1\n  '500': 0\n",
    ),
    ("a value in place", |e| number(e, "", "a", Put::Last), "a: 0 # zero\n", "a: 1 # zero\n"),
    (
        "an item in brackets",
        |e| item(e, "x", "b", Put::After("a")),
        "x: [a, c]\n",
        "x: [a, b, c]\n",
    ),
    (
        "an item in brackets at the end",
        |e| item(e, "x", "b", Put::Last),
        "x: [\n  a,\n]\n",
        "x: [\n  a, b,\n]\n",
    ),
    (
        "an item of a list",
        |e| item(e, "x", "b", Put::After("a")),
        "x:\n  - a\n  - c\n",
        "x:\n  - a\n  - b\n  - c\n",
    ),
    (
        "an item of a list at its name's column",
        |e| item(e, "x", "b", Put::Last),
        "x:\n- a\ny: 0\n",
        "x:\n- a\n- b\ny: 0\n",
    ),
    (
        "an item that YAML would read as something else",
        |e| item(e, "x", "404", Put::Last),
        "x: [a]\n",
        "x: [a, '404']\n",
    ),
    ("an entry out", |e| e.remove(&way("b")), "a: 0\nb: 1\nc: 2\n", "a: 0\nc: 2\n"),
    ("the last entry out, without a newline", |e| e.remove(&way("b")), "a: 0\nb: 1", "a: 0"),
    ("the only entry out", |e| e.remove(&way("x/b")), "x:\n  b: 1\ny: 0\n", "x: {}\ny: 0\n"),
    (
        "the only entry out, with what it is in",
        |e| e.prune(&way("x/b")),
        "x:\n  b: 1\ny: 0\n",
        "y: 0\n",
    ),
    (
        "an object out, with its comment",
        |e| e.remove(&way("b")),
        "# A.\na: 0\n# B.\nb:\n  c: 2\n# D.\nd: 0\n",
        "# A.\na: 0\n# D.\nd: 0\n",
    ),
    (
        "a line out, without the comment",
        |e| e.remove(&way("b")),
        "a: 0\n# B.\nb: 1\nc: 2\n",
        "a: 0\n# B.\nc: 2\n",
    ),
    (
        "one of two empty lines out",
        |e| e.remove(&way("b")),
        "a: 0\n\nb:\n  c: 2\n\nd: 0\n",
        "a: 0\n\nd: 0\n",
    ),
    ("out of brackets", |e| e.remove(&way("x/1")), "x: [a, b, c]\n", "x: [a, c]\n"),
    ("out of brackets at the end", |e| e.remove(&way("x/2")), "x: [a, b, c]\n", "x: [a, b]\n"),
    ("out of brackets, alone", |e| e.remove(&way("x/0")), "x: [a]\n", "x: []\n"),
    (
        "out of brackets, alone on its line",
        |e| e.remove(&way("x/1")),
        "x: [\n  a,\n  b,\n  c,\n  ]\n",
        "x: [\n  a,\n  c,\n  ]\n",
    ),
    (
        "out of brackets, last on its line",
        |e| e.remove(&way("x/1")),
        "x: [\n  a, b,\n  c,\n  ]\n",
        "x: [\n  a,\n  c,\n  ]\n",
    ),
    (
        "out of a list with CR LF",
        |e| e.remove(&way("x/0")),
        "x:\r\n  - a\r\n  - b\r\n",
        "x:\r\n  - b\r\n",
    ),
    ("the first behind a dash out", |e| e.remove(&way("0/a")), "- a: 0\n  c: 2\n", "- c: 2\n"),
    (
        "a flag becomes a text",
        |e| e.replace_value(&way("x/a"), &Yaml::text("true")),
        "x: {a: true}\n",
        "x: {a: 'true'}\n",
    ),
    (
        "a text stays",
        |e| e.replace_value(&way("x/a"), &Yaml::text("true")),
        "x: {a: \"true\"}\n",
        "x: {a: \"true\"}\n",
    ),
    ("a name changes", |e| e.rename(&way("x/a"), "b"), "x:\n  a: 0\n", "x:\n  b: 0\n"),
    (
        "through an alias, for both",
        |e| number(e, "y", "b", Put::Last),
        "x: &x\n  a: 0\ny: *x\n",
        "x: &x\n  a: 0\n  b: 1\ny: *x\n",
    ),
    (
        "an alias becomes a copy",
        |e| e.own(&way("y"), &[way("y")]),
        "x: &x\n  a: 0\ny: *x\n",
        "x:\n  a: 0\ny:\n  a: 0\n",
    ),
    (
        "what is repeated leaves a copy",
        |e| e.own(&way("x"), &[way("x")]),
        "x: &x\n  a: 0\ny: *x\n",
        "x:\n  a: 0\ny:\n  a: 0\n",
    ),
    (
        "the first of several keeps the name",
        |e| e.own(&way("x"), &[way("x")]),
        "x: &x\n  a: 0\ny: *x\nz: *x\n",
        "x:\n  a: 0\ny: &x\n  a: 0\nz: *x\n",
    ),
    (
        "an item leaves a copy",
        |e| e.own(&way("x/0"), &[way("x")]),
        "x:\n  - &a\n    b: 0\n    c: 1\ny:\n  - *a\n",
        "x:\n  - b: 0\n    c: 1\ny:\n  - b: 0\n    c: 1\n",
    ),
    (
        "a merge is written out",
        |e| e.own(&way("y/a"), &[way("y")]),
        "x: &x\n  a: 0\ny:\n  <<: *x\n  b: 1\n",
        "x: &x\n  a: 0\ny:\n  a: 0\n  b: 1\n",
    ),
    (
        "both names that share",
        |e| e.own(&way("x"), &[way("x"), way("y")]),
        "x: &x\n  a: 0\ny: *x\n",
        "x: &x\n  a: 0\ny: *x\n",
    ),
];

#[test]
fn an_edit_changes_its_place_alone() {
    let mut failures = Vec::new();
    for (name, edit, before, after) in EDITS {
        let mut editor = Editor::new(*before).unwrap();
        match edit(&mut editor) {
            Ok(()) if editor.text() == *after => {}
            Ok(()) => failures.push(format!("{name}:\n{:?}\n{:?}", editor.text(), after)),
            Err(complaint) => failures.push(format!("{name}: {complaint}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn a_long_line_goes_on_in_the_next() {
    let long = "a".repeat(60);
    let text = format!("x:\n  y: [{long}, {long}]\n  z: 0\n");
    let mut editor = Editor::new(text).unwrap();
    item(&mut editor, "x/y", "b", Put::Last).unwrap();
    assert_eq!(editor.text(), format!("x:\n  y: [{long}, {long},\n    b]\n  z: 0\n"));
    let about = "word ".repeat(40);
    editor.set(&way("x"), "w", &Yaml::text(about.trim()), Put::Last).unwrap();
    let added = editor.text().split("w: >-\n").nth(1).unwrap();
    assert!(added.lines().all(|line| line.len() <= 120 && line.starts_with("    word")), "{added}");
}

/// The same findings over the small document in other layouts.
fn laid_out() -> Vec<(&'static str, String)> {
    let text = document("small");
    vec![
        ("with CR LF", text.replace('\n', "\r\n")),
        ("with a byte order mark", format!("\u{feff}{text}")),
        ("without a newline at the end", text.trim_end().to_owned()),
        (
            "with a list of lines",
            text.replace(
                "required: [name, kind, box]",
                "required:\n      - name\n      - kind\n      - box",
            ),
        ),
        (
            "with a member in braces",
            text.replace(
                "        label:\n          type: string\n          description: Its label.\n",
                "        label: {type: string, description: Its label.}\n",
            ),
        ),
    ]
}

#[test]
fn every_layout_is_kept() {
    let findings = [
        missing(
            "CreateWidget.request.weight",
            Member { required: Some(true), ..member("weight", Type::Integer) },
            "size",
        ),
        missing("Carton.wrapping", member("wrapping", Type::Text), "marks"),
        finding("CreateWidget.request.kind", Kind::MemberGone),
        limit("Carton.label", "maxLength", None, Some("40")),
        code("CreateWidget.errors", "Widget.Hot", "Widget.Jam"),
    ];
    for (name, before) in laid_out() {
        let fixed = fix::fix(&before, &findings, &Page::default(), TODAY).unwrap();
        assert_eq!(fixed.left, [], "{name}");
        let kept = |text: &str| -> Vec<String> {
            text.lines()
                .filter(|line| line.trim_start().starts_with('#'))
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(kept(&before), kept(&fixed.text), "{name}");
        assert_eq!(before.contains('\r'), fixed.text.contains('\r'), "{name}");
        assert_eq!(
            fixed.text.matches('\n').count(),
            fixed.text.lines().count() - usize::from(!before.ends_with('\n')),
            "{name}"
        );
        if before.contains('\r') {
            assert_eq!(fixed.text.matches('\r').count(), fixed.text.matches("\r\n").count());
            assert_eq!(fixed.text.matches('\n').count(), fixed.text.matches("\r\n").count());
        }
        let file = "specs/small.yaml";
        assert_eq!(
            applied(file, &before, &fix::diff(file, &before, &fixed.text)),
            fixed.text,
            "{name}"
        );
        assert_eq!(complaints("small", fixed.text.clone()), Vec::<String>::new(), "{name}");
        assert_eq!(generates("small", &fixed.text), Ok(()), "{name}");
        let again = fix::fix(&fixed.text, &findings, &Page::default(), TODAY).unwrap();
        assert_eq!(again.text, fixed.text, "{name}");
    }
}

#[test]
fn what_must_be_written_is_refused_with_its_line() {
    let findings = [missing("Carton.wrapping", member("wrapping", Type::Text), "label")];
    let (_, fixed) = fixed("small", &findings, &Page::default());
    let complaint = Spec::parse("small", fixed.text.clone())
        .and_then(|spec| xtask::from_spec(&spec))
        .unwrap_err();
    let line = fixed.text.lines().position(|line| line.contains(MARKER)).unwrap() + 1;
    assert_eq!(
        complaint,
        format!(
            "specs/small.yaml:{line}: Carton.wrapping: `description` is not written yet; write what it is"
        )
    );
}

#[test]
fn words_of_a_page_cannot_break_the_document() {
    for words in [
        "a: b # c", "```", "[x] <y> `z", "\u{202e}\u{0007}\n- x", "'\"\\", "http://x https://y", "",
    ] {
        let hostile = Member { text: words.to_owned(), ..member("wrapping", Type::Text) };
        let findings = [missing("Carton.wrapping", hostile, "label")];
        let (_, fixed) = fixed("small", &findings, &Page::default());
        assert_eq!(fixed.left, [], "{words:?}");
        assert_eq!(complaints("small", fixed.text.clone()), Vec::<String>::new(), "{words:?}");
    }
}

#[test]
fn findings_that_fit_nowhere_are_left_with_a_reason() {
    let odd = |place: &str| {
        vec![
            missing(place, member("x", Type::Unknown("Blob".to_owned())), "y"),
            finding(place, Kind::RequiredDiffers { page: true }),
            finding(place, Kind::DeprecatedDiffers { page: true }),
            limit(place, "maxLength", Some("1"), Some("many")),
            limit(place, "x-exclusive", None, Some("nobody")),
            value(place, "x", "y"),
            code(place, "4O4", ""),
            finding(
                place,
                Kind::FactDiffers {
                    what: "rate",
                    page: "often".to_owned(),
                    document: String::new(),
                },
            ),
            finding(
                place,
                Kind::FactDiffers {
                    what: "path",
                    page: "/{other}".to_owned(),
                    document: String::new(),
                },
            ),
            finding(place, Kind::OperationMissing { operation: Box::default() }),
        ]
    };
    for place in [
        "",
        ".",
        "Nobody",
        "CreateWidget",
        "CreateWidget.request",
        "CreateWidget.nowhere.x",
        "Carton.width.deeper",
        "ListWidgets.request.room.x",
        "Widget.kind.x.y.z",
    ] {
        for one in odd(place) {
            let before = document("small");
            let fixed =
                fix::fix(&before, std::slice::from_ref(&one), &Page::default(), TODAY).unwrap();
            if fixed.left.is_empty() {
                assert_eq!(
                    complaints("small", fixed.text.clone()),
                    Vec::<String>::new(),
                    "{one:?}"
                );
            } else {
                assert_eq!(fixed.text, before, "{one:?}");
            }
        }
    }
    for text in [
        "",
        "a: [",
        "\u{feff}",
        "- &a [*a]",
        "a: &a {<<: *a}",
        "---\na: 0\n---\nb: 0\n",
        "&a : *a",
        "paths: {x: 1}\ncomponents: []\n",
    ] {
        for one in odd("CreateWidget.request.x") {
            let _ = fix::fix(text, &[one], &Page::default(), TODAY);
        }
    }
}

#[test]
fn a_decision_that_is_out_of_date_goes() {
    let decisions = "x-differs:\n  # Kept.\n  - says: One.\n    reason: Because.\n    findings:\n      - member-gone Widget.id\n      - member-gone Widget.kind\n  # About two.\n  - says: Two.\n    reason: Because.\n    findings: [member-gone Widget.other]\n";
    let stale =
        |print: &str| finding("x-differs", Kind::DecisionStale { fingerprint: print.to_owned() });
    let before = document("small").replace("paths:\n", &format!("{decisions}paths:\n"));
    let after = |findings: &[Finding]| {
        let fixed = fix::fix(&before, findings, &Page::default(), TODAY).unwrap();
        assert_eq!(fixed.left, []);
        assert_eq!(complaints("small", fixed.text.clone()), Vec::<String>::new());
        let from = fixed.text.find("x-read-on").unwrap();
        let to = fixed.text.find("paths:").unwrap();
        fixed.text[from..to].split_once('\n').unwrap().1.to_owned()
    };
    assert_eq!(
        after(&[stale("member-gone Widget.kind"), stale("member-gone Widget.other")]),
        "x-differs:\n  # Kept.\n  - says: One.\n    reason: Because.\n    findings:\n      - member-gone Widget.id\n"
    );
    let all = ["id", "kind", "other"].map(|name| stale(&format!("member-gone Widget.{name}")));
    assert_eq!(after(&all), "");
}

#[test]
fn parameters_of_every_type_generate() {
    let of = |name: &str, ty: Type, place: Place, limits: Limits| {
        let member = Member { place, limits, ..member(name, ty) };
        missing(&format!("ListWidgets.request.{name}"), member, "color")
    };
    let values = Limits { values: vec!["a".to_owned(), "b".to_owned()], ..Limits::default() };
    let findings = [
        of("X-Mode", Type::Text, Place::Header, Limits::default()),
        of("mode", Type::Text, Place::Query, values),
        of("count", Type::Integer, Place::Query, Limits { minimum: Some(1), ..Limits::default() }),
        of("names", Type::List(Box::new(Type::Text)), Place::Query, Limits::default()),
        of("all", Type::Boolean, Place::Query, Limits::default()),
    ];
    let (_, fixed) = fixed("small", &findings, &Page::default());
    assert_eq!(fixed.left, []);
    assert_eq!(complaints("small", fixed.text.clone()), Vec::<String>::new());
    assert_eq!(generates("small", &fixed.text), Ok(()));
}

#[test]
fn a_parameter_of_the_path_is_for_all_its_operations() {
    let own = "    get:\n      operationId: ListWidgets\n";
    let room = document("small")
        .split("      parameters:\n")
        .nth(1)
        .unwrap()
        .split("        - name: color")
        .next()
        .unwrap()
        .to_owned();
    let shared: String = room.lines().map(|line| format!("{}\n", &line[2..])).collect();
    let before = document("small").replacen(&room, "", 1).replacen(
        own,
        &format!("    parameters:\n{shared}{own}"),
        1,
    );
    let other = "    head:\n      operationId: CountWidgets\n      summary: Count the widgets of a room.\n      externalDocs: {url: 'https://widgets.example/count'}\n      x-examples: {page: {summary: One., parameters: {room: attic}}}\n      responses: {'200': {description: Counted.}}\n";
    let both = before.replacen("  /v1/widgets:\n", &format!("{other}  /v1/widgets:\n"), 1);
    let longer = limit("ListWidgets.request.room", "maxLength", Some("63"), Some("99"));
    let alone = fix::fix(&before, std::slice::from_ref(&longer), &Page::default(), TODAY).unwrap();
    assert_eq!(alone.left, []);
    assert!(alone.text.contains("maxLength: 99"), "{}", alone.text);
    assert_eq!(complaints("small", alone.text), Vec::<String>::new());
    let shared = fix::fix(&both, &[longer], &Page::default(), TODAY).unwrap();
    assert!(shared.left[0].reason.contains("for `CountWidgets` too"), "{:?}", shared.left);
    assert_eq!(shared.text, both);
}
