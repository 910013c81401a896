//! Tencent TAT: one path for all actions, HTTP 200 for results and errors alike.

mod agent;
mod auth;
mod command;
mod cos;
mod error;
mod flat;
mod instance;
mod invocation;
mod invoker;
mod page;
mod parameters;
mod register;
mod request;
mod tags;
mod task;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use guestexec_core::Operation;
use guestexec_tat::operations::{
    ALL, CANCEL_INVOCATION, CREATE_COMMAND, CREATE_INVOKER, DELETE_COMMAND, DELETE_COMMANDS,
    DELETE_INVOKER, DESCRIBE_AUTOMATION_AGENT_STATUS, DESCRIBE_COMMANDS, DESCRIBE_INVOCATION_TASKS,
    DESCRIBE_INVOCATIONS, DESCRIBE_INVOKER_RECORDS, DESCRIBE_INVOKERS, DESCRIBE_QUOTAS,
    DESCRIBE_REGIONS, DESCRIBE_REGISTER_INSTANCES, DISABLE_INVOKER, ENABLE_INVOKER, INVOKE_COMMAND,
    MODIFY_COMMAND, MODIFY_INVOKER, PREVIEW_REPLACED_COMMAND_CONTENT, RUN_COMMAND,
};
use hyper::{Method, Request, StatusCode, body::Incoming, http::request::Parts};
use serde_json::{Value, json};
use tokio::sync::watch;

