//! Why a transport failed, in the words of what failed.

use std::error::Error as StdError;

use crate::readable;

/// Most characters of a reason. A server's certificate may name any number of hosts.
const MAX_REASON: usize = 300;

/// `message`, and behind it the reason that the chain of causes gives.
pub(crate) fn with_reason(message: &str, error: &reqwest::Error) -> String {
    let reason = reason(error);
    match reason.is_empty() {
        true => message.to_owned(),
        false => format!("{message}: {reason}"),
    }
}

/// What the causes of an error say, from the outermost to the innermost.
///
/// `error` itself and the client's "client error (…)" say no more than the message before the reason.
fn reason(error: &reqwest::Error) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = readable(&error.to_string()).replace('\n', " ");
        let is_new = !said.iter().any(|before| before.contains(&text));
        if is_new && !text.is_empty() && !text.starts_with("client error (") {
            said.push(text);
        }
        cause = error.source();
    }
    let reason = said.join(": ");
    match reason.char_indices().nth(MAX_REASON) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason,
    }
}

/// True where what came is no answer in HTTP.
pub(crate) fn is_no_http(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            return true;
        }
        cause = error.source();
    }
    false
}
