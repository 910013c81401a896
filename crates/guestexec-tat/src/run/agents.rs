//! Choosing instances by their agents.

use std::{
    collections::HashSet,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::{
    Stream, StreamExt as _,
    stream::{BoxStream, iter, unfold},
};
use guestexec_core::{Base64, Each, ErrorKind};

use super::{Event, Events, InstanceResult, Instances, Run, Runnable, Script, follow::Follow};
use crate::{
    Client, Error,
    enums::{AgentEnvironment, AgentStatus},
    operations::DESCRIBE_AUTOMATION_AGENT_STATUS,
    types::{AutomationAgentInfo, DescribeAutomationAgentStatusRequest, Filter},
};

/// The agents of one page, and the instances of one call that starts a command on them.
const PAGE: usize = *DescribeAutomationAgentStatusRequest::INSTANCE_IDS_ITEMS.end();
/// On how many instances a command runs at once by default.
const CONCURRENCY: usize = 2 * PAGE;

impl Client {
    /// The agents of the account's instances in the client's region. Sends nothing.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.tat().client()?;
    /// for agent in client.agents().list().await? {
    ///     println!("{:?}: {:?}", agent.instance_id, agent.agent_status);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn agents(&self) -> Agents<'_> {
        Agents { client: self, ids: None, online: false, environment: None }
    }
}

/// The agents of all instances, or of some, made by [`Client::agents`]. The service can choose by state, system
/// and id, not by tag.
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_tat::enums::AgentEnvironment;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.tat().client()?;
/// // One command on all of them, however many there are.
/// let linux = client.agents().online().environment(AgentEnvironment::Linux);
/// let finished = linux.clone().instances().await?.run("uptime").await?;
/// assert!(finished.success());
///
/// // The same with results as they come, on 50 instances at once.
/// let mut results = linux.clone().run_each("uptime").concurrency(50);
/// while let Some(ended) = results.next().await {
///     let (instance, result) = ended?;
///     println!("{instance}: {:?}", result.map(|result| result.exit_code()));
/// }
///
/// // With all that a command can have.
/// let each = linux.ids(["ins-zj0f57ew"]).each(|on| on.run("id").timeout(Duration::from_secs(10)));
/// assert_eq!(each.await.len(), 1);
///
/// // The agents themselves: all, or a page at a time.
/// assert!(!client.agents().list().await?.is_empty());
/// let mut agents = client.agents().items();
/// while let Some(agent) = agents.next().await {
///     println!("{:?}", agent?.version);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until `list` or `instances` is called or a stream is read"]
pub struct Agents<'a> {
    client: &'a Client,
    ids: Option<Vec<String>>,
    online: bool,
    environment: Option<AgentEnvironment>,
}

/// Begins a command on the instances with these ids.
type Begin<'a> = Box<dyn Fn(Vec<String>) -> Result<Follow, Error> + Send + 'a>;

/// The result of a command on one of many instances: its id, and the command's result there. An error in their
/// place is that of the list, which then has no more of them.
pub type Ended<T> = Result<(String, Result<T, Error>), Error>;

impl<'a> Agents<'a> {
    /// Chooses those of the instances with these ids (`ins-…`, `lhins-…`), any number of them; one of which the
    /// service lists no agent is left out.
    pub fn ids<I>(mut self, ids: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.ids = Some(ids.into_iter().map(|id| id.as_ref().to_owned()).collect());
        self
    }

    /// Chooses those that are online: they can take a command now.
    pub fn online(mut self) -> Self {
        self.online = true;
        self
    }

    /// Chooses those on machines with this system.
    #[inline]
    pub fn environment(mut self, environment: AgentEnvironment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// The agents as a stream, 100 with each call, which is made when it is needed. None comes twice, also
    /// where the list changes while it is read; then the service may not show one at all.
    #[inline]
    pub fn items(self) -> AgentItems<'a> {
        let chosen = self.clone();
        let items = match &self.ids {
            None => self.pages().boxed(),
            Some(_) => self.by_id().boxed(),
        };
        let mut seen = HashSet::new();
        let items = items.filter(move |agent| {
            let is_wanted = match agent {
                Ok(agent) => {
                    let is_new = |id: &String| seen.insert(id.clone());
                    chosen.has(agent) && agent.instance_id.as_ref().is_none_or(is_new)
                }
                Err(_) => true,
            };
            std::future::ready(is_wanted)
        });
        AgentItems(items.boxed())
    }

    /// Lists the agents.
    ///
    /// # Errors
    /// Any error of a call; what came before it is lost, unlike with [`items`](Self::items).
    pub async fn list(self) -> Result<Vec<AutomationAgentInfo>, Error> {
        let mut items = self.items();
        let mut all = Vec::new();
        while let Some(agent) = items.next().await {
            all.push(agent?);
        }
        Ok(all)
    }

