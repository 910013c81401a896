//! `watch=true`: the pods as events. None of the sandbox's pods ever changes, so that after the first events nothing
//! comes until the time is up.

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
    exec::{parameter, switch},
    pod::VERSION,
    status::{Refused, bad_request},
};
use crate::server::Answer;

/// How long a watch lasts whose request does not say it; Kubernetes takes half an hour to an hour.
const USUAL: u64 = 1800;
/// How long it lasts at most, in seconds.
const MOST: u64 = 3600;

/// Whether a list is to be watched.
pub(super) fn is_wanted(query: &[QueryPair<'_>]) -> bool {
    switch(query, "watch")
}

/// The events of these pods.
pub(super) fn answer(
    pods: &[Value],
    query: &[QueryPair<'_>],
    api_version: &str,
) -> Result<Answer, Refused> {
    let seconds = match parameter(query, "timeoutSeconds") {
        None | Some("" | "0") => USUAL,
        Some(text) => text
            .parse()
            .map_err(|_| bad_request("timeoutSeconds has to be a number of seconds, 0 or more"))?,
    };
    let mut events = Vec::new();
    let begins_anew = matches!(parameter(query, "resourceVersion"), None | Some("" | "0"));
    let sends_all = switch(query, "sendInitialEvents");
    if begins_anew || sends_all {
        events.extend(pods.iter().map(|pod| json!({ "type": "ADDED", "object": pod })));
    }
    if sends_all && switch(query, "allowWatchBookmarks") {
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
    let silence = sleep(Duration::from_secs(seconds.min(MOST)));
    let silence = stream::once(silence).filter_map(|()| ready(None));
    let body = StreamBody::new(stream::iter(lines).chain(silence).map(Ok));
    let mut answer = Response::new(body.boxed_unsync());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(answer)
}
