//! Silent connections: dead ones, and live ones that look dead.

use std::time::Duration;

use futures_util::StreamExt as _;
use guestexec_cci::{ErrorKind, ExecTransport, Input};
use guestexec_remotecommand::Channel;
use rustix::{
    net::{SocketAddrAny, getpeername, sockopt::tcp_user_timeout},
    process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    peer::{Peer, PeerExt as _, SUCCESS, pod, switching, within},
    spdy::Spdy,
};

const V4: &str = "v4.channel.k8s.io";
const V5: &str = "v5.channel.k8s.io";
const FORMS: [ExecTransport; 3] =
    [ExecTransport::WebSocketV4, ExecTransport::WebSocketV5, ExecTransport::SpdyPost];

/// Short, and yet long enough for a machine under load.
const SHORT: Duration = Duration::from_secs(2);

/// A peer that opens a session, sends one line of output, and from then on neither reads nor writes.
async fn frozen() -> Peer {
    Peer::new(|request, mut stream| async move {
        let offer = request.header("sec-websocket-protocol").unwrap_or_default().to_owned();
        let _kept = if offer.is_empty() {
            let mut spdy = Spdy::upgrade(&request, stream).await;
            spdy.open().await;
            spdy.write(Channel::Stdout, b"line\n").await;
            spdy.stream
        } else {
            let protocol = if offer.contains(V5) { V5 } else { V4 };
            stream.write_all(switching(&request, protocol).as_bytes()).await.unwrap();
            stream.write_all(b"\x82\x06\x01line\n").await.unwrap();
            stream
        };
        std::future::pending::<()>().await;
    })
    .await
}