    /// Lists the instances of the agents, to run one command on all of them, see [`Client::instances`].
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is none, and any error of a call.
    pub async fn instances(self) -> Result<Instances<'a>, Error> {
        let client = self.client;
        let ids = self.list().await?.into_iter().filter_map(|agent| agent.instance_id);
        let ids: Vec<String> = ids.collect();
        if ids.is_empty() {
            let message = "the service lists no agent that was chosen: check choice and region";
            return Err(of_list(ErrorKind::NotFound, message));
        }
        Ok(Instances { client, ids })
    }

    /// Runs a script on the instances of the agents. As [`each`](Self::each), with nothing else set.
    pub fn run_each(self, script: impl Into<Base64>) -> Each<'a, Ended<InstanceResult>> {
        let script = script.into();
        self.each(move |on| on.start_with(Script::new(script.clone())))
    }

    /// Runs on the instances of the agents what `command` makes, on 200 at once unless [`Each::concurrency`]
    /// says otherwise. The id of each instance comes with its result, in the order in which the commands end. A
    /// slow or failed command does not affect the others.
    ///
    /// The list is read page by page, as there is room to run the command. One call starts it on at most 100
    /// instances, or on as many as may run at once; `command` is called for each of them. No instance has the
    /// command twice. An error in the place of an instance and its result is that of the list, which then has no
    /// more instances. Those that [`Run::skip_unreachable`] leaves out have no result.
    pub fn each<K: Runnable>(
        self,
        command: impl Fn(Instances<'a>) -> Run<'a, K> + Send + 'a,
    ) -> Each<'a, Ended<InstanceResult>> {
        // Boxed, because a function with type parameters would prove anew that the whole client can be sent.
        let on = self.chosen();
        self.followed(Box::new(move |ids| command(on(ids)).follow()))
    }

    /// Makes the handles of the instances with some ids.
    #[inline]
    fn chosen(&self) -> Box<dyn Fn(Vec<String>) -> Instances<'a> + Send + 'a> {
        let client = self.client;
        Box::new(move |ids| Instances { client, ids })
    }

    /// Runs what `begin` begins on the instances of the agents.
    #[inline]
    fn followed(self, begin: Begin<'a>) -> Each<'a, Ended<InstanceResult>> {
        Each::in_batches(CONCURRENCY, PAGE, self.items().map(instance), move |ids| {
            match begin(ids.clone()) {
                Ok(follow) => Events { follow }.flat_map(|event| iter(ended(event))).boxed(),
                Err(error) => iter(ids).map(move |id| Ok((id, Err(error.clone())))).boxed(),
            }
        })
    }

    #[inline]
    fn has(&self, agent: &AutomationAgentInfo) -> bool {
        let is_online = agent.agent_status == Some(AgentStatus::Online);
        let environment = self.environment.as_ref();
        (!self.online || is_online)
            && environment.is_none_or(|wanted| agent.environment.as_ref() == Some(wanted))
    }

    /// The agents that the service chooses.
    #[inline]
    fn pages(self) -> impl Stream<Item = Result<AutomationAgentInfo, Error>> + Send + 'a {
        let online =
            self.online.then(|| Filter::new("agent-status", [AgentStatus::Online.as_str()]));
        let environment = self.environment.as_ref();
        let environment = environment.map(|system| Filter::new("environment", [system.as_str()]));
        let filters: Vec<Filter> = online.into_iter().chain(environment).collect();
        let call = self.client.describe_automation_agent_status().limit(PAGE as u64);
        if filters.is_empty() { call.items() } else { call.filters(filters).items() }
    }

    /// The agents of the instances that were named, which cannot stand beside filters in a call.
    #[inline]
    fn by_id(mut self) -> impl Stream<Item = Result<AutomationAgentInfo, Error>> + Send + 'a {
        let client = self.client;
        let ids = self.ids.take().unwrap_or_default().into_iter();
        unfold(Some(ids), move |ids| async move {
            let mut ids = ids?;
            let page: Vec<String> = ids.by_ref().take(PAGE).collect();
            if page.is_empty() {
                return None;
            }
            let call = client.describe_automation_agent_status().limit(page.len() as u64);
            Some(match call.instance_ids(page).send().await {
                Ok(answer) => {
                    let agents = answer.into_inner().automation_agent_set;
                    (agents.into_iter().map(Ok).collect::<Vec<_>>(), Some(ids))
                }
                Err(error) => (vec![Err(error)], None),
            })
        })
        .flat_map(iter)
    }
}

fn of_list(kind: ErrorKind, message: &str) -> Error {
    Error::new(kind, message).during(DESCRIBE_AUTOMATION_AGENT_STATUS.id)
}

/// The instance of an agent; a result in its place where there is none.
#[inline]
fn instance(agent: Result<AutomationAgentInfo, Error>) -> Result<String, Ended<InstanceResult>> {
    match agent {
        Ok(AutomationAgentInfo { instance_id: Some(id), .. }) => Ok(id),
        Ok(_) => {
            let error = of_list(ErrorKind::Protocol, "an entry of the list has no instance");
            Err(Ok((String::new(), Err(error))))
        }
        Err(error) => Err(Err(error)),
    }
}

/// The results that an event brings.
#[inline]
fn ended(event: Event) -> Vec<Ended<InstanceResult>> {
    match event {
        Event::Changed { .. } => Vec::new(),
        Event::Finished(result) => vec![Ok((result.instance_id().to_owned(), Ok(result)))],
        Event::Failed(failure) => {
            let ids = failure.instances.iter();
            ids.map(|id| Ok((id.clone(), Err(failure.error.clone())))).collect()
        }
    }
}

/// Agents as a stream, from [`Agents::items`], which ends after an error.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.tat().client()?;
/// let first = client.agents().online().items().next().await;
/// assert!(first.is_some());
/// # Ok(())
/// # }
/// ```
#[must_use = "streams do nothing unless they are polled"]
pub struct AgentItems<'a>(BoxStream<'a, Result<AutomationAgentInfo, Error>>);

impl AgentItems<'_> {
    /// The next agent; `None` after the last one, and after an error.
    pub async fn next(&mut self) -> Option<Result<AutomationAgentInfo, Error>> {
        self.0.next().await
    }
}

impl Stream for AgentItems<'_> {
    type Item = Result<AutomationAgentInfo, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl fmt::Debug for AgentItems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgentItems")
    }
}
