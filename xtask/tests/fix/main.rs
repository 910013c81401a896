//! Findings written into documents: the edits are golden files; what results is read, generated from
//! and the same when it is fixed again.

#![allow(clippy::unwrap_used)]

mod cases;
mod layout;
mod pages;

use std::{fs, process::Command};

use xtask::{
    audit::{
        finding::{Finding, Kind},
        fix::{self, Fixed, MARKER},
        page::{Code, Limits, Member, ObjectType, Operation, Page, Place, Type, Words},
    },
    spec::Spec,
};

const TODAY: &str = "2026-11-28";

/// The text of a document.
fn document(name: &str) -> String {
    match name {
        "small" => include_str!("../data/small.yaml").to_owned(),
        // The examples of an operation as those of its parameters.
        "paired" => {
            let own = "      x-examples:\n        page:\n          summary: The page's own.\n          \
                       parameters:\n            room: attic\n        every-parameter:\n          summary: \
                       With a filter and a mark.\n          parameters: {room: cellar, color: [red, green], \
                       X-Trace: t-1}\n";
            let trace = "          description: A mark for the service's log.\n";
            let room = "          description: The room's name.\n";
            let color = "          description: Only widgets of these colors.\n";
            [
                (own, ""),
                (trace, &format!("{trace}          examples: {{full: {{value: t-1}}}}\n")),
                (color, &format!("{color}          examples: {{full: {{value: [red, green]}}}}\n")),
                (room, &format!("{room}          examples:\n            page: {{summary: One., value: attic}}\n            full: {{summary: All., value: cellar}}\n")),
            ]
            .into_iter()
            .fold(document("small"), |text, (from, to)| {
                assert_eq!(text.matches(from).count(), 1, "{from}");
                text.replacen(from, to, 1)
            })
        }
        name => {
            let root = xtask::root().unwrap();
            fs::read_to_string(root.join(format!("specs/{name}.yaml"))).unwrap()
        }
    }
}

fn finding(place: &str, kind: Kind) -> Finding {
    Finding { page_line: 1, document_line: 1, place: place.to_owned(), kind }
}

fn member(name: &str, ty: Type) -> Member {
    let text = format!("The page's words on {name}.");
    Member { name: name.to_owned(), ty: Some(ty), text, ..Member::default() }
}

fn missing(place: &str, member: Member, after: &str) -> Finding {
    let after = (!after.is_empty()).then(|| after.to_owned());
    finding(place, Kind::MemberMissing { member: Box::new(member), after })
}

fn limit(place: &str, limit: &'static str, document: Option<&str>, page: Option<&str>) -> Finding {
    let (page, document) = (page.map(str::to_owned), document.map(str::to_owned));
    finding(place, Kind::LimitDiffers { limit, page, document })
}

fn code(place: &str, code: &str, after: &str) -> Finding {
    let after = (!after.is_empty()).then(|| after.to_owned());
    let text = "It went wrong.".to_owned();
    finding(place, Kind::CodeMissing { code: code.to_owned(), text, after })
}

fn value(place: &str, value: &str, after: &str) -> Finding {
    let after = (!after.is_empty()).then(|| after.to_owned());
    finding(place, Kind::ValueMissing { value: value.to_owned(), after })
}

fn words(text: &str) -> Option<Words> {
    Some(Words { line: 1, text: text.to_owned() })
}

/// The text with every line that a person must write written, and what a second call does.
fn written(text: &str) -> String {
    let text = ["DescribeScenes", "GetApiJob"].iter().fold(text.to_owned(), |text, id| {
        let line = format!("    post:\n      operationId: {id}\n");
        text.replace(&line, &format!("{line}      x-repeatable: true\n"))
    });
    let mut lines: Vec<String> = Vec::new();
    let mut all = text.lines().peekable();
    while let Some(line) = all.next() {
        let indent = line.len() - line.trim_start().len();
        if line.trim_start().starts_with(MARKER) {
            lines.push(format!("{}Written.", &line[..indent]));
            while all
                .next_if(|next| {
                    next.starts_with(&line[..indent]) && !next[indent..].starts_with(' ')
                })
                .is_some()
            {}
        } else if let Some(at) = line.find(&format!("'{MARKER}")) {
            lines.push(format!("{}Written.", &line[..at]));
        } else {
            lines.push(line.to_owned());
        }
    }
    lines.join("\n") + "\n"
}

/// What changes, with the lines right above and below, and what is left. It has no numbers of lines, so that
/// an edit of a document elsewhere changes no golden file.
fn rendered(before: &str, fixed: &Fixed) -> String {
    let left =
        fixed.left.iter().map(|left| format!("left: {}: {}\n", left.fingerprint, left.reason));
    let notes = fixed.notes.iter().map(|note| format!("note: {note}\n")).collect::<String>();
    let diff = similar::TextDiff::from_lines(before, &fixed.text);
    let diff = diff.unified_diff().context_radius(1).to_string();
    let lines = diff.lines().map(|line| if line.starts_with("@@ ") { "@@" } else { line });
    let lines: Vec<&str> = lines.filter(|line| !line.contains("x-read-on")).collect();
    format!("{}{notes}{}", left.collect::<String>(), lines.join("\n"))
}

/// What `git apply` makes of the diff.
fn applied(file: &str, before: &str, diff: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, before).unwrap();
    fs::write(folder.path().join("fix.diff"), diff).unwrap();
    let git = Command::new("git")
        .args(["-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "fix.diff"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(git.status.success(), "{}", String::from_utf8_lossy(&git.stderr));
    fs::read_to_string(path).unwrap()
}

/// Fixes a document and checks all that holds for any: the diff is applied by git, the linter asks for
/// the lines to be written and for nothing else, with these written the document generates, and a second
/// time nothing changes.
fn fixed(name: &str, findings: &[Finding], page: &Page) -> (String, Fixed) {
    let before = document(name);
    let fixed = fix::fix(&before, findings, page, TODAY).unwrap();
    let file = format!("specs/{name}.yaml");
    if fixed.text != before {
        let diff = fix::diff(&file, &before, &fixed.text);
        assert_eq!(applied(&file, &before, &diff), fixed.text);
    }
    let again = fix::fix(&fixed.text, findings, page, TODAY).unwrap();
    assert_eq!(fix::diff(&file, &fixed.text, &again.text), "", "a second time");
    let rendered = rendered(&before, &fixed);
    (rendered, fixed)
}

/// The complaints about a text, without those of lines that a person must write.
fn complaints(name: &str, text: String) -> Vec<String> {
    let spec = match Spec::parse(name, text) {
        Ok(spec) => spec,
        Err(complaint) => return vec![complaint],
    };
    let said = xtask::lint::lint(&spec.document).into_iter();
    let is_for_a_person = |text: &str| {
        text.contains("is not written yet") || text.contains("does not say what a second call does")
    };
    said.filter(|of| !is_for_a_person(&of.text))
        .map(|of| format!("{}: {}: {}", of.line, of.place, of.text))
        .collect()
}

/// Whether the text generates, with what a person must write written.
fn generates(name: &str, text: &str) -> Result<(), String> {
    Spec::parse(name, written(text)).and_then(|spec| xtask::from_spec(&spec)).map(drop)
}
