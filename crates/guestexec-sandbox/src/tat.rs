//! Tencent TAT: one path, eleven actions, HTTP 200 for good and bad answers alike.

mod agent;
mod auth;
mod command;
mod flat;
mod instance;
mod invocation;
mod page;
mod parameters;
mod refusal;
mod request;
mod task;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Instant,
};

use hyper::{Method, Request, StatusCode, body::Incoming, http::request::Parts};
use serde_json::{Value, json};

use self::{
    agent::Delivery,
    auth::{Common, Key, header, v1},
    command::Command,
    instance::{Instance, REGIONS},
    invocation::Invocation,
    refusal::{Answered, Refusal},
    request::{Input, parse},
};
use crate::{
    builder::Builder,
    clock,
    fault::Provider,
    process::Processes,
    random,
    server::{self, Answer, Body, BodyError, Service},
    tasks::Tasks,
};

/// The version of the API.
const VERSION: &str = "2020-10-28";
/// The type of parameters in a query, or in a form.
const FORM: &str = "application/x-www-form-urlencoded";
/// The first instances: those in the vendor's own examples.
const CVM: [&str; 3] = ["ins-zj0f57ew", "ins-zj0f57ex", "ins-zj0f57ev"];
/// The Lighthouse instance, from the same examples.
const LIGHTHOUSE: &str = "lhins-ar5wyn40";
/// The actions the service takes.
pub(crate) const ACTIONS: [&str; 11] = [
    "RunCommand",
    "InvokeCommand",
    "CreateCommand",
    "DescribeCommands",
    "DeleteCommand",
    "DescribeInvocations",
    "DescribeInvocationTasks",
    "CancelInvocation",
    "DescribeAutomationAgentStatus",
    "PreviewReplacedCommandContent",
    "DescribeRegions",
];

/// The service.
pub(crate) struct Tat {
    address: SocketAddr,
    region: String,
    late_tasks: bool,
    delivery: Delivery,
    keys: [Key; 2],
    instances: HashMap<String, Instance>,
    instance_order: Vec<String>,
    rate: Option<u32>,
    started: Instant,
    calls: Mutex<HashMap<&'static str, (u64, u32)>>,
    state: Mutex<State>,
    processes: Arc<Processes>,
    tasks: Arc<Tasks>,
}

#[derive(Debug, Default)]
struct State {
    commands: Vec<Command>,
    invocations: Vec<Arc<Invocation>>,
    index: HashMap<String, usize>,
    /// How many tasks all invocations have.
    tasks: usize,
}

