//! The same pods as a Kubernetes server shows them, so that `kubectl` can be held against the sandbox.

use hyper::{HeaderMap, Method, StatusCode, header::AUTHORIZATION};
use serde_json::json;

use crate::server::{self, Answer};

/// Where a Kubernetes server keeps namespaces.
pub(super) const PREFIX: &str = "/api/v1/namespaces/";
/// Version of a Kubernetes server's pods.
pub(super) const API_VERSION: &str = "v1";

/// Below which path all of it is, followed by the token.
pub(super) const ROOT: &str = "/kubernetes/";

/// The token and the Kubernetes path in a request's path, if it is one.
pub(super) fn path(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix(ROOT)?;
    Some(rest.split_at(rest.find('/').unwrap_or(rest.len())))
}

/// Whether the path is one of a Kubernetes server that needs no token in it.
pub(super) fn is_path(path: &str) -> bool {
    matches!(path.strip_suffix('/').unwrap_or(path), "/api" | "/apis" | "/version")
        || path.starts_with("/api/")
}

/// The token as Kubernetes clients send it.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// What `kubectl` asks before it asks for a pod.
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
                pods("pods", "Pod", &["get", "list", "watch"]),
                pods("pods/exec", "PodExecOptions", &["create", "get"]),
            ],
        }),
        _ => return None,
    };
    Some(server::json(StatusCode::OK, &body))
}
