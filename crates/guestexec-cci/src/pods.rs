//! Pods: the handle of one, and lists of them.

#[cfg(feature = "copy")]
use std::path::Path;
use std::{collections::HashSet, future::IntoFuture};

use futures_util::{Stream, StreamExt as _, stream::unfold};
use guestexec_core::{Each, ErrorKind, PageItems, identifier};
use reqwest::StatusCode;

use crate::{
    Client, Error, Exec, Output,
    builder::ListPods,
    enums::PodPhase,
    lifecycle::has_ended,
    operations,
    types::{self, ContainerState},
};
#[cfg(feature = "copy")]
use crate::{CopyIn, CopyOut};

/// The annotation that names the container for callers who name none.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";
/// The pods of one page.
const PAGE_SIZE: i64 = 500;
/// How often a list is begun that expires before its end.
const MOST_BEGINNINGS: usize = 3;
/// In how many pods a command runs at once by default.
const CONCURRENCY: usize = 8;

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
        Pods {
            client: self,
            namespace: namespace.into(),
            labels: None,
            fields: None,
            container: None,
        }
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
/// assert_eq!((chosen.namespace(), chosen.name()), ("default", "two"));
/// assert_eq!(chosen.container_name(), Some("a"));
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

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of the container, if one was chosen.
    pub fn container_name(&self) -> Option<&str> {
        self.container.as_deref()
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

    /// Prepares a copy of a local file or folder into the container. Only with the feature `copy`.
    ///
    /// `remote` is the path of the copy itself, not of a folder for it. [`CopyIn`] has the rest.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.cci().client()?;
    /// # let here = tempfile::tempdir()?;
    /// # std::fs::write(here.path().join("from"), "hello")?;
    /// # let (local, remote) = (here.path().join("from"), here.path().join("to").display().to_string());
    /// let copied = client.pod("default", "demo").copy_in(&local, &remote).await?;
    /// assert_eq!(copied.bytes(), 5);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "copy")]
    pub fn copy_in(&self, local: impl AsRef<Path>, remote: impl Into<String>) -> CopyIn<'a> {
        CopyIn::new(self.clone(), local.as_ref().to_owned(), remote.into())
    }

    /// Prepares a copy of the container's file or folder to here. Only with the feature `copy`.
    ///
    /// `local` is the path of the copy itself, not of a folder for it. [`CopyOut`] has the rest.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.cci().client()?;
    /// # let here = tempfile::tempdir()?;
    /// # std::fs::write(here.path().join("from"), "hello")?;
    /// # let (local, remote) = (here.path().join("to"), here.path().join("from").display().to_string());
    /// let copied = client.pod("default", "demo").copy_out(&remote, &local).await?;
    /// assert_eq!(copied.bytes(), 5);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "copy")]
    pub fn copy_out(&self, remote: impl Into<String>, local: impl AsRef<Path>) -> CopyOut<'a> {
        CopyOut::new(self.clone(), remote.into(), local.as_ref().to_owned())
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
    pub async fn choose_container(self) -> Result<Self, Error> {
        let pod = self.get().await?;
        self.choose_container_in(pod)
    }

    /// Chooses the container as [`Self::choose_container`] does, by what was read of the pod before. Sends nothing.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.cci().client()?;
    /// let pod = client.pod("default", "two");
    /// let read = pod.get().await?;
    /// assert_eq!(pod.choose_container_in(read)?.container_name(), Some("a"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the pod has ended, or has no container of this name.
    pub fn choose_container_in(mut self, pod: types::Pod) -> Result<Self, Error> {
        if has_ended(&pod)
            && let Some(phase) = pod.status.as_ref().and_then(|status| status.phase.as_ref())
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

    /// As [`choose_container_in`](Self::choose_container_in), of a pod whose container has to run already.
    fn choose_running_in(self, pod: types::Pod) -> Result<Self, Error> {
        let status = pod.status.clone().unwrap_or_default();
        let chosen = self.choose_container_in(pod)?;
        let name = chosen.container.as_deref().unwrap_or_default();
        let containers = status.container_statuses.iter();
        let mut containers = containers
            .chain(&status.init_container_statuses)
            .chain(&status.ephemeral_container_statuses);
        let state = containers
            .find(|container| container.name.as_deref() == Some(name))
            .and_then(|container| container.state.clone());
        let what = match (state, &status.phase) {
            (Some(ContainerState { running: None, waiting: Some(waiting), .. }), _) => {
                waiting.reason.unwrap_or_else(|| "waiting".to_owned())
            }
            (Some(ContainerState { running: None, terminated: Some(ended), .. }), _) => {
                ended.reason.unwrap_or_else(|| "terminated".to_owned())
            }
            (None, Some(phase @ PodPhase::Pending)) => phase.to_string(),
            _ => return Ok(chosen),
        };
        missing(format!(
            "the container `{name}` of the pod `{}` does not run ({})",
            chosen.name,
            identifier(&what)
        ))
    }
}

