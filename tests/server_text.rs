//! Text from a server appears in errors shortened, without terminal escapes, and without the client's secrets.

#![allow(clippy::unwrap_used)]

use std::fmt::{Debug, Display};

use guestexec_testkit::{Reply, StatusCode, Tape};
use serde_json::{Value, json};

const EVIL: &str = "A\u{1b}[2J\u{1b}]0;pwn\u{7}\nFAKE LOG LINE\u{202e}";
const SESSION: &str = "0123456789abcdef0123456789abcdef";
const SECRET: &str = "ca/na=ry-S3cret-of-the-client";

fn tat(tape: Tape) -> guestexec_tat::Client {
    guestexec_tat::Client::builder()
        .credentials(
            guestexec_tat::Credentials::new("AKIDexample", SECRET)
                .with_security_token("tok-canary"),
        )
        .region("ap-guangzhou")
        .retries(0)
        .transport(tape)
        .build()
        .unwrap()
}

fn cci(tape: Tape, credentials: guestexec_cci::Credentials) -> guestexec_cci::Client {
    guestexec_cci::Client::builder()
        .credentials(credentials)
        .region("cn-north-4")
        .transport(tape)
        .build()
        .unwrap()
}

fn zstack(tape: Tape, credentials: guestexec_zstack::Credentials) -> guestexec_zstack::Client {
    let builder = guestexec_zstack::Client::builder()
        .endpoint("http://zstack")
        .allow_plain_http()
        .credentials(credentials);
    builder.transport(tape).build().unwrap()
}

/// The errors of the three providers where the service gives this answer.
async fn failures(status: u16, bodies: [Value; 3]) -> Vec<String> {
    let status = StatusCode::from_u16(status).unwrap();
    let [of_tat, of_cci, of_zstack] = bodies;
    let tape = |status, body: &Value| Tape::new().reply(Reply::json(status, body));
    let mut shown = Vec::new();
    let error = tat(tape(StatusCode::OK, &of_tat)).describe_regions().send().await.unwrap_err();
    shown.push(told(&error, error.detail()));
    for credentials in [
        guestexec_cci::Credentials::token(SECRET),
        guestexec_cci::Credentials::access_key("AK", SECRET).with_security_token("tok-canary"),
    ] {
        let client = cci(tape(status, &of_cci), credentials);
        let error = client.pod("ns", "web-0").get().await.unwrap_err();
        shown.push(told(&error, error.detail()));
    }
    for credentials in [
        guestexec_zstack::Credentials::session(SESSION),
        guestexec_zstack::Credentials::access_key("id", SECRET),
    ] {
        let client = zstack(tape(status, &of_zstack), credentials);
        let error = client.vm(SESSION).run("true").await.unwrap_err();
        shown.push(told(&error, error.detail()));
    }
    shown
}

fn told(error: &(impl Display + Debug), detail: Option<&impl Debug>) -> String {
    format!("{error}\u{0}{error:?}\u{0}{detail:?}")
}

#[tokio::test]
async fn text_from_a_server_is_readable_and_short() {
    let long = format!("{EVIL}{}", "x".repeat(1_000_000));
    for (code, id) in [(EVIL, EVIL), (&*long, &*long)] {
        let bodies = [
            json!({ "Response": { "Error": { "Code": code, "Message": id }, "RequestId": id } }),
            json!({ "error_code": code, "error_msg": id, "request_id": id }),
            json!({ "error": { "code": code, "description": id } }),
        ];
        for shown in failures(503, bodies).await {
            // The detail is unchanged, for programs.
            let error = shown.rsplit_once('\u{0}').unwrap().0.replace('\u{0}', "");
            assert!(error.len() < 50_000, "{} bytes", error.len());
            assert!(!error.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{error:?}");
            // A message may have several lines, the rest of the text may not.
            let lines = error.lines().filter(|line| line.starts_with("FAKE LOG LINE")).count();
            assert!(lines <= 2, "{error}");
        }
    }
    let reason = json!({ "reason": EVIL, "message": "m" });
    let tape = Tape::new().reply(Reply::json(StatusCode::CONFLICT, &reason));
    let error = cci(tape, guestexec_cci::Credentials::token("token")).pods("ns").list().await;
    assert_eq!(error.unwrap_err().code(), Some("A[2J]0;pwnFAKE LOG LINE"));
}

#[tokio::test]
async fn secrets_that_a_server_echoes_are_hidden() {
    let escaped = SECRET.replace('/', "\\/").replace('=', "\\u003d");
    let says = format!("canonical request: GET|{SECRET}|{escaped}|{SESSION}|tok-canary|");
    let bodies = [
        json!({ "Response": { "Error": { "Code": format!("A.{SECRET}"), "Message": says }, "RequestId": says } }),
        json!({ "error_code": SECRET, "error_msg": says, "request_id": says }),
        json!({ "error": { "code": SECRET, "description": says, "details": says } }),
    ];
    for shown in failures(401, bodies).await {
        assert!(shown.contains("<redacted>"), "{shown}");
        // Text that is no secret of this client's is kept.
        let own = match shown.contains(SESSION) {
            true => SECRET,
            false => SESSION,
        };
        assert!(!shown.contains(own), "{shown}");
    }
}

#[tokio::test]
async fn a_failed_login_does_not_show_the_password() {
    let tape = Tape::new().reply(Reply::json(
        StatusCode::UNAUTHORIZED,
        &json!({ "error": { "message": "user with password pass-canary", "code": "X" } }),
    ));
    let client = guestexec_cci::Client::builder()
        .credentials(guestexec_cci::Credentials::password("d", "u", "pass-canary", "p"))
        .region("cn-north-4")
        .transport(tape)
        .build()
        .unwrap();
    let error = client.pods("ns").list().await.unwrap_err();
    assert!(error.message().contains("<redacted>"), "{error}");
    assert!(!told(&error, error.detail()).contains("pass-canary"));
}

#[test]
fn debug_of_an_answer_does_not_show_the_output() {
    let answer = json!({ "stream": "standardStream: private, errorStream: " });
    let answer: guestexec_zstack::types::ExecuteGuestVmCommandResponse =
        serde_json::from_value(answer).unwrap();
    let shown = format!("{answer:?}");
    assert!(!shown.contains("private") && shown.contains("redacted"), "{shown}");
}

#[tokio::test]
async fn a_hidden_parameter_is_not_in_a_snapshot() {
    let tape = Tape::new();
    let run = tat(tape.clone());
    let run = run.instances(["ins-1"]).run("echo {{tat-hidden:pw}}");
    let _ = run.hidden_parameter("pw", "s3cret").start().await;
    let shape = tape.last_request().unwrap();
    assert!(!format!("{shape}{shape:?}").contains("s3cret"), "{shape}");
    let body = shape.body.unwrap();
    assert_eq!(body["Parameters"], json!({ "<json>": { "pw": "<secret>" } }));
}
