//! Copies that end in the middle: nothing is half-written under its final name.

use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use guestexec_cci::{Client, Credentials, ExecTransport};
use guestexec_sandbox::{Fault, FaultKind, Provider, Sandbox};
use tempfile::{TempDir, tempdir};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use crate::tree;

const TRANSPORTS: [ExecTransport; 3] =
    [ExecTransport::WebSocketV4, ExecTransport::WebSocketV5, ExecTransport::SpdyPost];

/// Passes connections on, and cuts the first of them after so many bytes of one direction.
struct Proxy {
    address: SocketAddr,
    left: Arc<[AtomicUsize; 2]>,
}

const UP: usize = 0;
const DOWN: usize = 1;

impl Proxy {
    async fn to(endpoint: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let left = Arc::new([AtomicUsize::new(usize::MAX), AtomicUsize::new(usize::MAX)]);
        let (server, limits) = (endpoint.replace("http://", ""), Arc::clone(&left));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                let limits = Arc::clone(&limits);
                tokio::spawn(async move {
                    let (mut from_client, mut to_client) = client.into_split();
                    let (mut from_server, mut to_server) = server.into_split();
                    tokio::select! {
                        () = pass(&mut from_client, &mut to_server, &limits[UP]) => {}
                        () = pass(&mut from_server, &mut to_client, &limits[DOWN]) => {}
                    }
                });
            }
        });
        Self { address, left }
    }

    fn cut_after(&self, direction: usize, bytes: usize) {
        self.left[direction].store(bytes, Ordering::SeqCst);
    }
}

async fn pass(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    left: &AtomicUsize,
) {
    let mut buffer = vec![0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let allowed = left.load(Ordering::SeqCst).min(read);
        if to.write_all(&buffer[..allowed]).await.is_err() || allowed < read {
            return;
        }
        if left.load(Ordering::SeqCst) != usize::MAX {
            left.fetch_sub(allowed, Ordering::SeqCst);
        }
    }
}

struct Stage {
    sandbox: Sandbox,
    here: TempDir,
}

impl Stage {
    async fn new(sandbox: Sandbox) -> Self {
        let here = tempdir().unwrap();
        for name in ["remote", "local"] {
            fs::create_dir(here.path().join(name)).unwrap();
        }
        tree::make(&here.path().join("tree"), 60);
        Self { sandbox, here }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.here.path().join(name)
    }