impl Tat {
    pub(crate) fn new(
        builder: &Builder,
        address: SocketAddr,
        processes: Arc<Processes>,
        tasks: Arc<Tasks>,
    ) -> Self {
        let mut ids = builder.tat_instance_ids.clone();
        let numbered = CVM.into_iter().map(str::to_owned);
        let more = std::iter::repeat_with(|| random::short_id("ins-"));
        ids.extend(numbered.chain(more).take(builder.tat_instances));
        let mut known = HashSet::new();
        ids.retain(|id| id != LIGHTHOUSE && known.insert(id.clone()));
        let online = ids.len();
        ids.push(LIGHTHOUSE.to_owned());
        ids.push(random::short_id("ins-"));
        let instances = ids
            .iter()
            .enumerate()
            .map(|(index, id)| {
                let instance = Instance {
                    id: id.clone(),
                    online: index <= online,
                    home: home(processes.directory(), index),
                    executions: Arc::default(),
                };
                (id.clone(), instance)
            })
            .collect();
        let key = |token| Key {
            id: format!("AKID{}", random::secret()),
            secret: random::secret(),
            token,
        };
        Self {
            address,
            region: builder.tat_region.clone(),
            late_tasks: builder.tat_late_tasks,
            delivery: Delivery {
                delivering: builder.tat_delivering,
                delayed: builder.tat_deliver_delayed,
                agents: builder.tat_agents,
            },
            keys: [key(None), key(Some(random::secret()))],
            instances,
            instance_order: ids,
            rate: builder.tat_rate,
            started: Instant::now(),
            calls: Mutex::default(),
            state: Mutex::default(),
            processes,
            tasks,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call of an action against the second it falls in.
    fn throttle(&self, action: &'static str) -> Result<(), Refusal> {
        let Some(limit) = self.rate else { return Ok(()) };
        let second = self.started.elapsed().as_secs();
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let (counted, count) = calls.entry(action).or_insert((second, 0));
        if *counted != second {
            (*counted, *count) = (second, 0);
        }
        if *count >= limit {
            return Err(Refusal::new(
                "RequestLimitExceeded",
                format!(
                    "{action} was called more than {limit} times in a second; wait and call again."
                ),
            ));
        }
        *count += 1;
        Ok(())
    }

    /// What is asked for, once it is known who asks.
    fn admit(&self, common: &Common) -> Result<&'static str, Refusal> {
        let Common { action, version, region } = common;
        let action = ACTIONS.into_iter().find(|known| known == action).ok_or_else(|| {
            Refusal::new("InvalidAction", "`X-TC-Action` names no action of the sandbox.")
        })?;
        if version != VERSION {
            return Err(Refusal::new(
                "NoSuchVersion",
                format!("`X-TC-Version` has to be {VERSION}."),
            ));
        }
        if region.is_empty() && action != "DescribeRegions" {
            return Err(Refusal::new("MissingParameter", "The header `X-TC-Region` is missing."));
        }
        if !region.is_empty() && !REGIONS.iter().any(|(known, _)| known == region) {
            return Err(Refusal::new(
                "UnsupportedRegion",
                "`X-TC-Region` names no region that DescribeRegions lists.",
            ));
        }
        Ok(action)
    }

    fn act(self: &Arc<Self>, action: &str, region: &str, body: &Input) -> Answered {
        match action {
            "RunCommand" => self.run_command(region, parse(body)?),
            "InvokeCommand" => self.invoke_command(region, parse(body)?),
            "CreateCommand" => self.create_command(parse(body)?),
            "DescribeCommands" => self.describe_commands(&parse(body)?),
            "DeleteCommand" => self.delete_command(&parse(body)?),
            "DescribeInvocations" => self.describe_invocations(&parse(body)?),
            "DescribeInvocationTasks" => self.describe_tasks(&parse(body)?),
            "CancelInvocation" => self.cancel_invocation(&parse(body)?),
            "DescribeAutomationAgentStatus" => self.describe_agents(region, &parse(body)?),
            "PreviewReplacedCommandContent" => self.preview(parse(body)?),
            _ => {
                let guestexec_tat::types::DescribeRegionsRequest { .. } = parse(body)?;
                self.describe_regions()
            }
        }
    }

    async fn response(self: &Arc<Self>, head: &Parts, body: &mut Body) -> Answered {
        let content_type = match head.method {
            Method::POST => "application/json",
            Method::GET => FORM,
            _ => "",
        };
        if content_type.is_empty() || head.uri.path() != "/" {
            return Err(Refusal::new(
                "UnsupportedProtocol",
                "Send `POST /` with the parameters as JSON, or `GET /` with them in the query.",
            ));
        }
        let query = head.uri.query().unwrap_or_default();
        if query.len() > flat::MAX_QUERY {
            return Err(Refusal::new(
                "RequestSizeLimitExceeded",
                "The query is longer than 32 KB; use POST.",
            ));
        }
        if v1::is_used(head) {
            let body = body.read_unproven(v1::MAX_BODY).await.map_err(unread)?;
            let mut pairs = flat::pairs(query)?;
            pairs.extend(flat::pairs(&String::from_utf8_lossy(&body.bytes))?);
            let common = v1::verify(&self.keys, head, &mut pairs, clock::now())?;
            drop(body);
            let action = self.admit(&common)?;
            self.throttle(action)?;
            return self.act(action, &common.region, &Input::Query(flat::tree(pairs)?));
        }
        let claim = auth::claim(&self.keys, head, clock::now())?;
        let body = body.read_unproven(server::MAX_BODY).await.map_err(unread)?;
        claim.verify(head, &body.bytes)?;
        let named = |name: &str| {
            Ok::<_, Refusal>(header(&head.headers, name)?.unwrap_or_default().to_owned())
        };
        let common = Common {
            action: named("x-tc-action")?,
            version: named("x-tc-version")?,
            region: named("x-tc-region")?,
        };
        let action = self.admit(&common)?;
        if !named("content-type")?.trim_start().starts_with(content_type) {
            return Err(Refusal::new(
                "InvalidParameter",
                format!("`Content-Type` has to be {content_type}."),
            ));
        }
        self.throttle(action)?;
        let input = match head.method {
            Method::GET => Input::Query(flat::tree(flat::pairs(query)?)?),
            _ => Input::Json(body.bytes.clone()),
        };
        self.act(action, &common.region, &input)
    }
}

/// Why a body was not read.
fn unread(error: BodyError) -> Refusal {
    match error {
        BodyError::TooLong => Refusal::new(
            "RequestSizeLimitExceeded",
            "The request is longer than 10 MB, or than 1 MB with the older signature.",
        ),
        BodyError::Broken => Refusal::new("InvalidParameter", "The body did not arrive whole."),
    }
}

impl Service for Tat {
    const PROVIDER: Provider = Provider::Tat;

