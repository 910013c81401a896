//! The forms a session can take, which of them a server has been seen to take, and what its refusals
//! say of the others.

use std::{
    fmt,
    sync::atomic::{AtomicU8, Ordering},
};

use guestexec_core::ErrorKind;
use guestexec_remotecommand::{Subprotocol, WEBSOCKET_OFFER};

use super::handshake::Upgrade;
use crate::Error;

const GET: &str = "connectCciV2GetNamespacedPodExec";
const POST: &str = "connectCciV2PostNamespacedPodExec";

/// One way to ask for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Version 5 alone: a server that is offered version 4 too starts the command with it, and one
    /// that has no version 5 refuses and starts nothing.
    V5 = 1,
    /// Version 5, or else version 4.
    WebSocket = 2,
    V4 = 3,
    SpdyPost = 4,
    SpdyGet = 5,
}

/// What a command is tried with that has to be told where its input ends.
const ENDING: [Form; 3] = [Form::V5, Form::SpdyPost, Form::SpdyGet];
/// What any other is tried with. Version 4 by itself is for gateways that know no other name.
const OPEN: [Form; 4] = [Form::WebSocket, Form::V4, Form::SpdyPost, Form::SpdyGet];

impl Form {
    pub(super) fn upgrade(self) -> Upgrade {
        match self {
            Self::V5 => Upgrade::WebSocket(Subprotocol::V5.as_str()),
            Self::WebSocket => Upgrade::WebSocket(WEBSOCKET_OFFER),
            Self::V4 => Upgrade::WebSocket(Subprotocol::V4.as_str()),
            Self::SpdyPost => Upgrade::SpdyPost,
            Self::SpdyGet => Upgrade::SpdyGet,
        }
    }

    /// The operation it is asked for with.
    pub(super) fn operation(self) -> &'static str {
        match self {
            Self::SpdyPost => POST,
            _ => GET,
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V5 => "a WebSocket with v5.channel.k8s.io",
            Self::WebSocket => "a WebSocket",
            Self::V4 => "a WebSocket with v4.channel.k8s.io",
            Self::SpdyPost => "SPDY by POST",
            Self::SpdyGet => "SPDY by GET",
        })
    }
}

/// What is known of the server. One for all clones of a client, which all have the one endpoint.
#[derive(Default)]
pub(crate) struct Speaks {
    /// 1 if it has version 5, 2 if not.
    v5: AtomicU8,
    /// The forms that worked the last time, for the two kinds of commands.
    ending: AtomicU8,
    open: AtomicU8,
}

impl Speaks {
    fn lacks_v5(&self) -> bool {
        self.v5.load(Ordering::Relaxed) == 2
    }

    fn worked(&self, ends_input: bool) -> &AtomicU8 {
        if ends_input { &self.ending } else { &self.open }
    }

    /// Whether such a command was last begun with this form.
    pub(super) fn has_worked(&self, form: Form, ends_input: bool) -> bool {
        self.worked(ends_input).load(Ordering::Relaxed) == form as u8
    }

    /// The forms to try, in this order.
    pub(super) fn forms(&self, ends_input: bool) -> Vec<Form> {
        let mut forms = if ends_input { ENDING.to_vec() } else { OPEN.to_vec() };
        if self.lacks_v5() {
            forms.retain(|form| *form != Form::V5);
        }
        let best = self.worked(ends_input).load(Ordering::Relaxed);
        // The sort is stable: the others stay in their order.
        forms.sort_by_key(|form| *form as u8 != best);
        forms
    }

    /// This form worked, and the server chose this protocol.
    pub(super) fn learn(&self, form: Form, ends_input: bool, protocol: Subprotocol) {
        self.worked(ends_input).store(form as u8, Ordering::Relaxed);
        let is_spdy = matches!(form, Form::SpdyPost | Form::SpdyGet);
        match (is_spdy, ends_input) {
            (false, _) => {
                let v5 = if protocol == Subprotocol::V5 { 1 } else { 2 };
                self.v5.store(v5, Ordering::Relaxed);
            }
            // Version 5 was refused, or known to be missing.
            (true, true) => self.v5.store(2, Ordering::Relaxed),
            // No WebSocket gets through, whatever it is offered with.
            (true, false) => self.ending.store(form as u8, Ordering::Relaxed),
        }
    }

