//! The object storage that whole outputs are uploaded to. All buckets are folders at the address of the service.

use std::{
    fs::File,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::{Method, StatusCode, http::request::Parts};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Sha256;

use super::{command::Command, task::Task};
use crate::{
    clock, random,
    secret::constant_time_eq,
    service::{self, Answer},
};

/// The path below which all objects lie.
const ROOT: &str = "/cos/";
/// The most bytes of an output that are kept.
pub(super) const MAX_OBJECT: u64 = 256 * 1024 * 1024;
/// What stands in a path as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'/');

/// Where the outputs are, and how their addresses are signed.
#[derive(Debug)]
pub(super) struct Cos {
    address: SocketAddr,
    folder: PathBuf,
    key: String,
    /// How long an address is valid.
    life: Duration,
}

impl Cos {
    pub(super) fn new(address: SocketAddr, folder: &Path, life: Duration) -> Self {
        Self { address, folder: folder.join("cos"), key: random::secret(), life }
    }

    fn file(&self, task: &str) -> PathBuf {
        self.folder.join(format!("{task}.log"))
    }

    /// Creates the file of a task's whole output.
    pub(super) fn create(&self, task: &Task) -> io::Result<File> {
        std::fs::create_dir_all(&self.folder)?;
        File::create_new(self.file(&task.id))
    }

    /// The address of a task's whole output, signed for a while.
    pub(super) fn url(&self, command: &Command, invocation: &str, task: &str) -> String {
        let bucket = command.bucket.trim_start_matches("https://").trim_end_matches('/');
        let prefix = command.prefix.trim_matches('/');
        let slash = if prefix.is_empty() { "" } else { "/" };
        let key = format!("{bucket}{slash}{prefix}/{invocation}/{task}.log");
        let path = format!("{ROOT}{}", utf8_percent_encode(&key, PLAIN));
        let end = clock::now() + i64::try_from(self.life.as_secs()).unwrap_or(i64::MAX / 2);
        let signature = self.signature(&path, end);
        format!(
            "http://{}{path}?q-sign-algorithm=sha256&q-sign-time={end}&q-signature={signature}",
            self.address
        )
    }

    fn signature(&self, path: &str, end: i64) -> String {
        // A key of any length is one of HMAC.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.as_bytes()) else {
            return String::new();
        };
        mac.update(format!("{path}\n{end}").as_bytes());
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Answers a request for an object; none if it is for something else.
    pub(super) fn answer(&self, head: &Parts) -> Option<Answer> {
        let path = head.uri.path();
        path.strip_prefix(ROOT)?;
        if head.method != Method::GET {
            return Some(error(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "Use GET."));
        }
        let query = head.uri.query().unwrap_or_default();
        let parameter = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(given, _)| *given == name).map(|(_, value)| value)
        };
        let end: i64 = parameter("q-sign-time").and_then(|end| end.parse().ok()).unwrap_or(0);
        let given = parameter("q-signature").unwrap_or_default();
        let forbidden = |code, message| Some(error(StatusCode::FORBIDDEN, code, message));
        if given.is_empty() {
            return forbidden("AccessDenied", "Access Denied.");
        }
        if !constant_time_eq(given, self.signature(path, end)) {
            return forbidden("SignatureDoesNotMatch", "The Signature you specified is invalid.");
        }
        if end <= clock::now() {
            return forbidden("AccessDenied", "Request has expired");
        }
        let task = path.rsplit('/').next().and_then(|name| name.strip_suffix(".log"));
        let found = task.and_then(|task| std::fs::read(self.file(task)).ok());
        Some(match found {
            Some(bytes) => service::answer(StatusCode::OK, "application/octet-stream", bytes),
            None => error(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist."),
        })
    }
}

/// An error in the form of the object storage.
fn error(status: StatusCode, code: &str, message: &str) -> Answer {
    let id = random::uuid();
    let body = format!(
        "<?xml version='1.0' encoding='utf-8' ?>\n<Error>\n\t<Code>{code}</Code>\n\t<Message>{message}</Message>\n\t<RequestId>{id}</RequestId>\n</Error>\n"
    );
    service::answer(status, "application/xml", body)
}
