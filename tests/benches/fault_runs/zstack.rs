//! ZStack: each run has its own VM.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use guestexec_sandbox::{Provider, ZstackHandle};
use guestexec_zstack::{Client, Credentials, Method};

use crate::{
    Options, failing,
    report::{Report, Told},
    settled, told,
};

pub(crate) async fn round(seed: u64, options: &Options, report: &mut Report) {
    let (jobs, by_login) = ((seed / 2).is_multiple_of(2), (seed / 6).is_multiple_of(2));
    let builder = failing(Provider::Zstack, seed).zstack_vms(options.runs).zstack_jobs(jobs);
    let sandbox = builder.start().await.expect("the sandbox starts");
    let zstack = sandbox.zstack();
    let client = if by_login {
        log_in(zstack).await
    } else {
        let key = Credentials::access_key(zstack.access_key_id(), zstack.access_key_secret());
        builder_of(zstack).credentials(key).build().expect("the client is complete")
    };
    let vms = zstack.vm_uuids();
    let runs = vms.iter().enumerate().map(|(number, vm)| told(one(&client, vm, number)));
    let all: Vec<Told> = stream::iter(runs).buffered(options.concurrency).collect().await;
    settled(seed, || vms.iter().map(|vm| zstack.executions(vm)).sum()).await;
    for (vm, told) in vms.iter().zip(&all) {
        let run = format!("zstack, seed {seed}, jobs {jobs}, by login {by_login}, {vm}");
        report.held(&run, told, zstack.executions(vm));
    }
    report.struck(&sandbox);
}

fn builder_of(zstack: &ZstackHandle) -> guestexec_zstack::ClientBuilder {
    Client::builder().endpoint(zstack.endpoint()).call_timeout(Duration::from_secs(2))
}

/// The login fails like any call, and is retried.
async fn log_in(zstack: &ZstackHandle) -> Client {
    let mut last = None;
    for _ in 0..100 {
        match builder_of(zstack).login(zstack.account_name(), zstack.password()).await {
            Ok(client) => return client,
            Err(error) => last = Some(error),
        }
    }
    panic!("no login in a hundred: {last:?}");
}

async fn one(client: &Client, vm: &str, number: usize) -> Told {
    let method = if number.is_multiple_of(2) { Method::Put } else { Method::Post };
    let run = client.vm(vm).run(format!("echo {vm}")).timeout(Duration::from_secs(10));
    match run.method(method).await {
        Ok(output) if output.stdout_lossy().trim_end() == vm => Told::Right,
        Ok(output) => Told::Otherwise(format!("{output:?}")),
        Err(error) => Told::Error {
            may_have_run: error.may_have_run(),
            is_retryable: error.is_retryable(),
            text: error.to_string(),
        },
    }
}
