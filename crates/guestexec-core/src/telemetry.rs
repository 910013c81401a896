//! The spans and events of all clients. Their names, and those of their fields, stand here alone; the README of
//! `guestexec` has the table of them.

use std::time::Duration;

use reqwest::{Request, StatusCode, Url};
use tracing::{Metadata, Span, debug, debug_span, field};

use crate::{Error, ErrorKind, Operation, Secrets, Seen, identifier};

/// The name of the span of an API call.
const CALL: &str = "call";
/// The most ids that one field names.
const MOST_NAMED: usize = 8;

/// The parts of the target of a command, which its span names: fields of [`command_span`].
macro_rules! targets {
    ($($(#[$doc:meta])* $constant:ident = $name:literal,)*) => {
        $($(#[$doc])* pub const $constant: &str = $name;)*

        /// The span of a command, from its start to its end, in which its API calls are. What is known of the
        /// target is recorded under the names that this module has.
        pub fn command_span(provider: &'static str) -> Span {
            debug_span!("command", provider, $($name = field::Empty,)*)
        }
    };
}

targets! {
    /// The instances of TAT.
    INSTANCES = "instances",
    /// The invocation of TAT: the first, if there are several.
    INVOCATION = "invocation",
    /// The VM of ZStack.
    VM = "vm",
    /// The beginning of the id of a ZStack job. The whole id would grant access to the result.
    JOB = "job",
    /// The namespace of a pod.
    NAMESPACE = "namespace",
    /// The pod.
    POD = "pod",
    /// The container, if it was chosen.
    CONTAINER = "container",
    /// The version of the exec protocol that both sides agreed on.
    SUBPROTOCOL = "subprotocol",
}

/// Records a word in a span, if a subscriber has enabled it.
pub fn record(span: &Span, name: &'static str, word: &str) {
    if !span.is_disabled() {
        span.record(name, &*identifier(word));
    }
}

/// Records the beginning of a job's id, which tells it from others and grants nothing.
pub fn record_job(span: &Span, id: &str) {
    if !span.is_disabled() {
        span.record(JOB, &*format!("{id:.8}…"));
    }
}

/// Records instances in one line: the first few, and how many more there are.
pub fn record_instances<'a>(span: &Span, ids: impl ExactSizeIterator<Item = &'a str>) {
    if span.is_disabled() {
        return;
    }
    let more = ids.len().saturating_sub(MOST_NAMED);
    let mut named: Vec<String> = ids.take(MOST_NAMED).map(identifier).collect();
    if more > 0 {
        named.push(format!("… {more} more"));
    }
    span.record(INSTANCES, &*named.join(","));
}

/// Notes that a call started an invocation on so many instances; the span gets the first one.
pub fn started(span: &Span, is_first: bool, invocation: &str, instances: usize) {
    if span.is_disabled() {
        return;
    }
    let shown = identifier(invocation);
    if is_first {
        span.record(INVOCATION, &*shown);
    }
    span.in_scope(|| debug!(invocation = shown, instances, "started"));
}

/// The span of an API call, with all its attempts.
pub(crate) fn call_span(provider: &'static str, operation: &Operation) -> Span {
    // Calls that share one path differ by their fragment.
    let target = if operation.path == "/" { operation.id } else { operation.path };
    debug_span!(
        CALL,
        "otel.name" = %format_args!("{} {target}", operation.method),
        "otel.kind" = "client",
        "otel.status_code" = field::Empty,
        provider,
        operation = operation.id,
        "http.request.method" = operation.method,
        "url.template" = operation.path,
        "url.scheme" = field::Empty,
        "server.address" = field::Empty,
        "server.port" = field::Empty,
        "http.request.resend_count" = field::Empty,
        "http.response.status_code" = field::Empty,
        "error.type" = field::Empty,
    )
}

/// The span of the current call; none where no subscriber has enabled it.
pub(crate) fn current_call() -> Span {
    let span = Span::current();
    // Otherwise it is one of the program, whose fields are its own.
    let is_call =
        |metadata: &Metadata<'_>| metadata.target() == module_path!() && metadata.name() == CALL;
    if span.metadata().is_some_and(is_call) { span } else { Span::none() }
}

/// Records where the request of a call goes. Only the parts of the address that the convention names are recorded.
pub(crate) fn addressed(span: &Span, request: &Request) {
    if span.is_disabled() {
        return;
    }
    let url: &Url = request.url();
    span.record("url.scheme", url.scheme());
    if let Some(host) = url.host_str() {
        span.record("server.address", host.trim_start_matches('[').trim_end_matches(']'));
    }
    if let Some(port) = url.port_or_known_default() {
        span.record("server.port", port);
    }
}

/// Records how often the request of a call was sent again.
pub(crate) fn resent(span: &Span, times: u32) {
    span.record("http.request.resend_count", times);
}

/// The entry of an attempt in the log.
pub(crate) struct Attempt<'a> {
    pub(crate) operation: &'static Operation,
    pub(crate) number: u32,
    pub(crate) kind: Option<ErrorKind>,
    pub(crate) seen: Seen<'a>,
    pub(crate) elapsed: Duration,
    pub(crate) retry_in: Option<Duration>,
}

impl Attempt<'_> {
    /// Notes the attempt. A server may repeat what it was sent, so the secrets are hidden in its words.
    pub(crate) fn tell(&self, secrets: &dyn Fn() -> Secrets) {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        let Seen { status, code, request_id, .. } = self.seen;
        let secrets = if code.or(request_id).is_some() { secrets() } else { Secrets::default() };
        let shown =
            |word: Option<&str>| word.map(|word| identifier(&secrets.hidden_in(word.into())));
        debug!(
            operation = self.operation.id,
            attempt = self.number,
            status = status.map(|status| status.as_u16()),
            kind = self.kind.map(ErrorKind::as_str),
            code = shown(code),
            request_id = shown(request_id),
            elapsed_ms = millis(self.elapsed),
            retry_in_ms = self.retry_in.map(millis),
            "attempt"
        );
    }
}

/// Notes the success of a call in its span.
pub(crate) fn answered(span: &Span, status: StatusCode, elapsed: Duration) {
    let status = status.as_u16();
    span.record("http.response.status_code", status);
    span.in_scope(|| debug!(elapsed_ms = millis(elapsed), status, "answered"));
}

/// Notes the failure of a call in its span.
pub(crate) fn failed<D>(span: &Span, error: &Error<D>, elapsed: Duration) {
    span.record("otel.status_code", "ERROR");
    span.record("error.type", error.kind().as_str());
    if let Some(status) = error.status() {
        span.record("http.response.status_code", status.as_u16());
    }
    span.in_scope(|| {
        debug!(
            elapsed_ms = millis(elapsed),
            kind = error.kind().as_str(),
            code = error.code(),
            request_id = error.request_id(),
            may_have_run = error.may_have_run(),
            "failed"
        );
    });
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
