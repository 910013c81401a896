#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod auth;
mod client;
mod error;
#[rustfmt::skip]
mod generated;
mod hooks;
mod limit;
mod retry;
mod run;
pub mod sign;
mod time;

pub use auth::{AssumeRole, CredentialSource, Credentials, CvmRole, Lease, LeaseFuture, TkeOidc};
pub use client::{ClientBuilder, Language, RootDomain};
pub use error::Error;
#[cfg(feature = "by-name")]
pub use generated::by_name;
#[cfg(feature = "examples")]
pub use generated::examples;
pub use generated::{Client, builder, enums, operations, types};
pub use guestexec_core::check::JsonObject;
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
    AgentItems, Agents, Cancellation, Ended, Event, Events, Failure, Finished, Found, FullOutput,
    InstanceResult, Instances, Outcome, OutputUrl, Run, Runnable, Running, SavedCommand, Script,
    Unconfirmed, UnconfirmedCall, Unfinished, Unreadable,
};
