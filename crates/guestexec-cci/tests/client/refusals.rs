//! Refusals in every form that the service, its gateway and IAM use.

use std::time::Duration;

use guestexec_cci::{Error, ErrorKind};

use crate::peer::{Peer, PeerExt as _, pod, within};

const JSON: &str = "Content-Type: application/json\r\n";
const TEXT: &str = "Content-Type: text/plain\r\nX-Request-Id: r-7\r\n";

async fn refused(status: &'static str, headers: &'static str, body: &'static str) -> Error {
    let peer = Peer::saying(status, headers, body).await;
    // A retry would wait for a service that stays as it is.
    let client = peer.builder().retries(0).build().unwrap();
    let error = pod(&client).exec(["x"]).output().await.unwrap_err();
    assert_eq!(error.operation(), Some("connectCciV2GetNamespacedPodExec"));
    assert_eq!(error.status().unwrap().as_u16().to_string(), status[..3]);
    error
}

#[tokio::test]
async fn a_kubernetes_status_is_read() {
    within(async {
        let error = refused(
            "404 Not Found",
            JSON,
            r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"pods \"web-0\" not found","reason":"NotFound","details":{"name":"web-0","kind":"pods"},"code":404}"#,
        )
        .await;
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!((error.code(), error.message()), (Some("NotFound"), "pods \"web-0\" not found"));
        assert!(!error.may_have_run());
        assert!(error.advice().unwrap().contains("namespace"));
        let details = error.detail().unwrap().details.as_ref().unwrap();
        assert_eq!(details.name.as_deref(), Some("web-0"));

        let error = refused(
            "400 Bad Request",
            JSON,
            r#"{"kind":"Status","status":"Failure","message":"a container name must be specified for pod two, choose one of: [a b]","reason":"BadRequest","code":400}"#,
        )
        .await;
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("[a b]") && error.advice().unwrap().contains("container"));
    })
    .await;
}

