//! Which container of a pod is meant if none is named.

use guestexec::cci::{Pod, types};

use crate::{failure::Failure, global::Global, say};

/// The annotation that names the container for callers who name none.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// Whether a call failed because the pod has several containers. Nothing was done then. Only then is the pod read, so
/// that one with a single container costs no call and no permission more.
pub(super) fn is_needed(failure: &Failure) -> bool {
    failure.error().is_some_and(|error| {
        !error.may_have_run() && error.message().contains("a container name must be specified")
    })
}

/// The pod with the container that kubectl would choose, also of a pod that has ended. Standard error says which.
///
/// # Errors
/// If the pod cannot be read.
pub(super) async fn choose<'a>(pod: Pod<'a>, global: &Global) -> Result<Pod<'a>, Failure> {
    let read = pod.get().await?;
    let names = names(&read);
    let annotations = read.metadata.as_ref().and_then(|metadata| metadata.annotations.as_ref());
    let annotated = annotations.and_then(|notes| notes.get(DEFAULT_CONTAINER));
    let chosen = annotated.map(|name| &**name).filter(|name| names.contains(name));
    let Some(chosen) = chosen.or(names.first().copied()) else { return Ok(pod) };
    let names = names.join(" and ");
    say::note(global, &format!("the container is `{chosen}`, of {names}; --container chooses"));
    Ok(pod.container(chosen))
}

fn names(pod: &types::Pod) -> Vec<&str> {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    containers.filter_map(|container| container.name.as_deref()).collect()
}
