//! A raw client that can break the protocol. It makes its own WebSocket frames, so that it shares no
//! code with what it tests. For SPDY it uses our decoder, which does not restrict what is sent.

use std::{fmt, io, sync::Mutex, time::Duration};

use guestexec_remotecommand::{
    Channel, ExitStatus, Streams, TerminalSize, Termination,
    spdy::{self, Event},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Mutex as AsyncMutex, Notify},
    time::{sleep, timeout},
};

use crate::{outcome::shown, target::Target};

/// The transport of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    V5,
    V4,
    V4Base64,
    V1,
    Spdy,
}

/// A step of the client, which reads all the while.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Stdin(&'static [u8]),
    /// This many bytes of standard input, as far as the server reads them.
    Flood(usize),
    /// The end of standard input: version 5's close message, SPDY's FIN.
    EndStdin,
    Resize(u16, u16),
    Ping,
    /// Waits until standard output contains this.
    Await(&'static str),
    Pause(Duration),
    /// One binary message.
    Message(&'static [u8]),
    /// One frame: its first byte (FIN and opcode), and its payload.
    Frame(u8, &'static [u8]),
    /// The end of the client's side of the connection.
    HalfClose,
    /// The reset of a SPDY stream.
    Reset(Channel),
}

/// How the connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// With a close frame of code 1000, or a GOAWAY.
    Clean,
    /// With another code.
    Code(u16),
    /// Without a close. As an expectation it includes a clean close, which some servers send to a client that has
    /// gone and some do not.
    Broken,
    /// Not within the time the client waited.
    StillOpen,
}

/// The server's status of the command's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Missing,
    Exit(i32),
    /// A failure without an exit code.
    Failure,
    /// Version 1's text.
    Text,
}

/// What the client received.
#[derive(Clone, PartialEq, Eq)]
pub struct Heard {
    pub status: Status,
    pub stdout: String,
    pub stderr: String,
    pub close: Close,
    /// The number of answered pings.
    pub pongs: usize,
}

impl Heard {
    /// Whether this meets the expectation.
    pub fn is(&self, expected: &Self) -> bool {
        let close = match (self.close, expected.close) {
            (Close::Clean, Close::Broken) => Close::Broken,
            (close, _) => close,
        };
        Self { close, ..self.clone() } == *expected
    }
}

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, stdout, stderr, close, pongs } = self;
        write!(f, "{status:?}, stdout {stdout:?}, stderr {stderr:?}, {close:?}")?;
        if *pongs > 0 { write!(f, ", {pongs} pongs") } else { Ok(()) }
    }
}

/// The server's response to the request for an upgrade.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    pub code: u16,
    /// The protocol that the server chose.
    pub protocol: String,
    /// The kind of a refusal's body: `json`, `text`, or empty.
    pub body: &'static str,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {:?}", self.code, self.protocol, self.body)
    }
}

/// A request for an upgrade.
pub struct Request<'a> {
    pub method: &'a str,
    /// The pod's name.
    pub pod: &'a str,
    pub query: String,
    /// Headers besides host and token.
    pub headers: Vec<(&'a str, String)>,
}

impl<'a> Request<'a> {
    /// The usual request for a session over this transport.
    pub fn new(target: &'a Target, wire: Wire, query: String) -> Self {
        let (method, headers) = match wire {
            Wire::Spdy => ("POST", spdy_headers(&["v4.channel.k8s.io"])),
            Wire::V5 => ("GET", websocket_headers(&["v5.channel.k8s.io"])),
            Wire::V4 => ("GET", websocket_headers(&["v4.channel.k8s.io"])),
            Wire::V4Base64 => ("GET", websocket_headers(&["v4.base64.channel.k8s.io"])),
            Wire::V1 => ("GET", websocket_headers(&["channel.k8s.io"])),
        };
        Self { method, pod: &target.url.pod, query, headers }
    }
}

