//! Which transport is requested first, and when a second one is.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use guestexec_cci::{CallOptions, ErrorKind, ExecTransport};
use guestexec_remotecommand::{ExitStatus, Termination};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    peer::{Peer, PeerExt as _, SUCCESS, Socket, pod, response, within},
    spdy::Spdy,
};

const V4: &str = "v4.channel.k8s.io";
const V5: &str = "v5.channel.k8s.io";

/// A server of version 4 alone, as CCI is described, and perhaps SPDY.
async fn version_4(spdy: bool) -> Peer {
    Peer::new(move |request, mut stream| async move {
        let offer = request.header("sec-websocket-protocol").unwrap_or_default().to_owned();
        if request.method == "POST" && spdy {
            let mut spdy = Spdy::upgrade(&request, stream).await;
            spdy.open().await;
            while !spdy.input_ended {
                assert!(spdy.turn().await);
            }
            let input = spdy.input.clone();
            spdy.write(guestexec_remotecommand::Channel::Stdout, &input).await;
            spdy.end(&Termination::Exited(ExitStatus::SUCCESS)).await;
        } else if request.method == "POST" {
            let text = response("405 Method Not Allowed", "", "bad method");
            stream.write_all(text.as_bytes()).await.unwrap();
        } else if offer.contains(V4) {
            Socket::upgrade(&request, stream, V4).await.end(SUCCESS).await;
        } else {
            stream.write_all(response("403 Forbidden", "", "").as_bytes()).await.unwrap();
        }
    })
    .await
}

fn asked(peer: &Peer) -> Vec<String> {
    let name = |request: &crate::peer::Request| {
        let offer = request.header("sec-websocket-protocol");
        let offer = offer.or_else(|| request.header("x-stream-protocol-version")).unwrap();
        format!("{} {offer}", request.method)
    };
    peer.requests().iter().map(name).collect()
}

#[tokio::test]
async fn input_that_ends_uses_spdy_where_there_is_no_v5() {
    within(async {
        let peer = version_4(true).await;
        let client = peer.client();
        for _ in 0..3 {
            let output = pod(&client).exec(["cat"]).stdin("text").output().await.unwrap();
            assert_eq!(output.stdout, b"text");
        }
        assert!(pod(&client).exec(["true"]).output().await.unwrap().success());
        // A clone knows what the client has learned.
        pod(&client.clone()).exec(["cat"]).stdin("text").output().await.unwrap();
        let spdy = format!("POST {V4}");
        let first = format!("GET {V5}");
        let any = format!("GET {V5}, {V4}");
        assert_eq!(asked(&peer), [&*first, &spdy, &spdy, &spdy, &any, &spdy]);
    })
    .await;
}

#[tokio::test]
async fn a_successful_upgrade_is_remembered() {
    within(async {
        let peer = version_4(true).await;
        let client = peer.client();
        pod(&client).exec(["true"]).output().await.unwrap();
        pod(&client).exec(["cat"]).stdin("text").output().await.unwrap();
        assert_eq!(asked(&peer), [format!("GET {V5}, {V4}"), format!("POST {V4}")]);

        let peer = Peer::upgrading(V5, |mut socket| async move {
            let input = socket.receive_input().await;
            socket.send(1, input).await;
            socket.end(SUCCESS).await;
        })
        .await;
        let client = peer.client();
        for _ in 0..2 {
            let output = pod(&client).exec(["cat"]).stdin("text").output().await.unwrap();
            assert_eq!(output.stdout, b"text");
        }
        assert_eq!(asked(&peer), [format!("GET {V5}"), format!("GET {V5}")]);
    })
    .await;
}

