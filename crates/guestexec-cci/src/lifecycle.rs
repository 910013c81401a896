//! Pods from their creation to their deletion, and the waits in between.

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use guestexec_core::ErrorKind;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{Error, Pod, Pods, enums::PodPhase, operations, types};

/// The pause after the first poll; it doubles with each, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl Pods<'_> {
    /// Creates a pod, and returns it as it is stored: its containers start afterwards, so
    /// [wait](Pod::wait_until_running) before you run a command.
    ///
    /// It starts a command, the pod's own, and so is never sent again. After an error whose
    /// [`may_have_run`](guestexec_core::Error::may_have_run) is true, [read](Pod::get) the pod to see whether it
    /// was created: no second one of its name can be.
    ///
    /// ```
    /// use guestexec_cci::types::{NewContainer, NewPod, NewPodMeta, NewPodSpec};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.cci().client()?;
    /// let container = NewContainer::new("main", "busybox:1").command(["sleep", "600"]);
    /// let pod = NewPod::new(NewPodMeta::new().name("job"), NewPodSpec::new([container]));
    /// let created = client.pods("default").create(pod).await?;
    /// println!("{:?}", created.status.and_then(|status| status.phase));
    ///
    /// let pod = client.pod("default", "job");
    /// pod.wait_until_running().await?;
    /// assert!(pod.exec(["true"]).await?.success());
    /// pod.delete().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] if a member breaks a limit (nothing is sent); [`ErrorKind::Refused`] if
    /// there is such a pod already, or the service takes a member to be invalid; [`ErrorKind::NotFound`] if
    /// there is no such namespace; and any error of a call.
    pub async fn create(&self, mut pod: types::NewPod) -> Result<types::Pod, Error> {
        pod.api_version.get_or_insert_with(|| "cci/v2".to_owned());
        pod.kind.get_or_insert_with(|| "Pod".to_owned());
        let call = crate::builder::CreatePod::with_body(self.client, &*self.namespace, pod);
        Ok(call.send().await?.into_inner())
    }
}

impl<'a> Pod<'a> {
    /// Deletes the pod, and returns it as it is while it goes away: its processes have its grace period to
    /// end. [`Self::wait_until_deleted`] waits for that; [`Client::delete_pod`](crate::Client::delete_pod) can
    /// set another period.
    ///
    /// It is not sent again after a lost answer, since another pod may have this name by then.
    ///
    /// ```
    /// use guestexec_cci::types::{NewContainer, NewPod, NewPodMeta, NewPodSpec};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.cci().client()?;
    /// let container = NewContainer::new("main", "busybox:1").command(["sleep", "1"]);
    /// let spec = NewPodSpec::new([container]).restart_policy("Never");
    /// client.pods("default").create(NewPod::new(NewPodMeta::new().name("nap"), spec)).await?;
    ///
    /// let pod = client.pod("default", "nap");
    /// pod.wait_until_running().await?;
    /// pod.wait_until_ended().await?;
    /// pod.delete().await?;
    /// pod.wait_until_deleted().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such pod, and any error of a call.
    pub async fn delete(&self) -> Result<types::Pod, Error> {
        let answer = self.client.delete_pod(&*self.namespace, &*self.name).send().await?;
        Ok(answer.into_inner())
    }

    /// Waits until commands can run: until the [container](Self::container), or each if none was chosen, is
    /// running. Gives the pod as it is then.
    ///
    /// It fails with [`ErrorKind::NotFound`] at once if there is no such pod, or if the pod has ended.
    pub fn wait_until_running(&self) -> WaitForPod<'a, types::Pod> {
        self.wait("is running", |pod, container| {
            let pod = pod?;
            if has_ended(&pod) {
                let name = pod.metadata.as_ref().and_then(|metadata| metadata.name.as_deref());
                let name = name.unwrap_or_default();
                let message = format!("the pod `{name}` has ended: {}", doing(&pod));
                return Err(
                    Error::new(ErrorKind::NotFound, message).during(operations::READ_POD.id)
                );
            }
            Ok(if is_running(&pod, container) { Ok(*pod) } else { Err(pod) })
        })
    }

    /// Waits until the pod has ended, with success or not; a pod whose containers are always restarted never
    /// does. Gives the pod as it is then, with the exit codes of its containers.
    ///
    /// It fails with [`ErrorKind::NotFound`] at once if there is no such pod.
    pub fn wait_until_ended(&self) -> WaitForPod<'a, types::Pod> {
        self.wait("has ended", |pod, _| {
            let pod = pod?;
            Ok(if has_ended(&pod) { Ok(*pod) } else { Err(pod) })
        })
    }

    /// Waits until there is no such pod any more, or another one has its name.
    pub fn wait_until_deleted(&self) -> WaitForPod<'a, ()> {
        self.wait("is deleted", |pod, _| Ok(pod.map_or(Ok(()), Err)))
    }

    fn wait<T>(&self, until: &'static str, judge: Judge<T>) -> WaitForPod<'a, T> {
        let pod = self.clone();
        WaitForPod { pod, until, judge, at_most: Duration::from_secs(300) }
    }
}

/// Whether a wait is over: with its value, not yet because of the pod's state, or with an error. It is given
/// the pod, or the error that says that there is none or another, and the container that was chosen.
type Judge<T> =
    fn(Result<Box<types::Pod>, Error>, Option<&str>) -> Result<Result<T, Box<types::Pod>>, Error>;

