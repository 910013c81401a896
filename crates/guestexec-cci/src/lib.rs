#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod auth;
mod client;
mod error;
mod exec;
#[rustfmt::skip]
mod generated;
mod hooks;
mod not_started;
mod pods;
pub mod sign;
mod token;
mod upgrade;

pub use auth::Credentials;
pub use client::ClientBuilder;
pub use error::Error;
pub use exec::{Child, ChildStderr, ChildStdin, ChildStdout, Exec, ExecTransport, Input, Output};
#[cfg(feature = "examples")]
pub use generated::examples;
pub use generated::{Client, builder, enums, operations, types};
pub use guestexec_core::{
    Answer, Base64, Bytes, CallOptions, Clock, Counts, Detail, ErrorKind, Example, ExampleAnswer,
    ExitStatus, Extra, HeaderMap, HeaderName, HeaderValue, HttpOptions, HttpTransport, Items,
    Operation, PageItems, Paged, Pages, Part, Place, Proxy, Request, RequestShape, Response,
    ResponseFuture, Retries, Secret, StatusCode, SystemClock, Transport, TransportError, Upgraded,
    Validate, Violation,
};
pub use guestexec_remotecommand::{Subprotocol, TerminalSize};
pub use pods::{Pod, Pods};
