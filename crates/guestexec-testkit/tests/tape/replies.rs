//! Which reply a request gets.

use std::panic::{AssertUnwindSafe, catch_unwind};

use guestexec_tat::operations::{
    self, DESCRIBE_INVOCATION_TASKS, DESCRIBE_INVOCATIONS, DESCRIBE_REGIONS, RUN_COMMAND,
};
use guestexec_testkit::{Operation, Reply, StatusCode, Tape};
use reqwest::header::HeaderValue;
use serde_json::json;

use crate::{answer, client, count, ended, listed, started};

#[tokio::test(start_paused = true)]
async fn rules_answer_any_number_of_requests_in_any_order() {
    let tape = Tape::new()
        .on(DESCRIBE_INVOCATION_TASKS, ended())
        .on(DESCRIBE_INVOCATIONS, listed("SUCCESS"))
        .on(RUN_COMMAND, started());
    for _ in 0..3 {
        assert!(client(&tape).instances(["ins-1"]).run("uptime").await.unwrap().success());
    }
    assert_eq!(count(&tape, RUN_COMMAND.id), 3);
    tape.assert_complete();
}

#[tokio::test(start_paused = true)]
async fn rules_of_one_operation_answer_in_turn_and_the_last_repeats() {
    let tape = Tape::new()
        .on(RUN_COMMAND, started())
        .on(DESCRIBE_INVOCATIONS, Reply::from(listed("PENDING")).times(2))
        .on(DESCRIBE_INVOCATIONS, listed("RUNNING"))
        .on(DESCRIBE_INVOCATIONS, listed("SUCCESS"))
        .on(DESCRIBE_INVOCATION_TASKS, ended());
    let run = || async { client(&tape).instances(["ins-1"]).run("uptime").await.unwrap() };
    assert!(run().await.success());
    assert_eq!(count(&tape, DESCRIBE_INVOCATIONS.id), 4);
    assert!(run().await.success());
    assert_eq!(count(&tape, DESCRIBE_INVOCATIONS.id), 5);
    tape.assert_complete();
}

/// The id of each answer to a list of regions, until there is none.
async fn request_ids(tape: &Tape) -> Vec<String> {
    let client = client(tape);
    let mut ids = Vec::new();
    loop {
        match client.describe_regions().send().await {
            Ok(regions) => ids.push(regions.request_id().unwrap().to_owned()),
            Err(_) => return ids,
        }
        assert!(ids.len() < 20, "there is no end");
    }
}

fn regions(id: &str) -> serde_json::Value {
    answer(json!({ "TotalCount": 0, "RegionSet": [], "RequestId": id }))
}

#[tokio::test]
async fn once_replies_of_the_operation_come_first_then_its_rules_then_those_for_any() {
    let from_the_table = operations::ALL.iter().find(|known| ***known == DESCRIBE_REGIONS);
    let from_the_table: &Operation = from_the_table.unwrap();
    let tape = Tape::new()
        .reply(Reply::from(regions("any")).times(2))
        .on(DESCRIBE_REGIONS, Reply::from(regions("rule")).times(2))
        .reply_to(DESCRIBE_REGIONS, regions("once"))
        .reply_to(RUN_COMMAND, regions("another operation"))
        .reply_to(from_the_table, regions("once more"));
    let ids = request_ids(&tape).await;
    assert_eq!(ids, ["once", "once more", "rule", "rule", "any", "any"]);
    assert_eq!(tape.unplayed(), 1);
}

#[tokio::test]
async fn an_operation_is_compared_as_a_whole() {
    const OTHER: Operation = Operation { rate: Some(1), ..DESCRIBE_REGIONS };
    let tape = Tape::new().on(OTHER, regions("other"));
    assert!(request_ids(&tape).await.is_empty());
}

#[tokio::test]
async fn a_reply_is_computed_from_the_request() {
    let tape = Tape::new()
        .on(RUN_COMMAND, started())
        .on(DESCRIBE_INVOCATIONS, listed("SUCCESS"))
        .on_with(DESCRIBE_INVOCATION_TASKS, |request| {
            let body = request.body.as_ref().unwrap();
            assert!(body.is_object(), "{body}");
            ended()
        });
    assert!(client(&tape).instances(["ins-1"]).run("uptime").await.unwrap().success());
}