pub fn websocket_headers(protocols: &[&str]) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("Connection", "Upgrade".to_owned()),
        ("Upgrade", "websocket".to_owned()),
        ("Sec-WebSocket-Version", "13".to_owned()),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==".to_owned()),
    ];
    headers.extend(protocols.iter().map(|list| ("Sec-WebSocket-Protocol", (*list).to_owned())));
    headers
}

pub fn spdy_headers(protocols: &[&str]) -> Vec<(&'static str, String)> {
    let mut headers =
        vec![("Connection", "Upgrade".to_owned()), ("Upgrade", "SPDY/3.1".to_owned())];
    headers.extend(protocols.iter().map(|list| ("X-Stream-Protocol-Version", (*list).to_owned())));
    headers
}

/// The query for a command and its streams.
pub fn query(argv: &[&str], streams: Streams) -> String {
    let mut query = String::new();
    for element in argv {
        query.push_str("command=");
        for byte in element.bytes() {
            query.push_str(&format!("%{byte:02X}"));
        }
        query.push('&');
    }
    let Streams { stdin, stdout, stderr, tty } = streams;
    query + &format!("stdin={stdin}&stdout={stdout}&stderr={stderr}&tty={tty}")
}

/// Sends the request, and returns the response and the connection.
pub async fn ask(
    target: &Target,
    request: Request<'_>,
) -> io::Result<(Answer, BufReader<TcpStream>)> {
    let Request { method, pod, query, headers } = request;
    let mut text = format!(
        "{method} /apis/cci/v2/namespaces/{}/pods/{pod}/exec?{query} HTTP/1.1\r\nHost: {}\r\n",
        target.url.namespace, target.host
    );
    text += &format!("X-Auth-Token: {}\r\n", target.url.token);
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    let mut stream = TcpStream::connect(&target.host).await?;
    stream.write_all((text + "\r\n").as_bytes()).await?;
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
    let header = |wanted: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map_or("", |(_, value)| value.trim()).to_owned()
    };
    let protocol = header("sec-websocket-protocol") + &header("x-stream-protocol-version");
    let body = match &*header("content-type") {
        "" => "",
        kind if kind.starts_with("application/json") => "json",
        kind if kind.starts_with("text/plain") => "text",
        _ => "other",
    };
    Ok((Answer { code, protocol, body }, stream))
}

/// Whether the server accepts a WebSocket that offers version 5 alone.
pub async fn speaks_v5(target: &Target) -> bool {
    let streams = Streams { stdout: true, ..Streams::default() };
    let request = Request::new(target, Wire::V5, query(&["true"], streams));
    let (answer, _) = ask(target, request).await.expect("GUESTEXEC_EXEC_URL names no server");
    answer.code == 101
}

#[derive(Default)]
struct Seen {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    error: Vec<u8>,
    pongs: usize,
    termination: Option<Termination>,
}

struct Session {
    wire: Wire,
    writer: AsyncMutex<OwnedWriteHalf>,
    spdy: Option<Mutex<spdy::Client>>,
    seen: Mutex<Seen>,
    news: Notify,
}

/// Runs a command and the steps, and returns what was received until the connection ended.
///
/// Over SPDY the client opens the streams that the request asks for.
pub async fn run(
    target: &Target,
    wire: Wire,
    argv: &[&str],
    streams: Streams,
    steps: &[Step],
    patience: Duration,
) -> Result<Heard, Answer> {
    let request = Request::new(target, wire, query(argv, streams));
    let (answer, stream) = ask(target, request).await.unwrap();
    if answer.code != 101 {
        return Err(answer);
    }
    let rest = stream.buffer().to_vec();
    let (reader, mut writer) = stream.into_inner().into_split();
    let spdy = match wire {
        Wire::Spdy => {
            let mut open = Vec::new();
            let client = spdy::Client::open(streams, &mut open);
            writer.write_all(&open).await.unwrap();
            Some(Mutex::new(client))
        }
        _ => None,
    };
    let writer = AsyncMutex::new(writer);
    let session = Session { wire, writer, spdy, seen: Mutex::default(), news: Notify::new() };
    let listen = session.listen(rest, reader);
    let close = timeout(patience, async {
        let mut listen = std::pin::pin!(listen);
        tokio::select! {
            biased;
            close = &mut listen => close,
            // The client keeps reading although the server reads nothing more.
            _ = session.play(steps) => listen.await,
        }
    });
    let close = close.await.unwrap_or(Close::StillOpen);
    Ok(session.heard(close))
}

