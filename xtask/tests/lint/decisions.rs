//! Decisions that can never be met.

use super::{Broken, broken};

/// Entries with a fingerprint that no finding has.
pub const DECISIONS: &[Broken] = &[
    broken(
        "x-read-on: '2026-11-22'\npaths:",
        "x-read-on: '2026-11-22'\nx-differs: [{says: So., reason: So., findings: [gone Widget.id]}]\n\
         paths:",
        "x-differs",
        "`gone Widget.id` begins with none of the rules",
        "member-missing, member-gone",
    ),
    broken(
        "x-read-on: '2026-11-22'\npaths:",
        "x-read-on: '2026-11-22'\nx-left-out: [{says: So., reason: So., findings: [member-gone]}]\n\
         paths:",
        "x-left-out",
        "`member-gone` names no place",
        "write `Operation.request.Member`",
    ),
    broken(
        "x-read-on: '2026-11-22'\npaths:",
        "x-read-on: '2026-11-22'\nx-differs: [{says: So., reason: So., findings: [member-gone \
         CreateWidget.request..a]}]\npaths:",
        "x-differs",
        "names no place",
        "`*` for any one name",
    ),
    broken(
        "x-read-on: '2026-11-22'\npaths:",
        "x-read-on: '2026-11-22'\nx-differs: [{says: So., reason: So., findings: [required-differs \
         CreateWidget.request.size maybe]}]\npaths:",
        "x-differs",
        "has the wrong end",
        "`true` or `false`",
    ),
    broken(
        "x-read-on: '2026-11-22'\npaths:",
        "x-read-on: '2026-11-22'\nx-differs: [{says: So., reason: So., findings: [limit-differs \
         CreateWidget.request.size 5]}]\npaths:",
        "x-differs",
        "has the wrong end",
        "`word=what the page says`",
    ),
    broken(
        "x-read-on: '2026-11-22'\npaths:",
        "x-read-on: '2026-11-22'\nx-differs: [{says: So., reason: So., findings: [member-missing \
         BreakWidget.request.size]}]\npaths:",
        "x-differs",
        "is about `BreakWidget`, which is neither an operation nor a schema",
        "correct the name",
    ),
    broken(
        "x-read-on: '2026-11-22'\npaths:",
        "x-read-on: '2026-11-22'\nx-differs: [{says: So., reason: So., findings: [member-missing \
         CreateWidget.Size]}]\npaths:",
        "x-differs",
        "names no part of an operation",
        "comes request, answer, statuses, errors",
    ),
    broken(
        "x-read-on: '2026-11-22'\npaths:",
        "x-read-on: '2026-11-22'\nx-left-out: [{says: So., reason: So., findings: \
         [operation-missing CreateWidget]}]\npaths:",
        "x-left-out",
        "an operation that the document has",
        "leave it out",
    ),
    broken(
        "x-read-on: '2026-11-22'\npaths:",
        "x-read-on: '2026-11-22'\nx-left-out:\n  - {says: So., reason: So., findings: \
         [member-missing '*.request.a']}\n  - {says: So., reason: So., findings: [member-missing \
         '*.request.a']}\npaths:",
        "x-left-out",
        "is decided twice",
        "leave one of the two out",
    ),
];

/// Those that can be met.
#[test]
fn a_decision_that_can_be_met_is_taken() {
    let prints = [
        "operation-missing BreakWidget",
        "member-missing *.request.colour",
        "type-differs CreateWidget.answer Array of String",
        "limit-differs CreateWidget.request.size maximum=-",
        "code-gone CreateWidget.errors Widget.Jam",
        "deprecated-differs CreateWidget true",
        "fact-differs CreateWidget rate=9 a second",
        "member-gone CreateWidgetRequest.size",
    ];
    let entries: String = prints.iter().map(|print| format!("      - '{print}'\n")).collect();
    let text = super::GOOD.replacen(
        "\npaths:",
        &format!("\nx-differs:\n  - says: So.\n    reason: So.\n    findings:\n{entries}paths:"),
        1,
    );
    assert_eq!(super::complaint(text), None);
}
