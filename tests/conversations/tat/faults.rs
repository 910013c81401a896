//! Runs that do not go well.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use guestexec_tat::{
    Client, CredentialSource, Credentials, ErrorKind, Lease, LeaseFuture, Outcome,
    ProvideCredentials, Run, Unconfirmed, Unfinished, operations::*,
};
use guestexec_testkit::{Reply, StatusCode, Tape, Value};
use serde_json::json;

use super::{answer, builder, client, ended, listed, refusal, service, started};
use crate::stage::Stage;

pub async fn throttled(stage: Stage) -> String {
    let tape = service()
        .reply_to(RUN_COMMAND, refusal("RequestLimitExceeded", "more than 20 calls in a second"))
        .reply_to(RUN_COMMAND, Reply::text(StatusCode::TOO_MANY_REQUESTS, "slow down"));
    let client = client(&stage, &tape);
    assert!(client.instances(["ins-1"]).run("uptime").await.unwrap().success());
    assert_eq!(client.counts().throttled, 2);
    tape.assert_complete();
    tape.to_string()
}

/// A task in `ins-1` with this script, in Base64.
fn listed_task(content: &str) -> Value {
    answer(json!({
        "TotalCount": 1,
        "InvocationTaskSet": [{
            "InvocationId": "inv-1", "InvocationTaskId": "invt-1", "InstanceId": "ins-1",
            "CommandDocument": { "Content": content },
        }],
    }))
}

/// Runs a command whose answer is lost; returns how certain the search for it is.
async fn found(client: &Client, run: Run<'_>) -> bool {
    let error = run.await.unwrap_err();
    assert!(error.may_have_run());
    let found = client.find_unconfirmed(Unconfirmed::of(&error).unwrap()).await.unwrap();
    assert_eq!((found.len(), &*found[0].invocation_id), (1, "inv-1"));
    found[0].certain
}

pub async fn lost(stage: Stage) -> String {
    // `reboot<marker>`, which the tape turns into the marker of the request.
    let tape = Tape::new()
        .on(RUN_COMMAND, Reply::lost())
        .on(DESCRIBE_INVOCATION_TASKS, listed_task("cmVib290PG1hcmtlcj4="));
    let client = client(&stage, &tape);
    assert!(found(&client, client.instances(["ins-1"]).run("reboot")).await);
    tape.assert_complete();
    tape.to_string()
}

pub async fn lost_unmarked(stage: Stage) -> String {
    let tape = Tape::new()
        .on(RUN_COMMAND, Reply::lost())
        .on(DESCRIBE_INVOCATION_TASKS, listed_task("cmVib290"))
        .on(DESCRIBE_INVOCATIONS, listed(&[("ins-1", "SUCCESS")]));
    let client = client(&stage, &tape);
    assert!(!found(&client, client.instances(["ins-1"]).run("reboot").unmarked()).await);
    tape.assert_complete();
    tape.to_string()
}

pub async fn unfinished(stage: Stage) -> String {
    let tape = Tape::new()
        .on(RUN_COMMAND, started())
        .on(DESCRIBE_INVOCATIONS, listed(&[("ins-1", "RUNNING")]));
    let client = client(&stage, &tape);
    let run = client.instances(["ins-1"]).run("make").wait_at_most(Duration::from_millis(300));
    let error = run.await.unwrap_err();
    let unfinished = Unfinished::of(&error).unwrap();
    let running = client.invocation(&unfinished.invocations()[0]).await.unwrap();
    assert_eq!(running.invocations().collect::<Vec<_>>(), ["inv-1"]);
    tape.assert_complete();
    tape.to_string()
}

pub async fn lost_half(stage: Stage) -> String {
    let tape = Tape::new().on(RUN_COMMAND, Reply::from(started()).lost_after(20));
    let error = client(&stage, &tape).instances(["ins-1"]).run("reboot").await.unwrap_err();
    assert!(error.may_have_run() && Unconfirmed::of(&error).is_some());
    tape.to_string()
}

pub async fn lost_read(stage: Stage) -> String {
    let tape = service().reply_to(DESCRIBE_INVOCATIONS, Reply::lost());
    assert!(client(&stage, &tape).instances(["ins-1"]).run("id").await.unwrap().success());
    tape.assert_complete();
    tape.to_string()
}

pub async fn not_found(stage: Stage) -> String {
    let tape = Tape::new()
        .on(INVOKE_COMMAND, Reply::lost())
        .on(DESCRIBE_INVOCATION_TASKS, answer(json!({ "TotalCount": 0, "InvocationTaskSet": [] })));
    let client = client(&stage, &tape);
    let error = client.instances(["ins-1"]).invoke("cmd-1").await.unwrap_err();
    let found = client.find_unconfirmed(Unconfirmed::of(&error).unwrap()).await.unwrap();
    assert!(error.may_have_run() && found.is_empty());
    tape.assert_complete();
    tape.to_string()
}

