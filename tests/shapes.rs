//! Every named example of every document, sent through the generated client to a tape.
//!
//! Each example has a snapshot of its request, `tests/snapshots/<provider>/<operation>.<example>.snap`,
//! for review. An example without a snapshot fails, and so does a snapshot without an example. Every
//! example of an answer is played back and has to be read.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

use std::{
    collections::BTreeSet,
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use guestexec_core::Example;
use guestexec_testkit::{Reply, Tape};
use insta::Settings;
use reqwest::StatusCode;
use serde_json::Value;

/// 2026-11-22T06:04:21Z, the time of every request here.
fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_327_461)
}

/// The reply to an example: answer number `index` of its operation, or an empty object.
fn reply(example: &Example, index: usize) -> Reply {
    let text = example.answers.get(index).map_or("{}", |(_, text)| text);
    let value: Value = serde_json::from_str(text).expect("an example of an answer is JSON");
    let status = StatusCode::from_u16(example.status).expect("a spec's status is one");
    Reply::json(status, &value)
}

fn folder(provider: &str) -> PathBuf {
    // At run time, since checkouts may share a target folder; absolute, for insta.
    let package = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| ".".into(), PathBuf::from);
    std::path::absolute(package.join("snapshots").join(provider)).expect("paths can be absolute")
}

fn snapshot(provider: &str, example: &Example, tape: &Tape) {
    let requests = tape.requests();
    let [request] = &requests[..] else {
        panic!("{}/{} made {} requests", example.operation, example.name, requests.len());
    };
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path(folder(provider));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(example.summary);
    settings.bind(|| {
        insta::assert_snapshot!(format!("{}.{}", example.operation, example.name), request);
    });
}

/// Snapshots without an example.
fn orphans(provider: &str, examples: &[Example]) -> Vec<String> {
    let expected: BTreeSet<String> = examples
        .iter()
        .map(|example| format!("{}.{}.snap", example.operation, example.name))
        .collect();
    let files = fs::read_dir(folder(provider)).expect("the snapshots are there");
    let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
    names.filter(|name| name.ends_with(".snap") && !expected.contains(name)).collect()
}

/// The tests of one provider. Each provider's client is its own type, so this is a macro.
macro_rules! provider {
    ($provider:ident, $crate_name:ident, $client:expr) => {
        mod $provider {
            use super::*;
            use $crate_name::{Client, examples};

            fn client(tape: &Tape) -> Client {
                let build: fn(Tape) -> Client = $client;
                build(tape.clone())
            }

            #[tokio::test]
            async fn every_example_has_its_snapshot() {
                assert!(!examples::ALL.is_empty());
                let mut differing = Vec::new();
                for example in examples::ALL {
                    let tape = Tape::new().reply(reply(example, 0));
                    // Whether the answer can be read is for the next test.
                    let _ = examples::send(&client(&tape), example).await;
                    // The test shows all snapshots that differ, so the first must not end it.
                    let check = || snapshot(stringify!($provider), example, &tape);
                    if catch_unwind(AssertUnwindSafe(check)).is_err() {
                        differing.push(format!("{}.{}", example.operation, example.name));
                    }
                }
                assert_eq!(differing, Vec::<String>::new(), "these differ, or have no snapshot");
                assert_eq!(
                    orphans(stringify!($provider), examples::ALL),
                    Vec::<String>::new(),
                    "delete the snapshots that belong to no example"
                );
            }

            #[tokio::test]
            async fn every_example_of_an_answer_is_read() {
                for example in examples::ALL {
                    for (index, (name, _)) in example.answers.iter().enumerate() {
                        let tape = Tape::new().reply(reply(example, index));
                        let read = examples::send(&client(&tape), example).await;
                        assert!(read.is_ok(), "{}: answer {name}: {read:?}", example.operation);
                    }
                }
            }
        }
    };
}

provider!(tat, guestexec_tat, |tape| {
    Client::builder()
        .credentials(
            guestexec_tat::Credentials::new("AKIDexample", "secret").with_security_token("token"),
        )
        .region("ap-guangzhou")
        .root_domain(guestexec_tat::RootDomain::International)
        .clock(clock())
        .transport(tape)
        .build()
        .expect("the client is complete")
});

provider!(zstack, guestexec_zstack, |tape| {
    Client::builder()
        .endpoint("http://zstack:8080")
        .allow_plain_http()
        .credentials(guestexec_zstack::Credentials::access_key("example", "secret"))
        .clock(clock())
        .transport(tape)
        .build()
        .expect("the client is complete")
});

provider!(cci, guestexec_cci, |tape| {
    Client::builder()
        .region("cn-north-4")
        .credentials(guestexec_cci::Credentials::access_key("example", "secret"))
        .clock(clock())
        .transport(tape)
        .build()
        .expect("the client is complete")
});
