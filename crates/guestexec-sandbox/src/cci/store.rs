//! The namespaces and pods of the sandbox, and what happened to them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
};

use serde_json::Value;
use tokio::sync::watch;

use super::{
    API_VERSION,
    error::{ErrorAnswer, already_exists, forbidden, no_such},
    namespace::Namespace,
    pod::{NAMESPACE, Pod},
};
use crate::clock;

/// The most pods at once.
const MAX_PODS: usize = 128;
/// The most namespaces at once.
const MAX_NAMESPACES: usize = 128;
/// How many events are kept for watches.
const MAX_EVENTS: usize = 1024;

/// All objects. The version goes up with each change.
#[derive(Debug)]
pub(super) struct Store {
    kept: Mutex<Kept>,
    version: watch::Sender<u64>,
}

#[derive(Debug)]
struct Kept {
    namespaces: Vec<Namespace>,
    pods: Vec<Listed>,
    events: VecDeque<Event>,
    /// The version of the last event that was dropped.
    dropped: u64,
}

#[derive(Debug)]
struct Listed {
    pod: Arc<Pod>,
    /// The pod as it was shown last.
    shown: Arc<Value>,
}

/// A change of a pod.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) version: u64,
    pub(super) before: Option<Arc<Value>>,
    pub(super) after: Option<Arc<Value>>,
}

