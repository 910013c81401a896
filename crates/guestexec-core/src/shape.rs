//! A request as a reviewer wants to read it.

use std::fmt;

use reqwest::{Request, header::HeaderValue};
use serde::Serialize;
use serde_json::Value;

use crate::marks::{Marked, OPERATION};

/// What a request looks like on the wire, without what differs from run to run.
///
/// Secrets read `<secret>`, times `<time>`, random values `<nonce>`; query, headers and JSON members are
/// sorted. So requests with the same meaning have the same shape, and shapes make good snapshots; the
/// `Display` form is for reviews. Of a request that no client of this library made, the shape has only the
/// body's size, because its secrets are not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RequestShape {
    /// The vendor's name of the operation; `None` if no client of this library made the request.
    pub operation: Option<String>,
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
        let marked = Marked::of(request.url());
        let is = |kind, name: &str| marked.is_some_and(|marked| marked.has(kind, name));
        let mut query: Vec<(String, String)> = request
            .url()
            .query_pairs()
            .map(|(name, value)| match is("query", &name) {
                true => (name.into_owned(), SECRET.to_owned()),
                false => (name.into_owned(), value.into_owned()),
            })
            .collect();
        query.sort_by(|a, b| a.0.cmp(&b.0));
        let mut headers: Vec<(String, String)> = request
            .headers()
            .iter()
            .map(|(name, value)| {
                let name = name.as_str();
                let shown = match () {
                    () if is("time", name) => "<time>".to_owned(),
                    () if is("nonce", name) => "<nonce>".to_owned(),
                    () if is("header", name) => SECRET.to_owned(),
                    () => header(name, value),
                };
                (name.to_owned(), shown)
            })
            .collect();
        headers.sort();
        let operation = marked.and_then(|marked| marked.each(OPERATION).next());
        Self {
            operation: operation.map(str::to_owned),
            method: request.method().to_string(),
            path: path(request.url().path(), marked),
            query,
            headers,
            body: request.body().map(|body| match (body.as_bytes(), marked) {
                (Some(bytes), Some(marked)) => body_value(bytes, marked),
                (Some(bytes), None) => Value::String(format!("<{} bytes>", bytes.len())),
                (None, _) => Value::String("<stream>".to_owned()),
            }),
        }
    }
}

const SECRET: &str = "<secret>";

fn header(name: &str, value: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    // The scheme is no secret. Other secrets are marked.
    match text.split_once(' ') {
        Some((scheme, _)) if name == "authorization" => format!("{scheme} {SECRET}"),
        _ if value.is_sensitive() || name.ends_with("authorization") => SECRET.to_owned(),
        _ => text.into_owned(),
    }
}

/// The path without its secret segments.
fn path(path: &str, marked: Option<Marked<'_>>) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    let places = marked.into_iter().flat_map(|marked| marked.each("path"));
    for place in places.filter_map(|place| place.parse::<usize>().ok()) {
        let at = parts.len().checked_sub(place);
        if let Some(part) = at.and_then(|at| parts.get_mut(at)) {
            *part = SECRET;
        }
    }
    parts.join("/")
}

fn body_value(bytes: &[u8], marked: Marked<'_>) -> Value {
    if let Ok(mut value) = serde_json::from_slice(bytes) {
        for member in marked.each("body") {
            hide(&mut value, member);
        }
        value.sort_all_objects();
        return value;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if marked.each("body").next().is_none() => Value::String(text.to_owned()),
        _ => Value::String(format!("<{} bytes>", bytes.len())),
    }
}

/// Hides the values at `path`: names and `*`, separated by slashes.
fn hide(value: &mut Value, path: &str) {
    let (first, rest) = path.split_once('/').map_or((path, None), |(a, b)| (a, Some(b)));
    let found: Vec<&mut Value> = match value {
        Value::Array(items) if first == "*" => items.iter_mut().collect(),
        Value::Object(members) if first == "*" => members.values_mut().collect(),
        Value::Object(members) => members.get_mut(first).into_iter().collect(),
        _ => Vec::new(),
    };
    for value in found {
        match rest {
            Some(rest) => hide(value, rest),
            None if value.is_null() => {}
            None => *value = SECRET.into(),
        }
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
        if let Some(operation) = &self.operation {
            write!(f, "{operation}: ")?;
        }
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
    use reqwest::{Method, Url, header::HeaderValue};
    use serde_json::json;

    use super::RequestShape;
    use crate::{HttpOptions, Marks, Operation, http::offline_client};

    const MARKS: Marks = Marks {
        operation: &Operation {
            secrets: "body/auth/password,body/list/*/value,body/all,query/key,path/2",
            ..Operation::undocumented("Try", "POST", "/v1/sessions/{id}/valid")
        },
        times: &["x-at"],
        nonces: &["x-once"],
    };

    #[test]
    fn what_is_marked_is_not_shown() {
        let url = Url::parse("http://h/v1/sessions/S0/valid?key=S1&other=plain").unwrap();
        let body = json!({
            "auth": { "password": "S2", "user": "me" }, "password": "plain",
            "list": [{ "value": "S3", "name": "n" }, { "value": 7777 }, "odd"],
            "all": { "deep": ["S4"] }, "timeout": 3,
        });
        let mut token = HeaderValue::from_static("S5");
        token.set_sensitive(true);
        let mut request = offline_client(&HttpOptions::default())
            .unwrap()
            .request(Method::POST, url)
            .header("authorization", "Basic S6")
            .header("x-any", token)
            .header("x-at", "S7")
            .header("x-once", "S8")
            .json(&body)
            .build()
            .unwrap();
        // Without marks, anything may be a secret.
        let unknown = RequestShape::of(&request).to_string();
        assert!(!unknown.contains("S2") && unknown.ends_with(" bytes>"), "{unknown}");

        MARKS.put(&mut request);
        let shape = RequestShape::of(&request);
        let shown = format!("{shape}{shape:?}{}", serde_json::to_string(&shape).unwrap());
        for secret in ["S0", "S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "7777"] {
            assert!(!shown.contains(secret), "{secret}: {shape}");
        }
        for plain in [
            "Try: POST /v1/sessions/<secret>/valid\n",
            "? key=<secret>\n",
            "& other=plain\n",
            "authorization: Basic <secret>\n",
            "x-at: <time>\n",
            "x-once: <nonce>\n",
            "\"user\": \"me\"",
            "\"password\": \"plain\"",
            "\"name\": \"n\"",
            "\"odd\"",
            "\"all\": \"<secret>\"",
            "\"timeout\": 3",
        ] {
            assert!(shape.to_string().contains(plain), "{plain}: {shape}");
        }
    }
}
