//! What a caller is told of refusals: their reasons, what to do, and whether and when to retry.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

use std::time::Duration;

use guestexec_testkit::{Reply, StatusCode, Tape};
use guestexec_zstack::{
    Client, Credentials, Error, ErrorKind, Unfinished, causes,
    operations::{EXECUTE_GUEST_VM_COMMAND, GET_API_JOB},
};
use serde_json::{Value, json};
use tokio::time::Instant;

const UUID: &str = "0123456789abcdef0123456789abcdef";

fn client(tape: &Tape, credentials: Credentials) -> Client {
    let builder = Client::builder().endpoint("http://zstack:8080").allow_plain_http();
    builder.credentials(credentials).transport(tape.clone()).build().unwrap()
}

fn by_key(tape: &Tape) -> Client {
    client(tape, Credentials::access_key("example", "s3cr3t-k3y"))
}

fn failed(error: Value) -> Reply {
    Reply::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "error": error }))
}

/// An answer of a gateway that asks to wait.
fn asking(seconds: &str) -> Reply {
    Reply::text(StatusCode::TOO_MANY_REQUESTS, "slow down").header("retry-after", seconds)
}

fn done() -> Value {
    json!({ "stream": "standardStream: hi, errorStream: ", "vmInstance": { "uuid": UUID } })
}

async fn run(tape: &Tape) -> Result<String, Error> {
    let output = by_key(tape).vm(UUID).run("df").unchecked().await?;
    Ok(output.stdout_lossy().into_owned())
}

#[tokio::test]
async fn all_causes_and_explanations_are_shown() {
    let error = json!({
        "code": "SYS.1006", "details": "outer", "elaboration": "check the guest tools",
        "cause": { "code": "KVM.1", "details": "middle", "cause": { "details": "inner" } },
        "causes": [
            { "code": "HOST.1", "details": "first", "elaboration": "first" },
            { "code": "HOST.2", "description": "second" },
            { "code": "HOST.3", "description": "second" },
        ],
    });
    let tape = Tape::new().reply(failed(error));
    let error = by_key(&tape).log_out(UUID).retries(0).send().await.unwrap_err();
    assert_eq!(
        error.message(),
        "inner; therefore: middle; and: first; and: second; therefore: outer (check the guest tools)"
    );
    let codes = causes(error.detail().unwrap()).map(|error| error.code.as_deref().unwrap_or("-"));
    let codes: Vec<&str> = codes.collect();
    assert_eq!(codes, ["SYS.1006", "KVM.1", "-", "HOST.1", "HOST.2", "HOST.3"]);
}

#[tokio::test]
async fn a_thousand_causes_are_read_in_part() {
    let many = vec![json!({ "causes": [{}, {}] }); 1000];
    let tape = Tape::new().reply(failed(json!({ "details": "outer", "causes": many })));
    let error = by_key(&tape).log_out(UUID).retries(0).send().await.unwrap_err();
    assert_eq!(error.message(), "outer");
    assert_eq!(causes(error.detail().unwrap()).count(), 32);
}

/// Whether a retry can help is the node's to say, but for a command that may have run.
#[tokio::test(start_paused = true)]
async fn the_nodes_word_on_retries_counts_where_nothing_can_run_twice() {
    for (code, retryable, helps) in [
        ("SYS.1006", Some(true), true),
        ("SYS.1006", Some(false), false),
        ("SYS.1006", None, false),
        ("SYS.1001", Some(false), false),
        ("SYS.1001", None, true),
        ("ID.1002", Some(true), false),
    ] {
        let refusal = || {
            failed(json!({ "code": code, "details": "no", "retryable": retryable }))
                .header("retry-after", "5")
        };
        let tape = Tape::new().reply(refusal());
        let error = by_key(&tape).log_out(UUID).retries(0).send().await.unwrap_err();
        assert_eq!(error.is_retryable(), helps, "{code} {retryable:?}: {error}");
        assert_eq!(error.retry_after(), helps.then_some(Duration::from_secs(5)), "{error}");

        let tape = Tape::new().on(EXECUTE_GUEST_VM_COMMAND, refusal());
        let error = run(&tape).await.unwrap_err();
        assert!(!error.is_retryable() && error.retry_after().is_none(), "{error}");
        assert_eq!(error.may_have_run(), code != "ID.1002", "{error}");
        assert_eq!(tape.requests().len(), 1, "{code}: it is not sent again");
    }
}

#[tokio::test]
async fn advice_on_access_keys_is_given_only_where_one_was_sent() {
    let tape =
        Tape::new().on(EXECUTE_GUEST_VM_COMMAND, refused()).reply(refused()).reply(refused());
    let key = by_key(&tape);
    let advice = |error: Error| {
        assert_eq!(error.kind(), ErrorKind::Forbidden, "{error}");
        error.advice().unwrap().to_owned()
    };
    let [signed, check, poll] = [
        advice(key.vm(UUID).run("df").unchecked().await.unwrap_err()),
        advice(key.validate_session(UUID).send().await.unwrap_err()),
        advice(key.get_api_job(UUID).send().await.unwrap_err()),
    ];
    assert!(signed.contains("the AccessKey's secret"), "{signed}");
    let session = client(&tape, Credentials::session(UUID));
    let by_session = advice(session.vm(UUID).run("df").unchecked().await.unwrap_err());
    for advice in [check, poll, by_session] {
        assert!(advice.contains("none was sent") && advice.contains("gateway"), "{advice}");
    }
}

/// A 403 without a word on why.
fn refused() -> Reply {
    Reply::text(StatusCode::FORBIDDEN, "")
}

#[tokio::test(start_paused = true)]
async fn a_throttled_command_waits_as_long_as_is_asked() {
    let tape = Tape::new().reply(asking("20")).reply(done());
    let begin = Instant::now();
    assert_eq!(run(&tape).await.unwrap(), "hi");
    assert_eq!(begin.elapsed().as_secs(), 20);

    // Longer than the command may take: the caller is told.
    let tape = Tape::new().reply(asking("3600"));
    let error = run(&tape).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)), "{error}");
    assert_eq!(tape.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn polls_wait_as_long_as_is_asked() {
    let accepted = || {
        let location = format!("http://zstack:8080/zstack/v1/api-jobs/{UUID}");
        Reply::json(StatusCode::ACCEPTED, &json!({ "location": location }))
    };
    let tape = Tape::new()
        .on(EXECUTE_GUEST_VM_COMMAND, accepted())
        .on(GET_API_JOB, asking("20").times(1))
        .on(GET_API_JOB, done());
    let begin = Instant::now();
    assert_eq!(run(&tape).await.unwrap(), "hi");
    assert_eq!((begin.elapsed().as_secs(), tape.requests().len()), (20, 3));

    // However long that is, there are polls before the deadline.
    let tape =
        Tape::new().on(EXECUTE_GUEST_VM_COMMAND, accepted()).on(GET_API_JOB, asking("86400"));
    let error = run(&tape).await.unwrap_err();
    assert!(Unfinished::of(&error).is_some(), "{error}");
    assert!((3..20).contains(&tape.requests().len()), "{}", tape.requests().len());
}
