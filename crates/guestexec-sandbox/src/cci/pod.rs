//! The pods of the sandbox, and lists of them.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use guestexec_cci::sign::QueryPair;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::{
    error::{ErrorAnswer, bad_request},
    exec::parameter,
    watch,
};
use crate::{
    clock, random,
    service::{self, Answer},
};

/// The only namespace with pods.
pub(super) const NAMESPACE: &str = "default";
/// The version of every pod and of every list of pods, since none ever changes.
pub(super) const VERSION: &str = "1";

/// A pod.
#[derive(Debug)]
pub(super) struct Pod {
    pub(super) name: &'static str,
    pub(super) containers: &'static [&'static str],
    pub(super) running: bool,
    uid: String,
    created: i64,
    /// Commands that were really started.
    pub(super) executions: AtomicUsize,
    /// How often each command was started, by the hash of its arguments.
    commands: Mutex<HashMap<u64, usize>>,
}

impl Pod {
    pub(super) fn new(
        name: &'static str,
        containers: &'static [&'static str],
        running: bool,
    ) -> Self {
        Self {
            name,
            containers,
            running,
            uid: random::uuid(),
            created: clock::now(),
            executions: AtomicUsize::new(0),
            commands: Mutex::default(),
        }
    }

    fn commands(&self) -> MutexGuard<'_, HashMap<u64, usize>> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a command that was really started.
    pub(super) fn count_execution(&self, argv: &[String]) {
        self.executions.fetch_add(1, Ordering::Relaxed);
        *self.commands().entry(hashed(argv)).or_default() += 1;
    }

    /// How often exactly this command was started.
    pub(super) fn executions_of(&self, argv: &[impl AsRef<str>]) -> usize {
        self.commands().get(&hashed(argv)).copied().unwrap_or_default()
    }

    /// The directory that stands for a container's file system.
    pub(super) fn home(&self, directory: &Path, container: &str) -> PathBuf {
        directory.join("cci").join(self.name).join(container)
    }

    fn phase(&self) -> &'static str {
        if self.running { "Running" } else { "Succeeded" }
    }

    pub(super) fn to_json(&self, api_version: &str) -> Value {
        let time = clock::iso8601(self.created, "Z");
        let containers: Vec<Value> = self
            .containers
            .iter()
            .map(|name| json!({ "name": name, "image": "sandbox:latest", "resources": {} }))
            .collect();
        let state = if self.running {
            json!({ "running": { "startedAt": time } })
        } else {
            json!({ "terminated": { "exitCode": 0, "reason": "Completed", "startedAt": time, "finishedAt": time } })
        };
        let statuses: Vec<Value> = self
            .containers
            .iter()
            .map(|name| {
                json!({
                    "name": name,
                    "image": "sandbox:latest",
                    "imageID": "",
                    "ready": self.running,
                    "started": self.running,
                    "restartCount": 0,
                    "state": state,
                    "lastState": {},
                })
            })
            .collect();
        let condition = |name: &str, holds: bool| {
            json!({
                "type": name,
                "status": if holds { "True" } else { "False" },
                "lastProbeTime": null,
                "lastTransitionTime": time,
            })
        };
        let conditions = [
            condition("PodReadyToStartContainers", self.running),
            condition("Initialized", true),
            condition("Ready", self.running),
            condition("ContainersReady", self.running),
            condition("PodScheduled", true),
        ];
        json!({
            "apiVersion": api_version,
            "kind": "Pod",
            "metadata": {
                "name": self.name,
                "namespace": NAMESPACE,
                "uid": self.uid,
                "labels": { "app": self.name },
                "creationTimestamp": time,
                "resourceVersion": VERSION,
            },
            "spec": {
                "containers": containers,
                "nodeName": "sandbox",
                "restartPolicy": if self.running { "Always" } else { "Never" },
            },
            "status": {
                "phase": self.phase(),
                "conditions": conditions,
                "containerStatuses": statuses,
                "podIP": "127.0.0.1",
                "podIPs": [{ "ip": "127.0.0.1" }],
                "startTime": time,
                "qosClass": "BestEffort",
            },
        })
    }

    fn field(&self, path: &str) -> Option<&str> {
        match path {
            "metadata.name" => Some(self.name),
            "metadata.namespace" => Some(NAMESPACE),
            "status.phase" => Some(self.phase()),
            "spec.nodeName" => Some("sandbox"),
            _ => None,
        }
    }
}

