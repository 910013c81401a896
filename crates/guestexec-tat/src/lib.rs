#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod auth;
mod client;
mod error;
mod file;
#[rustfmt::skip]
mod generated;
mod hooks;
mod limit;
mod retry;
mod run;
pub mod sign;
mod time;

pub use auth::{
    CredentialSource, Credentials, CvmRole, Lease, LeaseFuture, ProvideCredentials, TkeOidc,
};
pub use client::{ClientBuilder, Language, RootDomain};
pub use error::Error;
#[cfg(feature = "examples")]
pub use generated::examples;
pub use generated::{Client, builder, enums, operations, types};
pub use guestexec_core::{
    Base64, Clock, ErrorKind, HttpOptions, Operation, Proxy, RequestShape, Secret, SystemClock,
    Transport, Validate, Violation,
};
pub use progenitor_client::ResponseValue;
pub use retry::Counts;
pub use run::{
    Cancellation, Event, Events, Failure, Finished, Found, InstanceResult, Instances, Outcome,
    OutputUrl, Run, Running, SavedCommand, Script, Unconfirmed, UnconfirmedCall, Unfinished,
    Unreadable,
};
