//! Tokens and signatures, as a server sees them.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use guestexec_cci::{
    Client, Clock, Credentials, ErrorKind,
    sign::{self, Canonical},
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::peer::{Peer, PeerExt as _, Request, SUCCESS, Socket, pod, response, within};

const PROJECT: &str = "cn-north-4";

/// A clock the test sets.
#[derive(Clone, Debug)]
struct Pinned(Arc<Mutex<SystemTime>>);

impl Pinned {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))))
    }

    fn advance(&self, hours: f64) {
        *self.0.lock().unwrap() += Duration::from_secs_f64(hours * 3600.0);
    }
}

impl Clock for Pinned {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}

/// An IAM that issues `token-1`, `token-2`, …, each for 24 hours by its own wrong clock.
async fn iam() -> Peer {
    let count = Arc::new(AtomicUsize::new(0));
    Peer::new(move |_, mut stream| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        async move {
            let body = r#"{"token":{"issued_at":"2020-01-03T09:05:22.701000Z","expires_at":"2020-01-04T09:05:22.701000Z","methods":["password"],"catalog":[]}}"#;
            let headers = format!("X-Subject-Token: token-{number}\r\nContent-Type: application/json\r\n");
            // Long enough for other calls to start waiting.
            tokio::time::sleep(Duration::from_millis(50)).await;
            stream.write_all(response("201 Created", &headers, body).as_bytes()).await.unwrap();
        }
    })
    .await
}

fn client(cci: &Peer, iam: &Peer, clock: &Pinned) -> Client {
    cci.builder()
        .iam_endpoint(format!("{}/stem/", iam.endpoint))
        .credentials(Credentials::password("Account", "user", "pass\"word", PROJECT))
        .clock(clock.clone())
        .build()
        .unwrap()
}

fn tokens(peer: &Peer) -> Vec<String> {
    peer.requests()
        .iter()
        .map(|r| r.header("x-auth-token").unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn a_token_is_fetched_once_for_many_calls() {
    within(async {
        let iam = iam().await;
        let cci = Peer::saying("200 OK", "Content-Type: application/json\r\n", "{}").await;
        let client = client(&cci, &iam, &Pinned::new());
        let calls = (0..20).map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.pod("ns", "p").get().await.map(drop) })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap().unwrap();
        }
        assert_eq!(tokens(&cci), vec!["token-1"; 20]);
        let [request] = &iam.requests()[..] else { panic!("one request for a token") };
        assert_eq!(request.method, "POST");
        assert_eq!(request.target, "/stem/v3/auth/tokens?nocatalog=true");
        assert_eq!(request.header("x-auth-token"), None);
        assert_eq!(request.header("authorization"), None);
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let user = json!({"domain": {"name": "Account"}, "name": "user", "password": "pass\"word"});
        assert_eq!(
            body,
            json!({"auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"name": PROJECT}},
            }})
        );
    })
    .await;
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    within(async {
        let iam = iam().await;
        let cci = Peer::saying("200 OK", "Content-Type: application/json\r\n", "{}").await;
        let clock = Pinned::new();
        let client = client(&cci, &iam, &clock);
        for hours in [0.0, 23.5, 0.4, 23.0, 30.0] {
            clock.advance(hours);
            client.pod("ns", "p").get().await.unwrap();
        }
        assert_eq!(tokens(&cci), ["token-1", "token-1", "token-2", "token-2", "token-3"]);
    })
    .await;
}

#[tokio::test]
async fn a_refused_token_is_not_used_again() {
    within(async {
        let iam = iam().await;
        let cci = Peer::new(|request, mut stream| async move {
            let text = match request.header("x-auth-token") {
                Some("token-1") => response(
                    "401 Unauthorized",
                    "",
                    r#"{"error_msg":"The token must be updated","error_code":"APIGW.0307"}"#,
                ),
                _ => response("200 OK", "Content-Type: application/json\r\n", "{}"),
            };
            stream.write_all(text.as_bytes()).await.unwrap();
        })
        .await;
        let client = client(&cci, &iam, &Pinned::new());
        let error = client.pod("ns", "p").get().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert_eq!(error.code(), Some("APIGW.0307"));
        client.pod("ns", "p").get().await.unwrap();
        assert_eq!(tokens(&cci), ["token-1", "token-2"]);
    })
    .await;
}

