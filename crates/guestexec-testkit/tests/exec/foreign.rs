//! Clients that are not guestexec's: one made by others, and some that break the protocol.

use futures_util::{SinkExt as _, StreamExt as _};
use guestexec_cci::operations::EXEC_IN_POD;
use guestexec_core::{Request, Response, Transport as _};
use guestexec_testkit::{ExecScript, StatusCode, Tape};
use reqwest::{Method, Upgraded};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

/// The key of the example in RFC 6455.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A session of kubectl with containerd: all bytes of each side after the 101.
const KUBECTL: &str = include_str!("../../../guestexec-remotecommand/tests/data/ping.hex");

fn request(method: Method, query: &str, headers: &[(&'static str, &str)]) -> Request {
    let url = format!("http://cci/apis/cci/v2/namespaces/default/pods/web/exec?{query}");
    let mut request = reqwest::Request::new(method, url.parse().unwrap());
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    Request::from_reqwest(request)
}

pub(crate) fn websocket(query: &str) -> Request {
    request(
        Method::GET,
        query,
        &[
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", KEY),
            ("sec-websocket-protocol", "v4.channel.k8s.io"),
        ],
    )
}

pub(crate) fn spdy(query: &str) -> Request {
    let headers = [
        ("connection", "Upgrade"),
        ("upgrade", "SPDY/3.1"),
        ("x-stream-protocol-version", "v4.channel.k8s.io"),
    ];
    request(Method::POST, query, &headers)
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|it| it as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

async fn answer(tape: &Tape, request: Request) -> Response {
    tape.execute(&EXEC_IN_POD, request).await.unwrap()
}

async fn upgraded(tape: &Tape, request: Request) -> Upgraded {
    let response = answer(tape, request).await;
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    response.into_reqwest().upgrade().await.unwrap()
}

#[tokio::test]
async fn the_websocket_of_another_library_reads_every_message() {
    let script = ExecScript::new().stdout("out").wait_for_stdin(4).stderr("err").exit(0);
    let tape = Tape::new().reply(script);
    let response = answer(&tape, websocket("command=cat&stdin=1&stdout=1&stderr=1")).await;
    assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(response.headers()["sec-websocket-protocol"], "v4.channel.k8s.io");
    let stream = response.into_reqwest().upgrade().await.unwrap();
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    let mut received = Vec::new();
    socket.send(Message::Ping("p".into())).await.unwrap();
    socket.send(Message::Binary(b"\0text".as_slice().into())).await.unwrap();
    while let Some(message) = socket.next().await {
        match message.unwrap() {
            Message::Binary(bytes) => received.push(bytes.to_vec()),
            Message::Close(frame) => assert_eq!(u16::from(frame.unwrap().code), 1000),
            Message::Pong(payload) => assert_eq!(&payload[..], b"p"),
            other => panic!("{other:?}"),
        }
    }
    let status = b"\x03{\"metadata\":{},\"status\":\"Success\"}".to_vec();
    assert_eq!(received, [b"\x01".to_vec(), b"\x01out".to_vec(), b"\x02err".to_vec(), status]);
    assert_eq!(
        tape.sessions()[0].to_string(),
        "v4.channel.k8s.io over a WebSocket\nstdout \"out\"\nstdin \"text\"\nstderr \"err\"\nexit code 0"
    );
}

#[tokio::test]
async fn kubectl_gets_the_bytes_that_containerd_sent_it() {
    let (client, server) = KUBECTL.split_once("server\n").unwrap();
    let (client, server) = (unhex(client.split_once("client\n").unwrap().1), unhex(server));
    let script = ExecScript::new().wait_for_end_of_stdin().stdout_with(<[u8]>::to_vec);
    let tape = Tape::new().reply(script);
    let mut stream = upgraded(&tape, spdy("command=cat&stdin=1&stdout=1&stderr=1")).await;
    stream.write_all(&client).await.unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    // Except for the replies to the streams, whose zlib differs.
    let replies = 28 + 3 * 22;
    assert!(received.ends_with(&server[replies..]));
    assert_eq!(tape.sessions()[0].lines(), "stdin \"x\"\nstdin ends\nstdout \"x\"\nexit code 0");
}

#[tokio::test]
async fn closing_one_half_of_the_connection_ends_the_session() {
    let tape = Tape::new().reply(ExecScript::new().wait_for_end_of_stdin().stdout("late"));
    let mut stream = upgraded(&tape, websocket("command=cat&stdin=1&stdout=1")).await;
    stream.shutdown().await.unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    assert_eq!(tape.sessions()[0].lines(), "closed by the client");
}

#[tokio::test]
async fn reading_and_writing_may_be_two_tasks() {
    let script = ExecScript::new().wait_for_stdin(3).stdout("out").exit(0);
    let tape = Tape::new().reply(script);
    let stream = upgraded(&tape, websocket("command=cat&stdin=1&stdout=1")).await;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let reading = tokio::spawn(async move {
        let mut received = Vec::new();
        reader.read_to_end(&mut received).await.unwrap();
        received
    });
    for byte in [0x82, 0x84, 0, 0, 0, 0, 0, b'a', b'b', b'c'] {
        tokio::task::yield_now().await;
        writer.write_all(&[byte]).await.unwrap();
    }
    assert!(reading.await.unwrap().starts_with(b"\x82\x01\x01\x82\x04\x01out"));
    drop(writer);
    assert!(tape.to_string().ends_with("stdin \"abc\"\nstdout \"out\"\nexit code 0"));
}

#[tokio::test]
async fn a_client_that_breaks_the_protocol_is_cut() {
    for request in [websocket("command=cat&stdout=1"), spdy("command=cat&stdout=1")] {
        let tape = Tape::new().reply(ExecScript::new().hang());
        let mut stream = upgraded(&tape, request).await;
        stream.write_all(&[0xf2; 100]).await.unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).await.unwrap();
        let lines = tape.sessions()[0].lines();
        assert!(lines.starts_with("cut, because the client breaks the protocol: "), "{lines}");
    }
}

#[tokio::test]
async fn a_client_that_closes_the_websocket_gets_a_close_and_no_status() {
    let tape = Tape::new().reply(ExecScript::new().hang());
    let mut stream = upgraded(&tape, websocket("command=cat&stdout=1")).await;
    stream.write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]).await.unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, b"\x82\x01\x01\x88\x02\x03\xe8");
    assert_eq!(tape.sessions()[0].lines(), "closed by the client");
}

