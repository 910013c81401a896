//! The servers that are tested against the table.

use guestexec_cci::{Client, Pod};
use guestexec_sandbox::Sandbox;

use crate::{raw, url::ExecUrl};

/// A server, and the pods on it.
pub struct Target {
    pub url: ExecUrl,
    pub client: Client,
    /// Host and port, for plain HTTP.
    pub host: String,
    /// Whether the server supports `v5.channel.k8s.io`.
    pub v5: bool,
}

impl Target {
    fn new(url: ExecUrl, v5: bool) -> Self {
        let host = url.endpoint.strip_prefix("http://");
        let host = host.expect("frames are made by hand for plain HTTP only").to_owned();
        Self { client: url.client(), host, url, v5 }
    }

    pub fn sandbox(sandbox: &Sandbox, v5: bool) -> Self {
        let service = sandbox.cci();
        let url = ExecUrl {
            endpoint: service.endpoint(),
            namespace: service.namespace().to_owned(),
            pod: service.pod().to_owned(),
            two: service.two_container_pod().to_owned(),
            token: service.token().to_owned(),
        };
        Self::new(url, v5)
    }

    /// The servers of the environment.
    pub async fn real() -> Vec<Self> {
        let mut targets = Vec::new();
        for url in ExecUrl::all() {
            let mut target = Self::new(url, false);
            target.v5 = raw::speaks_v5(&target).await;
            targets.push(target);
        }
        targets
    }

    pub fn pod(&self) -> Pod<'_> {
        self.client.pod(&*self.url.namespace, &*self.url.pod)
    }
}
