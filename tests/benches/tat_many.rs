//! A command on 10 000 instances of the sandbox, at the service's 20 calls a second of each action.
//!
//! The sandbox runs in its own process, so that the memory counted is the client's. The first run
//! starts no process: its commands name a user that the instances do not have, and end as
//! START_FAILED. It measures the client and the rate, and not how fast this machine starts 10 000
//! shells. The second run has fewer instances and real commands, and is bound by starting them.
//!
//! The least time is that of the necessary calls, one for each hundred results, at 20 a second. The
//! first 20 calls need not wait, so the ratio may be below 1.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use guestexec_sandbox::Sandbox;
use guestexec_tat::{Client, Credentials, Finished, Outcome};
use tokio::runtime::Builder;

/// The number of instances; where it is set, the process is the sandbox.
const INSTANCES: &str = "GUESTEXEC_BENCH_INSTANCES";

fn main() {
    // Who asks for the list of benches reads nothing else.
    if env::args().any(|argument| argument == "--list") {
        return;
    }
    if let Ok(count) = env::var(INSTANCES) {
        let count = count.parse().expect("a number of instances");
        Builder::new_multi_thread().enable_all().build().expect("a runtime").block_on(serve(count));
        return;
    }
    let part = if env::args().any(|argument| argument == "--bench") { 1 } else { 50 };
    // No process is started on any of these.
    measure(10_000 / part, "true", Some("nobody-here"), Outcome::NotStarted);
    measure(1_000 / part, "echo hello", None, Outcome::Exited(0));
}

async fn serve(count: usize) {
    let sandbox =
        Sandbox::builder().tat_instances(count).start().await.expect("the sandbox starts");
    let tat = sandbox.tat();
    println!("{}\n{}\n{}\n{}", tat.endpoint(), tat.secret_id(), tat.secret_key(), tat.region());
    println!("{}", tat.instances().join(","));
    std::io::stdout().flush().expect("the other end is there");
    // Until the measuring process ends.
    tokio::task::spawn_blocking(|| std::io::stdin().lines().for_each(drop)).await.expect("it ends");
}

/// The process with the sandbox; dropping this ends it.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn sandbox(count: usize) -> (Served, Client, Vec<String>) {
    let mut child = Command::new(env::current_exe().expect("this program has a path"))
        .env(INSTANCES, count.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the sandbox starts");
    let stdout = child.stdout.take().expect("it is piped");
    let served = Served(child);
    let mut lines = BufReader::new(stdout).lines();
    let mut line = || lines.next().expect("five lines").expect("of text");
    let endpoint = line();
    let credentials = Credentials::new(line(), line());
    let client = Client::builder()
        .credentials(credentials)
        .endpoint(endpoint)
        .region(line())
        .build()
        .expect("the client is complete");
    let ids = line().split(',').map(str::to_owned).collect();
    (served, client, ids)
}

fn measure(count: usize, script: &str, user: Option<&str>, outcome: Outcome) {
    let (_served, client, ids) = sandbox(count);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut took = Duration::ZERO;
    let mut finished: Option<Finished> = None;
    let used = allocation_counter::measure(|| {
        let begin = Instant::now();
        let run = client.instances(&ids).run(script);
        let run = match user {
            Some(name) => run.username(name),
            None => run,
        };
        finished = Some(runtime.block_on(run.into_future()).expect("the run has results"));
        took = begin.elapsed();
    });
    let finished = finished.expect("it was just set");
    assert_eq!(finished.results().len(), count);
    assert!(finished.results().iter().all(|result| result.outcome() == outcome), "{outcome:?}");
    let counts = client.counts();
    let least = Duration::from_secs_f64(count.div_ceil(100) as f64 / 20.0);
    println!(
        "{count} instances, {outcome:?}: {:.2} s; at 20 calls a second at least {:.2} s; ratio {:.2}",
        took.as_secs_f64(),
        least.as_secs_f64(),
        took.as_secs_f64() / least.as_secs_f64(),
    );
    println!(
        "  {} requests, {} throttled, {} repeated; {} bytes an instance kept, {} at most",
        counts.requests,
        counts.throttled,
        counts.retried,
        used.bytes_current / count as i64,
        used.bytes_max / count as u64,
    );
}
