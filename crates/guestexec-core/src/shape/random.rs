//! Random texts of a request in the answers to it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::body::{Made, answer_base64, texts};
use crate::{Operation, Request, base64::decoded, marks::Marked};

/// Replaces `<nonce>` and `<marker>` in the body of an answer to `operation`, also within Base64, by the
/// random texts that the client made for `request`, or for the command that it asks about.
///
/// A service repeats them: a script's line of output has the nonce of its command, a task the marker of its
/// script. A canned answer has their names, as a [shape](crate::RequestShape) has.
#[inline]
pub fn put_random_texts(request: &Request, operation: &Operation, body: &mut Value) {
    let random = Marked::of(request.as_reqwest().url()).map(|marked| Made::of(marked).random);
    let Some(random) = random.filter(|random| !random.is_empty()) else { return };
    let put = |text: &str| {
        random.iter().fold(text.to_owned(), |text, (random, name)| text.replace(name, random))
    };
    texts(body, &mut |text| *text = put(text));
    answer_base64(body, operation.answer_texts, &mut |value| {
        let plain = value.as_str().and_then(decoded).map(String::from_utf8);
        if let Some(Ok(plain)) = plain {
            *value = STANDARD.encode(put(&plain)).into();
        }
    });
}