    /// Nothing worked: the next command begins without prejudice.
    pub(super) fn forget(&self) {
        for known in [&self.v5, &self.ending, &self.open] {
            known.store(0, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Speaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Speaks").field("lacks_v5", &self.lacks_v5()).finish_non_exhaustive()
    }
}

/// What a refusal says of the forms that were not tried.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// They may work.
    Open,
    /// Those of another operation may work, which needs a permission of its own: `get` or `create`.
    OtherOperation,
    /// They would come to the same, or the command may run already.
    Closed,
}

/// Reads a refusal of one form. The README has it as a table, with the reasons.
pub(super) fn outlook(error: &Error) -> Outlook {
    let Some(status) = error.status() else { return Outlook::Closed };
    let message = error.message();
    let is_of_service =
        error.detail().is_some_and(|detail| detail.kind.as_deref() == Some("Status"));
    match status.as_u16() {
        200..=399 | 501 | 502 | 505 => Outlook::Open,
        401 | 407 | 409 | 413 | 414 | 429 | 431 => Outlook::Closed,
        400 if is_about_the_command(message) => Outlook::Closed,
        403 if is_about_permission(error) => Outlook::OtherOperation,
        404 if is_of_service => Outlook::Closed,
        400..=499 if !error.may_have_run() => Outlook::Open,
        500 if !error.may_have_run()
            && error.kind() != ErrorKind::NotFound
            && message.contains("unable to upgrade") =>
        {
            Outlook::Open
        }
        _ => Outlook::Closed,
    }
}

fn is_about_the_command(message: &str) -> bool {
    ["a container name must be specified", "is not valid for pod", "must specify at least 1 of"]
        .iter()
        .any(|text| message.contains(text))
}

fn is_about_permission(error: &Error) -> bool {
    // A reason of Kubernetes, a code of the service or its gateway; or Kubernetes in words.
    error.code().is_some()
        || error.detail().is_some() && error.message().to_ascii_lowercase().contains("forbidden")
}

/// How much a kind of failure tells of what is wrong; more is better.
fn weight(error: &Error) -> u8 {
    match error.kind() {
        ErrorKind::Forbidden | ErrorKind::NotFound => 4,
        ErrorKind::Refused => 3,
        ErrorKind::Unavailable => 2,
        ErrorKind::Unsupported => 1,
        _ => 0,
    }
}

/// One error for all forms that failed, of which there is at least one: that which tells most, with
/// the reasons of the others. `last` has the say if it left no outlook.
pub(super) fn together(mut before: Vec<(Form, Error)>, last: (Form, Error)) -> Error {
    let is_decisive = outlook(&last.1) == Outlook::Closed;
    let may_have_run = last.1.may_have_run() || before.iter().any(|(_, e)| e.may_have_run());
    before.push(last);
    let at = match is_decisive {
        true => before.len() - 1,
        false => {
            let best = before.iter().map(|(_, error)| weight(error)).max();
            before.iter().position(|(_, error)| Some(weight(error)) == best).unwrap_or_default()
        }
    };
    let (form, error) = before.remove(at);
    let others: Vec<String> = before
        .iter()
        .filter(|(_, other)| other.message() != error.message())
        .map(|(form, other)| match other.status() {
            Some(status) => format!("{form}: {} ({})", other.message(), status.as_u16()),
            None => format!("{form}: {}", other.message()),
        })
        .collect();
    if others.is_empty() {
        return error.with_may_have_run(may_have_run);
    }
    let message = format!("{form}: {}; {}", error.message(), others.join("; "));
    error.with_message(message).with_may_have_run(may_have_run)
}