fn hashed(argv: &[impl AsRef<str>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    argv.iter().for_each(|word| word.as_ref().hash(&mut hasher));
    hasher.finish()
}

/// Whether a term selects: `name=value`, `name==value`, `name!=value`, and for labels `name` or `!name`.
fn selects(term: &str, value_of: impl Fn(&str) -> Option<String>) -> bool {
    let term = term.trim();
    if let Some((name, value)) = term.split_once("!=") {
        value_of(name.trim()).as_deref() != Some(value.trim())
    } else if let Some((name, value)) = term.split_once('=') {
        value_of(name.trim()).as_deref() == Some(value.trim_start_matches('=').trim())
    } else if let Some(name) = term.strip_prefix('!') {
        value_of(name.trim()).is_none()
    } else {
        value_of(term).is_some()
    }
}

fn terms(selector: &str) -> impl Iterator<Item = &str> {
    selector.split(',').filter(|term| !term.trim().is_empty())
}

/// Lists the pods that the query selects.
pub(super) fn list(
    pods: &[&Pod],
    query: &[QueryPair<'_>],
    api_version: &str,
) -> Result<Answer, ErrorAnswer> {
    let parameter = |name: &str| parameter(query, name).unwrap_or_default();
    let fields = parameter("fieldSelector");
    for term in terms(fields) {
        let name = term.split(['=', '!']).next().unwrap_or_default().trim();
        if Pod::field(&Pod::new("", &[], true), name).is_none() {
            return Err(bad_request("field label not supported in fieldSelector"));
        }
    }
    let found: Vec<&&Pod> = pods
        .iter()
        .filter(|pod| {
            terms(fields).all(|term| selects(term, |name| pod.field(name).map(str::to_owned)))
                && terms(parameter("labelSelector"))
                    .all(|term| selects(term, |name| (name == "app").then(|| pod.name.to_owned())))
        })
        .collect();
    if watch::is_requested(query) {
        let pods: Vec<Value> = found.iter().map(|pod| pod.to_json(api_version)).collect();
        return watch::answer(&pods, query, api_version);
    }
    let number = |name: &str| match parameter(name) {
        "" => Ok(0),
        text => text.parse::<usize>(),
    };
    let (Ok(limit), Ok(start)) = (number("limit"), number("continue")) else {
        return Err(bad_request("limit and continue have to be as the server gave them"));
    };
    let rest = found.get(start..).unwrap_or_default();
    let page = if limit == 0 { rest } else { &rest[..limit.min(rest.len())] };
    let mut metadata = json!({ "resourceVersion": VERSION });
    if page.len() < rest.len() {
        metadata["continue"] = (start + page.len()).to_string().into();
        metadata["remainingItemCount"] = (rest.len() - page.len()).into();
    }
    let items: Vec<Value> = page.iter().map(|pod| pod.to_json(api_version)).collect();
    Ok(service::json(
        StatusCode::OK,
        &json!({ "apiVersion": api_version, "kind": "PodList", "metadata": metadata, "items": items }),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors() {
        let value = |name: &str| (name == "app").then(|| "demo".to_owned());
        for (term, expected) in [
            ("app=demo", true),
            ("app==demo", true),
            ("app = two", false),
            ("app!=two", true),
            ("app", true),
            ("!app", false),
            ("!tier", true),
            ("tier!=x", true),
        ] {
            assert_eq!(selects(term, value), expected, "{term}");
        }
    }
}
