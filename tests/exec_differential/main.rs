//! One table of situations, in which the sandbox and every real server have to do the same.
//!
//! The sandbox is always held against it. `GUESTEXEC_EXEC_URL` names real ones: exec URLs of pods, such as
//! `http://127.0.0.1:18080/apis/cci/v2/namespaces/default/pods/demo/exec`, with blanks in between. The pod has one
//! container with `sh` and the usual programs, of busybox for instance. In the same namespace there is a pod `two`,
//! or as `GUESTEXEC_EXEC_TWO` says, with the containers `a` and `b`. `GUESTEXEC_EXEC_TOKEN` is the token of a server
//! that asks for one. `GUESTEXEC_EXEC_ONLY` is a part of the names of the situations that are tried.
//!
//! ```text
//! GUESTEXEC_EXEC_URL=… cargo test -p tests --test exec_differential real -- --nocapture
//! ```
//!
//! The table has three parts: [`refusals`], what is answered in place of a session; [`wire`], what a client hears
//! that does as it likes; [`api`], what a program hears that uses ours.

#![allow(clippy::unwrap_used)]

mod api;
mod outcome;
mod raw;
mod refusals;
mod target;
mod wire;

use std::{env, fmt::Debug, future::Future};

use futures_util::{StreamExt as _, future::BoxFuture, stream};
use guestexec_cci::ExecTransport;
use guestexec_sandbox::Sandbox;
use raw::Wire;
use target::Target;

/// Situations that are tried at once.
const AT_ONCE: usize = 10;

/// What a situation came to: nothing, or how it differs from the table.
type Run<'a> = BoxFuture<'a, Option<String>>;

fn differs(name: &str, over: impl Debug, expected: impl Debug, found: impl Debug) -> String {
    format!("{name} over {over:?}:\n    expected {expected:?}\n    found    {found:?}")
}

fn boxed<'a>(run: impl Future<Output = Option<String>> + Send + 'a) -> Run<'a> {
    Box::pin(run)
}

/// Every situation of the table over everything the target speaks, by name.
fn runs(target: &Target) -> Vec<(&'static str, Run<'_>)> {
    let refusals = refusals::TABLE.iter().filter(|case| case.v5.is_none_or(|v5| v5 == target.v5));
    let refusals = refusals.map(|case| {
        let run = async move {
            let (expected, found) = (case.expected(), case.ask(target).await);
            (found != expected).then(|| differs(case.name, case.upgrade, expected, found))
        };
        (case.name, boxed(run))
    });
    let wires = wire::TABLE.iter().flat_map(|case| case.over.iter().map(move |wire| (case, *wire)));
    let wires = wires.filter(|(_, wire)| target.v5 || *wire != Wire::V5).map(|(case, wire)| {
        let run = async move {
            let expected = case.expected();
            match case.run(target, wire).await {
                Ok(heard) if heard.is(&expected) => None,
                Ok(heard) => Some(differs(case.name, wire, expected, heard)),
                Err(answer) => Some(differs(case.name, wire, expected, answer)),
            }
        };
        (case.name, boxed(run))
    });
    let apis = api::TABLE.iter().flat_map(|case| case.over.iter().map(move |over| (case, *over)));
    let apis = apis.filter(|(_, over)| target.v5 || *over != ExecTransport::WebSocketV5);
    let apis = apis.map(|(case, over)| {
        let run = async move {
            let (expected, found) = (case.expected(), case.run(target, over).await);
            (found != expected).then(|| differs(case.name, over, expected, found))
        };
        (case.name, boxed(run))
    });
    refusals.chain(wires).chain(apis).collect()
}

async fn hold(target: &Target) {
    let only = env::var("GUESTEXEC_EXEC_ONLY").unwrap_or_default();
    let mut runs = runs(target);
    runs.retain(|(name, _)| name.contains(&only));
    let count = runs.len();
    let mut results: Vec<Option<String>> =
        stream::iter(runs).map(|(_, run)| run).buffered(AT_ONCE).collect().await;
    results.retain(Option::is_some);
    let wrong: Vec<String> = results.into_iter().flatten().collect();
    println!("{}: {} of {count} outcomes as in the table", target.name, count - wrong.len());
    assert!(wrong.is_empty(), "{}:\n{}", target.name, wrong.join("\n"));
}

async fn sandbox(v5: bool) {
    let builder = Sandbox::builder().cci_v5(v5).cci_withholds_status(true);
    let sandbox = builder.start().await.unwrap();
    hold(&Target::sandbox(&sandbox, v5)).await;
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
        hold(&target).await;
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
