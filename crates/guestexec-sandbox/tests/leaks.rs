//! Many requests over many connections leave nothing behind: no socket, no process, no growing memory.
//!
//! By default it is scaled down. `SANDBOX_REQUESTS=10000 SANDBOX_CONNECTIONS=1000` is the full run, and needs
//! `ulimit -n 8192`. There is one test alone, since the counts are those of the process.

#![allow(clippy::unwrap_used)]

mod support;

use std::{
    fs,
    time::{Duration, Instant},
};

use guestexec_sandbox::Sandbox;
use support::{
    raw::{self, address, exchange},
    tat::{Call, encoded},
    zstack::{EXEC, params, session},
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::JoinSet};

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Open file descriptors, and children, dead or alive.
fn held() -> (usize, usize) {
    let own = std::process::id().to_string();
    let is_child = |stat: &str| {
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        fields.split_whitespace().nth(1) == Some(&own)
    };
    let children = fs::read_dir("/proc").unwrap().flatten();
    let children = children.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    (fs::read_dir("/proc/self/fd").unwrap().count(), children.filter(|stat| is_child(stat)).count())
}

/// Memory in use, in kB.
fn memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The requests of one connection, to one of the services; some of them run commands.
async fn connection(
    endpoint: String,
    requests: Vec<Vec<u8>>,
    gate: std::sync::Arc<tokio::sync::Barrier>,
) {
    let mut tcp = TcpStream::connect(address(&endpoint)).await.unwrap();
    // All connections are open before the first request.
    gate.wait().await;
    for request in requests {
        let (status, body) = exchange(&mut tcp, &request).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    }
}

async fn round(sandbox: &Sandbox, connections: usize, requests: usize) {
    let (tat, zstack, cci) = (sandbox.tat(), sandbox.zstack(), sandbox.cci());
    let session = session(zstack).await;
    let gate = std::sync::Arc::new(tokio::sync::Barrier::new(connections));
    let mut running = JoinSet::new();
    for index in 0..connections {
        let (endpoint, request) = match index % 3 {
            0 => (tat.endpoint(), {
                let body = serde_json::json!({
                    "Content": encoded("echo hello"), "InstanceIds": [tat.instances()[0]],
                });
                let (action, body) = if index % 2 == 0 {
                    ("RunCommand", body.to_string())
                } else {
                    ("DescribeInvocationTasks", "{}".to_owned())
                };
                raw::bytes(Call::new(tat).request(tat, action, "", &body))
            }),
            1 => (zstack.endpoint(), {
                let exec = support::http()
                    .put(format!("{}{EXEC}", zstack.endpoint()))
                    .header("authorization", format!("OAuth {session}"))
                    .json(&params(zstack.vm_uuid(), "echo hello"));
                let valid = format!("{}/v1/accounts/sessions/{session}/valid", zstack.endpoint());
                let valid = support::http().get(valid);
                raw::bytes(if index % 2 == 0 { exec } else { valid })
            }),
            _ => (cci.endpoint(), {
                let url = format!("{}/apis/cci/v2/namespaces/default/pods", cci.endpoint());
                raw::bytes(support::http().get(url).header("x-auth-token", cci.token()))
            }),
        };
        let requests = vec![request; requests / connections];
        running.spawn(connection(endpoint, requests, gate.clone()));
    }
    // Exec sessions at the same time: some run to their end, some are abandoned.
    for index in 0..connections / 10 {
        let spdy = index % 3 == 0;
        let headers = if spdy { raw::SPDY } else { raw::WEBSOCKET };
        let head = raw::upgrade(cci, "command=cat&stdin=1&stdout=1", headers);
        let address = address(&cci.endpoint());
        running.spawn(async move {
            let mut tcp = TcpStream::connect(address).await.unwrap();
            assert_eq!(exchange(&mut tcp, head.as_bytes()).await.0, 101);
            if index % 2 == 0 {
                tcp.shutdown().await.unwrap();
                raw::until_closed(&mut tcp).await;
            }
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_behind() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let (requests, connections) =
        (number("SANDBOX_REQUESTS", 1000), number("SANDBOX_CONNECTIONS", 100));
    let sandbox = Sandbox::builder().tat_rate(None).start().await.unwrap();
    // A first round, for what is allocated once.
    round(&sandbox, 30, 30).await;
    settled(|_| true).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = held();
    let mut sizes = vec![memory()];
    let rounds = number("SANDBOX_ROUNDS", 2);
    for _ in 0..rounds {
        let began = Instant::now();
        round(&sandbox, connections, requests / rounds).await;
        println!("{} requests in {:?}", requests / rounds, began.elapsed());
        settled(|now| now.0 <= before.0 && now.1 <= before.1).await;
        sizes.push(memory());
    }
    let after = held();
    println!("descriptors and children {before:?}, then {after:?}; kB {sizes:?}");
    assert!(after.0 <= before.0 && after.1 <= before.1, "{before:?}, then {after:?}");
    drop(sandbox);
    settled(|now| now.1 == 0).await;
    assert_eq!(held().1, 0);
}

/// Waits, for a bounded time, for what is being closed.
async fn settled(done: impl Fn((usize, usize)) -> bool) {
    for _ in 0..600 {
        if done(held()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
