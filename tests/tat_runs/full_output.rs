//! The whole output of a task: from the sandbox's object storage, and from servers that misbehave.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use guestexec_sandbox::Sandbox;
use guestexec_tat::{Client, Credentials, ErrorKind, InstanceResult};
use guestexec_testkit::peer::{Answer, Peer};
use tokio::io::AsyncWrite;

use super::{client, unhurried};

const BUCKET: &str = "https://logs-1250000000.cos.ap-guangzhou.myqcloud.com";
const SECRET: &str = "q-signature=s3cret";

fn elsewhere() -> Client {
    let builder = Client::builder().region("ap-guangzhou").endpoint("http://127.0.0.1:1");
    builder.credentials(Credentials::new("AKIDx", "k3y")).retries(0).build().unwrap()
}

async fn answering(answer: Answer) -> Peer {
    Peer::answering(move |_, _| answer.clone()).await
}

/// A result of which something was cut off.
fn cut(url: &str) -> InstanceResult {
    InstanceResult::for_test("ins-1", 0).with_output("begin").with_dropped(7).with_output_url(url)
}

#[tokio::test]
async fn all_of_a_long_output_is_fetched() {
    let sandbox = unhurried(2).await;
    let client = client(&sandbox);
    let on = client.instances(sandbox.tat().instances());
    let script = "seq 100000; printf '\\377\\000end'";
    let whole: Vec<u8> = (1..=100_000).flat_map(|n| format!("{n}\n").into_bytes()).collect();
    let whole = [&whole[..], b"\xff\0end"].concat();
    let finished = on.run(script).output_to_cos_below(BUCKET, "a b/日志").await.unwrap();
    for result in finished.results() {
        assert_eq!(result.output(), &whole[..24 * 1024]);
        assert!(result.full_output(&client).await.unwrap() == whole);
        let mut written = Vec::new();
        let bytes = result.full_output(&client).write_to(&mut written).await.unwrap();
        assert_eq!(bytes, whole.len() as u64);
        assert!(written == whole);
        let text = result.to_string();
        assert!(text.contains("were cut off; all of it is at http://127.0.0.1:"), "{text}");
        assert!(!text.contains("q-sign"), "{text}");

        let limit = whole.len() as u64;
        assert!(result.full_output(&client).output_limit(limit).await.is_ok());
        let mut written = Vec::new();
        let fetch = result.full_output(&client).output_limit(limit - 1);
        let error = fetch.write_to(&mut written).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(written.is_empty(), "the length is told before the bytes");
    }
}

#[tokio::test]
async fn what_was_not_cut_off_is_not_fetched() {
    let sandbox = unhurried(1).await;
    let client = client(&sandbox);
    let on = client.instances(sandbox.tat().instances());
    let short = on.run("echo hi").await.unwrap();
    let requests = client.counts().requests;
    assert_eq!(short.results()[0].full_output(&client).await.unwrap(), b"hi\n");
    let short = short.results()[0].full_output(&client);
    assert_eq!(short.clone().output_limit(2).await.unwrap_err().kind(), ErrorKind::TooLarge);
    assert_eq!(client.counts().requests, requests);

    let long = on.run("seq 10000").await.unwrap();
    let error = long.results()[0].full_output(&client).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("24318 bytes of output were cut off"), "{error}");
    assert!(error.advice().unwrap().contains("output_to_cos"), "{error}");

    let failed =
        InstanceResult::for_test("ins-1", 0).with_dropped(7).with_upload_error("no bucket");
    let error = failed.full_output(&client).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("the upload to COS failed: no bucket"), "{error}");
}

#[tokio::test]
async fn an_address_that_has_expired_is_replaced_by_that_of_the_results() {
    let builder = Sandbox::builder().tat_rate(None).tat_output_url_life(Duration::ZERO);
    let sandbox = builder.start().await.unwrap();
    let client = client(&sandbox);
    let on = client.instances([&sandbox.tat().instances()[0]]);
    let finished = on.run("seq 10000").output_to_cos(BUCKET).await.unwrap();
    let error = finished.results()[0].full_output(&client).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    assert_eq!(error.code(), Some("AccessDenied"));
    assert!(error.to_string().contains("Request has expired"), "{error}");
    assert!(error.advice().unwrap().contains("client.invocation(id)"), "{error}");
    assert!(!error.may_have_run() && !error.to_string().contains("q-sign"), "{error}");
}

