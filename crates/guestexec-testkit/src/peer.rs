//! An HTTP server on a real socket that does what a test says: answers, waits, cuts, stays silent.
//! It speaks HTTP/1.1 by hand, so that every byte of an answer is the test's.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query, or whatever else follows the method.
    pub target: String,
    /// Names and values of the headers, in order.
    pub headers: Vec<(String, String)>,
    /// The request line and the headers as they arrived, with the blank line.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    fn of(message: Message) -> Self {
        let mut words = message.head.split_ascii_whitespace().map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let headers =
            message.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { method, target, headers, head: message.head, body: message.body }
    }

    /// The value of a header, by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(is, _)| is.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// The target's path.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }

    /// The target's query; empty where there is none.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The request line: method, target and version.
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The bytes that arrived.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.body].concat()
    }
}

/// What a peer does with a request.
#[derive(Clone, Debug)]
pub struct Answer {
    bytes: Vec<u8>,
    delay: Duration,
    then: Then,
}

#[derive(Clone, Copy, Debug)]
enum Then {
    Close,
    Next,
    Hang,
}

impl Answer {
    /// Sends these bytes, which need be no HTTP, and closes the connection.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), delay: Duration::ZERO, then: Then::Close }
    }

    /// Answers with a status such as `200 OK`, says so that it closes the connection, and does.
    pub fn http(status: &str, content_type: &str, body: &str) -> Self {
        Self::raw(response(status, &format!("Content-Type: {content_type}\r\n"), body))
    }

    /// The same, and keeps the connection open for a further request.
    pub fn kept(status: &str, content_type: &str, body: &str) -> Self {
        let length = body.len();
        let head = format!("Content-Type: {content_type}\r\nContent-Length: {length}");
        let then = Then::Next;
        Self { then, ..Self::raw(format!("HTTP/1.1 {status}\r\n{head}\r\n\r\n{body}")) }
    }

    /// Answers with JSON, as [`http`](Self::http) does.
    pub fn json(status: &str, body: &str) -> Self {
        Self::http(status, "application/json", body)
    }

    /// Closes the connection without an answer.
    pub fn closed() -> Self {
        Self::raw([])
    }

    /// Never answers, and keeps the connection open.
    pub fn silence() -> Self {
        Self::raw([]).hanging()
    }

    /// Keeps the connection open afterwards, for nothing more.
    #[must_use]
    pub fn hanging(self) -> Self {
        Self { then: Then::Hang, ..self }
    }

    /// Waits before it is sent.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Sends no more than the first `length` bytes.
    #[must_use]
    pub fn cut(mut self, length: usize) -> Self {
        self.bytes.truncate(length);
        self
    }
}

/// A response of HTTP/1.1 that ends its connection. `headers` are lines that each end in CRLF.
pub fn response(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// A listening server on loopback; it ends when dropped.
#[derive(Debug)]
pub struct Peer {
    /// `http://` and the address.
    pub endpoint: String,
    record: Arc<Mutex<Record>>,
    tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Record {
    received: Vec<u8>,
    requests: Vec<Request>,
}

impl Peer {
    /// Reads the first request of each connection, and hands both to `serve`.
    ///
    /// # Panics
    /// If it cannot listen.
    pub async fn new<F, S>(serve: F) -> Self
    where
        F: Fn(Request, TcpStream) -> S + Send + Sync + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let serve = Arc::new(serve);
        Self::listening(move |stream, record| {
            let serve = serve.clone();
            async move {
                let mut stream = stream;
                if let Some((request, _)) = record_request(&mut stream, &record).await {
                    serve(request, stream).await;
                }
            }
        })
        .await
    }

    /// Answers each request as `answer` says, given the number of requests before it. It decides on
    /// one request at a time.
    ///
    /// # Panics
    /// If it cannot listen.
    pub async fn answering(answer: impl FnMut(&Request, usize) -> Answer + Send + 'static) -> Self {
        let answer = Arc::new(Mutex::new(answer));
        Self::listening(move |stream, record| {
            let answer = answer.clone();
            async move {
                let mut stream = stream;
                while let Some((request, before)) = record_request(&mut stream, &record).await {
                    let Answer { bytes, delay, then } =
                        (answer.lock().expect("no earlier request failed the test"))(
                            &request, before,
                        );
                    sleep(delay).await;
                    // A client that has left is for the test to notice.
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                    match then {
                        Then::Close => return,
                        Then::Next => {}
                        Then::Hang => std::future::pending().await,
                    }
                }
            }
        })
        .await
    }

    /// Answers every request with one response; `headers` as in [`response`].
    ///
    /// # Panics
    /// If it cannot listen.
    pub async fn saying(status: &str, headers: &str, body: &str) -> Self {
        let answer = Answer::raw(response(status, headers, body));
        Self::answering(move |_, _| answer.clone()).await
    }

    async fn listening<F, S>(serve: F) -> Self
    where
        F: Fn(TcpStream, Arc<Mutex<Record>>) -> S + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let record = Arc::<Mutex<Record>>::default();
        let seen = record.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, seen.clone()));
            }
        });
        Self { endpoint: format!("http://{address}"), record, tasks }
    }

    /// Stops listening and closes all connections, as dropping it does a moment later.
    pub async fn close(mut self) {
        self.tasks.shutdown().await;
    }

    /// The address without the scheme.
    pub fn address(&self) -> &str {
        self.endpoint.trim_start_matches("http://")
    }

    /// The requests so far, in the order they arrived.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.record).requests.clone()
    }

    /// The number of requests so far that `wanted` holds for.
    pub fn count(&self, wanted: impl Fn(&Request) -> bool) -> usize {
        lock(&self.record).requests.iter().filter(|request| wanted(request)).count()
    }

    /// Every byte that has been read, whole requests or not.
    pub fn received(&self) -> Vec<u8> {
        lock(&self.record).received.clone()
    }
}