    fn remote(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn client(&self, endpoint: &str) -> Client {
        let token = Credentials::token(self.sandbox.cci().token());
        Client::builder().endpoint(endpoint).credentials(token).retries(0).build().unwrap()
    }

    /// In the container a part may stay, by a name that says so; here nothing does.
    fn assert_nothing(&self, what: &str) {
        let remote = tree::names(&self.path("remote"));
        assert!(remote.iter().all(|name| name.starts_with(".guestexec-")), "{what}: {remote:?}");
        assert_eq!(tree::names(&self.path("local")), [""; 0], "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_leaves_nothing() {
    let stage = Stage::new(Sandbox::start().await.unwrap()).await;
    let proxy = Proxy::to(&stage.sandbox.cci().endpoint()).await;
    let client = stage.client(&format!("http://{}", proxy.address));
    let pod = client.pod(stage.sandbox.cci().namespace(), stage.sandbox.cci().pod());
    for transport in TRANSPORTS {
        for bytes in [5_000, 20_000, 100_000, 300_000] {
            let what = format!("{transport}, {bytes} bytes up");
            proxy.cut_after(UP, bytes);
            let copy = pod.copy_in(stage.path("tree"), stage.remote("remote/copy"));
            let error = copy.transport(transport).await.expect_err(&what);
            assert!(error.may_have_run(), "{what}: {error}");
            stage.assert_nothing(&what);
        }
        proxy.cut_after(UP, usize::MAX);
        for bytes in [500, 20_000, 100_000, 300_000] {
            let what = format!("{transport}, {bytes} bytes down");
            proxy.cut_after(DOWN, bytes);
            let copy = pod.copy_out(stage.remote("tree"), stage.path("local/copy"));
            let error = copy.transport(transport).await.expect_err(&what);
            assert!(error.may_have_run(), "{what}: {error}");
            stage.assert_nothing(&what);
        }
        proxy.cut_after(DOWN, usize::MAX);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_dropped_leaves_nothing() {
    let stage = Stage::new(Sandbox::start().await.unwrap()).await;
    let client = stage.client(&stage.sandbox.cci().endpoint());
    let pod = client.pod(stage.sandbox.cci().namespace(), stage.sandbox.cci().pod());
    for transport in TRANSPORTS {
        for entries in [1, 30, 90] {
            let what = format!("{transport}, {entries} entries");
            let (sender, dropped) = oneshot::channel();
            let mut sender = Some(sender);
            let mut copy = pod
                .copy_in(stage.path("tree"), stage.remote("remote/copy"))
                .transport(transport)
                .progress(|at| {
                    if at.entries >= entries
                        && let Some(sender) = sender.take()
                    {
                        sender.send(()).unwrap();
                    }
                });
            let leftovers = copy.leftovers().unwrap();
            tokio::select! {
                biased;
                _ = dropped => {}
                result = copy => panic!("{what}: {result:?}"),
            }
            stage.assert_nothing(&what);
            leftovers.remove().await.unwrap();
            assert_eq!(tree::names(&stage.path("remote")), [""; 0], "{what}");
            // Nothing is left, and that is no failure.
            leftovers.remove().await.unwrap();

            let (sender, dropped) = oneshot::channel();
            let mut sender = Some(sender);
            let copy = pod
                .copy_out(stage.remote("tree"), stage.path("local/copy"))
                .transport(transport)
                .progress(|at| {
                    if at.entries >= entries
                        && let Some(sender) = sender.take()
                    {
                        sender.send(()).unwrap();
                    }
                })
                .into_future();
            tokio::select! {
                biased;
                _ = dropped => {}
                result = copy => panic!("{what}: {result:?}"),
            }
            stage.assert_nothing(&what);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_whose_connection_is_reset_is_whole_or_not_there() {
    for seed in 0..6 {
        let reset = Fault::new(Provider::Cci, FaultKind::Reset).on("exec");
        let sandbox = Sandbox::builder().fault(reset).seed(seed).start().await.unwrap();
        let stage = Stage::new(sandbox).await;
        let client = stage.client(&stage.sandbox.cci().endpoint());
        let pod = client.pod(stage.sandbox.cci().namespace(), stage.sandbox.cci().pod());
        for transport in TRANSPORTS {
            let copy = pod.copy_in(stage.path("tree"), stage.remote("remote/copy"));
            let sent = copy.overwrite().transport(transport).await;
            if sent.is_ok() || stage.path("remote/copy").exists() {
                tree::assert_same(&stage.path("tree"), &stage.path("remote/copy"));
            }
            let copy = pod.copy_out(stage.remote("tree"), stage.path("local/copy"));
            let came = copy.overwrite().transport(transport).await;
            assert_eq!(came.is_ok(), stage.path("local/copy").exists(), "{came:?}");
            if came.is_ok() {
                tree::assert_same(&stage.path("tree"), &stage.path("local/copy"));
            }
            assert!(tree::names(&stage.path("local")).iter().all(|name| name == "copy"));
        }
    }
}

#[tokio::test]
async fn a_local_failure_in_the_middle_is_cleaned_up_in_the_container() {
    let stage = Stage::new(Sandbox::start().await.unwrap()).await;
    let client = stage.client(&stage.sandbox.cci().endpoint());
    let pod = client.pod(stage.sandbox.cci().namespace(), stage.sandbox.cci().pod());
    // It grows while it is copied, as a log may.
    let (log, grown) = (stage.path("tree/large"), stage.path("tree/odd/a b"));
    for transport in TRANSPORTS {
        let copy = pod.copy_in(stage.path("tree"), stage.remote("remote/copy"));
        let copy = copy.transport(transport).progress(|_| {
            fs::write(&log, "shorter").unwrap();
            fs::write(&grown, vec![1; 9999]).unwrap();
        });
        let error = copy.await.unwrap_err();
        assert!(error.to_string().contains("changed while it was copied"), "{error}");
        stage.assert_nothing("a local failure");
        fs::write(&log, vec![7; 300_001]).unwrap();
        fs::write(&grown, "a b").unwrap();
    }
}
