//! A table of situations in which the sandbox and every real server have to behave alike.
//!
//! The sandbox is always tested against it, and the real servers that `GUESTEXEC_EXEC_URL` names: see [`url`]. A
//! server with two forms, such as a Kubernetes API server in front of a container runtime, has one URL for each.
//! `GUESTEXEC_EXEC_ONLY` limits the run to situations whose names contain it.
//!
//! ```text
//! GUESTEXEC_EXEC_URL=… cargo test -p tests --test exec_differential real -- --nocapture
//! ```
//!
//! The table has three parts: [`refusals`] has answers in place of a session, [`wire`] the sessions of a raw client
//! that need not keep to the protocol, and [`api`] the results of our client.

#![allow(clippy::unwrap_used)]

mod api;
mod outcome;
mod raw;
mod refusals;
mod target;
#[path = "../exec/url.rs"]
mod url;
mod wire;

use std::{env, fmt::Debug};

use futures_util::{StreamExt as _, future::BoxFuture, stream};
use guestexec_cci::ExecTransport;
use guestexec_sandbox::Sandbox;
use raw::Wire;
use target::Target;

/// Situations that are tried concurrently.
const AT_ONCE: usize = 10;

/// A situation over one transport, which can be tried any number of times. It yields how the outcome differs from
/// the table, if it does.
struct Case<'a> {
    name: &'static str,
    run: Box<dyn Fn() -> BoxFuture<'a, Option<String>> + Send + Sync + 'a>,
}

impl<'a> Case<'a> {
    fn new<F>(name: &'static str, run: impl Fn() -> F + Send + Sync + 'a) -> Self
    where
        F: Future<Output = Option<String>> + Send + 'a,
    {
        Self { name, run: Box::new(move || Box::pin(run())) }
    }
}

fn differs(name: &str, over: impl Debug, expected: impl Debug, found: impl Debug) -> String {
    format!("{name} over {over:?}:\n    expected {expected:?}\n    found    {found:?}")
}

/// Every situation of the table over every transport of the target.
fn cases(target: &Target) -> Vec<Case<'_>> {
    let refusals = refusals::TABLE.iter().filter(|case| case.v5.is_none_or(|v5| v5 == target.v5));
    let refusals = refusals.map(|case| {
        Case::new(case.name, move || async move {
            let (expected, found) = (case.expected(), case.ask(target).await);
            (found != expected).then(|| differs(case.name, case.upgrade, expected, found))
        })
    });
    let wires = wire::TABLE.iter().flat_map(|case| case.over.iter().map(move |wire| (case, *wire)));
    let wires = wires.filter(|(_, wire)| target.v5 || *wire != Wire::V5).map(|(case, wire)| {
        Case::new(case.name, move || async move {
            let expected = case.expected();
            match case.run(target, wire).await {
                Ok(heard) if heard.is(&expected) => None,
                Ok(heard) => Some(differs(case.name, wire, expected, heard)),
                Err(answer) => Some(differs(case.name, wire, expected, answer)),
            }
        })
    });
    let apis = api::TABLE.iter().flat_map(|case| case.over.iter().map(move |over| (case, *over)));
    let apis = apis.filter(|(_, over)| target.v5 || *over != ExecTransport::WebSocketV5);
    let apis = apis.map(|(case, over)| {
        Case::new(case.name, move || async move {
            let (expected, found) = (case.expected(), case.run(target, over).await);
            (found != expected).then(|| differs(case.name, over, expected, found))
        })
    });
    refusals.chain(wires).chain(apis).collect()
}

/// Tries the whole table. A difference of a real server is tried again alone, up to twice: under load some servers
/// occasionally lose the end of a session.
async fn hold(target: &Target, is_real: bool) {
    let only = env::var("GUESTEXEC_EXEC_ONLY").unwrap_or_default();
    let mut cases = cases(target);
    cases.retain(|case| case.name.contains(&only));
    let count = cases.len();
    let tries = cases.into_iter().map(|case| async move { ((case.run)().await, case) });
    let results: Vec<_> = stream::iter(tries).buffered(AT_ONCE).collect().await;
    let (mut equal, mut alone, mut wrong) = (0, 0, Vec::new());
    for (mut difference, case) in results {
        equal += usize::from(difference.is_none());
        for _ in 0..2 {
            let Some(first) = difference.as_ref().filter(|_| is_real) else { break };
            println!("again, as it differs: {first}");
            difference = (case.run)().await;
            alone += usize::from(difference.is_none());
        }
        wrong.extend(difference);
    }
    let version = if target.v5 { "with version 5" } else { "without version 5" };
    println!(
        "{} {version}: {count} outcomes, {equal} as in the table at once, {alone} when tried alone, {} not",
        target.host,
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}:\n{}", target.host, wrong.join("\n"));
}

async fn sandbox(v5: bool) {
    let builder = Sandbox::builder().cci_v5(v5).cci_withholds_status(true);
    let sandbox = builder.start().await.unwrap();
    hold(&Target::sandbox(&sandbox, v5), false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sandbox_with_version_5() {
    sandbox(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sandbox_with_version_4() {
    sandbox(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_servers() {
    for target in Target::real().await {
        hold(&target, true).await;
    }
}

#[test]
fn the_table_has_its_situations() {
    let names = refusals::TABLE.iter().map(|case| case.name);
    let names = names.chain(wire::TABLE.iter().map(|case| case.name));
    let names: Vec<&str> = names.chain(api::TABLE.iter().map(|case| case.name)).collect();
    println!("{} situations", names.len());
    assert!(names.len() >= 60);
}
