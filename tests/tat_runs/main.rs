//! Runs commands on TAT instances through the whole client, against the sandbox: real signatures, real
//! processes, and a proxy in between that can fail.

#![allow(clippy::unwrap_used)]

mod agents;
mod clock;
mod credentials;
mod faults;
mod finding;
mod full_output;
mod many;
mod outcomes;
mod proxy;
mod refused;
mod roles;
mod scripted;
mod service;
mod timing;

use guestexec_sandbox::Sandbox;
use guestexec_tat::{Client, ClientBuilder, Credentials, types::RunCommandRequest};

/// Most instances of a call.
const BATCH: usize = *RunCommandRequest::INSTANCE_IDS_ITEMS.end();

/// Instances for two calls and a part of a third.
const MANY: usize = 2 * BATCH + 50;

/// A builder for a client with the sandbox's permanent key.
fn builder(sandbox: &Sandbox) -> ClientBuilder {
    let tat = sandbox.tat();
    Client::builder()
        .credentials(Credentials::new(tat.secret_id(), tat.secret_key()))
        .region(tat.region())
        .endpoint(tat.endpoint())
}

fn client(sandbox: &Sandbox) -> Client {
    builder(sandbox).build().expect("the client is complete")
}

/// A sandbox without a rate limit.
async fn unhurried(instances: usize) -> Sandbox {
    Sandbox::builder()
        .tat_rate(None)
        .tat_instances(instances)
        .start()
        .await
        .expect("the sandbox starts")
}
