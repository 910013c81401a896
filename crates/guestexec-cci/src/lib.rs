#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod auth;
mod client;
#[cfg(feature = "copy")]
mod copy;
mod error;
mod exec;
#[rustfmt::skip]
mod generated;
mod hooks;
mod lifecycle;
mod logs;
mod not_started;
mod pods;
pub mod sign;
mod token;
mod upgrade;

pub use auth::{
    AssumeAgency, CredentialSource, Credentials, EcsAgency, Lease, LeaseFuture, WorkloadIdentity,
};
pub use client::ClientBuilder;
#[cfg(feature = "copy")]
pub use copy::{Copied, CopyIn, CopyOut, CopyProgress, Leftovers};
pub use error::Error;
pub use exec::{
    Child, ChildStderr, ChildStdin, ChildStdout, Exec, ExecTransport, Input, Output, StartFailure,
};
#[cfg(feature = "by-name")]
pub use generated::by_name;
#[cfg(feature = "examples")]
pub use generated::examples;
pub use generated::{Client, builder, enums, operations, types};
pub use guestexec_core::{
    Absent, Answer, Base64, Bytes, CallOptions, Clock, Counts, Credential, Detail, Each, ErrorKind,
    Example, ExampleAnswer, ExitStatus, Extra, HeaderMap, HeaderName, HeaderValue, HttpOptions,
    HttpTransport, Items, NoCredentials, Operation, PageItems, Paged, Pages, Part, Place,
    ProvideCredentials, Proxy, Request, RequestShape, Response, ResponseFuture, Retries, Secret,
    SourceCheck, SourceState, StatusCode, Streamed, SystemClock, Transport, TransportError,
    Upgraded, Validate, Violation,
};
#[cfg(feature = "by-name")]
pub use guestexec_core::{
    InputKind, InputPlace, NamedCall, NamedInput, NamedOperation, NamedPages,
};
pub use guestexec_remotecommand::{Subprotocol, TerminalSize};
pub use lifecycle::WaitForPod;
pub use logs::{LogStream, Logs};
pub use pods::{Ended, Pod, Pods};
