//! One call that starts a command on some instances.

use std::{
    future::{Future, pending, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use guestexec_core::{ErrorKind, Underway};
use tokio::time::{Instant, sleep_until};

use super::{
    command::{Command, Kind, StartRequest},
    find::{Unconfirmed, UnconfirmedCall},
    marker::Marker,
};
use crate::{Client, Error, hooks::Call};

/// What was started.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) invocation_id: String,
    pub(super) command_id: Option<String>,
}

/// Starts a command, once, unless the deadline comes before the call is on its way. A failure that
/// leaves open whether it did so has what is needed to look.
pub(super) async fn start(
    client: Client,
    command: Arc<Command>,
    instances: Vec<String>,
    first: bool,
    deadline: Option<Instant>,
) -> Result<Started, Error> {
    let marker = Marker::of(&client, &command, &instances);
    let begin = Instant::now();
    let request = command.request(instances.clone(), first, marker.as_ref());
    let call = Call::default();
    let sending = send(&client, request, call.clone());
    let Some(answer) = unless_late(deadline, &call.underway, sending).await else {
        return Err(unmade(&command));
    };
    let (invocation_id, command_id, request_id) = match answer {
        Ok(answer) => answer,
        Err(error) if error.may_have_run() => {
            return Err(unconfirmed(&client, &command, instances, marker, begin, error));
        }
        Err(error) => return Err(error),
    };
    match invocation_id {
        Some(invocation_id) => Ok(Started { invocation_id, command_id }),
        None => {
            let error = Error::new(ErrorKind::Protocol, "the answer names no invocation")
                .during(command.action())
                .with_request_id(request_id)
                .with_may_have_run(true);
            Err(unconfirmed(&client, &command, instances, marker, begin, error))
        }
    }
}

/// That a call was not made.
pub(super) fn unmade(command: &Command) -> Error {
    Error::new(ErrorKind::Timeout, "the time to wait was over before the call could be made")
        .during(command.action())
}

/// A call's answer; none if the deadline comes while its request is not on the way.
async fn unless_late<T>(
    deadline: Option<Instant>,
    underway: &Underway,
    call: impl Future<Output = T>,
) -> Option<T> {
    let mut call = pin!(call);
    let mut late = pin!(async {
        match deadline {
            Some(deadline) => sleep_until(deadline).await,
            None => pending().await,
        }
    });
    let mut is_late = false;
    // It is set and reset within the call's own poll, so nothing is missed in between.
    let underway = || underway.may_have_run();
    poll_fn(|context| {
        is_late = is_late || late.as_mut().poll(context).is_ready();
        // Before the call is polled too, which would make it if its wait is over.
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

type Names = (Option<String>, Option<String>, Option<String>);

async fn send(client: &Client, request: StartRequest, call: Call) -> Result<Names, Error> {
    Ok(match request {
        StartRequest::Run(request) => {
            let answer =
                client.run_command().body(request).send_in(call).await?.into_inner().response;
            (answer.invocation_id, answer.command_id, answer.request_id)
        }
        StartRequest::Invoke(request) => {
            let command_id = request.command_id.clone();
            let answer =
                client.invoke_command().body(request).send_in(call).await?.into_inner().response;
            (answer.invocation_id, Some(command_id), answer.request_id)
        }
    })
}

fn unconfirmed(
    client: &Client,
    command: &Command,
    instances: Vec<String>,
    marker: Option<Marker>,
    begin: Instant,
    error: Error,
) -> Error {
    let (command_name, command_id, content) = match &command.kind {
        // With placeholders replaced, the service may show another text than the one sent.
        Kind::Script(script) if command.has_parameters() => (script.name.clone(), None, None),
        Kind::Script(script) => (script.name.clone(), None, Some(script.content.clone())),
        Kind::Saved(saved) => (None, Some(saved.id.clone()), None),
    };
    // Both by one clock: it may have been corrected in between.
    let given_up = client.inner.now();
    let sent = given_up.checked_sub(begin.elapsed()).unwrap_or(given_up);
    let call = UnconfirmedCall {
        action: command.action(),
        command_name,
        command_id,
        instances,
        sent,
        given_up,
        marker,
        content,
    };
    Unconfirmed::attach(vec![call], error)
}
