//! More instances than one call takes, and more calls than one second takes.

use std::time::Duration;

use futures_util::future::join_all;
use guestexec_core::ErrorKind;
use guestexec_sandbox::Sandbox;
use guestexec_tat::{Outcome, Retries};

use crate::{BATCH, MANY, builder, client, unhurried};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_two_kinds_in_the_order_asked() {
    let sandbox = Sandbox::builder()
        .tat_rate(Some(20))
        .tat_late_tasks(true)
        .tat_instances(MANY)
        .start()
        .await
        .unwrap();
    let client = client(&sandbox);
    let mut ids = sandbox.tat().instances();
    ids.reverse();
    ids.insert(BATCH + 50, sandbox.tat().lighthouse_instance().to_owned());
    // No process is started, as that would take most of the time.
    let finished = client.instances(&ids).run("true").username("nobody-here").await.unwrap();
    let order: Vec<&str> = finished.results().iter().map(|result| result.instance_id()).collect();
    assert_eq!(order, ids);
    assert_eq!(finished.invocations().len(), 4, "three of CVM, one of Lighthouse");
    assert!(finished.results().iter().all(|result| result.outcome() == Outcome::NotStarted));
    // Four to start, five pages of results and a few more, and some polls.
    let counts = client.counts();
    assert_eq!((counts.throttled, counts.retried), (0, 0));
    assert!(counts.requests < 40, "{counts:?}");
}

#[tokio::test]
async fn one_call_of_many_that_fails_takes_nothing_from_the_others() {
    let sandbox = unhurried(BATCH + 50).await;
    let client = client(&sandbox);
    let mut ids = sandbox.tat().instances();
    ids.push(sandbox.tat().offline_instance().to_owned());
    let finished = client.instances(&ids).run("true").username("nobody-here").await.unwrap();
    let (first, second) = finished.results().split_at(BATCH);
    assert!(first.iter().all(|result| result.outcome() == Outcome::NotStarted));
    // Nor does the one instance that a call was refused for.
    let (refused, second) = second.split_last().unwrap();
    assert!(second.iter().all(|result| result.outcome() == Outcome::NotStarted));
    assert_eq!((second.len(), refused.outcome()), (50, Outcome::Refused));
    assert_eq!(refused.instance_id(), ids[BATCH + 50]);
    let failure = refused.failure().expect("its call was refused");
    assert_eq!(failure.error.code(), Some("ResourceUnavailable.AgentStatusNotOnline"));
    assert!(!failure.error.may_have_run());
    assert_eq!(failure.instances, ids[BATCH + 50..]);
    let failures: Vec<_> = finished.failures().collect();
    assert_eq!(failures.len(), 1);
    assert!(failures[0].to_string().contains(&ids[BATCH + 50]), "{}", failures[0]);

    // If no call is accepted, there is only an error.
    let offline = [sandbox.tat().offline_instance()];
    let error = client.instances(offline).run("true").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(!error.may_have_run());
    let error = client.instances(["ins-00000000"]).run("true").start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn throttling_is_avoided_or_waited_out() {
    let sandbox = Sandbox::builder().tat_rate(Some(20)).start().await.unwrap();
    let many = |client: guestexec_tat::Client| async move {
        let calls = (0..50).map(|_| client.describe_regions().send());
        for answer in join_all(calls).await {
            answer.expect("every call succeeds in the end");
        }
        client.counts()
    };
    let counts = many(client(&sandbox)).await;
    assert_eq!((counts.requests, counts.throttled), (50, 0));
    let counts = many(builder(&sandbox).rate(None).build().unwrap()).await;
    assert!(counts.throttled > 0, "{counts:?}");
    assert_eq!(counts.requests, 50 + counts.retried);

    // Without patience, throttling is an error.
    let none = Sandbox::builder().tat_rate(Some(0)).start().await.unwrap();
    let client = builder(&none).retries(Retries::new().patience(Duration::ZERO)).build().unwrap();
    let id = &none.tat().instances()[0];
    let error = client.instances([id]).run("true").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled, "{error}");
    assert!(!error.may_have_run());
}
