//! The meaning of the service's errors.

use std::time::Duration;

use guestexec_core::{Detail, ErrorAnswer, ErrorKind, Operation, Refusal, beginning};
use guestexec_remotecommand::ACCEPTED_STREAM_PROTOCOLS_HEADER;
use reqwest::header::HeaderMap;
use serde::Deserialize as _;
use serde_json::Value;

use crate::{not_started, operations, types::ErrorBody, upgrade::Upgrade};

/// A failed call. Its [`detail`](guestexec_core::Error::detail) is the body of the answer, if it was
/// JSON of one of the service's forms.
///
/// ```
/// use guestexec_cci::ErrorKind;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.cci().client()?;
/// let absent = client.pod("default", "absent").exec(["true"]).await;
/// let error = absent.expect_err("there is no such pod");
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// assert!(!error.may_have_run() && !error.is_retryable());
/// println!("{error}; {:?}, {:?}", error.status(), error.detail());
/// # Ok(())
/// # }
/// ```
pub type Error = guestexec_core::Error<ErrorBody>;

impl Detail for ErrorBody {
    const PROVIDER: &'static str = "cci";
}

/// Longest text of the service that is kept, in bytes: room for a canonical request.
const MAX_TEXT: usize = 8 * 1024;

/// What is said of an error of the service that has no text. Its code and the status stand beside it.
const NO_MESSAGE: &str = "the service refuses the request and gives no message";

pub(crate) const NO_CONTAINER: &str =
    "the container has ended or not begun: commands run only in running containers";

/// The vendor's id of a request, by the headers of its answer.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    let names = ["x-request-id", "x-openstack-request-id"];
    names.iter().find_map(|name| Some(headers.get(*name)?.to_str().ok()?.to_owned()))
}

/// Reads an error in any of the forms of the service, its gateway and IAM.
pub(crate) fn read(operation: &Operation, answer: &ErrorAnswer) -> Refusal<ErrorBody> {
    let mut refusal = Refusal::from_status(answer);
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok().filter(Value::is_object);
    if let Some(body) = &body {
        let iam = &body["error"];
        refusal.code = ["errorCode", "error_code", "reason"]
            .iter()
            .find_map(|name| text(&body[*name]))
            .or_else(|| text(&iam["code"]))
            // IAM repeats the status there.
            .filter(|code| code != answer.status.as_str());
        let message = [&body["message"], &body["error_msg"], &iam["message"]];
        if let Some(message) = message.into_iter().find_map(text) {
            refusal.message = readable(&message);
        } else if refusal.code.is_some() || iam.is_object() || body["kind"] == "Status" {
            refusal.message = NO_MESSAGE.to_owned();
        }
        refusal.request_id = text(&body["request_id"]);
        let detail = ErrorBody::deserialize(body).ok();
        let seconds = detail.as_ref().and_then(|body| body.details.as_ref()?.retry_after_seconds);
        if let Some(seconds) = seconds.and_then(|seconds| u64::try_from(seconds).ok()) {
            refusal.retry_after = Some(Duration::from_secs(seconds));
        }
        refusal.detail = detail;
    }
    refusal.request_id = refusal.request_id.or_else(|| request_id(&answer.headers));
    let is_exec = Upgrade::of_operation(operation).is_some();
    // The messages that are proofs are about commands in containers.
    let message = if is_exec { &*refusal.message } else { "" };
    let proof = not_started::by_http(answer.status.as_u16(), is_of_service(&body), message);
    refusal.not_started = proof.is_some();
    if is_exec && let Some(kind) = proof.and_then(|row| row.kind) {
        refusal.kind = kind;
    }
    let no_common = answer.status == 403
        && (answer.body.is_empty()
            || answer.headers.contains_key(ACCEPTED_STREAM_PROTOCOLS_HEADER));
    if is_exec && no_common {
        refusal.kind = ErrorKind::Unsupported;
        refusal.message = "the service knows none of the stream protocols offered".to_owned();
    }
    refusal.advice = advice(operation, answer, &refusal).map(str::to_owned);
    refusal
}

/// True for an operation on namespaces themselves.
fn is_of_namespaces(operation: &Operation) -> bool {
    operation.path.ends_with("/namespaces") || operation.path.ends_with("/namespaces/{name}")
}

