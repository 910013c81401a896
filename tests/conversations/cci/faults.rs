//! Sessions that do not go well.

use std::time::Duration;

use guestexec_cci::{Error, ErrorKind, ExecTransport, operations::*};
use guestexec_testkit::{ExecScript, Reply, StatusCode, Tape};
use serde_json::json;

use super::{client, pod, session, session_by_post, told};
use crate::stage::Stage;

/// The conversation, and the error, of a command that is played so.
async fn failing(
    stage: Stage,
    transport: ExecTransport,
    reply: impl Into<Reply>,
) -> (String, Error) {
    let operation = match transport {
        ExecTransport::SpdyPost => EXEC_IN_POD_BY_POST,
        _ => EXEC_IN_POD,
    };
    let tape = Tape::new().reply_to(operation, reply);
    let client = client(&stage, &tape);
    let exec = pod(&client).exec(["backup", "--all"]).transport(transport);
    let error = exec.timeout(Duration::from_secs(300)).await.unwrap_err();
    (told(&tape), error)
}

async fn failing_by_get(stage: Stage, reply: impl Into<Reply>) -> (String, Error) {
    failing(stage, ExecTransport::WebSocketV5, reply).await
}

pub async fn not_started(stage: Stage) -> String {
    let (text, error) = failing_by_get(stage, ExecScript::new().no_such_program("backup")).await;
    assert!(!error.may_have_run());
    text
}

pub async fn cut_v5(stage: Stage) -> String {
    let (text, error) = failing_by_get(stage, ExecScript::new().stdout("1 of 2\n").cut()).await;
    assert!(error.may_have_run());
    text
}

pub async fn cut_spdy(stage: Stage) -> String {
    let script = ExecScript::new().stdout("1 of 2\n").cut();
    let (text, error) = failing(stage, ExecTransport::SpdyPost, script).await;
    assert!(error.may_have_run());
    text
}

pub async fn closed(stage: Stage) -> String {
    let (text, error) = failing_by_get(stage, ExecScript::new().stdout("done\n").close()).await;
    assert!(error.may_have_run());
    text
}

pub async fn dead(stage: Stage) -> String {
    let tape = session_by_post(ExecScript::new().stdout("1 of 2\n").silence());
    let client = client(&stage, &tape);
    let exec = pod(&client).exec(["backup"]).transport(ExecTransport::SpdyPost);
    let error = exec.dead_after(Duration::from_secs(60)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lost);
    told(&tape)
}

pub async fn hangs(stage: Stage) -> String {
    let (text, error) = failing_by_get(stage, ExecScript::new().stdout("1 of 2\n").hang()).await;
    assert!(error.kind() == ErrorKind::Timeout && error.may_have_run());
    text
}

pub async fn limit(stage: Stage) -> String {
    let tape = session(ExecScript::new().stdout("12345").hang());
    let client = client(&stage, &tape);
    let error = pod(&client).exec(["yes"]).output_limit(4).output().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    // The connection ends soon.
    tokio::time::sleep(Duration::from_secs(1)).await;
    told(&tape)
}

pub async fn no_answer(stage: Stage) -> String {
    let (text, error) = failing_by_get(stage, Reply::pending()).await;
    assert!(error.kind() == ErrorKind::Timeout && error.may_have_run());
    text
}

pub async fn lost(stage: Stage) -> String {
    let (text, error) = failing_by_get(stage, Reply::lost()).await;
    assert!(error.may_have_run(), "{error}");
    text
}

/// The conversation of a command that is started by the second request, after the first got this reply.
async fn retried(stage: Stage, reply: Reply) -> String {
    let tape = Tape::new()
        .reply_to(EXEC_IN_POD, reply)
        .reply_to(EXEC_IN_POD, ExecScript::new().stdout("done\n").exit(0));
    let client = client(&stage, &tape);
    assert!(pod(&client).exec(["backup", "--all"]).await.unwrap().success());
    assert_eq!(client.counts().retried, 1);
    told(&tape)
}

pub async fn throttled(stage: Stage) -> String {
    retried(stage, Reply::text(StatusCode::TOO_MANY_REQUESTS, "").header("retry-after", "1")).await
}

pub async fn refused(stage: Stage) -> String {
    let refusal = json!({ "kind": "Status", "status": "Failure", "reason": "NotFound",
        "message": "pods \"web\" not found", "code": 404 });
    let (text, error) = failing_by_get(stage, Reply::json(StatusCode::NOT_FOUND, &refusal)).await;
    assert!(error.kind() == ErrorKind::NotFound && !error.may_have_run());
    text
}

pub async fn refused_connection(stage: Stage) -> String {
    retried(stage, Reply::refused()).await
}

pub async fn broken(stage: Stage) -> String {
    let (text, error) = failing_by_get(stage, ExecScript::new().raw([0xff; 8]).hang()).await;
    assert!(error.may_have_run());
    text
}

pub async fn lost_read(stage: Stage) -> String {
    let tape = Tape::new().on(READ_POD, Reply::lost());
    let client = client(&stage, &tape);
    let error = client.pod("default", "web").choose_container().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lost);
    told(&tape)
}
