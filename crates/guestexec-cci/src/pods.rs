//! Pods: the handle of one, and lists of them.

use guestexec_core::{ErrorKind, PageItems};
use reqwest::StatusCode;

use crate::{Client, Error, Exec, builder::ListPods, enums::PodPhase, operations, types};

/// The annotation that names the container for callers who name none.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";
/// The pods of one page.
const PAGE_SIZE: i64 = 500;
/// How often a list is begun that expires before its end.
const MOST_BEGINNINGS: usize = 3;

impl Client {
    /// The pod with this namespace (1 to 63 characters) and name (1 to 253). Sends nothing.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.cci().client()?;
    /// let hello = client.pod("default", "demo").exec(["echo", "hello"]).await?;
    /// assert_eq!(hello.stdout_lossy(), "hello\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn pod(&self, namespace: impl Into<String>, name: impl Into<String>) -> Pod<'_> {
        Pod { client: self, namespace: namespace.into(), name: name.into(), container: None }
    }

    /// The pods of a namespace. Sends nothing.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.cci().client()?;
    /// for pod in client.pods("default").list().await? {
    ///     println!("{:?}", pod.metadata.and_then(|metadata| metadata.name));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn pods(&self, namespace: impl Into<String>) -> Pods<'_> {
        Pods { client: self, namespace: namespace.into(), labels: None, fields: None }
    }
}

/// A pod in which commands run, made by [`Client::pod`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.cci().client()?;
/// let pod = client.pod("default", "two").container("b");
/// let output = pod.exec(["sh", "-c", "echo $((6 * 7))"]).await?;
/// assert_eq!(output.stdout_lossy(), "42\n");
///
/// let containers = pod.get().await?.spec.unwrap_or_default().containers;
/// assert_eq!(containers.len(), 2);
///
/// // The one that kubectl would choose.
/// let chosen = client.pod("default", "two").choose_container().await?;
/// assert!(chosen.exec(["true"]).await?.success());
/// # Ok(())
/// # }
/// ```
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
        I::Item: AsRef<str>,
    {
        let argv = argv.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
        Exec::new(self.clone(), argv)
    }

    /// Reads the pod: its containers and their state.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such pod, and any error of a call.
    pub async fn get(&self) -> Result<types::Pod, Error> {
        let answer = self.client.read_pod(&*self.namespace, &*self.name).send().await?;
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
            Err(Error::new(ErrorKind::NotFound, message).during(operations::READ_POD.id))
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
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.cci().client()?;
/// let running = client.pods("default").field_selector("status.phase=Running");
/// assert_eq!(running.list().await?.len(), 2);
///
/// // One by one, a page at a time.
/// let mut pods = client.pods("default").label_selector("app!=web").items();
/// while let Some(pod) = pods.next().await {
///     println!("{:?}", pod?.status.and_then(|status| status.phase));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until `list` is called or a stream is read"]
pub struct Pods<'a> {
    client: &'a Client,
    namespace: String,
    labels: Option<String>,
    fields: Option<String>,
}

impl<'a> Pods<'a> {
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

    /// Lists the pods, page by page. A list that the service no longer keeps is begun anew.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] if the service's pages do not end, and any error of a call.
    pub async fn list(self) -> Result<Vec<types::Pod>, Error> {
        let mut begun = 1;
        loop {
            match self.call().items().all().await {
                Err(error)
                    if error.status() == Some(StatusCode::GONE) && begun < MOST_BEGINNINGS =>
                {
                    begun += 1;
                }
                result => return result,
            }
        }
    }

    /// The pods as a stream, each page asked for when it is needed.
    ///
    /// The stream ends with an error where the service no longer keeps the list (status 410): what came
    /// before it is then a part of the list.
    pub fn items(self) -> PageItems<'a, ListPods<'a>> {
        self.call().items()
    }

    fn call(&self) -> ListPods<'a> {
        let mut call = self.client.list_pods(&*self.namespace).limit(PAGE_SIZE);
        if let Some(selector) = &self.labels {
            call = call.label_selector(&**selector);
        }
        if let Some(selector) = &self.fields {
            call = call.field_selector(&**selector);
        }
        call
    }
}
