//! Conversations with a real service, recorded to a file and replayed from it.

mod clean;
mod file;
mod guard;
mod player;
mod recorder;

use std::{error::Error, fmt, io, path::Path, sync::Arc};

use guestexec_core::{
    Endpoint, HttpOptions, HttpTransport, Operation, PlainHttp, RequestShape, Secret, Transport,
};
use reqwest::Url;

use crate::{Answer, ResponseShape, Tape};
use file::Ended;
use recorder::Heard;

pub(crate) use player::{Play, Player};
pub(crate) use recorder::{Recorder, Taking};

/// The word for this machine's time in a date.
const NOW: &str = "now";
/// What begins a text in JSON that stands for another.
const NOTES: [&str; 3] = ["<base64>", "<text>", "<secret-"];

/// Why a cassette was not saved or cannot be replayed. `Display` is a sentence that names the file or the
/// exchange, and says what to do. It holds no secret.
pub struct CassetteError {
    message: String,
    source: Option<io::Error>,
}

impl CassetteError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    fn io(message: impl Into<String>, source: io::Error) -> Self {
        Self { message: message.into(), source: Some(source) }
    }
}

impl fmt::Display for CassetteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

/// The same as `Display`, so that it can be read where a test unwraps it or returns it.
impl fmt::Debug for CassetteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for CassetteError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

/// # Recording and replay
///
/// A recorded conversation is a *cassette*: one file, to be committed and read in reviews.
///
/// ```
/// use guestexec_testkit::Tape;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("patch.toml");
/// # let http = Tape::new();
/// let tape = Tape::record(http).never_save("the-key-that-signs");
/// // A client is given `tape.clone()` as its transport, and the program runs. Then:
/// tape.save(&file)?;
///
/// let tape = Tape::replay(&file)?;
/// // The same again, without the service. Then:
/// tape.assert_complete();
/// # Ok(())
/// # }
/// ```
impl Tape {
    /// A tape that passes requests on to a real service and records both sides, to be
    /// [saved](Self::save). `transport` is anything that carries requests;
    /// [`record_http`](Self::record_http) makes the one that a client would make itself.
    ///
    /// Replies and rules that the tape has of its own are given first, and such exchanges are not
    /// recorded. Answers are passed on as they come, whole and with their headers. What a session says
    /// after a connection was upgraded (exec) is passed on and not recorded.
    pub fn record(transport: impl Transport + 'static) -> Self {
        let tape = Self::new();
        tape.state().recorder = Some(Arc::new(Recorder::new(transport)));
        tape
    }

    /// Records over the network, with the HTTP client that a guestexec client has by default: the proxy of
    /// the environment, no redirects, 60 s for an exchange unless the request says otherwise. `endpoint` is
    /// the address of the service, as the client's builder takes it.
    ///
    /// # Errors
    /// A sentence, if `endpoint` is no address, or needs TLS and the program was built without it.
    ///
    /// ```no_run
    /// use guestexec_testkit::Tape;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tape = Tape::record_http("https://tat.tencentcloudapi.com")?;
    /// // The client is given `tape.clone()` as its transport, and the program runs. Then:
    /// tape.save("tests/cassettes/patch.toml")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn record_http(endpoint: &str) -> Result<Self, CassetteError> {
        let endpoint = Endpoint::parse(endpoint, PlainHttp::Allowed).map_err(CassetteError::new)?;
        let http = HttpTransport::for_endpoints(&HttpOptions::default(), &[&endpoint]);
        Ok(Self::record(http.map_err(|error| CassetteError::new(error.to_string()))?))
    }

    /// Adds a text that a cassette may not hold, such as the key that signs requests: it never crosses the
    /// tape, so the tape cannot know it. Has an effect on a tape that [records](Self::record).
    #[must_use]
    pub fn never_save(self, secret: impl Into<Secret>) -> Self {
        if let Some(recorder) = self.recorder() {
            recorder.never_save(secret.into());
        }
        self
    }

    /// Writes what was recorded so far to a file, and makes its folder. The file is written as a whole or
    /// not at all.
    ///
    /// Secrets are not in it. Requests stand in it as [`RequestShape`]s; of answers, what the vendor's
    /// document calls secret is replaced: by `<secret-1>` and so on, followed by what a replay has in its place
    /// if the secret is 16 hex digits or more (as many digits) or an address. Then everything is searched for
    /// the secrets that crossed the tape, those of [`never_save`](Self::never_save) included, in clear,
    /// percent-encoded, in Base64 and behind the escapes of JSON, if they have 6 bytes or more.
    ///
    /// The same conversation gives the same file: ports of this machine, the date of an answer and random texts
    /// are left out. Ids and times that the service gives in a body stay, and calls made at the same time stand
    /// in the order in which they came. Of repeatable requests that are equal, such as polls, answers
    /// are left out that are equal to the last.
    ///
    /// # Errors
    /// A sentence, if a secret would be in the file (where, and never which), if an exchange is still under
    /// way, if an answer has more than 32 MiB, if the tape does not record, or if the file cannot be
    /// written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), CassetteError> {
        let recorder = self.recorder().ok_or_else(|| {
            CassetteError::new("the tape does not record: make it with `Tape::record`")
        })?;
        let mut cleaned = clean::cleaned(&recorder.takes())?;
        cleaned.secrets.extend(recorder.kept_out());
        guard::check(&cleaned)?;
        file::save(path.as_ref(), &file::written(cleaned.exchanges)?)
    }

    /// A tape that answers from a saved cassette. Nothing is sent.
    ///
    /// A request is answered by the first exchange left whose request has the same shape: equal requests in
    /// the recorded order, others in any. The port of a service on this machine does not matter. Replies and
    /// rules that are added to the tape are given first; an exec session needs one, as it is not recorded.
    ///
    /// Polls may be more or fewer than were recorded, because they are a matter of time. Where the operation
    /// is repeatable, the last answer to equal requests is given again and again, and
    /// [`verify`](Self::verify) wants one of them asked for. It tells of all other exchanges that were not.
    ///
    /// A request that the cassette does not have is answered with status 501, and `verify` shows the lines
    /// that differ from the nearest recorded one.
    ///
    /// # Errors
    /// A sentence that names the file, if it is not there, has more than 64 MiB, is of another version, or
    /// is broken; with the line or the exchange.
    pub fn replay(path: impl AsRef<Path>) -> Result<Self, CassetteError> {
        let path = path.as_ref();
        let player = Player::new(path.display().to_string(), file::read(path)?);
        let tape = Self::new();
        tape.state().player = Some(player);
        Ok(tape)
    }
}

/// Host and port of a URL on this machine.
fn loopback(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = host == "localhost"
        || literal.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    let port = url.port().filter(|_| is_loopback)?;
    Some(format!("{host}:{port}"))
}

/// The text of a shape as a file has it: with a line break at its end.
pub(crate) fn shape_text(shape: &RequestShape) -> String {
    let mut text = shape.to_string();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// What the conversation shows of a recorded answer.
fn shown(operation: &Operation, heard: &Heard) -> Answer {
    let Heard { status, headers, body, .. } = heard;
    let mut shape = ResponseShape::new(operation, *status, headers, body, false);
    shape.lost_after = heard.ended.map(|_| heard.body.len());
    Answer::Response(shape)
}

/// What the conversation shows where there was no answer.
fn shown_end(ended: Ended) -> Answer {
    match ended {
        Ended::Refused => Answer::Refused,
        Ended::Lost => Answer::Lost,
        Ended::TimedOut => Answer::TimedOut,
        Ended::GivenUp => Answer::GivenUp,
        Ended::Session => Answer::Unrecorded,
    }
}
