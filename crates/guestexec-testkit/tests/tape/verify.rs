//! What is told of requests that were not expected, and of those that were and never came.

use guestexec_tat::operations::{
    CANCEL_INVOCATION, DESCRIBE_INVOCATION_TASKS, DESCRIBE_INVOCATIONS, DESCRIBE_REGIONS,
    RUN_COMMAND,
};
use guestexec_testkit::{Operation, Reply, Tape};
use serde_json::json;

use crate::{answer, client, started};

async fn cancel(tape: &Tape, id: &str) -> bool {
    client(tape).cancel_invocation(id).send().await.is_ok()
}

fn cancelled() -> serde_json::Value {
    answer(json!({ "RequestId": "r" }))
}

#[tokio::test]
async fn all_is_told_at_once() {
    let tape = Tape::new()
        .reply(Reply::lost().times(2))
        .reply_to(RUN_COMMAND, started())
        .on(DESCRIBE_INVOCATIONS, json!({}))
        .on(DESCRIBE_REGIONS, Reply::from(json!({})).times(3))
        .on_with(DESCRIBE_INVOCATION_TASKS, |_| json!({}))
        .expect(CANCEL_INVOCATION, 1..=2)
        .expect(RUN_COMMAND, 1);
    let client = client(&tape);
    for _ in 0..2 {
        let _ = client.describe_regions().send().await;
    }
    for id in ["inv-1", "inv-2", "inv-1", "inv-1"] {
        cancel(&tape, id).await;
    }
    let _ = client.describe_automation_agent_status().send().await;
    insta::assert_snapshot!(tape.verify().unwrap_err());
}

#[tokio::test]
async fn one_reply_too_many_is_told_in_a_line() {
    let tape = Tape::new().on(CANCEL_INVOCATION, cancelled()).reply_to(RUN_COMMAND, started());
    cancel(&tape, "inv-1").await;
    assert_eq!(tape.unplayed(), 1);
    insta::assert_snapshot!(tape.verify().unwrap_err(), @r"
    the requests are not those that the tape expects

    1 reply that no request asked for:

      RunCommand → 200 application/json

    the requests made: CancelInvocation 1×
    ");
}

#[tokio::test]
async fn a_rule_that_was_never_used_is_told() {
    let tape = Tape::new().on(CANCEL_INVOCATION, cancelled()).on(RUN_COMMAND, started());
    insta::assert_snapshot!(tape.verify().unwrap_err(), @r"
    the requests are not those that the tape expects

    2 replies that no request asked for:

      CancelInvocation → 200 application/json
      RunCommand → 200 application/json

    no request was made
    ");
    let tape = Tape::new().on(CANCEL_INVOCATION, cancelled()).expect(CANCEL_INVOCATION, ..);
    tape.verify().unwrap();
    assert_eq!(tape.unplayed(), 0);
}

#[tokio::test]
async fn a_number_of_requests_is_held_to() {
    for (times, made, holds) in [
        (2.into(), 2, true),
        (2.into(), 1, false),
        (2.into(), 3, false),
        (0.into(), 0, true),
        (0.into(), 1, false),
        ((1..).into(), 0, false),
        ((1..).into(), 3, true),
        ((..2).into(), 1, true),
        ((..2).into(), 2, false),
        ((..=2).into(), 2, true),
        ((1..3).into(), 3, false),
        ((1..=3).into(), 3, true),
        ((..).into(), 3, true),
    ] {
        let times: guestexec_testkit::Times = times;
        let tape = Tape::new().on(CANCEL_INVOCATION, cancelled()).expect(CANCEL_INVOCATION, times);
        for _ in 0..made {
            assert!(cancel(&tape, "inv-1").await);
        }
        assert_eq!(tape.verify().is_ok(), holds, "{times}, {made} made");
        // A count is a wish of its own, in the lenient mode too.
        assert_eq!(tape.lenient().verify().is_ok(), holds, "{times}, {made} made");
    }
}

#[test]
#[should_panic(expected = "no number of requests is in the range")]
fn a_range_without_a_number_is_refused() {
    let _ = Tape::new().expect(RUN_COMMAND, 5..5);
}

#[tokio::test]
async fn a_lenient_tape_complains_of_neither_replies_nor_requests() {
    let tape = Tape::new().lenient().reply_to(RUN_COMMAND, started());
    assert!(!cancel(&tape, "inv-1").await, "it is answered with 501 all the same");
    tape.assert_complete();
    assert_eq!(tape.unplayed(), 1);
}

#[tokio::test]
#[should_panic(expected = "1 request without a reply")]
async fn an_incomplete_tape_fails_the_test() {
    let tape = Tape::new();
    cancel(&tape, "inv-1").await;
    tape.assert_complete();
}

#[tokio::test]
async fn the_nearest_operation_is_named() {
    let told = |tape: Tape| async move {
        cancel(&tape, "inv-1").await;
        tape.verify().unwrap_err().to_string()
    };
    const OTHER: Operation = Operation::undocumented("CancelInvocation", "DELETE", "/inv/{id}");
    const NEAR: Operation = Operation::undocumented("CancelJob", "POST", "/");
    for (tape, says) in [
        (Tape::new(), "no operation has a reply of its own"),
        (Tape::new().on(RUN_COMMAND, json!({})).on(NEAR, json!({})), "with a reply is CancelJob"),
        (Tape::new().on(OTHER, json!({})), "to another CancelInvocation: DELETE /inv/{id}"),
        (Tape::new().expect(CANCEL_INVOCATION, 1), "no operation has a reply of its own"),
    ] {
        let told = told(tape).await;
        assert!(told.contains(says), "{told}");
    }
}

#[tokio::test]
async fn long_lists_are_cut() {
    let mut tape = Tape::new();
    for _ in 0..25 {
        tape = tape.reply_to(RUN_COMMAND, started());
    }
    for number in 0..25 {
        cancel(&tape, &format!("inv-{number}")).await;
    }
    let told = tape.verify().unwrap_err().to_string();
    assert!(told.contains("25 requests without a reply"), "{told}");
    assert!(told.contains("25 replies that no request asked for"), "{told}");
    assert!(told.contains("\n  and 15 more\n"), "{told}");
    assert!(told.contains("and 15 others"), "{told}");
    assert!(told.ends_with("the requests made: CancelInvocation 25×"), "{told}");
}
