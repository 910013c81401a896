//! A request as a reviewer wants to read it.

use std::fmt;

use reqwest::Request;
use serde::Serialize;
use serde_json::Value;

/// Headers whose value is a secret. The first word of `authorization`, its scheme, is kept.
const SECRET_HEADERS: [&str; 5] =
    ["authorization", "x-auth-token", "x-security-token", "x-tc-token", "x-subject-token"];
/// Headers whose value is the time of the request.
const TIME_HEADERS: [&str; 3] = ["date", "x-sdk-date", "x-tc-timestamp"];
/// Headers whose value is made at random for each request.
const NONCE_HEADERS: [&str; 3] = ["sec-websocket-key", "x-job-uuid", "x-tc-traceid"];
/// Members of JSON bodies whose value is a secret, in lower case; all texts inside them are, too.
const SECRET_MEMBERS: [&str; 4] = ["password", "secret", "token", "securitytoken"];
/// Members inside a secret one that are names and not secrets, in lower case.
const PLAIN_MEMBERS: [&str; 4] = ["name", "id", "domain", "user"];

/// What a request looks like on the wire, without what differs from run to run.
///
/// Secrets read `<secret>`, times `<time>`, random values `<nonce>`; query, headers and JSON
/// members are sorted. Two requests that mean the same have the same shape, so shapes make good
/// snapshots; the `Display` form is meant to be read in a review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RequestShape {
    /// The method, in capitals.
    pub method: String,
    /// The URL's path, percent-encoded as sent.
    pub path: String,
    /// The query's names and values, decoded and sorted by name; repeated names keep their order.
    pub query: Vec<(String, String)>,
    /// The headers, names in lower case, sorted.
    pub headers: Vec<(String, String)>,
    /// The body: JSON as a value, other text as a string, anything else by its size.
    pub body: Option<Value>,
}

impl RequestShape {
    /// Reads the shape off a finished request.
    pub fn of(request: &Request) -> Self {
        let mut query: Vec<(String, String)> = request
            .url()
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        query.sort_by(|a, b| a.0.cmp(&b.0));
        let mut headers: Vec<(String, String)> = request
            .headers()
            .iter()
            .map(|(name, value)| {
                let text = String::from_utf8_lossy(value.as_bytes());
                (name.as_str().to_owned(), shown(name.as_str(), &text, value.is_sensitive()))
            })
            .collect();
        headers.sort();
        Self {
            method: request.method().to_string(),
            path: shown_path(request.url().path()),
            query,
            headers,
            body: request.body().map(|body| match body.as_bytes() {
                Some(bytes) => body_value(bytes),
                None => Value::String("<stream>".to_owned()),
            }),
        }
    }
}

fn shown(name: &str, value: &str, sensitive: bool) -> String {
    if TIME_HEADERS.contains(&name) {
        return "<time>".to_owned();
    }
    if NONCE_HEADERS.contains(&name) {
        return "<nonce>".to_owned();
    }
    // What hooks mark as sensitive is a secret, whatever its name.
    if sensitive || SECRET_HEADERS.contains(&name) {
        return match value.split_once(' ') {
            Some((scheme, _)) if name == "authorization" => format!("{scheme} <secret>"),
            _ => "<secret>".to_owned(),
        };
    }
    value.to_owned()
}

/// A path without the ids that grant access: a ZStack session's or job's, 32 hex digits.
fn shown_path(path: &str) -> String {
    let grants = |part: &str| part.len() == 32 && part.bytes().all(|b| b.is_ascii_hexdigit());
    let parts = path.split('/').map(|part| if grants(part) { "<secret>" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn body_value(bytes: &[u8]) -> Value {
    if let Ok(value) = serde_json::from_slice(bytes) {
        return tidied(value, false);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::String(text.to_owned()),
        Err(_) => Value::String(format!("<{} bytes>", bytes.len())),
    }
}

/// Sorts members, because their order depends on how `serde_json` was built, and hides secrets.
fn tidied(value: Value, secret: bool) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> = members.into_iter().collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            let tidied = members.into_iter().map(|(name, value)| {
                let lower = name.to_ascii_lowercase();
                let begins = SECRET_MEMBERS.contains(&&*lower);
                let ends = PLAIN_MEMBERS.contains(&&*lower);
                (name, tidied(value, begins || (secret && !ends)))
            });
            tidied.collect()
        }
        Value::Array(items) => items.into_iter().map(|item| tidied(item, secret)).collect(),
        Value::String(_) if secret => "<secret>".into(),
        other => other,
    }
}

/// A value with its control characters escaped, so that it stays on its line.
fn one_line(value: &str) -> String {
    value.chars().fold(String::with_capacity(value.len()), |mut line, character| {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
        line
    })
}

impl fmt::Display for RequestShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.method, self.path)?;
        for (index, (name, value)) in self.query.iter().enumerate() {
            let sign = if index == 0 { '?' } else { '&' };
            writeln!(f, "  {sign} {name}={}", one_line(value))?;
        }
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        match &self.body {
            None => Ok(()),
            Some(Value::String(text)) => write!(f, "\n{text}"),
            Some(value) => write!(f, "\n{value:#}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::{Method, Url};
    use serde_json::json;

    use super::RequestShape;
    use crate::{HttpOptions, http::offline_client};

    #[test]
    fn what_grants_access_is_not_shown() {
        let url =
            Url::parse("http://h/v1/sessions/0123456789abcdef0123456789abcdef/valid").unwrap();
        let body = json!({
            "password": "S1", "methods": ["password"],
            "hw_ak_sk": { "access": { "key": "AK" }, "secret": { "key": "S2" } },
            "identity": { "password": { "user": { "name": "me", "password": "S3" } } },
            "Token": ["S4"], "timeout": 3,
        });
        let request = offline_client(&HttpOptions::default())
            .unwrap()
            .request(Method::POST, url)
            .header("authorization", "Basic S5")
            .header("x-auth-token", "S6")
            .header("date", "D1")
            .json(&body)
            .build()
            .unwrap();
        let shape = RequestShape::of(&request);
        let shown = format!("{shape}{shape:?}{}", serde_json::to_string(&shape).unwrap());
        for secret in ["S1", "S2", "S3", "S4", "S5", "S6", "D1", "0123456789"] {
            assert!(!shown.contains(secret), "{secret}: {shape}");
        }
        for plain in
            ["\"AK\"", "\"me\"", "Basic <secret>", "timeout", "/v1/sessions/<secret>/valid"]
        {
            assert!(shape.to_string().contains(plain), "{plain}: {shape}");
        }
    }
}