#[tokio::test]
async fn the_address_goes_alone_and_is_in_no_error() {
    let answers = [
        (
            "403 Forbidden",
            "<Error><Code>AccessDenied</Code><Message>no</Message></Error>",
            ErrorKind::Forbidden,
        ),
        ("403 Forbidden", "<Message>see http://x/?q-sign=s3cret</Message>", ErrorKind::Forbidden),
        ("404 Not Found", "<Code>NoSuchKey</Code>", ErrorKind::NotFound),
        ("302 Found", "moved", ErrorKind::Protocol),
        ("204 No Content", "", ErrorKind::Protocol),
        ("400 Bad Request", "<Code></Code><Message>", ErrorKind::Refused),
        ("429 Too Many Requests", "", ErrorKind::Throttled),
        ("503 Service Unavailable", "<html>", ErrorKind::Unavailable),
    ];
    for (status, body, kind) in answers {
        let peer = answering(Answer::http(status, "application/xml", body)).await;
        let result = cut(&format!("{}/b/k.log?{SECRET}", peer.endpoint));
        let error = result.full_output(&elsewhere()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let texts =
            format!("{error} {error:?} {result} {result:?} {:?}", result.full_output(&elsewhere()));
        assert!(!texts.contains("s3cret"), "{texts}");
        assert!(!serde_json::to_string(&error).unwrap().contains("s3cret"));
        let requests = peer.requests();
        assert_eq!(requests.len(), 1, "nothing is followed or repeated");
        assert_eq!(requests[0].query(), SECRET);
        for header in ["authorization", "x-tc-action", "x-tc-token", "cookie", "referer"] {
            assert_eq!(requests[0].header(header), None, "{header}");
        }
    }
}

#[tokio::test]
async fn answers_that_do_not_end_well_are_errors() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    for (answer, kind) in [
        (Answer::raw(format!("{head}half")), ErrorKind::Lost),
        (Answer::closed(), ErrorKind::Lost),
        (Answer::raw("no HTTP\r\n\r\n"), ErrorKind::Lost),
        (
            Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
            ErrorKind::TooLarge,
        ),
        (Answer::raw(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(3000))), ErrorKind::TooLarge),
    ] {
        let peer = answering(answer).await;
        let result = cut(&format!("{}/b/k.log?{SECRET}", peer.endpoint));
        let error = result.full_output(&elsewhere()).output_limit(2000).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
    let peer = answering(Answer::raw(head).hanging()).await;
    let result = cut(&format!("{}/b/k.log?{SECRET}", peer.endpoint));
    let client = elsewhere();
    let fetch = result.full_output(&client).timeout(Duration::from_millis(50));
    assert_eq!(fetch.await.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn addresses_that_may_not_be_used_are_refused() {
    let allowing = Client::builder().region("ap-guangzhou").allow_plain_http();
    let allowing = allowing.credentials(Credentials::new("AKIDx", "k3y")).build().unwrap();
    for (url, words) in [
        ("http://logs.cos.example/k.log", "plain http"),
        ("ftp://logs.cos.example/k.log", "neither https nor http"),
        ("file:///etc/passwd", "neither https nor http"),
        ("k.log", "not a URL"),
        ("https://user:s3cret@logs.cos.example/k.log", "user name or password"),
    ] {
        let result = cut(&format!("{url}?{SECRET}"));
        let error = result.full_output(&elsewhere()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
    let peer = answering(Answer::http("200 OK", "text/plain", "all of it")).await;
    let at = cut(&format!("{}/k.log", peer.endpoint));
    assert_eq!(at.full_output(&allowing).await.unwrap(), b"all of it");
}

/// Takes a few bytes, and then no more.
struct Full(usize);

impl AsyncWrite for Full {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let taken = bytes.len().min(self.0).min(3);
        self.0 -= taken;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_writer_that_fails_is_an_error() {
    let peer = answering(Answer::http("200 OK", "text/plain", "0123456789")).await;
    let result = cut(&format!("{}/k.log", peer.endpoint));
    let client = elsewhere();
    let error = result.full_output(&client).write_to(&mut Full(5)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Output, "{error}");
    assert_eq!(result.full_output(&client).write_to(&mut Full(50)).await.unwrap(), 10);
}
