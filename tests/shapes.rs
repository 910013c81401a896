//! Every named example of every document, sent through the generated client to a tape.
//!
//! Each example has a snapshot of its request, `tests/snapshots/<provider>/<operation>.<example>.snap`,
//! for review. An example without a snapshot fails, and so does a snapshot without an example.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod common;

use common::{Snapshots, clock};
use guestexec_core::Example;
use guestexec_testkit::{Reply, Tape};
use reqwest::StatusCode;

/// The reply to an example: the first answer of its operation, or an empty object.
fn reply(example: &Example) -> Reply {
    let (status, body) = match example.answers.first() {
        Some(answer) => (answer.status, answer.body),
        None => (example.status, "{}"),
    };
    let status = StatusCode::from_u16(status).expect("a document's status is one");
    Reply::bytes(status, "application/json", body)
}

/// The tests of one provider. Each provider's client is its own type, so this is a macro.
macro_rules! provider {
    ($provider:ident, $crate_name:ident, $client:expr) => {
        mod $provider {
            use super::*;
            use $crate_name::{Client, examples};

            #[tokio::test]
            async fn every_example_has_its_snapshot() {
                assert!(!examples::ALL.is_empty());
                let client: fn(Tape) -> Client = $client;
                let mut snapshots = Snapshots::of(stringify!($provider));
                for example in examples::ALL {
                    let tape = Tape::new().reply(reply(example));
                    // Whether the answer can be read is for the tests of answers.
                    let _ = examples::send(&client(tape.clone()), example).await;
                    let requests = tape.requests();
                    let name = format!("{}.{}", example.operation, example.name);
                    assert_eq!(requests.len(), 1, "{name}");
                    snapshots.check(&name, example.summary, &requests[0]);
                }
                snapshots.finish();
            }
        }
    };
}

include!("common/providers.rs");