#[tokio::test]
async fn a_frozen_connection_is_lost_over_every_transport() {
    within(async {
        for transport in FORMS {
            for input in [false, true] {
                let peer = frozen().await;
                let client = peer.client();
                let mut exec = pod(&client).exec(["x"]).transport(transport).dead_after(SHORT);
                if input {
                    exec = exec.stdin_piped();
                }
                let mut child = exec.spawn().await.unwrap();
                let mut stdin = child.stdin.take();
                if let Some(stdin) = &mut stdin {
                    // Input typed into a dead connection must not keep it open.
                    stdin.write_all(b"anybody there?\n").await.unwrap();
                }
                let mut line = [0; 5];
                child.stdout.as_mut().unwrap().read_exact(&mut line).await.unwrap();
                let error = child.wait().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Lost, "{transport:?}: {error}");
                assert!(error.may_have_run() && !error.is_retryable(), "{error}");
                assert!(error.to_string().contains("dead_after"), "{error}");
                drop(stdin);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_silent_command_is_not_dead_while_pings_are_answered() {
    within(async {
        // The library answers the pings, which come at half the time of silence that is allowed.
        let peer = Peer::upgrading(V4, |mut socket| async move {
            let mut pings = 0;
            while pings < 8 {
                if let Message::Ping(_) = socket.0.next().await.unwrap().unwrap() {
                    pings += 1;
                }
            }
            socket.end(SUCCESS).await;
        })
        .await;
        let client = peer.client();
        let output = pod(&client).exec(["sleep"]).dead_after(SHORT).output().await.unwrap();
        assert!(output.success());
    })
    .await;
}

#[tokio::test]
async fn a_server_that_waits_for_its_command_to_read_is_not_dead() {
    within(async {
        for size in [200_000, 20_000_000] {
            let peer = Peer::new(|request, mut stream| async move {
                stream.write_all(switching(&request, V4).as_bytes()).await.unwrap();
                // The server is blocked, and reads neither input nor pings.
                tokio::time::sleep(3 * SHORT).await;
                let status = [&[0x82, SUCCESS.len() as u8 + 1, 3], SUCCESS.as_bytes()].concat();
                stream.write_all(&status).await.unwrap();
                let _ = stream.read_to_end(&mut Vec::new()).await;
            })
            .await;
            let client = peer.client();
            let exec = pod(&client).exec(["sleep"]).transport(ExecTransport::WebSocketV4);
            let mut child = exec.dead_after(SHORT).stdin_piped().spawn().await.unwrap();
            let mut stdin = child.stdin.take().unwrap();
            let write = tokio::spawn(async move { stdin.write_all(&vec![7; size]).await });
            assert!(child.wait().await.unwrap().success(), "{size}");
            let _ = write.await;
        }
    })
    .await;
}

#[tokio::test]
async fn unread_output_does_not_end_the_session() {
    within(async {
        let peer = Peer::upgrading(V4, |mut socket| async move {
            for _ in 0..64 {
                socket.send(1, [1; 32 * 1024]).await;
            }
            socket.end(SUCCESS).await;
        })
        .await;
        let client = peer.client();
        let exec = pod(&client).exec(["x"]).buffer(1).dead_after(Duration::from_millis(300));
        let mut child = exec.spawn().await.unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut output = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut output).await.unwrap();
        assert_eq!(output.len(), 64 * 32 * 1024);
        assert!(child.wait().await.unwrap().success());
    })
    .await;
}

#[tokio::test]
async fn the_limit_on_silence_can_be_turned_off() {
    within(async {
        let peer = frozen().await;
        let client = peer.client();
        let exec = pod(&client).exec(["x"]).dead_after(None).timeout(SHORT);
        assert_eq!(exec.output().await.unwrap_err().kind(), ErrorKind::Timeout);
    })
    .await;
}

/// `TCP_USER_TIMEOUT` of this process's sockets that are connected to `port`, in milliseconds.
fn kernel_limits(port: u16) -> Vec<u32> {
    let process = pidfd_open(getpid(), PidfdFlags::empty()).unwrap();
    let fds = std::fs::read_dir("/proc/self/fd").unwrap();
    fds.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|fd| pidfd_getfd(&process, fd, PidfdGetfdFlags::empty()).ok())
        .filter(|fd| match getpeername(fd) {
            Ok(Some(address)) => is_port(&address, port),
            _ => false,
        })
        .map(|fd| tcp_user_timeout(fd).unwrap())
        .collect()
}

fn is_port(address: &SocketAddrAny, port: u16) -> bool {
    std::net::SocketAddr::try_from(address.clone()).is_ok_and(|address| address.port() == port)
}

#[tokio::test]
async fn the_kernel_sets_no_timeout_on_a_peer_that_reads_nothing() {
    within(async {
        for transport in FORMS {
            let peer = frozen().await;
            let client = peer.client();
            let exec = pod(&client).exec(["sleep"]).transport(transport).stdin_piped();
            let child = exec.spawn().await.unwrap();
            let port = peer.endpoint.rsplit_once(':').unwrap().1.parse().unwrap();
            assert_eq!(kernel_limits(port), [0], "{transport:?}");
            drop(child);
        }
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_pings_whose_pongs_are_never_read_ends_the_session() {
    within(async {
        for transport in FORMS {
            let peer = Peer::new(move |request, mut stream| async move {
                let ping = if transport == ExecTransport::SpdyPost {
                    let mut spdy = Spdy::upgrade(&request, stream).await;
                    spdy.open().await;
                    stream = spdy.stream;
                    vec![0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 2]
                } else {
                    let v5 = transport == ExecTransport::WebSocketV5;
                    let head = switching(&request, if v5 { V5 } else { V4 });
                    stream.write_all(head.as_bytes()).await.unwrap();
                    [&[0x89, 125][..], &[b'p'; 125]].concat()
                };
                let pings = ping.repeat(1000);
                while stream.write_all(&pings).await.is_ok() {}
            })
            .await;
            let client = peer.client();
            let exec = pod(&client).exec(["x"]).transport(transport);
            let error = exec.output().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{transport:?}: {error}");
            assert!(error.may_have_run() && error.to_string().contains("pings"), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn slow_input_keeps_the_session_open() {
    within(async {
        let peer = Peer::upgrading(V5, |mut socket| async move {
            let input = socket.receive_input().await;
            socket.send(1, input).await;
            socket.end(SUCCESS).await;
        })
        .await;
        let client = peer.client();
        let (reader, mut writer) = tokio::io::duplex(64);
        let write = tokio::spawn(async move {
            tokio::time::sleep(2 * SHORT).await;
            writer.write_all(b"late").await.unwrap();
        });
        let exec = pod(&client).exec(["cat"]).stdin(Input::reader(reader)).dead_after(SHORT);
        assert_eq!(exec.output().await.unwrap().stdout, b"late");
        write.await.unwrap();
    })
    .await;
}
