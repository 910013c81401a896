#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
mod app_id;
mod base64;
#[cfg(feature = "by-name")]
mod by_name;
mod call;
mod clock;
mod credential;
mod each;
mod endpoint;
mod error;
mod example;
mod exit_status;
mod hooks;
mod http;
mod http_date;
mod items;
mod json;
#[cfg(feature = "schemars")]
#[doc(hidden)]
pub mod json_schema;
mod keyring;
mod lossless;
mod marks;
mod members;
mod not_started;
mod open_enum;
mod operation;
mod options;
mod output;
mod paging;
mod reach;
mod readable;
mod reason;
mod renewing;
mod repair;
mod retry;
mod runtime;
mod secret;
mod sending;
mod setters;
mod settings;
mod shape;
mod small_file;
mod source;
#[cfg(feature = "encoding")]
mod text;
#[cfg(feature = "__rustls")]
mod tls;
mod trace_headers;
mod transport;
mod underway;
mod walk;

pub mod check;
pub mod sign;
pub mod telemetry;

pub use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
pub use answer::{Answer, Read, Streamed, Upgraded};
pub use app_id::AppId;
pub use base64::Base64;
#[cfg(feature = "by-name")]
#[doc(hidden)]
pub use by_name::Given;
#[cfg(feature = "by-name")]
pub use by_name::{InputKind, InputPlace, NamedCall, NamedInput, NamedOperation, NamedPages};
pub use call::{
    CallError, ErrorAnswer, Exchanging, MAX_ERROR_BODY, Reader, Refusal, RequestId, accepted,
    answer, exchange, failure, observed, read, read_ahead, retry_after, streamed, upgraded,
    wire_status,
};
pub use check::{Validate, Violation};
pub use clock::{Clock, SystemClock, unix_seconds};
pub use credential::{check_credential, check_header_credential, check_key};
pub use each::Each;
pub use endpoint::{Endpoint, PlainHttp, is_loopback as is_loopback_url};
pub use error::{AnyError, Detail, Error, ErrorKind};
#[doc(hidden)]
pub use error::{DetailOf, Detailed};
pub use example::{Example, ExampleAnswer};
pub use exit_status::ExitStatus;
pub use hooks::{Inner, header_value, secret_header};
pub use http::{
    HttpOptions, MAX_ANSWER, Proxy, buffered, http_client, limit_answer, mark_as_error,
};
pub use http_date::http_date;
pub use hyper::body::Bytes;
pub use items::Items;
pub use json::json_body;
pub use keyring::Keyring;
pub use lossless::Extra;
pub use marks::{Mark, Marks};
pub use operation::Operation;
pub use options::CallOptions;
pub use output::serialize_output;
pub use paging::{PageItems, Paged, Pages, Part, Place};
pub use reach::{Issuer, Reach};
pub use readable::{Secrets, beginning, identifier, readable};
pub use renewing::{Issued, Renewing};
pub use retry::{Attempts, Counts, Retries, Seen, Verdict, within};
pub use runtime::ensure_runtime;
pub use secret::{Redacted, Secret};
#[doc(hidden)]
pub use sending::Sending;
pub use settings::{Settings, check_region, variable};
pub use shape::RequestShape;
#[doc(hidden)]
pub use shape::{Private, Readable, put_random_texts};
pub use small_file::{credentials_text, home, ini_section, read_file, warn_if_exposed};
pub use source::{
    Absent, AskedBy, Credential, Lease, LeaseFuture, NoCredentials, ProvideCredentials, Source,
    SourceCheck, SourceState, absent, is_absent, unusable,
};
#[cfg(feature = "encoding")]
pub use text::text_in;
pub use trace_headers::TraceHeaders;
pub use transport::{HttpTransport, Request, Response, ResponseFuture, Transport, TransportError};
pub use underway::Underway;

// The macros `answer!` and `open_enum!` need these in the crates that call them.
#[doc(hidden)]
pub use members::write_optional;
pub use open_enum::__private;
