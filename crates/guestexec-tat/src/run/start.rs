//! One call that starts a command on some instances.

use std::{sync::Arc, time::SystemTime};

use guestexec_core::ErrorKind;

use super::{
    command::{Command, Kind, StartRequest},
    find::{Unconfirmed, UnconfirmedCall},
    marker::Marker,
};
use crate::{Client, Error};

/// What was started.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) invocation_id: String,
    pub(super) command_id: Option<String>,
}

/// Starts a command, once. A failure that leaves open whether it did so has what is needed to look.
pub(super) async fn start(
    client: Client,
    command: Arc<Command>,
    instances: Vec<String>,
    first: bool,
) -> Result<Started, Error> {
    let marker = Marker::of(&client, &command, &instances);
    let sent = client.inner.now();
    let request = command.request(instances.clone(), first, marker.as_ref());
    let (invocation_id, command_id, request_id) = match send(&client, request).await {
        Ok(answer) => answer,
        Err(error) if error.may_have_run() => {
            return Err(unconfirmed(&client, &command, instances, marker, sent, error));
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
            Err(unconfirmed(&client, &command, instances, marker, sent, error))
        }
    }
}

type Names = (Option<String>, Option<String>, Option<String>);

async fn send(client: &Client, request: StartRequest) -> Result<Names, Error> {
    Ok(match request {
        StartRequest::Run(request) => {
            let answer = client.run_command().body(request).send().await?.into_inner().response;
            (answer.invocation_id, answer.command_id, answer.request_id)
        }
        StartRequest::Invoke(request) => {
            let command_id = request.command_id.clone();
            let answer = client.invoke_command().body(request).send().await?.into_inner().response;
            (answer.invocation_id, Some(command_id), answer.request_id)
        }
    })
}

fn unconfirmed(
    client: &Client,
    command: &Command,
    instances: Vec<String>,
    marker: Option<Marker>,
    sent: SystemTime,
    error: Error,
) -> Error {
    let (command_name, command_id, content) = match &command.kind {
        // With placeholders replaced, the service may show another text than the one sent.
        Kind::Script(script) if command.has_parameters() => (script.name.clone(), None, None),
        Kind::Script(script) => (script.name.clone(), None, Some(script.content.clone())),
        Kind::Saved(saved) => (None, Some(saved.id.clone()), None),
    };
    let call = UnconfirmedCall {
        action: command.action(),
        command_name,
        command_id,
        instances,
        sent,
        given_up: client.inner.now(),
        marker,
        content,
    };
    Unconfirmed::attach(vec![call], error)
}
