//! What the clients tell a subscriber of `tracing`, and what of a trace they pass on.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod headers;
mod spans;

use std::path::Path;

use futures_util::future::join_all;
use guestexec_sandbox::Sandbox;
use guestexec_testkit::{Reply, StatusCode, Tape};
use spans::Spans;
use tracing::{Level, subscriber::DefaultGuard};
use tracing_subscriber::{filter::LevelFilter, layer::SubscriberExt as _};

/// The VMs of the sandbox, as the documentation's examples name it.
const VM: &str = "fc022ba201c135d8809c5e02bf6bf156";

fn collect() -> (Spans, DefaultGuard) {
    collect_at(Level::TRACE)
}

fn collect_at(level: Level) -> (Spans, DefaultGuard) {
    let spans = Spans::default();
    let subscriber =
        tracing_subscriber::registry().with(LevelFilter::from_level(level)).with(spans.clone());
    (spans, tracing::subscriber::set_default(subscriber))
}

/// Compares with `tests/snapshots/telemetry/NAME.snap`.
fn snapshot(name: &str, shown: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots/telemetry");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!(name, shown));
}

/// Checks that the README of the facade lists every field.
fn documented(spans: &Spans) {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    let readme = Path::new(&folder).join("../crates/guestexec/README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let section = readme.split("## ").find(|section| section.starts_with("Telemetry")).unwrap();
    for name in spans.names().into_iter().filter(|name| *name != "message") {
        assert!(section.contains(&format!("`{name}`")), "`{name}` is not in the README");
    }
}

async fn sandbox() -> Sandbox {
    Sandbox::builder().tat_rate(None).start().await.unwrap()
}

#[tokio::test]
async fn the_spans_of_a_run_of_each_provider() {
    let sandbox = sandbox().await;
    let (spans, guard) = collect();
    let tat = sandbox.tat().client().unwrap();
    assert!(tat.instances(["ins-zj0f57ew"]).run("echo private").await.unwrap().success());
    drop(guard);
    snapshot("tat", &spans.shown());
    documented(&spans);

    let (spans, guard) = collect();
    let zstack = sandbox.zstack().client().unwrap();
    assert!(zstack.vm(VM).run("echo private").await.unwrap().success());
    drop(guard);
    snapshot("zstack", &spans.shown());
    documented(&spans);

    let (spans, guard) = collect();
    let cci = sandbox.cci().client().unwrap();
    let exec = cci.pod("default", "two").container("b").exec(["sh", "-c", "cat; echo private >&2"]);
    assert!(exec.stdin("private").await.unwrap().success());
    drop((guard, cci));
    snapshot("cci", &spans.shown());
    documented(&spans);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_with_its_attempts() {
    let (spans, guard) = collect();
    let read = guestexec_cci::operations::READ_POD;
    let busy = Reply::text(StatusCode::BAD_GATEWAY, "private").header("retry-after", "3");
    let key = guestexec_cci::Credentials::access_key("example", "private-key");
    let builder = guestexec_cci::Client::builder().region("cn-north-4").credentials(key);
    let client = builder.transport(Tape::new().on(read, busy)).build().unwrap();
    client.read_pod("ns", "web-0").send().await.unwrap_err();

    // A token that a service repeats is in no field.
    let refusal = r#"{"kind":"Status","reason":"private-token","message":"private-token"}"#;
    let refused = Reply::json(StatusCode::FORBIDDEN, refusal);
    let token = guestexec_cci::Credentials::token("private-token");
    let builder = guestexec_cci::Client::builder().region("cn-north-4").credentials(token);
    let client = builder.transport(Tape::new().on(read, refused)).build().unwrap();
    client.read_pod("ns", "web-0").send().await.unwrap_err();
    drop(guard);
    let shown = spans.shown();
    assert!(!shown.contains("private"), "{shown}");
    snapshot("failures", &shown);
    documented(&spans);
}

#[tokio::test]
async fn the_calls_of_parallel_runs_are_told_apart() {
    let sandbox = sandbox().await;
    let (tat, zstack, cci) = (
        sandbox.tat().client().unwrap(),
        sandbox.zstack().client().unwrap(),
        sandbox.cci().client().unwrap(),
    );
    let (spans, guard) = collect();
    let instances = &sandbox.tat().instances()[..2];
    let vms = ["1", "2"].map(|digit| digit.repeat(32));
    let pods = [("demo", "main"), ("two", "b")];
    let runs = async {
        let tat =
            join_all(instances.iter().map(|id| tat.instances([id]).run("true").into_future()));
        let zstack = join_all(vms.iter().map(|vm| zstack.vm(vm).run("true").into_future()));
        let cci = join_all(pods.map(|(pod, container)| {
            cci.pod("default", pod).container(container).exec(["true"]).output()
        }));
        tokio::join!(tat, zstack, cci)
    };
    let (tat, zstack, cci) = runs.await;
    assert!(tat.iter().all(|run| run.as_ref().unwrap().success()));
    // The sandbox does not have these VMs, so the runs fail, each under its own span.
    assert!(zstack.iter().all(Result::is_err));
    assert!(cci.iter().all(|run| run.as_ref().unwrap().success()));
    drop(guard);

    let all = spans.all();
    let mut started = Vec::new();
    for call in all.iter().filter(|span| span.name == "call") {
        let root = spans.root_of(call);
        let of = |name| root.fields.get(name);
        let target = of("instances").or(of("vm")).or(of("pod"));
        let operation = call.fields.get("operation").unwrap();
        if operation == "LogInByAccount" || operation == "CreateUserToken" {
            continue;
        }
        let target = target.unwrap_or_else(|| panic!("{call:?} is in no command"));
        if ["RunCommand", "ExecuteGuestVmCommand"].contains(&operation)
            || operation.contains("Exec")
        {
            started.push(target.to_owned());
        }
    }
    started.sort();
    started.dedup();
    let mut all: Vec<String> = instances.iter().cloned().chain(vms).collect();
    all.extend(pods.map(|(pod, _)| pod.to_owned()));
    all.sort();
    assert_eq!(started, all);
}

#[tokio::test]
async fn nothing_is_told_above_debug_of_what_goes_well() {
    let sandbox = sandbox().await;
    let (spans, guard) = collect_at(Level::INFO);
    let tat = sandbox.tat().client().unwrap();
    assert!(tat.instances(["ins-zj0f57ew"]).run("true").await.unwrap().success());
    drop(guard);
    assert!(spans.all().is_empty());
}
