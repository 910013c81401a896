//! Why a transport failed.

use std::error::Error as StdError;

use crate::readable;

/// Longest reason, in characters: a server's certificate may name any number of hosts.
const MAX_REASON: usize = 300;

/// Appends the reason that the chain of causes gives to `message`.
pub(crate) fn with_reason(message: &str, error: &reqwest::Error) -> String {
    let reason = reason(error);
    match reason.is_empty() {
        true => message.to_owned(),
        false => format!("{message}: {reason}"),
    }
}

/// Joins the texts of an error's causes, from the outermost to the innermost.
///
/// `error` itself and hyper's "client error (…)" add nothing to the message before the reason.
fn reason(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = readable(&error.to_string()).replace('\n', " ");
        let is_new = !texts.iter().any(|before| before.contains(&text));
        if is_new && !text.is_empty() && !text.starts_with("client error (") {
            texts.push(text);
        }
        cause = error.source();
    }
    let reason = texts.join(": ");
    match reason.char_indices().nth(MAX_REASON) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason,
    }
}

/// True if the answer was not HTTP.
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
