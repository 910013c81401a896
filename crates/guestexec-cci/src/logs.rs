//! The log of a container: all of it, or as it is written.

use std::{
    fmt, mem,
    time::{Duration, SystemTime},
};

use guestexec_core::{Bytes, ErrorKind, Secrets, Streamed, Underway, failure, unix_seconds};
use tokio::time::{Instant, timeout_at};

use crate::{Error, Pod, builder::ReadPodLog, error, hooks::Used, operations, sign};

/// The most bytes of a line that are kept until its end comes.
const MAX_LINE: usize = 1024 * 1024;
/// How long the connection has to deliver what it has received.
const GRACE: Duration = Duration::from_secs(1);

impl<'a> Pod<'a> {
    /// Prepares to read the log of the [container](Self::container): what its main process wrote, not
    /// what commands write. Sends nothing.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # sandbox.cci().write_log("demo", "main", "one\ntwo\n");
    /// # let client = sandbox.cci().client()?;
    /// let log = client.pod("default", "demo").logs().tail_lines(1).text_lossy().await?;
    /// assert_eq!(log, "two\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn logs(&self) -> Logs<'a> {
        Logs {
            pod: self.clone(),
            follow: false,
            previous: false,
            timestamps: false,
            since: None,
            since_time: None,
            tail_lines: None,
            limit_bytes: None,
            timeout: None,
            dead_after: None,
            output_limit: 64 * 1024 * 1024,
        }
    }
}

/// The log of a container, made by [`Pod::logs`]. [`Self::bytes`] and [`Self::text_lossy`] read it to its
/// end, [`Self::stream`] as it comes.
///
/// The service keeps a part of a long log only.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # sandbox.cci().write_log("two", "b", "started\nready\n");
/// # let client = sandbox.cci().client()?;
/// let pod = client.pod("default", "two").container("b");
/// let mut log = pod
///     .logs()
///     .follow()
///     .tail_lines(100)
///     .since(Duration::from_secs(3600))
///     .timeout(Duration::from_secs(600))
///     .dead_after(Duration::from_secs(120))
///     .stream()
///     .await?;
/// while let Some(line) = log.next_line().await? {
///     if line == b"ready" {
///         break;
///     }
/// }
/// // Dropping it ends the connection.
/// drop(log);
///
/// let recent = SystemTime::now() - Duration::from_secs(60);
/// let log = pod.logs().since_time(recent).timestamps().limit_bytes(1000).output_limit(2000);
/// assert_eq!(log.bytes().await?.split(|byte| *byte == b'\n').count(), 3);
///
/// // The container was never restarted, so it has no log of before.
/// assert!(pod.logs().previous().text_lossy().await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until `bytes`, `text_lossy` or `stream` is called"]
pub struct Logs<'a> {
    pod: Pod<'a>,
    follow: bool,
    previous: bool,
    timestamps: bool,
    since: Option<Duration>,
    since_time: Option<SystemTime>,
    tail_lines: Option<u64>,
    limit_bytes: Option<u64>,
    timeout: Option<Duration>,
    dead_after: Option<Option<Duration>>,
    output_limit: usize,
}

