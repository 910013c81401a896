//! CCI by raw HTTP, WebSocket and SPDY: tokens, signatures, pods, and commands that really run.

#![allow(clippy::unwrap_used)]

use std::{
    borrow::Cow,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::{SinkExt as _, StreamExt as _};
use guestexec_cci::sign::{self, Canonical};
use guestexec_remotecommand::{
    Channel, ExitStatus, SPDY_OFFER, SPDY_UPGRADE, STREAM_PROTOCOL_HEADER, Streams, Subprotocol,
    TerminalSize, Termination,
    spdy::{Client as SpdyClient, Event},
    websocket::{ClientDecoder, ClientEvent, Encoder, Message as Payload},
};
use guestexec_sandbox::{CciHandle, Sandbox};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest as _},
};

/// A client for requests made by hand, with whatever TLS the workspace's build gave `reqwest`.
fn http() -> reqwest::Client {
    guestexec_core::http_client(&guestexec_core::HttpOptions::default(), &[]).unwrap()
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed()
}

fn address(cci: &CciHandle) -> String {
    cci.endpoint().replace("http://", "")
}

fn exec_path(pod: &str, query: &str) -> String {
    format!("/apis/cci/v2/namespaces/default/pods/{pod}/exec?{query}")
}

type Socket = WebSocketStream<TcpStream>;

async fn connect(
    cci: &CciHandle,
    path: &str,
    headers: &[(&'static str, String)],
) -> Result<(Socket, Option<String>), tungstenite::http::Response<Option<Vec<u8>>>> {
    let tcp = TcpStream::connect(address(cci)).await.unwrap();
    let mut request = format!("ws://{}{path}", address(cci)).into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match client_async(request, tcp).await {
        Ok((socket, answer)) => {
            let protocol = answer.headers().get("sec-websocket-protocol");
            Ok((socket, protocol.map(|name| name.to_str().unwrap().to_owned())))
        }
        Err(tungstenite::Error::Http(answer)) => Err(*answer),
        Err(error) => panic!("{error}"),
    }
}

async fn open(cci: &CciHandle, offer: &str, query: &str) -> (Socket, Option<String>) {
    let headers =
        [("x-auth-token", cci.token().to_owned()), ("sec-websocket-protocol", offer.to_owned())];
    connect(cci, &exec_path(cci.pod(), query), &headers).await.unwrap()
}

/// The messages of a session until the server closes it.
#[derive(Debug, Default, PartialEq)]
struct Yield {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

async fn read_all(socket: &mut Socket, protocol: Subprotocol) -> (Yield, Termination) {
    let mut decoder = ClientDecoder::new(protocol);
    let mut all = Yield::default();
    let mut clean = false;
    while let Some(Ok(message)) = socket.next().await {
        let payload = match &message {
            Message::Binary(bytes) => &bytes[..],
            Message::Text(text) => text.as_bytes(),
            Message::Close(frame) => {
                clean = frame.as_ref().is_some_and(|frame| u16::from(frame.code) == 1000);
                continue;
            }
            _ => continue,
        };
        match decoder.decode(payload).unwrap() {
            ClientEvent::Stdout(bytes) => all.stdout.extend_from_slice(bytes),
            ClientEvent::Stderr(bytes) => all.stderr.extend_from_slice(bytes),
            _ => {}
        }
    }
    (all, decoder.finish(clean).unwrap())
}

fn code(code: i32) -> Termination {
    Termination::Exited(ExitStatus::from_code(code))
}

fn message(payload: Payload) -> Message {
    match payload {
        Payload::Binary(bytes) => Message::Binary(bytes.into()),
        Payload::Text(text) => Message::Text(text.into()),
    }
}

const V5: &str = "v5.channel.k8s.io, v4.channel.k8s.io";

#[tokio::test]
async fn argv_reaches_the_process_unchanged() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let query = "command=printf&command=%5B%25s%5D&command=&command=two+words&command=%E4%BD%A0%26%3D%2B\
                 &command=-c&command=-c&stdout=true&stderr=true";
    let (mut socket, protocol) = open(cci, V5, query).await;
    assert_eq!(protocol.as_deref(), Some("v5.channel.k8s.io"));
    // The first message is empty, on the lowest output channel.
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Binary(vec![1].into()));
    let (all, end) = read_all(&mut socket, Subprotocol::V5).await;
    assert_eq!(String::from_utf8(all.stdout).unwrap(), "[][two words][你&=+][-c][-c]");
    assert_eq!(end, code(0));
    assert_eq!(cci.executions(cci.pod()), 1);
}

#[tokio::test]
async fn outputs_are_separate_and_exit_codes_are_reported() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let shell = |script: &str| format!("command=sh&command=-c&command={script}&stdout=1&stderr=1");
    for (script, expected) in
        [("exit%203", code(3)), ("kill%20-9%20$$", code(137)), ("kill%20$$", code(143))]
    {
        let (mut socket, _) = open(cci, V5, &shell(script)).await;
        assert_eq!(read_all(&mut socket, Subprotocol::V5).await.1, expected, "{script}");
    }
    let (mut socket, _) = open(cci, V5, &shell("echo%20out;echo%20err%3E%262")).await;
    let (all, _) = read_all(&mut socket, Subprotocol::V5).await;
    assert_eq!(all, Yield { stdout: b"out\n".to_vec(), stderr: b"err\n".to_vec() });
    assert_eq!(cci.executions(cci.pod()), 4);

    for query in ["command=no-such-program&stdout=1", "command=/etc/passwd&stdout=1", "stdout=1"] {
        let (mut socket, _) = open(cci, V5, query).await;
        let (_, end) = read_all(&mut socket, Subprotocol::V5).await;
        let Termination::Failed { reason, message } = end else { panic!("{query}: {end:?}") };
        assert_eq!(reason, "InternalError");
        assert!(
            message.contains("executable file not found in $PATH")
                || message.contains("permission denied")
                || message.contains("args must not be empty"),
            "{message}"
        );
    }
    assert_eq!(cci.executions(cci.pod()), 4);
}

