//! A change, and the words for it.

use guestexec_testkit::Value;
use reqwest::{Request, header::HeaderValue};
use serde_json::Map;

use super::transport::Edit;

/// One change.
pub struct Mutation {
    pub name: &'static str,
    /// The conversation in which it is made.
    pub talk: &'static str,
    pub edit: Edit,
    /// All lines that the diff removes (`-`) and adds (`+`). A line may be cut at `…`, and `…` alone stands for
    /// more lines, where a body or a request comes or goes. It is empty if nothing is to be seen.
    pub diff: &'static [&'static str],
}

pub const fn change(
    name: &'static str,
    talk: &'static str,
    edit: Edit,
    diff: &'static [&'static str],
) -> Mutation {
    Mutation { name, talk, edit, diff }
}

/// Changes the body as JSON.
pub fn json(request: &mut Request, edit: impl FnOnce(&mut Map<String, Value>)) {
    let bytes = request.body().unwrap().as_bytes().unwrap();
    let mut body: Map<String, Value> = serde_json::from_slice(bytes).unwrap();
    edit(&mut body);
    *request.body_mut() = Some(Value::Object(body).to_string().into());
}

/// Sets a member of the body.
pub fn set(request: &mut Request, member: &str, value: Value) {
    json(request, |body| {
        body.insert(member.to_owned(), value);
    });
}

/// Changes the body as text.
pub fn text(request: &mut Request, from: &str, to: &str) {
    let bytes = request.body().unwrap().as_bytes().unwrap();
    let body = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(body.contains(from), "{body} has no {from}");
    *request.body_mut() = Some(body.replace(from, to).into());
}

pub fn header(request: &mut Request, name: &'static str, value: &'static str) {
    let old = request.headers_mut().insert(name, HeaderValue::from_static(value));
    assert!(old.is_some(), "there is no header {name}");
}

pub fn no_header(request: &mut Request, name: &str) {
    assert!(request.headers_mut().remove(name).is_some(), "there is no header {name}");
}

/// Changes the query as it is sent.
pub fn query(request: &mut Request, from: &str, to: &str) {
    let query = request.url().query().unwrap().to_owned();
    assert!(query.contains(from), "{query} has no {from}");
    request.url_mut().set_query(Some(&query.replacen(from, to, 1)));
}

/// Changes the path as it is sent.
pub fn path(request: &mut Request, from: &str, to: &str) {
    let path = request.url().path().to_owned();
    assert!(path.contains(from), "{path} has no {from}");
    request.url_mut().set_path(&path.replacen(from, to, 1));
}

/// Where a part of a message begins.
pub fn find(message: &[u8], part: &[u8]) -> Option<usize> {
    message.windows(part.len()).position(|window| window == part)
}
