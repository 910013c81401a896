//! What users see of each documented answer: the typed result, or the error.
//!
//! Each answer of success has a snapshot, `tests/snapshots/answers/<provider>/<operation>.<answer>.snap`: what
//! `Debug` shows of the result. Each refusal has one,
//! `tests/snapshots/errors/<provider>/<status>.<refusal>.snap`, with the operations that it means the same
//! for side by side. Beside them, `statuses.snap` has what a status alone becomes, and
//! `tests/snapshots/codes/tat.snap` what each documented code does.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod common;

use std::{collections::BTreeMap, fmt::Write as _};

use common::{Snapshots, clock};
use guestexec_core::{Example, ExampleAnswer, Operation};
use guestexec_testkit::{Reply, Tape};
use reqwest::StatusCode;
use serde_json::json;

/// More than a client asks while it waits until calls are no longer too many.
const MANY: usize = 200;

fn tape(provider: &str, answer: &ExampleAnswer, times: usize) -> Tape {
    let status = match provider {
        // The service refuses with 200, and its document says 400 to tell the two apart.
        "tat" => 200,
        _ => answer.status,
    };
    let status = StatusCode::from_u16(status).expect("a document's status is one");
    (0..times).fold(Tape::new(), |tape, _| {
        tape.reply(Reply::bytes(status, answer.content_type, answer.body))
    })
}

/// What a user sees of an error. The operation stands for itself, since many have the same errors.
fn seen<D>(error: &guestexec_core::Error<D>, tape: &Tape) -> String {
    let text = error.to_string();
    let operation = error.operation().expect("an error of a call names its operation");
    let rest = text.strip_prefix(operation).expect("the text begins with the operation");
    let yes = |is: bool| if is { "yes" } else { "no" };
    let mut seen = format!("<operation>{rest}\n\nkind: {:?}\n", error.kind());
    for (name, value) in [("code", error.code()), ("advice", error.advice())] {
        let _ = writeln!(seen, "{name}: {}", value.unwrap_or("none"));
    }
    let _ = writeln!(seen, "retryable: {}", yes(error.is_retryable()));
    let _ = writeln!(seen, "may have run: {}", yes(error.may_have_run()));
    let _ = writeln!(seen, "sent again: {}", yes(tape.requests().len() > 1));
    seen
}

/// The refusals of all operations: status and name, and the answer.
fn refusals(examples: &[Example]) -> BTreeMap<String, &ExampleAnswer> {
    let errors = examples.iter().flat_map(|example| example.errors);
    errors.map(|answer| (format!("{}.{}", answer.status, answer.name), answer)).collect()
}

/// The first example of each operation.
fn firsts(examples: &[Example]) -> impl Iterator<Item = &Example> {
    let mut last = "";
    examples
        .iter()
        .filter(move |example| std::mem::replace(&mut last, example.operation) != example.operation)
}