#[tokio::test]
async fn handshakes_are_refused_as_servers_refuse_them() {
    let websocket = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", KEY),
        ("sec-websocket-protocol", "v4.channel.k8s.io"),
    ];
    let spdy = [("connection", "Upgrade"), ("upgrade", "SPDY/3.1")];
    let offer = |name| [&spdy[..], &[("x-stream-protocol-version", name)]].concat();
    let unknown = [&websocket[..4], &[("sec-websocket-protocol", "v2.channel.k8s.io")]].concat();
    for (method, query, headers, status, text) in [
        (Method::GET, "stdout=1", Vec::new(), 400, "Upgrade request required"),
        (Method::GET, "stdout=1", websocket[1..].to_vec(), 400, "Upgrade request required"),
        (Method::POST, "stdout=1", websocket.to_vec(), 405, "bad method"),
        (Method::GET, "stdout=1", websocket[..3].to_vec(), 400, "not websocket protocol"),
        (Method::GET, "stdout=1", unknown, 403, ""),
        (Method::GET, "stdout=false", websocket.to_vec(), 400, "you must specify at least 1 of"),
        (Method::POST, "stdout=1", spdy.to_vec(), 400, "names no stream protocol; send"),
        (
            Method::POST,
            "stdout=1",
            offer("v9.channel.k8s.io"),
            403,
            "names no stream protocol that",
        ),
        (Method::POST, "", offer("v4.channel.k8s.io"), 400, "you must specify at least 1 of"),
    ] {
        let tape = Tape::new().reply(ExecScript::new());
        let response = answer(&tape, request(method, query, &headers)).await;
        assert_eq!(response.status().as_u16(), status, "{text}");
        let body = response.into_reqwest().text().await.unwrap();
        assert!(body.contains(text) && body.is_empty() == text.is_empty(), "{body}");
    }
}
