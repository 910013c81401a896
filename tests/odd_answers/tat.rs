//! TAT: an odd task does not affect the others, and no call waits for an outcome that it has.

use std::{
    fmt,
    future::IntoFuture as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use guestexec_core::{ErrorKind, Operation, Request, Response, ResponseFuture, Transport};
use guestexec_tat::{Client, ClientBuilder, Credentials, Finished, Outcome, Unreadable};
use guestexec_testkit::{Reply, StatusCode, Tape};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{Mutation, mutations, odd, pointers};

const DAY: Duration = Duration::from_secs(86_400);

fn builder() -> ClientBuilder {
    Client::builder().credentials(Credentials::new("AKIDexample", "secret")).region("ap-guangzhou")
}

pub fn on(tape: &Tape) -> Client {
    builder().transport(tape.clone()).build().unwrap()
}

/// A service where a command has run on three instances, with exit code 3 on the second.
#[derive(Clone)]
struct Service(Arc<Mutex<Alter>>);

/// Changes the answer to an action.
type Alter = Box<dyn FnMut(&str, Value) -> Vec<u8> + Send>;

impl Service {
    async fn run(
        alter: impl FnMut(&str, Value) -> Vec<u8> + Send + 'static,
    ) -> (Result<Finished, guestexec_tat::Error>, Duration) {
        let service = Self(Arc::new(Mutex::new(Box::new(alter))));
        let client = builder().transport(service).build().unwrap();
        let begin = Instant::now();
        let run = client.instances(["ins-1", "ins-2", "ins-3"]).run("true").timeout(DAY);
        // Much less than a day, so that a failure shows soon.
        let result = tokio::time::timeout(Duration::from_secs(300), run.into_future()).await;
        (result.expect("the run ends"), begin.elapsed())
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}

fn task(number: usize) -> Value {
    let (status, code) = if number == 2 { ("FAILED", 3) } else { ("SUCCESS", 0) };
    json!({
        "InvocationId": "inv-1", "InvocationTaskId": format!("invt-{number}"),
        "InstanceId": format!("ins-{number}"), "TaskStatus": status, "CommandId": "cmd-1",
        "StartTime": "2026-11-22T10:00:00Z", "EndTime": "2026-11-22T10:00:01Z", "ErrorInfo": "",
        "CommandDocument": { "Content": "dHJ1ZQ==", "Timeout": 60, "Username": "root" },
        "TaskResult": {
            "ExitCode": code, "Output": "aGk=", "Dropped": 0,
            "ExecStartTime": "2026-11-22T10:00:00Z", "ExecEndTime": "2026-11-22T10:00:01Z",
            "OutputUrl": "", "OutputUploadCOSErrorInfo": "",
        },
    })
}

/// The service's answer to a request.
fn answer(action: &str, request: &Value) -> Value {
    let asked = |name: &str| -> Vec<&str> {
        request[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let looked: Vec<Value> = [1, 2, 3]
        .into_iter()
        .map(task)
        .map(|task| {
            json!({
                "InvocationTaskId": task["InvocationTaskId"], "InstanceId": task["InstanceId"],
                "TaskStatus": task["TaskStatus"],
            })
        })
        .collect();
    let content = match action {
        "RunCommand" => json!({ "InvocationId": "inv-1", "CommandId": "cmd-1" }),
        "DescribeInvocations" => json!({ "TotalCount": 1, "InvocationSet": [{
            "InvocationId": "inv-1", "InvocationStatus": "PARTIAL_FAILED", "Timeout": 60,
            "CommandContent": "dHJ1ZQ==", "ErrorInfo": "",
            "InvocationTaskBasicInfoSet": looked,
        }] }),
        "DescribeInvocationTasks" => {
            let filters = request["Filters"].as_array().into_iter().flatten();
            let mut tasks: Vec<Value> = [1, 2, 3].map(task).into();
            for filter in filters.filter(|filter| filter["Name"] == "instance-id") {
                tasks.retain(|task| task["InstanceId"] == filter["Values"][0]);
            }
            let ids = asked("InvocationTaskIds");
            tasks.retain(|task| {
                ids.is_empty() || ids.contains(&task["InvocationTaskId"].as_str().unwrap())
            });
            json!({ "TotalCount": tasks.len(), "InvocationTaskSet": tasks })
        }
        other => panic!("{other}"),
    };
    let mut answer = json!({ "Response": content });
    answer["Response"]["RequestId"] = "r".into();
    answer
}

impl Transport for Service {
    fn execute(&self, _: &'static Operation, request: Request) -> ResponseFuture<'_> {
        let action = request.headers()["x-tc-action"].to_str().unwrap();
        let answer = answer(action, &serde_json::from_slice(request.body()).unwrap());
        let body = (self.0.lock().unwrap())(action, answer);
        let response = Response::new(StatusCode::OK, body)
            .with_header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Ok(response)
        })
    }
}

/// The JSON pointer of the second instance's task in an answer.
fn place(answer: &Value) -> Option<String> {
    let second = |list: &str| {
        let tasks = answer.pointer(list)?.as_array()?;
        let at = tasks.iter().position(|task| task["InstanceId"] == "ins-2")?;
        Some(format!("{list}/{at}"))
    };
    second("/Response/InvocationTaskSet")
        .or_else(|| second("/Response/InvocationSet/0/InvocationTaskBasicInfoSet"))
}

/// Replaces a member of the second task in the answers to `actions`, and checks all outcomes.
async fn with_odd_task(actions: &'static [&'static str], member: &str, put: &[u8]) {
    let shown = format!("{actions:?} {member} is {}", put.escape_ascii());
    if member.is_empty() && put.is_empty() {
        // A task that is not listed is taken for late.
        return;
    }
    let (at, with) = (member.to_owned(), put.to_vec());
    let (result, took) = Service::run(move |action, answer| {
        match place(&answer).map(|place| format!("{place}{at}")) {
            Some(pointer) if actions.contains(&action) && answer.pointer(&pointer).is_some() => {
                Mutation::new(&answer, &pointer, &with).body
            }
            _ => answer.to_string().into_bytes(),
        }
    })
    .await;
    assert!(took < Duration::from_secs(60), "{shown}: {took:?}");
    let finished = result.unwrap_or_else(|error| panic!("{shown}: {error}"));
    let [first, second, third] = finished.results() else { panic!("{shown}: {finished:?}") };
    for other in [first, third] {
        assert_eq!(other.outcome(), Outcome::Exited(0), "{shown}: {other:?}");
        assert_eq!(other.output(), b"hi", "{shown}");
    }
    let decides = ["", "/TaskResult", "/TaskResult/Output", "/TaskResult/ExitCode", "/TaskStatus"];
    if let Some(failure) = second.failure() {
        assert!(decides.contains(&member), "{shown}: {failure}");
        assert_eq!(failure.error.kind(), ErrorKind::Protocol, "{shown}: {failure}");
        assert!(
            failure.error.may_have_run() && Unreadable::of(&failure.error).is_some(),
            "{shown}"
        );
        if member == "/TaskResult/Output" {
            assert_eq!(second.outcome(), Outcome::Exited(3), "{shown}");
        }
        if member == "/TaskResult/ExitCode" {
            assert_eq!(
                (second.outcome(), second.output()),
                (Outcome::Unknown, &b"hi"[..]),
                "{shown}"
            );
        }
    } else if !decides.contains(&member) {
        assert_eq!(
            (second.outcome(), second.output()),
            (Outcome::Exited(3), &b"hi"[..]),
            "{shown}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_odd_task_of_a_page_does_not_affect_the_others() {
    let mut members = pointers(&task(2), "");
    members.push(String::new());
    for member in &members {
        for put in odd() {
            with_odd_task(&["DescribeInvocationTasks"], member, &put).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_odd_task_of_a_poll_affects_no_result() {
    for member in ["", "/InstanceId", "/InvocationTaskId", "/TaskStatus"] {
        for put in odd() {
            with_odd_task(&["DescribeInvocations"], member, &put).await;
            with_odd_task(&["DescribeInvocations", "DescribeInvocationTasks"], member, &put).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn odd_members_around_the_tasks_affect_no_result() {
    for action in ["DescribeInvocations", "DescribeInvocationTasks"] {
        let request = json!({ "InvocationTaskIds": ["invt-1", "invt-2", "invt-3"] });
        for pointer in pointers(&answer(action, &request), "") {
            let is_set = pointer.ends_with("Set");
            let of_task = pointer.contains("/InvocationTaskSet/") || pointer.contains("InfoSet/");
            if pointer == "/Response" || of_task || pointer.ends_with("Set/0") {
                continue;
            }
            for put in odd() {
                let shown = format!("{action} {pointer} is {}", put.escape_ascii());
                // An empty list is taken for one that is late.
                if is_set && (put.is_empty() || [&b"null"[..], b"[]"].contains(&&*put)) {
                    continue;
                }
                let (at, with) = (pointer.clone(), put.clone());
                let (result, took) = Service::run(move |made, answer| {
                    match made == action && answer.pointer(&at).is_some() {
                        true => Mutation::new(&answer, &at, &with).body,
                        false => answer.to_string().into_bytes(),
                    }
                })
                .await;
                assert!(took < Duration::from_secs(60), "{shown}: {took:?}");
                match result {
                    Ok(finished) => {
                        let outcomes: Vec<_> =
                            finished.results().iter().map(|result| result.outcome()).collect();
                        let expected = [0, 3, 0].map(Outcome::Exited);
                        assert_eq!(outcomes, expected, "{shown}");
                    }
                    Err(error) => {
                        assert!(pointer.ends_with("InvocationTaskSet"), "{shown}: {error}");
                        assert_eq!(error.kind(), ErrorKind::Protocol, "{shown}: {error}");
                    }
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn unreadable_answers_end_the_wait_early() {
    for body in [&b"{}"[..], b"[]", b"<html>", br#"{"Response": "no"}"#] {
        for action in ["DescribeInvocations", "DescribeInvocationTasks"] {
            let (result, took) = Service::run(move |made, answer| match made == action {
                true => body.to_vec(),
                false => answer.to_string().into_bytes(),
            })
            .await;
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
            assert!(error.may_have_run() && took < Duration::from_secs(120), "{took:?} {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_read_whatever_its_other_members_are() {
    let refusal = json!({ "Response": {
        "Error": { "Code": "InvalidParameterValue.TooLong", "Message": "No.", "More": [1] },
        "RequestId": "r", "TotalCount": 0,
    } });
    for mutation in mutations(&refusal) {
        let shown = mutation.shown();
        let reply = || Reply::bytes(StatusCode::OK, "application/json", mutation.body.clone());
        if mutation.pointer == "/Response"
            || (mutation.pointer == "/Response/Error" && mutation.is_nothing())
        {
            continue;
        }
        let tape = Tape::new().reply(reply());
        let error = on(&tape).instances(["ins-1"]).run("true").await.unwrap_err();
        assert_eq!(tape.requests().len(), 1, "{shown}");
        assert_eq!(error.kind(), ErrorKind::Refused, "{shown}: {error}");
        if !"/Response/Error/Code".starts_with(&mutation.pointer) {
            assert_eq!(error.code(), Some("InvalidParameterValue.TooLong"), "{shown}: {error}");
            assert!(!error.may_have_run(), "{shown}");
        }
        if !"/Response/RequestId".starts_with(&mutation.pointer) {
            assert_eq!(error.request_id(), Some("r"), "{shown}: {error}");
        }
        // A refused poll is not retried until the timeout.
        let body = mutation.body.clone();
        let (result, took) = Service::run(move |action, answer| match action {
            "DescribeInvocations" => body.clone(),
            _ => answer.to_string().into_bytes(),
        })
        .await;
        let error = result.unwrap_err();
        assert!(
            error.may_have_run() && took < Duration::from_secs(60),
            "{shown}: {took:?} {error}"
        );
    }
}
