//! Whether a command may have run depends only on whether its request was sent.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use guestexec_cci::{Client, Clock, Credentials, Error, ErrorKind};
use tokio::{io::AsyncWriteExt as _, time::sleep};

use crate::peer::{Peer, PeerExt as _, Request, pod, response, within};

/// Long enough for a request to arrive on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
struct Moved(Arc<Mutex<SystemTime>>);

impl Clock for Moved {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}

fn is_exec(request: &Request) -> bool {
    request.path().ends_with("/exec")
}

/// A service that reads every exec request and never answers it. Its IAM issues tokens for an hour,
/// unless it is `stuck`; requests that read a pod get 401.
async fn silent(stuck: bool) -> Peer {
    Peer::new(move |request, mut stream| async move {
        if is_exec(&request) || stuck {
            return std::future::pending().await;
        }
        let json = "Content-Type: application/json\r\n";
        let answer = match &*request.method {
            "POST" => response(
                "201 Created",
                &format!("X-Subject-Token: a-token\r\n{json}"),
                r#"{"token":{"issued_at":"2026-01-01T00:00:00.0Z","expires_at":"2026-01-01T01:00:00.0Z"}}"#,
            ),
            _ => response("401 Unauthorized", json, r#"{"error_code":"APIGW.0301"}"#),
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await
}

fn client(peer: &Peer, clock: &Moved) -> Client {
    peer.builder()
        .iam_endpoint(&*peer.endpoint)
        .credentials(Credentials::password("Account", "user", "password", "cn-north-4"))
        .clock(clock.clone())
        .build()
        .unwrap()
}

fn now() -> Moved {
    Moved(Arc::new(Mutex::new(SystemTime::now())))
}

async fn reboot(client: &Client) -> Error {
    pod(client).exec(["reboot"]).handshake_timeout(PATIENCE).output().await.unwrap_err()
}

async fn until_sent(peer: &Peer) {
    while !peer.requests().iter().any(is_exec) {
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_sent_request_may_have_run_although_its_token_has_expired_since() {
    within(async {
        let (peer, clock) = (silent(false).await, now());
        let client = client(&peer, &clock);
        let (error, ()) = tokio::join!(reboot(&client), async {
            until_sent(&peer).await;
            *clock.0.lock().unwrap() += Duration::from_secs(7200);
        });
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(error.may_have_run() && !error.is_retryable(), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_sent_request_may_have_run_although_its_token_was_forgotten_since() {
    within(async {
        let (peer, clock) = (silent(false).await, now());
        let client = client(&peer, &clock);
        let (error, ()) = tokio::join!(reboot(&client), async {
            until_sent(&peer).await;
            let refused = pod(&client).get().await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
        });
        assert!(error.may_have_run() && !error.is_retryable(), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_request_that_waits_for_its_token_has_not_been_sent() {
    within(async {
        let (peer, clock) = (silent(true).await, now());
        let client = client(&peer, &clock);
        let exec = pod(&client).exec(["reboot"]).handshake_timeout(Duration::from_millis(300));
        let error = exec.output().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(!error.may_have_run() && error.is_retryable(), "{error}");
        assert!(!peer.requests().iter().any(is_exec));
    })
    .await;
}

/// A first transport that is refused started nothing; a second one without an answer may have.
#[tokio::test]
async fn of_two_requests_the_last_one_counts() {
    let first = Arc::new(AtomicBool::new(true));
    let peer = Peer::new(move |_, mut stream| {
        let first = first.swap(false, Ordering::SeqCst);
        async move {
            match first {
                true => {
                    let refusal = response("403 Forbidden", "", "");
                    stream.write_all(refusal.as_bytes()).await.unwrap();
                }
                false => std::future::pending().await,
            }
        }
    })
    .await;
    within(async {
        let client = peer.client();
        let exec = pod(&client).exec(["sh"]).stdin("reboot").handshake_timeout(PATIENCE);
        let error = exec.output().await.unwrap_err();
        assert_eq!(peer.requests().len(), 2);
        assert!(error.may_have_run() && !error.is_retryable(), "{error}");
    })
    .await;
}

/// A service that turns the first request away, and takes the rest of its time.
async fn busy(first: String, more: &'static str) -> Peer {
    let count = std::sync::atomic::AtomicUsize::new(0);
    Peer::new(move |_, mut stream| {
        let answer = match count.fetch_add(1, Ordering::SeqCst) {
            0 => first.clone(),
            _ => more.to_owned(),
        };
        async move {
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            std::future::pending().await
        }
    })
    .await
}

#[tokio::test]
async fn a_server_that_is_busy_at_the_deadline_is_said_to_be_busy() {
    within(async {
        // The head of the answer comes, and its body does not.
        let head =
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 9\r\n\r\nslow";
        let peer = busy(head.to_owned(), "").await;
        let client = peer.builder().build().unwrap();
        let exec = pod(&client).exec(["reboot"]).handshake_timeout(Duration::from_millis(500));
        let error = exec.output().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Throttled, "{error}");
        assert_eq!(error.status().map(|status| status.as_u16()), Some(429));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        assert!(!error.may_have_run() && error.is_retryable(), "{error}");
        assert_eq!(peer.requests().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_was_busy_and_then_silent_may_have_run_the_command() {
    within(async {
        let text = response("429 Too Many Requests", "Content-Type: text/plain\r\n", "slow down");
        let peer = busy(text, "").await;
        let client = peer.builder().build().unwrap();
        let exec = pod(&client).exec(["reboot"]).handshake_timeout(PATIENCE);
        let error = exec.output().await.unwrap_err();
        assert_eq!(peer.requests().len(), 2);
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(error.may_have_run() && !error.is_retryable(), "{error}");
        let said = "did not accept the command within 5s; before, it answered: slow down";
        assert!(error.message().ends_with(said), "{error}");
    })
    .await;
}
