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
