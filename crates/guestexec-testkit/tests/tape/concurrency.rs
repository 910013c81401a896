//! Many calls at once.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use guestexec_tat::operations::{
    CANCEL_INVOCATION, DESCRIBE_INVOCATION_TASKS, DESCRIBE_INVOCATIONS, RUN_COMMAND,
};
use guestexec_testkit::{RequestShape, Tape, Value};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{answer, builder, client};

fn is_send_and_sync<T: Send + Sync + 'static>() {}

#[test]
fn everything_is_send_and_sync() {
    is_send_and_sync::<Tape>();
    is_send_and_sync::<guestexec_testkit::Reply>();
    is_send_and_sync::<guestexec_testkit::Conversation>();
    is_send_and_sync::<guestexec_testkit::Unmet>();
}

fn id(request: &RequestShape) -> Value {
    request.body.as_ref().unwrap()["InvocationId"].clone()
}

/// What 450 calls at once print.
async fn calls() -> (String, String) {
    let tape = Tape::new()
        .on_with(CANCEL_INVOCATION, |request| answer(json!({ "RequestId": id(request) })));
    let client = Arc::new(builder(&tape).rate(None).build().unwrap());
    let mut tasks = JoinSet::new();
    for number in 0..450 {
        let client = client.clone();
        tasks.spawn(async move {
            // Some requests are the same.
            let id = format!("inv-{:03}", number / 2 * 2);
            let answer = client.cancel_invocation(&id).send().await.unwrap();
            assert_eq!(answer.request_id(), Some(&*id));
        });
    }
    tasks.join_all().await;
    tape.assert_complete();
    let orders: HashSet<_> = tape.sorted().into_iter().map(|exchange| exchange.order).collect();
    assert_eq!(orders.len(), 450);
    (tape.sorted().to_string(), serde_json::to_string(&tape.sorted()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_from_many_threads_print_the_same_on_each_run() {
    let first = calls().await;
    assert_eq!(first.0.matches("CancelInvocation: POST ").count(), 450);
    for _ in 0..3 {
        assert!(calls().await == first, "the text differs from run to run");
    }
}

/// The instances of each invocation.
type Invocations = Arc<Mutex<HashMap<String, Vec<Value>>>>;

/// The strings in an array.
fn texts(array: &Value) -> Vec<String> {
    array.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// A service that computes each answer from its request.
fn service() -> Tape {
    let started = Invocations::default();
    let (listed, ended) = (started.clone(), started.clone());
    Tape::new()
        .on_with(RUN_COMMAND, move |request| {
            let instances = request.body.as_ref().unwrap()["InstanceIds"].clone();
            let id = format!("inv-{}", instances[0].as_str().unwrap());
            let instances = instances.as_array().unwrap().clone();
            started.lock().unwrap().insert(id.clone(), instances);
            answer(json!({ "InvocationId": id, "CommandId": "cmd-1", "RequestId": "r" }))
        })
        .on_with(DESCRIBE_INVOCATIONS, move |request| {
            let invocations = listed.lock().unwrap();
            let ids = texts(&request.body.as_ref().unwrap()["InvocationIds"]);
            let set: Vec<_> = ids
                .iter()
                .map(|id| {
                    let tasks: Vec<_> = invocations[id]
                        .iter()
                        .map(|instance| {
                            let task = format!("invt-{}", instance.as_str().unwrap());
                            json!({
                                "InvocationTaskId": task, "InstanceId": instance,
                                "TaskStatus": "SUCCESS",
                            })
                        })
                        .collect();
                    json!({
                        "InvocationId": id, "InvocationStatus": "SUCCESS",
                        "InvocationTaskBasicInfoSet": tasks,
                    })
                })
                .collect();
            answer(json!({ "TotalCount": set.len(), "InvocationSet": set, "RequestId": "r" }))
        })
        .on_with(DESCRIBE_INVOCATION_TASKS, move |request| {
            let body = request.body.as_ref().unwrap();
            let tasks: Vec<_> = match &body["InvocationTaskIds"] {
                Value::Null => {
                    let id = body["Filters"][0]["Values"][0].as_str().unwrap();
                    let all = &ended.lock().unwrap()[id];
                    let instances = all.iter().map(|instance| instance.as_str().unwrap());
                    instances.map(|instance| format!("invt-{instance}")).collect()
                }
                ids => texts(ids),
            };
            let set: Vec<_> = tasks
                .iter()
                .map(|task| {
                    json!({
                        "InvocationTaskId": task, "InstanceId": task.replace("invt-", ""),
                        "TaskStatus": "SUCCESS", "TaskResult": { "ExitCode": 0, "Output": "aGk=" },
                    })
                })
                .collect();
            answer(json!({ "TotalCount": set.len(), "InvocationTaskSet": set, "RequestId": "r" }))
        })
}

/// What a run on 450 instances prints.
async fn run() -> String {
    let tape = service().expect(RUN_COMMAND, 3);
    let client = builder(&tape).rate(None).build().unwrap();
    let ids: Vec<_> = (0..450).map(|number| format!("ins-{number:03}")).collect();
    let finished = client.instances(&ids).run("uptime").unmarked().await.unwrap();
    assert!(finished.success() && finished.results().len() == 450);
    tape.assert_complete();
    tape.sorted().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_run_on_450_instances_prints_the_same_on_each_run() {
    let first = run().await;
    assert!(run().await == first, "the text differs from run to run");
}

#[tokio::test]
async fn sorting_goes_by_operation_then_request_then_order() {
    let tape = Tape::new()
        .on(CANCEL_INVOCATION, answer(json!({ "RequestId": "first" })))
        .on(CANCEL_INVOCATION, answer(json!({ "RequestId": "second" })))
        .on(CANCEL_INVOCATION, answer(json!({ "RequestId": "third" })))
        .reply(answer(json!({ "TotalCount": 0, "RegionSet": [], "RequestId": "r" })));
    let client = client(&tape);
    client.describe_regions().send().await.unwrap();
    for id in ["inv-2", "inv-1", "inv-2"] {
        client.cancel_invocation(id).send().await.unwrap();
    }
    let orders: Vec<_> = tape.sorted().into_iter().map(|exchange| exchange.order).collect();
    assert_eq!(orders, [3, 2, 4, 1]);
    let orders: Vec<_> = tape.conversation().into_iter().map(|exchange| exchange.order).collect();
    assert_eq!(orders, [1, 2, 3, 4]);
}