#[tokio::test]
async fn without_v5_and_spdy_the_error_says_what_to_do() {
    within(async {
        let peer = version_4(false).await;
        let client = peer.client();
        let error = pod(&client).exec(["cat"]).stdin("text").output().await.unwrap_err();
        assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Refused, false), "{error}");
        assert_eq!(error.operation(), Some("connectCciV2PostNamespacedPodExec"));
        assert!(error.advice().unwrap().contains("head -c"), "{error}");
        // What was learned is forgotten.
        pod(&client).exec(["cat"]).stdin("text").output().await.unwrap_err();
        let (get, post) = (format!("GET {V5}"), format!("POST {V4}"));
        let spdy = format!("GET {V4}");
        assert_eq!(asked(&peer), [&*get, &post, &spdy, &get, &post, &spdy]);
        // The error has each reason.
        let text = error.to_string();
        assert!(text.contains("bad method") && text.contains("SPDY by GET"), "{text}");
        assert!(text.contains("v5.channel.k8s.io: the service knows none"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn a_second_transport_is_tried_only_if_the_command_has_not_run() {
    within(async {
        for answer in [
            "".to_owned(),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
                .to_owned(),
            response("500 Internal Server Error", "", ""),
            response("500 Internal Server Error", "", "stream broke: unable to upgrade: x"),
            response("503 Service Unavailable", "", ""),
            response("504 Gateway Timeout", "", "<html>"),
            response("408 Request Timeout", "", ""),
        ] {
            let text = answer.clone();
            let peer = Peer::new(move |_, mut stream| {
                let text = text.clone();
                async move {
                    let _ = stream.write_all(text.as_bytes()).await;
                    let _ = stream.shutdown().await;
                    let _ = stream.read_u8().await;
                }
            })
            .await;
            let client = peer.client();
            let error = pod(&client).exec(["cat"]).stdin("text").output().await.unwrap_err();
            assert_ne!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(error.may_have_run(), "{error}");
            assert_eq!(asked(&peer), [format!("GET {V5}")], "{answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_chosen_transport_is_the_only_one_tried() {
    within(async {
        for (transport, expected) in [
            (ExecTransport::WebSocketV5, format!("GET {V5}")),
            (ExecTransport::WebSocketV4, format!("GET {V4}")),
            (ExecTransport::SpdyPost, format!("POST {V4}")),
            (ExecTransport::SpdyGet, format!("GET {V4}")),
        ] {
            let peer = Peer::saying("403 Forbidden", "", "").await;
            let client = peer.client();
            let error = pod(&client).exec(["x"]).transport(transport).output().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert_eq!(asked(&peer), [expected]);
        }
    })
    .await;
}

#[tokio::test]
async fn input_whose_end_cannot_be_sent_is_refused() {
    within(async {
        let peer = version_4(true).await;
        let client = peer.client();
        let exec = pod(&client).exec(["wc"]).transport(ExecTransport::WebSocketV4);
        let error = exec.stdin("text").output().await.unwrap_err();
        assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Unsupported, false));
        assert!(error.advice().unwrap().contains("SpdyPost"), "{error}");
        assert!(peer.requests().is_empty());
    })
    .await;
}

/// The ways in which gateways refuse unknown protocols.
const REFUSALS: [(&str, &str, &str); 16] = [
    ("403 Forbidden", "", ""),
    (
        "403 Forbidden",
        "Content-Type: application/json\r\n",
        r#"{"kind":"Status","status":"Failure","message":"unable to upgrade","code":403}"#,
    ),
    ("403 Forbidden", "Content-Type: text/html\r\n", "<html>403 Forbidden</html>"),
    (
        "400 Bad Request",
        "Content-Type: application/json\r\n",
        r#"{"kind":"Status","status":"Failure","message":"bad subprotocol v5","reason":"B"}"#,
    ),
    ("400 Bad Request", "Content-Type: text/plain\r\n", "Bad Request"),
    (
        "400 Bad Request",
        "Content-Type: application/json\r\n",
        r#"{"kind":"Status","status":"Failure","message":"Upgrade request required","reason":"BadRequest","code":400}"#,
    ),
    ("404 Not Found", "", "not found"),
    ("405 X", "", ""),
    ("406 Not Acceptable", "", ""),
    ("426 Upgrade Required", "", ""),
    ("500 X", "Content-Type: text/plain\r\n", "unable to upgrade: no protocol"),
    ("501 X", "", ""),
    ("502 Bad Gateway", "", "bad"),
    ("502 Bad Gateway", "Content-Type: text/html\r\n", "<html>"),
    ("200 OK", "", "ok"),
    ("302 Found", "Location: http://127.0.0.1:1/\r\n", ""),
];

/// A server behind a gateway that gives this refusal to each request that `refuses` holds for.
async fn behind_gateway(
    refusal: (&'static str, &'static str, &'static str),
    refuses: impl Fn(&crate::peer::Request) -> bool + Copy + Send + Sync + 'static,
) -> Peer {
    Peer::new(move |request, mut stream| async move {
        if refuses(&request) {
            let text = response(refusal.0, refusal.1, refusal.2);
            stream.write_all(text.as_bytes()).await.unwrap();
        } else if let Some(offer) = request.header("sec-websocket-protocol") {
            let protocol = if offer.contains(V5) { V5 } else { V4 };
            Socket::upgrade(&request, stream, protocol).await.end(SUCCESS).await;
        } else {
            let mut spdy = Spdy::upgrade(&request, stream).await;
            spdy.open().await;
            while request.query().contains("stdin=true") && !spdy.input_ended {
                assert!(spdy.turn().await);
            }
            let input = spdy.input.clone();
            spdy.write(guestexec_remotecommand::Channel::Stdout, &input).await;
            spdy.end(&Termination::Exited(ExitStatus::SUCCESS)).await;
        }
    })
    .await
}

#[tokio::test]
async fn after_any_refusal_of_a_transport_the_next_one_is_tried() {
    within(async {
        for refusal in REFUSALS {
            let peer = behind_gateway(refusal, |request| {
                request.header("sec-websocket-protocol") == Some(V5)
            })
            .await;
            let client = peer.client();
            for _ in 0..2 {
                let output = pod(&client).exec(["cat"]).stdin("text").output().await.unwrap();
                assert_eq!(output.stdout, b"text", "{refusal:?}");
            }
            // The transport that worked is remembered.
            let (get, post) = (format!("GET {V5}"), format!("POST {V4}"));
            assert_eq!(asked(&peer), [&*get, &post, &post], "{refusal:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_bad_gateway_is_no_refusal_of_a_transport_that_has_worked() {
    within(async {
        for stdin in ["", "text"] {
            // The gateway loses the second session, which the server may have begun.
            let sessions = Arc::new(AtomicUsize::new(0));
            let peer = Peer::new(move |request, mut stream| {
                let session = sessions.fetch_add(1, Ordering::SeqCst);
                async move {
                    if session == 1 {
                        let text = response("502 Bad Gateway", "", "lost");
                        stream.write_all(text.as_bytes()).await.unwrap();
                    } else {
                        Socket::upgrade(&request, stream, V5).await.end(SUCCESS).await;
                    }
                }
            })
            .await;
            let client = peer.client();
            let run = || pod(&client).exec(["x"]).stdin(stdin).output();
            run().await.unwrap();
            let error = run().await.unwrap_err();
            assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Unavailable, true));
            assert_eq!(peer.requests().len(), 2, "{error}");
            run().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn spdy_is_used_where_websockets_are_refused() {
    within(async {
        for refusal in REFUSALS {
            let peer = behind_gateway(refusal, |request| {
                request.header("sec-websocket-protocol").is_some()
            })
            .await;
            let client = peer.client();
            for _ in 0..2 {
                let child = pod(&client).exec(["true"]).spawn().await.unwrap();
                assert_eq!(child.transport(), ExecTransport::SpdyPost, "{refusal:?}");
                assert!(child.wait_with_output().await.unwrap().success());
            }
            pod(&client.clone()).exec(["cat"]).stdin("text").output().await.unwrap();
            let posts = asked(&peer).iter().filter(|asked| asked.starts_with("POST")).count();
            assert_eq!((posts, asked(&peer).len()), (3, 5), "{refusal:?}");
        }
        // Nor does a POST get through.
        let peer = behind_gateway(("405 Method Not Allowed", "", ""), |request| {
            request.method == "POST" || request.header("sec-websocket-protocol").is_some()
        })
        .await;
        let client = peer.client();
        for stdin in ["", "text"] {
            let output = pod(&client).exec(["cat"]).stdin(stdin).output().await.unwrap();
            assert_eq!(output.stdout, stdin.as_bytes());
        }
        // A gateway that accepts version 4 alone.
        let peer = behind_gateway(("400 Bad Request", "", ""), |request| {
            request.header("sec-websocket-protocol") != Some(V4)
        })
        .await;
        let client = peer.client();
        let child = pod(&client).exec(["true"]).spawn().await.unwrap();
        assert_eq!(child.transport(), ExecTransport::WebSocketV4);
    })
    .await;
}

#[tokio::test]
async fn after_a_refusal_that_holds_for_all_transports_no_other_is_tried() {
    const JSON: &str = "Content-Type: application/json\r\n";
    within(async {
        for (status, body, kind) in [
            ("401 Unauthorized", "", ErrorKind::Unauthenticated),
            (
                "404 Not Found",
                r#"{"kind":"Status","message":"pods \"web-0\" not found","reason":"NotFound","details":{"name":"web-0","kind":"pods"},"code":404}"#,
                ErrorKind::NotFound,
            ),
            (
                "400 Bad Request",
                r#"{"kind":"Status","message":"container zzz is not valid for pod two","reason":"BadRequest","code":400}"#,
                ErrorKind::Refused,
            ),
            ("429 Too Many Requests", "", ErrorKind::Throttled),
            ("500 Internal Server Error", "container not found (\"main\")", ErrorKind::NotFound),
        ] {
            for stdin in ["", "text"] {
                let peer = Peer::saying(status, JSON, body).await;
                let client = peer.client().with_options(CallOptions::new().retries(0));
                let error = pod(&client).exec(["x"]).stdin(stdin).output().await.unwrap_err();
                assert_eq!((error.kind(), error.may_have_run()), (kind, false), "{error}");
                assert_eq!(peer.requests().len(), 1, "{error}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn after_a_missing_permission_only_the_other_operation_is_tried() {
    const STATUS: &str = r#"{"kind":"Status","status":"Failure","message":"pods \"web-0\" is forbidden: User \"u\" cannot get resource \"pods/exec\"","reason":"Forbidden","code":403}"#;
    within(async {
        let peer =
            Peer::saying("403 Forbidden", "Content-Type: application/json\r\n", STATUS).await;
        let client = peer.client();
        for stdin in ["", "text"] {
            let error = pod(&client).exec(["x"]).stdin(stdin).output().await.unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Forbidden, Some("Forbidden")));
            assert!(error.message().starts_with("pods \"web-0\" is forbidden"), "{error}");
        }
        let (any, v5, post) =
            (format!("GET {V5}, {V4}"), format!("GET {V5}"), format!("POST {V4}"));
        assert_eq!(asked(&peer), [&*any, &post, &v5, &post]);
        // A user with permission to POST and not to GET can run commands.
        let refusal = ("403 Forbidden", "Content-Type: application/json\r\n", STATUS);
        let peer = behind_gateway(refusal, |request| request.method == "GET").await;
        let client = peer.client();
        assert!(pod(&client).exec(["x"]).output().await.unwrap().success());
    })
    .await;
}
