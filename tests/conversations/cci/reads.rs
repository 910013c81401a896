//! Pods and tokens.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use guestexec_cci::{Clock, Credentials, ErrorKind, operations::*};
use guestexec_testkit::{ExecScript, Reply, StatusCode, Tape, Value};
use serde_json::json;

use super::{builder, client, told};
use crate::stage::Stage;

fn web() -> Value {
    json!({
        "kind": "Pod",
        "metadata": { "name": "web", "namespace": "default" },
        "spec": { "containers": [{ "name": "nginx" }, { "name": "log" }] },
        "status": { "phase": "Running" },
    })
}

/// IAM's answer, with a token that lasts a day.
fn token(name: &str) -> Reply {
    let life = json!({
        "issued_at": "2026-11-22T06:04:21.000000Z", "expires_at": "2026-11-23T06:04:21.000000Z",
    });
    Reply::json(StatusCode::CREATED, &json!({ "token": life })).header("x-subject-token", name)
}

pub async fn choose(stage: Stage) -> String {
    let tape = Tape::new().on(READ_POD, web()).on(EXEC_IN_POD, ExecScript::new().stdout("web\n"));
    let client = client(&stage, &tape);
    let pod = client.pod("default", "web").choose_container().await.unwrap();
    assert_eq!(pod.exec(["hostname"]).await.unwrap().stdout_lossy(), "web\n");
    told(&tape)
}

pub async fn pages(stage: Stage) -> String {
    let page = |names: &[&str], next: &str| {
        let items: Vec<_> =
            names.iter().map(|name| json!({ "metadata": { "name": name } })).collect();
        Reply::from(json!({ "kind": "PodList", "metadata": { "continue": next }, "items": items }))
    };
    let tape = Tape::new()
        .on(LIST_PODS, page(&["a", "b"], "next=1&of 3"))
        .on(LIST_PODS, page(&[], "next=2"))
        .on(LIST_PODS, page(&["c"], ""));
    let client = client(&stage, &tape);
    let pods = client
        .pods("default")
        .label_selector("app=web,tier!=cache")
        .field_selector("status.phase=Running")
        .list()
        .await
        .unwrap();
    assert_eq!(pods.len(), 3);
    told(&tape)
}

pub async fn password(stage: Stage) -> String {
    let tape = Tape::new().on(CREATE_USER_TOKEN, token("one")).on(READ_POD, web());
    let credentials = Credentials::password("domain", "user", "password", "cn-north-4");
    let client = builder(&stage, &tape).credentials(credentials).build().unwrap();
    for _ in 0..2 {
        client.pod("default", "web").get().await.unwrap();
    }
    told(&tape)
}

pub async fn key_token(stage: Stage) -> String {
    let tape = Tape::new().on(CREATE_USER_TOKEN, token("one")).on(READ_POD, web());
    let project = "0123456789abcdef0123456789abcdef";
    let client = builder(&stage, &tape)
        .credentials(Credentials::access_key_token("AK", "SK", project))
        .iam_endpoint("https://iam.example.com/base")
        .build()
        .unwrap();
    client.pod("default", "web").get().await.unwrap();
    told(&tape)
}

/// A clock that a test puts forward.
#[derive(Clone, Debug)]
struct Hours(SystemTime, Arc<AtomicU64>);

impl Clock for Hours {
    fn now(&self) -> SystemTime {
        self.0 + Duration::from_secs(3600 * self.1.load(Ordering::SeqCst))
    }
}

pub async fn renewed(stage: Stage) -> String {
    let tape = Tape::new()
        .on(CREATE_USER_TOKEN, token("one"))
        .on(CREATE_USER_TOKEN, token("two"))
        .on(READ_POD, web())
        .expect(CREATE_USER_TOKEN, 2);
    let hours = Arc::new(AtomicU64::new(0));
    let client = builder(&stage, &tape)
        .credentials(Credentials::password("domain", "user", "password", "cn-north-4"))
        .clock(Hours(stage.now, hours.clone()))
        .build()
        .unwrap();
    for hour in [0, 23, 24] {
        hours.store(hour, Ordering::SeqCst);
        client.pod("default", "web").get().await.unwrap();
    }
    told(&tape)
}

pub async fn refused_token(stage: Stage) -> String {
    let refusal = json!({ "kind": "Status", "status": "Failure", "reason": "Unauthorized",
        "message": "Unauthorized", "code": 401 });
    let tape = Tape::new()
        .on(CREATE_USER_TOKEN, token("one"))
        .on(CREATE_USER_TOKEN, token("two"))
        .on(READ_POD, Reply::json(StatusCode::UNAUTHORIZED, &refusal))
        .on(READ_POD, web());
    let credentials = Credentials::password("domain", "user", "password", "cn-north-4");
    let client = builder(&stage, &tape).credentials(credentials).build().unwrap();
    let error = client.pod("default", "web").get().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    client.pod("default", "web").get().await.unwrap();
    told(&tape)
}

pub async fn access_key(stage: Stage) -> String {
    let tape = Tape::new().on(READ_POD, web()).on(EXEC_IN_POD, ExecScript::new());
    let key =
        Credentials::access_key("AK", "SK").with_security_token("token").project_id("project");
    let client = builder(&stage, &tape).credentials(key).build().unwrap();
    client.pod("default", "web").get().await.unwrap();
    assert!(client.pod("default", "web").exec(["true"]).await.unwrap().success());
    told(&tape)
}

pub async fn operations(stage: Stage) -> String {
    let tape = Tape::new().on(LIST_PODS, json!({ "items": [] }));
    let client = client(&stage, &tape);
    let call = client.list_pods("default").limit(5);
    let call = call.continue_("more/+ ").resource_version("7").resource_version_match("Exact");
    call.timeout_seconds(30).send().await.unwrap();
    told(&tape)
}

pub async fn log(stage: Stage) -> String {
    let tape = Tape::new()
        .on(READ_POD_LOG, Reply::text(StatusCode::OK, "started\nready\n"))
        .on(READ_POD_LOG, Reply::text(StatusCode::OK, "2026-11-22T06:04:21.5Z ready\n"));
    let client = client(&stage, &tape);
    let pod = client.pod("default", "web").container("nginx");
    let mut log = pod
        .logs()
        .follow()
        .since_time(UNIX_EPOCH + Duration::from_secs(1_732_255_461))
        .stream()
        .await
        .unwrap();
    assert_eq!(log.next_line().await.unwrap().unwrap(), b"started");
    assert_eq!(log.next_chunk().await.unwrap().unwrap(), &b"ready\n"[..]);
    assert!(log.next_chunk().await.unwrap().is_none());
    let again = pod.logs().previous().timestamps().tail_lines(1).limit_bytes(100);
    let again = again.since(Duration::from_secs(60)).text_lossy().await.unwrap();
    assert!(again.ends_with(" ready\n"));
    told(&tape)
}