impl Logs<'_> {
    /// Goes on with what the container writes, until it ends.
    pub fn follow(mut self) -> Self {
        self.follow = true;
        self
    }

    /// Reads the log of the container before its last restart. Where there was none the service refuses.
    pub fn previous(mut self) -> Self {
        self.previous = true;
        self
    }

    /// Has each line begin with the time at which it was written, such as
    /// `2024-08-30T06:00:00.123456789Z`, and a space.
    pub fn timestamps(mut self) -> Self {
        self.timestamps = true;
        self
    }

    /// Reads what was written within this time before now: a second or more, in whole seconds, rounded
    /// up. Not together with [`Self::since_time`]. Default: all that the service keeps.
    pub fn since(mut self, time: Duration) -> Self {
        self.since = Some(time);
        self
    }

    /// Reads what was written from this time on, in whole seconds. Not together with [`Self::since`].
    pub fn since_time(mut self, time: SystemTime) -> Self {
        self.since_time = Some(time);
        self
    }

    /// Begins with the last so many lines, 0 or more. Default: all of them.
    pub fn tail_lines(mut self, lines: u64) -> Self {
        self.tail_lines = Some(lines);
        self
    }

    /// Has the service end the log after so many bytes, 1 or more. It may be slightly more or less, and
    /// cut a line. Default: no limit.
    pub fn limit_bytes(mut self, bytes: u64) -> Self {
        self.limit_bytes = Some(bytes);
        self
    }

    /// Bounds the time from the request to the end of the log. Default: no limit. After it, every read
    /// fails with [`ErrorKind::Timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long the service may be silent before the connection counts as dead; reading then fails with
    /// [`ErrorKind::Lost`]. Default: a minute, and without limit for a log that is
    /// [followed](Self::follow), as a container may be silent for any time; `None` is no limit.
    ///
    /// Unlike a session of a command, this connection cannot be tested by a ping.
    pub fn dead_after(mut self, silence: impl Into<Option<Duration>>) -> Self {
        self.dead_after = Some(silence.into());
        self
    }

    /// Bounds the length of what [`Self::bytes`] and [`Self::text_lossy`] collect, in bytes. Default:
    /// 64 MiB.
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }

    /// Reads the log to its end.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if it is longer than [`Self::output_limit`]; and as [`Self::stream`] and
    /// [`LogStream::next_chunk`].
    pub async fn bytes(self) -> Result<Vec<u8>, Error> {
        let limit = self.output_limit;
        let mut log = self.stream().await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = log.next_chunk().await? {
            if bytes.len() + chunk.len() > limit {
                return Err(failed(
                    ErrorKind::TooLarge,
                    format!(
                        "the log is longer than the {limit} bytes that are collected: ask for less by \
                         `tail_lines` or `limit_bytes`, collect more by `output_limit`, or read it by \
                         `stream`"
                    ),
                ));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Reads the log to its end, as text, with U+FFFD for what is not UTF-8.
    ///
    /// # Errors
    /// As [`Self::bytes`].
    pub async fn text_lossy(self) -> Result<String, Error> {
        let bytes = self.bytes().await?;
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into()))
    }

    /// Asks for the log, and returns it as it comes.
    ///
    /// The client's [`call_timeout`](crate::ClientBuilder::call_timeout) bounds the wait for the
    /// beginning of the answer.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] if a name or a setting is malformed (nothing is sent);
    /// [`ErrorKind::NotFound`] if there is no such pod; [`ErrorKind::Refused`] if the pod has no such
    /// container, or several and none was chosen, or the container has not begun; and any error of a call.
    pub async fn stream(self) -> Result<LogStream, Error> {
        let begun = Instant::now();
        let limit = self.timeout.and_then(|length| Some((begun.checked_add(length)?, length)));
        let default = if self.follow { None } else { Some(Duration::from_secs(60)) };
        let silence = self.dead_after.unwrap_or(default);
        let secrets = self.pod.client.inner.shared.clone();
        let call = self.call()?.send_streamed();
        let answer = match limit {
            None => call.await?,
            Some((at, length)) => timeout_at(at, call).await.map_err(|_| late(length))??,
        };
        Ok(LogStream {
            body: answer.into_inner(),
            unread: Bytes::new(),
            line: Vec::new(),
            limit,
            silence,
            heard: Instant::now(),
            secrets: secrets.secrets(&Used::default()),
            failure: None,
        })
    }

    fn call(&self) -> Result<ReadPodLog<'_>, Error> {
        let Pod { client, namespace, name, container } = &self.pod;
        let invalid = |message: &str| failed(ErrorKind::InvalidRequest, message.to_owned());
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let mut call = client.read_pod_log(&**namespace, &**name);
        if let Some(container) = container {
            call = call.container(&**container);
        }
        if self.follow {
            call = call.follow(true);
        }
        if self.previous {
            call = call.previous(true);
        }
        if self.timestamps {
            call = call.timestamps(true);
        }
        match (self.since, self.since_time) {
            (Some(_), Some(_)) => {
                return Err(invalid(
                    "`since` and `since_time` exclude each other: give one of them",
                ));
            }
            (Some(time), None) => {
                let whole = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
                call = call.since_seconds(number(whole));
            }
            (None, Some(time)) => {
                let basic = sign::format_date(unix_seconds(time));
                let basic =
                    basic.map_err(|_| invalid("`since_time` is not within the years 0 to 9999"))?;
                call = call.since_time(extended(&basic));
            }
            (None, None) => {}
        }
        if let Some(lines) = self.tail_lines {
            call = call.tail_lines(number(lines));
        }
        if let Some(bytes) = self.limit_bytes {
            call = call.limit_bytes(number(bytes));
        }
        Ok(call)
    }
}

/// `20240830T060000Z` as `2024-08-30T06:00:00Z`.
fn extended(basic: &str) -> String {
    let mut text = String::with_capacity(20);
    for (at, character) in basic.chars().enumerate() {
        text.extend(match at {
            4 | 6 => Some('-'),
            11 | 13 => Some(':'),
            _ => None,
        });
        text.push(character);
    }
    text
}

fn failed(kind: ErrorKind, message: String) -> Error {
    Error::new(kind, message).during(operations::READ_POD_LOG.id)
}

