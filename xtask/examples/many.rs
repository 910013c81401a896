//! Measures the generator on a made-up document of many operations, stage by stage:
//! `cargo run --package xtask --example many -- 1000`.

use std::{env, fs, time::Instant};

use xtask::{emit, generate, lint, lower, spec::Spec};

const SMALL: &str = include_str!("../tests/data/small.yaml");

/// `small.yaml` with its operations and schemas so often that there are at least `operations`.
fn many(operations: usize) -> String {
    let section = |begin: &str, end: &str| {
        let after = SMALL.split_once(begin).map_or("", |(_, after)| after);
        after.split_once(end).map_or(after, |(inside, _)| inside).to_owned()
    };
    let head = SMALL.split_once("paths:\n").map_or("", |(head, _)| head);
    let paths = section("\npaths:\n", "\ncomponents:\n");
    let responses = section("\n  responses:\n", "\n  schemas:\n");
    let schemas = section("\n  schemas:\n", "\nno such line");
    // The names of one copy; the codes of errors are those of all.
    let numbered = |text: &str, number: usize| {
        let names = [
            "CreateWidgetRequest", "ListWidgetsResponse", "WidgetKind", "Carton", "Failure",
            "CreateWidget\n", "ListWidgets\n", "schemas/Widget'", "    Widget:", "/v1/",
            "responses/Failed", "    Failed:",
        ];
        names.iter().fold(text.to_owned(), |text, name| {
            let end = name.trim_end_matches(['\n', '\'', ':', '/']);
            let rest = &name[end.len()..];
            text.replace(name, &format!("{end}{number}{rest}"))
        })
    };
    let copies = operations.div_ceil(2);
    let repeated = |text: &str| -> String {
        (1..=copies).map(|number| format!("{}\n", numbered(text, number))).collect()
    };
    let (plain, kept) = schemas.split_once("    ErrorCode:\n").unwrap_or_default();
    let (codes, rest) = kept.split_once("    ListWidgetsResponse:\n").unwrap_or_default();
    // Recursive ones come first.
    let rest = format!("    ListWidgetsResponse:\n{rest}");
    format!(
        "{head}paths:\n{}components:\n  responses:\n{}  schemas:\n{}    ErrorCode:\n{codes}{}",
        repeated(&paths),
        repeated(&responses),
        repeated(plain.trim_end()),
        repeated(&rest)
    )
}

fn main() -> Result<(), String> {
    let count = env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1000);
    let text = many(count);
    if let Some(path) = env::args().nth(2) {
        fs::write(&path, &text).map_err(|e| format!("{path}: cannot be written: {e}"))?;
    }
    let begin = Instant::now();
    let mut last = begin;
    let mut stage = |name: &str| {
        println!("{name:10} {:6} ms", last.elapsed().as_millis());
        last = Instant::now();
    };
    let spec = Spec::parse("many", text)?;
    stage("read");
    let complaints = lint::lint(&spec.document);
    if let Some(first) = complaints.first() {
        return Err(format!("specs/many.yaml:{}: {}: {}", first.line, first.place, first.text));
    }
    stage("lint");
    let lowered = lower::lower(&spec);
    stage("lower");
    let tokens = generate::tokens(&spec, lowered)?;
    stage("progenitor");
    let files = emit::files(&spec, tokens)?;
    stage("emit");
    let lines: usize = files.iter().map(|(_, text)| text.lines().count()).sum();
    let (calls, all) = (spec.document.calls().len(), begin.elapsed().as_millis());
    println!("{calls} operations, {lines} lines, {all} ms");
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        status.lines().filter(|line| line.starts_with("VmHWM")).for_each(|line| println!("{line}"));
    }
    Ok(())
}
