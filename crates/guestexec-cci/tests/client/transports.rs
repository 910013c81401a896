//! Which transport is asked for, and when a second one is.

use guestexec_cci::{ErrorKind, ExecTransport, ExitStatus};
use guestexec_remotecommand::Termination;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    peer::{Peer, SUCCESS, Socket, pod, response, within},
    spdy::Spdy,
};

const V4: &str = "v4.channel.k8s.io";
const V5: &str = "v5.channel.k8s.io";

/// A server as CCI is said to be: version 4 alone, and perhaps SPDY.
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
async fn input_with_an_end_goes_by_spdy_where_there_is_no_v5() {
    within(async {
        let peer = version_4(true).await;
        let client = peer.client();
        for _ in 0..3 {
            let output = pod(&client).exec(["cat"]).stdin("text").output().await.unwrap();
            assert_eq!(output.stdout, b"text");
        }
        assert!(pod(&client).exec(["true"]).output().await.unwrap().status.success());
        // A clone knows what the client has learnt.
        pod(&client.clone()).exec(["cat"]).stdin("text").output().await.unwrap();
        let spdy = format!("POST {V4}");
        let first = format!("GET {V5}");
        let any = format!("GET {V5}, {V4}");
        assert_eq!(asked(&peer), [&*first, &spdy, &spdy, &spdy, &any, &spdy]);
    })
    .await;
}

#[tokio::test]
async fn what_an_upgrade_shows_saves_the_question() {
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
async fn without_both_the_error_says_what_to_do() {
    within(async {
        let peer = version_4(false).await;
        let client = peer.client();
        let error = pod(&client).exec(["cat"]).stdin("text").output().await.unwrap_err();
        assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Refused, false), "{error}");
        assert_eq!(error.operation(), Some("connectCciV2PostNamespacedPodExec"));
        assert!(error.advice().unwrap().contains("head -c"), "{error}");
        // What could be learnt is not believed any more.
        pod(&client).exec(["cat"]).stdin("text").output().await.unwrap_err();
        let (get, post) = (format!("GET {V5}"), format!("POST {V4}"));
        assert_eq!(asked(&peer), [&*get, &post, &get, &post]);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_asked_twice_unless_it_is_known_not_to_have_run() {
    within(async {
        for answer in [
            "".to_owned(),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
                .to_owned(),
            response("500 Internal Server Error", "", ""),
            response("502 Bad Gateway", "", "<html>"),
            response(
                "403 Forbidden",
                "",
                r#"{"kind":"Status","message":"pods/exec is forbidden"}"#,
            ),
            response("404 Not Found", "", ""),
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
            assert_eq!(asked(&peer), [format!("GET {V5}")], "{answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_forced_transport_is_the_only_one() {
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
async fn input_whose_end_would_be_lost_is_not_sent_at_all() {
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
