use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use guestexec_cci::{Client, Credentials, ErrorKind, ExecTransport, operations::*};
use guestexec_core::RequestShape;
use guestexec_sandbox::Sandbox;
use guestexec_testkit::{ExecScript, Reply, StatusCode, Tape};
use serde_json::{Value, json};

use crate::{Load, MANY};

fn client(tape: &Tape) -> Client {
    let builder = Client::builder().region("cn-north-4").credentials(Credentials::token("token"));
    builder.retries(0).transport(tape.clone()).build().unwrap()
}

fn asked<'a>(request: &'a RequestShape, name: &str) -> Option<&'a str> {
    request.query.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
}

/// A page of so many pods, of which each is in the phase.
fn page(request: &RequestShape, phase: &str) -> Value {
    let from: usize = asked(request, "continue").map_or(0, |at| at.parse().unwrap());
    let limit: usize = asked(request, "limit").unwrap().parse().unwrap();
    let end = MANY.min(from + limit);
    let pod = |number: usize| {
        json!({
            "metadata": { "name": format!("web-{number}") },
            "spec": { "containers": [{ "name": "main" }] },
            "status": { "phase": phase },
        })
    };
    let next = if end < MANY { end.to_string() } else { String::new() };
    json!({ "metadata": { "continue": next }, "items": (from..end).map(pod).collect::<Vec<_>>() })
}