fn late(length: Duration) -> Error {
    failed(ErrorKind::Timeout, format!("the log did not end within {length:?}"))
}

/// A log as it comes, from [`Logs::stream`]. Dropping it ends the connection.
///
/// Both methods may be awaited again after they were cancelled: nothing is lost. At most one piece of what
/// the connection delivers and one line are kept, so that a slow reader slows the service down.
pub struct LogStream {
    body: Streamed,
    /// The received bytes that were not returned yet.
    unread: Bytes,
    /// The beginning of a line whose end did not come yet.
    line: Vec<u8>,
    limit: Option<(Instant, Duration)>,
    silence: Option<Duration>,
    heard: Instant,
    secrets: Secrets,
    failure: Option<Error>,
}

impl LogStream {
    /// The next bytes as they came; `None` at the end of the log.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # sandbox.cci().write_log("demo", "main", "one\ntwo\n");
    /// # let client = sandbox.cci().client()?;
    /// let mut log = client.pod("default", "demo").logs().stream().await?;
    /// assert_eq!(log.next_line().await?.as_deref(), Some(&b"one"[..]));
    /// let mut length = 0;
    /// while let Some(bytes) = log.next_chunk().await? {
    ///     length += bytes.len();
    /// }
    /// assert_eq!(length, 4);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Lost`] if the connection ended before the log did, or was silent for longer than
    /// [`Logs::dead_after`]: what came before is a part of the log. [`ErrorKind::Timeout`] after
    /// [`Logs::timeout`]. Every further read fails in the same way. A server that loses the node may end
    /// the log as if it were at its end.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, Error> {
        if !self.line.is_empty() {
            return Ok(Some(mem::take(&mut self.line).into()));
        }
        if !self.unread.is_empty() {
            return Ok(Some(mem::take(&mut self.unread)));
        }
        self.receive().await
    }

    /// The next line, without its line feed; `None` at the end of the log. The last line may have had
    /// none. A line of more than 1 MiB comes in pieces.
    ///
    /// # Errors
    /// As [`Self::next_chunk`].
    pub async fn next_line(&mut self) -> Result<Option<Vec<u8>>, Error> {
        loop {
            let room = MAX_LINE - self.line.len();
            let end = self.unread.iter().take(room).position(|byte| *byte == b'\n');
            let taken = end.unwrap_or(self.unread.len().min(room));
            self.line.extend_from_slice(&self.unread.split_to(taken));
            if end.is_some() {
                let _ = self.unread.split_to(1);
            }
            if end.is_some() || self.line.len() == MAX_LINE {
                return Ok(Some(mem::take(&mut self.line)));
            }
            match self.receive().await? {
                Some(bytes) => self.unread = bytes,
                None if self.line.is_empty() => return Ok(None),
                None => return Ok(Some(mem::take(&mut self.line))),
            }
        }
    }

    /// The next bytes of the connection. After a failure it fails again, as a log that broke off has no
    /// end.
    async fn receive(&mut self) -> Result<Option<Bytes>, Error> {
        if let Some(error) = &self.failure {
            return Err(error.clone());
        }
        let received = self.deliver().await;
        self.heard = Instant::now();
        self.failure = received.as_ref().err().cloned();
        received
    }

    async fn deliver(&mut self) -> Result<Option<Bytes>, Error> {
        // A reader that was busy for longer gets what arrived in the meantime.
        let soon = |length: Duration| Instant::now().checked_add(length.min(GRACE));
        let silent = self.silence.and_then(|length| {
            let at = self.heard.checked_add(length)?;
            Some((at.max(soon(length)?), length))
        });
        let first = [self.limit, silent].into_iter().flatten().min_by_key(|(at, _)| *at);
        let received = match first {
            None => self.body.chunk().await,
            Some((at, length)) => match timeout_at(at, self.body.chunk()).await {
                Ok(received) => received,
                Err(_) if self.limit == first => return Err(late(length)),
                Err(_) => {
                    let message = format!(
                        "the service was silent for {length:?}, before the end of the log: the connection \
                         counts as dead"
                    );
                    return Err(failed(ErrorKind::Lost, message));
                }
            },
        };
        let error = match received {
            Ok(bytes) => return Ok(bytes),
            Err(error) => error.into(),
        };
        let operation = &operations::READ_POD_LOG;
        let (underway, secrets) = (Underway::default(), mem::take(&mut self.secrets));
        let read = |answer: &_| error::read(operation, answer);
        Err(failure(operation, &underway, secrets, error, read).await)
    }
}

impl fmt::Debug for LogStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A log may hold secrets.
        f.debug_struct("LogStream").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::extended;

    #[test]
    fn times() {
        assert_eq!(extended("20240830T060102Z"), "2024-08-30T06:01:02Z");
    }
}
