//! Starting and ending, and what a hostile client may do.

#![allow(clippy::unwrap_used)]

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use guestexec_sandbox::Sandbox;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A client for requests made by hand, with whatever TLS the workspace's build gave `reqwest`.
fn http() -> reqwest::Client {
    guestexec_core::http_client(&guestexec_core::HttpOptions::default(), &[]).unwrap()
}

fn address(endpoint: &str) -> String {
    endpoint.trim_start_matches("http://").split('/').next().unwrap().to_owned()
}

/// Runs a command through ZStack, whose requests are the shortest.
async fn run(sandbox: &Sandbox, command: &str) -> String {
    let zstack = sandbox.zstack();
    let http = http();
    let hash: String =
        Sha512::digest(zstack.password()).iter().map(|byte| format!("{byte:02x}")).collect();
    let login: Value = http
        .put(format!("{}/v1/accounts/login", zstack.endpoint()))
        .json(&json!({ "logInByAccount": { "accountName": zstack.account_name(), "password": hash } }))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let session = login["inventory"]["uuid"].as_str().unwrap();
    let answer: Value = http
        .put(format!("{}/v1/vm-instances/commands/exec", zstack.endpoint()))
        .header("authorization", format!("OAuth {session}"))
        .json(&json!({ "params": {
            "vmInstanceUuid": zstack.vm_uuid(), "platform": "Linux", "command": command,
        } }))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let stream = answer["stream"].as_str().unwrap_or_else(|| panic!("{answer}"));
    let output = stream.strip_prefix("standardStream: ").unwrap();
    output.split(", errorStream: ").next().unwrap().to_owned()
}

/// Whether a process runs. A zombie has no environment.
fn lives(process: &str) -> bool {
    std::fs::read(format!("/proc/{process}/environ"))
        .is_ok_and(|environment| !environment.is_empty())
}

/// Waits for a process to run: during `exec` it has no environment.
async fn until_alive(process: &str) {
    let alive = async {
        while !lives(process) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), alive).await.expect("it runs");
}

async fn until_dead(process: &str) {
    while lives(process) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn nothing_outlives_the_sandbox() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoints =
        [sandbox.tat().endpoint(), sandbox.zstack().endpoint(), sandbox.cci().endpoint()];
    // Processes left in the background, one of them in its own session.
    let background =
        "sleep 1000 >/dev/null 2>&1 & echo $!; setsid sleep 1000 >/dev/null 2>&1 & echo $!; pwd";
    let output = run(&sandbox, background).await;
    let lines: Vec<&str> = output.lines().collect();
    until_alive(lines[0]).await;
    until_alive(lines[1]).await;
    let home = PathBuf::from(lines[2]);
    let directory = home.ancestors().nth(2).unwrap().to_owned();
    assert!(home.is_dir() && directory.is_dir());

    drop(sandbox);
    until_dead(lines[0]).await;
    until_dead(lines[1]).await;
    assert!(!directory.exists());
    for endpoint in endpoints {
        while TcpStream::connect(address(&endpoint)).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_group_dies_with_the_sandbox() {
    let sandbox = Sandbox::start().await.unwrap();
    let tat = sandbox.tat().clone();
    let told = run(&sandbox, "mktemp").await;
    let script = format!("echo $$ > {told}; sleep 1000; true");
    let running = {
        let zstack = sandbox.zstack().clone();
        assert_eq!(zstack.executions(zstack.vm_uuid()), 1);
        tokio::spawn(async move { run(&sandbox, &script).await })
    };
    let process = loop {
        let text = std::fs::read_to_string(&told).unwrap();
        if text.ends_with('\n') {
            break text.trim().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    until_alive(&process).await;
    // The task owns the sandbox, so both end.
    running.abort();
    until_dead(&process).await;
    assert!(tat.invocations().is_empty());
    std::fs::remove_file(told).unwrap();
}

#[tokio::test]
async fn twenty_sandboxes_run_at_once() {
    let started = Instant::now();
    let starts = (0..20).map(|_| Sandbox::start());
    let sandboxes: Vec<Sandbox> =
        futures_util::future::join_all(starts).await.into_iter().map(Result::unwrap).collect();
    println!("20 sandboxes in {:?}", started.elapsed());
    let mut keys: Vec<&str> = sandboxes.iter().map(|sandbox| sandbox.tat().secret_key()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 20);
    let outputs = sandboxes.iter().map(|sandbox| run(sandbox, "echo here"));
    assert!(futures_util::future::join_all(outputs).await.iter().all(|output| output == "here"));
    drop(sandboxes);
}

#[tokio::test]
async fn hostile_bytes_are_answered_or_cut_off() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoints =
        [sandbox.tat().endpoint(), sandbox.zstack().endpoint(), sandbox.cci().endpoint()];
    let long_head = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(1024 * 1024));
    let many_headers = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(100_000));
    for endpoint in &endpoints {
        for bytes in [
            &b"\x00\xff\xfe\r\n\r\n"[..],
            b"GET",
            b"GET / HTTP/1.1\r\nhost: \xff\xff\r\nauthorization: \xff\r\nconnection: close\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n{",
            b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzzz\r\n",
            b"POST /v3/auth/tokens HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n[[",
            b"PUT /zstack/v1/accounts/login HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n[[",
            long_head.as_bytes(),
            many_headers.as_bytes(),
        ] {
            let mut tcp = TcpStream::connect(address(endpoint)).await.unwrap();
            // The server may refuse it before it has read all of it.
            _ = tcp.write_all(bytes).await;
            _ = tcp.shutdown().await;
            let mut answer = Vec::new();
            _ = tcp.read_to_end(&mut answer).await;
        }
    }
    // A deeply nested body, and one of the wrong type.
    for body in ["[".repeat(1_000_000), "null".to_owned(), "\"\"".to_owned()] {
        let url = format!("{}/v3/auth/tokens", sandbox.cci().endpoint());
        assert_eq!(http().post(url).body(body).send().await.unwrap().status(), 400);
    }
    assert_eq!(run(&sandbox, "echo still here").await, "still here");
}

#[tokio::test]
async fn the_environment_names_every_service() {
    let sandbox = Sandbox::start().await.unwrap();
    let names: Vec<String> = sandbox
        .env()
        .into_iter()
        .map(|(name, value)| {
            assert!(!value.is_empty(), "{name}");
            name
        })
        .collect();
    // `Debug`, which may end in a log, shows no secret.
    let shown = format!("{sandbox:?}");
    for secret in [sandbox.tat().secret_key(), sandbox.zstack().password(), sandbox.cci().token()] {
        assert!(!shown.contains(secret), "{shown}");
    }
    for name in ["TENCENTCLOUD_SECRET_ID", "HUAWEICLOUD_SDK_AK"] {
        assert!(names.iter().any(|given| given == name));
    }
}
