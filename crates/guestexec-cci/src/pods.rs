//! Pods: the handle of one, and lists of them.

use guestexec_core::ErrorKind;

use crate::{Client, Error, Exec, enums::PodPhase, types};

/// Names the container to use where none is asked for.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";
/// Pods asked for at once.
const PAGE: i64 = 500;
/// Parts without a pod that are taken one after the other.
const EMPTY_PARTS: usize = 100;

impl Client {
    /// A pod, by its namespace (1 to 63 characters) and name (1 to 253). Nothing is sent yet.
    pub fn pod(&self, namespace: impl Into<String>, name: impl Into<String>) -> Pod<'_> {
        Pod { client: self, namespace: namespace.into(), name: name.into(), container: None }
    }

    /// The pods of a namespace.
    pub fn pods(&self, namespace: impl Into<String>) -> Pods<'_> {
        Pods { client: self, namespace: namespace.into(), labels: None, fields: None }
    }
}

/// A pod in which commands are to run; made by [`Client::pod`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Pod<'a> {
    pub(crate) client: &'a Client,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) container: Option<String>,
}

impl<'a> Pod<'a> {
    /// The container in which commands are to run, 1 to 63 characters. It may be left out if the
    /// pod has only one.
    pub fn container(mut self, name: impl Into<String>) -> Self {
        self.container = Some(name.into());
        self
    }

    /// A command to be run: the program and its arguments, which no shell looks at. Call
    /// [`Exec::output`] or [`Exec::spawn`] on the result to run it.
    pub fn exec<I>(&self, argv: I) -> Exec<'a>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Exec::new(self.clone(), argv.into_iter().map(Into::into).collect())
    }

    /// Reads the pod: its containers and what they are doing.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such pod, and whatever a call may fail with.
    pub async fn get(&self) -> Result<types::Pod, Error> {
        let call = self.client.read_cci_v2_namespaced_pod();
        let answer = call.namespace(&*self.namespace).name(&*self.name).send().await?;
        Ok(answer.into_inner())
    }

    /// Reads the pod and chooses the container as kubectl does, if none was named: the one its
    /// annotation `kubectl.kubernetes.io/default-container` names, else the first.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the pod has ended, does not exist, or has no container of the
    /// name; and whatever a call may fail with.
    pub async fn choose_container(mut self) -> Result<Self, Error> {
        let pod = self.get().await?;
        let missing = |message: String| {
            Err(Error::new(ErrorKind::NotFound, message).during("readCciV2NamespacedPod"))
        };
        if let Some(phase @ (PodPhase::Succeeded | PodPhase::Failed)) =
            pod.status.as_ref().and_then(|status| status.phase.as_ref())
        {
            return missing(format!(
                "the pod `{}` has ended ({phase}): no command can run in it any more",
                self.name
            ));
        }
        let spec = pod.spec.unwrap_or_default();
        let annotations = pod.metadata.and_then(|metadata| metadata.annotations);
        let annotated = annotations.and_then(|mut notes| notes.remove(DEFAULT_CONTAINER));
        let wanted = self.container.take().or(annotated);
        let names = || spec.containers.iter().filter_map(|container| container.name.as_deref());
        let others = spec.init_containers.iter().chain(&spec.ephemeral_containers);
        let known = |name: &str| {
            names().chain(others.clone().filter_map(|c| c.name.as_deref())).any(|n| n == name)
        };
        self.container = match wanted {
            Some(name) if !known(&name) => {
                return missing(format!(
                    "the pod `{}` has no container `{name}`, but these: {}",
                    self.name,
                    names().collect::<Vec<_>>().join(", ")
                ));
            }
            Some(name) => Some(name),
            None => names().next().map(str::to_owned),
        };
        Ok(self)
    }
}

/// The pods of a namespace, or some of them; made by [`Client::pods`].
#[derive(Clone, Debug)]
#[must_use = "nothing is asked until `list` is called"]
pub struct Pods<'a> {
    client: &'a Client,
    namespace: String,
    labels: Option<String>,
    fields: Option<String>,
}

impl Pods<'_> {
    /// Keeps pods whose labels match, such as `app=web,tier!=cache`.
    pub fn label_selector(mut self, selector: impl Into<String>) -> Self {
        self.labels = Some(selector.into());
        self
    }

    /// Keeps pods whose members match, such as `status.phase=Running`.
    pub fn field_selector(mut self, selector: impl Into<String>) -> Self {
        self.fields = Some(selector.into());
        self
    }

    /// Asks for all of them, part by part.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] if the service's parts go in a circle, and whatever a call may fail
    /// with.
    pub async fn list(self) -> Result<Vec<types::Pod>, Error> {
        let mut pods = Vec::new();
        let mut from: Option<String> = None;
        let mut empty_parts = 0;
        loop {
            let mut call =
                self.client.list_cci_v2_namespaced_pod().namespace(&*self.namespace).limit(PAGE);
            if let Some(selector) = &self.labels {
                call = call.label_selector(&**selector);
            }
            if let Some(selector) = &self.fields {
                call = call.field_selector(&**selector);
            }
            if let Some(from) = &from {
                call = call.continue_(&**from);
            }
            let part = call.send().await?.into_inner();
            let metadata = part.metadata.unwrap_or_default();
            // A list must not pass for whole because the place where it goes on cannot be read.
            let is_odd = part.extra.contains_key("metadata")
                || (metadata.continue_.is_none() && metadata.extra.contains_key("continue"));
            if is_odd || part.extra.get("items").is_some_and(|items| !items.is_array()) {
                return Err(Error::new(
                    ErrorKind::Protocol,
                    "the service lists pods in a form that cannot be read",
                )
                .during("listCciV2NamespacedPod"));
            }
            let next = metadata.continue_.filter(|next| !next.is_empty());
            // Selectors may leave a part empty, but not one after the other without end.
            empty_parts = if part.items.is_empty() { empty_parts + 1 } else { 0 };
            pods.extend(part.items);
            match next {
                None => return Ok(pods),
                Some(_) if next == from || empty_parts > EMPTY_PARTS => {
                    return Err(Error::new(
                        ErrorKind::Protocol,
                        "the service says that the list goes on, and gives nothing more of it",
                    )
                    .during("listCciV2NamespacedPod"));
                }
                next => from = next,
            }
        }
    }
}
