//! Random texts of a request in the answers to it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Request;
use serde_json::Value;

use super::body::{Made, texts, visit};
use crate::{Operation, base64::decoded, marks::Marked};

/// The random texts that a client made for one request, or for the command that the request asks about.
///
/// A service repeats them: a script's line of output has the nonce of its command, a task the marker of its
/// script. A recording has `<nonce>` and `<marker>` in their place, as a [shape](crate::RequestShape) has, and
/// a reply that is played gets those of the request that it answers.
#[derive(Clone, Debug, Default)]
pub struct RandomTexts(Vec<(String, &'static str)>);

impl RandomTexts {
    /// Reads them off a finished request; there are none in one that no client of this library made.
    pub fn of(request: &Request) -> Self {
        let made = Marked::of(request.url()).map(Made::of);
        Self(made.map(|made| made.random).unwrap_or_default())
    }

    /// Replaces them by `<nonce>` and `<marker>` in the body of an answer to `operation`, also within Base64.
    pub fn take_out(&self, operation: &Operation, body: &mut Value) {
        self.each(operation, body, |text, random, name| text.replace(random, name));
    }

    /// Replaces `<nonce>` and `<marker>` by them.
    pub fn put_in(&self, operation: &Operation, body: &mut Value) {
        self.each(operation, body, |text, random, name| text.replace(name, random));
    }

    fn each(
        &self,
        operation: &Operation,
        body: &mut Value,
        replace: fn(&str, &str, &str) -> String,
    ) {
        if self.0.is_empty() {
            return;
        }
        let replaced = |text: &str| {
            self.0.iter().fold(text.to_owned(), |text, (random, name)| replace(&text, random, name))
        };
        texts(body, &mut |text| *text = replaced(text));
        for member in Marked::listed(operation.answer_texts).each("base64") {
            visit(body, member, &mut |value| {
                let plain = value.as_str().and_then(decoded).map(String::from_utf8);
                if let Some(Ok(plain)) = plain {
                    *value = STANDARD.encode(replaced(&plain)).into();
                }
            });
        }
    }
}
