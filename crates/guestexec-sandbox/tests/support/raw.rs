//! HTTP/1.1 byte by byte, over connections the test holds itself.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// The host and port of an endpoint.
pub fn address(endpoint: &str) -> String {
    endpoint.trim_start_matches("http://").split('/').next().unwrap().to_owned()
}

/// The bytes of a request.
pub fn bytes(request: reqwest::RequestBuilder) -> Vec<u8> {
    let request = request.build().unwrap();
    let query = request.url().query().map_or(String::new(), |query| format!("?{query}"));
    let mut text = format!("{} {}{query} HTTP/1.1\r\n", request.method(), request.url().path());
    for (name, value) in request.headers() {
        text += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    if !request.headers().contains_key("host") {
        text += "host: sandbox\r\n";
    }
    let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default();
    text += &format!("content-length: {}\r\n\r\n", body.len());
    [text.as_bytes(), body].concat()
}

/// Sends a request and reads its answer, over a connection that stays open.
pub async fn exchange(tcp: &mut TcpStream, request: &[u8]) -> (u16, Vec<u8>) {
    tcp.write_all(request).await.unwrap();
    let mut read = Vec::new();
    let head = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        assert_ne!(tcp.read_buf(&mut read).await.unwrap(), 0, "the connection closed");
    };
    let text = String::from_utf8_lossy(&read[..head]).to_ascii_lowercase();
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    while read.len() < head + length {
        assert_ne!(tcp.read_buf(&mut read).await.unwrap(), 0, "the connection closed");
    }
    (status, read.split_off(head))
}

/// The head of an exec request that asks for an upgrade.
pub fn upgrade(cci: &guestexec_sandbox::CciHandle, query: &str, headers: &str) -> String {
    format!(
        "GET /apis/cci/v2/namespaces/default/pods/demo/exec?{query} HTTP/1.1\r\nhost: {}\r\n\
         x-auth-token: {}\r\nconnection: upgrade\r\n{headers}\r\n\r\n",
        address(&cci.endpoint()),
        cci.token(),
    )
}

/// The headers that ask for a WebSocket.
pub const WEBSOCKET: &str = "upgrade: websocket\r\nsec-websocket-version: 13\r\n\
    sec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nsec-websocket-protocol: v5.channel.k8s.io";
/// The headers that ask for SPDY.
pub const SPDY: &str = "upgrade: SPDY/3.1\r\nx-stream-protocol-version: v4.channel.k8s.io";

/// Reads until the server closes.
pub async fn until_closed(tcp: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    _ = tcp.read_to_end(&mut all).await;
    all
}
