//! Whatever fails on the way, no command runs twice, and no caller gets a wrong verdict.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use guestexec_sandbox::Sandbox;
use guestexec_tat::{Client, Found, Outcome, Unconfirmed, builder::DescribeInvocationTasks, types};

use crate::{
    MANY, builder, client,
    proxy::{Fault, Plan, Proxy, at_random},
    unhurried,
};

/// How many runs there are, each with its own seed.
const RUNS: usize = 320;

/// A client whose requests go through `proxy`.
fn through(proxy: &Proxy, sandbox: &Sandbox) -> Client {
    builder(sandbox)
        .endpoint(proxy.endpoint())
        .rate(None)
        .call_timeout(Duration::from_millis(1500))
        .build()
        .unwrap()
}

/// All tasks of an instance.
async fn tasks(client: &Client, instance: &str) -> Vec<types::InvocationTask> {
    let filter = serde_json::json!({
        "Filters": [{ "Name": "instance-id", "Values": [instance] }], "HideOutput": false,
    });
    let request: types::DescribeInvocationTasksRequest = serde_json::from_value(filter).unwrap();
    let call = DescribeInvocationTasks::with_body(client, request);
    call.send().await.unwrap().into_inner().invocation_task_set
}

/// How runs ended for their callers.
#[derive(Debug, Default)]
struct Tally {
    results: usize,
    open: usize,
    open_and_started: usize,
    never: usize,
}

