//! The real servers that `GUESTEXEC_EXEC_URL` names: exec URLs of pods, such as
//! `http://127.0.0.1:18080/apis/cci/v2/namespaces/default/pods/demo/exec`, with blanks in between.
//!
//! The pod has one container with `sh` and the usual programs, of busybox for instance. In the same namespace there is
//! a pod `two`, or as `GUESTEXEC_EXEC_TWO` says, with the containers `a` and `b`. `GUESTEXEC_EXEC_TOKEN` is the token
//! of a server that asks for one.

use std::env;

use guestexec_cci::{Client, Credentials};

/// The parts of a pod's exec URL.
pub struct ExecUrl {
    pub endpoint: String,
    pub namespace: String,
    pub pod: String,
    pub two: String,
    pub token: String,
}

impl ExecUrl {
    /// The URLs in the environment; empty if there are none.
    pub fn all() -> Vec<Self> {
        let urls = env::var("GUESTEXEC_EXEC_URL").unwrap_or_default();
        urls.split_whitespace().map(Self::new).collect()
    }

    fn new(url: &str) -> Self {
        let wrong =
            "GUESTEXEC_EXEC_URL is http://HOST:PORT/apis/cci/v2/namespaces/NS/pods/POD/exec";
        let (endpoint, path) = url.split_once("/apis/cci/v2/namespaces/").expect(wrong);
        let parts: Vec<&str> = path.split('/').collect();
        let [namespace, "pods", pod, "exec"] = parts[..] else { panic!("{wrong}, and not {url}") };
        let or = |name, usual: &str| env::var(name).unwrap_or_else(|_| usual.to_owned());
        Self {
            endpoint: endpoint.to_owned(),
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            two: or("GUESTEXEC_EXEC_TWO", "two"),
            token: or("GUESTEXEC_EXEC_TOKEN", "none"),
        }
    }

    /// A client of the server.
    pub fn client(&self) -> Client {
        let builder = Client::builder().endpoint(&*self.endpoint).allow_plain_http();
        builder.credentials(Credentials::token(&*self.token)).build().unwrap()
    }
}
