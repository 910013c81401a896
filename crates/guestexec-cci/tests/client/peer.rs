//! Servers whose every answer the test controls.

use std::{future::Future, sync::Arc, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use guestexec_cci::{Client, ClientBuilder, Credentials, Pod};
pub use guestexec_testkit::peer::{Peer, Request, closed_endpoint, response};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, frame::coding::CloseCode},
    },
};

pub const SUCCESS: &str = r#"{"metadata":{},"status":"Success"}"#;

/// Fails a test that hangs.
pub async fn within<T>(test: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(120), test).await.expect("the test hangs")
}

/// What these tests need of a peer besides.
pub trait PeerExt: Sized {
    /// Upgrades each connection to a WebSocket of `protocol` and runs `session` on it.
    fn upgrading<F, A>(protocol: &'static str, session: F) -> impl Future<Output = Self>
    where
        F: Fn(Socket) -> A + Send + Sync + 'static,
        A: Future<Output = ()> + Send + 'static;

    fn builder(&self) -> ClientBuilder;

    fn client(&self) -> Client {
        self.builder().build().unwrap()
    }
}

impl PeerExt for Peer {
    async fn upgrading<F, A>(protocol: &'static str, session: F) -> Self
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

    fn builder(&self) -> ClientBuilder {
        Client::builder().endpoint(&*self.endpoint).credentials(Credentials::token("a-token"))
    }
}

/// A valid response with status 101.
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

    /// The next binary message; `None` at the end.
    pub async fn receive(&mut self) -> Option<Vec<u8>> {
        loop {
            match self.0.next().await?.ok()? {
                Message::Binary(message) => return Some(message.to_vec()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// Reads stdin until the message that closes it.
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
