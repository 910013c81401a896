//! Sessions over loopback: against a sandbox, and against a real server too where
//! `GUESTEXEC_EXEC_URL` is the URL of a pod's exec. `scripts/exec-bench.sh` measures memory as well.

use std::{env, hint::black_box, time::Duration};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use guestexec_cci::{Client, Credentials, Exec, ExecTransport};
use guestexec_sandbox::Sandbox;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _},
    runtime::Runtime,
};

/// The bytes of a stream; few under `cargo test`, which only checks that the bench works.
fn bytes() -> usize {
    if env::args().any(|argument| argument == "--bench") { 64 << 20 } else { 1 << 20 }
}

const FORMS: [(&str, ExecTransport); 3] = [
    ("v5", ExecTransport::WebSocketV5),
    ("v4", ExecTransport::WebSocketV4),
    ("spdy", ExecTransport::SpdyPost),
];

struct Target {
    name: &'static str,
    client: Client,
    namespace: String,
    pod: String,
}

impl Target {
    fn exec(&self, transport: ExecTransport, script: &str) -> Exec<'_> {
        let pod = self.client.pod(&*self.namespace, &*self.pod);
        pod.exec(["sh", "-c", script]).transport(transport)
    }
}

/// The sandbox, which has to be kept, and the targets: it and the server of the environment.
fn targets(runtime: &Runtime) -> (Sandbox, Vec<Target>) {
    let sandbox = runtime.block_on(Sandbox::builder().max_processes(256).start());
    let sandbox = sandbox.expect("a sandbox starts");
    let service = sandbox.cci();
    let client = |endpoint: &str, token: &str| {
        let client = Client::builder().endpoint(endpoint).allow_plain_http();
        client.credentials(Credentials::token(token)).build().expect("a client")
    };
    let mut targets = vec![Target {
        name: "sandbox",
        client: client(&service.endpoint(), service.token()),
        namespace: service.namespace().to_owned(),
        pod: service.pod().to_owned(),
    }];
    if let Ok(url) = env::var("GUESTEXEC_EXEC_URL") {
        let (endpoint, path) = url.split_once("/apis/cci/v2/namespaces/").expect("an exec URL");
        let mut parts = path.split('/');
        let token = env::var("GUESTEXEC_EXEC_TOKEN").unwrap_or_else(|_| "none".to_owned());
        targets.push(Target {
            name: "server",
            client: client(endpoint, &token),
            namespace: parts.next().unwrap_or_default().to_owned(),
            pod: parts.nth(1).unwrap_or_default().to_owned(),
        });
    }
    (sandbox, targets)
}

async fn read(exec: Exec<'_>) -> usize {
    let mut child = exec.spawn().await.expect("a session");
    let mut stdout = child.stdout.take().expect("an output");
    let mut count = 0;
    loop {
        let length = stdout.fill_buf().await.expect("output").len();
        if length == 0 {
            break;
        }
        stdout.consume(length);
        count += length;
    }
    assert!(child.wait().await.expect("a status").success());
    count
}

async fn write(exec: Exec<'_>) {
    let mut child = exec.stdin_piped().spawn().await.expect("a session");
    let mut stdin = child.stdin.take().expect("an input");
    let piece = vec![7; 128 * 1024];
    for _ in 0..bytes() / piece.len() {
        stdin.write_all(&piece).await.expect("room for input");
    }
    assert!(child.wait_with_output().await.expect("a status").success());
}

fn sessions(criterion: &mut Criterion) {
    let bytes = bytes();
    let runtime = Runtime::new().expect("a runtime");
    let (_sandbox, targets) = targets(&runtime);
    for target in &targets {
        for (form, transport) in FORMS {
            if target.name == "server" && transport == ExecTransport::WebSocketV5 {
                // Real servers have it only behind an API server.
                continue;
            }
            let mut group = criterion.benchmark_group(format!("{}/{form}", target.name));
            group.sample_size(10).measurement_time(Duration::from_secs(5));
            group.throughput(Throughput::Bytes(bytes as u64));
            let script = format!("head -c {bytes} /dev/zero");
            group.bench_function("stdout", |b| {
                b.iter(|| {
                    let count = runtime.block_on(read(target.exec(transport, &script)));
                    assert_eq!(black_box(count), bytes);
                });
            });
            let script = format!("head -c {bytes} >/dev/null");
            group.bench_function("stdin", |b| {
                b.iter(|| runtime.block_on(write(target.exec(transport, &script))));
            });
            group.throughput(Throughput::Elements(1));
            group.bench_function("true", |b| {
                b.iter(|| runtime.block_on(target.exec(transport, "true").output()));
            });
            // Some container runtimes in use lock up under this many sessions.
            if target.name == "sandbox" {
                group.throughput(Throughput::Elements(200));
                group.bench_function("200 at once", |b| {
                    b.iter(|| {
                        let runs = (0..200).map(|_| target.exec(transport, "echo hi").output());
                        let outputs = runtime.block_on(futures_util::future::join_all(runs));
                        assert!(
                            outputs.iter().all(|o| o.as_ref().is_ok_and(|o| o.stdout == b"hi\n"))
                        );
                    });
                });
            }
            group.finish();
        }
    }
}

criterion_group!(benches, sessions);
criterion_main!(benches);
