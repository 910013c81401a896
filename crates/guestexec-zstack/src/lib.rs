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

pub use auth::{CredentialSource, Credentials, Lease, LeaseFuture};
pub use client::ClientBuilder;
pub use error::{Error, causes};
#[cfg(feature = "by-name")]
pub use generated::by_name;
#[cfg(feature = "examples")]
pub use generated::examples;
pub use generated::{Client, builder, enums, operations, types};
pub use guestexec_core::{
    Absent, Answer, Base64, Bytes, CallOptions, Clock, Counts, Credential, Detail, Each, ErrorKind,
    Example, ExampleAnswer, ExitStatus, Extra, HeaderMap, HeaderName, HeaderValue, HttpOptions,
    HttpTransport, NoCredentials, Operation, PageItems, Paged, Pages, Part, Place,
    ProvideCredentials, Proxy, Request, RequestShape, Response, ResponseFuture, Retries, Secret,
    SourceCheck, SourceState, StatusCode, SystemClock, Transport, TransportError, Validate,
    Violation,
};
#[cfg(feature = "by-name")]
pub use guestexec_core::{
    InputKind, InputPlace, NamedCall, NamedInput, NamedOperation, NamedPages,
};
pub use run::{
    Captured, Ended, Job, JobId, Method, Output, QueryVms, Run, ScriptRecord, ScriptResult,
    ScriptRun, ScriptRuns, Shell, Uncaptured, Unchecked, UncheckedJob, Unfinished,
    UnfinishedScript, Vm, Vms,
};
