//! Faults of a server in a WebSocket session.

use std::time::Duration;

use guestexec_cci::{ErrorKind, Input};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::peer::{Peer, PeerExt as _, SUCCESS, pod, switching, within};

const V4: &str = "v4.channel.k8s.io";
const V5: &str = "v5.channel.k8s.io";

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    [&[first, payload.len() as u8][..], payload].concat()
}

fn status() -> Vec<u8> {
    frame(0x82, &[&[3][..], SUCCESS.as_bytes()].concat())
}

/// A peer that sends these bytes after the handshake, and nothing more.
async fn sending(protocol: &'static str, bytes: Vec<u8>) -> Peer {
    Peer::new(move |request, mut stream| {
        let bytes = bytes.clone();
        async move {
            stream.write_all(switching(&request, protocol).as_bytes()).await.unwrap();
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_broken_session_is_an_error_of_its_kind() {
    use ErrorKind::{Lost, Protocol};
    let rows: Vec<(&str, Vec<u8>, ErrorKind)> = vec![
        ("cut at once", vec![], Lost),
        ("cut in a header", vec![0x82], Lost),
        ("cut in a frame", vec![0x82, 100, 1, b'x'], Lost),
        ("cut before the status", frame(0x82, b"\x01all of it"), Lost),
        ("closed before the status", frame(0x88, &[3, 0xe8]), Lost),
        ("a frame of 256 MB", vec![0x82, 127, 0, 0, 0, 0, 0x10, 0, 0, 0], Protocol),
        ("a frame of 2^63 bytes", vec![0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], Protocol),
        ("a continuation of nothing", frame(0x80, b"\x01x"), Protocol),
        ("a reserved bit", frame(0xc2, b"\x01x"), Protocol),
        ("text that is none", frame(0x81, &[0xff, 0xfe]), Protocol),
        ("a status that is none", frame(0x82, b"\x03garbage"), Protocol),
        ("half a status", frame(0x82, b"\x03{\"status\":"), Protocol),
    ];
    within(async {
        for (what, bytes, kind) in rows {
            for protocol in [V4, V5] {
                let peer = sending(protocol, bytes.clone()).await;
                let client = peer.client();
                let error = pod(&client).exec(["x"]).output().await.unwrap_err();
                assert_eq!(error.kind(), kind, "{what}: {error}");
                assert!(error.may_have_run() && !error.is_retryable(), "{what}: {error}");
            }
        }
        // Channel 255 has a meaning in version 5 only; elsewhere it is an unknown channel.
        let peer = sending(V5, frame(0x82, &[255, 9])).await;
        let error = pod(&peer.client()).exec(["x"]).output().await.unwrap_err();
        assert_eq!(error.kind(), Protocol, "{error}");
    })
    .await;
}

#[tokio::test]
async fn unusual_but_valid_frames_do_no_harm() {
    within(async {
        let bytes = [
            // A message in three frames with a ping between them.
            frame(0x02, b"\x01fra"),
            frame(0x89, b"ping"),
            frame(0x00, b"gmen"),
            frame(0x80, b"ted"),
            // Unknown channels, empty messages, a text frame.
            frame(0x82, b"\x09nine"),
            frame(0x82, b"\xfe"),
            frame(0x82, b""),
            frame(0x82, b"\x02"),
            frame(0x82, b"\x03"),
            frame(0x8a, b"no ping"),
            frame(0x81, b"\x01 text"),
            status(),
        ]
        .concat();
        for protocol in [V4, V5] {
            let peer = sending(protocol, bytes.clone()).await;
            let output = pod(&peer.client()).exec(["x"]).output().await.unwrap();
            assert!(output.success());
            assert_eq!(output.stdout_lossy(), "fragmented text");
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_that_never_reads_stops_the_input_and_not_the_deadline() {
    within(async {
        let peer = Peer::new(|request, mut stream| async move {
            stream.write_all(switching(&request, V5).as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_secs(60)).await;
        })
        .await;
        let client = peer.client();
        let exec = pod(&client).exec(["x"]).stdin(Input::reader(tokio::io::repeat(7)));
        let error = exec.timeout(Duration::from_millis(300)).output().await.unwrap_err();
        assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Timeout, true), "{error}");
        // Input that the command never read is no failure.
        let peer = Peer::new(|request, mut stream| async move {
            let answer = [switching(&request, V5).as_bytes(), &status()].concat();
            stream.write_all(&answer).await.unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
        })
        .await;
        let client = peer.client();
        let exec = pod(&client).exec(["x"]).stdin(Input::reader(tokio::io::repeat(7)));
        assert!(exec.output().await.unwrap().success());
    })
    .await;
}

#[tokio::test]
async fn an_error_of_the_input_is_not_sent_as_its_end() {
    struct Broken;
    impl tokio::io::AsyncRead for Broken {
        fn poll_read(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            _: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            std::task::Poll::Ready(Err(std::io::Error::other("the disk is gone")))
        }
    }
    within(async {
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let peer = Peer::upgrading(V5, move |mut socket| {
            let tell = tell.clone();
            async move { tell.send(socket.receive().await).unwrap() }
        })
        .await;
        let client = peer.client();
        let exec = pod(&client).exec(["x"]).stdin(Input::reader(Broken));
        let error = exec.output().await.unwrap_err();
        assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Input, true), "{error}");
        assert!(error.to_string().contains("the disk is gone"), "{error}");
        assert_eq!(told.recv().await, Some(None));
    })
    .await;
}