async fn one_run(sandbox: &Sandbox, clean: &Client, instance: &str, seed: u64) -> Tally {
    let proxy = Proxy::start(&sandbox.tat().endpoint(), at_random(seed, 40)).await;
    let client = through(&proxy, sandbox);
    let run = client.instances([instance]).run(format!("echo {seed}"));
    let verdict = run.wait_at_most(Duration::from_secs(30)).await;
    // The proxy may still be forwarding what the client has given up.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let tasks = tasks(clean, instance).await;
    let started = tasks.len();
    let log = proxy.log();
    assert!(started <= 1, "seed {seed}: started {started} times: {log:?}");
    for task in &tasks {
        let executions = sandbox.tat().executions(task.invocation_id.as_deref().unwrap());
        assert!(executions <= 1, "seed {seed}: ran {executions} times");
    }
    match verdict {
        Ok(finished) => {
            let [result] = finished.results() else { panic!("seed {seed}: {finished:?}") };
            assert_eq!(started, 1, "seed {seed}");
            assert_eq!(result.output_lossy(), format!("{seed}\n"), "seed {seed}");
            Tally { results: 1, ..Tally::default() }
        }
        Err(error) if error.may_have_run() => {
            let unconfirmed = Unconfirmed::of(&error);
            let unconfirmed = unconfirmed.unwrap_or_else(|| panic!("seed {seed}: {error:?}"));
            let found = clean.find_unconfirmed(unconfirmed).await.unwrap();
            match &tasks[..] {
                [] => assert_eq!(found, [], "seed {seed}"),
                [task, ..] => {
                    let [Found { invocation_id, certain: true, .. }] = &found[..] else {
                        panic!("seed {seed}: {found:?}");
                    };
                    assert_eq!(Some(invocation_id), task.invocation_id.as_ref());
                    let finished = clean.invocation(invocation_id).await.unwrap().await.unwrap();
                    assert_eq!(finished.results()[0].outcome(), Outcome::Exited(0));
                }
            }
            Tally { open: 1, open_and_started: started, ..Tally::default() }
        }
        Err(error) => {
            assert_eq!(started, 0, "seed {seed}: {error}, but it ran: {log:?}");
            Tally { never: 1, ..Tally::default() }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_runs_through_a_faulty_proxy() {
    let sandbox = unhurried(RUNS).await;
    let clean = client_without_limit(&sandbox);
    let instances = sandbox.tat().instances();
    let runs = (0u64..).zip(&instances);
    let runs = runs.map(|(seed, instance)| one_run(&sandbox, &clean, instance, seed));
    let tallies: Vec<Tally> = stream::iter(runs).buffer_unordered(24).collect().await;
    let sum = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum::<usize>();
    let (results, open) = (sum(|tally| tally.results), sum(|tally| tally.open));
    let started = sum(|tally| tally.open_and_started);
    println!("{RUNS} runs: {results} results, {open} left open ({started} of them started)");
    assert_eq!(results + open + sum(|tally| tally.never), RUNS);
    // Faults happened, and many runs got around them.
    assert!(results > RUNS / 4 && open > RUNS / 10 && started > 0 && started < open);
}

fn client_without_limit(sandbox: &Sandbox) -> Client {
    builder(sandbox).rate(None).build().unwrap()
}

/// A fault for the `n`th request of an action, counted from 0.
fn once(action: &'static str, n: usize, fault: Fault) -> Plan {
    let mut seen = 0;
    Box::new(move |is, _| {
        let matches = is == action;
        seen += usize::from(matches);
        if matches && seen == n + 1 { fault } else { Fault::None }
    })
}

#[tokio::test]
async fn each_fault_of_the_starting_call() {
    let sandbox = unhurried(8).await;
    let clean = client(&sandbox);
    let instances = sandbox.tat().instances();
    let faults = [
        (Fault::Unsent, true, 0),
        (Fault::Lost, true, 1),
        (Fault::Half, true, 1),
        (Fault::Silent, true, 1),
        (Fault::GatewayBefore, true, 0),
        (Fault::GatewayAfter, true, 1),
    ];
    for ((fault, may_have_run, started), instance) in faults.into_iter().zip(&instances) {
        let proxy = Proxy::start(&sandbox.tat().endpoint(), once("RunCommand", 0, fault)).await;
        let client = through(&proxy, &sandbox);
        let run = client.instances([instance]).run("true").name("nightly");
        let error = run.await.unwrap_err();
        assert_eq!(error.may_have_run(), may_have_run, "{fault:?}: {error}");
        assert!(!error.is_retryable());
        assert_eq!(proxy.log().len(), 1, "{fault:?}: it was sent again");
        assert_eq!(tasks(&clean, instance).await.len(), started, "{fault:?}");
        let call = &Unconfirmed::of(&error).unwrap().calls()[0];
        assert_eq!((call.action(), call.command_name()), ("RunCommand", Some("nightly")));
        assert_eq!(call.instances(), std::slice::from_ref(instance));
        assert!(call.window().0 <= call.window().1);
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("nightly") && source.contains("between"), "{source}");
    }
    // A throttling answer proves that nothing was started, and is waited out.
    let proxy =
        Proxy::start(&sandbox.tat().endpoint(), once("RunCommand", 0, Fault::Throttled)).await;
    let client = through(&proxy, &sandbox);
    assert!(client.instances([&instances[7]]).run("true").await.unwrap().success());
    assert_eq!(tasks(&clean, &instances[7]).await.len(), 1);
    assert_eq!(client.counts().throttled, 1);
}

#[tokio::test]
async fn a_lost_call_among_many_is_reported_with_its_instances() {
    let sandbox = unhurried(MANY).await;
    let plan = once("RunCommand", 1, Fault::Lost);
    let proxy = Proxy::start(&sandbox.tat().endpoint(), plan).await;
    let client = through(&proxy, &sandbox);
    let ids = sandbox.tat().instances();
    let finished = client.instances(&ids).run("true").username("nobody-here").await.unwrap();
    assert_eq!(finished.results().len(), MANY);
    let failures: Vec<_> = finished.failures().collect();
    let [failure] = &failures[..] else { panic!("{failures:?}") };
    assert!(failure.error.may_have_run());
    let lost = failure.instances.len();
    let known = finished.results().iter().filter(|result| result.failure().is_none()).count();
    assert_eq!((known + lost, finished.invocations().len()), (MANY, 2));

    // The lost call is found, and followed to its end.
    let found = client.find_unconfirmed(Unconfirmed::of(&failure.error).unwrap()).await.unwrap();
    let [Found { invocation_id, certain: true, .. }] = &found[..] else { panic!("{found:?}") };
    let rest = client.invocation(invocation_id).await.unwrap().await.unwrap();
    assert_eq!(rest.results().len(), lost);
}

#[tokio::test]
async fn finding_among_more_tasks_than_a_page_holds() {
    let sandbox = unhurried(1).await;
    let clean = client_without_limit(&sandbox);
    let ids = sandbox.tat().instances();
    for _ in 0..230 {
        clean.run_command("echo hi", &ids).username("nobody-here").send().await.unwrap();
    }
    let plan = once("RunCommand", 0, Fault::Lost);
    let proxy = Proxy::start(&sandbox.tat().endpoint(), plan).await;
    let error = through(&proxy, &sandbox).instances(&ids).run("echo hi").await.unwrap_err();
    let found = clean.find_unconfirmed(Unconfirmed::of(&error).unwrap()).await.unwrap();
    let [Found { invocation_id, certain: true, .. }] = &found[..] else { panic!("{found:?}") };
    assert_eq!(Some(invocation_id), sandbox.tat().invocations().last());
}

#[tokio::test]
async fn finding_without_blanks_and_among_others() {
    let sandbox = unhurried(2).await;
    let clean = client(&sandbox);
    let ids = sandbox.tat().instances();
    // The same script has run before, marked and unmarked.
    for _ in 0..3 {
        clean.instances(&ids).run("echo hi").await.unwrap();
    }
    clean.instances([&ids[0]]).run("echo hi").unmarked().await.unwrap();
    let before = sandbox.tat().invocations();

    let lost = |fault| async {
        let proxy = Proxy::start(&sandbox.tat().endpoint(), fault).await;
        let client = through(&proxy, &sandbox);
        let marked = client.instances(&ids).run("echo hi").await.unwrap_err();
        let plain = client.instances(&ids).run("echo hi").unmarked().await;
        (marked, plain)
    };
    let every = |fault| -> Plan { Box::new(move |_, _| fault) };
    let (marked, plain) = lost(every(Fault::Lost)).await;
    let started: Vec<String> =
        sandbox.tat().invocations().into_iter().filter(|id| !before.contains(id)).collect();
    let [first, second] = &started[..] else { panic!("{started:?}") };
    let found = clean.find_unconfirmed(Unconfirmed::of(&marked).unwrap()).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].certain && found[0].invocation_id == *first);
    // Without blanks it is one of several candidates, none of them certain.
    let plain = plain.unwrap_err();
    let found = clean.find_unconfirmed(Unconfirmed::of(&plain).unwrap()).await.unwrap();
    assert!(found.iter().all(|found| !found.certain));
    assert!(found.iter().any(|found| found.invocation_id == *second), "{found:?}");
    assert!(!found.is_empty() && found.len() <= 5, "{found:?}");

    let (marked, _) = lost(every(Fault::GatewayBefore)).await;
    assert_eq!(clean.find_unconfirmed(Unconfirmed::of(&marked).unwrap()).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_saved_command_whose_start_was_lost_is_found_by_its_id_and_instances() {
    let sandbox = unhurried(2).await;
    let clean = client(&sandbox);
    let ids = sandbox.tat().instances();
    let kept = clean.instances([&ids[1]]).run("echo hi").save().await.unwrap();
    let command = kept.command_id().unwrap();
    let plan = once("InvokeCommand", 0, Fault::Lost);
    let proxy = Proxy::start(&sandbox.tat().endpoint(), plan).await;
    let error = through(&proxy, &sandbox).instances([&ids[0]]).invoke(command).await.unwrap_err();
    assert!(error.may_have_run() && proxy.log().len() == 1, "{error}");
    let unconfirmed = Unconfirmed::of(&error).unwrap();
    let call = &unconfirmed.calls()[0];
    assert_eq!((call.action(), call.command_id()), ("InvokeCommand", Some(command)));
    let found = clean.find_unconfirmed(unconfirmed).await.unwrap();
    // A saved command has no marker, so the match is not certain.
    let [Found { invocation_id, certain: false, .. }] = &found[..] else { panic!("{found:?}") };
    assert_eq!(Some(invocation_id), sandbox.tat().invocations().last());
    let finished = clean.invocation(invocation_id).await.unwrap().await.unwrap();
    assert_eq!(finished.results()[0].output_lossy(), "hi\n");
}
