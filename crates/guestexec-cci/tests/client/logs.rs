//! Logs: from the sandbox, and from servers that break off, fall silent or refuse.

use std::time::{Duration, SystemTime};

use guestexec_cci::{Client, Credentials, ErrorKind};
use guestexec_sandbox::Sandbox;
use guestexec_testkit::peer::{Answer, Peer};

fn client(endpoint: &str) -> Client {
    Client::builder()
        .endpoint(endpoint)
        .credentials(Credentials::token("t0ken-of-the-test"))
        .retries(0)
        .build()
        .unwrap()
}

fn chunked(body: &str, after: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n{after}"
    )
}

#[tokio::test]
async fn a_log_is_followed_to_the_end_of_its_bytes_line_by_line() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    assert!(cci.write_log("demo", "main", "one\ntwo\n\nlong"));
    assert!(!cci.write_log("demo", "other", "x") && !cci.write_log("none", "main", "x"));
    let client = cci.client().unwrap();
    let pod = client.pod("default", "demo");
    let mut log = pod.logs().follow().stream().await.unwrap();
    for expected in ["one", "two", ""] {
        assert_eq!(log.next_line().await.unwrap().unwrap(), expected.as_bytes());
    }
    cci.write_log("demo", "main", "er\n");
    assert_eq!(log.next_line().await.unwrap().unwrap(), b"longer");
    // Nothing comes, and nothing is lost by giving up.
    let waited = tokio::time::timeout(Duration::from_millis(20), log.next_line()).await;
    assert!(waited.is_err());
    cci.write_log("demo", "main", "last");
    assert_eq!(log.next_chunk().await.unwrap().unwrap(), &b"last"[..]);
    assert_eq!(pod.logs().text_lossy().await.unwrap(), "one\ntwo\n\nlonger\nlast");
    // The container of this pod has ended, so its log has, too.
    let done = client.pod("default", "done").logs().follow().bytes().await.unwrap();
    assert_eq!(done, b"");
}

#[tokio::test]
async fn what_a_part_of_a_log_is_asked_for_by() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    cci.write_log("two", "a", "one\ntwo\nthree\n");
    let client = cci.client().unwrap();
    let logs = || client.pod("default", "two").container("a").logs();
    assert_eq!(logs().tail_lines(2).text_lossy().await.unwrap(), "two\nthree\n");
    assert_eq!(logs().tail_lines(0).text_lossy().await.unwrap(), "");
    assert_eq!(logs().limit_bytes(5).text_lossy().await.unwrap(), "one\nt");
    assert_eq!(logs().since(Duration::from_millis(3_599_500)).bytes().await.unwrap().len(), 14);
    let future = SystemTime::now() + Duration::from_secs(3600);
    assert_eq!(logs().since_time(future).text_lossy().await.unwrap(), "");
    let stamped = logs().timestamps().tail_lines(1).text_lossy().await.unwrap();
    assert!(stamped.starts_with("20") && stamped.ends_with("Z three\n"), "{stamped}");

    let error = logs().previous().bytes().await.unwrap_err();
    assert!(error.to_string().contains("previous terminated container"), "{error}");
    let error = client.pod("default", "two").logs().bytes().await.unwrap_err();
    assert!(error.advice().unwrap().contains("Pod::container"), "{error}");
    let error = client.pod("default", "none").logs().bytes().await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::NotFound, false), "{error}");
    let error = logs().output_limit(10).bytes().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    assert!(error.to_string().contains("`output_limit`"), "{error}");
}

#[tokio::test]
async fn bad_settings_are_refused_and_nothing_is_sent() {
    let peer = Peer::saying("200 OK", "", "").await;
    let client = client(&peer.endpoint);
    let pod = client.pod("default", "web");
    for (logs, words) in [
        (
            pod.logs().since(Duration::from_secs(1)).since_time(SystemTime::now()),
            "exclude each other",
        ),
        (pod.logs().since(Duration::ZERO), "`sinceSeconds`"),
        (pod.logs().limit_bytes(0), "`limitBytes`"),
        (client.pod("default", "No").logs(), "`name`"),
        (pod.clone().container("A").logs(), "`container`"),
    ] {
        let error = logs.bytes().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    assert_eq!(peer.requests().len(), 0);
}

#[tokio::test]
async fn a_log_that_breaks_off_is_not_at_its_end() {
    for (after, is_whole) in [("0\r\n\r\n", true), ("", false), ("5\r\nab", false)] {
        let answer = chunked("one\ntwo", after);
        let peer = Peer::answering(move |_, _| Answer::raw(answer.clone())).await;
        let client = client(&peer.endpoint);
        let mut log = client.pod("default", "web").logs().follow().stream().await.unwrap();
        assert_eq!(log.next_line().await.unwrap().unwrap(), b"one");
        if is_whole {
            assert_eq!(log.next_line().await.unwrap().unwrap(), b"two");
            assert!(log.next_line().await.unwrap().is_none());
            continue;
        }
        // It fails however often it is asked, and what came is still there.
        for _ in 0..3 {
            let error = log.next_line().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
            assert!(!error.may_have_run(), "{error}");
        }
        let rest = log.next_chunk().await.unwrap().unwrap();
        assert!(rest.starts_with(b"two"), "{rest:?}");
        assert_eq!(log.next_chunk().await.unwrap_err().kind(), ErrorKind::Lost);
    }
}

#[tokio::test]
async fn a_silent_server_is_left_at_the_limits() {
    let answer = chunked("one\n", "");
    let peer = Peer::answering(move |_, _| Answer::raw(answer.clone()).hanging()).await;
    let client = client(&peer.endpoint);
    let logs = || client.pod("default", "web").logs().follow();
    let mut log = logs().dead_after(Duration::from_millis(50)).stream().await.unwrap();
    assert_eq!(log.next_chunk().await.unwrap().unwrap(), &b"one\n"[..]);
    let error = log.next_chunk().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
    assert!(error.to_string().contains("silent for 50ms"), "{error}");
    let error = logs().timeout(Duration::from_millis(100)).bytes().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.to_string().contains("within 100ms"), "{error}");

    // A server that does not begin to answer is left after the call's timeout, which bounds nothing else.
    let peer = Peer::answering(|_, _| Answer::silence()).await;
    let client = self::client(&peer.endpoint);
    let call = client.read_pod_log("default", "web").call_timeout(Duration::from_millis(50));
    let error = call.send_streamed().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

#[tokio::test]
async fn a_line_without_end_comes_in_pieces() {
    let body = "x".repeat(2_500_000) + "\nend";
    let answer = chunked(&body, "0\r\n\r\n");
    let peer = Peer::answering(move |_, _| Answer::raw(answer.clone())).await;
    let client = client(&peer.endpoint);
    let mut log = client.pod("default", "web").logs().stream().await.unwrap();
    let mut lengths = Vec::new();
    while let Some(line) = log.next_line().await.unwrap() {
        lengths.push(line.len());
    }
    assert_eq!(lengths, [1_048_576, 1_048_576, 402_848, 3]);
}
