//! Other users of this machine and web pages can do no harm without a credential.

#![allow(clippy::unwrap_used)]

mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use guestexec_sandbox::Sandbox;
use reqwest::StatusCode;
use serde_json::{Value, json};
use support::{
    raw::{self, address, exchange},
    tat::{Call, call, encoded, is_over, start, task_when},
    zstack::{EXEC, json_of, log_in, params, session, text_of},
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::JoinSet};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn files_are_accessible_to_their_owner_alone() {
    let sandbox = Sandbox::start().await.unwrap();
    let tat = sandbox.tat();
    let script = "echo \"$0\"; pwd; sleep 1000";
    let invocation = start(tat, json!({ "Content": encoded(script) })).await;
    let task = task_when(tat, &invocation, |task| support::tat::output(task).lines().count() == 2);
    let output = support::tat::output(&task.await);
    let (script, home) = output.trim().split_once('\n').unwrap();
    let (script, home) = (PathBuf::from(script), PathBuf::from(home));
    assert_eq!(mode(&script), 0o600, "{script:?}");
    let directory = script.parent().unwrap();
    assert!(home.starts_with(directory));
    for directory in home.ancestors().take_while(|above| above.starts_with(directory)) {
        assert_eq!(mode(directory), 0o700, "{directory:?}");
    }
}

/// Tasks that are about to start when the sandbox ends leave no directory behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_directory_is_created_after_the_end() {
    for _ in 0..20 {
        let sandbox = Sandbox::builder().tat_rate(None).start().await.unwrap();
        let tat = sandbox.tat();
        let told = start(tat, json!({ "Content": encoded("pwd") })).await;
        let task = task_when(tat, &told, is_over).await;
        let home = PathBuf::from(support::tat::output(&task).trim());
        let directory = home.ancestors().nth(2).unwrap().to_owned();
        for instance in tat.instances() {
            start(tat, json!({ "Content": encoded("true"), "InstanceIds": [instance] })).await;
        }
        drop(sandbox);
        assert!(!directory.exists(), "{directory:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(!directory.exists(), "{directory:?}");
    }
}

#[tokio::test]
async fn a_web_page_is_refused_by_every_service() {
    let sandbox = Sandbox::start().await.unwrap();
    let (tat, zstack, cci) = (sandbox.tat(), sandbox.zstack(), sandbox.cci());
    let session = session(zstack).await;
    let regions = || Call::new(tat).request(tat, "DescribeRegions", "", "{}");
    let valid = || {
        support::http().get(format!("{}/v1/accounts/sessions/{session}/valid", zstack.endpoint()))
    };
    let pods = || {
        let url = format!("{}/apis/cci/v2/namespaces/default/pods", cci.endpoint());
        support::http().get(url).header("x-auth-token", cci.token())
    };
    let requests: [&dyn Fn() -> reqwest::RequestBuilder; 3] = [&regions, &valid, &pods];
    let endpoints = [tat.endpoint(), zstack.endpoint(), cci.endpoint()];
    for (request, endpoint) in requests.iter().zip(&endpoints) {
        let own = format!("http://{}", address(endpoint));
        for (name, value, expected) in [
            ("origin", "http://127.0.0.1:1", 403),
            ("origin", "https://example.com", 403),
            ("origin", "null", 403),
            ("sec-fetch-site", "cross-site", 403),
            // Python's websocket-client sends the server's own address as `Origin`.
            ("origin", &*own, 200),
            ("accept", "*/*", 200),
        ] {
            let answer = request().header(name, value).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), expected, "{endpoint} {name}: {value}");
        }
        // A name that resolves to this machine (DNS rebinding) is the page's, and no address.
        let rebound =
            request().header("host", "evil.example").header("origin", "http://evil.example");
        assert_eq!(rebound.send().await.unwrap().status(), 403, "{endpoint}");
    }
    let upgrade = format!("{}\r\norigin: http://example.com", raw::WEBSOCKET);
    let head = raw::upgrade(cci, "command=true&stdout=1", &upgrade);
    let mut tcp = TcpStream::connect(address(&cci.endpoint())).await.unwrap();
    assert_eq!(exchange(&mut tcp, head.as_bytes()).await.0, 403);
    assert_eq!(cci.executions(cci.pod()), 0);
}

