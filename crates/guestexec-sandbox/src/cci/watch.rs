//! `watch=true`: the pods of a namespace as events, and then each change.

use std::{sync::Arc, time::Duration};

use futures_util::stream;
use guestexec_cci::sign::QueryPair;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{
    Response, StatusCode,
    body::{Bytes, Frame},
    header::{CONTENT_TYPE, HeaderValue},
};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    error::{ErrorAnswer, bad_request, status},
    exec::{flag, parameter},
    list::{Selectors, versioned},
    store::{Event, Store},
};
use crate::service::Answer;

/// How many seconds a watch lasts by default; on Kubernetes it is half an hour to an hour.
const DEFAULT_TIME: u64 = 1800;
/// How many seconds a watch may last.
const MAX_TIME: u64 = 3600;
const TOO_OLD: &str = "too old resource version: list the objects again";

/// Whether the query of a list asks for a watch.
pub(super) fn is_requested(query: &[QueryPair<'_>]) -> bool {
    flag(query, "watch")
}

/// What is watched.
struct Watch {
    store: Arc<Store>,
    versions: watch::Receiver<u64>,
    namespace: String,
    selectors: Selectors,
    api_version: &'static str,
    /// What comes first.
    first: Bytes,
    /// The version up to which all is told.
    told: u64,
    until: Instant,
    is_over: bool,
}

/// Answers with the events of the pods that are selected.
pub(super) fn answer(
    store: &Arc<Store>,
    namespace: &str,
    query: &[QueryPair<'_>],
    api_version: &'static str,
) -> Result<Answer, ErrorAnswer> {
    let number = |name: &str, rule: &str| match parameter(query, name) {
        None | Some("" | "0") => Ok(None),
        Some(text) => {
            text.parse::<u64>().map(Some).map_err(|_| bad_request(&format!("{name} {rule}")))
        }
    };
    let seconds = number("timeoutSeconds", "has to be a number of seconds, 0 or more")?;
    let version = number("resourceVersion", "has to be as the server gave it")?;
    let selectors = Selectors::read(query)?;
    let sends_all = flag(query, "sendInitialEvents");
    let versions = store.versions();
    let (pods, now) = store.pods(namespace);
    let mut events = Vec::new();
    let told = match version {
        Some(version) if !sends_all => version,
        _ => {
            let chosen = pods.iter().filter(|pod| selectors.choose(pod));
            events.extend(chosen.map(|pod| event("ADDED", versioned(pod, api_version))));
            now
        }
    };
    if store.events_after(told).is_none() {
        return Err(status(StatusCode::GONE, "Expired", TOO_OLD, None));
    }
    if sends_all && flag(query, "allowWatchBookmarks") {
        let metadata = json!({
            "resourceVersion": now.to_string(),
            "creationTimestamp": null,
            "annotations": { "k8s.io/initial-events-end": "true" },
        });
        let object = json!({
            "kind": "Pod",
            "apiVersion": api_version,
            "metadata": metadata,
            "spec": { "containers": null },
            "status": {},
        });
        events.push(event("BOOKMARK", object));
    }
    let seconds = seconds.unwrap_or(DEFAULT_TIME).min(MAX_TIME);
    let watch = Watch {
        store: Arc::clone(store),
        versions,
        namespace: namespace.to_owned(),
        selectors,
        api_version,
        first: events.concat().into(),
        told,
        until: Instant::now() + Duration::from_secs(seconds),
        is_over: false,
    };
    let parts = stream::unfold(watch, async |mut watch| {
        let part = watch.next().await?;
        Some((Ok(Frame::data(part)), watch))
    });
    let mut answer = Response::new(StreamBody::new(parts).boxed_unsync());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(answer)
}

fn event(kind: &str, object: Value) -> String {
    format!("{}\n", json!({ "type": kind, "object": object }))
}

impl Watch {
    /// The next events; `None` at the end of the time.
    async fn next(&mut self) -> Option<Bytes> {
        let first = std::mem::take(&mut self.first);
        if !first.is_empty() {
            return Some(first);
        }
        while !self.is_over {
            self.versions.mark_unchanged();
            let Some((events, now)) = self.store.events_after(self.told) else {
                self.is_over = true;
                let gone = json!({
                    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "message": TOO_OLD, "reason": "Expired", "code": 410,
                });
                return Some(event("ERROR", gone).into());
            };
            let lines: String = events.iter().filter_map(|event| self.told(event)).collect();
            self.told = self.told.max(now);
            if !lines.is_empty() {
                return Some(lines.into());
            }
            match timeout_at(self.until, self.versions.changed()).await {
                Ok(Ok(())) => {}
                _ => self.is_over = true,
            }
        }
        None
    }

    /// What a change is to this watch.
    fn told(&self, change: &Event) -> Option<String> {
        let chosen = |pod: &Option<Arc<Value>>| {
            let pod = pod.as_ref()?;
            let is_here = pod["metadata"]["namespace"].as_str() == Some(&self.namespace);
            (is_here && self.selectors.choose(pod)).then(|| versioned(pod, self.api_version))
        };
        let (kind, mut pod) = match (chosen(&change.before), chosen(&change.after)) {
            (None, None) => return None,
            (None, Some(pod)) => ("ADDED", pod),
            (Some(_), Some(pod)) => ("MODIFIED", pod),
            (Some(pod), None) => ("DELETED", pod),
        };
        pod["metadata"]["resourceVersion"] = change.version.to_string().into();
        Some(event(kind, pod))
    }
}