/// An endpoint that nothing listens at.
///
/// # Panics
/// If there is no free port.
pub async fn closed_endpoint() -> String {
    let peer = Peer::saying("200 OK", "", "").await;
    let endpoint = peer.endpoint.clone();
    peer.close().await;
    endpoint
}

/// Reads a request, of which no byte beyond its end is taken.
///
/// # Errors
/// If the connection ends before the request does.
pub async fn read_request(stream: &mut TcpStream) -> io::Result<Request> {
    Ok(Request::of(Message::read(stream, &mut Vec::new()).await?))
}

/// Passes a request on to a server's address, and gives the whole response.
///
/// # Errors
/// If there is none, or only a part of it.
pub async fn forward(request: &Request, address: &str) -> io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(address).await?;
    server.write_all(&request.to_bytes()).await?;
    let Message { head, body } = Message::read(&mut server, &mut Vec::new()).await?;
    Ok([head.as_bytes(), &body].concat())
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads and records a request; the second value is the number of requests before it.
async fn record_request(
    stream: &mut TcpStream,
    record: &Mutex<Record>,
) -> Option<(Request, usize)> {
    let mut received = Vec::new();
    let message = Message::read(stream, &mut received).await;
    let mut record = lock(record);
    record.received.append(&mut received);
    let request = Request::of(message.ok()?);
    record.requests.push(request.clone());
    Some((request, record.requests.len() - 1))
}

/// A request or a response.
struct Message {
    head: String,
    body: Vec<u8>,
}

impl Message {
    /// Reads a message whose body has a `Content-Length`, or none. `received` is what could be seen
    /// of it, and of what follows it, also where it is incomplete.
    async fn read(stream: &mut TcpStream, received: &mut Vec<u8>) -> io::Result<Self> {
        let end = loop {
            let mut piece = [0; 4096];
            // What follows the head is left to whoever reads next.
            let count = stream.peek(&mut piece).await?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let before = received.len();
            received.extend_from_slice(&piece[..count]);
            let begin = before.saturating_sub(3);
            let end = received[begin..].windows(4).position(|four| four == b"\r\n\r\n");
            let end = end.map(|at| begin + at + 4);
            let taken = end.map_or(count, |end| end - before);
            stream.read_exact(&mut piece[..taken]).await?;
            if let Some(end) = end {
                break end;
            }
        };
        let head = String::from_utf8_lossy(&received[..end]).into_owned();
        let mut message = Self { head, body: Vec::new() };
        let mut headers = message.headers();
        let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length = length.and_then(|(_, length)| length.parse().ok()).unwrap_or(0);
        drop(headers);
        let peeked = received.split_off(end);
        let read = stream.take(length).read_to_end(&mut message.body).await;
        let longer = if message.body.len() < peeked.len() { &peeked } else { &message.body };
        received.extend_from_slice(longer);
        if (read? as u64) < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(message)
    }

    fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.map(|(name, value)| (name, value.trim()))
    }
}
