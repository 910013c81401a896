//! Concurrent streams.

use std::{io, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use guestexec_cci::{ErrorKind, TerminalSize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};
use tokio_tungstenite::tungstenite::Message;

use crate::peer::{Peer, PeerExt as _, SUCCESS, pod, switching, within};

const V4: &str = "v4.channel.k8s.io";
const V5: &str = "v5.channel.k8s.io";
const CHUNK: usize = 32 * 1024;

#[tokio::test]
async fn unread_stderr_does_not_stop_stdout() {
    within(async {
        let peer = Peer::upgrading(V4, |mut socket| async move {
            for _ in 0..64 {
                socket.send(2, [b'e'; CHUNK]).await;
                socket.send(1, [b'o'; CHUNK]).await;
            }
            socket.end(SUCCESS).await;
        })
        .await;
        let client = peer.client();
        let mut child = pod(&client).exec(["x"]).spawn().await.unwrap();
        let mut stdout = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut stdout).await.unwrap();
        assert_eq!(stdout.len(), 64 * CHUNK);
        assert!(child.wait().await.unwrap().success());
        let mut stderr = Vec::new();
        child.stderr.take().unwrap().read_to_end(&mut stderr).await.unwrap();
        assert!(stderr.len() == 64 * CHUNK && stderr.iter().all(|b| *b == b'e'));
    })
    .await;
}

#[tokio::test]
async fn a_full_buffer_stops_the_server_and_loses_nothing() {
    within(async {
        let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = sent.clone();
        // Far more than buffers and sockets hold.
        const MESSAGES: usize = 2048;
        let peer = Peer::upgrading(V4, move |mut socket| {
            let count = count.clone();
            async move {
                for index in 0..MESSAGES {
                    socket.send(1, [index as u8; CHUNK]).await;
                    count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                }
                socket.end(SUCCESS).await;
            }
        })
        .await;
        let client = peer.client();
        let mut child = pod(&client).exec(["x"]).buffer(64 * 1024).spawn().await.unwrap();
        // The output is not read, so at some point the server can write no more.
        let mut before = usize::MAX;
        loop {
            let now = sent.load(std::sync::atomic::Ordering::SeqCst);
            if now == before {
                break;
            }
            before = now;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        assert!(before < MESSAGES, "everything was taken in without a reader");
        let mut stdout = child.stdout.take().unwrap();
        let mut piece = vec![0; CHUNK];
        for index in 0..MESSAGES {
            stdout.read_exact(&mut piece).await.unwrap();
            assert!(piece.iter().all(|b| *b == index as u8), "message {index}");
        }
        assert_eq!(stdout.read(&mut piece).await.unwrap(), 0);
        assert!(child.wait().await.unwrap().success());
    })
    .await;
}

#[tokio::test]
async fn the_output_of_a_dropped_handle_is_discarded() {
    within(async {
        let peer = Peer::upgrading(V4, |mut socket| async move {
            for _ in 0..1024 {
                socket.send(2, [0; CHUNK]).await;
            }
            socket.send(1, "line one\nline two\n").await;
            socket.end(SUCCESS).await;
        })
        .await;
        let client = peer.client();
        let mut child = pod(&client).exec(["x"]).buffer(1).spawn().await.unwrap();
        drop(child.stderr.take());
        let mut lines = tokio::io::BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("line one"));
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("line two"));
        assert_eq!(lines.next_line().await.unwrap(), None);
        assert!(child.wait().await.unwrap().success());
    })
    .await;
}