#[tokio::test]
async fn stdin_ends_on_version_5() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let (mut socket, _) = open(cci, V5, "command=wc&command=-c&stdin=true&stdout=true").await;
    let encoder = Encoder::new(Subprotocol::V5);
    let input = vec![b'x'; 3_000_000];
    for payload in encoder.data(Channel::Stdin, &input).chain(encoder.close(Channel::Stdin)) {
        socket.send(message(payload)).await.unwrap();
    }
    let (all, end) = read_all(&mut socket, Subprotocol::V5).await;
    assert_eq!((String::from_utf8(all.stdout).unwrap().trim(), end), ("3000000", code(0)));
}

#[tokio::test]
async fn supported_protocols_are_served_and_others_are_refused() {
    let sandbox = Sandbox::builder().cci_v5(false).start().await.unwrap();
    let cci = sandbox.cci();
    for (offer, protocol) in [
        (V5, Subprotocol::V4),
        ("v4.base64.channel.k8s.io", Subprotocol::V4Base64),
        ("channel.k8s.io", Subprotocol::V1),
        ("base64.channel.k8s.io", Subprotocol::V1Base64),
    ] {
        let query = "command=head&command=-c3&stdin=1&stdout=1";
        let (mut socket, chosen) = open(cci, offer, query).await;
        assert_eq!(chosen.as_deref(), Some(protocol.as_str()));
        for payload in Encoder::new(protocol).data(Channel::Stdin, b"abcdef") {
            socket.send(message(payload)).await.unwrap();
        }
        let (all, end) = read_all(&mut socket, protocol).await;
        assert_eq!((all.stdout, end), (b"abc".to_vec(), code(0)), "{offer}");
    }
    let token = ("x-auth-token", cci.token().to_owned());
    let path = exec_path(cci.pod(), "command=true&stdout=1");
    for offer in ["v5.channel.k8s.io", "v3.channel.k8s.io"] {
        let headers = [token.clone(), ("sec-websocket-protocol", offer.to_owned())];
        let answer = connect(cci, &path, &headers).await.unwrap_err();
        assert_eq!(answer.status(), 403);
        assert!(answer.body().as_ref().is_none_or(Vec::is_empty));
    }
}

#[tokio::test]
async fn a_slow_reader_loses_nothing() {
    let sandbox = Sandbox::start().await.unwrap();
    let query = "command=head&command=-c&command=8000000&command=/dev/zero&stdout=true";
    let (mut socket, _) = open(sandbox.cci(), V5, query).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let (all, end) = read_all(&mut socket, Subprotocol::V5).await;
    assert_eq!((all.stdout.len(), end), (8_000_000, code(0)));
}

