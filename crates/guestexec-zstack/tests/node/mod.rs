//! A management node that answers as a test says.
#![allow(dead_code, reason = "not every test program uses all of it")]

use std::time::Duration;

use guestexec_testkit::peer::Peer;
pub(crate) use guestexec_testkit::peer::{Answer, Request};
use guestexec_zstack::{Client, Credentials, Error};
use tokio::time::timeout;

pub(crate) const VM: &str = "fc022ba201c135d8809c5e02bf6bf156";
pub(crate) const JOB: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const SESSION: &str = "fedcba9876543210fedcba9876543210";
pub(crate) const DONE: &str =
    r#"{"stream":"standardStream: hi, errorStream: ","vmInstance":{"uuid":"u"}}"#;

pub(crate) fn is_command(request: &Request) -> bool {
    request.target.ends_with("/commands/exec")
}

pub(crate) fn is_login(request: &Request) -> bool {
    request.target.ends_with("/accounts/login")
}

/// Whether it asks if a session is valid.
pub(crate) fn is_check(request: &Request) -> bool {
    request.target.ends_with("/valid")
}

/// Whether it is sent under a session.
pub(crate) fn is_of(request: &Request, session: &str) -> bool {
    request.header("authorization") == Some(&*format!("OAuth {session}"))
}

/// The job id that a command is sent with.
pub(crate) fn job(request: &Request) -> &str {
    request.header("x-job-uuid").unwrap()
}

pub(crate) fn json(status: &str, body: impl AsRef<str>) -> Answer {
    Answer::json(status, body.as_ref())
}

pub(crate) fn text(status: &str, body: &str) -> Answer {
    Answer::http(status, "text/plain", body)
}

pub(crate) fn html(status: &str) -> Answer {
    Answer::http(status, "text/html", "<html><body>Bad Gateway</body></html>")
}

pub(crate) fn failed(error: &str) -> Answer {
    json("503 Service Unavailable", format!(r#"{{"error":{error}}}"#))
}

pub(crate) fn accepted() -> Answer {
    // The host is the node's internal name, which does not resolve.
    let location = format!("http://node-7.internal:8080/zstack/v1/api-jobs/{JOB}");
    json("202 Accepted", format!(r#"{{"location":"{location}","apiTimeout":20000}}"#))
}

/// A node that answers as `behave` says, given each request and how many came before it.
pub(crate) struct Node(Peer);

impl Node {
    pub(crate) async fn start(
        behave: impl FnMut(&Request, usize) -> Answer + Send + 'static,
    ) -> Self {
        Self(Peer::answering(behave).await)
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.0.endpoint
    }

    pub(crate) fn client(&self) -> Client {
        let credentials = Credentials::session(SESSION);
        Client::builder().endpoint(self.endpoint()).credentials(credentials).build().unwrap()
    }

    /// A client that opens and renews its session.
    pub(crate) async fn log_in(&self) -> Client {
        Client::builder().endpoint(self.endpoint()).login("admin", "password").await.unwrap()
    }

    /// The number of commands sent so far.
    pub(crate) fn commands(&self) -> usize {
        self.0.count(is_command)
    }

    /// The number of logins so far.
    pub(crate) fn logins(&self) -> usize {
        self.0.count(is_login)
    }
}

/// Runs `df` and returns within a bounded time, whatever the node does.
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

/// The answer to the question whether a session is valid.
pub(crate) fn valid(valid: bool) -> Answer {
    json("200 OK", format!(r#"{{"valid":{valid}}}"#))
}
