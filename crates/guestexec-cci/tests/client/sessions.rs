//! Commands that end, and sessions that break.

use std::time::Duration;

use futures_util::StreamExt as _;
use guestexec_cci::{Error, ErrorKind, Subprotocol};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use crate::peer::{Peer, PeerExt as _, SUCCESS, exit, pod, response, switching, within};

const V4: &str = "v4.channel.k8s.io";
const V5: &str = "v5.channel.k8s.io";

async fn failure(peer: &Peer) -> Error {
    let client = peer.client();
    let error = pod(&client).exec(["true"]).output().await.unwrap_err();
    assert_eq!(error.operation(), Some("connectCciV2GetNamespacedPodExec"), "{error}");
    error
}

#[tokio::test]
async fn outputs_and_exit_codes_arrive() {
    within(async {
        for protocol in [V4, V5] {
            for code in [0, 3, 137] {
                let peer = Peer::upgrading(protocol, move |mut socket| async move {
                    socket.send(1, "").await;
                    socket.send(1, "out").await;
                    socket.send(2, "err").await;
                    socket.send(1, "put\n").await;
                    socket.end(if code == 0 { SUCCESS.to_owned() } else { exit(code) }).await;
                })
                .await;
                let client = peer.client();
                let output = pod(&client).container("c").exec(["x"]).output().await.unwrap();
                assert_eq!(output.exit_code(), Some(code.into()));
                assert_eq!(output.success(), code == 0);
                assert_eq!((&*output.stdout_lossy(), &*output.stderr_lossy()), ("output\n", "err"));
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_command_arrives_unchanged() {
    within(async {
        let peer = Peer::upgrading(V4, |socket| socket.end(SUCCESS)).await;
        let client = peer.client();
        let argv = ["/bin/sh", "-c", "a b+c", "", "ä&=", "-c"];
        pod(&client).container("c").exec(argv).output().await.unwrap();
        let [request] = &peer.requests()[..] else { panic!("one request") };
        assert_eq!(request.method, "GET");
        assert_eq!(request.path(), "/apis/cci/v2/namespaces/ns/pods/web-0/exec");
        assert_eq!(
            request.query(),
            "command=%2Fbin%2Fsh&command=-c&command=a%20b%2Bc&command=&command=%C3%A4%26%3D&command=-c\
             &container=c&stderr=true&stdout=true"
        );
        for (name, value) in [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "v5.channel.k8s.io, v4.channel.k8s.io"),
            ("x-auth-token", "a-token"),
        ] {
            assert_eq!(request.header(name), Some(value), "{name}");
        }
        assert_eq!(request.header("api-version"), None);
    })
    .await;
}

#[tokio::test]
async fn whole_input_is_sent_and_closed_on_v5() {
    within(async {
        let peer = Peer::upgrading(V5, |mut socket| async move {
            let input = socket.receive_input().await;
            socket.send(1, input.len().to_string()).await;
            socket
                .end(if input.iter().all(|b| *b == 7) { SUCCESS.to_owned() } else { exit(1) })
                .await;
        })
        .await;
        let client = peer.client();
        let output =
            pod(&client).exec(["wc", "-c"]).stdin(vec![7; 3_000_001]).output().await.unwrap();
        assert!(output.success());
        assert_eq!(output.stdout, b"3000001");
        assert!(peer.requests()[0].query().contains("stdin=true"));
    })
    .await;
}

#[tokio::test]
async fn empty_input_opens_no_stream() {
    within(async {
        let peer = Peer::upgrading(V4, |socket| socket.end(SUCCESS)).await;
        let client = peer.client();
        assert!(pod(&client).exec(["wc"]).stdin("").output().await.unwrap().success());
        assert!(!peer.requests()[0].query().contains("stdin"));
    })
    .await;
}

#[tokio::test]
async fn output_opens_no_stream_for_a_piped_input() {
    within(async {
        let peer = Peer::upgrading(V4, |socket| socket.end(SUCCESS)).await;
        let client = peer.client();
        assert!(pod(&client).exec(["cat"]).stdin_piped().output().await.unwrap().success());
        assert!(!peer.requests()[0].query().contains("stdin"));
    })
    .await;
}

#[tokio::test]
async fn a_close_without_a_status_is_reported_with_its_code() {
    within(async {
        for code in [CloseCode::Normal, CloseCode::Error] {
            let peer = Peer::upgrading(V4, move |mut socket| async move {
                socket.send(1, "part").await;
                let frame = CloseFrame { code, reason: "idle\u{1b}".into() };
                let _ = socket.0.close(Some(frame)).await;
                while let Some(Ok(_)) = socket.0.next().await {}
            })
            .await;
            let error = failure(&peer).await;
            assert_eq!(error.kind(), ErrorKind::Lost);
            let told = format!("close code {}: idle)", u16::from(code));
            assert!(error.may_have_run() && error.message().contains(&told), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn reserved_close_codes_are_reported_unchanged() {
    within(async {
        for code in [0u16, 999, 1005, 1006, 1015, 2500, 65_535] {
            let peer = Peer::new(move |request, mut stream| async move {
                stream.write_all(switching(&request, V5).as_bytes()).await.unwrap();
                let [high, low] = code.to_be_bytes();
                stream.write_all(&[0x88, 5, high, low, b'w', b'h', b'y']).await.unwrap();
                let _ = stream.read_to_end(&mut Vec::new()).await;
            })
            .await;
            let error = failure(&peer).await;
            assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Lost, true), "{error}");
            assert!(error.message().contains(&format!("close code {code}: why")), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_reported_as_such() {
    within(async {
        for answer in
            ["SSH-2.0-OpenSSH_9.6\r\n", "\u{15}\u{3}\u{1}\0\u{2}\u{2}F", "HTTP/9.9 200 OK\r\n\r\n"]
        {
            let peer = Peer::new(move |_, mut stream| async move {
                stream.write_all(answer.as_bytes()).await.unwrap();
                let _ = stream.read_to_end(&mut Vec::new()).await;
            })
            .await;
            let error = failure(&peer).await;
            assert_eq!(
                (error.kind(), error.may_have_run()),
                (ErrorKind::Protocol, true),
                "{error}"
            );
            assert!(error.message().contains("HTTP"), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_command_may_fill_the_longest_url_and_no_more() {
    within(async {
        let peer = Peer::upgrading(V5, |socket| socket.end(SUCCESS)).await;
        let client = peer.client();
        let script = |length| vec!["sh".to_owned(), "-c".to_owned(), "x".repeat(length)];
        assert!(pod(&client).exec(script(65_000)).output().await.unwrap().success());
        assert_eq!(peer.requests().len(), 1);
        // Each blank takes three bytes of a URL.
        for script in [script(66_000), vec!["sh".to_owned(), " ".repeat(22_000)]] {
            let error = pod(&client).exec(script).output().await.unwrap_err();
            assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::InvalidRequest, false));
            let text = error.to_string();
            assert!(text.contains("65534") && text.contains("66"), "{text}");
            assert!(text.contains("send the script by stdin"), "{text}");
        }
        assert_eq!(peer.requests().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_refusal_of_a_long_command_names_its_length() {
    within(async {
        let long = || ["sh".to_owned(), "-c".to_owned(), "x".repeat(20_000)];
        for (status, says_so) in [
            ("414 URI Too Long", true),
            ("431 Request Header Fields Too Large", true),
            ("400 Bad Request", false),
            ("403 Forbidden", false),
            ("502 Bad Gateway", false),
        ] {
            for body in ["", "<html>no</html>"] {
                let peer = Peer::saying(status, "Content-Type: text/html\r\n", body).await;
                let client = peer.client();
                let error = pod(&client).exec(long()).output().await.unwrap_err();
                let text = error.to_string();
                assert!(text.contains("send the script by stdin"), "{text}");
                assert!(text.contains("take 200"), "{text}");
                let short = pod(&client).exec(["true"]).output().await.unwrap_err().to_string();
                assert_eq!(short.contains("by stdin"), says_so, "{short}");
            }
        }
        // Some servers close the connection.
        let peer = Peer::new(|_, stream| async move { drop(stream) }).await;
        let client = peer.client();
        let error = pod(&client).exec(long()).output().await.unwrap_err();
        assert!(error.to_string().contains("send the script by stdin"), "{error}");
        assert!(error.may_have_run());
    })
    .await;
}

#[tokio::test]
async fn arguments_that_no_process_can_have_are_not_sent() {
    within(async {
        let peer = Peer::saying("500 X", "", "").await;
        let client = peer.client();
        for (argv, says) in
            [(["a\0b", "c"], "the program's name"), (["a", "c\0"], "argument 1 of the command")]
        {
            for exec in [pod(&client).exec(argv), pod(&client).exec(argv).killable()] {
                let error = exec.output().await.unwrap_err();
                assert_eq!(
                    (error.kind(), error.may_have_run()),
                    (ErrorKind::InvalidRequest, false)
                );
                assert!(error.message().contains(says), "{error}");
                assert!(error.message().contains("NUL"), "{error}");
            }
        }
        let error = pod(&client).container("a\0b").exec(["true"]).output().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
        assert!(peer.requests().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_connection_cut_before_the_answer_leaves_open_whether_the_command_ran() {
    within(async {
        let peer = Peer::new(|_, stream| async move { drop(stream) }).await;
        let error = failure(&peer).await;
        assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
        assert!(error.may_have_run() && !error.is_retryable());
    })
    .await;
}

#[tokio::test]
async fn a_cut_session_is_lost_with_or_without_a_close() {
    within(async {
        for (outputs, closes) in [(0, false), (3, false), (3, true)] {
            let peer = Peer::upgrading(V5, move |mut socket| async move {
                for _ in 0..outputs {
                    socket.send(1, "part").await;
                }
                if closes {
                    let _ = socket.0.close(None).await;
                    while let Some(Ok(_)) = socket.0.next().await {}
                }
            })
            .await;
            let error = failure(&peer).await;
            assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
            assert!(error.may_have_run(), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_cut_stream_reads_as_an_error_and_not_as_an_end() {
    within(async {
        let peer =
            Peer::upgrading(V5, |mut socket| async move { socket.send(1, "part").await }).await;
        let client = peer.client();
        let mut child = pod(&client).exec(["x"]).spawn().await.unwrap();
        let mut text = String::new();
        let error = child.stdout.take().unwrap().read_to_string(&mut text).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionAborted);
        assert_eq!(child.wait().await.unwrap_err().kind(), ErrorKind::Lost);
        // A further call returns the error again, without a hang or a panic.
        assert_eq!(child.wait().await.unwrap_err().kind(), ErrorKind::Lost);
    })
    .await;
}

#[tokio::test]
async fn a_command_that_cannot_start_is_an_error_with_the_reason() {
    within(async {
        let status = r#"{"metadata":{},"status":"Failure","message":"Internal error occurred: error executing command in container: \"nope\": executable file not found in $PATH","reason":"InternalError","details":{"causes":[{"message":"x"}]},"code":500}"#;
        let peer = Peer::upgrading(V4, move |socket| socket.end(status)).await;
        let error = failure(&peer).await;
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert_eq!(error.code(), Some("InternalError"));
        assert!(error.message().contains("executable file not found"), "{error}");
        assert!(!error.may_have_run());

        let status = r#"{"status":"Failure","message":"node on fire","reason":"InternalError"}"#;
        let peer = Peer::upgrading(V4, move |socket| socket.end(status)).await;
        let error = failure(&peer).await;
        assert!(error.may_have_run(), "{error}");
    })
    .await;
}

#[tokio::test]
async fn an_unreadable_status_is_no_success() {
    within(async {
        let long = "x".repeat(70_000);
        for garbage in ["garbage", "{}", r#"{"status":"Success"#, "\u{0}", &long] {
            let garbage = garbage.to_owned();
            let peer = Peer::upgrading(V5, move |socket| socket.end(garbage.clone())).await;
            let error = failure(&peer).await;
            assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
            assert!(error.may_have_run());
        }
    })
    .await;
}

#[tokio::test]
async fn broken_frames_and_huge_ones_end_the_session() {
    within(async {
        // A message of 2^62 bytes, one of 33 MiB, a reserved opcode, a masked frame.
        let frames: [&[u8]; 4] = [
            &[0x82, 127, 0x40, 0, 0, 0, 0, 0, 0, 0],
            &[0x82, 127, 0, 0, 0, 0, 0x02, 0x10, 0, 0],
            &[0x83, 1, 0],
            &[0x82, 0x81, 1, 2, 3, 4, 5],
        ];
        for frame in frames {
            let peer = Peer::new(move |request, mut stream| async move {
                stream.write_all(switching(&request, V5).as_bytes()).await.unwrap();
                stream.write_all(frame).await.unwrap();
                let _ = stream.read_u8().await;
            })
            .await;
            let error = failure(&peer).await;
            assert!(matches!(error.kind(), ErrorKind::Protocol), "{frame:?} {error}");
            assert!(error.may_have_run());
        }
    })
    .await;
}

#[tokio::test]
async fn a_deadline_ends_a_silent_session_and_a_silent_handshake() {
    within(async {
        let short = Duration::from_millis(100);
        let peer =
            Peer::upgrading(V5, |mut socket| async move { drop(socket.receive().await) }).await;
        let client = peer.client();
        let error = pod(&client).exec(["sleep"]).timeout(short).output().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.may_have_run() && !error.is_retryable(), "{error}");

        let silent = Peer::new(|_, mut stream| async move { drop(stream.read_u8().await) }).await;
        let client = silent.client();
        for exec in [
            pod(&client).exec(["sleep"]).timeout(short),
            pod(&client).exec(["sleep"]).handshake_timeout(short),
        ] {
            let error = exec.output().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
            assert!(error.may_have_run());
        }
    })
    .await;
}

#[tokio::test]
async fn a_call_timeout_does_not_cut_a_session() {
    within(async {
        let peer = Peer::upgrading(V4, |mut socket| async move {
            socket.send(1, "first").await;
            tokio::time::sleep(Duration::from_millis(1500)).await;
            socket.send(1, " last").await;
            socket.end(SUCCESS).await;
        })
        .await;
        let client = peer.builder().call_timeout(Duration::from_millis(500)).build().unwrap();
        assert_eq!(pod(&client).exec(["x"]).output().await.unwrap().stdout, b"first last");
    })
    .await;
}

#[tokio::test]
async fn an_ordinary_answer_in_place_of_the_upgrade_is_an_error() {
    within(async {
        let peer =
            Peer::saying("200 OK", "Content-Type: text/html\r\n", "<html>welcome</html>").await;
        let error = failure(&peer).await;
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        assert!(error.may_have_run() && !error.to_string().contains("welcome"), "{error}");

        let peer = Peer::saying("302 Found", "Location: http://127.0.0.1:1/\r\n", "").await;
        assert_eq!(failure(&peer).await.kind(), ErrorKind::Protocol);
    })
    .await;
}

#[tokio::test]
async fn an_unfinished_body_of_a_refusal_does_not_hang() {
    within(async {
        let peer = Peer::new(|_, mut stream| async move {
            let text =
                response("500 Internal Server Error", "", "").replace("Length: 0", "Length: 99");
            stream.write_all(text.as_bytes()).await.unwrap();
        })
        .await;
        let error = failure(&peer).await;
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.may_have_run());
    })
    .await;
}

#[tokio::test]
async fn dropping_the_child_ends_the_connection() {
    within(async {
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let peer = Peer::upgrading(V5, move |mut socket| {
            let tell = tell.clone();
            async move {
                while let Some(Ok(message)) = socket.0.next().await {
                    assert!(!matches!(message, Message::Close(_)));
                }
                tell.send(()).unwrap();
            }
        })
        .await;
        let client = peer.client();
        let mut child = pod(&client).exec(["sleep"]).spawn().await.unwrap();
        assert_eq!(child.protocol(), Subprotocol::V5);
        let mut stdout = child.stdout.take().unwrap();
        drop(child);
        told.recv().await.unwrap();
        assert!(stdout.read_u8().await.is_err());
    })
    .await;
}

#[tokio::test]
async fn the_spdy_operation_returns_the_upgraded_connection() {
    within(async {
        let peer = Peer::new(|_, mut stream| async move {
            let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n\
                        X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\nhello";
            stream.write_all(head.as_bytes()).await.unwrap();
            let _ = stream.read_u8().await;
        })
        .await;
        let client = peer.client();
        let call = client.exec_in_pod_by_post("ns", "web-0");
        let mut stream = call.command(vec!["x".to_owned()]).send().await.unwrap().into_inner();
        let mut hello = [0; 5];
        stream.read_exact(&mut hello).await.unwrap();
        assert_eq!(&hello, b"hello");
        let request = &peer.requests()[0];
        assert_eq!(request.method, "POST");
        assert_eq!(request.header("upgrade"), Some("SPDY/3.1"));
        assert_eq!(request.header("x-stream-protocol-version"), Some(V4));
        assert_eq!(request.header("sec-websocket-key"), None);
    })
    .await;
}
