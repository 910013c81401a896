//! The file of a cassette: TOML, because its texts stand in it line by line.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read as _, Write as _},
    path::Path,
    str::FromStr,
};

use reqwest::{
    StatusCode,
    header::{HeaderName, HeaderValue},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::CassetteError;

/// The version of the form that is written and read.
const VERSION: i64 = 1;
/// Largest file that is written and read, in bytes.
const MAX_FILE: u64 = 64 * 1024 * 1024;
/// The first lines of a file.
const HEAD: &str = "# A conversation recorded by guestexec-testkit. Secrets are not in it: `<secret-1>` stands for the first.
# Record it again rather than edit it.

";

/// The head alone, for the version.
#[derive(Deserialize)]
struct Head {
    version: Option<toml::Value>,
}

/// A whole cassette.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cassette {
    version: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    exchange: Vec<Recorded>,
}

/// A request and its answer, as the file has them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recorded {
    /// The shape of the request, as `Display` shows it.
    pub(super) request: String,
    /// The numbers of the random texts that the request carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) random: Vec<usize>,
    /// The numbers of the random texts of earlier requests that a secret part of the path names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) about: Vec<usize>,
    /// What became of the answer, if it did not come whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended: Option<Ended>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    /// Lines of `name: value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) headers: Vec<String>,
    /// The body, if it is JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) json: Option<String>,
    /// The body, if it is other text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    /// The body, if it is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) base64: Option<String>,
}

/// How an answer ended, or why there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Ended {
    /// Nothing was sent, as no connection was made.
    Refused,
    /// The connection ended.
    Lost,
    /// The transport's time limit passed.
    TimedOut,
    /// The caller waited no longer.
    GivenUp,
    /// The connection became an exec session.
    Session,
}

impl Recorded {
    /// The header lines as names and values.
    pub(super) fn header_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|line| line.split_once(": ").unwrap_or((line, "")))
    }

    /// What is wrong with it, if anything.
    fn problem(&self) -> Option<String> {
        if self.request.trim().is_empty() {
            return Some("its `request` is empty".to_owned());
        }
        let Some(status) = self.status else {
            let is_answered = !self.headers.is_empty() || self.has_body();
            return match self.ended {
                _ if is_answered => Some("it has an answer without a `status`".to_owned()),
                None => Some("it has neither a `status` nor a word in `ended`".to_owned()),
                Some(_) => None,
            };
        };
        if !(200..=999).contains(&status) || StatusCode::from_u16(status).is_err() {
            return Some(format!("its `status` is {status}, which no answer has"));
        }
        if matches!(self.ended, Some(Ended::Refused | Ended::Session)) {
            return Some("its `ended` says that there was no answer, and it has one".to_owned());
        }
        for (number, (name, value)) in self.header_pairs().enumerate() {
            let is_header =
                HeaderName::from_str(name).is_ok() && HeaderValue::from_str(value).is_ok();
            if !is_header {
                return Some(format!("line {} of its `headers` is no header", number + 1));
            }
        }
        let bodies = [&self.json, &self.text, &self.base64];
        if bodies.into_iter().flatten().count() > 1 {
            return Some("it has several of `json`, `text` and `base64`".to_owned());
        }
        if let Some(Err(error)) = self.json.as_deref().map(serde_json::from_str::<Value>) {
            let (line, column) = (error.line(), error.column());
            return Some(format!("its `json` is none at line {line}, column {column}"));
        }
        let malformed = |text: &String| guestexec_core::Base64::from_encoded(text).is_malformed();
        self.base64.as_ref().is_some_and(malformed).then(|| "its `base64` is none".to_owned())
    }

    fn has_body(&self) -> bool {
        self.json.is_some() || self.text.is_some() || self.base64.is_some()
    }
}

/// The text of a file.
pub(super) fn written(exchange: Vec<Recorded>) -> Result<String, CassetteError> {
    let text =
        toml::to_string_pretty(&Cassette { version: VERSION, exchange }).map_err(|error| {
            CassetteError::new(format!("the conversation cannot be written as TOML: {error}"))
        })?;
    let text = format!("{HEAD}{text}");
    match text.len() as u64 > MAX_FILE {
        true => Err(CassetteError::new(format!(
            "the cassette would have {} bytes, and more than {MAX_FILE} are not read: record a \
             shorter conversation",
            text.len()
        ))),
        false => Ok(text),
    }
}

/// Writes a file as a whole or not at all, and makes its folder.
pub(super) fn save(path: &Path, text: &str) -> Result<(), CassetteError> {
    let shown = path.display();
    let failed =
        |error| CassetteError::io(format!("the cassette {shown} cannot be written"), error);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = Path::new(&name);
    let written = File::create(part).and_then(|mut file| file.write_all(text.as_bytes()));
    let moved = written.and_then(|()| fs::rename(part, path));
    moved.map_err(|error| {
        _ = fs::remove_file(part);
        failed(error)
    })
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Vec<Recorded>, CassetteError> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| {
        CassetteError::io(
            match error.kind() {
                ErrorKind::NotFound => format!(
                    "there is no cassette {shown}: record it with `Tape::record` and `save`"
                ),
                _ => format!("the cassette {shown} cannot be read"),
            },
            error,
        )
    })?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| {
        CassetteError::io(format!("the cassette {shown} cannot be read"), error)
    })?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(CassetteError::new(format!(
            "the cassette {shown} has more than {MAX_FILE} bytes, which is more than is read"
        )));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        CassetteError::new(format!("the cassette {shown} is no text at byte {at}"))
    })?;
    // Some version-control systems change the ends of lines.
    parsed(&text.replace("\r\n", "\n"))
        .map_err(|problem| CassetteError::new(format!("the cassette {shown} {problem}")))
}

/// The exchanges of a file's text.
fn parsed(text: &str) -> Result<Vec<Recorded>, String> {
    let malformed = |error: toml::de::Error| {
        let line = error
            .span()
            .map(|span| text.get(..span.start).unwrap_or(text).matches('\n').count() + 1);
        let place = line.map(|line| format!(" at line {line}")).unwrap_or_default();
        format!("cannot be read{place}: {}", error.message())
    };
    let head: Head = toml::from_str(text).map_err(malformed)?;
    match head.version {
        None => {
            return Err(
                "has no `version`, so it is no cassette: record it with `Tape::record`".to_owned()
            );
        }
        Some(version) if version.as_integer() != Some(VERSION) => {
            let version = guestexec_core::identifier(&version.to_string());
            return Err(format!(
                "has version {version}, and this testkit reads version {VERSION}: record it again"
            ));
        }
        Some(_) => {}
    }
    let Cassette { exchange, .. } = toml::from_str(text).map_err(malformed)?;
    for (number, recorded) in exchange.iter().enumerate() {
        if let Some(problem) = recorded.problem() {
            return Err(format!("is broken at exchange {}: {problem}", number + 1));
        }
    }
    Ok(exchange)
}
