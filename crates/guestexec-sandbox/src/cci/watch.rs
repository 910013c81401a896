//! `watch=true`: the pods as events. The sandbox's pods never change, so that no event follows the first ones.

use std::{future::ready, time::Duration};

use futures_util::{StreamExt as _, stream};
use guestexec_cci::sign::QueryPair;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{
    Response,
    body::{Bytes, Frame},
    header::{CONTENT_TYPE, HeaderValue},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    error::{ErrorAnswer, bad_request},
    exec::{flag, parameter},
    pod::VERSION,
};
use crate::service::Answer;

/// How many seconds a watch lasts by default; on Kubernetes it is half an hour to an hour.
const DEFAULT_TIME: u64 = 1800;
/// How many seconds a watch may last.
const MAX_TIME: u64 = 3600;

/// Whether the query of a list asks for a watch.
pub(super) fn is_requested(query: &[QueryPair<'_>]) -> bool {
    flag(query, "watch")
}

/// The events of these pods.
pub(super) fn answer(
    pods: &[Value],
    query: &[QueryPair<'_>],
    api_version: &str,
) -> Result<Answer, ErrorAnswer> {
    let seconds = match parameter(query, "timeoutSeconds") {
        None | Some("" | "0") => DEFAULT_TIME,
        Some(text) => text
            .parse()
            .map_err(|_| bad_request("timeoutSeconds has to be a number of seconds, 0 or more"))?,
    };
    let mut events = Vec::new();
    let starts_without_state = matches!(parameter(query, "resourceVersion"), None | Some("" | "0"));
    let sends_all = flag(query, "sendInitialEvents");
    if starts_without_state || sends_all {
        events.extend(pods.iter().map(|pod| json!({ "type": "ADDED", "object": pod })));
    }
    if sends_all && flag(query, "allowWatchBookmarks") {
        let metadata = json!({
            "resourceVersion": VERSION,
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
        events.push(json!({ "type": "BOOKMARK", "object": object }));
    }
    let lines = events.iter().map(|event| Frame::data(Bytes::from(format!("{event}\n"))));
    let lines: Vec<Frame<Bytes>> = lines.collect();
    let silence = sleep(Duration::from_secs(seconds.min(MAX_TIME)));
    let silence = stream::once(silence).filter_map(|()| ready(None));
    let body = StreamBody::new(stream::iter(lines).chain(silence).map(Ok));
    let mut answer = Response::new(body.boxed_unsync());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(answer)
}