/// True if the service itself answered, rather than a gateway or proxy.
fn is_of_service(body: &Option<Value>) -> bool {
    body.as_ref().is_some_and(|body| {
        body["kind"] == "Status"
            || body["errorCode"].as_str().is_some_and(|code| code.starts_with("CCI."))
    })
}

/// The text of a string that is not blank, or of a number.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(cut(text).to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn cut(text: &str) -> &str {
    beginning(text, MAX_TEXT)
}

/// Makes a message printable. The gateway's canonical request, which it writes with `|`, gets its line
/// breaks back and loses the tokens among the signed headers.
fn readable(message: &str) -> String {
    let (sentence, canonical) = match message.split_once("canonicalRequest:") {
        Some((sentence, canonical)) => (sentence, Some(canonical)),
        None => (message, None),
    };
    let mut readable: String =
        sentence.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if let Some(canonical) = canonical {
        readable.push_str("canonicalRequest:");
        for line in canonical.split(['|', '\n']) {
            readable.push_str("\n  ");
            match line.split_once(':') {
                Some((name, _)) if name.to_ascii_lowercase().ends_with("-token") => {
                    readable.push_str(name);
                    readable.push_str(":<redacted>");
                }
                _ => readable.extend(line.chars().filter(|c| !c.is_control())),
            }
        }
        readable.push('\n');
    }
    readable
}

fn advice(
    operation: &Operation,
    answer: &ErrorAnswer,
    refusal: &Refusal<ErrorBody>,
) -> Option<&'static str> {
    let message = refusal.message.to_ascii_lowercase();
    let says = |text: &str| message.contains(text);
    let is_login = *operation == operations::CREATE_USER_TOKEN;
    Some(match answer.status.as_u16() {
        401 if says("aksk signature") => {
            "check the secret key, this machine's clock, and whether the canonical request shown is the one that was sent"
        }
        401 if says("x-sdk-date") || says("expired") && says("date") => {
            "the service takes signatures within 15 minutes of its own clock: set this machine's"
        }
        401 if is_login => {
            "check account, user name and password, or the access key; IAM locks a user out after a few wrong ones"
        }
        401 => {
            "the token or key may have expired, or belong to another project or region: get a new one"
        }
        403 if refusal.kind == ErrorKind::Unsupported => {
            "ask for another with `transport`; or a proxy on the way has removed the header that offers them"
        }
        403 if is_login => {
            "ask the account's administrator whether this user may call APIs, and from this machine"
        }
        403 if Upgrade::of_operation(operation).is_some() => {
            "ask the account's administrator for permission to run commands in this namespace"
        }
        403 if *operation == operations::CREATE_POD || *operation == operations::DELETE_POD => {
            "ask the account's administrator for permission to create and delete pods in this namespace, or for a larger quota"
        }
        403 if is_of_namespaces(operation) => {
            "ask the account's administrator for permission to use namespaces"
        }
        403 => "ask the account's administrator for permission to read pods in this namespace",
        404 if says("pods ") => {
            "check the names of pod and namespace, and the region; namespaces made by the 1.0 interface are not seen"
        }
        400 if says("a container name must be specified") => {
            "choose one with `Pod::container`, or let `Pod::choose_container` do it"
        }
        400 if says("is not valid for pod") => {
            "the pod has no container of this name: `Pod::get` lists them"
        }
        404 if says("namespaces ") => {
            "check the name of the namespace, and the region; namespaces made by the 1.0 interface are not seen"
        }
        409 if *operation == operations::CREATE_POD && says("pods ") => {
            "there is such a pod: choose another name, or let the service do it by `generateName`"
        }
        405 => "something on the way changed the method of the request",
        _ if refusal.kind == ErrorKind::NotFound && answer.status.is_server_error() => NO_CONTAINER,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn a_canonical_request_is_shown_line_by_line_without_tokens() {
        let text =
            readable("fail,canonicalRequest:GET|/x/|a=1|host:h|x-security-token:s3cret||host|e3b0");
        assert_eq!(
            text,
            "fail,canonicalRequest:\n  GET\n  /x/\n  a=1\n  host:h\n  x-security-token:<redacted>\n  \n  host\n  e3b0\n"
        );
        assert_eq!(readable("two\nlines\u{1b}[2J"), "two lines [2J");
    }
}
