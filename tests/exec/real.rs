//! The suite against a real server.
//!
//! `GUESTEXEC_EXEC_URL` is the exec URL of a pod with one container that has busybox or the like:
//! `http://127.0.0.1:18080/apis/cci/v2/namespaces/default/pods/demo/exec`. In the same namespace
//! there is a pod `two`, or as `GUESTEXEC_EXEC_TWO` says, with the containers `a` and `b`. A server
//! that asks for a token is given that of `GUESTEXEC_EXEC_TOKEN`. `GUESTEXEC_EXEC_OUTPUT` is how
//! many octets of output are hashed, 1 GB if not given.

use std::env;

use guestexec_cci::{Client, Credentials, ExecTransport};

use crate::suite::Target;

fn target(transport: ExecTransport) -> Target {
    let url =
        env::var("GUESTEXEC_EXEC_URL").expect("GUESTEXEC_EXEC_URL is the URL of a pod's exec");
    let (endpoint, path) = url.split_once("/apis/cci/v2/namespaces/").expect("a URL of CCI's exec");
    let parts: Vec<&str> = path.split('/').collect();
    let [namespace, "pods", pod, "exec"] = parts[..] else { panic!("{url} is no URL of an exec") };
    let or = |name, usual: &str| env::var(name).unwrap_or_else(|_| usual.to_owned());
    Target {
        client: Client::builder()
            .endpoint(endpoint)
            .credentials(Credentials::token(or("GUESTEXEC_EXEC_TOKEN", "none")))
            .build()
            .unwrap(),
        namespace: namespace.to_owned(),
        pod: pod.to_owned(),
        two: or("GUESTEXEC_EXEC_TWO", "two"),
        transport,
        input: 100_000_000,
        output: or("GUESTEXEC_EXEC_OUTPUT", "1000000000").parse().expect("a number of octets"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs GUESTEXEC_EXEC_URL: the exec URL of a pod on a real server"]
async fn a_real_server() {
    for transport in [
        ExecTransport::WebSocketV4,
        ExecTransport::SpdyPost,
        ExecTransport::SpdyGet,
        ExecTransport::Auto,
    ] {
        target(transport).run_all().await;
    }
}
