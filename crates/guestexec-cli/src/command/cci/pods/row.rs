//! What is shown of a pod: the columns of kubectl, and members of JSON.

use guestexec::cci::types::{self, ContainerStatus};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::say::shown;

/// The columns of the table.
pub(super) const COLUMNS: [&str; 8] =
    ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "CONTAINERS"];
/// What stands for a value that the service has not given.
const NONE: &str = "<none>";

/// A pod as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) name: String,
    /// Changes with each change of the pod.
    version: Option<String>,
    status: String,
    ready: usize,
    restarts: i64,
    created: Option<Timestamp>,
    ip: Option<String>,
    node: Option<String>,
    containers: Vec<String>,
}

impl Row {
    pub(super) fn of(pod: &types::Pod) -> Self {
        let metadata = pod.metadata.as_ref();
        let spec = pod.spec.as_ref();
        let status = pod.status.as_ref();
        let statuses = || status.iter().flat_map(|status| &status.container_statuses);
        let containers = spec.iter().flat_map(|spec| &spec.containers);
        let created = metadata.and_then(|metadata| metadata.creation_timestamp.as_deref());
        Self {
            name: metadata.and_then(|metadata| metadata.name.clone()).unwrap_or_default(),
            version: metadata.and_then(|metadata| metadata.resource_version.clone()),
            status: state(pod),
            ready: statuses().filter(|container| is_ready(container)).count(),
            restarts: statuses()
                .filter_map(|container| container.restart_count)
                .map(i64::from)
                .sum(),
            created: created.and_then(|text| text.parse().ok()),
            ip: status.and_then(|status| status.pod_ip.clone()).filter(|ip| !ip.is_empty()),
            node: spec.and_then(|spec| spec.node_name.clone()).filter(|node| !node.is_empty()),
            containers: containers.filter_map(|container| container.name.clone()).collect(),
        }
    }

    /// This, as what is left of a pod that is gone.
    pub(super) fn deleted(&self) -> Self {
        Self { status: "Deleted".to_owned(), ..self.clone() }
    }

    /// The columns, at a time.
    pub(super) fn cells(&self, now: Timestamp) -> [String; 8] {
        let or_none =
            |text: &Option<String>| text.as_deref().map_or_else(|| NONE.to_owned(), shown);
        let seconds = self.created.map(|created| now.as_second() - created.as_second());
        [
            shown(&self.name),
            format!("{}/{}", self.ready, self.containers.len()),
            shown(&self.status),
            self.restarts.to_string(),
            seconds.map_or_else(|| "<unknown>".to_owned(), age),
            or_none(&self.ip),
            or_none(&self.node),
            shown(&self.containers.join(",")),
        ]
    }

    /// An object, with what has become of the pod before the rest.
    pub(super) fn json(&self, namespace: &str, event: Option<&str>) -> Value {
        let created = self.created.map(|created| created.to_string());
        let mut value = json!({});
        if let Some(event) = event {
            value["event"] = event.into();
        }
        for (name, member) in [
            ("provider", json!("cci")),
            ("namespace", json!(namespace)),
            ("pod", json!(self.name)),
            ("status", json!(self.status)),
            ("ready", json!(self.ready)),
            ("containers", json!(self.containers)),
            ("restarts", json!(self.restarts)),
            ("created", json!(created)),
            ("ip", json!(self.ip)),
            ("node", json!(self.node)),
        ] {
            value[name] = member;
        }
        value
    }
}

fn is_ready(container: &ContainerStatus) -> bool {
    let is_running = container.state.as_ref().is_some_and(|state| state.running.is_some());
    is_running && container.ready == Some(true)
}

/// One word for the state of a pod, as kubectl shows it: the reason why a container does not run tells more than the
/// phase.
fn state(pod: &types::Pod) -> String {
    let status = pod.status.clone().unwrap_or_default();
    if pod.metadata.as_ref().is_some_and(|metadata| metadata.deletion_timestamp.is_some()) {
        return "Terminating".to_owned();
    }
    let phase = status.phase.map_or_else(|| "Unknown".to_owned(), |phase| phase.to_string());
    let general = status.reason.filter(|reason| !reason.is_empty()).unwrap_or(phase);
    let count = pod.spec.as_ref().map_or(0, |spec| spec.init_containers.len());
    for (number, container) in status.init_container_statuses.iter().enumerate() {
        let has_ended_well = (container.state.as_ref())
            .and_then(|state| state.terminated.as_ref())
            .is_some_and(|ended| ended.exit_code == Some(0));
        if !has_ended_well && container.started != Some(true) {
            return match reason(container).filter(|reason| reason != "PodInitializing") {
                Some(reason) => format!("Init:{reason}"),
                None => format!("Init:{number}/{count}"),
            };
        }
    }
    let is_any_ready = status.container_statuses.iter().any(is_ready);
    match status.container_statuses.iter().find_map(reason) {
        Some(reason) if reason == "Completed" && is_any_ready => "Running".to_owned(),
        Some(reason) => reason,
        None => general,
    }
}

