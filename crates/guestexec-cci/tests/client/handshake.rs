//! Responses with status 101, valid and invalid.

use guestexec_cci::ErrorKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::peer::{Peer, PeerExt as _, pod, switching, within};

/// The error of a session whose valid 101 response has one part replaced.
async fn with_change(from: &'static str, to: &'static str) -> guestexec_cci::Error {
    let peer = Peer::new(move |request, mut stream| async move {
        let head = switching(&request, "v5.channel.k8s.io");
        let changed = match from {
            "accept" => {
                let line =
                    head.lines().find(|line| line.starts_with("Sec-WebSocket-Accept")).unwrap();
                head.replace(line, to)
            }
            from => head.replace(from, to),
        };
        assert_ne!(head, changed);
        stream.write_all(changed.as_bytes()).await.unwrap();
        let _ = stream.read_u8().await;
    })
    .await;
    let client = peer.client();
    pod(&client).exec(["x"]).output().await.unwrap_err()
}

#[tokio::test]
async fn a_bad_handshake_is_refused_and_may_have_run() {
    within(async {
        for (from, to, says) in [
            (
                "accept",
                "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                "Sec-WebSocket-Accept",
            ),
            ("accept", "X: y", "Sec-WebSocket-Accept"),
            ("Upgrade: websocket", "Upgrade: SPDY/3.1", "Upgrade header"),
            ("Upgrade: websocket\r\n", "", "Upgrade header"),
            ("Connection: Upgrade", "Connection: keep-alive", "Connection header"),
            ("v5.channel.k8s.io", "v1.channel.k8s.io", "protocol"),
            ("v5.channel.k8s.io", "channel.k8s.io", "protocol"),
            ("v5.channel.k8s.io", "v5.channel.k8s.io, v4.channel.k8s.io", "protocol"),
            (
                "v5.channel.k8s.io",
                "v5.channel.k8s.io\r\nSec-WebSocket-Protocol: v4.channel.k8s.io",
                "protocol",
            ),
            ("Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n", "", "protocol"),
            ("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "extension"),
        ] {
            let error = with_change(from, to).await;
            assert_eq!(error.kind(), ErrorKind::Protocol, "{to}: {error}");
            assert!(error.may_have_run() && !error.is_retryable(), "{to}: {error}");
            assert!(error.to_string().contains(says), "{to}: {error}");
        }
    })
    .await;
}

#[tokio::test]
async fn letter_case_and_header_lists_are_accepted() {
    within(async {
        for (from, to) in [
            ("Upgrade: websocket", "upgrade: WebSocket"),
            ("Connection: Upgrade", "connection: keep-alive, upgrade"),
        ] {
            // The peer closes without a status: the session began and was lost.
            let peer = Peer::new(move |request, mut stream| async move {
                let head = switching(&request, "v4.channel.k8s.io").replace(from, to);
                stream.write_all(head.as_bytes()).await.unwrap();
            })
            .await;
            let client = peer.client();
            let error = pod(&client).exec(["x"]).output().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Lost, "{to}: {error}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_spdy_response_is_checked_too() {
    within(async {
        for (upgrade, protocol, good) in [
            ("SPDY/3.1", "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n", true),
            ("websocket", "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n", false),
            ("SPDY/3.1", "X-Stream-Protocol-Version: v3.channel.k8s.io\r\n", false),
            ("SPDY/3.1", "", false),
        ] {
            let peer = Peer::new(move |_, mut stream| async move {
                let head = format!(
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: {upgrade}\r\nConnection: Upgrade\r\n{protocol}\r\n"
                );
                stream.write_all(head.as_bytes()).await.unwrap();
                let _ = stream.read_u8().await;
            })
            .await;
            let client = peer.client();
            let call = client.exec_in_pod_by_post("ns", "p");
            let result = call.send().await;
            assert_eq!(result.is_ok(), good, "{upgrade} {protocol}");
            if let Err(error) = result {
                assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Protocol, true));
            }
        }
    })
    .await;
}
