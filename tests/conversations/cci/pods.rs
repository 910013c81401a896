//! Pods from creation to deletion.

use guestexec_cci::{
    ErrorKind,
    operations::*,
    types::{NewContainer, NewEnvironmentVariable, NewPod, NewPodMeta, NewPodSpec},
};
use guestexec_testkit::{Reply, StatusCode, Tape, Value};
use serde_json::json;

use super::{client, told};
use crate::stage::Stage;

fn job() -> NewPod {
    let token = NewEnvironmentVariable::new("TOKEN").value("its-secret");
    let container = NewContainer::new("main", "busybox:1").command(["sleep", "600"]).env([token]);
    NewPod::new(NewPodMeta::new().name("job"), NewPodSpec::new([container]).restart_policy("Never"))
}

fn pod(phase: &str) -> Value {
    let state = match phase {
        "Pending" => json!({ "waiting": { "reason": "ContainerCreating" } }),
        _ => json!({ "running": {} }),
    };
    json!({
        "kind": "Pod",
        "metadata": { "name": "job", "uid": "1" },
        "spec": { "containers": [{ "name": "main", "env": [{ "name": "TOKEN", "value": "its-secret" }] }] },
        "status": { "phase": phase, "containerStatuses": [{ "name": "main", "state": state }] },
    })
}

fn absent() -> Reply {
    let status = json!({ "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404,
        "message": "pods \"job\" not found" });
    Reply::json(StatusCode::NOT_FOUND, &status)
}

pub async fn whole(stage: Stage) -> String {
    let tape = Tape::new()
        .on(CREATE_POD, Reply::json(StatusCode::CREATED, &pod("Pending")))
        .on(READ_POD, pod("Pending"))
        .on(READ_POD, pod("Running"))
        .on(DELETE_POD, pod("Running"))
        .on(READ_POD, absent());
    let client = client(&stage, &tape);
    client.pods("default").create(job()).await.unwrap();
    let pod = client.pod("default", "job");
    pod.wait_until_running().await.unwrap();
    pod.delete().await.unwrap();
    pod.wait_until_deleted().await.unwrap();
    told(&tape)
}

pub async fn taken(stage: Stage) -> String {
    let status = json!({ "kind": "Status", "status": "Failure", "reason": "AlreadyExists", "code": 409,
        "message": "pods \"job\" already exists" });
    let tape = Tape::new().on(CREATE_POD, Reply::json(StatusCode::CONFLICT, &status));
    let error = client(&stage, &tape).pods("default").create(job()).await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Refused, false));
    told(&tape)
}

pub async fn lost(stage: Stage) -> String {
    let tape = Tape::new().on(CREATE_POD, Reply::lost()).on(DELETE_POD, Reply::lost());
    let client = client(&stage, &tape);
    let error = client.pods("default").create(job()).await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Lost, true));
    let error = client.pod("default", "job").delete().await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Lost, false));
    told(&tape)
}
