//! Replies that fail, come late, or never come.

use std::{
    env,
    net::TcpListener,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use guestexec_core::{Request, Response, ResponseFuture, TransportError};
use guestexec_tat::{
    ErrorKind, Transport,
    operations::{DESCRIBE_REGIONS, RUN_COMMAND},
};
use guestexec_testkit::{Operation, Reply, Tape};
use guestexec_zstack::operations::EXECUTE_GUEST_VM_COMMAND;
use serde_json::json;
use tokio::time::Instant;

use crate::{builder, client, started};

/// What a transport gives for a request to this address.
async fn sent(reply: Reply, url: &str) -> Result<Response, TransportError> {
    static READ: Operation = Operation::undocumented("Read", "GET", "/");
    let request = reqwest::Request::new(reqwest::Method::GET, url.parse().unwrap());
    Tape::new().reply(reply).execute(&READ, Request::from_reqwest(request)).await
}

#[tokio::test]
async fn a_refused_connection_is_the_error_of_one() {
    for url in ["http://127.0.0.1:9/x", "https://tat.example.com/x", "http://[::1]/x"] {
        let error = sent(Reply::refused(), url).await.unwrap_err();
        assert!(error.is_not_sent() && !error.is_timeout(), "{error:?}");
        assert_eq!(error.to_string(), "no connection could be made: connection refused");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_start_is_retried_and_has_not_run() {
    let tape = Tape::new().reply_to(RUN_COMMAND, Reply::refused()).on(RUN_COMMAND, started());
    let _ = client(&tape).instances(["ins-1"]).run("reboot").start().await.unwrap();
    assert_eq!(tape.requests().len(), 2);

    let tape = Tape::new().on(RUN_COMMAND, Reply::refused());
    let error = client(&tape).instances(["ins-1"]).run("reboot").await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Connect, false), "{error}");
    assert_eq!(tape.requests().len(), 4, "three retries");
    assert_eq!(tape.to_string().matches("\n→ connection refused").count(), 4, "{tape}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_start_of_zstack_has_not_run_either() {
    let tape = Tape::new().on(EXECUTE_GUEST_VM_COMMAND, Reply::refused());
    let client = guestexec_zstack::Client::builder()
        .endpoint("http://127.0.0.1:8080")
        .credentials(guestexec_zstack::Credentials::access_key("example", "secret"))
        .transport(tape.clone())
        .build()
        .unwrap();
    let vm = client.vm("fc022ba201c135d8809c5e02bf6bf156");
    let error = vm.run("reboot").await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Connect, false), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_start_is_not_retried_and_may_have_run() {
    for reply in [Reply::lost(), Reply::from(started()).lost_after(10)] {
        let tape = Tape::new().on(RUN_COMMAND, reply);
        let error = client(&tape).instances(["ins-1"]).run("reboot").await.unwrap_err();
        assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Lost, true), "{error}");
        assert_eq!(tape.requests().len(), 1);
        let says = "→ 200 application/json, lost after ";
        assert!(tape.to_string().contains(says), "{tape}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pending_call_ends_by_its_own_timeout() {
    let tape = Tape::new().on(RUN_COMMAND, Reply::pending());
    let begin = Instant::now();
    let client = builder(&tape).call_timeout(Duration::from_secs(7)).build().unwrap();
    let error = client.instances(["ins-1"]).run("reboot").await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Timeout, true), "{error}");
    assert_eq!(begin.elapsed(), Duration::from_secs(7));
    assert!(tape.to_string().ends_with("\n→ no answer"), "{tape}");
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_waited_for_by_a_paused_clock() {
    let tape = Tape::new().reply(Reply::from(started()).after(Duration::from_secs(5)));
    let begin = Instant::now();
    let _ = client(&tape).instances(["ins-1"]).run("uptime").start().await.unwrap();
    assert_eq!(begin.elapsed(), Duration::from_secs(5));
    assert!(tape.to_string().contains("\n→ 200 application/json after 5s\n"), "{tape}");

    let error = sent(Reply::refused().after(Duration::from_secs(30)), "http://h/").await;
    assert!(error.unwrap_err().is_not_sent());
    assert_eq!(begin.elapsed(), Duration::from_secs(35));
}

#[tokio::test(start_paused = true)]
async fn an_answer_later_than_the_timeout_was_given_up() {
    let tape = Tape::new().on(DESCRIBE_REGIONS, Reply::from(json!({})).after(Duration::MAX));
    let client = builder(&tape).retries(0).build().unwrap();
    let call = tokio::spawn(async move { client.describe_regions().send().await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(tape.to_string().contains("→ still waiting for the answer after "), "{tape}");
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(tape.to_string().contains("→ given up before the answer after "), "{tape}");
}

#[test]
fn a_refused_connection_needs_no_network() {
    // This runtime can open no socket.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let error = runtime.block_on(sent(Reply::refused(), "http://127.0.0.1:9/")).unwrap_err();
    assert!(error.is_not_sent(), "{error:?}");
}

/// Runs the test named, with these variables.
fn run_again(name: &str, variables: &[(&str, &str)]) {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", name, "--ignored"]).envs(variables.iter().copied());
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}

#[test]
fn a_refused_connection_asks_no_proxy_of_the_environment() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    run_again(
        "faults::refused_behind_a_proxy",
        &["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"].map(|name| (name, &*address)),
    );
    assert!(proxy.accept().is_err(), "nothing connects to the proxy");
}

#[tokio::test(start_paused = true)]
#[ignore = "it is run by another test, with a proxy in the environment"]
async fn refused_behind_a_proxy() {
    assert!(env::var_os("HTTP_PROXY").is_some());
    let error = sent(Reply::refused(), "http://tat.example.com/").await.unwrap_err();
    assert!(error.is_not_sent(), "{error:?}");
    let tape = Tape::new().on(RUN_COMMAND, Reply::refused());
    let error = client(&tape).instances(["ins-1"]).run("reboot").await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Connect, false), "{error}");
}

/// A transport of a caller's own around a tape.
#[derive(Debug)]
struct Counting(Tape, Mutex<Vec<&'static str>>);

impl Transport for Counting {
    fn execute(&self, operation: &'static Operation, request: Request) -> ResponseFuture<'_> {
        self.1.lock().unwrap().push(operation.id);
        self.0.execute(operation, request)
    }
}

#[tokio::test]
async fn a_transport_around_the_tape_sees_each_request() {
    let tape = Tape::new().reply(started());
    let around = Arc::new(Counting(tape.clone(), Mutex::default()));
    let client = builder(&tape).transport(around.clone()).build().unwrap();
    let _ = client.instances(["ins-1"]).run("uptime").start().await.unwrap();
    assert_eq!(*around.1.lock().unwrap(), [RUN_COMMAND.id]);
    assert_eq!(tape.requests().len(), 1);
}
