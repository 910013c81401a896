#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod base64;
mod call;
mod clock;
mod credential;
mod endpoint;
mod error;
mod example;
mod hooks;
mod http;
mod items;
mod json;
mod lossless;
mod marks;
mod not_started;
mod nulls;
mod open_enum;
mod operation;
mod readable;
mod reason;
mod renewing;
mod repair;
mod runtime;
mod secret;
mod settings;
mod shape;
#[cfg(feature = "encoding")]
mod text;
#[cfg(feature = "__rustls")]
mod tls;
mod transport;
mod underway;

pub mod check;
pub mod sign;

pub use base64::Base64;
pub use call::{Answer, MAX_ERROR_BODY, Refusal, exchange, failure, observed, retry_after, unsent};
pub use check::{Validate, Violation, required};
pub use clock::{Clock, SystemClock, unix_seconds};
pub use credential::{check_credential, check_header_credential, check_key};
pub use endpoint::{Endpoint, PlainHttp};
pub use error::{Error, ErrorKind};
pub use example::{Example, ExampleAnswer};
pub use hooks::{Inner, header_value, secret_header};
pub use http::{
    HttpOptions, MAX_ANSWER, Proxy, buffered, http_client, limit_answer, mark_as_error,
    refusing_client,
};
pub use items::{Items, text_answer};
pub use json::json_body;
pub use lossless::Extra;
pub use marks::{Mark, Marks};
pub use nulls::null_as_default;
pub use operation::Operation;
pub use readable::{Secrets, beginning, identifier, readable};
pub use renewing::{Issued, Renewing};
pub use runtime::ensure_runtime;
pub use secret::{Redacted, Secret};
pub use settings::{Settings, variable};
pub use shape::RequestShape;
#[doc(hidden)]
pub use shape::{Private, Readable, put_random_texts};
#[cfg(feature = "encoding")]
pub use text::text_in;
pub use transport::{ResponseFuture, Transport};
pub use underway::Underway;

// What the macros `answer!` and `open_enum!` need in the crates that call them.
#[doc(hidden)]
pub use open_enum::__private;
