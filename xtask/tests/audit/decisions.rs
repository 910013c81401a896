//! What the document decides about: not found, and found where it is out of date.

use xtask::audit::{
    compare::{compare, compare_definitions},
    finding::Finding,
    page::{Page, Type},
};

use crate::compare::{
    GADGET, Row, document, expected, limits, marked, member, of_request, page, remove, shown, words,
};

/// The document with decisions about these fingerprints.
fn decided(findings: &[&str]) -> String {
    let lines: String = findings.iter().map(|print| format!("      - '{print}'\n")).collect();
    format!(
        "{GADGET}x-differs:\n  - says: It is so.\n    reason: It was always so.\n    findings: # \
         @decision\n{lines}"
    )
}

#[test]
fn what_is_decided_is_counted_and_not_found() {
    let text = decided(&[
        "member-missing *.request.Action",
        "limit-differs SetGadget.request.note maxLength=99",
        "operation-missing SmashGadget",
    ]);
    let mut page = page();
    page.operations[0].request.as_mut().unwrap().push(member(30, "Action", Type::Text));
    limits(&mut page, "note").max_characters = Some(99);
    let mut other = page.operations[0].clone();
    other.id = Some(words(90, "SmashGadget"));
    other.path = None;
    page.operations.push(other);
    let audit = compare(&document(&text), &page);
    assert_eq!(shown(&audit.findings), []);
    assert_eq!(shown(&audit.missing), []);
    let decided: Vec<String> = audit.decided.iter().map(|d| d.finding.fingerprint()).collect();
    assert_eq!(
        decided,
        [
            "limit-differs SetGadget.request.note maxLength=99",
            "member-missing SetGadget.request.Action",
        ]
    );
    assert_eq!(audit.decided[0].says, "It is so.");
    // A page that says something new is found again.
    limits(&mut page, "note").max_characters = Some(100);
    let prints: Vec<String> =
        compare(&document(&text), &page).findings.iter().map(Finding::fingerprint).collect();
    assert_eq!(
        prints,
        [
            "limit-differs SetGadget.request.note maxLength=100",
            "decision-stale SetGadget.request.note limit-differs SetGadget.request.note maxLength=99",
        ]
    );
}

#[test]
fn a_decision_about_nothing_is_found_where_its_section_was_read() {
    type Edit = fn(&mut Page);
    let table: [(&str, Edit, bool); 11] = [
        ("member-missing SetGadget.request.Action", |_| {}, true),
        (
            "member-missing SetGadget.request.Action",
            |page| page.operations[0].request = None,
            false,
        ),
        ("code-gone SetGadget.errors Gadget.Jam", |_| {}, true),
        ("code-gone SetGadget.errors Gadget.Jam", |page| page.operations[0].errors = None, false),
        ("fact-differs SetGadget rate=9 a second", |_| {}, true),
        ("fact-differs SetGadget rate=9 a second", |page| page.operations[0].rate = None, false),
        ("member-gone GadgetTag.colour", |_| {}, true),
        ("code-missing connectNamespacedGadgetFeed.statuses 200", |_| {}, false),
        ("limit-differs SetGadget.request.note maxLength=-", |_| {}, true),
        ("member-gone SetGadget.request.note.inner", |_| {}, true),
        // The other operation may have it.
        ("member-missing *.request.Action", |_| {}, false),
    ];
    for (print, edit, is_stale) in table {
        let text = decided(&[print]);
        let mut page = page();
        edit(&mut page);
        let audit = compare(&document(&text), &page);
        let place = print.split(' ').nth(1).unwrap();
        let expected = is_stale
            .then(|| (format!("decision-stale {place} {print}"), 0, marked(&text, "decision")));
        assert_eq!(shown(&audit.findings), expected.into_iter().collect::<Vec<_>>(), "{print}");
        // Definitions show nothing of the kind.
        assert_eq!(shown(&compare_definitions(&document(&text), &page).findings), [], "{print}");
    }
}

#[test]
fn of_a_member_that_is_gone_or_of_another_type_no_decision_is_said_to_be_out_of_date() {
    let text = decided(&["limit-differs SetGadget.request.note maxLength=99"]);
    let mut page = page();
    of_request(&mut page, "note").ty = Some(Type::Boolean);
    let rows: &[Row] = &[("type-differs SetGadget.request.note Boolean", 24, "note-type")];
    assert_eq!(shown(&compare(&document(&text), &page).findings), expected(&text, rows));
    remove(&mut page, "note");
    let rows: &[Row] = &[("member-gone SetGadget.request.note", 0, "note")];
    assert_eq!(shown(&compare(&document(&text), &page).findings), expected(&text, rows));
}

#[test]
fn what_is_decided_about_definitions_is_no_matter_of_pages() {
    let print = "limit-differs SetGadget.request.note maxLength=-";
    let text = format!(
        "{GADGET}x-differs:\n  - says: So.\n    reason: So.\n    definitions: # @decision\n      - \
         '{print}'\n"
    );
    let document = document(&text);
    let mut page = page();
    assert_eq!(shown(&compare(&document, &page).findings), []);
    let stale = format!("decision-stale SetGadget.request.note {print}");
    let expected = vec![(stale, 0, marked(&text, "decision"))];
    assert_eq!(shown(&compare_definitions(&document, &page).findings), expected);
    limits(&mut page, "note").max_characters = None;
    assert_eq!(shown(&compare_definitions(&document, &page).findings), []);
    let rows: &[Row] = &[(print, 24, "note-max")];
    assert_eq!(shown(&compare(&document, &page).findings), self::expected(&text, rows));
}
