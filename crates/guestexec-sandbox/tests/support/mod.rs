//! Requests made by hand, for the tests of several files.

// No test target uses all of it.
#![allow(dead_code, unused_imports, clippy::unwrap_used)]

pub mod raw;
pub mod tat;
pub mod zstack;

use std::time::{SystemTime, UNIX_EPOCH};

thread_local! {
    // Each test has its own thread and runtime, to which the client's connections belong.
    static HTTP: reqwest::Client =
        guestexec_core::http_client(&guestexec_core::HttpOptions::default(), &[]).unwrap();
}

/// A client for requests made by hand, with whatever TLS the workspace's build gave `reqwest`.
pub fn http() -> reqwest::Client {
    HTTP.with(Clone::clone)
}

pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed()
}
