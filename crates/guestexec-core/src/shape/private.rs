//! The parts that a shape leaves out.

use serde_json::Value;

use super::{Marked, body, header};
use crate::Request;

/// The plain text of what a request's shape leaves out, for a recorder that has to find it elsewhere.
#[derive(Clone, Default)]
pub struct Private {
    /// The secrets: where each stands, and its text.
    pub secrets: Vec<(String, String)>,
    /// The texts that are no secrets in this call, although the document says that they may be.
    pub plain: Vec<String>,
    /// The secret segments of the path.
    pub segments: Vec<String>,
    /// The random texts and markers, those of headers first.
    pub random: Vec<String>,
}

impl Private {
    /// Reads it off a finished request. Of a request that no client of this library made, it has the
    /// sensitive headers only.
    #[inline]
    pub fn of(request: &Request) -> Self {
        let request = request.as_reqwest();
        let mut found = Self::default();
        let marked = Marked::of(request.url());
        let is = |kind, name: &str| marked.is_some_and(|marked| marked.has(kind, name));
        for (name, value) in request.headers() {
            let name = name.as_str();
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            if is("nonce", name) {
                found.random.push(text);
            } else if is("header", name) || (!is("time", name) && header(name, value) != text) {
                found.secret(format!("the header `{name}`"), text);
            }
        }
        let Some(marked) = marked else { return found };
        found.random.extend(["random", "marker"].into_iter().flat_map(|kind| {
            marked.texts(kind).filter(|text| !text.is_empty()).map(|text| text.into_owned())
        }));
        for (name, value) in request.url().query_pairs() {
            if is("query", &name) {
                found.secret(format!("`{name}` in the query"), value.into_owned());
            }
        }
        let parts: Vec<&str> = request.url().path().split('/').collect();
        for place in marked.each("path").filter_map(|place| place.parse::<usize>().ok()) {
            let at = parts.len().checked_sub(place);
            if let Some(part) = at.and_then(|at| parts.get(at)) {
                let text = percent_encoding::percent_decode_str(part).decode_utf8_lossy();
                found.segments.push(text.clone().into_owned());
                found.secret("the path".to_owned(), text.into_owned());
            }
        }
        let bytes = request.body().and_then(|body| body.as_bytes());
        if let Some(mut value) = bytes.and_then(|bytes| serde_json::from_slice(bytes).ok()) {
            body::secrets(&mut value, marked, &mut |secret| {
                found.leaves("a secret member of the body", secret);
            });
            body::plain(&mut value, marked, &mut |value| {
                found.plain.extend(value.as_str().map(str::to_owned));
            });
        }
        found
    }

    #[inline]
    fn secret(&mut self, place: String, text: String) {
        self.secrets.push((place, text));
    }

    #[inline]
    fn leaves(&mut self, place: &str, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.leaves(place, item)),
            Value::Object(members) => members.values().for_each(|value| self.leaves(place, value)),
            Value::String(text) => self.secret(place.to_owned(), text.clone()),
            Value::Number(number) => self.secret(place.to_owned(), number.to_string()),
            Value::Null | Value::Bool(_) => {}
        }
    }
}
