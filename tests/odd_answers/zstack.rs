//! ZStack: a definite error is read as such, and output is kept whatever the VM's members are.

use guestexec_core::ErrorKind;
use guestexec_testkit::{Reply, StatusCode, Tape};
use guestexec_zstack::{Client, Credentials};
use serde_json::{Value, json};

use crate::{Mutation, mutations};

const VM: &str = "fc022ba201c135d8809c5e02bf6bf156";

pub fn on(tape: &Tape) -> Client {
    Client::builder()
        .endpoint("http://zstack:8080")
        .allow_plain_http()
        .credentials(Credentials::session("0123456789abcdef0123456789abcdef"))
        .transport(tape.clone())
        .build()
        .unwrap()
}

fn reply(status: u16, mutation: &Mutation) -> Reply {
    Reply::bytes(
        StatusCode::from_u16(status).unwrap(),
        "application/json;charset=UTF-8",
        mutation.body.clone(),
    )
}

fn refusal() -> Value {
    json!({ "error": {
        "code": "SYS.1006", "description": "An operation failed", "details": "qga is not running",
        "formatArgs": ["vm", "qga"], "params": { "vm": "a" }, "opaque": { "k": 1 }, "cost": "12ms",
        "location": "here", "elaboration": "why", "httpStatus": 503, "retryable": false,
        "messages": { "code": "1", "distance": 0.5, "message_cn": "原因" },
        "cause": { "code": "SYS.1000", "details": "no channel", "causes": [] },
        "causes": [{ "code": "HOST.1000", "details": "gone" }],
    } })
}

/// The kind of the error: of its members only one changes it, though not whether the command may have run.
fn kind(mutation: &Mutation) -> ErrorKind {
    match mutation.pointer == "/error/retryable" && mutation.put == *b"true" {
        true => ErrorKind::Unavailable,
        false => ErrorKind::Refused,
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_is_definite_whatever_its_other_members_are() {
    for mutation in mutations(&refusal()) {
        let shown = mutation.shown();
        let tape = Tape::new().reply(reply(503, &mutation));
        let error = on(&tape).vm(VM).run("true").unchecked().await.unwrap_err();
        if mutation.pointer == "/error" && !mutation.put.starts_with(b"{") {
            // A 503 without an error of the node's may be a proxy's.
            assert_eq!(error.code(), None, "{shown}: {error}");
            continue;
        }
        assert_eq!(tape.requests().len(), 1, "nothing is asked after it: {shown}: {error}");
        assert_eq!(error.kind(), kind(&mutation), "{shown}: {error}");
        assert!(error.may_have_run() && !error.is_retryable(), "{shown}: {error}");
        match mutation.pointer.as_str() {
            "/error" | "/error/code" => {}
            _ => assert_eq!(error.code(), Some("SYS.1006"), "{shown}: {error}"),
        }
        if !["/error", "/error/details"].contains(&mutation.pointer.as_str()) {
            assert!(error.message().contains("qga is not running"), "{shown}: {error}");
        }
        // The details keep what the short message leaves out.
        let detail = error.detail().unwrap();
        if mutation.pointer == "/error/opaque" && mutation.put.starts_with(b"[5") {
            assert_eq!(detail.extra["opaque"][0], 5, "{shown}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_jobs_error_ends_the_wait_whatever_its_other_members_are() {
    let job = "0123456789abcdef0123456789abcdef".parse::<String>().unwrap();
    let job = guestexec_zstack::JobId::parse(&job).unwrap();
    for mutation in mutations(&refusal()) {
        if mutation.pointer == "/error" && !mutation.put.starts_with(b"{") {
            continue;
        }
        let shown = mutation.shown();
        for status in [200, 503] {
            let tape = Tape::new().reply(reply(status, &mutation));
            let wait = std::time::Duration::from_secs(86_400);
            let error = on(&tape).job(&job).wait_at_most(wait).await.unwrap_err();
            assert_eq!(tape.requests().len(), 1, "{status} {shown}: {error}");
            assert_eq!(error.kind(), kind(&mutation), "{status} {shown}: {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn output_is_kept_whatever_the_vms_members_are() {
    let example = guestexec_zstack::examples::ALL
        .iter()
        .flat_map(|example| example.answers)
        .map(|answer| serde_json::from_str::<Value>(answer.body).unwrap())
        .find(|answer| answer["stream"].is_string() && answer["vmInstance"].is_object());
    let mut answer = example.unwrap();
    answer["stream"] = "standardStream: out, errorStream: err".into();
    answer["apiTimeout"] = 1000.into();
    answer["vmInstance"]["vmNics"] = json!([{ "ip": "10.0.0.1", "usedIps": [{ "ipVersion": 4 }] }]);
    for mutation in mutations(&answer) {
        if ["/stream", "/success", "/error"].contains(&mutation.pointer.as_str()) {
            continue;
        }
        let shown = mutation.shown();
        let tape = Tape::new().reply(reply(200, &mutation));
        let output = on(&tape).vm(VM).run("true").unchecked().await;
        let output = output.unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!(output.stdout_lossy(), "out", "{shown}");
        assert_eq!(output.stderr_lossy(), "err", "{shown}");
        assert_eq!(tape.requests().len(), 1, "{shown}");
        // A member of another type is kept unchanged.
        if mutation.pointer == "/vmInstance" && mutation.put.starts_with(b"[5") {
            assert_eq!(output.answer().extra["vmInstance"][0], 5, "{shown}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_utf_8_is_read_lossily() {
    let bodies: [&[u8]; 3] = [
        b"{\"stream\": \"standardStream: \xe4\xf6, errorStream: \"}",
        br#"{"stream": "standardStream: \ud800\udfffx\udc00, errorStream: "}"#,
        b"\xef\xbb\xbf{\"vmInstance\": {\"name\": \"\xff\"}, \"stream\": \"standardStream: \x1b, errorStream: \"}",
    ];
    for (body, expected) in
        bodies.into_iter().zip(["\u{fffd}\u{fffd}", "\u{103ff}x\u{fffd}", "\u{1b}"])
    {
        let reply = Reply::bytes(StatusCode::OK, "application/json", body);
        let output = on(&Tape::new().reply(reply)).vm(VM).run("true").unchecked().await.unwrap();
        assert_eq!(output.stdout_lossy(), expected, "{}", body.escape_ascii());
    }
    let body: &[u8] = b"{\"error\": {\"code\": \"SYS.1006\", \"details\": \"\xff \\ud800\"}}";
    let reply = Reply::bytes(StatusCode::SERVICE_UNAVAILABLE, "text/plain", body);
    let tape = Tape::new().reply(reply);
    let error = on(&tape).vm(VM).run("true").unchecked().await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Some("SYS.1006"), "\u{fffd} \u{fffd}"));
    assert_eq!(tape.requests().len(), 1);
}
