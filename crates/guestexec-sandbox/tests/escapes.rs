//! Processes that try to outlive the sandbox, each in its own way.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod support;

use std::{fs, path::Path, time::Duration};

use guestexec_sandbox::Sandbox;
use serde_json::{Value, json};
use support::{
    raw::{self, address, exchange},
    tat::{encoded, run},
    zstack::{EXEC, params, session},
};
use tokio::{io::AsyncReadExt as _, net::TcpStream};

/// Scripts that leave a `sleep` of `TIME` seconds behind; the number identifies it.
const ESCAPES: [(&str, &str); 7] = [
    ("its environment is cleared", "env -i sleep TIME &"),
    ("that, in a session of its own", "env -i setsid sleep TIME &"),
    ("its mark is taken off", "unset GUESTEXEC_SANDBOX; sleep TIME &"),
    (
        "its environment is written over, as PostgreSQL and sshd do",
        "perl -e '$0=\"sleep TIME \".(\"y\"x3000); sleep TIME' &",
    ),
    (
        "its parent is gone, it leads a session, its environment is cleared",
        "perl -e 'use POSIX; if (!fork) { setsid(); %ENV=(); exec \"sleep\", \"TIME\" }'",
    ),
    ("it is a daemon's child", "env -i setsid sh -c '(sleep TIME; true) & exec sleep TIME' &"),
    ("it is another one's child", "setsid sh -c 'env -i sleep TIME; true' &"),
];

/// The processes whose command line is that of the `sleep`.
fn sleepers(time: u32) -> Vec<String> {
    let wanted = format!("sleep {time} ");
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let is_one = |path: &Path| {
        let line = fs::read_to_string(path.join("cmdline")).unwrap_or_default();
        line.replace('\0', " ").starts_with(&wanted)
    };
    let found = processes.filter(|entry| is_one(&entry.path()));
    found.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Waits, for a bounded time, until there are sleepers, or none.
async fn until(there: bool, time: u32, how: &str) {
    for _ in 0..6000 {
        if sleepers(time).is_empty() != there {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{how}: {:?}", sleepers(time));
}

/// A number of seconds that no other process sleeps.
fn time(index: usize) -> u32 {
    1_000_000 + std::process::id() % 100_000 * 100 + u32::try_from(index).unwrap()
}

async fn through_tat(sandbox: &Sandbox, script: &str) {
    run(sandbox.tat(), json!({ "Content": encoded(script) })).await;
}

async fn through_zstack(sandbox: &Sandbox, script: &str) {
    let zstack = sandbox.zstack();
    let session = session(zstack).await;
    let exec = support::http()
        .put(format!("{}{EXEC}", zstack.endpoint()))
        .header("authorization", format!("OAuth {session}"))
        .json(&params(zstack.vm_uuid(), script));
    let answer: Value = exec.send().await.unwrap().json().await.unwrap();
    assert!(answer["stream"].is_string(), "{answer}");
}

async fn through_cci(sandbox: &Sandbox, script: &str, more: &str) {
    let cci = sandbox.cci();
    let mut query = format!("stdout=1{more}");
    for word in ["sh", "-c", script] {
        let word: String = word.bytes().map(|byte| format!("%{byte:02X}")).collect();
        query += &format!("&command={word}");
    }
    let head = raw::upgrade(cci, &query, raw::WEBSOCKET);
    let mut tcp = TcpStream::connect(address(&cci.endpoint())).await.unwrap();
    assert_eq!(exchange(&mut tcp, head.as_bytes()).await.0, 101);
    // The close frame; this client does not answer it.
    let mut bytes = Vec::new();
    while !bytes.ends_with(&[0x88, 2, 3, 0xe8]) {
        assert_ne!(tcp.read_buf(&mut bytes).await.unwrap(), 0, "{bytes:?}");
    }
}

#[tokio::test]
async fn no_process_outlives_the_sandbox() {
    let sandbox = Sandbox::builder().tat_rate(None).start().await.unwrap();
    let perl = std::process::Command::new("perl").arg("-v").output().is_ok();
    for (index, (how, script)) in ESCAPES.iter().enumerate() {
        if script.starts_with("perl") && !perl {
            println!("skipped, as perl is not installed: {how}");
            continue;
        }
        let script = |service: usize| {
            let time = time(index * 4 + service).to_string();
            // Without this the test would wait for every process that holds the output or the terminal.
            format!("exec </dev/null >/dev/null 2>&1; {}", script.replace("TIME", &time))
        };
        through_tat(&sandbox, &script(0)).await;
        through_zstack(&sandbox, &script(1)).await;
        through_cci(&sandbox, &script(2), "").await;
        through_cci(&sandbox, &script(3), "&tty=1&stdin=1").await;
        for service in 0..3 {
            until(true, time(index * 4 + service), how).await;
        }
    }
    drop(sandbox);
    for (index, (how, _)) in ESCAPES.iter().enumerate() {
        for service in 0..4 {
            until(false, time(index * 4 + service), how).await;
        }
    }
}

#[tokio::test]
async fn a_process_that_only_visits_the_directory_is_not_killed() {
    use std::io::{BufRead as _, BufReader, Write as _};

    let sandbox = Sandbox::start().await.unwrap();
    let zstack = sandbox.zstack();
    let session = session(zstack).await;
    let exec = support::http()
        .put(format!("{}{EXEC}", zstack.endpoint()))
        .header("authorization", format!("OAuth {session}"))
        .json(&params(zstack.vm_uuid(), "pwd"));
    let answer: Value = exec.send().await.unwrap().json().await.unwrap();
    let home = answer["stream"].as_str().unwrap().strip_prefix("standardStream: ").unwrap();
    let home = home.strip_suffix(", errorStream: ").unwrap().to_owned();

    // A shell on its own terminal, as a person who debugs has.
    let mut script = std::process::Command::new("script");
    script
        .args(["-qec", &format!("cd {home} && echo inside && cat"), "/dev/null"])
        .current_dir("/");
    script.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let Ok(mut script) = script.spawn() else {
        println!("skipped: `script` is not installed");
        return;
    };
    let mut input = script.stdin.take().unwrap();
    let mut output = BufReader::new(script.stdout.take().unwrap());
    let mut line = String::new();
    // The terminal's own echo would come before the shell is in the directory.
    output.read_line(&mut line).unwrap();
    assert_eq!(line.trim_end(), "inside");
    drop(sandbox);
    input.write_all(b"still here\n").unwrap();
    let mut rest = String::new();
    while !rest.contains("still here") {
        assert_ne!(output.read_line(&mut rest).unwrap(), 0, "it was killed: {line}{rest}");
    }
    script.kill().unwrap();
    script.wait().unwrap();
}