impl Session {
    async fn play(&self, steps: &[Step]) -> io::Result<()> {
        for step in steps {
            match *step {
                Step::Stdin(bytes) => self.stdin(bytes).await?,
                Step::Flood(length) => {
                    let piece = vec![b'x'; 32 * 1024];
                    let mut left = length;
                    while left > 0 {
                        let now = left.min(piece.len());
                        self.stdin(&piece[..now]).await?;
                        left -= now;
                    }
                }
                Step::EndStdin if self.spdy.is_some() => {
                    self.spdy(|client, out| client.close_stdin(out).unwrap()).await?
                }
                Step::EndStdin => self.frame(0x82, &[255, 0]).await?,
                Step::Resize(width, height) if self.spdy.is_some() => {
                    let size = TerminalSize { width, height };
                    self.spdy(|client, out| client.resize(size, out).unwrap()).await?;
                }
                Step::Resize(width, height) => {
                    let text = format!("\x04{{\"Width\":{width},\"Height\":{height}}}");
                    self.frame(0x82, text.as_bytes()).await?;
                }
                Step::Ping if self.spdy.is_some() => {
                    self.spdy(|client, out| _ = client.ping(out)).await?
                }
                Step::Ping => self.frame(0x89, b"ping").await?,
                Step::Await(text) => {
                    while !String::from_utf8_lossy(&self.seen.lock().unwrap().stdout).contains(text)
                    {
                        self.news.notified().await;
                    }
                }
                Step::Pause(length) => sleep(length).await,
                Step::Message(bytes) => self.frame(0x82, bytes).await?,
                Step::Frame(first, bytes) => self.frame(first, bytes).await?,
                Step::HalfClose => self.writer.lock().await.shutdown().await?,
                Step::Reset(channel) => {
                    // The streams are numbered in the order of their opening.
                    let id = 1 + 2 * Channel::ALL.iter().position(|c| *c == channel).unwrap() as u8;
                    let frame = [0x80, 3, 0, 3, 0, 0, 0, 8, 0, 0, 0, id, 0, 0, 0, 5];
                    self.writer.lock().await.write_all(&frame).await?;
                }
            }
        }
        Ok(())
    }

    async fn stdin(&self, bytes: &[u8]) -> io::Result<()> {
        if self.spdy.is_some() {
            return self.spdy(|client, out| client.stdin(bytes, out).unwrap()).await;
        }
        self.frame(0x82, &[&[0], bytes].concat()).await
    }

    async fn spdy(&self, make: impl FnOnce(&mut spdy::Client, &mut Vec<u8>)) -> io::Result<()> {
        let mut out = Vec::new();
        make(&mut self.spdy.as_ref().unwrap().lock().unwrap(), &mut out);
        self.writer.lock().await.write_all(&out).await
    }

