#![doc = include_str!("../README.md")]

mod auth;
mod client;
mod error;
#[rustfmt::skip]
mod generated;
mod hooks;
mod run;
pub mod sign;

pub use auth::Credentials;
pub use client::ClientBuilder;
pub use error::Error;
#[cfg(feature = "examples")]
pub use generated::examples;
pub use generated::{Client, builder, enums, types};
pub use guestexec_core::{
    Clock, ErrorKind, RequestShape, Secret, SystemClock, Transport, Validate, Violation,
};
pub use progenitor_client::ResponseValue;
pub use run::{Method, Output, Run, Vm};