#[tokio::test]
async fn a_closure_may_ask_the_tape_and_add_to_it() {
    let tape = Tape::new();
    let asked = tape.clone();
    let tape = tape.on_with(DESCRIBE_REGIONS, move |_| {
        let so_far = asked.requests().len();
        let _ = asked.clone().reply(json!({}));
        assert!(asked.to_string().contains("still waiting"), "{asked}");
        match so_far {
            3 => Reply::lost(),
            so_far => Reply::from(regions(&so_far.to_string())),
        }
    });
    for expected in ["1", "2"] {
        let regions = client(&tape).describe_regions().send().await.unwrap();
        assert_eq!(regions.request_id(), Some(expected));
    }
    assert_eq!(tape.unplayed(), 2);
}

#[tokio::test]
async fn a_closure_that_panics_leaves_the_tape_usable() {
    let tape = Tape::new()
        .on_with(RUN_COMMAND, |_| -> Reply { panic!("the test's own mistake") })
        .on(DESCRIBE_REGIONS, regions("r"));
    let client = client(&tape);
    let cloned = client.clone();
    let call = async move { cloned.instances(["ins-1"]).run("uptime").await };
    let panic = tokio::spawn(call).await.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref(), Some(&"the test's own mistake"));
    client.describe_regions().send().await.unwrap();
    assert_eq!(tape.requests().len(), 2);
    assert!(tape.to_string().contains("→ no answer, as the closure that computes it panicked\n"));
    tape.assert_complete();
}

#[tokio::test]
async fn a_request_without_a_reply_fails_at_once_and_says_why() {
    let tape = Tape::new();
    let error = client(&tape).describe_regions().send().await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::NOT_IMPLEMENTED));
    let says = "the tape has no reply to this request of DescribeRegions";
    assert!(error.to_string().contains(says), "{error}");
    assert!(tape.to_string().ends_with("→ 501, as the tape has no reply to it"), "{tape}");
    assert_eq!(tape.requests().len(), 1);
}

#[tokio::test]
async fn a_reply_is_anything_that_serializes() {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Regions {
        region_set: [(); 0],
        request_id: &'static str,
    }
    let content = Regions { region_set: [], request_id: "typed" };
    let body = std::collections::BTreeMap::from([("Response", content)]);
    let tape = Tape::new().reply(Reply::json(StatusCode::OK, &body));
    assert_eq!(request_ids(&tape).await, ["typed"]);
}

#[test]
fn a_mistake_in_a_reply_is_told_where_it_is_made() {
    let told = |mistake: &dyn Fn() -> Reply| {
        let panic = catch_unwind(AssertUnwindSafe(mistake)).unwrap_err();
        panic
            .downcast_ref::<String>()
            .cloned()
            .unwrap_or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).unwrap())
    };
    let reply = || Reply::from(json!({}));
    for (mistake, says) in [
        (&(|| reply().header("two words", "a")) as &dyn Fn() -> Reply, "name of a header"),
        (&|| reply().header("x-any", "two\nlines"), "`x-any` has a character"),
        (&|| Reply::bytes(StatusCode::OK, "text\n", ""), "`content-type` has a character"),
        (
            &|| {
                Reply::json(
                    StatusCode::OK,
                    &[((1, 2), 3)].into_iter().collect::<std::collections::BTreeMap<_, _>>(),
                )
            },
            "cannot be written as JSON",
        ),
        (&|| reply().times(0), "0 times"),
        (&|| Reply::refused().header("x-any", "a"), "a refused connection has no header"),
        (&|| Reply::pending().lost_after(3), "a reply that never comes has no body"),
    ] {
        let told = told(mistake);
        assert!(told.contains(says), "{told}");
    }
}

#[tokio::test]
async fn headers_are_shown_but_for_sensitive_values() {
    let mut token = HeaderValue::from_static("s3cret");
    token.set_sensitive(true);
    let reply = Reply::from(regions("r"))
        .header("X-Two", "a")
        .header("X-Two", String::from("b"))
        .header("x-token", token)
        .header("content-type", "application/json; charset=utf-8");
    let tape = Tape::new().reply(reply);
    client(&tape).describe_regions().send().await.unwrap();
    let shown = tape.to_string();
    let says = "→ 200 application/json; charset=utf-8\nx-token: <secret>\nx-two: a\nx-two: b\n\n{";
    assert!(shown.contains(says) && !shown.contains("s3cret"), "{shown}");
}
