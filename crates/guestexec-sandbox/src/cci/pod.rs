//! A pod of the sandbox.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    container::{Container, Ended, Program, State},
    manifest::{Manifest, RestartPolicy},
};
use crate::{clock, random};

/// The namespace that every sandbox has.
pub(super) const NAMESPACE: &str = "default";

/// A pod.
#[derive(Debug)]
pub(super) struct Pod {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) hostname: String,
    uid: String,
    created: i64,
    labels: Value,
    annotations: Value,
    spec: Value,
    pub(super) containers: Vec<Container>,
    pub(super) init: Vec<Container>,
    pub(super) restart: RestartPolicy,
    grace: u64,
    /// After how many seconds it is ended.
    pub(super) deadline: Option<u64>,
    /// Whether it is there from the beginning, with containers that have no main processes.
    pub(super) is_fixed: bool,
    /// The version of what it shows.
    pub(super) version: AtomicU64,
    /// Why it was ended before its containers.
    failure: Mutex<Option<&'static str>>,
    deletion: Mutex<Option<Deletion>>,
    /// How long its processes may take to end, once they have to.
    stop: watch::Sender<Option<Duration>>,
    /// Commands that were really started.
    pub(super) executions: AtomicUsize,
    /// How often each command was started, by the hash of its arguments.
    commands: Mutex<HashMap<u64, usize>>,
}

/// When a pod goes away.
#[derive(Clone, Copy, Debug)]
struct Deletion {
    at: i64,
    grace: u64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pod {
    /// One that is there from the beginning.
    pub(super) fn fixed(name: &str, containers: &[&str], running: bool) -> Self {
        let now = clock::now();
        let state = || match running {
            true => State::Running(now),
            false => State::Ended(Ended {
                code: 0,
                reason: "Completed",
                message: None,
                started: now,
                finished: now,
            }),
        };
        let image = "sandbox:latest";
        let of = |name: &&str| {
            Container::new((*name).to_owned(), image.to_owned(), Program::default(), state())
        };
        let listed: Vec<Value> = containers
            .iter()
            .map(|name| json!({ "name": name, "image": image, "resources": {} }))
            .collect();
        let restart = if running { RestartPolicy::Always } else { RestartPolicy::Never };
        let manifest = Manifest {
            name: Ok(name.to_owned()),
            labels: json!({ "app": name }),
            annotations: Value::Null,
            spec: json!({
                "containers": listed,
                "nodeName": "sandbox",
                "restartPolicy": format!("{restart:?}"),
            }),
            containers: containers.iter().map(of).collect(),
            init: Vec::new(),
            restart,
            grace: 30,
            deadline: None,
            hostname: None,
        };
        Self { is_fixed: true, ..Self::new(NAMESPACE, manifest) }
    }

    /// One that a request describes.
    pub(super) fn new(namespace: &str, manifest: Manifest) -> Self {
        let Manifest {
            name,
            labels,
            annotations,
            spec,
            containers,
            init,
            restart,
            grace,
            deadline,
            hostname,
        } = manifest;
        let name = name.unwrap_or_else(|prefix| prefix + &random::hex32()[..5]);
        Self {
            namespace: namespace.to_owned(),
            hostname: hostname.unwrap_or_else(|| name.chars().take(63).collect()),
            name,
            uid: random::uuid(),
            created: clock::now(),
            labels,
            annotations,
            spec,
            containers,
            init,
            restart,
            grace,
            deadline,
            is_fixed: false,
            version: AtomicU64::new(1),
            failure: Mutex::default(),
            deletion: Mutex::default(),
            stop: watch::Sender::new(None),
            executions: AtomicUsize::new(0),
            commands: Mutex::default(),
        }
    }

    /// The container of this name.
    pub(super) fn container(&self, name: &str) -> Option<&Container> {
        self.containers.iter().chain(&self.init).find(|container| container.name == name)
    }

    /// Counts a command that was really started.
    pub(super) fn count_execution(&self, argv: &[String]) {
        self.executions.fetch_add(1, Ordering::Relaxed);
        *locked(&self.commands).entry(hashed(argv)).or_default() += 1;
    }

    /// How often exactly this command was started.
    pub(super) fn executions_of(&self, argv: &[impl AsRef<str>]) -> usize {
        locked(&self.commands).get(&hashed(argv)).copied().unwrap_or_default()
    }

    /// The directory of its files.
    pub(super) fn directory(&self, directory: &Path) -> PathBuf {
        let name = if self.is_fixed { &self.name } else { &self.uid };
        directory.join("cci").join(name)
    }

    /// The directory that stands for a container's file system.
    pub(super) fn home(&self, directory: &Path, container: &str) -> PathBuf {
        self.directory(directory).join(container)
    }

    /// The environment variable by which the processes of a container are recognised.
    pub(super) fn mark(&self, container: &str) -> (&'static str, String) {
        ("GUESTEXEC_CONTAINER", format!("{}/{container}", self.uid))
    }

    /// Ends its processes within this time.
    pub(super) fn stop(&self, grace: Duration) {
        self.stop.send_if_modified(|before| {
            let sooner = before.is_none_or(|before| grace < before);
            if sooner {
                *before = Some(grace);
            }
            sooner
        });
    }

    /// How long its processes may take to end, once they have to.
    pub(super) fn stopped(&self) -> watch::Receiver<Option<Duration>> {
        self.stop.subscribe()
    }

    /// Ends it with a failure.
    pub(super) fn fail(&self, reason: &'static str) {
        *locked(&self.failure) = Some(reason);
        self.stop(Duration::from_secs(self.grace));
    }

    /// Deletes it, with its own grace period if none is given.
    pub(super) fn delete(&self, grace: Option<u64>) {
        let grace = grace.unwrap_or(self.grace);
        let mut deletion = locked(&self.deletion);
        if deletion.is_none_or(|before| grace < before.grace) {
            let seconds = i64::try_from(grace).unwrap_or(i64::MAX);
            *deletion = Some(Deletion { at: clock::now().saturating_add(seconds), grace });
        }
        drop(deletion);
        self.stop(Duration::from_secs(grace));
    }

    pub(super) fn is_deleted(&self) -> bool {
        locked(&self.deletion).is_some()
    }

    pub(super) fn phase(&self) -> &'static str {
        if locked(&self.failure).is_some() {
            return "Failed";
        }
        let code = |container: &Container| match container.state() {
            State::Ended(ended) => Some(ended.code),
            _ => None,
        };
        let restarts = |code: i32| match self.restart {
            _ if self.stop.borrow().is_some() => false,
            RestartPolicy::Always => true,
            RestartPolicy::OnFailure => code != 0,
            RestartPolicy::Never => false,
        };
        for container in &self.init {
            match code(container) {
                Some(0) => {}
                Some(_) if self.restart == RestartPolicy::Never => return "Failed",
                _ => return "Pending",
            }
        }
        let codes: Option<Vec<i32>> = self.containers.iter().map(code).collect();
        match codes {
            Some(codes) if codes.iter().any(|code| restarts(*code)) => "Running",
            Some(codes) if codes.iter().all(|code| *code == 0) => "Succeeded",
            Some(_) => "Failed",
            None if self.containers.iter().any(Container::is_new) => "Pending",
            None => "Running",
        }
    }

