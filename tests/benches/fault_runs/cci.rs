//! CCI: each run has its own command line, in one pod.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use guestexec_cci::{Client, Credentials, ExecTransport};
use guestexec_sandbox::Provider;

use crate::{
    Options, failing,
    report::{Report, Told},
    settled, told,
};

const TRANSPORTS: [ExecTransport; 4] = [
    ExecTransport::Auto,
    ExecTransport::WebSocketV5,
    ExecTransport::WebSocketV4,
    ExecTransport::SpdyPost,
];

pub(crate) async fn round(seed: u64, options: &Options, report: &mut Report) {
    let sandbox = failing(Provider::Cci, seed).cci_v5(seed % 4 != 3).start().await;
    let sandbox = sandbox.expect("the sandbox starts");
    let cci = sandbox.cci();
    let (name, credentials) = match seed / 6 % 3 {
        0 => (
            "password",
            Credentials::password(cci.domain(), cci.user(), cci.password(), cci.project()),
        ),
        1 => (
            "access key's token",
            Credentials::access_key_token(cci.access_key(), cci.secret_key(), cci.project()),
        ),
        _ => (
            "access key",
            Credentials::access_key(cci.access_key(), cci.secret_key())
                .project_id(cci.project_id()),
        ),
    };
    let client = Client::builder()
        .endpoint(cci.endpoint())
        .iam_endpoint(cci.iam_endpoint())
        .credentials(credentials)
        .call_timeout(Duration::from_secs(2))
        .build()
        .expect("the client is complete");
    let ids: Vec<String> = (0..options.runs).map(|number| format!("run-{seed}-{number}")).collect();
    let runs = ids.iter().enumerate().map(|(number, id)| told(one(&client, cci.pod(), id, number)));
    let all: Vec<Told> = stream::iter(runs).buffered(options.concurrency).collect().await;
    settled(seed, || cci.executions(cci.pod())).await;
    for (number, (id, told)) in ids.iter().zip(&all).enumerate() {
        let transport = TRANSPORTS[number % TRANSPORTS.len()];
        let run = format!("cci, seed {seed}, by {name}, {transport:?}, {id}");
        report.held(&run, told, cci.executions_of(cci.pod(), &["echo", id]));
    }
    report.struck(&sandbox);
}

async fn one(client: &Client, pod: &str, id: &str, number: usize) -> Told {
    let exec = client.pod("default", pod).exec(["echo", id]);
    let exec = exec.transport(TRANSPORTS[number % TRANSPORTS.len()]);
    match exec.handshake_timeout(Duration::from_millis(1500)).output().await {
        Ok(output) if output.success() && output.stdout == format!("{id}\n").as_bytes() => {
            Told::Right
        }
        Ok(output) => Told::Otherwise(format!("{output:?}")),
        Err(error) => Told::Error {
            may_have_run: error.may_have_run(),
            is_retryable: error.is_retryable(),
            text: error.to_string(),
        },
    }
}
