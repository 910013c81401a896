//! A request to be shown as it is sent.

use percent_encoding::percent_decode_str;
use reqwest::header::HeaderValue;
use serde_json::Value;

use super::{SECRET, body, header, path};
use crate::{Request, marks::Marked};

impl Request {
    /// This request with `<secret>` in place of each secret in its headers, its address and its body, to be
    /// shown. All else is as it is sent.
    ///
    /// Of a request that no client of this library made, the body is `<5 bytes>`, because its secrets are not
    /// known.
    ///
    /// ```
    /// use guestexec_core::Request;
    ///
    /// /// The headers of a request, a line each, for a log.
    /// fn lines(request: &Request) -> Vec<String> {
    ///     let request = request.without_secrets();
    ///     let headers = request.headers().iter();
    ///     headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?"))).collect()
    /// }
    /// ```
    #[must_use]
    #[inline]
    pub fn without_secrets(&self) -> Self {
        let mut request = self.clone().into_reqwest();
        let whole = self.as_reqwest();
        let marked = Marked::of(whole.url());
        let is = |kind, name: &str| marked.is_some_and(|marked| marked.has(kind, name));
        for (name, value) in request.headers_mut() {
            let shown = match is("header", name.as_str()) {
                true => SECRET.to_owned(),
                false => header(name.as_str(), value),
            };
            if shown.contains(SECRET) {
                *value = HeaderValue::from_str(&shown)
                    .unwrap_or_else(|_| HeaderValue::from_static(SECRET));
            }
        }
        let hidden = |pair: &str| {
            let (name, _) = pair.split_once('=')?;
            let decoded = percent_decode_str(name).decode_utf8_lossy();
            is("query", &decoded).then(|| format!("{name}={SECRET}"))
        };
        if let Some(query) = whole.url().query() {
            let pairs =
                query.split('&').map(|pair| hidden(pair).unwrap_or_else(|| pair.to_owned()));
            let query: Vec<String> = pairs.collect();
            request.url_mut().set_query(Some(&query.join("&")));
        }
        request.url_mut().set_path(&path(whole.url().path(), marked));
        let mut request = Self::from_reqwest(request);
        if whole.body().is_some() {
            let bytes = self.body();
            let shown = marked.and_then(|marked| without_secrets(bytes, marked));
            request.set_body(shown.unwrap_or_else(|| format!("<{} bytes>", bytes.len()).into()));
        }
        request
    }
}

/// A body without its secrets; nothing if they cannot be found.
#[inline]
fn without_secrets(bytes: &[u8], marked: Marked<'_>) -> Option<Vec<u8>> {
    if marked.each("body").next().is_none() {
        return Some(bytes.to_vec());
    }
    let mut value: Value = serde_json::from_slice(bytes).ok()?;
    body::hide_request(&mut value, marked);
    serde_json::to_vec(&value).ok()
}
