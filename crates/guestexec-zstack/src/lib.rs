#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
mod auth;
mod client;
mod error;
#[rustfmt::skip]
mod generated;
mod hooks;
mod not_started;
mod run;
pub mod sign;

pub use auth::Credentials;
pub use client::ClientBuilder;
pub use error::{Error, causes};
#[cfg(feature = "examples")]
pub use generated::examples;
pub use generated::{Client, builder, enums, operations, types};
pub use guestexec_core::{
    Answer, Bytes, CallOptions, Clock, Counts, Detail, ErrorKind, Example, ExampleAnswer,
    ExitStatus, Extra, HeaderMap, HeaderName, HeaderValue, HttpOptions, HttpTransport, Operation,
    Proxy, Request, RequestShape, Response, ResponseFuture, Retries, Secret, StatusCode,
    SystemClock, Transport, TransportError, Validate, Violation,
};
pub use run::{
    Captured, EachVm, Job, JobId, Method, Output, Run, Shell, Uncaptured, Unchecked, UncheckedJob,
    Unfinished, Vm,
};