#[tokio::test]
async fn too_much_output_is_refused() {
    within(async {
        let peer = Peer::upgrading(V4, |mut socket| async move {
            while socket.0.send(Message::Binary(vec![1; CHUNK].into())).await.is_ok() {}
        })
        .await;
        let client = peer.client();
        let error = pod(&client).exec(["yes"]).output_limit(1_000_000).output().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
        assert!(error.may_have_run() && error.to_string().contains("1000000"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn input_and_output_are_independent() {
    within(async {
        // The peer reads nothing until all its output has been read.
        let peer = Peer::upgrading(V5, |mut socket| async move {
            for _ in 0..512 {
                socket.send(1, [1; CHUNK]).await;
            }
            let input = socket.receive_input().await;
            socket.send(2, input.len().to_string()).await;
            socket.end(SUCCESS).await;
        })
        .await;
        let client = peer.client();
        let output = pod(&client).exec(["x"]).stdin(vec![5; 20_000_000]).output().await.unwrap();
        assert_eq!(output.stdout.len(), 512 * CHUNK);
        assert_eq!(output.stderr, b"20000000");
    })
    .await;
}

#[tokio::test]
async fn a_dialogue_over_pipes_ends_with_a_half_close() {
    within(async {
        let peer = Peer::upgrading(V5, |mut socket| async move {
            while let Some(message) = socket.receive().await {
                match &*message {
                    [0, data @ ..] => socket.send(1, data).await,
                    [255, 0] => break,
                    other => panic!("{other:?}"),
                }
            }
            socket.send(1, "bye").await;
            socket.end(SUCCESS).await;
        })
        .await;
        let client = peer.client();
        let mut child = pod(&client).exec(["cat"]).stdin_piped().spawn().await.unwrap();
        let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        for word in ["one", "two"] {
            stdin.write_all(word.as_bytes()).await.unwrap();
            stdin.flush().await.unwrap();
            let mut echo = [0; 3];
            stdout.read_exact(&mut echo).await.unwrap();
            assert_eq!(&echo, word.as_bytes());
        }
        stdin.shutdown().await.unwrap();
        assert_eq!(stdin.write(b"late").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "bye");
        assert!(child.wait().await.unwrap().success());
    })
    .await;
}

#[tokio::test]
async fn on_v4_input_cannot_be_closed_and_the_error_says_so() {
    within(async {
        let peer = Peer::upgrading(V4, |mut socket| async move {
            assert_eq!(socket.receive().await.unwrap(), b"\0abc");
            // Dropping the handle must send nothing: not a close message, not a WebSocket close.
            let quiet = timeout(Duration::from_millis(200), socket.0.next()).await;
            socket.send(1, if quiet.is_err() { "quiet" } else { "loud" }).await;
            socket.end(SUCCESS).await;
        })
        .await;
        let client = peer.client();
        let mut child = pod(&client).exec(["head", "-c3"]).stdin_piped().spawn().await.unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"abc").await.unwrap();
        let error = stdin.shutdown().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert!(error.to_string().contains("v5.channel.k8s.io"), "{error}");
        drop(stdin);
        assert_eq!(child.wait_with_output().await.unwrap().stdout, b"quiet");
    })
    .await;
}

#[tokio::test]
async fn each_message_is_one_frame_of_at_most_a_mebibyte() {
    within(async {
        let peer = Peer::new(|request, mut stream| async move {
            stream.write_all(switching(&request, V5).as_bytes()).await.unwrap();
            let mut total = 0;
            loop {
                let mut head = [0; 2];
                stream.read_exact(&mut head).await.unwrap();
                // Final, binary, masked.
                assert_eq!((head[0], head[1] & 0x80), (0x82, 0x80));
                let length = match head[1] & 0x7f {
                    126 => u64::from(stream.read_u16().await.unwrap()),
                    127 => stream.read_u64().await.unwrap(),
                    short => u64::from(short),
                };
                assert!(length <= 1024 * 1024);
                let mut frame = vec![0; length as usize + 4];
                stream.read_exact(&mut frame).await.unwrap();
                if length == 2 {
                    break;
                }
                assert_eq!(frame[0] ^ frame[4], 0, "the channel");
                total += length - 1;
            }
            assert_eq!(total, 5_000_000);
            let mut status = vec![0x82, SUCCESS.len() as u8 + 1, 3];
            status.extend_from_slice(SUCCESS.as_bytes());
            stream.write_all(&status).await.unwrap();
        })
        .await;
        let client = peer.client();
        let mut child = pod(&client).exec(["wc"]).stdin_piped().spawn().await.unwrap();
        child.stdin.as_mut().unwrap().write_all(&vec![9; 5_000_000]).await.unwrap();
        assert!(child.wait().await.unwrap().success());
    })
    .await;
}

#[tokio::test]
async fn an_idle_session_is_kept_alive_and_needs_no_pong() {
    within(async {
        for piped in [false, true] {
            let peer = Peer::upgrading(V4, move |mut socket| async move {
                let (mut pings, mut empty) = (0, 0);
                while pings < 5 {
                    // Pongs are queued here and never sent; the client must continue without.
                    match socket.0.next().await.unwrap().unwrap() {
                        Message::Ping(_) => pings += 1,
                        Message::Binary(message) => {
                            assert_eq!(&message[..], [0]);
                            empty += 1;
                        }
                        other => panic!("{other:?}"),
                    }
                }
                // Also without input: some gateways count messages, and not pings.
                assert!(empty > 0, "{piped}");
                socket.end(SUCCESS).await;
            })
            .await;
            let client = peer.client();
            let mut exec = pod(&client).exec(["sleep"]).keepalive(Duration::from_millis(20));
            if piped {
                exec = exec.stdin_piped();
            }
            let mut child = exec.spawn().await.unwrap();
            let stdin = child.stdin.take();
            assert!(child.wait().await.unwrap().success());
            drop(stdin);
        }
    })
    .await;
}

#[tokio::test]
async fn input_can_be_kept_open_to_send_keepalive_messages() {
    within(async {
        for protocol in [V4, V5] {
            let peer = Peer::upgrading(protocol, move |mut socket| async move {
                for _ in 0..5 {
                    assert_eq!(socket.receive().await.unwrap(), [0]);
                }
                socket.end(SUCCESS).await;
            })
            .await;
            let client = peer.client();
            let exec = pod(&client).exec(["sleep"]).keepalive(Duration::from_millis(20));
            assert!(exec.keep_stdin_open().output().await.unwrap().success());
            assert!(peer.requests()[0].query().contains("stdin=true"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_terminal_gets_its_size_first_and_resizes_later() {
    within(async {
        let peer = Peer::upgrading(V5, |mut socket| async move {
            assert_eq!(socket.receive().await.unwrap(), b"\x04{\"Width\":80,\"Height\":24}\n");
            socket.send(1, "ready").await;
            assert_eq!(socket.receive().await.unwrap(), b"\x04{\"Width\":132,\"Height\":50}\n");
            socket.end(SUCCESS).await;
        })
        .await;
        let client = peer.client();
        let exec = pod(&client).exec(["sh"]).tty(TerminalSize { width: 80, height: 24 });
        let mut child = exec.spawn().await.unwrap();
        assert!(child.stderr.is_none());
        let mut ready = [0; 5];
        child.stdout.as_mut().unwrap().read_exact(&mut ready).await.unwrap();
        child.resize(132, 50).await.unwrap();
        assert!(child.wait().await.unwrap().success());
        let request = &peer.requests()[0];
        assert!(request.query().contains("tty=true") && !request.query().contains("stderr"));
    })
    .await;
}

#[tokio::test]
async fn without_a_terminal_there_is_nothing_to_resize() {
    within(async {
        let peer = Peer::upgrading(V5, |socket| socket.end(SUCCESS)).await;
        let client = peer.client();
        let mut child = pod(&client).exec(["sh"]).spawn().await.unwrap();
        let error = child.resize(80, 24).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        // A dropped wait can be started again.
        let _ = timeout(Duration::ZERO, child.wait()).await;
        assert!(child.wait().await.unwrap().success());
        assert!(child.wait().await.unwrap().success());
    })
    .await;
}