/// Memory in use, in kB.
fn memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_body_of_an_unknown_sender_is_not_kept() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let sandbox = Sandbox::builder().tat_rate(None).start().await.unwrap();
    let (tat, zstack, cci) = (sandbox.tat(), sandbox.zstack(), sandbox.cci());
    let before = memory();
    let mut open = JoinSet::new();
    for (endpoint, line) in [
        (tat.endpoint(), "POST /"),
        (tat.endpoint(), "POST /?Signature=x"),
        (zstack.endpoint(), "PUT /zstack/v1/accounts/login"),
        (zstack.endpoint(), "POST /zstack/api/"),
        (zstack.endpoint(), "PUT /zstack/v1/vm-instances/commands/exec"),
        (cci.endpoint(), "POST /v3/auth/tokens"),
        (cci.endpoint(), "POST /apis/cci/v2/namespaces/default/pods"),
    ] {
        for _ in 0..12 {
            let head = format!(
                "{line} HTTP/1.1\r\nhost: x\r\nauthorization: OAuth x\r\ncontent-type: application/json\r\n\
                 content-length: 9437184\r\n\r\n"
            );
            let address = address(&endpoint);
            open.spawn(async move {
                let mut tcp = TcpStream::connect(address).await.unwrap();
                _ = tcp.write_all(head.as_bytes()).await;
                let piece = vec![b' '; 64 * 1024];
                // The server may refuse it before all of it is sent.
                for _ in 0..100 {
                    if tcp.write_all(&piece).await.is_err() {
                        break;
                    }
                }
                tcp
            });
        }
    }
    let mut held = Vec::new();
    while let Some(tcp) = open.join_next().await {
        held.push(tcp.unwrap());
        // Other clients are served meanwhile.
        assert_eq!(log_in(zstack, zstack.password()).await.status(), 200);
    }
    let grown = memory().saturating_sub(before);
    println!("{} half-sent bodies: {grown} kB", held.len());
    // They sent 500 MB.
    assert!(grown < 100_000, "{grown} kB");
    assert!(call(tat, "DescribeRegions", json!({})).await["TotalCount"].is_number());
    drop(held);
}

#[tokio::test]
async fn a_refused_client_gets_its_answer_whatever_it_sends() {
    let sandbox = Sandbox::builder().tat_rate(None).start().await.unwrap();
    let long = " ".repeat(3_000_000);
    let tat =
        support::http().post(sandbox.tat().endpoint()).body(long.clone()).send().await.unwrap();
    let tat: Value = tat.json().await.unwrap();
    assert_eq!(tat["Response"]["Error"]["Code"], "AuthFailure.InvalidAuthorization");
    let zstack = sandbox.zstack().endpoint();
    let login = support::http().put(format!("{zstack}/v1/accounts/login")).body(long.clone());
    assert_eq!(text_of(login).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let exec = support::http().put(format!("{zstack}{EXEC}")).body(long.clone());
    assert_eq!(text_of(exec).await.0, StatusCode::BAD_REQUEST);
    let cci = format!("{}/v3/auth/tokens", sandbox.cci().endpoint());
    assert_eq!(support::http().post(cci).body(long).send().await.unwrap().status(), 400);
}

/// An idle connection gives way to a new one within far less than a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_keep_nobody_out() {
    let sandbox = Sandbox::start().await.unwrap();
    let address = address(&sandbox.zstack().endpoint());
    let mut idle = Vec::new();
    for _ in 0..1024 {
        match TcpStream::connect(&address).await {
            Ok(mut tcp) => {
                // The beginning of a request that is never completed.
                _ = tcp.write_all(b"GET /zstack/v1/").await;
                idle.push(tcp);
            }
            Err(error) => {
                println!("skipped: {} connections, then {error}; raise `ulimit -n`", idle.len());
                return;
            }
        }
    }
    let answered = async {
        for _ in 0..20 {
            assert_eq!(log_in(sandbox.zstack(), sandbox.zstack().password()).await.status(), 200);
        }
    };
    tokio::time::timeout(Duration::from_secs(40), answered).await.expect("they are kept out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_without_credentials_create_no_jobs_and_evict_no_results() {
    let sandbox = Sandbox::start().await.unwrap();
    let zstack = sandbox.zstack();
    let session = session(zstack).await;
    let job = "0123456789abcdef0123456789abcdef";
    let exec = |session: &str| {
        support::http()
            .put(format!("{}{EXEC}", zstack.endpoint()))
            .header("authorization", format!("OAuth {session}"))
            .json(&params(zstack.vm_uuid(), "echo mine"))
    };
    let (_, mine) = json_of(exec(&session).header("x-job-uuid", job)).await;
    let class = "org.zstack.guesttools.APIExecuteGuestVmCommandMsg";
    for body in [json!({}), json!({ "session": { "uuid": "x" } }), json!([]), json!("x")] {
        let message = json!({ class: body }).to_string();
        let post =
            support::http().post(zstack.message_endpoint()).header("content-type", "text/plain");
        let (_, answer) = json_of(post.body(message)).await;
        // Refused at once: there is no job to poll.
        assert_eq!(answer["state"], "Done", "{answer}");
        assert!(answer["result"].as_str().unwrap().contains("ID.1001"), "{answer}");
    }
    for _ in 0..1100 {
        let (status, _) = json_of(exec("00000000000000000000000000000000")).await;
        assert_eq!(status, 503);
    }
    let look = support::http().get(format!("{}/v1/api-jobs/{job}", zstack.endpoint()));
    assert_eq!(json_of(look).await, (StatusCode::OK, mine));
    assert_eq!(zstack.executions(zstack.vm_uuid()), 1);
}
