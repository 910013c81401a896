//! What clients of Kubernetes request beside exec: the version, a pod's conditions, and watches.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use guestexec_sandbox::{CciHandle, Sandbox};
use serde_json::{Value, json};
use tokio::time::timeout;

async fn ask(cci: &CciHandle, path: &str) -> reqwest::Response {
    let client = guestexec_core::http_client(&guestexec_core::HttpOptions::default(), &[]).unwrap();
    client.get(format!("{}{path}", cci.kubernetes_endpoint())).send().await.unwrap()
}

const PODS: &str = "/api/v1/namespaces/default/pods";

/// The events of a watch that ends.
async fn events(cci: &CciHandle, query: &str) -> Vec<Value> {
    let answer = ask(cci, &format!("{PODS}?watch=true&{query}")).await;
    assert_eq!(answer.status(), 200, "{query}");
    let text = answer.text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(events: &[Value]) -> Vec<(&str, &str)> {
    events
        .iter()
        .map(|event| {
            let name = event["object"]["metadata"]["name"].as_str().unwrap_or_default();
            (event["type"].as_str().unwrap(), name)
        })
        .collect()
}

#[tokio::test]
async fn the_version_has_all_its_members() {
    let sandbox = Sandbox::start().await.unwrap();
    for path in ["/version", "/version/"] {
        let version: Value = ask(sandbox.cci(), path).await.json().await.unwrap();
        for member in ["major", "minor", "gitVersion", "gitCommit", "buildDate", "platform"] {
            assert!(version[member].is_string(), "{member}: {version}");
        }
    }
}

#[tokio::test]
async fn a_pod_has_the_conditions_that_clients_wait_for() {
    let sandbox = Sandbox::start().await.unwrap();
    for (pod, expected) in [("demo", "True"), ("done", "False")] {
        let pod: Value = ask(sandbox.cci(), &format!("{PODS}/{pod}")).await.json().await.unwrap();
        for name in ["Ready", "ContainersReady"] {
            let conditions = pod["status"]["conditions"].as_array().unwrap();
            let condition = conditions.iter().find(|condition| condition["type"] == name).unwrap();
            assert_eq!(condition["status"], expected, "{name}");
        }
    }
}

#[tokio::test]
async fn a_watch_lists_the_pods_and_ends_at_its_timeout() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let all = events(cci, "timeoutSeconds=1").await;
    assert_eq!(names(&all), [("ADDED", "demo"), ("ADDED", "two"), ("ADDED", "done")]);
    assert_eq!(all[0]["object"]["kind"], "Pod");
    assert_eq!(all[0]["object"]["metadata"]["resourceVersion"], "1");
    for (query, expected) in [
        ("fieldSelector=metadata.name%3Dtwo", &[("ADDED", "two")][..]),
        ("labelSelector=app%3Ddemo&resourceVersion=0", &[("ADDED", "demo")]),
        // Nothing has changed since the list of this version.
        ("resourceVersion=1", &[]),
        (
            "fieldSelector=metadata.name%3Dtwo&resourceVersion=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan",
            &[("ADDED", "two"), ("BOOKMARK", "")],
        ),
    ] {
        let events = events(cci, &format!("timeoutSeconds=1&{query}")).await;
        assert_eq!(names(&events), expected, "{query}");
        if let Some(bookmark) = events.iter().find(|event| event["type"] == "BOOKMARK") {
            let annotations = &bookmark["object"]["metadata"]["annotations"];
            assert_eq!(annotations, &json!({ "k8s.io/initial-events-end": "true" }));
        }
    }
    assert_eq!(ask(cci, &format!("{PODS}?watch=true&timeoutSeconds=soon")).await.status(), 400);
}

#[tokio::test]
async fn a_watch_without_a_timeout_stays_open() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut answer = ask(sandbox.cci(), &format!("{PODS}?watch=1")).await;
    let mut text = Vec::new();
    while text.iter().filter(|byte| **byte == b'\n').count() < 3 {
        text.extend(answer.chunk().await.unwrap().unwrap());
    }
    assert!(timeout(Duration::from_secs(2), answer.chunk()).await.is_err());
}

