//! A tape and a conversation under insta.

use std::time::Duration;

use guestexec_tat::operations::{CANCEL_INVOCATION, RUN_COMMAND};
use guestexec_testkit::{Reply, Tape};
use insta::Settings;
use serde_json::json;

use crate::{answer, builder, client, ended, listed, started};

/// A tape on which an invocation was cancelled.
async fn cancelled() -> Tape {
    let reply = answer(json!({ "RequestId": "b6c8ae5a-6a4f-4c2e-9b0d-3f6a1f2c9d11" }));
    let tape = Tape::new().reply(Reply::from(reply).after(Duration::from_millis(250)));
    client(&tape).cancel_invocation("inv-1").send().await.unwrap();
    tape
}

#[tokio::test(start_paused = true)]
async fn a_whole_run_is_one_snapshot() {
    let tape = Tape::new()
        .reply_to(RUN_COMMAND, Reply::refused())
        .reply(started())
        .reply(listed("RUNNING"))
        .reply(Reply::lost())
        .reply(listed("SUCCESS"))
        .reply(ended());
    let finished = client(&tape).instances(["ins-1"]).run("uptime").unmarked().await.unwrap();
    assert!(finished.success());
    tape.assert_complete();
    insta::assert_snapshot!(tape);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_is_json() {
    let tape = cancelled().await;
    insta::assert_json_snapshot!(tape.conversation());
}

#[tokio::test(start_paused = true)]
async fn a_conversation_is_yaml() {
    let tape = cancelled().await;
    insta::assert_yaml_snapshot!(tape.conversation());
}

#[tokio::test(start_paused = true)]
async fn parts_of_a_conversation_are_redacted() {
    let tape = cancelled().await;
    insta::assert_json_snapshot!(tape.conversation(), {
        "[].answer.body.Response.RequestId" => "[request id]",
        "[].request.headers" => "[headers]",
    });
}

#[tokio::test(start_paused = true)]
async fn filters_apply_to_the_text() {
    let tape = cancelled().await;
    let mut settings = Settings::clone_current();
    settings.add_filter("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[uuid]");
    settings.set_description("an invocation is cancelled");
    settings.set_omit_expression(true);
    settings.set_snapshot_suffix("filtered");
    settings.bind(|| insta::assert_snapshot!(tape));
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_answer_has_its_line() {
    let after = Duration::from_secs(5);
    let tape = Tape::new()
        .reply(Reply::from(json!({ "b": 1, "a": [2] })).header("x-any", "value"))
        .reply(Reply::text(guestexec_testkit::StatusCode::BAD_GATEWAY, "two\nlines\n"))
        .reply(Reply::bytes(guestexec_testkit::StatusCode::OK, "application/x-any", [0, 255]))
        .reply(Reply::text(guestexec_testkit::StatusCode::NO_CONTENT, ""))
        .reply(Reply::from(json!({ "a": "long enough" })).lost_after(10))
        .reply(Reply::lost().after(after))
        .reply(Reply::refused().after(after))
        .reply(Reply::pending());
    let client = builder(&tape).retries(0).build().unwrap();
    for _ in 0..9 {
        let _ = client.cancel_invocation("inv-1").send().await;
    }
    let answers: Vec<_> = tape
        .conversation()
        .exchanges()
        .iter()
        .map(|exchange| {
            assert_eq!(*exchange.operation, CANCEL_INVOCATION);
            let shown = exchange.to_string();
            shown[shown.find('→').unwrap()..].to_owned()
        })
        .collect();
    insta::assert_snapshot!(answers.join("\n\n"));
}

#[tokio::test(start_paused = true)]
async fn no_secret_of_an_answer_is_shown() {
    let mut secret = ended();
    secret["Response"]["InvocationTaskSet"][0]["TaskResult"] = json!({
        "ExitCode": 0, "Output": "dHdvCmxpbmVzCg==", "OutputUrl": "https://b.example/?sign=s3cret",
    });
    let tape = Tape::new()
        .reply(Reply::from(secret.clone()).header("set-cookie", "s3cret"))
        .reply(Reply::from(secret.clone()).lost_after(secret.to_string().len() - 10))
        .reply(secret);
    let client = builder(&tape).retries(0).build().unwrap();
    for _ in 0..4 {
        let _ = client.describe_invocation_tasks().send().await;
    }
    let shown = tape.to_string();
    for text in [&shown, &serde_json::to_string(&tape.conversation()).unwrap()] {
        assert!(!text.contains("s3cret"), "{text}");
    }
    assert!(shown.contains("\"Output\": \"<base64>\",\n          | two\n          | lines\n"));
    assert!(shown.contains("set-cookie: <secret>"), "{shown}");
    assert!(shown.contains(", lost after 257 bytes\n\n<257 bytes>\n"), "{shown}");
    let debug = format!("{:?} {tape:?}", tape.conversation());
    assert!(!debug.contains("s3cret"), "{debug}");
}