impl Store {
    pub(super) fn new(pods: Vec<Pod>) -> Self {
        let listed = |pod: Pod| {
            let shown = Arc::new(pod.to_json(API_VERSION));
            Listed { pod: Arc::new(pod), shown }
        };
        let pods = pods.into_iter().map(listed).collect();
        let namespaces = vec![Namespace::fixed(NAMESPACE)];
        let kept = Kept { namespaces, pods, events: VecDeque::new(), dropped: 0 };
        Self { kept: Mutex::new(kept), version: watch::Sender::new(1) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pod of this name.
    pub(super) fn pod(&self, namespace: &str, name: &str) -> Option<Arc<Pod>> {
        let kept = self.kept();
        let found =
            kept.pods.iter().find(|it| it.pod.namespace == namespace && it.pod.name == name);
        found.map(|listed| Arc::clone(&listed.pod))
    }

    /// The pods of a namespace as they are shown, and the version of that state.
    pub(super) fn pods(&self, namespace: &str) -> (Vec<Arc<Value>>, u64) {
        let kept = self.kept();
        let of = kept.pods.iter().filter(|listed| listed.pod.namespace == namespace);
        let shown = of.map(|listed| Arc::clone(&listed.shown)).collect();
        (shown, *self.version.borrow())
    }

    /// The events after a version, up to the present one; `None` where some are not kept any more.
    pub(super) fn events_after(&self, version: u64) -> Option<(Vec<Event>, u64)> {
        let kept = self.kept();
        if version < kept.dropped {
            return None;
        }
        let events = kept.events.iter().filter(|event| event.version > version).cloned().collect();
        Some((events, *self.version.borrow()))
    }

    /// The version, as it changes.
    pub(super) fn versions(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Whether there is such a namespace.
    pub(super) fn has_namespace(&self, namespace: &str) -> bool {
        self.kept().namespaces.iter().any(|it| it.name == namespace)
    }

    /// The namespaces as they are shown, and the version of that state.
    pub(super) fn namespaces(&self) -> (Vec<Arc<Value>>, u64) {
        let kept = self.kept();
        let shown = kept.namespaces.iter().map(|it| Arc::new(it.to_json(API_VERSION))).collect();
        (shown, *self.version.borrow())
    }

    /// A namespace as it is shown.
    pub(super) fn namespace(&self, name: &str) -> Result<Value, ErrorAnswer> {
        let kept = self.kept();
        let found = kept.namespaces.iter().find(|it| it.name == name);
        found.map(|it| it.to_json(API_VERSION)).ok_or_else(|| no_such("namespaces", name))
    }

    /// Adds a namespace, or only checks whether it could be added.
    pub(super) fn add_namespace(
        &self,
        mut namespace: Namespace,
        is_dry_run: bool,
    ) -> Result<Value, ErrorAnswer> {
        let mut kept = self.kept();
        let name = &namespace.name;
        if kept.namespaces.iter().any(|it| it.name == *name) {
            return Err(already_exists("namespaces", name));
        }
        if kept.namespaces.len() >= MAX_NAMESPACES {
            return Err(forbidden(&format!(
                "namespaces \"{name}\" is forbidden: exceeded quota: the sandbox holds at most \
                 {MAX_NAMESPACES} namespaces"
            )));
        }
        if is_dry_run {
            return Ok(namespace.to_json(API_VERSION));
        }
        let version = self.next();
        namespace.version = version;
        let shown = namespace.to_json(API_VERSION);
        kept.namespaces.push(namespace);
        // Within the lock, so that no two changes have one version.
        self.version.send_replace(version);
        drop(kept);
        Ok(shown)
    }

    /// Deletes a namespace with its pods, or only shows it.
    pub(super) fn delete_namespace(
        &self,
        name: &str,
        is_dry_run: bool,
    ) -> Result<Value, ErrorAnswer> {
        if name == NAMESPACE {
            return Err(forbidden(&format!(
                "namespaces \"{name}\" is forbidden: this namespace may not be deleted"
            )));
        }
        if is_dry_run {
            return self.namespace(name);
        }
        let mut kept = self.kept();
        let version = self.next();
        let found = kept.namespaces.iter_mut().find(|it| it.name == name);
        let namespace = found.ok_or_else(|| no_such("namespaces", name))?;
        if namespace.deleted.is_none() {
            namespace.deleted = Some(clock::now());
            namespace.version = version;
        }
        let shown = namespace.to_json(API_VERSION);
        let of = kept.pods.iter().filter(|listed| listed.pod.namespace == name);
        let pods: Vec<Arc<Pod>> = of.map(|listed| Arc::clone(&listed.pod)).collect();
        kept.forget_namespaces();
        // Within the lock, so that no two changes have one version.
        self.version.send_replace(version);
        drop(kept);
        for pod in pods {
            pod.delete(None);
            self.touch(&pod);
        }
        Ok(shown)
    }

    /// Adds a pod.
    pub(super) fn add(&self, pod: Pod) -> Result<(Arc<Pod>, Arc<Value>), ErrorAnswer> {
        let mut kept = self.kept();
        self.check(&kept, &pod)?;
        let version = self.next();
        pod.version.store(version, Ordering::Relaxed);
        let shown = Arc::new(pod.to_json(API_VERSION));
        let pod = Arc::new(pod);
        kept.pods.push(Listed { pod: Arc::clone(&pod), shown: Arc::clone(&shown) });
        kept.push(Event { version, before: None, after: Some(Arc::clone(&shown)) });
        // Within the lock, so that no two changes have one version.
        self.version.send_replace(version);
        drop(kept);
        Ok((pod, shown))
    }

    /// Whether a pod could be added.
    pub(super) fn would_add(&self, pod: &Pod) -> Result<(), ErrorAnswer> {
        self.check(&self.kept(), pod)
    }

    fn check(&self, kept: &Kept, pod: &Pod) -> Result<(), ErrorAnswer> {
        let namespace = kept.namespaces.iter().find(|it| it.name == pod.namespace);
        let namespace = namespace.ok_or_else(|| no_such("namespaces", &pod.namespace))?;
        if namespace.deleted.is_some() {
            return Err(namespace.is_terminating(&pod.name));
        }
        let is_same = |it: &Listed| it.pod.namespace == pod.namespace && it.pod.name == pod.name;
        if kept.pods.iter().any(is_same) {
            return Err(already_exists("pods", &pod.name));
        }
        if kept.pods.len() >= MAX_PODS {
            return Err(forbidden(&format!(
                "pods \"{}\" is forbidden: exceeded quota: the sandbox holds at most {MAX_PODS} pods",
                pod.name
            )));
        }
        Ok(())
    }

    fn next(&self) -> u64 {
        *self.version.borrow() + 1
    }

    /// Tells of a change of the pod; returns it as it is now.
    pub(super) fn touch(&self, pod: &Pod) -> Arc<Value> {
        let mut kept = self.kept();
        let version = self.next();
        let listed = kept.pods.iter_mut().find(|listed| std::ptr::eq(&raw const *listed.pod, pod));
        let Some(listed) = listed else { return Arc::new(pod.to_json(API_VERSION)) };
        pod.version.store(version, Ordering::Relaxed);
        let shown = Arc::new(pod.to_json(API_VERSION));
        let before = std::mem::replace(&mut listed.shown, Arc::clone(&shown));
        kept.push(Event { version, before: Some(before), after: Some(Arc::clone(&shown)) });
        // Within the lock, so that no two changes have one version.
        self.version.send_replace(version);
        drop(kept);
        shown
    }

    /// Removes a pod.
    pub(super) fn remove(&self, pod: &Pod) {
        let mut kept = self.kept();
        let at = kept.pods.iter().position(|listed| std::ptr::eq(&raw const *listed.pod, pod));
        let Some(at) = at else { return };
        let version = self.next();
        let Listed { shown, .. } = kept.pods.remove(at);
        kept.push(Event { version, before: Some(shown), after: None });
        kept.forget_namespaces();
        // Within the lock, so that no two changes have one version.
        self.version.send_replace(version);
        drop(kept);
    }
}

impl Kept {
    /// Removes the deleted namespaces without pods.
    fn forget_namespaces(&mut self) {
        let Self { namespaces, pods, .. } = self;
        let is_used = |name: &str| pods.iter().any(|listed| listed.pod.namespace == name);
        namespaces.retain(|it| it.deleted.is_none() || is_used(&it.name));
    }

    fn push(&mut self, event: Event) {
        self.events.push_back(event);
        if self.events.len() > MAX_EVENTS
            && let Some(oldest) = self.events.pop_front()
        {
            self.dropped = oldest.version;
        }
    }
}
