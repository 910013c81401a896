//! A request as a reviewer wants to read it.

mod body;
mod display;
mod hidden;
mod private;
mod query;
mod random;
#[cfg(test)]
mod tests;
mod unique;

use std::mem;

use reqwest::{Url, header::HeaderValue};
use serde_json::Value;

pub(crate) use body::{answer_base64, answer_secrets, hide_answer, show_answer};
pub use display::Readable;
pub use private::Private;
pub use random::put_random_texts;

use crate::{
    Request,
    endpoint::is_loopback,
    marks::{Marked, OPERATION},
};
use body::Made;

/// The form of a request on the wire, without the parts that differ from run to run.
///
/// Secrets read `<secret>`, times `<time>`, random values `<nonce>` or `<marker>`, the port of a service on
/// this machine `<port>`, this library's version in a header `<version>`; query, headers and JSON members are sorted. So requests with the same meaning have
/// the same shape, and shapes make good snapshots. The `Display` form is for reviews: it shows a text of
/// several lines as lines. Of a request that no client of this library made, the shape has only the
/// body's size, because its secrets are not known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestShape {
    /// The vendor's name of the operation; `None` if no client of this library made the request.
    pub operation: Option<String>,
    /// The method, in capitals.
    pub method: String,
    /// Scheme and authority of the URL: `https://tat.tencentcloudapi.com`, `http://127.0.0.1:<port>`.
    pub host: String,
    /// The URL's path, percent-encoded as sent.
    pub path: String,
    /// The query's names and values, decoded and sorted by name; repeated names keep their order.
    ///
    /// What is encoded in another way than this library does, such as a space as `+`, is shown as sent, with
    /// `<raw> ` before it: servers differ in how they read it.
    pub query: Vec<(String, String)>,
    /// The headers, names in lower case, sorted.
    pub headers: Vec<(String, String)>,
    /// The body: JSON as a value, other text as a string, anything else by its size. JSON with two members of
    /// the same name in an object is a text.
    ///
    /// A text in JSON that holds Base64 of UTF-8, by the vendor's page, is what it stands for: `uptime` in
    /// Base64 reads `<base64> uptime`. Where it is no such Base64 it stays, with `<text> ` before it if it
    /// begins like that. A text that holds a JSON object or list is that, as the member `<json>` of an object;
    /// where it may hold a secret, each value in it reads `<secret>`.
    pub body: Option<Value>,
}

crate::write_members!(RequestShape {
    operation = "operation", method = "method", host = "host", path = "path", query = "query",
    headers = "headers", body = "body",
});

impl RequestShape {
    /// Reads the shape off a finished request.
    #[inline]
    pub fn of(request: &Request) -> Self {
        let request = request.as_reqwest();
        let marked = Marked::of(request.url());
        let is = |kind, name: &str| marked.is_some_and(|marked| marked.has(kind, name));
        let made = marked.map(Made::of);
        let fixed = |text: String| match &made {
            Some(made) => made.replaced(text),
            None => text,
        };
        let mut query = query::pairs(request.url(), |name| is("query", name), SECRET);
        query.iter_mut().for_each(|(_, value)| *value = fixed(mem::take(value)));
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
                    () if name == "host" => without_port(request.url(), header(name, value)),
                    () => fixed(without_version(header(name, value))),
                };
                (name.to_owned(), shown)
            })
            .collect();
        headers.sort();
        let operation = marked.and_then(|marked| marked.each(OPERATION).next());
        Self {
            operation: operation.map(str::to_owned),
            method: request.method().to_string(),
            host: host(request.url()),
            path: fixed(path(request.url().path(), marked)),
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

/// A header by which this library names itself, without its version.
#[inline]
fn without_version(text: String) -> String {
    let names = [
        (concat!("guestexec/", env!("CARGO_PKG_VERSION")), "guestexec/<version>"),
        (concat!("guestexec_", env!("CARGO_PKG_VERSION")), "guestexec_<version>"),
    ];
    match names.into_iter().find_map(|(own, name)| Some((text.strip_prefix(own)?, name))) {
        Some((rest, name)) => format!("{name}{rest}"),
        None => text,
    }
}

#[inline]
fn header(name: &str, value: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    // The scheme is no secret. Other secrets are marked.
    match text.split_once(' ') {
        Some((scheme, _)) if name == "authorization" => format!("{scheme} {SECRET}"),
        _ if value.is_sensitive() || name.ends_with("authorization") => SECRET.to_owned(),
        _ => text.into_owned(),
    }
}

/// Scheme and authority; a user and a password are secret, and no client of this library has any.
#[inline]
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let has_user = !url.username().is_empty() || url.password().is_some();
    let user = if has_user { format!("{SECRET}@") } else { String::new() };
    without_port(url, format!("{}://{user}{host}{port}", url.scheme()))
}

/// An address that ends with the port of `url`, which on this machine is another one on each run.
#[inline]
fn without_port(url: &Url, address: String) -> String {
    let port = url.port().filter(|_| is_loopback(url)).map(|port| format!(":{port}"));
    match port.and_then(|port| address.strip_suffix(&*port)) {
        Some(host) => format!("{host}:<port>"),
        None => address,
    }
}

/// The path without its secret segments.
#[inline]
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

#[inline]
fn body_value(bytes: &[u8], marked: Marked<'_>) -> Value {
    // Servers differ in which of two members with the same name they read, so such JSON is no value.
    if let Ok(mut value) = serde_json::from_slice(bytes)
        && unique::members(bytes)
    {
        body::show(&mut value, marked);
        return value;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if marked.each("body").next().is_none() => Value::String(text.to_owned()),
        _ => Value::String(format!("<{} bytes>", bytes.len())),
    }
}
