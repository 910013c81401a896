//! The log of a container, bounded, and the answer that reads it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::stream;
use guestexec_cci::sign::QueryPair;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{
    Response, StatusCode,
    body::{Bytes, Frame},
    header::{CONTENT_TYPE, HeaderValue},
};
use serde_json::json;
use tokio::sync::watch;

use super::{
    error::{ErrorAnswer, bad_request, status},
    exec::{flag, parameter},
};
use crate::{clock, service::Answer};

/// How many bytes of a log are kept; of a longer one, the oldest lines are dropped.
const MAX_LOG: usize = 4 * 1024 * 1024;
/// A line that is longer is logged in parts, as by the real runtime.
const MAX_LINE: usize = 16 * 1024;
/// How many bytes of a log are read at once.
const MAX_READ: usize = 64 * 1024;

/// What the main process of a container has written.
#[derive(Debug, Default)]
pub(super) struct Log {
    kept: Mutex<Kept>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: VecDeque<Entry>,
    /// How many entries were dropped.
    dropped: usize,
    bytes: usize,
    has_ended: bool,
}

/// A line, or a part of one.
#[derive(Debug, Clone)]
struct Entry {
    time: Duration,
    text: Bytes,
}

/// The bytes of a stream, up to the end of a line.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// Logs the lines that are complete with these bytes.
    pub(super) fn push(&mut self, mut bytes: &[u8], log: &Log) {
        while !bytes.is_empty() {
            let room = bytes.len().min(MAX_LINE - self.0.len());
            let end = bytes[..room].iter().position(|byte| *byte == b'\n');
            let (taken, rest) = bytes.split_at(end.map_or(room, |end| end + 1));
            self.0.extend_from_slice(taken);
            if end.is_some() || self.0.len() == MAX_LINE {
                log.append(std::mem::take(&mut self.0));
            }
            bytes = rest;
        }
    }

    /// Logs a line without an end.
    pub(super) fn finish(&mut self, log: &Log) {
        if !self.0.is_empty() {
            log.append(std::mem::take(&mut self.0));
        }
    }
}

impl Log {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, text: Vec<u8>) {
        let offset = clock::offset();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = match offset {
            0.. => now.saturating_add(Duration::from_secs(offset.unsigned_abs())),
            _ => now.saturating_sub(Duration::from_secs(offset.unsigned_abs())),
        };
        let mut kept = self.kept();
        kept.bytes += text.len();
        kept.entries.push_back(Entry { time, text: text.into() });
        while kept.bytes > MAX_LOG
            && let Some(oldest) = kept.entries.pop_front()
        {
            kept.bytes -= oldest.text.len();
            kept.dropped += 1;
        }
        drop(kept);
        self.changed.send_replace(());
    }

    /// Nothing more will be written.
    pub(super) fn end(&self) {
        self.kept().has_ended = true;
        self.changed.send_replace(());
    }
}

/// What a reader asked for.
#[derive(Debug, Default)]
struct Options {
    follow: bool,
    timestamps: bool,
    since: Option<Duration>,
    tail: Option<usize>,
    limit: Option<usize>,
}

