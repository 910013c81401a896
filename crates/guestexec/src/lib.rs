#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "cci")]
pub use guestexec_cci as cci;
#[cfg(feature = "tat")]
pub use guestexec_tat as tat;
#[cfg(feature = "zstack")]
pub use guestexec_zstack as zstack;

pub use guestexec_core::{
    Absent, Answer, AnyError as Error, Base64, Bytes, CallOptions, Clock, Counts, Detail,
    ErrorKind, Example, ExampleAnswer, ExitStatus, Extra, HeaderMap, HeaderName, HeaderValue,
    HttpOptions, HttpTransport, Items, NoCredentials, Operation, PageItems, Paged, Pages, Part,
    Place, Proxy, Request, RequestShape, Response, ResponseFuture, Retries, Secret, SourceCheck,
    SourceState, StatusCode, SystemClock, Transport, TransportError, Validate, Violation,
};
#[cfg(feature = "by-name")]
pub use guestexec_core::{
    InputKind, InputPlace, NamedCall, NamedInput, NamedOperation, NamedPages,
};
