//! A server for each transport, driven by one interface.

use std::time::Duration;

use futures_util::StreamExt as _;
use guestexec_cci::ExecTransport;
use guestexec_remotecommand::{Channel, Termination};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use crate::{
    peer::{Peer, Request, SUCCESS, Socket, exit},
    spdy::Spdy,
};

/// One transport of each kind.
pub const FORMS: [ExecTransport; 3] =
    [ExecTransport::WebSocketV4, ExecTransport::WebSocketV5, ExecTransport::SpdyPost];

/// What the client sends on the command's streams.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    Input(Vec<u8>),
    /// The close message of version 5, or SPDY's FIN.
    EndOfInput,
    Size(String),
}

/// The server's end of a session, over any transport.
pub enum Server {
    WebSocket(Box<Socket>),
    Spdy(Box<Spdy>),
}

/// A peer that upgrades to `form` and runs `session`.
pub async fn serving<F, A>(form: ExecTransport, session: F) -> Peer
where
    F: Fn(Request, Server) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    Peer::new(move |request, stream| {
        let session = session.clone();
        async move {
            let server = Server::open(form, &request, stream).await;
            session(request, server).await;
        }
    })
    .await
}

impl Server {
    pub async fn open(form: ExecTransport, request: &Request, stream: TcpStream) -> Self {
        match form {
            ExecTransport::SpdyPost => {
                let mut spdy = Spdy::upgrade(request, stream).await;
                spdy.open().await;
                Self::Spdy(Box::new(spdy))
            }
            ExecTransport::WebSocketV5 => {
                Self::web_socket(Socket::upgrade(request, stream, "v5.channel.k8s.io").await)
            }
            _ => Self::web_socket(Socket::upgrade(request, stream, "v4.channel.k8s.io").await),
        }
    }

    fn web_socket(socket: Socket) -> Self {
        Self::WebSocket(Box::new(socket))
    }

    pub async fn stdout(&mut self, text: impl AsRef<[u8]>) {
        self.write(Channel::Stdout, text.as_ref()).await;
    }

    pub async fn stderr(&mut self, text: impl AsRef<[u8]>) {
        self.write(Channel::Stderr, text.as_ref()).await;
    }

    /// Sends the status of the command's end, and closes nothing.
    pub async fn status(&mut self, status: impl AsRef<[u8]>) {
        self.write(Channel::Error, status.as_ref()).await;
    }

    async fn write(&mut self, channel: Channel, bytes: &[u8]) {
        match self {
            Self::WebSocket(socket) => socket.send(channel.number(), bytes).await,
            Self::Spdy(spdy) => spdy.write(channel, bytes).await,
        }
    }

    /// Sends bytes below the protocol.
    pub async fn raw(&mut self, bytes: &[u8]) {
        let _ = self.tcp().write_all(bytes).await;
    }

    pub fn tcp(&mut self) -> &mut TcpStream {
        match self {
            Self::WebSocket(socket) => socket.0.get_mut(),
            Self::Spdy(spdy) => &mut spdy.stream,
        }
    }

    /// The client's next event; `None` at the end.
    pub async fn hear(&mut self) -> Option<Said> {
        match self {
            Self::WebSocket(socket) => loop {
                match socket.0.next().await?.ok()? {
                    Message::Binary(message) => match &*message {
                        [] | [0] => {}
                        [0, input @ ..] => return Some(Said::Input(input.to_vec())),
                        [255, 0] => return Some(Said::EndOfInput),
                        [4, size @ ..] => {
                            return Some(Said::Size(String::from_utf8(size.to_vec()).unwrap()));
                        }
                        other => panic!("{other:?}"),
                    },
                    Message::Close(_) => return None,
                    _ => {}
                }
            },
            Self::Spdy(spdy) => loop {
                if let Some(size) = spdy.sizes.pop_front() {
                    return Some(Said::Size(size.to_json()));
                }
                if !spdy.input.is_empty() {
                    return Some(Said::Input(std::mem::take(&mut spdy.input)));
                }
                if std::mem::take(&mut spdy.input_ended) {
                    return Some(Said::EndOfInput);
                }
                if !spdy.turn().await {
                    return None;
                }
            },
        }
    }

    /// Reads input until it ends so.
    pub async fn input_up_to(&mut self, end: &[u8]) -> Vec<u8> {
        let mut input = Vec::new();
        while !input.ends_with(end) {
            match self.hear().await {
                Some(Said::Input(more)) => input.extend(more),
                Some(Said::Size(_)) => {}
                other => panic!("{other:?} after {input:?}"),
            }
        }
        input
    }

    /// Closes as a server does at the end, and returns the client's remaining events.
    pub async fn close(mut self) -> Vec<Said> {
        match &mut self {
            Self::WebSocket(socket) => {
                let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
                let _ = socket.0.close(Some(frame)).await;
            }
            Self::Spdy(spdy) => {
                let mut out = Vec::new();
                spdy.server.finish(&Termination::Unknown, &mut out);
                let _ = spdy.stream.write_all(&out).await;
            }
        }
        self.rest().await
    }

    /// The client's remaining events.
    pub async fn rest(mut self) -> Vec<Said> {
        let mut rest = Vec::new();
        while let Some(said) = self.hear().await {
            rest.push(said);
        }
        rest
    }

    /// Ends a session whose command exited with this code.
    pub async fn exit(mut self, code: u8) -> Vec<Said> {
        self.status(if code == 0 { SUCCESS.to_owned() } else { exit(code) }).await;
        self.close().await
    }

    /// Keeps the connection open and sends nothing more.
    pub async fn stay(mut self) {
        while self.hear().await.is_some() {}
    }

    /// Whether the client sends nothing for a while.
    pub async fn is_quiet(&mut self) -> bool {
        timeout(Duration::from_millis(200), self.hear()).await.is_err()
    }
}