#[tokio::test]
async fn the_wait_that_the_service_asks_for_is_shown() {
    within(async {
        let body = r#"{"kind":"Status","reason":"TooManyRequests","message":"slow down","details":{"retryAfterSeconds":7},"code":429}"#;
        let error = refused("429 Too Many Requests", JSON, body).await;
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        assert!(error.to_string().ends_with("; the service asks to wait 7 s before a retry"), "{error}");
        let error = refused("429 Too Many Requests", "Retry-After: 3\r\n", "slow down").await;
        assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
        // Not of a command that may have run, which is not to be retried.
        let error = refused("503 Service Unavailable", "Retry-After: 3\r\n", "busy").await;
        assert!(error.may_have_run());
        assert_eq!(error.retry_after(), None);
        assert!(!error.to_string().contains("asks to wait"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_code_of_the_service_is_read() {
    within(async {
        let error = refused(
            "409 Conflict",
            JSON,
            r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"no","reason":"Conflict","code":409,"errorCode":"CCI.02.409101"}"#,
        )
        .await;
        assert_eq!((error.kind(), error.code()), (ErrorKind::Refused, Some("CCI.02.409101")));
        assert!(!error.may_have_run());
    })
    .await;
}

#[tokio::test]
async fn the_gateways_canonical_request_is_shown_without_tokens() {
    within(async {
        let error = refused(
            "401 Unauthorized",
            JSON,
            r#"{"error_msg":"Incorrect IAM authentication information: verify aksk signature fail,canonicalRequest:GET|/x/||host:h|x-security-token:t0ps3cret||host|e3b0c442","error_code":"APIGW.0301","request_id":"5c2c"}"#,
        )
        .await;
        assert_eq!((error.kind(), error.code()), (ErrorKind::Unauthenticated, Some("APIGW.0301")));
        assert_eq!(error.request_id(), Some("5c2c"));
        let text = error.to_string();
        assert!(text.contains("canonicalRequest:\n  GET\n  /x/\n"), "{text}");
        assert!(text.contains("clock") && !text.contains("t0ps3cret"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn plain_text_of_the_runtime_is_read() {
    within(async {
        let text = "you must specify at least 1 of stdin, stdout, stderr";
        let error = refused("400 Bad Request", TEXT, text).await;
        assert_eq!((error.kind(), error.message()), (ErrorKind::Refused, text));
        assert_eq!(error.request_id(), Some("r-7"));

        let error =
            refused("500 Internal Server Error", TEXT, "container not found (\"main\")").await;
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(!error.may_have_run() && error.advice().is_some(), "{error}");

        let error = refused("405 Method Not Allowed", TEXT, "bad method").await;
        assert!(!error.may_have_run());
    })
    .await;
}

#[tokio::test]
async fn an_empty_403_refuses_the_protocol() {
    within(async {
        let error = refused("403 Forbidden", "", "").await;
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("protocol") && !error.may_have_run(), "{error}");
        // Not so where no protocol was offered.
        let peer = Peer::saying("403 Forbidden", "", "").await;
        let error = pod(&peer.client()).get().await.unwrap_err();
        assert!(!error.message().contains("protocol"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_failure_of_the_server_leaves_open_whether_the_command_ran() {
    within(async {
        for (status, body, may_have_run, retryable) in [
            ("500 Internal Server Error", r#"{"status":"Failure","message":"boom"}"#, true, false),
            ("503 Service Unavailable", "", true, false),
            ("504 Gateway Timeout", "<html>gateway</html>", true, false),
            (
                "500 Internal Server Error",
                r#"{"status":"Failure","message":"error dialing backend: dial tcp 10.0.0.1:10250: connect: connection refused","code":500}"#,
                false,
                true,
            ),
            ("429 Too Many Requests", "[]", false, true),
        ] {
            let error = refused(status, JSON, body).await;
            assert_eq!(error.may_have_run(), may_have_run, "{error}");
            assert_eq!(error.is_retryable(), retryable, "{error}");
            assert!(!error.to_string().contains("html>"), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn odd_json_is_read_as_far_as_possible() {
    within(async {
        for body in [
            r#"{"message":"no","code":"four","metadata":7,"request_id":9,"status":null}"#,
            r#"{"error_msg":"no","error_code":17,"request_id":"9"}"#,
            r#"{"error":{"message":"no","code":"X"},"request_id":"9"}"#,
        ] {
            let error = refused("422 Unprocessable Entity", JSON, body).await;
            assert_eq!((error.message(), error.request_id()), ("no", Some("9")), "{body}");
        }
        for body in
            [r#"{"error":null}"#, r#"{"error":[]}"#, "{}", "null", "{", "\u{1}\u{2}", "[[[[[["]
        {
            let error = refused("400 Bad Request", JSON, body).await;
            assert_eq!(error.kind(), ErrorKind::Refused, "{body}: {error}");
            assert!(!error.to_string().contains('\u{1}'));
        }
    })
    .await;
}

#[tokio::test]
async fn an_error_without_a_message_is_a_sentence_with_its_code_and_status() {
    within(async {
        for (body, beginning) in [
            (r#"{"error":{"code":403,"title":"Forbidden"}}"#, ""),
            (r#"{"error":{"code":403,"message":"","title":"Forbidden"}}"#, ""),
            (r#"{"error":{"code":"IAM.0003","message":null}}"#, "IAM.0003: "),
            (r#"{"error_code":"IAM.0011","error_msg":"  "}"#, "IAM.0011: "),
            (r#"{"kind":"Status","status":"Failure","reason":"Forbidden"}"#, "Forbidden: "),
            (r#"{"kind":"Status","status":"Failure","code":403}"#, ""),
        ] {
            let text = refused("403 Forbidden", JSON, body).await.to_string();
            let expected = format!(
                "connectCciV2GetNamespacedPodExec: {beginning}the service refuses the request and gives no message (HTTP 403)"
            );
            assert!(text.starts_with(&expected), "{body}: {text}");
        }
        // A form that nobody documents is called that.
        let text = refused("403 Forbidden", JSON, r#"{"x":1}"#).await.to_string();
        assert!(text.contains("does not document"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_a_gateway_may_have_made_proves_nothing() {
    within(async {
        let quoting = r#"{"kind":"Status","status":"Failure","code":500,"message":"Internal error occurred: error attaching: stream broke while running [sh -c ls || echo container not found (\"main\"): no such file or directory]"}"#;
        for (status, headers, body) in [
            ("408 Request Timeout", TEXT, "Request Timeout"),
            ("409 Conflict", TEXT, "Conflict"),
            ("409 Conflict", JSON, r#"{"error_msg":"busy","error_code":"APIGW.0308"}"#),
            ("499 Client Closed Request", "", ""),
            ("425 Too Early", "", ""),
            ("500 Internal Server Error", JSON, quoting),
            ("500 Internal Server Error", TEXT, "open /var/run/s: permission denied"),
            ("500 Internal Server Error", TEXT, "error sending request: Post \"https://n/exec\": EOF"),
            ("502 Bad Gateway", TEXT, "dial tcp: lookup upstream: no such host"),
            ("503 Service Unavailable", TEXT, "no such file or directory"),
            ("504 Gateway Timeout", TEXT, "upstream timed out, not: error dialing backend: x"),
        ] {
            let error = refused(status, headers, body).await;
            assert!(error.may_have_run() && !error.is_retryable(), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_refusal_that_proves_that_nothing_started_is_explained() {
    within(async {
        for (status, headers, body, kind) in [
            (
                "409 Conflict",
                JSON,
                r#"{"kind":"Status","status":"Failure","message":"no","reason":"Conflict","code":409}"#,
                ErrorKind::Refused,
            ),
            ("501 Not Implemented", "", "", ErrorKind::Unavailable),
            (
                "500 Internal Server Error",
                TEXT,
                "unable to upgrade: unable to hijack response",
                ErrorKind::Unsupported,
            ),
            (
                "500 Internal Server Error",
                JSON,
                r#"{"kind":"Status","status":"Failure","code":500,"message":"Internal error occurred: error executing command in container: exec: \"nope\": executable file not found in $PATH"}"#,
                ErrorKind::Refused,
            ),
            (
                "500 Internal Server Error",
                TEXT,
                "container is not running",
                ErrorKind::NotFound,
            ),
        ] {
            let error = refused(status, headers, body).await;
            assert_eq!((error.kind(), error.may_have_run()), (kind, false), "{error}");
        }
    })
    .await;
}