/// Why a container does not run.
fn reason(container: &ContainerStatus) -> Option<String> {
    let state = container.state.as_ref()?;
    if let Some(waiting) = &state.waiting {
        return waiting.reason.clone().filter(|reason| !reason.is_empty());
    }
    let ended = state.terminated.as_ref()?;
    let signal = ended.signal.filter(|signal| *signal != 0);
    Some(match (&ended.reason, signal) {
        (Some(reason), _) if !reason.is_empty() => reason.clone(),
        (_, Some(signal)) => format!("Signal:{signal}"),
        _ => format!("ExitCode:{}", ended.exit_code.unwrap_or_default()),
    })
}

/// An age as kubectl writes it: two units while the first is small.
fn age(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |first: i64, unit, second: i64, smaller| {
        if second == 0 {
            format!("{first}{unit}")
        } else {
            format!("{first}{unit}{second}{smaller}")
        }
    };
    match seconds {
        ..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]
mod tests {
    use super::*;

    fn shown_of(pod: Value) -> (String, String) {
        let row = Row::of(&serde_json::from_value(pod).unwrap());
        (row.cells(Timestamp::UNIX_EPOCH)[1].clone(), row.status)
    }

    #[test]
    fn the_status_is_the_reason_why_a_container_does_not_run() {
        let container = |state: Value| json!({ "name": "a", "ready": false, "state": state });
        let running = json!({ "name": "b", "ready": true, "state": { "running": {} } });
        let waiting = |reason: &str| container(json!({ "waiting": { "reason": reason } }));
        let ended = |members: Value| container(json!({ "terminated": members }));
        for (status, expected) in [
            (json!({ "phase": "Running", "containerStatuses": [running, running] }), "2/2 Running"),
            (json!({ "phase": "Pending" }), "0/2 Pending"),
            (json!({}), "0/2 Unknown"),
            (json!({ "phase": "Failed", "reason": "Evicted" }), "0/2 Evicted"),
            (
                json!({ "phase": "Running", "containerStatuses": [waiting("CrashLoopBackOff"), running] }),
                "1/2 CrashLoopBackOff",
            ),
            (
                json!({ "phase": "Running", "containerStatuses": [ended(json!({ "reason": "Completed" })), running] }),
                "1/2 Running",
            ),
            (
                json!({ "phase": "Failed", "containerStatuses": [ended(json!({ "signal": 9, "exitCode": 137 }))] }),
                "0/2 Signal:9",
            ),
            (
                json!({ "phase": "Failed", "containerStatuses": [ended(json!({ "exitCode": 3 }))] }),
                "0/2 ExitCode:3",
            ),
            (
                json!({ "phase": "Pending", "initContainerStatuses": [ended(json!({ "exitCode": 0 })), waiting("PodInitializing")] }),
                "0/2 Init:1/2",
            ),
            (
                json!({ "phase": "Pending", "initContainerStatuses": [waiting("ErrImagePull")] }),
                "0/2 Init:ErrImagePull",
            ),
        ] {
            let name = |name: &str| json!({ "name": name });
            let spec = json!({ "containers": [name("a"), name("b")], "initContainers": [name("c"), name("d")] });
            let mut pod = json!({ "metadata": { "name": "web" }, "spec": spec, "status": status });
            let (ready, state) = shown_of(pod.clone());
            assert_eq!(format!("{ready} {state}"), expected);
            pod["metadata"]["deletionTimestamp"] = "2026-11-29T12:00:00Z".into();
            assert_eq!(shown_of(pod).1, "Terminating");
        }
    }

    #[test]
    fn ages_are_as_kubectl_writes_them() {
        for (seconds, text) in [
            (-5, "0s"),
            (119, "119s"),
            (120, "2m"),
            (150, "2m30s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (28_799, "7h59m"),
            (90_000, "25h"),
            (172_800, "2d"),
            (180_000, "2d2h"),
            (700_000, "8d"),
            (63_072_000, "2y"),
            (63_158_400, "2y1d"),
            (252_288_000, "8y"),
        ] {
            assert_eq!(age(seconds), text, "{seconds}");
        }
    }
}