/// The first operation that starts a command, that may be repeated, and that is neither.
fn kinds(examples: &[Example], operations: &[&'static Operation]) -> Vec<(&'static str, Example)> {
    let of = |operation: &Operation| match (operation.starts_command, operation.repeatable) {
        (true, _) => "starts a command",
        (false, true) => "may be repeated",
        (false, false) => "may not be repeated",
    };
    let mut kinds: Vec<(&str, Example)> = Vec::new();
    for example in firsts(examples) {
        let operation = operations.iter().find(|operation| operation.id == example.operation);
        let kind = of(operation.expect("the table has all operations"));
        if kinds.iter().all(|(other, _)| *other != kind) {
            kinds.push((kind, *example));
        }
    }
    kinds
}

/// What users see of several things, those together of which they see the same.
#[derive(Default)]
struct Alike(Vec<(String, Vec<String>)>);

impl Alike {
    fn add(&mut self, thing: impl Into<String>, seen: String) {
        match self.0.iter_mut().find(|(other, _)| *other == seen) {
            Some((_, things)) => things.push(thing.into()),
            None => self.0.push((seen, vec![thing.into()])),
        }
    }

    fn shown(&self) -> String {
        let part = |(seen, things): &(String, Vec<String>)| {
            format!("--- {}\n\n{seen}", in_ranges(things).join(", "))
        };
        self.0.iter().map(part).collect::<Vec<_>>().join("\n")
    }
}

/// The same things, of which numbers in a row are one: `500–599`.
fn in_ranges(things: &[String]) -> Vec<String> {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for thing in things {
        match (thing.parse::<u16>(), ranges.last_mut()) {
            (Ok(number), Some((_, last))) if *last + 1 == number => *last = number,
            (Ok(number), _) => ranges.push((number, number)),
            (Err(_), _) => return things.to_vec(),
        }
    }
    let shown = |(first, last): &(u16, u16)| match first == last {
        true => first.to_string(),
        false => format!("{first}–{last}"),
    };
    ranges.iter().map(shown).collect()
}

/// The tests of one provider. Each provider's client is its own type, so this is a macro.
macro_rules! provider {
    ($provider:ident, $crate_name:ident, $client:expr) => {
        mod $provider {
            use super::*;
            use $crate_name::{Client, examples, operations};

            const NAME: &str = stringify!($provider);

            pub fn client(tape: &Tape) -> Client {
                let build: fn(Tape) -> Client = $client;
                build(tape.clone())
            }

            #[tokio::test]
            async fn every_answer_is_read_and_shown() {
                let mut snapshots = Snapshots::of(&format!("answers/{NAME}"));
                for example in firsts(examples::ALL) {
                    for answer in example.answers {
                        let tape = tape(NAME, answer, 1);
                        let result = examples::send(&client(&tape), example).await;
                        let name = format!("{}.{}", example.operation, answer.name);
                        let shown = result.unwrap_or_else(|error| panic!("{name}: {error}"));
                        snapshots.check(&name, answer.summary, &format!("{shown:#?}"));
                    }
                }
                snapshots.finish();
            }

            #[tokio::test(start_paused = true)]
            async fn every_refusal_is_an_error_that_says_what_to_do() {
                let mut snapshots = Snapshots::of(&format!("errors/{NAME}"));
                for (name, answer) in refusals(examples::ALL) {
                    let mut alike = Alike::default();
                    for example in firsts(examples::ALL) {
                        if !example.errors.contains(answer) {
                            continue;
                        }
                        let tape = tape(NAME, answer, MANY);
                        let error = examples::send(&client(&tape), example).await.unwrap_err();
                        alike.add(example.operation, seen(&error, &tape));
                    }
                    let shown = format!("{}\n\n{}", answer.body, alike.shown());
                    snapshots.check(&name, answer.summary, &shown);
                }
                let mut shown = Vec::new();
                for (kind, example) in kinds(examples::ALL, operations::ALL) {
                    let mut alike = Alike::default();
                    for number in 400..600 {
                        let status = StatusCode::from_u16(number).unwrap();
                        let replies = (0..MANY).map(|_| Reply::text(status, ""));
                        let tape = replies.fold(Tape::new(), Tape::reply);
                        let error = examples::send(&client(&tape), &example).await.unwrap_err();
                        let reason = status.canonical_reason().unwrap_or_default();
                        let named = format!("{number} {reason}");
                        let seen = seen(&error, &tape).replace(named.trim_end(), "<status>");
                        let seen = seen.replace(&format!("HTTP {number}"), "HTTP <status>");
                        alike.add(number.to_string(), seen);
                    }
                    shown.push(format!(
                        "# {}, which {kind}\n\n{}",
                        example.operation,
                        alike.shown()
                    ));
                }
                snapshots.check("statuses", "Statuses with an empty body.", &shown.join("\n"));
                snapshots.finish();
            }
        }
    };
}

include!("common/providers.rs");

#[tokio::test(start_paused = true)]
async fn every_documented_code_of_tat_says_what_to_do() {
    let mut shown = Vec::new();
    for (kind, example) in kinds(guestexec_tat::examples::ALL, guestexec_tat::operations::ALL) {
        let mut alike = Alike::default();
        for code in guestexec_tat::enums::ErrorCode::KNOWN {
            let error = json!({ "Code": code, "Message": "<message>" });
            let answer = json!({ "Response": { "Error": error, "RequestId": "<request>" } });
            let tape = (0..MANY).fold(Tape::new(), |tape, _| tape.reply(answer.clone()));
            let error =
                guestexec_tat::examples::send(&tat::client(&tape), &example).await.unwrap_err();
            alike.add(*code, seen(&error, &tape).replace(code, "<code>"));
        }
        shown.push(format!("# {}, which {kind}\n\n{}", example.operation, alike.shown()));
    }
    let mut snapshots = Snapshots::of("codes");
    snapshots.check("tat", "What each code does.", &shown.join("\n"));
    snapshots.finish();
}
