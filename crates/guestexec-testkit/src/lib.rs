#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
mod cassette;
mod conversation;
mod cues;
mod exec;
#[cfg(feature = "internal")]
#[doc(hidden)]
pub mod peer;
mod reply;
mod tape;
mod times;
#[cfg(feature = "internal")]
#[doc(hidden)]
pub mod vectors;
mod verify;

pub use answer::{Answer, ResponseShape};
pub use cassette::CassetteError;
pub use conversation::{Conversation, Exchange};
pub use exec::{ExecProtocol, ExecScript, ExecSession};
pub use guestexec_core::{Operation, RequestShape};
pub use reply::Reply;
pub use reqwest::StatusCode;
pub use serde_json::Value;
pub use tape::Tape;
pub use times::Times;
pub use verify::Unmet;
