//! Sessions over SPDY, and the faults of a server there.

use std::{collections::VecDeque, io, time::Duration};

use guestexec_cci::{Error, ErrorKind, ExecTransport, Subprotocol, TerminalSize};
use guestexec_remotecommand::{
    Channel, ExitStatus, Streams, Termination,
    spdy::{Event, Server},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::peer::{Peer, PeerExt as _, Request, pod, within};

const DONE: Termination = Termination::Exited(ExitStatus::SUCCESS);

/// The server's end of a session.
pub struct Spdy {
    pub stream: TcpStream,
    pub server: Server,
    pub input: Vec<u8>,
    pub input_ended: bool,
    pub pongs: usize,
    pub sizes: VecDeque<TerminalSize>,
}

impl Spdy {
    /// Answers the request and expects the streams that it asks for.
    pub async fn upgrade(request: &Request, mut stream: TcpStream) -> Self {
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n\
                    X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let has = |name: &str| request.query().contains(&format!("{name}=true"));
        let streams = Streams {
            stdin: has("stdin"),
            stdout: has("stdout"),
            stderr: has("stderr"),
            tty: has("tty"),
        };
        let server = Server::new(streams);
        let sizes = VecDeque::new();
        Self { stream, server, input: Vec::new(), input_ended: false, pongs: 0, sizes }
    }

    /// Reads once and answers what needs an answer; false at the end.
    pub async fn turn(&mut self) -> bool {
        let mut buffer = vec![0; 64 * 1024];
        let count = self.stream.read(&mut buffer).await.unwrap_or(0);
        let (mut bytes, mut out) = (&buffer[..count], Vec::new());
        while let Some(event) = self.server.next(&mut bytes).unwrap() {
            match event {
                Event::Opened(channel) => self.server.accept(channel, &mut out).unwrap(),
                Event::Ping(id) => self.server.pong(id, &mut out),
                Event::Data(Channel::Stdin, data) => self.input.extend_from_slice(data),
                Event::Fin(Channel::Stdin) => self.input_ended = true,
                Event::Pong(_) => self.pongs += 1,
                Event::Resize(size) => self.sizes.push_back(size),
                _ => {}
            }
        }
        let _ = self.stream.write_all(&out).await;
        count > 0
    }

    pub async fn open(&mut self) {
        while !self.server.is_open() {
            assert!(self.turn().await, "the client left");
        }
    }

    pub async fn write(&mut self, channel: Channel, data: &[u8]) {
        let mut out = Vec::new();
        self.server.write(channel, data, &mut out).unwrap();
        let _ = self.stream.write_all(&out).await;
    }

    pub async fn end(mut self, end: &Termination) {
        let mut out = Vec::new();
        self.server.finish(end, &mut out);
        let _ = self.stream.write_all(&out).await;
        while self.turn().await {}
    }
}

/// A peer that opens the session and then runs `session`.
async fn peer<F, A>(session: F) -> Peer
where
    F: Fn(Spdy) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    Peer::new(move |request, stream| {
        let session = session.clone();
        async move {
            let mut spdy = Spdy::upgrade(&request, stream).await;
            spdy.open().await;
            session(spdy).await;
        }
    })
    .await
}

