//! Pods that tests make.

use std::collections::BTreeMap;

use guestexec::cci::types::{NewContainer, NewPod, NewPodMeta, NewPodSpec};

use super::Place;

/// Makes a pod in the sandbox, and waits until its container runs.
pub fn make_pod(place: &Place, name: &str, labels: &[(&str, &str)], container: NewContainer) {
    let labels: BTreeMap<String, String> =
        labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let meta = NewPodMeta::new().name(name).labels(labels);
    let pod = NewPod::new(meta, NewPodSpec::new([container]));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = place.sandbox.cci().client().unwrap();
        client.pods("default").create(pod).await.unwrap();
        client.pod("default", name).wait_until_running().await.unwrap();
    });
}

/// Makes three pods, `web-0` to `web-2`, with the label `app=web`.
pub fn make_web_pods(place: &Place) {
    for index in 0..3 {
        let container = NewContainer::new("main", "busybox:1").command(["sleep", "600"]);
        make_pod(place, &format!("web-{index}"), &[("app", "web")], container);
    }
}
