//! The suite against the sandbox, and the client's choice of a transport.

use guestexec_cci::{Client, Credentials, ErrorKind, ExecTransport, Subprotocol};
use guestexec_sandbox::Sandbox;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::suite::Target;

/// Less in debug builds, where masking and framing are many times slower.
const SCALE: usize = if cfg!(debug_assertions) { 10 } else { 1 };

pub async fn sandbox(v5: bool) -> Sandbox {
    Sandbox::builder().cci_v5(v5).start().await.unwrap()
}

pub fn client(sandbox: &Sandbox) -> Client {
    let service = sandbox.cci();
    Client::builder()
        .endpoint(service.endpoint())
        .credentials(Credentials::token(service.token()))
        .build()
        .unwrap()
}

fn target(sandbox: &Sandbox, transport: ExecTransport) -> Target {
    let service = sandbox.cci();
    Target {
        client: client(sandbox),
        namespace: service.namespace().to_owned(),
        pod: service.pod().to_owned(),
        two: service.two_container_pod().to_owned(),
        transport,
        input: 100_000_000 / SCALE,
        output: 200_000_000 / SCALE,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_version_5() {
    let sandbox = sandbox(true).await;
    target(&sandbox, ExecTransport::WebSocketV5).run_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_version_4() {
    let sandbox = sandbox(false).await;
    target(&sandbox, ExecTransport::WebSocketV4).run_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_spdy() {
    let sandbox = sandbox(false).await;
    target(&sandbox, ExecTransport::SpdyPost).run_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_spdy_by_get() {
    let sandbox = sandbox(false).await;
    target(&sandbox, ExecTransport::SpdyGet).run_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_what_the_client_chooses() {
    for v5 in [true, false] {
        let sandbox = sandbox(v5).await;
        target(&sandbox, ExecTransport::Auto).run_all().await;
    }
}

#[tokio::test]
async fn input_that_ends_uses_a_transport_that_can_end_it_and_runs_once() {
    for (v5, expected) in [(true, ExecTransport::WebSocketV5), (false, ExecTransport::SpdyPost)] {
        let sandbox = sandbox(v5).await;
        let client = client(&sandbox);
        let pod = client.pod("default", sandbox.cci().pod());
        for runs in 1..=3 {
            let mut child = pod.exec(["cat"]).stdin("text").spawn().await.unwrap();
            assert_eq!(child.transport(), expected);
            let mut text = String::new();
            child.stdout.take().unwrap().read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "text");
            assert!(child.wait().await.unwrap().success());
            assert_eq!(sandbox.cci().executions(sandbox.cci().pod()), runs);
        }
        let child = pod.exec(["true"]).spawn().await.unwrap();
        let websocket = if v5 { Subprotocol::V5 } else { Subprotocol::V4 };
        assert_eq!(child.protocol(), websocket);
        child.wait_with_output().await.unwrap();
    }
}

#[tokio::test]
async fn a_transport_the_server_lacks_is_refused_before_anything_runs() {
    let sandbox = sandbox(false).await;
    let client = client(&sandbox);
    let pod = client.pod("default", sandbox.cci().pod());
    let error =
        pod.exec(["true"]).transport(ExecTransport::WebSocketV5).output().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(!error.may_have_run() && error.advice().unwrap().contains("transport"), "{error}");
    assert_eq!(sandbox.cci().executions(sandbox.cci().pod()), 0);
}

#[tokio::test]
async fn a_dialogue_over_spdy_ends_with_a_half_close() {
    let sandbox = sandbox(false).await;
    let client = client(&sandbox);
    let pod = client.pod("default", sandbox.cci().pod());
    for transport in [ExecTransport::SpdyPost, ExecTransport::SpdyGet] {
        let exec = pod.exec(["sh", "-c", "cat; echo bye"]).stdin_piped().transport(transport);
        let mut child = exec.spawn().await.unwrap();
        assert_eq!((child.protocol(), child.transport()), (Subprotocol::V4, transport));
        let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        for word in ["one", "two"] {
            stdin.write_all(word.as_bytes()).await.unwrap();
            let mut echo = [0; 3];
            stdout.read_exact(&mut echo).await.unwrap();
            assert_eq!(&echo, word.as_bytes());
        }
        stdin.shutdown().await.unwrap();
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "bye\n");
        assert!(child.wait().await.unwrap().success());
    }
}

#[tokio::test]
async fn a_file_is_read_while_the_command_runs() {
    let sandbox = sandbox(false).await;
    let client = client(&sandbox);
    let file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut &file, &vec![b'x'; 1_000_000]).unwrap();
    std::io::Seek::rewind(&mut &file).unwrap();
    let pod = client.pod("default", sandbox.cci().pod());
    let output = pod.exec(["wc", "-c"]).stdin(file).output().await.unwrap();
    assert_eq!(output.stdout_lossy().trim(), "1000000");
}

#[tokio::test]
async fn an_access_key_gets_a_token() {
    let sandbox = sandbox(true).await;
    let service = sandbox.cci();
    let run = |secret: &str| {
        let key = Credentials::access_key_token(service.access_key(), secret, service.project());
        let builder = Client::builder().endpoint(service.endpoint()).credentials(key);
        let client = builder.iam_endpoint(format!("{}/v3", service.iam_endpoint())).build();
        let client = client.unwrap();
        async move { client.pod("default", "demo").exec(["true"]).output().await }
    };
    assert!(run(service.secret_key()).await.unwrap().success());
    let error = run("wrong").await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Unauthenticated, false));
}
