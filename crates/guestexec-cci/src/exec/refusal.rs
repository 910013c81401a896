//! Which upgrades to try after a refused one, and the one error for all refusals.

use guestexec_core::ErrorKind;

use crate::{Error, upgrade::Upgrade};

/// Which of the other upgrades are worth a try.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fallback {
    Any,
    /// The upgrades of the other operation, which needs another permission: `get` or `create`.
    OtherOperation,
    /// None: they would be refused alike, or the command may run already.
    None,
}

/// Reads the refusal of one upgrade. The README has the same as a table, with the reasons.
pub(super) fn fallback(error: &Error) -> Fallback {
    let Some(status) = error.status() else { return Fallback::None };
    let message = error.message();
    let is_of_service =
        error.detail().is_some_and(|detail| detail.kind.as_deref() == Some("Status"));
    match status.as_u16() {
        200..=399 | 501 | 502 | 505 => Fallback::Any,
        401 | 407 | 409 | 413 | 414 | 429 | 431 => Fallback::None,
        400 if is_about_the_command(message) => Fallback::None,
        403 if is_about_permission(error) => Fallback::OtherOperation,
        404 if is_of_service => Fallback::None,
        400..=499 if !error.may_have_run() => Fallback::Any,
        500 if !error.may_have_run()
            && error.kind() != ErrorKind::NotFound
            && message.contains("unable to upgrade") =>
        {
            Fallback::Any
        }
        _ => Fallback::None,
    }
}

fn is_about_the_command(message: &str) -> bool {
    ["a container name must be specified", "is not valid for pod", "must specify at least 1 of"]
        .iter()
        .any(|text| message.contains(text))
}

/// A 403 about a permission has Kubernetes' reason, a code of the service or its gateway, or says
/// "forbidden".
fn is_about_permission(error: &Error) -> bool {
    error.code().is_some()
        || error.detail().is_some() && error.message().to_ascii_lowercase().contains("forbidden")
}

/// How much an error says about what is wrong; more is better.
fn relevance(error: &Error) -> u8 {
    match error.kind() {
        ErrorKind::Forbidden | ErrorKind::NotFound => 4,
        ErrorKind::Refused => 3,
        ErrorKind::Unavailable => 2,
        ErrorKind::Unsupported => 1,
        _ => 0,
    }
}

/// Makes one error of all refusals: the most relevant, with the messages of the others. `last` is
/// that one if it left nothing to try.
pub(super) fn combined(mut refusals: Vec<(Upgrade, Error)>, last: (Upgrade, Error)) -> Error {
    let is_decisive = fallback(&last.1) == Fallback::None;
    refusals.push(last);
    let may_have_run = refusals.iter().any(|(_, error)| error.may_have_run());
    let best = refusals.iter().map(|(_, error)| relevance(error)).max();
    let first_best = refusals.iter().position(|(_, error)| Some(relevance(error)) == best);
    let chosen = first_best.filter(|_| !is_decisive).unwrap_or(refusals.len() - 1);
    let (upgrade, error) = refusals.remove(chosen);
    let others: Vec<String> = refusals
        .iter()
        .filter(|(_, other)| other.message() != error.message())
        .map(|(upgrade, other)| match other.status() {
            Some(status) => format!("{upgrade}: {} ({})", other.message(), status.as_u16()),
            None => format!("{upgrade}: {}", other.message()),
        })
        .collect();
    if others.is_empty() {
        return error.with_may_have_run(may_have_run);
    }
    let message = format!("{upgrade}: {}; {}", error.message(), others.join("; "));
    error.with_message(message).with_may_have_run(may_have_run)
}
