//! Files and folders copied into a container and out of it, on the sandbox and on real servers.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod both_ways;
mod cut;
mod hostile;
mod real;
mod tree;
#[allow(dead_code, reason = "this target does not use all of it")]
#[path = "../exec/url.rs"]
mod url;
