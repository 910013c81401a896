//! Services that answer in unexpected ways, on a tape.

use guestexec_core::ErrorKind;
use guestexec_tat::{Client, Credentials, Event, Outcome, enums::TaskStatus};
use guestexec_testkit::Tape;
use serde_json::{Value, json};

fn client(tape: &Tape) -> Client {
    Client::builder()
        .credentials(Credentials::new("AKIDexample", "secret"))
        .region("ap-guangzhou")
        .transport(tape.clone())
        .build()
        .unwrap()
}

fn answer(content: Value) -> Value {
    json!({ "Response": content })
}

fn started() -> Value {
    answer(json!({ "InvocationId": "inv-1", "CommandId": "cmd-1", "RequestId": "r" }))
}

fn seen(status: &str, tasks: Value) -> Value {
    answer(json!({
        "TotalCount": 1, "RequestId": "r",
        "InvocationSet": [{
            "InvocationId": "inv-1", "InvocationStatus": status, "InvocationTaskBasicInfoSet": tasks,
        }],
    }))
}

fn task(status: &str) -> Value {
    json!([{ "InvocationTaskId": "invt-1", "InstanceId": "ins-1", "TaskStatus": status }])
}

fn ended(status: &str) -> Value {
    answer(json!({
        "TotalCount": 1, "RequestId": "r",
        "InvocationTaskSet": [{
            "InvocationId": "inv-1", "InvocationTaskId": "invt-1", "InstanceId": "ins-1",
            "TaskStatus": status, "StartTime": "2026-11-22T10:00:00Z", "EndTime": null,
            "TaskResult": {
                "ExitCode": 0, "Output": "aGk=", "Dropped": 3,
                "ExecStartTime": null, "ExecEndTime": "2026-11-22T18:00:01+08:00",
                "OutputUrl": "https://b.cos.example/l/inv-1/invt-1.log?sign=secret",
            },
        }],
    }))
}

fn refusal(code: &str) -> Value {
    answer(json!({ "Error": { "Code": code, "Message": "No." }, "RequestId": "r" }))
}

#[tokio::test]
async fn late_empty_unknown_and_failed_polls() {
    let tape = Tape::new()
        .reply(started())
        // Not listed yet, in three ways.
        .reply(answer(json!({ "TotalCount": 0, "InvocationSet": null, "RequestId": "r" })))
        .reply(seen("PENDING", json!(null)))
        .reply(seen("PENDING", json!([])))
        // An unknown status, then a fault of the service, after which the poll is retried.
        .reply(seen("ORBITING", task("ORBITING")))
        .reply(refusal("InternalError"))
        .reply(seen("RUNNING", task("RUNNING")))
        // Over by one action, not yet by the other.
        .reply(seen("SUCCESS", task("SUCCESS")))
        .reply(ended("RUNNING"))
        .reply(seen("SUCCESS", task("SUCCESS")))
        .reply(ended("SUCCESS"));
    let mut events = client(&tape).instances(["ins-1"]).run("true").start().await.unwrap().events();
    let mut changes = Vec::new();
    let result = loop {
        match events.next().await.unwrap() {
            Event::Changed { status, .. } => changes.push(status),
            Event::Finished(result) => break result,
            other => panic!("{other:?}"),
        }
    };
    assert!(events.next().await.is_none());
    assert_eq!(changes, [TaskStatus::Unlisted("ORBITING".to_owned()), TaskStatus::Running]);
    assert_eq!((result.outcome(), result.output_lossy().as_ref()), (Outcome::Exited(0), "hi"));
    assert_eq!(result.dropped(), 3);
    let took = result.ended_at().unwrap().duration_since(result.started_at().unwrap()).unwrap();
    assert_eq!(took.as_secs(), 1, "both forms of time are understood");
    let url = result.output_url().unwrap();
    assert!(url.expose().ends_with("secret"));
    assert!(!format!("{url} {result:?}").contains("secret"));
    assert_eq!(tape.requests().len(), 11);
}

