//! The shapes of requests, of every way to make one: the same on every run, and without a secret. And
//! answers without theirs.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod answers;
mod secrets;
mod ways;

use guestexec_testkit::RequestShape;

/// Everything that shows a shape.
fn shown(shapes: &[RequestShape]) -> String {
    let texts = shapes.iter().map(|shape| {
        format!("{shape}\n{shape:?}\n{shape:#?}\n{}\n", serde_json::to_string(shape).unwrap())
    });
    texts.collect()
}
