//! `cargo semver-checks` on both states of each edit: it finds the Rust verdict, or no more than it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::{Command, Output},
};

use xtask::diff::types::{Change, Rust};

use super::{changes, compiled, edited, edits, files, text};

/// Edits of which the tool (0.51) says less than we do, each by the rule and place of the first change with
/// the largest verdict. A group has one reason.
const SAYS_LESS: &[(&str, &[&str])] = &[
    (
        "no lint compares the type of a field",
        &[
            "answer-object-became-optional RunCommandResponse.Response",
            "answer-object-became-required RunCommandResponse.Response",
            "answer-signed-became-unsigned Widget.id",
            "became-enumeration Carton.label",
            "became-secret Carton.label",
            "bytes-became-text CreateWidgetRequest.content",
            "enumeration-became-text CreateWidgetRequest.kind",
            "number-size-changed CreateWidgetRequest.size",
            "request-nullable-off CreateWidgetRequest.name",
            "request-nullable-on CreateWidgetRequest.name",
            "request-signed-became-unsigned Carton.width",
            "secret-became-text CreateWidgetRequest.secret",
            "type-changed Carton.marks",
            "type-changed CreateWidgetRequest.enabled",
            "type-changed Widget.id",
            "unsigned-became-signed Carton.width",
        ],
    ),
    (
        "no lint compares what a method returns",
        &["answer-type-changed CreateWidget", "envelope-changed ListPartsResponse"],
    ),
    (
        "the lint of a method's arguments counts them, and sees no order",
        &["arguments-reordered ListRooms", "constructor-reordered CreateWidgetRequest"],
    ),
    (
        "no lint compares the type of a constant",
        &["limit-constant-changed CreateWidgetRequest.size"],
    ),
    (
        "what is added breaks nothing, and has no lint where it may grow later",
        &[
            "answer-member-added Widget.made",
            "answer-value-added ErrorCode.Widget.Gone",
            "extra-members-on Carton",
            "limit-constant-added Carton.label",
            "limit-constant-added Carton.width",
            "operation-added CountWidgets",
            "pages-added ListPartsOfAThing",
            "parameter-added ListWidgets.size",
            "request-body-added ListWidgets",
            "request-member-added Carton.kind",
            "request-member-added Carton.weight",
            "request-value-added WidgetKind.FLAT",
            "type-added Crate",
        ],
    ),
];

/// Calls the tool. It resolves dependencies from what cargo has at hand.
fn semver_checks(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO"));
    command.arg("semver-checks").args(arguments);
    command.env("CARGO_NET_OFFLINE", "true").env("CARGO_TERM_COLOR", "never");
    command.output().unwrap()
}

fn string(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// The step that each of the tool's lints asks for.
fn lints() -> BTreeMap<String, Rust> {
    let list = string(semver_checks(&["--list"]).stdout);
    let lint = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        let step = match words.next()? {
            "major" => Rust::Major,
            "minor" => Rust::Minor,
            _ => return None,
        };
        Some((name, step))
    };
    list.lines().filter_map(lint).collect()
}

/// What the tool's report finds in each module: the step, and the lines that say so.
fn findings(report: &str) -> BTreeMap<String, (Rust, Vec<String>)> {
    let lints = lints();
    let mut findings: BTreeMap<String, (Rust, Vec<String>)> = BTreeMap::new();
    let mut lint = "";
    let mut is_place = false;
    for line in report.lines() {
        if let Some(headline) = line.strip_prefix("--- ") {
            // `--- failure struct_missing: pub struct removed or renamed ---`
            lint = headline.split([' ', ':']).nth(1).unwrap();
            is_place = false;
        } else if line == "Failed in:" {
            is_place = true;
        } else if is_place && !line.is_empty() {
            // Each finding has a path of a file, or of an item, with the module in it.
            let module = line.split(['/', '\\', ':']).rfind(|part| part.starts_with("edit_"));
            let module = module.unwrap_or_else(|| panic!("{lint} is found in no module: {line}"));
            let found = findings.entry(module.to_owned()).or_default();
            found.0 = found.0.max(lints[lint]);
            found.1.push(format!("{lint}: {}", line.trim()));
        }
    }
    findings
}

#[test]
#[ignore = "needs `cargo semver-checks`, a tool of its own; `.ci/run` runs it where that is installed"]
fn cargo_semver_checks_finds_each_verdict_or_the_table_says_why_not() {
    if !semver_checks(&["--version"]).status.success() {
        eprintln!(
            "skipped: there is no `cargo semver-checks` here (`cargo install cargo-semver-checks`)"
        );
        return;
    }
    let (mut old, mut new, mut verdicts) = (Vec::new(), Vec::new(), Vec::new());
    for (index, edit) in edits::EDITS.iter().copied().flatten().enumerate() {
        let name = format!("edit_{index}");
        let (mut before, mut after) = (text(edit.document), edited(edit));
        if edit.back {
            std::mem::swap(&mut before, &mut after);
        }
        let changes = changes(&before, &after);
        let ours = changes.iter().map(Change::rust).max().unwrap_or_default();
        let first = changes.iter().find(|change| change.rust() == ours);
        let place = first.map(|change| format!("{} {}", change.rule.id(), change.place));
        old.push((name.clone(), files(edit.document, &before)));
        new.push((name.clone(), files(edit.document, &after)));
        verdicts.push((name, place.unwrap_or_default(), ours));
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("semver");
    let side = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let (base, current) = (side("old"), side("new"));
    compiled::write(Path::new(&base), &old);
    compiled::write(Path::new(&current), &new);
    let manifest = format!("{current}/Cargo.toml");
    // For a patch, each lint is a finding.
    let output = semver_checks(&[
        "--manifest-path", &manifest, "--baseline-root", &base, "--release-type", "patch",
    ]);
    let (report, told) = (string(output.stdout), string(output.stderr));
    assert!(told.contains("Summary semver requires"), "the tool came to no end:\n{report}{told}");
    let findings = findings(&report);

    let mut failures = Vec::new();
    let mut unused: BTreeSet<&str> =
        SAYS_LESS.iter().flat_map(|(_, places)| *places).copied().collect();
    for (name, place, ours) in verdicts {
        let (its, lines) = findings.get(&name).cloned().unwrap_or_default();
        let is_listed = SAYS_LESS.iter().any(|(_, places)| places.contains(&place.as_str()));
        let says_less = ours >= Rust::Minor && its < ours;
        unused.remove(place.as_str());
        let complaint = match (says_less, is_listed) {
            _ if its > ours => "we say less: mend the rule",
            (true, false) => "say in SAYS_LESS why the tool says less",
            (false, true) => "the tool does not say less: take it out of SAYS_LESS",
            _ => continue,
        };
        let said = format!("{place}: {ours}, and the tool says {its}; {complaint}");
        failures.push([vec![said], lines].concat().join("\n  "));
    }
    failures
        .extend(unused.iter().map(|place| format!("{place}: in SAYS_LESS, and no edit shows it")));
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}