#[tokio::test]
async fn without_permission_to_list_invocations_there_are_results_all_the_same() {
    let tape = Tape::new()
        .reply(started())
        .reply(refusal("UnauthorizedOperation.CamAuthFailed"))
        .reply(ended("PENDING"))
        .reply(ended("FAILED"))
        .reply(ended("FAILED"));
    let finished = client(&tape).instances(["ins-1"]).run("true").await.unwrap();
    assert_eq!(finished.results()[0].outcome(), Outcome::Exited(0));
    let bodies: Vec<Value> = tape.requests().into_iter().filter_map(|it| it.body).collect();
    let [.., polled, fetched] = &bodies[..] else { panic!("{bodies:?}") };
    // A poll leaves out the output.
    assert_eq!(polled["Filters"][0]["Name"], "invocation-id");
    assert_eq!((&polled["HideOutput"], &fetched["HideOutput"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn exit_codes_of_windows_and_of_signals() {
    for (code, outcome) in [
        (-1_073_741_819i64, Outcome::Exited(-1_073_741_819)),
        (-1, Outcome::Killed),
        (259, Outcome::Exited(259)),
    ] {
        let mut end = ended("FAILED");
        end["Response"]["InvocationTaskSet"][0]["TaskResult"]["ExitCode"] = code.into();
        let tape = Tape::new().reply(started()).reply(seen("FAILED", task("FAILED"))).reply(end);
        let finished = client(&tape).instances(["ins-1"]).run("exit").await.unwrap();
        let [result] = finished.results() else { panic!("{finished:?}") };
        assert_eq!(result.outcome(), outcome);
        // `Debug` leaves out the output.
        assert!(
            !format!("{finished:?}").contains("104") && format!("{result:?}").contains("2 bytes")
        );
    }
}

#[tokio::test]
async fn an_invocation_the_service_does_not_know_yet() {
    let tape = Tape::new()
        .reply(started())
        .reply(refusal("InvalidParameterValue.InvalidInvocationId"))
        .reply(refusal("ResourceNotFound.InvocationNotFound"))
        .reply(seen("SUCCESS", task("SUCCESS")))
        .reply(ended("SUCCESS"));
    assert!(client(&tape).instances(["ins-1"]).run("true").await.unwrap().success());
    // An invocation of another program is not waited for.
    let tape = Tape::new().reply(refusal("ResourceNotFound.InvocationNotFound"));
    let error = client(&tape).invocation("inv-1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_invocation_the_service_never_knows() {
    let mut tape = Tape::new().reply(started());
    for _ in 0..40 {
        tape = tape.reply(refusal("InvalidParameterValue.InvalidInvocationId"));
    }
    let error = client(&tape).instances(["ins-1"]).run("true").await.unwrap_err();
    assert!(error.may_have_run() && tape.unplayed() > 0, "{error}");
    assert_eq!(error.code(), Some("InvalidParameterValue.InvalidInvocationId"));
}

#[tokio::test]
async fn an_invocation_that_is_over_without_naming_its_tasks() {
    let tape = Tape::new()
        .reply(started())
        .reply(seen("SUCCESS", json!([])))
        .reply(ended("SUCCESS"))
        .reply(ended("SUCCESS"));
    let finished = client(&tape).instances(["ins-1"]).run("true").await.unwrap();
    assert!(finished.success());
}

#[tokio::test]
async fn credentials_that_fail_after_the_start_leave_the_outcome_open() {
    let tape = Tape::new().reply(started()).reply(refusal("AuthFailure.SignatureFailure"));
    let error = client(&tape).instances(["ins-1"]).run("true").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    assert!(error.may_have_run(), "it is known to have started");
}

#[tokio::test]
async fn pages_that_are_too_large_are_fetched_in_parts() {
    let ids = ["ins-1", "ins-2"];
    let two = json!([
        { "InvocationTaskId": "invt-1", "InstanceId": "ins-1", "TaskStatus": "SUCCESS" },
        { "InvocationTaskId": "invt-2", "InstanceId": "ins-2", "TaskStatus": "SUCCESS" },
    ]);
    let large = || refusal("ResponseSizeLimitExceeded");
    let mut second = ended("SUCCESS");
    second["Response"]["InvocationTaskSet"][0]["InstanceId"] = "ins-2".into();
    // Both together are too large; after another poll, each is fetched alone.
    let tape = Tape::new()
        .reply(started())
        .reply(seen("SUCCESS", two.clone()))
        .reply(large())
        .reply(seen("SUCCESS", two))
        .reply(ended("SUCCESS"))
        .reply(second);
    let finished = client(&tape).instances(ids).run("true").await.unwrap();
    assert!(finished.success() && finished.results().len() == 2, "{finished:?}");
}

#[tokio::test]
async fn only_what_was_set_is_sent_and_the_same_again_under_one_clock() {
    let sent = || async {
        let tape = Tape::new().reply(refusal("InvalidParameter"));
        let client = Client::builder()
            .credentials(Credentials::new("AKIDexample", "secret"))
            .region("ap-guangzhou")
            .clock(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1 << 30))
            .transport(tape.clone())
            .build()
            .unwrap();
        client.instances(["ins-1"]).run("uptime").await.unwrap_err();
        client.instances(["ins-1"]).run("uptime").unmarked().await.unwrap_err();
        tape.requests()
    };
    let requests = sent().await;
    assert_eq!(requests, sent().await, "requests are fit for snapshots");
    let marked = requests[0].body.clone().unwrap();
    let plain = requests[1].body.clone().unwrap();
    assert_eq!(plain, json!({ "Content": "<base64> uptime", "InstanceIds": ["ins-1"] }));
    assert_eq!(marked["Content"], "<base64> uptime<marker>");
}
