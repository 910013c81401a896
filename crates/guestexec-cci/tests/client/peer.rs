//! Servers for the tests, written over plain sockets so that each answer is under control.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{SinkExt as _, StreamExt as _};
use guestexec_cci::{Client, ClientBuilder, Credentials, Pod};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, frame::coding::CloseCode},
    },
};

pub const SUCCESS: &str = r#"{"metadata":{},"status":"Success"}"#;

/// Ends a test that hangs.
pub async fn within<T>(test: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(120), test).await.expect("the test hangs")
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| &**v)
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }
}

/// Reads one request off a connection; none if there is none.
pub async fn read_request(stream: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ').map(str::to_owned);
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut request = Request {
        method: first.next().unwrap(),
        target: first.next().unwrap(),
        headers,
        body: Vec::new(),
    };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    request.body.resize(length, 0);
    stream.read_exact(&mut request.body).await.unwrap();
    Some(request)
}

/// A listening peer: its address and what it was asked.
pub struct Peer {
    pub endpoint: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Peer {
    /// Serves each connection's first request with `answer`.
    pub async fn new<F, A>(answer: F) -> Self
    where
        F: Fn(Request, TcpStream) -> A + Send + Sync + 'static,
        A: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let seen = requests.clone();
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (answer, seen) = (answer.clone(), seen.clone());
                tokio::spawn(async move {
                    if let Some(request) = read_request(&mut stream).await {
                        seen.lock().unwrap().push(request.clone());
                        answer(request, stream).await;
                    }
                });
            }
        });
        Self { endpoint, requests }
    }

    /// Upgrades each connection to a WebSocket of `protocol` and hands it over.
    pub async fn upgrading<F, A>(protocol: &'static str, session: F) -> Self
    where
        F: Fn(Socket) -> A + Send + Sync + 'static,
        A: Future<Output = ()> + Send + 'static,
    {
        let session = Arc::new(session);
        Self::new(move |request, stream| {
            let session = session.clone();
            async move { session(Socket::upgrade(&request, stream, protocol).await).await }
        })
        .await
    }

    /// Answers everything with one response.
    pub async fn saying(status: &'static str, headers: &'static str, body: &'static str) -> Self {
        Self::new(move |_, mut stream| async move {
            let text = response(status, headers, body);
            let _ = stream.write_all(text.as_bytes()).await;
        })
        .await
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub fn builder(&self) -> ClientBuilder {
        Client::builder().endpoint(&*self.endpoint).credentials(Credentials::token("a-token"))
    }

    pub fn client(&self) -> Client {
        self.builder().build().unwrap()
    }
}

pub fn response(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// The lines of a proper 101.
pub fn switching(request: &Request, protocol: &str) -> String {
    let accept = derive_accept_key(request.header("sec-websocket-key").unwrap().as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
    )
}

/// The server's end of a session.
pub struct Socket(pub WebSocketStream<TcpStream>);

impl Socket {
    pub async fn upgrade(request: &Request, mut stream: TcpStream, protocol: &str) -> Self {
        stream.write_all(switching(request, protocol).as_bytes()).await.unwrap();
        Self(WebSocketStream::from_raw_socket(stream, Role::Server, None).await)
    }

    /// Sends a message on a channel.
    pub async fn send(&mut self, channel: u8, payload: impl AsRef<[u8]>) {
        let mut message = vec![channel];
        message.extend_from_slice(payload.as_ref());
        let _ = self.0.send(Message::Binary(message.into())).await;
    }

    /// The next message with anything in it but a channel; none at the end.
    pub async fn receive(&mut self) -> Option<Vec<u8>> {
        loop {
            match self.0.next().await?.ok()? {
                Message::Binary(message) => return Some(message.to_vec()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// Reads stdin to the message that closes it.
    pub async fn receive_input(&mut self) -> Vec<u8> {
        let mut input = Vec::new();
        while let Some(message) = self.receive().await {
            match &*message {
                [0, data @ ..] => input.extend_from_slice(data),
                [255, 0] => return input,
                _ => {}
            }
        }
        panic!("the client closed the WebSocket instead of its input")
    }

    /// Sends a status and closes, as a server does at the end.
    pub async fn end(mut self, status: impl AsRef<[u8]>) {
        self.send(3, status).await;
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        let _ = self.0.close(Some(frame)).await;
        while let Some(Ok(_)) = self.0.next().await {}
    }
}

pub fn exit(code: u8) -> String {
    format!(
        r#"{{"metadata":{{}},"status":"Failure","message":"command terminated with non-zero exit code: {code}","reason":"NonZeroExitCode","details":{{"causes":[{{"reason":"ExitCode","message":"{code}"}}]}}}}"#
    )
}

pub fn pod(client: &Client) -> Pod<'_> {
    client.pod("ns", "web-0")
}