#[tokio::test(start_paused = true)]
async fn a_command_in_a_thousand_pods() {
    let lists = Arc::new(AtomicUsize::new(0));
    let (counter, listed) = (lists.clone(), || lists.load(SeqCst));
    let tape = Tape::new()
        .on_with(LIST_PODS, move |request| {
            counter.fetch_add(1, SeqCst);
            Reply::json(StatusCode::OK, &page(request, "Running"))
        })
        .on(EXEC_IN_POD, ExecScript::new().stdout("up\n").exit(0));
    let client = client(&tape);
    let load = Load::default();
    let counted = load.clone();
    let each = client.pods("ns").label_selector("app=web").each(move |pod| {
        let exec = pod.exec(["uptime"]).transport(ExecTransport::WebSocketV5);
        counted.clone().of(exec.output())
    });
    let mut results = each.concurrency(7);
    assert_eq!(listed(), 0);
    let (name, first) = results.next().await.unwrap().unwrap();
    assert_eq!((&*first.unwrap().stdout_lossy(), name.starts_with("web-")), ("up\n", true));
    assert_eq!((listed(), load.begun()), (1, 7));
    let mut names = vec![name];
    while let Some(ended) = results.next().await {
        let (name, result) = ended.unwrap();
        assert!(result.unwrap().success());
        names.push(name);
        // The second page is asked for when the first is used up.
        assert!(listed() == 1 || load.begun() >= 493);
    }
    names.sort();
    names.dedup();
    assert_eq!((names.len(), load.most(), listed()), (MANY, 7, 2));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_dropped_begins_no_other_command() {
    let tape = Tape::new()
        .on_with(LIST_PODS, |request| Reply::json(StatusCode::OK, &page(request, "Running")))
        .on(EXEC_IN_POD, ExecScript::new().hang());
    let client = client(&tape);
    let load = Load::default();
    let counted = load.clone();
    let mut results =
        client.pods("ns").each(move |pod| counted.clone().of(pod.exec(["a"]).output()));
    let waited = tokio::time::timeout(std::time::Duration::from_secs(5), results.next()).await;
    assert!(waited.is_err());
    drop(results);
    assert_eq!((load.begun(), load.most()), (8, 8));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_expires_is_begun_anew_and_no_pod_has_the_command_twice() {
    let lists = AtomicUsize::new(0);
    let tape = Tape::new().on_with(LIST_PODS, move |request| {
        let before = lists.fetch_add(1, SeqCst);
        match asked(request, "continue") {
            Some(_) if before == 1 => {
                let gone = json!({ "kind": "Status", "reason": "Expired", "code": 410 });
                Reply::json(StatusCode::GONE, &gone)
            }
            _ => Reply::json(StatusCode::OK, &page(request, "Running")),
        }
    });
    let all = client(&tape).pods("ns").each(|_| async { Ok(()) }).concurrency(100).await;
    let mut times = BTreeMap::new();
    for ended in all {
        *times.entry(ended.unwrap().0).or_insert(0) += 1;
    }
    assert_eq!((times.len(), times.values().all(|count| *count == 1)), (MANY, true));
}

#[tokio::test]
async fn what_cannot_run_is_told_of_each_pod_and_of_the_list() {
    let state = |state: Value| json!([{ "name": "main", "state": state }]);
    let pod = |name: Value, phase: &str, statuses: Value| {
        json!({
            "metadata": { "name": name },
            "spec": { "containers": [{ "name": "main" }] },
            "status": { "phase": phase, "containerStatuses": statuses },
        })
    };
    let first = json!({ "metadata": { "continue": "on" }, "items": [
        pod(json!("over"), "Succeeded", json!(null)),
        pod(json!("new"), "Pending", json!(null)),
        pod(json!("stuck"), "Running", state(json!({ "waiting": { "reason": "ImagePullBackOff" } }))),
        pod(json!("dead"), "Running", state(json!({ "terminated": { "reason": "OOMKilled" } }))),
        pod(json!(null), "Running", json!(null)),
        pod(json!("good"), "Running", state(json!({ "running": {} }))),
    ]});
    let tape = Tape::new()
        .on_with(LIST_PODS, move |request| match asked(request, "continue") {
            None => Reply::json(StatusCode::OK, &first),
            Some(_) => {
                Reply::json(StatusCode::FORBIDDEN, &json!({ "kind": "Status", "code": 403 }))
            }
        })
        .on(EXEC_IN_POD, ExecScript::new());
    let mut told = Vec::new();
    for ended in client(&tape).pods("ns").exec_each(["true"]).await {
        told.push(match ended {
            Ok((name, Ok(output))) => format!("{name}: {output}"),
            Ok((name, Err(error))) => {
                assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::NotFound, false));
                format!("{name}: {error}")
            }
            Err(error) => format!("list: {}", error.kind()),
        });
    }
    told.sort();
    let expected = [
        ": readCciV2NamespacedPod: an entry of the list has no name",
        "dead: readCciV2NamespacedPod: the container `main` of the pod `dead` does not run (OOMKilled)",
        "good: exited with 0",
        "list: forbidden",
        "new: readCciV2NamespacedPod: the container `main` of the pod `new` does not run (Pending)",
        "over: readCciV2NamespacedPod: the pod `over` has ended (Succeeded): no command can run in it any more",
        "stuck: readCciV2NamespacedPod: the container `main` of the pod `stuck` does not run (ImagePullBackOff)",
    ];
    assert_eq!(told, expected);
    let execs = tape.requests();
    let execs = execs.iter().filter(|request| request.path.ends_with("/exec"));
    assert!(execs.map(|request| &*request.path).all(|path| path.contains("/good/")));
}

#[tokio::test]
async fn the_pods_of_the_sandbox() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let client = cci.client().unwrap();
    let all = client.pods(cci.namespace()).exec_each(["echo", "hello"]).await;
    let mut told: Vec<String> = all
        .into_iter()
        .map(Result::unwrap)
        .map(|(pod, result)| match result {
            Ok(output) => format!("{pod} {}", output.stdout_lossy().trim()),
            Err(error) => format!("{pod} {}", error.kind()),
        })
        .collect();
    told.sort();
    assert_eq!(told, ["demo hello", "done not_found", "two hello"]);
    // A container that only one of them has.
    let all = client.pods(cci.namespace()).container("b").exec_each(["true"]).await;
    assert_eq!(all.iter().filter(|ended| ended.as_ref().unwrap().1.is_ok()).count(), 1);
}