/// The error of a pod in which no command can run.
fn missing<T>(message: String) -> Result<T, Error> {
    Err(Error::new(ErrorKind::NotFound, message).during(operations::READ_POD.id))
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
    pub(crate) client: &'a Client,
    pub(crate) namespace: String,
    labels: Option<String>,
    fields: Option<String>,
    container: Option<String>,
}

/// The result of a command on one of many pods: the pod's name, and the command's result there. An error in their
/// place is that of the list, which then has no more of them.
pub type Ended<T> = Result<(String, Result<T, Error>), Error>;

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

    /// Chooses the container in which [`exec_each`](Self::exec_each) and [`each`](Self::each) run a command, by its
    /// name of 1 to 63 characters. Default: the one that kubectl would choose in each pod.
    pub fn container(mut self, name: impl Into<String>) -> Self {
        self.container = Some(name.into());
        self
    }

    /// Runs a command in each of the pods: the program and its arguments, which no shell interprets. As
    /// [`each`](Self::each), with nothing else set.
    pub fn exec_each<I>(self, argv: I) -> Each<'a, Ended<Output>>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let argv: Vec<String> = argv.into_iter().map(|part| part.as_ref().to_owned()).collect();
        self.each(move |pod| pod.exec(&argv))
    }

    /// Runs in each of the pods what `command` makes, in 8 pods at once unless [`Each::concurrency`] says
    /// otherwise. The name of each pod comes with its result, in the order in which the commands end. A slow or
    /// failed command does not affect the others.
    ///
    /// The list is read page by page, as there is room to run the command; where the service does not keep it for
    /// so long, it is begun again, and no pod has the command twice. A pod that has ended, or whose container
    /// does not run, has an error as its result: [`ErrorKind::NotFound`], and nothing is sent for it. An error in
    /// the place of a pod and its result is that of the list, which then has no more pods.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.cci().client()?;
    /// let pods = client.pods("default").label_selector("app=demo");
    /// let mut results = pods.each(|pod| pod.exec(["uptime"]).timeout(Duration::from_secs(30)));
    /// while let Some(ended) = results.next().await {
    ///     let (pod, result) = ended?;
    ///     println!("{pod}: {:?}", result.map(|output| output.exit_code()));
    /// }
    ///
    /// let pods = client.pods("default").container("b").field_selector("metadata.name=two");
    /// let all = pods.exec_each(["true"]).concurrency(4).await;
    /// assert_eq!(all.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn each<R, T>(self, command: impl Fn(Pod<'a>) -> R + Send + 'a) -> Each<'a, Ended<T>>
    where
        R: IntoFuture<Output = Result<T, Error>, IntoFuture: Send> + 'a,
        T: Send + 'a,
    {
        let (client, namespace, container) =
            (self.client, self.namespace.clone(), self.container.clone());
        let list = self.distinct().map(|pod| pod.map_err(Err));
        Each::one_by_one(CONCURRENCY, list, move |pod: types::Pod| {
            let name = name_of(&pod).unwrap_or_default().to_owned();
            let run = if name.is_empty() {
                missing("an entry of the list has no name".to_owned())
            } else {
                let (name, container) = (name.clone(), container.clone());
                Pod { client, namespace: namespace.clone(), name, container }.choose_running_in(pod)
            };
            let run = run.map(|pod| command(pod).into_future());
            async move {
                Ok(match run {
                    Ok(run) => (name, run.await),
                    Err(error) => (name, Err(error)),
                })
            }
        })
    }

    /// The pods, none of them twice. A list that the service no longer keeps is begun again, as long as it has
    /// something new.
    fn distinct(self) -> impl Stream<Item = Result<types::Pod, Error>> + Send + 'a {
        let items = self.call().items();
        unfold(Some((self, items, HashSet::new(), false)), |state| async {
            let (pods, mut items, mut seen, mut is_new) = state?;
            loop {
                match items.next().await? {
                    Ok(pod) => {
                        let name = name_of(&pod).map(str::to_owned);
                        if name.is_none_or(|name| seen.insert(name)) {
                            return Some((Ok(pod), Some((pods, items, seen, true))));
                        }
                    }
                    Err(error) if error.status() == Some(StatusCode::GONE) && is_new => {
                        (items, is_new) = (pods.call().items(), false);
                    }
                    Err(error) => return Some((Err(error), None)),
                }
            }
        })
    }

    /// Lists the pods, page by page. A list that the service no longer keeps is begun again.
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

fn name_of(pod: &types::Pod) -> Option<&str> {
    pod.metadata.as_ref()?.name.as_deref()
}