    pub(super) fn to_json(&self, api_version: &str) -> Value {
        let time = clock::iso8601(self.created, "Z");
        let phase = self.phase();
        let has_begun = !self.init.iter().any(|init| !init.has_succeeded());
        let is_ready = phase == "Running" && self.containers.iter().all(Container::is_running);
        let condition = |name: &str, holds: bool| {
            json!({
                "type": name,
                "status": if holds { "True" } else { "False" },
                "lastProbeTime": null,
                "lastTransitionTime": time,
            })
        };
        let conditions = [
            condition("PodReadyToStartContainers", matches!(phase, "Running" | "Pending")),
            condition("Initialized", has_begun),
            condition("Ready", is_ready),
            condition("ContainersReady", is_ready),
            condition("PodScheduled", true),
        ];
        let statuses = |of: &[Container]| of.iter().map(Container::status).collect::<Vec<_>>();
        let mut metadata = json!({
            "name": self.name,
            "namespace": self.namespace,
            "uid": self.uid,
            "creationTimestamp": time,
            "resourceVersion": self.version.load(Ordering::Relaxed).to_string(),
        });
        for (member, value) in [("labels", &self.labels), ("annotations", &self.annotations)] {
            if !value.is_null() {
                metadata[member] = value.clone();
            }
        }
        if let Some(Deletion { at, grace }) = *locked(&self.deletion) {
            metadata["deletionTimestamp"] = clock::iso8601(at, "Z").into();
            metadata["deletionGracePeriodSeconds"] = grace.into();
        }
        let mut status = json!({
            "phase": phase,
            "conditions": conditions,
            "containerStatuses": statuses(&self.containers),
            "podIP": "127.0.0.1",
            "podIPs": [{ "ip": "127.0.0.1" }],
            "startTime": time,
            "qosClass": "BestEffort",
        });
        if !self.init.is_empty() {
            status["initContainerStatuses"] = statuses(&self.init).into();
        }
        if let Some(reason) = *locked(&self.failure) {
            status["reason"] = reason.into();
            status["message"] =
                "Pod was active on the node longer than the specified deadline".into();
        }
        json!({
            "apiVersion": api_version,
            "kind": "Pod",
            "metadata": metadata,
            "spec": self.spec,
            "status": status,
        })
    }

    /// Writes to the log of a container, as its main process does; false for an unknown one.
    pub(super) fn write_log(&self, container: &str, text: &[u8]) -> bool {
        let Some(log) = self.container(container).and_then(|container| container.log(false)) else {
            return false;
        };
        let mut lines = super::log::Lines::default();
        lines.push(text, &log);
        lines.finish(&log);
        true
    }

    /// It is deleted at once: nothing runs in it any more.
    pub(super) fn end_fixed(self: &Arc<Self>) {
        for container in &self.containers {
            if container.is_running() {
                container.end(Ended {
                    code: 137,
                    reason: "Error",
                    message: None,
                    started: self.created,
                    finished: clock::now(),
                });
            }
        }
    }
}

fn hashed(argv: &[impl AsRef<str>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    argv.iter().for_each(|word| word.as_ref().hash(&mut hasher));
    hasher.finish()
}
