//! A management node that answers as a test says.
#![allow(dead_code, reason = "not every test program uses all of it")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use guestexec_zstack::{Client, Credentials, Error};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};

pub(crate) const VM: &str = "fc022ba201c135d8809c5e02bf6bf156";
pub(crate) const JOB: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const SESSION: &str = "fedcba9876543210fedcba9876543210";
pub(crate) const DONE: &str =
    r#"{"stream":"standardStream: hi, errorStream: ","vmInstance":{"uuid":"u"}}"#;

/// A request as it came: its first line, its headers in lower case, its body.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) head: String,
}

impl Request {
    pub(crate) fn is_command(&self) -> bool {
        self.line.contains("/commands/exec")
    }

    pub(crate) fn is_question(&self) -> bool {
        self.line.contains("/api-jobs/")
    }

    pub(crate) fn is_login(&self) -> bool {
        self.line.contains("/accounts/login")
    }

    pub(crate) fn is_check(&self) -> bool {
        self.line.contains("/valid ")
    }

    /// The session it is sent under.
    pub(crate) fn is_of(&self, session: &str) -> bool {
        self.head.contains(&format!("authorization: oauth {session}"))
    }

    /// The name that a command is sent under.
    pub(crate) fn job(&self) -> String {
        let name = self.head.lines().find_map(|line| line.strip_prefix("x-job-uuid: "));
        name.unwrap().to_owned()
    }
}

/// What the node does with a request.
pub(crate) enum Answer {
    /// Status line, content type, body.
    Http(&'static str, &'static str, String),
    /// Closes without a word.
    Closes,
}

pub(crate) fn json(status: &'static str, body: impl Into<String>) -> Answer {
    Answer::Http(status, "application/json", body.into())
}

pub(crate) fn text(status: &'static str, body: &str) -> Answer {
    Answer::Http(status, "text/plain", body.to_owned())
}

pub(crate) fn failed(error: &str) -> Answer {
    json("503 Service Unavailable", format!(r#"{{"error":{error}}}"#))
}

pub(crate) fn accepted() -> Answer {
    // The host is the node's idea of itself, and leads nowhere.
    let location = format!("http://node-7.internal:8080/zstack/v1/api-jobs/{JOB}");
    json("202 Accepted", format!(r#"{{"location":"{location}","apiTimeout":20000}}"#))
}

/// A node that answers as `behave` says, given each request and how many came before it.
pub(crate) struct Node {
    pub(crate) endpoint: String,
    commands: Arc<AtomicUsize>,
    pub(crate) logins: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Node {
    pub(crate) async fn start(behave: impl Fn(&Request, usize) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (commands, logins) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let counts = (commands.clone(), logins.clone());
        let serving = tokio::spawn(async move {
            for count in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read(&mut stream).await;
                if request.line.contains("/commands/exec") {
                    counts.0.fetch_add(1, Ordering::SeqCst);
                }
                if request.line.contains("/accounts/login") {
                    counts.1.fetch_add(1, Ordering::SeqCst);
                }
                if let Answer::Http(status, content_type, body) = behave(&request, count) {
                    let head = format!(
                        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n\
                         Content-Length: {}\r\nConnection: close\r\n\r\n",
                        body.len()
                    );
                    stream.write_all((head + &body).as_bytes()).await.unwrap();
                }
            }
        });
        Self { endpoint, commands, logins, serving }
    }

    pub(crate) fn client(&self) -> Client {
        Client::builder(&self.endpoint).credentials(Credentials::session(SESSION)).build().unwrap()
    }

    pub(crate) fn commands(&self) -> usize {
        self.commands.load(Ordering::SeqCst)
    }
}

pub(crate) async fn read(stream: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                let line = text.lines().next().unwrap_or_default().to_owned();
                return Request { line, head };
            }
        }
        assert_ne!(count, 0, "the request is whole");
    }
}

/// Runs `df` within a while, whatever the node does.
pub(crate) async fn run(client: &Client) -> Result<String, Error> {
    let run = client.vm(VM).run("df").timeout(Duration::from_secs(10)).unchecked();
    let ended = timeout(Duration::from_secs(30), async { run.await }).await;
    Ok(ended.expect("the call ends")?.stdout_lossy().into_owned())
}

/// The session that the login number `count` opens.
pub(crate) fn session(count: usize) -> String {
    format!("{count:032}")
}

/// The answer to a login, which opens the session `uuid`.
pub(crate) fn opened(uuid: &str) -> Answer {
    json("200 OK", format!(r#"{{"inventory":{{"uuid":"{uuid}"}}}}"#))
}

/// The answer to the question whether a session is good.
pub(crate) fn valid(valid: bool) -> Answer {
    json("200 OK", format!(r#"{{"valid":{valid}}}"#))
}