#[tokio::test]
async fn the_wait_for_a_server_that_never_accepts_the_streams_is_bounded() {
    within(async {
        // It still answers pings.
        let peer = Peer::new(|request, stream| async move {
            let mut spdy = Spdy::upgrade(&request, stream).await;
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = spdy.stream.read(&mut buffer).await {
                let (mut bytes, mut out) = (&buffer[..count], Vec::new());
                while let Some(event) = spdy.server.next(&mut bytes).unwrap() {
                    if let Event::Ping(id) = event {
                        spdy.server.pong(id, &mut out);
                    }
                }
                let _ = spdy.stream.write_all(&out).await;
            }
        })
        .await;
        let client = peer.client();
        let exec = pod(&client).exec(["cat"]).stdin("text").transport(ExecTransport::SpdyPost);
        let exec = exec.keepalive(Duration::from_millis(100)).timeout(Duration::from_secs(60));
        let error = exec.handshake_timeout(Duration::from_secs(2)).output().await.unwrap_err();
        assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Timeout, true));
        assert!(error.message().contains("streams within 2s"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_the_server_refuses_does_not_delay_input() {
    within(async {
        let peer = Peer::new(|request, stream| async move {
            let mut spdy = Spdy::upgrade(&request, stream).await;
            let mut refused = false;
            while spdy.input != b"text\x04\x04" {
                let mut buffer = vec![0; 64 * 1024];
                let count = spdy.stream.read(&mut buffer).await.unwrap();
                assert_ne!(count, 0, "the client left");
                let (mut bytes, mut out) = (&buffer[..count], Vec::new());
                while let Some(event) = spdy.server.next(&mut bytes).unwrap() {
                    match event {
                        Event::Opened(Channel::Resize) => {
                            // Error, stdin and stdout are 1, 3 and 5: RST_STREAM of 7, REFUSED_STREAM.
                            out.extend([0x80, 3, 0, 3, 0, 0, 0, 8, 0, 0, 0, 7, 0, 0, 0, 3]);
                            refused = true;
                        }
                        Event::Opened(channel) => spdy.server.accept(channel, &mut out).unwrap(),
                        Event::Ping(id) => spdy.server.pong(id, &mut out),
                        Event::Data(Channel::Stdin, data) => spdy.input.extend_from_slice(data),
                        _ => {}
                    }
                }
                spdy.stream.write_all(&out).await.unwrap();
            }
            assert!(refused);
            spdy.end(&DONE).await;
        })
        .await;
        let client = peer.client();
        let exec = pod(&client).exec(["cat"]).tty(TerminalSize { width: 80, height: 24 });
        let exec = exec.stdin("text").transport(ExecTransport::SpdyPost);
        let output = exec.timeout(Duration::from_secs(20)).output().await.unwrap();
        assert!(output.success());
    })
    .await;
}

async fn failure(peer: &Peer) -> Error {
    let client = peer.client();
    let exec = pod(&client).exec(["x"]).transport(ExecTransport::SpdyPost);
    let error = exec.output().await.unwrap_err();
    assert_eq!(error.operation(), Some("connectCciV2PostNamespacedPodExec"), "{error}");
    assert!(error.may_have_run() && !error.is_retryable(), "{error}");
    error
}

#[tokio::test]
async fn streams_and_status_arrive() {
    within(async {
        for (transport, method) in
            [(ExecTransport::SpdyPost, "POST"), (ExecTransport::SpdyGet, "GET")]
        {
            let peer = peer(|mut spdy| async move {
                spdy.write(Channel::Stdout, b"out").await;
                spdy.write(Channel::Stderr, b"err").await;
                while !spdy.input_ended {
                    assert!(spdy.turn().await);
                }
                let input = spdy.input.clone();
                spdy.write(Channel::Stdout, &input).await;
                spdy.end(&Termination::Exited(ExitStatus::from_code(3))).await;
            })
            .await;
            let client = peer.client();
            let exec = pod(&client).exec(["x"]).stdin("put").transport(transport);
            let child = exec.spawn().await.unwrap();
            assert_eq!((child.transport(), child.protocol()), (transport, Subprotocol::V4));
            let output = child.wait_with_output().await.unwrap();
            assert_eq!(output.exit_code(), Some(3));
            assert_eq!((&*output.stdout_lossy(), &*output.stderr_lossy()), ("output", "err"));
            let request = &peer.requests()[0];
            assert_eq!(request.method, method);
            assert_eq!(request.header("upgrade"), Some("SPDY/3.1"));
            assert_eq!(request.header("x-stream-protocol-version"), Some("v4.channel.k8s.io"));
            assert_eq!(request.header("sec-websocket-key"), None);
        }
    })
    .await;
}

#[tokio::test]
async fn a_broken_session_is_an_error_of_its_kind() {
    use ErrorKind::{Lost, Protocol};
    let data = |stream: u8, length: u32, payload: &[u8]| {
        [&[0, 0, 0, stream][..], &length.to_be_bytes(), payload].concat()
    };
    let control = |kind: u8, payload: &[u8]| {
        [&[0x80, 3, 0, kind][..], &(payload.len() as u32).to_be_bytes(), payload].concat()
    };
    let fin = |stream: u8| vec![0, 0, 0, stream, 1, 0, 0, 0];
    let reset = |stream: u8, code: u8| control(3, &[0, 0, 0, stream, 0, 0, 0, code]);
    // The streams are 1 error, 3 stdout, 5 stderr.
    let garbage = [data(1, 7, b"garbage"), reset(1, 5)].concat();
    let endless = [data(1, 70_000, &[b' '; 70_000])].concat();
    let rows: Vec<(&str, Vec<u8>, ErrorKind, &str)> = vec![
        ("cut at once", vec![], Lost, ""),
        ("cut in a header", vec![0, 0, 0], Lost, ""),
        ("cut in a frame", data(3, 100, b"part"), Lost, ""),
        ("cut in a frame of 16 MB", data(3, 0xff_ffff, b"part"), Lost, ""),
        ("cut before the status", [data(3, 2, b"ok"), fin(3), fin(5)].concat(), Lost, ""),
        ("the error stream ends empty", fin(1), Lost, "empty"),
        ("the error stream is reset", reset(1, 2), Lost, "error stream was reset, code 2"),
        ("stdout is reset", [data(3, 2, b"ok"), reset(3, 6)].concat(), Lost, "stdout stream"),
        ("going away for an error", control(7, &[0, 0, 0, 5, 0, 0, 0, 2]), Lost, "status 2"),
        ("going away", control(7, &[0, 0, 0, 5, 0, 0, 0, 0]), Lost, "went away"),
        ("another version", vec![0x80, 2, 0, 1, 0, 0, 0, 0], Protocol, "version 2"),
        ("not SPDY at all", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), Lost, ""),
        ("a control frame of 16 MB", vec![0x80, 3, 0, 1, 0, 255, 255, 255], Protocol, "limit"),
        ("a stream of the server's", control(1, &[0; 12]), Protocol, ""),
        ("a short frame", control(3, &[0, 0]), Protocol, "RST_STREAM"),
        ("garbage for a status", garbage, Protocol, "not JSON"),
        ("a status without end", endless, Protocol, "longer"),
    ];
    within(async {
        for (what, bytes, kind, says) in rows {
            let peer = peer(move |mut spdy| {
                let bytes = bytes.clone();
                async move {
                    spdy.stream.write_all(&bytes).await.unwrap();
                    let _ = spdy.stream.shutdown().await;
                    while spdy.turn().await {}
                }
            })
            .await;
            let error = failure(&peer).await;
            assert_eq!(error.kind(), kind, "{what}: {error}");
            assert!(error.to_string().contains(says), "{what}: {error}");
        }
        let cut = Peer::new(|_, stream| async move { drop(stream) }).await;
        assert_eq!(failure(&cut).await.kind(), Lost);
        let early = Peer::new(|request, stream| async move {
            drop(Spdy::upgrade(&request, stream).await);
        })
        .await;
        assert_eq!(failure(&early).await.kind(), Lost);
    })
    .await;
}

#[tokio::test]
async fn a_bad_handshake_is_refused() {
    within(async {
        for (from, to) in [
            ("v4.channel.k8s.io", "v5.channel.k8s.io"),
            ("SPDY/3.1", "websocket"),
            ("X-Stream-Protocol-Version: v4.channel.k8s.io\r\n", ""),
            ("Connection: Upgrade", "Connection: close"),
        ] {
            let peer = Peer::new(move |_, mut stream| async move {
                let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\n\
                            Connection: Upgrade\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n";
                stream.write_all(head.replace(from, to).as_bytes()).await.unwrap();
                let _ = stream.read_u8().await;
            })
            .await;
            assert_eq!(failure(&peer).await.kind(), ErrorKind::Protocol, "{to}");
        }
    })
    .await;
}

/// Frames that are valid and unusual neither end a session nor fill memory.
#[tokio::test]
async fn unusual_but_valid_frames_do_no_harm() {
    within(async {
        let peer = Peer::new(|request, stream| async move {
            let mut spdy = Spdy::upgrade(&request, stream).await;
            // A reply whose 16 KiB of headers would inflate to far more; they are not inflated.
            let mut reply = vec![0x80, 3, 0, 2, 0, 0, 0x40, 0, 0, 0, 0, 63];
            reply.resize(8 + 0x4000, 0);
            spdy.stream.write_all(&reply).await.unwrap();
            spdy.open().await;
            // SETTINGS, WINDOW_UPDATE, an unknown type, HEADERS, data of an unknown stream.
            for frame in [
                &[0x80, 3, 0, 4, 0, 0, 0, 4, 0, 0, 0, 0][..],
                &[0x80, 3, 0, 9, 0, 0, 0, 8, 0, 0, 0, 3, 0, 0, 0, 1],
                &[0x80, 3, 0, 77, 0, 0, 0, 0],
                &[0x80, 3, 0, 8, 0, 0, 0, 4, 0, 0, 0, 3],
                &[0, 0, 0, 99, 0, 0, 0, 1, 65],
                // GOAWAY, after which the open streams continue.
                &[0x80, 3, 0, 7, 0, 0, 0, 8, 0, 0, 0, 5, 0, 0, 0, 0],
            ] {
                spdy.stream.write_all(frame).await.unwrap();
            }
            // Many pings, and answers to pings that were never sent.
            let pings: Vec<u8> = (0..50_000u32)
                .flat_map(|id| [&[0x80, 3, 0, 6, 0, 0, 0, 4][..], &id.to_be_bytes()].concat())
                .collect();
            spdy.stream.write_all(&pings).await.unwrap();
            while spdy.pongs == 0 {
                assert!(spdy.turn().await);
            }
            spdy.write(Channel::Stdout, b"good").await;
            spdy.end(&DONE).await;
        })
        .await;
        let client = peer.client();
        let exec = pod(&client).exec(["x"]).transport(ExecTransport::SpdyPost);
        let output = exec.output().await.unwrap();
        assert_eq!((output.success(), &*output.stdout), (true, &b"good"[..]));
    })
    .await;
}

#[tokio::test]
async fn input_waits_for_the_reply_to_its_stream() {
    within(async {
        let peer = Peer::new(|request, stream| async move {
            let mut spdy = Spdy::upgrade(&request, stream).await;
            let (mut out, mut opened) = (Vec::new(), 0);
            while opened < 4 {
                let mut buffer = vec![0; 4096];
                let count = spdy.stream.read(&mut buffer).await.unwrap();
                let mut bytes = &buffer[..count];
                while let Some(event) = spdy.server.next(&mut bytes).unwrap() {
                    let Event::Opened(channel) = event else { panic!("{event:?}") };
                    spdy.server.accept(channel, &mut out).unwrap();
                    opened += 1;
                }
            }
            let mut early = [0; 1];
            let silent = Duration::from_millis(100);
            assert!(tokio::time::timeout(silent, spdy.stream.read(&mut early)).await.is_err());
            spdy.stream.write_all(&out).await.unwrap();
            while !spdy.input_ended {
                assert!(spdy.turn().await);
            }
            assert_eq!(spdy.input, b"text");
            spdy.end(&DONE).await;
        })
        .await;
        let client = peer.client();
        let exec = pod(&client).exec(["x"]).stdin("text").transport(ExecTransport::SpdyPost);
        assert!(exec.output().await.unwrap().success());
    })
    .await;
}

#[tokio::test]
async fn a_server_that_resets_stdin_ends_the_input_alone() {
    within(async {
        let peer = peer(|mut spdy| async move {
            // Stream 3 is stdin.
            let reset = [0x80, 3, 0, 3, 0, 0, 0, 8, 0, 0, 0, 3, 0, 0, 0, 5];
            spdy.stream.write_all(&reset).await.unwrap();
            spdy.write(Channel::Stdout, b"enough").await;
            while spdy.pongs == 0 && spdy.input.len() < 50_000_000 && spdy.input.is_empty() {
                if !spdy.turn().await {
                    return;
                }
            }
            spdy.end(&DONE).await;
        })
        .await;
        let client = peer.client();
        let exec = pod(&client).exec(["x"]).stdin_piped().transport(ExecTransport::SpdyPost);
        let mut child = exec.keepalive(Duration::from_millis(50)).spawn().await.unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut enough = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut enough).await.unwrap();
        let error = loop {
            if let Err(error) = stdin.write_all(&[1; 4096]).await {
                break error;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    })
    .await;
}

#[tokio::test]
async fn a_stalled_session_ends_at_its_deadline() {
    within(async {
        let short = Duration::from_millis(300);
        // Servers that answer no stream, never read, or send nothing more.
        let deaf = Peer::new(|request, stream| async move {
            let spdy = Spdy::upgrade(&request, stream).await;
            tokio::time::sleep(Duration::from_secs(60)).await;
            drop(spdy);
        })
        .await;
        let still = peer(|spdy| async move {
            tokio::time::sleep(Duration::from_secs(60)).await;
            drop(spdy);
        })
        .await;
        for peer in [&deaf, &still] {
            let client = peer.client();
            for input in [0, 50_000_000] {
                let exec = pod(&client).exec(["x"]).transport(ExecTransport::SpdyPost);
                let error = exec.stdin(vec![1; input]).timeout(short).output().await.unwrap_err();
                assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Timeout, true));
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_idle_session_is_kept_alive_by_pings() {
    within(async {
        let peer = peer(|mut spdy| async move {
            for _ in 0..5 {
                // Each turn reads at least one ping.
                assert!(spdy.turn().await);
            }
            spdy.end(&DONE).await;
        })
        .await;
        let client = peer.client();
        let exec = pod(&client).exec(["x"]).transport(ExecTransport::SpdyPost);
        let output = exec.keepalive(Duration::from_millis(20)).output().await.unwrap();
        assert!(output.success());
    })
    .await;
}
