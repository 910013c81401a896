//! A page that changed: each edit is found at its place in every layout, nothing else is, and `--fix`
//! leaves only what a person must write.

mod edits;

use std::collections::{BTreeMap, BTreeSet};

use xtask::{
    audit::{
        compare::{Audit, compare},
        finding::{Finding, Kind},
        fix::{self, MARKER},
        page::Page,
        prose, read,
    },
    document::Document,
    from_spec, lint,
    spec::Spec,
};

use crate::read::page;
use crate::render::{Form, Language, Layout, layouts, render, said};
use edits::{EDITS, Edit};

/// The day that `--fix` writes as that of the reading.
const TODAY: &str = "2026-11-29";

/// The document of a provider.
fn document(provider: &str) -> String {
    let path = format!("{}/../specs/{provider}.yaml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|problem| panic!("{path}: {problem}"))
}

/// A rendered page, read as the command reads it.
fn reread(text: &str) -> Page {
    let mut page = read::page(text).unwrap_or_else(|problem| panic!("{problem}\n{text}"));
    prose::fill(&mut page);
    page
}

fn every(audit: &Audit) -> impl Iterator<Item = &Finding> {
    let decided = audit.decided.iter().map(|decided| &decided.finding);
    audit.findings.iter().chain(decided).chain(&audit.missing)
}

fn fingerprints(audit: &Audit) -> BTreeSet<String> {
    every(audit).map(Finding::fingerprint).collect()
}

impl Edit {
    fn changed(&self, page: &Page) -> Page {
        let mut page = page.clone();
        (self.change)(&mut page.operations[0]);
        page
    }

    /// The fingerprints that the edit adds (`+`) and takes away (`-`).
    fn expected(&self) -> BTreeSet<String> {
        self.findings.iter().map(ToString::to_string).collect()
    }
}

/// What two audits find that the other does not. What was found or decided of a member that is gone, or
/// of another type, goes without saying.
fn difference(before: &Audit, after: &Audit) -> BTreeSet<String> {
    let replaced: BTreeSet<&str> = every(after)
        .filter(|finding| matches!(finding.kind, Kind::MemberGone | Kind::TypeDiffers { .. }))
        .map(|finding| finding.place.as_str())
        .collect();
    let is_replaced = |finding: &&Finding| replaced.contains(finding.place.as_str());
    let (old, new) = (fingerprints(before), fingerprints(after));
    let gone = every(before)
        .filter(|finding| !is_replaced(finding))
        .map(Finding::fingerprint)
        .filter(|fingerprint| !new.contains(fingerprint))
        .map(|fingerprint| format!("- {fingerprint}"));
    let is_stale = |finding: &Finding| matches!(finding.kind, Kind::DecisionStale { .. });
    let new = every(after)
        .filter(|finding| !(is_stale(finding) && is_replaced(finding)))
        .map(Finding::fingerprint)
        .filter(|fingerprint| !old.contains(fingerprint))
        .map(|fingerprint| format!("+ {fingerprint}"));
    gone.chain(new).collect()
}

/// How many layouts each edit is tried in; every layout is tried with many edits.
const LAYOUTS: usize = 7;

#[test]
fn each_edit_is_found_in_every_layout_and_nothing_else_is() {
    let layouts = layouts();
    let (mut made, mut tried, mut unexpected) = (0, BTreeSet::new(), BTreeMap::new());
    for provider in ["cci", "tat", "zstack"] {
        let document = Document::parse(&document(provider)).unwrap();
        for &name in edits::pages(provider) {
            let original = page(name);
            let audit = |page: &Page, layout| compare(&document, &reread(&render(page, layout)));
            let mut unedited: BTreeMap<usize, Audit> = BTreeMap::new();
            for (number, edit) in EDITS.iter().enumerate().filter(|(_, edit)| edit.page == name) {
                let changed = edit.changed(&original);
                // Each edit begins elsewhere, and strides over all forms, languages and captions.
                let chosen =
                    (0..).map(|n| (number * 5 + n * 11) % layouts.len()).take(layouts.len());
                let sayable = chosen.filter(|index| {
                    let layout = layouts[*index];
                    // What a layout cannot say, nobody can find in it.
                    said(&changed, layout) != said(&original, layout)
                });
                for index in sayable.take(LAYOUTS) {
                    let layout = layouts[index];
                    made += 1;
                    tried.insert(index);
                    let before = unedited.entry(index).or_insert_with(|| audit(&original, layout));
                    let found = difference(before, &audit(&changed, layout));
                    if found != edit.expected() {
                        let found = found.into_iter().collect::<Vec<_>>().join("\n    ");
                        let what = format!("{name}: {}:\n    {found}", edit.name);
                        unexpected.entry(what).or_insert_with(Vec::new).push(layout.to_string());
                    }
                }
            }
        }
    }
    assert!(EDITS.len() >= 80, "{} edits", EDITS.len());
    assert_eq!(tried.len(), layouts.len(), "layouts");
    let failures: Vec<String> = unexpected
        .iter()
        .map(|(what, layouts)| format!("{what}\n  in {}", layouts.join(", ")))
        .collect();
    assert!(failures.is_empty(), "{} of {made} edits:\n{}", failures.len(), failures.join("\n"));
}

/// What `--fix` does of an edit that it should not; `unedited` is what is found of the page as it is.
fn faults(
    edit: &Edit,
    layout: Layout,
    before: &Document,
    unedited: &BTreeSet<String>,
) -> Vec<String> {
    let (provider, text) = (edit.provider(), document(edit.provider()));
    let changed = reread(&render(&edit.changed(&page(edit.page)), layout));
    let audit = compare(before, &changed);
    let new: Vec<Finding> =
        every(&audit).filter(|it| !unedited.contains(&it.fingerprint())).cloned().collect();
    let fixed = fix::fix(&text, &new, &changed, TODAY).unwrap();
    if !fixed.left.is_empty() {
        return vec![format!("left: {:?}", fixed.left)];
    }
    let after = match Document::parse(&fixed.text) {
        Ok(after) => after,
        Err(complaints) => return vec![format!("{complaints:?}")],
    };
    let mut faults = Vec::new();
    let remaining = fingerprints(&compare(&after, &changed));
    let remaining: Vec<&String> = new
        .iter()
        .map(Finding::fingerprint)
        .filter_map(|fingerprint| remaining.get(&fingerprint))
        .collect();
    if !remaining.is_empty() {
        faults.push(format!("still found: {remaining:?}"));
    }
    for complaint in lint::lint(&after) {
        if !complaint.text.contains("is not written yet") {
            faults.push(format!("{complaint:?}"));
        }
    }
    let written = fixed.text.replace(MARKER, "Says");
    let spec = Spec::parse(provider, written).unwrap_or_else(|problem| panic!("{problem}"));
    faults.extend(from_spec(&spec).err());
    faults
}

#[test]
fn fix_leaves_only_what_a_person_must_write() {
    let layout = Layout { form: Form::Markdown, language: Language::English, captions: true };
    let mut known: BTreeMap<&str, (Document, BTreeSet<String>)> = BTreeMap::new();
    for edit in EDITS {
        known.entry(edit.page).or_insert_with(|| {
            let before = Document::parse(&document(edit.provider())).unwrap();
            let unedited = compare(&before, &reread(&render(&page(edit.page), layout)));
            let unedited = fingerprints(&unedited);
            (before, unedited)
        });
    }
    // Each edit generates a whole document, so every core takes its share.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let known = &known;
    let share = |first: usize| -> Vec<String> {
        let edits = EDITS.iter().skip(first).step_by(cores);
        let of_edit = |edit: &Edit| {
            let (before, unedited) = &known[edit.page];
            let (page, name) = (edit.page, edit.name);
            let faults = faults(edit, layout, before, unedited);
            faults.into_iter().map(move |fault| format!("{page}: {name}: {fault}"))
        };
        edits.flat_map(of_edit).collect()
    };
    let share = &share;
    let failures: Vec<String> = std::thread::scope(|scope| {
        let shares: Vec<_> = (0..cores).map(|first| scope.spawn(move || share(first))).collect();
        shares.into_iter().flat_map(|share| share.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{}:\n{}", failures.len(), failures.join("\n"));
}
