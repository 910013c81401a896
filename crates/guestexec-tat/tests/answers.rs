//! The errors that refusals, gateways and lost answers become, over real sockets.

#![allow(clippy::unwrap_used)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use guestexec_tat::{Client, Credentials, Error, ErrorKind, Retries, enums::ErrorCode};
use guestexec_testkit::{
    Reply, StatusCode, Tape,
    peer::{Answer, Peer, closed_endpoint},
};
use serde_json::json;
use tokio::{
    io::AsyncWriteExt as _,
    time::{Instant, timeout},
};

fn refusal(code: &str) -> String {
    let error = format!(r#"{{"Code":"{code}","Message":"No.","Extra":1}}"#);
    format!(r#"{{"Response":{{"Error":{error},"RequestId":"r-1"}}}}"#)
}

fn client(endpoint: &str) -> Client {
    Client::builder()
        .credentials(Credentials::new("AKIDexample", "very-secret"))
        .region("ap-guangzhou")
        .endpoint(endpoint)
        .call_timeout(Duration::from_millis(500))
        // A throttled call is not sent again.
        .retries(Retries::new().patience(Duration::ZERO))
        .build()
        .unwrap()
}

/// The error of a RunCommand that gets this answer; nothing may take longer than ten seconds.
async fn run_against(answer: Answer) -> Error {
    let peer = Peer::answering(move |_, _| answer.clone()).await;
    let client = client(&peer.endpoint);
    let call = async { client.instances(["ins-1"]).run("true").await.unwrap_err() };
    timeout(Duration::from_secs(10), call).await.expect("the call ends")
}

#[tokio::test]
async fn a_refusal_inside_http_200_is_an_error_with_its_code() {
    for (code, kind, may_have_run) in [
        ("AuthFailure.SignatureExpire", ErrorKind::Unauthenticated, false),
        ("UnauthorizedOperation.CamAuthFailed", ErrorKind::Forbidden, false),
        ("ResourceNotFound.InstanceNotFound", ErrorKind::NotFound, false),
        ("RequestLimitExceeded", ErrorKind::Throttled, false),
        ("InvalidParameterValue.TooLong", ErrorKind::Refused, false),
        ("InternalError", ErrorKind::Unavailable, true),
        ("Brand.NewCode", ErrorKind::Refused, true),
    ] {
        let error = run_against(Answer::json("200 OK", &refusal(code))).await;
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.code(), Some(code));
        assert_eq!(error.detail(), Some(&ErrorCode::from(code)));
        assert_eq!(error.message(), "No.");
        assert_eq!(error.request_id(), Some("r-1"));
        assert_eq!(error.status().map(|status| status.as_u16()), Some(200), "as on the wire");
        assert_eq!(error.may_have_run(), may_have_run, "{error}");
        assert_eq!(error.operation(), Some("RunCommand"));
        assert!(error.to_string().starts_with(&format!("RunCommand: {code}: No.")), "{error}");
    }
    assert!(
        run_against(Answer::json("200 OK", &refusal("RequestLimitExceeded"))).await.is_retryable()
    );
    let expired =
        run_against(Answer::json("200 OK", &refusal("AuthFailure.SignatureExpire"))).await;
    assert!(expired.advice().is_some_and(|advice| advice.contains("clock")), "{expired}");
}

#[tokio::test]
async fn a_refusal_without_a_message_is_a_sentence_with_its_code() {
    for message in [r#","Message":"""#, r#","Message":" ""#, r#","Message":null"#, ""] {
        let error = format!(r#"{{"Code":"InvalidParameter"{message}}}"#);
        let body = format!(r#"{{"Response":{{"Error":{error},"RequestId":"r-1"}}}}"#);
        let text = run_against(Answer::json("200 OK", &body)).await.to_string();
        let expected = "RunCommand: InvalidParameter: the service gives no message (request r-1)";
        assert!(text.starts_with(expected), "{text}");
    }
}

#[tokio::test]
async fn a_gateway_error_leaves_open_whether_the_script_ran() {
    let page = "<html><body><h1>502 Bad Gateway</h1></body></html>";
    let error = run_against(Answer::http("502 Bad Gateway", "text/html", page)).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.status().map(|status| status.as_u16()), Some(502));
    assert!(error.may_have_run() && !error.is_retryable());
    assert!(!error.to_string().contains("<h1>"), "{error}");

    // A proxy, which may have passed the request on.
    for status in [
        "408 Request Timeout",
        "409 Conflict",
        "499 Client Closed Request",
        "500 Oops",
        "504 Gateway Timeout",
    ] {
        let error = run_against(Answer::http(status, "text/html", page)).await;
        assert!(error.may_have_run() && !error.is_retryable(), "{error}");
    }

    for status in ["401 Unauthorized", "403 Forbidden", "404 Not Found", "413 Content Too Large"] {
        let error = run_against(Answer::http(status, "text/html", page)).await;
        assert!(!error.may_have_run(), "{error}");
    }

    let error = run_against(Answer::http("414 URI Too Long", "text/html", page)).await;
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(!error.may_have_run());
}

#[tokio::test]
async fn a_lost_answer_leaves_open_whether_the_script_ran() {
    let half =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{\"Re";
    for (answer, kind) in [
        (Answer::closed(), ErrorKind::Lost),
        (Answer::silence(), ErrorKind::Timeout),
        (Answer::raw(half), ErrorKind::Lost),
        (Answer::raw("garbage\r\n\r\n"), ErrorKind::Protocol),
        (Answer::http("200 OK", "application/json", r#"{"Response":[]}"#), ErrorKind::Protocol),
        (Answer::http("200 OK", "text/html", "<html>"), ErrorKind::Protocol),
        (Answer::http("200 OK", "application/json", r#"{"Response":{}}"#), ErrorKind::Protocol),
        (Answer::http("301 Moved", "text/plain", "elsewhere"), ErrorKind::Protocol),
    ] {
        let error = run_against(answer).await;
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.may_have_run() && !error.is_retryable(), "{error}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("very-secret") && !shown.contains("TC3-HMAC"), "{shown}");
    }
}

#[tokio::test]
async fn a_refused_connection_proves_that_nothing_ran() {
    let error =
        client(&closed_endpoint().await).instances(["ins-1"]).run("true").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
    assert!(!error.may_have_run() && error.is_retryable());
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    let peer = Peer::new(move |_, mut stream| {
        let count = count.clone();
        async move {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
            let chunk = vec![b' '; 1 << 20];
            while stream.write_all(&chunk).await.is_ok() {
                if count.fetch_add(1, Ordering::SeqCst) == 200 {
                    return;
                }
            }
        }
    })
    .await;
    let client = Client::builder()
        .credentials(Credentials::new("AKIDexample", "very-secret"))
        .region("ap-guangzhou")
        .endpoint(&*peer.endpoint)
        .build()
        .unwrap();
    let error = client.instances(["ins-1"]).run("true").await.unwrap_err();
    assert!(error.may_have_run(), "{error}");
    assert!(sent.load(Ordering::SeqCst) < 200, "the client reads without end");
}

#[test]
fn nothing_secret_is_printed() {
    let credentials =
        Credentials::new("AKIDexample", "very-secret").with_security_token("very-token");
    let client =
        Client::builder().credentials(credentials.clone()).region("ap-guangzhou").build().unwrap();
    let run = client.instances(["ins-1"]).run("echo very-private");
    let shown = format!("{credentials:?} {client:?} {run:?}");
    for secret in ["very-secret", "very-token", "very-private"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// A reused connection that ends may have carried the request.
#[tokio::test]
async fn a_reused_connection_that_ends_may_have_carried_the_command() {
    let peer = Peer::answering(|_, before| match before {
        0 => Answer::kept("200 OK", "application/json", &refusal("ResourceNotFound")),
        _ => Answer::closed(),
    })
    .await;
    let client = client(&peer.endpoint);
    let instances = client.instances(["ins-1"]);
    let calls = async {
        (instances.run("true").await.unwrap_err(), instances.run("true").await.unwrap_err())
    };
    let (refused, lost) = timeout(Duration::from_secs(60), calls).await.unwrap();
    assert!(!refused.may_have_run(), "{refused}");
    assert!(lost.may_have_run() && !lost.is_retryable(), "{lost}");
    // Once nothing listens any more, nothing is sent.
    peer.close().await;
    let unsent = client.instances(["ins-1"]).run("true").await.unwrap_err();
    assert_eq!((unsent.kind(), unsent.may_have_run()), (ErrorKind::Connect, false), "{unsent}");
}

/// A client that sends to a tape.
fn on(tape: &Tape) -> Client {
    let credentials = Credentials::new("AKIDexample", "very-secret");
    let builder = Client::builder().credentials(credentials).region("ap-guangzhou");
    builder.transport(tape.clone()).build().unwrap()
}

/// An answer of a gateway that asks to wait.
fn asking(status: StatusCode, seconds: &'static str) -> Reply {
    Reply::text(status, "not now").header("retry-after", seconds)
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_as_long_as_the_service_asks() {
    for status in [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE] {
        let done = json!({ "Response": { "RequestId": "r-1" } });
        let tape = Tape::new().reply(asking(status, "7")).reply(done);
        let begin = Instant::now();
        on(&tape).describe_regions().send().await.unwrap();
        let waited = begin.elapsed();
        assert!((7..9).contains(&waited.as_secs()), "{status}: {waited:?}");

        // Longer than the client has patience for: the caller is told.
        let tape = Tape::new().reply(asking(status, "3600"));
        let begin = Instant::now();
        let error = on(&tape).describe_regions().send().await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)), "{error}");
        assert!(error.to_string().contains("asks to wait 3600 s"), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(1) && tape.requests().len() == 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_may_have_run_is_not_sent_again_after_any_wait() {
    let tape = Tape::new().reply(asking(StatusCode::SERVICE_UNAVAILABLE, "1"));
    let error = on(&tape).instances(["ins-1"]).run("true").start().await.unwrap_err();
    assert!(error.may_have_run() && !error.is_retryable(), "{error}");
    assert_eq!(error.retry_after(), None);
    let sent = tape
        .requests()
        .into_iter()
        .filter(|request| request.operation.as_deref() == Some("RunCommand"));
    assert_eq!(sent.count(), 1);
}
