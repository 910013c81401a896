//! Two thousand random edits of the small document: each gets sentences with a line, or code that parses.

#![allow(clippy::unwrap_used)]

mod edit;

use std::{panic, thread};

use edit::{SMALL, edited};
use xtask::spec::Spec;

const EDITS: u64 = 2_000;

/// What is wrong with the outcome of an edit; true where it is accepted.
fn outcome(text: String) -> Result<bool, String> {
    let lines = text.lines().count() as u64;
    let result =
        panic::catch_unwind(|| Spec::parse("small", text).and_then(|spec| xtask::from_spec(&spec)));
    let Ok(result) = result else { return Err("it panics".to_owned()) };
    match result {
        Ok(generated) => {
            for (path, text) in &generated.files {
                syn::parse_file(text).map_err(|e| format!("{path} is not Rust: {e}"))?;
            }
            Ok(true)
        }
        Err(said) => {
            for complaint in said.lines() {
                let parts = complaint.strip_prefix("specs/small.yaml:");
                let line =
                    parts.and_then(|parts| parts.split_once(": ")).and_then(|(line, sentence)| {
                        let (place, sentence) = sentence.split_once(": ")?;
                        let is_whole = !place.is_empty() && sentence.len() > 10;
                        line.parse::<u64>().ok().filter(|_| is_whole)
                    });
                if !line.is_some_and(|line| (1..=lines).contains(&line)) {
                    return Err(format!("no file, line, place and sentence: {complaint}"));
                }
            }
            let is_ours = !said.contains("progenitor") && !said.contains("panicked");
            if is_ours && !said.is_empty() { Ok(false) } else { Err(said) }
        }
    }
}

/// The lines in which two texts differ.
fn difference(text: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (SMALL.lines().collect(), text.lines().collect());
    let gone = old.iter().filter(|line| !new.contains(line)).map(|line| format!("- {line}"));
    let come = new.iter().filter(|line| !old.contains(line)).map(|line| format!("+ {line}"));
    gone.chain(come).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_random_edit_gets_a_sentence_or_code() {
    let work = |share: u64| {
        let (mut accepted, mut failures) = (0, Vec::new());
        for seed in (0..EDITS).filter(|seed| seed % 2 == share) {
            let text = edited(seed);
            match outcome(text.clone()) {
                Ok(is_accepted) => accepted += usize::from(is_accepted),
                Err(problem) => failures.push(format!("{seed}: {problem}\n{}", difference(&text))),
            }
        }
        (accepted, failures)
    };
    let (one, other) = thread::scope(|scope| {
        let one = scope.spawn(|| work(0));
        let other = work(1);
        (one.join().unwrap(), other)
    });
    let failures = [one.1, other.1].concat();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    // Edits that are all refused, or all accepted, would show nothing.
    let accepted = (one.0 + other.0) as u64;
    println!("{accepted} of {EDITS} are accepted");
    assert!((EDITS / 20..EDITS / 2).contains(&accepted), "{accepted} are accepted");
}