#[tokio::test]
async fn a_refused_token_is_hidden_in_every_error() {
    within(async {
        let iam = iam().await;
        let both = Arc::new(tokio::sync::Barrier::new(2));
        let cci = Peer::new(move |request, mut stream| {
            let both = both.clone();
            async move {
                both.wait().await;
                let token = request.header("x-auth-token").unwrap();
                let body = format!(r#"{{"error_msg":"{token} is stale","error_code":"X"}}"#);
                let text = response("401 Unauthorized", "", &body);
                stream.write_all(text.as_bytes()).await.unwrap();
            }
        })
        .await;
        let client = client(&cci, &iam, &Pinned::new());
        let (one, two) = (client.pod("ns", "one"), client.pod("ns", "two"));
        let (one, two) = tokio::join!(one.get(), two.get());
        // The first refusal makes the client forget the token.
        for error in [one.unwrap_err(), two.unwrap_err()] {
            assert_eq!(error.message(), "<redacted> is stale");
            assert!(!format!("{error:?}").contains("token-1"), "{error:?}");
        }
        assert_eq!(tokens(&cci), ["token-1", "token-1"]);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_for_all_waiting_calls() {
    within(async {
        let iam = Peer::new(|_, mut stream| async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let body = r#"{"error":{"code":401,"message":"The username or password is wrong.","title":"Unauthorized"}}"#;
            let text = response("401 Unauthorized", "X-Openstack-Request-Id: req-1\r\n", body);
            stream.write_all(text.as_bytes()).await.unwrap();
        })
        .await;
        let cci = Peer::saying("200 OK", "", "{}").await;
        let client = client(&cci, &iam, &Pinned::new());
        let calls = (0..10).map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.pod("ns", "p").exec(["x"]).output().await.map(drop) })
        });
        for call in calls.collect::<Vec<_>>() {
            let error = call.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
            assert_eq!(error.operation(), Some("keystoneCreateUserTokenByPassword"));
            assert_eq!(error.message(), "The username or password is wrong.");
            assert_eq!(error.code(), None, "IAM repeats the status");
            assert_eq!(error.request_id(), Some("req-1"));
            assert!(!error.may_have_run());
        }
        assert_eq!(iam.requests().len(), 1);
        assert!(cci.requests().is_empty());
        // A later call tries again.
        client.pod("ns", "p").get().await.unwrap_err();
        assert_eq!(iam.requests().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn no_token_is_fetched_for_a_request_that_is_not_sent() {
    within(async {
        let iam = iam().await;
        let cci = Peer::saying("200 OK", "", "{}").await;
        let client = client(&cci, &iam, &Pinned::new());
        let error = client.pod("ns", "..").exec(["x"]).output().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(iam.requests().is_empty() && cci.requests().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_command_cannot_have_run_while_its_token_is_missing() {
    within(async {
        let silent = Peer::new(|_, mut stream| async move { drop(stream.read_u8().await) }).await;
        let cci = Peer::saying("200 OK", "", "{}").await;
        let client = client(&cci, &silent, &Pinned::new());
        let exec = client.pod("ns", "p").exec(["x"]).handshake_timeout(Duration::from_millis(200));
        let error = exec.output().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(!error.may_have_run() && cci.requests().is_empty(), "{error}");
    })
    .await;
}

#[tokio::test]
async fn an_answer_without_a_token_is_an_error() {
    within(async {
        let iam = Peer::saying("201 Created", "Content-Type: application/json\r\n", "{}").await;
        let cci = Peer::saying("200 OK", "", "{}").await;
        let error = client(&cci, &iam, &Pinned::new()).pod("ns", "p").get().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(error.to_string().contains("X-Subject-Token"), "{error}");
    })
    .await;
}

/// Signs the request as it arrived, with the headers it names, and compares the signatures.
fn verify(request: &Request, secret_key: &str) {
    let authorization =
        sign::parse_authorization(request.header("authorization").unwrap()).unwrap();
    assert_eq!(authorization.access_key, "AKID");
    let signed: Vec<(&str, &str)> =
        authorization.signed_headers.split(';').map(|n| (n, request.header(n).unwrap())).collect();
    let canonical = sign::canonical_request(&Canonical {
        method: &request.method,
        path: request.path(),
        query: &sign::query_pairs(request.query()).unwrap(),
        signed_headers: &signed,
        payload_hash: &sign::payload_hash(&request.body, None),
    });
    let date = request.header("x-sdk-date").unwrap();
    let expected = sign::signature(secret_key, &sign::string_to_sign(date, &canonical));
    assert_eq!(authorization.signature, expected);
}

#[tokio::test]
async fn an_access_key_signs_the_request_as_sent() {
    within(async {
        let peer = Peer::new(|request, mut stream| async move {
            if request.header("upgrade").is_some() {
                Socket::upgrade(&request, stream, "v4.channel.k8s.io").await.end(SUCCESS).await;
            } else {
                let text = response("200 OK", "Content-Type: application/json\r\n", "{}");
                stream.write_all(text.as_bytes()).await.unwrap();
            }
        })
        .await;
        let key = Credentials::access_key("AKID", "secret-key");
        let temporary = key.clone().with_security_token("sec-token").project_id("0123456789abcdef");
        for (credentials, names) in
            [(key, "host;x-sdk-date"), (temporary, "host;x-project-id;x-sdk-date;x-security-token")]
        {
            let client =
                peer.builder().credentials(credentials).clock(Pinned::new()).build().unwrap();
            let before = peer.requests().len();
            // Sorted as for the signature, these arguments would be another command.
            let argv = ["/bin/sh", "-c", "z a+*~'()!", "", "你好", "%2F", "-c"];
            pod(&client).exec(argv).output().await.unwrap();
            pod(&client).get().await.unwrap();
            client.pods("ns").label_selector("a in (b, c)").list().await.unwrap();
            let requests = &peer.requests()[before..];
            assert_eq!(requests.len(), 3);
            for request in requests {
                verify(request, "secret-key");
                let authorization = request.header("authorization").unwrap();
                assert!(
                    authorization.contains(&format!("SignedHeaders={names},")),
                    "{authorization}"
                );
                assert_eq!(request.header("x-sdk-date"), Some("20270115T080000Z"));
                assert_eq!(request.header("x-auth-token"), None);
                assert!(!request.target.contains('+'), "{}", request.target);
            }
            let sent: Vec<_> = sign::query_pairs(requests[0].query())
                .unwrap()
                .into_iter()
                .filter(|(name, _)| name == "command")
                .map(|(_, value)| value.into_owned())
                .collect();
            assert_eq!(sent, argv);
        }
    })
    .await;
}
