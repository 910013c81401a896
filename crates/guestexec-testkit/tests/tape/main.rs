//! The tape in the hands of real clients.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod concurrency;
mod faults;
mod replies;
mod snapshots;
mod verify;

use std::time::{Duration, SystemTime};

use guestexec_tat::{Client, ClientBuilder, Credentials};
use guestexec_testkit::{Tape, Value};
use serde_json::json;

fn builder(tape: &Tape) -> ClientBuilder {
    Client::builder()
        .credentials(Credentials::new("AKIDexample", "secret"))
        .region("ap-guangzhou")
        .clock(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30))
        .transport(tape.clone())
}

fn client(tape: &Tape) -> Client {
    builder(tape).build().unwrap()
}

fn answer(content: Value) -> Value {
    json!({ "Response": content })
}

fn started() -> Value {
    answer(json!({ "CommandId": "cmd-1", "InvocationId": "inv-1", "RequestId": "r-1" }))
}

/// The service's list of invocations, with one that has this status.
fn listed(status: &str) -> Value {
    let task = json!({
        "InvocationTaskId": "invt-1", "InstanceId": "ins-1", "TaskStatus": status,
    });
    answer(json!({
        "TotalCount": 1, "RequestId": "r-2",
        "InvocationSet": [{
            "InvocationId": "inv-1", "InvocationStatus": status,
            "InvocationTaskBasicInfoSet": [task],
        }],
    }))
}

/// The service's list of tasks, with one that printed `hi`.
fn ended() -> Value {
    answer(json!({
        "TotalCount": 1, "RequestId": "r-3",
        "InvocationTaskSet": [{
            "InvocationId": "inv-1", "InvocationTaskId": "invt-1", "InstanceId": "ins-1",
            "TaskStatus": "SUCCESS",
            "TaskResult": { "ExitCode": 0, "Output": "aGk=", "Dropped": 0 },
        }],
    }))
}

/// The number of requests of an operation.
fn count(tape: &Tape, id: &str) -> usize {
    tape.conversation().into_iter().filter(|exchange| exchange.operation.id == id).count()
}