    fn operation(&self, request: &Request<Incoming>) -> &'static str {
        let named = request.headers().get("x-tc-action");
        ACTIONS
            .into_iter()
            .find(|action| named.is_some_and(|named| named == action))
            .unwrap_or_default()
    }

    fn throttled(&self) -> Answer {
        to_answer(Err(Refusal::new(
            "RequestLimitExceeded",
            "The action was called too often; wait and call again.",
        )))
    }

    fn expire(&self, _: &Request<Incoming>) -> Option<Answer> {
        Some(to_answer(Err(Refusal::new("AuthFailure.TokenFailure", "The token has expired."))))
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let (head, mut body) = Body::of(request);
        let answer = to_answer(self.response(&head, &mut body).await);
        body.discard().await;
        answer
    }
}

/// An answer with a RequestId: HTTP 200, also where it refuses.
fn to_answer(answered: Answered) -> Answer {
    let mut response = answered.unwrap_or_else(|refusal| refusal.to_json());
    if let Value::Object(members) = &mut response {
        members.insert("RequestId".to_owned(), random::uuid().into());
    }
    server::json(StatusCode::OK, &json!({ "Response": response }))
}

fn home(directory: &Path, index: usize) -> std::path::PathBuf {
    directory.join("tat").join(index.to_string())
}

/// The TAT service of a [`Sandbox`](crate::Sandbox): where it is, who may use it, what it did.
#[derive(Clone)]
pub struct TatHandle(pub(crate) Arc<Tat>);

impl fmt::Debug for TatHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TatHandle").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}

impl TatHandle {
    /// The service's URL, `http://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// SecretId of the account's permanent key.
    pub fn secret_id(&self) -> &str {
        &self.0.keys[0].id
    }

    /// SecretKey of the account's permanent key.
    pub fn secret_key(&self) -> &str {
        &self.0.keys[0].secret
    }

    /// SecretId, SecretKey and session token of a temporary key.
    pub fn temporary_key(&self) -> (&str, &str, &str) {
        let key = &self.0.keys[1];
        (&key.id, &key.secret, key.token.as_deref().unwrap_or_default())
    }

    /// The region all instances stand in.
    pub fn region(&self) -> &str {
        &self.0.region
    }

    /// The ids of the instances that take commands, without the Lighthouse one, in the order
    /// DescribeAutomationAgentStatus lists them. The first three have the ids of the vendor's examples:
    /// `ins-zj0f57ew`, `ins-zj0f57ex` and `ins-zj0f57ev`.
    pub fn instances(&self) -> Vec<String> {
        let ids = &self.0.instance_order;
        ids[..ids.len() - 2].to_vec()
    }

    /// The id of a Lighthouse instance that takes commands, `lhins-ar5wyn40` as in the vendor's examples.
    pub fn lighthouse_instance(&self) -> &str {
        &self.0.instance_order[self.0.instance_order.len() - 2]
    }

    /// The id of a CVM instance whose agent is offline.
    pub fn offline_instance(&self) -> &str {
        &self.0.instance_order[self.0.instance_order.len() - 1]
    }

    /// The ids of all invocations so far, oldest first.
    pub fn invocations(&self) -> Vec<String> {
        self.0.state().invocations.iter().map(|invocation| invocation.id.clone()).collect()
    }

    /// How many scripts were really started on this instance; 0 for an unknown one.
    pub fn executions_on(&self, instance_id: &str) -> usize {
        let instance = self.0.instances.get(instance_id);
        instance.map_or(0, |instance| instance.executions.load(Ordering::Relaxed))
    }

    /// How many scripts this invocation has really started; 0 for an unknown one.
    pub fn executions(&self, invocation_id: &str) -> usize {
        self.0
            .state()
            .invocation(invocation_id)
            .map_or(0, |invocation| invocation.executions.load(Ordering::Relaxed))
    }
}
