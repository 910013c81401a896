//! What a client makes of answers that are not the documented success: real sockets, raw answers.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use guestexec_tat::{Client, Credentials, Error, ErrorKind, enums::ErrorCode};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// What the peer does once it has read a request.
enum Peer {
    /// Sends this and closes.
    Says(String),
    /// Says nothing, and keeps the connection open.
    Silent,
    /// Closes without a word.
    Closes,
}

fn http(status: &str, content_type: &str, body: &str) -> Peer {
    Peer::Says(format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

fn refusal(code: &str) -> Peer {
    let error = format!(r#"{{"Code":"{code}","Message":"No.","Extra":1}}"#);
    let body = format!(r#"{{"Response":{{"Error":{error},"RequestId":"r-1"}}}}"#);
    http("200 OK", "application/json", &body)
}

async fn read_request(stream: &mut TcpStream) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        request.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&request);
        if count == 0 || text.split_once("\r\n\r\n").is_some_and(|(_, body)| body.ends_with('}')) {
            return;
        }
    }
}

fn client(endpoint: &str) -> Client {
    Client::builder()
        .credentials(Credentials::new("AKIDexample", "very-secret"))
        .region("ap-guangzhou")
        .endpoint(endpoint)
        .call_timeout(Duration::from_millis(500))
        // One answer is all that there is of each peer.
        .throttle_patience(Duration::ZERO)
        .build()
        .unwrap()
}

/// RunCommand against a peer that behaves so; nothing may take longer than ten seconds.
async fn run_against(peer: Peer) -> Error {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        match peer {
            Peer::Says(text) => stream.write_all(text.as_bytes()).await.unwrap(),
            Peer::Silent => std::future::pending().await,
            Peer::Closes => {}
        }
        drop(stream);
        std::future::pending::<()>().await;
    };
    let client = client(&endpoint);
    let call = async { client.instances(["ins-1"]).run("true").await.unwrap_err() };
    timeout(Duration::from_secs(10), async {
        tokio::select! { error = call => error, () = serve => unreachable!() }
    })
    .await
    .expect("the call ends")
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
        let error = run_against(refusal(code)).await;
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
    assert!(run_against(refusal("RequestLimitExceeded")).await.is_retryable());
    let expired = run_against(refusal("AuthFailure.SignatureExpire")).await;
    assert!(expired.advice().is_some_and(|advice| advice.contains("clock")), "{expired}");
}

#[tokio::test]
async fn a_gateway_fault_leaves_it_open_whether_the_script_ran() {
    let page = "<html><body><h1>502 Bad Gateway</h1></body></html>";
    let error = run_against(http("502 Bad Gateway", "text/html", page)).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.status().map(|status| status.as_u16()), Some(502));
    assert!(error.may_have_run() && !error.is_retryable());
    assert!(!error.to_string().contains("<h1>"), "{error}");

    // Something in between, which had passed the request on or may have.
    for status in [
        "408 Request Timeout",
        "409 Conflict",
        "499 Client Closed Request",
        "500 Oops",
        "504 Gateway Timeout",
    ] {
        let error = run_against(http(status, "text/html", page)).await;
        assert!(error.may_have_run() && !error.is_retryable(), "{error}");
    }

    for status in ["401 Unauthorized", "403 Forbidden", "404 Not Found", "413 Content Too Large"] {
        let error = run_against(http(status, "text/html", page)).await;
        assert!(!error.may_have_run(), "{error}");
    }

    let error = run_against(http("414 URI Too Long", "text/html", page)).await;
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(!error.may_have_run());
}

#[tokio::test]
async fn a_lost_answer_leaves_it_open_whether_the_script_ran() {
    let half =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{\"Re";
    for (peer, kind) in [
        (Peer::Closes, ErrorKind::Lost),
        (Peer::Silent, ErrorKind::Timeout),
        (Peer::Says(half.to_owned()), ErrorKind::Lost),
        (Peer::Says("garbage\r\n\r\n".to_owned()), ErrorKind::Protocol),
        (http("200 OK", "application/json", r#"{"Response":[]}"#), ErrorKind::Protocol),
        (http("200 OK", "text/html", "<html>"), ErrorKind::Protocol),
        (http("200 OK", "application/json", r#"{"Response":{}}"#), ErrorKind::Protocol),
        (http("301 Moved", "text/plain", "elsewhere"), ErrorKind::Protocol),
    ] {
        let error = run_against(peer).await;
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.may_have_run() && !error.is_retryable(), "{error}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("very-secret") && !shown.contains("TC3-HMAC"), "{shown}");
    }
}

#[tokio::test]
async fn a_refused_connection_proves_that_nothing_ran() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(&endpoint).instances(["ins-1"]).run("true").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
    assert!(!error.may_have_run() && error.is_retryable());
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let chunk = vec![b' '; 1 << 20];
        let mut sent = 0u64;
        while stream.write_all(&chunk).await.is_ok() {
            sent += 1;
            assert!(sent < 200, "the client reads without end");
        }
        std::future::pending::<()>().await;
    };
    let client = Client::builder()
        .credentials(Credentials::new("AKIDexample", "very-secret"))
        .region("ap-guangzhou")
        .endpoint(endpoint)
        .build()
        .unwrap();
    let call = async { client.instances(["ins-1"]).run("true").await.unwrap_err() };
    let error = tokio::select! { error = call => error, () = serve => unreachable!() };
    assert!(error.may_have_run(), "{error}");
}

#[test]
fn nothing_secret_is_printed() {
    let credentials = Credentials::new("AKIDexample", "very-secret").with_token("very-token");
    let client =
        Client::builder().credentials(credentials.clone()).region("ap-guangzhou").build().unwrap();
    let run = client.instances(["ins-1"]).run("echo very-private");
    let shown = format!("{credentials:?} {client:?} {run:?}");
    for secret in ["very-secret", "very-token", "very-private"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// A connection kept from an earlier call has perhaps carried the request before it ended.
#[tokio::test]
async fn a_kept_connection_that_ends_may_have_carried_the_command() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let Peer::Says(answer) = refusal("ResourceNotFound") else { unreachable!() };
        stream.write_all(answer.as_bytes()).await.unwrap();
        read_request(&mut stream).await;
        drop((stream, listener));
        std::future::pending::<()>().await;
    };
    let client = client(&endpoint);
    let calls = async {
        let instances = client.instances(["ins-1"]);
        (instances.run("true").await.unwrap_err(), instances.run("true").await.unwrap_err())
    };
    let (refused, lost) = timeout(Duration::from_secs(60), async {
        tokio::select! { errors = calls => errors, () = serve => unreachable!() }
    })
    .await
    .unwrap();
    assert!(!refused.may_have_run(), "{refused}");
    assert!(lost.may_have_run() && !lost.is_retryable(), "{lost}");
    // And where nothing listens any more, nothing was sent.
    let unsent = client.instances(["ins-1"]).run("true").await.unwrap_err();
    assert_eq!((unsent.kind(), unsent.may_have_run()), (ErrorKind::Connect, false), "{unsent}");
}
