//! Why a transport failed.

use std::{error::Error as StdError, iter};

use http_body_util::LengthLimitError;

use crate::readable;

/// Longest reason, in characters: a server's certificate may name any number of hosts.
const MAX_REASON: usize = 300;

/// Appends the reason that the chain of causes gives to `message`.
pub(crate) fn with_reason(message: &str, cause: Option<&(dyn StdError + 'static)>) -> String {
    let reason = reason(cause);
    match reason.is_empty() {
        true => message.to_owned(),
        false => format!("{message}: {reason}"),
    }
}

/// Joins the texts of `cause` and the causes below it, from the outermost to the innermost.
///
/// hyper's "client error (…)" adds nothing to the message before the reason.
fn reason(cause: Option<&(dyn StdError + 'static)>) -> String {
    let mut texts: Vec<String> = Vec::new();
    for cause in causes(cause) {
        let text = readable(&cause.to_string()).replace('\n', " ");
        let is_new = !texts.iter().any(|before| before.contains(&text));
        if is_new && !text.is_empty() && !text.starts_with("client error (") {
            texts.push(text);
        }
    }
    let reason = texts.join(": ");
    match reason.char_indices().nth(MAX_REASON) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason,
    }
}

/// True if the answer was not HTTP.
pub(crate) fn is_no_http(error: &reqwest::Error) -> bool {
    causes(error.source()).any(|cause| cause.downcast_ref().is_some_and(hyper::Error::is_parse))
}

/// True if the answer was cut by [`limit_answer`](crate::limit_answer).
pub(crate) fn is_too_large(error: &reqwest::Error) -> bool {
    causes(error.source()).any(|cause| cause.is::<LengthLimitError>())
}

/// An error's `source`, and the causes below it.
pub(crate) fn causes<'a>(
    source: Option<&'a (dyn StdError + 'static)>,
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    iter::successors(source, |&cause| cause.source())
}