/// A wait for a pod, made by [`Pod::wait_until_running`], [`Pod::wait_until_ended`] and
/// [`Pod::wait_until_deleted`]. Awaiting it reads the pod again and again, every 2 s at most.
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_cci::{enums::PodPhase, types::{NewContainer, NewPod, NewPodMeta, NewPodSpec}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.cci().client()?;
/// let container = NewContainer::new("main", "busybox:1").command(["sh", "-c", "echo done; exit 3"]);
/// let spec = NewPodSpec::new([container]).restart_policy("Never");
/// client.pods("default").create(NewPod::new(NewPodMeta::new().name("once"), spec)).await?;
///
/// let pod = client.pod("default", "once");
/// let ended = pod.wait_until_ended().wait_at_most(Duration::from_secs(60)).await?;
/// let status = ended.status.unwrap_or_default();
/// assert_eq!(status.phase, Some(PodPhase::Failed));
/// assert_eq!(pod.logs().text_lossy().await?, "done\n");
///
/// pod.delete().await?;
/// pod.wait_until_deleted().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent until it is awaited"]
pub struct WaitForPod<'a, T> {
    pod: Pod<'a>,
    until: &'static str,
    judge: Judge<T>,
    at_most: Duration,
}

impl<'a, T: Send + 'a> WaitForPod<'a, T> {
    /// Bounds the wait. Default: 5 minutes. After it, the wait fails with [`ErrorKind::Timeout`], and the
    /// message says what the pod is doing.
    pub fn wait_at_most(mut self, time: Duration) -> Self {
        self.at_most = time;
        self
    }

    async fn poll(self) -> Result<T, Error> {
        let Self { pod, until, judge, at_most } = self;
        let deadline = Instant::now().checked_add(at_most);
        let mut pause = FIRST_PAUSE;
        let mut first_uid: Option<String> = None;
        let mut last: Option<Box<types::Pod>> = None;
        let late = |last: Option<Box<types::Pod>>| {
            let doing = last.as_deref().map_or_else(|| "nothing is known of it".to_owned(), doing);
            let message = format!(
                "the pod `{}` was waited for {at_most:?}, until it {until}: {doing}",
                pod.name
            );
            Error::new(ErrorKind::Timeout, message).during(operations::READ_POD.id)
        };
        loop {
            let read = match deadline {
                None => pod.get().await,
                Some(deadline) => match timeout_at(deadline, pod.get()).await {
                    Ok(read) => read,
                    Err(_) => return Err(late(last)),
                },
            };
            let seen = match read {
                Ok(found) => {
                    let uid = found.metadata.as_ref().and_then(|metadata| metadata.uid.clone());
                    let first = first_uid.get_or_insert_with(|| uid.clone().unwrap_or_default());
                    match uid {
                        Some(uid) if uid != *first => Err(Error::new(
                            ErrorKind::NotFound,
                            format!("the pod `{}` is gone, and another has its name", pod.name),
                        )
                        .during(operations::READ_POD.id)),
                        _ => Ok(Box::new(found)),
                    }
                }
                Err(error) if error.kind() == ErrorKind::NotFound => Err(error),
                Err(error) => return Err(error),
            };
            match judge(seen, pod.container.as_deref())? {
                Ok(value) => return Ok(value),
                Err(found) => last = Some(found),
            }
            let next = Instant::now().checked_add(pause);
            if deadline.is_some_and(|deadline| next.is_none_or(|next| next >= deadline)) {
                return Err(late(last));
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }
}

impl<'a, T: Send + 'a> IntoFuture for WaitForPod<'a, T> {
    type Output = Result<T, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.poll())
    }
}

impl<T> fmt::Debug for WaitForPod<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForPod")
            .field("pod", &self.pod)
            .field("until", &self.until)
            .field("at_most", &self.at_most)
            .finish_non_exhaustive()
    }
}

/// Whether no container will run any more.
pub(crate) fn has_ended(pod: &types::Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_ref());
    matches!(phase, Some(PodPhase::Succeeded | PodPhase::Failed | PodPhase::Stopped))
}

fn is_running(pod: &types::Pod, container: Option<&str>) -> bool {
    let Some(status) = &pod.status else { return false };
    let others = status.init_container_statuses.iter().chain(&status.ephemeral_container_statuses);
    let runs = |status: &types::ContainerStatus| {
        status.state.as_ref().is_some_and(|state| state.running.is_some())
    };
    match container {
        Some(name) => {
            let mut all = status.container_statuses.iter().chain(others);
            all.any(|status| status.name.as_deref() == Some(name) && runs(status))
        }
        None => {
            status.phase == Some(PodPhase::Running)
                && !status.container_statuses.is_empty()
                && status.container_statuses.iter().all(runs)
        }
    }
}

/// The state of a pod and its containers, in one line.
fn doing(pod: &types::Pod) -> String {
    let Some(status) = &pod.status else { return "it has no status".to_owned() };
    let mut text = match &status.phase {
        Some(phase) => format!("it is {phase}"),
        None => "its phase is not known".to_owned(),
    };
    text.extend(status.reason.as_ref().map(|reason| format!(" ({reason})")));
    for container in status.init_container_statuses.iter().chain(&status.container_statuses) {
        let Some(state) = &container.state else { continue };
        let waiting = state.waiting.as_ref().map(|it| ("is waiting", &it.reason, &it.message));
        let ended = state.terminated.as_ref();
        let ended = ended.map(|it| ("has ended", &it.reason, &it.message));
        let Some((what, reason, message)) = waiting.or(ended) else { continue };
        let name = container.name.as_deref().unwrap_or_default();
        text.push_str(&format!("; container `{name}` {what}"));
        let why: Vec<&str> = [reason, message].into_iter().flatten().map(String::as_str).collect();
        if !why.is_empty() {
            text.push_str(&format!(": {}", why.join(": ")));
        }
    }
    text
}