#[tokio::test]
async fn a_terminal_has_a_size() {
    let sandbox = Sandbox::start().await.unwrap();
    let query = "command=sh&command=-c&command=read%20x;stty%20size;echo%20err%3E%262;test%20-t%200\
                 &stdin=1&stdout=1&stderr=1&tty=1";
    let (mut socket, _) = open(sandbox.cci(), V5, query).await;
    let encoder = Encoder::new(Subprotocol::V5);
    let size = encoder.resize(TerminalSize { width: 123, height: 45 });
    socket.send(message(size)).await.unwrap();
    for payload in encoder.data(Channel::Stdin, b"go\n") {
        socket.send(message(payload)).await.unwrap();
    }
    let (all, end) = read_all(&mut socket, Subprotocol::V5).await;
    assert_eq!(String::from_utf8(all.stdout).unwrap(), "go\r\n45 123\r\nerr\r\n");
    assert_eq!((all.stderr, end), (vec![], code(0)));
}

#[tokio::test]
async fn the_process_ends_when_its_client_disconnects() {
    let sandbox = Sandbox::start().await.unwrap();
    let query = "command=sh&command=-c&command=echo%20$$;sleep%201000%20%26%20wait&stdout=1";
    let (mut socket, _) = open(sandbox.cci(), V5, query).await;
    let mut text = String::new();
    while !text.ends_with('\n') {
        let message = socket.next().await.unwrap().unwrap().into_data();
        text.push_str(std::str::from_utf8(&message[1..]).unwrap());
    }
    drop(socket);
    let process = format!("/proc/{}/environ", text.trim());
    // A dead process has no environment, whether or not it was reaped.
    while std::fs::read(&process).is_ok_and(|environment| !environment.is_empty()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_silent_session_is_cut_unless_keepalives_arrive() {
    let limit = Duration::from_secs(1);
    let sandbox = Sandbox::builder().cci_idle(limit).start().await.unwrap();
    let (mut silent, _) = open(sandbox.cci(), V5, "command=sleep&command=1000&stdout=1").await;
    assert_eq!(
        read_all(&mut silent, Subprotocol::V5).await,
        (Yield::default(), Termination::Unknown)
    );

    let query = "command=sh&command=-c&command=sleep%202.5;echo%20done&stdin=1&stdout=1";
    let (socket, _) = open(sandbox.cci(), V5, query).await;
    let (mut sink, mut stream) = socket.split();
    let keepalive = tokio::spawn(async move {
        let payload = Encoder::new(Subprotocol::V5).keepalive();
        while sink.send(message(payload.clone())).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let mut text = Vec::new();
    while let Some(Ok(message)) = stream.next().await {
        text.extend_from_slice(&message.into_data());
    }
    keepalive.abort();
    assert!(text.windows(4).any(|part| part == b"done"));
}

#[tokio::test]
async fn a_token_in_the_path_gives_kubectl_the_same_pods() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let endpoint = cci.kubernetes_endpoint();
    let get = async |url: String| {
        let answer = http().get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    assert_eq!(get(format!("{endpoint}/api")).await.1["versions"], json!(["v1"]));
    let (_, pod) = get(format!("{endpoint}/api/v1/namespaces/default/pods/demo")).await;
    assert_eq!((&pod["apiVersion"], &pod["metadata"]["name"]), (&json!("v1"), &json!("demo")));
    let (status, refused) = get(format!("{endpoint}x/api")).await;
    assert_eq!((status, &refused["message"]), (401, &json!("Unauthorized")));

    let root = endpoint.strip_prefix(&cci.endpoint()).unwrap();
    let path = format!(
        "{root}/api/v1/namespaces/default/pods/demo/exec?command=echo&command=hi&stdout=true"
    );
    let offer = [("sec-websocket-protocol", V5.to_owned())];
    let (mut socket, _) = connect(cci, &path, &offer).await.unwrap();
    assert_eq!(read_all(&mut socket, Subprotocol::V5).await.0.stdout, b"hi\n");
}

#[tokio::test]
async fn bad_requests_are_refused_before_the_upgrade() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let token = ("x-auth-token", cci.token().to_owned());
    let offer = ("sec-websocket-protocol", V5.to_owned());
    let good = [token.clone(), offer.clone()];
    let run = "command=true&stdout=1";
    for (path, headers, status, says) in [
        (exec_path(cci.pod(), run), &[offer.clone()][..], 401, "APIGW.0301"),
        (
            exec_path(cci.pod(), run),
            &[("x-auth-token", "wrong".to_owned())],
            401,
            "decrypt token fail",
        ),
        (exec_path("nobody", run), &good, 404, "pods \\\"nobody\\\" not found"),
        (exec_path(cci.pod(), run).replace("default", "other"), &good, 404, "not found"),
        (exec_path(cci.two_container_pod(), run), &good, 400, "choose one of: [a b]"),
        (
            exec_path(cci.two_container_pod(), &format!("{run}&container=zzz")),
            &good,
            400,
            "container zzz is not valid for pod two",
        ),
        (exec_path(cci.pod(), "command=true"), &good, 400, "you must specify at least 1 of"),
        (exec_path(cci.finished_pod(), run), &good, 500, "container not found (\"main\")"),
        ("/apis/cci/v2/nodes".to_owned(), &good, 404, "could not find"),
    ] {
        let answer = connect(cci, &path, headers).await.unwrap_err();
        let body = String::from_utf8(answer.body().clone().unwrap_or_default()).unwrap();
        assert_eq!(answer.status(), status, "{path}: {body}");
        assert!(body.contains(says), "{path}: {body}");
    }
    let http = http();
    let url = |query: &str| format!("{}{}", cci.endpoint(), exec_path(cci.pod(), query));
    let with_token = |request: reqwest::RequestBuilder| request.header("x-auth-token", cci.token());
    let answer = with_token(http.get(url(run))).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let status: Value = answer.json().await.unwrap();
    assert_eq!(
        (&status["kind"], &status["message"]),
        (&json!("Status"), &json!("Upgrade request required"))
    );
    let websocket_by_post = with_token(http.post(url(run)))
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .send()
        .await
        .unwrap();
    assert_eq!(websocket_by_post.status(), 405);
    assert_eq!(websocket_by_post.text().await.unwrap(), "bad method");
    for (offer, status) in [(None, 400), (Some("v5.channel.k8s.io"), 403)] {
        let mut request = with_token(http.post(url(run)))
            .header("connection", "upgrade")
            .header("upgrade", SPDY_UPGRADE);
        if let Some(offer) = offer {
            request = request.header(STREAM_PROTOCOL_HEADER, offer);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status);
        if offer.is_some() {
            assert_eq!(answer.headers()["x-accepted-stream-protocol-versions"], SPDY_OFFER);
        }
    }
    assert_eq!(cci.executions(cci.pod()), 0);

    cci.revoke(cci.token());
    let refused = connect(cci, &exec_path(cci.pod(), run), &good).await.unwrap_err();
    assert_eq!(refused.status(), 401);
}

#[tokio::test]
async fn iam_issues_tokens() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let http = http();
    let by_password = |password: &str, scope: Value| {
        let mut body = json!({ "auth": { "identity": {
            "methods": ["password"],
            "password": { "user": {
                "name": cci.user(), "password": password, "domain": { "name": cci.domain() },
            } },
        } } });
        if !scope.is_null() {
            body["auth"]["scope"] = json!({ "project": scope });
        }
        http.post(format!("{}/v3/auth/tokens?nocatalog=true", cci.iam_endpoint())).json(&body)
    };
    let pods = |token: &str| {
        let url = format!("{}/apis/cci/v2/namespaces/default/pods", cci.endpoint());
        http.get(url).header("x-auth-token", token)
    };
    for scope in [json!({ "name": cci.project() }), json!({ "id": cci.project_id() })] {
        let answer = by_password(cci.password(), scope).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        let token = answer.headers()["x-subject-token"].to_str().unwrap().to_owned();
        let answer: Value = answer.json().await.unwrap();
        assert!(answer["token"]["expires_at"].as_str().unwrap().ends_with(".000000Z"));
        assert_eq!(pods(&token).send().await.unwrap().status(), 200);
    }
    let unscoped = by_password(cci.password(), Value::Null).send().await.unwrap();
    let token = unscoped.headers()["x-subject-token"].to_str().unwrap();
    assert_eq!(pods(token).send().await.unwrap().status(), 403);

    let wrong = by_password("wrong", Value::Null).send().await.unwrap();
    assert_eq!(wrong.status(), 401);
    assert_eq!(wrong.json::<Value>().await.unwrap()["error"]["title"], "Unauthorized");
    let elsewhere = by_password(cci.password(), json!({ "name": "mars" })).send().await.unwrap();
    assert_eq!(elsewhere.status(), 401);
    let key = json!({ "auth": {
        "identity": { "methods": ["hw_ak_sk"], "hw_ak_sk": {
            "access": { "key": cci.access_key() }, "secret": { "key": cci.secret_key() },
        } },
        "scope": { "project": { "name": cci.project() } },
    } });
    let url = format!("{}/v3/auth/tokens", cci.iam_endpoint());
    assert_eq!(http.post(&url).json(&key).send().await.unwrap().status(), 201);
    assert_eq!(http.post(&url).body("{}").send().await.unwrap().status(), 400);
    assert_eq!(http.get(&url).send().await.unwrap().status(), 405);
}

/// The headers of a request signed with the access key, whatever the order of argv on the wire.
fn signed(
    cci: &CciHandle,
    secret: &str,
    method: &str,
    target: &str,
    time: i64,
) -> Vec<(&'static str, String)> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let date = sign::format_date(time).unwrap();
    let host = address(cci);
    let headers = [("host", &*host), ("x-project-id", cci.project_id()), ("x-sdk-date", &*date)];
    let canonical = sign::canonical_request(&Canonical {
        method,
        path,
        query: &sign::query_pairs(query).unwrap(),
        signed_headers: &headers,
        payload_hash: &sign::payload_hash(b"", None),
    });
    let signature = sign::signature(secret, &sign::string_to_sign(&date, &canonical));
    let names = sign::signed_header_names(&headers);
    vec![
        ("x-project-id", cci.project_id().to_owned()),
        ("x-sdk-date", date.clone()),
        ("authorization", sign::authorization(cci.access_key(), &names, &signature)),
    ]
}

#[tokio::test]
async fn signatures_are_verified_over_the_sorted_query() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let target =
        exec_path(cci.pod(), "stdout=true&command=echo&command=z&command=-a&command=b%20c");
    let mut headers = signed(cci, cci.secret_key(), "GET", &target, now());
    headers.push(("sec-websocket-protocol", V5.to_owned()));
    let (mut socket, _) = connect(cci, &target, &headers).await.unwrap();
    let (all, _) = read_all(&mut socket, Subprotocol::V5).await;
    assert_eq!(all.stdout, b"z -a b c\n");

    for (secret, time, says) in [
        ("wrong", now(), "verify aksk signature fail,canonicalRequest:GET|/apis/cci/v2/"),
        (cci.secret_key(), now() - 1000, "15 minutes"),
    ] {
        let headers = signed(cci, secret, "GET", &target, time);
        let answer = connect(cci, &target, &headers).await.unwrap_err();
        let body = String::from_utf8(answer.body().clone().unwrap()).unwrap();
        assert!(answer.status() == 401 && body.contains(says), "{body}");
    }
}

#[tokio::test]
async fn pods_are_read_and_listed() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let get = async |path: &str| {
        let url = format!("{}/apis/cci/v2/namespaces/{path}", cci.endpoint());
        let answer = http().get(url).header("x-auth-token", cci.token()).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, pod) = get("default/pods/two").await;
    assert_eq!((status, &pod["spec"]["containers"][1]["name"]), (200, &json!("b")));
    assert_eq!(get("default/pods/nobody").await.0, 404);
    let names = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap();
        items.iter().map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    for (query, expected) in [
        ("", &["demo", "two", "done"][..]),
        ("?labelSelector=app%3Ddemo", &["demo"]),
        ("?labelSelector=app!%3Ddemo", &["two", "done"]),
        ("?fieldSelector=status.phase%3DRunning", &["demo", "two"]),
        ("?limit=2", &["demo", "two"]),
        ("?limit=2&continue=2", &["done"]),
        ("?continue=99999999999", &[]),
    ] {
        assert_eq!(names(&get(&format!("default/pods{query}")).await.1), expected, "{query}");
    }
    assert_eq!(get("default/pods?limit=2").await.1["metadata"]["continue"], "2");
    assert!(names(&get("other/pods").await.1).is_empty());
    assert_eq!(get("default/pods?fieldSelector=bogus%3D1").await.0, 400);
}