pub async fn no_answer(stage: Stage) -> String {
    let tape = Tape::new().on(RUN_COMMAND, Reply::pending());
    let client = builder(&stage, &tape).call_timeout(Duration::from_secs(7)).build().unwrap();
    let error = client.instances(["ins-1"]).run("reboot").await.unwrap_err();
    assert!(error.kind() == ErrorKind::Timeout && error.may_have_run());
    tape.to_string()
}

pub async fn refused_connection(stage: Stage) -> String {
    let tape = service().reply_to(RUN_COMMAND, Reply::refused().times(2));
    assert!(client(&stage, &tape).instances(["ins-1"]).run("id").await.unwrap().success());
    tape.assert_complete();
    tape.to_string()
}

pub async fn refused(stage: Stage) -> String {
    let code = "UnauthorizedOperation.CamAuthFailed";
    let tape = Tape::new().on(RUN_COMMAND, refusal(code, "you may not RunCommand"));
    let error = client(&stage, &tape).instances(["ins-1"]).run("id").await.unwrap_err();
    assert!(error.code() == Some(code) && !error.may_have_run());
    tape.to_string()
}

/// A service that has all but `ins-2`.
fn without_one() -> Tape {
    let code = "ResourceUnavailable.AgentStatusNotOnline";
    let agents: Vec<_> = ["ins-1", "ins-2", "ins-3"]
        .iter()
        .map(|id| {
            let status = if *id == "ins-2" { "Offline" } else { "Online" };
            json!({ "InstanceId": id, "AgentStatus": status })
        })
        .collect();
    Tape::new()
        .on(RUN_COMMAND, refusal(code, "Agent of instance `ins-2` is not online"))
        .on(RUN_COMMAND, started())
        .on(
            DESCRIBE_AUTOMATION_AGENT_STATUS,
            answer(json!({ "TotalCount": 3, "AutomationAgentSet": agents })),
        )
        .on(DESCRIBE_INVOCATIONS, listed(&[("ins-1", "SUCCESS"), ("ins-3", "SUCCESS")]))
        .on(DESCRIBE_INVOCATION_TASKS, ended(&[("ins-1", "SUCCESS"), ("ins-3", "SUCCESS")]))
        .lenient()
}

pub async fn offline(stage: Stage) -> String {
    let tape = without_one();
    let ids = ["ins-1", "ins-2", "ins-3"];
    let finished = client(&stage, &tape).instances(ids).run("id").await.unwrap();
    let outcomes: Vec<_> = finished.results().iter().map(|result| result.outcome()).collect();
    assert_eq!(outcomes, [Outcome::Exited(0), Outcome::Refused, Outcome::Exited(0)]);
    tape.to_string()
}

pub async fn skipped(stage: Stage) -> String {
    let tape = without_one();
    let client = client(&stage, &tape);
    let run = client.instances(["ins-1", "ins-2", "ins-3"]).run("id");
    let finished = run.skip_unreachable().await.unwrap();
    assert_eq!(finished.results().len(), 2);
    tape.to_string()
}

pub async fn gateway(stage: Stage) -> String {
    let page = "<html><h1>502 Bad Gateway</h1></html>";
    let tape =
        Tape::new().on(RUN_COMMAND, Reply::bytes(StatusCode::BAD_GATEWAY, "text/html", page));
    let error = client(&stage, &tape).instances(["ins-1"]).run("reboot").await.unwrap_err();
    assert!(error.may_have_run());
    tape.to_string()
}

/// Temporary credentials, other ones each time.
#[derive(Debug, Default)]
struct Temporary(AtomicUsize);

impl ProvideCredentials<Credentials> for Temporary {
    fn provide(&self) -> LeaseFuture<'_> {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        let credentials = Credentials::new(format!("AKIDexample{number}"), "secret")
            .with_security_token(format!("token{number}"));
        Box::pin(async { Ok(Lease::lasting(credentials)) })
    }
}

pub async fn renewed(stage: Stage) -> String {
    let tape = service()
        .reply_to(RUN_COMMAND, refusal("AuthFailure.TokenFailure", "the token has expired"));
    let client = builder(&stage, &tape)
        .credentials(CredentialSource::new(Temporary::default()))
        .build()
        .unwrap();
    assert!(client.instances(["ins-1"]).run("id").await.unwrap().success());
    tape.assert_complete();
    tape.to_string()
}

pub async fn clock(stage: Stage) -> String {
    let late = refusal("AuthFailure.SignatureExpire", "the signature has expired");
    let date = "Sun, 22 Nov 2026 07:04:21 GMT";
    let tape = service().reply_to(RUN_COMMAND, Reply::from(late).header("date", date));
    let client = client(&stage, &tape);
    assert!(client.instances(["ins-1"]).run("id").await.unwrap().success());
    tape.assert_complete();
    tape.to_string()
}
