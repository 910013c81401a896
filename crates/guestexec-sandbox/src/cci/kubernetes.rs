//! The same pods under the paths of a Kubernetes server, for `kubectl` and other Kubernetes clients.

use hyper::{HeaderMap, Method, StatusCode, header::AUTHORIZATION};
use serde_json::json;

use crate::service::{self, Answer};

/// The API version of a Kubernetes server's pods.
pub(super) const API_VERSION: &str = "v1";

/// The prefix of paths that contain the token, which follows it.
pub(super) const ROOT: &str = "/kubernetes/";

/// A path of a Kubernetes server.
#[derive(Clone, Copy, Debug)]
pub(super) struct KubernetesPath<'p> {
    /// The token, where the request's path contains it.
    pub(super) token: Option<&'p str>,
    pub(super) path: &'p str,
}

impl<'p> KubernetesPath<'p> {
    /// Reads a request's path; `None` for one of CCI's or IAM's.
    pub(super) fn of(path: &'p str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix(ROOT) {
            let (token, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            return Some(Self { token: Some(token), path });
        }
        let is_kubernetes = path.starts_with("/api/")
            || matches!(path.strip_suffix('/').unwrap_or(path), "/api" | "/apis" | "/version");
        is_kubernetes.then_some(Self { token: None, path })
    }

    /// The corresponding path of CCI; empty if there is none.
    pub(super) fn to_cci(self) -> String {
        let rest = self.path.strip_prefix("/api/v1");
        rest.map(|rest| format!("/apis/{}{rest}", super::API_VERSION)).unwrap_or_default()
    }
}

/// The token as Kubernetes clients send it.
pub(super) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// Answers the discovery requests that clients send first.
pub(super) fn discover(method: &Method, path: &str) -> Option<Answer> {
    if *method != Method::GET {
        return None;
    }
    let pods = |name: &str, kind: &str, verbs: &[&str]| json!({ "name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": verbs });
    // kr8s asks for `/version/`.
    let body = match path.strip_suffix('/').unwrap_or(path) {
        "/api" => {
            json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] })
        }
        "/apis" => json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": [] }),
        "/version" => json!({
            "major": "1",
            "minor": "33",
            "gitVersion": "v1.33.0",
            "gitCommit": "",
            "gitTreeState": "",
            "buildDate": "",
            "goVersion": "",
            "compiler": "",
            "platform": "linux/amd64",
        }),
        "/api/v1" => json!({
            "kind": "APIResourceList",
            "groupVersion": "v1",
            "resources": [
                {
                    "name": "namespaces", "singularName": "", "namespaced": false, "kind": "Namespace",
                    "verbs": ["create", "delete", "get", "list"],
                },
                pods("pods", "Pod", &["create", "delete", "get", "list", "watch"]),
                pods("pods/exec", "PodExecOptions", &["create", "get"]),
                pods("pods/log", "Pod", &["get"]),
            ],
        }),
        _ => return None,
    };
    Some(service::json(StatusCode::OK, &body))
}