async fn post(cci: &CciHandle, path: &str, body: &Value) -> (u16, Value) {
    let client = guestexec_core::http_client(&guestexec_core::HttpOptions::default(), &[]).unwrap();
    let url = format!("{}{path}", cci.kubernetes_endpoint());
    let answer = client.post(url).body(body.to_string()).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn delete(cci: &CciHandle, path: &str, body: &'static str) -> (u16, Value) {
    let client = guestexec_core::http_client(&guestexec_core::HttpOptions::default(), &[]).unwrap();
    let url = format!("{}{path}", cci.kubernetes_endpoint());
    let answer = client.delete(url).body(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// What a Kubernetes client sends, with members that the sandbox does not act on.
fn job(name: &str, script: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "labels": { "job": "yes" }, "creationTimestamp": null },
        "spec": {
            "containers": [{
                "name": "main", "image": "busybox", "command": ["sh", "-c", script],
                "resources": {}, "volumeMounts": [{ "name": "v", "mountPath": "/v" }],
            }],
            "volumes": [{ "name": "v", "emptyDir": {} }],
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
        },
        "status": {},
    })
}

#[tokio::test]
async fn a_watch_tells_of_a_pod_from_its_creation_to_its_deletion() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let watch = |query: &'static str| {
        let cci = cci.clone();
        tokio::spawn(async move {
            let mut answer =
                ask(&cci, &format!("{PODS}?watch=true&resourceVersion=1&{query}")).await;
            let (mut text, mut kinds) = (String::new(), Vec::new());
            while kinds.last().map(String::as_str) != Some("DELETED") {
                text.push_str(
                    std::str::from_utf8(&answer.chunk().await.unwrap().unwrap()).unwrap(),
                );
                while let Some((line, rest)) = text.split_once('\n') {
                    let event: Value = serde_json::from_str(line).unwrap();
                    assert_eq!(event["object"]["apiVersion"], "v1", "{event}");
                    kinds.push(event["type"].as_str().unwrap().to_owned());
                    text = rest.to_owned();
                }
            }
            kinds
        })
    };
    let all = watch("labelSelector=job%3Dyes");
    let running = watch("fieldSelector=status.phase%3DRunning");
    let (status, pod) = post(cci, PODS, &job("once", "echo hi; exec sleep 600")).await;
    assert_eq!((status, &pod["status"]["phase"]), (201, &json!("Pending")), "{pod}");
    assert_eq!(
        (&pod["apiVersion"], &pod["spec"]["volumes"][0]["name"]),
        (&json!("v1"), &json!("v"))
    );
    let path = format!("{PODS}/once");
    let log = loop {
        let answer = ask(cci, &format!("{path}/log")).await;
        let text = answer.text().await.unwrap();
        if text == "hi\n" {
            break text;
        }
    };
    assert_eq!(log, "hi\n");
    let (status, pod) =
        delete(cci, &path, r#"{"gracePeriodSeconds": 0, "propagationPolicy": "Background"}"#).await;
    assert_eq!((status, &pod["metadata"]["deletionGracePeriodSeconds"]), (200, &json!(0)), "{pod}");
    let (all, running) = (all.await.unwrap(), running.await.unwrap());
    assert_eq!((&*all[0], &*all[1]), ("ADDED", "MODIFIED"), "{all:?}");
    // Seen by its phase, it comes when it runs, and is gone when it does not.
    assert_eq!(
        (&*running[0], running.last().map(String::as_str)),
        ("ADDED", Some("DELETED")),
        "{running:?}"
    );
    let (_, pods) = (0, ask(cci, PODS).await.json::<Value>().await.unwrap());
    assert!(
        pods["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap() > 3,
        "{pods}"
    );
}

#[tokio::test]
async fn refusals_are_those_of_a_kubernetes_server() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let changed = |change: fn(&mut Value)| {
        let mut job = job("a", "true");
        change(&mut job);
        job
    };
    for (body, status, reason, words) in [
        (json!([]), 400, "BadRequest", "JSON object"),
        (changed(|it| it["kind"] = "Service".into()), 400, "BadRequest", "kind"),
        (changed(|it| it["apiVersion"] = "v9".into()), 400, "BadRequest", "apiVersion"),
        (changed(|it| it["metadata"]["namespace"] = "b".into()), 400, "BadRequest", "namespace"),
        (changed(|it| it["metadata"]["name"] = "A_".into()), 422, "Invalid", "metadata.name"),
        (changed(|it| it["metadata"]["name"] = Value::Null), 422, "Invalid", "generateName"),
        (changed(|it| it["metadata"]["labels"] = json!({ "a": 1 })), 400, "BadRequest", "labels"),
        (changed(|it| it["spec"] = Value::Null), 422, "Invalid", "spec.containers: Required"),
        (changed(|it| it["spec"]["containers"][0]["image"] = "".into()), 422, "Invalid", "image"),
        (
            changed(|it| it["spec"]["containers"][0]["command"] = "sh".into()),
            400,
            "BadRequest",
            "command",
        ),
        (
            changed(|it| it["spec"]["containers"][0]["env"] = json!([{}])),
            422,
            "Invalid",
            "env[0].name",
        ),
        (changed(|it| it["spec"]["containers"] = json!("many")), 400, "BadRequest", "containers"),
        (
            changed(|it| it["spec"]["restartPolicy"] = "Often".into()),
            422,
            "Invalid",
            "restartPolicy",
        ),
        (
            changed(|it| it["spec"]["activeDeadlineSeconds"] = 0.into()),
            422,
            "Invalid",
            "activeDeadlineSeconds",
        ),
        (
            changed(|it| it["metadata"]["name"] = "demo".into()),
            409,
            "AlreadyExists",
            "already exists",
        ),
    ] {
        let (code, answer) = post(cci, PODS, &body).await;
        assert_eq!((code, answer["reason"].as_str()), (status, Some(reason)), "{answer}");
        assert_eq!(
            (&answer["kind"], &answer["code"]),
            (&json!("Status"), &json!(status)),
            "{answer}"
        );
        assert!(answer["message"].as_str().unwrap().contains(words), "{answer}");
    }
    for (query, status) in [
        ("tailLines=-1", 422),
        ("tailLines=x", 400),
        ("sinceSeconds=0", 422),
        ("limitBytes=0", 422),
        ("sinceTime=yesterday", 400),
        ("sinceTime=2024-08-30T06:00:00Z&sinceSeconds=1", 422),
        ("container=none", 400),
        ("previous=true", 400),
    ] {
        let answer = ask(cci, &format!("{PODS}/demo/log?{query}")).await;
        assert_eq!(answer.status(), status, "{query}");
        assert_eq!(answer.json::<Value>().await.unwrap()["kind"], "Status", "{query}");
    }
    let (code, _) = post(cci, &format!("{PODS}?dryRun=Some"), &job("a", "true")).await;
    assert_eq!(code, 400);
    let (code, answer) = delete(cci, &format!("{PODS}/demo"), "not JSON").await;
    assert_eq!(code, 400, "{answer}");
    let (code, answer) = post(cci, "/api/v1/namespaces/none/pods", &job("a", "true")).await;
    assert_eq!((code, &answer["details"]["kind"]), (404, &json!("namespaces")), "{answer}");
    let pods = ask(cci, PODS).await.json::<Value>().await.unwrap();
    assert_eq!(pods["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_pod_of_the_sandbox_s_own_can_be_deleted_too() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let (code, _) = delete(cci, &format!("{PODS}/demo"), "").await;
    assert_eq!(code, 200);
    assert_eq!(ask(cci, &format!("{PODS}/demo")).await.status(), 404);
    let (code, _) = delete(cci, &format!("{PODS}/demo"), "").await;
    assert_eq!((code, cci.executions("demo")), (404, 0));
    let (code, _) = post(cci, PODS, &job("demo", "true")).await;
    assert_eq!(code, 201);
}