/// A connection upgraded to SPDY, with no streams yet.
async fn spdy(cci: &CciHandle, query: &str) -> TcpStream {
    let mut tcp = TcpStream::connect(address(cci)).await.unwrap();
    let path = exec_path(cci.pod(), query);
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\nx-auth-token: {}\r\nconnection: Upgrade\r\nupgrade: {SPDY_UPGRADE}\r\n\
         {STREAM_PROTOCOL_HEADER}: {SPDY_OFFER}\r\ncontent-length: 0\r\n\r\n",
        address(cci),
        cci.token()
    );
    tcp.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(tcp.read_u8().await.unwrap());
    }
    let answer = String::from_utf8(answer).unwrap().to_lowercase();
    assert!(
        answer.starts_with("http/1.1 101")
            && answer.contains("x-stream-protocol-version: v4.channel.k8s.io"),
        "{answer}"
    );
    tcp
}

#[tokio::test]
async fn spdy_by_post_can_end_stdin() {
    let sandbox = Sandbox::start().await.unwrap();
    let query = "command=sh&command=-c&command=wc%20-c;echo%20err%3E%262;exit%204&stdin=1&stdout=1&stderr=1";
    let mut tcp = spdy(sandbox.cci(), query).await;
    let streams = Streams { stdin: true, stdout: true, stderr: true, tty: false };
    let mut out = Vec::new();
    let mut client = SpdyClient::open(streams, &mut out);
    tcp.write_all(&out).await.unwrap();
    let (mut stdout, mut stderr, mut end) = (Vec::new(), Vec::new(), None);
    let mut sent = false;
    let mut buffer = vec![0; 65_536];
    while end.is_none() {
        let length = tcp.read(&mut buffer).await.unwrap();
        assert_ne!(length, 0);
        let mut input = &buffer[..length];
        while let Some(event) = client.next(&mut input).unwrap() {
            match event {
                Event::Data(Channel::Stdout, data) => stdout.extend_from_slice(data),
                Event::Data(Channel::Stderr, data) => stderr.extend_from_slice(data),
                Event::Terminated(how) => end = Some(how),
                _ => {}
            }
        }
        if !sent && client.is_open() {
            sent = true;
            out.clear();
            client.stdin(&[b'x'; 100_000], &mut out).unwrap();
            client.close_stdin(&mut out).unwrap();
            tcp.write_all(&out).await.unwrap();
        }
    }
    assert_eq!(Cow::from(String::from_utf8(stdout).unwrap().trim()), "100000");
    assert_eq!((stderr, end), (b"err\n".to_vec(), Some(code(4))));
}

