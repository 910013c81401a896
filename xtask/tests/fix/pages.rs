//! The shared pages edited as a vendor would: what the audit finds is written, and the page audited
//! again finds nothing but what is left to a person.

use std::collections::BTreeSet;

use super::*;
use xtask::{
    audit::{compare::compare, read},
    document::Document,
};

const RUN: &str = include_str!("../data/pages/tat-run-command.txt");
const GET: &str = include_str!("../data/pages/cci-exec-get.txt");
const POST: &str = include_str!("../data/pages/cci-exec-post.rst.txt");
const EXECUTE: &str = include_str!("../data/pages/zstack-execute-guest-vm-command.txt");

/// An edit of a page: the document, the page, what is replaced, by what, how many findings come of it.
struct Edit {
    document: &'static str,
    page: &'static str,
    find: &'static str,
    put: &'static str,
    count: usize,
}

const fn edit(
    document: &'static str,
    page: &'static str,
    find: &'static str,
    put: &'static str,
    count: usize,
) -> Edit {
    Edit { document, page, find, put, count }
}

const EDITS: &[Edit] = &[
    edit(
        "tat",
        RUN,
        "| SaveCommand | No |",
        "| Shell | No | String | The shell. Up to 16 characters. |\n| SaveCommand | No |",
        1,
    ),
    edit(
        "tat",
        RUN,
        "| SaveCommand | No |",
        "| Retries | Yes | Integer | How often. Value range: [1, 5]. |\n| SaveCommand | No |",
        1,
    ),
    edit(
        "tat",
        RUN,
        "| Username | No |",
        "| Labels.N | No | Array of Tag | Labels. Up to 3. |\n| Username | No |",
        1,
    ),
    edit("tat", RUN, "| Description | No |", "| Description | Yes |", 1),
    edit("tat", RUN, "with a cap of 200", "with a cap of 100", 1),
    edit("tat", RUN, "Value range: [1, 86400]", "Value range: [1, 3600]", 1),
    edit("tat", RUN, "Default value: 60 seconds", "Default value: 30 seconds", 1),
    edit("tat", RUN, "| Timeout | No | Integer |", "| Timeout | No | String |", 1),
    edit("tat", RUN, "SHELL, POWERSHELL, BAT.", "SHELL, POWERSHELL, BAT, PYTHON.", 1),
    edit("tat", RUN, "A maximum of 10 tags", "A maximum of 20 tags", 1),
    edit("tat", RUN, "A maximum of 20 requests", "A maximum of 10 requests", 1),
    edit(
        "tat",
        RUN,
        "| InvocationId | String | Execution activity ID. |",
        "| InvocationId | String | Execution activity ID. |\n| TaskIds | Array of String | Tasks. |",
        1,
    ),
    edit("tat", RUN, "| CommandId | String | Command ID. |\n", "", 1),
    edit(
        "tat",
        RUN,
        "| InternalError | Internal error. |",
        "| InternalError | Internal error. |\n| InternalError.Odd | Odd. |",
        1,
    ),
    edit("tat", RUN, "| ResourceNotFound.RoleNotFound | The role does not exist. |\n", "", 1),
    edit(
        "cci",
        GET,
        "tty\n\nNo\n\nBoolean\n\nWhether to allocate a pseudo-TTY.",
        "tty\n\nNo\n\nBoolean\n\nWhether to allocate a pseudo-TTY.\n\nwidth\n\nNo\n\nInteger\n\nColumns.",
        1,
    ),
    edit("cci", GET, "container\n\nNo", "container\n\nYes", 1),
    edit("cci", GET, "422\n\nInvalid\n\n", "", 1),
    edit("cci", GET, "422\n\nInvalid", "422\n\nInvalid\n\n423\n\nLocked", 1),
    edit("cci", POST, "   tty       No        Boolean \u{a0}\u{a0}\n", "", 1),
    edit(
        "cci",
        POST,
        "   tty       No        Boolean \u{a0}\u{a0}\n",
        "   tty       No        Boolean \u{a0}\u{a0}\n   width     No        Integer \u{a0}\u{a0}\n",
        1,
    ),
    edit(
        "zstack",
        EXECUTE,
        "    • commandTimeoutInteger",
        "    • shellStringRequired\n\n      The shell.\n\n    • commandTimeoutInteger",
        1,
    ),
    edit("zstack", EXECUTE, "  • userTagsList\n\n    Optional. The user tags.\n", "", 1),
    edit(
        "zstack",
        EXECUTE,
        "  • streamStringRequired",
        "  • exitCodeInteger\n\n    The code.\n\n  • streamStringRequired",
        1,
    ),
];

fn audited(text: &str, page: &Page) -> Vec<Finding> {
    compare(&Document::parse(text).unwrap(), page).findings
}

fn prints(findings: &[Finding]) -> BTreeSet<String> {
    findings.iter().map(Finding::fingerprint).collect()
}

#[test]
fn what_is_written_is_no_finding_any_more() {
    let mut failures = Vec::new();
    for edit in EDITS {
        let name = format!("{}: {} -> {}", edit.document, edit.find, edit.put);
        if edit.page.matches(edit.find).count() != 1 {
            failures.push(format!(
                "{name}: the page has it {} times",
                edit.page.matches(edit.find).count()
            ));
            continue;
        }
        let before = document(edit.document);
        // What differs today is another test's.
        let old = prints(&audited(&before, &read::file(edit.page.as_bytes()).unwrap()));
        let page = read::file(edit.page.replace(edit.find, edit.put).as_bytes()).unwrap();
        let mut findings = audited(&before, &page);
        findings.retain(|finding| !old.contains(&finding.fingerprint()));
        if findings.len() != edit.count {
            failures.push(format!("{name}: {} findings: {:#?}", findings.len(), prints(&findings)));
        }
        let fixed = fix::fix(&before, &findings, &page, TODAY).unwrap();
        let said = complaints(edit.document, fixed.text.clone());
        if !said.is_empty() {
            failures.push(format!("{name}: {said:#?}"));
        }
        let left: Vec<_> = prints(&audited(&fixed.text, &page)).difference(&old).cloned().collect();
        if !left.is_empty() || !fixed.left.is_empty() {
            failures.push(format!("{name}: found again: {left:#?}; left: {:#?}", fixed.left));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
