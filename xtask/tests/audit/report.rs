//! How a report is written: one golden file for each form.

use xtask::{
    audit::{
        compare::{Audit, Decided, compare},
        finding::{Finding, Kind},
        page::{Operation, Page, Words},
        report::{Format, Report},
        sources::Sources,
    },
    document::Document,
};

fn finding(page_line: usize, document_line: u64, place: &str, kind: Kind) -> Finding {
    Finding { page_line, document_line, place: place.to_owned(), kind }
}

fn words(line: usize, text: &str) -> Words {
    Words { line, text: text.to_owned() }
}

fn limit(limit: &'static str, page: &str, document: &str) -> Kind {
    let text = |side: &str| (!side.is_empty()).then(|| side.to_owned());
    Kind::LimitDiffers { limit, page: text(page), document: text(document) }
}

/// A report with some of everything; two pages, the second from line 101 on.
fn report() -> Report {
    let mut sources = Sources::default();
    sources.add("set-gadget.html", 100, &mut Page::default());
    sources.add("types.html", 50, &mut Page::default());
    let decided = finding(30, 22, "SetGadget.request.Action", Kind::MemberGone);
    let audit = Audit {
        findings: vec![
            finding(9, 61, "SetGadget.request.wait", limit("maximum", "3600", "86400")),
            finding(
                101,
                70,
                "Conf.key",
                Kind::ValueMissing { value: "a|b_*`c`".to_owned(), after: None },
            ),
            finding(0, 33, "SetGadget.errors", Kind::CodeGone { code: "Gadget.Jam".to_owned() }),
        ],
        decided: vec![Decided {
            finding: decided,
            line: 7,
            says: "`Action` is a *header* of every request.".to_owned(),
        }],
        missing: vec![finding(
            12,
            3,
            "SmashGadget",
            Kind::OperationMissing { operation: Box::default() },
        )],
        refused: vec![words(44, "the page describes another version")],
        not_in_copy: vec![words(1, "SetGadget.statuses")],
        not_understood: vec![words(102, "A line\twith \u{1b}[31mcolour and <tags>")],
        compared: vec!["SetGadget".to_owned(), "Conf".to_owned()],
    };
    let mut report = Report::on("gadget", "specs/gadget.yaml");
    report.add(&audit, &sources, true, |finding| {
        (finding.document_line == 70).then(|| "enum:\n  - 'a|b_*`c`'\n".to_owned())
    });
    report
}

#[test]
fn each_form_is_written_as_before() {
    for (name, format, decided) in [
        ("report.table", Format::Table, false),
        ("report-decided.table", Format::Table, true),
        ("report.markdown", Format::Markdown, false),
        ("report-decided.markdown", Format::Markdown, true),
        ("report.json", Format::Json, true),
    ] {
        insta::assert_snapshot!(name, report().render(format, decided));
    }
    let empty = Report::on("gadget", "specs/gadget.yaml");
    insta::assert_snapshot!("empty.table", empty.render(Format::Table, false));
    insta::assert_snapshot!("empty.markdown", empty.render(Format::Markdown, false));
}

#[test]
fn a_page_of_an_operation_that_the_document_lacks_is_refused_unless_all_is_asked_for() {
    let document = Document::parse(include_str!("../data/gadget.yaml")).unwrap();
    let mut page = Page::default();
    page.operations.push(Operation {
        line: 1,
        id: Some(words(1, "SmashGadget")),
        ..Operation::default()
    });
    let mut sources = Sources::default();
    sources.add("smash.html", 3, &mut page);
    let audit = compare(&document, &page);
    let mut report = Report::on("gadget", "specs/gadget.yaml");
    report.add(&audit, &sources, false, |_| None);
    let texts: Vec<&str> = report.refused.iter().map(|remark| remark.text.as_str()).collect();
    assert_eq!(
        texts,
        ["the document has no operation `SmashGadget`; name the page of one that it has, or say \
         --all to list what it lacks"]
    );
    let mut report = Report::on("gadget", "specs/gadget.yaml");
    report.add(&audit, &sources, true, |_| None);
    assert!(report.refused.is_empty());
    assert_eq!(report.findings[0].fingerprint, "operation-missing SmashGadget");
}