#[tokio::test]
async fn over_spdy_a_terminals_size_may_arrive_with_its_streams() {
    let sandbox = Sandbox::start().await.unwrap();
    let query = "command=sh&command=-c&command=read%20x;stty%20size&stdin=1&stdout=1&tty=1";
    let mut tcp = spdy(sandbox.cci(), query).await;
    let streams = Streams { stdin: true, stdout: true, stderr: false, tty: true };
    let mut out = Vec::new();
    let mut client = SpdyClient::open(streams, &mut out);
    client.resize(TerminalSize { width: 22, height: 11 }, &mut out).unwrap();
    client.stdin(b"\n", &mut out).unwrap();
    tcp.write_all(&out).await.unwrap();
    let (mut stdout, mut end) = (Vec::new(), None);
    let mut buffer = vec![0; 65_536];
    while end.is_none() {
        let length = tcp.read(&mut buffer).await.unwrap();
        assert_ne!(length, 0);
        let mut input = &buffer[..length];
        while let Some(event) = client.next(&mut input).unwrap() {
            match event {
                Event::Data(_, data) => stdout.extend_from_slice(data),
                Event::Terminated(how) => end = Some(how),
                _ => {}
            }
        }
    }
    assert_eq!(String::from_utf8(stdout).unwrap().trim(), "11 22");
    assert_eq!(end, Some(code(0)));
}

#[tokio::test]
async fn a_flood_of_pings_whose_pongs_are_never_read_ends_the_session_and_costs_no_memory() {
    let sandbox = Sandbox::builder().cci_idle(Duration::from_secs(1)).start().await.unwrap();
    let query = "command=sleep&command=1000&stdout=1";
    let (socket, _) = open(sandbox.cci(), V5, query).await;
    let mut tcp = socket.into_inner();
    // 125 bytes each, masked with zeroes.
    let ping = [&[0x89, 0x80 | 125, 0, 0, 0, 0][..], &[7; 125]].concat();
    let pings = ping.repeat(1000);
    let mut sent = 0;
    while tcp.write_all(&pings).await.is_ok() {
        sent += pings.len();
        assert!(sent < 100_000_000, "the pongs of {sent} bytes wait somewhere");
    }
}
