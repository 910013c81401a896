//! The servers the table is held against.

use std::env;

use guestexec_cci::{Client, Credentials, Pod};
use guestexec_sandbox::Sandbox;

use crate::raw;

/// A server, and where on it commands run.
pub struct Target {
    pub name: String,
    pub client: Client,
    /// Host and port, for plain HTTP.
    pub host: String,
    pub token: String,
    pub namespace: String,
    /// A pod with one container, in which there are `sh` and the usual small programs.
    pub pod: String,
    /// A pod with the containers `a` and `b`.
    pub two: String,
    /// Whether the server speaks `v5.channel.k8s.io`.
    pub v5: bool,
}

impl Target {
    pub fn sandbox(sandbox: &Sandbox, v5: bool) -> Self {
        let service = sandbox.cci();
        let version = if v5 { "5" } else { "4" };
        Self {
            name: format!("the sandbox with version {version}"),
            client: client(&service.endpoint(), service.token()),
            host: service.endpoint().replace("http://", ""),
            token: service.token().to_owned(),
            namespace: service.namespace().to_owned(),
            pod: service.pod().to_owned(),
            two: service.two_container_pod().to_owned(),
            v5,
        }
    }

    /// The servers of `GUESTEXEC_EXEC_URL`, a list with blanks in between.
    pub async fn real() -> Vec<Self> {
        let urls = env::var("GUESTEXEC_EXEC_URL").unwrap_or_default();
        let mut targets = Vec::new();
        for url in urls.split_whitespace() {
            let wrong =
                "GUESTEXEC_EXEC_URL is http://HOST:PORT/apis/cci/v2/namespaces/NS/pods/POD/exec";
            let (endpoint, path) = url.split_once("/apis/cci/v2/namespaces/").expect(wrong);
            let parts: Vec<&str> = path.split('/').collect();
            let [namespace, "pods", pod, "exec"] = parts[..] else { panic!("{wrong}") };
            let or = |name, usual: &str| env::var(name).unwrap_or_else(|_| usual.to_owned());
            let token = or("GUESTEXEC_EXEC_TOKEN", "none");
            let mut target = Self {
                name: url.to_owned(),
                client: client(endpoint, &token),
                host: endpoint.strip_prefix("http://").expect(wrong).to_owned(),
                token,
                namespace: namespace.to_owned(),
                pod: pod.to_owned(),
                two: or("GUESTEXEC_EXEC_TWO", "two"),
                v5: false,
            };
            target.v5 = raw::speaks_v5(&target).await;
            targets.push(target);
        }
        targets
    }

    pub fn pod(&self) -> Pod<'_> {
        self.client.pod(&*self.namespace, &*self.pod)
    }
}

fn client(endpoint: &str, token: &str) -> Client {
    let builder = Client::builder().endpoint(endpoint).allow_plain_http();
    builder.credentials(Credentials::token(token)).build().unwrap()
}