    async fn frame(&self, first: u8, payload: &[u8]) -> io::Result<()> {
        const MASK: [u8; 4] = [1, 2, 3, 4];
        let mut frame = vec![first];
        match payload.len() {
            length @ ..126 => frame.push(0x80 | length as u8),
            length @ ..65_536 => {
                frame.push(0x80 | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.writer.lock().await.write_all(&frame).await
    }

    async fn listen(&self, rest: Vec<u8>, reader: OwnedReadHalf) -> Close {
        let mut reader = BufReader::new(io::Cursor::new(rest).chain(reader));
        match self.spdy {
            Some(_) => self.listen_to_spdy(&mut reader).await,
            None => self.listen_to_websocket(&mut reader).await.unwrap_or(Close::Broken),
        }
    }

    async fn listen_to_websocket(
        &self,
        reader: &mut (impl tokio::io::AsyncRead + Unpin),
    ) -> io::Result<Close> {
        loop {
            let first = reader.read_u8().await?;
            let length = match reader.read_u8().await? {
                126 => u64::from(reader.read_u16().await?),
                127 => reader.read_u64().await?,
                length => u64::from(length),
            };
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            reader.read_exact(&mut payload).await?;
            let mut seen = self.seen.lock().unwrap();
            match first & 15 {
                8 => {
                    let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                    return Ok(if code == 1000 { Close::Clean } else { Close::Code(code) });
                }
                10 => seen.pongs += 1,
                _ => {
                    let Some((channel, content)) = payload.split_first() else { continue };
                    let (channel, content) = match self.wire {
                        Wire::V4Base64 => (channel - b'0', from_base64(content)),
                        _ => (*channel, content.to_vec()),
                    };
                    match channel {
                        1 => seen.stdout.extend(content),
                        2 => seen.stderr.extend(content),
                        _ => seen.error.extend(content),
                    }
                }
            }
            drop(seen);
            self.news.notify_one();
        }
    }

    async fn listen_to_spdy(&self, reader: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> Close {
        let mut close = Close::Broken;
        loop {
            let bytes = match reader.fill_buf().await {
                Ok(bytes) if !bytes.is_empty() => bytes,
                _ => break,
            };
            let length = bytes.len();
            let mut input = bytes;
            let mut client = self.spdy.as_ref().unwrap().lock().unwrap();
            let mut seen = self.seen.lock().unwrap();
            while let Some(event) = client.next(&mut input).unwrap() {
                match event {
                    Event::Data(Channel::Stdout, data) => seen.stdout.extend(data),
                    Event::Data(_, data) => seen.stderr.extend(data),
                    Event::Pong(_) => seen.pongs += 1,
                    Event::Terminated(end) => seen.termination = Some(end),
                    Event::GoAway(0) => close = Close::Clean,
                    _ => {}
                }
            }
            drop((client, seen));
            reader.consume(length);
            self.news.notify_one();
        }
        let end = self.spdy.as_ref().unwrap().lock().unwrap().finish().unwrap();
        self.seen.lock().unwrap().termination = Some(end);
        close
    }

    fn heard(self, close: Close) -> Heard {
        let seen = self.seen.into_inner().unwrap();
        let termination = match seen.termination {
            Some(termination) => termination,
            None if seen.error.is_empty() => Termination::Unknown,
            None if self.wire == Wire::V1 => Termination::from_text(&seen.error),
            None => Termination::from_status(&seen.error).unwrap(),
        };
        let status = match termination {
            Termination::Exited(status) if self.wire == Wire::V1 => {
                assert_eq!(status.code(), None);
                Status::Text
            }
            Termination::Exited(status) => Status::Exit(ExitStatus::code(status).unwrap()),
            Termination::Failed { .. } => Status::Failure,
            _ => Status::Missing,
        };
        let (stdout, stderr) = (shown(&seen.stdout), shown(&seen.stderr));
        Heard { status, stdout, stderr, close, pongs: seen.pongs }
    }
}

fn from_base64(text: &[u8]) -> Vec<u8> {
    let value = |byte: &u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.iter().filter(|byte| **byte != b'=').map(value).collect();
    let bytes = digits.chunks(4).flat_map(|four| {
        let bits = four.iter().fold(0_u32, |bits, digit| bits << 6 | u32::from(*digit));
        let bits = bits << (6 * (4 - four.len()));
        bits.to_be_bytes()[1..four.len()].to_vec()
    });
    bytes.collect()
}
