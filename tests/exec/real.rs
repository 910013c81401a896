//! The suite against the real servers of `GUESTEXEC_EXEC_URL`: see [`url`](crate::url).
//!
//! `GUESTEXEC_EXEC_OUTPUT` is how many bytes of output are hashed, 1 GB if not given.

use std::env;

use guestexec_cci::{ErrorKind, ExecTransport};

use crate::{suite::Target, url::ExecUrl};

fn target(url: &ExecUrl, transport: ExecTransport) -> Target {
    let output = env::var("GUESTEXEC_EXEC_OUTPUT").unwrap_or_else(|_| "1000000000".to_owned());
    Target {
        client: url.client(),
        namespace: url.namespace.clone(),
        pod: url.pod.clone(),
        two: url.two.clone(),
        transport,
        input: 100_000_000,
        output: output.parse().expect("a number of bytes"),
    }
}

/// Whether the server supports this transport.
async fn speaks(url: &ExecUrl, transport: ExecTransport) -> bool {
    let client = url.client();
    let pod = client.pod(&*url.namespace, &*url.pod);
    match pod.exec(["true"]).transport(transport).output().await {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::Unsupported => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs GUESTEXEC_EXEC_URL: the exec URL of a pod on a real server"]
async fn a_real_server() {
    let urls = ExecUrl::all();
    assert!(!urls.is_empty(), "GUESTEXEC_EXEC_URL is the URL of a pod's exec");
    for url in urls {
        for transport in [
            ExecTransport::WebSocketV5,
            ExecTransport::WebSocketV4,
            ExecTransport::SpdyPost,
            ExecTransport::SpdyGet,
            ExecTransport::Auto,
        ] {
            let is_v5 = transport == ExecTransport::WebSocketV5;
            if is_v5 && !speaks(&url, transport).await {
                println!("{} has no v5.channel.k8s.io", url.endpoint);
                continue;
            }
            target(&url, transport).run_all().await;
            println!("{} over {transport:?}: all of it", url.endpoint);
        }
    }
}
