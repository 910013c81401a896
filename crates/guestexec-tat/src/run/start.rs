//! A call that starts a command on some instances.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use guestexec_core::{ErrorKind, Underway};
use tokio::time::{Instant, sleep_until};

use super::{
    command::{Command, Kind, StartRequest},
    marker::Marker,
    unconfirmed::{Unconfirmed, UnconfirmedCall},
};
use crate::{
    Client, Error,
    builder::{InvokeCommand, RunCommand},
    hooks::Call,
};

/// The result of a call that starts a command.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) invocation_id: String,
    pub(super) command_id: Option<String>,
}

/// Starts a command by one call, unless the deadline passes before the request leaves. If a failure
/// leaves open whether the command started, it carries an [`Unconfirmed`].
pub(super) async fn start(
    client: Client,
    command: Arc<Command>,
    instances: Vec<String>,
    first: bool,
    deadline: Instant,
) -> Result<Started, Error> {
    let marker = Marker::of(&client, &command, &instances);
    let begin = Instant::now();
    let request = command.request(instances.clone(), first, marker.as_ref());
    let marks = command.marks(marker.as_ref());
    let call = Call { marks, ..Call::default() };
    let sending = send(&client, request, call.clone());
    let error = match unless_late(deadline, &call.underway, sending).await {
        None => return Err(unmade(&command)),
        Some(Ok((Some(invocation_id), command_id, _))) => {
            return Ok(Started { invocation_id, command_id });
        }
        Some(Ok((None, _, request_id))) => {
            Error::new(ErrorKind::Protocol, "the answer names no invocation")
                .during(command.operation().id)
                .with_request_id(request_id)
                .with_may_have_run(true)
        }
        Some(Err(error)) if error.may_have_run() => error,
        Some(Err(error)) => return Err(error),
    };
    let (command_name, command_id, content) = match &command.kind {
        // The service may show the script with its placeholders replaced.
        Kind::Script(script) if command.has_parameters() => (script.name.clone(), None, None),
        Kind::Script(script) => (script.name.clone(), None, Some(script.content.clone())),
        Kind::Saved(saved) => (None, Some(saved.id.clone()), None),
    };
    // Both by the clock of now, which may have been corrected in between.
    let given_up = client.now();
    let sent = given_up.checked_sub(begin.elapsed()).unwrap_or(given_up);
    let action = command.operation().id;
    let call = UnconfirmedCall {
        action,
        command_name,
        command_id,
        instances,
        sent,
        given_up,
        marker,
        content,
    };
    Err(Unconfirmed::attach(vec![call], error))
}

/// The error of a call that was not made.
pub(super) fn unmade(command: &Command) -> Error {
    Error::new(ErrorKind::Timeout, "the time to wait was over before the call could be made")
        .during(command.operation().id)
}

/// Returns a call's answer; none if the deadline passes while its request has not left.
async fn unless_late<T>(
    deadline: Instant,
    underway: &Underway,
    call: impl Future<Output = T>,
) -> Option<T> {
    let mut call = pin!(call);
    let mut late = pin!(sleep_until(deadline));
    let mut is_late = false;
    // It changes only while the call is polled, so it need not be watched in between.
    let underway = || underway.may_have_run();
    poll_fn(|context| {
        is_late = is_late || late.as_mut().poll(context).is_ready();
        // Checked before the poll too, which would send the request if its turn has come.
        if is_late && !underway() {
            return Poll::Ready(None);
        }
        match call.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if is_late && !underway() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// The ids in an answer: of the invocation, the command, and the request.
type Ids = (Option<String>, Option<String>, Option<String>);

async fn send(client: &Client, request: StartRequest, call: Call) -> Result<Ids, Error> {
    Ok(match request {
        StartRequest::Run(request) => {
            let answer = RunCommand::with_body(client, request).send_in(call).await?;
            let answer = answer.into_inner();
            (answer.invocation_id, answer.command_id, answer.request_id)
        }
        StartRequest::Invoke(request) => {
            let command_id = Some(request.command_id.clone());
            let answer = InvokeCommand::with_body(client, request).send_in(call).await?;
            let answer = answer.into_inner();
            (answer.invocation_id, command_id, answer.request_id)
        }
    })
}
