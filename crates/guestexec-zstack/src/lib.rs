#![doc = include_str!("../README.md")]

mod answer;
mod auth;
mod capture;
mod client;
mod error;
mod follow;
#[rustfmt::skip]
mod generated;
mod hooks;
mod job;
mod output;
mod proof;
mod run;
pub mod sign;
mod start;
#[cfg(feature = "encoding")]
mod text;
mod unfinished;
mod vms;

pub use auth::Credentials;
pub use capture::{Captured, Shell};
pub use client::ClientBuilder;
pub use error::{Error, causes};
#[cfg(feature = "examples")]
pub use generated::examples;
pub use generated::{Client, builder, enums, operations, types};
pub use guestexec_core::{
    Clock, ErrorKind, HttpOptions, Operation, Proxy, RequestShape, Secret, SystemClock, Transport,
    Validate, Violation,
};
pub use job::JobId;
pub use output::Output;
pub use progenitor_client::ResponseValue;
pub use run::{Method, Run, Unchecked, Vm};
pub use unfinished::{Uncaptured, Unfinished};
pub use vms::EachVm;