use self::{
    agent::Delivery,
    auth::{CommonParams, Key, header, v1},
    command::Command,
    cos::Cos,
    error::{ActionResult, ApiError},
    instance::{Instance, REGIONS},
    invocation::Invocation,
    invoker::Invokers,
    register::Registration,
    request::{Input, parse},
};
use crate::{
    body::{self, Body, BodyError},
    builder::Builder,
    clock,
    process::Processes,
    provider::Provider,
    random,
    service::{self, Answer, Service},
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

/// The service.
pub(crate) struct Tat {
    address: SocketAddr,
    region: String,
    late_tasks: bool,
    delivery: Delivery,
    cos: Arc<Cos>,
    keys: [Key; 2],
    instances: HashMap<String, Instance>,
    instance_order: Vec<String>,
    rate: Option<u32>,
    started: Instant,
    calls: Mutex<HashMap<&'static str, (u64, u32)>>,
    state: Mutex<State>,
    /// How far the schedules' clock is ahead, in seconds.
    skipped: watch::Sender<i64>,
    processes: Arc<Processes>,
    tasks: Arc<Tasks>,
}

#[derive(Debug, Default)]
struct State {
    commands: Vec<Command>,
    invocations: Vec<Arc<Invocation>>,
    index: HashMap<String, usize>,
    /// The number of tasks of all invocations.
    tasks: usize,
    invokers: Invokers,
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
        let code = random::uuid();
        let tags = |id: &str| {
            let of_it = builder.tat_tags.iter().filter(|(of, _)| of == id);
            of_it.map(|(_, tag)| tag.clone()).collect()
        };
        let instances = ids
            .iter()
            .enumerate()
            .map(|(index, id)| {
                let instance = Instance {
                    id: id.clone(),
                    online: index <= online,
                    home: home(processes.directory(), index),
                    executions: Arc::default(),
                    registration: (instance::kind(id) == "REGISTERINST")
                        .then(|| Registration::new(&code, tags(id))),
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
            cos: Arc::new(Cos::new(address, processes.directory(), builder.tat_output_url_life)),
            keys: [key(None), key(Some(random::secret()))],
            instances,
            instance_order: ids,
            rate: builder.tat_rate,
            started: Instant::now(),
            calls: Mutex::default(),
            state: Mutex::default(),
            skipped: watch::Sender::new(0),
            processes,
            tasks,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call against the rate limit of its action.
    fn throttle(&self, action: &Operation) -> Result<(), ApiError> {
        let Some(limit) = self.rate else { return Ok(()) };
        let second = self.started.elapsed().as_secs();
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let (counted, count) = calls.entry(action.id).or_insert((second, 0));
        if *counted != second {
            (*counted, *count) = (second, 0);
        }
        if *count >= limit {
            return Err(ApiError::new(
                "RequestLimitExceeded",
                format!(
                    "{} was called more than {limit} times in a second; wait and call again.",
                    action.id
                ),
            ));
        }
        *count += 1;
        Ok(())
    }

    /// The action that an authenticated caller asks for.
    fn admit(&self, common: &CommonParams) -> Result<&'static Operation, ApiError> {
        let CommonParams { action, version, region } = common;
        let action = action_named(action.as_bytes()).ok_or_else(unknown_action)?;
        if version != VERSION {
            return Err(ApiError::new(
                "NoSuchVersion",
                format!("`X-TC-Version` has to be {VERSION}."),
            ));
        }
        if region.is_empty() && *action != DESCRIBE_REGIONS {
            return Err(ApiError::new("MissingParameter", "The header `X-TC-Region` is missing."));
        }
        if !region.is_empty() && !REGIONS.iter().any(|(known, _)| known == region) {
            return Err(ApiError::new(
                "UnsupportedRegion",
                format!("`X-TC-Region` names no region that {} lists.", DESCRIBE_REGIONS.id),
            ));
        }
        Ok(action)
    }

    fn act(self: &Arc<Self>, action: &Operation, region: &str, body: &Input) -> ActionResult {
        match *action {
            RUN_COMMAND => self.run_command(region, parse(body)?),
            INVOKE_COMMAND => self.invoke_command(region, parse(body)?),
            CREATE_COMMAND => self.create_command(parse(body)?),
            DESCRIBE_COMMANDS => self.describe_commands(&parse(body)?),
            MODIFY_COMMAND => self.modify_command(parse(body)?),
            DELETE_COMMAND => self.delete_command(&parse(body)?),
            DELETE_COMMANDS => self.delete_commands(&parse(body)?),
            DESCRIBE_INVOCATIONS => self.describe_invocations(&parse(body)?),
            DESCRIBE_INVOCATION_TASKS => self.describe_tasks(&parse(body)?),
            CANCEL_INVOCATION => self.cancel_invocation(&parse(body)?),
            CREATE_INVOKER => self.create_invoker(region, parse(body)?),
            MODIFY_INVOKER => self.modify_invoker(parse(body)?),
            ENABLE_INVOKER => self.enable_invoker(&parse(body)?),
            DISABLE_INVOKER => self.disable_invoker(&parse(body)?),
            DELETE_INVOKER => self.delete_invoker(&parse(body)?),
            DESCRIBE_INVOKERS => self.describe_invokers(&parse(body)?),
            DESCRIBE_INVOKER_RECORDS => self.describe_invoker_records(&parse(body)?),
            DESCRIBE_AUTOMATION_AGENT_STATUS => self.describe_agents(region, &parse(body)?),
            DESCRIBE_REGISTER_INSTANCES => self.describe_register_instances(region, &parse(body)?),
            DESCRIBE_QUOTAS => self.describe_quotas(&parse(body)?),
            PREVIEW_REPLACED_COMMAND_CONTENT => self.preview(parse(body)?),
            DESCRIBE_REGIONS => {
                let guestexec_tat::types::DescribeRegionsRequest { .. } = parse(body)?;
                self.describe_regions()
            }
            _ => Err(unknown_action()),
        }
    }

    async fn response(self: &Arc<Self>, head: &Parts, body: &mut Body) -> ActionResult {
        let content_type = match head.method {
            Method::POST => "application/json",
            Method::GET => FORM,
            _ => "",
        };
        if content_type.is_empty() || head.uri.path() != "/" {
            return Err(ApiError::new(
                "UnsupportedProtocol",
                "Send `POST /` with the parameters as JSON, or `GET /` with them in the query.",
            ));
        }
        let query = head.uri.query().unwrap_or_default();
        if query.len() > flat::MAX_QUERY {
            return Err(ApiError::new(
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
        let signature = auth::read_signature(&self.keys, head, clock::now())?;
        let body = body.read_unproven(body::MAX_BODY).await.map_err(unread)?;
        signature.verify(head, &body.bytes)?;
        let named = |name: &str| {
            Ok::<_, ApiError>(header(&head.headers, name)?.unwrap_or_default().to_owned())
        };
        let common = CommonParams {
            action: named("x-tc-action")?,
            version: named("x-tc-version")?,
            region: named("x-tc-region")?,
        };
        let action = self.admit(&common)?;
        if !named("content-type")?.trim_start().starts_with(content_type) {
            return Err(ApiError::new(
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

fn unknown_action() -> ApiError {
    ApiError::new("InvalidAction", "`X-TC-Action` names no action of the sandbox.")
}

fn action_named(name: &[u8]) -> Option<&'static Operation> {
    ALL.iter().copied().find(|action| action.id.as_bytes() == name)
}

/// The error for a body that was not read.
fn unread(error: BodyError) -> ApiError {
    match error {
        BodyError::TooLong => ApiError::new(
            "RequestSizeLimitExceeded",
            "The request is longer than 10 MB, or than 1 MB with the older signature.",
        ),
        BodyError::Incomplete => {
            ApiError::new("InvalidParameter", "The body did not arrive completely.")
        }
    }
}

impl Service for Tat {
    const PROVIDER: Provider = Provider::Tat;

    fn operation(&self, request: &Request<Incoming>) -> Option<&'static Operation> {
        action_named(request.headers().get("x-tc-action")?.as_bytes())
    }

    fn throttled(&self) -> Answer {
        to_answer(Err(ApiError::new(
            "RequestLimitExceeded",
            "The action was called too often; wait and call again.",
        )))
    }

    fn expire(&self, _: &Request<Incoming>) -> Option<Answer> {
        Some(to_answer(Err(ApiError::new("AuthFailure.TokenFailure", "The token has expired."))))
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let (head, mut body) = Body::split(request);
        if let Some(object) = self.cos.answer(&head) {
            body.discard().await;
            return object;
        }
        let answer = to_answer(self.response(&head, &mut body).await);
        body.discard().await;
        answer
    }
}

/// An answer with a RequestId: HTTP 200, also for an error.
fn to_answer(answered: ActionResult) -> Answer {
    let mut response = answered.unwrap_or_else(|error| error.to_json());
    if let Value::Object(members) = &mut response {
        members.insert("RequestId".to_owned(), random::uuid().into());
    }
    service::json(StatusCode::OK, &json!({ "Response": response }))
}

fn home(directory: &Path, index: usize) -> std::path::PathBuf {
    directory.join("tat").join(index.to_string())
}

/// The TAT service of a [`Sandbox`](crate::Sandbox): its endpoint, its credentials, and what it ran.
#[derive(Clone)]
pub struct TatHandle(pub(crate) Arc<Tat>);

impl fmt::Debug for TatHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TatHandle").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}

impl TatHandle {
    /// Makes a client of this service, with the permanent key.
    ///
    /// # Errors
    /// Those of [`guestexec_tat::ClientBuilder::build`].
    pub fn client(&self) -> Result<guestexec_tat::Client, guestexec_tat::Error> {
        guestexec_tat::Client::builder()
            .endpoint(self.endpoint())
            .region(self.region())
            .credentials(guestexec_tat::Credentials::new(self.secret_id(), self.secret_key()))
            .build()
    }

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

    /// The region of all instances.
    pub fn region(&self) -> &str {
        &self.0.region
    }

    /// The ids of the instances that take commands, without the Lighthouse one, in the order in which
    /// DescribeAutomationAgentStatus lists them.
    ///
    /// The first three have the ids of the vendor's examples: `ins-zj0f57ew`, `ins-zj0f57ex` and `ins-zj0f57ev`.
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

    /// Moves the clock of the schedules forward, at most 31 days, so that a test need not wait for the time of an
    /// invoker. Each one starts its command at every time that it is due within the time skipped, one after the other.
    ///
    /// Only schedules keep to this clock: signatures, and the times of commands and invocations, keep to this machine's.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// // A program schedules a command for tonight; the test goes on with
    /// sandbox.tat().advance_schedules(Duration::from_secs(24 * 3600));
    /// # Ok(())
    /// # }
    /// ```
    pub fn advance_schedules(&self, time: Duration) {
        self.0.skip(time);
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
