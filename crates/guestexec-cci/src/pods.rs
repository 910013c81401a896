//! Pods: the handle of one, and lists of them.

use guestexec_core::ErrorKind;

use crate::{Client, Error, Exec, enums::PodPhase, operations, types};

/// The annotation that names the container for callers who name none.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";
/// The pods of one page.
const PAGE_SIZE: i64 = 500;
/// The most consecutive pages without a pod: selectors may leave a page empty, but not all pages.
const MAX_EMPTY_PAGES: usize = 100;

impl Client {
    /// The pod with this namespace (1 to 63 characters) and name (1 to 253). Sends nothing.
    pub fn pod(&self, namespace: impl Into<String>, name: impl Into<String>) -> Pod<'_> {
        Pod { client: self, namespace: namespace.into(), name: name.into(), container: None }
    }

    /// The pods of a namespace. Sends nothing.
    pub fn pods(&self, namespace: impl Into<String>) -> Pods<'_> {
        Pods { client: self, namespace: namespace.into(), labels: None, fields: None }
    }
}

/// A pod in which commands run, made by [`Client::pod`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Pod<'a> {
    pub(crate) client: &'a Client,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) container: Option<String>,
}

impl<'a> Pod<'a> {
    /// Chooses the container, by its name of 1 to 63 characters. A pod with one container needs no
    /// choice.
    pub fn container(mut self, name: impl Into<String>) -> Self {
        self.container = Some(name.into());
        self
    }

    /// Prepares a command: the program and its arguments, which no shell interprets. Run it by
    /// [`Exec::output`] or [`Exec::spawn`].
    pub fn exec<I>(&self, argv: I) -> Exec<'a>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Exec::new(self.clone(), argv.into_iter().map(Into::into).collect())
    }

    /// Reads the pod: its containers and their state.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such pod, and any error of a call.
    pub async fn get(&self) -> Result<types::Pod, Error> {
        let call = self.client.read_cci_v2_namespaced_pod();
        let answer = call.namespace(&*self.namespace).name(&*self.name).send().await?;
        Ok(answer.into_inner())
    }

    /// Reads the pod, and chooses the container as kubectl does: the one that was named, else the one
    /// of the annotation `kubectl.kubernetes.io/default-container`, else the first.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the pod has ended, does not exist, or has no container of this name;
    /// and any error of a call.
    pub async fn choose_container(mut self) -> Result<Self, Error> {
        let pod = self.get().await?;
        let missing = |message: String| {
            Err(Error::new(ErrorKind::NotFound, message)
                .during(operations::READ_CCI_V2_NAMESPACED_POD.id))
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

/// The pods of a namespace, or some of them, made by [`Client::pods`].
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until `list` is called"]
pub struct Pods<'a> {
    client: &'a Client,
    namespace: String,
    labels: Option<String>,
    fields: Option<String>,
}

impl Pods<'_> {
    /// Selects pods by their labels, such as `app=web,tier!=cache`.
    pub fn label_selector(mut self, selector: impl Into<String>) -> Self {
        self.labels = Some(selector.into());
        self
    }

    /// Selects pods by their fields, such as `status.phase=Running`.
    pub fn field_selector(mut self, selector: impl Into<String>) -> Self {
        self.fields = Some(selector.into());
        self
    }

    /// Lists the pods, page by page.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] if the service's pages do not end, and any error of a call.
    pub async fn list(self) -> Result<Vec<types::Pod>, Error> {
        let mut pods = Vec::new();
        let mut from: Option<String> = None;
        let mut empty_pages = 0;
        loop {
            let mut call = self
                .client
                .list_cci_v2_namespaced_pod()
                .namespace(&*self.namespace)
                .limit(PAGE_SIZE);
            if let Some(selector) = &self.labels {
                call = call.label_selector(&**selector);
            }
            if let Some(selector) = &self.fields {
                call = call.field_selector(&**selector);
            }
            if let Some(from) = &from {
                call = call.continue_(&**from);
            }
            let page = call.send().await?.into_inner();
            let metadata = page.metadata.unwrap_or_default();
            // Without a readable `continue`, a part of the list would pass for all of it.
            let is_odd = page.extra.contains_key("metadata")
                || (metadata.continue_.is_none() && metadata.extra.contains_key("continue"));
            if is_odd || page.extra.get("items").is_some_and(|items| !items.is_array()) {
                return Err(Error::new(
                    ErrorKind::Protocol,
                    "the service lists pods in a form that cannot be read",
                )
                .during(operations::LIST_CCI_V2_NAMESPACED_POD.id));
            }
            let next = metadata.continue_.filter(|next| !next.is_empty());
            empty_pages = if page.items.is_empty() { empty_pages + 1 } else { 0 };
            pods.extend(page.items);
            match next {
                None => return Ok(pods),
                Some(_) if next == from || empty_pages > MAX_EMPTY_PAGES => {
                    return Err(Error::new(
                        ErrorKind::Protocol,
                        "the service says that the list goes on, and gives nothing more of it",
                    )
                    .during(operations::LIST_CCI_V2_NAMESPACED_POD.id));
                }
                next => from = next,
            }
        }
    }
}
