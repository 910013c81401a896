//! TAT: each run has its own instance.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use guestexec_sandbox::Provider;
use guestexec_tat::{Client, Credentials, Error, Outcome};

use crate::{
    Options, failing,
    report::{Report, Told},
    settled, told,
};

pub(crate) async fn round(seed: u64, options: &Options, report: &mut Report) {
    let builder = failing(Provider::Tat, seed).tat_instances(options.runs);
    let sandbox =
        builder.tat_late_tasks(seed.is_multiple_of(2)).start().await.expect("the sandbox starts");
    let tat = sandbox.tat();
    let temporary = seed / 6 % 2 == 1;
    let credentials = if temporary {
        let (id, key, token) = tat.temporary_key();
        Credentials::new(id, key).with_security_token(token)
    } else {
        Credentials::new(tat.secret_id(), tat.secret_key())
    };
    let client = Client::builder()
        .endpoint(tat.endpoint())
        .region(tat.region())
        .credentials(credentials)
        .rate(None)
        .call_timeout(Duration::from_secs(2))
        .build()
        .expect("the client is complete");
    let instances = tat.instances();
    let runs = instances.iter().map(|instance| told(one(&client, instance)));
    let all: Vec<Told> = stream::iter(runs).buffered(options.concurrency).collect().await;
    settled(seed, || instances.iter().map(|instance| tat.executions_on(instance)).sum()).await;
    for (instance, told) in instances.iter().zip(&all) {
        let run = format!("tat, seed {seed}, temporary key {temporary}, {instance}");
        report.held(&run, told, tat.executions_on(instance));
    }
    report.struck(&sandbox);
}

async fn one(client: &Client, instance: &str) -> Told {
    let run = client.instances([instance]).run(format!("echo {instance}"));
    match run.wait_at_most(Duration::from_secs(15)).await {
        Ok(finished) => match finished.results() {
            [result] => match result.failure() {
                Some(failure) => error(&failure.error),
                None if result.outcome() == Outcome::Exited(0)
                    && result.output_lossy() == format!("{instance}\n") =>
                {
                    Told::Right
                }
                None => Told::Otherwise(format!("{result:?}")),
            },
            results => Told::Otherwise(format!("{results:?}")),
        },
        Err(problem) => error(&problem),
    }
}

fn error(error: &Error) -> Told {
    Told::Error {
        may_have_run: error.may_have_run(),
        is_retryable: error.is_retryable(),
        text: error.to_string(),
    }
}