/// An answer of 422 for one member of the query.
fn invalid(pod: &str, field: &str, problem: &str) -> ErrorAnswer {
    let message = format!("PodLogOptions \"{pod}\" is invalid: {field}: {problem}");
    let cause = json!({ "reason": "FieldValueInvalid", "message": problem, "field": field });
    let details = json!({ "name": pod, "kind": "PodLogOptions", "causes": [cause] });
    status(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", &message, Some(details))
}

impl Options {
    fn read(pod: &str, query: &[QueryPair<'_>]) -> Result<Self, ErrorAnswer> {
        let number = |name: &str, least: i64| {
            let Some(text) = parameter(query, name).filter(|text| !text.is_empty()) else {
                return Ok(None);
            };
            let number: i64 = text
                .parse()
                .map_err(|_| bad_request(&format!("{name}: {text:?} is not a whole number")))?;
            if number < least {
                let problem =
                    format!("Invalid value: {number}: must be greater than or equal to {least}");
                return Err(invalid(pod, name, &problem));
            }
            Ok(Some(number))
        };
        let now = u64::try_from(clock::now()).unwrap_or_default();
        let seconds = number("sinceSeconds", 1)?;
        let time = match parameter(query, "sinceTime").filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(clock::read_rfc3339(text).ok_or_else(|| {
                bad_request(&format!(
                    "sinceTime: {text:?} is not a time such as 2024-08-30T06:00:00Z"
                ))
            })?),
        };
        if seconds.is_some() && time.is_some() {
            let problem =
                "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified";
            return Err(invalid(pod, "sinceSeconds", problem));
        }
        let ago = seconds.map(|seconds| now.saturating_sub(seconds.unsigned_abs()));
        let size = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
        Ok(Self {
            follow: flag(query, "follow"),
            timestamps: flag(query, "timestamps"),
            since: ago.map(Duration::from_secs).or(time),
            tail: number("tailLines", 0)?.map(size),
            limit: number("limitBytes", 1)?.map(size),
        })
    }
}

/// A reader and what it has read.
struct Reader {
    log: Arc<Log>,
    changed: watch::Receiver<()>,
    options: Options,
    /// The number of the next entry.
    next: usize,
    /// Whether the next entry begins a line.
    begins: bool,
}

impl Reader {
    fn new(log: Arc<Log>, options: Options) -> Self {
        let changed = log.changed.subscribe();
        let kept = log.kept();
        let all = kept.entries.len();
        // The last line may lack its end.
        let is_open = kept.entries.back().is_some_and(|last| !last.text.ends_with(b"\n"));
        let mut ends = usize::from(is_open);
        let skipped = options.tail.map_or(0, |lines| {
            let is_before = |entry: &Entry| {
                ends += usize::from(entry.text.ends_with(b"\n"));
                ends > lines
            };
            match lines {
                0 => all,
                _ => kept.entries.iter().rev().position(is_before).map_or(0, |taken| all - taken),
            }
        });
        let next = kept.dropped + skipped;
        drop(kept);
        Self { log, changed, options, next, begins: true }
    }

    /// The next part of the log; `None` at its end, or where a reader who does not follow has it all.
    async fn read(&mut self) -> Option<Bytes> {
        loop {
            if self.options.limit == Some(0) {
                return None;
            }
            self.changed.mark_unchanged();
            let (part, has_ended) = self.part();
            if !part.is_empty() {
                return Some(part.into());
            }
            if has_ended || !self.options.follow {
                return None;
            }
            self.changed.changed().await.ok()?;
        }
    }

    fn part(&mut self) -> (Vec<u8>, bool) {
        let kept = self.log.kept();
        let mut part = Vec::new();
        let from = self.next.saturating_sub(kept.dropped);
        self.next = self.next.max(kept.dropped);
        for Entry { time, text } in kept.entries.iter().skip(from) {
            if part.len() >= MAX_READ {
                break;
            }
            self.next += 1;
            if self.options.since.is_some_and(|since| *time < since) {
                continue;
            }
            if self.options.timestamps && self.begins {
                let seconds = i64::try_from(time.as_secs()).unwrap_or_default();
                let stamp = clock::iso8601(seconds, &format!(".{:09}Z ", time.subsec_nanos()));
                part.extend_from_slice(stamp.as_bytes());
            }
            part.extend_from_slice(text);
            self.begins = text.ends_with(b"\n");
        }
        if let Some(limit) = &mut self.options.limit {
            part.truncate(*limit);
            *limit -= part.len();
        }
        (part, kept.has_ended)
    }
}

/// Answers a reader of a container's log.
pub(super) fn answer(
    pod: &str,
    log: Arc<Log>,
    query: &[QueryPair<'_>],
) -> Result<Answer, ErrorAnswer> {
    let reader = Reader::new(log, Options::read(pod, query)?);
    let parts = stream::unfold(reader, async |mut reader| {
        let part = reader.read().await?;
        Some((Ok(Frame::data(part)), reader))
    });
    let mut answer = Response::new(StreamBody::new(parts).boxed_unsync());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(text: &str) -> Arc<Log> {
        let log = Arc::new(Log::default());
        let mut lines = Lines::default();
        lines.push(text.as_bytes(), &log);
        lines.finish(&log);
        log
    }

    async fn read(log: &Arc<Log>, options: Options) -> String {
        let mut reader = Reader::new(Arc::clone(log), options);
        let mut all = Vec::new();
        while let Some(part) = reader.read().await {
            all.extend_from_slice(&part);
        }
        String::from_utf8(all).unwrap_or_default()
    }

    #[tokio::test]
    async fn parts_of_a_log() {
        let three = log("one\ntwo\nthree");
        let tail = |lines| Options { tail: Some(lines), ..Options::default() };
        for (lines, expected) in [
            (0, ""),
            (1, "three"),
            (2, "two\nthree"),
            (3, "one\ntwo\nthree"),
            (9, "one\ntwo\nthree"),
        ] {
            assert_eq!(read(&three, tail(lines)).await, expected, "{lines}");
        }
        assert_eq!(read(&log("a\nb\n"), tail(1)).await, "b\n");
        let limit = |bytes| Options { limit: Some(bytes), ..Options::default() };
        assert_eq!(read(&three, limit(5)).await, "one\nt");
        let later = SystemTime::now() + Duration::from_secs(60);
        let since = later.duration_since(UNIX_EPOCH).ok();
        assert_eq!(read(&three, Options { since, ..Options::default() }).await, "");
        let stamped = read(&three, Options { timestamps: true, ..Options::default() }).await;
        for (line, expected) in stamped.lines().zip(["one", "two", "three"]) {
            let (time, text) = line.split_once(' ').unwrap_or_default();
            assert!(clock::read_rfc3339(time).is_some(), "{line}");
            assert_eq!(text, expected);
        }
    }

    #[tokio::test]
    async fn a_long_log_keeps_its_end_and_a_long_line_is_whole() {
        let line = "x".repeat(3 * MAX_LINE) + "\n";
        let long = log(&line.repeat(MAX_LOG / line.len() + 5));
        assert!(long.kept().bytes <= MAX_LOG);
        let tail = Options { tail: Some(1), timestamps: true, ..Options::default() };
        let last = read(&long, tail).await;
        let (time, text) = last.split_once(' ').unwrap_or_default();
        assert!(clock::read_rfc3339(time).is_some() && text == line, "{} bytes", last.len());
    }

    #[tokio::test]
    async fn a_follower_reads_up_to_the_end() {
        let log = log("one\n");
        let following = Arc::clone(&log);
        let options = Options { follow: true, ..Options::default() };
        let reader = tokio::spawn(async move { read(&following, options).await });
        tokio::task::yield_now().await;
        Lines::default().push(b"two\n", &log);
        tokio::task::yield_now().await;
        log.end();
        assert_eq!(reader.await.ok().as_deref(), Some("one\ntwo\n"));
    }
}
